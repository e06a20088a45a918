/* The seal of a segment that is complete: what its headers come to, and its index files, so that later reads and scans can be held against it.
 *
 * Happy path: the batches were counted and hashed as they were staged; the file is cut to its end, the index files written, and then the seal.
 * Failure modes: what was staged before this start is read from the file, and held against what was filed there; a segment whose headers are damaged, or not those, gets no seal, and stays as it is. So does one that
 * something of is fenced, unless its headers are what the seal beside it says: that seal may be all that tells these batches from another's, and a new one would
 * vouch for what was just found to be wrong. Anything else that fails is tried again by the next cycle. */
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/segment/segment_priv.h"

static void forget_summary(struct segment *segment)
{
	segment->batch_count = segment->record_count = 0;
	segment->max_timestamp_ms = segment->max_timestamp_offset = -1;
}

/* As it was before a walk that came to nothing: what the first batch was tells this file from another's, and the walk may have met that one's. */
static void put_summary_back(struct segment *segment, const struct segment *before)
{
	segment->batch_count = before->batch_count;
	segment->record_count = before->record_count;
	segment->max_timestamp_ms = before->max_timestamp_ms;
	segment->max_timestamp_offset = before->max_timestamp_offset;
	segment->first_timestamp_ms = before->first_timestamp_ms;
	segment->first_leader_epoch = before->first_leader_epoch;
	segment->last_leader_epoch = before->last_leader_epoch;
	segment->first_crc = before->first_crc;
}

/* `*fits_index`: the offset index is of these batches. A file that a crash left may have rotted, and a seal vouches for it. */
static int walk_headers(struct segment *segment, bool *fits_index)
{
	struct mark_check filed;
	uint32_t entry = 0;
	mark_check_begin(&filed, segment->base_offset, segment->steps, &segment->vouched);
	for (uint64_t position = 0; position < segment->staged.position;) {
		struct batch batch;
		uint8_t header[BATCH_HEADER_SIZE];
		int err = segment_read_bytes(segment, header, sizeof header, position);
		if (!err && (batch_parse_header((struct slice){header, sizeof header}, &batch) || !segment_header_fits(segment, position, &batch)))
			err = ERR_CORRUPT_LOG;
		if (err)
			return err;
		seal_hash_update(segment->hash, header, sizeof header);
		segment__count(segment, &batch, batch_last_offset(&batch));
		mark_check_batch(&filed, position, header, &batch);
		*fits_index &= segment__index_fits(segment, &entry, position, &batch);
		position += batch.size_bytes;
		if (filed.bad_count) {
			segment->is_doubtful = segment->home->has_doubtful = true; /* the scrub fences it */
			return ERR_CORRUPT_LOG;
		}
	}
	return 0;
}

/* The bytes of the file are freed. ERR_CORRUPT_LOG: it is no seal; or why it cannot be read. */
static int read_seal(const struct segment *segment, const char *path, struct seal *out)
{
	uint8_t *data;
	size_t size;
	int err = small_file_read(segment->home->io, path, SEAL_SIZE, &data, &size);
	if (err)
		return err;
	bool is_good = seal_decode(out, (struct slice){data, size}) == 0;
	free(data);
	return is_good ? 0 : ERR_CORRUPT_LOG;
}

static void tell_of_later_seal(const struct segment *segment, const char *path, const struct seal *seal)
{
	if (seal->next_offset > segment->staged.offset)
		fprintf(stderr,
			"spate: error: %s tells of records up to offset %ld, and the log ends at %ld: journal and checkpoint are of an earlier time than this directory "
			"(a backup that was put back in part?); the log goes on at %ld, and what was behind that is kept in .log.torn\n",
			path, (long)seal->next_offset - 1, (long)segment->staged.offset, (long)segment->staged.offset);
}

void segment__drop_seal(struct segment *segment)
{
	char path[PATH_SIZE];
	struct seal seal;
	segment_path(segment, SEGMENT_FILE_SEAL, path, sizeof path);
	int err = read_seal(segment, path, &seal);
	if (err && err != ERR_CORRUPT_LOG)
		return; /* as a rule there is none */
	if (!err)
		tell_of_later_seal(segment, path, &seal);
	err = foreign_file_unlink(segment->home->io, path);
	if (!err)
		err = io_dir_sync(segment->home->io, segment->dir);
	(void)err; /* it tells nothing that counts: the verifier names it */
}

/* 0: the headers are those of the seal that is there. ERR_CORRUPT_LOG: it says other ones, or nothing; or a shortage, which decides nothing. */
static int hold_against_seal(const struct segment *segment)
{
	char path[PATH_SIZE];
	struct seal seal;
	uint64_t low, high;
	segment_path(segment, SEGMENT_FILE_SEAL, path, sizeof path);
	int err = read_seal(segment, path, &seal);
	if (err)
		return err_is_shortage(err) ? err : ERR_CORRUPT_LOG;
	seal_hash_result(segment->hash, &low, &high);
	return seal.headers_checksum_low == low && seal.headers_checksum_high == high ? 0 : ERR_CORRUPT_LOG;
}

/* Everything that is said of the batches, by their headers in the file: for a segment whose first batches were staged before this start. What
 * the checkpoint said of it was of all that was staged then, some of which was replayed since, and some never became durable. Where a header is
 * damaged that stays what is known: lookups by time pass over a segment whose largest timestamp is too small, so less must not be believed. */
static int learn_from_file(struct segment *segment, bool is_fenced)
{
	if (segment->hash)
		return 0;
	int err = segment__load_indexes(segment);
	if (err)
		return err;
	struct segment before = *segment;
	bool fits_index = true;
	err = seal_hash_create(&segment->hash);
	forget_summary(segment);
	if (!err)
		err = walk_headers(segment, &fits_index);
	if (!err && is_fenced)
		err = hold_against_seal(segment);
	if (!err)
		segment->has_places = fits_index;
	if (err) {
		seal_hash_destroy(segment->hash); /* of a part of it, perhaps */
		segment->hash = NULL;
		put_summary_back(segment, &before);
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
		err = segment__write_indexes(segment, &seal);
	if (err)
		return err;
	seal_hash_result(segment->hash, &seal.headers_checksum_low, &seal.headers_checksum_high);
	uint8_t bytes[SEAL_SIZE];
	seal_encode(&seal, bytes);
	return segment__write_derived(segment, SEGMENT_FILE_SEAL, bytes, sizeof bytes, 0);
}

/* A segment whose headers are damaged, or fenced and not known by a seal, can have none, and its file stays as it is: what can be served of it is, the rest is
 * named. */
static int seal_with(struct segment *segment, int err)
{
	if (err == ERR_CORRUPT_LOG)
		return 0;
	if (!err)
		err = segment__load_indexes(segment);
	if (!err && !segment->has_places)
		err = segment__remake_indexes(segment); /* by headers that are all whole */
	if (!err && segment->max_timestamp_offset >= 0) {
		int added = time_index_add(&segment->times, segment->max_timestamp_ms, segment->max_timestamp_offset);
		(void)added; /* full: the lookup scans from the last entry */
	}
	if (!err)
		err = write_seal(segment);
	segment->has_places |= !err;
	return err;
}

int segment_seal(struct segment *segment, bool is_fenced)
{
	CHECK(segment->is_complete && segment_is_filed(segment) && !segment->filing);
	int err = segment_open_write(segment);
	if (!err)
		err = io_file_truncate(segment->home->io, segment->write_fd, segment->staged.position);
	if (!err)
		err = seal_with(segment, learn_from_file(segment, is_fenced));
	if (err)
		return err;
	segment->is_sealed = true;
	segment__note_changed(segment, segment->write_fd);
	seal_hash_destroy(segment->hash);
	segment->hash = NULL;
	offset_index_shrink(&segment->offsets);
	time_index_shrink(&segment->times);
	if (!segment->readers)
		segment_close_files(segment);
	segment__note_indexed(segment);
	return 0;
}
