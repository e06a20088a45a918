/* What journals and checkpoints tell of the catalog beside them: how far it had come, and which partitions there were (for one that is lost).
 *
 * How far it had come: Nothing in catalog.log can say that its last records are missing: a file that was cut
 * looks like one that was never longer, and a bad last record like one that a crash tore. So others note it, after the record is durable and
 * before what depends on it is acknowledged: each journal in its superblocks (which opening writes it) and in an entry of the first group after a
 * change, each checkpoint in its header.
 *
 * Happy path, before the catalog is opened, which would write to it: read all of them, and take the largest mark.
 * Failure modes: what is missing or damaged tells nothing; a read that fails, or no memory, ends with that error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/journal/ring_image.h"
#include "log/store/store_priv.h"

void store__raise_mark(struct catalog_mark *known, struct catalog_mark mark)
{
	if (catalog_mark_is_before(known, &mark))
		*known = mark;
}

struct catalog_mark store__entry_mark(const struct journal_entry *entry)
{
	return (struct catalog_mark){(uint64_t)entry->end_offset, (uint64_t)entry->base_offset};
}

int store__final_error(int err)
{
	return err <= ERR_CORRUPT_BATCH || err == -ENOENT || err == -EFBIG || err == -EINVAL ? 0 : err;
}

/* Who listens; each may be NULL. */
struct listener {
	struct catalog_mark *known;
	store_told_partition_fn *take;
	store_told_file_fn *take_file;
	void *context;
	struct catalog_mark passed; /* the last one of this journal before the entry that is heard: a change is noted before what came after it */
	struct ring_image **images; /* NULL: what is read of the journals is not kept */
};

/* *seed is that of the journal it was written beside, if it says so. ERR_CORRUPT_LOG: it is damaged. */
static int read_copy(struct io *io, const char *dir, uint32_t shard, const char *suffix, const struct listener *listener, uint64_t *seed)
{
	uint8_t *data;
	size_t size;
	int err = store__load_checkpoint(io, dir, shard, suffix, &data, &size);
	if (err)
		return err;
	struct slice file = {data, size};
	struct catalog_mark mark;
	err = store__checkpoint_mark(file, &mark, seed);
	if (!err && listener->known)
		store__raise_mark(listener->known, mark);
	if (!err && listener->take)
		store__checkpoint_partitions(file, listener->take, listener->context);
	if (!err && listener->take_file)
		store__checkpoint_files(file, listener->take_file, listener->context);
	free(data);
	return err;
}

/* Journal, checkpoint and catalog may all be put back as they were one day, and agree; a copy that was left is later than they are. One that was written beside
 * another journal says nothing of this one's catalog, and one that cannot be read is none. */
static void ask_copy(struct io *io, const char *dir, uint32_t shard, struct catalog_mark *known, uint64_t seed)
{
	struct catalog_mark mark = {0};
	uint64_t copy_seed;
	if (!read_copy(io, dir, shard, ".copy", &(struct listener){.known = &mark}, &copy_seed) && copy_seed == seed)
		store__raise_mark(known, mark);
}

/* A change of settings before a stop is told by the checkpoint alone: what takes that may have taken the change as well, so its copy is asked then. */
static int read_checkpoint(struct io *io, const char *dir, uint32_t shard, const struct listener *listener)
{
	uint64_t seed;
	int err = read_copy(io, dir, shard, "", listener, &seed);
	if (!err && listener->known)
		ask_copy(io, dir, shard, listener->known, seed);
	else if (err && !store__final_error(err))
		err = read_copy(io, dir, shard, ".copy", listener, &seed);
	return err ? store__final_error(err) : 0;
}

static int take_log_end(void *context, const struct log_end *end)
{
	const struct listener *listener = context;
	listener->take(listener->context, &end->topic_id, end->index, &listener->passed);
	return 0;
}

static int take_log_file(void *context, const struct log_file *file)
{
	const struct listener *listener = context;
	if (file->first_crc)
		listener->take_file(listener->context, &file->topic_id, file->index, file->base_offset, file->first_crc);
	return 0;
}

static int take_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct listener *listener = context;
	if (entry->kind == ENTRY_CATALOG)
		store__raise_mark(&listener->passed, store__entry_mark(entry));
	else if (entry->kind == ENTRY_LOG_ENDS)
		return listener->take ? store__each_log_end(payload, take_log_end, listener) : 0;
	else if (entry->kind == ENTRY_LOG_FILES)
		return listener->take_file ? store__each_log_file(payload, take_log_file, listener) : 0;
	else if (listener->take)
		listener->take(listener->context, &entry->topic_id, entry->partition, &listener->passed);
	if (entry->kind == ENTRY_CATALOG && listener->known)
		store__raise_mark(listener->known, store__entry_mark(entry));
	return 0;
}

static int read_journal(struct io *io, const char *dir, uint32_t shard, struct listener *listener)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/journal-%u", dir, shard);
	struct journal_options options = {.path = path, .is_read_only = true};
	struct journal_report report;
	struct journal *journal;
	listener->passed = (struct catalog_mark){0};
	int err = journal_open(&journal, io, &options, &report);
	if (listener->known)
		store__raise_mark(listener->known, (struct catalog_mark){report.incarnation, 0});
	if (err)
		return store__final_error(err);
	err = journal_replay(journal, take_entry, listener);
	if (listener->images && !err)
		listener->images[shard] = journal_take_image(journal);
	journal_close(journal);
	return store__final_error(err);
}

static int hear_all(struct io *io, const char *dir, uint32_t shard_count, struct listener *listener)
{
	int err = 0;
	for (uint32_t shard = 0; shard < shard_count && !err; shard++) {
		err = read_checkpoint(io, dir, shard, listener);
		if (!err)
			err = read_journal(io, dir, shard, listener);
	}
	return err;
}

int store_read_catalog_mark(struct io *io, const char *dir, uint32_t shard_count, struct catalog_mark *known)
{
	return store_read_catalog_mark_keeping(io, dir, shard_count, known, NULL);
}

int store_read_catalog_mark_keeping(struct io *io, const char *dir, uint32_t shard_count, struct catalog_mark *known, struct ring_image *images[])
{
	struct listener listener = {.known = known, .images = images};
	*known = (struct catalog_mark){0};
	for (uint32_t i = 0; images && i < shard_count; i++)
		images[i] = NULL;
	int err = hear_all(io, dir, shard_count, &listener);
	for (uint32_t i = 0; err && images && i < shard_count; i++) {
		ring_image_free(images[i]);
		images[i] = NULL;
	}
	return err;
}

void store_free_journal_image(struct ring_image *image)
{
	ring_image_free(image);
}

int store_read_told_partitions(struct io *io, const char *dir, uint32_t shard_count, store_told_partition_fn *take, void *context)
{
	struct listener listener = {.take = take, .context = context};
	return hear_all(io, dir, shard_count, &listener);
}

int store_read_told_files(struct io *io, const char *dir, uint32_t shard_count, store_told_file_fn *take, void *context)
{
	struct listener listener = {.take_file = take, .context = context};
	return hear_all(io, dir, shard_count, &listener);
}
