/* The verifier on segments: a clean directory, every damaged range, any bit; and that the log refuses what it names. */
#include <errno.h>

#include "log/base/bytes.h"
#include "log/batch/crc32c.h"
#include "log/verify/directory.h"
#include "tests/unit/log/verify/directory.h"

/* What the store has written is whole, and all of it was looked at. */
Test(verify, a_clean_directory)
{
	struct world world;
	struct verdict verdict;
	make_stopped(&world, 1);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "after a clean stop");
	cr_assert_eq(verdict.count, 0);
	cr_assert(verdict.report.has_catalog);
	cr_assert(verdict.report.was_clean);
	cr_assert_eq(verdict.report.partitions, 2);
	cr_assert_eq(verdict.report.counts.segments, 4);
	cr_assert_eq(verdict.report.counts.sealed_segments, 2);
	cr_assert_eq(verdict.report.counts.batches, 26);
	cr_assert_eq(verdict.report.counts.records, 253);
	cr_assert_eq(verdict.report.counts.tails, 0);
	end_world(&world);
}

/* ---- one damaged range each ---------------------------------------------------------------------------- */

enum rot { FLIP, FLIP_TWO, ZERO_THREE, CUT_WITHIN, CUT_BEFORE, LIE_ABOUT_COUNT, LIE_ABOUT_TIME };

struct batch_row {
	const char *name;
	enum rot rot;
	uint32_t segment; /* 0, 1 sealed; 2 active */
	uint32_t batch;
	bool is_last;     /* the segment's last batch instead */
	uint32_t at;      /* FLIP: byte of the batch */
	uint8_t bits;
	const char *what; /* part of what is said */
};

static const struct batch_row batch_rows[] = {
	{"base offset, low byte", FLIP, 0, 3, false, BATCH_AT_BASE_OFFSET + 7, 0x04, "base offset"},
	{"base offset, high byte", FLIP, 0, 3, false, BATCH_AT_BASE_OFFSET, 0x01, "base offset"},
	{"base offset, negative", FLIP, 1, 3, false, BATCH_AT_BASE_OFFSET, 0x80, "offsets cannot be"},
	{"base offset of a segment's first", FLIP, 1, 0, false, BATCH_AT_BASE_OFFSET + 7, 0x01,
	 "base offset"},
	{"base offset of a sealed segment's last", FLIP, 1, 0, true, BATCH_AT_BASE_OFFSET + 7, 0x08,
	 "base offset"},
	{"base offset of the active segment's last", FLIP, 2, 0, true, BATCH_AT_BASE_OFFSET + 6, 0x08,
	 "base offset"},
	{"length, smaller", FLIP, 0, 3, false, BATCH_AT_LENGTH + 1, 0x01, "CRC-32C"},
	{"length, larger", FLIP, 0, 3, false, BATCH_AT_LENGTH + 1, 0x02, "CRC-32C"},
	{"length, impossible", FLIP, 0, 3, false, BATCH_AT_LENGTH, 0x80, "length"},
	{"length, behind the end", FLIP, 0, 3, false, BATCH_AT_LENGTH, 0x10, "length"},
	{"length of the last", FLIP, 2, 0, true, BATCH_AT_LENGTH + 1, 0x01, "CRC-32C"},
	{"leader epoch", FLIP, 0, 3, false, BATCH_AT_LEADER_EPOCH + 3, 0x04, "leader epoch"},
	{"leader epoch in the active segment", FLIP, 2, 1, false, BATCH_AT_LEADER_EPOCH + 3, 0x01,
	 "leader epoch"},
	{"magic", FLIP, 0, 3, false, BATCH_AT_MAGIC, 0x01, "magic"},
	{"CRC", FLIP, 0, 3, false, BATCH_AT_CRC, 0x01, "CRC-32C"},
	{"attributes", FLIP, 0, 3, false, BATCH_AT_ATTRIBUTES + 1, 0x02, "CRC-32C"},
	{"last offset delta", FLIP, 0, 3, false, BATCH_AT_LAST_OFFSET_DELTA + 3, 0x01, "CRC-32C"},
	{"record count", FLIP, 0, 3, false, BATCH_AT_RECORDS_COUNT + 3, 0x01, "CRC-32C"},
	{"first byte of the records", FLIP, 0, 3, false, BATCH_HEADER_SIZE, 0x80, "CRC-32C"},
	{"a value", FLIP, 1, 5, false, 50000, 0x10, "CRC-32C"},
	{"a value in a segment's first", FLIP, 0, 0, false, 50000, 0x10, "CRC-32C"},
	{"a value in a sealed segment's last", FLIP, 0, 0, true, 50000, 0x10, "CRC-32C"},
	{"a value in the active segment", FLIP, 2, 1, false, 50000, 0x10, "CRC-32C"},
	{"a value in the active segment's last", FLIP, 2, 0, true, 50000, 0x10, "CRC-32C"},
	{"two neighbours", FLIP_TWO, 0, 3, false, 50000, 0x10, "CRC-32C"},
	{"zeros over three", ZERO_THREE, 0, 3, false, 0, 0, "zeros"},
	{"cut in a batch", CUT_WITHIN, 0, 7, false, 0, 0, "ends"},
	{"cut between batches", CUT_BEFORE, 0, 7, false, 0, 0, "ends"},
	{"cut in the active segment", CUT_WITHIN, 2, 2, false, 0, 0, "ends"},
	{"cut to nothing", CUT_BEFORE, 1, 0, false, 0, 0, "ends"},
	{"a record count that lies, with a good CRC", LIE_ABOUT_COUNT, 2, 1, false, 0, 0,
	 "records cannot be read"},
	{"a record count that lies in a sealed segment", LIE_ABOUT_COUNT, 0, 1, false, 0, 0,
	 "records cannot be read"},
};

/* Changes the file; *expected becomes the range that is damaged by it. */
static void damage(struct world *world, const struct batch_row *row, const char *log, struct place *expected)
{
	size_t size;
	uint32_t count = rot_batch_count(world, log);
	uint32_t ordinal = row->is_last ? count - 1 : row->batch;
	struct place last = rot_batch(world, log, count - 1);
	*expected = rot_batch(world, log, ordinal);
	uint8_t *data = rot_read(world, log, &size), *batch = data + expected->position;
	uint32_t extent = row->rot == FLIP_TWO ? 1 : row->rot == ZERO_THREE ? 2 : 0;
	struct place end = rot_batch(world, log, ordinal + extent);
	size_t size_new = size;
	switch (row->rot) {
	case FLIP: batch[row->at] ^= row->bits; break;
	case FLIP_TWO: batch[row->at] ^= row->bits; data[expected->end + row->at] ^= row->bits; break;
	case ZERO_THREE: memset(batch, 0, end.end - expected->position); break;
	case CUT_WITHIN: size_new = expected->position + 5000; end = last; break;
	case CUT_BEFORE: size_new = expected->position; end = last; break;
	case LIE_ABOUT_COUNT: batch[BATCH_AT_RECORDS_COUNT + 3]++; break;
	case LIE_ABOUT_TIME: batch[BATCH_AT_MAX_TIMESTAMP + 7]++; break;
	}
	if (row->rot == LIE_ABOUT_COUNT || row->rot == LIE_ABOUT_TIME)
		batch_stamp_crc(batch, (uint32_t)(expected->end - expected->position));
	expected->end = end.end;
	expected->next_offset = end.next_offset;
	rot_write(world, log, data, size_new);
	free(data);
}

/* Each kind of rot in a batch is named with just its offsets and bytes, and nothing else is. */
Test(verify, names_each_damaged_range, .timeout = 120)
{
	struct world world;
	make_stopped(&world, 2);
	for (size_t i = 0; i < COUNT_OF(batch_rows); i++) {
		const struct batch_row *row = &batch_rows[i];
		char log[128];
		struct place expected;
		struct verdict verdict;
		size_t size;
		log_path(&world, row->segment, log);
		uint8_t *sound = rot_read(&world, log, &size);
		damage(&world, row, log, &expected);
		rot_verify(&world, &verdict);
		const struct found *found = expect_one(&verdict, FINDING_DAMAGE, log + 1, row->what,
						       row->name);
		cr_assert_str_eq(found->topic, "t", "%s", row->name);
		cr_assert_eq(found->partition, 0, "%s", row->name);
		cr_assert_eq(found->from, expected.base_offset, "%s: from %ld, not %ld", row->name,
			     (long)found->from, (long)expected.base_offset);
		cr_assert_eq(found->to, expected.next_offset, "%s: to %ld, not %ld", row->name,
			     (long)found->to, (long)expected.next_offset);
		cr_assert_eq(found->position_from, (int64_t)expected.position, "%s: from byte %ld", row->name,
			     (long)found->position_from);
		cr_assert_eq(found->position_to, (int64_t)expected.end, "%s: to byte %ld, not %zu", row->name,
			     (long)found->position_to, expected.end);
		rot_write(&world, log, sound, size);
		free(sound);
	}
	struct verdict verdict;
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "with everything put back");
	end_world(&world);
}

/* A header changed together with its CRC is found by what the checkpoint says was filed: that stretch is doubtful, here a batch. (A
 * changed largest timestamp shows in the time index as well.) */
Test(verify, what_was_filed_finds_what_crcs_do_not)
{
	struct world world;
	struct verdict verdict;
	struct place ignored;
	char log[128];
	make_stopped(&world, 3);
	log_path(&world, 1, log);
	const struct batch_row row = {.name = "time", .rot = LIE_ABOUT_TIME, .batch = 1};
	damage(&world, &row, log, &ignored);
	rot_verify(&world, &verdict);
	cr_assert_geq(verdict.count, 1);
	cr_assert_eq(verdict.found[0].kind, FINDING_DAMAGE);
	cr_assert_not_null(strstr(verdict.found[0].what, "filed"));
	cr_assert_eq(verdict.found[0].from, 110);
	cr_assert_eq(verdict.found[0].to, 120);
	for (uint32_t i = 1; i < verdict.count; i++)
		cr_assert_eq(verdict.found[i].kind, FINDING_DERIVED);
	end_world(&world);
}

/* Two segments that changed places are both named, each with its own offsets. */
Test(verify, swapped_segments)
{
	struct world world;
	struct verdict verdict;
	char first[128], second[128];
	make_stopped(&world, 4);
	log_path(&world, 0, first);
	log_path(&world, 1, second);
	int64_t end = rot_batch(&world, second, rot_batch_count(&world, second) - 1).next_offset;
	int64_t middle = rot_batch(&world, second, 0).base_offset;
	rot_rename(&world, first, "/t-0/x");
	rot_rename(&world, second, first);
	rot_rename(&world, "/t-0/x", second);
	rot_verify(&world, &verdict);
	if (verdict.count != 2)
		rot_print(&verdict);
	cr_assert_eq(verdict.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct found *found = &verdict.found[i];
		cr_assert_eq(found->kind, FINDING_DAMAGE);
		cr_assert_str_eq(found->file, (i ? second : first) + 1);
		cr_assert_eq(found->from, i ? middle : 0);
		cr_assert_eq(found->to, i ? end : middle);
		cr_assert_eq(found->position_from, 0);
	}
	end_world(&world);
}

/* A missing segment, and a missing directory, are named with the offsets they held. */
Test(verify, missing_files)
{
	struct world world;
	struct verdict verdict;
	char log[128];
	make_stopped(&world, 5);
	log_path(&world, 1, log);
	rot_rename(&world, log, "/kept");
	rot_verify(&world, &verdict);
	const struct found *found = expect_one(&verdict, FINDING_DAMAGE, log + 1, "missing", "segment");
	cr_assert_eq(found->from, 100);
	cr_assert_eq(found->to, 200);
	rot_rename(&world, "/kept", log);

	rot_rename(&world, "/t-1", "/elsewhere");
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.count, 2);
	cr_assert_eq(verdict.found[0].kind, FINDING_NOTE);
	cr_assert_str_eq(verdict.found[0].file, "elsewhere");
	cr_assert_eq(verdict.found[1].kind, FINDING_DAMAGE);
	cr_assert_str_eq(verdict.found[1].topic, "t");
	cr_assert_eq(verdict.found[1].partition, 1);
	cr_assert_eq(verdict.found[1].from, 0);
	cr_assert_eq(verdict.found[1].to, 3);
	end_world(&world);
}

/* Reads offset by offset; those that are refused must be those of [from, to), and all others must be as they were appended. */
static void expect_refused(struct world *world, int64_t from, int64_t to, const char *name)
{
	struct partition *partition = world_partition(world, "t", 0);
	for (int64_t next = 0; next < partition_high_watermark(partition);) {
		struct read read;
		world_read_begin(world, partition, &read, next, 1);
		bool is_damaged = next >= from && next < to;
		cr_assert_eq(read.op.err, is_damaged ? ERR_CORRUPT_LOG : 0, "%s: offset %ld: %s", name, (long)next,
			     err_name(read.op.err));
		int64_t after = is_damaged ? next + 1 : check_records(&read.op, next);
		cr_assert_gt(after, next, "%s: nothing at offset %ld", name, (long)next);
		next = after;
		partition_read_release(&read.op);
	}
}

/* What the verifier names is what a fetch refuses, from whichever offset it comes, and nothing else. */
Test(verify, the_log_refuses_what_is_named, .timeout = 300)
{
	for (size_t i = 0; i < COUNT_OF(batch_rows); i++) {
		const struct batch_row *row = &batch_rows[i];
		if (row->rot == CUT_WITHIN || row->rot == CUT_BEFORE || row->rot == LIE_ABOUT_COUNT)
			continue; /* a file cut short, and what no broker has accepted */
		struct world world;
		char log[128];
		struct place expected;
		make_stopped(&world, 30 + i);
		log_path(&world, row->segment, log);
		damage(&world, row, log, &expected);
		world_open(&world);
		/* First of all from its last offset, which the index leads to at once. */
		struct read read;
		world_read_begin(&world, world_partition(&world, "t", 0), &read, expected.next_offset - 1, 1 << 20);
		cr_assert_eq(read.op.err, ERR_CORRUPT_LOG, "%s: the last offset: %s", row->name, err_name(read.op.err));
		partition_read_release(&read.op);
		expect_refused(&world, expected.base_offset, expected.next_offset, row->name);
		world_fini(&world);
	}
}

/* A header that has rotted in the active segment costs its batch, and neither the roll nor what is appended behind it. */
Test(verify, a_damaged_segment_is_rolled)
{
	struct world world;
	struct verdict verdict;
	make_topic(&world, 22, 5);
	world_stop(&world);
	const char *log = "/t-0/00000000000000000000.log";
	struct place batch = rot_batch(&world, log, 2);
	rot_flip(&world, log, batch.position + BATCH_AT_LENGTH, 0x80);
	world_open(&world);
	for (uint64_t n = 50; n < 250; n += RECORDS)
		world_append(&world, world_partition(&world, "t", 0), n, RECORDS, VALUE_SIZE);
	world_stop(&world);
	rot_verify(&world, &verdict);
	const struct found *found = expect_one(&verdict, FINDING_DAMAGE, log + 1, "length", "behind the roll");
	cr_assert_eq(found->from, batch.base_offset);
	cr_assert_eq(found->to, batch.next_offset);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), batch.next_offset, 1 << 20), 250);
	world_fini(&world);
}

/* A directory whose partition.metadata has rotted, even into another topic's id, is not taken for a deleted topic's: its records stay, and the
 * file is made anew with the first record that is filed. */
Test(verify, damaged_metadata_costs_no_record)
{
	static const char *const texts[] = {"", "xxxx", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct world world;
		struct verdict verdict;
		make_topic(&world, 60 + i, 5);
		world_stop(&world);
		rot_write(&world, "/t-0/partition.metadata", texts[i], strlen(texts[i]));
		rot_verify(&world, &verdict);
		expect_one(&verdict, FINDING_DAMAGE, "t-0/partition.metadata", "topic", texts[i]);
		world_open(&world);
		for (uint64_t n = 50; n < 250; n += RECORDS)
			world_append(&world, world_partition(&world, "t", 0), n, RECORDS, VALUE_SIZE);
		world_stop(&world);
		rot_verify(&world, &verdict);
		expect_clean(&verdict, "made anew when something was filed");
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 250);
		world_fini(&world);
	}
}

/* Rot in an index costs no record and moves no lookup, by offset or by time. */
Test(verify, damaged_indexes_mislead_nobody, .timeout = 120)
{
	static const char *const endings[] = {".index", ".timeindex"};
	struct world world;
	make_stopped(&world, 23);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		for (uint32_t segment = 0; segment < 3; segment++) {
			char log[128], path[128];
			size_t size;
			log_path(&world, segment, log);
			sibling(log, endings[i], path);
			uint8_t *sound = rot_read(&world, path, &size);
			for (size_t at = 0; at < size; at += 5) {
				rot_flip(&world, path, at, 0x01);
				world_open(&world);
				struct partition *partition = world_partition(&world, "t", 0);
				cr_assert_eq(world_check_all(&world, partition, 0, 1), 250, "%s byte %zu", path, at);
				for (int64_t offset = 5; offset < 250 && segment < 2; offset += 10) {
					struct offset_found found;
					/* make_batch: the record at `offset` is of 1000 + its batch's number + its place. */
					cr_assert_eq(partition_offset_for_time(partition, 1000 + offset, &found), 0);
					cr_assert(found.found && found.offset == offset, "%s byte %zu: %ld for %ld", path, at,
						  (long)found.offset, (long)offset);
				}
				world_stop(&world);
				rot_write(&world, path, sound, size);
			}
			free(sound);
		}
	}
	end_world(&world);
}

/* ---- any bit ------------------------------------------------------------------------------------------- */

/* The batch of a .log that holds a byte. */
static struct place batch_around(struct world *world, const char *log, size_t position)
{
	struct place place = {0};
	for (uint32_t i = 0; place.end <= position; i++)
		place = rot_batch(world, log, i);
	return place;
}

/* Any one bit of any segment: just its batch is named, with its offsets and bytes. (SEED=N in the
 * environment repeats a run.) */
Test(verify, any_bit_of_a_segment, .timeout = 300)
{
	struct world world;
	make_topic(&world, 20, 25);
	for (uint64_t n = 3; n < 43; n += 4) /* small batches, where headers are a large part */
		world_append(&world, world_partition(&world, "t", 1), n, 4, 10);
	world_stop(&world);
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 20;
	srand(seed);
	for (int i = 0; i < 400; i++) {
		char log[128];
		size_t size;
		struct verdict verdict;
		if (i % 2)
			snprintf(log, sizeof log, "/t-1/00000000000000000000.log");
		else
			log_path(&world, (uint32_t)rand() % 3, log);
		free(rot_read(&world, log, &size));
		size_t position = (size_t)rand() % size;
		/* Half of them within headers. */
		struct place batch = batch_around(&world, log, position);
		if (i % 4 < 2)
			position = batch.position + (size_t)rand() % BATCH_HEADER_SIZE;
		uint8_t bit = (uint8_t)(1 << rand() % 8);
		rot_flip(&world, log, position, bit);
		rot_verify(&world, &verdict);
		char name[192];
		snprintf(name, sizeof name, "SEED=%u: bit %02x of byte %zu (byte %zu of its batch) of %s",
			 seed, bit, position, position - batch.position, log);
		const struct found *found = expect_one(&verdict, FINDING_DAMAGE, log + 1, "", name);
		cr_assert_eq(found->from, batch.base_offset, "%s: from %ld", name, (long)found->from);
		cr_assert_eq(found->to, batch.next_offset, "%s: to %ld", name, (long)found->to);
		cr_assert_eq(found->position_from, (int64_t)batch.position, "%s: from byte %ld", name,
			     (long)found->position_from);
		cr_assert_eq(found->position_to, (int64_t)batch.end, "%s: to byte %ld", name,
			     (long)found->position_to);
		rot_flip(&world, log, position, bit);
	}
	end_world(&world);
}

/* Any one bit of any other file: something is told, and no record is called lost for it. */
Test(verify, any_bit_of_the_other_files, .timeout = 300)
{
	static const char *const files[] = {
		"/catalog.log",
		"/checkpoint-0",
		"/meta.properties",
		"/t-0/partition.metadata",
		"/t-0/leader-epoch-checkpoint",
		"/t-0/00000000000000000000.seal",
		"/t-0/00000000000000000000.index",
		"/t-0/00000000000000000000.timeindex",
	};
	struct world world;
	make_stopped(&world, 21);
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 21;
	srand(seed);
	for (int i = 0; i < 400; i++) {
		const char *file = files[(size_t)i % COUNT_OF(files)];
		size_t size;
		struct verdict verdict;
		free(rot_read(&world, file, &size));
		size_t position = (size_t)rand() % size;
		uint8_t bit = (uint8_t)(1 << rand() % 8);
		rot_flip(&world, file, position, bit);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.err, 0, "SEED=%u: byte %zu of %s: %s", seed, position, file,
			     err_name(verdict.err));
		/* Texts have bytes that mean nothing: a comment, the case of a key's letters nobody reads,
		 * an epoch's start before the log. */
		bool is_text = strstr(file, "meta") || strstr(file, "epoch");
		cr_assert(is_text || verdict.count > 0, "SEED=%u: bit %02x of byte %zu of %s is not seen",
			  seed, bit, position, file);
		for (uint32_t j = 0; j < verdict.count; j++)
			cr_assert(verdict.found[j].kind != FINDING_DAMAGE || verdict.found[j].from == NOWHERE,
				  "SEED=%u: byte %zu of %s: %s", seed, position, file,
				  verdict.found[j].what);
		rot_flip(&world, file, position, bit);
	}
	end_world(&world);
}

/* ---- directories of others ----------------------------------------------------------------------------- */

static void unlink_top(struct world *world)
{
	static const char *const files[] = {"/catalog.log", "/meta.properties", "/journal-0", "/checkpoint-0"};
	for (size_t i = 0; i < COUNT_OF(files); i++)
		rot_unlink(world, files[i]);
}

/* Kafka's own directory has no catalog, journal or checkpoint: segments are checked alone, and the last
 * one may break off. */
Test(verify, segments_alone)
{
	struct world world;
	struct verdict verdict;
	char first[128], last[128];
	make_stopped(&world, 11);
	log_path(&world, 0, first);
	log_path(&world, 2, last);
	unlink_top(&world);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "segments alone");
	cr_assert_not(verdict.report.has_catalog);
	cr_assert_eq(verdict.report.unknown_partitions, 2);
	cr_assert_eq(verdict.report.counts.batches, 26);

	struct place batch = rot_batch(&world, first, 4);
	rot_flip(&world, first, batch.position + 50000, 1);
	rot_verify(&world, &verdict);
	const struct found *found = expect_one(&verdict, FINDING_DAMAGE, first + 1, "CRC-32C",
					       "segment alone");
	cr_assert_eq(found->from, batch.base_offset);
	cr_assert_eq(found->to, batch.next_offset);
	rot_flip(&world, first, batch.position + 50000, 1);

	batch = rot_batch(&world, last, rot_batch_count(&world, last) - 1);
	rot_cut(&world, last, batch.position + 5000);
	rot_verify(&world, &verdict);
	found = expect_one(&verdict, FINDING_NOTE, last + 1, "tail", "a torn tail");
	cr_assert_eq(found->from, batch.base_offset);
	cr_assert_eq(found->position_from, (int64_t)batch.position);
	rot_verify_dir(&world, "/t-1", &verdict);
	expect_clean(&verdict, "one partition's directory");
	cr_assert_eq(verdict.report.counts.records, 3);
	end_world(&world);
}

/* Kafka's compaction takes batches away, and their offsets with them: that is no damage. A base offset that was changed is, as what is behind it goes on from what it was. */
Test(verify, segments_alone_with_gaps)
{
	static const char *const derived[] = {".seal", ".index", ".timeindex"};
	for (int is_changed = 0; is_changed < 2; is_changed++) {
		struct world world;
		struct verdict verdict;
		char first[128], path[128];
		size_t size;
		make_stopped(&world, 14);
		log_path(&world, 0, first);
		unlink_top(&world);
		for (size_t i = 0; i < COUNT_OF(derived); i++) {
			sibling(first, derived[i], path);
			rot_unlink(&world, path);
		}
		struct place gone = rot_batch(&world, first, 4);
		uint8_t *log = rot_read(&world, first, &size);
		if (is_changed)
			store_be64(log + gone.position, (uint64_t)gone.base_offset + 1);
		else
			memmove(log + gone.position, log + gone.end, size - gone.end);
		rot_write(&world, first, log, is_changed ? size : size - (gone.end - gone.position));
		free(log);
		rot_verify(&world, &verdict);
		if (is_changed)
			cr_expect_eq(expect_one(&verdict, FINDING_DAMAGE, first + 1, "base offset", "a changed base offset")->from, gone.base_offset);
		else
			expect_clean(&verdict, "a batch that compaction took");
		end_world(&world);
	}
}

/* A record whose offset its batch does not hold, though the CRC is right. */
Test(verify, a_record_of_another_offset)
{
	struct world world;
	struct verdict verdict;
	static const char log[] = "/t-1/00000000000000000000.log";
	size_t size;
	make_topic(&world, 15, 1);
	world_stop(&world);
	unlink_top(&world);
	uint8_t *bytes = rot_read(&world, log, &size);
	uint8_t *delta = bytes + BATCH_HEADER_SIZE + 4; /* behind two bytes of length, the attributes and the time */
	cr_assert_eq(*delta, 0);
	*delta = 2 * 60; /* zigzag */
	store_be32(bytes + 17, crc32c(bytes + 21, size - 21));
	rot_write(&world, log, bytes, size);
	free(bytes);
	rot_verify_dir(&world, "/t-1", &verdict);
	expect_one(&verdict, FINDING_DAMAGE, log + 5, "says offset 60", "another record's offset");
	end_world(&world);
}

/* ---- the disk's own errors ----------------------------------------------------------------------------- */

/* Any one I/O may fail: the check ends, says so or goes on, and calls no record damaged that a second look
 * can read. */
Test(verify, a_failing_read, .timeout = 120)
{
	struct world world;
	struct verdict verdict;
	make_topic(&world, 12, 11);
	world_stop(&world);
	uint64_t before = sim_disk_io_count(world.disk);
	rot_verify(&world, &verdict);
	uint64_t count = sim_disk_io_count(world.disk) - before;
	for (uint64_t k = 1; k <= count; k++) {
		sim_disk_fail(world.disk, k, 5);
		rot_verify(&world, &verdict);
		for (uint32_t i = 0; i < verdict.count; i++)
			cr_assert(verdict.found[i].from == NOWHERE || verdict.found[i].kind != FINDING_DAMAGE,
				  "I/O %lu: %s", (unsigned long)k, verdict.found[i].what);
	}
	sim_disk_fail(world.disk, 0, 5);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "with the disk well again");
	end_world(&world);
}

/* A partition that cannot be read is said, and is an error; all others are checked. */
Test(verify, a_directory_that_cannot_be_listed)
{
	struct world world;
	struct verdict verdict;
	bool is_told = false, is_found = false;
	make_topic(&world, 13, 11);
	world_create_topic(&world, "u", 1, NULL, 0);
	world_append(&world, world_partition(&world, "u", 0), 0, 5, 300);
	world_stop(&world);
	rot_flip(&world, "/u-0/00000000000000000000.log", 100, 1);
	for (uint64_t k = 1; k < 10; k++) {
		sim_disk_fail_kinds(world.disk, SIM_LIST, k, EACCES, false);
		rot_verify(&world, &verdict);
		for (uint32_t i = 0; i < verdict.count; i++) {
			bool is_note = verdict.found[i].kind == FINDING_NOTE && strcmp(verdict.found[i].topic, "t") == 0;
			is_told |= is_note && verdict.err == -EACCES && strstr(verdict.found[i].what, "cannot be read");
			is_found |= is_told && verdict.found[i].kind == FINDING_DAMAGE && strcmp(verdict.found[i].topic, "u") == 0;
		}
	}
	cr_expect(is_told && is_found);
	sim_disk_fail(world.disk, 0, EIO);
	end_world(&world);
}

/* A partition's disk is not mounted: a file, or nothing that can be listed, stands there. That is an error, and no record is said to be lost. */
Test(verify, a_partition_whose_disk_is_not_mounted)
{
	struct world world;
	struct verdict verdict;
	make_stopped(&world, 15);
	struct io *io = rot_open(&world);
	cr_assert_eq(io_rename(io, "/t-1", "/aside"), 0);
	io_close(io);
	rot_write(&world, "/t-1", "", 0);
	rot_verify(&world, &verdict);
	cr_expect_eq(verdict.err, -ENOTDIR);
	cr_expect_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
	end_world(&world);
}

/* Whoever ends frees the listing, behind one that failed as well. */
Test(verify, a_listing_that_failed_leaves_nothing)
{
	struct world world;
	bool has_struck = true;
	uint32_t failed = 0;
	make_stopped(&world, 14);
	for (uint64_t k = 1; has_struck; k++) {
		struct data_dir dir;
		struct io *io = rot_open(&world);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail(world.disk, k, EMFILE);
		bool is_read = data_dir_read(&dir, io, "/") == 0;
		has_struck = sim_disk_fail_count(world.disk) > before;
		cr_expect(is_read || (dir.partition_count == 0 && !dir.partitions && !dir.has_journal && !dir.has_checkpoint), "I/O %lu", (unsigned long)k);
		failed += !is_read;
		if (is_read)
			data_dir_free(&dir);
		io_close(io);
	}
	cr_expect_gt(failed, 1);
	sim_disk_fail(world.disk, 0, EIO);
	end_world(&world);
}

/* A directory that is not there is an error, and an empty one is clean. */
Test(verify, nothing_to_check)
{
	struct world world;
	struct verdict verdict;
	world_init(&world, 13);
	rot_verify_dir(&world, "/nowhere", &verdict);
	cr_assert_eq(verdict.err, -2);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "an empty directory");
	end_world(&world);
}
