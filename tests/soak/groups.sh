#!/usr/bin/env bash
# Groups for as long as you like: members of every kind (tests/live/members.c) join, consume, commit, leave, crash, about four a second, ten thousand in
# three quarters of an hour. The time is cut into rounds; at the end of each, nobody comes or goes, and every group must become quiet: no group is stuck. At the
# quiet moments the broker's memory, its descriptors and the size of __consumer_offsets are read: memory and descriptors must
# not grow, and the topic must stay below its bound.
#
#   TIME=S (600)   ROUNDS=N (one for each 450 s, at least 3)   GROUPS_=N (36)   MEMBERS=N of each (6)   LIFE=MS of a member, on the average (42000)
#   KINDS=... (ckstnx)   SEED=N   SPATE_ARGS="..." the broker's settings   OUT=FILE: every sample, "second rss_kib fds offsets_kib cpu_s"
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
needs_own_broker
TIME=${TIME:-600} GROUPS_=${GROUPS_:-36} MEMBERS=${MEMBERS:-6} LIFE=${LIFE:-42000} KINDS=${KINDS:-ckstnx} SEED=${SEED:-$(($(date +%s%N) % 100000))}
ROUNDS=${ROUNDS:-$((TIME / 450 > 3 ? TIME / 450 : 3))}
PARTITIONS=6
# A pace that leaves the machine to others; SEED and the rest are for members.c.
export SEED LINGER_MS=3000 PRODUCE_MS=${PRODUCE_MS:-500} COMMIT_MS=${COMMIT_MS:-2000} FETCH_WAIT_MS=${FETCH_WAIT_MS:-1000} QUIET_MS=${QUIET_MS:-10000}
# The record cache is small, so that it is full before the first round ends: what grows then is a leak.
SPATE_ARGS=${SPATE_ARGS-"--set spate.cache.bytes=4194304 --set spate.journal.bytes=16777216"}
REBALANCE_DELAY_MS=300 # members that begin together are together in the first assignment
SPATE_ARGS+=" --set group.consumer.session.timeout.ms=8000 --set group.consumer.heartbeat.interval.ms=1000"
OUT=${OUT:-$WORK/samples}
calm_s=$((QUIET_MS / 1000 + 13))
round_s=$((TIME / ROUNDS > calm_s + 10 ? TIME / ROUNDS - calm_s : 10))
echo "#     SEED=$SEED SPATE_ARGS='$SPATE_ARGS', $ROUNDS rounds of $round_s s, $GROUPS_ groups of $MEMBERS"

fds() { ls "/proc/$BROKER_PID/fd" | wc -l; }
sockets() { ls -l "/proc/$BROKER_PID/fd" | grep -c socket:; }
cpu_s() { awk -v hz="$(getconf CLK_TCK)" '{printf "%.1f", ($14 + $15) / hz}' "/proc/$BROKER_PID/stat"; }
offsets_kib() { du -sck "$DATA"/__consumer_offsets-* 2> /dev/null | awk 'END {print $1}'; }
sample() { echo "$SECONDS $(broker_rss_kib) $(fds) $(offsets_kib) $(cpu_s)"; }

# not_grown WHAT UNIT EARLY LATE SLACK: LATE is at most a tenth and SLACK more than EARLY
not_grown() {
	echo "#     $1: $3 $2 after round 2, $4 $2 after the last"
	if [ "$4" -le $(($3 + $3 / 10 + $5)) ]; then pass "$1 does not grow"; else fail "$1 does not grow: $3 -> $4 $2 (SEED=$SEED)"; fi
}

broker_start
sockets_before=$(sockets)
topic=$(topic_name soak)
"$LIVE_BIN/admin" "$BROKER" create "$topic" "$PARTITIONS" || die "the topic is created"
"$LIVE_BIN/members" "$BROKER" "$topic" "$PARTITIONS" "$KINDS" "$GROUPS_" "$MEMBERS" "$LIFE" "$round_s" "$ROUNDS" > "$WORK/members.out" 2>&1 &
load=$!
rounds=0
: > "$WORK/quiet"
while kill -0 "$load" 2> /dev/null; do
	sleep 2
	sample >> "$OUT"
	done_rounds=$(grep -c '^#     round' "$WORK/members.out")
	if [ "$done_rounds" -gt "$rounds" ]; then
		rounds=$done_rounds
		tail -1 "$OUT" >> "$WORK/quiet"
		echo "$(grep '^#     round' "$WORK/members.out" | tail -1); $(tail -1 "$OUT" | awk '{print $2 " KiB of memory, " $3 " descriptors, " $4 " KiB of __consumer_offsets, " $5 " s of CPU"}')"
	fi
done
status=0
wait "$load" || status=$?
grep -v '^committed\|^#     round' "$WORK/members.out"
[ "$status" -eq 0 ] || fail "the members end well (status $status, SEED=$SEED)"
# Column COLUMN of the quiet moment NUMBER.
at_quiet() { sed -n "$1p" "$WORK/quiet" | cut -d ' ' -f "$2"; }
if [ "$rounds" -ge 3 ]; then
	case $SPATE_BIN in *asan*) skip "memory: a sanitizer keeps what is freed" ;; *) not_grown "the broker's memory" KiB "$(at_quiet 2 2)" "$(at_quiet "$rounds" 2)" 2048 ;; esac
	not_grown "the number of descriptors" descriptors "$(at_quiet 2 3)" "$(at_quiet "$rounds" 3)" 8
	# A partition with groups keeps its log until that is worth a snapshot, 1 MiB or four times the state, and then what was written meanwhile.
	used=$(find "$DATA"/__consumer_offsets-* -name '*.log' | xargs -n 1 dirname | sort -u | wc -l)
	expect "__consumer_offsets takes at most 2 MiB for each of the $used partitions in use" yes "$([ "$(at_quiet "$rounds" 4)" -le $((used * 2048)) ] && echo yes || echo "$(at_quiet "$rounds" 4) KiB")"
fi
for _ in $(seq 50); do [ "$(sockets)" = "$sockets_before" ] && break; sleep 0.1; done
expect "once all have gone, no connection is left behind" "$sockets_before" "$(sockets)"
broker_stop
expect_status "log verify finds no damage" 0 "$SPATE_BIN" log verify "$DATA"
