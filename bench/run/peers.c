/* Beside servers that speak another protocol, driven by tools for them: the same payload of 1 KiB records, durable on our side. */
#include "bench/run/suite.h"

#include <stdio.h>

/* A batch that holds one record, as a server without batches has it. The others run all the time, and have touched their memory long before. */
static const struct work single_work = { .kind = WORK_PRODUCE, .connections = 50, .in_flight = 64, .batch_bytes = 1, .record_bytes = 1024, .is_warmed_up = true };
static const struct work batched_work = { .kind = WORK_PRODUCE, .is_warmed_up = true };

bool run_tools(struct suite *suite)
{
	struct contest contest;
	if (!suite->options->tools_count)
		return true;
	if (contest_open(&contest, suite->options, "others", 0))
		return false;
	uint32_t batched = contest_add_spate(&contest, "spate, 128 KiB batches", &batched_work);
	uint32_t single = contest_add_spate(&contest, "spate, a record a request", &single_work);
	contest_add_tools(&contest);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	for (uint32_t i = single + 1; i < contest.asked_count; i++) {
		const struct criterion rows[] = {
			{ "peer", "durable 1 KiB records in batches, beside this", "MB/s", RUN_FIELD(mb_per_s), batched, i, GOAL_AT_LEAST, 10, NULL, NULL, 0 },
			{ "peer", "durable 1 KiB records one a request, beside this", "MB/s", RUN_FIELD(mb_per_s), single, i, GOAL_NONE, 0, NULL, NULL, 0 },
		};
		for (size_t j = 0; j < COUNT_OF(rows); j++)
			contest_judge(&contest, &rows[j], suite->report);
	}
	for (uint32_t i = 0; i < contest.count; i++) {
		struct report_point point = { 0, contest_median(&contest, i, RUN_FIELD(mb_per_s)) };
		if (contest.contestants[i].count)
			report_add_series(suite->report, "peers", contest.contestants[i].name, &point, 1);
	}
	contest_close(&contest);
	return is_good;
}
