#!/usr/bin/env bash
# KafkaJS produces and administers; what it wrote is read back with kcat.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
prefix=$(topic_name js)
echo "# VERSION: kafkajs $(jq -r '.version' "$CLIENTS/node/node_modules/kafkajs/package.json")"
run_cases node "$CLIENTS/node/kafkajs.js" "$BROKER" "$prefix"
wanted=$(for i in $(seq 0 499); do echo "k$i value $i"; done | md5sum)
for codec in none snappy; do
	expect "kafkajs: $codec read back" "$wanted" "$(kc_consume "$prefix-$codec" -p 0 -o beginning -f '%k %s\n' | md5sum)"
done
expect "kafkajs: gzip read back, behind the records deleted" "100 k100 value 100" "$(kc_consume "$prefix-gzip" -p 0 -o beginning -c 1 -f '%o %k %s\n')"
expect "kafkajs: idempotent read back" 500 "$(kc_consume "$prefix-idempotent" -p 0 -o beginning | wc -l)"
expect "kafkajs: headers, nulls and acks read back" "k|1|one=1,two=2
|6|
tombstone|-1|
acks|1|
acks|1|" "$(kc_consume "$prefix-shapes" -p 0 -o beginning -f '%k|%S|%h\n')"
