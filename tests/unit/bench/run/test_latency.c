/* The limit of P6, which is made of two programs. The room is a program and no library, so the files are compiled in here. */
#include "bench/run/contest.c"
#include "bench/run/latency.c"
#include "bench/run/server.c"

#include <criterion/criterion.h>

/* A commit and half of a relay; no limit at all where requests come faster than the disk takes them. */
Test(latency, relay_limit)
{
	static struct contestant contestants[2];
	static const struct contest contest = { .count = 2, .contestants = contestants };
	static const struct { double commit_us, relay_us, limit_us; } rows[] = {
		{ 300, 100, 350 }, { 999, 2, 1000 }, { 1000, 100, 0 }, { 252707, 3834, 0 }, { 0, 100, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		contestants[RELAY_COMMIT].runs[i].p50_us = rows[i].commit_us;
		contestants[RELAY_MEMORY].runs[i].e2e_p50_us = rows[i].relay_us;
		cr_expect_float_eq(relay_limit(&contest, (uint32_t)i), rows[i].limit_us, 1e-9, "row %zu", i);
	}
}
