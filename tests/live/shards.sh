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

# How many there are is known to the catalog, not counted from files: one that is missing is missing, the last one too, and one too many is nobody's.
DATA=$WORK/counted
broker_start --set spate.shards=2 --set num.partitions=8
for partition in 0 1 2 3 4 5 6 7; do seq 20 | kc_produce -t shards -p "$partition"; done
broker_kill9
mv "$DATA/journal-1" "$WORK/kept"
expect "the last shard's journal is gone: verify names it" "4 journal-1" "$("$SPATE_BIN" log verify "$DATA" > "$WORK/said"; echo "$? $(grep -o 'journal-1' "$WORK/said" | head -1)")"
expect_match "... and the broker does not start without it" 'journal-1 is missing' "$(timeout 10 "$SPATE_BIN" serve --data "$DATA" --listen 127.0.0.1:0 2>&1)"
expect "... and has touched nothing" "" "$(find "$DATA" -name '*.torn' -o -name '*.foreign')"
mv "$WORK/kept" "$DATA/journal-1"
cp "$DATA/journal-0" "$DATA/journal-2"
touch "$DATA/checkpoint-4"
expect "what looks like other shards' files is nobody's: verify" 0 "$("$SPATE_BIN" log verify "$DATA" > "$WORK/said"; echo $?)"
expect_match "... which says so" 'note +journal-2: it is nobody' "$(cat "$WORK/said")"
broker_start
expect "... all 160 records are there" 160 "$(kc_consume shards -o beginning | wc -l)"
expect_match "... and the log tells of it" 'was made with 2 shards: what is called journal-2' "$(cat "$LOG")"
broker_stop
