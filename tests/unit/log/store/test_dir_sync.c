/* New files in a directory whose sync is under way: the sync began before they were made, or is not over, and so nothing may be acknowledged that is
 * in them alone. Syncs are stalled, large pieces are acknowledged meanwhile, and then the power fails. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define SEEDS 12
#define SMALL 100
#define LARGE 100000
#define TURNS_MAX 10000

static const struct sim_pace usual = {.latency_percent = 100};

/* Begins an append of one record, `number`, which is the first of a new segment if that is asked for. */
static void begin(struct partition *partition, struct append *append, uint64_t number, size_t value_size, bool begins_segment)
{
	static uint8_t bytes[LARGE + 1000];
	uint32_t size = make_batch(bytes, sizeof bytes, number, 1, value_size, 1000);
	*append = (struct append){.op = {.done = append_done, .records = bytes, .records_size_bytes = size, .begins_segment = begins_segment}};
	cr_assert_eq(partition_append(partition, &append->op), 0);
}

static void finish(struct world *world, struct append *append, uint64_t number)
{
	store_turn(world->store);
	for (int turns = 0; !append->is_done && turns < TURNS_MAX; turns++)
		world_turn(world);
	cr_assert(append->is_done);
	cr_assert_eq(append->op.err, 0);
	cr_assert_eq(append->op.base_offset, (int64_t)number);
}

/* A turn whose new I/Os take up to `stall_ns` longer than others. */
static void turn_stalling(struct world *world, uint64_t stall_ns)
{
	struct sim_pace slow = {.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = stall_ns};
	sim_disk_set_pace(world->disk, &slow);
	store_turn(world->store);
	sim_disk_set_pace(world->disk, &usual);
}

/* Record 0 in a file that a checkpoint knows, in a directory that is durable; record 1 in the file of a second segment, whose directory is just being
 * synced, and will be for up to `stall_ns`. */
static struct partition *open_while_syncing(struct world *world, uint64_t seed, uint64_t journal_size, uint64_t stall_ns)
{
	struct append append;
	world_init(world, seed);
	world->options.journal_size_bytes = journal_size;
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, world_partition(world, "t", 0), 0, 1, SMALL);
	world_stop(world);
	world_open(world);
	struct partition *partition = world_partition(world, "t", 0);
	begin(partition, &append, 1, SMALL, true);
	finish(world, &append, 1);
	for (int turns = 0; !partition->is_dir_syncing && turns < TURNS_MAX; turns++) {
		cr_assert_geq(io_turn(world->io, true), 0);
		if (world->store->cycle.state == CYCLE_IDLE) /* the cycle begins with a group of its own, which tells where logs end */
			store_turn(world->store);
		else
			turn_stalling(world, stall_ns);
	}
	for (int turns = 0; (world->store->group.is_in_flight || world->store->cycle.in_flight) && turns < TURNS_MAX; turns++)
		cr_assert_geq(io_turn(world->io, true), 0);
	cr_assert(partition->is_dir_syncing && !world->store->home.is_top_unsynced && !world->store->dir_syncs.is_top_in_flight);
	return partition;
}

static void crash_and_check(struct world *world, uint64_t seed)
{
	world_crash(world);
	world_open(world);
	struct partition *partition = world_partition(world, "t", 0);
	cr_assert_eq(world->report.damaged_ranges, 0, "seed %lu: what was acknowledged in a file is gone with the file", (unsigned long)seed);
	cr_assert_eq(world_check_all(world, partition, 0, 1 << 20), 3, "seed %lu", (unsigned long)seed);
	world_fini(world);
}

/* A file of the data directory's is not there, durably: of two, the second need not be. */
static void lose(struct world *world, const char *path, const char *other)
{
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = world->seed};
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(io_unlink(io, path), 0);
	int err = other ? io_unlink(io, other) : 0;
	cr_assert(err == 0 || err == -ENOENT);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static void kill_and_lose_checkpoint(struct world *world)
{
	world_kill(world);
	lose(world, "/checkpoint-0", "/checkpoint-0.copy");
}

/* A file whose directory is still being synced is none to acknowledge anything in: the piece takes the way through the journal. */
Test(dir_sync, a_file_is_not_entered_while_its_directory_is_synced, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		struct append append;
		struct partition *partition = open_while_syncing(&world, seed, 8 << 20, 1000000000);
		begin(partition, &append, 2, LARGE, false);
		finish(&world, &append, 2);
		cr_assert(partition->is_dir_syncing, "seed %lu: the sync was too fast for this test", (unsigned long)seed);
		crash_and_check(&world, seed);
	}
}

/* A file made while its directory is being synced, on a disk so full that nothing can be written to it yet: the end of that sync says nothing about it,
 * nor is a second sync begun beside the first, whose end would pass for the second's. When there is room, what goes there is entered first. */
Test(dir_sync, a_sync_that_began_before_an_entry_is_not_one_of_it, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		struct append append;
		struct partition *partition = open_while_syncing(&world, seed, 1 << 20, 1000000);
		sim_disk_fail_kinds(world.disk, SIM_SIZE, 1, ENOSPC, true); /* the file is made, and gets no room */
		begin(partition, &append, 2, LARGE, true);
		store_turn(world.store);
		cr_assert(partition->active->has_file && list_is_linked(&partition->unsynced_node));
		for (int turns = 0; partition->is_dir_syncing && turns < TURNS_MAX; turns++) {
			turn_stalling(&world, 10000000000);
			cr_assert_geq(io_turn(world.io, true), 0);
		}
		cr_assert_not(append.is_done);
		sim_disk_fail_kinds(world.disk, SIM_SIZE, 0, ENOSPC, false);
		finish(&world, &append, 2);
		crash_and_check(&world, seed);
	}
}

/* Somebody has taken a file whose first record was filed, and what comes next is filed in one that is made in its place: that is a new entry as well. */
Test(dir_sync, a_file_that_is_made_again_is_entered, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		world_init(&world, seed);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, world_partition(&world, "t", 0), 0, 1, SMALL);
		world_stop(&world);
		world_open(&world);
		cr_assert_eq(io_unlink(world.io, "/t-0/00000000000000000000.log"), 0);
		cr_assert_eq(io_dir_sync(world.io, "/t-0"), 0);
		struct partition *partition = world_partition(&world, "t", 0);
		uint64_t checkpoint = world.store->checkpoint_generation;
		world_append(&world, partition, 1, 1, SMALL);
		for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < TURNS_MAX; turns++)
			world_turn(&world);
		world_append(&world, partition, 2, 1, SMALL); /* behind it the journal is let go */
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 1, 1 << 20), 3, "seed %lu", (unsigned long)seed);
		world_fini(&world);
	}
}

/* A process is killed while a partition's first file is made durable, and its checkpoint is lost: a scan finds the file, and nobody knows whether it is
 * entered. It must be when the next checkpoint speaks of it. */
Test(dir_sync, what_a_scan_finds_is_entered, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		world_init(&world, seed);
		world_open(&world);
		world_create_topic(&world, "before", 1, NULL, 0);
		world_append(&world, world_partition(&world, "before", 0), 0, 1, SMALL);
		world_stop(&world);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		struct partition *partition = world_partition(&world, "t", 0);
		world_append(&world, partition, 0, 1, SMALL);
		for (int turns = 0; !partition->is_dir_syncing && turns < TURNS_MAX; turns++) {
			cr_assert_geq(io_turn(world.io, true), 0);
			turn_stalling(&world, 1000000000);
		}
		cr_assert(partition->is_dir_syncing);
		kill_and_lose_checkpoint(&world);
		world_open(&world);
		uint64_t checkpoint = world.store->checkpoint_generation;
		world_append(&world, world_partition(&world, "t", 0), 1, 1, SMALL);
		for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < TURNS_MAX; turns++)
			world_turn(&world);
		world_append(&world, world_partition(&world, "t", 0), 2, 1, SMALL); /* behind it the journal is let go */
		crash_and_check(&world, seed);
	}
}

struct scanning {
	struct world world;
	uint8_t rotten[64]; /* what its checkpoint begins with */
};

/* From the moment on that another checkpoint is seen: the power fails, and one sector, size or name is lost of all that may be. The next start finds the record. */
static void lose_each_here(void *context)
{
	struct scanning *scanning = context;
	struct world *world = &scanning->world;
	uint8_t now[sizeof scanning->rotten];
	cr_assert_eq(sim_disk_peek(world->disk, "/checkpoint-0", now, sizeof now, 0), (int64_t)sizeof now);
	if (memcmp(scanning->rotten, now, sizeof now) == 0)
		return;
	struct sim_crash *crash = sim_crash_look(world->disk);
	uint32_t outcomes[256], count = sim_crash_items(crash);
	cr_assert_leq(count, COUNT_OF(outcomes));
	for (uint32_t lost = 0; lost < count; lost++) {
		for (uint32_t i = 0; i < count; i++)
			outcomes[i] = i == lost ? 0 : sim_crash_outcomes(crash, i) - 1;
		struct world other = {.disk = sim_crash_make(crash, outcomes), .config = world->config, .options = world->options, .seed = 1};
		world_open(&other);
		cr_assert_eq(world_check_all(&other, world_partition(&other, "t", 0), 0, 1 << 20), 1);
		world_close(&other);
		sim_disk_close(other.disk);
	}
	sim_crash_close(crash);
}

/* The same, but the checkpoint has rotted, so that nothing has synced the data directory; and nobody writes to the partition again. The checkpoint that speaks of
 * it comes behind the name of its directory. */
Test(dir_sync, the_directory_that_a_scan_finds_is_entered, .timeout = 60)
{
	struct scanning scanning;
	struct world *world = &scanning.world;
	world_init(world, 1);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "before", 1, NULL, 0);
	world_append(world, world_partition(world, "before", 0), 0, 1, SMALL);
	world_stop(world);
	lose(world, "/checkpoint-0.copy", NULL);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(world, "t", 0);
	world_append(world, partition, 0, 1, SMALL);
	for (int turns = 0; !partition->is_dir_syncing && turns < TURNS_MAX; turns++) {
		cr_assert_geq(io_turn(world->io, true), 0);
		turn_stalling(world, 1000000000);
	}
	cr_assert(partition->is_dir_syncing);
	world_kill(world);
	cr_assert_eq(sim_disk_flip_bit(world->disk, "/checkpoint-0", 20, 1), 0);
	cr_assert_eq(sim_disk_peek(world->disk, "/checkpoint-0", scanning.rotten, sizeof scanning.rotten, 0), (int64_t)sizeof scanning.rotten);
	sim_disk_on_io(world->disk, lose_each_here, &scanning);
	world_open(world);
	uint64_t checkpoint = world->store->checkpoint_generation;
	for (int turns = 0; world->store->checkpoint_generation == checkpoint && turns < 100; turns++)
		world_turn(world);
	sim_disk_on_io(world->disk, NULL, NULL);
	world_fini(world);
}

/* What tells how far a segment went outlives no power cut that takes the segment's file: with the loss of a checkpoint, what was never there would be missed. */
Test(dir_sync, append_times_wait_for_the_file_s_name)
{
	struct world world;
	static const char path[] = "/t-0/00000000000000000001.appendtime";
	struct partition *partition = open_while_syncing(&world, 1, 1 << 20, 1000000);
	int fd = io_file_open(world.io, path, IO_READ_ONLY);
	cr_assert_eq(fd, -ENOENT, "they are there before the name of the segment's file is durable");
	cr_assert_gt(partition->active->filed.position, 0, "its records are not filed: it shows nothing");
	for (int turns = 0; world.store->cycle.state != CYCLE_IDLE && turns < TURNS_MAX; turns++)
		world_turn(&world);
	fd = io_file_open(world.io, path, IO_READ_ONLY);
	cr_assert_geq(fd, 0);
	io_close_fd(world.io, fd);
	world_fini(&world);
}
