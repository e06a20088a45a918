#!/usr/bin/env bash
# Fetch: where it starts, when it waits, what it returns (fetch.c).
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
run_cases "$LIVE_BIN/fetch" "$BROKER" "$(topic_name fetch)" "${BROKER_PID:-0}"
expect "the broker is alive after all of it" yes "$(broker_is_alive && echo yes)"
