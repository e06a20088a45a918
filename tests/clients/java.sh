#!/usr/bin/env bash
# Kafka's Java client: producer, assigned consumer, admin (java/JavaClient.java).
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kafka-clients $(ls "$CLIENTS/java/libs" | sed -nE 's/^kafka-clients-(.*)\.jar/\1/p')"
run_cases java -Xmx256M -XX:+UseSerialGC -cp "$CLIENTS/java/classes:$CLIENTS/java/libs/*" JavaClient "$BROKER" "$(topic_name java)"
