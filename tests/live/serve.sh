#!/usr/bin/env bash
# Starting and stopping: a restart keeps everything, and each mistake has its one line.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker

# ---- restarts ------------------------------------------------------------------------------------------
broker_start
seq 1 2000 | kc_produce -t plain
"$LIVE_BIN/admin" "$BROKER" create wide 5 retention.ms=-1 max.message.bytes=2000000
for p in 0 1 2 3 4; do seq 1 $((p * 100 + 1)) | kc_produce -t wide -p "$p" -z zstd -X enable.idempotence=true; done
"$LIVE_BIN/admin" "$BROKER" delete-records wide 4 250
"$LIVE_BIN/admin" "$BROKER" create gone 1
"$LIVE_BIN/admin" "$BROKER" delete gone
"$LIVE_BIN/admin" "$BROKER" create bare 7
topics=(plain wide gone)
everything() { "$LIVE_BIN/state" "$BROKER" "${topics[@]}"; for t in plain wide; do kc_consume $t -o beginning -f '%t %p %o %T %k %s\n' | sort | md5sum; done; }
before=$(everything)
expect_match "the state to keep: a start offset of 250" "^wide [0-9a-f]{32} 4 250 401$" "$before"
broker_stop
pass "SIGTERM stops the broker with status 0"
broker_start
expect_match "the start counts topics and partitions, empty ones too" 'found +3 topics, 13 partitions' "$(cat "$LOG")"
expect "a clean restart keeps topics, ids, offsets and records" "$before" "$(everything)"
broker_kill9
broker_start
expect "a restart after kill -9 keeps them" "$before" "$(everything)"
kill -INT "$BROKER_PID"
wait "$BROKER_PID"
expect "Ctrl-C (SIGINT) stops the broker with status 0" 0 $?
BROKER_PID=
broker_start
expect "and everything is there again" "$before" "$(everything)"
seq 2001 2100 | kc_produce -t plain
expect "offsets go on where they were" "2000 2001" "$(kc_consume plain -o 2000 -c 1 -f '%o %s')"
expect "the first line of the log says where it listens, and that acks are durable" 1 "$(grep -ic 'durable' "$LOG" | awk '{print ($1 > 0)}')"

# The first line means that it may be stopped, at once.
stops=$(python3 - "$SPATE_BIN" serve --data "$WORK/at-once" --listen 127.0.0.1:0 << 'EOF'
import os, signal, subprocess, sys
clean = 0
for _ in range(20):
    broker = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
    said = b""
    while b"listening on" not in said and broker.poll() is None:
        said += os.read(broker.stdout.fileno(), 4096)
    broker.send_signal(signal.SIGTERM)
    clean += broker.wait(20) == 0
print(clean)
EOF
)
expect "SIGTERM right behind the first line stops it cleanly, 20 times" 20 "$stops"

# ---- topics called as the broker's own files ------------------------------------------------------------
# Their names are not the broker's to take: a topic called journal is as good as any other, through stops, kills, trims and deletion.
plain_data=$DATA
DATA=$WORK/own-names
own=(journal checkpoint log-start reserve)
of_all() { for t in "${own[@]}"; do kc_consume "$t" -o beginning -f '%t %p %o %s\n' | sort | md5sum; done; }
broker_stop
PORT=
broker_start --set spate.shards=2
for t in "${own[@]}"; do
	"$LIVE_BIN/admin" "$BROKER" create "$t" 1
	seq 100 | kc_produce -t "$t"
done
"$LIVE_BIN/admin" "$BROKER" delete-records journal 0 50
before=$(of_all)
expect "topics called as the broker's own files: what was produced is there" "$(seq 2 100 | wc -l)" "$(kc_consume log-start -o 1 | wc -l)"
broker_stop
broker_start
expect "... after a stop" "$before" "$(of_all)"
"$LIVE_BIN/admin" "$BROKER" delete-records checkpoint 0 20
"$LIVE_BIN/admin" "$BROKER" delete reserve
"$LIVE_BIN/admin" "$BROKER" create reserve 1
seq 7 | kc_produce -t reserve -p 0
before=$(of_all)
broker_kill9
expect "... verify finds nothing wrong after kill -9" 0 "$("$SPATE_BIN" log verify "$DATA" > "$WORK/verified"; echo $?)"
broker_start
expect "... after kill -9" "$before" "$(of_all)"
broker_stop
expect "... verify finds nothing wrong after a stop" 0 "$("$SPATE_BIN" log verify "$DATA" > "$WORK/verified"; echo $?)"
rm "$DATA"/checkpoint-* "$DATA"/catalog.log
expect "... repair makes a lost catalog anew from their directories" 0 "$("$SPATE_BIN" log repair "$DATA" --accept-loss > "$WORK/repaired" 2>&1; echo $?)"
broker_start
expect "... and a start without checkpoints" "$before" "$(of_all)"
broker_stop
DATA=$plain_data PORT=
broker_start

# ---- two brokers ---------------------------------------------------------------------------------------
# refuses WHAT REGEX ARGS...: the broker must end by itself within 10 s, not with 0, and say why in one line.
refuses() {
	local what=$1 regex=$2 status=0 out
	shift 2
	out=$(timeout 10 "$SPATE_BIN" "$@" 2>&1 < /dev/null) || status=$?
	if [ "$status" = 124 ]; then fail "$what: it runs on"; return; fi
	if [ "$status" = 0 ] || [ "$status" -ge 128 ]; then fail "$what: status $status: $out"; return; fi
	expect_match "$what" "$regex" "$out"
}
refuses "a data directory in use by another broker" 'in use|another|lock' serve --data "$DATA" --listen 127.0.0.1:0
refuses "a partition's directory" 'plain-0 is the directory of a partition' serve --data "$DATA/plain-0" --listen 127.0.0.1:0
expect "... and leaves nothing there" 0 "$(ls -A "$DATA/plain-0" | grep -cE 'catalog|journal|lock|meta.properties')"
refuses "a port in use names the port" "$PORT.*(in use|taken)|(in use|taken).*$PORT" serve --data "$WORK/other" --listen "127.0.0.1:$PORT"
expect "the first broker goes on" 2100 "$(kc_consume plain -o beginning | wc -l)"

# ---- mistakes ------------------------------------------------------------------------------------------
real_bin=$SPATE_BIN
printf '#!/bin/sh\nulimit -f 300\nexec "%s" "$@"\n' "$real_bin" > "$WORK/limited"
chmod +x "$WORK/limited"
SPATE_BIN=$WORK/limited
refuses "a limit of the size of files is named, and the way out" 'ulimit -f unlimited' serve --data "$WORK/small-files" --listen 127.0.0.1:0
SPATE_BIN=$real_bin
expect "... before anything was made" no "$([ -e "$WORK/small-files" ] && echo yes || echo no)"
refuses "an unknown --set key names the nearest" 'log.retention.ms' serve --data "$WORK/other" --listen 127.0.0.1:0 --set log.retention.mss=1
refuses "a topic key with a slip names the broker's" 'did you mean log.retention.ms' serve --data "$WORK/other" --listen 127.0.0.1:0 --set retention.mss=1
refuses "a value that is no number" 'log.retention.ms' serve --data "$WORK/other" --listen 127.0.0.1:0 --set log.retention.ms=soon
printf '# a comment\nlog.retention.ms = 1000000\nmesage.max.bytes = 5\n' > "$WORK/bad.properties"
refuses "an unknown key in a config file names the nearest, and the line" 'message.max.bytes' serve --config "$WORK/bad.properties" --data "$WORK/other" --listen 127.0.0.1:0
printf 'num.partitons=1\n\nlog.retention.ms=99999999999999999999\nwords\n' > "$WORK/bad.properties"
out=$(timeout 10 "$SPATE_BIN" serve --config "$WORK/bad.properties" --set num.partitionz=1 --data "$WORK/other" --listen 127.0.0.1:0 2>&1)
expect "all mistakes of a configuration are told, each in its line" 4 "$(grep -cE '^spate: .*(:1: unknown|:3: .* from -?[0-9]+ to|:4: .*key = value|--set: unknown key)' <<< "$out")"
refuses "a config file that is not there" 'nowhere.properties' serve --config "$WORK/nowhere.properties"
refuses "an unknown flag" '--dat' serve --dat "$WORK/other"
refuses "an unknown command" 'serv' serv
refuses "an address that is none" 'nonsense' serve --data "$WORK/other" --listen nonsense
refuses "a port out of range" '99999' serve --data "$WORK/other" --listen 127.0.0.1:99999
refuses "a name that nobody knows" "'no.such.host.invalid' is a name that nobody here knows; listen on 127.0.0.1" serve --data "$WORK/other" --listen no.such.host.invalid:9
refuses "an address of somewhere else" 'this machine has no such address; listen on' serve --data "$WORK/other" --listen 192.0.2.1:9
refuses "a request size that lets no request in" 'at least 1024' serve --data "$WORK/other" --listen 127.0.0.1:0 --set socket.request.max.bytes=10
echo x > "$WORK/file"
refuses "a data directory that is a file" "$WORK/file" serve --data "$WORK/file" --listen 127.0.0.1:0

# ---- settings ------------------------------------------------------------------------------------------
broker_stop
printf 'num.partitions = 3\nauto.create.topics.enable=true\n' > "$WORK/good.properties"
DATA=$WORK/configured
broker_start --config "$WORK/good.properties" --set message.max.bytes=5000
echo x | kc_produce -t three
expect_match "a config file's num.partitions is used" '"three" with 3 partitions' "$(kc -L -t three)"
expect_match "--set message.max.bytes is used" 'too large' "$(head -c 6000 /dev/urandom | base64 -w0 | kc_produce -t three 2>&1)"
broker_stop

# ---- a start that fails is no crash -------------------------------------------------------------------
clean=$DATA
DATA=$WORK/occupant
PORT=
broker_start
for data in "$clean" "$WORK/never"; do
	refuses "a port in use, data ${data##*/}" 'in use by another program' serve --data "$data" --listen "$BROKER"
done
broker_stop
DATA=$clean
broker_start
expect_match "after a start that could not listen, the directory is as clean as before" 'stopped cleanly before' "$(cat "$LOG")"
broker_stop
DATA=$WORK/never
broker_start
expect "... and a new one is new" "" "$(grep -E 'found|recovered' "$LOG")"
broker_stop

# ---- the directory is moved, the lock removed --------------------------------------------------------------
# A backup is put in the place of a directory that is in use: the broker goes on in the one it opened, and leaves the backup alone.
DATA=$WORK/moved
broker_start
"$LIVE_BIN/admin" "$BROKER" create kept 1
seq 1 100 | kc_produce -t kept
broker_stop
cp -a "$DATA" "$WORK/backup"
broker_start
seq 101 200 | kc_produce -t kept
mv "$DATA" "$WORK/moved.old"
cp -a "$WORK/backup" "$DATA"
seq 201 300 | kc_produce -t kept
rm -f "$WORK/moved.old/.lock"
refuses "a directory whose .lock was removed under its broker" 'in use by another broker' serve --data "$WORK/moved.old" --listen 127.0.0.1:0
expect_match "... is no more repaired than read whole" 'a running broker holds' "$("$SPATE_BIN" log verify "$WORK/moved.old"; "$SPATE_BIN" log repair "$WORK/moved.old" 2>&1)"
"$LIVE_BIN/admin" "$BROKER" create later 1
seq 1 10 | kc_produce -t later
broker_stop
expect_match "a stop says that the directory was renamed, and where it is" 'was renamed or removed while it was in use: what this broker wrote is in .*moved.old' "$(cat "$LOG")"
expect "the backup is as it was, byte for byte" "" "$(diff -r "$WORK/backup" "$DATA")"
DATA=$WORK/moved.old
broker_start
expect "all that was acknowledged is where the broker wrote it" "300 10" "$(kc_consume kept -o beginning | wc -l) $(kc_consume later -o beginning | wc -l)"
broker_stop

# What is no file in the place of .lock keeps nobody out: the directory itself is locked.
for what in directory fifo link; do
	rm -rf "$DATA/.lock"
	case $what in directory) mkdir "$DATA/.lock" ;; fifo) mkfifo "$DATA/.lock" ;; link) ln -s nowhere/at-all "$DATA/.lock" ;; esac
	expect_match "a .lock that is a $what: verify says so" 'derived .*\.lock.*it is no regular file' "$("$SPATE_BIN" log verify "$DATA")"
	broker_start
	expect_match "... a start puts it aside" '/\.lock is no regular file, and made anew; it is kept as .*\.lock\.foreign' "$(cat "$LOG")"
	expect "... and serves" 10 "$(kc_consume later -o beginning | wc -l)"
	refuses "... and holds the directory" 'in use by another broker' serve --data "$DATA" --listen 127.0.0.1:0
	broker_stop
	expect "... what it was is there" 1 "$(find "$DATA" -maxdepth 1 -name '.lock.foreign*' | wc -l)"
	rm -rf "$DATA"/.lock.foreign*
done
rm -f "$DATA/.lock"; mkdir "$DATA/.lock"
expect_status "a repair puts it aside as well" 0 "$SPATE_BIN" log repair "$DATA" --accept-loss
broker_start
broker_stop
DATA=$clean

# ---- durability is broken ------------------------------------------------------------------------------
# The directory goes away under a broker that has records to file: it must not say at its end that all is on disk.
DATA=$WORK/gone
broker_start
seq 1 1000 | kc_produce -t gone
rm -rf "$DATA"
kill -TERM "$BROKER_PID"
status=0; wait "$BROKER_PID" || status=$?
expect "a stop after broken durability is no clean one" 1 "$status"
expect "... and says nothing else" "" "$(grep -h 'all is on disk' "$LOG")"
DATA=$clean
broker_start
broker_stop

# ---- io_uring forbidden --------------------------------------------------------------------------------
if "$LIVE_BIN/no_io_uring" true; then
	DATA=$WORK/plain-calls
	real=$SPATE_BIN
	printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$PWD/$LIVE_BIN/no_io_uring" "$(realpath "$real")" > "$WORK/forbidden"
	chmod +x "$WORK/forbidden"
	SPATE_BIN=$WORK/forbidden
	refuses "io_uring demanded where it is forbidden" 'spate.io = io_uring, but it is not to be had' serve --data "$clean" --listen 127.0.0.1:0 --set spate.io=io_uring
	DATA=$clean
	broker_start
	expect_match "... which leaves the directory as clean as before" 'stopped cleanly before' "$(cat "$LOG")"
	broker_stop
	DATA=$WORK/plain-calls
	broker_start
	expect_match "io_uring forbidden: the log says so, and what to do" 'io_uring.*(seccomp|forbid|allow|permit|not to be had)' "$(grep -i io_uring "$LOG" | paste -sd' ')"
	seq 1 3000 | kc_produce -t plain -X enable.idempotence=true -z lz4
	expect "io_uring forbidden: produce and consume work" "$(seq 1 3000 | md5sum)" "$(kc_consume plain -o beginning | md5sum)"
	broker_kill9
	broker_start
	expect "io_uring forbidden: and are there after kill -9" "$(seq 1 3000 | md5sum)" "$(kc_consume plain -o beginning | md5sum)"
	broker_stop
	SPATE_BIN=$real
	broker_start
	expect "and with io_uring again, over the same data" "$(seq 1 3000 | md5sum)" "$(kc_consume plain -o beginning | md5sum)"
	broker_stop
else
	skip "io_uring forbidden: no seccomp here"
fi
