#!/usr/bin/env bash
# kcat -G: librdkafka 2.0 (Debian's) as balanced consumers: shares, joining and leaving, a crash, resuming, a broker killed.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: kcat $(kcat -V | sed -nE 's/.*Version ([0-9.]+).*librdkafka ([0-9.]+).*/\1, librdkafka \2/p')"
topic=$(topic_name kcat-group) group=$(topic_name group)
member() { # member NAME ARGS...: consumes in the background, a line PARTITION:OFFSET a record in $WORK/NAME, the rebalances in $WORK/NAME.log
	local name=$1
	shift
	kcat -b "$BROKER" -G "$group" -X session.timeout.ms=6000 -X heartbeat.interval.ms=300 -X auto.offset.reset=earliest -X auto.commit.interval.ms=200 \
		-u -f '%p:%o %s\n' "$@" "$topic" > "$WORK/$name" 2> "$WORK/$name.log" < /dev/null &
	eval "$name=$!"
}
# The partitions a member has now: what its last "assigned" said, none after a "revoked".
has() { awk '/assigned/ {sub(/.*assigned: */, ""); n = gsub(/\[/, "["); now = n} /revoked/ {now = 0} END {print now + 0}' "$WORK/$1.log"; }
until_true() { # until_true WHAT COMMAND...
	local what=$1 i
	shift
	for i in $(seq 400); do "$@" && { pass "$what"; return 0; }; sleep 0.1; done
	fail "$what: not within 40 s"
	tail -qn 3 "$WORK"/*.log | sed 's/^/      /'
}
have() { local sum=0 name; while [ $# -gt 0 ]; do [ "$(has "$1")" = "$2" ] || return 1; shift 2; done; }
records() { cat "$@" | cut -d' ' -f1 | sort -u | wc -l; }
seen() { [ "$(cd "$WORK" && records "${@:2}")" -ge "$1" ]; }

# The first record of each partition that a member read.
first() { cut -d' ' -f1 "$WORK/$1" | sort -t: -k1,1n -k2,2n | awk -F: '!seen[$1]++' | xargs; }

"$LIVE_BIN/admin" "$BROKER" create "$topic" 4
for p in 0 1 2 3; do seq 100 | kc_produce -t "$topic" -p $p; done
member one
until_true "one member has four partitions" have one 4
until_true "and reads all that is there" seen 400 one
member two
until_true "a second member takes half" have one 2 two 2
for p in 0 1 2 3; do seq 100 | kc_produce -t "$topic" -p $p; done
until_true "between them they read what comes" seen 800 one two
sleep 0.5 # two commits
expect "nothing was read twice" 800 "$(cat "$WORK/one" "$WORK/two" | wc -l)"
kill -TERM "$two"; wait "$two" 2> /dev/null
begin=$SECONDS
until_true "the other takes over when one leaves" have one 4
[ $((SECONDS - begin)) -le 5 ] && pass "at once" || fail "at once: took $((SECONDS - begin)) s"
member three
until_true "a third member takes half" have one 2 three 2
kill -KILL "$three"; wait "$three" 2> /dev/null
until_true "and is replaced when it was killed, after its session" have one 4
kill -TERM "$one"; wait "$one" 2> /dev/null

for p in 0 1 2 3; do seq 10 | kc_produce -t "$topic" -p $p; done
member four
until_true "a member that comes later resumes" seen 40 four
expect "exactly behind what was committed" "0:200 1:200 2:200 3:200" "$(first four)"
if [ -n "$OWN_BROKER" ]; then
	kill -TERM "$four"; wait "$four" 2> /dev/null # commits as it leaves; kcat would not outlive its one broker
	broker_kill9
	broker_start
	for p in 0 1 2 3; do seq 10 | kc_produce -t "$topic" -p $p; done
	member five
	until_true "after the broker's kill -9 a member resumes" seen 40 five
	expect "exactly behind what was committed before" "0:210 1:210 2:210 3:210" "$(first five)"
	four=$five
fi
kill -TERM "$four"; wait "$four" 2> /dev/null
expect "kcat -Q still tells the end" "$topic [0] offset 2[12]0" "$(kc -Q -t "$topic:0:-1" | sed -E 's/2[12]0/2[12]0/')"

group=$(topic_name coop)
member six -X partition.assignment.strategy=cooperative-sticky
until_true "cooperative: one member reads everything" seen 400 six
member seven -X partition.assignment.strategy=cooperative-sticky
until_true "cooperative: a second member is given two partitions" grep -q 'incremental assignment of 2' "$WORK/seven.log"
for p in 0 1 2 3; do seq 10 | kc_produce -t "$topic" -p $p; done
until_true "cooperative: it reads" test -s "$WORK/seven"
expect "cooperative: the first gave up two partitions, once" "incremental revoke of 2" "$(grep -oE 'incremental revoke of [1-9][0-9]*' "$WORK/six.log")"
kill -TERM "$six" "$seven"; wait "$six" "$seven" 2> /dev/null

group=$(topic_name static)
member eight -X group.instance.id=a
member nine -X group.instance.id=b
until_true "static members share" have eight 2 nine 2
before=$(grep -c rebalanced "$WORK/nine.log")
kill -KILL "$eight"; wait "$eight" 2> /dev/null
member ten -X group.instance.id=a
until_true "a static member comes back to its partitions" have ten 2
expect "and the other was not disturbed" "$before" "$(grep -c rebalanced "$WORK/nine.log")"
kill -TERM "$nine" "$ten"; wait "$nine" "$ten" 2> /dev/null
