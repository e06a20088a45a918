/* Batches around the sizes where the way of a batch changes: each is answered, whatever the journal's size and spate.direct.bytes are. */
#include <sys/resource.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/verify/rot.h"

static void append_of(uint32_t direct_size_min, size_t value_size, bool has_file)
{
	struct world world;
	world_init(&world, value_size);
	world.options.journal_size_bytes = 1 << 20; /* groups of 64 KiB */
	world.options.direct_size_bytes_min = direct_size_min;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	if (has_file) {
		world_append(&world, partition, 0, 1, 10);
		world_stop(&world);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
	}
	world_append(&world, partition, has_file, 1, value_size);
	world_fini(&world);
}

/* A batch that does not fit a group, and is smaller than what goes straight to its segment, waited for ever, and all others behind it.
 * (Found by check-sim, seed 21.) */
Test(store_sizes, larger_than_a_group, .timeout = 60)
{
	static const size_t sizes[] = {60000, 65100, 65200, 65300, 65350, 65400, 65450, 65500, 65600, 66000, 100000, 300000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int has_file = 0; has_file < 2; has_file++) {
			append_of(1 << 30, sizes[i], has_file);
			append_of(0, sizes[i], has_file);
			append_of(1000, sizes[i], has_file);
		}
}

/* One that is larger than a segment may be is refused, whatever its topic takes as a message, and the log goes on. */
Test(store_sizes, larger_than_a_segment)
{
	static const struct config_override sizes[] = {{"segment.bytes", "1048576"}, {"max.message.bytes", "4000000"}};
	struct world world;
	struct append append;
	world_init(&world, 2);
	world_open(&world);
	world_create_topic(&world, "t", 1, sizes, 2);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(world_append_begin(partition, &append, 0, 2, 1 << 19), ERR_BATCH_EXCEEDS_SEGMENT);
	world_append(&world, partition, 0, 1, (1 << 20) - 200);
	world_append(&world, partition, 1, 1, 100);
	cr_assert_eq(world_check_all(&world, partition, 0, 1 << 20), 2);
	world_fini(&world);
}

#define SECOND_NS 1000000000ull

static void finish_append(struct world *world, struct append *append, const char *what)
{
	uint64_t begin_ns = io_now_ns(world->io);
	store_turn(world->store);
	while (!append->is_done && io_now_ns(world->io) < begin_ns + 10 * SECOND_NS)
		world_turn(world);
	cr_assert(append->is_done && append->op.err == 0, "%s", what);
	cr_assert_lt(io_now_ns(world->io), begin_ns + SECOND_NS, "%s waited %lu ms", what, (unsigned long)((io_now_ns(world->io) - begin_ns) / 1000000));
}

/* A batch that does not fit a group, first in its segment, and the segment before it is not filed: it waited for the cycle that comes five seconds
 * after the last one, and everybody behind it. (Found by kill9.sh, SEED=91713, with a small journal: 200 KB/s of 20 MB/s came through.) */
Test(store_sizes, larger_than_a_group_behind_what_is_not_filed, .timeout = 60)
{
	static const struct config_override small_segments = {"segment.bytes", "1048576"};
	struct world world;
	world_init(&world, 1);
	world.options.journal_size_bytes = 1 << 20;
	world.options.direct_size_bytes_min = 1 << 16;
	world_open(&world);
	world_create_topic(&world, "t", 2, &small_segments, 1);
	struct partition *large = world_partition(&world, "t", 0), *small = world_partition(&world, "t", 1);
	for (uint64_t n = 0; n < 20; n++) {
		struct append of_large, of_small;
		world_append(&world, large, 2 * n, 1, 30000); /* through the journal: its segment is not filed */
		/* Alone, it has nobody's completion to bring the next turn. */
		bool is_alone = n % 2;
		if (is_alone)
			world_rest(&world, SECOND_NS); /* nothing is under way, and the journal has said so; the cycle that comes with time has not come yet */
		cr_assert_eq(world_append_begin(large, &of_large, 2 * n + 1, 1, 600000), 0);
		cr_assert(is_alone || world_append_begin(small, &of_small, n / 2, 1, 100) == 0);
		if (!is_alone)
			finish_append(&world, &of_small, "the small one");
		finish_append(&world, &of_large, "the large one");
	}
	cr_assert_eq(world_check_all(&world, large, 0, 1 << 20), 40);
	world_fini(&world);
}

/* ---- the journal's size, where nobody has said it ---------------------------------------------------------------------------- */

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static void open_unsized(struct world *world, uint64_t disk_bytes, uint64_t cache_bytes)
{
	world_init(world, 1);
	world->options.journal_size_bytes = 0;
	world->options.cache_size_bytes = cache_bytes;
	sim_disk_set_capacity(world->disk, disk_bytes);
	world_open(world);
}

Test(store_sizes, a_journal_by_the_room_on_the_disk)
{
	static const struct {
		uint64_t disk_bytes, cache_bytes, least, most;
	} rows[] = {
		{100 * MIB, GIB, 32 * MIB, 32 * MIB},         /* no more than a third of a small one, which was refused */
		{500 * MIB, GIB, 128 * MIB, 128 * MIB},
		{GIB, GIB, 256 * MIB, 256 * MIB},
		{20 * GIB, GIB, 319 * MIB, 320 * MIB},        /* a 64th */
		{1000 * GIB, 512 * MIB, 512 * MIB, 512 * MIB}, /* no more than a running broker may take */
		{1000 * GIB, 8 * MIB, 256 * MIB, 256 * MIB},
		{1000 * GIB, 4 * GIB, GIB, GIB},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct world world;
		open_unsized(&world, rows[i].disk_bytes, rows[i].cache_bytes);
		uint64_t size = journal_size_bytes(world.store->journal);
		cr_expect(size >= rows[i].least && size <= rows[i].most, "row %zu: %lu", i, (unsigned long)size);
		world_fini(&world);
	}
}

#ifndef __SANITIZE_ADDRESS__ /* which has taken all address space there is */
/* Under a limit on address space (ulimit -v) it is no larger than what its replay fits into: such a start was refused. */
Test(store_sizes, a_chosen_journal_fits_the_address_space)
{
	struct world world;
	long pages;
	FILE *statm = fopen("/proc/self/statm", "r");
	cr_assert_eq(fscanf(statm, "%ld", &pages), 1);
	fclose(statm);
	rlim_t limit = (rlim_t)pages * 4096 + 3 * GIB;
	cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit}), 0);
	open_unsized(&world, 1000 * GIB, GIB);
	uint64_t size = journal_size_bytes(world.store->journal);
	cr_expect(size >= 64 * MIB && size <= 256 * MIB, "%lu", (unsigned long)size);
	world_stop(&world);
	world_open(&world);
	world_fini(&world);
}
#endif

/* Whatever the disk has room for later. */
Test(store_sizes, a_chosen_journal_keeps_its_size)
{
	struct world world;
	open_unsized(&world, 20 * GIB, GIB);
	uint64_t size = journal_size_bytes(world.store->journal);
	world_stop(&world);
	sim_disk_set_capacity(world.disk, 1000 * GIB);
	world_open(&world);
	cr_expect_eq(journal_size_bytes(world.store->journal), size);
	world_fini(&world);
}

/* It is made anew with less than the one that is lost may have had: the room behind that one is that of the largest. */
Test(store_sizes, room_behind_a_lost_journal_of_any_size)
{
	struct world world;
	open_unsized(&world, 1000 * GIB, GIB);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	world_crash(&world);
	rot_unlink(&world, "/journal-0");
	sim_disk_set_capacity(world.disk, GIB);
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_expect_eq(journal_size_bytes(world.store->journal), 256 * MIB);
	cr_expect_geq(partition_high_watermark(world_partition(&world, "t", 0)), (int64_t)(GIB * 1024));
	world_fini(&world);
}
