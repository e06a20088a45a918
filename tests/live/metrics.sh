#!/usr/bin/env bash
# The metrics endpoint: what Prometheus scrapes, and what an orchestrator asks. Values move with what clients do; damage that happened while the broker was
# stopped has its series, with topic, partition and offsets, once a reader meets it; rude HTTP peers cost the broker nothing.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
command -v curl > /dev/null || { skip "metrics.sh: curl is not installed"; exit 0; }
/usr/bin/python3 -c 'import prometheus_client' 2> /dev/null || { skip "metrics.sh: python3-prometheus-client is not installed"; exit 0; }
HTTP=$(free_port)
SPATE_ARGS="--metrics 127.0.0.1:$HTTP --set spate.cache.bytes=4194304 ${SPATE_ARGS:-}"

get() { curl -s -m 10 "http://127.0.0.1:$HTTP$1" "${@:2}"; }
status_of() { get "$1" -o /dev/null -w '%{http_code}' "${@:2}"; }
# value SERIES: of the last scrape; nothing if there is no such series
value() { SERIES=$1 awk '!/^#/ {v = $NF; sub(/ [^ ]*$/, ""); if ($0 == ENVIRON["SERIES"]) print v}' "$WORK/scrape"; }
# total FAMILY: the sum of all its series
total() { awk -v family="$1" -F'[{ ]' '!/^#/ && $1 == family {sum += $NF} END {print sum + 0}' "$WORK/scrape"; }
scrape() { get /metrics > "$WORK/scrape"; }
# rose WHAT SERIES BEFORE: is its value larger now?
rose() { if [ "$(value "$2")" -gt "${3:-0}" ]; then pass "$1"; else fail "$1: $2 was $3, is '$(value "$2")'"; fi; }

broker_start
expect_match "the start says where metrics are" "metrics +http://127.0.0.1:$HTTP/metrics" "$(cat "$LOG")"
expect "it is alive" "200 alive" "$(status_of /livez) $(get /livez)"
expect "and ready" "200 ready" "$(status_of /readyz) $(get /readyz)"

# ---- the format -------------------------------------------------------------------------------------------
name=orders
"$SPATE_BIN" topic create $name --partitions 2 -b "$BROKER" > /dev/null
seq 5 | kc_produce -t $name -p 0
scrape
expect "0.0.4 is what a plain client gets" "text/plain; version=0.0.4; charset=utf-8" "$(get /metrics -o /dev/null -w '%{content_type}')"
expect "and Prometheus' parser takes it" "good, True" "$(/usr/bin/python3 tests/live/metrics_format.py text "$WORK/scrape" 2>&1)"
expect "OpenMetrics for who asks for it" "application/openmetrics-text; version=1.0.0; charset=utf-8" \
	"$(get /metrics -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5' -o "$WORK/open" -w '%{content_type}')"
expect "and its strict parser takes it" "good, True" "$(/usr/bin/python3 tests/live/metrics_format.py openmetrics "$WORK/open" 2>&1)"

# ---- what moves -------------------------------------------------------------------------------------------
expect "records are counted" 5 "$(value "kafka_server_brokertopicmetrics_messagesin_total{topic=\"$name\"}")"
expect "the high watermark is told" 5 "$(value "kafka_topic_partition_current_offset{topic=\"$name\",partition=\"0\"}")"
expect "of an empty partition too" 0 "$(value "kafka_topic_partition_current_offset{topic=\"$name\",partition=\"1\"}")"
expect "and how many there are" 2 "$(value "kafka_topic_partitions{topic=\"$name\"}")"
in=$(value "kafka_server_brokertopicmetrics_bytesin_total{topic=\"$name\"}") out=$(value "kafka_server_brokertopicmetrics_bytesout_total{topic=\"$name\"}")
produced=$(value 'spate_requests_total{request="Produce"}')
seq 100 | kc_produce -t $name -p 0
kc_consume $name -p 0 -o 0 > /dev/null
scrape
expect "records move" 105 "$(value "kafka_server_brokertopicmetrics_messagesin_total{topic=\"$name\"}")"
rose "bytes in move" "kafka_server_brokertopicmetrics_bytesin_total{topic=\"$name\"}" "$in"
rose "bytes out move" "kafka_server_brokertopicmetrics_bytesout_total{topic=\"$name\"}" "$out"
rose "requests move" 'spate_requests_total{request="Produce"}' "$produced"
expect "how long requests took" "$(value 'spate_requests_total{request="Produce"}')" "$(value 'spate_request_duration_seconds_bucket{request="Produce",le="+Inf"}')"
"$SPATE_BIN" topic create $name -b "$BROKER" > /dev/null 2>&1
scrape
expect "error codes in answers" 1 "$(value 'spate_request_errors_total{request="CreateTopics",error="TOPIC_ALREADY_EXISTS"}')"
expect "nothing is damaged: no such series" "" "$(grep spate_log_damaged_ "$WORK/scrape")"
expect "records are acknowledged from stable storage" 0 "$(value spate_durability_relaxed)"
expect "a new directory" 1 "$(value 'spate_recovery_info{shard="0",outcome="new"}')"

# ---- groups -----------------------------------------------------------------------------------------------
"$LIVE_BIN/group" "$BROKER" commit billing $name 0 100 > /dev/null
"$LIVE_BIN/group" "$BROKER" commit billing $name 1 0 > /dev/null
"$LIVE_BIN/group" "$BROKER" commit 'who "says" so' $name 0 105 > /dev/null
"$LIVE_BIN/group" "$BROKER" consume live $name 0 200 > /dev/null 2>&1 &
member=$!
for _ in $(seq 50); do scrape; [ "$(value 'spate_groups{type="classic",state="Stable"}')" = 1 ] && break; sleep 0.1; done
billing="{consumergroup=\"billing\",topic=\"$name\",partition=\"0\"}"
expect "a group's offset and its lag" "100 5" "$(value "kafka_consumergroup_current_offset$billing") $(value "kafka_consumergroup_lag$billing")"
expect "and the sums of the topic" "100 5" \
	"$(value "kafka_consumergroup_current_offset_sum{consumergroup=\"billing\",topic=\"$name\"}") $(value "kafka_consumergroup_lag_sum{consumergroup=\"billing\",topic=\"$name\"}")"
expect_match "its lag in seconds" "^[0-9]+\.[0-9]+$|^[0-9]+$" "$(value "kafka_consumergroup_lag_seconds$billing")"
expect "who has read all has none" "0 0" \
	"$(value "kafka_consumergroup_lag{consumergroup=\"who \\\"says\\\" so\",topic=\"$name\",partition=\"0\"}") $(value "kafka_consumergroup_lag_seconds{consumergroup=\"who \\\"says\\\" so\",topic=\"$name\",partition=\"0\"}")"
expect "groups by state" "1 2" "$(value 'spate_groups{type="classic",state="Stable"}') $(value 'spate_groups{type="classic",state="Empty"}')"
expect "and their members" "1 0" "$(value 'kafka_consumergroup_members{consumergroup="live"}') $(value 'kafka_consumergroup_members{consumergroup="billing"}')"
expect "the format is still good" "good, True" "$(/usr/bin/python3 tests/live/metrics_format.py text "$WORK/scrape" 2>&1)"
kill "$member" 2> /dev/null

# ---- damage -----------------------------------------------------------------------------------------------
broker_stop
log=$DATA/$name-0/00000000000000000000.log
read -r position from to < <(nth_batch "$log" 2)
flip "$log" $((position + 70))
broker_start
timeout 5 kcat -b "$BROKER" -C -t $name -p 0 -o 0 -e -q > /dev/null 2>&1
scrape
labels="{topic=\"$name\",partition=\"0\"}"
expect "damage is named with topic, partition and offsets" "1 $((to - from)) $from $((to - 1))" \
	"$(value "spate_log_damaged_ranges$labels") $(value "spate_log_damaged_records$labels") $(value "spate_log_damage_first_offset$labels") $(value "spate_log_damage_last_offset$labels")"
expect "and no other partition is" 1 "$(grep -c '^spate_log_damaged_ranges{' "$WORK/scrape")"
rose "clients were told CORRUPT_MESSAGE" 'spate_request_errors_total{request="Fetch",error="CORRUPT_MESSAGE"}'
expect "which is counted" 1 "$(total spate_log_damage_found_ranges_total)"
expect "the stop before was clean" 1 "$(value 'spate_recovery_info{shard="0",outcome="clean"}')"
expect "and it is ready" 200 "$(status_of /readyz)"

# ---- rude peers -------------------------------------------------------------------------------------------
expect "other methods are refused" "405 405" "$(status_of /metrics -X POST -d x) $(status_of /metrics -X DELETE)"
expect "other paths are not found" 404 "$(status_of /etc/passwd)"
long=$(head -c 60000 /dev/zero | tr '\0' a)
expect_match "a head that is too long is refused" "^(414|431|413|400)$" "$(status_of "/metrics?$long")"
expect_match "in one header too" "^(431|413|400)$" "$(status_of /metrics -H "X-Long: $long")"
open_sockets() { find "/proc/$BROKER_PID/fd" -mindepth 1 -lname 'socket:*' | wc -l; } # files come and go
before=$(open_sockets)
for n in $(seq 200); do exec {fds[n]}<> "/dev/tcp/127.0.0.1/$HTTP"; printf 'GET /metrics HTTP/1.1\r\nX-%d: ' "$n" >&"${fds[n]}"; done
sleep 0.2
taken=$(($(open_sockets) - before))
if [ "$taken" -gt 0 ] && [ "$taken" -le 32 ]; then pass "of 200 peers that never end their requests 32 are taken"; else fail "of 200 silent peers $taken are taken"; fi
expect "and do not keep clients from the broker" yes "$(echo more | kc_produce -t $name -p 1 && echo yes)"
for n in $(seq 200); do exec {fds[n]}>&-; done
expect "when they have gone scrapes go on" 200 "$(status_of /metrics)"

# ---- an address that cannot be had -------------------------------------------------------------------------
out=$("$SPATE_BIN" serve --data "$WORK/other" --listen 127.0.0.1:0 --metrics "$HTTP" 2>&1)
expect "a port in use is an error" "1 spate: 127.0.0.1:$HTTP is in use by another program: stop it, or listen on another port (spate.metrics.listener)" "$? $out"
out=$("$SPATE_BIN" serve --data "$WORK/other" --listen 127.0.0.1:9 --metrics 9 2>&1)
expect "the port of Kafka's protocol is refused" "2 spate: --metrics: port 9 is where Kafka's protocol is spoken; choose another" "$? $out"
expect "which changes nothing" "" "$(find "$WORK/other" -name '*.log')"
