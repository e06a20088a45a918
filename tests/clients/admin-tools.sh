#!/usr/bin/env bash
# Kafka's tools for what a single node without an authorizer has little to tell of: ACLs, quotas, credentials, elections, moves, the quorum,
# features, transactions, client metrics. What is wanted is what they print of a Kafka 4.3 of one node.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kafka-tools $(ls "$CLIENTS/java/libs" | sed -nE 's/^kafka-tools-([0-9.]+)\.jar/\1/p')"
tool() { timeout 60 java -Xmx128M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$CLIENTS/java/libs/*" "$@" 2>&1 | grep -v SLF4J; }
broker_tool() { local class=$1; shift; tool "$class" --bootstrap-server "$BROKER" "$@"; }
configs() { broker_tool kafka.admin.ConfigCommand "$@"; }
t=org.apache.kafka.tools
topic=$(topic_name admin-tools)
broker_tool $t.TopicCommand --create --topic "$topic" --partitions 3 > /dev/null
node=$(kc -L -J | jq '.brokers[0].id')

for kind in users clients ips client-metrics; do
	expect "kafka-configs --describe of all $kind: none" "" "$(configs --describe --entity-type $kind)"
done
expect "kafka-configs --describe of one user: none" "" "$(configs --describe --entity-type users --entity-name "nobody-$topic")"
expect_match "kafka-configs --describe of a group: none of its own" "doesn't exist and doesn't have dynamic config" \
	"$(configs --describe --entity-type groups --entity-name "none-$topic")"
expect_match "kafka-configs --describe of all topics" "Dynamic configs for topic $topic are:" "$(configs --describe --entity-type topics)"
expect_match "kafka-configs --describe of the broker's loggers" "Dynamic configs for broker-logger $node are:" \
	"$(configs --describe --entity-type broker-loggers --entity-name "$node")"
expect_match "kafka-client-metrics --describe of one: none" "doesn't exist and doesn't have dynamic config" \
	"$(broker_tool $t.ClientMetricsCommand --describe --name "none-$topic")"

expect_match "kafka-acls --list: there is no authorizer" "SecurityDisabledException: No Authorizer is configured" "$(broker_tool $t.AclCommand --list)"
expect_match "kafka-acls --add: neither" "SecurityDisabledException: No Authorizer is configured" \
	"$(broker_tool $t.AclCommand --add --allow-principal User:a --topic "$topic" --operation Read)"

expect_match "kafka-leader-election of one partition: it has its leader" "Valid replica already elected for partitions $topic-0" \
	"$(broker_tool $t.LeaderElectionCommand --election-type preferred --topic "$topic" --partition 0)"
expect "kafka-leader-election of all: nothing to do" "" "$(broker_tool $t.LeaderElectionCommand --election-type preferred --all-topic-partitions)"

echo "{\"version\":1,\"partitions\":[{\"topic\":\"$topic\",\"partition\":0,\"replicas\":[$node],\"log_dirs\":[\"any\"]}]}" > "$WORK/moves.json"
expect "kafka-reassign-partitions --list: none under way" "No partition reassignments found." "$(broker_tool $t.reassign.ReassignPartitionsCommand --list)"
expect_match "kafka-reassign-partitions --execute to where it is" "Successfully started partition reassignment for $topic-0" \
	"$(broker_tool $t.reassign.ReassignPartitionsCommand --execute --reassignment-json-file "$WORK/moves.json")"
expect_match "kafka-reassign-partitions --verify" "Reassignment of partition $topic-0 is completed." \
	"$(broker_tool $t.reassign.ReassignPartitionsCommand --verify --reassignment-json-file "$WORK/moves.json")"

expect_match "kafka-metadata-quorum --status: this node leads" "LeaderId: +$node" "$(broker_tool $t.MetadataQuorumCommand describe --status)"
expect_match "kafka-metadata-quorum --replication: and keeps up" "^$node\s.*Leader" "$(broker_tool $t.MetadataQuorumCommand describe --replication)"
features=$(broker_tool $t.FeatureCommand describe)
expect_match "kafka-features describe: the metadata of Kafka 4.3" "metadata.version.*FinalizedVersionLevel: 4.3-IV0" "$features"
expect_match "kafka-features describe: groups of KIP-848" "group.version.*FinalizedVersionLevel: 1" "$features"
expect_match "kafka-features upgrade to what is there" "metadata.version was upgraded to 30" \
	"$(broker_tool $t.FeatureCommand upgrade --feature metadata.version=30)"
expect_match "kafka-features upgrade to all of a release" "transaction.version can be upgraded to 2" \
	"$(broker_tool $t.FeatureCommand upgrade --release-version 4.3 --dry-run)"
expect_match "kafka-features upgrade to what there is not" "only supports versions" "$(broker_tool $t.FeatureCommand upgrade --feature group.version=9)"

expect_match "kafka-transactions list: none" "^TransactionalId" "$(broker_tool $t.TransactionsCommand list | tail -1)"
expect_match "kafka-transactions find-hanging: none" "^Topic" "$(broker_tool $t.TransactionsCommand find-hanging --broker-id "$node" | tail -1)"

expect_match "kafka-transactions describe: there is none of this id" "because the ID could not be found" \
	"$(broker_tool $t.TransactionsCommand describe --transactional-id "none-$topic")"

# What it sets it takes back, as others are tested beside it. (Nobody is called so, so nobody is held back.)
who=$topic
expect "kafka-configs: quotas of a user and a client id" "Completed updating config for user $who. Completed updating config for client $who." \
	"$(configs --alter --entity-type users --entity-name "$who" --add-config producer_byte_rate=1000,request_percentage=2.5 | xargs) $(
		configs --alter --entity-type clients --entity-name "$who" --add-config consumer_byte_rate=2000)"
expect_match "kafka-configs --describe: both" "user-principal '$who' are .*producer_byte_rate=1000.0" "$(configs --describe --entity-type users --entity-name "$who")"
expect "kafka-configs --describe: both" "Quota configs for client-id '$who' are consumer_byte_rate=2000.0" "$(configs --describe --entity-type clients --entity-name "$who")"
expect "kafka-configs: a credential" "Completed updating config for user $who." \
	"$(configs --alter --entity-type users --entity-name "$who" --add-config 'SCRAM-SHA-256=[iterations=8192,password=x]')"
expect_match "kafka-configs --describe: its iterations" "SCRAM credential configs for user-principal '$who' are SCRAM-SHA-256=iterations=8192" \
	"$(configs --describe --entity-type users --entity-name "$who")"
expect "kafka-configs: a connection rate of an address" "Completed updating config for ip 192.0.2.1." \
	"$(configs --alter --entity-type ips --entity-name 192.0.2.1 --add-config connection_creation_rate=5)"
configs --alter --entity-type users --entity-name "$who" --delete-config producer_byte_rate,request_percentage > /dev/null
configs --alter --entity-type users --entity-name "$who" --delete-config SCRAM-SHA-256 > /dev/null
configs --alter --entity-type clients --entity-name "$who" --delete-config consumer_byte_rate > /dev/null
configs --alter --entity-type ips --entity-name 192.0.2.1 --delete-config connection_creation_rate > /dev/null
expect "kafka-configs --describe: nothing is left" "" "$(for kind in users clients ips; do configs --describe --entity-type $kind; done)"

expect_match "kafka-configs: a config of one group" "Completed updating config for group $who" \
	"$(configs --alter --entity-type groups --entity-name "$who" --add-config consumer.session.timeout.ms=50000)"
expect_match "kafka-configs --describe tells it" "consumer.session.timeout.ms=50000 sensitive=false" \
	"$(configs --describe --entity-type groups --entity-name "$who")"
expect_match "kafka-client-metrics: a subscription" "Altered client metrics config for $who" \
	"$(broker_tool $t.ClientMetricsCommand --alter --name "$who" --metrics org.apache.kafka.producer. --interval 30000)"
expect_match "kafka-client-metrics --describe tells it" "interval.ms=30000" "$(broker_tool $t.ClientMetricsCommand --describe --name "$who")"
expect_match "kafka-configs: a config of the broker" "Completed updating config for broker $node" \
	"$(configs --alter --entity-type brokers --entity-name "$node" --add-config log.cleaner.backoff.ms=20000)"
expect_match "kafka-configs --describe tells where it comes from" "log.cleaner.backoff.ms=20000 .*DYNAMIC_BROKER_CONFIG" \
	"$(configs --describe --entity-type brokers --entity-name "$node")"
taken=$(configs --alter --entity-type brokers --entity-name "$node" --delete-config log.cleaner.backoff.ms & \
	configs --alter --entity-type groups --entity-name "$who" --delete-config consumer.session.timeout.ms & \
	broker_tool $t.ClientMetricsCommand --delete --name "$who" & wait)
expect "kafka-configs, kafka-client-metrics: all three are taken away" "3" "$(grep -cE "Completed updating config for (broker|group)|Deleted client metrics" <<< "$taken")"

# Not beside others: consumer groups are gone for a moment, and everybody of this client id is held back.
if [ -n "$OWN_BROKER" ]; then
	expect_match "kafka-features downgrade of group.version" "group.version was downgraded to 0" \
		"$(broker_tool $t.FeatureCommand downgrade --feature group.version=0)"
	expect "kafka-features describe: it is not there" "" "$(broker_tool $t.FeatureCommand describe | grep 'group.version.*FinalizedVersionLevel: [1-9]')"
	expect_match "kafka-features upgrade: it is back" "group.version was upgraded to 1" "$(broker_tool $t.FeatureCommand upgrade --feature group.version=1)"

	configs --alter --entity-type clients --entity-name slow --add-config producer_byte_rate=100000 > /dev/null
	report=$(tool $t.ProducerPerformance --topic "$topic" --num-records 1500 --record-size 1000 --throughput -1 \
		--command-property bootstrap.servers="$BROKER" client.id=slow max.in.flight.requests.per.connection=1 | tail -1)
	echo "# $report"
	rate=$(sed -nE 's/.* ([0-9]+)\.?[0-9]* records\/sec.*/\1/p' <<< "$report")
	# One million bytes are what the first window allows, and half a million takes five seconds; without a quota all of it takes a tenth of one.
	if [ "${rate:-9999}" -ge 60 ] && [ "${rate:-9999}" -le 450 ]; then pass "kafka-producer-perf-test keeps to its quota"; else fail "kafka-producer-perf-test keeps to its quota: $rate records/s"; fi
fi
