#!/usr/bin/env bash
# Kafka's console tools on consumer groups, by their main classes. The wait for a group's first members is short:
# each of the many groups would pay it.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kafka-tools $(ls "$CLIENTS/java/libs" | sed -nE 's/^kafka-tools-([0-9.]+)\.jar/\1/p')"
tool() { timeout 60 java -Xmx128M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$CLIENTS/java/libs/*" "$@" 2>&1; }
broker_tool() { local class=$1; shift; tool "org.apache.kafka.tools.$class" --bootstrap-server "$BROKER" "$@"; }
groups() { broker_tool consumer.group.ConsumerGroupCommand "$@"; }
# What --describe says of each partition: PARTITION:CURRENT-OFFSET:LOG-END-OFFSET:LAG
offsets() { groups --describe --group "$1" | awk -v t="$2" '$2 == t {print $3":"$4":"$5":"$6}' | sort | xargs; }
reset() { groups --reset-offsets --group "$group" --topic "$topic" "$@" | awk -v t="$topic" '$2 == t {print $3":"$4}' | sort | xargs; }
consume() { broker_tool consumer.ConsoleConsumer --topic "$topic" --timeout-ms 40000 "$@" | grep -vE '^Processed a total|^The consumer rebalance protocol'; }
topic=$(topic_name tools-groups) group=$(topic_name tools)
broker_tool TopicCommand --create --topic "$topic" --partitions 2 > /dev/null
seq 10 | kc_produce -t "$topic" -p 0
sleep 0.1; middle=$(date -u +%Y-%m-%dT%H:%M:%S.%3N); sleep 0.1
seq 11 20 | kc_produce -t "$topic" -p 1

expect "kafka-console-consumer --group --from-beginning" "$(seq 20)" "$(consume --group "$group" --from-beginning --max-messages 20 | sort -n)"
expect "kafka-consumer-groups --describe: offsets, ends and lag" "0:10:10:0 1:10:10:0" "$(offsets "$group" "$topic")"
for n in 21 22; do echo $n; done | kc_produce -t "$topic" -p 0
expect "kafka-console-consumer --group goes on where it stopped" "21 22" "$(consume --group "$group" --max-messages 2 | xargs)"
expect_match "kafka-consumer-groups --describe --state" "$group .*(range|-)? *Empty +0" "$(groups --describe --state --group "$group")"
expect_match "kafka-consumer-groups --list --state" "^$group +Classic +Empty|^$group +Empty" "$(groups --list --state)"
expect_match "kafka-groups --list" "^$group +Classic +consumer" "$(broker_tool GroupsCommand --list)"

expect "kafka-consumer-groups --reset-offsets --to-earliest --dry-run" "0:0 1:0" "$(reset --to-earliest --dry-run)"
expect "which changes nothing" "0:12:12:0 1:10:10:0" "$(offsets "$group" "$topic")"
expect "--to-earliest --execute" "0:0 1:0" "$(reset --to-earliest --execute)"
expect "--to-offset" "0:5 1:5" "$(reset --to-offset 5 --execute)"
expect "--shift-by" "0:3 1:3" "$(reset --shift-by -2 --execute)"
expect "--to-datetime" "0:10 1:0" "$(reset --to-datetime "$middle" --execute)"
expect "--by-duration" "0:0 1:0" "$(reset --by-duration PT1H --execute)"
expect "--to-current" "0:0 1:0" "$(reset --to-current --execute)"
groups --reset-offsets --group "$group" --topic "$topic" --to-offset 7 --dry-run --export > "$WORK/plan.csv" 2>&1
grep "^\"$topic\"" "$WORK/plan.csv" > "$WORK/offsets.csv"
expect "--from-file, of an --export" "0:7 1:7" "$(reset --from-file "$WORK/offsets.csv" --execute)"
expect "--to-latest, one partition of --topic TOPIC:0" "0:12" "$(groups --reset-offsets --group "$group" --topic "$topic:0" --to-latest --execute | awk -v t="$topic" '$2 == t {print $3":"$4}' | xargs)"
expect "all of it can be seen" "0:12:12:0 1:7:10:3" "$(offsets "$group" "$topic")"
expect_match "--delete-offsets" "$topic +0 +Successful" "$(groups --delete-offsets --group "$group" --topic "$topic:0")"
expect "one partition is left" "1:7:10:3" "$(offsets "$group" "$topic")"

# A group with a member: verifiable consumer, of both protocols.
for protocol in classic consumer; do
	busy=$(topic_name "verifiable-$protocol")
	tool org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$BROKER" --topic "$topic" --group-id "$busy" --group-protocol $protocol \
		--reset-policy earliest --max-messages 22 > "$WORK/verifiable" 2>&1
	expect "kafka-verifiable-consumer, $protocol: partitions, records, commits" "22 true" \
		"$(jq -s -r '"\(map(select(.name == "records_consumed") | .count) | add) \(map(select(.name == "offsets_committed") | .success) | all)"' "$WORK/verifiable")"
	expect "and what it committed, $protocol" "0:12:12:0 1:10:10:0" "$(offsets "$busy" "$topic")"
done
tool org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$BROKER" --topic "$topic" --group-id "$busy" --group-protocol classic --verbose > "$WORK/member" 2>&1 &
member=$!
for _ in $(seq 200); do grep -q partitions_assigned "$WORK/member" && break; sleep 0.1; done
expect_match "--describe --members --verbose" "$busy .* 2 +$topic\(0,1\)|$busy .* 2 .*$topic:0,1" "$(groups --describe --members --verbose --group "$busy")"
expect_match "--reset-offsets of a group with a member is refused" "inactive|not.*inactive" "$(groups --reset-offsets --group "$busy" --topic "$topic" --to-earliest --execute)"
expect_match "--delete of a group with a member is refused" "not empty|NON_EMPTY|GroupNotEmpty" "$(groups --delete --group "$busy")"
kill "$member"; wait "$member" 2> /dev/null
expect_match "--delete" "successful" "$(groups --delete --group "$group")"
expect_match "--delete of one that is not there" "GroupIdNotFound|not found|does not exist" "$(groups --delete --group "$group")"
expect_match "--describe of one that is not there" "not found|does not exist" "$(groups --describe --group "$group")"

# Kafka's own formatters read the log of the groups, both at once: each waits for more until its time is over.
formatted() {
	broker_tool consumer.ConsoleConsumer --topic __consumer_offsets --from-beginning --timeout-ms 16000 --formatter "org.apache.kafka.tools.consumer.$1MessageFormatter" > "$WORK/$1"
}
formatted Offsets & offsets=$!
formatted GroupMetadata
wait "$offsets"
expect_match "__consumer_offsets by Kafka's formatter" "\"group\":\"$busy\",\"topic\":\"$topic\",\"partition\":0.*\"offset\":12" "$(cat "$WORK/Offsets")"
expect_match "its groups, too" "\"group\":\"$busy\"" "$(cat "$WORK/GroupMetadata")"

expect_match "kafka-consumer-perf-test" "^20[0-9-]+ [0-9:]+" "$(broker_tool ConsumerPerformance --topic "$topic" --num-records 20)"
expect_match "kafka-e2e-latency" "Avg latency" "$(broker_tool EndToEndLatency --topic "$topic" --num-records 50 --producer-acks all --record-size 100)"
