#!/usr/bin/env bash
# Topics, configs and offsets through librdkafka (admin.c).
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
run_cases "$LIVE_BIN/admin" "$BROKER" cases "$(topic_name admin)"
