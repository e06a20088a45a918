/* The power fails at each I/O of a repair, and nothing comes through that was not synced: another repair does what is left to do, and nothing is lost that the
 * first one had found. */
#include <criterion/criterion.h>

#include "tests/unit/log/repair/steps.h"

#define END 4

enum broken { NO_SUPERBLOCK, NO_CHECKPOINT, NEITHER, A_BATCH, A_JOURNAL_WITH_MORE, broken_count };

/* Offsets 0 and 1 are filed, and what the journal alone has is behind them. */
static void make_broken(struct world *world, enum broken broken)
{
	static const char log[] = "/t-0/00000000000000000000.log";
	size_t size;
	world_init(world, 50 + broken);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < 2; i++)
		world_append(world, the_partition(world), i, 1, 100);
	world_idle(world, 7);
	for (uint64_t i = 2; i < END; i++)
		world_append(world, the_partition(world), i, 1, 100);
	world_kill(world);
	if (broken == NO_SUPERBLOCK || broken == NEITHER)
		cr_assert_eq(sim_disk_corrupt(world->disk, "/journal-0", 0, 8192), 0);
	if (broken == NO_CHECKPOINT || broken == NEITHER)
		rot_unlink(world, "/checkpoint-0");
	if (broken == A_BATCH)
		rot_flip(world, log, rot_batch(world, log, 1).position + 80, 1);
	if (broken == A_JOURNAL_WITH_MORE) {
		uint8_t *bytes = rot_read(world, "/journal-0", &size);
		bytes = realloc(bytes, size + 100);
		memset(bytes + size, 7, 100);
		rot_write(world, "/journal-0", bytes, size + 100);
		free(bytes);
	}
}

struct cutting {
	struct world *world;
	enum broken broken;
	uint32_t ios, cuts;
};

static void cut_here(void *context)
{
	struct cutting *cutting = context;
	struct steps steps;
	struct repair_report report;
	cutting->ios++;
	struct world other = {.disk = world_lose_all(cutting->world->disk), .config = cutting->world->config, .options = cutting->world->options, .seed = 1};
	repair(&other, false, &steps, &report);
	cr_expect_eq(report.refused, 0, "%d, cut %u", cutting->broken, cutting->ios);
	world_open(&other);
	world_expect_damaged(&other, the_partition(&other), cutting->broken == A_BATCH, cutting->broken == A_BATCH ? 2 : 0, END);
	world_close(&other);
	sim_disk_close(other.disk);
	cutting->cuts++;
}

Test(repair_power, fails_at_any_moment, .timeout = 120)
{
	for (enum broken broken = 0; broken < broken_count; broken++) {
		struct world world;
		struct steps steps;
		struct repair_report report;
		struct cutting cutting = {&world, broken, 0, 0};
		make_broken(&world, broken);
		sim_disk_on_io(world.disk, cut_here, &cutting);
		repair(&world, false, &steps, &report);
		sim_disk_on_io(world.disk, NULL, NULL);
		cr_expect(report.was_opened || broken == A_JOURNAL_WITH_MORE, "%d", broken);
		cr_expect_gt(cutting.cuts, 20u, "%d", broken);
		cut_here(&cutting);
		end_world(&world);
	}
}
