/* The offset index. Entries are few (one for index.interval.bytes of the log), ordered in both fields, and
 * found by bisection. */
#include "log/segment/offset_index.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/bytes.h"

#define CAPACITY_FIRST 16u

void offset_index_init(struct offset_index *index, int64_t base_offset, uint32_t size_bytes_max)
{
	uint32_t count_max = size_bytes_max / OFFSET_INDEX_ENTRY_SIZE;
	*index = (struct offset_index){.base_offset = base_offset, .count_max = count_max > 0 ? count_max : 1};
}

void offset_index_fini(struct offset_index *index)
{
	free(index->entries);
	index->entries = NULL;
	index->count = index->capacity = 0;
}

bool offset_index_is_full(const struct offset_index *index)
{
	return index->count >= index->count_max;
}

static int set_capacity(struct offset_index *index, uint32_t capacity)
{
	struct offset_index_entry *entries = realloc(index->entries, capacity * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	index->entries = entries;
	index->capacity = capacity;
	return 0;
}

static int grow(struct offset_index *index)
{
	if (index->count < index->capacity)
		return 0;
	uint64_t capacity = index->capacity ? (uint64_t)index->capacity * 2 : CAPACITY_FIRST;
	return set_capacity(index, capacity < index->count_max ? (uint32_t)capacity : index->count_max);
}

static bool is_behind_last(const struct offset_index *index, uint32_t relative_offset, uint32_t position)
{
	if (index->count == 0)
		return true;
	const struct offset_index_entry *last = &index->entries[index->count - 1];
	return relative_offset > last->relative_offset && position > last->position;
}

int offset_index_add(struct offset_index *index, int64_t last_offset, uint32_t position)
{
	if (last_offset < index->base_offset || last_offset - index->base_offset > INT32_MAX)
		return -EINVAL;
	uint32_t relative_offset = (uint32_t)(last_offset - index->base_offset);
	if (!is_behind_last(index, relative_offset, position))
		return -EINVAL;
	if (offset_index_is_full(index))
		return -ENOSPC;
	int err = grow(index);
	if (err < 0)
		return err;
	index->entries[index->count++] = (struct offset_index_entry){relative_offset, position};
	return 0;
}

/* How many entries lie at or below the offset. */
static uint32_t count_up_to(const struct offset_index *index, int64_t offset)
{
	if (offset < index->base_offset)
		return 0;
	uint64_t relative_offset = (uint64_t)offset - (uint64_t)index->base_offset;
	uint32_t low = 0, high = index->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (index->entries[middle].relative_offset <= relative_offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t offset_index_floor(const struct offset_index *index, int64_t offset)
{
	int64_t ignored;
	return offset_index_floor_entry(index, offset, &ignored);
}

uint32_t offset_index_floor_entry(const struct offset_index *index, int64_t offset, int64_t *last_offset)
{
	uint32_t count = count_up_to(index, offset);
	*last_offset = count > 0 ? index->base_offset + index->entries[count - 1].relative_offset : -1;
	return count > 0 ? index->entries[count - 1].position : 0;
}

uint32_t offset_index_at(const struct offset_index *index, uint64_t position)
{
	uint32_t low = 0, high = index->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (index->entries[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void offset_index_truncate(struct offset_index *index, int64_t offset)
{
	index->count = offset > INT64_MIN ? count_up_to(index, offset - 1) : 0;
}

void offset_index_shrink(struct offset_index *index)
{
	if (index->count == 0)
		offset_index_fini(index);
	else if (index->count < index->capacity)
		(void)!set_capacity(index, index->count); /* without it the index is as good, only larger */
}

size_t offset_index_encoded_size(const struct offset_index *index)
{
	return (size_t)index->count * OFFSET_INDEX_ENTRY_SIZE;
}

void offset_index_encode(const struct offset_index *index, uint8_t *out)
{
	for (uint32_t i = 0; i < index->count; i++, out += OFFSET_INDEX_ENTRY_SIZE) {
		store_be32(out, index->entries[i].relative_offset);
		store_be32(out + 4, index->entries[i].position);
	}
}

static int decode_entries(struct offset_index *index, struct slice bytes, uint64_t log_size_bytes)
{
	for (const uint8_t *at = bytes.data; at < bytes.data + bytes.size; at += OFFSET_INDEX_ENTRY_SIZE) {
		struct offset_index_entry entry = {load_be32(at), load_be32(at + 4)};
		if (entry.relative_offset > INT32_MAX || entry.position >= log_size_bytes)
			return ERR_CORRUPT_LOG;
		if (!is_behind_last(index, entry.relative_offset, entry.position))
			return ERR_CORRUPT_LOG;
		index->entries[index->count++] = entry;
	}
	return 0;
}

int offset_index_decode(struct offset_index *index, struct slice bytes, uint64_t log_size_bytes)
{
	offset_index_fini(index);
	if (bytes.size % OFFSET_INDEX_ENTRY_SIZE || bytes.size / OFFSET_INDEX_ENTRY_SIZE > index->count_max)
		return ERR_CORRUPT_LOG;
	if (bytes.size == 0)
		return 0;
	int err = set_capacity(index, (uint32_t)(bytes.size / OFFSET_INDEX_ENTRY_SIZE));
	if (err == 0)
		err = decode_entries(index, bytes, log_size_bytes);
	if (err < 0)
		offset_index_fini(index);
	return err;
}
