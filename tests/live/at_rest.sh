#!/usr/bin/env bash
# What a broker costs that has nothing to do: start to first reply, memory, wake-ups. The bounds are the
# issue's, with room for a machine that is shared; `spate bench` measures, this only holds the line.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
case $SPATE_BIN in *asan*) skip "at_rest.sh: a sanitizer's memory and time are its own"; exit 0 ;; esac
broker_start
broker_stop

# The best of ten starts on an empty directory, until `start` has its ApiVersions reply.
best=999999
for n in $(seq 10); do
	ms=$("$LIVE_BIN/start" "$SPATE_BIN" serve --data "$WORK/start-$n" --listen 127.0.0.1:0) || { fail "a start is answered"; break; }
	best=$((ms < best ? ms : best))
done
echo "#     start to first reply: $best us, the best of ten"
# How fast it is, is for `make bench` to say (goal 20 ms): a start waits for the disk a few times, and the disk may be busy with anything.
if [ "$best" -le 300000 ]; then pass "start to the first reply does not take long"; else fail "start to the first reply takes $best us"; fi

# With a group: its coordinator is loaded after the start, and then has nothing to do.
broker_start
seq 1 1000 | kc_produce -t some
"$LIVE_BIN/group" "$BROKER" commit at-rest some 0 10 || fail "an offset is committed"
broker_stop
broker_start
kc_consume some -o beginning > /dev/null
sleep 1
rss=$(broker_rss_kib)
echo "#     memory at rest: $rss KiB"
if [ "$rss" -le 16384 ]; then pass "memory at rest is at most 16 MiB"; else fail "memory at rest is $rss KiB"; fi
switches() { cat /proc/"$BROKER_PID"/task/*/status | awk '/ctxt_switches/ {sum += $2} END {print sum}'; }
# What was begun while it worked (write-behind, a worker of the kernel's that is let go) may take a while to end.
for _ in 1 2 3 4 5; do
	before=$(switches)
	sleep 4
	woken=$(($(switches) - before))
	[ "$woken" -ne 0 ] || break # a worker of the kernel's that ended took its count along: less than none
done
echo "#     context switches in four seconds at rest: $woken"
if [ "$woken" -eq 0 ]; then pass "a broker at rest does not wake"; else fail "a broker at rest woke $woken times in four seconds"; fi
