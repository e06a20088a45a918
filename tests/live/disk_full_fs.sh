#!/usr/bin/env bash
# A full disk on real file systems: an image of ext4 and one of XFS, loop-mounted, each filled while the broker runs, killed while full, started while full,
# and given room again. Needs root and loop devices; says so where it cannot be. FS="ext4 xfs" for both.
if [ -z "${IN_NAMESPACE:-}" ]; then
	if unshare -m true 2> /dev/null; then IN_NAMESPACE=1 exec unshare -m bash "${BASH_SOURCE[0]}"; fi
	echo "skip  disk_full_fs.sh: no mount namespace to be had"
	exit 0
fi
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
trap 'clean_up_disk' EXIT
clean_up_disk() { local status=$?; broker_stop; for fs in ext4 xfs; do umount -l "$WORK/$fs" 2> /dev/null; done; (exit $status); clean_up; }
settings=(--set spate.journal.bytes=8388608 --set spate.reserve.bytes=4194304 --set log.segment.bytes=4194304)

# image FS MIB: makes it and mounts it
image() {
	command -v "mkfs.$1" > /dev/null || { skip "disk_full_fs.sh: no mkfs.$1"; return 1; }
	truncate -s "$2M" "$WORK/$1.img"
	mkdir "$WORK/$1"
	"mkfs.$1" -q "$WORK/$1.img" && mount -o loop "$WORK/$1.img" "$WORK/$1" || { skip "disk_full_fs.sh: $1 cannot be loop-mounted here"; return 1; }
}
refused() { "$LIVE_BIN/refused" "$BROKER" full 0; }
served() { "$LIVE_BIN/served" "$BROKER" full 0; }

for fs in ${FS:-ext4}; do
	image $fs $([ $fs = xfs ] && echo 320 || echo 64) || continue
	DATA=$WORK/$fs/data
	# Little is left of the larger image, so that both fill alike.
	[ $fs = xfs ] && head -c $((220 << 20)) /dev/zero > "$WORK/$fs/rest"
	broker_start "${settings[@]}"
	"$LIVE_BIN/admin" "$BROKER" create full 1 > /dev/null
	seq 1 100 | kc_produce -t full -p 0
	sleep 6 # the first cycle
	head -c $((20 << 20)) /dev/zero > "$WORK/$fs/ballast"
	for n in $(seq 100); do
		head -c 900000 /dev/urandom > "$WORK/value"
		kc_produce -t full -p 0 -X message.timeout.ms=3000 "$WORK/value" > /dev/null 2>&1 < /dev/null
		[ "$(refused | cut -d' ' -f1)" = 0 ] || break
	done
	read -r error took < <(refused)
	expect "$fs: a full disk refuses produce within 100 ms" "56 yes" "$error $([ "$took" -le 100 ] && echo yes || echo "$took ms")"
	expect_match "$fs: all is served" '^0 [1-9][0-9]+ 0$' "$(served)"
	expect_status "$fs: a topic is made" 0 "$SPATE_BIN" topic create made -b "$BROKER"
	broker_kill9
	broker_start "${settings[@]}"
	expect_match "$fs: killed and started while full, all is served" '^0 [1-9][0-9]+ 0$' "$(served)"
	expect "$fs: the broker lives" yes "$(broker_is_alive && echo yes)"
	rm "$WORK/$fs/ballast"
	begin=$(date +%s%N)
	for _ in $(seq 100); do [ "$(refused | cut -d' ' -f1)" = 0 ] && break; sleep 0.1; done
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "#     $fs: produces are taken again $took ms after there is room"
	[ "$took" -le 5000 ] && pass "$fs: it resumes within 5 s of there being room" || fail "$fs: it resumes within 5 s: $took ms"
	broker_stop
	expect_status "$fs: verify finds nothing" 0 "$SPATE_BIN" log verify "$DATA"
done
