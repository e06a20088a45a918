/* The files of a segment: making and opening them, the indexes on disk, and the seal.
 *
 * The log file may be longer than what is filed: padding of the last block, or what a crash left of a filing that was never
 * acknowledged. Nothing reads behind `filed` in a file, and the file is cut (and the cut synced) before it is first written
 * again, so old bytes never come back. The index files are derived: unsynced, checked when read, rebuilt from the log when
 * they do not fit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/segment/hole_mark.h"
#include "log/segment/resync.h"
#include "log/segment/segment_priv.h"
#include "log/segment/torn_file.h"

#define SCAN_SIZE (256u << 10)
#define SCAN_LARGE_BATCH (32u << 10) /* behind such a one the next header is read alone */
#define SCAN_HEADER_SIZE 4096u
#define COMPARE_SIZE (256u << 10)
#define UNSAVED_BYTES_MAX (8u << 20) /* of the log */

void segment_path(const struct segment *segment, enum segment_file file, char *out, size_t out_size)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, segment->base_offset, file);
	snprintf(out, out_size, "%s/%s", segment->dir, name);
}

static void torn_path(const struct segment *segment, char *out, size_t out_size)
{
	segment_path(segment, SEGMENT_FILE_LOG, out, out_size - sizeof TORN_FILE_SUFFIX);
	strcat(out, TORN_FILE_SUFFIX);
}

/* ---- open files, bounded ------------------------------------------------------------------------------------- */

void segment_close_files(struct segment *segment)
{
	struct segment_home *home = segment->home;
	if (segment->write_fd >= 0)
		io_close_fd(home->io, segment->write_fd);
	if (segment->read_fd >= 0)
		io_close_fd(home->io, segment->read_fd);
	if (segment->direct_fd >= 0)
		io_close_fd(home->io, segment->direct_fd);
	segment->write_fd = segment->read_fd = segment->direct_fd = -1;
	list_remove(&segment->open_node);
	home->open_count -= segment->open_count;
	segment->open_count = 0;
}

/* Not those of `except`, whose descriptor is about to be used. */
static bool close_one_idle(struct segment_home *home, const struct segment *except)
{
	LIST_FOR_EACH_SAFE(node, &home->open_segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, open_node);
		if (segment->filing || segment->readers || segment->is_opening || segment == except)
			continue;
		segment_close_files(segment);
		return true;
	}
	return false;
}

bool segment_home_spare_files(struct segment_home *home)
{
	return close_one_idle(home, NULL);
}

static uint32_t count_open(const struct segment *segment)
{
	return (segment->write_fd >= 0) + (segment->read_fd >= 0) + (segment->direct_fd >= 0);
}

static void note_open(struct segment *segment)
{
	struct segment_home *home = segment->home;
	list_remove(&segment->open_node);
	list_push_back(&home->open_segments, &segment->open_node);
	home->open_count += count_open(segment) - segment->open_count;
	segment->open_count = count_open(segment);
	while (home->open_count > home->open_max && close_one_idle(home, segment))
		;
}

static struct append_time_owner owner_of(const struct segment *segment)
{
	return (struct append_time_owner){segment->topic_id, segment->partition_index, segment->base_offset, 0};
}

/* Is this the file that the checkpoint told of, or one that was put in its place? A whole first batch that is another says so, or the mark of another's
 * hole; one that is damaged says nothing. */
static bool is_another_file(struct segment *segment, int fd)
{
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch;
	struct io *io = segment->home->io;
	struct append_time_owner owner = owner_of(segment);
	segment->is_identified = true;
	if (foreign_file_is_stores(io, fd) || hole_mark_is_anothers(io, fd, &owner))
		return true;
	if (segment->first_crc == 0 || io_file_read(io, fd, header, sizeof header, 0) != sizeof header ||
	    batch_parse_header((struct slice){header, sizeof header}, &batch) || batch.crc == segment->first_crc)
		return false;
	uint8_t *bytes = malloc(batch.size_bytes);
	bool is_whole = bytes && io_file_read(io, fd, bytes, batch.size_bytes, 0) == (int64_t)batch.size_bytes &&
			batch_check_crc((struct slice){bytes, batch.size_bytes}, &batch) == 0;
	free(bytes);
	return is_whole;
}

static int identify(struct segment *segment, int fd)
{
	struct append_time_owner hole;
	bool is_first = !segment->is_identified;
	if (is_first && is_another_file(segment, fd)) {
		segment->is_foreign = true;
		fprintf(stderr, "spate: error: %s/%020ld.log is not the file that was written here: nothing of it is served\n", segment->dir,
			(long)segment->base_offset);
	}
	/* The life that made it behind the loss may have been killed before it was entered, and the checkpoint knows the one that was lost. */
	segment->has_new_name |= is_first && !segment->is_foreign && hole_mark_read(segment->home->io, fd, &hole);
	return segment->is_foreign ? ERR_CORRUPT_LOG : 0;
}

static void tell_once(struct segment *segment, int err)
{
	char why[2048];
	if (!segment->is_refusal_told)
		fprintf(stderr, "spate: error: %s; its records are not served\n", io_explain(segment->home->io, err, why, sizeof why));
	segment->is_refusal_told = true;
}

/* What is no file in its place (a directory, a FIFO, a link to nowhere) is as good as another's: the segment's own is lost. What may not be read is there. */
static int judge_unopened(struct segment *segment, int err)
{
	if (err == ERR_NOT_A_FILE) {
		segment->is_foreign = segment->is_identified = true;
		tell_once(segment, err);
		return ERR_CORRUPT_LOG;
	}
	if (err == -EACCES || err == -EPERM)
		tell_once(segment, err);
	return err;
}

static int open_for_reading(struct segment *segment, int *fd, uint32_t flags)
{
	if (segment->is_foreign)
		return ERR_CORRUPT_LOG;
	if (flags & IO_DIRECT && !segment->is_identified) {
		int err = segment_open_read(segment);
		if (err < 0)
			return err;
	}

	if (*fd < 0) {
		char path[PATH_SIZE];
		segment_path(segment, SEGMENT_FILE_LOG, path, sizeof path);
		int opened = io_file_open(segment->home->io, path, IO_READ_ONLY | flags);
		if (opened < 0)
			return judge_unopened(segment, opened);
		*fd = opened;
	}
	note_open(segment);
	int err = identify(segment, *fd);
	return err ? err : *fd;
}

int segment_open_read(struct segment *segment)
{
	return open_for_reading(segment, &segment->read_fd, 0);
}

int segment_open_direct(struct segment *segment)
{
	return open_for_reading(segment, &segment->direct_fd, IO_DIRECT);
}

/* Bytes behind the log's end that are not all zeros: what a crash left of writes that nobody was told of. They go into a file beside the segment before
 * they are cut off, so that nothing is thrown away that somebody may want to look at. */
static int save_tail(struct segment *segment, uint64_t from, uint64_t to)
{
	char path[PATH_SIZE];
	torn_path(segment, path, sizeof path);
	return torn_file_save(segment->home->io, segment->write_fd, from, to, path);
}

/* Up to where the file has, behind `filed`, what is to be written there: recovery has taken it from the journal, and a filing had begun. */
static uint64_t same_until(struct segment *segment, uint64_t file_size)
{
	uint64_t at = segment->filed.position, end = file_size < segment->staged.position ? file_size : segment->staged.position;
	uint8_t *ours = malloc(COMPARE_SIZE), *theirs = aligned_alloc(CHUNK_ALIGN, COMPARE_SIZE + CHUNK_ALIGN);
	while (ours && theirs && at < end && segment_is_in_memory(segment, at)) {
		uint64_t size = end - at < COMPARE_SIZE ? end - at : COMPARE_SIZE, skip = at % CHUNK_ALIGN;
		int64_t got = io_file_read(segment->home->io, segment->write_fd, theirs, align_up(skip + size, CHUNK_ALIGN), at - skip);
		segment_peek(segment, at, ours, (uint32_t)size);
		if (got < (int64_t)(skip + size) || memcmp(ours, theirs + skip, size))
			break;
		at += size;
	}
	free(ours);
	free(theirs);
	return at;
}

/* With the first batch what told this file from another's is lost. In its place stands whose it is, and it is there before the file is as long as it should be,
 * which nobody looks into again. The descriptor writes whole blocks: what is behind `filed` is cut off again. */
static int mark_hole(struct segment *segment)
{
	struct io *io = segment->home->io;
	struct append_time_owner owner = owner_of(segment);
	uint8_t *block = aligned_alloc(CHUNK_ALIGN, CHUNK_ALIGN);
	if (!block)
		return -ENOMEM;
	memset(block, 0, CHUNK_ALIGN);
	hole_mark_encode(&owner, block);
	int64_t done = io_file_write(io, segment->write_fd, block, CHUNK_ALIGN, 0);
	free(block);
	return done < 0 ? (int)done : io_file_sync(io, segment->write_fd);
}

/* Bytes below `filed` are not there: a damaged range, which is named when it is read and by `spate log verify`. What is filed from now on keeps its
 * place: the hole before it reads as zeros, which are no batch, and readers go on behind it. */
static int leave_hole(struct segment *segment, uint64_t size)
{
	struct io *io = segment->home->io;
	fprintf(stderr, "spate: error: %s/%020ld.log ends at byte %lu, but bytes up to %lu were acknowledged: they are lost, and the log goes on behind them\n",
		segment->dir, (long)segment->base_offset, (unsigned long)size, (unsigned long)segment->filed.position);
	int err = size < BATCH_HEADER_SIZE ? mark_hole(segment) : 0;
	if (size < BATCH_HEADER_SIZE)
		segment->lost_to = segment->filed.offset;
	segment->has_new_name |= size < BATCH_HEADER_SIZE; /* made just now, or by a life that was killed before it came here */
	if (!err)
		err = io_file_truncate(io, segment->write_fd, segment->filed.position);
	return err ? err : io_file_sync(io, segment->write_fd);
}

/* What lies behind `staged` was never acknowledged: away with it, durably, before anything is written there. What lies between `filed` and `staged`
 * stays: it is about to be written over with the same bytes, and some of it may be there alone, if a crash comes before that (a direct
 * piece of the last group, which recovery has taken back into memory). */
static int cut(struct segment *segment)
{
	struct io *io = segment->home->io;
	int64_t size = io_file_size(io, segment->write_fd);
	if (size < 0)
		return (int)size;
	int err = 0;
	if ((uint64_t)size < segment->filed.position)
		err = leave_hole(segment, (uint64_t)size);
	if (!err && (uint64_t)size > segment->filed.position)
		err = save_tail(segment, same_until(segment, (uint64_t)size), (uint64_t)size);
	if ((uint64_t)size > segment->staged.position) {
		if (!err)
			err = io_file_truncate(io, segment->write_fd, segment->staged.position);
		if (!err)
			err = io_file_sync(io, segment->write_fd);
	}
	segment->is_cut = !err;
	return err;
}

/* Another's file in this one's place is somebody's: it stays, under another name. It may have that already, from a try before that ended behind the
 * renaming: what is made there now is this segment's own, and must not be taken for another's when it is opened again. */
static int set_aside(struct segment *segment, const char *path)
{
	int err = foreign_file_put_aside(segment->home->io, path, "is not the file that was written here");
	if (err && err != -ENOENT)
		return err;
	segment_close_files(segment);
	segment->is_foreign = false;
	segment->is_cut = false;
	return 0;
}

int segment_set_aside(struct segment *segment)
{
	char path[PATH_SIZE];
	segment_path(segment, SEGMENT_FILE_LOG, path, sizeof path);
	int err = set_aside(segment, path);
	segment_adopt(segment, (struct mark){0, segment->base_offset});
	segment->has_file = false;
	return err;
}

static int create_file(struct segment *segment, const char *path)
{
	struct io *io = segment->home->io;
	int there = io_file_open(io, path, IO_READ_ONLY);
	if (err_is_shortage(there))
		return there; /* whose it is must be known before it is emptied */
	segment->is_foreign &= there != -ENOENT; /* recovery may have put it aside already */
	segment->is_foreign |= there >= 0 ? foreign_file_is_stores(io, there) : foreign_file_is_in_the_way(there);
	if (there >= 0)
		io_close_fd(io, there);
	int aside_err = segment->is_foreign ? set_aside(segment, path) : 0;
	if (aside_err)
		return aside_err;
	segment->write_fd = io_file_open(io, path, IO_CREATE | IO_DIRECT);
	if (segment->write_fd < 0)
		return segment->write_fd;
	segment->has_new_name = true;
	/* A leftover of that name has no acknowledged bytes that are there alone: the journal still holds everything from position 0 on. */
	int64_t size = io_file_size(io, segment->write_fd);
	int err = size < 0 ? (int)size : 0;
	if (size > 0 && (uint64_t)size > segment->staged.position)
		err = save_tail(segment, segment->staged.position, (uint64_t)size);
	if (!err)
		err = io_file_truncate(io, segment->write_fd, 0);
	segment->has_file = !err;
	return err;
}

/* The file of a segment that should have one. */
static int open_file(struct segment *segment, const char *path)
{
	struct io *io = segment->home->io;
	int err = segment->is_identified ? 0 : segment_open_read(segment);
	if (segment->is_foreign)
		err = set_aside(segment, path);
	if (err < 0 && err != -ENOENT)
		return err;
	segment->write_fd = io_file_open(io, path, IO_DIRECT);
	if (segment->write_fd == -ENOENT && segment->filed.position > 0) { /* somebody took it: a hole, all of it */
		segment->write_fd = io_file_open(io, path, IO_CREATE | IO_DIRECT);
		segment->is_cut = false;
	}
	if (segment->write_fd < 0)
		return segment->write_fd;
	return segment->is_cut ? 0 : cut(segment);
}

/* Reads that are under way go on with theirs. */
void segment_forget_file(struct segment *segment)
{
	io_close_fd(segment->home->io, segment->write_fd);
	segment->write_fd = -1;
	if (!segment->readers)
		segment_close_files(segment);
	segment->is_cut = false;
	segment->allocated_bytes = 0;
	segment->has_new_name = true; /* whoever made what has it now need not have made that durable */
	segment->is_identified = segment->filed.position == 0;
}

int segment_open_write(struct segment *segment)
{
	if (segment->write_fd >= 0)
		return 0;
	char path[PATH_SIZE];
	segment_path(segment, SEGMENT_FILE_LOG, path, sizeof path);
	CHECK(segment->has_file || segment->filed.position == 0);
	segment->is_opening = true;
	int err = segment->has_file ? open_file(segment, path) : create_file(segment, path);
	segment->is_opening = false;
	if (err) {
		/* This one alone: reads may be under way on the others. */
		if (segment->write_fd >= 0)
			io_close_fd(segment->home->io, segment->write_fd);
		segment->write_fd = -1;
		return err;
	}
	note_open(segment);
	return 0;
}

int segment_restore(struct segment *segment)
{
	uint64_t at = segment->filed.position > segment->memory_position ? segment->filed.position : segment->memory_position;
	if (at >= segment->staged.position)
		return 0;
	char path[PATH_SIZE];
	segment_path(segment, SEGMENT_FILE_LOG, path, sizeof path);
	int fd = io_file_open(segment->home->io, path, 0);
	int err = fd < 0 ? fd : 0;
	while (!err && at < segment->staged.position) {
		struct slice piece;
		uint64_t size;
		segment_view(segment, at, segment->staged.position, &piece, NULL, 1, &size);
		int64_t done = io_file_write(segment->home->io, fd, piece.data, piece.size, at);
		err = done < 0 ? (int)done : 0;
		at += size;
	}
	if (!err)
		err = io_file_sync(segment->home->io, fd);
	if (fd >= 0)
		io_close_fd(segment->home->io, fd);
	return err;
}

int segment_cut_tail(struct segment *segment)
{
	int fd = segment_open_read(segment);
	if (fd == -ENOENT || fd == ERR_CORRUPT_LOG)
		return 0; /* it is missing, or another's: reads name that */
	int is_due = fd < 0 ? fd : torn_file_is_due(segment->home->io, fd, segment->staged.position);
	int err = is_due > 0 ? segment_open_write(segment) : is_due;
	segment_close_files(segment);
	return err;
}

void segment_unlink(struct segment *segment)
{
	char path[PATH_SIZE];
	for (int file = 0; file < segment_file_count; file++) {
		segment_path(segment, file, path, sizeof path);
		int err = io_unlink(segment->home->io, path);
		(void)err; /* most segments lack some of them; what stays is found again at the next start */
	}
	torn_path(segment, path, sizeof path);
	int err = io_unlink(segment->home->io, path);
	(void)err;
}

/* ---- headers and batches, read now -------------------------------------------------------------------------------- */

static int read_file(struct segment *segment, void *out, size_t size, uint64_t position)
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
		int err = read_file(segment, out, in_file, position);
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

int segment_resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out)
{
	int64_t file_end = end_of_file(segment);
	if (file_end < 0)
		return (int)file_end;
	struct resync_source source = {
		.read = read_for_resync, .next_data = next_data_for_resync, .context = segment, .base_offset = segment->base_offset,
		.end_position = segment->durable.position, .end_offset = segment->durable.offset,
		.fit_position = segment->staged.position, .fit_offset = segment->staged.offset,
		.file_end = (uint64_t)file_end, .memory_position = segment->memory_position,
	};
	return resync_find(&source, damaged_position, from_offset, position, out);
}

/* ---- indexes ------------------------------------------------------------------------------------------------------- */

static void note_indexed(struct segment *segment)
{
	struct segment_home *home = segment->home;
	if (!segment->is_complete)
		return;
	if (list_is_linked(&segment->indexed_node))
		list_remove(&segment->indexed_node);
	else
		home->indexed_count++;
	list_push_back(&home->indexed_segments, &segment->indexed_node);
	if (home->indexed_count <= home->indexed_max)
		return;
	struct segment *oldest = LIST_ENTRY(list_pop_front(&home->indexed_segments), struct segment, indexed_node);
	home->indexed_count--;
	offset_index_fini(&oldest->offsets);
	time_index_fini(&oldest->times);
	offset_index_init(&oldest->offsets, oldest->base_offset, oldest->index_size_bytes_max);
	time_index_init(&oldest->times, oldest->base_offset, oldest->index_size_bytes_max);
	oldest->has_index = false;
}

/* What the seal says of the index files; false if there is none that can be read. */
static bool read_seal(struct segment *segment, struct seal *seal)
{
	char path[PATH_SIZE];
	uint8_t *data;
	size_t size;
	segment_path(segment, SEGMENT_FILE_SEAL, path, sizeof path);
	if (!segment->is_sealed || small_file_read(segment->home->io, path, SEAL_SIZE, &data, &size))
		return false;
	bool is_good = seal_decode(seal, (struct slice){data, size}) == 0;
	free(data);
	return is_good;
}

static int decode_offset_index(struct segment *segment, const struct seal *seal)
{
	char path[PATH_SIZE];
	uint8_t *data;
	size_t size;
	segment_path(segment, SEGMENT_FILE_INDEX, path, sizeof path);
	int err = small_file_read(segment->home->io, path, segment->index_size_bytes_max, &data, &size);
	if (err)
		return err;
	struct slice bytes = {data, size};
	bool is_damaged = seal && (size != seal->index_size_bytes || seal_index_checksum(bytes) != seal->index_checksum);
	err = is_damaged ? ERR_CORRUPT_LOG : offset_index_decode(&segment->offsets, bytes, segment->staged.position);
	free(data);
	return err;
}

static int decode_time_index(struct segment *segment, const struct seal *seal)
{
	char path[PATH_SIZE];
	uint8_t *data;
	size_t size;
	segment_path(segment, SEGMENT_FILE_TIME_INDEX, path, sizeof path);
	int err = small_file_read(segment->home->io, path, (size_t)segment->index_size_bytes_max * 2, &data, &size);
	if (err)
		return err;
	struct slice bytes = {data, size};
	bool is_damaged = seal && (size != seal->time_index_size_bytes || seal_index_checksum(bytes) != seal->time_index_checksum);
	err = is_damaged ? ERR_CORRUPT_LOG : time_index_decode(&segment->times, bytes);
	free(data);
	return err;
}

static int decode_index_files(struct segment *segment)
{
	struct seal seal;
	bool has_seal = read_seal(segment, &seal);
	segment->is_index_trusted = has_seal;
	int err = decode_offset_index(segment, has_seal ? &seal : NULL);
	return err ? err : decode_time_index(segment, has_seal ? &seal : NULL);
}

/* Without a seal the files are as a crash left them, each for itself: the time index may end before the other, and the largest timestamp in between would
 * be missed by who goes on behind both. */
static void drop_untold_entries(struct segment *segment)
{
	int64_t timestamp_ms, offset;
	time_index_last(&segment->times, &timestamp_ms, &offset);
	if (segment->max_timestamp_ms >= 0 && timestamp_ms >= segment->max_timestamp_ms)
		return; /* it has the largest of all: nothing behind it is missed */
	offset_index_truncate(&segment->offsets, segment->times.count ? offset + 1 : segment->base_offset);
}

/* Trusts the index files as far as their last entries point at batches that agree; *position is where the scan must go on. */
static int take_index_files(struct segment *segment, uint64_t *position)
{
	*position = 0;
	int err = decode_index_files(segment);
	if (err)
		return err;
	if (!segment->is_index_trusted)
		drop_untold_entries(segment);
	if (segment->offsets.count == 0)
		return 0;
	const struct offset_index_entry *last = &segment->offsets.entries[segment->offsets.count - 1];
	struct batch batch;
	err = segment_read_header(segment, last->position, &batch);
	if (err || batch_last_offset(&batch) != segment->base_offset + last->relative_offset)
		return ERR_CORRUPT_LOG;
	segment->index_written_count = segment->offsets.count;
	*position = last->position + batch.size_bytes;
	return 0;
}

static void forget_indexes(struct segment *segment)
{
	segment->unindexed_bytes = 0;
	segment->is_index_trusted = true;
	offset_index_truncate(&segment->offsets, segment->base_offset);
	time_index_truncate(&segment->times, segment->base_offset);
	segment->index_written_count = 0;
}

/* The base offset lies outside the CRC: where batches go on, one that begins before what is due was changed, and so was one whose follower goes on as
 * if it had not been. (Any other that begins later: compaction took what was between.) */
static bool is_base_changed(struct segment *segment, uint64_t position, const struct batch *batch, int64_t due_offset)
{
	struct batch next;
	if (batch->base_offset <= due_offset)
		return batch->base_offset < due_offset;
	return segment_read_header(segment, position + batch->size_bytes, &next) == 0 &&
	       next.base_offset == due_offset + batch->last_offset_delta + 1;
}

/* Where the entries end, batches go on. */
static int64_t offset_behind_entries(const struct segment *segment)
{
	uint32_t count = segment->offsets.count;
	return segment->base_offset + (count ? segment->offsets.entries[count - 1].relative_offset + 1 : 0);
}

/* Walks headers in large reads from `position` to the end and indexes them, over damage too. */
static int scan_into_indexes(struct segment *segment, uint64_t position)
{
	uint8_t *buffer = malloc(SCAN_SIZE);
	if (!buffer)
		return -ENOMEM;
	int err = 0;
	uint64_t start = 0, end = 0; /* what of the file the buffer holds */
	bool is_large = false;
	int64_t max_timestamp, max_offset, expected = offset_behind_entries(segment);
	time_index_last(&segment->times, &max_timestamp, &max_offset);
	while (!err && position + BATCH_HEADER_SIZE <= segment->staged.position) {
		struct batch batch;
		if (segment_is_in_memory(segment, position)) {
			err = segment_read_header(segment, position, &batch);
		} else {
			if (position < start || position + BATCH_HEADER_SIZE > end) {
				uint64_t limit = segment->memory_position;
				uint64_t wanted = is_large ? SCAN_HEADER_SIZE : SCAN_SIZE;
				uint64_t size = limit - position < wanted ? limit - position : wanted;
				err = read_file(segment, buffer, size, position);
				start = position;
				end = position + size;
			}
			if (!err)
				err = end - position < BATCH_HEADER_SIZE ? ERR_CORRUPT_LOG
				      : batch_parse_header((struct slice){buffer + (position - start), end - position}, &batch);
			if (!err && (!segment_header_fits(segment, position, &batch) || is_base_changed(segment, position, &batch, expected)))
				err = ERR_CORRUPT_LOG;
		}
		if (err == ERR_CORRUPT_LOG || err == ERR_CORRUPT_BATCH || err == ERR_INVALID_RECORD)
			err = segment_resync(segment, position, expected - 1, &position, &batch);
		if (err)
			break;
		expected = batch_next_offset(&batch);
		is_large = batch.size_bytes >= SCAN_LARGE_BATCH;
		if (batch.max_timestamp_ms > max_timestamp) {
			max_timestamp = batch.max_timestamp_ms;
			max_offset = batch_last_offset(&batch);
		}
		segment__index(segment, &batch, position, max_timestamp, max_timestamp < 0 ? -1 : max_offset);
		position += batch.size_bytes;
	}
	free(buffer);
	return err == ERR_CORRUPT_LOG || err == ERR_INVALID_RECORD || err == ERR_CORRUPT_BATCH ? 0 : err;
}

int segment__load_indexes(struct segment *segment)
{
	if (segment->has_index) {
		note_indexed(segment);
		return 0;
	}
	uint64_t position;
	int err = take_index_files(segment, &position);
	if (err_is_shortage(err))
		return err; /* they may be as good as ever */
	if (err) {
		forget_indexes(segment);
		position = 0;
	}
	err = scan_into_indexes(segment, position);
	if (err)
		return err;
	segment->has_index = true;
	note_indexed(segment);
	return 0;
}

/* Entries whose position lies behind the first damaged byte may be missing, so a floor is always safe to scan from. */
int segment_find(struct segment *segment, int64_t offset, uint64_t *position, int64_t *last_offset)
{
	bool is_in_memory = offset >= segment->memory_mark.offset;
	*position = segment->memory_mark.position;
	*last_offset = -1;
	if (is_in_memory && !segment->has_index)
		return 0; /* a reader at the tail after a restart does not pay for the indexes of what lies before */
	int err = segment__load_indexes(segment);
	if (err)
		return err;
	/* An entry names the last offset of its batch: a batch whose last offset is not above `offset` contains it or ends before it. */
	int64_t floor_offset;
	uint64_t floor = offset_index_floor_entry(&segment->offsets, offset, &floor_offset);
	if (!is_in_memory || floor > *position) {
		*position = floor;
		*last_offset = floor_offset;
	}
	return 0;
}

/* Where the indexes lead for a timestamp; what the time index says of the place. */
static uint64_t floor_of_time(const struct segment *segment, int64_t timestamp_ms, int64_t *entry_timestamp, int64_t *entry_offset,
			      int64_t *last_offset)
{
	*last_offset = -1;
	/* Strictly below: a record with the entry's own timestamp may lie before the entry's offset. */
	time_index_floor(&segment->times, timestamp_ms - 1, entry_timestamp, entry_offset);
	return *entry_offset > segment->base_offset ? offset_index_floor_entry(&segment->offsets, *entry_offset, last_offset) : 0;
}

/* No checksum covers the index files of a segment that is not sealed, and an entry that leads too far hides records: the batch that it tells of must have
 * the timestamp it says. */
static bool is_time_entry_right(struct segment *segment, uint64_t position, int64_t entry_timestamp, int64_t entry_offset)
{
	struct batch batch;
	for (; position < segment->staged.position; position += batch.size_bytes) {
		if (segment_read_header(segment, position, &batch) || batch.base_offset > entry_offset)
			return false;
		if (batch_last_offset(&batch) >= entry_offset)
			return batch.max_timestamp_ms == entry_timestamp;
	}
	return false;
}

int segment_find_time(struct segment *segment, int64_t timestamp_ms, uint64_t *position, int64_t *last_offset)
{
	int64_t entry_timestamp, entry_offset;
	int err = segment__load_indexes(segment);
	if (err)
		return err;
	*position = floor_of_time(segment, timestamp_ms, &entry_timestamp, &entry_offset, last_offset);
	if (segment->is_index_trusted || entry_timestamp < 0 || is_time_entry_right(segment, *position, entry_timestamp, entry_offset))
		return 0;
	forget_indexes(segment);
	err = scan_into_indexes(segment, 0);
	if (!err)
		*position = floor_of_time(segment, timestamp_ms, &entry_timestamp, &entry_offset, last_offset);
	return err;
}

/* Before the files are written for the first time in this life. */
static int keep_foreign(struct segment *segment)
{
	static const enum segment_file files[] = {SEGMENT_FILE_INDEX, SEGMENT_FILE_TIME_INDEX};
	char path[PATH_SIZE];
	int err = 0;
	for (size_t i = 0; i < COUNT_OF(files) && !err && segment->index_written_count == 0; i++) {
		segment_path(segment, files[i], path, sizeof path);
		err = foreign_file_keep(segment->home->io, path);
	}
	return err;
}

static int write_tail(struct segment *segment, enum segment_file file, const uint8_t *data, size_t size, size_t from)
{
	char path[PATH_SIZE];
	segment_path(segment, file, path, sizeof path);
	int fd = io_file_open(segment->home->io, path, IO_CREATE);
	if (foreign_file_is_in_the_way(fd)) {
		int err = foreign_file_keep(segment->home->io, path);
		fd = err ? err : io_file_open(segment->home->io, path, IO_CREATE);
		from = 0;
	}
	if (fd < 0)
		return fd;
	int64_t done = io_file_write(segment->home->io, fd, data + from, size - from, from);
	int err = done < 0 ? (int)done : 0;
	if (!err)
		err = io_file_truncate(segment->home->io, fd, size);
	io_close_fd(segment->home->io, fd);
	return err;
}

static int save_index(struct segment *segment, uint64_t *size_out, uint64_t *checksum_out)
{
	size_t size = offset_index_encoded_size(&segment->offsets);
	uint8_t *data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	offset_index_encode(&segment->offsets, data);
	*size_out = size;
	*checksum_out = seal_index_checksum((struct slice){data, size});
	int err = write_tail(segment, SEGMENT_FILE_INDEX, data, size, (size_t)segment->index_written_count * OFFSET_INDEX_ENTRY_SIZE);
	free(data);
	return err;
}

static int save_time_index(struct segment *segment, uint64_t *size_out, uint64_t *checksum_out)
{
	size_t size = time_index_encoded_size(&segment->times);
	uint8_t *data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	time_index_encode(&segment->times, data);
	*size_out = size;
	*checksum_out = seal_index_checksum((struct slice){data, size});
	int err = write_tail(segment, SEGMENT_FILE_TIME_INDEX, data, size, 0);
	free(data);
	return err;
}

/* What the files do not tell of is scanned when it is first asked for after a crash: that takes a few milliseconds. */
static bool is_much_unsaved(const struct segment *segment)
{
	uint32_t saved = segment->index_written_count;
	uint64_t from = saved && saved <= segment->offsets.count ? segment->offsets.entries[saved - 1].position : 0;
	return segment->staged.position - from >= UNSAVED_BYTES_MAX;
}

int segment_save_indexes(struct segment *segment, bool is_final)
{
	if (!segment->has_index || !segment->has_file || segment->index_written_count == segment->offsets.count)
		return 0;
	if (!is_final && !is_much_unsaved(segment))
		return 0;
	uint64_t size, checksum;
	int err = keep_foreign(segment);
	if (!err)
		err = save_index(segment, &size, &checksum);
	if (!err)
		err = save_time_index(segment, &size, &checksum);
	if (!err)
		segment->index_written_count = segment->offsets.count;
	return err;
}

/* ---- seal ------------------------------------------------------------------------------------------------------------ */

static void forget_summary(struct segment *segment)
{
	segment->batch_count = segment->record_count = 0;
	segment->max_timestamp_ms = segment->max_timestamp_offset = -1;
}

static int walk_headers(struct segment *segment)
{
	struct batch batch;
	for (uint64_t at = 0; at < segment->staged.position; at += batch.size_bytes) {
		uint8_t header[BATCH_HEADER_SIZE];
		int err = segment_read_bytes(segment, header, sizeof header, at);
		if (!err && (batch_parse_header((struct slice){header, sizeof header}, &batch) || !segment_header_fits(segment, at, &batch)))
			err = ERR_CORRUPT_LOG;
		if (err)
			return err;
		seal_hash_update(segment->hash, header, sizeof header);
		segment__count(segment, &batch, batch_last_offset(&batch));
	}
	return 0;
}

/* Everything that is said of the batches, by their headers in the file: for a segment whose first batches were staged before this start. What
 * the checkpoint said of it was of all that was staged then, some of which was replayed since, and some never became durable. Where a header is
 * damaged that stays what is known: lookups by time pass over a segment whose largest timestamp is too small, so less must not be believed. */
static int learn_from_file(struct segment *segment)
{
	if (segment->hash)
		return 0;
	struct segment before = *segment;
	int err = seal_hash_create(&segment->hash);
	forget_summary(segment);
	if (!err)
		err = walk_headers(segment);
	if (err) {
		segment->batch_count = before.batch_count;
		segment->record_count = before.record_count;
		segment->max_timestamp_ms = before.max_timestamp_ms;
		segment->max_timestamp_offset = before.max_timestamp_offset;
	}
	return err;
}

static int write_seal(struct segment *segment)
{
	struct seal seal = {
		.base_offset = segment->base_offset,
		.next_offset = segment->staged.offset,
		.log_size_bytes = segment->staged.position,
		.batch_count = segment->batch_count,
		.record_count = segment->record_count,
		.max_timestamp_ms = segment->max_timestamp_ms,
		.max_timestamp_offset = segment->max_timestamp_offset,
		.first_leader_epoch = segment->first_leader_epoch,
		.last_leader_epoch = segment->last_leader_epoch,
	};
	char path[PATH_SIZE];
	segment_path(segment, SEGMENT_FILE_SEAL, path, sizeof path);
	int err = foreign_file_keep(segment->home->io, path);
	if (!err)
		err = keep_foreign(segment);
	if (!err)
		err = save_index(segment, &seal.index_size_bytes, &seal.index_checksum);
	if (!err)
		err = save_time_index(segment, &seal.time_index_size_bytes, &seal.time_index_checksum);
	if (err)
		return err;
	seal_hash_result(segment->hash, &seal.headers_checksum_low, &seal.headers_checksum_high);
	uint8_t bytes[SEAL_SIZE];
	seal_encode(&seal, bytes);
	return write_tail(segment, SEGMENT_FILE_SEAL, bytes, sizeof bytes, 0);
}

/* A segment whose headers are damaged can have no seal, and its file stays as it is: what can be served of it is, the rest is named. */
static int seal_with(struct segment *segment, int err)
{
	if (err == ERR_CORRUPT_LOG)
		return 0;
	if (!err)
		err = segment__load_indexes(segment);
	if (!err && segment->max_timestamp_offset >= 0) {
		int added = time_index_add(&segment->times, segment->max_timestamp_ms, segment->max_timestamp_offset);
		(void)added; /* full: the lookup scans from the last entry */
	}
	return err ? err : write_seal(segment);
}

int segment_seal(struct segment *segment)
{
	CHECK(segment->is_complete && segment_is_filed(segment) && !segment->filing);
	int err = segment_open_write(segment);
	if (!err)
		err = io_file_truncate(segment->home->io, segment->write_fd, segment->staged.position);
	if (!err)
		err = seal_with(segment, learn_from_file(segment));
	if (err)
		return err;
	segment->is_sealed = true;
	seal_hash_destroy(segment->hash);
	segment->hash = NULL;
	offset_index_shrink(&segment->offsets);
	time_index_shrink(&segment->times);
	if (!segment->readers)
		segment_close_files(segment);
	note_indexed(segment);
	return 0;
}
