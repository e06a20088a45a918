/* The files of a segment: making, opening, cutting and removing them. What is in them is read in segment_read.c, segment_index.c and segment_seal.c.
 *
 * The log file may be longer than what is filed: padding of the last block, or what a crash left of a filing that was never
 * acknowledged. Nothing reads behind `filed` in a file, and the file is cut (and the cut synced) before it is first written
 * again, so old bytes never come back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/segment/foreign_file.h"
#include "log/segment/hole_mark.h"
#include "log/segment/segment_priv.h"
#include "log/segment/spare.h"
#include "log/segment/torn_file.h"

#define COMPARE_SIZE (256u << 10)

void segment_path(const struct segment *segment, enum segment_file file, char *out, size_t out_size)
{
	segment_path_format(out, out_size, segment->dir, segment->base_offset, file);
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

static bool is_in_use(const struct segment *segment)
{
	return segment->filing || segment->readers || segment->is_opening;
}

/* Not those of `except`, whose descriptor is about to be used. */
static bool close_one_idle(struct segment_home *home, const struct segment *except)
{
	LIST_FOR_EACH_SAFE(node, &home->open_segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, open_node);
		if (is_in_use(segment) || segment == except)
			continue;
		segment_close_files(segment);
		return true;
	}
	return false;
}

/* One that was written to in this round, and will not be before the next: where more files are written to in turn than may be open, the longest unused one is
 * just that which comes next, and none would ever be found open. */
static bool close_one_written(struct segment_home *home, const struct segment *except)
{
	for (struct list *node = home->open_segments.prev; node != &home->open_segments; node = node->prev) {
		struct segment *segment = LIST_ENTRY(node, struct segment, open_node);
		if (is_in_use(segment) || segment == except)
			continue;
		if (segment->write_fd < 0 || segment->write_round != home->write_round)
			return false;
		segment_close_files(segment);
		return true;
	}
	return false;
}

/* Will the one that was unused for longest be written to in this round, or was it just now? */
static bool is_oldest_wanted(const struct segment_home *home)
{
	const struct segment *oldest = LIST_ENTRY(home->open_segments.next, struct segment, open_node);
	return !list_is_empty(&home->open_segments) && oldest->write_fd >= 0 && home->write_round - oldest->write_round <= 1;
}

static bool close_one(struct segment_home *home, const struct segment *except)
{
	return (is_oldest_wanted(home) && close_one_written(home, except)) || close_one_idle(home, except);
}

bool segment_home_spare_files(struct segment_home *home)
{
	return close_one(home, NULL);
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
	while (home->open_count > home->open_max && close_one(home, segment))
		;
}

static void note_open_for_writing(struct segment *segment)
{
	segment->write_round = segment->home->write_round;
	note_open(segment);
}

static struct append_time_owner owner_of(const struct segment *segment)
{
	return (struct append_time_owner){segment->topic_id, segment->partition_index, segment->base_offset, 0};
}

static void note_lost(struct segment *segment, int64_t from, int64_t to)
{
	segment->lost_from = segment->lost_to && segment->lost_from < from ? segment->lost_from : from;
	segment->lost_to = segment->lost_to > to ? segment->lost_to : to;
}

static bool is_whole_there(const struct segment *segment, int fd, uint64_t position, const struct batch *batch)
{
	uint8_t *bytes = malloc(batch->size_bytes);
	bool is_whole = bytes && io_file_read(segment->home->io, fd, bytes, batch->size_bytes, position) == (int64_t)batch->size_bytes &&
			batch_check_crc((struct slice){bytes, batch->size_bytes}, batch) == 0;
	free(bytes);
	return is_whole;
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
	return is_whole_there(segment, fd, 0, &batch);
}

/* Does the step's last batch stand where it should? Then it is *batch. */
static bool stands_there(const struct segment *segment, int fd, const struct mark_step *step, struct batch *batch)
{
	uint8_t header[BATCH_HEADER_SIZE];
	bool is_there = io_file_read(segment->home->io, fd, header, sizeof header, step->position - step->last_size_bytes) == sizeof header &&
			batch_parse_header((struct slice){header, sizeof header}, batch) == 0;
	return is_there && batch->size_bytes == step->last_size_bytes && batch->crc == step->last_crc;
}

/* The batch that holds the byte before `end`, by the headers from *position and `due` on. False: they do not lead there. */
static bool find_last(const struct segment *segment, int fd, uint64_t end, int64_t due, uint64_t *position, struct batch *batch)
{
	uint8_t header[BATCH_HEADER_SIZE];
	for (;; *position += batch->size_bytes) {
		if (io_file_read(segment->home->io, fd, header, sizeof header, *position) != sizeof header ||
		    batch_parse_header((struct slice){header, sizeof header}, batch) || batch->base_offset != due)
			return false;
		if (*position + batch->size_bytes >= end)
			return true;
		due = batch_next_offset(batch);
	}
}

/* Does the file begin as the segment does, and go on as another one: a copy that went its own way? Then from *from on, at the latest: the last step of which the
 * batch is there. Where that of the next is not to be found, the headers are followed: what is whole and another there says so. Anything else is damage, or a
 * file that was cut, which is found batch by batch. */
static bool has_diverged(const struct segment *segment, int fd, int64_t *from)
{
	struct mark_check check;
	struct batch batch;
	mark_check_begin(&check, segment->base_offset, segment->steps, &segment->vouched);
	uint32_t agreeing = check.count;
	if (!check.count || !check.steps[check.count - 1].last_size_bytes || check.steps[check.count - 1].last_size_bytes > check.steps[check.count - 1].position)
		return false;
	while (agreeing && !stands_there(segment, fd, &check.steps[agreeing - 1], &batch))
		agreeing--;
	if (agreeing == check.count)
		return false;
	const struct mark_step *next = &check.steps[agreeing];
	uint64_t position = agreeing ? next[-1].position : 0;
	*from = agreeing ? batch_next_offset(&batch) : segment->base_offset;
	return find_last(segment, fd, next->position, *from, &position, &batch) && batch.crc != next->last_crc && is_whole_there(segment, fd, position, &batch);
}

/* Of a file that is ours at first that much is served, and the rest is fenced: it stays where it is, as somebody may want to look at it. */
static void note_anothers(struct segment *segment, int64_t from)
{
	segment->is_foreign = from <= segment->base_offset;
	if (segment->is_foreign) {
		fprintf(stderr, "spate: error: %s/%020ld.log is not the file that was written here: nothing of it is served\n", segment->dir,
			(long)segment->base_offset);
		return;
	}
	fprintf(stderr, "spate: error: %s/%020ld.log is from offset %ld on not the file that was written here: nothing behind that is served\n", segment->dir,
		(long)segment->base_offset, (long)from);
	note_lost(segment, from, segment->filed.offset);
}

static int identify(struct segment *segment, int fd)
{
	struct append_time_owner hole;
	bool is_first = !segment->is_identified;
	int64_t from = segment->base_offset;
	if (is_first && (is_another_file(segment, fd) || has_diverged(segment, fd, &from)))
		note_anothers(segment, from);
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

/* What is no file in its place (a directory, a FIFO, a link to nowhere) is as good as another's: the segment's own is lost. What may not be read, or lies on a disk that is not mounted, is there. */
static int judge_unopened(struct segment *segment, int err)
{
	if (err == ERR_NOT_A_FILE) {
		segment->is_foreign = segment->is_identified = true;
		tell_once(segment, err);
		return ERR_CORRUPT_LOG;
	}
	if (err_is_out_of_reach(err))
		tell_once(segment, err);
	return err;
}

void segment__note_changed(struct segment *segment, int fd)
{
	int64_t changed_ns = io_file_changed_ns(segment->home->io, fd);
	segment->changed_ns = changed_ns > 0 ? changed_ns : 0;
}

/* Nobody writes to a sealed file. If somebody did, by `cp` over it perhaps, it is held against its first batch once more before anything of it is served, and the
 * scrub reads all of it next. */
static bool has_changed(struct segment *segment, int fd)
{
	int64_t before_ns = segment->changed_ns;
	if (!segment->is_sealed)
		return false;
	segment__note_changed(segment, fd);
	if (!before_ns || !segment->changed_ns || segment->changed_ns == before_ns)
		return false;
	segment->is_identified = false;
	segment->is_doubtful = segment->home->has_doubtful = true;
	return true;
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
	bool must_ask_again = has_changed(segment, *fd) && flags & IO_DIRECT; /* which reads no header alone */
	int err = must_ask_again ? segment_open_read(segment) : identify(segment, *fd);
	return err < 0 ? err : *fd;
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
static int save_tail(struct segment *segment, int fd, uint64_t from, uint64_t to)
{
	char path[PATH_SIZE];
	torn_path(segment, path, sizeof path);
	return torn_file_save(segment->home->io, fd, from, to, path, segment->home->are_ends_found);
}

/* Up to where the file has, behind `filed`, what is to be written there: recovery has taken it from the journal, and a filing had begun. */
static uint64_t same_until(struct segment *segment, int fd, uint64_t file_size)
{
	uint64_t at = segment->filed.position, end = file_size < segment->staged.position ? file_size : segment->staged.position;
	uint8_t *ours = malloc(COMPARE_SIZE), *theirs = aligned_alloc(CHUNK_ALIGN, COMPARE_SIZE + CHUNK_ALIGN);
	while (ours && theirs && at < end && segment_is_in_memory(segment, at)) {
		uint64_t size = end - at < COMPARE_SIZE ? end - at : COMPARE_SIZE, skip = at % CHUNK_ALIGN;
		int64_t got = io_file_read(segment->home->io, fd, theirs, align_up(skip + size, CHUNK_ALIGN), at - skip);
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
		note_lost(segment, segment->base_offset, segment->filed.offset);
	segment->has_new_name |= size < BATCH_HEADER_SIZE; /* made just now, or by a life that was killed before it came here */
	if (!err)
		err = io_file_truncate(io, segment->write_fd, segment->filed.position);
	return err ? err : io_file_sync(io, segment->write_fd);
}

/* The kernel has what recovery has just read, which the descriptor that writes would read from the disk once more. */
static int fd_to_look_with(const struct segment *segment)
{
	char path[PATH_SIZE];
	segment_path(segment, SEGMENT_FILE_LOG, path, sizeof path);
	bool is_same = segment->read_fd >= 0 && io_file_check_name(segment->home->io, segment->read_fd, path) == 0;
	return is_same ? segment->read_fd : segment->write_fd;
}

/* Zeros are room that the life before has reserved: nothing has to be away, and it serves this one. */
static int cut_behind_end(struct segment *segment, int fd, uint64_t size)
{
	struct io *io = segment->home->io;
	int is_due = torn_file_is_due(io, fd, segment->staged.position);
	if (is_due == 0)
		segment->allocated_bytes = size;
	if (is_due <= 0)
		return is_due;
	int err = io_file_truncate(io, segment->write_fd, segment->staged.position);
	return err ? err : io_file_sync(io, segment->write_fd);
}

/* Behind the last step whose batch stands where it was filed. */
static struct mark last_agreeing(const struct segment *segment, int fd)
{
	struct mark at = {.offset = segment->base_offset};
	struct batch batch;
	for (uint32_t i = mark_steps_before(segment->steps, segment->filed.position); i-- > 0 && !at.position;)
		if (stands_there(segment, fd, &segment->steps->steps[i], &batch))
			at = (struct mark){.position = segment->steps->steps[i].position, .offset = batch_next_offset(&batch)};
	return at;
}

/* 1: a whole batch of the offset that is due is at `at`, and ends within what was filed. 0: none is. Or a disk that does not answer. */
static int is_due_at(struct segment *segment, const struct mark *at, struct batch *batch)
{
	uint8_t *bytes;
	int err = segment_read_header(segment, at->position, batch);
	if (!err && (batch->base_offset != at->offset || at->position + batch->size_bytes > segment->filed.position))
		return 0;
	err = err ? err : segment_read_batch(segment, batch, at->position, &bytes);
	if (err)
		return err == ERR_CORRUPT_LOG ? 0 : err;
	free(bytes);
	return 1;
}

/* By the rule that readers go by, from *at on, up to where what was filed ends: false, nothing leads there from *at on. A header alone leads nowhere: behind a batch that is damaged readers
 * look for the next, which need not stand where that one's length says. */
static int follow_to_filed(struct segment *segment, struct mark *at, bool *leads_there)
{
	struct batch batch;
	*leads_there = true;
	while (at->position < segment->filed.position) {
		uint64_t position = at->position;
		int is_due = is_due_at(segment, at, &batch);
		int err = is_due < 0 ? is_due : is_due ? 0 : segment__resync(segment, at->position, at->offset - 1, &position, &batch);
		*leads_there = !err && position < segment->filed.position;
		if (!*leads_there)
			return err == ERR_CORRUPT_LOG ? 0 : err;
		*at = (struct mark){.position = is_due ? position + batch.size_bytes : position, .offset = is_due ? batch_next_offset(&batch) : batch.base_offset};
	}
	return 0;
}

/* A byte that was taken out of the file, or put in, moves all that is behind it: what ended with the last byte that was filed does not end there any more. What is staged goes there now, and
 * completes a batch that reached too far, or leaves one that ended too early before a hole: so it is judged before that, and once for all. A disk that does not answer leaves it to readers. */
static void lose_what_has_moved(struct segment *segment, uint64_t size)
{
	struct mark_step last = {segment->filed.position, segment->filed.headers, segment->filed.last_size_bytes, segment->filed.last_crc};
	struct batch batch;
	bool leads_there = true;
	int fd = segment_open_read(segment);
	bool is_known = last.last_size_bytes && last.last_size_bytes <= last.position;
	if (fd < 0 || (size >= last.position && (!is_known || stands_there(segment, fd, &last, &batch))))
		return;
	struct mark at = last_agreeing(segment, fd);
	int err = follow_to_filed(segment, &at, &leads_there);
	if (!err && !leads_there)
		note_lost(segment, at.offset, segment->filed.offset);
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
	int err = 0, fd = fd_to_look_with(segment);
	if (!segment->is_complete)
		segment__drop_seal(segment);
	lose_what_has_moved(segment, (uint64_t)size);
	if ((uint64_t)size < segment->filed.position)
		err = leave_hole(segment, (uint64_t)size);
	if (!err && (uint64_t)size > segment->filed.position)
		err = save_tail(segment, fd, same_until(segment, fd, (uint64_t)size), (uint64_t)size);
	if (!err && (uint64_t)size > segment->staged.position)
		err = cut_behind_end(segment, fd, (uint64_t)size);
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
	segment_adopt(segment, (struct mark){.offset = segment->base_offset});
	segment->has_file = false;
	return err;
}

static int take_spare(struct segment *segment, const char *path)
{
	uint64_t size, most = 2 * segment->likely_bytes < segment->size_bytes_max ? 2 * segment->likely_bytes : segment->size_bytes_max;
	int fd = most ? spares_take(segment->home->spares, path, most, &size) : -ENOENT;
	if (fd >= 0)
		segment->allocated_bytes = size;
	return fd;
}

/* What recovery has looked into may have had this name, and was put aside (recover_end.c): nothing of this segment is in there. */
static void close_other_file(struct segment *segment)
{
	if (segment->read_fd >= 0)
		io_close_fd(segment->home->io, segment->read_fd);
	segment->read_fd = -1;
}

/* Where there is nothing of that name, as a rule. -EEXIST: there is. */
static int make_file(struct segment *segment, const char *path)
{
	segment->write_fd = take_spare(segment, path);
	if (segment->write_fd < 0)
		segment->write_fd = io_file_open(segment->home->io, path, IO_CREATE | IO_EXCLUSIVE | IO_DIRECT);
	if (segment->write_fd < 0)
		return segment->write_fd;
	segment->is_foreign = false; /* recovery may have put it aside already */
	segment->has_new_name = segment->has_file = true;
	close_other_file(segment);
	return 0;
}

static int create_file(struct segment *segment, const char *path)
{
	struct io *io = segment->home->io;
	int made = make_file(segment, path);
	if (made != -EEXIST)
		return made;
	int there = io_file_open(io, path, IO_READ_ONLY);
	if (err_is_shortage(there))
		return there; /* whose it is must be known before it is emptied */
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
		err = save_tail(segment, segment->write_fd, segment->staged.position, (uint64_t)size);
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
	if (segment->write_fd == -ENOENT && segment->filed.position == 0)
		return create_file(segment, path); /* somebody took it, and memory and journal have all that belongs there */
	if (segment->write_fd == -ENOENT) { /* a hole, all of it */
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
	if (segment->write_fd >= 0) {
		note_open_for_writing(segment);
		return 0;
	}
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
	note_open_for_writing(segment);
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

int segment_has_tail(struct segment *segment)
{
	int fd = segment_open_read(segment);
	if (fd == -ENOENT || fd == ERR_CORRUPT_LOG)
		return 0; /* it is missing, or another's: reads name that */
	int is_due = fd < 0 ? fd : torn_file_is_due(segment->home->io, fd, segment->staged.position);
	if (segment_is_filed(segment)) /* else it is opened again soon */
		segment_close_files(segment);
	return is_due;
}

int segment_cut_tail(struct segment *segment)
{
	int is_due = segment_has_tail(segment);
	int err = is_due > 0 ? segment_open_write(segment) : is_due;
	if (segment_is_filed(segment))
		segment_close_files(segment);
	return err;
}

/* Another's file is not ours to write over, and who reads this one goes on. */
static bool give_away(struct segment *segment, const char *path)
{
	return !segment->is_foreign && !segment->readers &&
	       spares_give(segment->home->spares, path, segment->dir, segment->staged.position, segment->size_bytes_max);
}

void segment_unlink(struct segment *segment)
{
	char path[PATH_SIZE];
	for (int file = 0; file < segment_file_count; file++) {
		segment_path(segment, file, path, sizeof path);
		if (file == SEGMENT_FILE_LOG && give_away(segment, path))
			continue;
		int err = io_unlink_behind(segment->home->io, path);
		(void)err; /* most segments lack some of them; what stays is found again at the next start */
	}
	torn_path(segment, path, sizeof path);
	int err = io_unlink(segment->home->io, path);
	(void)err;
}
