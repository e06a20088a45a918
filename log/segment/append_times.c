/* Steps of append times: in memory, searched, and as bytes. A search goes by halves; damaged steps are passed over, and leave a range between what
 * is known on either side of them. */
#include "log/segment/append_times.h"

#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"

#define CAPACITY_FIRST 3u /* with the head: 64 bytes, as most partitions need no more between two cycles of write-behind */
#define DAMAGED_MAX 4096u /* so many are passed over in one search; behind that nothing is known */
#define FORMAT_VERSION 1u

/* ---- in memory -------------------------------------------------------------------------------------------------------- */

static bool grow(struct append_times **times)
{
	uint32_t capacity = *times ? (*times)->capacity * 2 : CAPACITY_FIRST;
	if (*times && (*times)->count >= APPEND_STEPS_MAX)
		return false;
	struct append_times *grown = realloc(*times, sizeof *grown + capacity * sizeof *grown->steps);
	if (!grown)
		return false;
	if (!*times)
		grown->count = 0;
	grown->capacity = capacity;
	*times = grown;
	return true;
}

static bool add_step(struct append_times **times, int64_t end_offset, int64_t time_ms)
{
	if ((!*times || (*times)->count == (*times)->capacity) && !grow(times))
		return false;
	struct append_times *to = *times;
	to->steps[to->count++] = (struct append_step){end_offset, time_ms};
	return true;
}

void append_times_note(struct append_times **times, int64_t from, int64_t to, int64_t time_ms)
{
	struct append_times *known = *times;
	if (from >= to || (known && to <= append_times_end(known)))
		return;
	if (known && from > append_times_end(known) && !add_step(times, from, APPEND_TIME_UNKNOWN))
		return;
	known = *times;
	if (known && known->steps[known->count - 1].time_ms == time_ms)
		known->steps[known->count - 1].end_offset = to;
	else if (add_step(times, to, time_ms) && !known)
		(*times)->from = from;
}

static int get_from_memory(void *context, uint32_t index, struct append_step *out)
{
	const struct append_times *times = context;
	*out = times->steps[index];
	return 1;
}

struct append_steps append_times_steps(const struct append_times *times)
{
	return (struct append_steps){times->from, times->count, get_from_memory, (void *)times};
}

/* ---- search -------------------------------------------------------------------------------------------------------------- */

/* The first good step from `index` on; count if there is none near. */
static uint32_t good_from(const struct append_steps *steps, uint32_t index, struct append_step *out)
{
	for (uint32_t i = index; i < steps->count && i - index < DAMAGED_MAX; i++)
		if (steps->get(steps->context, i, out))
			return i;
	return steps->count;
}

uint32_t append_steps_search(const struct append_steps *steps, int64_t offset)
{
	uint32_t low = 0, high = steps->count;
	struct append_step step;
	if (high > 0 && steps->get(steps->context, high - 1, &step) && step.end_offset <= offset)
		return high; /* what is added goes there, and what consumers ask of is near */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint32_t good = good_from(steps, middle, &step);
		if (good < steps->count && step.end_offset <= offset)
			low = good + 1;
		else
			high = middle;
	}
	return low;
}

static int64_t known_before(const struct append_steps *steps, uint32_t index)
{
	struct append_step step;
	for (uint32_t i = index; i > 0 && index - i < DAMAGED_MAX; i--)
		if (steps->get(steps->context, i - 1, &step) && step.time_ms != APPEND_TIME_UNKNOWN)
			return step.time_ms;
	return APPEND_TIME_UNKNOWN;
}

static int64_t known_behind(const struct append_steps *steps, uint32_t index)
{
	struct append_step step;
	for (uint32_t i = index; i < steps->count && i - index < DAMAGED_MAX; i++)
		if (steps->get(steps->context, i, &step) && step.time_ms != APPEND_TIME_UNKNOWN)
			return step.time_ms;
	return APPEND_TIME_UNKNOWN;
}

bool append_steps_tell(const struct append_steps *steps, int64_t offset, struct append_time *out)
{
	struct append_step step;
	uint32_t at = offset < steps->from ? 0 : append_steps_search(steps, offset);
	bool is_here = offset >= steps->from && at < steps->count && steps->get(steps->context, at, &step);
	if (is_here && step.time_ms != APPEND_TIME_UNKNOWN) {
		*out = (struct append_time){step.time_ms, step.time_ms};
		return true;
	}
	int64_t before = known_before(steps, at), behind = known_behind(steps, at);
	if (before != APPEND_TIME_UNKNOWN)
		out->low_ms = before;
	if (behind != APPEND_TIME_UNKNOWN && out->high_ms == APPEND_TIME_UNKNOWN)
		out->high_ms = behind;
	return false;
}

/* ---- bytes --------------------------------------------------------------------------------------------------------------- */

static const char magic[8] = {'S', 'P', 'A', 'T', 'E', 'A', 'P', 'T'};
#define CHECKSUM_AT (APPEND_TIME_HEADER_SIZE - 8)

uint32_t append_time_header_encode(const struct append_time_owner *owner, uint8_t *out)
{
	memset(out, 0, APPEND_TIME_HEADER_SIZE);
	memcpy(out, magic, sizeof magic);
	store_le32(out + 8, FORMAT_VERSION);
	store_le32(out + 12, owner->partition);
	memcpy(out + 16, owner->topic_id.bytes, sizeof owner->topic_id.bytes);
	store_le64(out + 32, (uint64_t)owner->base_offset);
	store_le32(out + 40, owner->first_crc);
	uint64_t checksum = XXH3_64bits(out, CHECKSUM_AT);
	store_le64(out + CHECKSUM_AT, checksum);
	return (uint32_t)checksum;
}

int append_time_header_decode(struct append_time_owner *owner, uint32_t *seed, struct slice bytes)
{
	if (bytes.size < APPEND_TIME_HEADER_SIZE || memcmp(bytes.data, magic, sizeof magic) != 0)
		return ERR_CORRUPT_LOG;
	uint64_t checksum = load_le64(bytes.data + CHECKSUM_AT);
	if (checksum != XXH3_64bits(bytes.data, CHECKSUM_AT))
		return ERR_CORRUPT_LOG;
	if (load_le32(bytes.data + 8) != FORMAT_VERSION)
		return ERR_FORMAT;
	*owner = (struct append_time_owner){
		.partition = load_le32(bytes.data + 12), .base_offset = (int64_t)load_le64(bytes.data + 32), .first_crc = load_le32(bytes.data + 40)};
	memcpy(owner->topic_id.bytes, bytes.data + 16, sizeof owner->topic_id.bytes);
	*seed = (uint32_t)checksum;
	return owner->base_offset < 0 ? ERR_CORRUPT_LOG : 0;
}

static uint32_t entry_checksum(const uint8_t *bytes, uint32_t previous_end, uint32_t seed)
{
	return (uint32_t)XXH3_64bits_withSeed(bytes, APPEND_TIME_ENTRY_SIZE - 4, (uint64_t)previous_end << 32 | seed);
}

void append_time_entry_encode(const struct append_step *step, int64_t previous_end, int64_t base_offset, uint32_t seed, uint8_t *out)
{
	store_le64(out, (uint64_t)step->time_ms);
	store_le32(out + 8, (uint32_t)(step->end_offset - base_offset));
	store_le32(out + 12, entry_checksum(out, (uint32_t)(previous_end - base_offset), seed));
}

bool append_time_entry_decode(struct append_step *step, const uint8_t *bytes, const uint8_t *previous, int64_t base_offset, uint32_t seed)
{
	uint32_t previous_end = previous ? load_le32(previous + 8) : 0, end = load_le32(bytes + 8);
	if (load_le32(bytes + 12) != entry_checksum(bytes, previous_end, seed) || end <= previous_end)
		return false;
	*step = (struct append_step){base_offset + end, (int64_t)load_le64(bytes)};
	return true;
}
