/* Happy path: every batch of every segment of the topic's directories; the key of each record begins with a kind and the group's name; each group not seen just
 * before strikes out the counts that would have it elsewhere. So does what the journals alone have.
 *
 * Failure modes: what cannot be read is passed over, a segment from its first damaged batch on. */
#include "net/route/group_count.h"

#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/batch/record_iter.h"
#include "log/io/small_file.h"
#include "log/store/store.h"
#include "log/verify/directory.h"
#include "net/group/group_record.h"
#include "net/route/group_host.h"

#define COUNT_MAX 10000u
#define SEGMENT_SIZE_MAX (1u << 30)
#define SEEN_COUNT 4096u

struct groups {
	struct io *io;
	const char *dir;
	const struct uuid *id; /* of the topic, for the journals */
	struct batch_workspace *workspace;
	uint32_t partition; /* whose segment is read */
	bool is_out[COUNT_MAX + 1];
	uint32_t seen[SEEN_COUNT]; /* hashes of groups that have had their say in this partition, plus one */
};

static void take_group(struct groups *groups, struct slice id)
{
	uint32_t hash = group_partition(id, 1u << 31); /* itself */
	uint32_t *seen = &groups->seen[hash % SEEN_COUNT];
	if (*seen == hash + 1)
		return;
	*seen = hash + 1;
	for (uint32_t count = 1; count <= COUNT_MAX; count++)
		groups->is_out[count] |= hash % count != groups->partition;
}

/* An int16 with the kind, and the group as a string: so begin all keys. */
static void take_key(struct groups *groups, struct slice key)
{
	if (!key.data || key.size < 4)
		return;
	uint32_t size = load_be16(key.data + 2);
	if (size <= key.size - 4)
		take_group(groups, (struct slice){key.data + 4, size});
}

static void take_batch(struct groups *groups, const struct batch *batch, struct slice bytes)
{
	struct record_iter iter;
	struct record record;
	if (batch_is_control(batch) || (batch_codec(batch) != CODEC_NONE && !groups->workspace &&
					batch_workspace_open(&groups->workspace, COMPRESS_WINDOW_SIZE)))
		return;
	if (record_iter_open(&iter, groups->workspace, bytes))
		return;
	while (record_iter_next(&iter, &record) > 0)
		take_key(groups, record.key);
	record_iter_close(&iter);
}

static void take_segment(struct groups *groups, struct slice file)
{
	struct batch batch;
	while (batch_parse_checked(file, &batch) == 0) {
		take_batch(groups, &batch, (struct slice){file.data, batch.size_bytes});
		file.data += batch.size_bytes;
		file.size -= batch.size_bytes;
	}
}

static void begin_partition(struct groups *groups, uint32_t partition)
{
	groups->partition = partition;
	memset(groups->seen, 0, sizeof groups->seen);
}

static void take_directory(struct groups *groups, const struct partition_dir *dir)
{
	begin_partition(groups, (uint32_t)dir->partition);
	for (uint32_t i = 0; i < dir->segment_count; i++) {
		char path[8192];
		uint8_t *data;
		size_t size;
		snprintf(path, sizeof path, "%s/%s/%020lld.log", groups->dir, dir->name, (long long)dir->segments[i].base_offset);
		if (small_file_read(groups->io, path, SEGMENT_SIZE_MAX, &data, &size))
			continue;
		take_segment(groups, (struct slice){data, size});
		free(data);
	}
}

static void take_directories(struct groups *groups, const struct data_dir *listed)
{
	for (uint32_t i = 0; i < listed->partition_count; i++)
		if (strcmp(listed->partitions[i].topic, GROUP_TOPIC) == 0 && listed->partitions[i].partition >= 0 && !listed->partitions[i].is_leftover)
			take_directory(groups, &listed->partitions[i]);
}

static void take_unfiled(void *context, const struct store_unfiled *unfiled)
{
	struct groups *groups = context;
	if (!uuid_equal(&unfiled->topic_id, groups->id))
		return;
	if (groups->partition != unfiled->partition)
		begin_partition(groups, unfiled->partition);
	take_segment(groups, unfiled->batches);
}

static uint32_t choose(const struct groups *groups, uint32_t known, uint32_t usual)
{
	if (usual > COUNT_MAX || !groups->is_out[usual])
		return usual;
	for (uint32_t count = known; count <= COUNT_MAX; count++)
		if (!groups->is_out[count])
			return count;
	return usual;
}

uint32_t group_count_partitions(struct io *io, const char *dir, uint32_t shard_count, const struct uuid *id, uint32_t known, uint32_t usual)
{
	struct groups *groups = calloc(1, sizeof *groups);
	struct data_dir listed;
	if (!groups || data_dir_read(&listed, io, dir)) {
		free(groups);
		return usual;
	}
	groups->io = io;
	groups->dir = dir;
	groups->id = id;
	take_directories(groups, &listed);
	int err = id ? store_read_unfiled(io, dir, shard_count, take_unfiled, groups) : 0;
	(void)err; /* what was read has had its say */
	uint32_t count = choose(groups, known, usual);
	data_dir_free(&listed);
	if (groups->workspace)
		batch_workspace_close(groups->workspace);
	free(groups);
	return count;
}

/* ---- whose records ------------------------------------------------------------------------------------------------- */

#define RECORD_MEMORY_MAX (64u << 20)

static bool is_groups(const struct record *record, struct arena *arena)
{
	struct group_message message;
	arena_reset(arena);
	return record->key.data && group_record_decode(&message, record->key, record->value, arena) == 0 && message.kind != GROUP_RECORD_UNKNOWN;
}

static bool is_batch_groups(struct batch_workspace *workspace, struct slice bytes, struct arena *arena)
{
	struct record_iter iter;
	struct record record;
	if (record_iter_open(&iter, workspace, bytes))
		return false;
	int more;
	bool is_theirs = true;
	while (is_theirs && (more = record_iter_next(&iter, &record)) != 0)
		is_theirs = more > 0 && is_groups(&record, arena);
	record_iter_close(&iter);
	return is_theirs;
}

bool group_count_is_groups(struct slice batches)
{
	struct batch_workspace *workspace = NULL;
	struct arena arena;
	struct batch batch;
	bool is_theirs = true;
	arena_init(&arena, NULL, 0, RECORD_MEMORY_MAX);
	while (is_theirs && batch_parse_checked(batches, &batch) == 0) {
		if (batch_codec(&batch) != CODEC_NONE && !workspace)
			is_theirs = batch_workspace_open(&workspace, COMPRESS_WINDOW_SIZE) == 0;
		is_theirs = is_theirs && (batch_is_control(&batch) || is_batch_groups(workspace, (struct slice){batches.data, batch.size_bytes}, &arena));
		batches.data += batch.size_bytes;
		batches.size -= batch.size_bytes;
	}
	arena_fini(&arena);
	batch_workspace_close(workspace);
	return is_theirs && !batches.size;
}
