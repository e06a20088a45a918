/* What the verbs of `spate bench` share: their common flags, the configuration made of them, and a first look at the broker.
 * Owner: the main thread. */
#pragma once

#include "bench/load/load.h"
#include "cli/address.h"
#include "cli/flags.h"

struct bench_flags {
	const char *broker, *rate, *acks;
	int64_t partitions, connections, in_flight, batch_bytes, record_bytes, fetch_bytes, seconds, warmup_s, requests;
	bool is_json, check_crcs, once, keep;
	bool is_max_a_rate;      /* --rate max: as fast as acknowledged */
};

/* What one verb was asked for. It stays where it is: the configuration points into the rest. */
struct bench {
	struct bench_flags flags;
	struct arguments arguments;
	struct load_config config;
	struct address address;
};

/* The flags that mean the same in every verb that has them. */
#define BENCH_BROKER_FLAG(flags) TEXT_FLAG("broker", 'b', &(flags).broker, "HOST:PORT", "the broker to measure ($SPATE_BROKER, 127.0.0.1:9092)")
#define BENCH_CONNECTIONS_FLAG(flags) INT_FLAG("connections", 'c', &(flags).connections, "N", 1, LOAD_CONNECTIONS_MAX, "connections (16)")
#define BENCH_PARTITIONS_FLAG(flags) INT_FLAG("partitions", 'p', &(flags).partitions, "N", 1, LOAD_PARTITIONS_MAX, "partitions of the topic (16)")
#define BENCH_BATCH_FLAG(flags, usual) \
	INT_FLAG("batch-bytes", 'B', &(flags).batch_bytes, "BYTES", 1, LOAD_BATCH_BYTES_MAX, "size of a batch (" usual ")")
#define BENCH_RECORD_FLAG(flags, max) INT_FLAG("record-bytes", 'r', &(flags).record_bytes, "BYTES", 1, max, "size of a record's value (1024)")
#define BENCH_SECONDS_FLAG(flags) INT_FLAG("seconds", 's', &(flags).seconds, "N", 1, 86400, "how long to measure (5)")
#define BENCH_WARMUP_FLAG(flags) INT_FLAG("warmup", 'w', &(flags).warmup_s, "N", 0, 3600, "seconds before that (1)")
#define BENCH_REQUESTS_FLAG(flags) INT_FLAG("requests", 'n', &(flags).requests, "N", 0, INT64_MAX, "stop after so many")
#define BENCH_JSON_FLAG(flags) BOOL_FLAG("json", 'J', &(flags).is_json, "print JSON")

void bench_defaults(struct bench_flags *flags, bool is_fetch);

/* Makes the configuration of what was parsed into flags and arguments. STATUS_OK, or what to return: it has been complained about. */
int bench_configure(struct bench *bench, const char *topic) MUST_USE;

/* The topic that the first argument names, or the benchmark's own: that is made, and deleted at the end unless it was named. */
int bench_configure_own(struct bench *bench) MUST_USE;

/* Whether a broker answers there, and has the topic if it is to be read. STATUS_OK, or what to return. From then on Ctrl-C ends the load, and what was made for it is removed. */
int bench_reach(const struct bench *bench, bool is_fetch) MUST_USE;

/* The verbs with files of their own. */
int bench_end_to_end(int argc, char **argv);
int bench_backlog(int argc, char **argv);
int bench_sweep(int argc, char **argv);
int bench_client(int argc, char **argv);
int bench_compare(int argc, char **argv);
