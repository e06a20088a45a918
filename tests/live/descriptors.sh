#!/usr/bin/env bash
# A limit of 128 open files, and 250 partitions; then more connections than that. Nothing breaks, everything is served, through kill -9 and a stop, on io_uring
# and on plain system calls; `log verify` and `log repair` get along with it too.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
REAL_BIN=$(realpath "$SPATE_BIN")
printf '#!/bin/sh\nulimit -n 128\nexec "%s" "$@"\n' "$REAL_BIN" > "$WORK/limited"
chmod +x "$WORK/limited"
SPATE_BIN=$WORK/limited
HTTP=$(free_port)
metric() { curl -s "http://127.0.0.1:$HTTP/metrics" | awk -v name="$1" 'index($1, name) == 1 {sum += $2} END {print sum + 0}'; }
sum_of() { kc_consume t -o beginning -f '%s\n' | LC_ALL=C sort | md5sum; }
load() { seq "$1" "$2" | awk '{print $1 ":" $1}' | kc_produce -t t -K: -X queue.buffering.max.ms=50; }
check() {
	expect "$1: every record is there" "$(seq "$2" | LC_ALL=C sort | md5sum)" "$(sum_of)"
	expect "$1: durability stands" 0 "$(metric spate_store_failed)"
}
start() { broker_start --metrics "$HTTP" --set spate.journal.bytes=8388608 --set spate.cache.bytes=4194304 "$@"; }

start
"$REAL_BIN" topic create t -p 250 -b "$BROKER" > /dev/null
load 1 2000
check "250 partitions under a limit of 128" 2000

# More than there is room for: the newest are refused, those that are there are served.
clients=()
for _ in $(seq 140); do exec {fd}<> "/dev/tcp/127.0.0.1/$PORT" && clients+=("$fd"); done 2> /dev/null
sleep 0.3
open=$(find "/proc/$BROKER_PID/fd" -mindepth 1 2> /dev/null | wc -l)
if [ "$open" -le 120 ]; then pass "140 connections leave descriptors to the log: $open are open"; else fail "140 connections leave descriptors to the log: $open of 128 are open"; fi
expect_match "refused ones are in the log" "a connection is refused" "$(cat "$LOG")"
for fd in "${clients[@]}"; do exec {fd}>&-; done
load 2001 4000
check "after the crowd has gone" 4000
broker_kill9
start --set spate.io=syscalls
expect_match "the start says that the limit is low" "ulimit -n\) is 128, low for 250 partitions" "$(cat "$LOG")"
check "after kill -9, on plain system calls" 4000
load 4001 6000
check "and goes on" 6000
broker_stop
expect_status "log verify" 0 "$SPATE_BIN" log verify "$DATA"
expect_status "log repair" 0 "$SPATE_BIN" log repair "$DATA" --dry-run
