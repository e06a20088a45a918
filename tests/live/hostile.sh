#!/usr/bin/env bash
# The bad-input corpus (tests/hostile): each EVERY-th of its hostile requests, and all of its hostile peers. `make check-hostile` plays all.
# SEED=N for other noise; SHOW=PATTERN prints what came of cases.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
HOSTILE=${HOSTILE:-${LIVE_BIN%/live}/hostile}
options=(--every "${EVERY:-13}")
SPATE_ARGS="$WATCHED_ARGS ${SPATE_ARGS:-}"
# A sanitizer keeps what was freed for a while.
case $SPATE_BIN in *asan*) options+=(--growth $((600 << 10))) ;; esac
if [ -n "$OWN_BROKER" ]; then
	broker_start
	options+=(--pid "$BROKER_PID" --log "$LOG" --shards "$(nproc)")
else
	options+=(--oracle)
fi
CASES_TIMEOUT=${CASES_TIMEOUT:-1000} run_cases "$HOSTILE" --broker "$BROKER" "${options[@]}" ${SEED:+--seed "$SEED"} ${SHOW:+--show "$SHOW"} ${RECORD:+--record "$RECORD"}
expect "it is the broker that was started" yes "$(broker_is_alive && echo yes)"
