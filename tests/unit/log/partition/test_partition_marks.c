/* What a partition says and serves up to its marks: no further than what is durable, and not over a fence. */
#include "log/partition/partition_priv.h"
#include "tests/unit/log/store/world.h"

static struct partition *begin(struct world *world, uint64_t seed, const struct config_override *overrides, uint32_t override_count)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, overrides, override_count);
	return world_partition(world, "t", 0);
}

/* What was accepted and is not durable yet is behind the high watermark that a read tells, and no read brings it. */
Test(partition_marks, a_read_tells_what_is_durable)
{
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 1, NULL, 0);
	world_append(&world, partition, 0, 1, 100);
	cr_assert_eq(world_append_begin(partition, &append, 1, 1, 100), 0);
	cr_assert_eq(partition_log_end_offset(partition), 2);
	for (int64_t offset = 0; offset <= 2; offset++) {
		struct read read;
		world_read_begin(&world, partition, &read, offset, 1 << 20);
		cr_expect_eq(read.op.err, 0);
		cr_expect_eq(read.op.high_watermark, 1, "at %ld: %ld", (long)offset, (long)read.op.high_watermark);
		cr_expect_eq(read.op.last_stable_offset, 1);
		cr_expect_eq(check_records(&read.op, offset), offset == 0 ? 1 : offset);
		partition_read_release(&read.op);
	}
	world_fini(&world);
}

/* A read that begins before a fence ends at it, in memory and from the file. */
Test(partition_marks, no_read_goes_over_a_fence)
{
	for (int is_on_disk = 0; is_on_disk < 2; is_on_disk++) {
		struct world world;
		struct partition *partition = begin(&world, 2, NULL, 0);
		for (uint64_t i = 0; i < 5; i++)
			world_append(&world, partition, i, 1, 100);
		if (is_on_disk) {
			world_stop(&world);
			world_open(&world);
			partition = world_partition(&world, "t", 0);
		}
		partition__add_damage(partition, 2, 3);
		struct read read;
		world_read_begin(&world, partition, &read, 0, 1 << 20);
		cr_expect_eq(read.op.err, 0);
		cr_expect_eq(check_records(&read.op, 0), 2, "on disk: %d", is_on_disk);
		partition_read_release(&read.op);
		world_expect_damaged(&world, partition, 2, 3, 5);
		world_fini(&world);
	}
}

/* An index has 32 bits for an offset: a segment ends before it would need more. */
Test(partition_marks, a_segment_spans_no_more_than_its_index_can_say)
{
	struct world world;
	struct config_override forever = {"segment.ms", "9000000000000"};
	struct partition *partition = begin(&world, 3, &forever, 1);
	world_append(&world, partition, 0, 1, 100);
	struct segment *first = partition->active;
	partition->next_offset = partition->durable_offset = INT32_MAX;
	world_append(&world, partition, INT32_MAX, 1, 100);
	cr_expect_eq(partition->active, first);
	world_append(&world, partition, (uint64_t)INT32_MAX + 1, 1, 100);
	cr_expect_neq(partition->active, first);
	cr_expect_eq(partition->active->base_offset, (int64_t)INT32_MAX + 1);
	world_fini(&world);
}

/* Records older than retention.ms that are not durable yet: nothing of their segment goes, and no segment is begun for it. */
Test(partition_marks, retention_waits_for_what_is_not_durable)
{
	struct config_override old = {"retention.ms", "1000"};
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 4, &old, 1);
	world_append(&world, partition, 0, 1, 100);
	cr_assert_eq(world_append_begin(partition, &append, 1, 1, 100), 0);
	struct segment *active = partition->active;
	cr_expect_not(partition__retain_check(partition, 1000000));
	cr_expect_eq(partition->active, active);
	for (store_turn(world.store); !append.is_done;)
		world_turn(&world);
	cr_expect(partition__retain_check(partition, 1000000));
	world_fini(&world);
}
