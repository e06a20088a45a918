/* Happy path of a check: from a step on the headers of the batches are summed up, beginning with that step's own sum, and at the next step they come to what
 * that says.
 *
 * Failure modes: another sum there, or a batch that reaches beyond it: the stretch is another's. Behind damage nothing is known up to the next step
 * where a batch begins; unless the stretch before was another's, as then the file is taken for that other's until a stretch shows that it is not. */
#include "log/segment/mark.h"

#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"

#define NO_HEADERS 1 /* the checksum of none */

void mark_pass(struct mark *mark, const uint8_t *header, const struct batch *batch)
{
	uint64_t before = mark->position ? mark->headers : NO_HEADERS;
	uint64_t sum = before ? XXH3_64bits_withSeed(header, BATCH_HEADER_SIZE, before) : 0;
	mark->headers = before && !sum ? NO_HEADERS : sum;
	mark->position += batch->size_bytes;
	mark->offset = batch_next_offset(batch);
	mark->last_size_bytes = batch->size_bytes;
	mark->last_crc = batch->crc;
}

/* ---- keeping them --------------------------------------------------------------------------------------------------------- */

static bool grow(struct mark_steps **steps)
{
	uint32_t count = *steps ? (*steps)->count : 0, capacity = count ? 2 * count : 1;
	struct mark_steps *grown = realloc(*steps, sizeof *grown + capacity * sizeof *grown->steps);
	if (!grown)
		return false;
	if (!*steps)
		*grown = (struct mark_steps){.distance = MARK_STEP_MIN};
	grown->capacity = capacity;
	*steps = grown;
	return true;
}

static uint64_t last_position(const struct mark_steps *steps)
{
	return steps && steps->count ? steps->steps[steps->count - 1].position : 0;
}

uint64_t mark_steps_due(const struct mark_steps *steps)
{
	return last_position(steps) + (steps ? steps->distance : MARK_STEP_MIN);
}

static bool is_far_enough(const struct mark_steps *steps, const struct mark *mark)
{
	return mark->position >= mark_steps_due(steps);
}

/* Every second, the last of them among those that stay. */
static void thin_out(struct mark_steps *steps)
{
	uint32_t kept = 0;
	for (uint32_t i = 1; i < steps->count; i += 2)
		steps->steps[kept++] = steps->steps[i];
	steps->count = kept;
	steps->distance *= 2;
}

static struct mark_step step_at(const struct mark *mark)
{
	return (struct mark_step){mark->position, mark->headers, mark->last_size_bytes, mark->last_crc};
}

void mark_steps_note(struct mark_steps **steps, const struct mark *mark)
{
	if (!mark->headers || !mark->last_size_bytes || !is_far_enough(*steps, mark))
		return;
	if (*steps && (*steps)->count == MARK_STEPS_MAX)
		thin_out(*steps);
	bool has_room = *steps && (*steps)->count < (*steps)->capacity;
	if (is_far_enough(*steps, mark) && (has_room || grow(steps)))
		(*steps)->steps[(*steps)->count++] = step_at(mark);
}

void mark_steps_cut(struct mark_steps *steps, uint64_t position)
{
	while (steps && steps->count && last_position(steps) > position)
		steps->count--;
}

uint32_t mark_steps_before(const struct mark_steps *steps, uint64_t position)
{
	uint32_t count = steps ? steps->count : 0;
	while (count && steps->steps[count - 1].position >= position)
		count--;
	return count;
}

/* ---- as bytes --------------------------------------------------------------------------------------------------------------- */

uint8_t *mark_steps_encode(const struct mark_steps *steps, uint32_t count, uint8_t *out)
{
	for (uint32_t i = 0; i < count; i++, out += MARK_STEP_SIZE) {
		store_le64(out, steps->steps[i].position);
		store_le64(out + 8, steps->steps[i].headers);
		store_le32(out + 16, steps->steps[i].last_size_bytes);
		store_le32(out + 20, steps->steps[i].last_crc);
	}
	return out;
}

static bool take_step(struct mark_steps *steps, const uint8_t *bytes, uint64_t end)
{
	struct mark_step step = {load_le64(bytes), load_le64(bytes + 8), load_le32(bytes + 16), load_le32(bytes + 20)};
	bool is_possible = step.position > last_position(steps) && step.position < end && step.headers && step.last_size_bytes >= BATCH_HEADER_SIZE &&
			   step.last_size_bytes <= step.position - last_position(steps);
	if (is_possible)
		steps->steps[steps->count++] = step;
	return is_possible;
}

struct mark_steps *mark_steps_decode(const uint8_t *bytes, uint32_t count, uint64_t end)
{
	if (count > MARK_STEPS_MAX)
		count = MARK_STEPS_MAX;
	struct mark_steps *steps = count ? malloc(sizeof *steps + count * sizeof *steps->steps) : NULL;
	if (!steps)
		return NULL;
	*steps = (struct mark_steps){.capacity = count, .distance = MARK_STEP_MIN};
	for (uint32_t i = 0; i < count && take_step(steps, bytes, end); i++)
		bytes += MARK_STEP_SIZE;
	while (steps->distance < last_position(steps) / MARK_STEPS_MAX)
		steps->distance *= 2;
	return steps;
}

/* ---- a file's batches held against them --------------------------------------------------------------------------------------- */

void mark_check_add(struct mark_check *check, const struct mark *filed)
{
	bool is_new = !check->count || filed->position > check->steps[check->count - 1].position;
	if (filed->position && filed->headers && is_new && check->count < MARK_STEPS_MAX + 2)
		check->steps[check->count++] = step_at(filed);
}

void mark_check_begin(struct mark_check *check, int64_t base_offset, const struct mark_steps *steps, const struct mark *filed)
{
	struct mark begin = {.offset = base_offset};
	check->count = filed->headers ? mark_steps_before(steps, filed->position) : 0;
	check->next = check->bad_count = 0;
	check->passed = check->begin = begin;
	check->is_suspect = false;
	if (check->count)
		memcpy(check->steps, steps->steps, check->count * sizeof *check->steps);
	mark_check_add(check, filed);
}

/* A stretch begins where the last batch ends; if a step is there, with what it says. */
static void begin_stretch(struct mark_check *check)
{
	while (check->next < check->count && check->steps[check->next].position < check->passed.position)
		check->next++;
	bool is_step = check->next < check->count && check->steps[check->next].position == check->passed.position;
	check->passed.headers = is_step ? check->steps[check->next].headers : 0;
	check->next += is_step;
	check->begin = check->passed;
}

/* What touches the one before goes on with it. */
static void note_bad(struct mark_check *check)
{
	struct mark_range *last = check->bad_count ? &check->bad[check->bad_count - 1] : NULL;
	if (check->passed.offset <= check->begin.offset)
		return;
	if (!last || (last->to != check->begin.offset && check->bad_count < MARK_STEPS_MAX + 2)) {
		last = &check->bad[check->bad_count++];
		last->from = check->begin.offset;
		last->position_from = check->begin.position;
	}
	last->to = check->passed.offset;
	last->position_to = check->passed.position;
}

static void judge_stretch(struct mark_check *check)
{
	const struct mark_step *due = &check->steps[check->next];
	if (check->passed.headers)
		check->is_suspect = check->passed.position != due->position || check->passed.headers != due->headers;
	if (check->is_suspect)
		note_bad(check);
}

void mark_check_batch(struct mark_check *check, uint64_t position, const uint8_t *header, const struct batch *batch)
{
	if (check->next == check->count)
		return;
	if (position != check->passed.position || batch->base_offset != check->passed.offset) {
		if (check->is_suspect)
			note_bad(check);
		check->passed.position = position;
		check->passed.offset = batch->base_offset;
		begin_stretch(check);
	}
	if (check->next == check->count)
		return;
	mark_pass(&check->passed, header, batch);
	if (check->passed.position < check->steps[check->next].position)
		return;
	judge_stretch(check);
	begin_stretch(check);
}

void mark_check_end(struct mark_check *check)
{
	if (check->is_suspect && check->next < check->count)
		note_bad(check);
}
