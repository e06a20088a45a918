/* A partition whose files cannot be written or read any more while the store runs costs itself and nobody else: all else is filed, the journal is let go, and a later start that can read it has every
 * record that was acknowledged, once. */
#include <errno.h>

#include "log/partition/partition_priv.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/kept_files.h"
#include "tests/unit/log/store/world.h"

#define SECOND_NS 1000000000ull
#define BEFORE 6

enum fault { MOVED, MOVED_AND_A_FILE };

static void strike(struct world *world, enum fault fault)
{
	cr_assert_eq(io_rename(world->io, "/t-1", "/t-1.away"), 0);
	if (fault == MOVED_AND_A_FILE) {
		int fd = io_file_open(world->io, "/t-1", IO_CREATE);
		cr_assert_geq(fd, 0);
		io_close_fd(world->io, fd);
	}
	cr_assert_eq(io_dir_sync(world->io, "/"), 0);
}

static struct io *open_disk(struct sim_disk *disk)
{
	struct io_options options = {.backend = IO_SIM, .disk = disk, .seed = 1};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

/* Whatever there is in its place goes. */
static void mend(struct sim_disk *disk)
{
	struct io *io = open_disk(disk);
	int fd = io_file_open(io, "/t-1", IO_READ_ONLY);
	if (fd >= 0)
		io_close_fd(io, fd);
	int err = io_unlink(io, "/t-1");
	(void)err;
	err = io_rename(io, "/t-1.away", "/t-1");
	cr_assert(err == 0 || err == -ENOENT, "%s", err_name(err));
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 3, NULL, 0);
	for (uint32_t i = 0; i < 3; i++)
		for (uint64_t n = 0; n < BEFORE; n++)
			world_append(world, partition_of(world, i), n, 1, 100);
	world_rest(world, 8 * SECOND_NS);
	cr_assert(segment_is_filed(partition_of(world, 1)->active));
}

/* What a producer got an answer for. */
static int64_t append_some(struct world *world, uint32_t index, uint64_t number, size_t size)
{
	struct append append;
	struct partition *partition = partition_of(world, index);
	int err = world_append_begin(partition, &append, number, 1, size);
	for (int tries = 0; err == ERR_BUSY && tries < 1000; tries++) {
		world_turn(world);
		err = world_append_begin(partition, &append, number, 1, size);
	}
	if (err)
		return err;
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert(append.is_done);
	return append.op.err ? append.op.err : 1;
}

static uint64_t go_round(struct world *world, uint32_t index, uint64_t from)
{
	for (uint64_t i = 0; i < 60; i++)
		cr_assert_eq(append_some(world, index, from + i, 40000), 1);
	world_rest(world, 8 * SECOND_NS);
	cr_assert_not(store_has_failed(world->store));
	cr_assert_not(store_is_short(world->store));
	cr_assert_not(store_is_full(world->store));
	return from + 60;
}

static void expect_offline(struct world *world)
{
	struct partition *partition = partition_of(world, 1);
	struct append append;
	struct read read;
	struct trim trim = {.op = {.done = trim_done, .offset = 0}};
	cr_assert(partition_is_offline(partition));
	cr_expect_eq(world_append_begin(partition, &append, 100, 1, 100), ERR_OFFLINE);
	cr_expect_eq(partition_trim(partition, &trim.op), ERR_OFFLINE);
	world_read_begin(world, partition, &read, 0, 100);
	cr_expect_eq(read.op.err, ERR_OFFLINE);
	partition_read_release(&read.op);
}

enum end { KILL, CRASH, STOP, END_COUNT };

static void end_life(struct world *world, enum end how)
{
	if (how == STOP)
		world_stop(world);
	else if (how == CRASH)
		world_crash(world);
	else
		world_kill(world);
}

/* What the partition must have: `acked` records that were acknowledged, and one more perhaps that was not answered. */
static void expect_all(struct world *world, uint64_t acked, const char *what, uint64_t number)
{
	struct partition *partition = partition_of(world, 1);
	cr_assert_not(partition_is_offline(partition), "%s %lu", what, number);
	int64_t end = world_check_all(world, partition, 0, 1 << 20);
	cr_assert(end >= (int64_t)acked, "%s %lu: %ld of %lu", what, number, (long)end, acked);
	cr_assert_eq(partition->damage_count, 0, "%s %lu", what, number);
	cr_assert_eq(kept_files(world), 0, "%s %lu", what, number);
}

/* Until it is offline, small or large; then everybody else goes on, through several lives. */
static void tell_story(enum fault fault, bool is_large, enum end between)
{
	struct world world;
	uint64_t acked = BEFORE, other;
	begin(&world, 100 + 10 * (uint64_t)fault + is_large);
	strike(&world, fault);
	for (int tries = 0; tries < 20 && !partition_is_offline(partition_of(&world, 1)); tries++) {
		acked += append_some(&world, 1, acked, is_large ? 90000 : 100) == 1;
		if (!partition_is_offline(partition_of(&world, 1)))
			world_rest(&world, 8 * SECOND_NS);
		cr_assert_not(store_has_failed(world.store), "fault %d, large %d", fault, is_large);
	}
	expect_offline(&world);
	other = go_round(&world, 0, BEFORE);
	cr_assert_eq(world.store->going_count, 0);
	cr_expect_eq(kept_files(&world), 1);
	end_life(&world, between);
	if (fault == MOVED_AND_A_FILE) { /* else it can be read now */
		world_open(&world);
		expect_offline(&world);
		other = go_round(&world, 0, other);
		end_life(&world, between);
	}
	mend(world.disk);
	world_open(&world);
	expect_all(&world, acked, "fault", fault);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 0), 0, 1 << 20), (int64_t)other);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 2), 0, 1 << 20), BEFORE);
	cr_assert_eq(append_some(&world, 1, (uint64_t)partition_high_watermark(partition_of(&world, 1)), 100), 1);
	world_stop(&world);
	world_open(&world);
	expect_all(&world, acked + 1, "fault", fault);
	world_fini(&world);
}

Test(go_offline, moved, .timeout = 60)
{
	for (enum end between = 0; between < END_COUNT; between++)
		for (int is_large = 0; is_large < 2; is_large++)
			tell_story(MOVED, is_large, between);
}

Test(go_offline, moved_and_a_file_in_its_place, .timeout = 60)
{
	for (enum end between = 0; between < END_COUNT; between++)
		for (int is_large = 0; is_large < 2; is_large++)
			tell_story(MOVED_AND_A_FILE, is_large, between);
}

/* ---- every I/O ------------------------------------------------------------------------------------------------------- */

/* What each was told it has, and whether it was refused since. */
struct log {
	uint64_t acked;
	int err;
};

static void append_to(struct world *world, struct log *logs, uint32_t index, size_t size)
{
	struct log *log = &logs[index];
	int64_t done = log->err ? log->err : append_some(world, index, log->acked, size);
	log->acked += done == 1;
	log->err = done == 1 ? 0 : (int)done;
}

/* Small ones that are filed behind, large ones that go straight, and rolls; a log start that moves. */
static void work(struct world *world, struct log *logs)
{
	struct trim trim;
	for (uint64_t round = 0; round < 4; round++)
		for (uint32_t i = 0; i < 3; i++) {
			append_to(world, logs, i, 100);
			append_to(world, logs, i, 300000);
			append_to(world, logs, i, 30000);
			append_to(world, logs, i, 100);
			if (i == 1)
				world_rest(world, 3 * SECOND_NS);
		}
	trim = (struct trim){.op = {.done = trim_done, .offset = 2}};
	if (!logs[2].err && !store_has_failed(world->store) && partition_trim(partition_of(world, 2), &trim.op) == 0)
		for (int turns = 0; !trim.is_done && turns < 10000; turns++)
			world_turn(world);
	for (uint32_t i = 0; i < 3; i++)
		append_to(world, logs, i, 100);
	world_rest(world, 8 * SECOND_NS);
}

static void begin_work(struct world *world, struct log *logs)
{
	static const struct config_override small = {"segment.bytes", "1048576"};
	world_init(world, 77);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 3, &small, 1);
	memset(logs, 0, 3 * sizeof *logs);
	for (uint32_t i = 0; i < 3; i++)
		append_to(world, logs, i, 100);
	world_rest(world, 8 * SECOND_NS);
}

static void check_logs(struct world *world, struct log *logs, const char *what, uint64_t k)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct partition *partition = partition_of(world, i);
		cr_assert_not(partition_is_offline(partition), "%s %lu: %u", what, k, i);
		cr_assert_eq(partition->damage_count, 0, "%s %lu: %u", what, k, i);
		int64_t end = world_check_all(world, partition, partition_log_start_offset(partition), 1 << 20);
		cr_assert(end >= (int64_t)logs[i].acked && end <= (int64_t)logs[i].acked + 1, "%s %lu: %u has %ld of %lu", what, k, i, (long)end, logs[i].acked);
		logs[i] = (struct log){.acked = (uint64_t)end};
	}
	cr_assert_eq(kept_files(world), 0, "%s %lu", what, k);
}

static uint32_t count_offline(struct world *world)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < 3; i++)
		count += partition_is_offline(partition_of(world, i));
	return count;
}

static void fail_each(uint32_t kind, const char *what, uint32_t offline_min)
{
	uint32_t offline = 0, failed = 0;
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		struct world world;
		struct log logs[3];
		begin_work(&world, logs);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, kind, k, EIO, false);
		work(&world, logs);
		has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		cr_assert_leq(count_offline(&world), 1, "%s %lu", what, k);
		offline += count_offline(&world);
		failed += store_has_failed(world.store);
		if (!store_has_failed(world.store)) {
			work(&world, logs);
			cr_assert_eq(world.store->going_count, 0, "%s %lu", what, k);
			for (uint32_t i = 0; i < 3; i++)
				cr_assert_eq(logs[i].err != 0, partition_is_offline(partition_of(&world, i)), "%s %lu: %s", what, k, err_name(logs[i].err));
		}
		end_life(&world, store_has_failed(world.store) ? KILL + k % 2 : (enum end)(k % END_COUNT));
		world_open(&world);
		check_logs(&world, logs, what, k);
		work(&world, logs);
		world_crash(&world);
		world_open(&world);
		check_logs(&world, logs, what, k);
		world_fini(&world);
	}
	cr_expect_geq(offline, offline_min, "%s: %u times offline, %u times failed", what, offline, failed);
}

Test(go_offline, a_write_fails, .timeout = 120) { fail_each(SIM_WRITE, "write", 10); }
Test(go_offline, a_sync_fails, .timeout = 120) { fail_each(SIM_SYNC, "sync", 0); }
Test(go_offline, an_open_fails, .timeout = 120) { fail_each(SIM_OPEN, "open", 3); }
Test(go_offline, a_name_fails, .timeout = 120) { fail_each(SIM_NAMES | SIM_DIR_SYNC | SIM_LIST, "name", 0); }
Test(go_offline, a_size_fails, .timeout = 120) { fail_each(SIM_SIZE | SIM_READ, "size", 1); }

/* ---- every crash ------------------------------------------------------------------------------------------------------- */

/* A file in its place, so that nobody takes it for lost. */
static void hide(struct sim_disk *disk)
{
	struct io *io = open_disk(disk);
	int fd = io_file_open(io, "/t-1", IO_CREATE);
	if (fd >= 0)
		io_close_fd(io, fd);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static void go_and_work(struct world *world, struct log *logs, bool is_large)
{
	for (int i = 0; i < 2; i++) {
		append_to(world, logs, 1, 100);
		append_to(world, logs, 0, 100);
		append_to(world, logs, 1, is_large ? 300000 : 30000);
		append_to(world, logs, 1, 100);
	}
	world_rest(world, 8 * SECOND_NS);
	append_to(world, logs, 2, 300000);
	append_to(world, logs, 0, 100);
	world_rest(world, 8 * SECOND_NS);
}

/* A batch of P's is being filed while another waits for its group: a crash at each I/O from its directory's leaving on until all others have gone on. The next start may find it or not. */
static uint64_t cut_each(bool is_large, bool is_hidden, bool is_kill)
{
	bool has_struck = true;
	uint64_t k = 1;
	for (; has_struck; k++) {
		struct world world;
		struct log logs[3] = {{0}};
		begin(&world, 300);
		for (uint32_t i = 0; i < 3; i++)
			logs[i].acked = BEFORE;
		append_to(&world, logs, 1, 100);
		append_to(&world, logs, 1, 300000); /* filed, and the checkpoint does not know it */
		append_to(&world, logs, 1, 100);
		strike(&world, MOVED);
		struct sim_disk *disk = world.disk;
		sim_disk_cut_power(disk, k);
		go_and_work(&world, logs, is_large);
		has_struck = store_has_failed(world.store);
		cr_assert(has_struck || partition_is_offline(partition_of(&world, 1)), "%lu", k);
		end_life(&world, is_kill ? KILL : CRASH);
		sim_disk_cut_power(world.disk, 0);
		hide(world.disk);
		for (int life = 0; life < 2 * is_hidden; life++) {
			world_open(&world);
			cr_assert_eq(world_check_all(&world, partition_of(&world, 2), 0, 1 << 20) >= (int64_t)logs[2].acked, true, "%lu", k);
			logs[0].acked = (uint64_t)partition_high_watermark(partition_of(&world, 0));
			logs[0].acked = go_round(&world, 0, logs[0].acked);
			end_life(&world, (enum end)((k + (uint64_t)life) % END_COUNT));
		}
		mend(world.disk);
		world_open(&world);
		check_logs(&world, logs, is_large ? "large, cut" : "small, cut", k);
		world_fini(&world);
	}
	return k;
}

Test(go_offline, a_crash_anywhere, .timeout = 200)
{
	for (int variant = 0; variant < 8; variant++)
		cr_expect_gt(cut_each(variant & 1, variant & 2, variant & 4), 30u);
}

/* ---- one by one ------------------------------------------------------------------------------------------------------------ */

/* What lies in the journal alone is filed, and the disk fails at that: no group waits for it, and nobody's group ends with it. */
Test(go_offline, a_filing_fails, .timeout = 60)
{
	uint32_t offline = 0;
	for (uint64_t k = 1; k <= 4; k++) {
		struct world world;
		begin(&world, 400);
		cr_assert_eq(append_some(&world, 1, BEFORE, 100), 1);
		sim_disk_fail_kinds(world.disk, SIM_WRITE, k, EIO, false); /* one of them is of its file, and the others of the journal and the checkpoint */
		world_rest(&world, 8 * SECOND_NS);
		sim_disk_fail(world.disk, 0, EIO);
		cr_assert(!partition_is_offline(partition_of(&world, 1)) || !store_has_failed(world.store));
		offline += partition_is_offline(partition_of(&world, 1));
		if (!store_has_failed(world.store))
			go_round(&world, 0, BEFORE);
		world_kill(&world);
		world_open(&world);
		expect_all(&world, BEFORE + 1, "write", k);
		world_fini(&world);
	}
	cr_expect_eq(offline, 1);
}

static void close_files(struct world *world)
{
	while (segment_home_spare_files(&world->store->home.segments))
		;
}

/* Its disk is not mounted: that is waited for, as somebody may do so; but not for ever, and not where others wait for room. */
static void take_its_disk(bool is_pressed)
{
	struct world world;
	struct append appends[12];
	begin(&world, 401);
	close_files(&world);
	strike(&world, MOVED_AND_A_FILE);
	cr_assert_eq(append_some(&world, 1, BEFORE, 100), 1);
	world_rest(&world, 10 * SECOND_NS);
	cr_expect_not(partition_is_offline(partition_of(&world, 1)));
	cr_expect(store_is_short(world.store));
	for (uint64_t i = 0; is_pressed && i < COUNT_OF(appends); i++) {
		int err = world_append_begin(partition_of(&world, 1), &appends[i], BEFORE + 1 + i, 1, 300000);
		cr_assert(err == 0 || err == ERR_BUSY);
		if (err)
			break;
	}
	world_rest(&world, (is_pressed ? 1 : 30) * SECOND_NS);
	cr_expect(partition_is_offline(partition_of(&world, 1)), "pressed %d", is_pressed);
	go_round(&world, 0, BEFORE);
	world_kill(&world);
	mend(world.disk);
	world_open(&world);
	expect_all(&world, BEFORE + 1, "pressed", is_pressed);
	world_fini(&world);
}

Test(go_offline, its_disk_is_not_mounted, .timeout = 60)
{
	take_its_disk(false);
	take_its_disk(true);
}

/* The checkpoint does not know yet of what was filed last; and what was not is kept. */
static void go_with_more_filed_than_told(struct world *world)
{
	begin(world, 402);
	cr_assert_eq(append_some(world, 1, BEFORE, 100), 1);
	cr_assert_eq(append_some(world, 1, BEFORE + 1, 300000), 1);
	for (uint64_t i = 2; i < 5; i++)
		cr_assert_eq(append_some(world, 1, BEFORE + i, 100), 1);
	strike(world, MOVED);
	uint64_t generation = world->store->checkpoint_generation;
	for (int turns = 0; kept_files(world) == 0 && turns < 10000; turns++)
		world_turn(world);
	cr_assert_eq(world->store->checkpoint_generation, generation);
}

/* Its files are lost for good. What was in them alone is damage, and nothing else is: neither what the journal has, nor what was kept. */
static void expect_kept_and_journal(struct world *world)
{
	struct partition *partition = partition_of(world, 1);
	cr_assert_eq(partition_high_watermark(partition), BEFORE + 5);
	for (int64_t offset = 0; offset < BEFORE + 5; offset++) {
		struct read read;
		bool was_in_files = offset < BEFORE || offset == BEFORE + 1;
		world_read_begin(world, partition, &read, offset, 1);
		cr_expect_eq(read.op.err, was_in_files ? ERR_CORRUPT_LOG : 0, "%ld: %s", (long)offset, err_name(read.op.err));
		partition_read_release(&read.op);
	}
}

Test(go_offline, what_the_journal_has_before_it, .timeout = 60)
{
	for (int is_hidden = 0; is_hidden < 2; is_hidden++) {
		struct world world;
		go_with_more_filed_than_told(&world);
		world_kill(&world);
		if (is_hidden) { /* and the journal is let go meanwhile */
			hide(world.disk);
			world_open(&world);
			expect_offline(&world);
			go_round(&world, 0, BEFORE);
			world_stop(&world);
			struct io *io = open_disk(world.disk);
			cr_assert_eq(io_unlink(io, "/t-1"), 0);
			io_close(io);
		}
		world_open(&world);
		expect_kept_and_journal(&world);
		world_fini(&world);
	}
}

/* No room for what is to be kept: the journal waits for that, and so does everybody, until there is. */
Test(go_offline, a_full_disk, .timeout = 60)
{
	for (int has_room_again = 0; has_room_again < 2; has_room_again++) {
		struct world world;
		begin(&world, 403);
		for (uint64_t i = 0; i < 10; i++)
			cr_assert_eq(append_some(&world, 1, BEFORE + i, 10000), 1);
		close_files(&world);
		strike(&world, MOVED);
		sim_disk_set_capacity(world.disk, sim_disk_used(world.disk) + 50000);
		world_rest(&world, 20 * SECOND_NS);
		cr_expect(partition_is_offline(partition_of(&world, 1)));
		cr_expect(store_is_full(world.store));
		cr_expect_eq(kept_files(&world), 0);
		sim_disk_set_capacity(world.disk, 0);
		if (has_room_again) {
			world_rest(&world, 8 * SECOND_NS);
			cr_expect_eq(kept_files(&world), 1);
			go_round(&world, 0, BEFORE);
		}
		world_kill(&world);
		mend(world.disk);
		world_open(&world);
		expect_all(&world, BEFORE + 10, "room", (uint64_t)has_room_again);
		world_fini(&world);
	}
}

/* Its topic is deleted while its piece is held, or behind that: others' group goes on, and nothing of it is left. */
Test(go_offline, its_topic_is_deleted, .timeout = 60)
{
	for (int is_late = 0; is_late < 2; is_late++) {
		struct world world;
		struct append piece, other;
		begin(&world, 404);
		world_create_topic(&world, "other", 1, NULL, 0);
		strike(&world, MOVED);
		cr_assert_eq(world_append_begin(partition_of(&world, 1), &piece, BEFORE, 1, 300000), 0);
		cr_assert_eq(world_append_begin(world_partition(&world, "other", 0), &other, 0, 1, 100), 0);
		store_turn(world.store);
		for (int turns = 0; !partition_is_offline(partition_of(&world, 1)) && turns < 10000; turns++) {
			cr_assert_geq(io_turn(world.io, true), 0);
			if (is_late || !partition_is_offline(partition_of(&world, 1)))
				store_turn(world.store);
		}
		cr_assert(partition_is_offline(partition_of(&world, 1)));
		world_delete_topic(&world, "t");
		world_rest(&world, 8 * SECOND_NS);
		cr_expect(piece.is_done);
		cr_expect(other.is_done && !other.op.err);
		cr_expect_eq(kept_files(&world), 0);
		cr_expect_not(store_has_failed(world.store));
		cr_expect_eq(world.store->going_count, 0);
		world_stop(&world);
		world_open(&world);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "other", 0), 0, 1 << 20), 1);
		world_fini(&world);
	}
}

static void lose_checkpoints(struct world *world)
{
	struct io *io = open_disk(world->disk);
	cr_assert_eq(io_unlink(io, "/checkpoint-0"), 0);
	cr_assert_eq(io_unlink(io, "/checkpoint-0.copy"), 0);
	io_close(io);
}

/* Its directory cannot be synced while its first file is being filed: no checkpoint may say that it has one, as the next life would take the names for durable. (Found by the simulator, seed 696.) */
Test(go_offline, names_that_were_not_synced, .timeout = 60)
{
	uint32_t offline = 0;
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		struct world world;
		world_init(&world, 408);
		world_open(&world);
		world_create_topic(&world, "t", 6, NULL, 0);
		for (uint32_t i = 0; i < 6; i++)
			world_append(&world, partition_of(&world, i), 0, 1, i % 2 ? 100 : 40000);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, SIM_OPEN | SIM_DIR_SYNC, k, EIO, false);
		world_rest(&world, 8 * SECOND_NS);
		has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		for (uint32_t i = 0; i < 6; i++)
			offline += partition_is_offline(partition_of(&world, i)) && partition_of(&world, i)->has_dir;
		if (store_has_failed(world.store))
			world_kill(&world);
		else
			world_stop(&world);
		world_open(&world);
		struct sim_disk *left = world_lose_all(world.disk);
		world_kill(&world);
		sim_disk_close(world.disk);
		world.disk = left;
		world_open(&world);
		for (uint32_t i = 0; i < 6; i++)
			cr_assert_eq(world_check_all(&world, partition_of(&world, i), 0, 1 << 20), 1, "open %lu: %u", k, i);
		world_fini(&world);
	}
	cr_expect_gt(offline, 5);
}

/* A segment that was let go before it had a file is nothing for a checkpoint to tell, offline or not. (Found by the simulator, seed 644.) */
static void go_behind_a_segment_without_a_file(bool is_checkpoint_lost)
{
	struct world world;
	struct append append = {.op = {.done = append_done, .begins_segment = true}};
	uint8_t bytes[1000];
	world_init(&world, 406);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, partition_of(&world, 1), 0, 1, 100);
	append.op.records = bytes;
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, 1, 1, 100, 1001);
	cr_assert_eq(partition_append(partition_of(&world, 1), &append.op), 0);
	store_turn(world.store);
	while (!append.is_done)
		world_turn(&world);
	world_trim(&world, partition_of(&world, 1), 1);
	int fd = io_file_open(world.io, "/t-1", IO_CREATE); /* new, so it would be put aside; and nothing can be renamed */
	cr_assert_geq(fd, 0);
	io_close_fd(world.io, fd);
	sim_disk_fail_kinds(world.disk, SIM_NAMES, 1, EIO, false);
	world_rest(&world, 8 * SECOND_NS);
	cr_assert(partition_is_offline(partition_of(&world, 1)));
	world_stop(&world);
	mend(world.disk);
	if (is_checkpoint_lost)
		lose_checkpoints(&world);
	world_open(&world);
	cr_expect_eq(world.store->home.segments.are_ends_found, is_checkpoint_lost, "a checkpoint that is there was believed");
	cr_expect_eq(world.report.damaged_ranges, 0);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 1, 1 << 20), 2);
	world_fini(&world);
}

Test(go_offline, behind_a_segment_without_a_file, .timeout = 60)
{
	go_behind_a_segment_without_a_file(false);
	go_behind_a_segment_without_a_file(true);
}

/* Checkpoint and copy are lost while something is kept: the directories are scanned, and what was kept is not missed beside what the journal says of the log's end. */
Test(go_offline, without_a_checkpoint, .timeout = 60)
{
	for (int is_kill = 0; is_kill < 2; is_kill++) {
		struct world world;
		begin(&world, 407);
		for (uint64_t i = 0; i < 3; i++)
			cr_assert_eq(append_some(&world, 1, BEFORE + i, i == 1 ? 300000 : 100), 1);
		strike(&world, MOVED);
		go_round(&world, 0, BEFORE);
		expect_offline(&world);
		end_life(&world, is_kill ? KILL : STOP);
		mend(world.disk);
		lose_checkpoints(&world);
		world_open(&world);
		expect_all(&world, BEFORE + 3, "kill", (uint64_t)is_kill);
		world_fini(&world);
	}
}

/* One that came back with this start, and fails again while what was kept is filed. */
Test(go_offline, once_more_before_all_is_filed, .timeout = 120)
{
	bool has_struck = true;
	struct world world;
	uint64_t acked = BEFORE;
	begin(&world, 405);
	for (uint64_t i = 0; i < 4; i++, acked++)
		cr_assert_eq(append_some(&world, 1, acked, i % 2 ? 300000 : 100), 1);
	world_kill(&world);
	struct io *io = open_disk(world.disk);
	cr_assert_eq(io_rename(io, "/t-1", "/t-1.away"), 0);
	io_close(io);
	hide(world.disk);
	world_open(&world);
	go_round(&world, 0, BEFORE);
	world_kill(&world);
	mend(world.disk);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (uint64_t k = 1; has_struck; k++)
		for (int end = 0; end < END_COUNT; end++) {
			sim_disk_close(world.disk);
			world.disk = sim_disk_copy(base);
			uint64_t before = sim_disk_fail_count(world.disk);
			sim_disk_fail_kinds(world.disk, SIM_ANY, k, EIO, false);
			int err = world_try_open(&world);
			has_struck = sim_disk_fail_count(world.disk) > before;
			sim_disk_fail(world.disk, 0, EIO);
			if (!err && !store_has_failed(world.store)) {
				if (!partition_of(&world, 2)->is_tail_unseen)
					go_round(&world, 2, BEFORE);
				end_life(&world, (enum end)end);
			} else {
				world_close(&world);
				sim_disk_crash(world.disk);
			}
			world_open(&world);
			expect_all(&world, acked, "I/O", k);
			world_close(&world);
		}
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}
