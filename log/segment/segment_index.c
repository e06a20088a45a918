/* The indexes of a segment: in memory, bounded in number for those that are complete, and their files.
 *
 * Happy path: they are read from their files when they are first asked for, and what these do not tell of is scanned.
 * Failure modes: the files are derived: unsynced, checked when read, rebuilt from the log when they do not fit. Damage in the log is passed over; a shortage, or a
 * disk that does not answer, is an error. */
#include <errno.h>
#include <stdlib.h>

#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/segment/segment_priv.h"

#define SCAN_SIZE (256u << 10)
#define SCAN_LARGE_BATCH (32u << 10) /* behind such a one the next header is read alone */
#define SCAN_HEADER_SIZE 4096u
#define UNSAVED_BYTES_MAX (8u << 20) /* of the log */

void segment__note_indexed(struct segment *segment)
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
	bool is_good = seal_decode(seal, (struct slice){data, size}) == 0 && seal->base_offset == segment->base_offset &&
		       seal->log_size_bytes == segment->staged.position && seal->next_offset == segment->staged.offset;
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
	segment->is_index_trusted = segment->has_places = has_seal;
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

/* Where the entries of the offset index lead for what the time index names; the first batch's record needs none. */
static uint64_t floor_of_named(const struct segment *segment, int64_t offset, int64_t *last_offset)
{
	*last_offset = -1;
	return offset > segment->base_offset ? offset_index_floor_entry(&segment->offsets, offset, last_offset) : 0;
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

/* Who goes on behind the entries takes the last one of the time index for the largest time so far: one that says less (zeros, as a power cut leaves; a flipped
 * bit) would have records of an earlier time passed by. */
static bool is_last_time_right(struct segment *segment)
{
	int64_t timestamp_ms, offset, last_offset;
	time_index_last(&segment->times, &timestamp_ms, &offset);
	return timestamp_ms < 0 || is_time_entry_right(segment, floor_of_named(segment, offset, &last_offset), timestamp_ms, offset);
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
	segment->index_written_count = segment->offsets.count;
	*position = segment->staged.position;
	if (segment->has_places)
		return 0; /* it is all, whatever has become of the log */
	if (!is_last_time_right(segment))
		return ERR_CORRUPT_LOG;
	err = segment_read_header(segment, last->position, &batch);
	if (err || batch_last_offset(&batch) != segment->base_offset + last->relative_offset)
		return ERR_CORRUPT_LOG;
	*position = last->position + batch.size_bytes;
	return 0;
}

static void forget_indexes(struct segment *segment)
{
	segment->unindexed_bytes = 0;
	segment->is_index_trusted = true;
	segment->has_places = false;
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
				err = segment__read_file(segment, buffer, size, position);
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
			err = segment__resync(segment, position, expected - 1, &position, &batch);
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

int segment__remake_indexes(struct segment *segment)
{
	forget_indexes(segment);
	int err = scan_into_indexes(segment, 0);
	segment->has_index = !err;
	return err;
}

bool segment__index_fits(const struct segment *segment, uint32_t *next, uint64_t position, const struct batch *batch)
{
	const struct offset_index *index = &segment->offsets;
	if (*next >= index->count || index->entries[*next].position >= position + batch->size_bytes)
		return true;
	const struct offset_index_entry *entry = &index->entries[(*next)++];
	return entry->position == position && batch_last_offset(batch) == index->base_offset + entry->relative_offset;
}

int segment__load_indexes(struct segment *segment)
{
	if (segment->has_index) {
		segment__note_indexed(segment);
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
	segment__note_indexed(segment);
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
	/* Strictly below: a record with the entry's own timestamp may lie before the entry's offset. */
	time_index_floor(&segment->times, timestamp_ms - 1, entry_timestamp, entry_offset);
	return floor_of_named(segment, *entry_offset, last_offset);
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
	err = segment__remake_indexes(segment);
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

int segment__write_derived(struct segment *segment, enum segment_file file, const uint8_t *data, size_t size, size_t from)
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
	int err = segment__write_derived(segment, SEGMENT_FILE_INDEX, data, size, (size_t)segment->index_written_count * OFFSET_INDEX_ENTRY_SIZE);
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
	int err = segment__write_derived(segment, SEGMENT_FILE_TIME_INDEX, data, size, 0);
	free(data);
	return err;
}

int segment__write_indexes(struct segment *segment, struct seal *seal)
{
	int err = keep_foreign(segment);
	if (!err)
		err = save_index(segment, &seal->index_size_bytes, &seal->index_checksum);
	if (!err)
		err = save_time_index(segment, &seal->time_index_size_bytes, &seal->time_index_checksum);
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
	struct seal unused;
	int err = segment__write_indexes(segment, &unused);
	if (!err)
		segment->index_written_count = segment->offsets.count;
	return err;
}
