/* Rounds: each starts each contestant anew with an empty directory, and the order turns from round to round. */
#include "bench/run/contest.h"

#include "bench/load/topic.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define COLD_FETCH_BYTES (1u << 20)
#define BACKLOG_TOPIC "spate-bench-backlog"
#define WARM_UP_TOPIC "spate-bench-warm-up"
#define WARM_UP_MB 384 /* a quarter of spate.cache.bytes is kept, 256 MiB */

static struct load_result last_result, last_read; /* large: histograms and the course of a run */

static volatile sig_atomic_t is_interrupted;

void contest_interrupt(int signal)
{
	is_interrupted = 1;
}

bool contest_is_interrupted(void)
{
	return is_interrupted;
}

void progress_show(const char *format, ...)
{
	va_list arguments;
	if (!isatty(STDERR_FILENO))
		return;
	va_start(arguments, format);
	fputs("\r\033[K", stderr);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

void progress_clear(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

int contest_open(struct contest *contest, const struct options *options, const char *name, uint32_t rounds)
{
	*contest = (struct contest){ .options = options, .name = name, .rounds = rounds ? rounds : options->rounds };
	contest->contestants = calloc(CONTESTANTS_MAX, sizeof *contest->contestants);
	return contest->contestants ? 0 : -ENOMEM;
}

void contest_close(struct contest *contest)
{
	for (uint32_t i = 0; i < contest->count; i++)
		if (contest->contestants[i].server.kind == SERVER_LIMIT)
			free((char *)contest->contestants[i].server.program);
	free(contest->contestants);
}

uint32_t contest_ask_program(const char *command, double *numbers, uint32_t capacity)
{
	uint32_t count = 0;
	FILE *out = popen(command, "re");
	while (out && count < capacity && fscanf(out, "%lf", &numbers[count]) == 1)
		count++;
	if (out)
		pclose(out);
	return count;
}

/* ---- contestants ------------------------------------------------------------------------------------- */

static uint32_t add(struct contest *contest, const char *name, const struct server_spec *server, const struct work *work)
{
	struct contestant *contestant = &contest->contestants[contest->count];
	snprintf(contestant->name, sizeof contestant->name, "%s", name);
	contestant->server = *server;
	contestant->work = *work;
	histogram_init(&contestant->latency);
	histogram_init(&contestant->end_to_end);
	return contest->count++;
}

uint32_t contest_add_limit(struct contest *contest, const char *program, const struct work *work)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", contest->options->limits, program) < 0)
		path = NULL;
	struct server_spec server = { .kind = SERVER_LIMIT, .name = program, .program = path, .directory = contest->options->directory,
				      .core = contest->options->server_core };
	return add(contest, program, &server, work);
}

uint32_t contest_add_spate(struct contest *contest, const char *name, const struct work *work)
{
	struct server_spec server = { .kind = SERVER_SPATE, .name = "spate", .program = contest->options->spate,
				      .directory = contest->options->directory, .core = contest->options->server_core };
	return add(contest, name ? name : "spate", &server, work);
}

void contest_add_tools(struct contest *contest)
{
	for (uint32_t i = 0; i < contest->options->tools_count && contest->count < CONTESTANTS_MAX; i++) {
		struct server_spec none = { .kind = SERVER_PEER, .name = contest->options->tools[i].name };
		struct work work = { .kind = WORK_TOOL, .command = contest->options->tools[i].command };
		add(contest, contest->options->tools[i].name, &none, &work);
	}
}

void contest_add_peers(struct contest *contest, const struct work *work)
{
	for (uint32_t i = 0; i < contest->options->peers_count && contest->count < CONTESTANTS_MAX; i++)
		add(contest, contest->options->peers[i].name, &contest->options->peers[i], work);
}

/* ---- one run ----------------------------------------------------------------------------------------- */

static void set_if(uint32_t *field, uint32_t value)
{
	*field = value ? value : *field;
}

static struct load_config config_for(const struct contest *contest, const struct contestant *contestant, const struct server *server)
{
	const struct work *work = &contestant->work;
	struct load_config config;
	load_config_init(&config);
	config.port = server->port;
	set_if(&config.connections, work->connections);
	set_if(&config.in_flight, work->in_flight);
	set_if(&config.batch_bytes, work->batch_bytes);
	set_if(&config.record_bytes, work->record_bytes);
	set_if(&config.partitions, work->partitions);
	set_if(&config.fetch_bytes, work->fetch_bytes);
	config.readers = work->readers;
	config.requests_per_s = work->rate;
	config.warmup_ns = (uint64_t)((work->warmup_s > 0 ? work->warmup_s : contest->options->warmup_s) * 1e9);
	config.duration_ns = (uint64_t)((work->seconds > 0 ? work->seconds : contest->options->seconds) * 1e9);
	config.server_pid = server->pid;
	config.create_topic = server->spec->kind != SERVER_LIMIT;
	config.fetch_from_zero = server->spec->kind == SERVER_LIMIT;
	config.delete_topic = server->spec->kind == SERVER_PEER;
	config.settings = work->settings;
	config.settings_count = work->settings_count;
	static const struct load_setting flushes = { "flush.messages", "1" };
	if (server->spec->flushes) {
		config.settings = &flushes;
		config.settings_count = 1;
	}
	return config;
}

/* As fast as it goes, in requests of 128 KiB. */
static int fill(const struct load_config *config, const char *topic, uint32_t mb)
{
	struct load_config filling = *config;
	filling.topic = topic;
	filling.connections = config->partitions > 16 ? 16 : config->partitions;
	filling.in_flight = 4;
	filling.batch_bytes = 128 << 10;
	filling.requests_per_s = 0;
	filling.delete_topic = false;
	load_config_count(&filling, mb * 8ull);
	return load_produce(&filling, &last_result);
}

/* Fills a topic with what is to be read. A limit program has its own. */
static int preload(const struct contestant *contestant, const struct load_config *config, const char *topic)
{
	if (!contestant->work.preload_mb || !config->create_topic)
		return 0;
	return fill(config, topic, contestant->work.preload_mb);
}

static int warm_up_at(uint16_t port)
{
	struct load_config config;
	load_config_init(&config);
	config.port = port;
	return fill(&config, WARM_UP_TOPIC, WARM_UP_MB);
}

int contest_warm_up(uint16_t port, char *failure)
{
	int err = warm_up_at(port);
	snprintf(failure, LOAD_FAILURE_BYTES, "%s", last_result.failure);
	return err;
}

/* Limit programs touch what they use before they listen. */
static int warm_up(const struct contestant *contestant, const struct server *server)
{
	bool is_broker = contestant->server.kind != SERVER_LIMIT;
	return contestant->work.is_warmed_up && is_broker ? warm_up_at(server->port) : 0;
}

/* What a cold run reads must come from the disk: the broker starts anew, and the kernel forgets the files. */
static int chill(struct server *server, struct load_config *config)
{
	if (server->spec->kind != SERVER_SPATE)
		return 0;
	server_halt(server, SIGTERM);
	server_forget_files(server);
	int err = server_resume(server);
	config->server_pid = server->pid;
	return err;
}

static int fetch_cold(struct server *server, struct load_config *config)
{
	int err = chill(server, config);
	config->fetch_bytes = COLD_FETCH_BYTES;
	config->fetch_once = config->create_topic;
	if (config->fetch_once)
		config->duration_ns = 60000000000ull; /* it ends when all is read */
	config->warmup_ns = 0;
	return err ? err : load_fetch(config, &last_result);
}

static int mix(const struct contestant *contestant, struct server *server, struct load_config *config)
{
	int err = 0;
	if (contestant->work.reads_backlog) {
		err = preload(contestant, config, BACKLOG_TOPIC);
		config->read_topic = BACKLOG_TOPIC;
		if (!err)
			err = chill(server, config);
	}
	if (!err)
		err = warm_up(contestant, server);
	return err ? err : load_mixed(config, &last_result, &last_read);
}

static int do_work(const struct contest *contest, const struct contestant *contestant, struct server *server)
{
	struct load_config config = config_for(contest, contestant, server);
	int err = 0;
	switch (contestant->work.kind) {
	case WORK_PRODUCE:
		err = warm_up(contestant, server);
		return err ? err : load_produce(&config, &last_result);
	case WORK_FETCH:
		err = preload(contestant, &config, config.topic);
		return err ? err : load_fetch(&config, &last_result);
	case WORK_COLD:
		err = preload(contestant, &config, config.topic);
		return err ? err : fetch_cold(server, &config);
	case WORK_TOOL:
		break;
	case WORK_MIXED:
		return mix(contestant, server, &config);
	}
	return err;
}

static void keep_run(struct contestant *contestant)
{
	bool is_mixed = contestant->work.kind == WORK_MIXED;
	contestant->runs[contestant->count++] = run_of(&last_result, is_mixed ? &last_read : NULL);
	histogram_merge(&contestant->latency, &last_result.latency);
	if (is_mixed)
		histogram_merge(&contestant->end_to_end, &last_read.end_to_end);
	for (uint32_t i = 0; i < last_result.seconds_count && contestant->seconds_count < LOAD_SECONDS_MAX; i++)
		contestant->seconds[contestant->seconds_count++] = last_result.seconds[i];
}

/* MB/s, p50 and p99 as another's tool prints them. */
static bool ask_tool(struct contest *contest, struct contestant *contestant)
{
	double numbers[3];
	if (contest_ask_program(contestant->work.command, numbers, 3) != 3) {
		progress_clear();
		fprintf(stderr, "bench: %s: %s: its tool did not print MB/s, p50 and p99\n", contest->name, contestant->name);
		return false;
	}
	contestant->runs[contestant->count++] = (struct run){ .mb_per_s = numbers[0], .p50_us = numbers[1], .p99_us = numbers[2] };
	return true;
}

static bool measure(struct contest *contest, struct contestant *contestant)
{
	if (contestant->work.kind == WORK_TOOL)
		return ask_tool(contest, contestant);

	struct server server;
	last_result.failure[0] = 0;
	if (server_start(&server, &contestant->server))
		return false;
	int err = do_work(contest, contestant, &server);
	if (contestant->work.is_killed)
		server_halt(&server, SIGKILL);
	server_stop(&server);
	if (err) {
		progress_clear();
		fprintf(stderr, "bench: %s: %s: %s\n", contest->name, contestant->name,
			*last_result.failure ? last_result.failure : "it did not start again");
		return false;
	}
	snprintf(contest->workload, sizeof contest->workload, "%s", last_result.workload);
	keep_run(contestant);
	return true;
}

/* ---- rounds ------------------------------------------------------------------------------------------ */

/* Ratios pair the n-th run of both sides, so a round in which any run failed is left out whole. */
static bool run_round(struct contest *contest, uint32_t round)
{
	bool is_good = true;
	uint32_t count_before = contest->contestants[0].count;
	for (uint32_t i = 0; i < contest->count && (is_good &= !is_interrupted); i++) {
		struct contestant *contestant = &contest->contestants[(i + round) % contest->count];
		progress_show("%s: round %u of %u, %s ", contest->name, round + 1, contest->rounds, contestant->name);
		is_good &= measure(contest, contestant);
	}
	for (uint32_t i = 0; !is_good && i < contest->count; i++)
		contest->contestants[i].count = count_before;
	return is_good;
}

/* The other Spate does all that Spate does, in the same rounds: names begin with `beside` in place of `spate`. All of them or none: a part of a sweep is no sweep. */
static void add_twins(struct contest *contest)
{
	uint32_t own = 0, asked = contest->asked_count = contest->count;
	for (uint32_t i = 0; i < asked; i++)
		own += contest->contestants[i].server.kind == SERVER_SPATE;
	if (!contest->options->beside || asked + own > CONTESTANTS_MAX)
		return;
	for (uint32_t i = 0; i < asked; i++) {
		struct contestant *contestant = &contest->contestants[i];
		char name[48];
		if (contestant->server.kind != SERVER_SPATE)
			continue;
		snprintf(name, sizeof name, "beside%s", contestant->name + strcspn(contestant->name, " ,"));
		contestant->twin = add(contest, name, &contestant->server, &contestant->work);
		contest->contestants[contestant->twin].server.program = contest->options->beside;
	}
}

bool contest_run(struct contest *contest)
{
	bool is_good = true;
	add_twins(contest);
	for (uint32_t round = 0; round < contest->rounds && !is_interrupted; round++)
		is_good &= run_round(contest, round);
	progress_clear();
	return is_good;
}

/* ---- what came of it --------------------------------------------------------------------------------- */

double contest_median(const struct contest *contest, uint32_t number, size_t metric)
{
	const struct contestant *contestant = &contest->contestants[number];
	double values[ROUNDS_MAX];
	for (uint32_t i = 0; i < contestant->count; i++)
		values[i] = run_field(&contestant->runs[i], metric);
	return median(values, contestant->count);
}

void contest_report(const struct contest *contest, struct report *report)
{
	for (uint32_t i = 0; i < contest->count; i++) {
		const struct contestant *contestant = &contest->contestants[i];
		struct report_run line = { .rounds = contestant->count, .run = run_median(contestant->runs, contestant->count) };
		snprintf(line.experiment, sizeof line.experiment, "%s", contest->name);
		snprintf(line.contestant, sizeof line.contestant, "%s", contestant->name);
		snprintf(line.workload, sizeof line.workload, "%s", contest->workload);
		if (contestant->count)
			report_add_run(report, &line);
	}
}

static double limit_in_round(const struct contest *contest, const struct criterion *criterion, uint32_t round)
{
	if (criterion->limit_of)
		return criterion->limit_of(contest, round);
	return run_field(&contest->contestants[criterion->limit].runs[round], criterion->metric);
}

/* A figure that is held against several limits is held against the other build once. */
static bool is_told(const struct report *report, const struct report_row *row)
{
	for (uint32_t i = 0; i < report->rows_count; i++) {
		const struct report_row *other = &report->rows[i];
		if (strcmp(other->id, row->id) == 0 && strcmp(other->unit, row->unit) == 0 && other->value == row->value && other->limit == row->limit)
			return true;
	}
	return false;
}

/* Two builds in the same rounds: no goal, for which way is better hangs on the figure. */
static void add_twin_row(const struct contest *contest, const struct criterion *criterion, struct report *report)
{
	const struct contestant *subject = &contest->contestants[criterion->value], *twin = &contest->contestants[subject->twin];
	double values[ROUNDS_MAX], others[ROUNDS_MAX], scale = criterion->scale != 0 ? criterion->scale : 1;
	struct report_row row = { .id = "A/B", .sense = GOAL_NONE };
	for (uint32_t i = 0; i < subject->count; i++) {
		values[i] = run_field(&subject->runs[i], criterion->metric) * scale;
		others[i] = run_field(&twin->runs[i], criterion->metric) * scale;
	}
	report_row_of_rounds(&row, values, others, subject->count);
	snprintf(row.about, sizeof row.about, "%s", criterion->about);
	snprintf(row.unit, sizeof row.unit, "%s", criterion->unit);
	snprintf(row.limit_name, sizeof row.limit_name, "%s", twin->name);
	if (!is_told(report, &row))
		report_add_row(report, &row);
}

void contest_judge(const struct contest *contest, const struct criterion *criterion, struct report *report)
{
	const struct contestant *subject = &contest->contestants[criterion->value];
	double values[ROUNDS_MAX], limits[ROUNDS_MAX], scale = criterion->scale != 0 ? criterion->scale : 1;
	struct report_row row = { .sense = criterion->sense, .goal = criterion->goal };
	if (!subject->count && is_interrupted)
		return;
	for (uint32_t i = 0; i < subject->count; i++) {
		values[i] = run_field(&subject->runs[i], criterion->metric) * scale;
		limits[i] = limit_in_round(contest, criterion, i) * scale;
	}
	report_row_of_rounds(&row, values, limits, subject->count);
	snprintf(row.id, sizeof row.id, "%s", criterion->id);
	snprintf(row.about, sizeof row.about, "%s", criterion->about);
	snprintf(row.unit, sizeof row.unit, "%s", criterion->unit);
	snprintf(row.limit_name, sizeof row.limit_name, "%s",
		 criterion->limit_name ? criterion->limit_name : contest->contestants[criterion->limit].name);
	report_add_row(report, &row);
	if (subject->twin)
		add_twin_row(contest, criterion, report);
}

void contest_draw_seconds(const struct contestant *contestant, const char *chart, struct report *report)
{
	if (!contestant->seconds_count)
		return;
	static const char *const suffixes[] = { "p99", "max" };
	for (int line = 0; line < 2; line++) {
		struct report_point points[REPORT_POINTS_MAX];
		uint32_t count = contestant->seconds_count < REPORT_POINTS_MAX ? contestant->seconds_count : REPORT_POINTS_MAX;
		char name[48];
		for (uint32_t i = 0; i < count; i++)
			points[i] = (struct report_point){ i + 1, (double)(line ? contestant->seconds[i].max_ns : contestant->seconds[i].p99_ns) / 1e6 };
		snprintf(name, sizeof name, "%s %s", contestant->name, suffixes[line]);
		report_add_series(report, chart, name, points, count);
	}
}
