/* Producers and readers at once, and latency over a long time: P6, P12, P13, fan-out. */
#include "bench/run/suite.h"

#include <stdio.h>

#define RELAY_RATE 1000
#define FANOUT_READERS 8
#define RETENTION_CHECK_MS 1000
/* What a broker takes for a few seconds it may not take for long: its journal and its cache are empty then, and 16 partitions hold 4 GiB before retention removes the
 * first byte. A maximum is of a run in which most has been filed, and retention removes as much as comes. */
#define PROBE_SECONDS 20

/* ---- end to end ---------------------------------------------------------------------------------------- */

enum { RELAY_COMMIT, RELAY_MEMORY };

/* A commit, and one wake-up more: half of a relay, which is two. A disk that takes longer than requests are apart leaves no latency to compare with: they queue
 * in front of l3, which has one under way, and the wait grows with the run. */
static double relay_limit(const struct contest *contest, uint32_t round)
{
	double commit = contest->contestants[RELAY_COMMIT].runs[round].p50_us;
	bool keeps_up = commit > 0 && commit < 1e6 / RELAY_RATE;
	return keeps_up ? commit + contest->contestants[RELAY_MEMORY].runs[round].e2e_p50_us / 2 : 0;
}

bool run_relay(struct suite *suite)
{
	static const struct work commit = { .kind = WORK_PRODUCE, .connections = 1, .in_flight = 1, .batch_bytes = 4096, .record_bytes = 4026, .partitions = 1, .rate = RELAY_RATE };
	struct work relay = commit;
	struct contest contest;
	relay.kind = WORK_MIXED;
	relay.readers = 1;
	relay.in_flight = 64;
	if (contest_open(&contest, suite->options, "end to end", 0))
		return false;
	contest_add_limit(&contest, "l3_commit", &commit);
	contest_add_limit(&contest, "l6_relay", &relay);
	uint32_t spate = contest_add_spate(&contest, NULL, &relay);
	contest_add_peers(&contest, &relay);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion row = { "P6", "durable 4 KiB produce to parked consumer, 1000/s: p50", "us", RUN_FIELD(e2e_p50_us), spate, 0,
				       GOAL_AT_MOST, 1.2, relay_limit, "l3 + l6/2", 0 };
	contest_judge(&contest, &row, suite->report);
	for (uint32_t i = RELAY_MEMORY; i < contest.count; i++)
		if (contest.contestants[i].count)
			report_add_percentiles(suite->report, "percentiles-end-to-end", contest.contestants[i].name, &contest.contestants[i].end_to_end);
	contest_close(&contest);
	return is_good;
}

bool run_fanout(struct suite *suite)
{
	static const struct work work = { .kind = WORK_MIXED, .connections = 1, .in_flight = 8, .batch_bytes = 64 << 10, .partitions = 1, .readers = FANOUT_READERS };
	struct contest contest;
	if (contest_open(&contest, suite->options, "fan-out", 0))
		return false;
	uint32_t limit = contest_add_limit(&contest, "l6_relay", &work);
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion row = { "fan", "one producer, eight tailing consumers: read by all", "MB/s", RUN_FIELD(read_mb_per_s), spate, limit,
				       GOAL_NONE, 0, NULL, NULL, 0 };
	contest_judge(&contest, &row, suite->report);
	contest_close(&contest);
	return is_good;
}

/* ---- a backlog that is read beside --------------------------------------------------------------------- */

bool run_backlog(struct suite *suite)
{
	struct work alone = { .kind = WORK_PRODUCE, .connections = 16, .in_flight = 4, .batch_bytes = 16 << 10, .rate = 4000, .seconds = suite->options->seconds * 1.5,
			      .is_warmed_up = true };
	struct work beside = alone;
	struct contest contest;
	beside.kind = WORK_MIXED;
	beside.readers = 4;
	beside.reads_backlog = true;
	beside.preload_mb = 1024;
	if (contest_open(&contest, suite->options, "backlog", 0))
		return false;
	uint32_t quiet = contest_add_spate(&contest, "spate, produce alone", &alone);
	uint32_t busy = contest_add_spate(&contest, "spate, beside catch-up", &beside);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion row = { "P13", "durable produce (4000/s x 16 KiB) beside a catch-up read: p99", "us", RUN_FIELD(p99_us), busy, quiet,
				       GOAL_AT_MOST, 1.5, NULL, NULL, 0 };
	contest_judge(&contest, &row, suite->report);
	contest_close(&contest);
	return is_good;
}

/* ---- stalls -------------------------------------------------------------------------------------------- */

/* Segments roll and are deleted all the time: without that a disk does not hold half an hour of it. */
static const struct load_setting rolling[] = {
	{ "segment.bytes", "67108864" }, { "retention.bytes", "268435456" }, { "file.delete.delay.ms", "0" },
};

/* 64 connections of 16 KiB at 70 % of the broker's own maximum for as long as asked, with roll and retention, then the limit at the same rate
 * for a tenth of it, and at least as long as a usual run. */
bool run_stalls(struct suite *suite)
{
	struct contest contest;
	struct work work = { .kind = WORK_PRODUCE, .connections = 64, .in_flight = 4, .batch_bytes = 16 << 10, .settings = rolling,
			     .settings_count = COUNT_OF(rolling), .is_warmed_up = true };
	if (contest_open(&contest, suite->options, "stalls", 1))
		return false;
	uint32_t probe = contest_add_spate(&contest, "spate, maximum", &work);
	contest.contestants[probe].server.retention_check_ms = RETENTION_CHECK_MS;
	work.seconds = suite->options->seconds * PROBE_SECONDS;
	contest.contestants[probe].work.seconds = work.seconds;
	bool is_good = contest_run(&contest);
	work.rate = contest_median(&contest, probe, RUN_FIELD(requests_per_s)) * 0.7;
	contest_close(&contest);
	if (!is_good || contest_open(&contest, suite->options, "stalls", 1))
		return false;
	work.seconds = suite->options->stalls_minutes * 60;
	uint32_t spate = contest_add_spate(&contest, NULL, &work);
	contest.contestants[spate].server.retention_check_ms = RETENTION_CHECK_MS;
	work.seconds = fmax(work.seconds / 10, suite->options->seconds);
	uint32_t limit = contest_add_limit(&contest, "l2_durable", &work);
	is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion row = { "P12", "longest wait at 70 % load, with roll and retention", "us", RUN_FIELD(max_us), spate, limit, GOAL_AT_MOST, 3, NULL, NULL, 0 };
	contest_judge(&contest, &row, suite->report);
	for (uint32_t i = 0; i < contest.count; i++)
		contest_draw_seconds(&contest.contestants[i], "stalls", suite->report);
	contest_close(&contest);
	return is_good;
}
