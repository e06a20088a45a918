#!/usr/bin/env bash
# log repair: what it says it would do, does, refuses and leaves, on directories that a broker has written and that were damaged in each way it knows.
# The broker then starts without being told to accept anything, and serves what is left.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker

repair() { "$SPATE_BIN" log repair "$DATA" "$@"; }
verify() { "$SPATE_BIN" log verify "$DATA" "$@"; }
steps() { jq -r '.steps[] | "\(.action) \(.file // .topic)"' | sort; }
picture() { (cd "$DATA" && find . -type f ! -name .lock -exec md5sum {} + | sort); }
served() { for p in 0 1; do "$LIVE_BIN/served" "$BROKER" big $p; done; }
starts() { broker_start; expect "$1: what is left is served" "$2" "$(served)"; broker_stop; }

broker_start
"$LIVE_BIN/admin" "$BROKER" create big 2 segment.bytes=1048576 > /dev/null
cp "$DATA/catalog.log" "$WORK/early.log"
"$LIVE_BIN/admin" "$BROKER" create other 1 > /dev/null
for _ in 1 2 3; do seq 1000000 1080000 | kc_produce -t big -p 0 -X batch.size=50000 -X enable.idempotence=true; done
seq 1 1000 | kc_produce -t big -p 1
seq 1 500 | kc_produce -t other
expect "a directory in use is refused" "1 yes" "$(out=$(repair 2>&1); echo "$? $(grep -q 'running broker holds' <<< "$out" && echo yes)")"
broker_stop
cp -a "$DATA" "$WORK/sound"
fresh() { rm -rf "$DATA"; cp -a "$WORK/sound" "$DATA"; }
broker_start; sound=$(served); broker_stop
fresh
before=$(picture)
expect_status "a sound directory needs nothing" 0 "$SPATE_BIN" log repair "$DATA"
expect "... and nothing is changed" "$before" "$(picture)"
expect_status "no such directory" 2 "$SPATE_BIN" log repair "$WORK/nowhere"

# ---- one derived file ---------------------------------------------------------------------------------------------------
# Of a directory with nothing else to do: each is made anew, or removed, or was not needed, and nobody misses anything after.
for ending in .index .timeindex .seal .appendtime .snapshot leader-epoch-checkpoint; do
	fresh
	damaged=$(find "$DATA/big-0" -name "*$ending" | sort | sed -n 1p)
	flip "$damaged" 3
	expect "a damaged $ending is repaired in one step, for good" "1 0 yes" "$(repair --json | jq -r '"\(.steps | length) \(.derived_left)"') $(verify | grep -q 'no damage' && echo yes)"
	case $ending in .appendtime|.snapshot) expect "... and what cannot be made anew is kept" yes "$([ -s "$damaged.damaged" ] && [ ! -e "$damaged" ] && echo yes)";; esac
done
fresh

# ---- derived files, and a damaged range -------------------------------------------------------------------------------
sealed=$(find "$DATA/big-0" -name '*.seal' | sort | sed -n 2p)
log=${sealed%.seal}.log
read -r position from to < <("$SPATE_BIN" log inspect "$log" --json | jq -r '"\(.position) \(.base_offset) \(.last_offset + 1)"' | sed -n 3p)
flip "$log" $((position + 100))
flip "${sealed%.seal}.index" 15
flip "$DATA/checkpoint-0" 40
flip "$DATA/meta.properties" 30
rm "$DATA/big-1/partition.metadata"
before=$(picture)
expect "a dry run says what would be done" "fence big-0/${log##*/}
rebuild big-0/$(basename "${sealed%.seal}").index
rebuild big-1/partition.metadata
rebuild checkpoint-0
rebuild meta.properties" "$(repair --dry-run --json | steps)"
expect_match "... for people too, with the reason" "would fence +big-0, offsets $from to $((to - 1)).*why: .*CRC-32C.*how: .*CORRUPT_MESSAGE" "$(repair --dry-run | tr '\n' ' ')"
expect "... and changes nothing" "$before" "$(picture)"
repair > /dev/null 2>&1
expect_status "what comes to light on the way is mended as well" 0 test -s "$DATA/big-1/partition.metadata"
out=$(cp -a "$WORK/sound/checkpoint-0" "$WORK/"; flip "$DATA/checkpoint-0" 40; repair 2>&1); expect "it is done, and damage is left" "4 yes" "$? $(grep -q 'left: 1 damaged range, fenced.*0 derived files' <<< "$out" && echo yes)"
expect "verify names what is left, alone" "damage big $from $to" "$(verify --json | jq -r '.findings[] | select(.kind != "note") | "\(.kind) \(.topic) \(.from_offset) \(.to_offset)"')"
expect "the old meta.properties is kept" yes "$(test -s "$DATA/meta.properties.damaged" && echo yes)"
expect "done again, there is nothing to do" 0 "$(repair --json 2>/dev/null | jq .steps_to_do)"
broker_start
expect "the broker refuses just that range" "0 $from 0
$from $to 2" "$("$LIVE_BIN/served" "$BROKER" big 0 | head -2)"
expect "... and has all of the rest" "$(tail -1 <<< "$sound")" "$("$LIVE_BIN/served" "$BROKER" big 1)"
broker_stop

# ---- a segment on another disk, which is not there for one start -------------------------------------------------------
fresh
log=$(find "$DATA/big-0" -name '*.log' | sort | sed -n 2p)
mv "$log" "$WORK/elsewhere.log"; ln -s "$WORK/elsewhere.log" "$log"
mv "$WORK/elsewhere.log" "$WORK/unmounted.log"
broker_start; served > /dev/null; broker_stop
expect_match "while it is away its offsets are refused" "DAMAGE +big-0" "$(verify)"
mv "$WORK/unmounted.log" "$WORK/elsewhere.log"
out=$(verify); expect "it is back: verify says that a repair serves it" "4 1" "$? $(grep -c 'whole again: `spate log repair` serves it' <<< "$out")"
dry=$(repair --dry-run --json | steps)
expect_match "... which says what it would do" "^unfence big$" "$dry"
expect "... does just that, and nothing is left" "$dry 0" "$(repair --json 2> /dev/null | tee "$WORK/done.json" | steps) $(jq .damages_left "$WORK/done.json")"
starts "a segment that came back" "$sound"

# ---- a journal that is lost -------------------------------------------------------------------------------------------
for what in cut gone foreign; do
	fresh
	case $what in cut) truncate -s 100 "$DATA/journal-0" ;; gone) rm "$DATA/journal-0" ;; foreign) cp "$DATA/catalog.log" "$DATA/journal-0" ;; esac
	before=$(picture)
	out=$(repair 2>&1); expect "a journal that is $what is not given up unasked" "1 yes" "$? $(grep -q 'NOT DONE: give up.*' <<< "$out" && echo yes)"
	expect "... and nothing is changed" "$before" "$(picture)"
	out=$(repair --accept-loss 2>&1); expect "asked for, it is" "0 yes" "$? $(grep -q '^.*: 1 step done' <<< "$out" && echo yes)"
	[ $what = gone ] || expect "... and the old one kept" 1 "$(find "$DATA" -name 'journal-0.lost-*' | wc -l)"
	expect_status "verify finds nothing" 0 "$SPATE_BIN" log verify "$DATA"
	starts "a journal that was $what" "$sound"
done

# ---- a journal of another size, and one without superblocks: nothing is given up -------------------------------------------
fresh
flip "$DATA/journal-0" 60; flip "$DATA/journal-0" 4160
out=$(repair 2>&1); expect "superblocks are made anew from the groups" "0 yes" "$? $(grep -q 'old ones kept as .superblocks' <<< "$out" && echo yes)"
printf x >> "$DATA/journal-0"
expect "a byte behind the journal's end is cut off" "1 0" "$(repair --json 2> /dev/null | jq .steps_to_do) $(repair --json 2> /dev/null | jq .steps_to_do)"
starts "the journal" "$sound"

# ---- a catalog with a hole, without an end, and without anything -------------------------------------------------------
for what in hole end gone; do
	fresh
	size=$(stat -c %s "$DATA/catalog.log")
	case $what in hole) flip "$DATA/catalog.log" 150 ;; end) truncate -s $((size / 2)) "$DATA/catalog.log" ;; gone) rm "$DATA/catalog.log" ;; esac
	out=$(repair 2>&1); expect "a catalog ($what) is not given up unasked" "1 yes" "$? $(grep -q 'NOT DONE: give up' <<< "$out" && echo yes)"
	out=$(repair --accept-loss 2>&1); expect "asked for, it is made anew ($what)" "0" "$?"
	[ $what = gone ] || expect "... and the old one kept" 1 "$(find "$DATA" -name 'catalog.log.damaged-*' | wc -l)"
	expect_status "verify finds nothing" 0 "$SPATE_BIN" log verify "$DATA"
	broker_start
	expect "every record is there ($what)" "$sound 500" "$(served) $(kc_consume other | wc -l)"
	seq 1 10 | kc_produce -t big -p 1
	expect "and new ones are taken" "0 1010 0" "$("$LIVE_BIN/served" "$BROKER" big 1)"
	broker_stop
done

# ---- a catalog that has grown ---------------------------------------------------------------------------------------------
fresh
truncate -s 8G "$DATA/catalog.log"
expect "a catalog that has grown by zeros is named, and no damage" 0 "$(verify > "$WORK/said"; echo $?)$(grep -q 'zeros behind the last record' "$WORK/said" || echo ' not said')"
out=$(repair 2>&1); expect "... and cut to what it was" "0 yes yes" "$? $(grep -q '^cut  *catalog.log' <<< "$out" && echo yes) $([ "$(stat -c %s "$DATA/catalog.log")" -lt 65536 ] && echo yes)"
printf junk | dd of="$DATA/catalog.log" bs=1 seek=2G conv=notrunc 2> /dev/null
out=$(repair 2>&1); expect "with something far behind, the way out is named" "1 yes" "$? $(grep -q 'log repair .* --accept-loss' <<< "$out" && echo yes)"
out=$(repair --accept-loss 2>&1); expect "... and is one" 0 $?
starts "a catalog that had grown" "$sound"

# ---- a catalog that forgot topics: the way out that is named keeps them, and the one that does not is not gone ------------
start_once() { timeout 20 "$SPATE_BIN" serve --data "$DATA" --listen 127.0.0.1:0 "$@" 2>&1; }
for what in earlier end both; do
	fresh
	case $what in
	earlier) cp "$WORK/early.log" "$DATA/catalog.log" ;;
	end) truncate -s $(($(stat -c %s "$DATA/catalog.log") / 2)) "$DATA/catalog.log" ;;
	both) rm "$DATA/catalog.log" "$DATA/meta.properties" ;;
	esac
	before=$(picture)
	out=$(start_once); expect "a start refuses, and names the repair ($what)" "1 1" "$? $(grep -c "spate log repair $DATA --accept-loss" <<< "$out")"
	out=$(start_once --set spate.accept.loss=true); expect "... also if the loss is accepted" "1 1" "$? $(grep -c "spate log repair $DATA --accept-loss" <<< "$out")"
	expect_match "... as there are records of topics that it has forgotten, by name" "[ (]other-0[ ,)]" "$out"
	expect "... and nothing is changed" "$before" "$(picture)"
	repair --accept-loss > /dev/null 2>&1; expect "the repair keeps them" 0 $?
	broker_start
	expect "... every record ($what)" "$sound 500" "$(served) $(kc_consume other | wc -l)"
	broker_stop
done
cp -a "$DATA/other-0" "$DATA/stray-0"
expect_match "records that belong to no topic are not passed over in verify's last words" ": no damage, but 1 partition directory holds records.* stray-0" "$(verify --quiet)"
expect "... in JSON too" 1 "$(verify --json | jq .unowned_partitions)"

# ---- a catalog of before a topic was deleted and made again ---------------------------------------------------------------
# It knows the dead one alone; the directories and what the checkpoint says are the living one's.
fresh
broker_start
"$LIVE_BIN/admin" "$BROKER" delete other > /dev/null; "$LIVE_BIN/admin" "$BROKER" create other 1 > /dev/null
seq 2001 2100 | kc_produce -t other
broker_stop
cp "$WORK/sound/catalog.log" "$DATA/catalog.log"
before=$(picture)
said=$(repair --accept-loss --dry-run 2>&1); expect_match "a dry run says that a lost deletion would be undone" "a topic that was deleted by that is there again" "$said"
expect_match "topic made again: a dry run says which one is kept" "topic other: catalog.log tells of an earlier one .*would be dropped" "$said"
expect "... and changes nothing" "$before" "$(picture)"
out=$(repair --accept-loss 2>&1); expect "... the run does it" "0 1" "$? $(grep -c "topic other: catalog.log tells of an earlier one .*is dropped" <<< "$out")"
expect_status "... verify finds nothing" 0 "$SPATE_BIN" log verify "$DATA"
broker_start
expect "... and the living one has its records" "$(seq 2001 2100)" "$(kc_consume other)"
seq 2101 2110 | kc_produce -t other
broker_stop
expect "... and its directory, when more is filed" "other-0" "$(cd "$DATA" && ls -d other-*)"

# ---- catalog.log and meta.properties, both -------------------------------------------------------------------------------
# What a start names is a way out then, too: catalog.log says whose directory it is, and if it does not either, the repair says that it makes that up.
# (another: meta.properties reads well, but tells of another cluster, which nobody can see while the catalog is damaged.)
for what in hole gone another; do
	fresh
	if [ $what = another ]; then sed -i 's/^cluster\.id=./cluster.id=-/' "$DATA/meta.properties"; else flip "$DATA/meta.properties" 30; fi
	case $what in hole|another) flip "$DATA/catalog.log" 150 ;; gone) rm "$DATA/catalog.log" ;; esac
	out=$(repair 2>&1); expect "both damaged ($what): the catalog is not given up unasked" "1 yes" "$? $(grep -q 'NOT DONE: give up *catalog.log' <<< "$out" && echo yes)"
	out=$(repair --accept-loss 2>&1); expect "... asked for, both are made anew ($what)" "0 $([ $what = gone ] && echo 1 || echo 0)" "$? $(grep -c 'nothing says whose directory' <<< "$out")"
	expect_status "verify finds nothing" 0 "$SPATE_BIN" log verify "$DATA"
	starts "both damaged ($what)" "$sound"
done

# ---- committed offsets, and the catalog is gone --------------------------------------------------------------------------
# How many partitions __consumer_offsets had decides where a group's offsets are looked for; directories have those alone that took a record.
for count in 50 7; do
	rm -rf "$DATA"
	broker_start --set offsets.topic.num.partitions=$count
	"$LIVE_BIN/admin" "$BROKER" create seen 3 > /dev/null
	seq 1 20 | kc_produce -t seen -p 0
	for g in 2 3 4; do kc -q -X auto.offset.reset=earliest -e -G $g seen > /dev/null 2>&1; done
	broker_stop
	rm "$DATA/catalog.log"
	out=$(repair --accept-loss 2>&1); expect "groups over $count partitions: the catalog is made anew" "0 yes" "$? $(grep -q 'seen.*1 partition' <<< "$out" && echo yes)"
	broker_start
	for g in 2 3 4; do expect "... and group $g goes on from where it was" "" "$(kc -q -X auto.offset.reset=earliest -e -G $g seen 2> /dev/null)"; done
	broker_stop
done

# ---- a partition that the journal alone has, and the catalog is gone ------------------------------------------------------
rm -rf "$DATA"
broker_start
"$LIVE_BIN/admin" "$BROKER" create late 4 > /dev/null
seq 1 10 | kc_produce -t late -p 0
broker_stop
broker_start
seq 1 10 | kc_produce -t late -p 3
broker_kill9
[ ! -e "$DATA/late-3" ] || skip "late-3 was filed already: its directory tells of it"
rm "$DATA/catalog.log"
out=$(repair --accept-loss 2>&1); expect "a partition without a directory is known by the journal" "0 yes" "$? $(grep -q 'late .*4 partitions' <<< "$out" && echo yes)"
broker_start
expect "... and its records are there" 10 "$(kc_consume late -p 3 | wc -l)"
broker_stop

# ---- the catalog is gone, and what was made just before the end was in no file yet -----------------------------------------
# No directory tells the names: topics come back as recovered-<topic id>, the one of groups by its records. What groups committed is there, for the names that it had.
for count in 50 7; do
	rm -rf "$DATA"
	broker_start --set offsets.topic.num.partitions=$count
	for _ in {1..100}; do [ ! -e "$DATA/catalog.log" ] || break; sleep 0.05; done # which gets its name behind the first reply
	cp "$DATA/catalog.log" "$WORK/early.log"
	"$LIVE_BIN/admin" "$BROKER" create fresh 3 > /dev/null
	seq 1 20 | kc_produce -t fresh -p 2
	for g in 2 3 4; do kc -q -X auto.offset.reset=earliest -e -G $g fresh > /dev/null 2>&1; done
	id=$("$SPATE_BIN" topic describe fresh --broker "$BROKER" --json | jq -r .id)
	broker_kill9
	if [ "$(find "$DATA" -name '*.log' ! -name catalog.log | wc -l)" -gt 0 ]; then pass "over $count partitions: too late, something was filed: not looked at"; continue; fi
	cp "$WORK/early.log" "$DATA/catalog.log"
	out=$(start_once --set spate.accept.loss=true); expect "groups over $count partitions: a start that accepts the loss names the repair, and the topics" "1 1" \
		"$? $(grep -c "the journal alone has records of 2 topics.*spate log repair\|spate log repair.*the journal alone has records of 2 topics" <<< "$out")"
	rm "$DATA/catalog.log"
	before=$(picture)
	expect "... a dry run says what comes back" "__consumer_offsets
recovered-$id" "$(repair --accept-loss --dry-run --json 2> /dev/null | jq -r '.steps[] | select(.action == "recover").topic' | sort)"
	expect "... and changes nothing" "$before" "$(picture)"
	repair --accept-loss --json > "$WORK/done.json" 2> /dev/null; status=$?
	expect "... the run does it" "0 2 0" "$status $(jq -r '"\(.topics_recovered) \(.damages_left)"' "$WORK/done.json")"
	expect_status "... verify finds nothing" 0 "$SPATE_BIN" log verify "$DATA"
	broker_start
	expect "... the records are served under that name" "$(seq 1 20)" "$(kc_consume "recovered-$id" -p 2)"
	for g in 2 3 4; do expect "... group $g finds what it committed" "2 20" "$("$SPATE_BIN" group describe $g --broker "$BROKER" --json 2> /dev/null | jq -r '.partitions[] | select(.partition == 2) | "\(.partition) \(.committed_offset)"')"; done
	"$LIVE_BIN/admin" "$BROKER" create fresh 3 > /dev/null
	"$SPATE_BIN" consume "recovered-$id" --broker "$BROKER" --exit-eof --json -q | "$SPATE_BIN" produce fresh --broker "$BROKER" --json -q
	expect "... and it can be given its name back, as the step says" "$(seq 1 20)" "$(kc_consume fresh -p 2)"
	broker_stop
done

# ---- a topic into quarantine ----------------------------------------------------------------------------------------------
fresh
out=$(repair --quarantine other 2>&1); expect "a topic is put into quarantine" "0 yes" "$? $(grep -q 'quarantine other' <<< "$out" && echo yes)"
expect "... its files are there" 1 "$(find "$DATA/quarantine/other-0" -name '*.log' | wc -l)"
broker_start
expect "... and it is gone, and nothing else" "$sound 0" "$(served) $(kc -L | grep -c '"other"')"
broker_stop

# After a kill the journal alone has the last records of it, or all of them.
fresh
broker_start
"$LIVE_BIN/admin" "$BROKER" create unfiled 1
seq 1 40 | kc_produce -t unfiled
broker_kill9
out=$(repair --quarantine unfiledd 2>&1); expect "a topic that is not there is no quarantine" "1 yes" "$? $(grep -q 'unfiledd: there is no such topic' <<< "$out" && echo yes)"
out=$(repair --quarantine unfiled 2>&1); expect "a topic that is in the journal alone is put into quarantine" 0 $?
expect_match "... with its records" ' 40 records' "$("$SPATE_BIN" log verify "$DATA/quarantine/unfiled-0")"
broker_start
expect "... and nothing else is gone" "$sound" "$(served)"
broker_stop
