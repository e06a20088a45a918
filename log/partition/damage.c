/* Damage of a partition: which offsets fail their check, and how a reader gets past them.
 *
 * Happy path: there is none. A reader that meets bytes that are not a batch where one is due fences them: from the offset that is due up to the
 * next whole batch, or the segment's end. What is fenced is told on stderr once, is in the checkpoint, and is never served or cut again; a range
 * that has no place in the list for want of memory is found again by its CRC at the next read. */
#include <stdio.h>
#include <stdlib.h>

#include "log/partition/partition_priv.h"

/* Takes up what touches [from, to) into it; *at becomes its place. */
static void absorb(struct partition *partition, struct damage *range, uint32_t *at)
{
	uint32_t kept = 0;
	*at = 0;
	for (uint32_t i = 0; i < partition->damage_count; i++) {
		const struct damage *one = &partition->damages[i];
		bool is_apart = one->to < range->from || range->to < one->from;
		if (!is_apart) {
			range->from = one->from < range->from ? one->from : range->from;
			range->to = one->to > range->to ? one->to : range->to;
			continue;
		}
		*at += one->from < range->from;
		partition->damages[kept++] = *one;
	}
	partition->damage_count = kept;
}

void partition__add_damage(struct partition *partition, int64_t from, int64_t to)
{
	for (uint32_t i = 0; i < partition->damage_count; i++)
		if (partition->damages[i].from <= from && to <= partition->damages[i].to)
			return;
	struct damage *grown = realloc(partition->damages, (partition->damage_count + 1) * sizeof *grown);
	if (!grown)
		return;
	partition->damages = grown;
	struct damage range = {from, to};
	uint32_t at;
	absorb(partition, &range, &at);
	for (uint32_t i = partition->damage_count++; i > at; i--)
		grown[i] = grown[i - 1];
	grown[at] = range;
	partition->home->damaged_ranges++;
	partition->home->has_new_damage = true;
	fprintf(stderr, "spate: error: %s-%u: offsets [%ld, %ld) are damaged: fenced, not served\n", partition->topic->name,
		partition->index, (long)from, (long)to);
}

void partition__lift_damage(struct partition *partition, int64_t from, int64_t to)
{
	struct damage *left = partition__is_damaged(partition, from, to) ? malloc((partition->damage_count + 1) * sizeof *left) : NULL;
	uint32_t count = 0;
	if (!left)
		return;
	for (uint32_t i = 0; i < partition->damage_count; i++) {
		const struct damage *one = &partition->damages[i];
		bool is_apart = one->to <= from || to <= one->from;
		if (is_apart || one->from < from) /* one at most is cut in two */
			left[count++] = (struct damage){one->from, is_apart ? one->to : from};
		if (!is_apart && one->to > to)
			left[count++] = (struct damage){to, one->to};
	}
	free(partition->damages);
	partition->damages = left;
	partition->damage_count = count;
	partition->home->has_new_damage = true; /* the next checkpoint forgets it */
	fprintf(stderr, "spate: %s-%u: offsets [%ld, %ld) are whole again: served\n", partition->topic->name, partition->index, (long)from, (long)to);
}

const struct damage *partition__next_damage(const struct partition *partition, int64_t offset)
{
	for (uint32_t i = 0; i < partition->damage_count; i++)
		if (partition->damages[i].to > offset)
			return &partition->damages[i];
	return NULL;
}

bool partition__is_damaged(const struct partition *partition, int64_t from, int64_t to)
{
	const struct damage *damage = partition__next_damage(partition, from);
	return damage && damage->from < to;
}

bool partition__find_damage(const void *partition, int64_t offset, int64_t *from)
{
	const struct damage *damage = partition__next_damage(partition, offset);
	if (!damage || damage->from > offset)
		return false;
	*from = damage->from;
	return true;
}

int64_t partition_damage_end(const struct partition *partition, int64_t offset)
{
	const struct damage *damage = partition__next_damage(partition, offset);
	return damage && damage->from <= offset ? damage->to : offset + 1;
}

uint32_t partition_damage_count(const struct partition *partition)
{
	return partition->damage_count;
}

uint32_t partition_damages(const struct partition *partition, struct damage *out, uint32_t count_max)
{
	uint32_t count = partition->damage_count < count_max ? partition->damage_count : count_max;
	if (count) /* memcpy takes no NULL */
		memcpy(out, partition->damages, count * sizeof *out);
	return count;
}

struct damage_span partition_damage_span(const struct partition *partition)
{
	uint32_t count = partition->damage_count;
	struct damage_span span = {.ranges = count, .first_offset = -1, .last_offset = -1};
	for (uint32_t i = 0; i < count; i++)
		span.offsets += (uint64_t)(partition->damages[i].to - partition->damages[i].from);
	if (count) {
		span.first_offset = partition->damages[0].from;
		span.last_offset = partition->damages[count - 1].to - 1;
	}
	return span;
}

int partition__fence(struct partition *partition, struct segment *segment, uint64_t position, int64_t expected, int64_t wanted,
		      uint64_t *next_position, int64_t *next_offset)
{
	struct batch next;
	int err = expected >= 0 ? segment_find_damage_begin(segment, &position, &expected) : 0;
	if (err)
		return err;
	int64_t behind = (expected >= 0 ? expected : segment->base_offset) - 1;
	err = segment_resync(segment, position, behind, next_position, &next);
	if (err && err != ERR_CORRUPT_LOG)
		return err; /* a disk that does not answer says nothing of what is on it */
	bool is_found = !err;
	*next_offset = is_found ? next.base_offset : segment->durable.offset;
	int64_t from = expected >= 0 ? expected : wanted < *next_offset ? wanted : *next_offset - 1;
	if (*next_offset > from)
		partition__add_damage(partition, from, *next_offset);
	return is_found;
}

int partition__is_batch_bad(struct segment *segment, uint64_t position)
{
	struct batch batch;
	uint8_t *bytes;
	int err = segment_read_header(segment, position, &batch);
	if (!err)
		err = segment_read_batch(segment, &batch, position, &bytes);
	if (!err)
		free(bytes);
	return err == ERR_CORRUPT_LOG ? 1 : err;
}

/* There are no gaps: nothing is compacted, whatever cleanup.policy says, and in a topic where that was believed a base offset with a flipped bit would pass. */
bool partition__is_header_right(const struct partition *partition, const struct batch *batch, int64_t expected)
{
	if (batch->base_offset != expected)
		return false;
	int32_t epoch = epochs_at(&partition->epochs, batch->base_offset);
	return epoch < 0 || batch->leader_epoch == epoch;
}
