/* Happy path of an addition: the head is right, the last entry ends where the new steps begin, and they are written behind it (over it, if they
 * only go on with its time).
 *
 * Who has written there before knows where it ends: then that is all there is to it, an opening and a write.
 *
 * What else may be there: nothing, or another's file: it is begun anew, and what lies before the first step is unknown. A tail that a power cut has
 * torn: its entries fail their checksums, and are cut off; the offsets they told of are unknown. Entries for offsets that come again: a
 * restart replays what was not filed; they are cut off too, and the same is written again. Cut before written: entries always stand in the order of
 * their offsets, but for what a power cut makes of it, which the checksums tell. */
#include "log/segment/append_time_file.h"

#include <errno.h>
#include <stdlib.h>

#include "log/segment/foreign_file.h"

#define ENTRIES_PER_BLOCK 256u

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

static uint64_t position_of(uint32_t index)
{
	return APPEND_TIME_HEADER_SIZE + (uint64_t)index * APPEND_TIME_ENTRY_SIZE;
}

/* The stretch that holds the entry; an entry is judged by the one before it as well. */
static bool read_block(struct append_time_file *file, uint32_t index)
{
	uint32_t first = index - index % ENTRIES_PER_BLOCK, before = first > 0;
	uint32_t count = file->steps.count - first < ENTRIES_PER_BLOCK ? file->steps.count - first : ENTRIES_PER_BLOCK;
	size_t size = (size_t)(before + count) * APPEND_TIME_ENTRY_SIZE;
	file->block_first = first;
	file->block_count = io_file_read(file->io, file->fd, file->block, size, position_of(first - before)) == (int64_t)size ? count : 0;
	return file->block_count > 0;
}

static int get_from_file(void *context, uint32_t index, struct append_step *out)
{
	struct append_time_file *file = context;
	bool is_there = index >= file->block_first && index - file->block_first < file->block_count;
	if (!is_there && !read_block(file, index))
		return 0;
	const uint8_t *at = file->block + (size_t)(index - file->block_first + (file->block_first > 0)) * APPEND_TIME_ENTRY_SIZE;
	return append_time_entry_decode(out, at, index ? at - APPEND_TIME_ENTRY_SIZE : NULL, file->owner.base_offset, file->seed);
}

static int read_head(struct append_time_file *file)
{
	uint8_t head[APPEND_TIME_HEADER_SIZE];
	int64_t size = io_file_size(file->io, file->fd);
	int64_t got = size < 0 ? size : io_file_read(file->io, file->fd, head, sizeof head, 0);
	if (got < 0)
		return (int)got;
	int err = append_time_header_decode(&file->owner, &file->seed, (struct slice){head, (size_t)got});
	if (err)
		return err;
	uint64_t count = ((uint64_t)size - APPEND_TIME_HEADER_SIZE) / APPEND_TIME_ENTRY_SIZE;
	file->steps = (struct append_steps){file->owner.base_offset, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, get_from_file, file};
	return 0;
}

static int open_with(struct append_time_file *file, struct io *io, const char *path, uint32_t flags)
{
	file->io = io;
	file->block_first = file->block_count = 0;
	file->fd = io_file_open(io, path, flags);
	return file->fd < 0 ? file->fd : read_head(file);
}

int append_time_file_open(struct append_time_file *out, struct io *io, const char *path)
{
	int err = open_with(out, io, path, IO_READ_ONLY);
	if (err && out->fd >= 0)
		append_time_file_close(out);
	return err;
}

bool append_time_file_is_of(const struct append_time_file *file, const struct append_time_owner *owner)
{
	return uuid_equal(&file->owner.topic_id, &owner->topic_id) && file->owner.partition == owner->partition &&
	       file->owner.base_offset == owner->base_offset;
}

void append_time_file_close(struct append_time_file *file)
{
	io_close_fd(file->io, file->fd);
	file->fd = -1;
}

/* ---- adding ------------------------------------------------------------------------------------------------------------- */

/* What is to be written: behind `kept` good entries, the last of which ends at `end`. */
struct addition {
	uint8_t *bytes;
	size_t size;
	uint32_t kept;
	int64_t end;
	bool has_last;           /* the last step encoded, or the last one kept */
	struct append_step last;
	int64_t last_begin;
};

/* A step that goes on with the time of the one before it takes its place. */
static void put(struct append_time_file *file, struct addition *addition, struct append_step step)
{
	bool goes_on = addition->has_last && addition->last.time_ms == step.time_ms;
	if (step.end_offset <= addition->end)
		return;
	if (!goes_on) {
		addition->last_begin = addition->end;
		addition->size += APPEND_TIME_ENTRY_SIZE;
	} else if (addition->size == 0) {
		addition->kept--;
		addition->size = APPEND_TIME_ENTRY_SIZE;
	}
	addition->last = step;
	addition->has_last = true;
	addition->end = step.end_offset;
	append_time_entry_encode(&step, addition->last_begin, file->owner.base_offset, file->seed, addition->bytes + addition->size - APPEND_TIME_ENTRY_SIZE);
}

/* Keeps the entries that end at or before `from`, and of one that goes on behind it the part before. */
static void keep(struct append_time_file *file, struct addition *addition, int64_t from)
{
	struct append_step step;
	addition->kept = append_steps_search(&file->steps, from);
	addition->end = addition->last_begin = file->owner.base_offset;
	if (addition->kept > 0 && file->steps.get(file, addition->kept - 1, &addition->last)) {
		addition->has_last = true;
		addition->end = addition->last.end_offset;
		addition->last_begin = addition->kept > 1 && file->steps.get(file, addition->kept - 2, &step) ? step.end_offset : addition->last_begin;
	}
	if (addition->kept < file->steps.count && file->steps.get(file, addition->kept, &step) && step.end_offset > from)
		put(file, addition, (struct append_step){from, step.time_ms});
	put(file, addition, (struct append_step){from, APPEND_TIME_UNKNOWN}); /* what is missing before it, if anything is */
}

static int write_addition(struct append_time_file *file, const struct addition *addition)
{
	uint64_t position = position_of(addition->kept);
	int err = 0;
	if (addition->kept < file->steps.count)
		err = io_file_truncate(file->io, file->fd, position);
	int64_t done = err ? err : io_file_write(file->io, file->fd, addition->bytes, addition->size, position);
	return done < 0 ? (int)done : 0;
}

static int begin_anew(struct append_time_file *file, const struct append_time_owner *owner, bool is_empty)
{
	uint8_t head[APPEND_TIME_HEADER_SIZE];
	file->owner = *owner;
	file->seed = append_time_header_encode(owner, head);
	file->steps = (struct append_steps){owner->base_offset, 0, get_from_file, file};
	int err = is_empty ? 0 : io_file_truncate(file->io, file->fd, 0);
	int64_t done = err ? err : io_file_write(file->io, file->fd, head, sizeof head, 0);
	return done < 0 ? (int)done : 0;
}

static int add(struct append_time_file *file, const struct append_times *times, struct append_time_end *end)
{
	struct addition addition = {.bytes = malloc(((size_t)times->count + 2) * APPEND_TIME_ENTRY_SIZE)};
	if (!addition.bytes)
		return -ENOMEM;
	keep(file, &addition, times->from);
	for (uint32_t i = 0; i < times->count; i++)
		put(file, &addition, times->steps[i]);
	int err = write_addition(file, &addition);
	if (!err)
		*end = (struct append_time_end){addition.kept + (uint32_t)(addition.size / APPEND_TIME_ENTRY_SIZE),
						(uint32_t)(addition.end - file->owner.base_offset), file->seed};
	free(addition.bytes);
	return err;
}

/* The first of a segment. -EEXIST: there is something of that name. */
static int begin_file(struct io *io, const char *path, const struct append_time_owner *owner, const struct append_times *times, struct append_time_end *end)
{
	struct append_time_file file = {.io = io, .fd = io_file_open(io, path, IO_CREATE | IO_EXCLUSIVE)};
	if (file.fd < 0)
		return file.fd;
	int err = begin_anew(&file, owner, true);
	if (!err)
		err = add(&file, times, end);
	append_time_file_close(&file);
	return err;
}

/* Finds out what is there first. */
static int add_anywhere(struct io *io, const char *path, const struct append_time_owner *owner, const struct append_times *times, struct append_time_end *end)
{
	struct append_time_file file;
	int err = open_with(&file, io, path, IO_CREATE);
	if (foreign_file_is_in_the_way(file.fd)) {
		err = foreign_file_keep(io, path);
		err = err ? err : open_with(&file, io, path, IO_CREATE);
	}
	if (file.fd < 0)
		return err;
	if (err == ERR_CORRUPT_LOG) { /* it may be another file, exchanged with this one */
		append_time_file_close(&file);
		err = foreign_file_keep(io, path);
		int opened = err ? err : open_with(&file, io, path, IO_CREATE);
		if (err || file.fd < 0)
			return opened;
		err = ERR_CORRUPT_LOG;
	}
	if (err == ERR_CORRUPT_LOG || (!err && !append_time_file_is_of(&file, owner)))
		err = begin_anew(&file, owner, false);
	if (!err)
		err = add(&file, times, end);
	append_time_file_close(&file);
	return err;
}

/* Behind the entries that this life has written. A cycle of write-behind does this for each of thousands of partitions, while appends wait. */
static int add_behind(struct io *io, const char *path, const struct append_time_owner *owner, const struct append_times *times, struct append_time_end *end)
{
	uint8_t *bytes = malloc((size_t)times->count * APPEND_TIME_ENTRY_SIZE);
	if (!bytes)
		return -ENOMEM;
	for (uint32_t i = 0; i < times->count; i++)
		append_time_entry_encode(&times->steps[i], i ? times->steps[i - 1].end_offset : times->from, owner->base_offset,
					 end->seed, bytes + (size_t)i * APPEND_TIME_ENTRY_SIZE);
	int fd = io_file_open(io, path, 0);
	int64_t done = fd < 0 ? fd : io_file_write(io, fd, bytes, (size_t)times->count * APPEND_TIME_ENTRY_SIZE, position_of(end->count));
	if (fd >= 0)
		io_close_fd(io, fd);
	free(bytes);
	if (done < 0)
		return (int)done;
	*end = (struct append_time_end){end->count + times->count, (uint32_t)(append_times_end(times) - owner->base_offset), end->seed};
	return 0;
}

int append_time_file_add(struct io *io, const char *path, const struct append_time_owner *owner, const struct append_times *times,
			 struct append_time_end *end)
{
	bool is_known = end->count > 0 && times->from == owner->base_offset + end->relative_offset;
	int err = is_known ? add_behind(io, path, owner, times, end) : -ENOENT;
	if (err == -ENOENT)
		err = begin_file(io, path, owner, times, end);
	if (err == -EEXIST || foreign_file_is_in_the_way(err))
		err = add_anywhere(io, path, owner, times, end);
	if (err)
		*end = (struct append_time_end){0};
	return err;
}
