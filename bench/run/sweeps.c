/* One thing is varied and the rest stays: partitions (P4), connections, sizes of records. */
#include "bench/run/suite.h"

#include <stdio.h>

static void draw(const struct contest *contest, uint32_t drawn, const char *chart, const double *xs, size_t metric, double scale, struct report *report)
{
	struct report_point points[CONTESTANTS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < drawn; i++)
		if (contest->contestants[i].count)
			points[count++] = (struct report_point){ xs[i], contest_median(contest, i, metric) * scale };
	report_add_series(report, chart, "spate", points, count);
}

/* The disk's own time for the same: 4 KiB to each of so many partitions, one flush. */
static void show_spread(struct suite *suite, double requests_per_s, uint32_t partitions)
{
	char command[600];
	double numbers[3];
	snprintf(command, sizeof command, "'%s/l7_spread' '%s' %u", suite->options->limits, suite->options->directory, partitions);
	if (contest_ask_program(command, numbers, 3) != 3 || !(requests_per_s > 0))
		return;
	struct report_row row = { .id = "P4", .unit = "us", .limit_name = "l7_spread", .has_limit = true, .limit = numbers[1],
				  .value = partitions / requests_per_s * 1e6, .rounds = 1, .sense = GOAL_NONE };
	snprintf(row.about, sizeof row.about, "4 KiB to each of %u partitions: time a partition's turn takes", partitions);
	row.ratio = row.ratio_low = row.ratio_high = row.value / row.limit;
	report_add_row(suite->report, &row);
}

static void add_partitions(struct contest *contest, const char *word, double count, double warmup_s, double seconds)
{
	struct work work = { .kind = WORK_PRODUCE, .in_flight = 64, .batch_bytes = 4096, .record_bytes = 4026, .partitions = (uint32_t)count,
			     .warmup_s = warmup_s, .seconds = seconds, .is_killed = true };
	char name[40];
	snprintf(name, sizeof name, "spate, %g %s", count, word);
	contest_add_spate(contest, name, &work);
}

/* Each partition has its files before the clock starts; what making them costs is told beside it, from the first record on. */
bool run_partitions(struct suite *suite)
{
	static const double counts[] = { 1, 10, 100, 1000, 10000 }, warmups_s[] = { 1, 1, 1, 2, 5 };
	struct contest contest;
	if (contest_open(&contest, suite->options, "partitions", 0))
		return false;
	for (size_t i = 0; i < COUNT_OF(counts); i++)
		add_partitions(&contest, "partitions", counts[i], warmups_s[i], 0);
	add_partitions(&contest, "new", 1000, 1e-3, 2);
	add_partitions(&contest, "new", 10000, 1e-3, 2);
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	const struct criterion rows[] = {
		{ "P4", "durable 4 KiB batches to 1,000 partitions, to one", "MB/s", RUN_FIELD(mb_per_s), 3, 0, GOAL_AT_LEAST, 0.9, NULL, NULL, 0 },
		{ "P4", "durable 4 KiB batches to 10,000 partitions, to one", "MB/s", RUN_FIELD(mb_per_s), 4, 0, GOAL_AT_LEAST, 0.9, NULL, NULL, 0 },
		{ "P4 new", "their first two seconds, 1,000 partitions, to one", "MB/s", RUN_FIELD(mb_per_s), 5, 0, GOAL_NONE, 0, NULL, NULL, 0 },
		{ "P4 new", "their first two seconds, 10,000, to one", "MB/s", RUN_FIELD(mb_per_s), 6, 0, GOAL_NONE, 0, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		contest_judge(&contest, &rows[i], suite->report);
	show_spread(suite, contest_median(&contest, 3, RUN_FIELD(requests_per_s)), 1000);
	draw(&contest, COUNT_OF(counts), "partitions", counts, RUN_FIELD(mb_per_s), 1, suite->report);
	contest_close(&contest);
	return is_good;
}

bool run_connections(struct suite *suite)
{
	static const double counts[] = { 1, 4, 16, 64, 256, 1024, 4096 };
	struct contest contest;
	if (contest_open(&contest, suite->options, "connections", 1))
		return false;
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		struct work work = { .kind = WORK_PRODUCE, .connections = (uint32_t)counts[i], .in_flight = 1, .batch_bytes = 4096, .record_bytes = 4026,
				     .is_warmed_up = true };
		char name[40];
		snprintf(name, sizeof name, "spate, %g connections", counts[i]);
		contest_add_spate(&contest, name, &work);
	}
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	draw(&contest, COUNT_OF(counts), "connections", counts, RUN_FIELD(requests_per_s), 1e-3, suite->report);
	contest_close(&contest);
	return is_good;
}

bool run_records(struct suite *suite)
{
	static const double sizes[] = { 10, 100, 1024, 10240, 65536 };
	struct contest contest;
	if (contest_open(&contest, suite->options, "record size", 1))
		return false;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct work work = { .kind = WORK_PRODUCE, .record_bytes = (uint32_t)sizes[i], .is_warmed_up = true };
		char name[40];
		snprintf(name, sizeof name, "spate, %g bytes", sizes[i]);
		contest_add_spate(&contest, name, &work);
	}
	bool is_good = contest_run(&contest);
	contest_report(&contest, suite->report);
	draw(&contest, COUNT_OF(sizes), "records", sizes, RUN_FIELD(mb_per_s), 1, suite->report);
	contest_close(&contest);
	return is_good;
}
