#!/usr/bin/env bash
# Two thousand connections that idle, read slowly or write slowly, beside a producer and a consumer (crowd.c); then max.connections and
# connections.max.idle.ms. CONNECTIONS=10000 is the release form (make check-crowd).
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
CONNECTIONS=${CONNECTIONS:-2000}
ulimit -n "$(ulimit -Hn)"
each=1024
case $SPATE_BIN in *asan*) each=16384 ;; esac
[ $((CONNECTIONS + 200)) -le $(($(ulimit -n) * 53 / 100)) ] || { skip "$CONNECTIONS connections: the system allows $(ulimit -n) open files"; exit 0; }
broker_start
run_cases "$LIVE_BIN/crowd" "$BROKER" "$(topic_name crowd)" "$BROKER_PID" "$CONNECTIONS" "$each"
expect "the broker is alive after all of it" yes "$(broker_is_alive && echo yes)"
broker_stop
broker_start --set max.connections=100
run_cases "$LIVE_BIN/crowd" "$BROKER" - "$BROKER_PID" limit 100
expect_match "what was refused is in the log" "a connection is refused: there are 100" "$(cat "$LOG")"
broker_stop
broker_start --set connections.max.idle.ms=2000
run_cases "$LIVE_BIN/crowd" "$BROKER" - "$BROKER_PID" reap 2000
broker_stop
broker_start
run_cases "$LIVE_BIN/crowd" "$BROKER" "$(topic_name deaf)" "$BROKER_PID" fill
broker_stop
broker_start
run_cases "$LIVE_BIN/crowd" "$BROKER" "$(topic_name deaf)" "$BROKER_PID" deaf 200
expect_match "who was closed for it is in the log" "it does not read its answers, and others wait for the memory" "$(cat "$LOG")"
