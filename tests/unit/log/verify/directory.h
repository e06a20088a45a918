/* The data directory of the verifier's tests, and what is expected of a verdict on it. */
#pragma once

#include "log/segment/segment_name.h"
#include "tests/unit/log/verify/rot.h"

/* Topic t: partition 0 has three segments of ten batches of ten records or so, the last one active;
 * partition 1 has one. Cleanly stopped. */
#define RECORDS 10
#define VALUE_SIZE 10000

static inline void make_topic(struct world *world, uint64_t seed, uint32_t batches)
{
	world_init(world, seed);
	world_open(world);
	struct config_override overrides[] = {{"segment.bytes", "1048576"}};
	world_create_topic(world, "t", 2, overrides, 1);
	for (uint32_t i = 0; i < batches; i++)
		world_append(world, world_partition(world, "t", 0), (uint64_t)i * RECORDS, RECORDS,
			     VALUE_SIZE);
	world_append(world, world_partition(world, "t", 1), 0, 3, 100);
}

static inline void make_stopped(struct world *world, uint64_t seed)
{
	make_topic(world, seed, 25);
	world_stop(world);
}

/* Opened and closed again: the simulated disk has no io left on it. */
static inline void end_world(struct world *world)
{
	broker_config_destroy(world->config);
	sim_disk_close(world->disk);
}

/* The paths of partition 0's segments, by their order. */
static inline void log_path(struct world *world, uint32_t ordinal, char out[128])
{
	int64_t base = 0;
	char name[SEGMENT_NAME_SIZE];
	for (uint32_t i = 0;; i++) {
		segment_name_format(name, base, SEGMENT_FILE_LOG);
		snprintf(out, 128, "/t-0/%s", name);
		if (i == ordinal)
			return;
		base = rot_batch(world, out, rot_batch_count(world, out) - 1).next_offset;
	}
}

static inline void sibling(const char *log, const char *ending, char out[128])
{
	snprintf(out, 128, "%.*s%s", (int)(strlen(log) - strlen(".log")), log, ending);
}

static inline void expect_clean(const struct verdict *verdict, const char *when)
{
	cr_assert_eq(verdict->err, 0, "%s: %s", when, err_name(verdict->err));
	if (verdict->report.counts.findings[FINDING_DAMAGE] + verdict->report.counts.findings[FINDING_DERIVED])
		rot_print(verdict);
	cr_assert_eq(verdict->report.counts.findings[FINDING_DAMAGE], 0, "%s", when);
	cr_assert_eq(verdict->report.counts.findings[FINDING_DERIVED], 0, "%s", when);
}

static inline const struct found *expect_one(const struct verdict *verdict, enum finding_kind kind, const char *file,
				      const char *what, const char *name)
{
	cr_assert_eq(verdict->err, 0, "%s: %s", name, err_name(verdict->err));
	if (verdict->count != 1)
		rot_print(verdict);
	cr_assert_eq(verdict->count, 1, "%s: %u findings", name, verdict->count);
	const struct found *found = &verdict->found[0];
	cr_assert_eq(found->kind, kind, "%s: %s", name, found->what);
	cr_assert_str_eq(found->file, file, "%s: %s", name, found->what);
	cr_assert_not_null(strstr(found->what, what), "%s: '%s'", name, found->what);
	return found;
}
