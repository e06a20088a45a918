/* Partitions of which one file or directory cannot be read or written (it does not open, cannot be listed, or the disk does not answer for it), at a start after a crash or while the store
 * runs. One such partition is offline, and all others are served. (Where the journal has nothing of it at a start: unseen_tail.c. While the store runs: go_offline.c.)
 *
 * Happy path: none of this.
 *
 * What of it is not in its files is kept in `kept-<shard>.<topic id>.<partition>`, durable before the journal is written or let go: so the journal goes on without it. While it
 * is offline nothing is appended, read, trimmed, filed or sealed there (ERR_OFFLINE), and each checkpoint says of it what was in its files when it went.
 *
 * At a start: what recovery meets of that kind it notes here (store__put_offline), and begins anew: the partition is then what the checkpoint says of it, and nothing of its files is asked. What
 * the journal has of it is not replayed but kept, each entry as it is. While the store runs memory has it, which is kept as entries of the same kind.
 *
 * Each start tries again. Can the partition be read, what was kept is replayed by the same table, and filed before the journal is written; the file goes behind the
 * checkpoint that says so, before anything new is taken. If it were still there behind that, a piece of it that was torn could be held against what was appended since.
 *
 * What was kept at a start has all that the journal had. What was kept of a running store begins where its files ended (`from`): if a crash comes before the checkpoint that says so too, the
 * journal has what is before that. So it is replayed when the log has come to where it begins, before the journal's next entry. And if the partition cannot be read then, what the
 * journal has before it is put in front of it, in the same file.
 *
 * Failures: a kept file that fails its check leaves its partition offline. No room for one: the reserve is given up, else the start is refused (while the store runs: the journal waits). Where the
 * journal has lost groups, or there is no checkpoint to be believed, the start is refused as ever: what is known of the partition is not enough to keep. */
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
	*grown = (struct offline){.topic_id = *topic_id, .index = index, .from = INT64_MAX};
	return grown;
}

struct offline *store__note_offline(struct store *store, const struct partition *partition)
{
	struct offline *offline = find(store, &partition->topic_id, partition->index);
	return offline ? offline : add(store, &partition->topic_id, partition->index);
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
	if (!err_is_of_one_place(err) || !store__may_be_kept(replay)) {
		store__explain_unread(partition, err, replay->report);
		return err;
	}
	struct offline *offline = store__note_offline(store, partition);
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

int store__keep(struct offline *offline, const struct kept_entry *kept, uint8_t **payload)
{
	size_t size = KEPT_GROUP_SIZE + group_entry_size(kept->payload_size);
	int err = reserve(offline, size);
	if (err)
		return err;
	uint8_t *at = offline->data + offline->size;
	memset(at, 0, size);
	store_le64(at, kept->seq);
	store_le64(at + 8, kept->incarnation);
	store_le64(at + 16, (uint64_t)kept->entry.group_time_ms);
	store_le32(at + 24, kept->is_vouched);
	store_le32(at + 28, kept->payload_size);
	uint64_t checksum = group_entry_encode(&kept->entry, kept->payload_size, 0, at + KEPT_GROUP_SIZE);
	(void)checksum; /* the file has one */
	*payload = at + KEPT_GROUP_SIZE + group_entry_size(0);
	offline->size += size;
	return 0;
}

/* Is it in what was kept before? A log start moves no more while the partition is offline. */
static bool is_kept_already(const struct offline *offline, const struct journal_entry *entry)
{
	return offline->has_file && (entry->kind == ENTRY_LOG_START || entry->base_offset >= offline->from);
}

int store__keep_entry(struct replay *replay, const struct partition *partition, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct offline *offline = find(replay->store, &partition->topic_id, partition->index);
	struct kept_entry kept = {*entry, seq, journal_replayed_incarnation(replay->store->journal), is_vouched, (uint32_t)payload.size};
	uint8_t *to;
	if (is_kept_already(offline, entry))
		return 0;
	int err = store__keep(offline, &kept, &to);
	if (!err && payload.size)
		memcpy(to, payload.data, payload.size);
	return err;
}

void store__forget_kept_entries(struct store *store)
{
	for (uint32_t i = 0; i < store->offline_count; i++)
		store->offline[i].size = 0;
}

static size_t old_entries_size(const struct offline *offline)
{
	return offline->file.size ? offline->file.size - KEPT_HEADER_SIZE - KEPT_CHECKSUM_SIZE : 0;
}

/* Header and checksum around what was collected, and what was kept before behind it; of one that the journal has nothing of as well: it says that its files are to be looked at. To be freed. */
static uint8_t *make_file(const struct offline *offline, size_t *size_out)
{
	size_t old_size = old_entries_size(offline), size = KEPT_HEADER_SIZE + offline->size + old_size;
	uint8_t *file = calloc(1, size + KEPT_CHECKSUM_SIZE);
	if (!file)
		return NULL;
	memcpy(file, KEPT_MAGIC, 8);
	store_le32(file + 8, KEPT_VERSION);
	store_le32(file + 12, offline->index);
	memcpy(file + 16, offline->topic_id.bytes, 16);
	store_le64(file + 32, size + KEPT_CHECKSUM_SIZE);
	if (offline->size)
		memcpy(file + KEPT_HEADER_SIZE, offline->data, offline->size);
	if (old_size)
		memcpy(file + KEPT_HEADER_SIZE + offline->size, offline->file.data + KEPT_HEADER_SIZE, old_size);
	store_le64(file + size, XXH3_64bits(file, size));
	*size_out = size + KEPT_CHECKSUM_SIZE;
	return file;
}

void store__forget_kept_data(struct offline *offline)
{
	free(offline->data);
	free((void *)offline->file.data);
	offline->data = NULL;
	offline->file = (struct slice){NULL, 0};
	offline->size = offline->capacity = 0;
}

int store__write_kept_file(struct store *store, struct offline *offline)
{
	char path[4096];
	size_t size;
	uint8_t *file = make_file(offline, &size);
	if (!file)
		return -ENOMEM;
	path_of(store, &offline->topic_id, offline->index, path, sizeof path);
	int err = small_file_replace(store->home.io, path, file, size);
	free(file);
	offline->has_file |= !err;
	if (!err)
		store__forget_kept_data(offline);
	return err;
}

static int write_one(struct store *store, struct offline *offline)
{
	int err = store__write_kept_file(store, offline);
	if (!err_is_full(err))
		return err;
	store__release_reserve(store);
	return store__write_kept_file(store, offline);
}

int store__write_kept(struct store *store)
{
	int err = 0;
	for (uint32_t i = 0; i < store->offline_count && !err; i++) {
		struct offline *offline = &store->offline[i];
		if (offline->err && !offline->is_going && (!offline->has_file || offline->size))
			err = write_one(store, offline);
		if (offline->err)
			store__forget_kept_data(offline);
	}
	return err;
}

/* ---- what was kept ----------------------------------------------------------------------------------------------------------- */

/* Behind the entry's group header. False: nothing more of this partition is there. */
static bool next_entry(const struct offline *offline, size_t *at, struct journal_entry *entry, struct slice *payload)
{
	size_t end = offline->file.size - KEPT_CHECKSUM_SIZE, position = *at + KEPT_GROUP_SIZE;
	bool is_its_own = position <= end && group_entry_next((struct slice){offline->file.data, end}, &position, entry, payload) && entry->partition == offline->index &&
			  uuid_equal(&entry->topic_id, &offline->topic_id);
	*at = is_its_own ? position : *at;
	return is_its_own;
}

/* Its checksum vouches for it; but a slip of ours, or a stranger's hand, must not reach other partitions. */
static bool are_all_its_own(struct offline *offline)
{
	struct journal_entry entry;
	struct slice payload;
	size_t at = KEPT_HEADER_SIZE;
	while (next_entry(offline, &at, &entry, &payload))
		if (entry.kind != ENTRY_LOG_START && entry.base_offset < offline->from)
			offline->from = entry.base_offset;
	return at == offline->file.size - KEPT_CHECKSUM_SIZE;
}

static bool is_whole(struct offline *offline)
{
	const uint8_t *data = offline->file.data;
	size_t size = offline->file.size;
	return size >= KEPT_HEADER_SIZE + KEPT_CHECKSUM_SIZE && memcmp(data, KEPT_MAGIC, 8) == 0 && load_le32(data + 8) == KEPT_VERSION && load_le32(data + 12) == offline->index &&
	       memcmp(data + 16, offline->topic_id.bytes, 16) == 0 && load_le64(data + 32) == size &&
	       load_le64(data + size - KEPT_CHECKSUM_SIZE) == XXH3_64bits(data, size - KEPT_CHECKSUM_SIZE) && are_all_its_own(offline);
}

/* One that cannot be used counts as having all: what the journal has of its partition cannot be put in front of it. */
static int load(struct store *store, struct offline *offline)
{
	char path[4096], why[2048];
	uint8_t *data;
	path_of(store, &offline->topic_id, offline->index, path, sizeof path);
	int err = small_file_read(store->home.io, path, KEPT_SIZE_MAX, &data, &offline->file.size);
	if (err_is_shortage(err))
		return err;
	offline->file.data = err ? NULL : data;
	offline->has_file = true;
	offline->err = err ? err : is_whole(offline) ? 0 : ERR_CORRUPT_LOG;
	if (!offline->err)
		return 0;
	store__forget_kept_data(offline);
	offline->from = INT64_MIN;
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
		const uint8_t *group = offline->file.data + at;
		entry.group_time_ms = (int64_t)load_le64(group + 16);
		replay->kept_incarnation = load_le64(group + 8);
		err = store__replay_entry(replay, load_le64(group), load_le32(group + 24), &entry, payload);
	}
	replay->kept_incarnation = 0;
	return err;
}

int store__take_kept(struct replay *replay, struct partition *partition, bool is_last)
{
	const struct offline *offline = find(replay->store, &partition->topic_id, partition->index);
	if (partition->next_offset < offline->from && offline->from != INT64_MAX && !is_last)
		return 0;
	partition->has_kept = false;
	return replay_one(replay, offline);
}

int store__note_kept_from(struct store *store)
{
	struct partition *partition;
	int err = 0;
	for (uint32_t i = 0; i < store->offline_count && !err; i++) {
		const struct offline *offline = &store->offline[i];
		err = store__find_partition(store, &offline->topic_id, offline->index, &partition);
		if (err || !partition || offline->err || offline->from >= partition->journal_from)
			continue;
		partition->journal_from = offline->from;
		partition->journal_crc = 0;
	}
	return err;
}

/* A partition that neither checkpoint nor journal know of any more is known by what is kept of it. */
int store__replay_kept(struct replay *replay, bool is_last)
{
	struct store *store = replay->store;
	struct partition *partition;
	int err = 0;
	for (uint32_t i = 0; i < store->offline_count && !err; i++) { /* whoever goes offline here is added behind them */
		const struct offline *offline = &store->offline[i];
		err = store__find_partition(store, &offline->topic_id, offline->index, &partition);
		if (err || !partition)
			continue;
		if (!is_last)
			partition->has_kept = !offline->err && offline->has_file;
		if (partition->has_kept)
			err = store__take_kept(replay, partition, is_last);
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
			store__forget_kept_data(offline);
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
		store__forget_kept_data(&store->offline[i]);
	free(store->offline);
}
