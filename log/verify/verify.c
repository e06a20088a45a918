/* The whole directory, from what says most to what says least: lock, meta.properties, catalog, each
 * shard's checkpoint and journal, then the partitions in order of their names. A file that is damaged is
 * told, and the rest is checked with what is left. */
#include "log/verify/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/catalog/catalog.h"
#include "log/catalog/meta_properties.h"
#include "log/io/dir_lock.h"
#include "log/partition/partition_dir.h"
#include "log/segment/later_files.h"
#include "log/store/store_priv.h"
#include "log/verify/partition_check.h"

#define SHARDS_ASKED 256u /* a repair takes no more either */

struct verify {
	struct verify_sink sink;
	int unread;                    /* the first error that kept a partition from being read */
	struct verify_report *report;
	struct data_dir dir;
	struct broker_config *config;
	struct catalog *catalog;
	struct catalog_report catalog_found;
	const struct catalog_image *image;
	struct picture picture;
	struct dir_lock lock;
	struct meta_properties meta;       /* zeros: it cannot be read */
	bool is_catalog_anothers;          /* it and meta.properties are of different directories, and a journal says that meta.properties is ours */
	bool may_be_outdone[SHARDS_ASKED]; /* its last stop was clean, and nothing later was told of yet */
};

static void tell(struct verify *verify, enum finding_kind kind, const char *file, int64_t position_from,
		 int64_t position_to, const char *what)
{
	struct finding finding = {kind, NULL, NOWHERE, file, NOWHERE, NOWHERE, position_from, position_to,
				  .what = what};
	verify_tell(&verify->sink, &finding);
}

/* The broker does not start with it. */
static void tell_fatal(struct verify *verify, const char *file, int64_t position_from, int64_t position_to, const char *what)
{
	struct finding finding = {FINDING_DAMAGE, NULL, NOWHERE, file, NOWHERE, NOWHERE, position_from, position_to, what, .is_fatal = true};
	verify_tell(&verify->sink, &finding);
}

static void path_of(const struct verify *verify, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", verify->sink.dir, name);
}

/* ---- lock and catalog ---------------------------------------------------------------------------------- */

static void take_lock(struct verify *verify)
{
	char what[128];
	int err = dir_lock_look(&verify->lock, verify->sink.io, verify->sink.dir, verify->dir.has_lock);
	verify->report->is_in_use = err == ERR_LOCKED;
	if (verify->report->is_in_use)
		tell(verify, FINDING_NOTE, ".lock", NOWHERE, NOWHERE,
		     "a running broker holds the directory: only the catalog and sealed segments, which hold still, are checked");
	else if (err == ERR_NOT_A_FILE)
		tell(verify, FINDING_DERIVED, ".lock", NOWHERE, NOWHERE, "it is no regular file: the next start puts it aside, and makes it anew");
	else if (err) {
		snprintf(what, sizeof what, "it cannot be locked (%s): is a broker running?",
			 err_text(err));
		tell(verify, FINDING_NOTE, ".lock", NOWHERE, NOWHERE, what);
	}
}

static int check_meta(struct verify *verify)
{
	char path[4096], why[512] = "";
	path_of(verify, "meta.properties", path, sizeof path);
	int err = meta_properties_read(&verify->meta, verify->sink.io, path, why, sizeof why);
	if (err == -ENOENT) {
		if (verify->dir.has_catalog)
			tell(verify, FINDING_NOTE, "meta.properties", NOWHERE, NOWHERE,
			     "it is missing: the next start makes it anew from the catalog");
		return 0;
	}
	if (err == -ENOMEM)
		return err;
	if (err)
		tell(verify, FINDING_DAMAGE, "meta.properties", NOWHERE, NOWHERE, *why ? why : err_text(err));
	return 0;
}

static int open_catalog(struct verify *verify)
{
	int err = check_meta(verify);
	if (err)
		return err;
	bool was_a_broker = verify->dir.shard_count > 0;
	if (!verify->dir.has_catalog) {
		if (was_a_broker)
			tell_fatal(verify, "catalog.log", NOWHERE, NOWHERE,
			     "it is missing, though journals are there: no topic is known");
		return 0;
	}
	err = broker_config_create(&verify->config);
	if (!err)
		err = catalog_open_read_only(&verify->catalog, verify->sink.io, verify->sink.dir,
					     verify->config, &verify->catalog_found);
	if (err == -ENOMEM)
		return err;
	if (err) {
		if (!verify->catalog_found.is_another) /* else the journals are asked which of the two is ours */
			tell_fatal(verify, "catalog.log", NOWHERE, NOWHERE, verify->catalog_found.why);
		return 0;
	}
	verify->image = catalog_image_acquire(verify->catalog);
	verify->report->has_catalog = true;
	verify->report->topics = verify->image->topic_count;
	return 0;
}

/* ---- shards -------------------------------------------------------------------------------------------- */

/* A directory with neither journals nor checkpoints had one shard at least. */
static void check_lost_journals(struct verify *verify)
{
	uint32_t count = verify->dir.shard_count ? verify->dir.shard_count : 1;
	if (!verify->image || !store_must_have_journal(verify->image) || verify->report->is_in_use)
		return;
	for (uint32_t shard = 0; shard < count; shard++) {
		char name[64];
		snprintf(name, sizeof name, "journal-%u", shard);
		if (shard >= verify->dir.shard_count || !verify->dir.has_journal[shard])
			tell_fatal(verify, name, NOWHERE, NOWHERE,
			     "it is missing, though there are topics: acknowledged records that were in it alone "
			     "are lost, and the broker will refuse to start");
	}
}

/* Somebody's copies: a directory never gets more shards than it was made with. */
static void tell_stray_shards(struct verify *verify)
{
	for (uint32_t shard = verify->dir.shard_count; shard < verify->dir.file_shard_count; shard++) {
		char name[64], what[128];
		snprintf(name, sizeof name, "%s-%u", verify->dir.has_journal[shard] ? "journal" : "checkpoint", shard);
		snprintf(what, sizeof what, "it is nobody's, and not looked at: this directory was made with %u shard%s", verify->dir.shard_count,
			 verify->dir.shard_count == 1 ? "" : "s");
		if (verify->dir.has_journal[shard] || verify->dir.has_checkpoint[shard])
			tell(verify, FINDING_NOTE, name, NOWHERE, NOWHERE, what);
	}
}

/* As log/store/recover_positions.c decides (is_of_another_directory). */
static void check_directory_id(struct verify *verify, uint32_t shard, const struct journal_report *journal)
{
	char what[256];
	if (verify->catalog_found.has_other_id && !uuid_is_zero(&journal->directory_id))
		verify->is_catalog_anothers |= uuid_equal(&journal->directory_id, &verify->meta.directory_id);
	bool is_the_journal = verify->picture.alien_shard_plus_one == shard + 1; /* the checkpoint says so as well */
	if (!verify->image || is_the_journal || uuid_is_zero(&journal->directory_id) || uuid_equal(&journal->directory_id, catalog_directory_id(verify->catalog)))
		return;
	snprintf(what, sizeof what, "it and journal-%u are of different data directories, so one of them does not know the topics of what is here: the broker will refuse to start", shard);
	tell_fatal(verify, "catalog.log", NOWHERE, NOWHERE, what);
}

/* As log/store/store.c decides (is_put_back). */
static void check_journal_time(struct verify *verify, uint32_t shard, const struct journal_report *journal)
{
	uint64_t noted = verify->image ? catalog_journal_incarnation(verify->catalog) : 0;
	char name[64], what[256];
	if (!verify->image || !store_must_have_journal(verify->image) || !journal->seed || journal->incarnation >= noted)
		return;
	snprintf(name, sizeof name, "journal-%u", shard);
	snprintf(what, sizeof what,
		 "it is of an earlier time: it ends with opening %llu, and by the catalog opening %llu has written it since; acknowledged records may be missing, "
		 "and the broker will refuse to start", (unsigned long long)journal->incarnation, (unsigned long long)noted);
	tell_fatal(verify, name, NOWHERE, NOWHERE, what);
}

static void check_journal(struct verify *verify, uint32_t shard, const struct journal_report *journal)
{
	check_directory_id(verify, shard, journal);
	check_journal_time(verify, shard, journal);
}

/* Behind the journals, each of which may know. */
static void tell_anothers(struct verify *verify)
{
	struct finding anothers = {FINDING_DAMAGE, NULL, NOWHERE, "catalog.log", NOWHERE, NOWHERE, NOWHERE, NOWHERE,
				   "it is another data directory's, by meta.properties and a journal: the broker will refuse to start", .is_fatal = true, .is_anothers = true};
	if (verify->is_catalog_anothers)
		verify_tell(&verify->sink, &anothers);
	else if (verify->catalog_found.is_another)
		tell_fatal(verify, "meta.properties", NOWHERE, NOWHERE, verify->catalog_found.why);
}

static void count_journal_records(struct verify *verify)
{
	for (uint32_t i = 0; i < verify->picture.count; i++) {
		const struct picture_partition *partition = verify->picture.partitions[i];
		bool holds_some = partition->journal_from != NOWHERE && partition->next_offset > partition->journal_from;
		verify->report->journal_partitions += holds_some;
		verify->report->journal_records += holds_some ? (uint64_t)(partition->next_offset - partition->journal_from) : 0;
	}
}

static int read_shards(struct verify *verify)
{
	struct verify_report *report = verify->report;
	int err = picture_open(&verify->picture, &verify->sink, verify->image);
	report->was_clean = true;
	check_lost_journals(verify);
	tell_stray_shards(verify);
	for (uint32_t shard = 0; shard < verify->dir.shard_count && !err && !report->is_in_use; shard++) {
		struct journal_report journal;
		bool has_journal = verify->dir.has_journal[shard];
		err = picture_add_shard(&verify->picture, shard, verify->dir.has_checkpoint[shard],
					has_journal, &journal);
		if (!err && has_journal)
			check_journal(verify, shard, &journal);
		report->journals += has_journal;
		report->journal_groups += journal.groups;
		report->journal_entries += journal.entries;
		if (shard < SHARDS_ASKED)
			verify->may_be_outdone[shard] = has_journal && journal.was_clean;
		report->was_clean &= has_journal ? journal.was_clean : !verify->image || !store_must_have_journal(verify->image);
	}
	tell_anothers(verify);
	count_journal_records(verify);
	return err;
}

/* Its end, which nothing in it vouches for: what the journals and checkpoints know decides whether what is
 * torn, or not there at all, was ever answered. */
static void check_catalog_end(struct verify *verify)
{
	const struct catalog_report *found = &verify->catalog_found;
	const struct catalog_mark *known = &verify->picture.catalog_mark;
	int64_t from = NOWHERE, to = NOWHERE;
	char what[512];
	if (!verify->image || verify->report->is_in_use)
		return;
	if (found->torn_bytes) {
		from = (int64_t)found->bytes;
		to = (int64_t)(found->bytes + found->torn_bytes);
	}
	if (catalog_mark_is_before(&found->mark, known)) {
		snprintf(what, sizeof what,
			 "it ends with record %llu of opening %llu, but the journal or the checkpoint knew record %llu of "
			 "opening %llu: acknowledged changes are lost, perhaps topics with all their records, and the "
			 "broker will refuse to start",
			 (unsigned long long)found->mark.sequence, (unsigned long long)found->mark.incarnation,
			 (unsigned long long)known->sequence, (unsigned long long)known->incarnation);
		tell_fatal(verify, "catalog.log", from, to, what);
	} else if (found->torn_bytes) {
		struct finding torn = {FINDING_NOTE, NULL, NOWHERE, "catalog.log", NOWHERE, NOWHERE, from, to,
				       found->is_torn_zeros ? "zeros behind the last record: the file has been grown, and the next start cuts them off"
							    : "the last record is torn: it was never answered, and the next start cuts it off", .is_tail = true};
		verify_tell(&verify->sink, &torn);
	}
}

/* ---- partitions ---------------------------------------------------------------------------------------- */

static const struct topic *topic_of(const struct verify *verify, const struct partition_dir *files)
{
	if (!verify->image || files->partition < 0 || files->is_leftover)
		return NULL;
	struct slice name = {(const uint8_t *)files->topic, strlen(files->topic)};
	const struct topic *topic = catalog_topic_by_name(verify->image, name);
	return topic && (uint32_t)files->partition < topic->partition_count ? topic : NULL;
}

static bool is_scanned(const struct verify *verify, const struct topic *topic, uint32_t index)
{
	return !verify->report->is_in_use && picture_is_scanned(&verify->picture, store_owner(&topic->id, index, verify->dir.shard_count));
}

static void tell_unknown(struct verify *verify, const struct partition_dir *files)
{
	bool holds_records = unowned_holds_records(files);
	if (!verify->image)
		return;
	if (holds_records)
		unowned_add(&verify->report->unowned, files);
	tell(verify, FINDING_NOTE, files->name, NOWHERE, NOWHERE,
	     holds_records ? "the catalog does not know this partition: its records are served to nobody, and its segments are checked alone"
			   : "the catalog does not know this partition: its segments are checked alone");
}

/* Where the log ends by checkpoint and journal, all of it in files. False: they do not say. */
static bool find_known_end(const struct picture_partition *picture, struct log_end_asked *asked)
{
	if (!picture) /* no record is known of it */
		return true;
	if (!picture->segment_count) {
		asked->owner.base_offset = asked->offset = picture->start_offset;
		return picture->is_known;
	}
	const struct picture_segment *last = &picture->segments[picture->segment_count - 1];
	asked->owner.base_offset = last->base_offset;
	asked->has_file = last->filed.position > 0;
	asked->is_sealed = last->is_complete;
	asked->position = last->filed.position;
	asked->offset = last->filed.offset;
	return picture->is_known && picture->next_offset == last->filed.offset;
}

/* As a start behind a clean stop does (log/store/recover_later.c), and of all partitions. Once a shard. */
static int check_later(struct verify *verify, const struct partition_check *check)
{
	char dir[4096], name[64], what[512];
	int64_t to;
	uint32_t shard = check->topic ? store_owner(&check->topic->id, (uint32_t)check->index, verify->dir.shard_count) : 0;
	struct log_end_asked asked = {.dir = dir, .was_clean = true};
	bool may_be = check->topic && !check->is_in_use && !check->is_scanned && shard < SHARDS_ASKED && verify->may_be_outdone[shard];
	if (!may_be || !find_known_end(check->picture, &asked))
		return 0;
	path_of(verify, check->files->name, dir, sizeof dir);
	asked.owner.topic_id = check->topic->id;
	asked.owner.partition = (uint32_t)check->index;
	int found = later_files_find(verify->sink.io, &asked, &to);
	if (found <= 0)
		return found;
	verify->may_be_outdone[shard] = false;
	snprintf(name, sizeof name, "journal-%u", shard);
	snprintf(what, sizeof what,
		 "it, its checkpoint and the catalog are of an earlier time than the partitions' directories: %.260s holds records up to offset %lld, and by them its log ends at %lld; the "
		 "broker will refuse to start, or to append there", check->files->name, (long long)to - 1, (long long)asked.offset);
	tell_fatal(verify, name, NOWHERE, NOWHERE, what);
	return 0;
}

/* What cannot be read says nothing of what is in it; all other partitions are checked, as the start serves them. */
static int pass_unread(struct verify *verify, const struct partition_check *check, int err)
{
	char dir[PARTITION_DIR_NAME_SIZE], why[1024], what[1280];
	if (!err_is_of_one_place(err))
		return err;
	partition_dir_name(dir, check->topic_name, (uint32_t)check->index);
	snprintf(what, sizeof what, "it cannot be read, and what is in it is not known: %s", io_explain(verify->sink.io, err, why, sizeof why));
	struct finding finding = {FINDING_NOTE, check->topic_name, check->index, dir, NOWHERE, NOWHERE, NOWHERE, NOWHERE, .what = what};
	verify_tell(&verify->sink, &finding);
	verify->unread = verify->unread ? verify->unread : err;
	return 0;
}

static int check_directory(struct verify *verify, const struct partition_dir *files)
{
	if (files->is_leftover) {
		tell(verify, FINDING_NOTE, files->name, NOWHERE, NOWHERE,
		     "left over by the deletion of a topic; it is not looked into");
		return 0;
	}
	const struct topic *topic = topic_of(verify, files);
	verify->report->partitions++;
	if (!topic) {
		verify->report->unknown_partitions++;
		tell_unknown(verify, files);
	}
	struct partition_check check = {
		.sink = &verify->sink,
		.topic_name = files->topic,
		.index = files->partition,
		.files = files,
		.topic = topic,
		.image = verify->image,
		.is_scanned = topic && is_scanned(verify, topic, (uint32_t)files->partition),
		.are_starts_lost = verify->picture.are_starts_lost,
		.picture = topic ? picture_find(&verify->picture, &topic->id, (uint32_t)files->partition) : NULL,
		.was_clean = verify->report->was_clean,
		.is_in_use = verify->report->is_in_use,
	};
	int err = partition_check_run(&check);
	return err ? pass_unread(verify, &check, err) : check_later(verify, &check);
}

/* Partitions that should have a directory and have none. */
static int check_without_directory(struct verify *verify)
{
	int err = 0;
	for (uint32_t i = 0; i < verify->picture.count && !err; i++) {
		struct picture_partition *picture = verify->picture.partitions[i];
		const struct topic *topic = NULL;
		if (verify->image)
			topic = catalog_topic_by_id(verify->image, &picture->topic_id);
		if (!topic || data_dir_find(&verify->dir, topic->name, picture->index))
			continue;
		struct partition_check check = {
			.sink = &verify->sink,
			.topic_name = topic->name,
			.index = (int32_t)picture->index,
			.topic = topic,
			.image = verify->image,
			.is_scanned = is_scanned(verify, topic, picture->index),
			.are_starts_lost = verify->picture.are_starts_lost,
			.picture = picture,
		};
		err = pass_unread(verify, &check, partition_check_run(&check));
	}
	return err;
}

static int check_partitions(struct verify *verify)
{
	int err = 0;
	for (uint32_t i = 0; i < verify->dir.partition_count && !err; i++)
		err = check_directory(verify, &verify->dir.partitions[i]);
	if (!err)
		err = check_without_directory(verify);
	return err ? err : verify->unread;
}

/* ---- what is kept of partitions that were offline ---------------------------------------------------------- */

static int note_kept(void *context, const char *name, bool is_directory)
{
	struct verify *verify = context;
	struct uuid id;
	uint32_t shard, index;
	char what[400];
	if (is_directory || !store_is_kept_file(name, &shard, &id, &index))
		return 0;
	const struct topic *topic = verify->image ? catalog_topic_by_id(verify->image, &id) : NULL;
	snprintf(what, sizeof what, "a start could not read %s%s%u: what the journal had of it is kept here, and is taken up again by the start that can", topic ? topic->name : "a partition",
		 topic ? "-" : ": ", index);
	tell(verify, FINDING_NOTE, name, NOWHERE, NOWHERE, what);
	return 0;
}

static int tell_kept(struct verify *verify)
{
	return io_dir_list(verify->sink.io, verify->sink.dir, note_kept, verify);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static int run(struct verify *verify)
{
	int err = batch_workspace_open(&verify->sink.workspace, COMPRESS_WINDOW_SIZE);
	if (err)
		return err;
	take_lock(verify);
	err = open_catalog(verify);
	if (!err)
		err = read_shards(verify);
	if (!err)
		check_catalog_end(verify);
	if (!err)
		err = tell_kept(verify);
	return err ? err : check_partitions(verify);
}

static void close_all(struct verify *verify)
{
	picture_close(&verify->picture);
	if (verify->image)
		catalog_image_release(verify->image);
	catalog_close(verify->catalog);
	if (verify->config)
		broker_config_destroy(verify->config);
	dir_lock_drop(&verify->lock, verify->sink.io);
	batch_workspace_close(verify->sink.workspace);
	data_dir_free(&verify->dir);
}

int verify_directory(struct io *io, const struct verify_options *options, struct verify_report *report)
{
	*report = (struct verify_report){0};
	struct verify verify = {
		.sink = {.io = io, .dir = options->dir, .found = options->found,
			 .progress = options->progress, .context = options->context},
		.report = report,
		.lock = DIR_LOCK_NONE,
	};
	int err = data_dir_read(&verify.dir, io, options->dir);
	if (err)
		return err;
	verify.sink.total_bytes = verify.dir.log_bytes;
	err = run(&verify);
	report->counts = verify.sink.counts;
	close_all(&verify);
	return err;
}
