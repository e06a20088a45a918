/* A segment whose file was lost goes on behind a hole, and its first batch is gone: the hole says whose it is, so that another such one in its place is not taken for it. */
#include <errno.h>
#include <xxhash.h>

#include "log/partition/partition_priv.h"
#include "log/segment/hole_mark.h"
#include "tests/unit/log/verify/rot.h"

#define FILED 3
#define END 5
#define CYCLE_NS 8000000000ull

static const char *const log_paths[] = {"/t-0/00000000000000000000.log", "/t-1/00000000000000000000.log"};

static void append_to_both(struct world *world, uint64_t from, uint64_t to)
{
	for (uint32_t p = 0; p < 2; p++)
		for (uint64_t i = from; i < to; i++)
			world_append(world, world_partition(world, "t", p), i, 1, 100 + p);
}

/* Two partitions of one shape, filed, and stopped. */
static void make_two(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	append_to_both(world, 0, FILED);
	world_stop(world);
}

static void exchange_logs(struct world *world)
{
	size_t sizes[2];
	uint8_t *bytes[2];
	for (int p = 0; p < 2; p++)
		bytes[p] = rot_read(world, log_paths[p], &sizes[p]);
	for (int p = 0; p < 2; p++) {
		rot_write(world, log_paths[p], bytes[!p], sizes[!p]);
		free(bytes[!p]);
	}
}

static void empty_logs(struct world *world)
{
	for (int p = 0; p < 2; p++)
		rot_cut(world, log_paths[p], 0);
}

static void cut_into_headers(struct world *world)
{
	for (int p = 0; p < 2; p++)
		rot_cut(world, log_paths[p], BATCH_HEADER_SIZE - 1);
}

static void take_logs_away(struct world *world)
{
	for (int p = 0; p < 2; p++)
		rot_unlink(world, log_paths[p]);
}

static void (*const losses[])(struct world *world) = {exchange_logs, empty_logs, cut_into_headers, take_logs_away};

/* However the first batches were lost: what was appended since is served, from where it was written, and from no other place. */
Test(hole, exchanged_behind_a_loss)
{
	for (size_t i = 0; i < COUNT_OF(losses); i++) {
		struct world world;
		struct verdict verdict;
		make_two(&world, 1 + i);
		losses[i](&world);
		world_open(&world);
		append_to_both(&world, FILED, END);
		world_stop(&world);
		world_open(&world);
		for (uint32_t p = 0; p < 2; p++)
			world_expect_damaged(&world, world_partition(&world, "t", p), 0, FILED, END);
		world_stop(&world);
		exchange_logs(&world);
		rot_verify(&world, &verdict);
		cr_expect_eq(verdict.report.counts.findings[FINDING_DAMAGE], 2);
		world_open(&world);
		for (uint32_t p = 0; p < 2; p++)
			world_expect_damaged(&world, world_partition(&world, "t", p), 0, END, END);
		world_fini(&world);
	}
}

/* Another's file was renamed, and no descriptor was left to sync that with: the next try finds it gone. What is then made in its place is the log's own, also
 * when it is opened again. (Found by sim-broker --exchange, seed 2194.) */
Test(hole, set_aside_without_a_descriptor, .timeout = 60)
{
	struct world world;
	make_two(&world, 12);
	exchange_logs(&world);
	world_open(&world);
	struct partition *partition = world_partition(&world, "t", 0);
	sim_disk_fail_kinds(world.disk, SIM_DIR_SYNC, 1, EMFILE, false);
	world_append(&world, partition, FILED, 1, 100);
	world_rest(&world, CYCLE_NS);
	cr_assert_eq(sim_disk_fail_count(world.disk), 1, "the sync of the renaming was to fail");
	while (segment_home_spare_files(&partition->home->segments))
		;
	world_append(&world, partition, FILED + 1, 1, 100);
	world_rest(&world, CYCLE_NS);
	world_expect_damaged(&world, partition, 0, FILED, END);
	world_crash(&world);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), 0, FILED, END);
	world_fini(&world);
}

/* A file that was made behind a loss, and a kill before its directory was synced: the next life finds it there, and syncs what nobody has, before the journal
 * is let go of what is in it. (Found by sim-broker --exchange, seed 4286.) */
Test(hole, its_name_is_synced_by_a_later_life, .timeout = 60)
{
	for (uint64_t seed = 20; seed < 32; seed++) {
		struct world world;
		make_two(&world, seed);
		take_logs_away(&world);
		struct io *io = rot_open(&world);
		cr_assert(io_dir_sync(io, "/t-0") == 0 && io_dir_sync(io, "/t-1") == 0);
		io_close(io);
		world_open(&world);
		sim_disk_fail_kinds(world.disk, SIM_DIR_SYNC, 1, EMFILE, true);
		append_to_both(&world, FILED, END);
		world_rest(&world, CYCLE_NS);
		cr_assert_gt(sim_disk_fail_count(world.disk), 0, "a sync of the directories was to fail");
		world_kill(&world);
		sim_disk_fail(world.disk, 0, EIO);
		world_open(&world);
		append_to_both(&world, END, END + 1);
		world_rest(&world, CYCLE_NS);
		world_crash(&world);
		world_open(&world);
		for (uint32_t p = 0; p < 2; p++)
			world_expect_damaged(&world, world_partition(&world, "t", p), 0, FILED, END + 1);
		world_fini(&world);
	}
}

/* What is lost is fenced as soon as the log goes on behind it: a write that lands in the hole later, another log's batches in it, is none of what was there. */
Test(hole, a_write_that_landed_in_it)
{
	struct world world;
	size_t size;
	make_two(&world, 10);
	uint8_t *other = rot_read(&world, log_paths[1], &size);
	size_t position = rot_batch(&world, log_paths[1], 1).position;
	empty_logs(&world);
	world_open(&world);
	append_to_both(&world, FILED, END);
	world_stop(&world);
	struct io *io = rot_open(&world);
	int fd = io_file_open(io, log_paths[1], 0);
	cr_assert_eq(io_file_write(io, fd, other + position, size - position, position), (int64_t)(size - position));
	io_close_fd(io, fd);
	io_close(io);
	free(other);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 1), 0, FILED, END);
	world_fini(&world);
}

/* Without any checkpoint, and nothing beside the logs, it is still told: opening refuses, and gives no record up unasked. */
Test(hole, exchanged_and_scanned)
{
	struct world world;
	struct verdict verdict;
	make_two(&world, 11);
	exchange_logs(&world);
	world_open(&world);
	append_to_both(&world, FILED, END);
	world_stop(&world);
	exchange_logs(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime");
	rot_unlink(&world, "/t-1/00000000000000000000.appendtime");
	rot_verify(&world, &verdict);
	cr_expect_geq(verdict.report.counts.findings[FINDING_DAMAGE], 2);
	cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	world_close(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	struct read read;
	for (uint32_t p = 0; p < 2; p++)
		for (int64_t offset = 0; offset < END; offset++) {
			world_read_begin(&world, world_partition(&world, "t", p), &read, offset, 1);
			cr_expect(read.op.err || read.op.piece_count == 0, "%u: %ld", p, (long)offset);
			partition_read_release(&read.op);
		}
	world_fini(&world);
}

/* What begins with such a hole is a log: in the place of a file that is made anew it is kept. */
Test(hole, in_the_place_of_an_index)
{
	struct world world;
	size_t size, kept_size;
	make_two(&world, 12);
	empty_logs(&world);
	world_open(&world);
	append_to_both(&world, FILED, END);
	world_stop(&world);
	uint8_t *bytes = rot_read(&world, log_paths[1], &size);
	rot_write(&world, "/t-0/00000000000000000000.index", bytes, size);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), 0, FILED, END); /* the indexes are read */
	for (uint64_t i = END; i < END + 60; i++)
		world_append(&world, world_partition(&world, "t", 0), i, 1, 1000);
	world_stop(&world);
	uint8_t *kept = rot_read(&world, "/t-0/00000000000000000000.index.foreign", &kept_size);
	cr_assert_eq(kept_size, size);
	cr_expect_eq(memcmp(kept, bytes, size), 0);
	free(kept);
	free(bytes);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

/* No byte of it may be another, and it is no batch. */
Test(hole, its_bytes)
{
	struct append_time_owner owner = {.partition = 2, .base_offset = 1ll << 40}, found;
	uint8_t bytes[BATCH_HEADER_SIZE] = {0};
	struct batch batch;
	memset(owner.topic_id.bytes, 2, sizeof owner.topic_id.bytes);
	hole_mark_encode(&owner, bytes);
	cr_assert_lt(HOLE_MARK_SIZE, BATCH_HEADER_SIZE);
	cr_assert(hole_mark_decode(&found, (struct slice){bytes, sizeof bytes}));
	cr_expect(found.partition == 2 && found.base_offset == 1ll << 40 && uuid_equal(&found.topic_id, &owner.topic_id));
	cr_expect_neq(batch_parse_header((struct slice){bytes, sizeof bytes}, &batch), 0);
	for (uint32_t at = 0; at < HOLE_MARK_SIZE; at++) {
		bytes[at] ^= 1;
		cr_expect_not(hole_mark_decode(&found, (struct slice){bytes, sizeof bytes}), "byte %u", at);
		bytes[at] ^= 1;
	}
	cr_expect_not(hole_mark_decode(&found, (struct slice){bytes, HOLE_MARK_SIZE - 1}));
}

/* One is another's by any one of the three that name a segment. */
Test(hole, another_by_one_field)
{
	const struct append_time_owner own = {.topic_id = {{1, 2}}, .partition = 3, .base_offset = 400};
	const struct append_time_owner others[] = {
		own,
		{.topic_id = {{1, 3}}, .partition = 3, .base_offset = 400},
		{.topic_id = {{1, 2}}, .partition = 4, .base_offset = 400},
		{.topic_id = {{1, 2}}, .partition = 3, .base_offset = 401},
	};
	struct world world;
	world_init(&world, 1);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		uint8_t bytes[HOLE_MARK_SIZE];
		hole_mark_encode(&others[i], bytes);
		rot_write(&world, "/hole", bytes, sizeof bytes);
		struct io *io = rot_open(&world);
		int fd = io_file_open(io, "/hole", IO_READ_ONLY);
		cr_assert_geq(fd, 0);
		cr_expect_eq(hole_mark_is_anothers(io, fd, &own), i > 0, "%zu", i);
		io_close_fd(io, fd);
		io_close(io);
	}
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

/* A mark of a later version says nothing, though its sum is right. */
Test(hole, a_mark_of_a_later_version)
{
	uint8_t bytes[HOLE_MARK_SIZE];
	struct append_time_owner owner = {.partition = 3, .base_offset = 70}, found;
	hole_mark_encode(&owner, bytes);
	cr_assert(hole_mark_decode(&found, (struct slice){bytes, sizeof bytes}));
	bytes[40]++;
	store_le64(bytes + HOLE_MARK_SIZE - 8, XXH3_64bits(bytes, HOLE_MARK_SIZE - 8));
	cr_expect_not(hole_mark_decode(&found, (struct slice){bytes, sizeof bytes}));
}
