#!/usr/bin/env bash
# Kafka's console tools, by their main classes: what bin/kafka-*.sh would run.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kafka-tools $(ls "$CLIENTS/java/libs" | sed -nE 's/^kafka-tools-([0-9.]+)\.jar/\1/p')"
tool() { timeout 60 java -Xmx128M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$CLIENTS/java/libs/*" "$@" 2>&1; }
broker_tool() { local class=$1; shift; tool "$class" --bootstrap-server "$BROKER" "$@"; }
topics() { broker_tool org.apache.kafka.tools.TopicCommand "$@"; }
configs() { broker_tool kafka.admin.ConfigCommand "$@"; }
topic=$(topic_name tools)

expect "kafka-topics --create" "Created topic $topic." "$(topics --create --topic "$topic" --partitions 3 --config retention.ms=100000000)"
expect_match "kafka-topics --create again is refused" "already exists" "$(topics --create --topic "$topic")"
out=$(topics --describe --topic "$topic")
expect_match "kafka-topics --describe: counts and configs" "PartitionCount: 3.*ReplicationFactor: 1.*retention.ms=100000000" "$out"
expect "kafka-topics --describe: three partitions with a leader" 3 "$(grep -cE 'Partition: [0-9]+.*Leader: [0-9]+.*Isr: [0-9]+' <<< "$out")"
expect "kafka-topics --alter --partitions" "" "$(topics --alter --topic "$topic" --partitions 4)"
expect_match "kafka-topics --list" "^$topic$" "$(topics --list)"

for n in $(seq 1 20); do echo "one:1,two:2|k$n|v$n"; done > "$WORK/in"
broker_tool org.apache.kafka.tools.ConsoleProducer --topic "$topic" --reader-property parse.key=true --reader-property parse.headers=true \
	--reader-property 'headers.delimiter=|' --reader-property 'key.separator=|' --compression-codec zstd < "$WORK/in" | grep -v '^>*$'
expect "kafka-console-producer with keys, headers and zstd: 20 records" "$(for n in $(seq 1 20); do echo "k$n v$n one=1,two=2"; done | sort)" \
	"$(kc_consume "$topic" -o beginning -f '%k %s %h\n' | sort)"
for n in $(seq 1 10); do echo "k|w$n"; done | kc_produce -t "$topic" -p 3 -K '|'
last=$(broker_tool org.apache.kafka.tools.GetOffsetShell --topic "$topic" --time latest)
expect "kafka-get-offsets: latest, all partitions together" 30 "$(awk -F: '{sum += $3} END {print sum}' <<< "$last")"
expect "kafka-get-offsets: earliest" "$topic:0:0 $topic:1:0 $topic:2:0 $topic:3:0" "$(broker_tool org.apache.kafka.tools.GetOffsetShell --topic "$topic" --time earliest | xargs)"

end=$(sed -n "s/^$topic:3://p" <<< "$last")
consume() { broker_tool org.apache.kafka.tools.consumer.ConsoleConsumer --topic "$topic" --partition 3 --timeout-ms 40000 "$@" | grep -v '^Processed a total'; }
expect "kafka-console-consumer from an offset" "Offset:$((end - 4))	k	w7
Offset:$((end - 3))	k	w8" "$(consume --offset $((end - 4)) --max-messages 2 --formatter-property print.key=true --formatter-property print.offset=true)"
expect "kafka-console-consumer from the beginning" "$end" "$(consume --offset earliest --max-messages "$end" | wc -l)"

expect_match "kafka-configs --alter" "Completed updating" "$(configs --entity-type topics --entity-name "$topic" --alter --add-config max.message.bytes=2000000,segment.ms=3600000)"
expect_match "kafka-configs --describe" "max.message.bytes=2000000" "$(configs --entity-type topics --entity-name "$topic" --describe)"
configs --entity-type topics --entity-name "$topic" --alter --delete-config max.message.bytes > /dev/null
expect "kafka-configs --delete-config" 0 "$(configs --entity-type topics --entity-name "$topic" --describe | grep -c max.message.bytes)"
expect_match "kafka-configs of the broker" "log.retention.hours|message.max.bytes" "$(configs --entity-type brokers --entity-name "$(kc -L -J | jq '.brokers[0].id')" --describe --all)"

echo "{\"version\":1,\"partitions\":[{\"topic\":\"$topic\",\"partition\":3,\"offset\":5}]}" > "$WORK/delete.json"
expect_match "kafka-delete-records" "partition: $topic-3	low_watermark: 5" "$(broker_tool org.apache.kafka.tools.DeleteRecordsCommand --offset-json-file "$WORK/delete.json")"
expect_match "kafka-log-dirs" "\"partition\":\"$topic-3\",\"size\":[1-9][0-9]*" "$(broker_tool org.apache.kafka.tools.LogDirsCommand --describe --topic-list "$topic")"
expect_match "kafka-broker-api-versions" 'Produce\(0\): 0 to 1[0-9]' "$(broker_tool org.apache.kafka.tools.BrokerApiVersionsCommand)"
expect_match "kafka-cluster cluster-id" 'Cluster ID: .+' "$(tool org.apache.kafka.tools.ClusterTool cluster-id --bootstrap-server "$BROKER")"
expect_match "kafka-features describe" "Epoch: [0-9]+|^$" "$(broker_tool org.apache.kafka.tools.FeatureCommand describe)"
expect_match "kafka-producer-perf-test" "^3000 records sent" "$(broker_tool org.apache.kafka.tools.ProducerPerformance --topic "$topic" --num-records 3000 --record-size 500 --throughput -1)"
expect_match "kafka-verifiable-producer" '"sent":200,"acked":200' "$(broker_tool org.apache.kafka.tools.VerifiableProducer --topic "$topic" --max-messages 200)"

# The segment files are Kafka's: its own dump tool reads them, after a stop that left all of it filed.
if [ -n "$OWN_BROKER" ]; then
	wanted=$(kc_consume "$topic" -p 3 -o beginning -f '%s\n' | wc -l)
	broker_stop
	segments=$(ls "$DATA/$topic-3/"*.log | paste -sd,)
	out=$(tool org.apache.kafka.tools.DumpLogSegments --files "$segments" --deep-iteration --print-data-log)
	expect "kafka-dump-log reads the records of a segment" "$wanted" "$(grep '^| offset' <<< "$out" | awk '{sub(",", "", $3); if ($3 >= 5) n++} END {print n + 0}')"
	expect "kafka-dump-log finds every batch valid" 0 "$(grep -c 'isvalid: false' <<< "$out")"
	broker_start
fi
expect "kafka-topics --delete" "" "$(topics --delete --topic "$topic")"
expect "kafka-topics --list after that" 0 "$(topics --list | grep -c "^$topic$")"
