/* The journal on real files: a smoke of each way through it, with io_uring where there is one and with
 * system calls. */
#include "tests/unit/log/journal/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

static char dir[64], path[96];
static struct rig rig;

static void make_dir(void)
{
	strcpy(dir, "/tmp/spate-journal-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/journal", dir);
}

static void remove_dir(void)
{
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "nothing but the journal was left in the directory");
}

static struct io *open_io(enum io_backend backend)
{
	struct io *io = NULL;
	int err = io_open(&io, &(struct io_options){.backend = backend, .entries = 64});
	if (err == -ENOSYS || err == -EPERM || err == -EACCES || err == -ENOMEM)
		err = io_open(&io, &(struct io_options){.backend = IO_SYSCALLS, .entries = 64});
	cr_assert_eq(err, 0);
	return io;
}

static void open_rig(enum io_backend backend, uint64_t incarnation)
{
	rig.io = open_io(backend);
	rig.options = rig_options(&rig, path, 16 * MIB, 2 * MIB, 3);
	rig.options.incarnation = incarnation;
	cr_assert_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), 0);
}

static void start_rig(void)
{
	rig.durable_seq = 0;
	cr_assert_eq(journal_start(rig.journal), 0);
}

/* Sizes around those where groups change their shape: empty payloads, blocks, one piece, several pieces. */
static const size_t sizes[] = {0, 1, 7, 8, 100, 3968, 3969, 4096, 65536, 524288 - 200, 524288, 1 << 20, JOURNAL_ENTRY_MAX(2 * MIB)};

static void commit_all_sizes(void)
{
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		cr_assert(rig_add(&rig, sizes[i]));
		while (!journal_can_commit(rig.journal))
			cr_assert_geq(io_turn(rig.io, true), 0);
		if (i % 2)
			journal_set_time(rig.journal, (int64_t)1 << i);
		journal_commit(rig.journal);
	}
	rig_settle(&rig);
}

static void round_trip(enum io_backend backend)
{
	make_dir();
	open_rig(backend, 1);
	cr_expect(rig.report.was_created);
	cr_expect_eq(rig.report.decision, 'A');
	start_rig();
	commit_all_sizes();
	cr_expect_eq(rig.reports, COUNT_OF(sizes));
	rig_close(&rig);

	open_rig(backend, 2);
	cr_expect_not(rig.report.was_created);
	cr_expect_not(rig.report.was_clean);
	cr_expect_eq(rig.report.groups, COUNT_OF(sizes));
	cr_expect_eq(rig.report.group_bytes, rig.journal->head_place, "nothing between them, in the first lap");
	struct replayed replayed = rig_replay(&rig);
	cr_expect_eq(replayed.entries, COUNT_OF(sizes));
	cr_expect_eq(replayed.gaps, 0);
	cr_expect_eq(replayed.times, 0xaaa, "each group's time, and none where none was said");
	start_rig();
	journal_trim(rig.journal, journal_durable_seq(rig.journal));
	journal_quiesce(rig.journal);
	rig_settle(&rig);
	cr_assert_eq(journal_seal(rig.journal), 0);
	rig_close(&rig);

	open_rig(backend, 3);
	cr_expect(rig.report.was_clean);
	cr_expect_eq(rig.report.decision, 'J');
	cr_expect_lt(rig.report.bytes_scanned, 1 * MIB, "a clean start reads little");
	cr_expect_eq(rig_replay(&rig).entries, 0);
	start_rig();
	rig_close(&rig);
	remove_dir();
}

Test(journal_file, round_trip_uring) { round_trip(IO_URING); }
Test(journal_file, round_trip_syscalls) { round_trip(IO_SYSCALLS); }

/* Where nothing can have been lost it has no name before it starts, and knows its opening as soon as it has: both superblocks say so. */
Test(journal_file, a_first_one_is_named_when_it_starts)
{
	make_dir();
	rig.io = open_io(IO_SYSCALLS);
	rig.options = rig_options(&rig, path, 16 * MIB, 2 * MIB, 3);
	rig.options.incarnation = 7;
	rig.options.is_first = true;
	cr_assert_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), 0);
	cr_expect(rig.report.was_created);
	cr_expect_eq(access(path, F_OK), -1);
	start_rig();
	cr_expect_eq(access(path, F_OK), 0);
	cr_assert(rig_add(&rig, 100));
	journal_commit(rig.journal);
	rig_settle(&rig);
	rig_close(&rig);
	for (long slot = 0; slot < 2; slot++) {
		int fd = open(path, O_RDWR);
		uint8_t block[JOURNAL_BLOCK_SIZE] = {0};
		cr_assert_eq(pwrite(fd, block, sizeof block, slot * JOURNAL_BLOCK_SIZE), JOURNAL_BLOCK_SIZE);
		close(fd);
		open_rig(IO_SYSCALLS, 8 + (uint64_t)slot);
		cr_expect_eq(rig.report.incarnation, 7 + (uint64_t)slot, "slot %ld alone", 1 - slot);
		cr_expect_eq(rig.report.groups, 1);
		cr_expect_eq(rig_replay(&rig).entries, 1);
		start_rig();
		rig_close(&rig);
	}
	remove_dir();
}

/* Many laps with trims: the ring is used again and again, and a restart finds exactly what was not trimmed. */
static void laps(enum io_backend backend)
{
	make_dir();
	open_rig(backend, 1);
	start_rig();
	uint64_t seq_kept = 0;
	for (int i = 0; i < 120; i++) {
		while (!rig_add(&rig, 700000 + (size_t)i * 991)) {
			cr_assert_geq(io_turn(rig.io, true), 0);
			if (journal_durable_seq(rig.journal) > 2)
				journal_trim(rig.journal, seq_kept = journal_durable_seq(rig.journal) - 2);
		}
		while (!journal_can_commit(rig.journal))
			cr_assert_geq(io_turn(rig.io, true), 0);
		journal_commit(rig.journal);
	}
	rig_settle(&rig);
	cr_expect_eq(rig.reports, 120);
	cr_expect_gt(rig.journal->head_place, 4 * rig.journal->ring_size);
	rig_close(&rig);

	open_rig(backend, 2);
	struct replayed replayed = rig_replay(&rig);
	cr_expect_eq(replayed.next_value, 120);
	cr_expect_leq(replayed.first_value, seq_kept, "value %lu is in group %lu", replayed.first_value, replayed.first_value + 1);
	cr_expect_eq(replayed.gaps, 0);
	cr_expect_eq(rig.report.damaged_groups, 0);
	rig_close(&rig);
	remove_dir();
}

Test(journal_file, laps_uring) { laps(IO_URING); }
Test(journal_file, laps_syscalls) { laps(IO_SYSCALLS); }

/* A held group is not reported, nor those behind it, until the hold is released; and never from within the
 * release. */
Test(journal_file, hold)
{
	make_dir();
	open_rig(IO_URING, 1);
	start_rig();
	cr_assert(rig_add(&rig, 100));
	uint64_t held = journal_hold(rig.journal);
	cr_expect_eq(journal_hold(rig.journal), held);
	cr_assert_eq(journal_commit(rig.journal), held);
	cr_assert(rig_add(&rig, 100));
	journal_commit(rig.journal);
	for (int i = 0; i < 50; i++) {
		cr_assert_geq(io_turn(rig.io, false), 0);
		usleep(1000);
	}
	cr_expect_eq(rig.reports, 0);
	journal_release(rig.journal, held);
	cr_expect_eq(rig.reports, 0);
	cr_expect_not(journal_is_idle(rig.journal));
	journal_release(rig.journal, held);
	cr_expect_eq(rig.reports, 0, "a callback never runs from within a call");
	rig_settle(&rig);
	cr_expect_eq(rig.reports, 2);
	rig_close(&rig);
	remove_dir();
}

/* A large ring is not filled by a broker that uses little of it; and is, as far as it is used. */
Test(journal_file, zeros_keep_ahead_of_the_head)
{
	make_dir();
	open_rig(IO_URING, 1);
	rig.journal->prewriter.ahead_bytes = 4 * MIB;
	start_rig();
	while (rig.journal->prewriter.state != PREWRITE_AHEAD)
		cr_assert_geq(io_turn(rig.io, true), 0);
	cr_expect_geq(rig.journal->prewriter.written_place, rig.journal->head_place + 4 * MIB);
	cr_expect_leq(rig.journal->prewriter.written_place, rig.journal->head_place + 5 * MIB);
	cr_expect_eq(rig.journal->prewriter.timer.heap_index, 0, "nothing to do until the head moves");
	for (int i = 0; i < 30; i++) {
		cr_assert(rig_add(&rig, 100000));
		journal_commit(rig.journal);
		rig_settle(&rig);
	}
	while (rig.journal->prewriter.state != PREWRITE_AHEAD)
		cr_assert_geq(io_turn(rig.io, true), 0);
	cr_expect_geq(rig.journal->prewriter.written_place, rig.journal->head_place + 2 * MIB);
	cr_expect_lt(rig.journal->prewriter.written_place, rig.journal->head_place + 5 * MIB);
	rig_close(&rig);
	remove_dir();
}

/* No more of the ring is in use than is allowed, and a trim gives it back. */
Test(journal_file, a_span_of_the_ring)
{
	make_dir();
	open_rig(IO_URING, 1);
	start_rig();
	journal_set_span(rig.journal, 5 * MIB);
	int groups = 0;
	while (rig_add(&rig, 400000) && ++groups < 30) {
		journal_commit(rig.journal);
		rig_settle(&rig);
	}
	cr_expect_gt(groups, 8);
	cr_expect_lt(groups, 14, "of 5 MiB");
	cr_expect_leq(journal_used_bytes(rig.journal), 5 * MIB);
	journal_trim(rig.journal, journal_durable_seq(rig.journal));
	while (rig.journal->idle_timer_is_set || rig.journal->superblock.is_writing)
		cr_assert_geq(io_turn(rig.io, true), 0);
	cr_expect(rig_add(&rig, 400000));
	rig_close(&rig);
	remove_dir();
}

/* After the pre-writing and the idle time nothing is in flight and no timer is set: the loop would sleep
 * for ever. */
Test(journal_file, idle_is_idle)
{
	make_dir();
	open_rig(IO_URING, 1);
	start_rig();
	cr_assert(rig_add(&rig, 5000));
	journal_commit(rig.journal);
	while (rig.journal->idle_timer_is_set || rig.journal->prewriter.state != PREWRITE_OFF || !journal_is_idle(rig.journal))
		cr_assert_geq(io_turn(rig.io, true), 0);
	cr_expect_eq(rig.journal->idle_timer.heap_index, 0);
	cr_expect_eq(rig.journal->prewriter.timer.heap_index, 0);
	cr_expect_eq(rig.journal->superblock.last.durable_seq, 1, "the superblock vouches for the last group");
	cr_expect_eq(rig.journal->prewriter.written_place, rig.journal->ring_size);
	struct stat status;
	cr_assert_eq(stat(path, &status), 0);
	cr_expect_eq(status.st_size, 16 * MIB);
	rig_close(&rig);

	open_rig(IO_URING, 2);
	struct replayed replayed = rig_replay(&rig);
	cr_expect_eq(replayed.entries, 1);
	cr_expect_eq(replayed.unvouched, 0);
	start_rig();
	cr_expect_eq(rig.journal->prewriter.state, PREWRITE_OFF, "what was written once stays written");
	rig_close(&rig);
	remove_dir();
}

/* A tool reads beside nothing and changes nothing; a file that is not there is not made. */
Test(journal_file, read_only)
{
	make_dir();
	rig.io = open_io(IO_URING);
	rig.options = (struct journal_options){.path = path, .is_read_only = true};
	cr_expect_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), -ENOENT);
	io_close(rig.io);
	open_rig(IO_URING, 1);
	start_rig();
	cr_assert(rig_add(&rig, 5000));
	journal_commit(rig.journal);
	rig_settle(&rig);
	rig_close(&rig);

	rig.io = open_io(IO_URING);
	rig.options = (struct journal_options){.path = path, .is_read_only = true};
	cr_assert_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), 0);
	cr_expect_eq(rig_replay(&rig).entries, 1);
	journal_close(rig.journal);
	io_close(rig.io);
	remove_dir();
}

/* Files that are no journal are refused, and stay as they are. */
Test(journal_file, foreign_files)
{
	static const struct {
		const char *what;
		size_t size;
		int err;
	} cases[] = {{"empty", 0, ERR_FORMAT}, {"short", 100, ERR_FORMAT}, {"text", 3 * MIB, ERR_FORMAT}};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		make_dir();
		int fd = open(path, O_CREAT | O_RDWR, 0600);
		uint8_t *bytes = malloc(cases[i].size + 1);
		memset(bytes, 'x', cases[i].size);
		cr_assert_eq(write(fd, bytes, cases[i].size), (ssize_t)cases[i].size);
		rig.io = open_io(IO_URING);
		rig.options = rig_options(&rig, path, 16 * MIB, 2 * MIB, 1);
		cr_expect_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), cases[i].err, "%s", cases[i].what);
		cr_expect_eq(rig.report.decision, 'C');
		io_close(rig.io);
		struct stat status;
		cr_assert_eq(fstat(fd, &status), 0);
		cr_expect_eq((size_t)status.st_size, cases[i].size);
		free(bytes);
		close(fd);
		remove_dir();
	}
}

/* Sizes that cannot work are refused before a file is made. */
Test(journal_file, options)
{
	make_dir();
	rig.io = open_io(IO_URING);
	static const struct {
		uint64_t size_bytes;
		uint32_t group_size_bytes_max, groups_in_flight_max;
		uint64_t incarnation;
	} cases[] = {
		{0, 65536, 1, 1}, {MIB + 4096, 65536, 1, 1}, {16 * MIB, 100, 1, 1}, {16 * MIB, 65536, 0, 1}, {16 * MIB, 65536, 65, 1}, {16 * MIB, 65536, 1, 0},
		{(uint64_t)2 << 40, 65536, 1, 1},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		rig.options = rig_options(&rig, path, cases[i].size_bytes, cases[i].group_size_bytes_max, cases[i].groups_in_flight_max);
		rig.options.incarnation = cases[i].incarnation;
		cr_expect_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), -EINVAL, "case %zu", i);
		cr_expect_neq(access(path, F_OK), 0);
	}
	io_close(rig.io);
	remove_dir();
}

static void wait_until_idle(void)
{
	while (rig.journal->idle_timer_is_set || rig.journal->superblock.is_writing || rig.journal->prewriter.state != PREWRITE_OFF || !journal_is_idle(rig.journal))
		cr_assert_geq(io_turn(rig.io, true), 0);
}

/* Once it is idle both superblocks vouch for the last group: what strikes one of them and that group (a write of it that lands there) is known for damage. The first
 * time the end of pre-writing may bring the second of them; later nothing else does. */
Test(journal_file, both_superblocks_vouch_when_idle, .timeout = 30)
{
	make_dir();
	open_rig(IO_SYSCALLS, 1);
	start_rig();
	for (uint64_t group = 1; group <= 3; group++) {
		cr_assert(rig_add(&rig, 100));
		journal_commit(rig.journal);
		rig_settle(&rig);
		wait_until_idle();
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
			struct superblock superblock;
			uint8_t block[JOURNAL_BLOCK_SIZE];
			cr_assert_eq(pread(fd, block, sizeof block, (off_t)(slot * sizeof block)), (ssize_t)sizeof block);
			cr_assert_eq(superblock_decode(&superblock, block), SUPERBLOCK_VALID);
			cr_expect_eq(superblock.durable_seq, group, "group %lu, slot %u", (unsigned long)group, slot);
			cr_expect_eq(superblock.repeat_count, group);
		}
		close(fd);
	}
	rig_close(&rig);
	remove_dir();
}

/* A superblock repeats what is durable, and tells of nothing while more is on its way: that would be taken for acknowledged. */
Test(journal_file, superblocks_tell_of_what_is_durable)
{
	make_dir();
	open_rig(IO_SYSCALLS, 1);
	start_rig();
	cr_assert(rig_add(&rig, 100));
	journal_commit(rig.journal);
	rig_settle(&rig);
	journal__write_superblock(rig.journal);
	const struct superblock *last = &rig.journal->superblock.last;
	cr_expect_eq(last->repeat_count, 1);
	cr_expect_eq(last->told_from, 0);
	rig_settle(&rig);
	cr_assert(rig_add(&rig, 100));
	journal__write_superblock(rig.journal);
	cr_expect_eq(last->repeat_count, 0, "a group is open");
	cr_expect_eq(last->told_from, 2);
	while (rig.journal->superblock.is_writing)
		cr_assert_geq(io_turn(rig.io, true), 0);
	journal_commit(rig.journal);
	journal__write_superblock(rig.journal);
	cr_expect_eq(last->repeat_count, 0, "a group is being written");
	cr_expect_eq(last->told_from, 2);
	rig_settle(&rig);
	rig_close(&rig);
	remove_dir();
}
