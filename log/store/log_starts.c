/* The log starts of a shard, a second time. They are in the checkpoint, and that is derived from the journal and the segments, but for them: nothing in a
 * segment says that its first records were deleted. So a small text beside the checkpoint repeats them, for the day it is lost:
 *
 *   log-start-<shard>:  "0", the number of lines, "<topic id> <partition> <log start offset>" for each that is not 0, "generation <n>" (not in those of earlier
 *                       builds, which pass over it), "xxh3 <of all before it>"
 *
 * Happy path: replaced before the checkpoint of a cycle in which a log start moved, so before the journal forgets the move. The journal's superblocks note its
 * generation, so one of an earlier time does not pass for the last.
 * Failure modes: one that is missing, of an earlier time, or fails its check is written anew from the checkpoint; with both lost deleted records would come back
 * as far as their segments are there: recovery refuses. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/uuid_text.h"
#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/store/store_priv.h"

#define FILE_SIZE_MAX (256u << 20)
#define LINE_SIZE_MAX (UUID_TEXT_SIZE + 48)

static void path_of(const struct store *store, char *out, size_t size)
{
	snprintf(out, size, "%s/log-start-%u", store->dir, store->options.shard);
}

/* ---- write ------------------------------------------------------------------------------------------------------ */

static uint32_t count_started(const struct store *store)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &store->partitions)
		count += LIST_ENTRY(node, struct partition, store_node)->start_offset > 0;
	return count;
}

int store__write_log_starts(struct store *store)
{
	uint32_t count = count_started(store);
	size_t capacity = (count + 4) * (size_t)LINE_SIZE_MAX;
	uint64_t generation = store__generation_after(store, store->starts_generation);
	char *text = malloc(capacity), id[UUID_TEXT_SIZE], path[4096];
	if (!text)
		return -ENOMEM;
	size_t size = (size_t)snprintf(text, capacity, "0\n%u\n", count);
	LIST_FOR_EACH(node, &store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (partition->start_offset == 0)
			continue;
		uuid_text_format(id, &partition->topic_id);
		size += (size_t)snprintf(text + size, capacity - size, "%s %u %lld\n", id, partition->index, (long long)partition->start_offset);
	}
	size += (size_t)snprintf(text + size, capacity - size, "generation %llu\n", (unsigned long long)generation);
	size += (size_t)snprintf(text + size, capacity - size, "xxh3 %016llx\n", (unsigned long long)XXH3_64bits(text, size));
	path_of(store, path, sizeof path);
	int err = foreign_file_keep(store->home.io, path);
	if (!err)
		err = small_file_replace(store->home.io, path, text, size);
	free(text);
	if (err)
		return err;
	store->home.has_moved_start = false;
	store->starts_generation = generation;
	journal_note_log_starts(store->journal, generation);
	return 0;
}

/* ---- read ------------------------------------------------------------------------------------------------------- */

/* Cuts the checksum's line off. */
static bool check_sum(char *text, size_t size)
{
	char *last = size > 1 ? memrchr(text, '\n', size - 1) : NULL;
	unsigned long long sum;
	if (!last || sscanf(last + 1, "xxh3 %llx", &sum) != 1 || sum != XXH3_64bits(text, (size_t)(last + 1 - text)))
		return false;
	last[1] = 0;
	return true;
}

static int take_line(const char *line, told_start_fn *take, void *context)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id;
	uint32_t index;
	long long offset;
	if (sscanf(line, "%22s %u %lld", text, &index, &offset) != 3 || offset < 0 ||
	    !uuid_text_parse(&id, slice_from(text)))
		return ERR_CORRUPT_LOG;
	return take(context, &id, index, offset);
}

static uint64_t take_generation(const char *rest)
{
	unsigned long long generation;
	return rest && sscanf(rest, "generation %llu", &generation) == 1 ? generation : 0;
}

int store__take_log_starts(char *text, size_t size, told_start_fn *take, void *context, uint64_t *generation)
{
	uint32_t version, count;
	int head;
	if (!check_sum(text, size) || sscanf(text, "%u\n%u\n%n", &version, &count, &head) != 2 || version != 0)
		return ERR_CORRUPT_LOG;
	char *rest = text + head, *line;
	int err = 0;
	while (!err && count-- && (line = strsep(&rest, "\n")))
		err = take_line(line, take, context);
	*generation = take_generation(rest);
	return err;
}

struct taking {
	struct store *store;
	log_start_fn *take;
};

static int take_start(void *context, const struct uuid *id, uint32_t index, int64_t offset)
{
	const struct taking *taking = context;
	struct partition *partition;
	int err = store__find_partition(taking->store, id, index, &partition);
	if (!err && partition) /* else deleted since */
		taking->take(partition, offset);
	return err;
}

bool store__are_log_starts_behind(int err, uint64_t generation, uint64_t known)
{
	return known > 0 && (err || generation < known);
}

const char *store__what_is_wrong_with_log_starts(int err)
{
	return !err ? "of an earlier time" : err == -ENOENT ? "missing" : "damaged";
}

int store__read_log_starts(struct store *store, log_start_fn *take)
{
	char path[4096];
	uint8_t *data;
	size_t size;
	path_of(store, path, sizeof path);
	store->starts_generation = 0;
	int err = small_file_read(store->home.io, path, FILE_SIZE_MAX, &data, &size);
	if (err)
		return err;
	struct taking taking = {store, take};
	err = store__take_log_starts((char *)data, size, take_start, &taking, &store->starts_generation);
	free(data);
	return err;
}
