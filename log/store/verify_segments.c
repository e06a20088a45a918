/* What a partition's segments hold: which offsets are in whole batches, which bytes are none, and whether sealed segments are what their seals say.
 * Failure modes: a file that is gone or cut between listing and reading is an error of its read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/io/small_file.h"
#include "log/segment/seal.h"
#include "log/segment/segment_name.h"
#include "log/store/segment_walk.h"
#include "log/store/verify_priv.h"

struct listing {
	int64_t *bases;
	uint32_t count, capacity;
};

/* One segment being walked. */
struct look {
	struct verify *verify;
	struct verify_partition *partition;
	int64_t base_offset, next_offset;
	uint64_t size_bytes, batches, records;
	struct seal_hash *hash;
};

static int note_log(void *context, const char *name, bool is_directory)
{
	struct listing *listing = context;
	int64_t base_offset;
	enum segment_file file;
	if (is_directory || !segment_name_parse(name, &base_offset, &file) || file != SEGMENT_FILE_LOG)
		return 0;
	if (listing->count == listing->capacity) {
		uint32_t capacity = listing->capacity ? 2 * listing->capacity : 16;
		int64_t *bases = realloc(listing->bases, capacity * sizeof *bases);
		if (!bases)
			return -ENOMEM;
		listing->bases = bases;
		listing->capacity = capacity;
	}
	listing->bases[listing->count++] = base_offset;
	return 0;
}

static int compare_bases(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* ---- one segment ---------------------------------------------------------------------------------------------------------- */

static int note_bad(struct verify_partition *partition, const struct walk_event *event, int64_t base_offset)
{
	if (partition->bad_count == partition->bad_capacity) {
		uint32_t capacity = partition->bad_capacity ? 2 * partition->bad_capacity : 8;
		struct bad_bytes *bad = realloc(partition->bad, capacity * sizeof *bad);
		if (!bad)
			return -ENOMEM;
		partition->bad = bad;
		partition->bad_capacity = capacity;
	}
	partition->bad[partition->bad_count++] = (struct bad_bytes){
		.offsets = {event->from_offset, event->to_offset},
		.segment_base = base_offset,
		.position = event->position,
		.end_position = event->end_position,
		.is_tail = event->kind == WALK_TAIL,
		.is_zero = event->is_zero,
	};
	return 0;
}

static int take_event(void *context, const struct walk_event *event)
{
	struct look *look = context;
	struct verify_partition *partition = look->partition;
	if (event->kind != WALK_BATCH) {
		look->next_offset = event->kind == WALK_BAD ? event->to_offset : look->next_offset;
		return note_bad(partition, event, look->base_offset);
	}
	seal_hash_update(look->hash, event->bytes.data, BATCH_HEADER_SIZE);
	look->batches++;
	look->records += (uint32_t)event->batch->records_count;
	look->size_bytes = event->end_position;
	/* Compaction leaves gaps between batches; nothing else may. */
	int64_t from = partition->is_compacted ? look->next_offset : event->from_offset;
	look->next_offset = event->to_offset;
	return verify__add_range(&partition->segments, from, event->to_offset);
}

static void tell_file(const struct look *look, enum verify_kind kind, enum segment_file file, int64_t to_offset, const char *what)
{
	char name[SEGMENT_NAME_SIZE], path[TOPIC_NAME_SIZE_MAX + 64];
	segment_name_format(name, look->base_offset, file);
	snprintf(path, sizeof path, "%s-%u/%s", look->partition->topic, look->partition->index, name);
	verify__tell(look->verify, &(struct verify_finding){
		.kind = kind, .topic = look->partition->topic, .partition = look->partition->index, .file = path,
		.from_offset = to_offset < 0 ? -1 : look->base_offset, .to_offset = to_offset, .what = what,
	});
}

static void check_seal(const struct look *look, const struct seal *seal)
{
	uint64_t low, high;
	seal_hash_result(look->hash, &low, &high);
	bool is_whole = look->size_bytes == seal->log_size_bytes && look->batches == seal->batch_count && look->next_offset == seal->next_offset;
	if (seal->next_offset > look->partition->known_end)
		look->partition->known_end = seal->next_offset;
	/* Missing batches have been seen as such; here it is about headers, which no CRC covers. */
	if (is_whole && (low != seal->headers_checksum_low || high != seal->headers_checksum_high))
		tell_file(look, VERIFY_DAMAGE, SEGMENT_FILE_LOG, seal->next_offset, "headers of its batches are not those that were sealed");
}

static int read_seal(const struct look *look)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	uint8_t *data;
	size_t size;
	struct seal seal;
	segment_name_format(name, look->base_offset, SEGMENT_FILE_SEAL);
	snprintf(path, sizeof path, "%s/%s-%u/%s", look->verify->dir, look->partition->topic, look->partition->index, name);
	int err = small_file_read(look->verify->io, path, SEAL_SIZE, &data, &size);
	if (err == -ENOENT)
		return 0;
	if (err && err != -EFBIG)
		return err;
	if (err || seal_decode(&seal, (struct slice){data, size}) || seal.base_offset != look->base_offset)
		tell_file(look, VERIFY_NOTE, SEGMENT_FILE_SEAL, -1, "the seal fails its own check; the segment was checked by its batches alone");
	else
		check_seal(look, &seal);
	free(err ? NULL : data);
	return 0;
}

static int walk_one(struct look *look)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	segment_name_format(name, look->base_offset, SEGMENT_FILE_LOG);
	snprintf(path, sizeof path, "%s/%s-%u/%s", look->verify->dir, look->partition->topic, look->partition->index, name);
	int err = segment_walk(look->verify->io, path, look->base_offset, take_event, look);
	return err ? err : read_seal(look);
}

static int check_segment(struct verify *verify, struct verify_partition *partition, int64_t base_offset)
{
	struct look look = {.verify = verify, .partition = partition, .base_offset = base_offset, .next_offset = base_offset};
	int err = seal_hash_create(&look.hash);
	if (err)
		return err;
	err = walk_one(&look);
	seal_hash_destroy(look.hash);
	verify->totals->segments++;
	verify->totals->batches += look.batches;
	verify->totals->records += look.records;
	verify->totals->bytes += look.size_bytes;
	return err;
}

int verify__read_segments(struct verify *verify, struct verify_partition *partition)
{
	char path[4096];
	struct listing listing = {0};
	snprintf(path, sizeof path, "%s/%s-%u", verify->dir, partition->topic, partition->index);
	int err = io_dir_list(verify->io, path, note_log, &listing);
	qsort(listing.bases, listing.count, sizeof *listing.bases, compare_bases);
	for (uint32_t i = 0; !err && i < listing.count; i++)
		err = check_segment(verify, partition, listing.bases[i]);
	/* A segment was begun because everything before it was there. */
	if (!err && listing.count && listing.bases[listing.count - 1] > partition->known_end)
		partition->known_end = listing.bases[listing.count - 1];
	if (!err && listing.count && partition->log_start < 0)
		partition->log_start = listing.bases[0];
	free(listing.bases);
	return err;
}
