/* The decision table of recovery (log/store/recover_replay.c, recover_room.c), row by row: what kind of entry is found, and what becomes of it. Rows that other files test:
 *
 *   @F  store/rot_in_a_direct_piece_is_fenced                        (test_store.c), and below
 *   @G  store/an_unvouched_direct_piece_that_does_not_fit_is_dropped (test_store.c)
 *   @H  store/cut_at_every_io, store_lives                           (what follows a torn piece)
 *   @I  store_damage/entry, store_damage/header                      (test_store_damage.c)
 *   @L  store_damage/payload                                         (test_store_damage.c)
 *   @M  store/cut_at_every_io, recovery_cut                          (a cut between filing and checkpoint)
 *   @N  store_loss/the_end_of_the_catalog                            (test_store_loss.c)
 *   @S  put_back/a_lost_journal_leaves_room and others               (test_put_back.c)
 *
 * @O, @P and @Q are at the end.
 *
 * Those of a journal's groups and of its file are in tests/unit/log/journal/test_journal_recover_*.c, by their letters; test_rot.c rots everything. */
#include "log/journal/journal_format.h"
#include "log/partition/partition_priv.h"
#include "tests/unit/log/store/piece.h"

#define LARGE 100000

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
}

static void expect_all(struct world *world, int64_t end)
{
	cr_assert_eq(world->report.damaged_ranges, 0);
	cr_assert_eq(partition_high_watermark(the_partition(world)), end);
	cr_assert_eq(world_check_all(world, the_partition(world), partition_log_start_offset(the_partition(world)), 1 << 20), end);
}

/* @A: entries of a topic that was deleted are passed over, those of others are not. */
Test(recovery_table, row_A_the_topic_is_gone)
{
	struct world world;
	int err;
	begin(&world, 1);
	world_create_topic(&world, "gone", 1, NULL, 0);
	world_append(&world, world_partition(&world, "gone", 0), 0, 5, 100);
	world_append(&world, the_partition(&world), 0, 5, 100);
	struct uuid id = catalog_topic_by_name(world.image, (struct slice){(const uint8_t *)"gone", 4})->id;
	cr_assert_eq(catalog_delete_topics(world.catalog, &id, 1, &err), 0);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world.report.partitions, 1);
	expect_all(&world, 5);
	world_fini(&world);
}

/* @B: what was filed before the crash is not taken again. */
Test(recovery_table, row_B_filed_already)
{
	struct world world;
	begin(&world, 2);
	world_append(&world, the_partition(&world), 0, 5, 100);
	let_file(&world);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world.report.bytes_replayed, 0);
	expect_all(&world, 5);
	world_fini(&world);
}

/* @C: what was not is in the journal, and is staged. */
Test(recovery_table, row_C_batches)
{
	struct world world;
	begin(&world, 3);
	world_append(&world, the_partition(&world), 0, 5, 100);
	world_append(&world, the_partition(&world), 5, 5, 100);
	world_crash(&world);
	world_open(&world);
	cr_assert_gt(world.report.bytes_replayed, 0);
	expect_all(&world, 10);
	world_append(&world, the_partition(&world), 10, 1, 100);
	world_fini(&world);
}

/* @D: an entry of two batches, of which the file has one (the checkpoint is lost, so the file was scanned): the other is staged. */
Test(recovery_table, row_D_a_part_is_filed)
{
	struct world world;
	struct append first, second;
	begin(&world, 4);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	cr_assert_eq(world_append_begin(the_partition(&world), &first, 1, 3, 100), 0);
	cr_assert_eq(world_append_begin(the_partition(&world), &second, 4, 3, 100), 0);
	for (int turns = 0; !second.is_done && turns < 1000; turns++) {
		store_turn(world.store);
		if (!second.is_done)
			world_turn(&world);
	}
	world_stop(&world);
	const char *log = "/t-0/00000000000000000000.log";
	rot_cut(&world, log, rot_batch(&world, log, 2).position);
	rot_unlink(&world, "/checkpoint-0");
	world_open(&world);
	if (world.report.bytes_replayed == 0) { /* the stop has let the journal go: then the append times alone tell what is missing */
		cr_assert_eq(partition_high_watermark(the_partition(&world)), 7);
		cr_assert_eq(partition_damage_count(the_partition(&world)), 1);
	} else {
		expect_all(&world, 7);
	}
	world_fini(&world);
}

/* @E: a piece in its segment that a later group vouches for is taken as it lies there. */
Test(recovery_table, row_E_a_direct_piece)
{
	struct world world;
	begin(&world, 5);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, LARGE);
	world_append(&world, the_partition(&world), 2, 1, 100);
	world_crash(&world);
	world_open(&world);
	cr_assert_lt(world.report.bytes_replayed, LARGE, "the piece was not read into memory");
	expect_all(&world, 3);
	world_fini(&world);
}

/* @F: whatever byte of one batch's header has rotted, that batch is fenced and no other, in this life and in the next ones; what the journal has of the segment
 * before the piece is believed rather than the file. (All batches of the piece were fenced: check-sim, seed 1000272.) */
Test(recovery_table, row_F_batch_by_batch)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	for (uint32_t byte = 0; byte < BATCH_HEADER_SIZE; byte += 2) {
		for (uint32_t ordinal = 2 + byte % 3; ordinal < 5; ordinal += 3) {
			struct world world;
			leave_a_piece(&world, 100 + byte, UNTOLD);
			struct place place = rot_batch(&world, log, ordinal), before = rot_batch(&world, log, 1);
			cr_assert_eq(sim_disk_flip_bit(world.disk, log, place.position + byte, byte % 8), 0);
			cr_assert_eq(sim_disk_corrupt(world.disk, log, before.position, 50), 0);
			for (int life = 0; life < 3; life++) {
				world_open(&world);
				world_expect_damaged(&world, the_partition(&world), ordinal, ordinal + 1, 6 + life);
				world_append(&world, the_partition(&world), 6 + (uint64_t)life, 1, 100);
				life == 1 ? world_stop(&world) : world_crash(&world);
			}
			world_open(&world);
			world_fini(&world);
		}
	}
}

/* @F, and every batch in its place is whole, but they are not what was written (those of the other partition, by a write that went astray): nothing says what
 * is wrong, so the whole piece is. */
Test(recovery_table, row_F_whole_batches_that_are_others)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	struct world world;
	struct append appends[2];
	world_init(&world, 12);
	world.options.direct_size_bytes_min = UNTOLD;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	for (uint32_t p = 0; p < 2; p++)
		world_append(&world, world_partition(&world, "t", p), 0, 1, 100);
	let_file(&world);
	for (uint32_t p = 0; p < 2; p++) {
		size_t size = UNTOLD + 1000;
		uint8_t *bytes = malloc(size);
		appends[p] = (struct append){.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
		appends[p].op.records_size_bytes = make_batch(bytes, size, 1, 1, UNTOLD, 1000 + (int64_t)p);
		cr_assert_eq(partition_append(world_partition(&world, "t", p), &appends[p].op), 0);
		free(bytes);
		store_turn(world.store);
		while (!appends[p].is_done)
			world_turn(&world);
	}
	for (uint32_t p = 0; p < 2; p++)
		world_append(&world, world_partition(&world, "t", p), 2, 1, 100);
	world_crash(&world);
	struct place ours = rot_batch(&world, log, 1);
	size_t size, other_size;
	uint8_t *bytes = rot_read(&world, log, &size), *other = rot_read(&world, "/t-1/00000000000000000000.log", &other_size);
	cr_assert(size == other_size && memcmp(bytes + ours.position, other + ours.position, ours.end - ours.position));
	memcpy(bytes + ours.position, other + ours.position, ours.end - ours.position);
	rot_write(&world, log, bytes, size);
	free(bytes);
	free(other);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		world_expect_damaged(&world, the_partition(&world), 1, 2, 3);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* @R: the same piece, but its entry tells the headers: whatever rots of one batch, it is fenced when it is read, and no other, in this life and the next ones. */
Test(recovery_table, row_R_rot_is_for_readers)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	for (uint32_t byte = 0; byte < BATCH_HEADER_SIZE; byte += 3) {
		struct world world;
		uint32_t ordinal = 2 + byte % 3;
		leave_a_piece(&world, 300 + byte, LARGE / 2);
		cr_assert_eq(sim_disk_flip_bit(world.disk, log, rot_batch(&world, log, ordinal).position + byte, byte % 8), 0);
		for (int life = 0; life < 3; life++) {
			world_open(&world);
			cr_assert_eq(world.report.damaged_ranges, 0, "not found by recovery");
			world_expect_damaged(&world, the_partition(&world), ordinal, ordinal + 1, 6 + life);
			world_append(&world, the_partition(&world), 6 + (uint64_t)life, 1, 100);
			life == 1 ? world_stop(&world) : world_crash(&world);
		}
		world_open(&world);
		world_fini(&world);
	}
}

/* @R with a file that is too short for the piece: it is looked into, and what is whole is served. */
Test(recovery_table, row_R_a_cut_file)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	struct world world;
	leave_a_piece(&world, 400, LARGE / 2);
	rot_cut(&world, log, rot_batch(&world, log, 4).position + 30);
	world_open(&world);
	cr_assert_eq(world.report.damaged_ranges, 1);
	world_expect_damaged(&world, the_partition(&world), 4, 5, 6);
	world_append(&world, the_partition(&world), 6, 1, 100);
	world_fini(&world);
}

/* @F without a file: what the journal has of that segment is not lost with it. */
static void lose_file(size_t value_size)
{
	struct world world;
	leave_a_piece(&world, 10, value_size);
	rot_unlink(&world, "/t-0/00000000000000000000.log");
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
	for (int life = 0; life < 3; life++) {
		world_open(&world);
		struct read read;
		world_read_begin(&world, the_partition(&world), &read, 1, 1);
		cr_assert_eq(read.op.err, 0);
		cr_assert_gt(check_records(&read.op, 1), 1);
		partition_read_release(&read.op);
		world_read_begin(&world, the_partition(&world), &read, 3, 1);
		cr_assert_eq(read.op.err, ERR_CORRUPT_LOG);
		partition_read_release(&read.op);
		world_append(&world, the_partition(&world), 6 + (uint64_t)life, 1, 100);
		life == 1 ? world_stop(&world) : world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

Test(recovery_table, row_F_no_file)
{
	lose_file(UNTOLD);
	lose_file(LARGE / 2);
}

/* @F twice in a row: the segment that was to begin behind the first gap gets nothing, and the next checkpoint can be believed all the same. (It told of an empty
 * segment before the last one, so the next start threw it away and scanned: what was deleted came back, and damage was forgotten. Found by test_rot, which
 * gave a directory another's name.) */
Test(recovery_table, row_F_no_file_for_two_pieces)
{
	struct world world;
	begin(&world, 12);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	for (uint64_t i = 1; i < 4; i++)
		world_append(&world, the_partition(&world), i, 1, LARGE);
	world_crash(&world);
	rot_unlink(&world, "/t-0/00000000000000000000.log");
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
	world_open(&world);
	int64_t end = partition_high_watermark(the_partition(&world));
	cr_assert_geq(end, 3);
	LIST_FOR_EACH(node, &the_partition(&world)->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		cr_assert(!segment->is_complete || segment->staged.position > 0, "%ld.log is complete, and empty", (long)segment->base_offset);
	}
	world_expect_damaged(&world, the_partition(&world), 0, end, end);
	world_append(&world, the_partition(&world), (uint64_t)end, 1, 100);
	world_stop(&world);
	char last[64];
	snprintf(last, sizeof last, "/t-0/%020ld.log", (long)end);
	rot_unlink(&world, last); /* so the checkpoint alone knows of it */
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 0, end + 1, end + 1);
	world_append(&world, the_partition(&world), (uint64_t)end + 1, 1, 100);
	world_fini(&world);
}

/* @G is for what a crash tears. A file that the checkpoint knows is not taken by one: without it the last piece is lost as well, and its offsets are not given
 * out again. (Found by test_rot, seed 11.) */
static void lose_known_file(int how)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	struct world world;
	struct verdict verdict;
	bool is_named = false;
	begin(&world, 11);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, LARGE);
	world_crash(&world);
	if (how == 0)
		rot_unlink(&world, log);
	else if (how == 1)
		rot_cut(&world, log, 50);
	else
		rot_write(&world, log, "SPATECKP is how a checkpoint begins, and this is as long as a header is, and then some", 85);
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
	rot_verify(&world, &verdict);
	for (uint32_t i = 0; i < verdict.count; i++)
		is_named |= verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].to == 2;
	if (!is_named)
		rot_print(&verdict);
	cr_assert(is_named, "case %d", how);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		world_expect_damaged(&world, the_partition(&world), 0, 2, 2 + life);
		world_append(&world, the_partition(&world), 2 + (uint64_t)life, 1, 100);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

Test(recovery_table, row_G_a_file_that_was_known)
{
	for (int how = 0; how < 3; how++)
		lose_known_file(how);
}

/* @J: a log start that the journal alone knows. */
Test(recovery_table, row_J_the_log_start)
{
	struct world world;
	begin(&world, 6);
	world_append(&world, the_partition(&world), 0, 5, 100);
	world_trim(&world, the_partition(&world), 3);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(the_partition(&world)), 3);
	expect_all(&world, 5);
	world_fini(&world);
}

/* @K: the last piece, that nobody vouches for, is whole: it counts. */
Test(recovery_table, row_K_the_last_direct_piece)
{
	struct world world;
	begin(&world, 7);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, LARGE);
	world_crash(&world);
	world_open(&world);
	cr_assert_geq(world.report.bytes_replayed, LARGE, "it was read into memory, to be filed again");
	expect_all(&world, 2);
	world_fini(&world);
}

/* From the start on the journal vouches for that piece: so it is in its file, with all before it, and its partition alone waits for that; a checkpoint is not
 * written. The next recovery takes it as filed. */
Test(recovery_table, row_K_is_filed_alone)
{
	struct world world;
	size_t before, after;
	begin(&world, 17);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, 100);
	world_append(&world, the_partition(&world), 2, 1, LARGE);
	world_crash(&world);
	uint8_t *old = rot_read(&world, "/checkpoint-0", &before);
	world_open(&world);
	struct segment *segment = the_partition(&world)->active;
	cr_expect_eq(segment->filed.offset, 3);
	uint8_t *now = rot_read(&world, "/checkpoint-0", &after);
	cr_expect(before == after && memcmp(old, now, before) == 0);
	free(old);
	free(now);
	world_crash(&world);
	world_open(&world);
	cr_expect_lt(world.report.bytes_replayed, LARGE);
	expect_all(&world, 3);
	world_fini(&world);
}

/* A torn tail is kept beside its segment before it is cut off, and goes with it. */
Test(recovery_table, a_torn_tail_is_kept)
{
	struct world world;
	size_t size;
	const char *log = "/t-0/00000000000000000000.log";
	begin(&world, 8);
	world_append(&world, the_partition(&world), 0, 5, 100);
	world_stop(&world);
	uint8_t *data = rot_read(&world, log, &size);
	uint8_t *longer = malloc(size + 5000);
	memcpy(longer, data, size);
	memset(longer + size, 0, 5000);
	memcpy(longer + size, "half of a batch that nobody was told of", 39);
	rot_write(&world, log, longer, size + 5000);
	world_open(&world);
	world_append(&world, the_partition(&world), 5, 5, 100);
	world_stop(&world);
	size_t kept_size;
	uint8_t *kept = rot_read(&world, "/t-0/00000000000000000000.log.torn", &kept_size);
	cr_assert_eq(kept_size, 39, "zeros are not kept");
	cr_assert_eq(memcmp(kept, "half of a batch", 15), 0);
	world_open(&world);
	expect_all(&world, 10);
	world_fini(&world);
	free(data);
	free(longer);
	free(kept);
}

/* A journal that is lost, and accepted so: pieces that went straight to their segment since the checkpoint are there, and stay. (They were cut off, as the
 * checkpoint does not tell of them.) */
Test(recovery_table, a_lost_journal_costs_no_direct_piece)
{
	struct world world;
	begin(&world, 9);
	world_append(&world, the_partition(&world), 0, 4, 100);
	struct trim trim;
	world_trim_begin(the_partition(&world), &trim, 2);
	store_turn(world.store);
	let_file(&world);
	world_append(&world, the_partition(&world), 4, 1, LARGE);
	world_append(&world, the_partition(&world), 5, 1, LARGE);
	world_crash(&world);
	rot_unlink(&world, "/journal-0");
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(the_partition(&world)), 2);
	/* What came behind them is not known: @S. */
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 6 + world.options.journal_size_bytes * 1024);
	struct read read;
	for (int64_t offset = 2; offset < 7; offset++) {
		world_read_begin(&world, the_partition(&world), &read, offset, 1);
		cr_assert_eq(read.op.err, offset < 6 ? 0 : ERR_CORRUPT_LOG);
		if (!read.op.err)
			cr_assert_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
	world_append(&world, the_partition(&world), (uint64_t)partition_high_watermark(the_partition(&world)), 1, 100);
	world_fini(&world);
}

/* ---- groups of the journal that are lost (@O, @P, @Q) ------------------------------------------------------------------- */

/* Where the group of this seq lies, by its header. */
static uint64_t group_position(struct world *world, uint64_t seq, uint32_t *length)
{
	size_t size;
	struct group_header header;
	struct superblock superblock;
	uint64_t position = 0;
	uint8_t *file = rot_read(world, "/journal-0", &size);
	cr_assert_eq(superblock_decode(&superblock, file), SUPERBLOCK_VALID);
	for (size_t at = JOURNAL_RING_POSITION; at < size && !position; at += JOURNAL_BLOCK_SIZE)
		if (group_header_decode(&header, superblock.seed, size - at, file + at) && header.seq == seq)
			position = at;
	cr_assert_gt(position, 0, "group %lu", seq);
	*length = header.length;
	free(file);
	return position;
}

enum how { BREAK_HEADER, BREAK_ENTRY, BREAK_ALL };

static void lose_group(struct world *world, uint64_t seq, enum how how)
{
	uint32_t length;
	uint64_t position = group_position(world, seq, &length);
	uint64_t at = how == BREAK_ENTRY ? GROUP_HEADER_SIZE + 35 : how == BREAK_HEADER ? 30 : 0;
	cr_assert_eq(sim_disk_corrupt(world->disk, "/journal-0", position + at, how == BREAK_ALL ? length : 2), 0);
}

static uint64_t last_seq(struct world *world)
{
	size_t size;
	struct group_header header;
	struct superblock superblock;
	uint64_t last = 0;
	uint8_t *file = rot_read(world, "/journal-0", &size);
	cr_assert_eq(superblock_decode(&superblock, file), SUPERBLOCK_VALID);
	for (size_t at = JOURNAL_RING_POSITION; at < size; at += JOURNAL_BLOCK_SIZE)
		if (group_header_decode(&header, superblock.seed, size - at, file + at) && header.seq > last && !(header.flags & GROUP_IS_SEAL))
			last = header.seq;
	free(file);
	return last;
}

static struct partition *part(struct world *world, uint32_t index) { return world_partition(world, "p", index); }

static bool is_named(const struct verdict *verdict, int32_t partition, int64_t from, int64_t to)
{
	for (uint32_t i = 0; i < verdict->count; i++)
		if (verdict->found[i].kind == FINDING_DAMAGE && verdict->found[i].partition == partition && verdict->found[i].from == from &&
		    verdict->found[i].to == to)
			return true;
	return false;
}

/* Three lives: the fence stays, what is appended goes on behind it. */
static void expect_fenced(struct world *world, uint32_t index, int64_t from, int64_t to, int64_t end)
{
	cr_assert_eq(partition_high_watermark(part(world, index)), end, "%u: %ld", index, (long)partition_high_watermark(part(world, index)));
	for (int64_t offset = 0; offset < end; offset++) {
		struct read read;
		world_read_begin(world, part(world, index), &read, offset, 1);
		cr_assert_eq(read.op.err, offset >= from && offset < to ? ERR_CORRUPT_LOG : 0, "%u: offset %ld: %s", index, (long)offset, err_name(read.op.err));
		if (!read.op.err)
			cr_assert_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
}

static void begin_parts(struct world *world, uint64_t seed, uint32_t count)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "p", count, NULL, 0);
}

/* @P: a group that holds a partition's last records is lost, and the one behind it is another partition's: the offsets are fenced, named by verify, and
 * not given out again. (They were: test_rot, seed 11.) */
Test(recovery_table, row_P_the_last_records_of_a_partition)
{
	for (int how = BREAK_HEADER; how <= BREAK_ALL; how++) {
		struct world world;
		struct verdict verdict;
		begin_parts(&world, 20, 2);
		world_append(&world, part(&world, 0), 0, 3, 100);
		world_append(&world, part(&world, 0), 3, 2, 100);
		uint64_t lost = last_seq(&world);
		world_append(&world, part(&world, 1), 0, 4, 100);
		world_crash(&world);
		lose_group(&world, lost, (enum how)how);
		rot_verify(&world, &verdict);
		cr_expect(is_named(&verdict, 0, 3, 5), "case %d", how);
		for (int life = 0; life < 3; life++) {
			world_open(&world);
			expect_fenced(&world, 0, 3, 5, 5 + life);
			expect_fenced(&world, 1, 0, 0, 4);
			world_append(&world, part(&world, 0), 5 + (uint64_t)life, 1, 100);
			life == 1 ? world_stop(&world) : world_crash(&world);
		}
		world_open(&world);
		world_fini(&world);
	}
}

/* @P: the last group of all, which the superblock vouches for. */
Test(recovery_table, row_P_the_last_group)
{
	struct world world;
	begin_parts(&world, 21, 2);
	world_append(&world, part(&world, 1), 0, 4, 100);
	world_append(&world, part(&world, 0), 0, 3, 100);
	uint64_t lost = last_seq(&world);
	for (uint64_t end = io_now_ns(world.io) + 150000000; io_now_ns(world.io) < end;)
		cr_assert_geq(io_turn(world.io, true), 0);
	world_crash(&world);
	lose_group(&world, lost, BREAK_HEADER);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		expect_fenced(&world, 0, 0, 3, 3 + life);
		expect_fenced(&world, 1, 0, 0, 4);
		world_append(&world, part(&world, 0), 3 + (uint64_t)life, 1, 100);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* @P: the group that is lost was of an earlier opening, and those behind it are of later ones. */
Test(recovery_table, row_P_of_an_earlier_opening)
{
	struct world world;
	begin_parts(&world, 27, 2);
	world_append(&world, part(&world, 0), 0, 3, 100);
	uint64_t lost = last_seq(&world);
	world_crash(&world);
	world_open(&world);
	world_append(&world, part(&world, 1), 0, 4, 100);
	world_append(&world, part(&world, 1), 4, 4, 100);
	world_crash(&world);
	lose_group(&world, lost, BREAK_HEADER);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		expect_fenced(&world, 0, 0, 3, 3 + life);
		expect_fenced(&world, 1, 0, 0, 8);
		world_append(&world, part(&world, 0), 3 + (uint64_t)life, 1, 100);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* @P: a log start that a lost group had moved. */
Test(recovery_table, row_P_a_log_start)
{
	struct world world;
	begin_parts(&world, 22, 2);
	world_append(&world, part(&world, 0), 0, 5, 100);
	world_trim(&world, part(&world, 0), 3);
	uint64_t lost = last_seq(&world);
	world_append(&world, part(&world, 1), 0, 4, 100);
	world_crash(&world);
	lose_group(&world, lost, BREAK_HEADER);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(part(&world, 0)), 3);
	cr_assert_eq(partition_high_watermark(part(&world, 0)), 5);
	world_fini(&world);
}

/* @P: a repeat tells the last log start that its group was given, so a lower one than asked for before may not be given to any: two in the lost group, the second
 * of them asked for while the first one's is written, or one behind an answer. */
Test(recovery_table, row_P_a_lower_log_start_behind_a_higher)
{
	enum { TOGETHER, WHILE_WRITTEN, BEHIND_THE_ANSWER, HOWS };
	for (int how = 0; how < HOWS; how++) {
		struct world world;
		struct trim high, low;
		begin_parts(&world, 28 + (uint64_t)how, 2);
		world_append(&world, part(&world, 0), 0, 5, 100);
		world_trim_begin(part(&world, 0), &high, 3);
		if (how == WHILE_WRITTEN)
			store_turn(world.store);
		if (how == BEHIND_THE_ANSWER)
			world_trim_wait(&world, &high);
		uint64_t lost = last_seq(&world) + (how != BEHIND_THE_ANSWER);
		world_trim_begin(part(&world, 0), &low, 2);
		world_trim_wait(&world, &low);
		world_append(&world, part(&world, 1), 0, 4, 100);
		world_append(&world, part(&world, 1), 4, 4, 100);
		cr_assert_eq(partition_log_start_offset(part(&world, 0)), 3);
		world_crash(&world);
		lose_group(&world, lost, BREAK_HEADER);
		world_open(&world);
		cr_expect_eq(partition_log_start_offset(part(&world, 0)), 3, "%d: %ld", how, (long)partition_log_start_offset(part(&world, 0)));
		world_fini(&world);
	}
}

/* @P: a piece that went straight to its segment is whole there, whatever became of the group with its entry: nothing is lost. */
Test(recovery_table, row_P_a_direct_piece)
{
	struct world world;
	begin_parts(&world, 23, 2);
	world_append(&world, part(&world, 0), 0, 1, 100);
	let_file(&world);
	world_append(&world, part(&world, 0), 1, 1, 100);
	world_append(&world, part(&world, 0), 2, 1, LARGE);
	uint64_t lost = last_seq(&world);
	world_append(&world, part(&world, 1), 0, 4, 100);
	world_crash(&world);
	lose_group(&world, lost, BREAK_HEADER);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		expect_fenced(&world, 0, 0, 0, 3 + life);
		world_append(&world, part(&world, 0), 3 + (uint64_t)life, 1, 100);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* @O: the lost group held small records, and the next one a piece that went straight to the segment: all before the piece went there with it. */
Test(recovery_table, row_O_the_segment_has_it)
{
	static const uint64_t rotten[] = {0, 30, BATCH_HEADER_SIZE + 30}; /* nothing, the header, a record */
	for (size_t how = 0; how < COUNT_OF(rotten); how++) {
		bool is_gone = how > 0;
		struct world world;
		begin_parts(&world, 24, 2);
		world_append(&world, part(&world, 0), 0, 1, 100);
		let_file(&world);
		world_append(&world, part(&world, 0), 1, 1, 100);
		uint64_t lost = last_seq(&world);
		world_append(&world, part(&world, 0), 2, 1, LARGE);
		world_append(&world, part(&world, 0), 3, 1, 100);
		world_crash(&world);
		lose_group(&world, lost, BREAK_HEADER);
		if (is_gone) /* then it is fenced, and the piece is not */
			cr_assert_eq(sim_disk_corrupt(world.disk, "/p-0/00000000000000000000.log", rot_batch(&world, "/p-0/00000000000000000000.log", 1).position + rotten[how], 3), 0);
		for (int life = 0; life < 2; life++) {
			world_open(&world);
			expect_fenced(&world, 0, 1, is_gone ? 2 : 1, 4 + life);
			world_append(&world, part(&world, 0), 4 + (uint64_t)life, 1, 100);
			world_crash(&world);
		}
		world_open(&world);
		world_fini(&world);
	}
}

#define MANY 200

/* Each group has a record of one partition, and room to repeat half a hundred. */
static void leave_many(struct world *world, uint64_t seed, uint64_t *first)
{
	begin_parts(world, seed, MANY + 1);
	for (uint32_t i = 0; i < MANY; i++) {
		world_append(world, part(world, i), 0, 1, 100);
		if (i == 0)
			*first = last_seq(world);
	}
	world_crash(world);
}

/* A row of lost groups that the next one can still tell of costs their own records alone, though it is wider than a disk's block by far. */
Test(recovery_table, row_P_many_in_a_row)
{
	struct world world;
	uint64_t first;
	leave_many(&world, 25, &first);
	for (uint32_t i = 100; i < 140; i++)
		lose_group(&world, first + i, BREAK_ALL);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		for (uint32_t i = 0; i < MANY; i++)
			expect_fenced(&world, i, 0, i >= 100 && i < 140, 1 + (life && i == 120));
		world_append(&world, part(&world, 120), 1 + (uint64_t)life, 1, 100);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* @Q: more are lost than anything tells of: refused, with a way out; then nothing that may have been acknowledged is given out again, of whatever is told the
 * log goes on where it ended, and the next start asks for nothing. */
Test(recovery_table, row_Q_nothing_tells)
{
	struct world world;
	uint64_t first;
	leave_many(&world, 26, &first);
	for (uint32_t i = 100; i < MANY - 1; i++)
		lose_group(&world, first + i, BREAK_ALL);
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert(strstr(world.report.why, "spate.accept.loss=true") && strstr(world.report.why, "2^32"), "%s", world.report.why);
		world_close(&world);
	}
	world.options.is_loss_accepted = true;
	for (int life = 0; life < 2; life++) {
		uint32_t skipped = 0, known = 0;
		world_open(&world);
		for (uint32_t i = 0; i <= MANY; i++) {
			int64_t end = partition_high_watermark(part(&world, i));
			skipped += end >= 1ll << 32;
			known += end == 1;
			cr_assert(end == 1 || end >= 99ll << 32, "%u: %ld", i, (long)end);
		}
		cr_assert_geq(known, 40);
		cr_assert_geq(skipped, 100);
		cr_assert_gt(partition_high_watermark(part(&world, MANY)), 1ll << 32, "it may have had its first records in a lost group");
		uint64_t end = (uint64_t)partition_high_watermark(part(&world, 101));
		world_append(&world, part(&world, 101), end, 1, 100);
		world_crash(&world);
		world.options.is_loss_accepted = false;
	}
	world_open(&world);
	world_fini(&world);
}

/* @Q, and all that is told is of a topic that was deleted since: nothing is replayed and nothing fenced, but what was given up is behind the journal all the same. */
Test(recovery_table, row_Q_of_a_topic_that_is_gone)
{
	struct world world;
	uint64_t first = 0;
	int err;
	begin_parts(&world, 28, 110);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint32_t i = 0; i < 110; i++) {
		world_append(&world, part(&world, i), 0, 1, 100);
		if (i == 0)
			first = last_seq(&world);
	}
	struct uuid id = catalog_topic_by_name(world.image, (struct slice){(const uint8_t *)"p", 1})->id;
	cr_assert_eq(catalog_delete_topics(world.catalog, &id, 1, &err), 0);
	world_crash(&world);
	for (uint32_t i = 0; i < 108; i++)
		lose_group(&world, first + i, BREAK_HEADER);
	cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	world_close(&world);
	world.options.is_loss_accepted = true;
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_assert_geq(partition_high_watermark(the_partition(&world)), 1ll << 32, "life %d", life);
		world_crash(&world);
		world.options.is_loss_accepted = false;
	}
	world_open(&world);
	world_fini(&world);
}
