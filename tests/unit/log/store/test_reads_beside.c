/* log/partition/disk_read.c: how many reads of files are under way at once. */
#include "log/partition/partition_priv.h"
#include "tests/unit/log/store/world.h"

#define READS 6
#define BESIDE_COMMITS 1

/* A log whose first records are in its file alone. */
static struct partition *open_filed(struct world *world)
{
	world_init(world, 3);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, world_partition(world, "t", 0), 0, READS, 100);
	world_stop(world);
	world_open(world);
	return world_partition(world, "t", 0);
}

static uint32_t begin_reads(struct partition *partition, struct read *reads)
{
	for (int i = 0; i < READS; i++) {
		reads[i] = (struct read){.op = {.done = read_done, .offset = i, .size_bytes_max = 4096, .is_first = true}};
		cr_assert_eq(partition_read(partition, &reads[i].op), READ_PENDING);
	}
	return partition->home->reads_in_flight;
}

/* Never more than so many are under way, and each gets its records. */
static void finish_reads(struct world *world, struct partition *partition, struct read *reads, uint32_t in_flight_max)
{
	for (int i = 0; i < READS; i++) {
		for (int turns = 0; !reads[i].is_done && turns < 1000; turns++) {
			cr_assert_leq(partition->home->reads_in_flight, in_flight_max);
			world_turn(world);
		}
		cr_assert(reads[i].is_done, "read %d", i);
		cr_assert_eq(reads[i].op.err, 0, "%s", err_name(reads[i].op.err));
		cr_assert_geq(check_records(&reads[i].op, i), READS);
		partition_read_release(&reads[i].op);
	}
	cr_assert_eq(partition->home->reads_in_flight, 0);
}

static void ran(struct io_timer *timer) { timer->run = NULL; }

static void let_pass(struct world *world, uint64_t ns)
{
	struct io_timer timer = {.run = ran};
	io_timer_set(world->io, &timer, io_now_ns(world->io) + ns);
	while (timer.run)
		world_turn(world);
}

/* A group waits at the disk behind the reads that it has been given: right after one, a single one is, and the others have their turn. */
Test(reads_beside, few_while_groups_are_written)
{
	struct world world;
	struct read reads[READS];
	struct partition *partition = open_filed(&world);
	world_append(&world, partition, READS, 1, 100);
	cr_assert_eq(begin_reads(partition, reads), BESIDE_COMMITS);
	finish_reads(&world, partition, reads, BESIDE_COMMITS);
	world_fini(&world);
}

/* Where nothing is written, or no more, the disk gets all of them. */
Test(reads_beside, all_where_nothing_is_written)
{
	struct world world;
	struct read reads[READS];
	struct partition *partition = open_filed(&world);
	cr_assert_eq(begin_reads(partition, reads), READS);
	finish_reads(&world, partition, reads, READS);
	world_append(&world, partition, READS, 1, 100);
	let_pass(&world, 60ull * 1000 * 1000);
	cr_assert_eq(begin_reads(partition, reads), READS);
	finish_reads(&world, partition, reads, READS);
	world_fini(&world);
}

/* A topic that is deleted takes the reads with it that still wait for their turn. */
Test(reads_beside, those_that_wait_end_with_their_topic)
{
	struct world world;
	struct read reads[READS];
	struct partition *partition = open_filed(&world);
	world_append(&world, partition, READS, 1, 100);
	begin_reads(partition, reads);
	world_delete_topic(&world, "t");
	for (int i = 0; i < READS; i++) {
		for (int turns = 0; !reads[i].is_done && turns < 1000; turns++)
			world_turn(&world);
		cr_assert_eq(reads[i].op.err, ERR_CLOSED, "read %d", i);
		partition_read_release(&reads[i].op);
	}
	world_fini(&world);
}
