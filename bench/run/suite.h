/* The experiments of bench-run. Each runs its contests, judges them and draws its series; all in one thread. */
#pragma once

#include "bench/run/contest.h"

#include <math.h>

struct suite {
	const struct options *options;
	struct report *report;
	double mixed_max_rate; /* requests a second of the shape of P3, as measured; 0: not yet */
};

/* Each returns true if all of its runs succeeded. */
typedef bool experiment_fn(struct suite *suite);

experiment_fn run_produce, run_commit, run_load, run_fetch, run_cold;                  /* throughput.c */
experiment_fn run_relay, run_fanout, run_backlog, run_stalls;                          /* latency.c */
experiment_fn run_partitions, run_connections, run_records;                            /* sweeps.c */
experiment_fn run_segments, run_retained;                                              /* depth.c */
experiment_fn run_start, run_rest, run_restart;                                        /* lifecycle.c */
experiment_fn run_client;                                                              /* client.c */
experiment_fn run_tools;                                                               /* peers.c */

#define RUN_FIELD(name) offsetof(struct run, name)
