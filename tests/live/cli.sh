#!/usr/bin/env bash
# The command line against a broker: what a person types first, and each mistake's one line and exit status.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
broker_start
export SPATE_BROKER=$BROKER
sp() { timeout 60 "$SPATE_BIN" "$@" < "${IN:-/dev/null}"; }
topic=$(topic_name cli)

# says WHAT STATUS REGEX ARGS...: one line on stderr, and the exit status.
says() {
	local what=$1 wanted=$2 regex=$3 status=0 out
	shift 3
	out=$(sp "$@" 2>&1 > /dev/null) || status=$?
	if [ "$status" -ne "$wanted" ]; then fail "$what: status $status, not $wanted: $out"; return; fi
	if [ "$(wc -l <<< "$out")" -ne 1 ]; then fail "$what: takes one line: $out"; return; fi
	expect_match "$what" "$regex" "$out"
}

# ---- topics --------------------------------------------------------------------------------------------
expect "topic create says what it made" "created $topic" "$(sp topic create "$topic" --partitions 3 --config retention.ms=-1)"
expect_match "topic list shows it" "^$topic +3\$" "$(sp topic list)"
expect "topic list --json" 3 "$(sp topic list --json | jq ".topics[] | select(.name == \"$topic\") | .partitions")"
expect "cluster: what is there" '[1,1,3,0,1,true]' "$(sp cluster --json | jq -c '[.controller, .topics, .partitions, .groups, .brokers[0].id, .disk_free_bytes > 0]')"
expect_match "... for people" "^data: +$DATA\$" "$(sp cluster)"
says "a topic that exists" 1 "'$topic'.*already exists" topic create "$topic"
expect "--if-not-exists is content with it" "exists already: $topic" "$(sp topic create "$topic" --if-not-exists)"
expect "... and says so in JSON" '["exists","created"]' "$(sp topic create "$topic" once --if-not-exists --json | jq -c '[.topics[].result]')"
expect "... as failures are" '["failed","created"] 1' "$(sp topic create "$topic" twice --json 2> /dev/null | jq -c '[.topics[].result]') $(sp topic create "$topic" --json > /dev/null 2>&1; echo $?)"
expect "topic delete --if-exists" '["absent","deleted","deleted"] 0' "$(sp topic delete nobody once twice --if-exists --json | jq -c '[.topics[].result] | sort') $?"
says "a name that cannot be" 2 "cannot be a topic's name" topic create 'a/b'
says "a config typo" 2 "did you mean retention.ms" topic create x --config retention.mss=1
says "a config value" 2 "retention.ms.*whole number" topic create x --config retention.ms=soon
says "a topic typo" 1 "did you mean '$topic'" topic describe "${topic}x"
says "a command typo" 2 "did you mean 'spate topic list'" topic lst
expect "help VERB is VERB --help" "$(sp group --help)" "$(sp help group)"
expect "... at each depth" "$(sp group rewind --help)$(sp group rewind --help)" "$(sp help group rewind)$(sp group help rewind)"
says "help about what is no command" 2 "did you mean 'spate group'" help grop
says "a flag typo" 2 "did you mean --partitions" topic create x --partitons 3

# ---- produce and consume -------------------------------------------------------------------------------
printf 'k1:v1\nk2:\nplain\n' > "$WORK/lines"
out=$(IN=$WORK/lines sp produce "$topic" --partition 0 -K : -Z -H a=1 -H b 2>&1 > /dev/null)
expect_match "produce says what was acknowledged" '3 of 3 records acknowledged' "$out"
expect_match "and where it lies" 'partition 0: 3 records, offsets 0 to 2' "$out"
out=$(IN=$WORK/lines sp produce "$topic" --partition 0 --report -q | jq -c '[.records, .acknowledged, .failed, .partitions[0].first_offset, .partitions[0].last_offset]')
expect "produce --report says so in JSON" '[3,3,0,3,5]' "$out"
sp topic create "reported" > /dev/null
echo one | timeout 60 "$SPATE_BIN" produce "reported" 2> "$WORK/one"
expect_match "one record is not 1 records" "^spate: 1 of 1 record acknowledged.*partition 0: 1 record, offset 0\$" "$(paste -sd' ' "$WORK/one")"
expect "consume prints values, and stops at the end" "v1||plain|" "$(sp consume "$topic" --exit-eof -c 3 | tr '\n' '|')"
expect "consume's formats are kcat's" "$(kc_consume "$topic" -o beginning -f '%t %p %o %k %K %s %S %h %T|\n')" \
	"$(sp consume "$topic" -e -f '%t %p %o %k %K %s %S %h %T|\n')"
expect "consume --json" '["k1","v1","a","1",null]' "$(sp consume "$topic" -c 1 --json | jq -c '[.key, .value, .headers[0].name, .headers[0].value, .headers[1].value]')"
printf '\xff\n' > "$WORK/binary"
IN=$WORK/binary sp produce "$topic" -p 0 -q
expect "bytes that are no text come in base64" '/w==' "$(sp consume "$topic" -e --json -o -1 -p 0 | jq -r .value_base64)"

seq 0 99 > "$WORK/numbers"
sp produce "$topic" -p 1 -q --file "$WORK/numbers" -z zstd
# offset FLAG FIRST LAST
offset() { expect "--offset $1" "$(seq "$2" "$3" | tr '\n' ' ')" "$(sp consume "$topic" -p 1 -e -q --offset "$1" | tr '\n' ' ')"; }
offset start 0 99
offset 90 90 99
offset +95 95 99
offset -3 97 99
offset 10:13 10 12
offset :5 0 4
offset -10:-7 90 92
offset @-1h 0 99
offset @0:4 0 3
expect "--offset end" "" "$(sp consume "$topic" -p 1 -e --offset end)"
expect "--offset @ of the future" "" "$(sp consume "$topic" -p 1 -e --offset @+1h)"
expect "--count" "0 1 2 " "$(sp consume "$topic" -p 1 --count 3 | tr '\n' ' ')"
expect "all partitions" 107 "$(sp consume "$topic" -e | wc -l)"

timeout -s INT 10 "$SPATE_BIN" consume "$topic" -p 2 > "$WORK/followed" 2>&1 &
follower=$!
sleep 0.3
echo news | timeout 30 "$SPATE_BIN" produce "$topic" -p 2 -q
for _ in $(seq 100); do [ -s "$WORK/followed" ] && break; sleep 0.05; done
expect "consume follows" news "$(cat "$WORK/followed")"
kill -INT "$follower"
wait "$follower"
seq 1 200000 > "$WORK/many"
IN=$WORK/many sp produce many --create -q
expect "200,000 records go in and come out in order" "$(md5sum < "$WORK/many")" "$(sp consume many -e -q | md5sum)"

says "a topic that is not there is not made by a slip" 1 "there is no topic '${topic}x'.*did you mean '$topic'" produce "${topic}x"
says "nor by a new name, without --create" 1 "there is no topic 'fresh'.*--create makes it" produce fresh
expect "and it is not there" 0 "$(sp topic list --json | jq '[.topics[] | select(.name == "fresh")] | length')"
out=$({ time -p (echo x | timeout 30 "$SPATE_BIN" produce fresh --create -q); } 2>&1)
expect_match "with --create it is made, and at once" '^real 0\.[0-4]' "$out"
expect "and has the record" x "$(sp consume fresh -e -q)"
says "a name that cannot be made" 2 "cannot be a topic's name" produce 'a/b' --create
says "a record that is too large" 1 "too large .MSG_SIZE_TOO_LARGE.; 'spate topic alter $topic --config max.message.bytes=N'" produce "$topic" -q --file <(head -c 2000000 /dev/zero | tr '\0' x)
refuses_line() { # refuses_line WHAT PATTERN LINE ARGS...: the broker refuses the line, and produce says how to help it
	local what=$1 pattern=$2
	printf '%s\n' "$3" > "$WORK/refused"
	shift 3
	says "$what" 1 "$pattern" produce "$@" -q --file "$WORK/refused"
}
refuses_line "a timestamp far in the future" "INVALID_TIMESTAMP.; 'spate topic alter $topic --config message.timestamp.after.max.ms=N' allows" \
	'{"value":"x","timestamp":9999999999999}' "$topic" --json
sp topic create compacted --config cleanup.policy=compact > /dev/null
refuses_line "no key for a topic that is to be compacted" "INVALID_RECORD.; a compacted topic needs a key in each record: --key, or --key-separator" x compacted
sp group rewind own --create --topic "$topic:0" --to start > /dev/null
refuses_line "records for the broker's own topic" "TOPIC_EXCEPTION.; '__consumer_offsets' is the broker's own" x __consumer_offsets
says "no such partition" 2 'partitions 0 to 2; there is no partition 7' produce "$topic" -p 7
says "no such codec" 2 'gzip, snappy, lz4, zstd' produce "$topic" -z lz5
says "an offset that is too large" 2 'too large a number; no offset is larger than' consume "$topic" -o 99999999999999999999
says "an offset that is none" 2 "'soon' is no offset" consume "$topic" -o soon
says "a range that runs backwards" 2 "'5:1' ends before it begins" consume "$topic" -p 1 -e -o 5:1
says "one that does so in this partition" 2 "ends before it begins: in partition 1 it is 98:5" consume "$topic" -p 1 -e -o -2:5
says "a topic that is not there" 1 "did you mean '$topic'" consume "${topic}y"
says "nobody there" 3 'no broker answers at 127.0.0.1:1: Connection refused' consume "$topic" --broker 127.0.0.1:1
says "an address that is none" 2 'is not a port' consume "$topic" --broker 127.0.0.1:x

says "an empty name" 2 'an argument is empty; it is: spate topic describe TOPIC' topic describe ''
says "a header without a name" 2 "--header '=x': it needs a name" produce "$topic" -H =x
says "a directory of lines" 2 "$WORK is a directory" produce "$topic" --file "$WORK"

# ---- who is no broker ------------------------------------------------------------------------------------
# stranger SAYS: a server on a free port ($STRANGER) that answers SAYS to whatever comes, and closes
stranger() {
	rm -f "$WORK/stranger"
	/usr/bin/python3 -u - "$1" > "$WORK/stranger" << 'EOF' &
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print("127.0.0.1:%d" % server.getsockname()[1])
while True:
    connection, _ = server.accept()
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1000) or b"\r\n\r\n"
    connection.sendall(sys.argv[1].encode("latin-1").decode("unicode_escape").encode("latin-1"))
    connection.close()
EOF
	STRANGER_PID=$!
	for _ in $(seq 200); do [ -s "$WORK/stranger" ] && break; sleep 0.05; done
	STRANGER=$(cat "$WORK/stranger")
}
for kind in 'HTTP/1.1 400 Bad Request\r\n|: it speaks HTTP;' 'SSH-2.0-x\r\n|: it speaks SSH;' '\x15\x03\x01\x00\x02\x02\x46|: it speaks TLS (-X security.protocol=ssl);' '|;'; do
	stranger "${kind%|*}"
	says "who is no broker${kind#*|}" 3 "^spate: $STRANGER answers, but not as a Kafka broker does$(sed 's/[()]/./g' <<< "${kind#*|}") is --broker right" topic list --broker "$STRANGER"
	[ "$kind" = '|;' ] && says "... nor is it measured" 3 'not as a Kafka broker does' bench produce --broker "$STRANGER"
	kill "$STRANGER_PID"
	wait "$STRANGER_PID" 2> /dev/null
done

says "nor is a topic measured that is not there" 1 "there is no topic 'nobody'.*spate bench produce nobody" bench fetch nobody --broker "$BROKER"

# ---- a stdout that takes nothing ---------------------------------------------------------------------------
for verb in "topic list" "topic describe $topic --json" "group list" "config explain" "log verify $DATA" "log inspect $DATA" "help" "consume $topic -e -q"; do
	expect "'${verb%% /*}' to a full disk fails, and says so" "1 1" "$(sp $verb 2>&1 > /dev/full | grep -c 'written: No space\|the records: No space') $(sp $verb > /dev/full 2>&1; echo $?)"
done
expect "a closed stdout is no connection's number" "1 1" "$(sp topic list 2>&1 >&- | grep -c 'Bad file descriptor') $(sp topic list 2> /dev/null >&-; echo $?)"
expect "nor is a closed stdin" 1 "$(timeout 20 "$SPATE_BIN" produce "$topic" 2>&1 <&- | grep -c 'cannot read the input: Bad file descriptor')"

# ---- JSON in and out -----------------------------------------------------------------------------------
cat > "$WORK/records.json" << 'EOF'
{"key":"k1","value":"v1","headers":[{"name":"a","value":"1"},{"name":"a","value":null},{"name":"b","value_base64":"/wA="}],"timestamp":1700000000123,"partition":1}
{"key":null,"value":"no key: \u00e9 \" \n","partition":0}
{"key_base64":"AP8=","value_base64":"/w==","partition":2}
{"key":"tombstone","value":null,"timestamp":1700000000456,"partition":2}

{"key":"","value":"","headers":{"short":"form"},"partition":0}
{"value":{"an":["object"]},"partition":1}
EOF
# contents TOPIC: all that is in the records but their offsets
contents() { sp consume "$1" -e -q --json | jq -cS 'del(.topic)' | sort; }
sp topic create json -p 3 > /dev/null
expect_match "produce --json" '6 of 6 records acknowledged' "$(sp produce json --json --file "$WORK/records.json" 2>&1)"
expect "what a line says is what lies there" '{"headers":[{"name":"a","value":"1"},{"name":"a","value":null},{"name":"b","value_base64":"/wA="}],"key":"k1","offset":0,"partition":1,"timestamp":1700000000123,"timestamp_type":"create","value":"v1"}' \
	"$(contents json | grep k1)"
expect "a value that is an object is its JSON" '{"an":["object"]}' "$(sp consume json -p 1 -e -q -o -1)"
expect "null stays null, empty stays empty" '"" null' "$(sp consume json -e -q --json | jq 'select(.key == "tombstone" or .key == "").value' | sort | tr '\n' ' ' | sed 's/ $//')"
sp topic create copy -p 3 > /dev/null
sp consume json -e -q --json | timeout 60 "$SPATE_BIN" produce copy --json -q
expect "consume --json | produce --json makes the same topic" "$(contents json)" "$(contents copy)"
echo '{"key":"k","value":"v","partition":9}' > "$WORK/far.json"
says "a partition that is not there" 1 'line 1: .*names 9 .*--repartition' produce json --json -q --file "$WORK/far.json"
expect_status "... is no matter with --repartition" 0 "$SPATE_BIN" produce json --json --repartition -q --file "$WORK/far.json"
python3 -c 'import json; print(json.dumps({"value": "v", "partition": 0, "headers": [{"name": "h%d" % i, "value": "x"} for i in range(1000)]}))' > "$WORK/headers.json"
sp topic create headers > /dev/null; sp topic create headers-copy > /dev/null
sp produce headers --json -q --file "$WORK/headers.json"
sp consume headers -e -q --json | timeout 60 "$SPATE_BIN" produce headers-copy --json -q
expect "a thousand headers of a record are all there" "1000 h999" "$(sp consume headers-copy -e -q --json | jq -r '"\(.headers | length) \(.headers[999].name)"')"
says "a slip in a line" 1 'line 3: there is no field "vlaue"; did you mean "value"' produce json --json -q --file <(printf '{"value":"1"}\n\n{"vlaue":"x"}\n{"value":"2"}\n')
says "a line that is no JSON" 1 'line 2: it is no JSON' produce json --json -q --file <(printf '{"value":"1"}\nplain\n')
says "--json with --key" 2 'leave --key' produce json --json -k x
expect "consume stops when its reader has gone, though nothing follows" "0 0" "$(sp consume many -q | head -1 > "$WORK/head"; echo "${PIPESTATUS[*]}")"

# ---- completion for bash ---------------------------------------------------------------------------------
# completes LINE: what bash would offer at its end
completes() {
	"$BASH" -c 'cd "$1" && source <("$2" completion bash) && COMP_LINE="$2 $3" && COMP_POINT=${#COMP_LINE} && _spate 2> /dev/null
		echo "${COMPREPLY[@]}"' _ "$WORK" "$(realpath "$SPATE_BIN")" "$1"
}
expect "completion: verbs" "topic" "$(completes 'to')"
expect "completion: help completes verbs, too" "rewind group" "$(completes 'help group rew') $(completes 'help gro')"
expect "completion: sub-verbs" "create" "$(completes 'topic cr')"
expect "completion: flags" "--partitions" "$(completes 'topic create x --par')"
expect "completion: topics of the broker" "$topic" "$(completes "topic describe ${topic:0:5}")"
expect "completion: ... of the one that the line names, or none" "" "$(completes "consume --broker 127.0.0.1:1 ${topic:0:5}")"
expect "completion: a flag's values" "zstd" "$(completes 'produce x --compression zs')"
expect "completion: config keys" "retention.bytes= retention.ms=" "$(completes 'topic create x --config rete')"
expect "completion: what a config can be" "delete" "$(completes 'topic create x --config cleanup.policy=de')"
expect "completion: behind --flag=" "$topic" "$(completes "group rewind g --topic=${topic:0:5}")"
expect "completion: files" "records.json" "$(completes 'produce x --file rec')"
expect "completion: nothing for what is no verb" "" "$(completes 'topik cr')"

# ---- a terminal ------------------------------------------------------------------------------------------
# at_terminal SECONDS ARGS...: what a terminal shows, while the broker sleeps for so long
at_terminal() {
	local seconds=$1
	shift
	kill -STOP "$BROKER_PID"
	(sleep "$seconds"; kill -CONT "$BROKER_PID") &
	TERM=${TERM_IS:-xterm} script -qec "$SPATE_BIN $* > $WORK/shown" /dev/null < /dev/null
	wait $!
}
expect_match "who waits at a terminal sees what for" "asking $BROKER, 1 s" "$(at_terminal 1.7 topic list)"
expect_match "and it is gone before anything is printed" '^TOPIC' "$(cat "$WORK/shown")"
expect "a terminal that cannot erase shows nothing" "" "$(TERM_IS=dumb at_terminal 1.7 topic list)"
kill -STOP "$BROKER_PID"
(sleep 1.7; kill -CONT "$BROKER_PID") &
expect "a narrow terminal's line is cut, so that it can be erased" "asking 127.0.0" "$(TERM=xterm script -qec "stty cols 15; $SPATE_BIN topic list 2>&1 > /dev/null" /dev/null < /dev/null | tr '\r\033' '\n\n' | grep -ao 'asking.*' | head -1)"
wait $!
expect_match "who types records is told how to end" 'type records, a line each; Ctrl-D ends them' "$( (sleep 0.5; printf 'x\n\004') | TERM=xterm script -qec "$SPATE_BIN produce $topic -p 1" /dev/null)"
expect "who waits for less sees nothing" "" "$(at_terminal 0.2 topic list)"

# ---- alter, trim -----------------------------------------------------------------------------------------
expect "alter --dry-run says what would be" '["retention.ms","-1","3600000"]' \
	"$(sp topic alter "$topic" -c retention.ms=3600000 -n --json | jq -c '.changes[0] | [.name, .before, .after]')"
# overrides: the configs that the topic itself sets
overrides() { sp topic describe "$topic" --json | jq -r '[.configs[] | select(.source == "topic") | "\(.name)=\(.value)"] | sort | join(" ")'; }
expect "and changes nothing" "retention.ms=-1" "$(overrides)"
expect_match "alter sets, and keeps the others" 'segment.bytes +[0-9]+ +1048576' "$(sp topic alter "$topic" -c segment.bytes=1048576)"
expect "... as describe shows" "retention.ms=-1 segment.bytes=1048576" "$(overrides)"
sp topic alter "$topic" -c retention.ms=3600000 -d segment.bytes > /dev/null
expect "alter replaces and deletes in one" "retention.ms=3600000" "$(overrides)"
sp topic alter "$topic" -c retention.ms=-1 --partitions 4 > /dev/null
expect "alter adds partitions" "4 retention.ms=-1" "$(sp topic describe "$topic" --json | jq .partition_count) $(overrides)"
says "fewer partitions" 2 'has 4 partitions; their number can only grow' topic alter "$topic" -p 2
says "an altered config with a slip" 2 'did you mean retention.ms' topic alter "$topic" -d retention.mss
says "set and deleted at once" 2 'both to be set and to be deleted' topic alter "$topic" -d retention.ms -c retention.ms=1
says "nothing to alter" 2 'give --config' topic alter "$topic"
sp topic create trimmed -p 2 > /dev/null
seq 0 99 | timeout 60 "$SPATE_BIN" produce trimmed -p 0 -q
seq 0 9 | timeout 60 "$SPATE_BIN" produce trimmed -p 1 -q
# starts: the first offset of each partition
starts() { sp topic describe trimmed --json | jq -c '[.partitions[].start_offset]'; }
expect "trim --dry-run says what would go" '[100,95,5]' "$(sp topic trim trimmed --to -5 -n --json | jq -c '[.deleted, .partitions[].deleted]')"
expect "and deletes nothing" '[0,0]' "$(starts)"
expect_match "trim says what went" 'offsets gone: +40' "$(sp topic trim trimmed --to 40 -p 0)"
expect "trim to an offset of one partition" '[40,0]' "$(starts)"
expect "what stays is what was behind it" 40 "$(sp consume trimmed -p 0 -e -q -c 1)"
sp topic trim trimmed --to @-1h > /dev/null
expect "trim to a time before all of it" '[40,0]' "$(starts)"
sp topic trim trimmed --to -5 > /dev/null
expect "trim keeps the last five" '[95,5]' "$(starts)"
says "trim behind the end" 2 'partition 1 ends at 10, before 97' topic trim trimmed --to 97
says "trim of more than there is" 2 'partition 1 has no more than 5 offsets, from 5 to its end at 10; to empty it write --to end' topic trim trimmed --to +6 -p 1
expect "trims nothing" '[95,5]' "$(starts)"
says "trim without an offset" 2 '--to is missing' topic trim trimmed
says "trim to a range" 2 'one offset, not a range' topic trim trimmed --to 1:2
says "trim of no such partition" 2 'there is no partition 7' topic trim trimmed --to end -p 7
says "trim of the broker's own topic" 1 "'__consumer_offsets' cannot be deleted: the topic is the broker's own" topic trim __consumer_offsets --to end
sp topic trim trimmed --to end > /dev/null
expect "trim to the end" '[100,10]' "$(starts)"

# ---- describe, verify, delete --------------------------------------------------------------------------
expect "describe --json: offsets" '[0,7]' "$(sp topic describe "$topic" --json | jq -c '.partitions[0] | [.start_offset, .end_offset]')"
expect_match "describe shows the config" 'retention.ms +-1 +topic' "$(sp topic describe "$topic")"

# ---- configs of the broker that runs: kill -9 is behind them ---------------------------------------------
sp topic create follows > /dev/null 2>&1
of_follows() { sp topic describe follows --json --all | jq -r '.configs[] | select(.name == "segment.bytes") | .value'; }
expect "config set --dry-run changes nothing" "1073741824" "$(sp config set log.segment.bytes=2000000 -n > /dev/null; of_follows)"
expect "config set tells what was and is" '[["log.segment.bytes","1073741824","2000000"],["log.retention.bytes","-1","9000000"]]' \
	"$(sp config set log.segment.bytes=2000000 log.retention.bytes=9000000 --json | jq -c '[.changes[] | [.name, .before, .after]]')"
expect "topics follow at once" "2000000" "$(of_follows)"
sp config set --all-brokers log.segment.bytes=3000000 > /dev/null
expect "config set of a group" "55000" "$(sp config set --group g consumer.session.timeout.ms=55000 --json | jq -r '.changes[0].after')"
broker_kill9
broker_start --set log.segment.bytes=5000000
expect "what was set is there after kill -9" "2000000" "$(of_follows)"
expect "... and what the start says against it has no effect, which is told" 1 "$(grep -c 'log.segment.bytes is 2000000, as it was set while' "$LOG")"
expect "config get tells who set it" "2000000 true" "$(sp config get log.segment.bytes --json | jq -r '.configs[] | "\(.value) \(.is_dynamic)"')"
says "config get of a key with a slip" 2 'unknown key log.retention.msx; did you mean log.retention.ms' config get log.segment.bytes log.retention.msx
expect_match "config set says what has no effect" 'num.io.threads is kept, and has no effect here' "$(sp config set num.io.threads=9 2>&1)"
expect "... and of a group" "consumer.session.timeout.ms=55000" "$(sp config get --group g --json | jq -r '.configs[] | "\(.name)=\(.value)"')"
expect "config set --delete: what all brokers have" "3000000" "$(sp config set --delete log.segment.bytes --json | jq -r '.changes[0].after')"
expect "... as topics have" "3000000" "$(of_follows)"
sp config set --all-brokers --delete log.segment.bytes > /dev/null
sp config set --delete log.retention.bytes > /dev/null
says "config set of what is read at start" 2 "node.id is read when the broker starts" config set node.id=7
says "config set: a typo" 2 "did you mean log.segment.bytes" config set log.segment.byte=7
says "config set beyond a group's bounds" 1 "must be less than or equal to" config set -g g consumer.session.timeout.ms=600000
expect "describe --json: sizes add up" true "$(sp topic describe "$topic" --json | jq '.size_bytes > 0 and .size_bytes == ([.partitions[].size_bytes] | add)')"
broker_stop
says "log verify of what is no data directory is no clean bill" 2 "$WORK/nothing is no data directory" log verify "$(mkdir -p "$WORK/nothing"; echo "$WORK/nothing")"
says "log inspect of it" 2 "is no data directory" log inspect "$WORK/nothing"
mkfifo "$WORK/00000000000000000007.log"
says "log inspect of a FIFO" 2 "it is no regular file" log inspect "$WORK/00000000000000000007.log"
expect_status "log verify: whole" 0 "$SPATE_BIN" log verify "$DATA"
segment=$DATA/many-0/00000000000000000000.log
printf '\xff' | dd of="$segment" bs=1 seek=100000 conv=notrunc 2> /dev/null
expect_status "log verify: damaged" 4 "$SPATE_BIN" log verify "$DATA"
expect_match "and names the offsets and the file" 'DAMAGE.*many-0, offsets [0-9]+ to [0-9]+: .*many-0/0+\.log, bytes [0-9]+ to [0-9]+' "$(sp log verify "$DATA")"
broker_start
says "what is damaged is not served" 1 'records at offset [0-9]+ are damaged' consume many -e -q
expect "topic delete" "deleted $topic" "$(sp topic delete "$topic")"
expect "and it is gone" "" "$(sp topic list --json | jq -r ".topics[] | select(.name == \"$topic\") | .name")"

# ---- without a broker ----------------------------------------------------------------------------------
expect_match "config explain KEY" '604800000' "$(sp config explain retention.ms)"
expect_match "config explain lists all" '^spate.journal.bytes' "$(sp config explain)"
says "config explain: a typo" 2 'did you mean num.partitions' config explain num.partition
expect_match "--version" '^spate [0-9]+\.[0-9]+' "$(sp --version)"
expect_match "help has examples and exit statuses" 'Exit status: 0 done; 1' "$(sp help | tr '\n' ' ')"
expect "serve does not load librdkafka" 0 "$(grep -c rdkafka "/proc/$BROKER_PID/maps")"

# ---- separators as escapes -----------------------------------------------------------------------------
printf 'a\tb:c\nno tab\n' > "$WORK/tabbed"
sp topic create escapes -p 1 > /dev/null 2>&1
out=$(IN=$WORK/tabbed sp produce escapes -K '\t' 2>&1 > /dev/null)
expect_match "produce -K '\\t' says how many lines had no tab" "1 of 2 lines had no key separator" "$out"
expect "... and splits at the tab" "a=b:c|=no tab|" "$(sp consume escapes --exit-eof -f '%k=%s|')"
printf 'x\0y:z' > "$WORK/zeros"
IN=$WORK/zeros sp produce escapes -D '\0' -K '\x3a' > /dev/null 2>&1
expect "produce -D '\\0' -K '\\x3a'" "a=b:c|=no tab|=x|y=z|" "$(sp consume escapes --exit-eof -f '%k=%s|')"
