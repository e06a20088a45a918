#!/usr/bin/env bash
# @platformatic/kafka produces, administers and joins groups of both protocols; what it wrote is read back with kcat. Needs Node 20.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then skip "@platformatic/kafka needs Node 20 or later"; exit 0; fi
broker_start
prefix=$(topic_name pm)
echo "# VERSION: @platformatic/kafka $(jq -r '.version' "$CLIENTS/node/node_modules/@platformatic/kafka/package.json")"
run_cases node "$CLIENTS/node/platformatic.mjs" "$BROKER" "$prefix"
run_cases node "$CLIENTS/node/platformatic-groups.mjs" "$BROKER" "$prefix-groups"
wanted=$(for i in $(seq 0 299); do echo "k$i value $i n=$i"; done | md5sum)
for codec in none gzip snappy lz4; do
	expect "platformatic: $codec read back" "$wanted" "$(kc_consume "$prefix-$codec" -p 0 -o beginning -f '%k %s %h\n' | md5sum)"
done
expect "platformatic: idempotent read back" "0 1 2 3 4" "$(kc_consume "$prefix-idempotent" -p 1 -o beginning | xargs)"
