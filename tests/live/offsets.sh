#!/usr/bin/env bash
# Where a kcat consumer starts and ends: beginning, end, offset, tail, timestamp.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start

topic=$(topic_name where)
seq 0 99 | kc_produce -t "$topic"
expect "from the beginning" "$(seq 0 99 | md5sum)" "$(kc_consume "$topic" -o beginning | md5sum)"
expect "from offset 95" "95 96 97 98 99" "$(kc_consume "$topic" -o 95 | xargs)"
expect "the last 3" "97 98 99" "$(kc_consume "$topic" -o -3 | xargs)"
expect "more than there is, from the tail" 100 "$(kc_consume "$topic" -o -1000 | wc -l)"
expect "from the end: nothing" "" "$(kc_consume "$topic" -o end)"
expect "from offset 100, the end: nothing" "" "$(kc_consume "$topic" -o 100)"
expect "10 records and no more" "$(seq 20 29 | xargs)" "$(kc_consume "$topic" -o 20 -c 10 | xargs)"

# Timestamps: three groups, with marks between them that differ by more than their millisecond.
topic=$(topic_name when)
stamp() { date +%s%3N; }
seq 0 9 | kc_produce -t "$topic"; sleep 0.05; first=$(stamp); sleep 0.05
seq 10 19 | kc_produce -t "$topic" -z gzip; sleep 0.05; second=$(stamp); sleep 0.05
seq 20 29 | kc_produce -t "$topic"; sleep 0.05; third=$(stamp)
expect "from the first mark" "$(seq 10 29 | xargs)" "$(kc_consume "$topic" -o "s@$first" | xargs)"
expect "from the second mark" "$(seq 20 29 | xargs)" "$(kc_consume "$topic" -o "s@$second" | xargs)"
expect "from before all" 30 "$(kc_consume "$topic" -o s@1000 | wc -l)"
expect "from after all: nothing" "" "$(kc_consume "$topic" -o "s@$((third + 3600000))")"
expect "between the marks" "$(seq 10 19 | xargs)" "$(kc_consume "$topic" -o "s@$first" -o "e@$second" | xargs)"
expect "the query for a timestamp gives the first offset at or after it" "$topic [0] offset 10" "$(kc -Q -t "$topic:0:$first")"
expect "the query for the end" "$topic [0] offset 30" "$(kc -Q -t "$topic:0:-1")"
expect "the query for the beginning" "$topic [0] offset 0" "$(kc -Q -t "$topic:0:-2")"
times=$(kc_consume "$topic" -o beginning -f '%T\n')
expect "timestamps never go back" "$times" "$(sort -n <<< "$times")"
# A consumer that waits at the end is woken by each record that comes.
topic=$(topic_name follow)
echo before | kc_produce -t "$topic"
kc -C -q -u -t "$topic" -o end -c 3 > "$WORK/followed" &
follower=$!
sleep 1.5
for n in 1 2 3; do echo "after $n" | kc_produce -t "$topic"; done
wait "$follower"
expect "a consumer at the end sees what comes after" "after 1 after 2 after 3" "$(xargs < "$WORK/followed")"
