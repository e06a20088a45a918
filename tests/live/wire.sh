#!/usr/bin/env bash
# Bad and odd input over raw connections (wire.c); SEED repeats a run of the mutations.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
run_cases "$LIVE_BIN/wire" "$BROKER" "$(topic_name wire)" "${BROKER_PID:-0}" ${SEED:+"$SEED"}
expect "the broker is alive after all of it" yes "$(broker_is_alive && echo yes)"
