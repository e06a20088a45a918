/* The checkpoint of a shard: the state of its partitions when the journal was last let go, as one small file that is replaced whole. With
 * it, recovery costs what the journal holds, whatever the size of the data. It is derived: when it is missing or fails its check, the
 * directories are scanned instead. What its bytes are is in checkpoint_format.h.
 *
 * A checkpoint and a journal belong together: the checkpoint names the journal's seed and the opening that had written it last, the journal's
 * superblock the generation of the checkpoint that it let groups go for. So neither passes for the other's if one was exchanged, or brought
 * back from an earlier time; nor does a journal that was copied while the broker ran, as it ends before a group that the checkpoint knows.
 *
 * `checkpoint-<shard>.copy` is the same once more, written behind it before the journal is let go: in the background, but at a stop and in a recovery. Is the
 * checkpoint lost, the copy is believed in its stead if it is not older than what the journal was let go for; an older one (it could not be written, or was put
 * back) still says what was filed by then, which a scan is held against (store__each_told), as what is filed never leaves its file again but with the log start.
 *
 * A partition's state is written as of its filed marks: a segment behind the first that is not wholly filed has nothing filed, and is left
 * out (the journal has it); producers' batches behind the filed end are dropped when it is read, as they may never have become durable. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/store/checkpoint_format.h"
#include "log/store/store_priv.h"

#define CHECKPOINT_SIZE_MAX (1ull << 30)
#define COPY_SUFFIX ".copy"

static void checkpoint_path(const struct store *store, const char *suffix, char *out, size_t size)
{
	snprintf(out, size, "%s/checkpoint-%u%s", store->dir, store->options.shard, suffix);
}

int store__load_checkpoint(struct io *io, const char *dir, uint32_t shard, const char *suffix, uint8_t **data, size_t *size)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/checkpoint-%u%s", dir, shard, suffix);
	return small_file_read(io, path, CHECKPOINT_SIZE_MAX, data, size);
}

/* ---- write ----------------------------------------------------------------------------------------------------- */

/* One that was let go before it had a file lies before the log start, and is only waiting for those before it to be dropped. (An offline partition's is never sealed.) */
static bool is_let_go(const struct segment *segment)
{
	return !segment->has_file && (segment->is_sealed || segment->filed.position > 0);
}

/* How many segments the checkpoint tells of: up to the first that is not wholly filed. */
static uint32_t segments_to_tell(const struct partition *partition)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		count += !is_let_go(segment);
		if (!segment_is_filed(segment))
			break;
	}
	return count;
}

/* Those before the last mark that is told. */
static uint32_t steps_to_tell(const struct segment *segment)
{
	return segment->vouched.headers ? mark_steps_before(segment->steps, segment->vouched.position) : 0;
}

/* The next one that is told of, behind *node, which it becomes. There is one. */
static const struct segment *next_to_tell(const struct list **node)
{
	const struct segment *segment;
	do {
		*node = (*node)->next;
		segment = LIST_ENTRY(*node, struct segment, node);
	} while (is_let_go(segment));
	return segment;
}

/* Calls put for each segment that is told of. */
typedef uint8_t *put_fn(uint8_t *at, const struct segment *segment);

static uint8_t *put_each(const struct partition *partition, uint32_t count, uint8_t *at, put_fn *put)
{
	const struct list *node = &partition->segments;
	for (uint32_t told = 0; told < count; told++)
		at = put(at, next_to_tell(&node));
	return at;
}

static size_t steps_size(const struct partition *partition, uint32_t segments)
{
	size_t count = 0;
	const struct list *node = &partition->segments;
	for (uint32_t told = 0; told < segments; told++)
		count += steps_to_tell(next_to_tell(&node));
	return count * MARK_STEP_SIZE;
}

static size_t partition_size(const struct partition *partition)
{
	uint32_t segments = segments_to_tell(partition);
	return CHECKPOINT_PARTITION_SIZE + (size_t)segments * CHECKPOINT_SEGMENT_SIZE + steps_size(partition, segments) + (size_t)partition->epochs.count * CHECKPOINT_EPOCH_SIZE +
	       (size_t)partition->damage_count * CHECKPOINT_DAMAGE_SIZE + producer_state_size(partition->producers);
}

static uint8_t *put_segment(uint8_t *at, const struct segment *segment)
{
	/* As of its filed mark, a complete segment that is not wholly filed is still to be appended to: by the replay. */
	bool is_complete = segment->is_complete && segment_is_filed(segment);
	uint32_t flags = (segment->has_file ? CHECKPOINT_SEGMENT_HAS_FILE : 0) | (is_complete ? CHECKPOINT_SEGMENT_IS_COMPLETE : 0) |
			 (segment->is_sealed ? CHECKPOINT_SEGMENT_IS_SEALED : 0) | steps_to_tell(segment) << CHECKPOINT_STEPS_SHIFT;
	store_le64(at, (uint64_t)segment->base_offset);
	store_le64(at + 8, (uint64_t)segment->filed.offset);
	store_le64(at + 16, segment->filed.position);
	store_le32(at + 24, flags);
	store_le64(at + 28, (uint64_t)segment->first_timestamp_ms);
	store_le64(at + 36, (uint64_t)segment->max_timestamp_ms);
	store_le64(at + 44, (uint64_t)segment->max_timestamp_offset);
	store_le64(at + 52, segment->batch_count);
	store_le64(at + 60, segment->record_count);
	store_le32(at + 68, (uint32_t)segment->first_leader_epoch);
	store_le32(at + 72, (uint32_t)segment->last_leader_epoch);
	store_le32(at + 76, segment->first_crc);
	store_le64(at + 80, segment->vouched.headers ? segment->vouched.position : 0);
	store_le64(at + 88, segment->vouched.headers);
	store_le32(at + 96, segment->vouched.last_size_bytes);
	store_le32(at + 100, segment->vouched.last_crc);
	return at + CHECKPOINT_SEGMENT_SIZE;
}

static uint8_t *put_steps(uint8_t *at, const struct segment *segment)
{
	return mark_steps_encode(segment->steps, steps_to_tell(segment), at);
}

static uint8_t *put_partition(uint8_t *at, const struct partition *partition)
{
	uint32_t segments = segments_to_tell(partition);
	size_t producers = producer_state_size(partition->producers);
	memcpy(at, partition->topic_id.bytes, 16);
	store_le32(at + 16, partition->index);
	store_le64(at + 20, (uint64_t)partition->start_offset);
	store_le32(at + 28, segments);
	store_le32(at + 32, partition->epochs.count);
	store_le32(at + 36, partition->damage_count);
	store_le32(at + 40, (uint32_t)producers);
	at = put_each(partition, segments, at + CHECKPOINT_PARTITION_SIZE, put_segment);
	at = put_each(partition, segments, at, put_steps);
	for (uint32_t i = 0; i < partition->epochs.count; i++, at += CHECKPOINT_EPOCH_SIZE) {
		store_le32(at, (uint32_t)partition->epochs.entries[i].epoch);
		store_le64(at + 4, (uint64_t)partition->epochs.entries[i].start_offset);
	}
	for (uint32_t i = 0; i < partition->damage_count; i++, at += CHECKPOINT_DAMAGE_SIZE) {
		store_le64(at, (uint64_t)partition->damages[i].from);
		store_le64(at + 8, (uint64_t)partition->damages[i].to);
	}
	if (producers)
		producer_state_encode(partition->producers, at);
	return at + producers;
}

/* A partition that never held anything needs no words. */
static bool is_worth_telling(const struct partition *partition)
{
	return partition->active != NULL || partition->start_offset > 0;
}

/* Grows over all openings, as each has a larger incarnation. */
uint64_t store__generation_after(const struct store *store, uint64_t last)
{
	uint64_t first = store->options.incarnation << 32;
	return (last > first ? last : first) + 1;
}

static int copy_path(struct store *store, char *out, size_t size)
{
	checkpoint_path(store, COPY_SUFFIX, out, size);
	return foreign_file_keep(store->home.io, out);
}

/* A failure costs nothing but the copy: an older one is told from the one that is due by its generation. */
static void write_copy(struct store *store, const uint8_t *data, size_t size)
{
	char path[4096];
	int err = copy_path(store, path, sizeof path);
	if (!err)
		err = small_file_replace(store->home.io, path, data, size);
	(void)err; /* it costs nothing but the copy */
}

/* Groups that nobody vouches for may be in a cache alone, after a kill, until the journal has started: a checkpoint of before does not count on them. */
static uint64_t journal_end_to_tell(const struct store *store)
{
	return store->has_journal_started ? journal_durable_seq(store->journal) : store->journal_found.durable_seq;
}

/* What is so now, to be freed. NULL: no memory. */
static uint8_t *encode(struct store *store, uint64_t generation, size_t *size_out)
{
	size_t size = CHECKPOINT_HEADER_SIZE + CHECKPOINT_CHECKSUM_SIZE;
	uint32_t count = 0;
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (!is_worth_telling(partition))
			continue;
		count++;
		size += partition_size(partition);
	}
	uint8_t *data = malloc(size);
	if (!data)
		return NULL;
	memcpy(data, CHECKPOINT_MAGIC, 8);
	store_le32(data + 8, CHECKPOINT_VERSION);
	store_le32(data + 12, store->options.shard);
	store_le64(data + 16, store->options.incarnation);
	store_le32(data + 24, count);
	store_le64(data + 28, catalog_sequence(store->image));
	store_le64(data + 36, store->journal_seed);
	store_le64(data + 44, generation);
	store_le64(data + 52, store->journal_incarnation);
	store_le64(data + 60, (store__is_all_filed(store) ? CHECKPOINT_IS_ALL_FILED : 0) | journal_end_to_tell(store) << CHECKPOINT_FLAG_BITS);
	store_le64(data + 68, (uint64_t)retention_clock_left(&store->retention_clock, io_wall_ms(store->home.io), io_now_ns(store->home.io)));
	uint8_t *at = data + CHECKPOINT_HEADER_SIZE;
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (is_worth_telling(partition))
			at = put_partition(at, partition);
	}
	CHECK((size_t)(at - data) + CHECKPOINT_CHECKSUM_SIZE == size);
	store_le64(at, XXH3_64bits(data, size - CHECKPOINT_CHECKSUM_SIZE));
	*size_out = size;
	return data;
}

/* What could not be read as a checkpoint may be something else. */
static int path_to_write(struct store *store, char *out, size_t size)
{
	checkpoint_path(store, "", out, size);
	int err = store->may_checkpoint_be_foreign ? foreign_file_keep(store->home.io, out) : 0;
	store->may_checkpoint_be_foreign &= err != 0;
	return err;
}

int store__write_checkpoint(struct store *store)
{
	size_t size;
	uint64_t generation = store__generation_after(store, store->checkpoint_generation);
	uint8_t *data = encode(store, generation, &size);
	if (!data)
		return -ENOMEM;
	char path[4096];
	int err = path_to_write(store, path, sizeof path);
	if (!err)
		err = small_file_replace(store->home.io, path, data, size);
	if (!err)
		write_copy(store, data, size);
	free(data);
	if (!err)
		store->checkpoint_generation = generation;
	return err;
}

/* ---- in the background ------------------------------------------------------------------------------------------- */

static void written(struct store *store, int err)
{
	struct checkpoint_writing *writing = &store->checkpoint;
	free(writing->data);
	writing->data = NULL;
	writing->is_copying = false;
	writing->is_over = true;
	writing->err = err;
}

static int start_copy(struct store *store)
{
	struct checkpoint_writing *writing = &store->checkpoint;
	char path[4096];
	int err = copy_path(store, path, sizeof path);
	writing->is_copying = !err;
	return err ? err : small_file_replace_start(&writing->replacing, store->home.io, path, writing->data, writing->size);
}

static void replaced(struct small_file_replacing *replacing, int err)
{
	struct store *store = CONTAINER_OF(replacing, struct store, checkpoint.replacing);
	struct checkpoint_writing *writing = &store->checkpoint;
	if (writing->is_copying) { /* a failure costs nothing but the copy */
		written(store, 0);
		return;
	}
	if (!err)
		store->checkpoint_generation = writing->generation;
	if (err || store->is_closing || start_copy(store))
		written(store, err);
}

int store__start_checkpoint(struct store *store)
{
	struct checkpoint_writing *writing = &store->checkpoint;
	char path[4096];
	writing->generation = store__generation_after(store, store->checkpoint_generation);
	writing->data = encode(store, writing->generation, &writing->size);
	if (!writing->data)
		return -ENOMEM;
	writing->is_over = writing->is_copying = false;
	writing->replacing.done = replaced;
	int err = path_to_write(store, path, sizeof path);
	if (!err)
		err = small_file_replace_start(&writing->replacing, store->home.io, path, writing->data, writing->size);
	if (err)
		written(store, err);
	return err;
}

/* ---- read -------------------------------------------------------------------------------------------------------- */

/* Told as of what was staged: where more was staged than filed, replay learns those batches again, and the seal counts anew. */
static void take_summary(struct segment *segment, const uint8_t *at)
{
	segment->first_timestamp_ms = (int64_t)load_le64(at + 28);
	segment->max_timestamp_ms = (int64_t)load_le64(at + 36);
	segment->max_timestamp_offset = (int64_t)load_le64(at + 44);
	segment->batch_count = load_le64(at + 52);
	segment->record_count = load_le64(at + 60);
	segment->first_leader_epoch = (int32_t)load_le32(at + 68);
	segment->last_leader_epoch = (int32_t)load_le32(at + 72);
}

/* Where the filed mark's own headers are not known, those of an earlier one may be. */
static struct mark vouched_mark(const uint8_t *at, struct mark filed)
{
	struct mark mark = {.position = load_le64(at + 80), .offset = filed.offset, .headers = load_le64(at + 88),
			    .last_size_bytes = load_le32(at + 96), .last_crc = load_le32(at + 100)};
	return mark.position && mark.position <= filed.position ? mark : (struct mark){.offset = (int64_t)load_le64(at)};
}

static int take_segment(struct partition *partition, const uint8_t *at, uint32_t segment_size, const uint8_t *steps, uint32_t count)
{
	struct segment *segment = partition__create_segment(partition, (int64_t)load_le64(at));
	if (!segment)
		return -ENOMEM;
	uint32_t flags = load_le32(at + 24);
	struct mark end = {.position = load_le64(at + 16), .offset = (int64_t)load_le64(at + 8)}, vouched = {.offset = segment->base_offset};
	bool has_crc = segment_size > CHECKPOINT_SEGMENT_SIZE_V2;
	if (segment_size >= CHECKPOINT_SEGMENT_SIZE)
		vouched = vouched_mark(at, end);
	if (vouched.position == end.position)
		end = vouched;
	if (flags & CHECKPOINT_SEGMENT_HAS_FILE) {
		segment_adopt(segment, end);
		free(segment->steps);
		segment->steps = mark_steps_decode(steps, count, vouched.position);
		segment->vouched = vouched;
		segment->has_index = end.position == 0;
	}
	segment->is_complete = flags & CHECKPOINT_SEGMENT_IS_COMPLETE;
	segment->is_sealed = segment->is_checkpointed = flags & CHECKPOINT_SEGMENT_IS_SEALED;
	if (end.position > 0) {
		take_summary(segment, at);
		segment->first_crc = has_crc ? load_le32(at + 76) : 0;
		segment->is_identified = !has_crc;
	}
	list_push_back(&partition->segments, &segment->node);
	partition__recovered_segment(partition, segment);
	return 0;
}

/* Can there be such segments? The checksum says that we wrote them; but a slip of ours, or a stranger's hand, must not become a bug's abort. */
static bool segments_fit(const uint8_t *at, uint32_t count, uint32_t segment_size)
{
	int64_t end_before = 0;
	for (uint32_t i = 0; i < count; i++, at += segment_size) {
		int64_t base = (int64_t)load_le64(at), end = (int64_t)load_le64(at + 8);
		uint64_t position = load_le64(at + 16);
		uint32_t flags = load_le32(at + 24);
		bool is_last = i + 1 == count, is_empty = end == base;
		if (base < end_before || end < base || is_empty != (position == 0) || position > INT64_MAX ||
		    (position > 0 && !(flags & CHECKPOINT_SEGMENT_HAS_FILE)) || !(flags & CHECKPOINT_SEGMENT_IS_COMPLETE) != is_last || (is_empty && !is_last))
			return false;
		end_before = end;
	}
	return true;
}

static bool damages_fit(const uint8_t *at, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, at += CHECKPOINT_DAMAGE_SIZE)
		if ((int64_t)load_le64(at) < 0 || (int64_t)load_le64(at + 8) <= (int64_t)load_le64(at))
			return false;
	return true;
}

/* Over the partitions that a checked file tells of. */
struct told_walk {
	uint32_t version;
	uint32_t left; /* that are still to come */
	const uint8_t *at, *next, *end;
	struct uuid id; /* of the partition at `at`, with its index */
	uint32_t index;
};

static struct told_walk begin_walk(struct slice file, size_t header_size)
{
	return (struct told_walk){.version = load_le32(file.data + 8), .left = load_le32(file.data + 24), .next = file.data + header_size,
				  .end = file.data + file.size - CHECKPOINT_CHECKSUM_SIZE};
}

/* False: it was the last one; or the next does not lie before the end, and some are left. */
static bool next_partition(struct told_walk *walk)
{
	uint64_t size = walk->left ? checkpoint_partition_size(walk->version, walk->next, walk->end) : 0;
	if (!size)
		return false;
	walk->left--;
	walk->at = walk->next;
	walk->next += size;
	memcpy(walk->id.bytes, walk->at, sizeof walk->id.bytes);
	walk->index = load_le32(walk->at + 16);
	return true;
}

static int take_partition(struct store *store, const struct told_walk *walk)
{
	const uint8_t *at = walk->at;
	uint32_t version = walk->version, segments = load_le32(at + 28), epochs = load_le32(at + 32), damages = load_le32(at + 36);
	uint32_t segment_size = checkpoint_segment_size(version);
	size_t producers = load_le32(at + 40);
	const uint8_t *segments_at = at + CHECKPOINT_PARTITION_SIZE, *steps_at = segments_at + (size_t)segments * segment_size;
	const uint8_t *epochs_at = steps_at + checkpoint_steps_size(version, segments_at, segments), *damages_at = epochs_at + (size_t)epochs * CHECKPOINT_EPOCH_SIZE;
	if ((int64_t)load_le64(at + 20) < 0 || !segments_fit(segments_at, segments, segment_size) || !damages_fit(damages_at, damages))
		return ERR_CORRUPT_LOG;
	struct partition *partition;
	int err = store__find_partition(store, &walk->id, walk->index, &partition);
	if (err || !partition)
		return err; /* deleted since, or another shard's by now */
	partition->start_offset = (int64_t)load_le64(at + 20);
	at = segments_at;
	for (uint32_t i = 0; i < segments && !err; i++, at += segment_size) {
		uint32_t steps = checkpoint_step_count(version, at);
		err = take_segment(partition, at, segment_size, steps_at, steps);
		steps_at += (size_t)steps * MARK_STEP_SIZE;
	}
	at = epochs_at;
	for (uint32_t i = 0; i < epochs && !err; i++, at += CHECKPOINT_EPOCH_SIZE)
		err = epochs_assign(&partition->epochs, (int32_t)load_le32(at), (int64_t)load_le64(at + 4)) < 0 ? -ENOMEM : 0;
	for (uint32_t i = 0; i < damages && !err; i++, at += CHECKPOINT_DAMAGE_SIZE)
		partition__add_damage(partition, (int64_t)load_le64(at), (int64_t)load_le64(at + 8));
	size_t ignored;
	if (!err && producers)
		err = producer_state_decode(&partition->producers, (struct slice){at, producers}, store->options.producers_max, &ignored);
	if (!err) {
		epochs_truncate_end(&partition->epochs, partition->next_offset);
		producer_truncate(&partition->producers, partition->next_offset);
	}
	return err;
}

/* Of a file that was checked. */
static struct catalog_mark mark_of(struct slice file, size_t header_size)
{
	return (struct catalog_mark){load_le64(file.data + 16), header_size > CHECKPOINT_HEADER_SIZE_V1 ? load_le64(file.data + 28) : 0};
}

int store__checkpoint_mark(struct slice file, struct catalog_mark *mark, uint64_t *journal_seed)
{
	size_t header_size;
	int err = checkpoint_check(file, &header_size);
	if (err)
		return err;
	*mark = mark_of(file, header_size);
	*journal_seed = header_size >= CHECKPOINT_HEADER_SIZE_V4 ? load_le64(file.data + 36) : 0;
	return 0;
}

uint64_t store__checkpoint_journal_end(struct slice header)
{
	return load_le32(header.data + 8) >= 4 ? load_le64(header.data + 60) >> CHECKPOINT_FLAG_BITS : 0;
}

int store__checkpoint_journal(struct slice file, uint64_t *seed, uint64_t *generation)
{
	size_t header_size;
	int err = checkpoint_check(file, &header_size);
	if (err || header_size < CHECKPOINT_HEADER_SIZE_V4)
		return ERR_CORRUPT_LOG;
	*seed = load_le64(file.data + 36);
	*generation = load_le64(file.data + 44);
	return 0;
}

void store__checkpoint_partitions(struct slice file, store_told_partition_fn *take, void *context)
{
	size_t header_size;
	if (checkpoint_check(file, &header_size))
		return;
	struct catalog_mark mark = mark_of(file, header_size);
	struct told_walk walk = begin_walk(file, header_size);
	while (next_partition(&walk))
		take(context, &walk.id, walk.index, &mark);
}

/* Segments are wholly filed but for the last. */
static int64_t filed_offset(const struct told_walk *walk)
{
	uint32_t segments = load_le32(walk->at + 28);
	const uint8_t *segment = walk->at + CHECKPOINT_PARTITION_SIZE + (size_t)(segments - 1) * checkpoint_segment_size(walk->version);
	return (int64_t)load_le64(segments ? segment + 8 : walk->at + 20);
}

int store__checkpoint_filed(struct slice file, checkpoint_filed_fn *take, void *context)
{
	size_t header_size;
	int err = checkpoint_check(file, &header_size);
	if (err)
		return err;
	struct told_walk walk = begin_walk(file, header_size);
	while (!err && next_partition(&walk))
		err = take(context, &walk.id, walk.index, filed_offset(&walk));
	return err;
}

/* The journal that was found ends before a group that was durable when this was written. A group that is lost to rot, and vouched for, counts. */
static bool is_journal_behind(const struct store *store, const uint8_t *data)
{
	const struct journal_report *found = &store->journal_found;
	return store__checkpoint_journal_end((struct slice){data, CHECKPOINT_HEADER_SIZE}) > journal_end(found);
}

/* Does it go with the journal that was found? Beside one of an earlier time it is what there is, as beside one that is lost: recovery refuses that journal, or
 * its loss was accepted. */
static int check_company(struct store *store, const uint8_t *data)
{
	if (store->is_journal_new)
		return 0; /* its loss was accepted: the checkpoint is what there is */
	store->is_checkpoint_anothers = load_le64(data + 36) != store->journal_found.seed;
	store->is_journal_behind = !store->is_checkpoint_anothers && is_journal_behind(store, data);
	store->is_journal_alien = store->is_checkpoint_anothers || store->is_journal_behind || store->journal_found.incarnation < load_le64(data + 52);
	store->is_checkpoint_earlier = load_le64(data + 44) < store->journal_found.checkpoint;
	return store->is_checkpoint_anothers || store->is_checkpoint_earlier ? ERR_CORRUPT_LOG : 0;
}

/* Nothing was accepted after it, if no later opening has come as far as to accept anything: then a journal that is lost had nothing of its own. */
static bool says_all_is_filed(const struct store *store, const uint8_t *data)
{
	return load_le32(data + 8) >= 4 && load_le64(data + 60) & CHECKPOINT_IS_ALL_FILED && load_le64(data + 16) >= store->options.journal_incarnation;
}

static int check_whole(struct store *store, struct slice file, size_t *header_size)
{
	int err = checkpoint_check(file, header_size);
	return !err && load_le32(file.data + 12) != store->options.shard ? ERR_CORRUPT_LOG : err;
}

static int take_checkpoint(struct store *store, struct slice file, size_t header_size)
{
	int err = header_size >= CHECKPOINT_HEADER_SIZE_V3 ? check_company(store, file.data) : 0;
	if (err)
		return err;
	store->checkpoint_generation = header_size >= CHECKPOINT_HEADER_SIZE_V3 ? load_le64(file.data + 44) : 0;
	struct told_walk walk = begin_walk(file, header_size);
	while (!err && next_partition(&walk))
		err = take_partition(store, &walk);
	if (err || walk.left)
		return err ? err : ERR_CORRUPT_LOG;
	store->retention_clock.is_told = true;
	if (walk.version >= 5) {
		int64_t left_ms = (int64_t)load_le64(file.data + 68);
		retention_clock_resume(&store->retention_clock, left_ms, io_wall_ms(store->home.io), io_now_ns(store->home.io));
		retention_clock_hear(&store->retention_clock, left_ms);
	}
	store->is_all_filed = says_all_is_filed(store, file.data); /* the word of one that is not believed does not count */
	return 0;
}

void store__forget_told(struct store *store)
{
	free((void *)store->told.data);
	store->told = (struct slice){NULL, 0};
}

static uint64_t generation_of(struct slice file)
{
	return load_le32(file.data + 8) >= 3 ? load_le64(file.data + 44) : 0;
}

/* The later one. */
static void keep_told(struct store *store, struct slice file)
{
	bool is_older = store->told.data && generation_of(file) <= generation_of(store->told);
	if (!is_older)
		store__forget_told(store);
	if (is_older)
		free((void *)file.data);
	else
		store->told = file;
}

/* Its bytes are kept as what a scan is held against, if they are whole and were written beside this journal, however long ago. */
static int read_as(struct store *store, const char *suffix)
{
	uint8_t *data;
	size_t size, header_size;
	int err = store__load_checkpoint(store->home.io, store->dir, store->options.shard, suffix, &data, &size);
	if (err)
		return err;
	store->is_journal_alien = store->is_journal_behind = store->is_checkpoint_anothers = false;
	err = check_whole(store, (struct slice){data, size}, &header_size);
	bool is_whole = !err;
	if (!err)
		err = take_checkpoint(store, (struct slice){data, size}, header_size);
	if (err) /* of one that turned out bad nothing is kept */
		store__forget_partitions(store);
	if (is_whole && !store->is_checkpoint_anothers)
		keep_told(store, (struct slice){data, size});
	else
		free(data);
	store->is_journal_alien |= store->is_journal_put_back;
	return err;
}

int store__read_checkpoint(struct store *store)
{
	int err = read_as(store, "");
	store->may_checkpoint_be_foreign = err == ERR_CORRUPT_LOG || err == ERR_NOT_A_FILE;
	return err;
}

int store__read_checkpoint_copy(struct store *store)
{
	return read_as(store, COPY_SUFFIX);
}

/* Of a header alone, to be rid of what is not later without reading all of it. 0: there is none, or it does not say. */
static uint64_t read_generation(struct store *store)
{
	char path[4096];
	uint8_t header[CHECKPOINT_HEADER_SIZE_V4];
	snprintf(path, sizeof path, "%s/checkpoint-%u%s", store->dir, store->options.shard, COPY_SUFFIX);
	int fd = io_file_open(store->home.io, path, IO_READ_ONLY);
	if (fd < 0)
		return 0;
	int64_t got = io_file_read(store->home.io, fd, header, sizeof header, 0);
	io_close_fd(store->home.io, fd);
	return got == (int64_t)sizeof header ? generation_of((struct slice){header, sizeof header}) : 0;
}

bool store__is_copy_later(struct store *store)
{
	uint8_t *data;
	size_t size, header_size;
	if (read_generation(store) <= store->checkpoint_generation ||
	    store__load_checkpoint(store->home.io, store->dir, store->options.shard, COPY_SUFFIX, &data, &size))
		return false;
	struct slice file = {data, size};
	bool is_later = !check_whole(store, file, &header_size) && header_size >= CHECKPOINT_HEADER_SIZE_V4 && load_le64(data + 36) == store->journal_found.seed &&
			generation_of(file) > store->checkpoint_generation;
	free(data);
	return is_later;
}

/* ---- what a scan is held against ----------------------------------------------------------------------------------- */

static bool is_told(const struct told_walk *walk, struct told_partition *told)
{
	*told = (struct told_partition){.start_offset = (int64_t)load_le64(walk->at + 20), .segment_count = load_le32(walk->at + 28), .at = walk->at + CHECKPOINT_PARTITION_SIZE,
					.version = walk->version};
	return told->start_offset >= 0 && segments_fit(told->at, told->segment_count, checkpoint_segment_size(told->version));
}

int store__each_told(struct store *store, told_partition_fn *take, void *context)
{
	size_t header_size;
	if (!store->told.data || checkpoint_check(store->told, &header_size))
		return 0;
	struct told_walk walk = begin_walk(store->told, header_size);
	int err = 0;
	while (!err && next_partition(&walk)) {
		struct told_partition told;
		struct partition *partition;
		bool is_possible = is_told(&walk, &told);
		err = is_possible ? store__find_partition(store, &walk.id, walk.index, &partition) : 0;
		if (!err && is_possible && partition)
			err = take(context, partition, &told);
	}
	return err;
}

void store__checkpoint_files(struct slice file, store_told_file_fn *take, void *context)
{
	size_t header_size;
	struct told_partition told;
	if (checkpoint_check(file, &header_size))
		return;
	struct told_walk walk = begin_walk(file, header_size);
	while (next_partition(&walk))
		for (uint32_t i = 0; is_told(&walk, &told) && i < told.segment_count; i++) {
			struct told_segment segment = store__told_segment(&told, i);
			if (segment.first_crc)
				take(context, &walk.id, walk.index, segment.base_offset, segment.first_crc);
		}
}

struct told_segment store__told_segment(const struct told_partition *told, uint32_t i)
{
	uint32_t size = checkpoint_segment_size(told->version);
	const uint8_t *at = told->at + (size_t)i * size;
	struct mark filed = {.position = load_le64(at + 16), .offset = (int64_t)load_le64(at + 8)};
	return (struct told_segment){.base_offset = (int64_t)load_le64(at), .filed = filed, .i = i,
				     .first_crc = size > CHECKPOINT_SEGMENT_SIZE_V2 ? load_le32(at + 76) : 0,
				     .vouched = size >= CHECKPOINT_SEGMENT_SIZE ? vouched_mark(at, filed) : (struct mark){0}};
}

struct mark_steps *store__told_steps(const struct told_partition *told, const struct told_segment *segment)
{
	size_t size = checkpoint_segment_size(told->version);
	const uint8_t *steps = told->at + told->segment_count * size + checkpoint_steps_size(told->version, told->at, segment->i);
	return mark_steps_decode(steps, checkpoint_step_count(told->version, told->at + segment->i * size), segment->vouched.position);
}
