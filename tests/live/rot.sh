#!/usr/bin/env bash
# Bytes that rot in the directory of a broker, running or stopped: in a sealed segment, the active one, an index. The scrub finds it by itself; it is named with its
# offsets in the log, over the wire (spate cluster), by spate log verify; a stock client reads all else, and gets CORRUPT_MESSAGE for that range alone.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
SPATE_ARGS="--set spate.scrub.interval.ms=1000 --set spate.scrub.bytes.per.second=1073741824 --set spate.cache.bytes=4194304 ${SPATE_ARGS:-}"
topic=rot

over_the_wire() { "$SPATE_BIN" cluster --json -b "$BROKER" | jq -r '.damages[] | "\(.topic) \(.partition) \(.from_offset) \(.to_offset)"'; }
by_verify() { "$SPATE_BIN" log verify "$DATA" --json | jq -r '.findings[] | select(.kind == "damage") | "\(.topic) \(.partition) \(.from_offset) \(.to_offset)"'; }
# reads_between FROM TO: a stock client gets the records of these offsets, as they were written
reads_between() { [ "$(kc_consume $topic -p 0 -o "$1" -c $(($2 - $1)) | md5sum)" = "$(sed -n "$(($1 + 1)),${2}p" "$WORK/wanted" | md5sum)" ] && echo yes || echo no; }

broker_start
"$LIVE_BIN/admin" "$BROKER" create $topic 1 segment.bytes=1048576
for n in $(seq 120000); do echo "record $n of what was written before it rotted"; done > "$WORK/wanted"
kc_produce -t $topic -p 0 -X batch.size=20000 -X enable.idempotence=true -l "$WORK/wanted"
for _ in $(seq 100); do [ "$(find "$DATA/$topic-0" -name '*.seal' | wc -l)" -ge 4 ] && break; sleep 0.1; done
expect "nothing is damaged at first" "" "$(over_the_wire)"

# ---- while it runs: nobody reads there, and the scrub finds it --------------------------------------------
sealed=$(find "$DATA/$topic-0" -name '*.seal' | sort | sed -n 2p)
read -r position from to < <(nth_batch "${sealed%.seal}.log" 5)
flip "${sealed%.seal}.log" $((position + 200))
flip "${sealed%.seal}.index" 13
begin=$(date +%s%N)
for _ in $(seq 100); do grep -q "offsets \[$from, $to) are damaged" "$LOG" && break; sleep 0.1; done
echo "#     the scrub, each second, has found it after $((($(date +%s%N) - begin) / 1000000)) ms"
expect "the scrub names it in the log, once" 1 "$(grep -c "error: $topic-0: offsets \[$from, $to) are damaged: fenced, not served" "$LOG")"
expect "spate cluster names it, over the wire" "$topic 0 $from $to" "$(over_the_wire)"
expect_match "... for people too" "^$topic +0 +$from +$to +$((to - from))$" "$("$SPATE_BIN" cluster -b "$BROKER")"
expect "that range alone is refused, with CORRUPT_MESSAGE; all else is served" "0 $from 0
$from $to 2
$to 120000 0" "$("$LIVE_BIN/served" "$BROKER" $topic 0)"
expect "a stock client reads what is before it" yes "$(reads_between 0 "$from")"
expect "... and what is behind it" yes "$(reads_between "$to" 120000)"
expect_match "... and is told at it" "Broker: Invalid message" "$(timeout 5 kcat -b "$BROKER" -C -t $topic -p 0 -o "$from" -c 1 -e 2>&1)"
expect_match "spate consume says more" "the records at offset $from are damaged \(they fail their check\) and are not served" \
	"$(timeout 20 "$SPATE_BIN" consume $topic -b "$BROKER" -p 0 --offset "$from" --count 1 2>&1)"
expect "appends go on" "120000 1" "$(echo more | kc_produce -t $topic -p 0; kc_consume $topic -p 0 -o 120000 -f '%o 1\n')"

# ---- while it is stopped: the active segment, in a batch that was there -----------------------------------
broker_stop
expect "what was fenced is named by spate log verify" "$topic 0 $from $to" "$(by_verify)"
active=$(find "$DATA/$topic-0" -name '*.log' | sort | tail -1)
read -r position2 from2 to2 < <(nth_batch "$active" 1)
flip "$active" $((position2 + 70))
last=$(find "$DATA/$topic-0" -name '*.seal' | sort | tail -1)
flip "${last%.seal}.index" 9
flip "${last%.seal}.timeindex" 9
broker_start
expect "both ranges are refused, and nothing else" "0 $from 0
$from $to 2
$to $from2 0
$from2 $to2 2
$to2 120001 0" "$("$LIVE_BIN/served" "$BROKER" $topic 0)"
expect "both are named over the wire" "$topic 0 $from $to
$topic 0 $from2 $to2" "$(over_the_wire)"
expect "a stock client reads what is between them" yes "$(reads_between "$to" "$from2")"
broker_stop
expect "and by spate log verify" "$topic 0 $from $to
$topic 0 $from2 $to2" "$(by_verify)"
