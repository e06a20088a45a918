#!/usr/bin/env bash
# Each verb of `spate bench` for some requests against a live broker: that it runs, ends, and says what it should; nothing here is timed.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
broker_start
bench() { timeout 60 "$SPATE_BIN" bench "$@" --broker "$BROKER" 2> "$WORK/bench.err"; }
# has NAME EXPRESSION: what was printed (in $out) is JSON of which this jq expression is true
has() {
	if jq -se "$2" <<< "$out" > /dev/null 2>&1; then pass "$1"; else fail "$1: $(head -c 600 <<< "$out") $(tail -2 "$WORK/bench.err")"; fi
}
topic=$(topic_name bench)

out=$(bench produce "$topic" -n 500 -w 0 -B 16384 -c 4 -p 4 --json)
has "produce tells rates and latencies" '.[0] | .publishRate > 0 and .aggregatedPublishLatency9999pct > 0 and .failure == "" and .messageSize == 1024'
cp /dev/stdin "$WORK/before.json" <<< "$out"
out=$(bench fetch "$topic" -n 50 -w 0 --check-crcs --json)
has "fetch tells its rate" '.[0] | .consumeRate > 0 and .damaged == 0'
out=$(bench end-to-end -n 100 -w 0 --rate 400 --consumers 3 --json)
# What is read within a third of a second is for the machine to say.
has "end-to-end times batches to its consumers" '.[0] | .consumers == 3 and .aggregatedEndToEndLatency50pct > 0 and .consumeRate > 0'
out=$(bench end-to-end -n 100 -w 0 --rate 400)
expect_match "end-to-end prints its percentiles" 'end to end +p50 [0-9.]+ .*p99.99' "$out"
out=$(bench backlog "$topic" -n 30 -w 0 --rate 100 --json)
has "backlog reads a topic while another is written" '.[0] | .publishRate > 0 and .consumeMegabytesPerSecond > 0'
out=$(bench sweep batch-bytes 1024 4096 -n 200 -w 0 --json)
has "sweep prints a line for each value" 'length == 2 and .[0]["batch-bytes"] == 1024 and .[1].publishRate > 0'
out=$(bench client -s 1 -w 0 -r 100 --json)
has "client goes through librdkafka and back, and to its mock broker" '.[0] | .publishRate > 0 and .consumeRate > 0 and .mockBrokerPublishRate > 0'

jq '.publishRate *= 2 | .aggregatedPublishLatency99pct *= 3' "$WORK/before.json" > "$WORK/after.json"
out=$("$SPATE_BIN" bench compare "$WORK/before.json" "$WORK/after.json" --fail)
expect "compare fails if asked to and something is worse" 1 $?
expect_match "compare calls a higher rate better" 'publishRate .*\+100.0 %  better' "$out"
expect_match "compare calls a longer wait worse" '99pct .*\+200.0 %  WORSE' "$out"
out=$("$SPATE_BIN" bench compare "$WORK/before.json" "$WORK/after.json" --json)
has "compare tells the same as JSON" '.[0] | .better == 1 and .worse == 1 and (.changes | length) == 2 and ([.changes[] | select(.is_better)][0] | .name == "publishRate" and .change > 0.99)'
"$SPATE_BIN" bench compare "$WORK/before.json" "$WORK/before.json" --fail > "$WORK/same"
expect "a result is as good as itself" 0 $?
"$SPATE_BIN" bench compare "$WORK/before.json" "$WORK/same" > /dev/null 2>&1
expect "what is no result is refused" 2 $?
echo '{"goals": []}' > "$WORK/suite.json"
"$SPATE_BIN" bench compare "$WORK/before.json" "$WORK/suite.json" > /dev/null 2> "$WORK/bench.err"
expect "a run and a suite have nothing to compare" 2 $?
expect_match "and it is said what would have" 'no result in common; both must be of one kind' "$(cat "$WORK/bench.err")"
"$SPATE_BIN" bench sweep nothing > /dev/null 2>&1
expect "a sweep that is not there is refused" 2 $?
bench produce 'bad topic!' > /dev/null
expect "a broker that refuses is not one that does not answer" 1 $?
out=$(timeout -s INT 2 "$SPATE_BIN" bench produce --broker "$BROKER" -s 60 -w 0 -B 4096 --json 2> "$WORK/bench.err")
has "an interrupted run prints what it measured" '.[0] | .publishRate > 0 and .testDurationSeconds < 30 and .failure == ""'
timeout --preserve-status -s INT 2 "$SPATE_BIN" bench sweep batch-bytes 1024 4096 --broker "$BROKER" -s 60 -w 0 > /dev/null 2> "$WORK/bench.err"
expect "a sweep that is interrupted has failed" 1 $?
expect_match "and says so" "interrupted" "$(cat "$WORK/bench.err")"
timeout -s INT 2 "$SPATE_BIN" bench client --broker "$BROKER" -s 60 -w 0 > "$WORK/bench.out" 2> "$WORK/bench.err"
expect_match "a client that is interrupted says so" "interrupted" "$(cat "$WORK/bench.err")"
topics=$(kc -L -J | jq -r '.topics[].topic' | grep -c '^spate-bench' || true)
expect "no topic of its own is left" 0 "$topics"
