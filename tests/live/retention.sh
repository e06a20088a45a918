#!/usr/bin/env bash
# Retention by size while segments roll and the broker is killed: the log start moves, what is left has no gap, and
# the disk is given back.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
SPATE_ARGS="${SPATE_ARGS:-} --set log.retention.check.interval.ms=500 --set log.segment.delete.delay.ms=200"
broker_start
"$LIVE_BIN/admin" "$BROKER" create kept 2 segment.bytes=1048576 retention.bytes=3145728 || die "the topic is created"
head -c 6000000 /dev/urandom | base64 -w 1000 > "$WORK/lines"

# A partition's size on disk; what is in the journal alone has no directory yet.
size_kib() { du -sk "$DATA/kept-$1" 2> /dev/null | cut -f1 | grep . || echo 999999; }

# Until no log start has moved for two checks of retention.
settled() {
	local before= now
	for _ in $(seq 20); do
		now=$("$LIVE_BIN/state" "$BROKER" kept)
		[ "$now" = "$before" ] && return 0
		before=$now
		sleep 1.2
	done
	return 1
}

for round in 1 2; do
	for p in 0 1; do kc_produce -t kept -p "$p" -X enable.idempotence=true < "$WORK/lines"; done
	sleep 0.$((RANDOM % 8))
	broker_kill9
	broker_start
	for _ in $(seq 50); do [ "$(size_kib 0)" -le 5120 ] && [ "$(size_kib 1)" -le 5120 ] && break; sleep 0.2; done
	settled || fail "round $round: the log starts go on moving"
	for p in 0 1; do
		read -r start end <<< "$("$LIVE_BIN/state" "$BROKER" kept | awk -v p=$p '$3 == p {print $4, $5}')"
		expect "round $round, partition $p: the end counts every record" $((round * $(wc -l < "$WORK/lines"))) "$end"
		if [ "$start" -gt 0 ]; then pass "round $round, partition $p: the log start has moved"; else fail "round $round, partition $p: the log start is $start"; fi
		expect "round $round, partition $p: what is left has no gap" "$(seq "$start" $((end - 1)) | md5sum)" "$(kc_consume kept -p $p -o beginning -f '%o\n' | md5sum)"
		size=$(size_kib "$p")
		if [ "$size" -le 5120 ]; then pass "round $round, partition $p: the disk is given back"; else fail "round $round, partition $p: $size KiB on disk"; fi
	done
done
broker_stop
expect_status "log verify finds no damage" 0 "$SPATE_BIN" log verify "$DATA"
