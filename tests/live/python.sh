#!/usr/bin/env bash
# python3-kafka 2.0.2 of Debian (python_kafka.py).
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
/usr/bin/python3 -c 'import kafka' 2> /dev/null || { skip "python3-kafka is not installed"; exit 0; }
broker_start
run_cases /usr/bin/python3 tests/live/python_kafka.py "$BROKER" "$(topic_name python)"
