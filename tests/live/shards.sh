#!/usr/bin/env bash
# A data directory keeps the number of shards it was made with, whatever the machine or spate.shards says later: every record is there.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker

for pair in "2 1" "1 3" "3 2"; do
	read -r made later <<< "$pair"
	DATA=$WORK/data-$made-$later
	mkdir -p "$DATA"
	broker_start --set "spate.shards=$made" --set num.partitions=8
	for partition in 0 1 2 3 4 5 6 7; do seq 20 | kc_produce -t shards -p "$partition"; done
	[ "$made" = 3 ] && broker_kill9 || broker_stop
	broker_start --set "spate.shards=$later"
	expect "made with $made shards, started with $later: all 160 records are there" 160 "$(kc_consume shards -o beginning | wc -l)"
	broker_stop
done
