# The live tests' library: sourced by each script of tests/live/. Starts a broker on a free port and a
# fresh data directory, kills and restarts it, counts what was asserted, leaves nothing running behind.
#
#   SPATE_BIN   the binary under test                     (default build/release/spate)
#   SPATE_ARGS  more arguments of `serve` for every start, as "--set spate.cache.bytes=4194304"
#   REBALANCE_DELAY_MS  how long a new group waits for more members before its first assignment (100; Kafka's default is 3000, and no test is about that wait)
#   LIVE_BIN    where the programs of tests/live/*.c are  (default build/release/live)
#   BROKER      HOST:PORT of a broker that runs already: any Kafka will do, and Apache Kafka is the oracle.
#               Scripts that need to start or kill the broker then say so and skip.
#   KEEP        set: data directories and logs stay, and their place is printed
#
# Each assertion prints one line, `ok    what` or `FAIL  what: why`; tests/run-live counts them.
# Failure modes: a broker that does not start, or that ends with a sanitizer's report, a failed CHECK
# or a status other than 0 after SIGTERM, is a FAIL line of its own.
set -uo pipefail

SPATE_BIN=${SPATE_BIN:-build/release/spate}
LIVE_BIN=${LIVE_BIN:-build/release/live}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/spate-live.XXXXXX")
DATA=$WORK/data
LOG=$WORK/broker.log
BROKER_PID=
BROKER=${BROKER:-}
PORT=${BROKER##*:}
START_TIMEOUT_S=${START_TIMEOUT_S:-10}
OWN_BROKER=1; [ -z "$BROKER" ] || OWN_BROKER=
FAILED=0

pass() { echo "ok    $*"; }
fail() { FAILED=$((FAILED + 1)); echo "FAIL  $*"; }
skip() { echo "skip  $*"; }

# Leaves the script with what was counted; a script that cannot go on says why with `die`.
die() { fail "$*"; exit 1; }
needs_own_broker() { [ -n "$OWN_BROKER" ] || { skip "${0##*/}: needs to start the broker itself, and BROKER is set"; exit 0; }; }

# A port nobody listens on, below those that the kernel gives to clients: a broker that is killed finds it free again, whatever other scripts do beside it.
free_port() {
	local port
	while :; do
		port=$((10240 + RANDOM % 22000))
		(: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
	done
	echo "$port"
}

broker_spawn() {
	: > "$LOG"
	[ -n "$PORT" ] || PORT=$(free_port)
	# shellcheck disable=SC2086 # several words
	"$SPATE_BIN" serve --data "$DATA" --listen "127.0.0.1:$PORT" --set "group.initial.rebalance.delay.ms=${REBALANCE_DELAY_MS:-100}" ${SPATE_ARGS:-} "$@" >> "$LOG" 2>&1 &
	BROKER_PID=$!
}

# Starts the broker on $DATA and waits until it listens; the second start of a script takes the port of the first.
broker_start() {
	[ -n "$OWN_BROKER" ] || return 0
	broker_spawn "$@"
	local port=
	for _ in $(seq $((START_TIMEOUT_S * 50))); do
		port=$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$LOG" | head -1)
		[ -n "$port" ] && break
		kill -0 "$BROKER_PID" 2> /dev/null || break
		sleep 0.02
	done
	if [ -z "$port" ]; then
		sed 's/^/      /' "$LOG"
		broker_kill9
		die "the broker starts and says where it listens"
	fi
	PORT=$port BROKER=127.0.0.1:$port
}

# Stops the broker as Ctrl-C does; it must end by itself, with status 0 and nothing bad in its log.
broker_stop() {
	[ -n "$BROKER_PID" ] || return 0
	local pid=$BROKER_PID status=0
	BROKER_PID=
	kill -TERM "$pid" 2> /dev/null
	for _ in $(seq 1500); do kill -0 "$pid" 2> /dev/null || break; sleep 0.02; done
	if kill -0 "$pid" 2> /dev/null; then
		fail "the broker stops within 30 s of SIGTERM"
		kill -9 "$pid"
	fi
	wait "$pid" || status=$?
	[ "$status" -eq 0 ] || fail "the broker ends with status 0 (got $status)"
	broker_log_is_clean
}

broker_kill9() {
	[ -n "$BROKER_PID" ] || return 0
	local pid=$BROKER_PID status=0
	BROKER_PID=
	kill -9 "$pid" 2> /dev/null
	wait "$pid" 2> /dev/null || status=$?
	[ "$status" -eq 137 ] || broker_died "$status"
	broker_log_is_clean
}

# A broker that ended by itself: its last words are shown.
broker_died() {
	fail "the broker was alive until it was killed (it had died with status $1)"
	tail -40 "$LOG" | sed 's/^/      /'
}

broker_is_alive() { [ -z "$OWN_BROKER" ] || kill -0 "$BROKER_PID" 2> /dev/null; }
broker_rss_kib() { awk '/^VmRSS/ {print $2}' "/proc/$BROKER_PID/status" 2> /dev/null; }

# A broker whose memory is watched has a small record cache: that grows to its bound and no further, and must have done so before anybody looks.
WATCHED_CACHE_BYTES=4194304
WATCHED_ARGS="--set spate.cache.bytes=$WATCHED_CACHE_BYTES"

# watch_memory SECONDS WARM_UP_S LOAD_PID: the broker's memory, once a second while the load lasts, must not grow once it is warm: the mean of the last
# third is held against that of the first. A quarter of the time goes into warming up at least: buffers reach their largest, indexes of sealed segments stay.
watch_memory() {
	local samples=() third early late slack warm_s=$(($1 / 4 > $2 ? $1 / 4 : $2))
	sleep "$warm_s"
	for _ in $(seq $(($1 > warm_s + 9 ? $1 - warm_s : 9))); do
		kill -0 "$3" 2> /dev/null || break
		samples+=("$(broker_rss_kib)")
		sleep 1
	done
	third=$((${#samples[@]} / 3))
	[ "$third" -gt 0 ] || { fail "memory does not grow: the load ended early"; return; }
	mean() { printf '%s\n' "${samples[@]:$1:third}" | awk '{sum += $1} END {printf "%d", sum / NR}'; }
	early=$(mean 0) late=$(mean $((third * 2)))
	echo "#     memory: $early KiB in the first third of ${#samples[@]} s, $late KiB in the last; warm after $warm_s s"
	# The longer it lasts, the larger the largest burst of it, for which buffers stay: 48 KiB a second, 6 MiB in all.
	slack=$((512 + 48 * ${#samples[@]} < 6144 ? 512 + 48 * ${#samples[@]} : 6144))
	if [ "$late" -le $((early + early / 20 + slack)) ]; then pass "memory does not grow"; else fail "memory does not grow: $early -> $late KiB"; fi
	[ -z "${SAMPLES:-}" ] || printf '%s\n' "${samples[@]}" >> "$SAMPLES"
}

broker_log_is_clean() {
	if grep -qE 'Sanitizer|runtime error:|spate: bug:|Assertion' "$LOG"; then
		fail "the broker's log has no report of a sanitizer or a CHECK"
		sed 's/^/      /' "$LOG" | tail -60
	fi
}

clean_up() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP PIPE # whoever read our output may be gone; the broker must still be stopped
	# `wait` on a broker that died under a test makes its status known, and a crash is then a FAIL.
	if [ -n "$BROKER_PID" ] && ! kill -0 "$BROKER_PID" 2> /dev/null; then
		local died=0
		wait "$BROKER_PID" || died=$?
		BROKER_PID=
		broker_died "$died"
	fi
	broker_stop
	local job
	for job in $(jobs -p); do kill "$job" 2> /dev/null; done
	if [ -n "${KEEP:-}" ]; then echo "      kept: $WORK"; else rm -rf "$WORK"; fi
	[ "$FAILED" -eq 0 ] && [ "$status" -eq 0 ]
	exit
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP PIPE

# expect WHAT WANTED GOT
expect() {
	if [ "$2" = "$3" ]; then pass "$1"; else
		fail "$1: expected '$(head -c 300 <<< "$2")', got '$(head -c 300 <<< "$3")'"
	fi
}
# expect_match WHAT REGEX TEXT
expect_match() {
	if grep -qE -- "$2" <<< "$3"; then pass "$1"; else fail "$1: no match of '$2' in '$(head -c 400 <<< "$3")'"; fi
}
# expect_status WHAT WANTED COMMAND...: runs it quietly, at most 60 s
expect_status() {
	local what=$1 wanted=$2 got=0 out
	shift 2
	out=$(timeout 60 "$@" 2>&1) || got=$?
	if [ "$got" = "$wanted" ]; then pass "$what"; else fail "$what: status $got, not $wanted: $(tail -3 <<< "$out")"; fi
}

# Runs a program that prints ok/FAIL lines itself, and counts its failure as this script's.
run_cases() {
	local status=0
	timeout "${CASES_TIMEOUT:-120}" "$@" || status=$?
	[ "$status" -eq 0 ] || FAILED=$((FAILED + 1))
	[ "$status" -le 1 ] || fail "${1##*/} runs to its end (status $status)"
}

# A topic name no other test of this run uses; with an oracle that outlives runs, none of an earlier run either.
topic_name() { echo "$1-$(basename "$WORK" | tr -dc 'a-zA-Z0-9')"; }

# kcat with bounded patience, and without the terminal.
kc() { timeout "${KC_TIMEOUT:-30}" kcat -b "$BROKER" "$@" < "${KC_IN:-/dev/null}"; }
kc_produce() { timeout "${KC_TIMEOUT:-30}" kcat -b "$BROKER" -P "$@"; }
# kc_consume TOPIC ...: all records up to the end, quietly
kc_consume() { local topic=$1; shift; kc -C -q -e -t "$topic" "$@"; }

# ---- rot --------------------------------------------------------------------------------------------------------

# flip FILE POSITION: another byte there
flip() {
	local byte
	[ -s "$1" ] || die "flip: there is no file '$1': what should have written it?"
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\x$(printf %02x $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2> /dev/null
}
# nth_batch FILE N: "position base_offset next_offset"
nth_batch() { "$SPATE_BIN" log inspect "$1" --json | jq -r '"\(.position) \(.base_offset) \(.last_offset + 1)"' | sed -n "$2"p; }
