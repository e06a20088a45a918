/* The catalog: opening it, and what it says of itself. What is written to its file is in catalog_write.c, topics come and go in catalog_topics.c.
 *
 * Happy path: read catalog.log whole, replay it, write it again as it was read, sync, append "opened", sync. (Again, because what was
 * read may be in the system's memory alone: a sync that failed under the process before said so to that process only, and no later sync
 * would bring those bytes to the disk. What follows must not outlive them.)
 *
 * Failure modes: a torn last record is cut off, unless it is known from elsewhere that there was more; damage before the end, a record that makes no sense, or another node's directory refuse to
 * open and change nothing; a full disk keeps no start away, as each change leaves room ahead of it. */
#include "log/catalog/catalog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/base/uuid_text.h"
#include "log/catalog/catalog_load.h"
#include "log/catalog/catalog_priv.h"

/* Smaller files are not worth a rewrite. */
#define REWRITE_SIZE_MIN 65536

void catalog__make_id(struct io *io, struct uuid *id)
{
	char text[UUID_TEXT_SIZE];
	do {
		io_random(io, id->bytes, sizeof id->bytes);
		id->bytes[6] = (uint8_t)(0x40 | (id->bytes[6] & 0x0f)); /* RFC 9562: version 4, variant 1 */
		id->bytes[8] = (uint8_t)(0x80 | (id->bytes[8] & 0x3f));
		uuid_text_format(text, id);
	} while (text[0] == '-'); /* as Kafka: it would look like an option to tools */
}

/* ---- opening: what every refusal of the file names ------------------------------------------------------------------ */

/* Of the directory that log_path begins with: for a %.*s. */
static int dir_length(const struct catalog *catalog)
{
	return (int)(strlen(catalog->log_path) - strlen("/catalog.log"));
}

/* Behind what is said already. */
static void say_more(struct catalog_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say_more(struct catalog_report *report, const char *format, ...)
{
	size_t size = strlen(report->why);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(report->why + size, sizeof report->why - size, format, arguments);
	va_end(arguments);
}

/* One text for all of them, behind what is wrong: the way out that keeps what can be kept. */
static void name_way_out(const struct catalog *catalog, struct catalog_report *report)
{
	say_more(report, ". Nothing was changed. Put the right file back; without one, `spate log repair %.*s --accept-loss` makes it anew from its good records and the "
			 "partitions' directories, and keeps all topics, records and committed offsets that these tell of", dir_length(catalog), catalog->log_path);
}

/* ---- opening: is anything missing at the end? ---------------------------------------------------------------------- */

static int refuse_loss(const struct catalog *catalog, const struct catalog_mark *known, struct catalog_report *report)
{
	report->is_behind = true;
	snprintf(report->why, sizeof report->why,
		 "%s has lost acknowledged changes: it ends with record %llu of opening %llu, but the journal or the checkpoint beside it knew record %llu "
		 "of opening %llu. Topics may be missing, and all their records with them", catalog->log_path, (unsigned long long)report->mark.sequence,
		 (unsigned long long)report->mark.incarnation, (unsigned long long)known->sequence, (unsigned long long)known->incarnation);
	name_way_out(catalog, report);
	say_more(report, ". The last resort, --set spate.accept.loss=true for one start, gives up what the file does not name any more, and is refused while "
			 "directories with records are among that");
	return ERR_CORRUPT_LOG;
}

/* The openings that the file has forgotten have written journals: this one must be later than all of them. */
static void accept_loss(struct catalog *catalog, const struct catalog_mark *known, struct catalog_report *report)
{
	report->is_lost = true;
	if (catalog->state.incarnation < known->incarnation)
		catalog->state.incarnation = known->incarnation;
	catalog_leap_producer_ids(&catalog->state);
	fprintf(stderr, "spate: error: %s has lost acknowledged changes (it ended with record %llu of opening %llu; record %llu of opening %llu was known), and "
			"spate.accept.loss is true: topics that it does not name any more are gone, with all their records\n", catalog->log_path,
		(unsigned long long)report->mark.sequence, (unsigned long long)report->mark.incarnation, (unsigned long long)known->sequence,
		(unsigned long long)known->incarnation);
}

static int check_loss(struct catalog *catalog, const struct catalog_knowledge *known, struct catalog_report *report)
{
	if (!catalog_mark_is_before(&report->mark, &known->mark))
		return 0;
	if (!known->is_loss_accepted)
		return refuse_loss(catalog, &known->mark, report);
	accept_loss(catalog, &known->mark, report);
	return 0;
}

/* ---- opening: a new one ------------------------------------------------------------------------------------------- */

static void make_identity(struct catalog *catalog)
{
	struct meta_properties *identity = &catalog->state.identity;
	struct uuid cluster_id;
	catalog__make_id(catalog->io, &cluster_id);
	catalog__make_id(catalog->io, &identity->directory_id);
	uuid_text_format(identity->cluster_id, &cluster_id);
	identity->node_id = (int32_t)broker_config_int(catalog->given, "node.id");
}

/* catalog.log comes first: with a meta.properties alone, a crash would leave what looks like somebody else's directory. */
static int create(struct catalog *catalog, const struct catalog_knowledge *known, struct catalog_report *report)
{
	struct meta_properties other;
	int err = meta_properties_read(&other, catalog->io, catalog->meta_path, report->why, sizeof report->why);
	if (err != -ENOENT) {
		snprintf(report->why, sizeof report->why,
			 "%s is there, but catalog.log is not: this is a data directory of Apache Kafka's, or one that has lost its catalog. "
			 "To begin anew, name an empty directory", catalog->meta_path);
		name_way_out(catalog, report);
		return ERR_FORMAT;
	}
	err = check_loss(catalog, known, report);
	if (err)
		return err;
	make_identity(catalog);
	catalog->state.shard_count = known->shard_count;
	catalog->state.incarnation++;
	report->was_created = true;
	struct catalog_bytes bytes = {0};
	uint64_t sequence;
	catalog_put_state(&bytes, &catalog->state, &sequence);
	bool is_known = known->mark.incarnation || known->mark.sequence; /* then others are there, and would be without it */
	err = known->may_put_off_file && !is_known ? catalog__write_unnamed(catalog, &bytes, sequence) : catalog__write_anew(catalog, &bytes, sequence);
	catalog->is_dir_unsynced = known->is_dir_new;
	free(bytes.data);
	return err;
}

/* ---- opening: one that is there -------------------------------------------------------------------------------------- */

static int refuse_damage(struct catalog *catalog, struct catalog_report *report, uint64_t position, uint64_t later)
{
	snprintf(report->why, sizeof report->why,
		 "%s: record %llu at byte %llu fails its check, but byte %llu begins a good one: the file is damaged, not torn",
		 catalog->log_path, (unsigned long long)catalog->sequence + 1, (unsigned long long)position, (unsigned long long)later);
	name_way_out(catalog, report);
	return ERR_CORRUPT_LOG;
}

static int refuse_record(struct catalog *catalog, struct catalog_report *report, uint64_t position, const char *reason)
{
	snprintf(report->why, sizeof report->why, "%s: record %llu at byte %llu cannot be used: %s", catalog->log_path,
		 (unsigned long long)catalog->sequence + 1, (unsigned long long)position, reason);
	name_way_out(catalog, report);
	return ERR_FORMAT;
}

static int refuse_size(struct catalog *catalog, const struct catalog_loaded *loaded, struct catalog_report *report)
{
	snprintf(report->why, sizeof report->why, "%s is damaged: it has %llu bytes, and there is something behind the first %llu, more than any catalog has", catalog->log_path,
		 (unsigned long long)loaded->file_size, (unsigned long long)CATALOG_FILE_SIZE_MAX);
	name_way_out(catalog, report);
	return ERR_CORRUPT_LOG;
}

/* Replays record after record; `end` stops behind the last good one. */
static int replay_file(struct catalog *catalog, const struct catalog_loaded *loaded, struct catalog_report *report)
{
	struct slice file = {loaded->data, loaded->size};
	if (!catalog_header_is_good(file)) {
		snprintf(report->why, sizeof report->why, "%s is not a catalog of this version. If a later version wrote it, use that; else it is damaged",
			 catalog->log_path);
		name_way_out(catalog, report);
		return ERR_FORMAT;
	}
	struct catalog_frame frame;
	enum catalog_next next;
	catalog->end = CATALOG_HEADER_SIZE;
	while ((next = catalog_next(file, catalog->end, catalog->sequence + 1, &frame)) == CATALOG_NEXT_RECORD) {
		char reason[256] = "";
		int err = catalog_replay(&catalog->state, &frame, reason, sizeof reason);
		if (err)
			return err == ERR_FORMAT ? refuse_record(catalog, report, catalog->end, reason) : err;
		catalog->end = frame.end;
		catalog->sequence++;
		report->records++;
	}
	size_t later = next == CATALOG_NEXT_BAD ? catalog_find_later(file, catalog->end, catalog->sequence + 1) : 0;
	if (later)
		return refuse_damage(catalog, report, catalog->end, later);
	report->mark = (struct catalog_mark){catalog->state.incarnation, catalog->sequence};
	report->bytes = catalog->end;
	report->torn_bytes = loaded->file_size - catalog->end;
	report->is_torn_zeros = bytes_are_zeros(file.data + catalog->end, file.size - catalog->end);
	if (!catalog->state.has_identity)
		return refuse_record(catalog, report, CATALOG_HEADER_SIZE, "it does not say whose directory this is");
	return 0;
}

/* The catalog knows whose directory this is; meta.properties, made after it, may be missing but not another's. */
static int check_identity(struct catalog *catalog, struct catalog_report *report)
{
	const struct broker_config *broker = catalog->given;
	const struct meta_properties *ours = &catalog->state.identity;
	struct meta_properties meta;
	int err = meta_properties_read(&meta, catalog->io, catalog->meta_path, report->why, sizeof report->why);
	if (err == ERR_FORMAT && catalog->is_read_only)
		return 0; /* a tool tells of it by itself, and must not be kept from what else is damaged */
	if (err == ERR_FORMAT)
		say_more(report, ". Nothing was changed. If it is damaged, `spate log repair` makes it anew from catalog.log");
	if (err && err != -ENOENT)
		return err;
	if (!err && (!uuid_equal(&meta.directory_id, &ours->directory_id) || strcmp(meta.cluster_id, ours->cluster_id) != 0)) {
		report->is_another = true;
		report->has_other_id = !uuid_equal(&meta.directory_id, &ours->directory_id);
		snprintf(report->why, sizeof report->why,
			 "%s and %s are of different directories. Nothing was changed. Put the right ones back; without them, `spate log repair %.*s --accept-loss` "
			 "believes the one that the journals know, and makes the other anew", catalog->meta_path, catalog->log_path,
			 dir_length(catalog), catalog->log_path);
		return ERR_FORMAT;
	}
	bool is_set = broker_config_is_set(broker, "node.id") || broker_config_is_set(broker, "broker.id");
	if (is_set && broker_config_int(broker, "node.id") != ours->node_id) {
		snprintf(report->why, sizeof report->why, "node.id is %lld, but the data directory belongs to node %d: set node.id to that, or name another directory",
			 (long long)broker_config_int(broker, "node.id"), ours->node_id);
		return ERR_INVALID_CONFIG;
	}
	return 0;
}

static int append_opening(struct catalog *catalog)
{
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_OPENED);
	catalog_put_u64(&bytes, catalog->state.incarnation);
	catalog_end(&bytes);
	return catalog__commit_into_room_ahead(catalog, &bytes);
}

static int write_producer_ids(struct catalog *catalog, int64_t next)
{
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_PRODUCER_IDS);
	catalog_put_u64(&bytes, (uint64_t)next);
	catalog_end(&bytes);
	return catalog__commit(catalog, &bytes);
}

/* Counts the opening: in a file written anew if more than half of the present one is superseded, or if its head does not say yet how many shards there are
 * and the opening before has noted it; else as one more record. */
static int count_opening(struct catalog *catalog, const struct catalog_knowledge *known, struct catalog_report *report)
{
	int err = check_loss(catalog, known, report);
	if (err)
		return err;
	if (catalog->state.incarnation >= CATALOG_INCARNATION_MAX) {
		snprintf(report->why, sizeof report->why, "%s: it counts %llu openings, and can count no more", catalog->log_path,
			 (unsigned long long)catalog->state.incarnation);
		return -EOVERFLOW;
	}
	catalog->state.incarnation++;
	struct catalog_bytes bytes = {0};
	uint64_t sequence;
	bool is_head_old = !catalog->state.shard_count && catalog->state.noted_shards;
	if (is_head_old)
		catalog->state.shard_count = catalog->state.noted_shards;
	if (catalog->end > REWRITE_SIZE_MIN || is_head_old)
		catalog_put_state(&bytes, &catalog->state, &sequence);
	report->was_compacted = bytes.size && (is_head_old || bytes.size < catalog->end / 2);
	if (report->was_compacted)
		err = catalog__write_anew(catalog, &bytes, sequence);
	free(bytes.data);
	if (!err_is_full(err))
		return err;
	report->was_compacted = false; /* there will be room another time; the file that is there says the same, whichever it is */
	return io_parent_sync(catalog->io, catalog->log_path);
}

static int write_again(struct catalog *catalog, struct slice file)
{
	int64_t written = io_file_write(catalog->io, catalog->fd, file.data, catalog->end, 0);
	return written < 0 ? (int)written : io_file_sync(catalog->io, catalog->fd);
}

static int open_for_append(struct catalog *catalog, struct slice file, const struct catalog_report *report)
{
	if (catalog->is_put_off)
		return 0;
	catalog->fd = io_file_open(catalog->io, catalog->log_path, 0);
	if (catalog->fd < 0)
		return catalog->fd;
	if (report->was_created || report->was_compacted)
		return 0;
	int err = report->torn_bytes ? io_file_truncate(catalog->io, catalog->fd, catalog->end) : 0;
	if (!err) /* whose sync makes the cut durable, too: until then nothing is behind it */
		err = write_again(catalog, file);
	if (!err && report->is_lost) /* before the opening: behind it nothing is known to be lost any more */
		err = write_producer_ids(catalog, catalog->state.next_producer_id);
	return err ? err : append_opening(catalog);
}

/* The file's bytes come out, to be freed, whatever the answer is. */
static int read_and_replay(struct catalog *catalog, struct catalog_loaded *loaded, struct catalog_report *report)
{
	int err = catalog_load(catalog->io, catalog->log_path, loaded);
	if (!err)
		err = loaded->is_too_large ? refuse_size(catalog, loaded, report) : replay_file(catalog, loaded, report);
	return err ? err : check_identity(catalog, report);
}

static int ensure_meta(struct catalog *catalog)
{
	int fd = io_file_open(catalog->io, catalog->meta_path, IO_READ_ONLY);
	if (fd == -ENOENT)
		return meta_properties_write(&catalog->state.identity, catalog->io, catalog->meta_path);
	if (fd < 0)
		return fd;
	io_close_fd(catalog->io, fd);
	return 0;
}

static int open_writable(struct catalog *catalog, const struct catalog_knowledge *known, struct catalog_report *report)
{
	struct catalog_loaded loaded;
	int err = read_and_replay(catalog, &loaded, report);
	err = err == -ENOENT ? create(catalog, known, report) : err ? err : count_opening(catalog, known, report);
	if (!err)
		err = open_for_append(catalog, (struct slice){loaded.data, loaded.size}, report);
	free(loaded.data);
	catalog->is_meta_due = !err && known->may_put_off_meta;
	return err || catalog->is_meta_due ? err : ensure_meta(catalog);
}

static int open_for_reading(struct catalog *catalog, struct catalog_report *report)
{
	struct catalog_loaded loaded;
	int err = read_and_replay(catalog, &loaded, report);
	free(loaded.data);
	return err;
}

/* ---- lifecycle ------------------------------------------------------------------------------------------------------ */

static char *join(const char *dir, const char *name)
{
	char *path;
	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static struct catalog *allocate(struct io *io, const char *dir, const struct broker_config *broker)
{
	struct catalog *catalog = calloc(1, sizeof *catalog);
	if (!catalog)
		return NULL;
	catalog->io = io;
	catalog->fd = -1;
	catalog->log_path = join(dir, "catalog.log");
	catalog->meta_path = join(dir, "meta.properties");
	catalog->room = image_room_open();
	catalog->given = broker;
	catalog->state.defaults.broker = broker;
	topic_config_resolve(&catalog->state.defaults.config, broker);
	if (catalog->log_path && catalog->meta_path && catalog->room && image_draft_begin(&catalog->state.draft, catalog->room, 0) == 0)
		return catalog;
	catalog_close(catalog);
	return NULL;
}

static int publish_replayed(struct catalog *catalog)
{
	struct catalog_image *image = catalog->state.draft.image;
	int err = catalog__reserve_stems(catalog, image->topic_count);
	err = err ? err : catalog__apply_broker_settings(catalog);
	if (err)
		return err;
	for (uint32_t i = 0; i < image->topic_count; i++)
		catalog__insert_stem(catalog, image->topics[i]);
	image_draft_publish(&catalog->state.draft, catalog->room);
	return 0;
}

/* Either of its files, or the directory. */
static void tell_refusal(const struct catalog *catalog, int err, struct catalog_report *report)
{
	char why[512];
	if (err == -ENOMEM)
		snprintf(report->why, sizeof report->why, "%s: %s", catalog->log_path, err_text(err));
	else
		snprintf(report->why, sizeof report->why, "%s. Nothing was changed", io_explain(catalog->io, err, why, sizeof why));
}

/* Without knowledge: read only. */
static int open_catalog(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker,
			const struct catalog_knowledge *known, struct catalog_report *report)
{
	*report = (struct catalog_report){0};
	struct catalog *catalog = allocate(io, dir, broker);
	if (!catalog)
		return -ENOMEM;
	catalog->is_read_only = !known;
	catalog->shard_count = known ? known->shard_count : 0;
	int err = known ? open_writable(catalog, known, report) : open_for_reading(catalog, report);
	err = err ? err : publish_replayed(catalog);
	if (err) {
		if (!report->why[0])
			tell_refusal(catalog, err, report);
		catalog_close(catalog);
		return err;
	}
	*out = catalog;
	return 0;
}

int catalog_open(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker, struct catalog_report *report)
{
	static const struct catalog_knowledge nothing;
	return open_catalog(out, io, dir, broker, &nothing, report);
}

int catalog_open_knowing(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker,
			 const struct catalog_knowledge *known, struct catalog_report *report)
{
	return open_catalog(out, io, dir, broker, known, report);
}

int catalog_open_read_only(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker, struct catalog_report *report)
{
	return open_catalog(out, io, dir, broker, NULL, report);
}

/* A draft is left only when opening failed: its topics were never published. */
static void free_draft(struct image_draft *draft)
{
	if (!draft->image)
		return;
	for (uint32_t i = 0; i < draft->image->topic_count; i++)
		catalog_topic_destroy(draft->image->topics[i]);
	image_draft_discard(draft);
}

void catalog_on_full(struct catalog *catalog, catalog_make_room_fn *make_room, void *context)
{
	catalog->make_room = make_room;
	catalog->make_room_context = context;
}

void catalog_before_changes(struct catalog *catalog, catalog_before_change_fn *before, void *context)
{
	catalog->before_change = before;
	catalog->before_change_context = context;
}

/* Never without a catalog.log: it would look like somebody else's directory. */
void catalog_write_meta(struct catalog *catalog)
{
	int err = catalog->is_meta_due && !catalog->is_put_off ? ensure_meta(catalog) : 0;
	catalog->is_meta_due = false;
	if (err)
		fprintf(stderr, "spate: error: %s is not written: %s; the next start tries again\n", catalog->meta_path, err_text(err));
}

void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	catalog_write_meta(catalog);
	if (catalog->fd >= 0)
		io_close_fd(catalog->io, catalog->fd);
	free_draft(&catalog->state.draft);
	if (catalog->room)
		image_room_close(catalog->room);
	free(catalog->by_stem);
	free(catalog->log_path);
	free(catalog->meta_path);
	free(catalog);
}

uint64_t catalog_incarnation(const struct catalog *catalog)
{
	return catalog->state.incarnation;
}

int catalog_check_shards(const struct catalog *catalog, struct catalog_report *report)
{
	uint32_t made_with = catalog->state.shard_count;
	if (!made_with || made_with == catalog->shard_count)
		return 0;
	snprintf(report->why, sizeof report->why, "the data directory was made with %u shard%s, and has files for %u. The catalog did not say so until now: try again, "
		 "which says what is missing or too many", made_with, made_with == 1 ? "" : "s", catalog->shard_count);
	return ERR_CORRUPT_LOG;
}

uint64_t catalog_journal_incarnation(const struct catalog *catalog)
{
	return catalog->state.journal_incarnation;
}

int catalog_shards_of(struct io *io, const char *dir, uint32_t *count)
{
	char path[4096];
	uint8_t head[1024];
	struct catalog_frame first;
	*count = 0;
	snprintf(path, sizeof path, "%s/catalog.log", dir);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	int64_t got = io_file_read(io, fd, head, sizeof head, 0);
	io_close_fd(io, fd);
	struct slice bytes = {head, got < 0 ? 0 : (size_t)got};
	if (catalog_header_is_good(bytes) && catalog_next(bytes, CATALOG_HEADER_SIZE, 1, &first) == CATALOG_NEXT_RECORD && first.kind == CATALOG_IDENTITY)
		*count = catalog_identity_shards(first.body);
	return got < 0 ? (int)got : 0;
}

int catalog__note_journals_now(struct catalog *catalog)
{
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_JOURNALS);
	catalog_put_journals(&bytes, catalog->state.incarnation, catalog->shard_count);
	catalog_end(&bytes);
	int err = catalog__commit_into_room_ahead(catalog, &bytes);
	if (err)
		return err;
	catalog->must_note_journals = false;
	catalog->state.journal_incarnation = catalog->state.incarnation;
	return 0;
}

int catalog_note_journals(struct catalog *catalog)
{
	int err = catalog__begin_change(catalog);
	if (err || catalog->state.journal_incarnation == catalog->state.incarnation)
		return err;
	catalog->must_note_journals = catalog->stem_count == 0;
	return catalog->must_note_journals ? 0 : catalog__note_journals_now(catalog);
}

const char *catalog_cluster_id(const struct catalog *catalog)
{
	return catalog->state.identity.cluster_id;
}

const struct uuid *catalog_directory_id(const struct catalog *catalog)
{
	return &catalog->state.identity.directory_id;
}

int32_t catalog_node_id(const struct catalog *catalog)
{
	return catalog->state.identity.node_id;
}

const struct catalog_image *catalog_image_acquire(struct catalog *catalog)
{
	return image_room_acquire(catalog->room);
}

uint64_t catalog_sequence(const struct catalog_image *image)
{
	return __atomic_load_n(&image->room->sequence, __ATOMIC_ACQUIRE);
}

uint64_t catalog_version(struct catalog *catalog)
{
	return __atomic_load_n(&catalog->room->version, __ATOMIC_ACQUIRE);
}

/* ---- producer ids ----------------------------------------------------------------------------------------------------------- */

#define LOST_IDS 1000000
#define KNOWN_ID_MAX (INT64_C(1) << 62) /* a client that made one up does not have us count beyond all ids */

void catalog_pass_producer_ids(struct catalog *catalog, int64_t known)
{
	if (known >= catalog->state.next_producer_id && known < KNOWN_ID_MAX)
		catalog->state.next_producer_id = known + 1 + LOST_IDS;
}

int catalog_reserve_producer_ids(struct catalog *catalog, uint32_t count, int64_t *first)
{
	int err = catalog__begin_change(catalog);
	if (err)
		return err;
	if (catalog->state.next_producer_id > INT64_MAX - count)
		return -ERANGE;
	err = write_producer_ids(catalog, catalog->state.next_producer_id + count);
	if (err)
		return err;
	*first = catalog->state.next_producer_id;
	catalog->state.next_producer_id += count;
	return 0;
}
