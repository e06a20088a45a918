/* The catalog: opening it, and the changes.
 *
 * Happy path of a change: check it, build the next image with it, encode it as one record, append and sync the record, publish the image.
 * Happy path of opening: read catalog.log whole, replay it, write it again as it was read, sync, append "opened", sync. (Again, because what was
 * read may be in the system's memory alone: a sync that failed under the process before said so to that process only, and no later sync
 * would bring those bytes to the disk. What follows must not outlive them.)
 *
 * Failure modes: a torn last record is cut off, unless it is known from elsewhere that there was more; damage before the end, a record that makes no sense, or another node's directory refuse to
 * open and change nothing; a full disk refuses changes, but no start, as each change leaves room ahead of it; a failed write is undone by cutting the file back, and changes nothing; a failed sync is final (what is on disk is not
 * known any more): every later change is refused until a restart has read the file again. */
#include "log/catalog/catalog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/uuid_text.h"
#include "log/io/small_file.h"
#include "log/catalog/catalog_load.h"
#include "log/catalog/catalog_priv.h"

/* Smaller files are not worth a rewrite. */
#define REWRITE_SIZE_MIN 65536
/* Of some 70 bytes that a start writes. */
#define ROOM_AHEAD 16384

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

int catalog_check_topic_name(struct slice name)
{
	if (name.size == 0 || name.size > TOPIC_NAME_SIZE_MAX)
		return ERR_INVALID_TOPIC_NAME;
	for (size_t i = 0; i < name.size; i++)
		if (!is_name_byte(name.data[i]))
			return ERR_INVALID_TOPIC_NAME;
	bool is_dots = name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.'));
	return is_dots ? ERR_INVALID_TOPIC_NAME : 0;
}

static uint8_t stem_byte(uint8_t c)
{
	return c == '.' ? '_' : c;
}

static int compare_stem(struct slice name, const struct topic *topic)
{
	const char *other = topic->name;
	for (size_t i = 0; i < name.size; i++) {
		int order = stem_byte(name.data[i]) - stem_byte((uint8_t)other[i]);
		if (order || !other[i])
			return order;
	}
	return other[name.size] ? -1 : 0;
}

static uint32_t find_stem(const struct catalog *catalog, struct slice name, bool *is_there)
{
	return catalog__find_topic(catalog->by_stem, catalog->stem_count, name, compare_stem, is_there);
}

static int reserve_stems(struct catalog *catalog, uint32_t more)
{
	if (catalog->stem_capacity - catalog->stem_count >= more)
		return 0;
	uint32_t capacity = 2 * catalog->stem_capacity + more;
	struct topic **by_stem = realloc(catalog->by_stem, capacity * sizeof *by_stem);
	if (!by_stem)
		return -ENOMEM;
	catalog->by_stem = by_stem;
	catalog->stem_capacity = capacity;
	return 0;
}

static struct slice name_of(const struct topic *topic)
{
	return (struct slice){(const uint8_t *)topic->name, strlen(topic->name)};
}

static void insert_stem(struct catalog *catalog, struct topic *topic)
{
	bool is_there;
	uint32_t place = find_stem(catalog, name_of(topic), &is_there);
	memmove(&catalog->by_stem[place + 1], &catalog->by_stem[place], (catalog->stem_count - place) * sizeof *catalog->by_stem);
	catalog->by_stem[place] = topic;
	catalog->stem_count++;
}

uint32_t catalog__place_of_stem(const struct catalog *catalog, const struct topic *topic)
{
	bool is_there;
	uint32_t place = find_stem(catalog, name_of(topic), &is_there);
	CHECKF(is_there, "topic %s", topic->name);
	return place;
}

static void remove_stem(struct catalog *catalog, const struct topic *topic)
{
	uint32_t place = catalog__place_of_stem(catalog, topic);
	catalog->stem_count--;
	memmove(&catalog->by_stem[place], &catalog->by_stem[place + 1], (catalog->stem_count - place) * sizeof *catalog->by_stem);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* The file is as before, or nobody knows what it is. */
static int undo_write(struct catalog *catalog, int err)
{
	catalog->allocated_end = 0; /* goes with the cut */
	if (io_file_truncate(catalog->io, catalog->fd, catalog->end))
		catalog->has_failed = true;
	return err;
}

/* It is durable; before its image is published, so that nobody notes less than what he sees. */
static void set_sequence(struct catalog *catalog, uint64_t sequence)
{
	catalog->sequence = sequence;
	__atomic_store_n(&catalog->room->sequence, sequence, __ATOMIC_RELEASE);
}

/* Room ahead of the file's end is had before a change is written: what the next starts have to write finds it there, on a disk of which nothing else is left. */
static int reserve_room(struct catalog *catalog, uint64_t size)
{
	uint64_t wanted = catalog->end + size + ROOM_AHEAD;
	if (wanted <= catalog->allocated_end)
		return 0;
	wanted += ROOM_AHEAD; /* not again with the next change */
	int err = io_file_allocate(catalog->io, catalog->fd, 0, wanted, false);
	if (err_is_full(err) && catalog->make_room && catalog->make_room(catalog->make_room_context))
		err = io_file_allocate(catalog->io, catalog->fd, 0, wanted, false);
	if (!err)
		catalog->allocated_end = wanted;
	return err_is_full(err) ? err : 0; /* a file system that allocates nothing ahead: the write says whether there is room */
}

static int append_record(struct catalog *catalog, const struct catalog_bytes *bytes)
{
	/* What is written to a file that nobody finds is not kept. It may be put back: only this change is refused. */
	if (io_file_check_name(catalog->io, catalog->fd, catalog->log_path) == ERR_GONE)
		return ERR_GONE;
	int64_t written = io_file_write(catalog->io, catalog->fd, bytes->data, bytes->size, catalog->end);
	bool is_full = err_is_full((int)written);
	if (is_full && catalog->make_room && catalog->make_room(catalog->make_room_context))
		written = io_file_write(catalog->io, catalog->fd, bytes->data, bytes->size, catalog->end);
	if (written < 0)
		return undo_write(catalog, (int)written);
	int err = io_file_sync(catalog->io, catalog->fd);
	if (err) {
		catalog->has_failed = true;
		return err;
	}
	catalog->end += bytes->size;
	set_sequence(catalog, catalog->sequence + 1);
	return 0;
}

static int commit_record(struct catalog *catalog, struct catalog_bytes *bytes, bool may_use_room_ahead)
{
	int err = bytes->has_failed ? -ENOMEM : catalog->end + bytes->size > CATALOG_FILE_SIZE_MAX ? -EFBIG : 0;
	int full = err ? 0 : reserve_room(catalog, bytes->size);
	if (!err && !may_use_room_ahead)
		err = full;
	if (!err)
		err = append_record(catalog, bytes);
	free(bytes->data);
	return err;
}

int catalog__commit(struct catalog *catalog, struct catalog_bytes *bytes)
{
	return commit_record(catalog, bytes, false);
}

/* What a start has to write, and deletions, which make room: into the room ahead, where there is no more. */
static int commit_into_room_ahead(struct catalog *catalog, struct catalog_bytes *bytes)
{
	return commit_record(catalog, bytes, true);
}

int catalog__check_writable(const struct catalog *catalog)
{
	CHECK(!catalog->is_read_only);
	return catalog->has_failed ? ERR_FAILED : 0;
}

void catalog__begin(struct catalog *catalog, struct catalog_bytes *bytes, enum catalog_kind kind)
{
	*bytes = (struct catalog_bytes){0};
	catalog_begin(bytes, kind, catalog->sequence + 1);
}

static void make_id(struct io *io, struct uuid *id)
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
	make_id(catalog->io, &cluster_id);
	make_id(catalog->io, &identity->directory_id);
	uuid_text_format(identity->cluster_id, &cluster_id);
	identity->node_id = (int32_t)broker_config_int(catalog->given, "node.id");
}

/* Writes the whole file anew, and takes it as the one that is appended to. */
static int write_anew(struct catalog *catalog, struct catalog_bytes *bytes, uint64_t sequence)
{
	int err = bytes->has_failed ? -ENOMEM : small_file_replace(catalog->io, catalog->log_path, bytes->data, bytes->size);
	if (err)
		return err;
	catalog->end = bytes->size;
	set_sequence(catalog, sequence);
	return 0;
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
	err = write_anew(catalog, &bytes, sequence);
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
		snprintf(report->why, sizeof report->why,
			 "%s and %s are of different directories. Nothing was changed. Put the right ones back; if catalog.log is right, `spate log repair %.*s --accept-loss` "
			 "makes meta.properties anew from it", catalog->meta_path, catalog->log_path,
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
	return commit_into_room_ahead(catalog, &bytes);
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
		err = write_anew(catalog, &bytes, sequence);
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
	return err ? err : ensure_meta(catalog);
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
	topic_config_resolve(&catalog->state.defaults.config, broker, NULL, 0);
	if (catalog->log_path && catalog->meta_path && catalog->room && image_draft_begin(&catalog->state.draft, catalog->room, 0) == 0)
		return catalog;
	catalog_close(catalog);
	return NULL;
}

static int publish_replayed(struct catalog *catalog)
{
	struct catalog_image *image = catalog->state.draft.image;
	int err = reserve_stems(catalog, image->topic_count);
	err = err ? err : catalog__apply_broker_settings(catalog);
	if (err)
		return err;
	for (uint32_t i = 0; i < image->topic_count; i++)
		insert_stem(catalog, image->topics[i]);
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

void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
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

static int note_journals_now(struct catalog *catalog)
{
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_JOURNALS);
	catalog_put_journals(&bytes, catalog->state.incarnation, catalog->shard_count);
	catalog_end(&bytes);
	int err = commit_into_room_ahead(catalog, &bytes);
	if (err)
		return err;
	catalog->must_note_journals = false;
	catalog->state.journal_incarnation = catalog->state.incarnation;
	return 0;
}

int catalog_note_journals(struct catalog *catalog)
{
	int err = catalog__check_writable(catalog);
	if (err || catalog->state.journal_incarnation == catalog->state.incarnation)
		return err;
	catalog->must_note_journals = catalog->stem_count == 0;
	return catalog->must_note_journals ? 0 : note_journals_now(catalog);
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

/* ---- creating topics --------------------------------------------------------------------------------------------------- */

/* A change of several topics in the making. */
struct change {
	struct catalog *catalog;
	struct image_draft draft;
	struct topic **topics; /* made, or found, by it */
	uint32_t count;
	uint64_t partitions;   /* of those */
};

static bool is_named(const struct topic *topic, struct slice name)
{
	struct slice own = name_of(topic);
	return own.size == name.size && memcmp(own.data, name.data, own.size) == 0;
}

const struct topic *catalog_topic_colliding(const struct catalog *catalog, struct slice name)
{
	bool is_there;
	uint32_t place = find_stem(catalog, name, &is_there);
	return is_there && !is_named(catalog->by_stem[place], name) ? catalog->by_stem[place] : NULL;
}

static int check_spec(const struct change *change, const struct topic_spec *spec)
{
	const struct catalog *catalog = change->catalog;
	int err = catalog_check_topic_name(spec->name);
	if (err)
		return err;
	bool is_there;
	uint32_t place = find_stem(catalog, spec->name, &is_there);
	if (is_there)
		return is_named(catalog->by_stem[place], spec->name) ? ERR_TOPIC_EXISTS : ERR_INVALID_TOPIC_NAME;
	uint64_t total = catalog->state.partition_total + change->partitions + spec->partition_count;
	if (spec->partition_count == 0 || spec->partition_count > TOPIC_PARTITIONS_MAX || total > CATALOG_PARTITIONS_MAX)
		return ERR_INVALID_PARTITIONS;
	char why[128];
	return catalog_check_overrides(spec->overrides, spec->override_count, why, sizeof why);
}

static int add_topic(struct change *change, const struct topic_spec *spec)
{
	struct uuid id;
	make_id(change->catalog->io, &id);
	struct topic *topic = catalog_topic_create(&id, spec->name, spec->partition_count, change->catalog->state.incarnation,
					   spec->overrides, spec->override_count, &change->catalog->state.defaults);
	if (!topic)
		return -ENOMEM;
	change->topics[change->count++] = topic;
	change->partitions += spec->partition_count;
	insert_stem(change->catalog, topic);
	image_draft_insert(&change->draft, topic);
	return 0;
}

static int add_topics(struct change *change, const struct topic_spec *specs, uint32_t count, int *errs)
{
	for (uint32_t i = 0; i < count; i++) {
		errs[i] = check_spec(change, &specs[i]);
		int err = errs[i] ? 0 : add_topic(change, &specs[i]);
		if (err)
			return err;
	}
	return 0;
}

static int commit_created(struct change *change)
{
	struct catalog_bytes bytes;
	catalog__begin(change->catalog, &bytes, CATALOG_CREATED);
	catalog_put_u32(&bytes, change->count);
	for (uint32_t i = 0; i < change->count; i++)
		catalog_put_topic(&bytes, change->topics[i]);
	catalog_end(&bytes);
	return catalog__commit(change->catalog, &bytes);
}

static void forget_created(struct change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		remove_stem(change->catalog, change->topics[i]);
		catalog_topic_destroy(change->topics[i]);
	}
	image_draft_discard(&change->draft);
}

static int begin_change(struct change *change, struct catalog *catalog, uint32_t count, uint32_t more)
{
	*change = (struct change){.catalog = catalog};
	int err = catalog__check_writable(catalog);
	if (err)
		return err;
	change->topics = malloc((count ? count : 1) * sizeof *change->topics);
	err = change->topics ? reserve_stems(catalog, more) : -ENOMEM;
	err = err ? err : image_draft_begin(&change->draft, catalog->room, more);
	if (err)
		free(change->topics);
	return err;
}

int catalog_create_topics(struct catalog *catalog, const struct topic_spec *specs, uint32_t count, int *errs)
{
	struct change change;
	int err = begin_change(&change, catalog, count, count);
	if (err)
		return err;
	err = add_topics(&change, specs, count, errs);
	if (!err && change.count && catalog->must_note_journals)
		err = note_journals_now(catalog);
	if (!err && change.count)
		err = commit_created(&change);
	if (err || !change.count) {
		forget_created(&change);
	} else {
		catalog->state.partition_total += change.partitions;
		image_draft_publish(&change.draft, catalog->room);
	}
	free(change.topics);
	return err;
}

/* ---- deleting topics ----------------------------------------------------------------------------------------------------- */

static void take_topics(struct change *change, const struct uuid *ids, uint32_t count, int *errs)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct topic *topic = catalog_topic_by_id(change->draft.image, &ids[i]);
		errs[i] = topic ? 0 : ERR_UNKNOWN_TOPIC;
		if (!topic)
			continue;
		change->topics[change->count++] = (struct topic *)topic;
		change->partitions += topic->partition_count;
		image_draft_remove(&change->draft, topic);
	}
}

static int commit_deleted(struct change *change)
{
	struct catalog_bytes bytes;
	catalog__begin(change->catalog, &bytes, CATALOG_DELETED);
	catalog_put_u32(&bytes, change->count);
	for (uint32_t i = 0; i < change->count; i++)
		catalog_put(&bytes, change->topics[i]->id.bytes, sizeof change->topics[i]->id.bytes);
	catalog_end(&bytes);
	return commit_into_room_ahead(change->catalog, &bytes);
}

static void publish_deleted(struct change *change)
{
	change->catalog->state.partition_total -= change->partitions;
	for (uint32_t i = 0; i < change->count; i++)
		remove_stem(change->catalog, change->topics[i]);
	image_draft_publish(&change->draft, change->catalog->room);
}

int catalog_delete_topics(struct catalog *catalog, const struct uuid *ids, uint32_t count, int *errs)
{
	struct change change;
	int err = begin_change(&change, catalog, count, 0);
	if (err)
		return err;
	take_topics(&change, ids, count, errs);
	if (change.count)
		err = commit_deleted(&change);
	if (err || !change.count)
		image_draft_discard(&change.draft);
	else
		publish_deleted(&change);
	free(change.topics);
	return err;
}

/* ---- changing a topic ------------------------------------------------------------------------------------------------------ */

static const struct topic *current_topic(const struct catalog *catalog, const struct uuid *id)
{
	return catalog_topic_by_id(catalog->room->current, id);
}

/* Commits the record, and puts the new object in the old one's place. Frees the new one on failure. */
static int commit_replaced(struct catalog *catalog, struct catalog_bytes *bytes, const struct topic *old, struct topic *new)
{
	struct image_draft draft = {0};
	int err = new ? image_draft_begin(&draft, catalog->room, 0) : -ENOMEM;
	if (err)
		free(bytes->data);
	else
		err = catalog__commit(catalog, bytes);
	if (err) {
		image_draft_discard(&draft);
		catalog_topic_destroy(new);
		return err;
	}
	catalog->state.partition_total += new->partition_count - old->partition_count;
	catalog->by_stem[catalog__place_of_stem(catalog, old)] = new;
	image_draft_replace(&draft, old, new);
	image_draft_publish(&draft, catalog->room);
	return 0;
}

int catalog_grow_topic(struct catalog *catalog, const struct uuid *id, uint32_t partition_count)
{
	int err = catalog__check_writable(catalog);
	const struct topic *old = current_topic(catalog, id);
	if (err || !old)
		return err ? err : ERR_UNKNOWN_TOPIC;
	uint64_t total = catalog->state.partition_total - old->partition_count + partition_count;
	if (partition_count <= old->partition_count || partition_count > TOPIC_PARTITIONS_MAX || total > CATALOG_PARTITIONS_MAX)
		return ERR_INVALID_PARTITIONS;
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_GROWN);
	catalog_put(&bytes, id->bytes, sizeof id->bytes);
	catalog_put_u32(&bytes, partition_count);
	catalog_end(&bytes);
	return commit_replaced(catalog, &bytes, old, catalog_topic_create(id, name_of(old), partition_count, old->created_incarnation, old->overrides,
								  old->override_count, &catalog->state.defaults));
}

static bool has_same_overrides(const struct topic *a, const struct topic *b)
{
	bool is_same = a->override_count == b->override_count;
	for (uint32_t i = 0; is_same && i < a->override_count; i++)
		is_same = strcmp(a->overrides[i].name, b->overrides[i].name) == 0 && strcmp(a->overrides[i].value, b->overrides[i].value) == 0;
	return is_same;
}

int catalog_set_overrides(struct catalog *catalog, const struct uuid *id, const struct config_override *overrides, uint32_t count)
{
	char why[128];
	int err = catalog__check_writable(catalog);
	const struct topic *old = current_topic(catalog, id);
	if (err || !old)
		return err ? err : ERR_UNKNOWN_TOPIC;
	err = catalog_check_overrides(overrides, count, why, sizeof why);
	if (err)
		return err;
	struct topic *new = catalog_topic_create(id, name_of(old), old->partition_count, old->created_incarnation, overrides, count, &catalog->state.defaults);
	if (new && has_same_overrides(old, new)) {
		catalog_topic_destroy(new);
		return 0;
	}
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_CONFIGURED);
	catalog_put(&bytes, id->bytes, sizeof id->bytes);
	if (new)
		catalog_put_overrides(&bytes, new->overrides, new->override_count);
	catalog_end(&bytes);
	return commit_replaced(catalog, &bytes, old, new);
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
	int err = catalog__check_writable(catalog);
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
