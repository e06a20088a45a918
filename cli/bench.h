/* What the verbs of `spate bench` share: their common flags, the configuration made of them, and a first look at the broker.
 * Owner: the main thread. */
#pragma once

#include "bench/load/load.h"
#include "cli/address.h"

struct bench_flags {
	const char *broker, *rate, *acks;
	int64_t partitions, connections, in_flight, batch_bytes, record_bytes, fetch_bytes, seconds, warmup_s, requests;
	bool is_json, check_crcs, once, keep;
};

#define BENCH_BROKER_FLAG(flags) TEXT_FLAG("broker", 'b', &(flags).broker, "HOST:PORT", "the broker to measure ($SPATE_BROKER, 127.0.0.1:9092)")

void bench_defaults(struct bench_flags *flags, bool is_fetch);

/* STATUS_OK, or what to return: it has been complained about. `address` must outlive the configuration. */
int bench_configure(struct load_config *config, struct address *address, const struct bench_flags *flags, const char *topic) MUST_USE;

/* Whether a broker answers there, and has the topic if it is to be read. STATUS_OK, or what to return. */
int bench_reach(const struct bench_flags *flags, const struct load_config *config, bool is_fetch) MUST_USE;

/* The verbs with files of their own. */
int bench_end_to_end(int argc, char **argv);
int bench_backlog(int argc, char **argv);
int bench_sweep(int argc, char **argv);
int bench_client(int argc, char **argv);
int bench_compare(int argc, char **argv);
