/* What is in the journals alone: asked by who has lost the catalog, and with it the names of topics that were made just before.
 *
 * Happy path, shard by shard: what the checkpoint says is filed, sorted; then each entry of batches in the journal is held against it. What ends at or before the filed
 * offset of its partition is in a file. A partition that the checkpoint does not know, of a group that was durable when it was written, was deleted by then, as a
 * partition with a record is in every checkpoint; the journal keeps its groups until it needs the room.
 *
 * Failure modes: a checkpoint that cannot be used gives way to its copy, and one of another journal to nothing: then all that the journal has is told of, what was
 * deleted long ago as well. A journal that is damaged tells what is left of it. What may not be read is an error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/store/store_priv.h"

struct filed {
	struct uuid topic_id;
	uint32_t partition;
	int64_t offset;
};

struct asking {
	store_unfiled_fn *take;
	void *context;
	struct filed *filed; /* of this shard, sorted */
	uint32_t filed_count, filed_capacity;
	uint64_t durable_seq; /* of the journal, when that was so */
};

/* ---- the checkpoint ------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct filed *x = a, *y = b;
	int order = memcmp(x->topic_id.bytes, y->topic_id.bytes, sizeof x->topic_id.bytes);
	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static int note_filed(void *context, const struct uuid *topic_id, uint32_t partition, int64_t filed_offset)
{
	struct asking *asking = context;
	if (asking->filed_count == asking->filed_capacity) {
		uint32_t capacity = asking->filed_capacity ? 2 * asking->filed_capacity : 64;
		struct filed *grown = realloc(asking->filed, capacity * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		asking->filed = grown;
		asking->filed_capacity = capacity;
	}
	asking->filed[asking->filed_count++] = (struct filed){*topic_id, partition, filed_offset};
	return 0;
}

/* ERR_CORRUPT_LOG: it cannot be used, or is another journal's. */
static int read_copy(struct asking *asking, struct io *io, const char *dir, uint32_t shard, const char *suffix, uint64_t journal_seed)
{
	uint8_t *data;
	size_t size;
	uint64_t seed, generation;
	int err = store__load_checkpoint(io, dir, shard, suffix, &data, &size);
	if (err)
		return err;
	struct slice file = {data, size};
	err = store__checkpoint_journal(file, &seed, &generation);
	if (!err && seed != journal_seed)
		err = ERR_CORRUPT_LOG;
	if (!err)
		err = store__checkpoint_filed(file, note_filed, asking);
	asking->durable_seq = err ? 0 : store__checkpoint_journal_end(file);
	free(data);
	return err;
}

/* A shard without one has nothing filed, for all that is known. */
static int read_checkpoint(struct asking *asking, struct io *io, const char *dir, uint32_t shard, uint64_t journal_seed)
{
	asking->filed_count = 0;
	int err = read_copy(asking, io, dir, shard, "", journal_seed);
	if (err && !store__final_error(err))
		err = read_copy(asking, io, dir, shard, ".copy", journal_seed);
	if (err)
		asking->filed_count = 0;
	if (asking->filed_count)
		qsort(asking->filed, asking->filed_count, sizeof *asking->filed, compare);
	return err ? store__final_error(err) : 0;
}

/* ---- the journal --------------------------------------------------------------------------------------------------- */

static const struct filed *find_filed(const struct asking *asking, const struct journal_entry *entry)
{
	struct filed wanted = {entry->topic_id, entry->partition, 0};
	return asking->filed_count ? bsearch(&wanted, asking->filed, asking->filed_count, sizeof wanted, compare) : NULL;
}

static int take_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	const struct asking *asking = context;
	if (entry->kind != ENTRY_BATCHES && !entry_is_direct(entry))
		return 0;
	const struct filed *filed = find_filed(asking, entry);
	bool was_deleted = !filed && seq <= asking->durable_seq;
	if (was_deleted || (filed && entry->end_offset <= filed->offset))
		return 0;
	struct store_unfiled unfiled = {entry->topic_id, entry->partition, entry->base_offset, entry->end_offset, {NULL, 0}};
	if (filed && unfiled.base_offset < filed->offset)
		unfiled.base_offset = filed->offset;
	if (entry->kind == ENTRY_BATCHES && !entry->is_repeat)
		unfiled.batches = payload;
	asking->take(asking->context, &unfiled);
	return 0;
}

static int read_shard(struct asking *asking, struct io *io, const char *dir, uint32_t shard)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/journal-%u", dir, shard);
	struct journal_options options = {.path = path, .is_read_only = true};
	struct journal_report report;
	struct journal *journal;
	int err = journal_open(&journal, io, &options, &report);
	if (err)
		return store__final_error(err);
	err = read_checkpoint(asking, io, dir, shard, report.seed);
	if (!err)
		err = journal_replay(journal, take_entry, asking);
	journal_close(journal);
	return store__final_error(err);
}

int store_read_unfiled(struct io *io, const char *dir, uint32_t shard_count, store_unfiled_fn *take, void *context)
{
	struct asking asking = {.take = take, .context = context};
	int err = 0;
	for (uint32_t shard = 0; shard < shard_count && !err; shard++)
		err = read_shard(&asking, io, dir, shard);
	free(asking.filed);
	return err;
}
