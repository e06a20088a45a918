/* Marks on the way through a segment: which are kept, as bytes, and what is told of a file's batches by them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/bytes.h"
#include "log/segment/mark.h"

#define SIZE 1024u

/* A header is as good as any other: nothing but its bytes, its size and its offsets counts. */
static struct batch batch_of(uint8_t header[BATCH_HEADER_SIZE], uint64_t number, uint8_t owner, uint32_t size)
{
	memset(header, owner, BATCH_HEADER_SIZE);
	store_le64(header, number);
	return (struct batch){.base_offset = (int64_t)number, .size_bytes = size, .crc = (uint32_t)number * 16 + owner};
}

static struct mark_steps *note(uint64_t count, struct mark *end)
{
	struct mark_steps *steps = NULL;
	*end = (struct mark){0};
	for (uint64_t i = 0; i < count; i++) {
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch batch = batch_of(header, i, 1, SIZE);
		mark_pass(end, header, &batch);
		mark_steps_note(&steps, end);
	}
	return steps;
}

static void pass(struct mark_check *check, uint64_t position, uint64_t number, uint8_t owner, uint32_t size)
{
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch = batch_of(header, number, owner, size);
	mark_check_batch(check, position, header, &batch);
}

/* [from, to), one behind the other. */
static void pass_all(struct mark_check *check, uint64_t from, uint64_t to, uint8_t owner)
{
	for (uint64_t i = from; i < to; i++)
		pass(check, i * SIZE, i, owner, SIZE);
}

static void begin(struct mark_check *check, uint64_t count)
{
	struct mark end;
	struct mark_steps *steps = note(count, &end);
	mark_check_begin(check, 0, steps, &end);
	free(steps);
}

static void expect_bad(const struct mark_check *check, int64_t from, int64_t to)
{
	cr_assert_eq(check->bad_count, 1);
	cr_assert_eq(check->bad[0].from, from);
	cr_assert_eq(check->bad[0].to, to);
	cr_assert_eq(check->bad[0].position_from, (uint64_t)from * SIZE);
}

/* However long the segment is, they lie evenly, and the last is not far from its end. */
Test(mark, few_are_kept)
{
	for (uint64_t count = 0; count < 5000; count += 7) {
		struct mark end;
		struct mark_steps *steps = note(count, &end);
		uint64_t before = 0, distance = steps ? steps->distance : MARK_STEP_MIN;
		cr_assert_eq(steps != NULL, count >= MARK_STEP_MIN / SIZE);
		for (uint32_t i = 0; steps && i < steps->count; i++) {
			cr_assert_eq(steps->steps[i].position - before, distance);
			before = steps->steps[i].position;
		}
		cr_assert(!steps || (steps->count <= MARK_STEPS_MAX && (count * SIZE < distance * 9 || steps->count > MARK_STEPS_MAX / 2)));
		cr_assert_lt(end.position - before, distance);
		free(steps);
	}
}

Test(mark, as_bytes)
{
	struct mark end;
	uint8_t bytes[MARK_STEPS_MAX * MARK_STEP_SIZE];
	struct mark_steps *steps = note(100, &end);
	uint32_t count = mark_steps_before(steps, end.position);
	cr_assert_eq((size_t)(mark_steps_encode(steps, count, bytes) - bytes), count * MARK_STEP_SIZE);
	struct mark_steps *read = mark_steps_decode(bytes, count, end.position);
	cr_assert(read && read->count == count && memcmp(read->steps, steps->steps, count * sizeof *read->steps) == 0);
	mark_steps_note(&read, &end);
	cr_assert_leq(read->count, count + 1);
	free(read);
	memcpy(bytes + MARK_STEP_SIZE, bytes, MARK_STEP_SIZE); /* not behind the one before */
	read = mark_steps_decode(bytes, count, end.position);
	cr_assert(read && read->count == 1);
	free(read);
	cr_assert_null(mark_steps_decode(bytes, 0, end.position));
	mark_steps_cut(steps, 9 * SIZE);
	cr_assert_eq(steps->count, 1);
	free(steps);
}

/* The steps lie behind each eighth batch. */
Test(mark, of_the_segments_own)
{
	struct mark_check check;
	begin(&check, 100);
	pass_all(&check, 0, 100, 1);
	mark_check_end(&check);
	cr_assert_eq(check.bad_count, 0);
	begin(&check, 100); /* and with damage in between */
	pass_all(&check, 0, 10, 1);
	pass_all(&check, 12, 70, 1);
	mark_check_end(&check);
	cr_assert_eq(check.bad_count, 0);
}

Test(mark, one_stretch_of_anothers)
{
	struct mark_check check;
	begin(&check, 100);
	pass_all(&check, 0, 41, 1);
	pass_all(&check, 41, 42, 2);
	pass_all(&check, 42, 100, 1);
	mark_check_end(&check);
	expect_bad(&check, 40, 48);
}

/* To the end of the file, wherever that is, and over damage in it. */
Test(mark, anothers_from_somewhere_on)
{
	for (uint64_t end = 48; end <= 100; end++) {
		struct mark_check check;
		begin(&check, 100);
		pass_all(&check, 0, 41, 1);
		pass_all(&check, 41, end, 2);
		mark_check_end(&check);
		expect_bad(&check, 40, (int64_t)end);
	}
	struct mark_check check;
	begin(&check, 100);
	pass_all(&check, 0, 41, 1);
	pass_all(&check, 41, 57, 2);
	pass_all(&check, 59, 80, 2);
	mark_check_end(&check);
	cr_assert_eq(check.bad_count, 2);
	cr_assert(check.bad[0].from == 40 && check.bad[0].to == 57 && check.bad[1].from == 59 && check.bad[1].to == 80);
}

/* What ends before a step, and does not come to it, may be a file that was cut. */
Test(mark, a_file_that_was_cut)
{
	struct mark_check check;
	begin(&check, 100);
	pass_all(&check, 0, 45, 1);
	mark_check_end(&check);
	cr_assert_eq(check.bad_count, 0);
}

/* Of other sizes: a batch reaches beyond a step, and from then on no step is met. */
Test(mark, anothers_of_other_sizes)
{
	struct mark_check check;
	begin(&check, 100);
	pass_all(&check, 0, 40, 1);
	for (uint64_t i = 40, position = 40 * SIZE; i < 60; i++, position += 700)
		pass(&check, position, i, 2, 700);
	mark_check_end(&check);
	expect_bad(&check, 40, 60);
}

Test(mark, nothing_is_known)
{
	struct mark_check check;
	struct mark nothing = {0};
	mark_check_begin(&check, 0, NULL, &nothing);
	pass_all(&check, 0, 100, 2);
	mark_check_end(&check);
	cr_assert_eq(check.bad_count, 0);
}
