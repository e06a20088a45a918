#!/usr/bin/env bash
# The lag of a group in seconds: how long ago its oldest unconsumed record was appended, to the millisecond, whatever timestamps producers write; through
# kill -9, restarts, deletions, inside batches, for large pieces and small ones.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
export LSAN_OPTIONS="suppressions=tests/lsan.supp:print_suppressions=0"
broker_start
export SPATE_BROKER=$BROKER
sp() { timeout 60 "$SPATE_BIN" "$@" < /dev/null; }
topic=$(topic_name lag)
group=$(topic_name readers)
# of FILTER: from the group's description in JSON
of() { sp group describe "$group" --json | jq -c "$1"; }
now_ms() { date +%s%3N; }

# lie PARTITION VALUE...: produces one batch of records whose timestamps are twenty years off; what the clock said before and after it in $before, $after.
lie() {
	local partition=$1 value
	shift
	for value in "$@"; do echo "{\"value\":\"$value\",\"timestamp\":1000000000000,\"partition\":$partition}"; done > "$WORK/lies"
	sleep 0.02
	before=$(now_ms)
	sp produce "$topic" --json --file "$WORK/lies" -q -X linger.ms=50 || fail "produce"
	after=$(now_ms)
}
# told WHAT PARTITION: the partition's oldest unconsumed record was appended within [$before, $after], and that to the millisecond, and its age is right
told() {
	local row asked
	row=$(of ".partitions[$2]")
	asked=$(now_ms)
	expect "$1" true "$(jq -c --argjson before "$before" --argjson after "$after" --argjson asked "$asked" \
		'.lag_time_source == "log" and .oldest_time >= $before and .oldest_time <= $after and .lag_seconds == .lag_seconds_min and
		 ((($asked - .oldest_time) / 1000 - .lag_seconds) | . >= -0.05 and . < 5)' <<< "$row")"
	oldest=$(jq -c .oldest_time <<< "$row")
}

sp topic create "$topic" -p 3 -c retention.ms=-1 > /dev/null
sp group rewind "$group" --create --topic "$topic:0,1" --to start > /dev/null
expect "nothing to read is no time behind" '[0,0,true]' "$(of '[.lag, .lag_seconds, .lag_seconds_is_exact]')"
lie 0 a b c
told "a small record, its timestamp twenty years old" 0
first=$oldest
big=$(head -c 150000 /dev/zero | tr '\0' x)
lie 1 "$big" "$big"
told "a large piece, straight to its segment" 1
large=$oldest
lie 0 d e
expect "what comes later does not matter" "$first" "$(of '.partitions[0].oldest_time')"
second="$before $after"

broker_kill9
broker_start
expect "after kill -9 the same to the millisecond" "[$first,$large]" "$(of '[.partitions[0,1].oldest_time]')"
broker_stop
broker_start
expect "after a clean restart too" "[$first,$large]" "$(of '[.partitions[0,1].oldest_time]')"
expect "that is what the file beside the segment is for" 1 "$(find "$DATA/$topic-0" -name '*.appendtime' | wc -l)"
sp group rewind "$group" --to 1 --topic "$topic:0" > /dev/null
expect "a commit inside a batch" "[4,$first]" "$(of '.partitions[0] | [.lag, .oldest_time]')"
sp group rewind "$group" --to 3 --topic "$topic:0" > /dev/null
read -r before after <<< "$second"
told "one further on: the next batch" 0
next=$oldest
sp group rewind "$group" --to 0 --topic "$topic:0" > /dev/null
sp topic trim "$topic" --to 4 -p 0 > /dev/null
expect "deleted unread: the record where the log begins" "[1,4,$next]" "$(of '.partitions[0] | [.lag, .lost, .oldest_time]')"
broker_kill9
broker_start
expect "and after kill -9" "[1,4,$next]" "$(of '.partitions[0] | [.lag, .lost, .oldest_time]')"

# ---- what is not committed, and what is not known ------------------------------------------------------------
lie 2 x y z
expect "a partition without a commit is told apart" '[3,1,3,true]' "$(of '[.lag, .partitions_without_commit, .records_without_commit, .lag_seconds_is_exact]')"
expect_match "for people too" '^lag: +3 \(and 3 records in 1 partition without a commit\)$' "$(sp group describe "$group" | grep '^lag:')"
expect "and nothing need be said of the times" "" "$(sp group describe "$group" | grep timestamp)"
broker_stop
rm "$DATA/$topic-0/"*.appendtime
printf 'x' | dd of="$(echo "$DATA/$topic-1/"*.appendtime)" bs=1 seek=70 conv=notrunc 2> /dev/null
broker_start
expect "where it is lost, the record's timestamp is taken, and that said" '["record_create",1000000000000,false]' \
	"$(of '[.partitions[0].lag_time_source, .partitions[0].oldest_time, .lag_seconds_is_exact]')"
expect_match "in a sentence" '^the lag time of 2 partitions goes by the timestamp .* its producer wrote' "$(sp group describe "$group" | tail -1)"
lie 1 later
sp group rewind "$group" --to end --topic "$topic:0" > /dev/null
sp group rewind "$group" --to 2 --topic "$topic:1" > /dev/null
told "what comes after it is exact again" 1
