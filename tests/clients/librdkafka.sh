#!/usr/bin/env bash
# The newest librdkafka, whose source comes with Confluent's JavaScript client: the live tests' own programs (admin.c,
# load.c), built against it. Debian's 2.0.2, which the live tests use, speaks older versions of every request.
source "$(dirname "${BASH_SOURCE[0]}")/../live/harness.sh"
build=$(tests/clients/librdkafka/build 2.15.1 "$CLIENTS/node/node_modules/@confluentinc/kafka-javascript/deps/librdkafka") || die "librdkafka builds"
libs=$(sed -nE 's/^LIBS\+?=[ \t]*//p' "$build/Makefile.config" | tail -1)
for program in admin load peek; do
	# shellcheck disable=SC2086 # the libraries are several words
	gcc -std=gnu17 -D_GNU_SOURCE -O1 -w -I. -I"$build" -o "$build/$program" "tests/live/$program.c" tests/live/lib/*.c "$build/src/librdkafka.a" \
		$libs -lssl -lcrypto -lz -lzstd -lm -ldl -lpthread || die "$program builds against it"
done
version=$(sed -nE 's/^#define RD_KAFKA_VERSION +0x([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2}).*/0x\1 0x\2 0x\3/p' "$build/src/rdkafka.h")
# shellcheck disable=SC2086 # three words, three numbers
echo "# VERSION: librdkafka $(printf '%d.%d.%d' $version)"

broker_start
run_cases "$build/admin" "$BROKER" cases "$(topic_name rd-admin)"
for codec in none gzip snappy lz4 zstd; do
	topic=$(topic_name "rd-$codec")
	"$build/admin" "$BROKER" create "$topic" 3
	LOAD_CODEC=$codec timeout --preserve-status 2 "$build/load" "$BROKER" "$topic" 3 4000000 | sed -E "s/^(ok   |FAIL )/\1 idempotent, $codec:/"
	expect "stored with $codec" "$codec" "$("$build/peek" "$BROKER" "$topic" 0 | sort -nrk 2 | awk '{print $3; exit}')"
done
