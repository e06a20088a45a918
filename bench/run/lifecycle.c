/* Starting, being at rest, and starting again after a kill -9: P9, P10, P11. */
#include "bench/run/suite.h"

#include "bench/load/process_cost.h"
#include "bench/load/socket.h"
#include "bench/load/topic.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MANY_PARTITIONS 10000u
#define IDLE_CONNECTIONS 2000u
#define START_ROUNDS 9u

static struct server_spec spate_spec(const struct suite *suite)
{
	return (struct server_spec){ .kind = SERVER_SPATE, .name = "spate", .program = suite->options->spate,
				     .directory = suite->options->directory, .core = suite->options->server_core };
}

static void sleep_s(double seconds)
{
	nanosleep(&(struct timespec){ (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) }, NULL);
}

/* A row of one value with a goal of its own. */
static void add_value(struct suite *suite, const char *id, const char *about, const char *unit, double value, enum goal_sense sense, double goal,
		      uint32_t rounds)
{
	struct report_row row = { .value = value, .sense = sense, .goal = goal, .rounds = rounds };
	snprintf(row.id, sizeof row.id, "%s", id);
	snprintf(row.about, sizeof row.about, "%s", about);
	snprintf(row.unit, sizeof row.unit, "%s", unit);
	report_add_row(suite->report, &row);
}

static int create_topic(const struct server *server, uint32_t partitions)
{
	char failure[LOAD_FAILURE_BYTES];
	struct load_config config;
	load_config_init(&config);
	config.port = server->port;
	config.partitions = partitions;
	int err = load_topic_create(&config, failure);
	if (err)
		fprintf(stderr, "bench: %s\n", failure);
	return err;
}

/* ---- start (P9) ---------------------------------------------------------------------------------------- */

/* The median time from fork to the first answer, in ms; not a number if it does not start. `spec` fresh each time. */
static double time_fresh_starts(const struct server_spec *spec)
{
	double times[START_ROUNDS];
	struct server server;
	for (uint32_t i = 0; i < START_ROUNDS; i++) {
		progress_show("start: %s, round %u of %u ", spec->name, i + 1, START_ROUNDS);
		if (server_start(&server, spec))
			return NAN;
		times[i] = (double)server.start_ns / 1e6;
		server_stop(&server);
	}
	return median(times, START_ROUNDS);
}

/* With the partitions of a topic there, after a clean stop each; not a number likewise. */
static double time_full_starts(const struct server_spec *spec)
{
	double times[START_ROUNDS];
	struct server server;
	uint32_t count = 0;
	if (server_start(&server, spec))
		return NAN;
	int err = create_topic(&server, MANY_PARTITIONS);
	while (!err && count < START_ROUNDS) {
		progress_show("start: %u partitions, round %u of %u ", MANY_PARTITIONS, count + 1, START_ROUNDS);
		server_halt(&server, SIGTERM);
		err = server_resume(&server);
		times[count++] = (double)server.start_ns / 1e6;
	}
	server_stop(&server);
	return err ? NAN : median(times, count);
}

bool run_start(struct suite *suite)
{
	char path[600];
	snprintf(path, sizeof path, "%s/l8_boot", suite->options->limits);
	struct server_spec spate = spate_spec(suite), boot = spate;
	boot.kind = SERVER_BOOT;
	boot.name = "l8_boot";
	boot.program = path;
	double boot_ms = time_fresh_starts(&boot), empty_ms = time_fresh_starts(&spate), full_ms = time_full_starts(&spate);
	progress_clear();
	add_value(suite, "L8", "a static binary: start to the first reply", "ms", boot_ms, GOAL_NONE, 0, START_ROUNDS);
	add_value(suite, "P9", "start on an empty directory to the first reply", "ms", empty_ms, GOAL_AT_MOST, 5, START_ROUNDS);
	add_value(suite, "P9", "start with 10,000 partitions after a clean stop", "ms", full_ms, GOAL_AT_MOST, 50, START_ROUNDS);
	return boot_ms > 0 && empty_ms > 0 && full_ms > 0;
}

/* ---- at rest (P10) ------------------------------------------------------------------------------------- */

/* A broker may have work to do right after its start; then it should have none. */
static double count_switches_per_s(const struct server *server, double seconds)
{
	sleep_s(1);
	struct process_cost before = process_cost_now(server->pid);
	sleep_s(seconds);
	return (double)(process_cost_now(server->pid).switches - before.switches) / seconds;
}

/* Connections that have asked one thing and then nothing. Returns how many there are. */
static uint32_t open_idle(const struct server *server, int *fds, uint32_t count)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (uint32_t i = 0; i < count; i++) {
		fds[i] = socket_connect("127.0.0.1", server->port, 5000000000ull);
		if (fds[i] < 0 || server_ask_versions(fds[i])) {
			if (fds[i] >= 0)
				close(fds[i]);
			return i;
		}
	}
	return count;
}

static double connection_bytes(const struct server *server)
{
	int *fds = calloc(IDLE_CONNECTIONS, sizeof *fds);
	if (!fds)
		return NAN;
	/* What the first few bring with them (pools, tables) is not theirs. */
	uint32_t warm = open_idle(server, fds, IDLE_CONNECTIONS / 10);
	double before = (double)process_cost_now(server->pid).rss_bytes;
	uint32_t count = open_idle(server, fds + warm, IDLE_CONNECTIONS - warm);
	double after = (double)process_cost_now(server->pid).rss_bytes;
	for (uint32_t i = 0; i < warm + count; i++)
		close(fds[i]);
	free(fds);
	return count ? fmax(0, (after - before) / count) : NAN;
}

/* One record and more to each partition: one that never had any costs nothing, and is no measure. */
static int fill_partitions(const struct server *server)
{
	static struct load_result result;
	struct load_config config;
	load_config_init(&config);
	config.port = server->port;
	config.partitions = MANY_PARTITIONS;
	config.batch_bytes = 4096;
	config.record_bytes = 4026;
	load_config_count(&config, 2 * MANY_PARTITIONS);
	int err = load_produce(&config, &result);
	if (err)
		fprintf(stderr, "bench: %s\n", result.failure);
	return err;
}

/* Memory of partitions that have records and nothing to do: after a restart, so that what making them took and what is cached is not counted. */
static double partition_bytes(struct server *server, double before)
{
	if (create_topic(server, MANY_PARTITIONS) || fill_partitions(server))
		return NAN;
	server_halt(server, SIGTERM);
	if (server_resume(server))
		return NAN;
	sleep_s(0.3);
	return fmax(0, ((double)process_cost_now(server->pid).rss_bytes - before) / MANY_PARTITIONS);
}

bool run_rest(struct suite *suite)
{
	struct server_spec spec = spate_spec(suite);
	struct server server;
	progress_show("rest ");
	if (server_start(&server, &spec))
		return false;
	double switches_per_s = count_switches_per_s(&server, suite->options->seconds);
	double rss_mib = (double)process_cost_now(server.pid).rss_bytes / 1048576;
	/* Connections first: memory that partitions have let go would be given to them, and cost nothing. */
	double a_connection = connection_bytes(&server);
	double a_partition = partition_bytes(&server, rss_mib * 1048576);
	server_stop(&server);
	progress_clear();
	add_value(suite, "P10", "resident memory at rest, empty directory", "MiB", rss_mib, GOAL_AT_MOST, 8, 1);
	add_value(suite, "P10", "resident memory of an idle partition with records", "bytes", a_partition, GOAL_AT_MOST, 2048, 1);
	add_value(suite, "P10", "resident memory of an idle connection (of 2,000)", "bytes", a_connection, GOAL_AT_MOST, 1024, 1);
	add_value(suite, "P10", "wake-ups at rest, a second", "", switches_per_s, GOAL_AT_MOST, 0, 1);
	return !isnan(a_partition) && !isnan(a_connection);
}

/* ---- after a kill -9 (P11) ----------------------------------------------------------------------------- */

/* What the journal's groups take that no checkpoint has taken over, as `log inspect` tells: all of it a start must read, if it reads nothing else. Batches that went
 * straight to their segments lie there; their headers are in the groups. */
static double journal_bytes(const struct suite *suite, const struct server *server)
{
	char command[1400];
	snprintf(command, sizeof command, "'%s' log inspect '%s/data/journal-0' --json", suite->options->spate, server->data_directory);
	FILE *out = popen(command, "re");
	json_t *root = out ? json_loadf(out, 0, NULL) : NULL;
	double bytes = (double)json_integer_value(json_object_get(root, "group_bytes"));
	json_decref(root);
	if (out)
		pclose(out);
	return bytes;
}

/* A load that fills the journal with small batches, then the kill. */
static int load_and_kill(struct suite *suite, struct server *server)
{
	static struct load_result result;
	struct load_config config;
	load_config_init(&config);
	config.port = server->port;
	config.batch_bytes = 16 << 10;
	config.connections = 64;
	config.warmup_ns = 0;
	config.duration_ns = (uint64_t)(suite->options->seconds * 1e9);
	int err = load_produce(&config, &result);
	if (err)
		fprintf(stderr, "bench: restart: %s\n", result.failure);
	server_halt(server, SIGKILL);
	server_forget_files(server);
	return err;
}

/* One kill: how long the scan of as many bytes takes, and how long the broker took to answer again. */
static bool restart_once(struct suite *suite, double *scan_ms, double *start_ms, double *mib)
{
	struct server_spec spec = spate_spec(suite);
	struct server server;
	char command[1400];
	double numbers[2];
	if (server_start(&server, &spec))
		return false;
	int err = load_and_kill(suite, &server);
	*mib = err ? 0 : journal_bytes(suite, &server) / 1048576;
	snprintf(command, sizeof command, "'%s/l9_scan' '%s/data/journal-0' %.0f", suite->options->limits, server.data_directory, *mib * 1048576);
	bool is_scanned = !err && contest_ask_program(command, numbers, 2) == 2;
	*scan_ms = is_scanned ? numbers[1] / 1e3 : 0;
	err = err ? err : server_resume(&server);
	*start_ms = (double)server.start_ns / 1e6;
	server_stop(&server);
	return !err && is_scanned;
}

bool run_restart(struct suite *suite)
{
	double scans[ROUNDS_MAX], starts[ROUNDS_MAX], mibs[ROUNDS_MAX];
	uint32_t count = 0;
	struct report_row row = { .id = "P11", .unit = "ms", .limit_name = "l9_scan", .sense = GOAL_AT_MOST, .goal = 1.2 };
	for (uint32_t round = 0; round < suite->options->rounds; round++) {
		progress_show("restart: round %u of %u ", round + 1, suite->options->rounds);
		count += restart_once(suite, &scans[count], &starts[count], &mibs[count]);
	}
	progress_clear();
	report_row_of_rounds(&row, starts, scans, count);
	snprintf(row.about, sizeof row.about, "start after kill -9 under load, %.0f MiB in the journal", median(mibs, count));
	report_add_row(suite->report, &row);
	return count == suite->options->rounds;
}
