/* One run of one contestant in the units that are printed, and the medians of several. Owns nothing; any thread. */
#pragma once

#include "bench/load/load.h"

#define ROUNDS_MAX 32

/* All fields are doubles, so that a column is named by its place in the struct. What was not measured is 0. */
struct run {
	double mb_per_s, records_per_s, requests_per_s;
	double mean_us, p50_us, p75_us, p95_us, p99_us, p999_us, p9999_us, max_us;
	double e2e_mean_us, e2e_p50_us, e2e_p75_us, e2e_p95_us, e2e_p99_us, e2e_p999_us, e2e_p9999_us, e2e_max_us;
	double read_mb_per_s, read_records_per_s;
	double cpu_s_per_gb, load_cpu_s_per_gb, rss_mib, switches_per_s;
	double value; /* of what is no load: a time, a size; the experiment says which */
};

/* `read` may be NULL: what the readers of a mixed run saw. Broker CPU counts each byte in and each byte out. */
struct run run_of(const struct load_result *result, const struct load_result *read);

/* A column, by the offset of its field. */
double run_field(const struct run *run, size_t field);

/* The middle value, 0 of none. `count` is at most ROUNDS_MAX; the values stay as they are. */
double median(const double *values, uint32_t count);

/* The middle value of each column; each on its own. */
struct run run_median(const struct run *runs, uint32_t count);
