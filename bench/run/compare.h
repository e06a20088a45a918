/* What is measured and how it is held against its limit: workloads, rounds, medians, and the report.
 * Owns nothing but what it returns; one thread. */
#pragma once

#include "bench/load/load.h"

#include <stdio.h>

#define ROUNDS_MAX 32
#define CONTESTANTS_MAX 4

/* Which way the ratio to the limit goes. */
enum metric { METRIC_THROUGHPUT, METRIC_P50 };

struct workload {
	const char *name;  /* as in the project's goals: P1, P2 ... */
	const char *about;
	const char *limit; /* the limit program */
	enum metric metric;
	double goal;       /* of the ratio: at least (throughput) or at most (latency) */
	uint32_t connections, in_flight, batch_bytes, record_bytes, partitions;
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* One run of one contestant, in the units that are printed. */
struct run {
	double mb_per_s, p50_us, p99_us, p999_us, cpu_s_per_gb, rss_mib;
};

struct contestant {
	const char *name;
	uint32_t count;
	struct run runs[ROUNDS_MAX];
};

/* Contestant 0 is the limit. */
struct comparison {
	const struct workload *workload;
	uint32_t count;
	struct contestant contestants[CONTESTANTS_MAX];
};

/* The broker at rest. */
struct rest {
	uint32_t count;
	double start_ms[ROUNDS_MAX];
	double rss_mib, switches_per_s;
	bool is_measured;
};

struct run run_of(const struct load_result *result);

/* The middle value of each column; each on its own. */
struct run run_median(const struct contestant *contestant);

double median(const double *values, uint32_t count);

/* The median over rounds of a contestant's ratio to the limit in the same round. */
double comparison_ratio(const struct comparison *comparison, uint32_t contestant);
bool comparison_meets_goal(const struct comparison *comparison, uint32_t contestant);

void comparison_print_table(FILE *out, const struct comparison *comparisons, uint32_t count, const struct rest *rest);
void comparison_print_json(FILE *out, const struct comparison *comparisons, uint32_t count, const struct rest *rest);
