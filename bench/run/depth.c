/* What a log costs as it grows: the same records in 1 to 10,000 segments of one partition (`segments`), and 64 MiB to 4 GiB of
 * them in segments of the usual size (`retained`). Each point is a broker of its own: filled, stopped, started again with the kernel's
 * memory of its files dropped; then fetches at random offsets, lookups by random times, produce, a kill -9, and at last all records
 * are deleted while somebody produces.
 *
 * Costs are the broker's CPU for each operation, which a busy disk does not move; what a start takes is time. */
#include "bench/run/suite.h"

#include "bench/load/topic.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOPIC "spate-bench-depth"
#define SMALL_BATCHES 10000u /* of 4 KiB: how many the points of `segments` have */
#define POINTS_MAX 8
#define STALL_NS 60000000000ull /* a broker that thousands of files keep busy is slow, not gone: the wait is told */
#define OPEN_ALL_NS 2000000000ull /* of random fetches: the first to each segment opens its file */
#define FILING_S 120 /* the longest wait for it */
#define FLAT 1.5 /* what is called flat: the longest log costs so much of what the shortest does */

/* A point: what it is to be, and what was found. 0 was not measured. */
struct depth {
	uint32_t batches, batch_bytes;
	uint32_t batches_a_segment; /* 0: segments of the usual size */
	double segments, mib;       /* as they came to be */
	double fill_us, start_ms, killed_ms;
	double fetch_us, lookup_us, produce_us; /* CPU of the broker for one */
	double delete_us;                       /* CPU for each segment deleted */
	double delete_wait_ms;                  /* the longest produce meanwhile */
};

static struct load_result result;

static int64_t wall_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static uint32_t files_found;
static uint64_t bytes_found;

static int count_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	size_t size = strlen(path);
	if (type == FTW_F && strstr(path, TOPIC) && size > 4 && strcmp(path + size - 4, ".log") == 0) {
		files_found++;
		bytes_found += (uint64_t)status->st_size;
	}
	return 0;
}

static uint32_t count_segments(const struct server *server)
{
	files_found = 0;
	bytes_found = 0;
	nftw(server->data_directory, count_file, 16, FTW_PHYS);
	return files_found;
}

/* ---- one point ----------------------------------------------------------------------------------------- */

/* One connection to the only partition, one request outstanding. */
static struct load_config config_for(const struct suite *suite, const struct server *server)
{
	struct load_config config;
	load_config_init(&config);
	config.port = server->port;
	config.topic = TOPIC;
	config.partitions = config.connections = config.in_flight = 1;
	config.batch_bytes = 4096;
	config.record_bytes = 4026;
	config.fetch_bytes = 4096;
	config.server_pid = server->pid;
	config.create_topic = false;
	config.stall_ns = STALL_NS;
	config.warmup_ns = (uint64_t)(suite->options->warmup_s * 1e9);
	config.duration_ns = (uint64_t)(suite->options->seconds * 1e9);
	return config;
}

static double cpu_us(void)
{
	return result.requests ? (double)result.server_cpu_ns / 1e3 / (double)result.requests : 0;
}

static int fail(const char *what, int err)
{
	progress_clear();
	fprintf(stderr, "bench: depth: %s: %s\n", what, *result.failure ? result.failure : strerror(-err));
	return err;
}

/* The broker stamps batches, so that times grow through the log; a file that is deleted goes at once. */
static int fill(const struct suite *suite, const struct server *server, struct depth *point)
{
	char index_bytes[16];
	struct load_config config = config_for(suite, server);
	struct load_setting settings[] = {
		{ "message.timestamp.type", "LogAppendTime" }, { "file.delete.delay.ms", "0" },
		{ "index.interval.bytes", "1" }, { "segment.index.bytes", index_bytes },
	};
	snprintf(index_bytes, sizeof index_bytes, "%u", point->batches_a_segment ? point->batches_a_segment * 8 : 10485760);
	config.settings = settings;
	config.settings_count = point->batches_a_segment ? COUNT_OF(settings) : 2;
	config.create_topic = true;
	config.in_flight = 64;
	config.batch_bytes = point->batch_bytes;
	load_config_count(&config, point->batches);
	int err = load_produce(&config, &result);
	point->fill_us = cpu_us();
	return err ? fail("fill", err) : 0;
}

/* A stop files what is in the journal; where that is thousands of files on a busy disk, the stop would be taken for a hang. */
static void await_filing(const struct server *server)
{
	for (uint32_t last = 0, now, i = 0; i < FILING_S * 5 && (now = count_segments(server), i < 40 || now != last); i++) {
		last = now;
		nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	}
}

/* What comes from now on makes no segment. */
static int stop_rolling(const struct suite *suite, const struct server *server)
{
	char command[1400];
	snprintf(command, sizeof command, "'%s' topic alter " TOPIC " --config segment.index.bytes=10485760 --broker 127.0.0.1:%u > /dev/null", suite->options->spate, server->port);
	return system(command) ? -EIO : 0;
}

static int restart(struct server *server, int signal, double *start_ms)
{
	server_halt(server, signal);
	server_forget_files(server);
	int err = server_resume(server);
	*start_ms = (double)server->start_ns / 1e6;
	return err;
}

static int read_and_write(const struct suite *suite, const struct server *server, struct depth *point, int64_t from_ms, int64_t to_ms)
{
	struct load_config config = config_for(suite, server);
	config.fetch_random = true;
	config.warmup_ns += OPEN_ALL_NS;
	int err = load_fetch(&config, &result);
	config.warmup_ns -= OPEN_ALL_NS;
	point->fetch_us = cpu_us();
	if (!err)
		err = load_lookup(&config, from_ms, to_ms, &result);
	point->lookup_us = cpu_us();
	if (!err && point->batches_a_segment)
		err = stop_rolling(suite, server);
	if (!err)
		err = load_produce(&config, &result);
	point->produce_us = cpu_us();
	return err ? fail("reads and writes", err) : 0;
}

/* All but the last segment go, while one producer has a request outstanding; ends when they are gone. */
static int delete_all(const struct suite *suite, const struct server *server, struct depth *point)
{
	struct load_config config = config_for(suite, server);
	uint32_t before = count_segments(server);
	uint64_t cpu_ns = 0, requests = 0;
	config.warmup_ns = 0;
	int err = load_topic_delete_records(&config, result.failure);
	if (err)
		return fail("delete", err);
	for (int i = 0; !err && i < 30 && (!i || count_segments(server) > 2); i++) {
		err = load_produce(&config, &result);
		cpu_ns += result.server_cpu_ns;
		requests += result.requests;
		point->delete_wait_ms = fmax(point->delete_wait_ms, (double)result.latency.max / 1e6);
	}
	uint32_t gone = before - count_segments(server);
	point->delete_us = gone ? fmax(0, (double)cpu_ns / 1e3 - point->produce_us * (double)requests) / gone : 0;
	return err ? fail("produce beside deleting", err) : 0;
}

static int measure(const struct suite *suite, struct server *server, struct depth *point)
{
	int64_t from_ms = wall_ms();
	int err = fill(suite, server, point);
	/* A time behind the last record has no offset, so the last tenth is left out. */
	int64_t to_ms = from_ms + (wall_ms() - from_ms) * 9 / 10;
	if (!err)
		await_filing(server);
	if (!err)
		err = restart(server, SIGTERM, &point->start_ms);
	point->segments = count_segments(server);
	point->mib = (double)bytes_found / 1048576;
	if (!err)
		err = read_and_write(suite, server, point, from_ms, to_ms);
	if (!err)
		err = restart(server, SIGKILL, &point->killed_ms);
	return err ? err : delete_all(suite, server, point);
}

static bool run_point(const struct suite *suite, struct depth *point)
{
	struct server_spec spec = { .kind = SERVER_SPATE, .name = "spate", .program = suite->options->spate, .directory = suite->options->directory,
				    .core = suite->options->server_core };
	struct server server;
	if (server_start(&server, &spec))
		return false;
	int err = measure(suite, &server, point);
	server_stop(&server);
	return !err;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static const struct line {
	const char *name, *unit;
	size_t field;
	double goal; /* of the last to the first; 0: it is told, and not judged */
} lines[] = {
#define FIELD(name) offsetof(struct depth, name)
	{ "start after a clean stop", "ms", FIELD(start_ms), FLAT },
	{ "start after kill -9", "ms", FIELD(killed_ms), FLAT },
	{ "fetch at a random offset, CPU", "us", FIELD(fetch_us), FLAT },
	{ "ListOffsets by a random time, CPU", "us", FIELD(lookup_us), FLAT },
	{ "durable 4 KiB produce, CPU", "us", FIELD(produce_us), FLAT },
	{ "fill, CPU of a batch", "us", FIELD(fill_us), 0 },
	{ "delete, CPU of a segment", "us", FIELD(delete_us), 0 },
	{ "longest produce while all is deleted", "ms", FIELD(delete_wait_ms), 0 },
#undef FIELD
};

static double field(const struct depth *point, size_t offset)
{
	double value;
	memcpy(&value, (const char *)point + offset, sizeof value);
	return value;
}

static void judge(struct suite *suite, const char *id, const char *what, const struct line *line, const struct depth *first, const struct depth *last)
{
	struct report_row row = { .limit_name = "the shortest log", .has_limit = true, .limit = field(first, line->field), .value = field(last, line->field),
				  .rounds = 1, .sense = line->goal > 0 ? GOAL_AT_MOST : GOAL_NONE, .goal = line->goal };
	snprintf(row.id, sizeof row.id, "%s", id);
	snprintf(row.unit, sizeof row.unit, "%s", line->unit);
	snprintf(row.about, sizeof row.about, "%s: %s", what, line->name);
	row.ratio = row.ratio_low = row.ratio_high = row.limit > 0 ? row.value / row.limit : 0;
	report_add_row(suite->report, &row);
}

static void draw(struct suite *suite, const char *chart, size_t x, const struct depth *points, uint32_t count)
{
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct report_point drawn[POINTS_MAX];
		char name[48];
		uint32_t drawn_count = 0;
		for (uint32_t j = 0; j < count; j++)
			if (field(&points[j], lines[i].field) > 0)
				drawn[drawn_count++] = (struct report_point){ field(&points[j], x), field(&points[j], lines[i].field) };
		snprintf(name, sizeof name, "%.40s, %s", lines[i].name, lines[i].unit);
		report_add_series(suite->report, chart, name, drawn, drawn_count);
	}
}

static bool run_points(struct suite *suite, const char *chart, const char *what, size_t x, struct depth *points, uint32_t count)
{
	bool is_good = true;
	uint32_t done = 0;
	for (; done < count && is_good && !contest_is_interrupted(); done++) {
		progress_show("%s: point %u of %u ", chart, done + 1, count);
		is_good = run_point(suite, &points[done]);
	}
	progress_clear();
	done -= !is_good;
	if (done < 2)
		return is_good;
	char about[64];
	snprintf(about, sizeof about, "%.0f to %.0f %s", field(&points[0], x), field(&points[done - 1], x), what);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		judge(suite, chart, about, &lines[i], &points[0], &points[done - 1]);
	draw(suite, chart, x, points, done);
	return is_good;
}

bool run_segments(struct suite *suite)
{
	struct depth points[] = {
		{ .batches = SMALL_BATCHES, .batch_bytes = 4096, .batches_a_segment = 20000 },
		{ .batches = SMALL_BATCHES, .batch_bytes = 4096, .batches_a_segment = 1000 },
		{ .batches = SMALL_BATCHES, .batch_bytes = 4096, .batches_a_segment = 100 },
		{ .batches = SMALL_BATCHES, .batch_bytes = 4096, .batches_a_segment = 10 },
		{ .batches = SMALL_BATCHES, .batch_bytes = 4096, .batches_a_segment = 1 },
	};
	return run_points(suite, "segments", "segments", offsetof(struct depth, segments), points, COUNT_OF(points));
}

bool run_retained(struct suite *suite)
{
	struct depth points[] = {
		{ .batches = 64 * 8, .batch_bytes = 128 << 10 },
		{ .batches = 256 * 8, .batch_bytes = 128 << 10 },
		{ .batches = 1024 * 8, .batch_bytes = 128 << 10 },
		{ .batches = 4096 * 8, .batch_bytes = 128 << 10 },
	};
	return run_points(suite, "retained", "MiB kept", offsetof(struct depth, mib), points, COUNT_OF(points));
}
