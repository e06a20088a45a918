/* A log start that moves over many segments: their files go a few at a time, and nobody waits for all of them. */
#include "tests/unit/log/store/many_segments.h"

#include "log/io/io_impl.h"
#include "log/store/store_priv.h"

#define SEGMENTS 120
#define AT_ONCE_MAX 16 /* in one turn */

/* Each turn drops a few, and memory forgets what the disk does; who deletes is answered before. (10,000 segments: ten seconds in which nobody was answered.) */
Test(drop_pieces, a_few_in_each_turn)
{
	struct world world;
	struct trim trim;
	fill(&world, 1, "t", 1, SEGMENTS);
	struct partition *partition = world_partition(&world, "t", 0);
	int64_t end = partition_high_watermark(partition);
	world_trim_begin(partition, &trim, end - 1);
	world_trim_wait(&world, &trim);
	cr_assert_eq(partition_log_start_offset(partition), end - 1);
	cr_assert_gt(logs_of(&world, "/t-0"), SEGMENTS / 2, "it was answered with most of them still to go");
	uint32_t before = logs_of(&world, "/t-0");
	for (int turns = 0; before > 1 && turns < SEGMENTS; turns++) {
		world_turn(&world);
		uint32_t left = logs_of(&world, "/t-0");
		cr_assert_leq(before - left, AT_ONCE_MAX);
		cr_assert_eq(segments_of(partition), left);
		before = left;
	}
	cr_assert_eq(before, 1);
	cr_assert_eq(partition->complete_bytes, 0);
	cr_assert_eq(world_check_all(&world, partition, end - 1, 1000), end);
	world_append(&world, partition, (uint64_t)end, 1, 100);
	world_fini(&world);
}

/* The bound is that of the store, not of each partition: many that lose a few each are the same wait. */
Test(drop_pieces, of_many_partitions)
{
	enum { PARTITIONS = 12, EACH = 10 };
	struct world world;
	struct trim trims[PARTITIONS];
	fill(&world, 2, "t", PARTITIONS, EACH);
	uint32_t before = 0;
	for (uint32_t index = 0; index < PARTITIONS; index++) {
		world_trim_begin(world_partition(&world, "t", index), &trims[index], -1);
		before += segments_of(world_partition(&world, "t", index));
	}
	store_turn(world.store);
	for (int turns = 0; turns < 1000; turns++) {
		uint32_t left = 0;
		for (uint32_t index = 0; index < PARTITIONS; index++)
			left += segments_of(world_partition(&world, "t", index));
		cr_assert_leq(before - left, AT_ONCE_MAX);
		before = left;
		if (left == PARTITIONS)
			break;
		world_turn(&world);
	}
	cr_assert_eq(before, PARTITIONS);
	for (uint32_t index = 0; index < PARTITIONS; index++)
		cr_assert(trims[index].is_done && trims[index].op.err == 0);
	world_fini(&world);
}

/* Power fails, the process is killed, or stops cleanly after some turns: the log starts where it was moved to, and the next life removes what is left. */
Test(drop_pieces, a_life_that_ends_between, .timeout = 60)
{
	void (*const ends[])(struct world *) = {world_crash, world_kill, world_stop};
	for (uint64_t turns = 0; turns < 30; turns++) {
		struct world world;
		struct trim trim;
		fill(&world, 10 + turns, "t", 1, 40);
		int64_t end = partition_high_watermark(world_partition(&world, "t", 0));
		world_trim_begin(world_partition(&world, "t", 0), &trim, end - 1);
		world_trim_wait(&world, &trim);
		for (uint64_t i = 0; i < turns / 3 * 2; i++)
			world_turn(&world);
		ends[turns % COUNT_OF(ends)](&world);
		world_open(&world);
		struct partition *partition = world_partition(&world, "t", 0);
		cr_assert_eq(world.report.damaged_ranges, 0);
		cr_assert_eq(partition_log_start_offset(partition), end - 1);
		cr_assert_eq(partition_high_watermark(partition), end);
		cr_assert_eq(world_check_all(&world, partition, end - 1, 1000), end);
		world_append(&world, partition, (uint64_t)end, 1, 100);
		partition__retain_check(partition, 1000); /* as each minute does, whatever its policy */
		for (int i = 0; i < 60; i++)
			world_turn(&world);
		cr_assert_leq(logs_of(&world, "/t-0"), 2);
		cr_assert_eq(segments_of(partition), 2);
		world_fini(&world);
	}
}

/* A topic that is deleted meanwhile: nothing of it is touched any more, and its name can be used again. */
Test(drop_pieces, a_topic_that_goes_meanwhile)
{
	struct world world;
	struct trim trim;
	fill(&world, 3, "t", 1, 40);
	world_trim_begin(world_partition(&world, "t", 0), &trim, -1);
	world_trim_wait(&world, &trim);
	int err;
	struct uuid id = world_partition(&world, "t", 0)->topic_id;
	cr_assert_eq(catalog_delete_topics(world.catalog, &id, 1, &err), 0);
	cr_assert_eq(err, 0);
	const struct catalog_image *image = catalog_image_acquire(world.catalog);
	cr_assert_not(list_is_empty(&world.store->home.dropping));
	store_set_image(world.store, image);
	cr_assert(list_is_empty(&world.store->home.dropping));
	catalog_image_release(world.image);
	world.image = image;
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	for (int i = 0; i < 40; i++)
		world_turn(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1000), 1);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1000), 1);
	world_fini(&world);
}

/* A store that is closed between leaves no timer that would go on in memory that is given back. */
Test(drop_pieces, a_closed_store_leaves_no_timer)
{
	struct world world;
	struct trim trim;
	fill(&world, 9, "t", 1, SEGMENTS);
	struct partition *partition = world_partition(&world, "t", 0);
	world_trim_begin(partition, &trim, partition_high_watermark(partition) - 1);
	world_trim_wait(&world, &trim);
	cr_assert_gt(logs_of(&world, "/t-0"), SEGMENTS / 2, "most are still to go");
	store_close(world.store);
	world.store = NULL;
	cr_expect_eq(world.io->timers.count, 0);
	world_fini(&world);
}
