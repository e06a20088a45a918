/* What a segment holds, read now: bytes, headers and batches, from its file, from memory, or from both.
 *
 * Failure modes: ERR_CORRUPT_LOG where the file ends early, a header does not fit its place, or a CRC fails; behind such a place segment_resync finds where whole
 * batches go on. A disk that does not answer is another error. */
#include <errno.h>
#include <stdlib.h>

#include "log/segment/resync.h"
#include "log/segment/segment_priv.h"

int segment__read_file(struct segment *segment, void *out, size_t size, uint64_t position)
{
	int fd = segment_open_read(segment);
	if (fd < 0)
		return fd == -ENOENT ? ERR_CORRUPT_LOG : fd;
	int64_t got = io_file_read(segment->home->io, fd, out, size, position);
	return got < 0 ? (int)got : (size_t)got < size ? ERR_CORRUPT_LOG : 0;
}

/* A stretch may begin in the file and end in memory: bytes that are not filed yet are there alone. */
int segment_read_bytes(struct segment *segment, void *out, uint32_t size, uint64_t position)
{
	if (position + size > segment->staged.position)
		return ERR_CORRUPT_LOG;
	uint64_t in_file = 0;
	if (!segment_is_in_memory(segment, position)) {
		in_file = segment->memory_position - position < size ? segment->memory_position - position : size;
		int err = segment__read_file(segment, out, in_file, position);
		if (err)
			return err;
	}
	if (in_file < size)
		segment_peek(segment, position + in_file, (uint8_t *)out + in_file, (uint32_t)(size - in_file));
	return 0;
}

bool segment_header_fits(const struct segment *segment, uint64_t position, const struct batch *batch)
{
	struct resync_source bounds = {.base_offset = segment->base_offset, .fit_position = segment->staged.position, .fit_offset = segment->staged.offset};
	return resync_header_fits(&bounds, position, batch);
}

int segment_read_header(struct segment *segment, uint64_t position, struct batch *out)
{
	uint8_t header[BATCH_HEADER_SIZE];
	if (position + sizeof header > segment->staged.position)
		return ERR_CORRUPT_LOG;
	int err = segment_read_bytes(segment, header, sizeof header, position);
	if (err)
		return err;
	if (batch_parse_header((struct slice){header, sizeof header}, out) || !segment_header_fits(segment, position, out))
		return ERR_CORRUPT_LOG;
	return 0;
}

int segment_read_batch(struct segment *segment, const struct batch *batch, uint64_t position, uint8_t **out)
{
	uint8_t *bytes = malloc(batch->size_bytes);
	if (!bytes)
		return -ENOMEM;
	int err = segment_read_bytes(segment, bytes, batch->size_bytes, position);
	if (!err && batch_check_crc((struct slice){bytes, batch->size_bytes}, batch))
		err = ERR_CORRUPT_LOG;
	if (err) {
		free(bytes);
		return err;
	}
	*out = bytes;
	return 0;
}

/* ---- behind damage --------------------------------------------------------------------------------------------- */

static int read_for_resync(void *context, void *out, uint32_t size_bytes, uint64_t position)
{
	return segment_read_bytes(context, out, size_bytes, position);
}

/* One that cannot be asked is read. */
static uint64_t next_data_for_resync(void *context, uint64_t position)
{
	struct segment *segment = context;
	int fd = segment_open_read(segment);
	int64_t data = fd < 0 ? fd : io_file_next_data(segment->home->io, fd, position);
	return data < 0 ? position : (uint64_t)data;
}

/* Where the file ends, which may be before it should; at its begin if there is none of ours. */
static int64_t end_of_file(struct segment *segment)
{
	int fd = segment_open_read(segment);
	if (fd == -ENOENT || fd == ERR_CORRUPT_LOG)
		return 0;
	return fd < 0 ? fd : io_file_size(segment->home->io, fd);
}

/* Only while the indexes are made is there nothing that could tell of places. */
static int open_source(struct segment *segment, struct resync_source *out)
{
	int64_t file_end = end_of_file(segment);
	if (file_end < 0)
		return (int)file_end;
	*out = (struct resync_source){
		.read = read_for_resync, .next_data = next_data_for_resync, .context = segment, .base_offset = segment->base_offset,
		.end_position = segment->durable.position, .end_offset = segment->durable.offset,
		.fit_position = segment->staged.position, .fit_offset = segment->staged.offset,
		.file_end = (uint64_t)file_end, .memory_position = segment->memory_position, .steps = segment->steps,
		.places = segment->has_index && segment->has_places ? &segment->offsets : NULL,
		.known_position = segment->known_end.position, .known_offset = segment->known_end.offset,
		.find_fence = segment->home->find_fence, .fences = segment->partition,
	};
	return 0;
}

int segment__resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out)
{
	struct resync_source source;
	int err = open_source(segment, &source);
	return err ? err : resync_find(&source, damaged_position, from_offset, position, out);
}

/* A sealed segment has a file that tells of places. */
static int load_places(struct segment *segment)
{
	return segment->is_sealed ? segment__load_indexes(segment) : 0;
}

int segment_resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out)
{
	int err = load_places(segment);
	return err ? err : segment__resync(segment, damaged_position, from_offset, position, out);
}

static int open_source_with_places(struct segment *segment, struct resync_source *out)
{
	int err = load_places(segment);
	return err ? err : open_source(segment, out);
}

int segment_find_damage_begin(struct segment *segment, uint64_t *position, int64_t *due_offset)
{
	struct resync_source source;
	int err = open_source_with_places(segment, &source);
	return err ? err : resync_find_begin(&source, position, due_offset);
}

int segment_leads_on(struct segment *segment, uint64_t position, const struct batch *batch)
{
	struct resync_source source;
	int err = open_source_with_places(segment, &source);
	return err ? err : resync_leads_on(&source, position, batch);
}
