/* The walk. Where a batch should begin and none does, the next good one is looked for byte by byte: first where the broken batch says it
 * ends, then at every place where the magic byte and a sensible offset stand, each confirmed by its CRC. A batch whose base offset lies before what
 * came already is none: its header is outside the CRC, so the order of offsets is its only witness. */
#include "log/store/segment_walk.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW_SIZE (4u << 20)

struct walk {
	struct io *io;
	int fd;
	uint64_t size;          /* of the file */
	uint8_t *window;
	uint64_t window_position, window_size, window_capacity;
	uint64_t position;
	int64_t expected;       /* the next offset */
	walk_fn *event;
	void *context;
};

/* ---- the window ---------------------------------------------------------------------------------------------------- */

static int load_window(struct walk *walk, uint64_t position, uint64_t size)
{
	uint64_t wanted = size > WINDOW_SIZE ? size : WINDOW_SIZE;
	if (wanted > walk->size - position)
		wanted = walk->size - position;
	if (wanted > walk->window_capacity) {
		uint8_t *window = realloc(walk->window, wanted);
		if (!window)
			return -ENOMEM;
		walk->window = window;
		walk->window_capacity = wanted;
	}
	int64_t got = io_file_read(walk->io, walk->fd, walk->window, wanted, position);
	if (got < 0)
		return (int)got;
	walk->window_position = position;
	walk->window_size = (uint64_t)got;
	return (uint64_t)got < size ? -EIO : 0;
}

/* `size` bytes at `position`, which lie inside the file. */
static int see(struct walk *walk, uint64_t position, uint64_t size, const uint8_t **out)
{
	bool is_there = position >= walk->window_position && position + size <= walk->window_position + walk->window_size;
	int err = is_there ? 0 : load_window(walk, position, size);
	*out = walk->window + (position - walk->window_position);
	return err;
}

/* ---- batches --------------------------------------------------------------------------------------------------------- */

/* Can the header be that of a batch here? Its offset lies in order, and it ends inside the file. */
static bool is_plausible(const struct walk *walk, const struct batch *batch, uint64_t position, int64_t offset_min)
{
	return batch->base_offset >= offset_min && batch->base_offset <= INT64_MAX - INT32_MAX && batch->last_offset_delta >= 0 &&
	       batch->size_bytes <= walk->size - position;
}

/* 1: a good batch is at `position`; 0: none; -errno. */
static int read_batch(struct walk *walk, uint64_t position, int64_t offset_min, struct batch *batch, const uint8_t **bytes)
{
	if (walk->size - position < BATCH_HEADER_SIZE)
		return 0;
	int err = see(walk, position, BATCH_HEADER_SIZE, bytes);
	if (err)
		return err;
	if (batch_parse_header((struct slice){*bytes, BATCH_HEADER_SIZE}, batch) || !is_plausible(walk, batch, position, offset_min))
		return 0;
	err = see(walk, position, batch->size_bytes, bytes);
	if (err)
		return err;
	return batch_check_crc((struct slice){*bytes, batch->size_bytes}, batch) == 0;
}

/* ---- behind damage ----------------------------------------------------------------------------------------------------- */

/* Where the broken batch says that it ends, if a good batch begins there. */
static int try_stated_end(struct walk *walk, uint64_t *found)
{
	const uint8_t *bytes;
	struct batch batch;
	if (walk->size - walk->position < BATCH_HEADER_SIZE)
		return 0;
	int err = see(walk, walk->position, BATCH_HEADER_SIZE, &bytes);
	uint32_t size = err ? 0 : batch_peek_size((struct slice){bytes, BATCH_HEADER_SIZE});
	if (err || !size || size >= walk->size - walk->position)
		return err;
	*found = walk->position + size;
	return read_batch(walk, *found, walk->expected + 1, &batch, &bytes);
}

/* The bytes from `position` that one look takes in: as much of the window as there is. */
static int see_stretch(struct walk *walk, uint64_t position, const uint8_t **bytes, uint64_t *size)
{
	*size = walk->size - position;
	if (*size > WINDOW_SIZE)
		*size = WINDOW_SIZE;
	return see(walk, position, *size, bytes);
}

static int search_stretch(struct walk *walk, uint64_t position, uint64_t *next, uint64_t *found)
{
	const uint8_t *bytes, *batch_bytes;
	uint64_t size;
	struct batch batch;
	int err = see_stretch(walk, position, &bytes, &size);
	for (uint64_t i = 0; !err && i + BATCH_HEADER_SIZE <= size; i++) {
		if (bytes[i + BATCH_AT_MAGIC] != BATCH_MAGIC || batch_parse_header((struct slice){bytes + i, BATCH_HEADER_SIZE}, &batch) ||
		    !is_plausible(walk, &batch, position + i, walk->expected))
			continue;
		*found = position + i;
		err = read_batch(walk, *found, walk->expected, &batch, &batch_bytes);
		if (err)
			return err;
		/* Reading a large candidate has moved the window. */
		err = see(walk, position, size, &bytes);
	}
	*next = position + (size >= BATCH_HEADER_SIZE ? size - BATCH_HEADER_SIZE + 1 : size);
	return err;
}

/* 1: *found is the next good batch behind the position; 0: there is none; -errno. */
static int find_next(struct walk *walk, uint64_t *found)
{
	int result = try_stated_end(walk, found);
	for (uint64_t position = walk->position + 1, next; !result && walk->size - position >= BATCH_HEADER_SIZE; position = next)
		result = search_stretch(walk, position, &next, found);
	return result;
}

static int is_zero_to_end(struct walk *walk, bool *out)
{
	*out = true;
	for (uint64_t position = walk->position; *out && position < walk->size;) {
		const uint8_t *bytes;
		uint64_t size;
		int err = see_stretch(walk, position, &bytes, &size);
		if (err)
			return err;
		for (uint64_t i = 0; i < size; i++)
			*out &= bytes[i] == 0;
		position += size;
	}
	return 0;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------ */

static int tell_tail(struct walk *walk)
{
	struct walk_event event = {.kind = WALK_TAIL, .position = walk->position, .end_position = walk->size, .from_offset = walk->expected, .to_offset = -1};
	int err = is_zero_to_end(walk, &event.is_zero);
	walk->position = walk->size;
	return err ? err : walk->event(walk->context, &event);
}

static int tell_bad(struct walk *walk, uint64_t found)
{
	struct batch next;
	const uint8_t *bytes;
	int result = read_batch(walk, found, walk->expected, &next, &bytes);
	if (result <= 0)
		return result < 0 ? result : -EIO;
	struct walk_event event = {
		.kind = WALK_BAD,
		.position = walk->position,
		.end_position = found,
		.from_offset = walk->expected,
		.to_offset = next.base_offset,
	};
	walk->position = found;
	walk->expected = next.base_offset;
	return walk->event(walk->context, &event);
}

static int step(struct walk *walk)
{
	struct batch batch;
	struct walk_event event = {.kind = WALK_BATCH, .position = walk->position, .batch = &batch};
	uint64_t found = walk->size;
	int result = read_batch(walk, walk->position, walk->expected, &batch, &event.bytes.data);
	if (result < 0)
		return result;
	if (result == 0) {
		result = find_next(walk, &found);
		return result < 0 ? result : result ? tell_bad(walk, found) : tell_tail(walk);
	}
	event.bytes.size = batch.size_bytes;
	event.end_position = walk->position + batch.size_bytes;
	event.from_offset = batch.base_offset;
	event.to_offset = batch_next_offset(&batch);
	walk->position = event.end_position;
	walk->expected = event.to_offset;
	return walk->event(walk->context, &event);
}

int segment_walk(struct io *io, const char *path, int64_t base_offset, walk_fn *event, void *context)
{
	struct walk walk = {.io = io, .expected = base_offset, .event = event, .context = context};
	walk.fd = io_file_open(io, path, IO_READ_ONLY);
	if (walk.fd < 0)
		return walk.fd;
	int64_t size = io_file_size(io, walk.fd);
	int result = size < 0 ? (int)size : 0;
	walk.size = size < 0 ? 0 : (uint64_t)size;
	while (!result && walk.position < walk.size)
		result = step(&walk);
	io_close_fd(io, walk.fd);
	free(walk.window);
	return result;
}
