#!/usr/bin/env bash
# Frames, headers, versions and odd peers (frames.c); SEED repeats a run of the mutations.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
run_cases "$LIVE_BIN/frames" "$BROKER" "$(topic_name frames)" "${BROKER_PID:-0}" ${SEED:+"$SEED"}
expect "the broker is alive after all of it" yes "$(broker_is_alive && echo yes)"
