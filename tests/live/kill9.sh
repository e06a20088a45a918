#!/usr/bin/env bash
# kill -9 at random moments under an idempotent load (load.c): nothing acked is lost, doubled or moved.
#
#   SEED=N      the moments and settings of a run before (printed)        KILLS=N   how many (8)
#   PARTITIONS=N (6, at most 64)   RATE=N bytes a second (20,000,000)   SPATE_ARGS="..." the broker's settings; by default one of `variants`
#   SOAK_TIME=S the long form: kills for the first third of S seconds, then a calm stretch in which the
#               broker's memory is sampled and must not grow
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
SEED=${SEED:-$(($(date +%s%N) % 100000))}
RANDOM=$SEED
KILLS=${KILLS:-8}
PARTITIONS=${PARTITIONS:-6}
RATE=${RATE:-$([ -n "${SOAK_TIME:-}" ] && echo 6000000 || echo 20000000)}
# Little memory and journal make recovery and write-behind work hard; segments of 1 MiB, the least there is, roll all the time.
variants=("--set spate.shards=1" "--set spate.shards=2" "--set spate.io=syscalls"
	"--set spate.cache.bytes=8388608 --set spate.journal.bytes=16777216")
SPATE_ARGS=${SPATE_ARGS-${variants[RANDOM % ${#variants[@]}]}}
[ -z "${SOAK_TIME:-}" ] || SPATE_ARGS+=" $WATCHED_ARGS"
echo "#     SEED=$SEED SPATE_ARGS='$SPATE_ARGS'"

# random_ms FROM TO: sleeps that long
random_ms() {
	local ms=$(($1 + RANDOM % ($2 - $1)))
	sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
}

# One kill; every third time the start after it is killed too, most likely while it recovers.
kill_and_restart() {
	broker_kill9
	random_ms 1 400
	if [ $((RANDOM % 3)) = 0 ]; then
		broker_spawn
		random_ms 1 60
		broker_kill9
	fi
	local begin
	begin=$(date +%s%3N)
	broker_start
	slowest_start_ms=$((slowest_start_ms > $(date +%s%3N) - begin ? slowest_start_ms : $(date +%s%3N) - begin))
}

# Topics are made and deleted all the while. What was answered counts: a topic made must be there at the end with
# its partitions, a topic deleted must not; one whose answer was lost to a kill may be either.
: > "$WORK/made" > "$WORK/gone" > "$WORK/unsure"
churn_topics() {
	local n=0
	while [ ! -e "$WORK/stop" ]; do
		n=$((n + 1))
		if "$LIVE_BIN/admin" "$BROKER" create "churn-$n" $((n % 4 + 1)) retention.ms=$((n * 1000000)) > /dev/null; then
			echo "churn-$n $((n % 4 + 1))" >> "$WORK/made"
		else
			echo "churn-$n" >> "$WORK/unsure"
		fi
		if [ $((n % 3)) = 0 ]; then
			if "$LIVE_BIN/admin" "$BROKER" delete "churn-$((n - 1))" > /dev/null; then
				echo "churn-$((n - 1))" >> "$WORK/gone"
			else
				echo "churn-$((n - 1))" >> "$WORK/unsure"
			fi
		fi
		sleep 0.2
	done
}

check_topics() {
	local name count wrong= made
	kc -L | sed -nE 's/.*topic "(churn-[0-9]+)" with ([0-9]+) partitions.*/\1 \2/p' > "$WORK/there"
	while read -r name count; do
		grep -qx "$name" "$WORK/gone" "$WORK/unsure" || grep -qx "$name $count" "$WORK/there" || wrong+=" $name-is-lost"
	done < "$WORK/made"
	while read -r name; do
		if grep -q "^$name " "$WORK/there"; then wrong+=" $name-is-back"; fi
	done < "$WORK/gone"
	made=$(wc -l < "$WORK/made")
	expect "of $made topics made and $(wc -l < "$WORK/gone") deleted meanwhile, none is lost or back" "" "$wrong"
}

slowest_start_ms=0
broker_start
topic=$(topic_name kill9)
"$LIVE_BIN/admin" "$BROKER" create "$topic" "$PARTITIONS" segment.bytes=$([ -n "${SOAK_TIME:-}" ] && echo 16777216 || echo 1048576) || die "the topic is created"
"$LIVE_BIN/load" "$BROKER" "$topic" "$PARTITIONS" "$RATE" > "$WORK/load.out" 2>&1 &
load=$!
churn_topics &
churn=$!
killed=0
until_s=$((SECONDS + ${SOAK_TIME:-0} / 3))
while kill -0 "$load" 2> /dev/null; do
	if [ -n "${SOAK_TIME:-}" ]; then [ "$SECONDS" -lt "$until_s" ] || break; else [ "$killed" -lt "$KILLS" ] || break; fi
	if [ -n "${SOAK_TIME:-}" ]; then random_ms 1000 8000; else random_ms 200 2500; fi
	kill_and_restart
	killed=$((killed + 1))
done

if [ -n "${SOAK_TIME:-}" ]; then
	touch "$WORK/stop" # no more topics: each takes its own memory
	watch_memory $((SOAK_TIME * 2 / 3)) $((WATCHED_CACHE_BYTES * 4 / RATE + 1)) "$load"
fi

random_ms 500 1500
touch "$WORK/stop"
kill "$load" 2> /dev/null
status=0
wait "$load" || status=$?
wait "$churn"
cat "$WORK/load.out"
[ "$status" -eq 0 ] || fail "the load ends well after $killed kills (status $status, SEED=$SEED)"
echo "#     $killed kills; the slowest start took $slowest_start_ms ms"

# What is on disk is whole after one more kill, and after a clean stop.
broker_kill9
broker_start
expect "all partitions have their leader after the last kill" "$PARTITIONS" "$(kc -L -t "$topic" | grep -c 'partition [0-9]*, leader [0-9]')"
check_topics
broker_stop
expect_status "log verify finds no damage" 0 "$SPATE_BIN" log verify "$DATA"
