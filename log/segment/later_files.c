/* Happy path: the segment that the log goes on in is no longer than it should be and has no seal, and no .log begins where the log ends.
 *
 * Otherwise the directory is listed. It takes both: bytes behind the end (in that segment's file, or in one that begins there or later), and a word that they were filed (append times, a seal): a
 * whole batch may be what a group left that was never durable. Append times alone may have been left by a start that cut off what they tell of.
 *
 * Failure modes: what is missing, damaged or another topic's says nothing; so does what may not be read. */
#include "log/segment/later_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/io/small_file.h"
#include "log/segment/partition_metadata.h"
#include "log/segment/seal.h"
#include "log/segment/segment_name.h"
#include "log/segment/torn_file.h"
#include "log/segment/witness.h"

struct later {
	struct io *io;
	const struct log_end_asked *asked;
	bool has_bytes;
	int64_t told_to;   /* the furthest offset that append times say was there */
	int64_t sealed_to; /* and seals, which do not say whose they are */
	bool has_anothers; /* append times of another partition lie there: what is beside them may be its own, too */
};

static int open_of(const struct later *later, int64_t base_offset, enum segment_file file)
{
	char path[4096];
	segment_path_format(path, sizeof path, later->asked->dir, base_offset, file);
	return io_file_open(later->io, path, IO_READ_ONLY);
}

/* What cannot be opened for want of something says nothing yet; what cannot be opened otherwise says nothing at all. */
static int no_or_shortage(int err)
{
	return err_is_shortage(err) ? err : 0;
}

/* ---- is anything there that should not be? --------------------------------------------------------------------------------- */

static int is_there(const struct later *later, int64_t base_offset, enum segment_file file)
{
	int fd = open_of(later, base_offset, file);
	if (fd >= 0)
		io_close_fd(later->io, fd);
	return fd >= 0 ? 1 : no_or_shortage(fd);
}

/* One that is gone may have been dropped since, with others behind it. */
static int is_longer_or_gone(const struct later *later)
{
	int fd = open_of(later, later->asked->owner.base_offset, SEGMENT_FILE_LOG);
	if (fd < 0)
		return fd == -ENOENT ? 1 : no_or_shortage(fd);
	int64_t size = io_file_size(later->io, fd);
	io_close_fd(later->io, fd);
	return size > (int64_t)later->asked->position;
}

static int is_suspicious(const struct later *later)
{
	const struct log_end_asked *asked = later->asked;
	bool begins_at_end = !asked->has_file || asked->offset != asked->owner.base_offset;
	int found = asked->has_file ? is_longer_or_gone(later) : 0;
	if (!found && begins_at_end)
		found = is_there(later, asked->offset, SEGMENT_FILE_LOG);
	if (!found && asked->has_file && !asked->is_sealed)
		found = is_there(later, asked->owner.base_offset, SEGMENT_FILE_SEAL);
	return found;
}

/* ---- what is it? ------------------------------------------------------------------------------------------------------------ */

static void raise(int64_t *told, int64_t to)
{
	*told = to > *told ? to : *told;
}

static int ask_log(struct later *later, int64_t base_offset, uint64_t position)
{
	int fd = open_of(later, base_offset, SEGMENT_FILE_LOG);
	if (fd < 0)
		return no_or_shortage(fd);
	int has_bytes = torn_file_is_due(later->io, fd, position);
	io_close_fd(later->io, fd);
	later->has_bytes |= has_bytes > 0;
	return has_bytes < 0 ? no_or_shortage(has_bytes) : 0;
}

static int ask_times(struct later *later, int64_t base_offset)
{
	struct append_time_owner owner = later->asked->owner;
	struct segment_witness witness;
	owner.base_offset = base_offset;
	int err = segment_witness_open(&witness, later->io, later->asked->dir, &owner, -1);
	if (err)
		return err;
	raise(&later->told_to, witness.end_offset > base_offset ? witness.end_offset : 0);
	later->has_anothers |= witness.is_anothers;
	segment_witness_close(&witness);
	return 0;
}

static int ask_seal(struct later *later, int64_t base_offset)
{
	char path[4096];
	uint8_t *bytes;
	size_t size;
	struct seal seal;
	segment_path_format(path, sizeof path, later->asked->dir, base_offset, SEGMENT_FILE_SEAL);
	int err = small_file_read(later->io, path, SEAL_SIZE, &bytes, &size);
	if (err)
		return no_or_shortage(err);
	bool is_good = seal_decode(&seal, (struct slice){bytes, size}) == 0 && seal.base_offset == base_offset;
	free(bytes);
	raise(&later->sealed_to, is_good ? seal.next_offset : 0);
	return 0;
}

static int ask_file(void *context, const char *name, bool is_directory)
{
	struct later *later = context;
	const struct log_end_asked *asked = later->asked;
	int64_t base, own = asked->owner.base_offset;
	enum segment_file file;
	if (is_directory || !segment_name_parse(name, &base, &file) || base < own)
		return 0;
	if (file == SEGMENT_FILE_APPEND_TIME)
		return ask_times(later, base);
	if (file == SEGMENT_FILE_SEAL)
		return ask_seal(later, base);
	if (file != SEGMENT_FILE_LOG)
		return 0;
	if (base == own && asked->has_file)
		return ask_log(later, base, asked->position);
	return base >= asked->offset ? ask_log(later, base, 0) : 0;
}

/* What a deletion has left of an earlier topic of the name. */
static int is_dir_anothers(const struct later *later)
{
	char path[4096];
	uint8_t *text;
	size_t size;
	struct uuid id;
	snprintf(path, sizeof path, "%s/" PARTITION_METADATA_NAME, later->asked->dir);
	int err = small_file_read(later->io, path, PARTITION_METADATA_SIZE_MAX, &text, &size);
	if (err)
		return no_or_shortage(err);
	bool is_anothers = partition_metadata_decode(&id, (struct slice){text, size}) == 0 && !uuid_equal(&id, &later->asked->owner.topic_id);
	free(text);
	return is_anothers;
}

int later_files_find(struct io *io, const struct log_end_asked *asked, int64_t *to)
{
	struct later later = {.io = io, .asked = asked};
	int found = asked->was_clean ? is_suspicious(&later) : 1;
	if (found <= 0)
		return found;
	found = is_dir_anothers(&later);
	if (found)
		return found < 0 ? found : 0;
	int err = io_dir_list(io, asked->dir, ask_file, &later);
	if (err)
		return no_or_shortage(err);
	if (!later.has_anothers)
		raise(&later.told_to, later.sealed_to);
	*to = later.told_to;
	return later.has_bytes && later.told_to > asked->offset;
}
