#!/usr/bin/env bash
# What clients rely on without saying so, version by version (quirks.c).
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
run_cases "$LIVE_BIN/quirks" "$BROKER" "$(topic_name quirks)"
