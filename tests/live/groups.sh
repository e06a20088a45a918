#!/usr/bin/env bash
# Consumer groups: one member, two, static ones, commits over kill -9, the log of __consumer_offsets bounded by snapshots, lists over shards.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker

group() { timeout 60 "$LIVE_BIN/group" "$BROKER" "$@"; }
admin() { timeout 60 "$LIVE_BIN/admin" "$BROKER" "$@"; }
# wait_until WHAT COMMAND...: at most 30 s
wait_until() {
	local what=$1
	shift
	for _ in $(seq 300); do
		if "$@" > /dev/null 2>&1; then pass "$what"; return; fi
		sleep 0.1
	done
	fail "$what: not within 30 s"
}
has_line() { grep -qE -- "$1" "$2"; }
# member FILE GROUP TOPIC [key=value]...: in the background; its pid is $MEMBER
member() {
	local out=$1 name=$2 topic=$3
	shift 3
	"$LIVE_BIN/group" "$BROKER" consume "$name" "$topic" 0 200 "$@" > "$out" 2>&1 &
	MEMBER=$!
}
# The partitions that a member's file says it has now, sorted: the last line about it.
has_partitions() { [ "$(grep -E '^(assigned|revoked)' "$1" | tail -1 | sed -E 's/^assigned//; s/^revoked.*/none/' | tr ' ' '\n' | sort -n | xargs)" = "$2" ]; }

# Members that come, go, and are killed.
members_of_groups() {
	# Two members share the partitions; when one leaves, the other has all, and when one is killed, after its session.
	admin create two 4
	member "$WORK/a" pair two session.timeout.ms=6000 client.id=a
	a=$MEMBER
	wait_until "$name: one member has all partitions" has_partitions "$WORK/a" "0 1 2 3"
	member "$WORK/b" pair two session.timeout.ms=6000 client.id=b
	b=$MEMBER
	wait_until "$name: two members: the first has half" has_partitions "$WORK/a" "0 1"
	wait_until "$name: two members: the second has the other half" has_partitions "$WORK/b" "2 3"
	expect "$name: the group is described with both" "Stable range
a 127.0.0.1 - 0 1
b 127.0.0.1 - 2 3" "$(group describe pair | sed 's|/127|127|' | sort | sed '1{h;d};$G' | sort -r | sort -k1,1 -s | awk '/^Stable/ {print; next} {rest = rest $0 "\n"} END {printf "%s", rest}')"
	kill -TERM "$b"
	wait "$b"
	wait_until "$name: when one leaves, the other has all" has_partitions "$WORK/a" "0 1 2 3"
	member "$WORK/c" pair two session.timeout.ms=6000 client.id=c
	c=$MEMBER
	wait_until "$name: a third one joins" has_partitions "$WORK/c" "2 3"
	kill -9 "$c"
	wait "$c" 2> /dev/null
	wait_until "$name: when one is killed, the other has all after its session" has_partitions "$WORK/a" "0 1 2 3"
	expect "$name: a group with members is not deleted" NON_EMPTY_GROUP "$(group delete pair | sed 's/^_*//')"

	# A broker that is killed under a group: the members go on where they were, without a new assignment.
	before=$(grep -c '^assigned' "$WORK/a")
	broker_kill9
	broker_start
	echo "after the crash" | kc_produce -t two -p 3
	wait_until "$name: a member goes on after kill -9 of the broker" has_line 'after the crash' "$WORK/a"
	expect "$name: without a rebalance" "$before" "$(grep -c '^assigned' "$WORK/a")"
	kill -TERM "$a"
	wait "$a"

	# Cooperative rebalances: nobody gives up what it keeps.
	member "$WORK/e" coop two partition.assignment.strategy=cooperative-sticky client.id=e
	e=$MEMBER
	wait_until "$name: cooperative: one member has all" has_line '^assigned 0 1 2 3' "$WORK/e"
	member "$WORK/f" coop two partition.assignment.strategy=cooperative-sticky client.id=f
	f=$MEMBER
	wait_until "$name: cooperative: the second gets two" has_line '^assigned [0-9] [0-9]$' "$WORK/f"
	expect "$name: cooperative: the first gave up two alone" 2 "$(grep '^revoked' "$WORK/e" | head -1 | wc -w | awk '{print $1 - 1}')"
	kill -TERM "$e" "$f"
	wait "$e" "$f"

	# A static member that comes back within its session gets its partitions without a rebalance of the others.
	member "$WORK/s1" static two group.instance.id=one session.timeout.ms=20000
	s1=$MEMBER
	member "$WORK/s2" static two group.instance.id=two session.timeout.ms=20000
	s2=$MEMBER
	wait_until "$name: static members share" has_line '^assigned [0-9] [0-9]$' "$WORK/s1"
	wait_until "$name: static members share, the second" has_line '^assigned [0-9] [0-9]$' "$WORK/s2"
	events=$(grep -cE '^(assigned|revoked)' "$WORK/s2")
	mine=$(grep '^assigned [0-9] [0-9]$' "$WORK/s1" | tail -1)
	kill -9 "$s1"
	wait "$s1" 2> /dev/null
	member "$WORK/s3" static two group.instance.id=one session.timeout.ms=20000
	s3=$MEMBER
	wait_until "$name: the static member that was killed has its partitions again" has_line "^$mine$" "$WORK/s3"
	expect "$name: and the other noticed nothing" "$events" "$(grep -cE '^(assigned|revoked)' "$WORK/s2")"
	expect_match "$name: members are described with their instance ids" ' (one|two) [0-9] [0-9]$' "$(group describe static)"
	kill -TERM "$s2" "$s3"
	wait "$s2" "$s3"
}

for shards in 1 2; do
	DATA=$WORK/data-$shards
	mkdir -p "$DATA"
	broker_start --set "spate.shards=$shards"
	name="$shards shards"

	# One member; what it committed is where the next one begins, also after kill -9.
	seq 100 | kc_produce -t one
	expect "$name: a group's first member reads from the beginning" "$(seq 100 | md5sum)" "$(kc -q -X auto.offset.reset=earliest -e -G g one 2> /dev/null | md5sum)"
	expect "$name: it has committed the end" "one 0 100" "$(group offsets g)"
	expect "$name: the next one has nothing to read" "" "$(kc -q -X auto.offset.reset=earliest -e -G g one 2> /dev/null)"
	broker_kill9
	broker_start
	expect "$name: the commit outlives kill -9" "one 0 100" "$(group offsets g)"
	seq 101 110 | kc_produce -t one
	expect "$name: the group goes on from there" "$(seq 101 110 | md5sum)" "$(kc -q -X auto.offset.reset=earliest -e -G g one 2> /dev/null | md5sum)"
	expect "$name: a commit from outside" "" "$(group commit g one 0 42)"
	expect "$name: it counts" "one 0 42" "$(group offsets g)"

	[ "$shards" = 1 ] || members_of_groups

	# Lists over all shards; deletion.
	for i in $(seq 12); do group commit "many-$i" one 0 "$i" > /dev/null; done
	expect "$name: all groups are listed" 12 "$(group list | grep -c '^many-.* Empty')"
	expect "$name: a group is deleted" "" "$(group delete many-7)"
	expect "$name: it is gone" 11 "$(group list | grep -c '^many-')"
	expect_match "$name: it cannot be deleted twice" 'GROUP_ID_NOT_FOUND' "$(group delete many-7)"
	expect "$name: offsets are deleted" "" "$(group delete-offsets many-8 one 0)"
	expect "$name: they are gone" "" "$(group offsets many-8)"

	# Commits: 60,000 records of 10 MB; the log keeps a small part of it, and a restart has them all.
	admin create wide 100
	group flood flood wide 100 600 > "$WORK/flood"
	kept=0
	for p in $(seq 0 49); do
		kept=$((kept + $(kc -q -Q -t "__consumer_offsets:$p:-1" | sed 's/.* //') - $(kc -q -Q -t "__consumer_offsets:$p:-2" | sed 's/.* //')))
	done
	expect_match "$name: 60,000 commits later the log of the groups keeps less than 20,000 records ($kept)" '^1?[0-9]{1,4}$' "$kept"
	broker_kill9
	broker_start
	expect "$name: 600 commits of 100 partitions each: the last ones are there after kill -9" "100 599" \
		"$(group offsets flood | awk '$1 != "wide" {print; next} {n++; if (n == 1 || $3 < min) min = $3} END {print n, min}')"

	# Killed while it commits (some hundred times a second, a snapshot for each hundred), writes snapshots and trims: what was acked is there, and a commit of 100 partitions is there whole or not at all.
	for round in 1 2; do
		"$LIVE_BIN/group" "$BROKER" flood killed wide 100 100000 > "$WORK/acked" 2>&1 &
		flood=$!
		for _ in {1..200}; do ! grep -q '^acked' "$WORK/acked" || break; sleep 0.05; done # a busy machine takes its time until the first
		sleep "$((round % 2)).$((RANDOM % 9))"
		broker_kill9
		kill -9 "$flood"
		wait "$flood" 2> /dev/null
		broker_start
		read -r least most count <<< "$(group offsets killed | awk '{n++; if (n == 1 || $3 < min) min = $3; if (n == 1 || $3 > max) max = $3} END {print min, max, n}')"
		acked=$(sed -n 's/^acked //p' "$WORK/acked" | tail -1)
		[ "${count:-0}" = 100 ] && [ "$least" = "$most" ] && [ "$least" -ge "${acked:--1}" ] &&
			pass "$name: killed after commit ${acked:-none}: all partitions are at one commit, $most" ||
			fail "$name: killed after commit ${acked:-?}: $count partitions, at $least to $most"
	done
	broker_stop
done
