#!/usr/bin/env bash
# KafkaJS in consumer groups: shares, leaving, a crash, commits, seek, pause, the group's admin calls.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kafkajs $(jq -r '.version' "$CLIENTS/node/node_modules/kafkajs/package.json")"
CASES_TIMEOUT=200 run_cases node "$CLIENTS/node/kafkajs-groups.js" "$BROKER" "$(topic_name js)"
