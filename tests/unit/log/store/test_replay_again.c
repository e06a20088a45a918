/* What a start meets in journal and checkpoint that has had its effect already, or never had one. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/piece.h"

#define LARGE 100000

/* The cycle that is due, and its checkpoint. */
static void cycle(struct world *world)
{
	uint64_t checkpoint = world->store->checkpoint_generation;
	world->store->cycle.is_due = true;
	for (int turns = 0; world->store->checkpoint_generation == checkpoint && turns < 1000; turns++)
		world_turn(world);
	cr_assert_neq(world->store->checkpoint_generation, checkpoint);
}

/* The journal still has a large piece, and a record behind it, of which the checkpoint says that both are filed: the power failed between checkpoint and trim. Neither
 * is taken again. */
Test(replay_again, a_piece_that_is_filed)
{
	struct world world;
	world_init(&world, 1);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, LARGE);
	world_append(&world, the_partition(&world), 2, 1, 100);
	cycle(&world);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	world_open(&other);
	cr_expect_gt(other.report.entries_replayed, 0, "the trim is not durable yet");
	cr_expect_eq(other.report.bytes_replayed, 0);
	cr_expect(segment_is_filed(the_partition(&other)->active));
	cr_expect_eq(world_check_all(&other, the_partition(&other), 0, 1 << 20), 3);
	world_close(&other);
	sim_disk_close(left);
	world_fini(&world);
}

/* Where in the journal the record's value lies. */
static size_t find_value(struct world *world, uint8_t number)
{
	size_t size, at = 0;
	uint8_t wanted[80], *journal = rot_read(world, "/journal-0", &size);
	memset(wanted, number, sizeof wanted);
	while (at + sizeof wanted <= size && memcmp(journal + at, wanted, sizeof wanted))
		at++;
	free(journal);
	cr_assert_leq(at + sizeof wanted, size);
	return at;
}

/* Nor is what the group behind a rotten one repeats of it: the checkpoint says that it is filed, so nothing is lost. */
Test(replay_again, a_repeat_of_what_is_filed)
{
	for (size_t before = 0; before < 400; before += 16) { /* in its value, its batch, its entry, its group's header */
		struct world world;
		world_init(&world, 5);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, the_partition(&world), 0, 1, 100);
		let_file(&world);
		for (uint64_t i = 1; i < 4; i++)
			world_append(&world, the_partition(&world), i, 1, 100);
		cycle(&world);
		struct sim_disk *left = world_lose_all(world.disk);
		struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
		cr_assert_eq(sim_disk_flip_bit(left, "/journal-0", find_value(&other, 2) - before, 1), 0);
		world_open(&other);
		cr_expect_eq(other.report.bytes_replayed, 0);
		cr_expect_leq(other.report.damaged_ranges, 1, "the group, and no offsets");
		cr_expect_eq(partition_damage_count(the_partition(&other)), 0);
		cr_expect_eq(world_check_all(&other, the_partition(&other), 0, 1 << 20), 4);
		world_close(&other);
		sim_disk_close(left);
		world_fini(&world);
	}
}

/* A checkpoint is written while the first record of an epoch is on its way, and the power fails: the record never was, and neither was its epoch. */
Test(replay_again, an_epoch_without_a_record)
{
	struct world world;
	struct append append;
	world_init(&world, 2);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_stop(&world);
	world_open(&world);
	struct sim_pace slow = {.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = 5000000000};
	uint64_t checkpoint = world.store->checkpoint_generation;
	world.store->cycle.is_due = true;
	store_turn(world.store);
	cr_assert(world.store->group.is_in_flight, "the cycle's own, which tells where logs end");
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 1, 1, 100), 0);
	sim_disk_set_pace(world.disk, &slow);
	for (int turns = 0; journal_durable_seq(world.store->journal) < world.store->cycle.ends_seq && turns < 10; turns++)
		cr_assert_geq(io_turn(world.io, true), 0);
	cr_assert(world.store->group.is_in_flight && world.store->group.seq > world.store->cycle.ends_seq);
	sim_disk_set_pace(world.disk, &(struct sim_pace){.latency_percent = 100});
	store_turn(world.store);
	for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < 10; turns++)
		world_turn(&world);
	cr_assert(world.store->checkpoint_generation != checkpoint && !append.is_done);
	cr_assert_eq(epochs_latest(&the_partition(&world)->epochs), 1);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	world_open(&other);
	int32_t epoch;
	int64_t end_offset;
	cr_expect_eq(partition_high_watermark(the_partition(&other)), 1);
	partition_epoch_end(the_partition(&other), 1, &epoch, &end_offset);
	cr_expect_eq(epoch, 0, "%d", epoch);
	cr_expect_eq(end_offset, 1);
	world_close(&other);
	sim_disk_close(left);
	while (!append.is_done)
		world_turn(&world);
	world_fini(&world);
}

struct watched {
	struct sim_disk *disk;
	bool has_file;
};

static void look_for_file(void *context)
{
	struct watched *watched = context;
	watched->has_file |= sim_disk_peek(watched->disk, "/t-0/00000000000000000000.log", NULL, 0, 0) >= 0;
}

/* Records that were deleted before they were filed are never filed: their segment has no file. */
Test(replay_again, what_was_deleted_needs_no_file)
{
	struct world world;
	struct append append;
	static uint8_t bytes[1000];
	world_init(&world, 3);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	append = (struct append){.op = {.done = append_done, .records = bytes, .begins_segment = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, 1, 1, 100, 1000);
	cr_assert_eq(partition_append(the_partition(&world), &append.op), 0);
	for (store_turn(world.store); !append.is_done;)
		world_turn(&world);
	world_trim(&world, the_partition(&world), 1);
	struct watched watched = {world.disk, false};
	sim_disk_on_io(world.disk, look_for_file, &watched);
	cycle(&world);
	sim_disk_on_io(world.disk, NULL, NULL);
	cr_expect_not(watched.has_file);
	cr_expect_geq(sim_disk_peek(world.disk, "/t-0/00000000000000000001.log", NULL, 0, 0), 0);
	world_stop(&world);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, the_partition(&world), 1, 1 << 20), 2);
	world_fini(&world);
}

/* A reserve that the disk has no room for is given back: half of one would only make the disk fuller. */
Test(replay_again, half_a_reserve_is_none)
{
	struct world world;
	world_init(&world, 4);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_stop(&world);
	sim_disk_set_capacity(world.disk, sim_disk_used(world.disk) + (1 << 20));
	world.options.reserve_bytes = 4 << 20;
	world_open(&world);
	world_append(&world, the_partition(&world), 1, 1, 100);
	let_file(&world);
	cr_expect_eq(sim_disk_peek(world.disk, "/reserve-0", NULL, 0, 0), -ENOENT);
	sim_disk_set_capacity(world.disk, 0);
	world_fini(&world);
}

struct aside {
	struct sim_disk *disk;
	uint8_t first[64];         /* what the journal that is lost begins with */
	uint32_t cuts;
};

static bool begins_so(struct sim_disk *disk, const char *path, const uint8_t *first, size_t size)
{
	uint8_t bytes[64];
	return sim_disk_peek(disk, path, bytes, size, 0) == (int64_t)size && memcmp(bytes, first, size) == 0;
}

static void find_kept(void *context, const char *path, uint64_t size_bytes)
{
	struct aside *aside = context;
	if (strstr(path, "journal-0") && begins_so(aside->disk, path, aside->first, sizeof aside->first))
		aside->cuts |= 1u << 31;
}

/* Whatever one thing is lost if the power fails now: the old journal is there, under one name or the other. */
static void lose_each_here(void *context)
{
	struct aside *aside = context;
	struct sim_crash *crash = sim_crash_look(aside->disk);
	uint32_t outcomes[512], count = sim_crash_items(crash);
	cr_assert_leq(count, COUNT_OF(outcomes));
	for (uint32_t lost = 0; lost <= count && count < 40; lost++) {
		for (uint32_t i = 0; i < count; i++)
			outcomes[i] = i == lost ? 0 : sim_crash_outcomes(crash, i) - 1;
		struct aside other = {.disk = sim_crash_make(crash, outcomes)};
		memcpy(other.first, aside->first, sizeof other.first);
		sim_disk_list(other.disk, find_kept, &other);
		cr_assert(other.cuts, "after %u cuts: the journal is gone", aside->cuts);
		sim_disk_close(other.disk);
		aside->cuts++;
	}
	sim_crash_close(crash);
}

/* A journal that cannot be used, and whose loss is accepted, is kept aside, whenever the power fails. */
Test(replay_again, a_lost_journal_is_kept, .timeout = 60)
{
	struct world world;
	struct aside aside = {0};
	world_init(&world, 6);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_stop(&world);
	for (uint64_t at = 0; at < 3 * 4096; at += 4096) /* both superblocks */
		cr_assert_eq(sim_disk_corrupt(world.disk, "/journal-0", at, 4096), 0);
	cr_assert_eq(sim_disk_peek(world.disk, "/journal-0", aside.first, sizeof aside.first, 0), (int64_t)sizeof aside.first);
	aside.disk = world.disk;
	world.options.is_loss_accepted = true;
	sim_disk_on_io(world.disk, lose_each_here, &aside);
	world_open(&world);
	sim_disk_on_io(world.disk, NULL, NULL);
	cr_expect(world.report.is_journal_lost);
	cr_expect_gt(aside.cuts, 20);
	world_fini(&world);
}
