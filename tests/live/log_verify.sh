#!/usr/bin/env bash
# log verify and log inspect on directories that a broker has written: whole ones, one that is in use, and damaged ones, whose
# damaged ranges the broker then refuses, and serves all else.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker

verify() { "$SPATE_BIN" log verify "$DATA" "$@"; }
inspect() { "$SPATE_BIN" log inspect "$DATA" "$@"; }
# damages: "topic partition from to file", of the findings that are damage
damages() { verify --json | jq -r '.findings[] | select(.kind == "damage") | "\(.topic) \(.partition) \(.from_offset) \(.to_offset) \(.file)"'; }

# ---- a whole directory, at each moment of its life -----------------------------------------------------
broker_start
"$LIVE_BIN/admin" "$BROKER" create big 2 segment.bytes=1048576
topic=big
for codec in none gzip snappy lz4 zstd; do
	seq 1 40000 | kc_produce -t $topic -p 0 -z $codec -X batch.size=50000 -X enable.idempotence=true
	seq 1 1000 | kc_produce -t $topic -p 1 -z $codec
done
for _ in 1 2 3; do seq 1000000 1060000 | kc_produce -t $topic -p 0 -X batch.size=50000; done
expect_status "a directory in use is checked as far as it holds still" 0 "$SPATE_BIN" log verify "$DATA"
expect_match "... and that is said" "no damage in what was checked" "$(verify)"
expect_match "... with what was not checked, and why" "^NOT checked, because a running broker is writing there: journals" "$(verify)"
broker_kill9
expect_status "after kill -9: no damage" 0 "$SPATE_BIN" log verify "$DATA"
broker_start
end=$(kc -Q -t $topic:0:-1 | awk '{print $NF}')
broker_stop
expect_status "after a clean stop: no damage" 0 "$SPATE_BIN" log verify "$DATA"
expect "and nothing is left unchecked" "0 0" "$(verify | grep -c 'NOT checked') $(verify --json | jq .unchecked_segments)"
expect "each record is counted" $((end + 5000)) "$(verify --json | jq .records)"
expect "the verdict is in JSON too" "true true 0 0" "$(verify --json | jq -r '"\(.is_clean) \(.was_cleanly_stopped) \(.damages) \(.tails)"')"
expect_status "no such directory" 2 "$SPATE_BIN" log verify "$WORK/nowhere"
expect_status "a file instead of a directory" 2 "$SPATE_BIN" log verify "$DATA/catalog.log"

# ---- what inspect shows --------------------------------------------------------------------------------
expect "inspect knows the log's end" "$end" "$(inspect --json | jq '.partitions[] | select(.topic == "big" and .partition == 0) | .log_end_offset')"
expect "inspect shows every codec" "gzip lz4 none snappy zstd" \
	"$(inspect -t $topic -p 0 --batches --json | jq -r .codec | sort -u | tr '\n' ' ' | sed 's/ $//')"
expect "inspect shows the records asked for" "5 7" "$(inspect -t $topic -p 0 --offset 4:7 --records --json | jq -r .value | sed -n '1p;$p' | tr '\n' ' ' | sed 's/ $//')"
sealed=$(find "$DATA/$topic-0" -name '*.seal' | sort | sed -n 2p)
for file in "$DATA"/journal-0 "$DATA"/checkpoint-0 "$sealed" "${sealed%.seal}.index" "${sealed%.seal}.timeindex" "${sealed%.seal}.log"; do
	expect_status "inspect looks into ${file##*/}" 0 "$SPATE_BIN" log inspect "$file"
done
expect "inspect prints the catalog's changes: identity, openings, topics with their configs" \
	"1 1 identity opened 2 partitions, in opening 1 segment.bytes=1048576" \
	"$("$SPATE_BIN" log inspect "$DATA/catalog.log" --json | jq -r '.records | "\(.[0].sequence) \([.[] | select(.name == "big")] | length) \(.[0].kind) \(.[1].kind) \(.[] | select(.name == "big") | .what)"')"
cp "$DATA/catalog.log" "$WORK/catalog.log"
head -c 30 /dev/zero >> "$WORK/catalog.log"
expect_match "... and what is behind the last" '^behind that: +30 bytes of a change that was not finished' "$("$SPATE_BIN" log inspect "$WORK/catalog.log")"
flip "$WORK/catalog.log" 100
expect_match "... or damage" '^behind that: +damage: the record at byte 98 fails its check, byte 130 begins a good one' "$("$SPATE_BIN" log inspect "$WORK/catalog.log")"
expect_status "a topic that is not there" 2 "$SPATE_BIN" log inspect "$DATA" -t nothing

# ---- damage: named, and refused alone ------------------------------------------------------------------
# The third batch of the second segment, in its records; the second of the active segment, in its base offset; the index's second entry.
log=${sealed%.seal}.log
read -r position from to < <("$SPATE_BIN" log inspect "$log" --json | jq -r '"\(.position) \(.base_offset) \(.last_offset + 1)"' | sed -n 3p)
flip "$log" $((position + 100))
active=$(find "$DATA/$topic-0" -name '*.log' | sort | tail -1)
read -r position2 from2 to2 < <("$SPATE_BIN" log inspect "$active" --json | jq -r '"\(.position) \(.base_offset) \(.last_offset + 1)"' | sed -n 2p)
flip "$active" $((position2 + 7))
flip "${sealed%.seal}.index" 15
expect_status "damage is status 4" 4 "$SPATE_BIN" log verify "$DATA"
expect "both damaged ranges are named, and nothing else" "$topic 0 $from $to $topic-0/${log##*/}
$topic 0 $from2 $to2 $topic-0/${active##*/}" "$(damages)"
expect "with the bytes" "$position $position2" "$(verify --json | jq -r '.findings[] | select(.kind == "damage") | .from_position' | tr '\n' ' ' | sed 's/ $//')"
expect "the index is told apart" "$topic-0/$(basename "${sealed%.seal}").index" "$(verify --json | jq -r '.findings[] | select(.kind == "derived") | .file')"
expect_match "for people too" "DAMAGE +$topic-0, offsets $from to $((to - 1)): " "$(verify)"

broker_start
expect "a fetch refuses just those offsets, with CORRUPT_MESSAGE, and serves all else" "0 $from 0
$from $to 2
$to $from2 0
$from2 $to2 2
$to2 $end 0" "$("$LIVE_BIN/served" "$BROKER" $topic 0)"
expect_match "what a running broker still writes is counted" "^and [1-9][0-9]* segments? that (is|are) not sealed" "$(verify)"
expect "... in JSON too" "true true true" "$(verify --json | jq -r '"\(.is_in_use) \(.unchecked_segments > 0) \(.unchecked_bytes > 0)"')"
expect "the other partition is whole" "0 5000 0" "$("$LIVE_BIN/served" "$BROKER" $topic 1)"
seq 1 100 | kc_produce -t $topic -p 0
expect "the damaged partition takes new records" "100" "$(kc_consume $topic -p 0 -o "$end" | tail -1)"
broker_stop
expect "after the broker ran on it, the same is damaged" "$topic 0 $from $to $topic-0/${log##*/}
$topic 0 $from2 $to2 $topic-0/${active##*/}" "$(damages)"

# ---- what no CRC covers --------------------------------------------------------------------------------
flip "$active" $((position2 + 7))
flip "$log" $((position + 100))
flip "${sealed%.seal}.index" 15
flip "$log" $((position + 7))
expect "a changed base offset is named as that batch" "$topic 0 $from $to $topic-0/${log##*/}" "$(damages | grep -v ' null$')"
flip "$log" $((position + 7))
flip "$log" $((position + 14))
expect "a changed leader epoch too" "$topic 0 $from $to $topic-0/${log##*/}" "$(damages | grep -v ' null$')"

# ---- files that are lost: named, and nobody starts as if nothing had happened ---------------------------
# refused WHAT: serve does not start on $DATA, says WHAT and how to go on, and verify names the file in FILE as damage
refused() {
	local out status=0
	out=$(timeout 20 "$SPATE_BIN" serve --data "$DATA" --listen 127.0.0.1:0 2>&1) || status=$?
	expect "serve refuses: $2" 1 "$status"
	expect_match "... and says so" "$2" "$out"
	expect_match "... and how to go on" "spate.accept.loss=true" "$out"
	expect_status "verify: damage" 4 "$SPATE_BIN" log verify "$DATA"
	expect_match "verify names the file" "^null null null null $1\$" "$(damages)"
}
fresh() { DATA=$WORK/$1; broker_start; "$LIVE_BIN/admin" "$BROKER" create kept 1 > /dev/null; seq 1 100 | kc_produce -t kept -p 0; }

for how in stop kill9; do
	fresh "journal-$how"
	"broker_$how"
	mv "$DATA/journal-0" "$WORK/journal-0"
	refused journal-0 "journal-0 is missing"
	mv "$WORK/journal-0" "$DATA/journal-0"
	broker_start
	expect "put back ($how), all is there" "100" "$(kc_consume kept | tail -1)"
	broker_stop
done
rm "$DATA/journal-0" "$DATA/checkpoint-0"
refused journal-0 "journal-0 is missing"
broker_start --set spate.accept.loss=true
expect_match "a loss that is accepted is named loudly" "^spate: error: .*journal-0 was missing, and spate.accept.loss is true" "$(cat "$LOG")"
expect_match "... and not called clean" "found .*a journal was lost" "$(cat "$LOG")"
expect "what was filed is there" "100" "$(kc_consume kept | tail -1)"
broker_stop
broker_start
expect_match "the next start is as any" "stopped cleanly before" "$(cat "$LOG")"
broker_stop

# The end of the catalog: a bit of the last record, a file that was cut, and one whose very openings are gone.
for how in stop kill9; do
	for what in flipped cut opening; do
		fresh "catalog-$how-$what"
		if [ $what = opening ]; then broker_stop; broker_start; fi
		"broker_$how"
		cp "$DATA/catalog.log" "$WORK/catalog.log"
		size=$(stat -c %s "$DATA/catalog.log")
		# An opening is counted by one record, and noted by another once the journals have it: 32 bytes each. The second alone nobody misses before something is acknowledged.
		cut=7; if [ $what = opening ]; then cut=39; fi
		if [ $what = flipped ]; then flip "$DATA/catalog.log" $((size - 1)); else truncate -s $((size - cut)) "$DATA/catalog.log"; fi
		refused catalog.log "has lost acknowledged changes"
		expect "nothing is called unanswered" 0 "$(verify | grep -c "never answered")"
		refused catalog.log "has lost acknowledged changes"
		cp "$WORK/catalog.log" "$DATA/catalog.log"
		broker_start
		expect "put back ($how, $what), all is there" "100" "$(kc_consume kept | tail -1)"
		broker_stop
	done
done
truncate -s $(($(stat -c %s "$DATA/catalog.log") - 7)) "$DATA/catalog.log"
broker_start --set spate.accept.loss=true
expect_match "a loss that is accepted is named loudly" "^spate: error: .*catalog.log has lost acknowledged changes .* spate.accept.loss is true" "$(cat "$LOG")"
broker_stop
broker_start
expect_match "the next start is as any" "stopped cleanly before" "$(cat "$LOG")"
broker_stop
printf 'torn' >> "$DATA/catalog.log"
expect_status "a torn tail that nothing contradicts is no damage" 0 "$SPATE_BIN" log verify "$DATA"
expect_match "... and said, with its bytes" "^note .*catalog.log: .*never answered.* \(bytes [0-9]+ to [0-9]+\)$" "$(verify)"
broker_start
broker_stop

# The last of several journals is missed too.
DATA=$WORK/shards
broker_start --set spate.shards=2
"$LIVE_BIN/admin" "$BROKER" create kept 4 > /dev/null
seq 1 100 | kc_produce -t kept
broker_stop
mv "$DATA/journal-1" "$WORK/journal-1"
refused journal-1 "journal-1 is missing"
mv "$WORK/journal-1" "$DATA/journal-1"
cp "$DATA/catalog.log" "$WORK/catalog.log"
truncate -s $(($(stat -c %s "$DATA/catalog.log") - 7)) "$DATA/catalog.log"
refused catalog.log "has lost acknowledged changes"
cp "$WORK/catalog.log" "$DATA/catalog.log"
broker_start
expect "put back, all is there" "100" "$(kc_consume kept | wc -l)"
broker_stop

# ---- records that are in the journal alone ---------------------------------------------------------------
DATA=$WORK/journaled
PORT=
broker_start
"$LIVE_BIN/admin" "$BROKER" create small 3
for p in 0 1; do seq 5 | kc_produce -t small -p $p; done
broker_kill9
expect_match "what only the journal has is told as that, not as 0 checked" \
	'^checked no segment: all records are in the journal still; 1 journal: [0-9]+ entries with 10 records of 2 partitions, not cleanly stopped' "$(verify)"
expect "... in JSON, too" "10 2" "$(verify --json | jq -r '"\(.journal_records) \(.journal_partitions)"')"

# ---- a hole of a terabyte: nobody reads it -----------------------------------------------------------------
broker_start
broker_stop
rm "$DATA"/checkpoint-0*
truncate -s 1T "$DATA"/small-0/*.log
expect_status "verify of a terabyte of room, with no checkpoint" 4 timeout 20 "$SPATE_BIN" log verify "$DATA"
expect_match "... says what it is" "^note +small-0, offsets 5 and on: zeros to the end" "$(timeout 20 "$SPATE_BIN" log verify "$DATA")"
broker_start
expect "a start takes the records, and not long" "5" "$(kc_consume small -p 0 | tail -1)"
broker_stop

# ---- a partition's directory on a disk that is not mounted ----------------------------------------------------
DATA=$WORK/unmounted
PORT=
broker_start
"$LIVE_BIN/admin" "$BROKER" create far 2 > /dev/null
for p in 0 1; do seq 5 | kc_produce -t far -p $p; done
broker_stop
mkdir "$WORK/disk"
mv "$DATA/far-0" "$WORK/disk/far-0"
ln -s "$WORK/nowhere/far-0" "$DATA/far-0"
expect_status "a partition that leads nowhere is not said to be lost" 1 "$SPATE_BIN" log verify "$DATA"
expect_match "... but what it is, and what to do" "far-0 cannot be listed: Not a directory; .*mount the disk" "$("$SPATE_BIN" log verify "$DATA" 2>&1)"
expect_match "... nor is it repaired" "far-0 cannot be listed: Not a directory; .*mount the disk" "$("$SPATE_BIN" log repair --accept-loss "$DATA" 2>&1)"
broker_start
expect "a fetch of it is told to come again" "" "$(timeout 3 "$SPATE_BIN" consume far --partition 0 --exit-eof --broker "$BROKER" 2> /dev/null)"
expect "... and others are served" "5" "$(kc_consume far -p 1 | tail -1)"
for p in 0 1; do echo 6 | kc_produce -t far -p $p; done
sleep 6.5
echo 7 | kc_produce -t far -p 1
expect_match "what is produced there waits in the journal" "spate: error: .*Not a directory.*ENOTDIR.*: records are taken into the journal, and what is to be filed waits" "$(cat "$LOG")"
broker_stop
rm "$DATA/far-0"
mv "$WORK/disk/far-0" "$DATA/far-0"
broker_start
expect "with the disk back nothing has happened" "1 2 3 4 5 6" "$(kc_consume far -p 0 | xargs)"
expect "... to nobody" "1 2 3 4 5 6 7" "$(kc_consume far -p 1 | xargs)"
broker_stop
expect_status "... and nothing is damaged" 0 "$SPATE_BIN" log verify "$DATA"
