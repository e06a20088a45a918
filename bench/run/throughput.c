/* Produce and fetch beside their limits: P1, P2, P3, P5, P8. */
#include "bench/run/suite.h"

#include <stdio.h>

static const struct work produce_work = { .kind = WORK_PRODUCE, .is_warmed_up = true };

static void add_percentiles(const struct contest *contest, const char *chart, struct report *report)
{
	for (uint32_t i = 0; i < contest->count; i++)
		if (contest->contestants[i].count)
			report_add_percentiles(report, chart, contest->contestants[i].name, &contest->contestants[i].latency);
}

/* One bar for each contestant. */
static void add_bars(const struct contest *contest, const char *chart, size_t metric, struct report *report)
{
	for (uint32_t i = 0; i < contest->count; i++) {
		struct report_point point = { 0, contest_median(contest, i, metric) };
		if (contest->contestants[i].count)
			report_add_series(report, chart, contest->contestants[i].name, &point, 1);
	}
}

/* Beside peers, where there are any: ten times the throughput of one that only keeps in memory what it acknowledges is asked of produce
 * alone, and a tenth of its CPU of both. */
static void judge_peers(const struct contest *contest, uint32_t spate, uint32_t first_peer, const char *id, enum goal_sense sense,
			struct report *report)
{
	for (uint32_t i = first_peer; i < contest->asked_count; i++) {
		const struct criterion rows[] = {
			{ id, "the same, beside this peer", "MB/s", RUN_FIELD(mb_per_s), spate, i, sense, 10, NULL, NULL, 0 },
			{ "P8 peer", "broker CPU of the same, beside this peer", "s/GB", RUN_FIELD(cpu_s_per_gb), spate, i, GOAL_AT_MOST, 0.1, NULL, NULL, 0 },
		};
		for (size_t j = 0; j < COUNT_OF(rows); j++)
			contest_judge(contest, &rows[j], report);
	}
}

bool run_produce(struct suite *suite)
{
	struct contest contest;
	if (contest_open(&contest, suite->options, "produce", 0))
		return false;
	uint32_t limit = contest_add_limit(&contest, "l2_durable", &produce_work);
	uint32_t growing = contest_add_limit(&contest, "l2_growing", &produce_work);
	uint32_t spate = contest_add_spate(&contest, NULL, &produce_work);
	uint32_t memory = contest_add_limit(&contest, "l1_memory", &produce_work);
	contest_add_peers(&contest, &produce_work);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion rows[] = {
		{ "P1", "durable produce, 16 x 4 x 128 KiB, 16 partitions", "MB/s", RUN_FIELD(mb_per_s), spate, limit, GOAL_AT_LEAST, 0.85, NULL, NULL, 0 },
		{ "P1 fresh", "the same, beside L2 on blocks never written before", "MB/s", RUN_FIELD(mb_per_s), spate, growing, GOAL_NONE, 0, NULL, NULL, 0 },
		{ "P8", "broker CPU per GB produced", "s/GB", RUN_FIELD(cpu_s_per_gb), spate, memory, GOAL_AT_MOST, 1.3, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		contest_judge(&contest, &rows[i], suite->report);
	judge_peers(&contest, spate, memory + 1, "P1 peer", GOAL_AT_LEAST, suite->report);
	add_bars(&contest, "throughput", RUN_FIELD(mb_per_s), suite->report);
	add_bars(&contest, "cpu", RUN_FIELD(cpu_s_per_gb), suite->report);
	add_percentiles(&contest, "percentiles-produce", suite->report);
	contest_close(&contest);
	return is_good;
}

/* One record that makes the batch 4096 bytes. */
bool run_commit(struct suite *suite)
{
	static const struct work work = { .kind = WORK_PRODUCE, .connections = 1, .in_flight = 1, .batch_bytes = 4096, .record_bytes = 4026, .partitions = 1 };
	struct contest contest;
	if (contest_open(&contest, suite->options, "commit", 0))
		return false;
	uint32_t limit = contest_add_limit(&contest, "l3_commit", &work);
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	contest_add_peers(&contest, &work);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion rows[] = {
		{ "P2", "one durable 4 KiB produce outstanding: p50", "us", RUN_FIELD(p50_us), spate, limit, GOAL_AT_MOST, 1.10, NULL, NULL, 0 },
		{ "P2", "one durable 4 KiB produce outstanding: p99", "us", RUN_FIELD(p99_us), spate, limit, GOAL_AT_MOST, 1.25, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		contest_judge(&contest, &rows[i], suite->report);
	add_percentiles(&contest, "percentiles-commit", suite->report);
	contest_close(&contest);
	return is_good;
}

/* ---- latency at a rate --------------------------------------------------------------------------------- */

static struct work load_work(double rate)
{
	return (struct work){ .kind = WORK_PRODUCE, .connections = 64, .in_flight = 4, .batch_bytes = 16 << 10, .rate = rate, .is_warmed_up = true };
}

/* What a broker takes in its first second it may not take for long, as its journal is empty then. */
#define PROBE_SECONDS 5

/* Its own maximum, once: requests a second of the closed loop. */
static bool find_maximum(struct suite *suite)
{
	struct contest contest;
	struct work work = load_work(0);
	work.seconds = suite->options->seconds * PROBE_SECONDS;
	if (suite->mixed_max_rate > 0)
		return true;
	if (contest_open(&contest, suite->options, "load", 1))
		return false;
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	bool is_good = contest_run(&contest);
	suite->mixed_max_rate = contest_median(&contest, spate, RUN_FIELD(requests_per_s));
	contest_close(&contest);
	return is_good && suite->mixed_max_rate > 0;
}

static bool judge_at_half(struct suite *suite)
{
	struct contest contest;
	struct work work = load_work(suite->mixed_max_rate / 2);
	work.seconds = suite->options->seconds * 2;
	if (contest_open(&contest, suite->options, "load", 0))
		return false;
	uint32_t limit = contest_add_limit(&contest, "l2_durable", &work);
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion rows[] = {
		{ "P3", "open loop at 50 % of own maximum, 64 x 16 KiB: p99", "us", RUN_FIELD(p99_us), spate, limit, GOAL_AT_MOST, 1.3, NULL, NULL, 0 },
		{ "P3", "open loop at 50 % of own maximum, 64 x 16 KiB: p99.9", "us", RUN_FIELD(p999_us), spate, limit, GOAL_AT_MOST, 1.5, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		contest_judge(&contest, &rows[i], suite->report);
	add_percentiles(&contest, "percentiles-load", suite->report);
	for (uint32_t i = 0; i < contest.count; i++)
		contest_draw_seconds(&contest.contestants[i], "seconds", suite->report);
	contest_close(&contest);
	return is_good;
}

/* One run at each load; `x` is MB/s offered, `y` milliseconds. */
static bool draw_curve(struct suite *suite)
{
	static const double loads[] = { 0.1, 0.25, 0.5, 0.7, 0.9 };
	static const struct { const char *name; size_t metric; } lines[] = { { "p50", RUN_FIELD(p50_us) }, { "p99", RUN_FIELD(p99_us) }, { "p99.9", RUN_FIELD(p999_us) } };
	struct contest contest;
	if (contest_open(&contest, suite->options, "load curve", 1))
		return false;
	for (size_t i = 0; i < COUNT_OF(loads); i++) {
		struct work work = load_work(suite->mixed_max_rate * loads[i]);
		work.seconds = suite->options->seconds * 0.7;
		contest_add_limit(&contest, "l2_durable", &work);
		contest_add_spate(&contest, NULL, &work);
	}
	bool is_good = contest_run(&contest);
	for (size_t line = 0; line < 2 * COUNT_OF(lines) && is_good; line++) {
		struct report_point points[COUNT_OF(loads)];
		char name[48];
		for (uint32_t i = 0; i < COUNT_OF(loads); i++)
			points[i] = (struct report_point){ contest_median(&contest, i * 2 + line % 2, RUN_FIELD(mb_per_s)),
							   contest_median(&contest, i * 2 + line % 2, lines[line / 2].metric) / 1e3 };
		snprintf(name, sizeof name, "%s %s", contest.contestants[line % 2].name, lines[line / 2].name);
		report_add_series(suite->report, "load", name, points, COUNT_OF(loads));
	}
	contest_close(&contest);
	return is_good;
}

bool run_load(struct suite *suite)
{
	bool is_good = find_maximum(suite) && judge_at_half(suite);
	return is_good && draw_curve(suite);
}

/* ---- fetch --------------------------------------------------------------------------------------------- */

bool run_fetch(struct suite *suite)
{
	static const struct work work = { .kind = WORK_FETCH, .preload_mb = 64, .partitions = 16 };
	struct contest contest;
	if (contest_open(&contest, suite->options, "fetch", 0))
		return false;
	uint32_t limit = contest_add_limit(&contest, "l4_fetch", &work);
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	contest_add_peers(&contest, &work);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion rows[] = {
		{ "P5", "tail fetch from memory, 16 connections, 1 MiB", "MB/s", RUN_FIELD(mb_per_s), spate, limit, GOAL_AT_LEAST, 0.85, NULL, NULL, 0 },
		{ "P8", "broker CPU per GB fetched", "s/GB", RUN_FIELD(cpu_s_per_gb), spate, limit, GOAL_AT_MOST, 1.3, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		contest_judge(&contest, &rows[i], suite->report);
	judge_peers(&contest, spate, spate + 1, "P5 peer", GOAL_NONE, suite->report);
	add_bars(&contest, "throughput-fetch", RUN_FIELD(mb_per_s), suite->report);
	contest_close(&contest);
	return is_good;
}

bool run_cold(struct suite *suite)
{
	static const struct work work = { .kind = WORK_COLD, .preload_mb = 1024, .partitions = 16 };
	struct contest contest;
	if (contest_open(&contest, suite->options, "cold", 0))
		return false;
	uint32_t limit = contest_add_limit(&contest, "l5_cold", &work);
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion row = { "P5", "cold fetch after a restart, 1 GiB from the disk", "MB/s", RUN_FIELD(mb_per_s), spate, limit,
				       GOAL_AT_LEAST, 0.95, NULL, NULL, 0 };
	contest_judge(&contest, &row, suite->report);
	add_bars(&contest, "throughput-cold", RUN_FIELD(mb_per_s), suite->report);
	contest_close(&contest);
	return is_good;
}
