/* What a process has used so far, from /proc: CPU of all its threads, memory now, context switches.
 * Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

struct process_cost {
	uint64_t cpu_ns;    /* user and system, in the kernel's clock ticks: 10 ms steps */
	uint64_t rss_bytes;
	uint64_t switches;  /* voluntary and not, of the threads that are alive */
};

/* All zero if there is no such process (`pid` 0: none is asked about). */
struct process_cost process_cost_now(int pid);
