#!/usr/bin/env bash
# `spate group` and `spate consume --group` as their users see them. With BROKER set it runs against that broker: Apache Kafka passes.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
# librdkafka 2.0 forgets its copy of an offsets request now and then (once in some hundred); the leak checker would call that a failure.
export LSAN_OPTIONS="suppressions=tests/lsan.supp:print_suppressions=0"
broker_start
export SPATE_BROKER=$BROKER
sp() { timeout 60 "$SPATE_BIN" "$@" < "${IN:-/dev/null}"; }
topic=$(topic_name groups)
group=$(topic_name readers)

# says WHAT STATUS REGEX ARGS...: one line on stderr, and the exit status.
says() {
	local what=$1 wanted=$2 regex=$3 status=0 out
	shift 3
	out=$(sp "$@" 2>&1 > /dev/null) || status=$?
	if [ "$status" -ne "$wanted" ]; then fail "$what: status $status, not $wanted: $out"; return; fi
	if [ "$(wc -l <<< "$out")" -ne 1 ]; then fail "$what: takes one line: $out"; return; fi
	expect_match "$what" "$regex" "$out"
}
# of GROUP FILTER: from its description in JSON
of() { sp group describe "$1" --json | jq -c "$2"; }
# committed: what the group has committed for the topic's partitions, in order
committed() { of "${1:-$group}" "[.partitions[] | select(.topic == \"$topic\") | .committed_offset]"; }
# eventually WHAT WANTED COMMAND...: within ten seconds
eventually() {
	local what=$1 wanted=$2 got=
	shift 2
	for _ in $(seq 100); do got=$("$@" 2> /dev/null); [ "$got" = "$wanted" ] && break; sleep 0.1; done
	expect "$what" "$wanted" "$got"
}

sp topic create "$topic" -p 3 > /dev/null
for p in 0 1 2; do seq $((p * 100)) $((p * 100 + 9)) | timeout 60 "$SPATE_BIN" produce "$topic" -p $p -q; done

# ---- consume --group ------------------------------------------------------------------------------------
expect "a new group reads all" "$(seq 0 9; seq 100 109; seq 200 209)" "$(sp consume "$topic" -g "$group" -e -q | sort -n)"
expect "and has committed all" '[10,10,10]' "$(committed)"
expect "again it has nothing to read" "" "$(sp consume "$topic" -g "$group" -e -q)"
echo more | timeout 60 "$SPATE_BIN" produce "$topic" -p 1 -q
expect_match "--offset is not ignored in silence where the group has committed" "reads on where it has committed, which it has in 3 partitions; --offset start is for where nothing is committed .'spate group rewind $group --topic $topic --to start'" \
	"$(sp consume "$topic" -g "$group" -o start -c 1 2>&1 > "$WORK/unheeded")"
expect "... and says nothing where it has not" "" "$(sp consume "$topic" -g "$group-unseen" -o end -e 2>&1 | grep committed)"
sp group rewind "$group" --by -1 --topic "$topic:1" > /dev/null
expect "it reads on where it was" more "$(sp consume "$topic" -g "$group" -e -q)"
sp group rewind "$group" --to start > /dev/null
expect "--count reads so many" 7 "$(sp consume "$topic" -g "$group" -c 7 -q | wc -l)"
expect "and commits just those" 7 "$(committed | jq 'map(. // 0) | add')"
expect "the rest comes next" 24 "$(sp consume "$topic" -g "$group" -e -q | wc -l)"
other=$(topic_name late)
expect "a group that begins at the end reads nothing old" "" "$(sp consume "$topic" -g "$other" -o end -e -q)"
expect "and stays there: its lag is known, and none" 0 "$(sp group describe "$other" --json | jq -c .lag)"
says "--offset N is not a group's" 2 'start or end.*spate group rewind' consume "$topic" -g "$group" -o 5
says "--partition is not a group's" 2 'exclude each other' consume "$topic" -g "$group" -p 1
says "a topic that is not there" 1 "did you mean '$topic'" consume "${topic}x" -g "$group"
# ---- members ---------------------------------------------------------------------------------------------
sp group rewind "$group" --to start > /dev/null
timeout 100 "$SPATE_BIN" consume "$topic" -g "$group" -q -X client.id=first > "$WORK/first" 2>&1 &
first=$!
timeout 100 "$SPATE_BIN" consume "$topic" -g "$group" -q -X client.id=second -X group.instance.id=two > "$WORK/second" 2>&1 &
second=$!
# shape: state, and how many partitions each client has
shape() { of "$group" '[.state, ([.partitions[] | select(.client_id != null) | .client_id] | unique | length), .lag]'; }
eventually "two members share the partitions and read all" '["Stable",2,0]' shape
expect "describe: who and where" '[["first",null,"127.0.0.1"],["second","two","127.0.0.1"]]' "$(of "$group" '[.members[] | [.client_id, .group_instance_id, .host]] | sort')"
expect "describe: what they have is all there is" "$topic:0 $topic:1 $topic:2" \
	"$(of "$group" '.members[].assignment' | tr -d '"' | sed -E "s/,([0-9])/ $topic:\\1/g" | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')"
expect_match "describe: for people" "^$topic +[0-9] +[0-9]+ +[0-9]+ +0 +0 ms +(first|second)\$" "$(sp group describe "$group")"
expect_match "list: state and members" "^$group +Stable +classic +2\$" "$(sp group list)"
says "a group with members is not rewound" 1 "has 2 active members \((first|second) at 127.0.0.1, (first|second) at 127.0.0.1\).*stop them" group rewind "$group" --to start
says "nor deleted" 1 'has 2 active members' group delete "$group"
kill "$first" "$second"
wait "$first"
expect "a member that is stopped ends with 0" 0 $?
wait "$second"
expect "they printed each record once" "$(seq 0 9; seq 100 109; seq 200 209; echo more)" "$(cat "$WORK/first" "$WORK/second" | sort -n | sed '/more/d'; echo more)"
# A static member keeps its place until its session ends (KIP-345); take it out.
eventually "the first has left at once" true eval "of $group '[.members[].client_id] | index(\"first\") == null'"

# ---- lag --------------------------------------------------------------------------------------------------
group=$(topic_name lagging)
now=$(date +%s)
echo "{\"value\":\"old\",\"timestamp\":$(((now - 3600) * 1000)),\"partition\":0}" > "$WORK/old"
echo "{\"value\":\"older\",\"timestamp\":$(((now - 86400) * 1000)),\"partition\":0}" >> "$WORK/old"
echo "{\"value\":\"future\",\"timestamp\":$(((now + 3600) * 1000)),\"partition\":1}" >> "$WORK/old"
sp topic create "$topic-lag" -p 2 > /dev/null
sp group rewind "$group" --create --topic "$topic-lag" --to end > /dev/null
expect "no record, no lag" '[0,0]' "$(of "$group" '[.lag, .lag_seconds]')"
sp produce "$topic-lag" --json --file "$WORK/old" -q
expect "lag in records" 3 "$(of "$group" .lag)"
if [ -n "$OWN_BROKER" ]; then # more of it in lag.sh
	expect "lag in time goes by the append, not by what producers write" true "$(of "$group" '.lag_seconds < 60 and .lag_seconds_is_exact and all(.partitions[]; .lag_time_source == "log")')"
	sp group rewind "$group" --by 1 --topic "$topic-lag:0" > /dev/null
else
	expect "lag in time is that of the record at the commit, to the second" true "$(of "$group" '.partitions[0] | (.lag_seconds >= 3600 and .lag_seconds < 3640 and .lag_time_source == "record_create")')"
	expect "a time in the future is no lag" '[1,0]' "$(of "$group" '.partitions[1] | [.lag, .lag_seconds]')"
	sp group rewind "$group" --by 1 --topic "$topic-lag:0" > /dev/null
	expect "one further on, the next record decides" true "$(of "$group" '.lag_seconds >= 86400 and .lag_seconds < 86440')"
	expect_match "and who wrote the time is said" 'producer wrote \(message.timestamp.type = CreateTime\)' "$(sp group describe "$group")"
fi
sp topic trim "$topic-lag" --to 2 -p 0 > /dev/null
expect "records deleted unread are no lag, and are told" '[0,1]' "$(of "$group" '.partitions[0] | [.lag, .lost]')"
sp topic create "$topic-append" -c message.timestamp.type=LogAppendTime > /dev/null
sp group rewind "$group" --topic "$topic-append" --to end > /dev/null
head -1 "$WORK/old" | timeout 60 "$SPATE_BIN" produce "$topic-append" --json -q
expect "with LogAppendTime the broker's clock decides" true "$(of "$group" ".partitions[] | select(.topic == \"$topic-append\") | .lag_seconds < 60 and (.lag_time_source | . == \"log\" or . == \"record_append\")")"
sp topic delete "$topic-append" > /dev/null
expect_match "a topic that is gone does not hinder" "^$topic-lag +0 +1 +2 +0" "$(sp group describe "$group")"

# ---- rewind -------------------------------------------------------------------------------------------------
group=$(topic_name rewound)
sp consume "$topic" -g "$group" -e -q > /dev/null
expect "rewind --dry-run shows the plan" '[[10,0,-10],[11,0,-11],[10,0,-10]]' "$(sp group rewind "$group" --to start -n --json | jq -c '[.partitions[] | [.before, .after, .moved]]')"
expect "and moves nothing" '[10,11,10]' "$(committed)"
# moved FLAGS... : rewinds, and shows what is committed then
moved() { sp group rewind "$group" "$@" > /dev/null && committed; }
expect "rewind --to 4" '[4,4,4]' "$(moved --to 4)"
expect "rewind --to -2: the last two" '[8,9,8]' "$(moved --to -2)"
expect "rewind --to +1: behind the first" '[1,1,1]' "$(moved --to +1)"
expect "rewind --to end, of one topic's two partitions" '[10,11,1]' "$(moved --to end --topic "$topic:0,1")"
expect "rewind --to @time" '[0,0,0]' "$(moved --to @-1h)"
expect "rewind --to @time after all" '[10,11,10]' "$(moved --to @+1h)"
expect "rewind --by" '[7,8,7]' "$(moved --by -3)"
expect "rewind --by stays within the log" '[10,11,10]' "$(moved --by 1000)"
expect "what was rewound is read again" "7 8 9" "$(moved --to 7 --topic "$topic:0" > /dev/null; sp consume "$topic" -g "$group" -e -q | tr '\n' ' ' | sed 's/ $//')"
expect "--undo, though the consumers have run on since" '[10,11,10]' "$(moved --undo)"
expect "--undo again takes back the undo" '[10,11,10]' "$(moved --undo)"
moved --to 3 > /dev/null
expect "a plan for --undo" '[[3,10],[3,11],[3,10]]' "$(sp group rewind "$group" --undo -n --json | jq -c '[.partitions[] | [.before, .after]]')"
if [ -n "$OWN_BROKER" ]; then
	broker_kill9
	broker_start
	expect "after kill -9 of the broker the group is where it was" '[3,3,3]' "$(committed)"
fi
expect "--undo, from any shell" '[10,11,10]' "$(HOME=/nonexistent XDG_STATE_HOME=/nonexistent moved --undo)"
expect "--undo of the undo" '[3,3,3]' "$(moved --undo)"
expect "and back" '[10,11,10]' "$(moved --undo)"
expect_match "what moves nothing says so" '^already there: ' "$(sp group rewind "$group" --to end)"
expect "and --undo is still of the last that did" '[3,3,3]' "$(moved --undo)"
new=$(topic_name fresh)
says "a group with a slip is not made" 1 "did you mean '$group'" group rewind "${group}x" --topic "$topic" --to end
expect "with --create a group begins where it is told" '[2,2,2]' "$(sp group rewind "$new" --create --topic "$topic" --to 2 > /dev/null; committed "$new")"
sp group rewind "$new" --undo > /dev/null
expect "and --undo takes that back, too: nothing is committed" "" "$("$LIVE_BIN/group" "$BROKER" offsets "$new")"
# commit OFFSET METADATA, or nothing: commits for partition 0 if it is told to, and prints what is committed.
commit() {
	timeout 60 /usr/bin/python3 - "$BROKER" "$group" "$topic" "$@" << 'EOF'
import sys
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
broker, group, topic = sys.argv[1:4]
consumer = KafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
partition = TopicPartition(topic, 0)
consumer.assign([partition])
if len(sys.argv) > 4:
    consumer.commit({partition: OffsetAndMetadata(int(sys.argv[4]), sys.argv[5])})
print(*consumer.committed(partition, metadata=True))
EOF
}
expect "a commit with metadata" "5 AgAAAY==" "$(commit 5 AgAAAY==)"
moved --to 1 --topic "$topic:0" > /dev/null
expect "is moved without it" "1 " "$(commit)"
moved --undo > /dev/null
expect "and comes back with it" "5 AgAAAY==" "$(commit)"
moved --to 3 > /dev/null
# listed GROUP [FLAGS]: [undo_of, is_orphan] of it in the list, or nothing
listed() { local name=$1; shift; sp group list "$@" --json | jq -c ".groups[] | select(.name == \"$name\") | [.undo_of, .is_orphan]"; }
expect "the offsets for --undo are a group of their own, shown with --internal" "[\"$group\",false]" "$(listed "$group.before-rewind")$(listed "$group.before-rewind" -i)"
expect_match "the list says that it leaves it out" "more keeps? what 'group rewind --undo' needs; --internal shows" "$(sp group list)"
expect "spate cluster counts what the list shows" "$(sp group list --json | jq '.groups | length')" "$(sp cluster --json | jq .groups)"
expect_match "which says what it is" "^keeps: +what 'spate group rewind $group --undo' needs" "$(sp group describe "$group.before-rewind")"
says "and is not rewound" 1 "keeps what 'spate group rewind $group --undo' needs" group rewind "$group.before-rewind" --to end

# ---- where it goes elsewhere than was asked for ---------------------------------------------------------------------
# cuts FLAGS...: what is asked for, and whether it is cut
cuts() { sp group rewind "$group" "$@" -n --json | jq -c '[.partitions[] | [.requested, .after, .is_cut]]'; }
expect "an offset beyond the end is cut, and that is in the plan" '[[1000,10,true],[1000,11,true],[1000,10,true]]' "$(cuts --to 1000)"
expect "so is one before the start" '[[-97,0,true],[-97,0,true],[-97,0,true]]' "$(cuts --by -100)"
expect "what lies there is not" '[[3,3,false],[3,3,false],[3,3,false]]' "$(cuts --to 3)"
expect_match "and people are told" "^$topic-1: --to 1000 lies beyond the log's end, 11\$" "$(sp group rewind "$group" --to 1000 -n)"
expect_match "... in the other direction, too" "^$topic-1: --by -100 lies before the log's start, 0\$" "$(sp group rewind "$group" --by -100 -n)"

# ---- several rewinds, and what happens between them and --undo ---------------------------------------------------------
expect "several rewinds: --undo takes back the last, not all" '[7,3,2]' "$(moved --to 7 --topic "$topic:0" > /dev/null; moved --to 2 --topic "$topic:2" > /dev/null; moved --to 9 --topic "$topic:1" > /dev/null; moved --undo)"
expect "... and then its own undo, not the one before" '[7,9,2]' "$(moved --undo)"
sp topic create "$topic-gone" -p 2 > /dev/null
seq 9 | timeout 60 "$SPATE_BIN" produce "$topic-gone" -q
sp group rewind "$group" --to 1 --topic "$topic-gone" --topic "$topic" > /dev/null
sp topic delete "$topic-gone" > /dev/null
sp topic create "$topic-gone" -p 1 > /dev/null
expect "a topic made anew in between is left alone, the others go back" '[7,9,2]' "$(moved --undo)"
expect "... it has no commit" 0 "$("$LIVE_BIN/group" "$BROKER" offsets "$group" | grep -c "$topic-gone [0-9]* [0-9]")"
sp topic create "$topic-trim" -p 1 > /dev/null
seq 0 9 | timeout 60 "$SPATE_BIN" produce "$topic-trim" -q
sp group rewind "$group" --to 2 --topic "$topic-trim" > /dev/null
sp group rewind "$group" --to end --topic "$topic-trim" > /dev/null
sp topic trim "$topic-trim" --to 5 > /dev/null
expect_match "--undo to what is deleted since goes to the log's start, and says so" "^$topic-trim-0: 2, which was committed, lies before the log's start, 5\$" "$(sp group rewind "$group" --undo)"

sp topic create "$topic-brief" > /dev/null
spent=$(topic_name spent)
sp group rewind "$spent" --create --topic "$topic-brief" --to end > /dev/null
sp topic delete "$topic-brief" > /dev/null
sp consume "$topic" -g "$spent" -e -q > /dev/null
expect "a keeper whose notes went with their topic is in nobody's way" '[1,1,1]' "$(sp group rewind "$spent" --to 1 > /dev/null; committed "$spent")"

users=$(topic_name users)
sp consume "$topic" -g "$users" -e -q > /dev/null
sp consume "$topic" -g "$users.before-rewind" -e -q > /dev/null
expect "a user's own group of that name is listed" '[null,false]' "$(listed "$users.before-rewind")"
says "and never written" 1 "group '$users.before-rewind' is somebody's own.*--no-undo" group rewind "$users" --to start
expect "... nothing was moved" '[10,11,10] [10,11,10]' "$(committed "$users") $(committed "$users.before-rewind")"
expect_match "--no-undo does without" '^--undo cannot take it back' "$(sp group rewind "$users" --to start --no-undo)"
says "and so there is nothing to undo" 1 "no rewind of group '$users' to undo" group rewind "$users" --undo
expect "delete leaves the user's group there" '[10,11,10]' "$(sp group delete "$users" > /dev/null; committed "$users.before-rewind")"
users=$(topic_name unkept)
sp consume "$topic" -g "$users" -e -q > /dev/null
sp group rewind "$users" --to 1 > /dev/null
sp group rewind "$users" --to 2 --no-undo > /dev/null
says "after --no-undo the rewind before it is not undone either" 1 "no rewind of group '$users' to undo" group rewind "$users" --undo

orphan=$(topic_name orphan)
sp consume "$topic" -g "$orphan" -e -q > /dev/null
sp group rewind "$orphan" --to 1 > /dev/null
"$LIVE_BIN/group" "$BROKER" delete "$orphan"
expect "deleted by another tool it leaves an orphan, shown as one" "[\"$orphan\",true]" "$(listed "$orphan.before-rewind")"
expect_match "... for people, too" "^$orphan.before-rewind: what --undo .* '$orphan' needs, but that group is gone; 'spate group delete $orphan' forgets it" "$(sp group list)"
says "--undo does not bring a group back by accident" 1 "group '$orphan' is gone.*--undo --create" group rewind "$orphan" --undo
expect "but with --create" '[10,11,10]' "$(sp group rewind "$orphan" --undo --create > /dev/null; committed "$orphan")"
"$LIVE_BIN/group" "$BROKER" delete "$orphan"
expect "group delete takes the orphan along" "deleted, all that was left of the group: $orphan.before-rewind" "$(sp group delete "$orphan")"
says "and there is nothing left" 1 "there is no group '$orphan'" group delete "$orphan"
moved --to 3 > /dev/null
says "an unknown group" 1 "did you mean '$group'" group rewind "${group}y" --to end
says "nothing to undo" 1 "no rewind of group '$other'" group rewind "$other" --undo
says "an unknown topic" 1 "did you mean '$topic'" group rewind "$group" --to end --topic "${topic}z"
says "no such partition" 2 'there is no partition 9' group rewind "$group" --to end --topic "$topic:9"
says "no way given" 2 'say where to' group rewind "$group"
says "two ways given" 2 'exclude each other' group rewind "$group" --to end --undo
says "no offset: what may be written is told, and no range is" 2 "'soon' is no offset; write start, .*@1700000000000\$" group rewind "$group" --to soon
says "a range" 2 'one offset, not a range' group rewind "$group" --to 1:2
says "a number that is too large" 2 'so many records no log has' group rewind "$group" --by 99999999999999999999
says "no number" 2 'number of records' group rewind "$group" --by soon

# ---- a member of KIP-848, which librdkafka 2.0 cannot ask about ---------------------------------------------------
newer=$(topic_name newer)
# ConsumerGroupHeartbeat v0, once: the member joins, and stays until its session ends.
/usr/bin/python3 - "$BROKER" "$newer" "$topic" << 'EOF'
import socket, struct, sys
host, port = sys.argv[1].rsplit(":", 1)
text = lambda s: bytes([len(s) + 1]) + s.encode()
body = text(sys.argv[2]) + text("") + struct.pack(">i", 0) + b"\0\0" + struct.pack(">i", 60000)
body += b"\2" + text(sys.argv[3]) + b"\0" + b"\1" + b"\0"
request = struct.pack(">hhih", 68, 0, 1, 5) + b"newer" + b"\0" + body
with socket.create_connection((host, int(port))) as s:
    s.sendall(struct.pack(">i", len(request)) + request)
    s.recv(4096)
EOF
expect "list: a group of the consumer protocol" '["Stable","consumer",1]' "$(sp group list --json | jq -c ".groups[] | select(.name == \"$newer\") | [.state, .protocol, .members]")"
expect "describe: its member has the partitions" "[\"newer\",[0,1,2]]" "$(of "$newer" '[.members[0].client_id, ([.partitions[] | select(.member_id != null) | .partition] | sort)]')"
says "it is not rewound under its member either" 1 'has 1 active member \(newer at 127.0.0.1\)' group rewind "$newer" --topic "$topic" --to start
says "nor deleted" 1 'has 1 active member' group delete "$newer"

# A group's name is any text: nothing in it reaches the terminal as more than text, and what is to be typed can be.
odd=$'a b\e[31m'
expect "rewind: the way back is quoted for the shell" "to take it back: spate group rewind \$'a b\\x1b[31m' --undo" "$(sp group rewind "$odd" --create --topic "$topic" --to end | tail -1)"
expect "list: no control character of a name" "a b?[31m" "$(sp group list | grep -o '^a b.\[31m')"
expect "describe: nor here" "group:             a b?[31m" "$(sp group describe "$odd" | head -1)"
expect "JSON has it as it is" '"a b\u001b[31m"' "$(sp group describe "$odd" --json | jq -c .name)"
sp group delete "$odd" > /dev/null
says "nor what is said of it" 1 "there is no group 'a b\\?\\[31m'" group describe "$odd"

# ---- delete ---------------------------------------------------------------------------------------------------
says "describe an unknown group" 1 "did you mean '$group'" group describe "${group}x"
out=$(sp group delete "$group" nobody-knows-this 2>&1)
expect_match "delete: all or none" 'nothing was deleted' "$out"
expect "... so it is there" '[3,3,3]' "$(moved --to 3 > /dev/null; committed)"
expect "delete" "deleted $group" "$(sp group delete "$group")"
expect "delete --json" '[{"name":"'"$new"'","result":"deleted","error":null}]' "$(sp group delete "$new" --json | jq -c .groups)"
expect "and it is gone, with what was kept for --undo" "" "$(sp group list -i --json | jq -r '.groups[].name' | grep "$group")"
says "nobody there" 3 'no broker answers at 127.0.0.1:1' group list --broker 127.0.0.1:1
