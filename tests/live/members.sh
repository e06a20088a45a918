#!/usr/bin/env bash
# Consumer groups whose members come, consume, commit, leave and crash (members.c), through kill -9 of the broker: no partition has two owners, no
# acked commit is lost, every acked record is consumed, no call is left waiting. Beside them, a group of librdkafka consumers that stop and are killed: no
# record escapes them. (Many members that only join and leave: members_churn.sh.)
#
#   SEED=N      the moments and choices of a run before (printed)         KILLS=N   how many (4)
#   KINDS=...   the kinds of groups (ckstnx), see members.c                 GROUPS_=N (12)   MEMBERS=N of each (4)   LIFE=MS of a member, on the average (4000)
#   SPATE_ARGS="..." the broker's settings; by default one of `variants`
#   SOAK_TIME=S the long form: kills for the first third of S seconds, then a calm stretch of members alone, in which the broker's memory is sampled
#               and must not grow
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
SEED=${SEED:-$(($(date +%s%N) % 100000))}
RANDOM=$SEED
export SEED
KILLS=${KILLS:-4} KINDS=${KINDS:-ckstnx} GROUPS_=${GROUPS_:-12} MEMBERS=${MEMBERS:-4} LIFE=${LIFE:-4000}
PARTITIONS=6
variants=("--set spate.shards=1" "--set spate.shards=2" "--set spate.io=syscalls"
	"--set spate.cache.bytes=8388608 --set spate.journal.bytes=16777216")
SPATE_ARGS=${SPATE_ARGS-${variants[RANDOM % ${#variants[@]}]}}
echo "#     SEED=$SEED SPATE_ARGS='$SPATE_ARGS' KINDS=$KINDS"
[ -z "${SOAK_TIME:-}" ] || SPATE_ARGS+=" $WATCHED_ARGS"
# Short, so that what a crash leaves behind is soon noticed.
REBALANCE_DELAY_MS=300 # members that begin together are together in the first assignment
SPATE_ARGS+=" --set group.consumer.session.timeout.ms=8000 --set group.consumer.heartbeat.interval.ms=1000"

# random_ms FROM TO: sleeps that long
random_ms() {
	local ms=$(($1 + RANDOM % ($2 - $1)))
	sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
}

# What each group had committed is there after one more kill.
check_commits() {
	local group partition offset wrong=
	sed -nE 's/^committed (.*)/\1/p' "$WORK/members.out" > "$WORK/wanted"
	for group in $(cut -d ' ' -f 1 "$WORK/wanted" | sort -u); do
		"$LIVE_BIN/group" "$BROKER" offsets "$group" > "$WORK/found"
		while read -r _ partition offset; do
			grep -qx "$topic $partition $offset" "$WORK/found" || wrong+=" $group/$partition"
		done < <(grep "^$group " "$WORK/wanted")
	done
	expect "all $(wc -l < "$WORK/wanted") offsets that were committed last are there after a kill" "" "$wrong"
	if [ -n "$wrong" ]; then sed 's/^/#     found: /' "$WORK/found" | head -10; fi
}

# Consumers of librdkafka, one after the other, until $WORK/stop is there; each ends well, or by kill -9, or, if it leaves before it ever led, by an
# assertion of librdkafka's that Debian's 2.0.2 has still (its issue 4312).
real_members() {
	local n=0 pid
	while [ ! -e "$WORK/stop" ]; do
		n=$((n + 1))
		"$LIVE_BIN/group" "$BROKER" consume "$topic-real" "$topic" 0 600 auto.commit.interval.ms=300 session.timeout.ms=6000 fetch.wait.max.ms=100 \
			"partition.assignment.strategy=$1" > "$WORK/real.$1.$2.$n" 2>> "$WORK/stderr" &
		pid=$!
		random_ms 2000 9000
		if [ $((RANDOM % 3)) = 0 ]; then kill -9 "$pid"; else kill "$pid"; fi
		wait "$pid" 2> /dev/null
	done
}

# Each record below what the others have committed was seen by one of them.
check_real_members() {
	local partition offset wrong= other
	other=$(head -1 "$WORK/wanted" | cut -d ' ' -f 1)
	[ -n "$other" ] || wrong=" nothing was committed by others"
	cat "$WORK"/real.* | awk '$1 == "record" {print $2, $3}' | sort -u > "$WORK/seen"
	while read -r partition offset; do
		[ "$(awk -v p="$partition" -v end="$offset" '$1 == p && $2 < end' "$WORK/seen" | wc -l)" = "$offset" ] || wrong+=" $partition"
	done < <(grep "^$other " "$WORK/wanted" | cut -d ' ' -f 2,3)
	expect "the members of librdkafka have seen each of $(wc -l < "$WORK/seen") records, $(cat "$WORK"/real.* | grep -c '^record') times in all" "" "$wrong"
}

# A last one reads what they have left, and then nothing.
finish_real_members() {
	local lines=-1
	"$LIVE_BIN/group" "$BROKER" consume "$topic-real" "$topic" 0 120 session.timeout.ms=6000 "partition.assignment.strategy=cooperative-sticky" > "$WORK/real.last" 2>> "$WORK/stderr" &
	local pid=$!
	for _ in $(seq 60); do
		sleep 1
		[ "$lines" = "$(wc -l < "$WORK/real.last")" ] && [ "$lines" -gt 0 ] && break
		lines=$(wc -l < "$WORK/real.last")
	done
	kill "$pid" && wait "$pid"
}

broker_start
topic=$(topic_name members)
"$LIVE_BIN/admin" "$BROKER" create "$topic" "$PARTITIONS" || die "the topic is created"
"$LIVE_BIN/members" "$BROKER" "$topic" "$PARTITIONS" "$KINDS" "$GROUPS_" "$MEMBERS" "$LIFE" > "$WORK/members.out" 2>&1 &
load=$!
for n in 1 2 3; do real_members cooperative-sticky $n & real[n]=$!; done
killed=0 until_s=$((SECONDS + ${SOAK_TIME:-0} / 3))
while kill -0 "$load" 2> /dev/null; do
	if [ -n "${SOAK_TIME:-}" ]; then [ "$SECONDS" -lt "$until_s" ] || break; else [ "$killed" -lt "$KILLS" ] || break; fi
	random_ms 500 $([ -n "${SOAK_TIME:-}" ] && echo 9000 || echo 4000)
	broker_kill9
	random_ms 1 400
	broker_start
	killed=$((killed + 1))
done

if [ -n "${SOAK_TIME:-}" ]; then watch_memory $((SOAK_TIME * 2 / 3)) 0 "$load"; fi

random_ms 500 1500
touch "$WORK/stop"
wait "${real[@]}"
kill "$load" 2> /dev/null
status=0
wait "$load" || status=$?
grep -v '^committed' "$WORK/members.out"
[ "$status" -eq 0 ] || fail "the members end well after $killed kills (status $status, SEED=$SEED)"
echo "#     $killed kills"
finish_real_members
broker_kill9
broker_start
check_commits
check_real_members

broker_stop
expect_status "log verify finds no damage" 0 "$SPATE_BIN" log verify "$DATA"
