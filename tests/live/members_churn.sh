#!/usr/bin/env bash
# Consumer groups with many members that only join and leave (members.c), again and again: no stuck group, and what they took of the broker's memory is given back.
#
#   SEED=N      the moments and choices of a run before (printed)         CHURN=N     groups of 20 members (25)
#   SOAK_TIME=S for two quarters of S seconds (20)
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
SEED=${SEED:-$(($(date +%s%N) % 100000))}
export SEED
CHURN=${CHURN:-25} PARTITIONS=6
echo "#     SEED=$SEED"
# Short, so that what a crash leaves behind is soon noticed.
REBALANCE_DELAY_MS=300 # members that begin together are together in the first assignment
SPATE_ARGS="${SPATE_ARGS:-} --set group.consumer.session.timeout.ms=8000 --set group.consumer.heartbeat.interval.ms=1000"
broker_start
topic=$(topic_name churn)
"$LIVE_BIN/admin" "$BROKER" create "$topic" "$PARTITIONS" || die "the topic is created"

# With a sanitizer, which keeps what is freed, once; else twice: the second time must take no more memory than the first.
churn() {
	local churn_status=0
	"$LIVE_BIN/members" "$BROKER" "$topic" "$PARTITIONS" CNX "$CHURN" 20 2000 "$((${SOAK_TIME:-40} / 4))" > "$WORK/churn.out" 2>&1 || churn_status=$?
	grep -v '^ok    the' "$WORK/churn.out" | sed "s/^ok    all groups become quiet.*/ok    all groups of the churn become quiet/"
	expect_status "the churn ends well (SEED=$SEED)" 0 [ "$churn_status" -eq 0 ]
}
churn
case $SPATE_BIN in *asan*) ;; *)
	first_kib=$(broker_rss_kib)
	churn
	second_kib=$(broker_rss_kib)
	echo "#     memory: $first_kib KiB after the first churn, $second_kib KiB after the second"
	if [ "$second_kib" -le $((first_kib + first_kib / 10 + 4096)) ]; then pass "members that are gone leave no memory behind"; else
		fail "members that are gone leave no memory behind: $first_kib -> $second_kib KiB"; fi ;;
esac
broker_stop
expect_status "log verify finds no damage" 0 "$SPATE_BIN" log verify "$DATA"
