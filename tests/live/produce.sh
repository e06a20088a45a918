#!/usr/bin/env bash
# Bad and odd Produce requests, batches and records (produce.c).
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
run_cases "$LIVE_BIN/produce" "$BROKER" "$(topic_name produce)" "${BROKER_PID:-0}"
expect "the broker is alive after all of it" yes "$(broker_is_alive && echo yes)"
