/* Partitions that a start after a crash cannot read (their directory or a file in it does not open, cannot be listed, or the disk does not answer for it), and of which the journal has something that is not
 * filed, or tells of a piece in such a file. One such partition is offline, and all others are served. (Where the journal has nothing of it: unseen_tail.c.)
 *
 * Happy path: none of this.
 *
 * What recovery meets of that kind it notes here (store__put_offline), and begins anew: the partition is then what the checkpoint says of it, and nothing of its files is asked. What the journal
 * has of it is not replayed but kept, each entry as it is, in `kept-<shard>.<topic id>.<partition>`, durable before the journal is written: so the journal goes on without it. While it
 * is offline nothing is appended, read, trimmed, filed or sealed there (ERR_OFFLINE), and each checkpoint says of it what the one before said.
 *
 * Each start tries again. Can the partition be read, what was kept is replayed before the journal, by the same table, and filed before the journal is written; the file goes behind the
 * checkpoint that says so, before anything new is taken. If it were still there behind that, a piece of it that was torn could be held against what was appended since.
 *
 * Failures: a kept file that fails its check leaves its partition offline. No room for one: the reserve is given up, else the start is refused. Where the journal has lost groups, or there is no
 * checkpoint to be believed, the start is refused as ever: what is known of the partition is not enough to keep. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/uuid_text.h"
#include "log/journal/journal_format.h"
#include "log/store/recover_priv.h"

#define KEPT_MAGIC "SPATEKPT"
#define KEPT_VERSION 1u
#define KEPT_HEADER_SIZE 48u
#define KEPT_CHECKSUM_SIZE 8u
#define KEPT_GROUP_SIZE 32u /* before each entry: seq 8, incarnation 8, time 8, vouched for 4, size of the payload 4 */
#define KEPT_SIZE_MAX (8ull << 30)

/* What may be wrong with one file or directory, or with the disk that it alone lies on. */
static bool is_of_one_place(int err)
{
	static const int errors[] = {-EIO, -EACCES, -EPERM, -ENOTDIR, -EISDIR, -ELOOP, -ENXIO, -ENODEV, -ESTALE, -EUCLEAN, -EBADMSG, -EROFS, ERR_NOT_A_FILE};
	for (size_t i = 0; i < COUNT_OF(errors); i++)
		if (err == errors[i])
			return true;
	return false;
}

static struct offline *find(const struct store *store, const struct uuid *topic_id, uint32_t index)
{
	for (uint32_t i = 0; i < store->offline_count; i++)
		if (store->offline[i].index == index && uuid_equal(&store->offline[i].topic_id, topic_id))
			return &store->offline[i];
	return NULL;
}

static struct offline *add(struct store *store, const struct uuid *topic_id, uint32_t index)
{
	struct offline *grown = realloc(store->offline, (store->offline_count + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	store->offline = grown;
	grown += store->offline_count++;
	*grown = (struct offline){.topic_id = *topic_id, .index = index};
	return grown;
}

int store__offline_err(const struct store *store, const struct uuid *topic_id, uint32_t index)
{
	const struct offline *offline = store->offline_count ? find(store, topic_id, index) : NULL;
	return offline ? offline->err : 0;
}

static void path_of(const struct store *store, const struct uuid *topic_id, uint32_t index, char *out, size_t size)
{
	char id[UUID_HEX_SIZE];
	uuid_hex_format(id, topic_id);
	snprintf(out, size, "%s/" STORE_KEPT_PREFIX "%u.%s.%u", store->dir, store->options.shard, id, index);
}

/* ---- what recovery meets ------------------------------------------------------------------------------------------------- */

bool store__may_be_kept(const struct replay *replay)
{
	const struct store *store = replay->store;
	return !replay->has_scanned && !is_journal_gone(replay) && !store->journal_found.damaged_groups;
}

int store__put_offline(struct replay *replay, struct partition *partition, int err)
{
	struct store *store = replay->store;
	char why[2048];
	if (!is_of_one_place(err) || !store__may_be_kept(replay)) {
		store__explain_unread(partition, err, replay->report);
		return err;
	}
	struct offline *offline = find(store, &partition->topic_id, partition->index);
	if (!offline)
		offline = add(store, &partition->topic_id, partition->index);
	if (!offline)
		return -ENOMEM;
	offline->err = partition->offline_err = err;
	replay->must_begin_anew = true;
	fprintf(stderr, "spate: error: %s is offline: %s. Its records are neither served nor taken before a start that can read it; what the journal has of it is kept until then, and all other partitions "
			"are served\n", partition->dir, io_explain(store->home.io, err, why, sizeof why));
	return 0;
}

/* ---- what is kept ------------------------------------------------------------------------------------------------------------ */

static int reserve(struct offline *offline, size_t size)
{
	if (offline->size + size <= offline->capacity)
		return 0;
	size_t capacity = 2 * offline->capacity + size;
	uint8_t *grown = realloc(offline->data, capacity);
	if (!grown)
		return -ENOMEM;
	offline->data = grown;
	offline->capacity = capacity;
	return 0;
}

int store__keep_entry(struct replay *replay, const struct partition *partition, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct offline *offline = find(replay->store, &partition->topic_id, partition->index);
	size_t size = KEPT_GROUP_SIZE + group_entry_size(payload.size);
	if (offline->has_file) /* that has all of it: nothing was taken since */
		return 0;
	if (!offline->size)
		offline->size = KEPT_HEADER_SIZE; /* written in the end */
	int err = reserve(offline, offline->size == KEPT_HEADER_SIZE ? KEPT_HEADER_SIZE + size : size);
	if (err)
		return err;
	uint8_t *at = offline->data + offline->size;
	memset(at, 0, size);
	store_le64(at, seq);
	store_le64(at + 8, journal_replayed_incarnation(replay->store->journal));
	store_le64(at + 16, (uint64_t)entry->group_time_ms);
	store_le32(at + 24, is_vouched);
	store_le32(at + 28, (uint32_t)payload.size);
	uint64_t checksum = group_entry_encode(entry, (uint32_t)payload.size, 0, at + KEPT_GROUP_SIZE);
	(void)checksum; /* the file has one */
	if (payload.size)
		memcpy(at + KEPT_GROUP_SIZE + group_entry_size(0), payload.data, payload.size);
	offline->size += size;
	return 0;
}

void store__forget_kept_entries(struct store *store)
{
	for (uint32_t i = 0; i < store->offline_count; i++)
		if (!store->offline[i].has_file)
			store->offline[i].size = 0;
}

/* Header and checksum around what was collected; of one that the journal has nothing of as well: it says that its files are to be looked at. */
static int finish(struct offline *offline)
{
	if (!offline->size)
		offline->size = KEPT_HEADER_SIZE;
	int err = reserve(offline, KEPT_HEADER_SIZE + KEPT_CHECKSUM_SIZE);
	if (err)
		return err;
	memset(offline->data, 0, KEPT_HEADER_SIZE);
	memcpy(offline->data, KEPT_MAGIC, 8);
	store_le32(offline->data + 8, KEPT_VERSION);
	store_le32(offline->data + 12, offline->index);
	memcpy(offline->data + 16, offline->topic_id.bytes, 16);
	store_le64(offline->data + 32, offline->size + KEPT_CHECKSUM_SIZE);
	store_le64(offline->data + offline->size, XXH3_64bits(offline->data, offline->size));
	offline->size += KEPT_CHECKSUM_SIZE;
	return 0;
}

static void forget_data(struct offline *offline)
{
	free(offline->data);
	offline->data = NULL;
	offline->size = offline->capacity = 0;
}

static int write_one(struct store *store, struct offline *offline)
{
	char path[4096];
	path_of(store, &offline->topic_id, offline->index, path, sizeof path);
	int err = finish(offline);
	if (!err)
		err = small_file_replace(store->home.io, path, offline->data, offline->size);
	if (err_is_full(err)) {
		store__release_reserve(store);
		err = small_file_replace(store->home.io, path, offline->data, offline->size);
	}
	offline->has_file = !err;
	return err;
}

int store__write_kept(struct store *store)
{
	int err = 0;
	for (uint32_t i = 0; i < store->offline_count && !err; i++) {
		struct offline *offline = &store->offline[i];
		err = offline->err && !offline->has_file ? write_one(store, offline) : 0;
		if (offline->err || err)
			forget_data(offline);
	}
	return err;
}

/* ---- what was kept ----------------------------------------------------------------------------------------------------------- */

/* Behind the entry's group header. False: nothing more of this partition is there. */
static bool next_entry(const struct offline *offline, size_t *at, struct journal_entry *entry, struct slice *payload)
{
	size_t end = offline->size - KEPT_CHECKSUM_SIZE, position = *at + KEPT_GROUP_SIZE;
	bool is_its_own = position <= end && group_entry_next((struct slice){offline->data, end}, &position, entry, payload) && entry->partition == offline->index &&
			  uuid_equal(&entry->topic_id, &offline->topic_id);
	*at = is_its_own ? position : *at;
	return is_its_own;
}

/* Its checksum vouches for it; but a slip of ours, or a stranger's hand, must not reach other partitions. */
static bool are_all_its_own(const struct offline *offline)
{
	struct journal_entry entry;
	struct slice payload;
	size_t at = KEPT_HEADER_SIZE;
	while (next_entry(offline, &at, &entry, &payload))
		;
	return at == offline->size - KEPT_CHECKSUM_SIZE;
}

static bool is_whole(const struct offline *offline)
{
	const uint8_t *data = offline->data;
	size_t size = offline->size;
	return size >= KEPT_HEADER_SIZE + KEPT_CHECKSUM_SIZE && memcmp(data, KEPT_MAGIC, 8) == 0 && load_le32(data + 8) == KEPT_VERSION && load_le32(data + 12) == offline->index &&
	       memcmp(data + 16, offline->topic_id.bytes, 16) == 0 && load_le64(data + 32) == size &&
	       load_le64(data + size - KEPT_CHECKSUM_SIZE) == XXH3_64bits(data, size - KEPT_CHECKSUM_SIZE) && are_all_its_own(offline);
}

static int load(struct store *store, struct offline *offline)
{
	char path[4096], why[2048];
	path_of(store, &offline->topic_id, offline->index, path, sizeof path);
	int err = small_file_read(store->home.io, path, KEPT_SIZE_MAX, &offline->data, &offline->size);
	if (err_is_shortage(err))
		return err;
	offline->has_file = true;
	offline->err = err ? err : is_whole(offline) ? 0 : ERR_CORRUPT_LOG;
	if (offline->err)
		fprintf(stderr, "spate: error: %s, which has acknowledged records of a partition that was offline, cannot be used (%s): the partition stays offline. Put the right file back; if it is lost "
				"for good, move it away, and these records are lost\n", path, err ? io_explain(store->home.io, err, why, sizeof why) : err_text(ERR_CORRUPT_LOG));
	return 0;
}

bool store_is_kept_file(const char *name, uint32_t *shard, struct uuid *topic_id, uint32_t *index)
{
	char id[UUID_HEX_SIZE], made[128];
	if (sscanf(name, STORE_KEPT_PREFIX "%u.%32[0-9a-f].%u", shard, id, index) != 3 || !uuid_hex_parse(topic_id, slice_from(id)))
		return false;
	snprintf(made, sizeof made, STORE_KEPT_PREFIX "%u.%s.%u", *shard, id, *index);
	return strcmp(name, made) == 0;
}

static int note_kept(void *context, const char *name, bool is_directory)
{
	struct store *store = context;
	struct uuid topic_id;
	uint32_t shard, index;
	if (!store_is_kept_file(name, &shard, &topic_id, &index) || shard != store->options.shard || !catalog_topic_by_id(store->image, &topic_id))
		return 0;
	(void)is_directory; /* one in its place is named when it is read */
	return add(store, &topic_id, index) ? 0 : -ENOMEM;
}

int store__find_kept(struct store *store)
{
	int err = io_dir_list(store->home.io, store->dir, note_kept, store);
	for (uint32_t i = 0; i < store->offline_count && !err; i++)
		err = load(store, &store->offline[i]);
	return err == -ENOENT ? 0 : err;
}

/* Its partition alone may go offline meanwhile, so `offline` stays where it is. */
static int replay_one(struct replay *replay, const struct offline *offline)
{
	struct journal_entry entry;
	struct slice payload;
	int err = 0;
	for (size_t at = KEPT_HEADER_SIZE, next = at; !err && next_entry(offline, &next, &entry, &payload); at = next) {
		const uint8_t *group = offline->data + at;
		entry.group_time_ms = (int64_t)load_le64(group + 16);
		replay->kept_incarnation = load_le64(group + 8);
		err = store__replay_entry(replay, load_le64(group), load_le32(group + 24), &entry, payload);
	}
	replay->kept_incarnation = 0;
	return err;
}

/* A partition that neither checkpoint nor journal know of any more is known by what is kept of it. */
int store__replay_kept(struct replay *replay)
{
	struct store *store = replay->store;
	struct partition *partition;
	int err = 0;
	for (uint32_t i = 0; i < store->offline_count && !err; i++) { /* whoever goes offline here is added behind them */
		err = store__find_partition(store, &store->offline[i].topic_id, store->offline[i].index, &partition);
		if (!err && !store->offline[i].err && store->offline[i].has_file)
			err = replay_one(replay, &store->offline[i]);
	}
	return err;
}

bool store__has_returned(const struct store *store)
{
	for (uint32_t i = 0; i < store->offline_count; i++)
		if (!store->offline[i].err)
			return true;
	return false;
}

int store__drop_kept(struct store *store)
{
	char path[4096];
	if (!store__has_returned(store))
		return 0;
	uint32_t left = 0;
	for (uint32_t i = 0; i < store->offline_count; i++) {
		struct offline *offline = &store->offline[i];
		path_of(store, &offline->topic_id, offline->index, path, sizeof path);
		int err = offline->err ? 0 : io_unlink(store->home.io, path);
		if (err && err != -ENOENT)
			return err;
		if (offline->err)
			store->offline[left++] = *offline;
		else
			free(offline->data);
	}
	store->offline_count = left;
	return io_dir_sync(store->home.io, store->dir);
}

void store__forget_kept(struct store *store, const struct partition *partition)
{
	char path[4096];
	if (!find(store, &partition->topic_id, partition->index))
		return;
	path_of(store, &partition->topic_id, partition->index, path, sizeof path);
	int err = io_unlink(store->home.io, path);
	(void)err; /* of a topic that is gone nobody asks for it */
}

void store__free_offline(struct store *store)
{
	for (uint32_t i = 0; i < store->offline_count; i++)
		free(store->offline[i].data);
	free(store->offline);
}
