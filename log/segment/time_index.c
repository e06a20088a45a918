/* The time index. As the offset index, but of larger entries whose offsets may repeat and whose timestamps
 * may not. */
#include "log/segment/time_index.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/bytes.h"

#define CAPACITY_FIRST 16u

void time_index_init(struct time_index *index, int64_t base_offset, uint32_t size_bytes_max)
{
	uint32_t count_max = size_bytes_max / TIME_INDEX_ENTRY_SIZE;
	*index = (struct time_index){.base_offset = base_offset, .count_max = count_max > 0 ? count_max : 1};
}

void time_index_fini(struct time_index *index)
{
	free(index->entries);
	index->entries = NULL;
	index->count = index->capacity = 0;
}

bool time_index_is_full(const struct time_index *index)
{
	return index->count + 1 >= index->count_max;
}

static int set_capacity(struct time_index *index, uint32_t capacity)
{
	struct time_index_entry *entries = realloc(index->entries, capacity * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	index->entries = entries;
	index->capacity = capacity;
	return 0;
}

static int grow(struct time_index *index)
{
	if (index->count < index->capacity)
		return 0;
	uint64_t capacity = index->capacity ? (uint64_t)index->capacity * 2 : CAPACITY_FIRST;
	return set_capacity(index, capacity < index->count_max ? (uint32_t)capacity : index->count_max);
}

static const struct time_index_entry *last_entry(const struct time_index *index)
{
	return index->count > 0 ? &index->entries[index->count - 1] : NULL;
}

int time_index_add(struct time_index *index, int64_t timestamp_ms, int64_t offset)
{
	if (offset < index->base_offset || offset - index->base_offset > INT32_MAX)
		return -EINVAL;
	uint32_t relative_offset = (uint32_t)(offset - index->base_offset);
	const struct time_index_entry *last = last_entry(index);
	if (last ? timestamp_ms <= last->timestamp_ms : timestamp_ms < 0)
		return 0;
	if (last && relative_offset < last->relative_offset)
		return -EINVAL;
	if (index->count >= index->count_max)
		return -ENOSPC;
	int err = grow(index);
	if (err < 0)
		return err;
	index->entries[index->count++] = (struct time_index_entry){timestamp_ms, relative_offset};
	return 0;
}

static void answer(const struct time_index *index, uint32_t count, int64_t *entry_timestamp_ms, int64_t *entry_offset)
{
	const struct time_index_entry *entry = count > 0 ? &index->entries[count - 1] : NULL;
	*entry_timestamp_ms = entry ? entry->timestamp_ms : -1;
	*entry_offset = index->base_offset + (entry ? (int64_t)entry->relative_offset : 0);
}

void time_index_floor(const struct time_index *index, int64_t timestamp_ms, int64_t *entry_timestamp_ms, int64_t *entry_offset)
{
	uint32_t low = 0, high = index->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (index->entries[middle].timestamp_ms <= timestamp_ms)
			low = middle + 1;
		else
			high = middle;
	}
	answer(index, low, entry_timestamp_ms, entry_offset);
}

void time_index_last(const struct time_index *index, int64_t *entry_timestamp_ms, int64_t *entry_offset)
{
	answer(index, index->count, entry_timestamp_ms, entry_offset);
}

/* From the end: a truncation cuts little. */
void time_index_truncate(struct time_index *index, int64_t offset)
{
	while (index->count > 0 && index->base_offset + (int64_t)index->entries[index->count - 1].relative_offset >= offset)
		index->count--;
}

void time_index_shrink(struct time_index *index)
{
	if (index->count == 0)
		time_index_fini(index);
	else if (index->count < index->capacity)
		(void)!set_capacity(index, index->count); /* without it the index is as good, only larger */
}

size_t time_index_encoded_size(const struct time_index *index)
{
	return (size_t)index->count * TIME_INDEX_ENTRY_SIZE;
}

void time_index_encode(const struct time_index *index, uint8_t *out)
{
	for (uint32_t i = 0; i < index->count; i++, out += TIME_INDEX_ENTRY_SIZE) {
		store_be64(out, (uint64_t)index->entries[i].timestamp_ms);
		store_be32(out + 8, index->entries[i].relative_offset);
	}
}

static int decode_entries(struct time_index *index, struct slice bytes)
{
	for (const uint8_t *at = bytes.data; at < bytes.data + bytes.size; at += TIME_INDEX_ENTRY_SIZE) {
		struct time_index_entry entry = {(int64_t)load_be64(at), load_be32(at + 8)};
		const struct time_index_entry *last = last_entry(index);
		if (entry.relative_offset > INT32_MAX || entry.timestamp_ms < 0)
			return ERR_CORRUPT_LOG;
		if (last && (entry.timestamp_ms <= last->timestamp_ms || entry.relative_offset < last->relative_offset))
			return ERR_CORRUPT_LOG;
		index->entries[index->count++] = entry;
	}
	return 0;
}

int time_index_decode(struct time_index *index, struct slice bytes)
{
	time_index_fini(index);
	if (bytes.size % TIME_INDEX_ENTRY_SIZE || bytes.size / TIME_INDEX_ENTRY_SIZE > index->count_max)
		return ERR_CORRUPT_LOG;
	if (bytes.size == 0)
		return 0;
	int err = set_capacity(index, (uint32_t)(bytes.size / TIME_INDEX_ENTRY_SIZE));
	if (err == 0)
		err = decode_entries(index, bytes);
	if (err < 0)
		time_index_fini(index);
	return err;
}
