/* A partition that a start cannot read is offline, and nobody else: what the journal has of it is kept until it can be read again, however far the journal goes on, however the lives between end. */
#include <errno.h>

#include <xxhash.h>

#include "log/base/uuid_text.h"
#include "log/io/small_file.h"
#include "log/partition/partition_priv.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/kept_files.h"
#include "tests/unit/log/store/world.h"

#define SECOND_NS 1000000000ull

enum load { SMALL, FILED_THEN_SMALL, LARGE, MIXED, LOAD_COUNT };
enum end { KILL, CRASH, STOP, END_COUNT };

static struct io *open_disk(struct world *world)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

/* A file stands in the directory's place: as a FIFO, a loop of links, or a disk that is not mounted does. */
static void hide(struct world *world, const char *dir)
{
	struct io *io = open_disk(world);
	char away[300];
	snprintf(away, sizeof away, "%s.away", dir);
	int err = io_rename(io, dir, away);
	cr_assert(err == 0 || err == -ENOENT); /* nothing of it was filed yet */
	int fd = io_file_open(io, dir, IO_CREATE);
	cr_assert_geq(fd, 0);
	io_close_fd(io, fd);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static void show(struct world *world, const char *dir)
{
	struct io *io = open_disk(world);
	char away[300];
	snprintf(away, sizeof away, "%s.away", dir);
	cr_assert_eq(io_unlink(io, dir), 0);
	int err = io_rename(io, away, dir);
	cr_assert(err == 0 || err == -ENOENT);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static void kept_path(const struct world *world, uint32_t index, char *out, size_t size)
{
	char id[UUID_HEX_SIZE];
	uuid_hex_format(id, &catalog_topic_by_name(world->image, slice_from("t"))->id);
	snprintf(out, size, "/" STORE_KEPT_PREFIX "0.%s.%u", id, index);
}

static void end_life(struct world *world, enum end how)
{
	if (how == STOP)
		world_stop(world);
	else if (how == CRASH)
		world_crash(world);
	else
		world_kill(world);
}

static size_t size_of(enum load load, uint64_t i)
{
	bool is_large = load == LARGE || (load == MIXED && i % 2);
	return is_large ? 90000 : 100;
}

#define BEFORE 9

static void fill(struct world *world, enum load load, uint32_t index)
{
	for (uint64_t i = 0; i < BEFORE; i++) {
		world_append(world, partition_of(world, index), i, 1, size_of(load, i));
		if (load != SMALL && i == 2)
			world_rest(world, 8 * SECOND_NS);
	}
}

static void expect_offline(struct world *world, uint32_t index)
{
	struct partition *partition = partition_of(world, index);
	struct append append;
	struct trim trim = {.op = {.done = trim_done, .offset = 0}};
	struct read read;
	cr_assert(partition_is_offline(partition));
	cr_expect(partition_has_failed(partition), "metrics know of it");
	cr_expect_eq(world_append_begin(partition, &append, BEFORE, 1, 100), ERR_OFFLINE);
	cr_expect_eq(partition_trim(partition, &trim.op), ERR_OFFLINE);
	world_read_begin(world, partition, &read, 0, 100);
	cr_expect_eq(read.op.err, ERR_OFFLINE);
	partition_read_release(&read.op);
}

/* So much that the journal goes round. */
static uint64_t go_round(struct world *world, uint32_t index, uint64_t from)
{
	for (uint64_t i = 0; i < 60; i++)
		world_append(world, partition_of(world, index), from + i, 1, 40000);
	world_rest(world, 8 * SECOND_NS);
	cr_expect_not(store_has_failed(world->store));
	cr_expect_not(store_is_short(world->store));
	return from + 60;
}

static void tell_story(enum load load, enum end before, enum end between)
{
	struct world world;
	world_init(&world, 100 + 10 * (uint64_t)load + (uint64_t)before);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 3, NULL, 0);
	for (uint32_t i = 0; i < 3; i++)
		fill(&world, load, 2 * i % 3); /* what the one in the middle has is not filed while the last one rests */
	end_life(&world, before);
	hide(&world, "/t-1");
	uint64_t end = BEFORE;
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		expect_offline(&world, 1);
		cr_expect_eq(kept_files(&world), 1);
		cr_expect_eq(world_check_all(&world, partition_of(&world, 2), 0, 1 << 20), BEFORE);
		end = go_round(&world, 0, end);
		end_life(&world, between);
	}
	show(&world, "/t-1");
	world_open(&world);
	cr_expect_not(partition_is_offline(partition_of(&world, 1)));
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 0, 1 << 20), BEFORE, "load %d, ends %d, %d", load, before, between);
	cr_expect_eq(partition_of(&world, 1)->damage_count, 0);
	cr_expect_eq(kept_files(&world), 0);
	world_append(&world, partition_of(&world, 1), BEFORE, 1, 100);
	end_life(&world, between);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 0, 1 << 20), BEFORE + 1);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 0), 0, 1 << 20), (int64_t)end);
	world_fini(&world);
}

Test(offline, one_directory_costs_one_partition, .timeout = 120)
{
	for (enum load load = 0; load < LOAD_COUNT; load++)
		for (enum end between = 0; between < END_COUNT; between++) {
			tell_story(load, KILL, between);
			tell_story(load, CRASH, between);
		}
}

/* Each I/O of the start that keeps, and of the one that takes up again, may be the last before a crash; and the next start may find it there or not. */
static void cut_each(struct world *world, struct sim_disk *base, bool is_hidden, bool is_hidden_again)
{
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		sim_disk_close(world->disk);
		world->disk = sim_disk_copy(base);
		sim_disk_cut_power(world->disk, k);
		has_struck = world_try_open(world) != 0;
		world_close(world);
		sim_disk_crash(world->disk);
		if (is_hidden_again) {
			if (!is_hidden)
				hide(world, "/t-1");
			world_open(world); /* where all was filed already, it is one whose end is not seen */
			cr_expect_eq(partition_is_offline(partition_of(world, 1)), kept_files(world) == 1, "cut at %lu", (unsigned long)k);
			go_round(world, 0, BEFORE);
			world_crash(world);
		}
		if (is_hidden || is_hidden_again)
			show(world, "/t-1");
		world_open(world);
		for (uint32_t i = 0; i < 3; i++)
			cr_expect_eq(world_check_all(world, partition_of(world, i), 0, 1 << 20), i || !is_hidden_again ? BEFORE : BEFORE + 60, "cut at %lu", (unsigned long)k);
		cr_expect_eq(kept_files(world), 0);
		world_close(world);
	}
}

Test(offline, a_crash_while_it_goes_and_comes, .timeout = 300)
{
	struct world world;
	world_init(&world, 7);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 3, NULL, 0);
	for (uint32_t i = 0; i < 3; i++)
		fill(&world, MIXED, i);
	world_kill(&world);
	hide(&world, "/t-1");
	struct sim_disk *killed = sim_disk_copy(world.disk);
	cut_each(&world, killed, true, false);
	cut_each(&world, killed, true, true);
	sim_disk_close(world.disk);
	world.disk = killed;
	world_open(&world);
	world_kill(&world);
	show(&world, "/t-1");
	struct sim_disk *kept = sim_disk_copy(world.disk);
	cut_each(&world, kept, false, false);
	cut_each(&world, kept, false, true);
	sim_disk_close(kept);
	world_open(&world);
	world_fini(&world);
}

/* What is kept may rot as well: then the partition stays offline, and nobody else; nothing is taken for lost. */
Test(offline, what_is_kept_has_rotted, .timeout = 60)
{
	struct world world;
	char path[300] = "";
	world_init(&world, 5);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	fill(&world, SMALL, 0);
	fill(&world, SMALL, 1);
	world_kill(&world);
	hide(&world, "/t-1");
	world_open(&world);
	kept_path(&world, 1, path, sizeof path);
	world_stop(&world);
	show(&world, "/t-1");
	cr_assert_eq(sim_disk_flip_bit(world.disk, path, 100, 3), 0);
	world_open(&world);
	expect_offline(&world, 1);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 0), 0, 1 << 20), BEFORE);
	world_stop(&world);
	cr_assert_eq(sim_disk_flip_bit(world.disk, path, 100, 3), 0);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 0, 1 << 20), BEFORE);
	world_fini(&world);
}

static void remove_file(struct world *world, const char *path)
{
	struct io *io = open_disk(world);
	cr_assert_eq(io_unlink(io, path), 0);
	io_close(io);
}

/* Without a checkpoint nobody knows what the partition was: to go on without it would be to forget it. */
Test(offline, not_without_a_checkpoint, .timeout = 60)
{
	struct world world;
	world_init(&world, 6);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	fill(&world, SMALL, 1);
	go_round(&world, 0, 0);
	world_kill(&world);
	hide(&world, "/t-1");
	remove_file(&world, "/checkpoint-0");
	remove_file(&world, "/checkpoint-0.copy");
	cr_expect_eq(world_try_open(&world), -ENOTDIR);
	world_close(&world);
	show(&world, "/t-1");
	world_open(&world);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 0, 1 << 20), BEFORE);
	world_fini(&world);
}

/* By its age all that is filed of it may go: but where its log goes on, and how far it goes, the kept entries know. */
Test(offline, retention_leaves_it_alone, .timeout = 60)
{
	struct world world;
	world_init(&world, 8);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	fill(&world, LARGE, 1);
	world_kill(&world);
	hide(&world, "/t-1");
	world_open(&world);
	expect_offline(&world, 1);
	cr_expect_not(partition__retain_check(partition_of(&world, 1), INT64_MAX / 2));
	world_rest(&world, 8 * SECOND_NS);
	world_stop(&world);
	show(&world, "/t-1");
	world_open(&world);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 0, 1 << 20), BEFORE);
	cr_expect_eq(partition_of(&world, 1)->damage_count, 0);
	world_fini(&world);
}

/* Nothing of it was ever filed: what is kept is all that tells of it. It is counted, metrics see it, and what is kept goes with its topic. */
Test(offline, of_which_nothing_was_filed, .timeout = 60)
{
	struct world world;
	world_init(&world, 9);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	fill(&world, SMALL, 1);
	world_kill(&world);
	hide(&world, "/t-1");
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_expect_eq(world.report.offline_partitions, 1, "life %d", life);
		cr_expect_not_null(store_look_at_partition(world.store, &catalog_topic_by_name(world.image, slice_from("t"))->id, 1), "life %d", life);
		go_round(&world, 0, 60 * (uint64_t)life);
		if (life == 0)
			world_stop(&world);
	}
	cr_expect_eq(kept_files(&world), 1);
	world_delete_topic(&world, "t");
	cr_expect_eq(kept_files(&world), 0);
	world_fini(&world);
}

/* Somebody's hand: entries of another partition, with a good checksum. They are not that one's, and nobody else is the worse for it. */
Test(offline, what_is_kept_is_anothers, .timeout = 60)
{
	struct world world;
	char path[300];
	uint8_t *data;
	size_t size;
	world_init(&world, 10);
	world_open(&world);
	world_create_topic(&world, "t", 40, NULL, 0);
	fill(&world, SMALL, 0);
	fill(&world, SMALL, 1);
	world_kill(&world);
	hide(&world, "/t-1");
	world_open(&world);
	kept_path(&world, 1, path, sizeof path);
	cr_assert_eq(small_file_read(world.io, path, 1 << 20, &data, &size), 0);
	uint32_t entries = 0;
	for (size_t at = 48; at + 20 <= size - 8; at += 4) /* the entries' partition behind their topic's id */
		if (memcmp(data + at, data + 16, 16) == 0 && load_le32(data + at + 16) == 1)
			store_le32(data + at + 16, 2 + entries++);
	cr_assert_gt(entries, 1);
	store_le64(data + size - 8, XXH3_64bits(data, size - 8));
	cr_assert_eq(small_file_replace(world.io, path, data, size), 0);
	free(data);
	world_stop(&world);
	show(&world, "/t-1");
	world_open(&world);
	expect_offline(&world, 1);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 0), 0, 1 << 20), BEFORE);
	cr_expect_eq(partition_high_watermark(partition_of(&world, 2)), 0);
	world_fini(&world);
}
