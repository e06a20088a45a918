/* Behind damage: the next batch is one that is whole, is this log's, and leads on; and a disk that does not answer has not said that there is none. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/batch/batch_builder.h"
#include "log/segment/resync.h"

#define BATCHES 5

struct log {
	uint8_t bytes[4096];
	uint64_t at[BATCHES + 1];
	int reads_left;            /* then a read fails; -1: none does */
	uint64_t hole_from, hole;  /* where the file has a hole, and how large; what is behind it in `bytes` lies behind it in the file */
};

static int read_log(void *context, void *out, uint32_t size, uint64_t position)
{
	struct log *log = context;
	if (log->reads_left == 0)
		return -EIO;
	log->reads_left -= log->reads_left > 0;
	for (uint32_t i = 0; i < size; i++) {
		uint64_t at = position + i;
		bool is_hole = at >= log->hole_from && at < log->hole_from + log->hole;
		((uint8_t *)out)[i] = is_hole ? 0 : log->bytes[at < log->hole_from ? at : at - log->hole];
	}
	return 0;
}

/* The zeros that a batch's base offset begins with may be of the hole as well. */
static uint64_t next_data(void *context, uint64_t position)
{
	const struct log *log = context;
	if (position < log->hole_from || position >= log->hole_from + log->hole)
		return position;
	uint64_t at = log->hole_from;
	while (at < sizeof log->bytes && !log->bytes[at])
		at++;
	return log->hole + (at < sizeof log->bytes ? at : log->hole_from);
}

/* Room that was reserved, up to the end of a file of a terabyte. */
static uint64_t hole_to_the_end(void *context, uint64_t position)
{
	return 1ull << 40;
}

static uint32_t put_sized(uint8_t *out, size_t capacity, int64_t base_offset, size_t value_size)
{
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct record record = {.timestamp_ms = 1000, .value = {(const uint8_t *)"0123456789abcdef", value_size}};
	uint32_t size;
	options.base_offset = base_offset;
	options.leader_epoch = 0;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, capacity), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return size;
}

static uint32_t put(uint8_t *out, size_t capacity, int64_t base_offset)
{
	return put_sized(out, capacity, base_offset, 10);
}

/* Batches of one record each; their source. */
static struct resync_source begin(struct log *log)
{
	*log = (struct log){.reads_left = -1};
	for (int i = 0; i < BATCHES; i++)
		log->at[i + 1] = log->at[i] + put(log->bytes + log->at[i], sizeof log->bytes - log->at[i], i);
	uint64_t end = log->at[BATCHES];
	return (struct resync_source){.read = read_log, .context = log, .end_position = end, .end_offset = BATCHES, .fit_position = end, .fit_offset = BATCHES,
				      .file_end = end, .memory_position = end};
}

static void expect_next(const struct resync_source *source, struct log *log, int damaged, int wanted)
{
	uint64_t position;
	struct batch batch;
	int err = resync_find(source, log->at[damaged], damaged - 1, &position, &batch);
	cr_expect_eq(err, 0);
	cr_expect_eq(batch.base_offset, wanted, "%ld", (long)batch.base_offset);
	cr_expect_eq(position, log->at[wanted]);
}

/* Neither its length nor its CRC says where it ends. */
static void ruin(uint8_t *batch)
{
	batch[BATCH_AT_MAGIC] ^= 1;
	batch[BATCH_AT_CRC] ^= 1;
}

/* A batch behind the damaged one that fails its own check is damaged as well: the one behind it is next. */
Test(resync, what_is_found_passes_its_check)
{
	struct log log;
	struct resync_source source = begin(&log);
	log.bytes[log.at[1] + 70] ^= 1;
	expect_next(&source, &log, 1, 2);
	log.bytes[log.at[2] + 70] ^= 1;
	expect_next(&source, &log, 1, 3);
	ruin(log.bytes + log.at[1]); /* nor does its header lead on */
	expect_next(&source, &log, 1, 3);
}

/* A whole batch of another log in the damaged one's place, of a later offset of this one: what is behind it is not what it says. */
Test(resync, a_strangers_batch_is_not_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	memset(log.bytes + log.at[1], 0, log.at[2] - log.at[1]);
	put(log.bytes + log.at[1], log.at[2] - log.at[1], 3);
	expect_next(&source, &log, 1, 2);
	/* The same a few bytes further on, where only a search finds it. */
	source = begin(&log);
	memset(log.bytes + log.at[1], 0, log.at[3] - log.at[1]);
	put(log.bytes + log.at[1] + 7, log.at[3] - log.at[1] - 7, 2);
	expect_next(&source, &log, 1, 3);
}

/* A stray block of several whole batches of another log, one behind the other, of offsets that are due here: behind the block they lead nowhere, be they found at the place that is due or further on. */
Test(resync, strangers_one_behind_the_other_are_not_taken)
{
	for (int shift = 0; shift < 30; shift += 7) {
		struct log log;
		struct resync_source source = begin(&log);
		uint8_t block[256];
		uint32_t size = put(block, sizeof block, 2), both = size + put(block + size, sizeof block - size, 3);
		memset(log.bytes + log.at[1], 0xaa, log.at[4] - log.at[1]);
		memcpy(log.bytes + log.at[1] + shift, block, both);
		expect_next(&source, &log, 1, 4);
	}
}

/* Zeros are where something was lost with its file: two in a row before them are believed, as nothing else could vouch for them; one alone is not. */
Test(resync, what_leads_to_a_hole_is_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	ruin(log.bytes + log.at[0]);
	memset(log.bytes + log.at[3], 0, log.at[4] - log.at[3]);
	expect_next(&source, &log, 0, 1);
	memset(log.bytes + log.at[2], 0, log.at[3] - log.at[2]);
	expect_next(&source, &log, 0, 4);
}

static bool is_fenced_at(const void *fences, int64_t offset, int64_t *from)
{
	*from = *(const int64_t *)fences;
	return offset == *from;
}

/* But one is, if just what would follow is known to be damaged: it was filed between two losses. */
Test(resync, what_leads_to_known_damage_is_taken)
{
	struct log log;
	int64_t fence;
	struct resync_source source = begin(&log);
	source.find_fence = is_fenced_at;
	source.fences = &fence;
	ruin(log.bytes + log.at[0]);
	memset(log.bytes + log.at[2], 0, log.at[4] - log.at[2]);
	fence = 3;
	expect_next(&source, &log, 0, 4);
	fence = 2;
	expect_next(&source, &log, 0, 1);
}

/* A mark on the way settles it: a batch ends there, and this one; what is behind may be damaged. */
Test(resync, what_leads_to_a_mark_is_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct batch second;
	cr_assert_eq(batch_parse_header((struct slice){log.bytes + log.at[2], BATCH_HEADER_SIZE}, &second), 0);
	struct mark_steps *steps = calloc(1, sizeof *steps + sizeof *steps->steps);
	steps->count = steps->capacity = 1;
	steps->steps[0] = (struct mark_step){log.at[3], 1, second.size_bytes, second.crc};
	source.steps = steps;
	ruin(log.bytes + log.at[1]);
	ruin(log.bytes + log.at[3]); /* its header */
	expect_next(&source, &log, 1, 2);
	steps->steps[0].last_crc ^= 1; /* another ended there */
	expect_next(&source, &log, 1, 4);
	steps->steps[0] = (struct mark_step){log.at[3] - 1, 1, second.size_bytes, second.crc}; /* and none here */
	expect_next(&source, &log, 1, 4);
	source.steps = NULL;
	expect_next(&source, &log, 1, 4);
	free(steps);
}

/* ---- places that are known ------------------------------------------------------------------------------------------------- */

/* Another log's batches of these offsets, one behind the other, each by so many bytes larger than one of this log's. */
static uint64_t put_strangers(struct log *log, uint64_t at, int64_t base_offset, const int *larger, int count)
{
	for (int i = 0; i < count; i++)
		at += put_sized(log->bytes + at, sizeof log->bytes - at, base_offset + i, (size_t)(10 + larger[i]));
	return at;
}

static void expect_none(const struct resync_source *source, struct log *log, int damaged)
{
	uint64_t position;
	struct batch batch;
	cr_expect_eq(resync_find(source, log->at[damaged], damaged - 1, &position, &batch), ERR_CORRUPT_LOG);
}

static void know(struct resync_source *source, struct offset_index *places, const struct log *log, int batch)
{
	if (!source->places)
		offset_index_init(places, 0, 800);
	source->places = places;
	cr_assert_eq(offset_index_add(places, batch, (uint32_t)log->at[batch]), 0);
}

/* However far they lead: another log's batches pass a known place by. */
Test(resync, strangers_that_pass_a_place_by_are_not_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct offset_index places;
	ruin(log.bytes + log.at[1]);
	put_strangers(&log, log.at[2], 2, (int[]){2, -1, -1}, 3);
	expect_next(&source, &log, 1, 2); /* they lead to the end */
	know(&source, &places, &log, 3);
	know(&source, &places, &log, 4);
	uint64_t position;
	struct batch batch;
	cr_expect_eq(resync_find(&source, log.at[1], 0, &position, &batch), 0);
	cr_expect_eq(batch.base_offset, 4, "%ld", (long)batch.base_offset); /* behind the last place it is as without any */
	offset_index_fini(&places);
}

/* Damage that is known stands before a place as well. */
Test(resync, what_leads_to_known_damage_need_not_reach_a_place)
{
	struct log log;
	int64_t fence = 2;
	struct resync_source source = begin(&log);
	struct offset_index places;
	ruin(log.bytes + log.at[0]);
	memset(log.bytes + log.at[2], 0, log.at[3] - log.at[2]);
	know(&source, &places, &log, 4);
	expect_next(&source, &log, 0, 3);
	source.find_fence = is_fenced_at;
	source.fences = &fence;
	expect_next(&source, &log, 0, 1);
	offset_index_fini(&places);
}

/* Nor those that the length of a damaged batch leads to. */
Test(resync, a_length_does_not_lead_past_a_place)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct offset_index places;
	log.bytes[log.at[1] + 70] ^= 1;
	memset(log.bytes + log.at[2], 0xaa, log.at[4] - log.at[2]);
	put_strangers(&log, log.at[2], 2, (int[]){2}, 1);
	expect_next(&source, &log, 1, 2);
	know(&source, &places, &log, 3);
	expect_next(&source, &log, 1, 4);
	offset_index_fini(&places);
}

/* The batch at the place is the one of its offset. */
Test(resync, what_stands_at_a_place_has_its_offset)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct offset_index places;
	ruin(log.bytes + log.at[1]);
	know(&source, &places, &log, 2);
	know(&source, &places, &log, 4);
	expect_next(&source, &log, 1, 2);
	places.entries[0].relative_offset = 1;
	expect_next(&source, &log, 1, 3);
	places.entries[1].relative_offset = 5;
	expect_none(&source, &log, 1);
	offset_index_fini(&places);
}

/* A header at the place that is damaged as well says nothing against what leads there; nor need anything behind it be whole. */
Test(resync, what_leads_to_a_damaged_batch_at_its_place_is_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct offset_index places;
	ruin(log.bytes + log.at[1]);
	ruin(log.bytes + log.at[3]);
	know(&source, &places, &log, 3);
	expect_next(&source, &log, 1, 2);
	ruin(log.bytes + log.at[3]);
	ruin(log.bytes + log.at[4]);
	expect_next(&source, &log, 1, 2);
	offset_index_fini(&places);
}

static void expect_begin(const struct resync_source *source, uint64_t met, int64_t due, uint64_t position, int64_t offset)
{
	cr_expect_eq(resync_find_begin(source, &met, &due), 0);
	cr_expect_eq(met, position, "%lu, not %lu", (unsigned long)met, (unsigned long)position);
	cr_expect_eq(due, offset, "%ld, not %ld", (long)due, (long)offset);
}

/* Another log's batches that begin where one of just that offset is due: damage is met behind them, and begins at the last place that they have not passed by. */
Test(resync, damage_begins_before_whole_strangers)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct offset_index places;
	uint64_t met = put_strangers(&log, log.at[2], 2, (int[]){3}, 1);
	memset(log.bytes + met, 0xaa, log.at[4] - met);
	expect_begin(&source, met, 3, met, 3);
	know(&source, &places, &log, 3);
	expect_begin(&source, met, 3, 0, 0);
	offset_index_fini(&places);
	source.places = NULL;
	know(&source, &places, &log, 1);
	expect_begin(&source, met, 3, met, 3); /* nothing is passed by */
	know(&source, &places, &log, 3);
	expect_begin(&source, met, 3, log.at[1], 1);
	expect_next(&source, &log, 1, 4);
	offset_index_fini(&places);
}

/* Damage of several batches is no reason to give up those before it. */
Test(resync, damage_begins_where_it_is_met)
{
	struct log log;
	struct resync_source source = begin(&log);
	struct offset_index places;
	for (int i = 1; i < BATCHES; i++)
		know(&source, &places, &log, i);
	ruin(log.bytes + log.at[3]);
	expect_begin(&source, log.at[3], 3, log.at[3], 3);
	for (size_t at = 0; at < BATCH_HEADER_SIZE; at++) { /* the one before is damaged as well, and passed over */
		log.bytes[log.at[2] + at] ^= 1;
		expect_begin(&source, log.at[3], 3, log.at[3], 3);
		log.bytes[log.at[2] + at] ^= 1;
	}
	log.reads_left = 0;
	uint64_t position = log.at[3];
	int64_t due = 3;
	cr_expect_eq(resync_find_begin(&source, &position, &due), -EIO);
	offset_index_fini(&places);
}

/* So is the end of a file that was cut, of which memory has the rest. */
Test(resync, what_leads_to_the_end_of_a_cut_file_is_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	ruin(log.bytes + log.at[0]);
	ruin(log.bytes + log.at[3]);
	expect_next(&source, &log, 0, 4);
	source.file_end = log.at[3] + 10;
	source.memory_position = log.at[4];
	expect_next(&source, &log, 0, 1);
}

/* Whichever read fails: that error, and not "there is none". */
Test(resync, a_read_that_fails_is_an_error)
{
	struct log log;
	struct resync_source source = begin(&log);
	ruin(log.bytes + log.at[1]);
	for (int reads = 0; reads < 100; reads++) {
		uint64_t position;
		struct batch batch;
		log.reads_left = reads;
		int err = resync_find(&source, log.at[1], 0, &position, &batch);
		cr_expect(err == -EIO || err == 0, "%d: %d", reads, err);
		if (err == 0) {
			cr_expect_geq(reads, 3);
			cr_expect_eq(batch.base_offset, 2);
			return;
		}
	}
	cr_assert_fail("it never ended");
}

/* A hole is not read: a file of a terabyte that is none but for its ends costs what its ends cost. Wherever it begins and ends, what is behind it is found. */
Test(resync, a_hole_is_passed_over)
{
	for (uint64_t from = 0; from < 100; from++) {
		struct log log;
		struct resync_source source = begin(&log);
		memset(log.bytes + log.at[1], 0, log.at[2] - log.at[1]);
		log.hole_from = log.at[1] + from;
		log.hole = 1ull << 40;
		if (log.hole_from > log.at[2])
			break;
		source.end_position = source.fit_position = source.file_end = source.memory_position = log.at[BATCHES] + log.hole;
		source.next_data = next_data;
		log.reads_left = 20;
		uint64_t position;
		struct batch batch;
		cr_assert_eq(resync_find(&source, log.at[1], 0, &position, &batch), 0, "%ld", (long)from);
		cr_expect_eq(batch.base_offset, 2);
		cr_expect_eq(position, log.at[2] + log.hole);
	}
}

/* A hole to the file's end: there is nothing, and that is known at once. */
Test(resync, a_hole_to_the_end_is_the_end)
{
	struct log log;
	struct resync_source source = begin(&log);
	log.hole_from = log.at[1];
	log.hole = 1ull << 40;
	source.end_position = source.fit_position = source.file_end = source.memory_position = log.at[1] + log.hole;
	source.next_data = next_data;
	log.reads_left = 20;
	uint64_t position;
	struct batch batch;
	cr_expect_eq(resync_find(&source, log.at[1], 0, &position, &batch), ERR_CORRUPT_LOG);
}

/* What is in memory is not in the file yet: its holes there say nothing. */
Test(resync, a_hole_below_memory_hides_nothing)
{
	struct log log;
	struct resync_source source = begin(&log);
	memset(log.bytes + log.at[1], 0, log.at[2] - log.at[1]);
	source.memory_position = log.at[2];
	source.file_end = 1ull << 40;
	source.next_data = hole_to_the_end;
	expect_next(&source, &log, 1, 2);
}

/* ---- a file that a byte was put into, or taken out of ------------------------------------------------------------------------ */

#define MANY 2000
#define MANY_SIZE ((size_t)MANY * 128)

struct moved {
	uint8_t bytes[MANY_SIZE];
	uint64_t at[MANY + 1], file_end, reads;
};

static int read_moved(void *context, void *out, uint32_t size, uint64_t position)
{
	struct moved *moved = context;
	moved->reads++;
	if (position + size > moved->file_end)
		return ERR_CORRUPT_LOG;
	memcpy(out, moved->bytes + position, size);
	return 0;
}

/* MANY batches, and one more that was appended since, in memory or behind the file. */
static struct resync_source begin_moved(struct moved *moved, bool is_appended)
{
	memset(moved, 0, sizeof *moved);
	for (int i = 0; i < MANY; i++)
		moved->at[i + 1] = moved->at[i] + put(moved->bytes + moved->at[i], MANY_SIZE - moved->at[i], i);
	uint64_t filed = moved->at[MANY], end = filed + (is_appended ? put(moved->bytes + filed, MANY_SIZE - filed, MANY) : 0);
	int64_t end_offset = is_appended ? MANY + 1 : MANY;
	moved->file_end = end;
	return (struct resync_source){.read = read_moved, .context = moved, .end_position = end, .end_offset = end_offset, .fit_position = end, .fit_offset = end_offset,
				      .file_end = end, .memory_position = end, .known_position = filed, .known_offset = MANY};
}

static void move_from(struct moved *moved, uint64_t from, int by)
{
	uint8_t *at = moved->bytes + from;
	size_t size = moved->at[MANY] - from;
	if (by > 0)
		memmove(at + 1, at, size - 1);
	else
		memmove(at, at + 1, size - 1);
	if (by < 0)
		at[size - 1] = 0;
}

/* However far it is to where the log ended when it was filed, and whatever was appended there: what leads past it, or not quite to it, stands elsewhere than it was filed. Each of those is
 * followed to there once, and not from each of its batches. */
Test(resync, what_has_moved_is_not_taken)
{
	struct moved *moved = malloc(sizeof *moved);
	for (int by = -1; by <= 1; by += 2)
		for (int is_appended = 0; is_appended < 2; is_appended++)
			for (int damaged = MANY - 3; damaged > 0; damaged -= 660) {
				uint64_t position;
				struct batch batch;
				struct resync_source source = begin_moved(moved, is_appended);
				move_from(moved, moved->at[damaged] + 5, by);
				if (by < 0 && !is_appended)
					source.file_end = moved->file_end = source.end_position - 1;
				int err = resync_find(&source, moved->at[damaged], damaged - 1, &position, &batch);
				cr_expect_eq(err, is_appended ? 0 : ERR_CORRUPT_LOG, "%d at %d: %s", by, damaged, err_name(err));
				if (!err)
					cr_expect_eq(batch.base_offset, MANY, "%ld", (long)batch.base_offset);
				cr_expect_lt(moved->reads, 4 * MANY, "%lu reads", (unsigned long)moved->reads);
			}
	free(moved);
}

/* Where it ended, and yet with another offset. */
Test(resync, what_ends_with_another_offset_is_not_taken)
{
	struct moved *moved = malloc(sizeof *moved);
	struct resync_source source = begin_moved(moved, true);
	uint64_t position;
	struct batch batch;
	source.known_offset = MANY + 1;
	ruin(moved->bytes + moved->at[10]);
	cr_assert_eq(resync_find(&source, moved->at[10], 9, &position, &batch), 0);
	cr_expect_eq(batch.base_offset, MANY);
	free(moved);
}

/* The same between steps. */
Test(resync, what_has_moved_past_a_step_is_not_taken)
{
	struct moved *moved = malloc(sizeof *moved);
	struct resync_source source = begin_moved(moved, false);
	struct mark_steps *steps = NULL;
	struct batch last;
	uint64_t position;
	int step = 1500, damaged = 100;
	cr_assert_eq(batch_parse_header((struct slice){moved->bytes + moved->at[step - 1], BATCH_HEADER_SIZE}, &last), 0);
	mark_steps_note(&steps, &(struct mark){.position = moved->at[step], .offset = step, .headers = 1, .last_size_bytes = last.size_bytes, .last_crc = last.crc});
	source.steps = steps;
	source.known_position = 0;
	move_from(moved, moved->at[damaged] + 5, -1);
	memmove(moved->bytes + moved->at[step] + 1, moved->bytes + moved->at[step], moved->at[MANY] - moved->at[step] - 1); /* and right again behind it */
	cr_assert_eq(resync_find(&source, moved->at[damaged], damaged - 1, &position, &last), 0);
	cr_expect_geq(position, moved->at[step]);
	free(steps);
	free(moved);
}

/* Two headers that are damaged, far from each other: what is between leads to the second, which is no place that is known, and is kept. */
Test(resync, what_leads_far_to_damage_is_taken)
{
	struct moved *moved = malloc(sizeof *moved);
	struct resync_source source = begin_moved(moved, false);
	uint64_t position;
	struct batch batch;
	ruin(moved->bytes + moved->at[10]);
	ruin(moved->bytes + moved->at[1990]);
	cr_assert_eq(resync_find(&source, moved->at[10], 9, &position, &batch), 0);
	cr_expect_eq(batch.base_offset, 11);
	free(moved);
}

/* Two headers that are damaged, near each other, and no place between that is known: a byte of a header costs its own batch, whichever it is. What the CRC covers leaves the length, which leads to the next;
 * of the rest the CRC tells where the batch ends. */
Test(resync, two_bytes_of_headers_cost_two_batches)
{
	for (uint32_t first = 0; first < BATCH_HEADER_SIZE; first++)
		for (uint32_t second = 0; second < BATCH_HEADER_SIZE; second++)
			for (uint8_t bits = 1; bits; bits <<= 1) {
				struct log log;
				struct resync_source source = begin(&log);
				source.end_offset = INT64_MAX;
				log.bytes[log.at[0] + first] ^= bits;
				log.bytes[log.at[3] + second] ^= bits;
				expect_next(&source, &log, 0, 1);
			}
}

/* A byte that is put into a header, or taken out, leaves its CRC where it was not: nothing follows from that. */
Test(resync, a_header_that_has_moved_tells_nothing)
{
	for (int by = -1; by <= 1; by += 2) {
		struct moved *moved = malloc(sizeof *moved);
		struct resync_source source = begin_moved(moved, false);
		uint64_t position;
		struct batch batch;
		move_from(moved, moved->at[10] + 5, by);
		cr_expect_eq(resync_find(&source, moved->at[10], 9, &position, &batch), ERR_CORRUPT_LOG);
		free(moved);
	}
}

static bool is_fenced_between(const void *fences, int64_t offset, int64_t *from)
{
	const int64_t *range = fences;
	*from = range[0];
	return range[0] <= offset && offset < range[1];
}

/* Nothing is looked for in a range that is fenced: what was found to lead nowhere may seem to lead somewhere once more was appended. */
Test(resync, nothing_is_found_in_a_fence)
{
	struct log log;
	const int64_t fence[] = {2, 4};
	struct resync_source source = begin(&log);
	source.find_fence = is_fenced_between;
	source.fences = fence;
	ruin(log.bytes + log.at[1]);
	expect_next(&source, &log, 1, 4);
}
