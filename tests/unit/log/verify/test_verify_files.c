/* The verifier on the files beside the segments: each that is changed, missing, or another's is named. */
#include "log/segment/append_times.h"
#include "tests/unit/log/verify/directory.h"

/* ---- every other file ---------------------------------------------------------------------------------- */

struct file_row {
	/* below the directory; one that begins with "." is the first segment's of that ending */
	const char *file;
	enum { BIT, JUNK, EMPTY, GROW, REMOVE, ZEROS, CUT } how;
	uint32_t at;           /* BIT, CUT; ZEROS: from there to the end */
	enum finding_kind kind;
	const char *what;
	int64_t position_from, position_to;
};

static const struct file_row file_rows[] = {
	{".index", BIT, 5, FINDING_DERIVED, "middle of a batch", 0, 8},
	{".index", BIT, 3 * 8 + 3, FINDING_DERIVED, "another offset", 24, 32},
	{".index", BIT, 3 * 8 + 4, FINDING_DERIVED, "out of order", 24, 32},
	{".index", JUNK, 0, FINDING_DERIVED, "", 0, NOWHERE},
	{".index", EMPTY, 0, FINDING_NOTE, "empty", NOWHERE, NOWHERE},
	{".timeindex", BIT, 7, FINDING_DERIVED, "another timestamp", 0, 12},
	{".timeindex", BIT, 2 * 12 + 11, FINDING_DERIVED, "", NOWHERE, NOWHERE},
	{".timeindex", GROW, 0, FINDING_DERIVED, "", NOWHERE, NOWHERE},
	{".seal", BIT, 20, FINDING_DERIVED, "checksum", NOWHERE, NOWHERE},
	{".seal", JUNK, 0, FINDING_DERIVED, "no seal", NOWHERE, NOWHERE},
	{".seal", REMOVE, 0, FINDING_DERIVED, "missing", NOWHERE, NOWHERE},
	{".index", REMOVE, 0, FINDING_DERIVED, "missing", NOWHERE, NOWHERE},
	{".timeindex", REMOVE, 0, FINDING_DERIVED, "missing", NOWHERE, NOWHERE},
	{".seal", EMPTY, 0, FINDING_NOTE, "empty", NOWHERE, NOWHERE},
	{".seal", ZEROS, 0, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{".seal", ZEROS, 100, FINDING_DERIVED, "checksum", NOWHERE, NOWHERE},
	{".index", ZEROS, 0, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{".index", ZEROS, 16, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{".index", CUT, 19, FINDING_NOTE, "ends early", NOWHERE, NOWHERE},
	{".timeindex", ZEROS, 0, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{".timeindex", CUT, 12, FINDING_NOTE, "ends early", NOWHERE, NOWHERE},
	{".snapshot", ZEROS, 0, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{"t-0/leader-epoch-checkpoint", ZEROS, 0, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{"t-0/leader-epoch-checkpoint", ZEROS, 5, FINDING_NOTE, "zeros", NOWHERE, NOWHERE},
	{"t-0/leader-epoch-checkpoint", CUT, 3, FINDING_NOTE, "early", NOWHERE, NOWHERE},
	{".snapshot", JUNK, 0, FINDING_DERIVED, "snapshot", NOWHERE, NOWHERE},
	{"t-0/leader-epoch-checkpoint", JUNK, 0, FINDING_DERIVED, "leader epochs", NOWHERE, NOWHERE},
	{"t-0/leader-epoch-checkpoint", BIT, 4, FINDING_DERIVED, "leader epochs", NOWHERE, NOWHERE},
	{"t-0/partition.metadata", JUNK, 0, FINDING_DAMAGE, "topic id", NOWHERE, NOWHERE},
	{"t-0/partition.metadata", BIT, 30, FINDING_DAMAGE, "topic id", NOWHERE, NOWHERE},
	{"t-0/partition.metadata", REMOVE, 0, FINDING_DAMAGE, "missing", NOWHERE, NOWHERE},
	{"checkpoint-0", BIT, 100, FINDING_DERIVED, "checksum", NOWHERE, NOWHERE},
	{"checkpoint-0", EMPTY, 0, FINDING_DERIVED, "checksum", NOWHERE, NOWHERE},
	{"catalog.log", BIT, 30, FINDING_DAMAGE, "damaged, not torn", NOWHERE, NOWHERE},
	{"catalog.log", JUNK, 0, FINDING_DAMAGE, "catalog", NOWHERE, NOWHERE},
	{"catalog.log", GROW, 0, FINDING_NOTE, "torn", NOWHERE, NOWHERE},
	{"catalog.log", REMOVE, 0, FINDING_DAMAGE, "missing", NOWHERE, NOWHERE},
	{"meta.properties", JUNK, 0, FINDING_DAMAGE, "version", NOWHERE, NOWHERE},
	{"meta.properties", REMOVE, 0, FINDING_NOTE, "missing", NOWHERE, NOWHERE},
	{"journal-0", JUNK, 0, FINDING_DAMAGE, "cannot be used", NOWHERE, NOWHERE},
	{"journal-0", REMOVE, 0, FINDING_DAMAGE, "missing, though there are topics", NOWHERE, NOWHERE},
};

static void change_file(struct world *world, const struct file_row *row, const char *path, uint8_t *data,
			size_t size)
{
	uint8_t *bytes = malloc(size + 100);
	memcpy(bytes, data, size);
	memset(bytes + size, 0x5a, 100);
	switch (row->how) {
	case BIT: bytes[row->at] ^= 1; break;
	case JUNK: memset(bytes, 'x', size < 1 << 16 ? size : 1 << 16); break;
	case EMPTY: size = 0; break;
	case GROW: size += 7; break;
	case REMOVE: rot_unlink(world, path); break;
	case ZEROS: memset(bytes + row->at, 0, size - row->at); break;
	case CUT: size = row->at; break;
	}
	if (row->how != REMOVE)
		rot_write(world, path, bytes, size);
	free(bytes);
}

/* Rot in any other file is told as what it is, and no other file is accused for it. */
Test(verify, names_each_damaged_file, .timeout = 120)
{
	struct world world;
	make_stopped(&world, 6);
	/* no producers */
	rot_write(&world, "/t-0/00000000000000000000.snapshot", "\0\1\x48\x67\x4b\xc7\0\0\0\0", 10);
	for (size_t i = 0; i < COUNT_OF(file_rows); i++) {
		const struct file_row *row = &file_rows[i];
		char path[128], log[128], name[192];
		size_t size;
		struct verdict verdict;
		log_path(&world, 0, log);
		if (row->file[0] == '.')
			sibling(log, row->file, path);
		else
			snprintf(path, sizeof path, "/%s", row->file);
		snprintf(name, sizeof name, "row %zu, %s", i, path);
		uint8_t *sound = rot_read(&world, path, &size);
		change_file(&world, row, path, sound, size);
		rot_verify(&world, &verdict);
		const struct found *found = expect_one(&verdict, row->kind, path + 1, row->what, name);
		if (row->position_from != NOWHERE)
			cr_assert_eq(found->position_from, row->position_from, "%s: from byte %ld", name,
				     (long)found->position_from);
		if (row->position_to != NOWHERE)
			cr_assert_eq(found->position_to, row->position_to, "%s: to byte %ld", name,
				     (long)found->position_to);
		rot_write(&world, path, sound, size);
		free(sound);
	}
	struct verdict verdict;
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "with everything put back");
	end_world(&world);
}

/* A checkpoint that cannot be read is told with the reason, and not as damage that nobody has seen. */
Test(verify, says_why_a_checkpoint_cannot_be_read)
{
	static const char *const paths[] = {"/checkpoint-0", "/checkpoint-0.copy"};
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		struct world world;
		struct verdict verdict;
		make_stopped(&world, 7);
		struct io *io = rot_open(&world);
		cr_assert_eq(io_unlink(io, paths[i]), 0);
		cr_assert_eq(io_dir_make(io, paths[i]), 0);
		io_close(io);
		rot_verify(&world, &verdict);
		expect_one(&verdict, FINDING_DERIVED, paths[i] + 1, "it is no regular file", paths[i]);
		end_world(&world);
	}
}

static void swap_files(struct world *world, const char *a, const char *b)
{
	rot_rename(world, a, "/swapped");
	rot_rename(world, b, a);
	rot_rename(world, "/swapped", b);
}

static void append_idempotent(struct world *world, struct partition *partition, int64_t producer_id, uint32_t number, size_t value_size)
{
	static uint8_t bytes[200000], value[100000];
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.producer_id = producer_id;
	options.producer_epoch = 0;
	options.base_sequence = (int32_t)number;
	struct batch_builder builder;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
	struct record record = {.timestamp_ms = 1000 + number, .value = {value, value_size}};
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	struct append append = {.op = {.done = append_done, .records = bytes}};
	cr_assert_eq(batch_builder_finish(&builder, &append.op.records_size_bytes), 0);
	cr_assert_eq(partition_append(partition, &append.op), 0);
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 10000; turns++)
		world_turn(world);
	cr_assert(append.is_done && append.op.err == 0);
}

/* Two partitions with different batches and three segments each; the producer of each has an id of its own, and so there are snapshots. */
static void make_pair(struct world *world, uint64_t seed)
{
	struct config_override override = {"segment.bytes", "1048576"};
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, &override, 1);
	for (uint32_t index = 0; index < 2; index++)
		for (uint32_t i = 0; i < 50; i++)
			append_idempotent(world, world_partition(world, "t", index), 7 + index, i, 50000 + 1000 * index);
	world_stop(world);
}

/* A seal or a snapshot that is another's, of this partition or of the other one: each is named and no record is accused; repair's opening makes seals anew. */
Test(verify, derived_files_of_another_segment, .timeout = 60)
{
	static const char *const pairs[][2] = {
		{"/t-0/00000000000000000000.seal", "/t-1/00000000000000000000.seal"},
		{"/t-0/00000000000000000020.snapshot", "/t-1/00000000000000000020.snapshot"},
		{"/t-0/00000000000000000020.snapshot", "/t-0/00000000000000000040.snapshot"},
	};
	struct world world;
	make_pair(&world, 31);
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct verdict verdict;
		rot_verify(&world, &verdict);
		expect_clean(&verdict, "before");
		swap_files(&world, pairs[i][0], pairs[i][1]);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0, "pair %zu", i);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DERIVED], 2, "pair %zu", i);
		swap_files(&world, pairs[i][0], pairs[i][1]);
	}
	end_world(&world);
}

/* What the segment's seal would say if it ended behind `count` batches. */
static void make_stale_seal(struct world *world, const char *log, uint32_t count, struct seal *seal)
{
	struct seal_hash *hash;
	struct batch batch;
	size_t size, at = 0;
	uint8_t *bytes = rot_read(world, log, &size);
	cr_assert_eq(seal_hash_create(&hash), 0);
	for (uint32_t i = 0; i < count; i++, at += batch.size_bytes) {
		cr_assert_eq(batch_parse_checked((struct slice){bytes + at, size - at}, &batch), 0);
		seal_hash_update(hash, bytes + at, BATCH_HEADER_SIZE);
	}
	seal->log_size_bytes = at;
	seal->next_offset = batch_next_offset(&batch);
	seal->batch_count = seal->record_count = count;
	seal->max_timestamp_offset = seal->base_offset;
	seal_hash_result(hash, &seal->headers_checksum_low, &seal->headers_checksum_high);
	seal_hash_destroy(hash);
	free(bytes);
}

/* A power cut may bring back the seal of an earlier life, in which the log had rolled before where it did in the end. The batches show that it is this segment's, and
 * nothing is lost: a note. One that they do not fit is another's. */
Test(verify, a_seal_of_an_earlier_life)
{
	static const char *const path = "/t-0/00000000000000000000.seal";
	struct world world;
	struct verdict verdict;
	struct seal seal;
	size_t size;
	make_pair(&world, 32);
	uint8_t *bytes = rot_read(&world, path, &size), changed[SEAL_SIZE];
	cr_assert_eq(seal_decode(&seal, (struct slice){bytes, size}), 0);
	make_stale_seal(&world, "/t-0/00000000000000000000.log", 7, &seal);
	seal_encode(&seal, changed);
	rot_write(&world, path, changed, sizeof changed);
	rot_verify(&world, &verdict);
	expect_one(&verdict, FINDING_NOTE, path + 1, "earlier life", "stale");
	seal.headers_checksum_low ^= 1;
	seal_encode(&seal, changed);
	rot_write(&world, path, changed, sizeof changed);
	rot_verify(&world, &verdict);
	expect_one(&verdict, FINDING_DERIVED, path + 1, "of another segment", "another's");
	rot_write(&world, path, bytes, size);
	free(bytes);
	end_world(&world);
}

/* Bytes behind the durable point are nobody's loss: whatever they are, they are counted and not told. */
Test(verify, what_lies_behind_the_end)
{
	struct world world;
	make_stopped(&world, 7);
	for (uint32_t segment = 0; segment < 3; segment++) {
		char log[128];
		size_t size;
		struct verdict verdict;
		log_path(&world, segment, log);
		uint8_t *sound = rot_read(&world, log, &size);
		uint8_t *longer = malloc(size + 5000);
		memcpy(longer, sound, size);
		/* the beginning of a good batch, of offsets that were before */
		memcpy(longer + size, sound, 5000);
		rot_write(&world, log, longer, size + 5000);
		rot_verify(&world, &verdict);
		expect_clean(&verdict, log);
		cr_assert_eq(verdict.count, 0);
		cr_assert_eq(verdict.report.counts.tails, 1);
		cr_assert_eq(verdict.report.counts.tail_bytes, 5000);
		rot_write(&world, log, sound, size);
		free(longer);
		free(sound);
	}
	end_world(&world);
}

/* A power cut may take any part of a file of append times, so what is missing there is a note; what no crash leaves is told as of a derived file. */
Test(verify, append_times)
{
	static const struct {
		const char *name;
		size_t position; /* of the byte that is flipped; or the file is cut to so many */
		bool is_cut;
		enum finding_kind kind;
		const char *what;
	} rows[] = {
		{"a bit of the head", 20, false, FINDING_DERIVED, "its head is damaged"},
		{"a bit of an entry", 70, false, FINDING_NOTE, "checksums"},
		{"the head is cut", 40, true, FINDING_NOTE, "no head"},
		{"all is cut", 0, true, FINDING_NOTE, "no head"},
	};
	const char *path = "/t-0/00000000000000000000.appendtime";
	struct world world;
	struct verdict verdict;
	make_stopped(&world, 2);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size;
		uint8_t *sound = rot_read(&world, path, &size);
		if (rows[i].is_cut)
			rot_cut(&world, path, rows[i].position);
		else
			rot_flip(&world, path, rows[i].position, 4);
		rot_verify(&world, &verdict);
		expect_one(&verdict, rows[i].kind, path + 1, rows[i].what, rows[i].name);
		rot_write(&world, path, sound, size);
		free(sound);
	}
	/* Cut between entries it is as good as it was then. */
	rot_cut(&world, path, APPEND_TIME_HEADER_SIZE);
	rot_verify(&world, &verdict);
	expect_clean(&verdict, "no entries");
	end_world(&world);
}
