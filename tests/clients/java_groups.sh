#!/usr/bin/env bash
# Kafka's Java client in consumer groups of both protocols (java/JavaGroups.java), the two beside each other.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kafka-clients $(ls "$CLIENTS/java/libs" | sed -nE 's/^kafka-clients-(.*)\.jar/\1/p')"
for protocol in classic consumer; do
	timeout 200 java -Xmx256M -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$CLIENTS/java/classes:$CLIENTS/java/libs/*" \
		JavaGroups "$BROKER" "$(topic_name java)" $protocol > "$WORK/$protocol" 2>&1 &
	eval "$protocol=$!"
done
for protocol in classic consumer; do
	status=0
	wait "${!protocol}" || status=$?
	cat "$WORK/$protocol"
	[ "$status" -le 1 ] || fail "JavaGroups $protocol runs to its end (status $status)"
	[ "$status" -eq 0 ] || FAILED=$((FAILED + 1))
done
