/* How runs are held against limits. The room is a program and no library, so the files are compiled in here. */
#include "bench/run/contest.c"
#include "bench/run/server.c"

#include <criterion/criterion.h>

static struct contestant contestants[3];
static struct options options = { .rounds = 3 };
static struct contest contest = { .options = &options, .name = "test", .count = 2, .contestants = contestants };

static void set_rounds(uint32_t number, const char *name, double a, double b, double c)
{
	snprintf(contestants[number].name, sizeof contestants[number].name, "%s", name);
	contestants[number].count = 3;
	contestants[number].runs[0].mb_per_s = a;
	contestants[number].runs[1].mb_per_s = b;
	contestants[number].runs[2].mb_per_s = c;
}

static const struct criterion throughput = { "P1", "about", "MB/s", offsetof(struct run, mb_per_s), 1, 0, GOAL_AT_LEAST, 0.55, NULL, NULL, 0 };

/* A ratio is taken within each round: a minute in which everything ran at a tenth does not move it. */
Test(contest, ratios_pair_rounds)
{
	struct report *report = report_open();
	set_rounds(0, "limit", 4000, 400, 4200);
	set_rounds(1, "spate", 2400, 240, 2100);
	contest_judge(&contest, &throughput, report);
	cr_expect_float_eq(report->rows[0].ratio, 0.6, 1e-9);
	cr_expect_float_eq(report->rows[0].ratio_low, 0.5, 1e-9);
	cr_expect_float_eq(report->rows[0].ratio_high, 0.6, 1e-9);
	cr_expect_float_eq(report->rows[0].limit, 4000, 1e-9);
	cr_expect_str_eq(report->rows[0].limit_name, "limit");
	cr_expect(report_row_is_met(&report->rows[0]));
	report_close(report);
}

static double twice_the_first(const struct contest *of, uint32_t round)
{
	return of->contestants[0].runs[round].mb_per_s * 2;
}

/* A limit may be made of several runs of the round, and has its own name then. */
Test(contest, a_limit_may_be_a_sum)
{
	struct report *report = report_open();
	struct criterion criterion = throughput;
	criterion.limit_of = twice_the_first;
	criterion.limit_name = "two of it";
	criterion.scale = 10;
	set_rounds(0, "limit", 100, 100, 100);
	set_rounds(1, "spate", 100, 100, 100);
	contest_judge(&contest, &criterion, report);
	cr_expect_float_eq(report->rows[0].ratio, 0.5, 1e-9);
	cr_expect_float_eq(report->rows[0].limit, 2000, 1e-9);
	cr_expect_float_eq(report->rows[0].value, 1000, 1e-9);
	cr_expect_str_eq(report->rows[0].limit_name, "two of it");
	report_close(report);
}

/* The other build does what Spate does, whichever name it has, and nothing else gets a twin. Its row pairs rounds as the others do. */
Test(contest, two_builds)
{
	struct contest builds;
	struct report *report = report_open();
	struct work work = { .kind = WORK_PRODUCE, .connections = 7 };
	options.beside = "/tmp/other";
	options.limits = "/tmp";
	cr_assert_eq(contest_open(&builds, &options, "test", 1), 0);
	contest_add_limit(&builds, "l2_durable", &work);
	uint32_t usual = contest_add_spate(&builds, NULL, &work), named = contest_add_spate(&builds, "spate, 10 new", &work);
	add_twins(&builds);
	cr_assert(builds.count == 5 && builds.asked_count == 3);
	const struct contestant *twin = &builds.contestants[builds.contestants[named].twin];
	cr_expect_str_eq(twin->name, "beside, 10 new");
	cr_expect_str_eq(twin->server.program, "/tmp/other");
	cr_expect_eq(twin->work.connections, 7);
	cr_expect_eq(builds.contestants[0].twin, 0);
	for (uint32_t i = 0; i < builds.count; i++) {
		builds.contestants[i].count = 1;
		builds.contestants[i].runs[0].mb_per_s = i == usual ? 150 : 100;
	}
	struct criterion criterion = throughput;
	criterion.value = usual;
	contest_judge(&builds, &criterion, report);
	contest_judge(&builds, &criterion, report);
	cr_assert_eq(report->rows_count, 3, "a row beside the other build stands once");
	cr_expect_str_eq(report->rows[1].id, "A/B");
	cr_expect_str_eq(report->rows[1].limit_name, "beside");
	cr_expect_float_eq(report->rows[1].ratio, 1.5, 1e-9);
	cr_expect_eq(report->rows[1].sense, GOAL_NONE);
	options.beside = NULL;
	contest_close(&builds);
	report_close(report);
}

/* A contest in which no round succeeded meets no goal, and says nothing of its contestants. */
Test(contest, no_rounds_meet_nothing)
{
	struct report *report = report_open();
	contestants[0].count = contestants[1].count = 0;
	contest_judge(&contest, &throughput, report);
	contest_report(&contest, report);
	cr_expect_not(report_row_is_met(&report->rows[0]));
	cr_expect_eq(report->rows[0].rounds, 0);
	cr_expect_not(report_row_was_read(&report->rows[0]));
	cr_expect_eq(report->runs_count, 0);
	report_close(report);
}

/* Ctrl-C at a terminal goes to its whole group: the suite ends behind the run under way, for which the server must stay. */
Test(contest, a_server_has_a_group_of_its_own)
{
	static const struct server_spec spec = { .kind = SERVER_LIMIT, .name = "cat", .program = "/bin/cat", .core = -1 };
	struct server server = { .spec = &spec };
	char *arguments[] = { "cat", NULL };
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	cr_assert_eq(start_process(&server, STDOUT_FILENO, arguments), 0);
	cr_expect_eq(getpgid(server.pid), server.pid);
	server_halt(&server, SIGTERM);
}
