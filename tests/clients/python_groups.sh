#!/usr/bin/env bash
# Debian's Python clients in consumer groups (python/groups.py): confluent-kafka (librdkafka 2.0) and kafka-python.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
broker_start
echo "# VERSION: $(/usr/bin/python3 -c 'import confluent_kafka as c, kafka as k; print(f"confluent {c.version()[0]} ({c.libversion()[0]}), kafka-python {k.__version__}")')"
for client in confluent kafka; do run_cases /usr/bin/python3 tests/clients/python/groups.py $client "$BROKER" "$(topic_name py-$client)"; done
