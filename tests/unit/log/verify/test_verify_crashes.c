/* The verifier after crashes: what the journal has counts, and what a power cut may leave is no damage. */
#include "tests/unit/log/verify/directory.h"

/* ---- the journal --------------------------------------------------------------------------------------- */

/* Where in the journal the value of record `number` lies: make_batch fills it with its low byte. */
static size_t find_in_journal(struct world *world, uint8_t number)
{
	size_t size;
	uint8_t *data = rot_read(world, "/journal-0", &size);
	uint8_t pattern[64];
	memset(pattern, number, sizeof pattern);
	uint8_t *at = memmem(data, size, pattern, sizeof pattern);
	cr_assert_not_null(at);
	size_t position = (size_t)(at - data);
	free(data);
	return position;
}

static void make_crashed(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	for (uint64_t n = 20; n < 40; n++)
		world_append(world, world_partition(world, "t", 0), n - 20, 1, 300);
	world_crash(world);
}

/* Everything is in the journal alone, and no file exists: that is whole. */
Test(verify, all_in_the_journal)
{
	struct world world;
	struct verdict verdict;
	make_crashed(&world, 8);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "after a crash");
	cr_assert_eq(verdict.count, 0);
	cr_assert_not(verdict.report.was_clean);
	cr_assert_eq(verdict.report.journal_entries, 21); /* one says how far the catalog had come */
	end_world(&world);
}

/* Rot in a group that a later one vouches for is damage with offsets; in the last group it is a torn tail
 * that was, for all the journal knows, never acknowledged. */
Test(verify, rot_in_the_journal)
{
	struct world world;
	struct verdict verdict;
	make_crashed(&world, 9);
	size_t position = find_in_journal(&world, 12);
	rot_flip(&world, "/journal-0", position, 1);
	rot_verify(&world, &verdict);
	if (verdict.count != 2)
		rot_print(&verdict);
	cr_assert_eq(verdict.count, 2);
	cr_assert_eq(verdict.found[0].kind, FINDING_DAMAGE);
	cr_assert_str_eq(verdict.found[0].file, "journal-0");
	cr_assert_eq(verdict.found[1].kind, FINDING_DAMAGE);
	cr_assert_str_eq(verdict.found[1].topic, "t");
	cr_assert_eq(verdict.found[1].from, 12);
	cr_assert_eq(verdict.found[1].to, 13);
	rot_flip(&world, "/journal-0", position, 1);

	rot_flip(&world, "/journal-0", find_in_journal(&world, 19), 1);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "rot at the journal's tail");
	cr_assert_eq(verdict.count, 1);
	cr_assert_str_eq(verdict.found[0].file, "journal-0");
	end_world(&world);
}

/* Zeros where so many groups of 4 KiB were, entries included, from that of record `number` on. */
static void lose_groups(struct world *world, uint8_t number, size_t count)
{
	size_t position = find_in_journal(world, number) & ~(size_t)4095, size;
	uint8_t *data = rot_read(world, "/journal-0", &size);
	memset(data + position, 0, count * 4096);
	rot_write(world, "/journal-0", data, size);
	free(data);
}

/* Of a life that has filed nothing no file, checkpoint or entry says where the log began: at its start. */
Test(verify, groups_lost_from_the_first_record_on)
{
	struct world world;
	struct verdict verdict;
	world_init(&world, 10);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, world_partition(&world, "t", 1), 0, 1, 300);
	world_append(&world, world_partition(&world, "t", 0), 0, 2, 300);
	for (uint64_t n = 2; n < 20; n++)
		world_append(&world, world_partition(&world, "t", 0), n, 1, 300);
	world_crash(&world);
	lose_groups(&world, 1, 11);
	rot_verify(&world, &verdict);
	if (verdict.count != 2)
		rot_print(&verdict);
	cr_assert_eq(verdict.count, 2);
	cr_assert_eq(verdict.found[1].partition, 0);
	cr_assert_eq(verdict.found[1].from, 0);
	cr_assert_eq(verdict.found[1].to, 12);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), 0, 12, 20);
	world_fini(&world);
}

/* Pieces that went straight to their segment lie behind the checkpoint's mark, and must be right all the
 * same once the journal vouches. */
Test(verify, direct_pieces_behind_the_checkpoint)
{
	struct world world;
	struct verdict verdict;
	world_init(&world, 10);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, RECORDS, VALUE_SIZE);
	world_stop(&world);
	world_open(&world);
	for (uint64_t n = RECORDS; n < 6 * RECORDS; n += RECORDS)
		world_append(&world, world_partition(&world, "t", 0), n, RECORDS, VALUE_SIZE);
	world_crash(&world);
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime"); /* what the power cut left of it would be a note each time */
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "after the crash");
	cr_assert_eq(verdict.report.counts.batches, 6);

	const char *log = "/t-0/00000000000000000000.log";
	struct place batch = rot_batch(&world, log, 3);
	rot_flip(&world, log, batch.position + 50000, 1);
	rot_verify(&world, &verdict);
	const struct found *found = expect_one(&verdict, FINDING_DAMAGE, log + 1, "CRC-32C",
					       "a direct piece");
	cr_assert_eq(found->from, batch.base_offset);
	cr_assert_eq(found->to, batch.next_offset);
	rot_flip(&world, log, batch.position + 50000, 1);

	/* Nothing vouches for the last one: torn, for all anybody knows. */
	batch = rot_batch(&world, log, 5);
	rot_flip(&world, log, batch.position + 50000, 1);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "rot in the last piece");
	end_world(&world);
}

/* A crash takes no byte of a piece that is vouched for: where the file ends in one, the last one, which nothing vouches for, is lost with it, and not torn. The start refuses both, so both are
 * named. (rot_worlds, scenes 18000002000114 and 18000010000043: the last one was not.) */
Test(verify, the_last_piece_behind_one_that_was_cut)
{
	struct world world;
	struct verdict verdict;
	world_init(&world, 11);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, RECORDS, VALUE_SIZE);
	world_stop(&world);
	world_open(&world);
	for (uint64_t n = RECORDS; n < 4 * RECORDS; n += RECORDS)
		world_append(&world, the_partition(&world), n, RECORDS, VALUE_SIZE);
	world_crash(&world);
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime");
	const char *log = "/t-0/00000000000000000000.log";
	struct place batch = rot_batch(&world, log, 2);
	rot_cut(&world, log, batch.position + 1000);
	rot_verify(&world, &verdict);
	int64_t named_to = batch.base_offset;
	for (uint32_t i = 0; i < verdict.count; i++)
		if (verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].from == named_to)
			named_to = verdict.found[i].to;
	cr_expect_eq(named_to, 4 * RECORDS, "%ld", (long)named_to);
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), batch.base_offset, 4 * RECORDS, 4 * RECORDS);
	world_fini(&world);
}

/* The epoch lies outside the CRC, and behind the checkpoint the journal alone says which one is due: the start holds the file against it, so the verifier must. */
Test(verify, epoch_of_a_direct_piece_behind_the_checkpoint)
{
	struct world world;
	struct verdict verdict;
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, the_partition(&world), 0, RECORDS, VALUE_SIZE);
	world_stop(&world);
	world_open(&world);
	world_append(&world, the_partition(&world), RECORDS, RECORDS, VALUE_SIZE);
	world_append(&world, world_partition(&world, "t", 1), 0, 1, 300); /* its group vouches for the piece */
	world_crash(&world);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "after the crash");

	const char *log = "/t-0/00000000000000000000.log";
	struct place batch = rot_batch(&world, log, 1);
	rot_flip(&world, log, batch.position + BATCH_AT_LEADER_EPOCH + 3, 0x04);
	rot_verify(&world, &verdict);
	const struct found *found = &verdict.found[0]; /* leader-epoch-checkpoint, empty since the crash, is a note behind it */
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 1);
	cr_assert_eq(found->kind, FINDING_DAMAGE);
	cr_assert_not_null(strstr(found->what, "leader epoch"));
	cr_assert_eq(found->from, batch.base_offset);
	cr_assert_eq(found->to, batch.next_offset);
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), batch.base_offset, batch.next_offset, batch.next_offset);
	world_fini(&world);
}

/* What is no file is as good as a lost one, to the pieces behind the checkpoint as well: all else is checked, and the start says the same. */
Test(verify, a_directory_where_direct_pieces_were)
{
	struct world world;
	struct verdict verdict;
	world_init(&world, 10);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, RECORDS, VALUE_SIZE);
	world_stop(&world);
	world_open(&world);
	for (uint64_t n = RECORDS; n < 6 * RECORDS; n += RECORDS)
		world_append(&world, the_partition(&world), n, RECORDS, VALUE_SIZE);
	world_crash(&world);
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime");
	rot_unlink(&world, "/t-0/00000000000000000000.log");
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_make(io, "/t-0/00000000000000000000.log"), 0);
	io_close(io);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.err, 0, "%s", err_text(verdict.err));
	const struct found *found = expect_one(&verdict, FINDING_DAMAGE, "t-0/00000000000000000000.log", "", "a directory in its place");
	cr_assert_eq(found->from, 0);
	int64_t to = found->to;
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 0, to, to);
	world_fini(&world);
}

/* Whatever moment the power fails at, nothing is called damaged that was not. */
Test(verify, power_cuts_are_no_damage, .timeout = 300)
{
	for (uint64_t seed = 100; seed < 130; seed++) {
		struct world world;
		struct verdict verdict;
		make_topic(&world, seed, (uint32_t)(seed % 30));
		if (seed % 3 == 0)
			world_stop(&world);
		if (seed % 3 == 0)
			world_open(&world);
		uint64_t next = (uint64_t)partition_high_watermark(world_partition(&world, "t", 0));
		struct append unacked;
		if (seed % 2)
			cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &unacked, next, 5,
							seed % 4 == 1 ? 20000 : 200),
				     0);
		if (seed % 2)
			store_turn(world.store);
		world_crash(&world);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.err, 0);
		if (verdict.report.counts.findings[FINDING_DAMAGE])
			rot_print(&verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0, "seed %lu",
			     (unsigned long)seed);
		end_world(&world);
	}
}

/* Files that can be made anew are written without a sync: what a power cut right after segments were sealed leaves of them is a note, status 0. */
Test(verify, power_cuts_leave_derived_files_in_any_state, .timeout = 300)
{
	uint32_t notes = 0;
	for (uint64_t seed = 400; seed < 440; seed++) {
		struct world world;
		struct verdict verdict;
		make_topic(&world, seed, 30);
		for (int turns = 0; turns < 400; turns++)
			world_turn(&world);
		world_crash(&world);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.err, 0);
		notes += verdict.report.counts.findings[FINDING_NOTE];
		uint64_t bad = verdict.report.counts.findings[FINDING_DAMAGE] + verdict.report.counts.findings[FINDING_DERIVED];
		if (bad)
			rot_print(&verdict);
		cr_assert_eq(bad, 0, "seed %lu", (unsigned long)seed);
		end_world(&world);
	}
	cr_assert_gt(notes, 0);
}

/* Several lives with small segments, each ended by kill -9 (what was written stays written) while appends are under way and cycles of
 * write-behind run; then a clean stop. Whatever the store has filed, sealed and indexed on the way fits together. */
Test(verify, lives_with_small_segments, .timeout = 300)
{
	for (uint64_t seed = 200; seed < 220; seed++) {
		struct world world;
		struct verdict verdict;
		make_topic(&world, seed, 0);
		srand((unsigned)seed);
		for (int life = 0; life < 4; life++) {
			struct partition *partition = world_partition(&world, "t", 0);
			uint64_t next = (uint64_t)partition_high_watermark(partition);
			struct append appends[60];
			for (int i = 0; i < 60; i++) {
				int count = 1 + rand() % 10;
				size_t value = rand() % 2 ? 20000 : 300;
				int err = world_append_begin(partition, &appends[i], next, count, value);
				if (!err)
					next += (uint64_t)count;
				cr_assert(err == 0 || err == ERR_BUSY, "%s", err_name(err));
				store_turn(world.store);
				for (int turns = rand() % 4; turns > 0; turns--)
					world_turn(&world);
			}
			world_kill(&world);
			rot_verify(&world, &verdict);
			if (verdict.report.counts.findings[FINDING_DAMAGE])
				rot_print(&verdict);
			cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0, "seed %lu, life %d", (unsigned long)seed,
				     life);
			world_open(&world);
		}
		world_stop(&world);
		rot_verify(&world, &verdict);
		char name[64];
		snprintf(name, sizeof name, "seed %lu", (unsigned long)seed);
		expect_clean(&verdict, name);
		end_world(&world);
	}
}
