/* The store: opening, the turn, topics coming and going, and retention rounds. The commit is in store_commit.c, filing in write_behind.c, the
 * checkpoint in checkpoint.c, recovery in recover.c, the stop in store_stop.c. */
#include "log/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/check.h"
#include "log/journal/ring_image.h"
#include "log/segment/spare.h"
#include "log/store/store_priv.h"

#define GROUP_SIZE_MAX (4u << 20)
#define JOURNAL_SIZE_MIN (1 << 20)
#define JOURNAL_CHOSEN_MIN (256ull << 20)
#define JOURNAL_CHOSEN_MAX (1ull << 30)
#define JOURNAL_SHORT_OF_SPACE (32ull << 20) /* of address space, or of the disk: slower is better than refused */
#define JOURNAL_PART_OF_SMALL_DISK 3
#define JOURNAL_PART_OF_FREE 64u
#define REPLAY_ROOM (64ull << 20)
#define KEPT_PART 4u                  /* of the cache: for what is filed already and read at the tail */
#define KEPT_BYTES_MIN (16ull << 20)

/* ---- partitions --------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct uuid *topic_id, uint32_t index)
{
	return XXH3_64bits_withSeed(topic_id->bytes, sizeof topic_id->bytes, index);
}

uint32_t store_owner(const struct uuid *topic_id, uint32_t index, uint32_t shard_count)
{
	return shard_count <= 1 ? 0 : (uint32_t)((hash_of(topic_id, index) >> 32) % shard_count);
}

bool store_is_shard_file(const char *name, const char *prefix, uint32_t *shard)
{
	size_t size = strlen(prefix);
	char made[64];
	if (strncmp(name, prefix, size))
		return false;
	unsigned long number = strtoul(name + size, NULL, 10);
	snprintf(made, sizeof made, "%s%lu", prefix, number);
	*shard = (uint32_t)number;
	return number < UINT32_MAX && strcmp(name, made) == 0;
}

static void note_shard(uint32_t *count, const char *name, const char *prefix)
{
	uint32_t shard;
	if (store_is_shard_file(name, prefix, &shard) && shard + 1 > *count)
		*count = shard + 1;
}

/* The checkpoints count as well: the last journal may be lost. */
static int note_file(void *context, const char *name, bool is_directory)
{
	if (is_directory)
		return 0;
	note_shard(context, name, "journal-");
	note_shard(context, name, "checkpoint-");
	return 0;
}

int store_shards_of(struct io *io, const char *dir, uint32_t *count)
{
	*count = 0;
	int err = io_dir_list(io, dir, note_file, count);
	return err == -ENOENT ? 0 : err;
}

static struct partition *find(const struct store *store, const struct uuid *topic_id, uint32_t index)
{
	struct partition *partition = store->buckets[hash_of(topic_id, index) & store->bucket_mask];
	while (partition && !(partition->index == index && uuid_equal(&partition->topic_id, topic_id)))
		partition = partition->hash_next;
	return partition;
}

static void link_partition(struct store *store, struct partition *partition)
{
	struct partition **bucket = &store->buckets[hash_of(&partition->topic_id, partition->index) & store->bucket_mask];
	partition->hash_next = *bucket;
	*bucket = partition;
}

static void unlink_partition(struct store *store, struct partition *partition)
{
	struct partition **at = &store->buckets[hash_of(&partition->topic_id, partition->index) & store->bucket_mask];
	while (*at != partition)
		at = &(*at)->hash_next;
	*at = partition->hash_next;
	list_remove(&partition->store_node);
	store->partition_count--;
}

/* Doubles the buckets; without memory for that the chains grow. */
static void grow_buckets(struct store *store)
{
	uint32_t count = (store->bucket_mask + 1) * 2;
	struct partition **grown = calloc(count, sizeof(*grown));
	if (!grown)
		return;
	free(store->buckets);
	store->buckets = grown;
	store->bucket_mask = count - 1;
	LIST_FOR_EACH(node, &store->partitions)
		link_partition(store, LIST_ENTRY(node, struct partition, store_node));
}

int store__find_partition(struct store *store, const struct uuid *topic_id, uint32_t index, struct partition **out)
{
	struct partition *partition = *out = find(store, topic_id, index);
	if (partition)
		return 0;
	const struct topic *topic = catalog_topic_by_id(store->image, topic_id);
	if (!topic || index >= topic->partition_count || store_owner(topic_id, index, store->options.shard_count) != store->options.shard)
		return 0;
	partition = partition__create(&store->home, topic, index);
	if (!partition)
		return -ENOMEM;
	partition->offline_err = store__offline_err(store, topic_id, index);
	if (store->partition_count > store->bucket_mask)
		grow_buckets(store);
	list_push_back(&store->partitions, &partition->store_node);
	link_partition(store, partition);
	store->partition_count++;
	*out = partition;
	return 0;
}

struct partition *store_partition(struct store *store, const struct uuid *topic_id, uint32_t index)
{
	struct partition *partition;
	return store__find_partition(store, topic_id, index, &partition) == 0 ? partition : NULL;
}

struct partition *store_look_at_partition(const struct store *store, const struct uuid *topic_id, uint32_t index)
{
	return find(store, topic_id, index);
}

void store__forget_partitions(struct store *store)
{
	LIST_FOR_EACH_SAFE(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		unlink_partition(store, partition);
		partition__close(partition);
	}
}

/* ---- failure and refusal --------------------------------------------------------------------------------------------- */

void store__update_refusal(struct store *store)
{
	int before = store->home.refusal, internal_before = store->home.internal_refusal;
	int final = store->failure || store->is_journal_gone ? ERR_FAILED : store->is_stopping ? ERR_CLOSED : 0;
	bool takes_nothing = store->must_file_first || store->is_held;
	store->home.refusal = final ? final : store->is_full || takes_nothing ? -ENOSPC : 0;
	store->home.refuses_repeats = final || takes_nothing;
	store->home.trim_refusal = takes_nothing ? -ENOSPC : 0;
	store->home.internal_refusal = final ? final : store_takes_internal(store) ? 0 : -ENOSPC;
	/* Who waits for room hears of it: no more may ever come. */
	if ((store->home.refusal && store->home.refusal != before) || (store->home.internal_refusal && store->home.internal_refusal != internal_before))
		store__wake_room_waits(store);
}

/* The one way into the failed state: nothing more is acknowledged until a restart, and what waits is told. */
void store__fail(struct store *store, int err)
{
	if (store->failure)
		return;
	char why[2048];
	store->failure = err;
	store__update_refusal(store);
	fprintf(stderr, "spate: error: %s: durability is broken (%s: %s): produce is refused until a restart, fetch is served\n", store->dir,
		err_name(err), io_explain(store->home.io, err, why, sizeof why));
	LIST_FOR_EACH_SAFE(node, &store->partitions)
		partition__fail(LIST_ENTRY(node, struct partition, store_node));
	store__fail_group(store);
}

static void journal_failed(void *context, int err)
{
	store__fail(context, err);
}

/* ---- a lost journal --------------------------------------------------------------------------------------------------- */

bool store_must_have_journal(const struct catalog_image *image)
{
	return image->topic_count > 0;
}

void store__journal_path(const struct store *store, char *out, size_t size)
{
	snprintf(out, size, "%s/journal-%u", store->dir, store->options.shard);
}

static int refuse_lost_journal(const struct store *store, struct store_report *report)
{
	snprintf(report->why, sizeof report->why,
		 "%s/journal-%u is missing, though there are topics: acknowledged records that were in it alone would be lost. No record was touched. Put the file "
		 "back; if it is lost for good, start once with --set spate.accept.loss=true",
		 store->dir, store->options.shard);
	return ERR_CORRUPT_LOG;
}

static void accept_lost_journal(const struct store *store, struct store_report *report)
{
	report->is_journal_lost = true;
	fprintf(stderr, "spate: error: %s/journal-%u was missing, and spate.accept.loss is true: acknowledged records that were in it alone are lost; a new "
			"journal was made\n", store->dir, store->options.shard);
}

/* ---- open ---------------------------------------------------------------------------------------------------------------- */

static bool spare_files(void *context)
{
	struct store *store = context;
	return segment_home_spare_files(&store->home.segments);
}

/* A replay takes back into memory what the journal holds and direct pieces beside it, in chunks of 4 KiB at least, whatever the limit of a running
 * broker: without room for it no start is possible. Address space alone, until it is needed. */
static uint64_t replay_room(uint64_t journal_size_bytes)
{
	return 8 * journal_size_bytes + REPLAY_ROOM;
}

static uint64_t now_ns(void *io)
{
	return io_fresh_ns(io);
}

static int open_memory(struct store *store)
{
	uint64_t for_replay = replay_room(store->options.journal_size_bytes);
	uint64_t size = store->options.cache_size_bytes > for_replay ? store->options.cache_size_bytes : for_replay;
	int err = cache_open(&store->cache, size, segment_evict);
	if (!err)
		cache_set_clock(store->cache, now_ns, store->home.io);
	if (!err)
		err = batch_workspace_open(&store->home.workspace, COMPRESS_WINDOW_SIZE);
	if (!err)
		err = segment_home_open(&store->home.segments, store->home.io, store->cache);
	if (!err)
		store->home.segments.find_fence = partition__find_damage;
	if (!err)
		err = spares_open(&store->home.segments.spares, store->home.io, store->dir, store->options.shard, store->options.spare_bytes,
				  store->options.spare_size_bytes_min);
	if (!err && store->options.open_files_max)
		store->home.segments.open_max = store->options.open_files_max;
	if (!err)
		io_on_no_descriptors(store->home.io, spare_files, store);
	store->bucket_mask = 63;
	store->buckets = calloc(store->bucket_mask + 1, sizeof(*store->buckets));
	store->hash = XXH3_createState();
	return err ? err : store->buckets && store->hash ? 0 : -ENOMEM;
}

/* Its loss is accepted; the bytes stay, under another name. */
static int set_journal_aside(struct store *store, const char *why, struct store_report *report)
{
	char path[4096], aside[4096 + 32];
	store__journal_path(store, path, sizeof path);
	snprintf(aside, sizeof aside, "%s.lost-%llu", path, (unsigned long long)store->options.incarnation);
	int err = io_rename(store->home.io, path, aside);
	if (!err)
		err = io_dir_sync(store->home.io, store->dir);
	if (err)
		return err;
	report->is_journal_lost = true;
	fprintf(stderr, "spate: error: %s cannot be used (%s), and spate.accept.loss is true: acknowledged records that are in it alone are lost; it is kept as %s, and a new "
			"journal was made\n", path, why, aside);
	return 0;
}

/* A directory, a FIFO or a link to nowhere stands in its place. */
static int64_t judge_no_file(struct store *store, struct store_report *report)
{
	int err = store->options.is_loss_accepted ? set_journal_aside(store, err_text(ERR_NOT_A_FILE), report) : ERR_NOT_A_FILE;
	if (err == ERR_NOT_A_FILE)
		snprintf(report->why, sizeof report->why,
			 "%s/journal-%u is no regular file: a directory, a FIFO, a socket, a device or a link to nowhere. Nothing was changed. Put the right file back; if it "
			 "is lost for good, start once with --set spate.accept.loss=true, which keeps this aside", store->dir, store->options.shard);
	return err ? err : -ENOENT;
}

/* Of the disk's free space where nobody has said it. The larger, the larger the pieces in which thousands of partitions are filed; but a replay takes back into memory
 * all that is in use of it, so it is no larger than what a running broker may take, and than what there is address space for: that of each shard's replay, and of the
 * images that its journal keeps. Nor does it take most of a small disk. */
static uint64_t choose_journal_size(const struct store *store)
{
	uint64_t free_bytes, total_bytes, most = store->options.cache_size_bytes, shards = store->options.shard_count ? store->options.shard_count : 1;
	if (io_space(store->home.io, store->dir, &free_bytes, &total_bytes))
		return JOURNAL_CHOSEN_MIN;
	uint64_t size = free_bytes / JOURNAL_PART_OF_FREE / shards;
	most = most < JOURNAL_CHOSEN_MAX ? most : JOURNAL_CHOSEN_MAX;
	size = align_down(size < most ? size : most, JOURNAL_SIZE_MIN);
	size = size > JOURNAL_CHOSEN_MIN ? size : JOURNAL_CHOSEN_MIN;
	while (size > JOURNAL_SHORT_OF_SPACE &&
	       (size > free_bytes / JOURNAL_PART_OF_SMALL_DISK / shards || !cache_is_possible(shards * (replay_room(size) + 2 * size))))
		size = align_down(size / 2, JOURNAL_SIZE_MIN);
	return size;
}

/* One that is lost may have been made with more than is chosen today. */
uint64_t store__journal_size_max(const struct store *store)
{
	uint64_t size = store->options.journal_size_bytes;
	return store->journal_size_asked || size > JOURNAL_CHOSEN_MAX ? size : JOURNAL_CHOSEN_MAX;
}

/* Before memory and journal are opened, which depend on it. A journal keeps the size it was made with; what is asked for since then counts for the next
 * directory. */
static int settle_journal_size(struct store *store, struct store_report *report)
{
	char path[4096];
	store__journal_path(store, path, sizeof path);
	int64_t size = journal_size_of(store->home.io, path);
	if (size == ERR_NOT_A_FILE)
		size = judge_no_file(store, report);
	bool is_lost = size == -ENOENT && store_must_have_journal(store->image) && !report->is_journal_lost;
	if (is_lost && !store->options.is_loss_accepted)
		return refuse_lost_journal(store, report);
	if (is_lost)
		accept_lost_journal(store, report);
	if (size < 0 && size != -ENOENT)
		return (int)size;
	/* One without a whole superblock is for the journal to judge. */
	bool is_made = size >= JOURNAL_SIZE_MIN && size % JOURNAL_SIZE_MIN == 0;
	uint64_t asked = store->journal_size_asked;
	if (is_made && asked && (uint64_t)size != asked)
		fprintf(stderr, "spate: %s/journal-%u was made with %ld bytes and stays so, whatever spate.journal.bytes says (%lu)\n", store->dir,
			store->options.shard, (long)size, (unsigned long)asked);
	store->options.journal_size_bytes = is_made ? (uint64_t)size : asked ? asked : choose_journal_size(store);
	uint64_t sixteenth = store->options.journal_size_bytes / 16;
	store->group_size_bytes_max = sixteenth < GROUP_SIZE_MAX ? (uint32_t)sixteenth : GROUP_SIZE_MAX;
	return 0;
}

static int refuse_untold_loss(const struct store *store, const struct journal_report *found, struct store_report *report)
{
	snprintf(report->why, sizeof report->why,
		 "%s/journal-%u: acknowledged groups %lu to %lu are damaged, and nothing tells which partitions and offsets were in them. Nothing was changed. If the "
		 "file cannot be put right, start once with --set spate.accept.loss=true: what is left is served, and partitions that nothing later tells of go on "
		 "2^32 offsets further for each lost group, so that no offset is given out again", store->dir, store->options.shard,
		 (unsigned long)found->untold_from, (unsigned long)found->untold_to);
	return ERR_CORRUPT_LOG;
}

static int refuse_bad_journal(const struct store *store, const struct journal_report *found, struct store_report *report)
{
	if (found->untold_to)
		return refuse_untold_loss(store, found, report);
	snprintf(report->why, sizeof report->why,
		 "%s/journal-%u cannot be used: %s. Acknowledged records that are in it alone would be lost. Nothing was "
		 "changed. Put the right file back, or see what `spate log repair --dry-run` can save; if it is lost for good, start once with --set "
		 "spate.accept.loss=true, which keeps this one aside",
		 store->dir, store->options.shard, journal_why(found));
	return ERR_CORRUPT_LOG;
}

/* Its superblocks note each opening before that opening acknowledges anything; and the catalog notes, in between, that they have. */
static bool is_put_back(const struct store *store, const struct journal_report *found)
{
	return !found->was_created && store_must_have_journal(store->image) && found->incarnation < store->options.journal_incarnation;
}

static int refuse_put_back(const struct store *store, const struct journal_report *found, struct store_report *report)
{
	snprintf(report->why, sizeof report->why,
		 "%s/journal-%u is of an earlier time: it ends with opening %llu, and by the catalog opening %llu has written it since. Acknowledged records may be "
		 "missing. Nothing was changed. Put the right file back; if it is lost for good, start once with --set spate.accept.loss=true, which believes "
		 "the segments and then this journal", store->dir, store->options.shard, (unsigned long long)found->incarnation,
		 (unsigned long long)store->options.journal_incarnation);
	return ERR_CORRUPT_LOG;
}

static void accept_put_back(const struct store *store)
{
	fprintf(stderr, "spate: error: %s/journal-%u is of an earlier time, and spate.accept.loss is true: acknowledged records that were in a later state of it alone "
			"are lost; what it has is used, and the segments are held against the checkpoint\n", store->dir, store->options.shard);
}

static int open_journal_file(struct store *store, struct journal_report *found)
{
	char path[4096];
	store__journal_path(store, path, sizeof path);
	struct journal_options options = {
		.path = path,
		.size_bytes = store->options.journal_size_bytes,
		.group_size_bytes_max = store->group_size_bytes_max,
		.shard_plus_one = store->options.shard + 1,
		.directory_id = store->options.directory_id ? *store->options.directory_id : (struct uuid){{0}},
		.groups_in_flight_max = 1,
		.chained_kinds = 1u << ENTRY_BATCHES | 1u << ENTRY_DIRECT | 1u << ENTRY_DIRECT_TOLD,
		.is_loss_accepted = store->options.is_loss_accepted,
		.is_first = !store_must_have_journal(store->image),
		.incarnation = store->options.incarnation,
		.image = store->options.journal_image,
		.durable = store__group_durable,
		.failed = journal_failed,
		.context = store,
	};
	store->options.journal_image = NULL;
	return journal_open(&store->journal, store->home.io, &options, found);
}

static void tell_wrong_size(const struct store *store, const struct journal_report *found)
{
	if (found->tail_bytes)
		fprintf(stderr, "spate: %s/journal-%u is %lu bytes longer than it was made: what is behind its end is nobody's and not looked at; `spate log repair` cuts "
				"it off\n", store->dir, store->options.shard, (unsigned long)found->tail_bytes);
	if (found->cut_bytes)
		fprintf(stderr, "spate: error: %s/journal-%u was cut: its last %lu bytes are missing; what was in them alone is lost, and named as far as anything tells "
				"of it\n", store->dir, store->options.shard, (unsigned long)found->cut_bytes);
}

static int open_journal(struct store *store, struct store_report *report)
{
	struct journal_report found;
	int err = open_journal_file(store, &found);
	bool is_unusable = err == ERR_CORRUPT_LOG || err == ERR_FORMAT;
	if (is_unusable && !store->options.is_loss_accepted)
		return refuse_bad_journal(store, &found, report);
	if (is_unusable) {
		err = set_journal_aside(store, journal_why(&found), report);
		if (!err)
			err = settle_journal_size(store, report);
		if (!err)
			err = open_journal_file(store, &found);
	}
	if (err)
		return err;
	tell_wrong_size(store, &found);
	store->is_journal_put_back = store->is_journal_alien = is_put_back(store, &found);
	if (store->is_journal_put_back && !store->options.is_loss_accepted)
		return refuse_put_back(store, &found, report);
	if (store->is_journal_put_back)
		accept_put_back(store);
	store->journal_found = found;
	store->journal_seed = found.seed;
	store->journal_incarnation = found.incarnation;
	store->is_journal_new = found.was_created;
	/* One without a group, that no checkpoint has ever trimmed, says as much: nothing was acknowledged yet. */
	bool has_no_past = found.groups > 0 ? found.first_seq == 1 : found.checkpoint == 0 && !found.damaged_groups;
	store->is_journal_whole = !found.was_created && has_no_past;
	report->torn_groups = found.torn_groups;
	report->damaged_ranges = found.damaged_groups;
	report->was_clean = (found.was_clean || found.was_created) && !report->is_journal_lost;
	return 0;
}

int store__start_journal(struct store *store)
{
	store__count_replayed(store);
	store__set_journal_span(store);
	int err = journal_start(store->journal);
	store->has_journal_started = !err;
	store->journal_incarnation = store->options.incarnation;
	store__update_refusal(store);
	return err;
}

static void init(struct store *store, struct io *io, const struct store_options *options, const struct catalog_image *image)
{
	store->options = *options;
	store->journal_size_asked = options->journal_size_bytes;
	store->image = image;
	store->home.io = io;
	store->home.dir = store->dir;
	store->home.incarnation = options->incarnation;
	store->home.producers_max = options->producers_max;
	list_init(&store->home.dirty);
	list_init(&store->home.unfiled);
	list_init(&store->home.finished);
	list_init(&store->home.room_waits);
	list_init(&store->home.unsynced_dirs);
	list_init(&store->home.untimed);
	list_init(&store->home.dropping);
	list_init(&store->home.reads_waiting);
	list_init(&store->home.large_waiting);
	list_init(&store->partitions);
	list_init(&store->group.trims);
	list_init(&store->group.catalog_notes);
	list_init(&store->catalog_notes);
	list_init(&store->cycle.queue);
	list_init(&store->cycle.untimed);
	list_init(&store->removals.dirs);
}

static void start_retention(struct store *store);

/* The keys that set what a start asks for: memory may be limited by what is nobody's record of a file. */
static void explain_refusal(const struct store *store, int err, struct store_report *report)
{
	char why[2048];
	if (err == -ENOMEM)
		snprintf(report->why, sizeof report->why,
			 "there is no memory for the store in %s (shard %u): spate.cache.bytes, and eight times spate.journal.bytes of address space for a replay, must fit "
			 "beside spate.frame.memory.bytes. Nothing was changed. Lower these keys, or raise the limit (ulimit -v, ulimit -l, a container's memory)",
			 store->dir ? store->dir : "", store->options.shard);
	else
		snprintf(report->why, sizeof report->why, "the store in %s (shard %u) cannot be opened: %s. Nothing was changed", store->dir,
			 store->options.shard, io_explain(store->home.io, err, why, sizeof why));
}

static uint64_t kept_bytes(uint64_t cache_size_bytes)
{
	uint64_t part = cache_size_bytes / KEPT_PART;
	return part > KEPT_BYTES_MIN ? part : KEPT_BYTES_MIN;
}

int store_open(struct store **out, struct io *io, const struct store_options *options, const struct catalog_image *image,
	       struct store_report *report)
{
	*report = (struct store_report){0};
	uint64_t began_ns = io_now_ns(io);
	struct store *store = calloc(1, sizeof *store);
	if (!store) {
		ring_image_free(options->journal_image);
		return -ENOMEM;
	}
	store->dir = strdup(options->dir);
	init(store, io, options, image);
	int err = store->dir ? settle_journal_size(store, report) : -ENOMEM;
	if (!err)
		store__find_reserve(store);
	if (!err)
		err = open_memory(store);
	if (!err)
		err = open_journal(store, report);
	if (!err)
		err = store__take_old_names(store, report);
	if (!err)
		err = store__recover(store, report);
	store->is_start_put_off = options->may_put_off_start && store->is_journal_new && !store_must_have_journal(image);
	if (!err && !store->must_file_first && !store->is_start_put_off)
		err = store__start_journal(store);
	if (err) {
		if (!*report->why && (err == ERR_CORRUPT_LOG || err == ERR_FORMAT))
			snprintf(report->why, sizeof report->why,
				 "the store in %s (shard %u) cannot be recovered: %s. Nothing was changed. `spate log verify` says what is damaged, `spate log "
				 "repair --dry-run` what can be done, and whether that needs --accept-loss", options->dir, options->shard, err_text(err));
		if (!*report->why)
			explain_refusal(store, err, report);
		store_close(store);
		return err;
	}
	cache_limit(store->cache, store->options.cache_size_bytes);
	cache_keep(store->cache, kept_bytes(store->options.cache_size_bytes));
	report->duration_ns = io_now_ns(io) - began_ns;
	(void)store_retention_ms(store);
	start_retention(store);
	store__wait_for_unseen_tails(store);
	scrub_start(&store->scrub, store);
	store__find_deleted(store);
	spares_find(store->home.segments.spares);
	*out = store;
	return 0;
}

/* ---- the turn ---------------------------------------------------------------------------------------------------------------- */

static void answer_finished(struct store *store)
{
	struct list *node;
	while ((node = list_pop_front(&store->home.finished))) {
		struct append_op *op = LIST_ENTRY(node, struct append_op, node);
		op->done(op);
	}
}

/* The cycle that recovery waits for has found its room at last. */
static void start_late(struct store *store)
{
	int err = store__start_journal(store);
	if (err)
		store__fail(store, err);
	else
		fprintf(stderr, "spate: %s: what recovery had to file is filed: the journal is written again\n", store->dir);
}

int store_start(struct store *store)
{
	if (!store->is_start_put_off)
		return store->failure ? ERR_FAILED : 0;
	store->is_start_put_off = false;
	int err = store__start_journal(store);
	if (err)
		store__fail(store, err);
	return err;
}

void store_turn(struct store *store)
{
	answer_finished(store);
	cache_turn(store->cache);
	if (store->is_start_put_off) /* there is nothing in it, nor may there be a file of it yet */
		return;
	if (store->is_full)
		store__update_refusal(store); /* the journal fills or empties */
	store__cycle_turn(store);
	if (!store->has_journal_started && !store->must_file_first && !store->failure)
		start_late(store);
	store__commit(store);
	if (store->home.wants_room || store__is_any_going(store)) /* what could not be committed asks for a cycle, and may be all that there is to bring another turn */
		store__cycle_turn(store);
	if (store->home.segments.has_doubtful)
		scrub_hurry(&store->scrub);
	if (store->is_stopping && !store->is_stopped)
		store__stop_turn(store);
}

bool store_lacks_read_memory(const struct store *store)
{
	return (store->home.lacks_read_buffers && !list_is_empty(&store->home.reads_waiting)) || !list_is_empty(&store->home.large_waiting);
}

bool store_takes_internal(const struct store *store)
{
	return !store->must_file_first && !store->is_held && (!store->is_full || store__has_room_for_commits(store));
}

bool store_make_room(struct store *store)
{
	bool had_any = store->has_reserve || spares_bytes(store->home.segments.spares) > 0;
	store__set_full(store, true);
	return had_any;
}

struct store_counters store_counters(const struct store *store)
{
	return (struct store_counters){store->home.damaged_ranges, store->scrub.passes, store->scrub.segments, store->scrub.bytes, store->shortage.count};
}

struct store_usage store_usage(const struct store *store)
{
	return (struct store_usage){
		.journal_size_bytes = journal_size_bytes(store->journal),
		.journal_used_bytes = journal_used_bytes(store->journal),
		.cache_size_bytes = cache_size_bytes(store->cache),
		.cache_pinned_bytes = cache_pinned_bytes(store->cache),
		.has_reserve = store->has_reserve,
		.is_scrubbing = store->scrub.partitions_left > 0,
		.open_files = store->home.segments.open_count,
	};
}

bool store_is_stopped(const struct store *store) { return store->is_stopped; }
bool store_has_started(const struct store *store) { return store->has_journal_started; }
bool store_has_failed(const struct store *store) { return store->failure != 0; }
bool store_is_full(const struct store *store) { return store->is_full || store->must_file_first || store->is_held; }

void store_hold(struct store *store, bool is_held)
{
	store->is_held = is_held;
	store__update_refusal(store);
}

/* ---- producer ids --------------------------------------------------------------------------------------------------------------- */

int64_t store_producer_id_max(const struct store *store)
{
	int64_t max = -1;
	LIST_FOR_EACH(node, &store->partitions) {
		const struct producer_state *producers = LIST_ENTRY(node, struct partition, store_node)->producers;
		for (uint32_t i = 0; producers && i < producer_count(producers); i++)
			max = producer_at(producers, i)->producer_id > max ? producer_at(producers, i)->producer_id : max;
	}
	return max;
}

/* ---- topics come and go ------------------------------------------------------------------------------------------------------- */

static void delete_partition(struct store *store, struct partition *partition)
{
	partition__retain(partition);
	unlink_partition(store, partition);
	partition__close(partition);
	store__remove_dir(store, partition);
	store__forget_kept(store, partition);
	partition__release(partition);
}

void store_set_producer_expiration(struct store *store, int64_t expiration_ms)
{
	store->options.producer_expiration_ms = expiration_ms;
}

void store_set_image(struct store *store, const struct catalog_image *image)
{
	store->image = image;
	LIST_FOR_EACH_SAFE(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		const struct topic *topic = catalog_topic_by_id(image, &partition->topic_id);
		if (topic)
			partition->topic = topic;
		else
			delete_partition(store, partition);
	}
}

/* ---- retention ------------------------------------------------------------------------------------------------------------------ */

int64_t store_retention_ms(struct store *store)
{
	bool has_jumped;
	int64_t now_ms = retention_clock_now(&store->retention_clock, io_wall_ms(store->home.io), io_now_ns(store->home.io), &has_jumped);
	if (has_jumped && retention_clock_is_lost(&store->retention_clock))
		fprintf(stderr, "spate: %s: nothing tells any more when the broker was left: in case the wall clock is wrong, retention by time, of offsets too, waits for a day\n",
			store->dir);
	else if (has_jumped && store->retention_clock.is_resumed)
		fprintf(stderr, "spate: %s: the wall clock is %ld hours ahead of where the broker was left: in case it is wrong, retention by time, of offsets too, waits for a day\n",
			store->dir, (long)(store->retention_clock.off_ms / 3600000));
	else if (has_jumped)
		fprintf(stderr, "spate: %s: the wall clock has jumped by %ld s: retention by time, of offsets too, goes on as if it had not, until it has stayed so for a day\n",
			store->dir, (long)(store->retention_clock.off_ms / 1000));
	return now_ms;
}

static void check_retention(struct io_timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, retention_timer);
	int64_t now_ms = store_retention_ms(store);
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		producer_expire(&partition->producers, now_ms, store->options.producer_expiration_ms);
		partition__retain_check(partition, now_ms);
	}
	start_retention(store);
}

static void start_retention(struct store *store)
{
	if (store->options.retention_check_ms <= 0)
		return;
	store->retention_timer.run = check_retention;
	io_timer_set(store->home.io, &store->retention_timer, io_now_ns(store->home.io) + (uint64_t)store->options.retention_check_ms * 1000000);
}
