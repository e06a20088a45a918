/* A partition's positions and its life. Appending is in partition_append.c, reading in partition_read.c, lookups by time in
 * partition_lookup.c, the log start and retention in partition_trim.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/small_file.h"
#include "log/partition/partition_dir.h"
#include "log/partition/partition_priv.h"
#include "log/segment/foreign_file.h"
#include "log/segment/partition_metadata.h"

struct partition *partition__create(struct partition_home *home, const struct topic *topic, uint32_t index)
{
	struct partition *partition = calloc(1, sizeof *partition);
	if (!partition)
		return NULL;
	partition->home = home;
	partition->topic = topic;
	partition->topic_id = topic->id;
	partition->index = index;
	partition->journal_from = INT64_MAX;
	partition->given_up_base = -1;
	partition->is_end_doubtful = home->are_ends_doubtful && topic->created_incarnation != home->incarnation;
	char name[PARTITION_DIR_NAME_SIZE];
	partition_dir_name(name, topic->name, index);
	if (asprintf(&partition->dir, "%s/%s", home->dir, name) < 0) {
		free(partition);
		return NULL;
	}
	list_init(&partition->segments);
	list_init(&partition->waiting);
	list_init(&partition->trims);
	list_init(&partition->watches);
	epochs_init(&partition->epochs);
	return partition;
}

static void destroy(struct partition *partition)
{
	LIST_FOR_EACH_SAFE(node, &partition->segments)
		segment_destroy(LIST_ENTRY(node, struct segment, node));
	producer_destroy(&partition->producers);
	refused_first_destroy(&partition->refused_first);
	epochs_fini(&partition->epochs);
	free(partition->damages);
	free(partition->dir);
	free(partition);
}

void partition__retain(struct partition *partition)
{
	partition->references++;
}

void partition__release(struct partition *partition)
{
	CHECK(partition->references > 0);
	if (--partition->references == 0 && partition->is_closed)
		destroy(partition);
}

static void fail_waiting(struct partition *partition, int err)
{
	struct list *node;
	while ((node = list_pop_front(&partition->waiting))) {
		struct append_op *op = LIST_ENTRY(node, struct append_op, node);
		op->err = err;
		op->base_offset = -1;
		op->done(op);
	}
	while ((node = list_pop_front(&partition->trims))) {
		struct trim_op *op = LIST_ENTRY(node, struct trim_op, node);
		op->err = err;
		op->done(op);
	}
}

static void fire_watches(struct partition *partition, bool is_all)
{
	struct list due;
	list_init(&due);
	LIST_FOR_EACH_SAFE(node, &partition->watches) {
		struct watch *watch = LIST_ENTRY(node, struct watch, node);
		if (!is_all && watch->offset >= partition->durable_offset)
			continue;
		list_remove(node);
		list_push_back(&due, node);
	}
	struct list *node;
	while ((node = list_pop_front(&due))) {
		struct watch *watch = LIST_ENTRY(node, struct watch, node);
		watch->fire(watch);
	}
}

void partition__close(struct partition *partition)
{
	partition__retain(partition);
	partition->is_closed = true;
	list_remove(&partition->dirty_node);
	list_remove(&partition->unfiled_node);
	list_remove(&partition->unsynced_node);
	list_remove(&partition->untimed_node);
	list_remove(&partition->drop_node);
	fail_waiting(partition, ERR_CLOSED);
	fire_watches(partition, true);
	partition__release(partition);
}

void partition__fail(struct partition *partition)
{
	partition->has_failed = true;
	list_remove(&partition->dirty_node);
	fail_waiting(partition, ERR_FAILED);
}

/* Up to where groups have it: they end as usual. */
static int64_t committed_offset(const struct partition *partition)
{
	int64_t offset = partition->durable_offset;
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->committing.position > 0 && segment->committing.offset > offset)
			offset = segment->committing.offset;
	}
	return offset;
}

void partition__end_uncommitted(struct partition *partition, int err)
{
	struct list left;
	list_init(&left);
	int64_t committed = committed_offset(partition);
	LIST_FOR_EACH_SAFE(node, &partition->waiting) {
		if (LIST_ENTRY(node, struct append_op, node)->end_offset > committed)
			continue;
		list_remove(node);
		list_push_back(&left, node);
	}
	fail_waiting(partition, err);
	list_splice(&partition->waiting, &left);
	fire_watches(partition, true);
}

/* ---- directory ---------------------------------------------------------------------------------------------- */

enum belonging { OURS, ANOTHERS, UNREADABLE };

/* One of them, or an error: nobody can say now. */
static int read_belonging(struct partition *partition, const char *metadata_path)
{
	uint8_t *text;
	size_t size;
	struct uuid id;
	int err = small_file_read(partition->home->io, metadata_path, PARTITION_METADATA_SIZE_MAX, &text, &size);
	if (err)
		return err_is_shortage(err) ? err : UNREADABLE;
	enum belonging belonging = partition_metadata_decode(&id, (struct slice){text, size}) ? UNREADABLE
				   : uuid_equal(&id, &partition->topic_id)		     ? OURS
											     : ANOTHERS;
	free(text);
	return belonging;
}

/* Journal or checkpoint know of bytes of ours in there: it is ours, whatever became of its partition.metadata. */
static bool has_files(const struct partition *partition)
{
	LIST_FOR_EACH(node, &partition->segments)
		if (LIST_ENTRY(node, struct segment, node)->has_file)
			return true;
	return false;
}

#define NAME_LENGTH_MAX 255

void partition__deleted_path(const struct partition *partition, const char *tag, char *out, size_t size)
{
	char end[80];
	int end_length = snprintf(end, sizeof end, "-%u.%s-delete", partition->index, tag), topic_max = NAME_LENGTH_MAX - end_length;
	const char *name = strrchr(partition->dir, '/') + 1;
	int topic_length = (int)(strrchr(name, '-') - name);
	snprintf(out, size, "%s/%.*s%s", partition->home->dir, topic_length < topic_max ? topic_length : topic_max, name, end);
}

/* A directory of that name which belongs to another topic id is most likely what a deletion left behind, and a crash kept under its name: it goes out of the way.
 * Nobody removes it, as nobody knows that it was deleted. */
static int move_away(struct partition *partition)
{
	char path[4096], tag[PARTITION_TAG_SIZE];
	uint64_t number;
	io_random(partition->home->io, &number, sizeof number);
	snprintf(tag, sizeof tag, "%016llx", (unsigned long long)number);
	partition__deleted_path(partition, tag, path, sizeof path);
	int err = io_rename(partition->home->io, partition->dir, path);
	return err ? err : io_dir_make(partition->home->io, partition->dir);
}

static void metadata_path(const struct partition *partition, char *out, size_t size)
{
	snprintf(out, size, "%s/" PARTITION_METADATA_NAME, partition->dir);
}

static int write_metadata(struct partition *partition, const char *path)
{
	char text[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&partition->topic_id, text);
	return foreign_file_write_over(partition->home->io, path, text, size);
}

int partition__is_dir_anothers(struct partition *partition)
{
	char path[4096];
	metadata_path(partition, path, sizeof path);
	int belonging = read_belonging(partition, path);
	return belonging < 0 ? belonging : belonging == ANOTHERS;
}

void partition__note_entry(struct partition *partition)
{
	if (!list_is_linked(&partition->unsynced_node) && !partition->is_closed)
		list_push_back(&partition->home->unsynced_dirs, &partition->unsynced_node);
}

void partition__note_lost(struct partition *partition, struct segment *segment)
{
	int64_t from = segment->lost_from > partition->start_offset ? segment->lost_from : partition->start_offset;
	if (segment->lost_to > from)
		partition__add_damage(partition, from, segment->lost_to);
	segment->lost_to = 0;
}

void partition__note_file(struct partition *partition, struct segment *segment)
{
	if (segment->has_new_name)
		partition__note_entry(partition);
	segment->has_new_name = false;
	partition__note_lost(partition, segment); /* before somebody reads, and takes what has landed there since for what was lost */
}

/* A .log in there that neither checkpoint nor journal know of. */
static int note_stranger(void *context, const char *name, bool is_directory)
{
	struct partition *partition = context;
	char path[4096];
	int64_t base;
	enum segment_file file;
	if (is_directory || !segment_name_parse(name, &base, &file) || file != SEGMENT_FILE_LOG)
		return 0;
	LIST_FOR_EACH(node, &partition->segments)
		if (LIST_ENTRY(node, struct segment, node)->base_offset == base)
			return 0;
	snprintf(path, sizeof path, "%s/%s", partition->dir, name);
	partition->stranger = strdup(path);
	return partition->stranger ? 1 : -ENOMEM;
}

/* The directory says another topic's id, and is to say ours: what it holds besides our segments was that one's, and would be a part of this log for a scan, on
 * the day the checkpoint is lost. One by one, as nothing is renamed while a directory is listed. */
static int put_strangers_aside(struct partition *partition)
{
	int err = 0;
	bool is_met = true;
	while (is_met && err >= 0) {
		err = io_dir_list(partition->home->io, partition->dir, note_stranger, partition);
		is_met = partition->stranger != NULL;
		if (err >= 0 && is_met)
			err = foreign_file_put_aside(partition->home->io, partition->stranger, "is another topic's segment, as the directory was");
		free(partition->stranger);
		partition->stranger = NULL;
	}
	return err < 0 ? err : 0;
}

static int find_any_segment(void *context, const char *name, bool is_directory)
{
	int64_t base;
	enum segment_file file;
	(void)context;
	(void)is_directory;
	return segment_name_parse(name, &base, &file);
}

/* Somebody's file has the name. */
static int make_in_place_of_file(struct partition *partition)
{
	struct io *io = partition->home->io;
	int err = foreign_file_put_aside(io, partition->dir, "is no directory, and in the way of a partition's");
	return err ? err : io_dir_make(io, partition->dir);
}

/* A directory of our name that does not say ours. Of the one that says nothing, and has no file of any segment, a full disk or a crash left its name: there is
 * nothing in it that could be another's, and it stays. */
static int take_dir_over(struct partition *partition, enum belonging belonging)
{
	if (has_files(partition))
		return belonging == ANOTHERS ? put_strangers_aside(partition) : 0;
	int found = belonging == UNREADABLE ? io_dir_list(partition->home->io, partition->dir, find_any_segment, NULL) : 1;
	if (found == -ENOTDIR)
		return make_in_place_of_file(partition);
	return found > 0 ? move_away(partition) : found;
}

int partition__prepare_dir(struct partition *partition)
{
	if (partition->has_dir && partition->is_dir_checked)
		return 0;
	struct io *io = partition->home->io;
	char path[4096];
	metadata_path(partition, path, sizeof path);
	int err = io_dir_make(io, partition->dir);
	bool is_there = err == -EEXIST;
	int belonging = is_there ? read_belonging(partition, path) : UNREADABLE;
	if (belonging < 0)
		return belonging;
	bool is_said = belonging == OURS;
	if (is_there && !is_said)
		err = take_dir_over(partition, belonging);
	if (!is_said && !err)
		err = write_metadata(partition, path);
	if (err && !is_said)
		return err;
	partition->is_dir_checked = true;
	if (is_said && partition->has_dir) /* as the checkpoint knew: durable */
		return 0;
	/* One that was there already may come from a life that was killed before it synced anything. */
	partition->has_dir = true;
	partition->home->is_top_unsynced = true;
	partition__note_entry(partition);
	return 0;
}

int partition__open_metadata(struct partition *partition)
{
	char path[4096];
	metadata_path(partition, path, sizeof path);
	int belonging = read_belonging(partition, path);
	int err = belonging < 0 ? belonging : belonging == OURS ? 0 : write_metadata(partition, path);
	return err ? err : io_file_open(partition->home->io, path, 0);
}

int partition__sync_dir(struct partition *partition)
{
	struct io *io = partition->home->io;
	int fd = partition__open_metadata(partition);
	int err = fd < 0 ? fd : io_file_sync(io, fd);
	if (fd >= 0)
		io_close_fd(io, fd);
	if (!err)
		err = io_dir_sync(io, partition->dir);
	if (!err) {
		list_remove(&partition->unsynced_node);
		partition->has_unentered = false;
	}
	return err;
}

/* ---- segments -------------------------------------------------------------------------------------------------- */

/* The producers' state as of the roll, for the file that Kafka keeps at that offset. Derived: without memory there is none. */
static void take_snapshot(struct partition *partition)
{
	size_t size = partition->producers ? producer_snapshot_size(partition->producers) : 0;
	uint8_t *bytes = size ? malloc(size) : NULL;
	if (!bytes)
		return;
	producer_snapshot_encode(partition->producers, bytes);
	partition->active->snapshot = bytes;
	partition->active->snapshot_size = size;
}

struct segment *partition__create_segment(struct partition *partition, int64_t base_offset)
{
	const struct topic_config *config = &partition->topic->config;
	struct segment *segment = segment_create(&partition->home->segments, partition->dir, base_offset, (uint32_t)config->index_interval_bytes,
						 (uint32_t)config->segment_index_bytes);
	if (!segment)
		return NULL;
	segment->partition = partition;
	segment->size_bytes_max = (uint64_t)config->segment_bytes;
	segment->topic_id = partition->topic_id;
	segment->partition_index = partition->index;
	return segment;
}

int partition__roll(struct partition *partition)
{
	struct segment *segment = partition__create_segment(partition, partition->next_offset);
	if (!segment)
		return -ENOMEM;
	if (partition->active) {
		partition->active->is_complete = true;
		take_snapshot(partition);
		partition->complete_bytes += segment_size_bytes(partition->active);
		segment->likely_bytes = segment_size_bytes(partition->active);
		partition->has_unsealed = true;
		partition->home->has_rolled = true;
	}
	list_push_back(&partition->segments, &segment->node);
	partition->active = segment;
	return 0;
}

void partition__recovered_segment(struct partition *partition, struct segment *segment)
{
	if (partition->active)
		partition->complete_bytes += segment_size_bytes(partition->active);
	partition->active = segment;
	partition->next_offset = partition->durable_offset = segment->staged.offset;
	partition->has_unsealed |= segment->is_complete && !segment->is_sealed;
	partition->has_dir |= segment->has_file;
}

void partition__let_segment_go(struct partition *partition, struct segment *segment)
{
	if (partition->filed_before == segment)
		partition->filed_before = NULL;
	if (partition->sealed_before == segment)
		partition->sealed_before = NULL;
	list_remove(&segment->node);
	if (segment->readers)
		segment->is_dropped = true;
	else
		segment_destroy(segment);
}

/* Behind the first that lacks something there is nothing that was filed. */
static void forget_behind(struct partition *partition, struct segment *last)
{
	while (partition->segments.prev != &last->node) {
		struct segment *segment = LIST_ENTRY(partition->segments.prev, struct segment, node);
		segment_forget_unfiled(segment);
		partition__let_segment_go(partition, segment);
	}
}

void partition__forget_unfiled(struct partition *partition)
{
	list_remove(&partition->unfiled_node);
	partition->filed_before = partition->sealed_before = NULL;
	partition->complete_bytes = 0;
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		partition->active = segment;
		if (segment_is_filed(segment) && (segment->is_complete || node->next == &partition->segments)) {
			partition->complete_bytes += segment->is_complete ? segment_size_bytes(segment) : 0;
			continue;
		}
		segment_forget_unfiled(segment);
		forget_behind(partition, segment);
	}
}

void partition__seal_again(struct partition *partition, struct segment *segment)
{
	char path[4096];
	bool must_forget = !segment->has_index || !segment->is_index_trusted;
	/* Without a seal nothing tells whether these files are right: made from the log, they are. */
	for (int file = 0; file < segment_file_count && must_forget; file++) {
		segment_path(segment, file, path, sizeof path);
		bool is_index = file == SEGMENT_FILE_INDEX || file == SEGMENT_FILE_TIME_INDEX;
		int err = is_index ? foreign_file_unlink(partition->home->io, path) : 0;
		(void)err; /* it is missing as well */
	}
	segment->has_index &= !must_forget;
	segment->is_sealed = false;
	partition->sealed_before = NULL;
	segment->index_written_count = 0;
	partition->has_unsealed = true;
	partition->home->has_rolled = true;
}

struct segment *partition__segment_at(const struct partition *partition, int64_t offset)
{
	for (struct list *node = partition->segments.prev; node != &partition->segments; node = node->prev) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->base_offset <= offset)
			return segment;
	}
	return NULL;
}

void partition__mark_dirty(struct partition *partition)
{
	if (!list_is_linked(&partition->dirty_node))
		list_push_back(&partition->home->dirty, &partition->dirty_node);
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

static void complete_appends(struct partition *partition)
{
	while (!list_is_empty(&partition->waiting)) {
		struct append_op *op = LIST_ENTRY(partition->waiting.next, struct append_op, node);
		if (op->end_offset > partition->durable_offset)
			return;
		list_remove(&op->node);
		op->log_start_offset = partition->start_offset;
		op->done(op);
	}
}

void partition__set_durable(struct partition *partition, struct segment *segment, struct mark durable, bool is_filed)
{
	CHECK(durable.offset >= partition->durable_offset && durable.offset <= partition->next_offset);
	segment->durable = durable;
	segment_check(segment);
	partition->durable_offset = durable.offset;
	if (is_filed)
		segment_set_filed(segment, durable);
	else if (!list_is_linked(&partition->unfiled_node) && !partition->is_closed)
		list_push_back(&partition->home->unfiled, &partition->unfiled_node);
}

void partition__tell_durable(struct partition *partition)
{
	complete_appends(partition);
	fire_watches(partition, false);
}

void partition_watch(struct partition *partition, struct watch *watch)
{
	list_push_back(&partition->watches, &watch->node);
}

void partition_unwatch(struct watch *watch)
{
	list_remove(&watch->node);
}

void partition__wake_all(struct partition *partition)
{
	fire_watches(partition, true);
}

/* ---- queries ------------------------------------------------------------------------------------------------------ */

int64_t partition_log_start_offset(const struct partition *partition) { return partition->start_offset; }
int64_t partition_high_watermark(const struct partition *partition) { return partition->durable_offset; }
int64_t partition_log_end_offset(const struct partition *partition) { return partition->next_offset; }
struct partition_counters partition_counters(const struct partition *partition) { return partition->counters; }
bool partition_has_failed(const struct partition *partition) { return partition->has_failed || partition->offline_err; }
bool partition_is_offline(const struct partition *partition) { return partition->offline_err != 0; }
const struct topic *partition_topic(const struct partition *partition) { return partition->topic; }
uint32_t partition_index(const struct partition *partition) { return partition->index; }
const struct producer_state *partition_producers(const struct partition *partition) { return partition->producers; }

int32_t partition_leader_epoch(const struct partition *partition)
{
	uint64_t epoch = partition->home->incarnation - partition->topic->created_incarnation;
	return epoch > INT32_MAX ? INT32_MAX : (int32_t)epoch;
}

uint64_t partition_size_bytes(const struct partition *partition)
{
	return partition->complete_bytes + (partition->active ? segment_size_bytes(partition->active) : 0);
}

int32_t partition_epoch_at(const struct partition *partition, int64_t offset)
{
	if (offset >= partition->next_offset)
		return partition_leader_epoch(partition);
	return epochs_at(&partition->epochs, offset);
}

/* The epoch in force has no entry before its first record: it begins and ends at the log end. */
void partition_epoch_end(const struct partition *partition, int32_t epoch, int32_t *epoch_out, int64_t *end_offset_out)
{
	int32_t current = partition_leader_epoch(partition);
	*epoch_out = -1;
	*end_offset_out = -1;
	if (epoch < 0 || epoch > current)
		return;
	if (epoch == current) {
		*epoch_out = current;
		*end_offset_out = partition->durable_offset;
		return;
	}
	if (epoch >= epochs_latest(&partition->epochs)) {
		*epoch_out = partition->epochs.count ? epochs_latest(&partition->epochs) : epoch;
		*end_offset_out = partition->durable_offset;
		return;
	}
	epochs_end_offset(&partition->epochs, epoch, partition->durable_offset, epoch_out, end_offset_out);
}
