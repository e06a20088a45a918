/* Finding the next whole batch behind damage, so that a rotten header costs its own batch and not everything behind it.
 *
 * The damaged batch's own length field is tried first: if what it points at is a whole batch that comes later, it is believed. Otherwise every
 * position is a candidate: magic 2, an offset behind the damage and within the segment, a length that fits, and a good CRC. A batch inside a
 * record's value could only be taken for one if it carried such an offset; the length field keeps that from happening where records rot. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/segment/segment_priv.h"

#define SCAN_SIZE (256u << 10)

/* Is there a whole batch at `position` that begins behind `from_offset`? */
static bool is_batch(struct segment *segment, uint64_t position, int64_t from_offset, struct batch *out)
{
	uint8_t *bytes;
	if (segment_read_header(segment, position, out) || out->base_offset <= from_offset)
		return false;
	if (segment_read_batch(segment, out, position, &bytes))
		return false;
	free(bytes);
	return true;
}

static bool looks_like_batch(const uint8_t *at, int64_t from_offset, int64_t end_offset, uint64_t room)
{
	int64_t base_offset = (int64_t)load_be64(at + BATCH_AT_BASE_OFFSET);
	return at[BATCH_AT_MAGIC] == BATCH_MAGIC && base_offset > from_offset && base_offset < end_offset &&
	       (uint64_t)load_be32(at + BATCH_AT_LENGTH) + BATCH_LENGTH_OVERHEAD <= room;
}

/* Looks at every position of [*position, end of the segment). */
static int search(struct segment *segment, int64_t from_offset, uint64_t *position, struct batch *out)
{
	uint8_t *buffer = malloc(SCAN_SIZE);
	if (!buffer)
		return -ENOMEM;
	uint64_t end = segment->durable.position;
	int err = ERR_CORRUPT_LOG;
	for (uint64_t start = *position; start + BATCH_HEADER_SIZE <= end && err == ERR_CORRUPT_LOG;) {
		uint64_t size = end - start < SCAN_SIZE ? end - start : SCAN_SIZE;
		int read_err = segment_read_bytes(segment, buffer, (uint32_t)size, start);
		if (read_err) {
			err = read_err;
			break;
		}
		for (uint64_t i = 0; i + BATCH_HEADER_SIZE <= size; i++) {
			if (!looks_like_batch(buffer + i, from_offset, segment->durable.offset, end - start - i) ||
			    !is_batch(segment, start + i, from_offset, out))
				continue;
			*position = start + i;
			err = 0;
			break;
		}
		start += size - BATCH_HEADER_SIZE + 1;
	}
	free(buffer);
	return err;
}

int segment_resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out)
{
	struct batch damaged;
	if (segment_read_header(segment, damaged_position, &damaged) == 0) {
		*position = damaged_position + damaged.size_bytes;
		if (is_batch(segment, *position, from_offset, out))
			return 0;
	}
	*position = damaged_position + 1;
	return search(segment, from_offset, position, out);
}
