#!/usr/bin/env bash
# kcat produces and consumes: codecs, keys, headers, nulls, partitions, idempotence, sizes, metadata.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start

# Every codec comes back as it went, and is stored as the producer sent it.
for codec in none gzip snappy lz4 zstd; do
	topic=$(topic_name "codec-$codec")
	seq 1 3000 > "$WORK/in"
	kc_produce -t "$topic" -z "$codec" -X linger.ms=50 < "$WORK/in"
	kc_consume "$topic" -o beginning > "$WORK/out"
	expect "$codec: 3000 records come back in order" "$(md5sum < "$WORK/in")" "$(md5sum < "$WORK/out")"
	# (librdkafka sends a batch as it is where compression does not make it smaller: a short one.)
	expect "$codec: stored with that codec" "$codec" "$("$LIVE_BIN/peek" "$BROKER" "$topic" 0 | sort -nrk 2 | awk '{print $3; exit}')"
done

topic=$(topic_name created)
echo x | kc_produce -t "$topic"
expect_match "a topic produced to is created by itself" "topic \"$topic\" with 1 partitions" "$(kc -L -t "$topic")"

# Keys, headers, null and empty values.
topic=$(topic_name records)
printf 'k1:v1\nk2:\n:v3\nk4:v4\n' | kc_produce -t "$topic" -K : -Z
printf 'with headers' | kc_produce -t "$topic" -k kh -H one=1 -H two=zwei -H empty=
expect "keys, empty keys and nulls come back (-1 is null)" "k1|2|v1
k2|-1|
|2|v3
k4|2|v4
kh|12|with headers" "$(kc_consume "$topic" -o beginning -f '%k|%S|%s\n')"
expect "headers come back in order" "one=1,two=zwei,empty=" "$(kc_consume "$topic" -o 4 -f '%h')"
expect "JSON output has topic, partition, offset, key and payload" "$topic 0 0 k1 v1" \
	"$(kc_consume "$topic" -o beginning -c 1 -J | jq -r '"\(.topic) \(.partition) \(.offset) \(.key) \(.payload)"')"
topic=$(topic_name empty)
printf 'k:\nk:x\nk:\n' | kc_produce -t "$topic" -K :
expect "an empty value is not a null value" "0 1 0" "$(kc_consume "$topic" -o beginning -f '%S ' | xargs)"

# Partitions: named ones, and the key's.
topic=$(topic_name partitions)
"$LIVE_BIN/admin" "$BROKER" create "$topic" 5
for p in 0 1 2 3 4; do echo "to $p" | kc_produce -t "$topic" -p "$p"; done
expect "records go to the partition named" "0 to 0
1 to 1
2 to 2
3 to 3
4 to 4" "$(kc_consume "$topic" -o beginning -f '%p %s\n' | sort)"
expect_match "-L shows the partitions, leader and replicas" 'partition 4, leader [0-9]+, replicas: [0-9]+, isrs: [0-9]+' "$(kc -L -t "$topic")"
expect_match "-L shows the broker under the address it was asked at" "broker [0-9]+ at ${BROKER}" "$(kc -L)"
expect_match "producing to a partition that is not there fails" 'nknown partition' "$(echo x | kc_produce -t "$topic" -p 99 2>&1)"

# Idempotent and not, acks of all kinds.
topic=$(topic_name acks)
seq 1 5000 | kc_produce -t "$topic" -X enable.idempotence=true
expect "an idempotent producer's 5000 records are there once, in order" "$(seq 1 5000 | md5sum)" "$(kc_consume "$topic" -o beginning | md5sum)"
for acks in 0 1 all; do echo "acks $acks" | kc_produce -t "$topic" -X acks=$acks; done
sleep 0.3
expect "acks 0, 1 and all arrive" "acks 0 acks 1 acks all" "$(kc_consume "$topic" -o 5000 | xargs)"

# Sizes: message.max.bytes of Kafka is 1048588 for the batch.
topic=$(topic_name sizes)
for size in 100000 1000000 1048400; do
	head -c "$size" /dev/urandom > "$WORK/big"
	kc_produce -t "$topic" -X message.max.bytes=2000000 "$WORK/big" < /dev/null
	expect "a value of $size bytes comes back" "$(md5sum < "$WORK/big")" "$(kc_consume "$topic" -o -1 -X fetch.message.max.bytes=2000000 -f '%s' | md5sum)"
done
head -c 1100000 /dev/urandom > "$WORK/big"
expect_match "a value over message.max.bytes is refused as too large" 'too large' \
	"$(kc_produce -t "$topic" -X message.max.bytes=2000000 "$WORK/big" 2>&1 < /dev/null)"
expect "and nothing of it is stored" 3 "$(kc_consume "$topic" -o beginning -X fetch.message.max.bytes=2000000 -f '%o\n' | wc -l)"
"$LIVE_BIN/admin" "$BROKER" create "$topic-wide" 1 max.message.bytes=3000000
kc_produce -t "$topic-wide" -X message.max.bytes=3000000 "$WORK/big" < /dev/null
expect "a topic with max.message.bytes=3000000 takes it" "$(md5sum < "$WORK/big")" \
	"$(kc_consume "$topic-wide" -o beginning -X fetch.message.max.bytes=1000 -f '%s' | md5sum)"

# Names.
expect_match "a topic name with a slash is refused" 'nvalid topic|Unknown topic|Broker: Invalid' "$(echo x | kc_produce -t 'no/slash' -X message.timeout.ms=3000 2>&1)"
expect_match "consuming a topic that is not there says so" 'nknown topic' "$(kc -C -q -e -t "$(topic_name nowhere)" -X allow.auto.create.topics=false 2>&1)"
