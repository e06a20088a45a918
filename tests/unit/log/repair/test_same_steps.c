/* What `repair` does is what it said with is_dry_run: the same steps, once each. */
#include <criterion/criterion.h>

#include "tests/unit/log/repair/steps.h"

/* One damaged range each: it is fenced, and not told of again as one that is fenced already; the next call tells that. */
Test(same_steps, of_a_damaged_range, .timeout = 60)
{
	static const char *const cases[] = {"a flipped bit", "a missing file", "a file cut short", "an empty file", "a file under another name"};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world world;
		struct steps dry, real, again;
		struct repair_report report;
		char log[128];
		make_stopped(&world, 30 + i);
		log_path(&world, 2, log);
		struct place place = rot_batch(&world, log, 2);
		switch (i) {
		case 0: rot_flip(&world, log, place.end - 1, 1); break;
		case 1: rot_unlink(&world, log); break;
		case 2: rot_cut(&world, log, place.position); break;
		case 3: rot_cut(&world, log, 0); break;
		default: rot_rename(&world, log, "/t-0/00000000000000000207.log"); break;
		}
		repair(&world, true, &dry, &report);
		cr_assert(dry.count >= 1 && report.steps[REPAIR_FENCE] == 1, "%s: %u steps", cases[i], dry.count);
		repair(&world, false, &real, &report);
		cr_assert_eq(memcmp(&dry, &real, sizeof dry), 0, "%s: %u steps, and %u were said", cases[i], real.count, dry.count);
		repair(&world, false, &again, &report);
		cr_assert_eq(again.count, report.steps[REPAIR_NOTHING], "%s", cases[i]);
		cr_assert_geq(again.count, 1, "%s", cases[i]);
		end_world(&world);
	}
}

/* What it has is filed, it is killed, and the journal is lost. */
static void lose_journal(struct world *world)
{
	store_turn(world->store);
	world_rest(world, 8000000000ull);
	world_kill(world);
	rot_unlink(world, "//journal-0");
}

static uint32_t count_told(const struct steps *steps, const char *topic, int64_t from, int64_t to)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < steps->count; i++)
		count += steps->actions[i] == REPAIR_NOTHING && steps->from[i] == from && steps->to[i] == to && !strcmp(steps->topics[i], topic);
	return count;
}

/* A partition has room that is fenced since its journal was lost; then two more have records, and it is lost again. */
static int64_t lose_twice(struct world *world)
{
	world_init(world, 77);
	world_open(world);
	world_create_topic(world, "a", 1, NULL, 0);
	world_append(world, world_partition(world, "a", 0), 0, 1, 100);
	lose_journal(world);
	world->options.is_loss_accepted = true;
	world_open(world);
	world->options.is_loss_accepted = false;
	int64_t end = partition_high_watermark(world_partition(world, "a", 0));
	const struct uuid id = catalog_topic_by_name(world->image, slice_from("a"))->id;
	cr_assert_eq(catalog_grow_topic(world->catalog, &id, 2), 0);
	world_create_topic(world, "b", 1, NULL, 0);
	world_append(world, world_partition(world, "a", 1), 0, 1, 100);
	world_append(world, world_partition(world, "b", 0), 0, 1, 100);
	lose_journal(world);
	return end;
}

/* The opening itself leaves room behind each log, and fences that. It is told behind it, though the same offsets of another partition, and of another topic, were told
 * before; and those of the first one as well, if they are more by now. */
Test(same_steps, what_the_opening_has_fenced_is_told, .timeout = 60)
{
	for (int is_more = 0; is_more < 2; is_more++) {
		struct world world;
		struct steps steps;
		struct repair_report report;
		int64_t end = lose_twice(&world), end_now = is_more ? 32 * (end - 1) + 1 : end; /* as much as a journal can have held */
		world_set(&world, "spate.journal.bytes", is_more ? "268435456" : "8388608");
		repair_as(&world, &(struct repair_options){.is_loss_accepted = true}, &steps, &report);
		cr_expect_eq(count_told(&steps, "a", 1, end), is_more ? 1 : 2);
		cr_expect_eq(count_told(&steps, "a", 1, end_now), 2);
		cr_expect_eq(count_told(&steps, "b", 1, end_now), 1);
		end_world(&world);
	}
}
