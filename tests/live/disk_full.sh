#!/usr/bin/env bash
# A full disk: produces are refused within 100 ms, reads, commits, heartbeats, deletes and changes of topics are served from the reserve, the broker lives,
# and goes on by itself within 5 s once there is room. The disk is a tmpfs in a mount namespace of our own, so this needs the right to make one.
if [ -z "${IN_NAMESPACE:-}" ]; then
	for flags in -m -rm; do
		if unshare $flags true 2> /dev/null; then IN_NAMESPACE=1 exec unshare $flags bash "${BASH_SOURCE[0]}"; fi
	done
	echo "skip  disk_full.sh: no mount namespace to be had"
	exit 0
fi
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
mkdir "$WORK/small"
mount -t tmpfs -o "size=${DISK_MIB:-256}m" none "$WORK/small" || { skip "disk_full.sh: no tmpfs"; exit 0; }
trap 'clean_up_disk' EXIT
clean_up_disk() { local status=$?; broker_stop; umount -l "$WORK/small"; (exit $status); clean_up; }
DATA=$WORK/small/data
head -c $((60 << 20)) /dev/zero > "$WORK/small/ballast"
HTTP=$(free_port)
broker_start --metrics "$HTTP" --set spate.journal.bytes=33554432
group() { timeout 30 "$LIVE_BIN/group" "$BROKER" "$@"; }
echo x | kc_produce -t members
group commit committed members 0 7
"$LIVE_BIN/group" "$BROKER" consume live members 0 200 session.timeout.ms=6000 heartbeat.interval.ms=500 enable.auto.commit=false > "$WORK/member" 2>&1 &
member=$!
for _ in $(seq 100); do grep -q '^record' "$WORK/member" && break; sleep 0.1; done

# Values of 600 kB until one is refused; each line of `acked` is one that was not.
acked=0
for n in $(seq 400); do
	{ printf '%06d' "$n"; head -c 600000 /dev/urandom; } > "$WORK/value"
	if kc_produce -t full -X message.timeout.ms=4000 "$WORK/value" > "$WORK/produce.out" 2>&1 < /dev/null && ! grep -qiE 'fail|error' "$WORK/produce.out"; then
		acked=$n
	else
		break
	fi
done
if [ "$acked" -gt 20 ] && [ "$acked" -lt 400 ]; then pass "the disk fills after $acked values and the next is refused"; else fail "the disk fills: $acked values acked: $(tail -1 "$WORK/produce.out")"; fi
expect "the broker is alive" yes "$(broker_is_alive && echo yes)"
read_back() { kc_consume full -o beginning -f '%s\n' 2> /dev/null | LC_ALL=C grep -aoE '^[0-9]{6}' | head -n "$acked" | md5sum; }
wanted=$(for n in $(seq "$acked"); do printf '%06d\n' "$n"; done | md5sum)
expect "every value acked is served while the disk is full" "$wanted" "$(read_back)"
expect_match "metadata is served while the disk is full" 'topic "full"' "$(kc -L -t full)"
broker_is_alive && pass "it is still alive" || fail "it is still alive"
if command -v curl > /dev/null; then
	expect "metrics say that the disk is full" 1 "$(curl -s "http://127.0.0.1:$HTTP/metrics" | sed -nE 's/^spate_store_full\{shard="0"\} //p')"
	expect "it stays ready, and says so" "ready, but the disk is full: produce is refused, fetch is served" "$(curl -sf "http://127.0.0.1:$HTTP/readyz")"
fi
expect "a group's offsets are served while the disk is full" "members 0 7" "$(group offsets committed)"
expect "a commit is taken while the disk is full" "" "$(group commit committed members 0 8)"
expect "... and there" "members 0 8" "$(group offsets committed)"
read -r error took < <("$LIVE_BIN/refused" "$BROKER" full 0)
expect "a produce is refused with KAFKA_STORAGE_ERROR, within 100 ms" "56 yes" "$error $([ "$took" -le 100 ] && echo yes || echo "$took ms")"
expect_status "a topic is made while the disk is full" 0 "$SPATE_BIN" topic create made -b "$BROKER"
expect_status "... and deleted" 0 "$SPATE_BIN" topic delete made -b "$BROKER"
expect_status "records are deleted while the disk is full" 0 "$SPATE_BIN" topic trim members -b "$BROKER" --to 1
out=$("$SPATE_BIN" produce full --broker "$BROKER" -q -X message.timeout.ms=3000 --file "$WORK/value" 2>&1)
expect_match "spate produce says why: what the broker answered, and how much of its disk is free" \
	"not written to 'full': the broker refused them until their time was over: Broker: Disk error.*; its disk is full: under $DATA [0-9.]+ ([KM]i)?B of [0-9.]+ MiB are free" "$out"
sleep 8
expect "a member lives on, longer than its session" "assigned 0 record 0 0 x" "$(xargs < "$WORK/member")"

rm "$WORK/small/ballast"
begin=$(date +%s%N) resumed=
for _ in $(seq 100); do
	resumed=$("$LIVE_BIN/refused" "$BROKER" full 0)
	[ "${resumed% *}" = 0 ] && break
	sleep 0.1
done
took=$((($(date +%s%N) - begin) / 1000000))
echo "#     produces are taken again $took ms after there is room"
expect "produces are taken again by themselves, within 5 s of there being room" "0 yes" "${resumed% *} $([ "$took" -le 5000 ] && echo yes || echo "$took ms")"
expect "and every value acked is still there" "$wanted" "$(read_back)"
expect "commits are taken again" "" "$(group commit committed members 0 9)"
echo y | kc_produce -t members
for _ in $(seq 100); do grep -q 'y$' "$WORK/member" && break; sleep 0.1; done
expect "the member reads on, and no rebalance was made" "assigned 0 record 0 0 x record 0 1 y" "$(xargs < "$WORK/member")"
kill -TERM "$member"
wait "$member"
broker_kill9
broker_start --set spate.journal.bytes=33554432
expect "the commit is there after kill -9" "members 0 9" "$(group offsets committed)"
expect "and after kill -9" "$wanted" "$(read_back)"

# A stop does not wait for room: what is not in segments stays in the journal, and the next start has it; a full disk is not called broken.
for n in $(seq 60); do printf '%s %s\n' "$n" "$(head -c 20000 /dev/urandom | base64 -w 0)"; done > "$WORK/late"
kc_produce -t late -X batch.num.messages=1 -X max.in.flight.requests.per.connection=1 < "$WORK/late"
head -c 1073741824 /dev/zero > "$WORK/small/ballast" 2> /dev/null
begin=$SECONDS
broker_stop
[ $((SECONDS - begin)) -lt 8 ] && pass "a broker with unfiled records and a full disk stops" || fail "a broker with unfiled records and a full disk stops: it took $((SECONDS - begin)) s"
expect_match "... and says where they are" 'disk is full: what is not in segments yet stays in the journal; nothing is lost' "$(cat "$LOG")"
broker_start --set spate.journal.bytes=33554432
expect "the next start has the records" "$(md5sum < "$WORK/late")" "$(kc_consume late -o beginning | md5sum)"
begin=$SECONDS
broker_stop
[ $((SECONDS - begin)) -lt 8 ] && pass "started and stopped on the full disk, it stops" || fail "started and stopped on the full disk, it stops: it took $((SECONDS - begin)) s"
expect "... and nothing is called broken" "" "$(grep -E 'broken|not stop cleanly' "$LOG")"
rm "$WORK/small/ballast"
broker_start --set spate.journal.bytes=33554432
expect "with room again every value acked is there" "$wanted" "$(read_back)"
expect "... and the records" "$(md5sum < "$WORK/late")" "$(kc_consume late -o beginning | md5sum)"
broker_stop
head -c 1073741824 /dev/zero > "$WORK/small/ballast" 2> /dev/null
broker_start --set spate.journal.bytes=33554432
broker_stop
expect_match "a cleanly stopped directory, started on a full disk, stops as it was" 'stopped: all is on disk' "$(cat "$LOG")"
expect "... and nothing is called broken" "" "$(grep -E 'broken|not stop cleanly' "$LOG")"
rm "$WORK/small/ballast"
broker_start --set spate.journal.bytes=33554432
expect_match "... which the next start knows" 'stopped cleanly before' "$(cat "$LOG")"
expect "... with everything" "$wanted" "$(read_back)"
