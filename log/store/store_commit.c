/* The commit: one durable group for what all partitions have staged.
 *
 * Happy path, once a turn, when no group is in flight:
 *   - if a cycle of write-behind has begun, an entry says where each log ends (log_ends.c);
 *   - if the catalog has changed, an entry says how far it has come; this alone is worth a group if somebody waits for it;
 *   - every dirty partition adds one entry for each segment it has staged bytes in: the bytes themselves (small), or, for a large piece, an
 *     entry that says what its segment will hold, while the piece goes straight to the segment file;
 *   - the group is written; what arrives meanwhile waits for the next one;
 *   - when the group is on stable storage, and every direct piece in it as well, each partition's durable mark moves, and the
 *     appends up to it are answered.
 *
 * Why direct pieces are safe: their entry carries a checksum of the batches, and the group is not reported durable before the data are
 * synced. Recovery takes such a piece if it is whole; if it is not, and no later group vouches for this one, nobody was told.
 *
 * Failures: a group that cannot be written breaks the store (nothing of it was acknowledged). A piece that cannot be costs its partition alone (go_offline.c). A disk too full for a direct piece sends it
 * through the journal, whose space is its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/check.h"
#include "log/base/wide_hash.h"
#include "log/store/direct_checksum.h"
#include "log/segment/spare.h"
#include "log/store/store_priv.h"

#define PIECES_MAX 1100 /* of 4 KiB chunks: a whole group */
#define HEADERS_SHARE 16 /* what an entry tells of a piece is at most such a part of it */
#define DIRECT_COUNT_ENOUGH 8
#define DIRECT_BYTES_ENOUGH (2u << 20)
#define DIRECT_PRESSES (1u << 20) /* a piece that comes of a load which lasts */
/* Where a piece is better off in its segment than in the journal and then in its segment (bench/README.md has the figures). */
#define DIRECT_SIZE_MIN (64u << 10)
#define DIRECT_SIZE_MIN_OF_FEW (16u << 10)
#define FEW_PARTITIONS 16 /* with something to commit, */
#define FEW_BYTES (256u << 10) /* and at least so much of it together */
#define DIRECT_BEHIND_MAX (4u << 20) /* written beside a group's pieces, where filing does not keep up */

/* All of it; nothing now, and others may go on; nothing more in this group. */
enum added { ADDED_ALL, ADDED_DEFERRED, ADDED_GROUP_FULL };

/* Before an entry is added, which cannot be taken back. False: no memory; what is to be committed waits. */
static bool make_room_for_item(struct store *store)
{
	struct group *group = &store->group;
	if (group->count < group->capacity)
		return true;
	uint32_t capacity = group->capacity ? group->capacity * 2 : 64;
	struct commit_item *grown = realloc(group->items, capacity * sizeof *grown);
	if (!grown) {
		store__note_shortage(store, -ENOMEM);
		return false;
	}
	group->items = grown;
	group->capacity = capacity;
	return true;
}

static void peek_header(struct segment *segment, uint64_t position, uint8_t *header, struct batch *batch)
{
	segment_peek(segment, position, header, BATCH_HEADER_SIZE);
	CHECK(batch_parse_header((struct slice){header, BATCH_HEADER_SIZE}, batch) == 0);
}

/* Of the batches in [from, to), which are in memory. Kinds differ in what the entry has beside it. */
static uint64_t chained_checksum(struct segment *segment, uint64_t from, uint64_t to)
{
	struct direct_checksum checksum;
	struct batch batch;
	uint8_t header[BATCH_HEADER_SIZE];
	CHECK(direct_checksum_begin(&checksum, ENTRY_DIRECT) == 0);
	for (uint64_t at = from; at < to; at += batch.size_bytes) {
		peek_header(segment, at, header, &batch);
		direct_checksum_add(&checksum, header);
	}
	return direct_checksum_end(&checksum);
}

/* The headers of [from, to), for the entry to tell, so that a recovery need not read them from the file. 0: they are too many, or the batches so small
 * that the journal would get much of what is to go past it. */
static size_t gather_headers(struct store *store, struct segment *segment, uint64_t from, uint64_t to)
{
	uint64_t size_max = (to - from) / HEADERS_SHARE, size = 0;
	struct batch batch;
	if (!store->direct_headers)
		store->direct_headers = malloc(DIRECT_HEADERS_MAX * BATCH_HEADER_SIZE);
	for (uint64_t at = from; at < to; at += batch.size_bytes, size += BATCH_HEADER_SIZE) {
		if (!store->direct_headers || size + BATCH_HEADER_SIZE > size_max || size == DIRECT_HEADERS_MAX * BATCH_HEADER_SIZE)
			return 0;
		peek_header(segment, at, store->direct_headers + size, &batch);
	}
	return size;
}

static struct journal_entry entry_for(const struct partition *partition, const struct segment *segment, struct mark target, enum entry_kind kind)
{
	return (struct journal_entry){
		.kind = (uint8_t)kind,
		.topic_id = partition->topic_id,
		.partition = partition->index,
		.base_offset = segment->committing.offset,
		.end_offset = target.offset,
		.segment_base_offset = segment->base_offset,
		.position = segment->committing.position,
		.data_size_bytes = (uint32_t)(target.position - segment->committing.position),
		.may_pass_span = partition->topic->is_internal,
	};
}

static void take_item(struct group *group, struct partition *partition, struct segment *segment, struct mark target, bool is_direct)
{
	group->items[group->count++] = (struct commit_item){partition, segment, target, is_direct};
	partition__retain(partition);
	segment->committing = target;
	segment_check(segment);
}

/* ---- large pieces: straight to the segment ---------------------------------------------------------------------- */

/* It did not get into its file, and others wait for this group. */
static void keep_piece(struct store *store, struct partition *partition, int err)
{
	store__go_offline(store, partition, err);
	if (!store->failure)
		store__hold_piece(store, partition);
}

static void direct_done(struct segment *segment, void *context, struct mark target, int err)
{
	struct store *store = context;
	struct partition *partition = segment->partition;
	if (store->is_closing)
		return;
	/* A deleted topic's file was removed by the store itself: nobody misses it, whatever became of it, and others wait for this group. */
	bool is_deleted = partition->is_closed && store__is_its_own_fault(err);
	bool is_its_own = !partition->is_closed && store__is_its_own_fault(err);
	if (is_its_own)
		keep_piece(store, partition, err);
	else if (err && !is_deleted)
		store__fail(store, err);
	else if (!store->failure) /* else nobody is told of its group any more, and a stop may be over */
		journal_release(store->journal, store->group.seq);
}

/* Does the group have its share of large pieces? Each costs a sync of its file, so few large ones beat many small: what a partition receives while
 * it waits for the next group makes its piece larger. (16 partitions: 8 pieces of 512 KiB take 1.5 GB/s of the disk, 16 of 256 KiB 1.3.) */
static bool is_direct_share_full(const struct store *store)
{
	const struct group *group = &store->group;
	return !segment_can_file(&store->home.segments) ||
	       (group->direct_count >= DIRECT_COUNT_ENOUGH && group->direct_bytes >= DIRECT_BYTES_ENOUGH);
}

/* A piece is written from `filed` on, so its group waits for all that the journal alone has before it as well: 16 partitions with a megabyte each made groups of
 * 12 to 20 ms among those of 0.5. Where that is more than the piece itself, the journal takes this one too, and write-behind files both. Unless filing does
 * not keep up: then each group files a part of it, of one partition at least, so that a load that lasts comes to be written once. */
static bool is_too_far_behind(const struct store *store, const struct segment *segment, uint64_t size)
{
	uint64_t behind = segment->committing.position - segment->filed.position;
	bool may_take_it_along = store->group.behind_bytes == 0 || store->group.behind_bytes + behind <= DIRECT_BEHIND_MAX;
	return behind > size && !(store__is_filing_late(store) && may_take_it_along);
}

/* What a group can carry of one piece; more can only go straight to its segment, whatever that costs. */
static uint64_t group_room(const struct store *store)
{
	return JOURNAL_ENTRY_MAX(store->group_size_bytes_max);
}

/* With room that spare files have, if it takes that: nothing else would bring a turn to try again. */
static int prepare(struct store *store, struct segment *segment)
{
	int err = segment_prepare(segment, segment->staged.position);
	return err_is_full(err) && spares_give_up(store->home.segments.spares) ? segment_prepare(segment, segment->staged.position) : err;
}

static struct segment *first_uncommitted(const struct partition *partition)
{
	struct segment *first = NULL;
	for (struct list *node = partition->segments.prev; node != &partition->segments; node = node->prev) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->committing.position == segment->staged.position && segment->staged.position > 0)
			break;
		if (segment->committing.position < segment->staged.position)
			first = segment;
	}
	return first;
}

static uint64_t uncommitted_bytes(const struct partition *partition)
{
	const struct segment *segment = first_uncommitted(partition);
	return segment ? segment->staged.position - segment->committing.position : 0;
}

/* The least piece that goes straight to its segment. What goes through the journal is written twice, and whoever waits for the disk waits for both; what does not
 * costs a sync of its file, which is little where the files are few and the group is large anyway. (16 partitions, 16 KiB batches at 590 MB/s: 1.2 bytes written for
 * each instead of 1.7, p99 9.3 ms instead of 11.5; with 100 partitions the syncs cost more than that.) */
static uint32_t direct_size_min(const struct store *store)
{
	uint64_t bytes = 0;
	uint32_t count = 0;
	if (store->options.direct_size_bytes_min)
		return store->options.direct_size_bytes_min;
	LIST_FOR_EACH(node, &store->home.dirty) {
		if (++count > FEW_PARTITIONS)
			return DIRECT_SIZE_MIN;
		bytes += uncommitted_bytes(LIST_ENTRY(node, struct partition, dirty_node));
	}
	return bytes < FEW_BYTES ? DIRECT_SIZE_MIN : DIRECT_SIZE_MIN_OF_FEW;
}

/* Room on the disk is reserved before anything is promised, so that a full disk shows here and not behind the entry; so does a file that cannot be opened now:
 * what of the piece a group can carry goes through the journal then, and the rest waits. */
static bool can_go_direct(struct store *store, struct partition *partition, struct segment *segment)
{
	uint64_t size = segment->staged.position - segment->committing.position;
	bool must_go = size > group_room(store), is_large = size >= store->group.direct_size_min || must_go;
	if (size >= DIRECT_PRESSES && segment->filing)
		store__press_filing(store);
	if (!is_large || segment->filing || (store->is_full && !must_go) || store__must_wait(store))
		return false;
	if (!must_go && is_too_far_behind(store, segment, size))
		return false;
	struct list *before = segment->node.prev;
	if (before != &partition->segments && !segment_is_filed(LIST_ENTRY(before, struct segment, node)))
		return false;
	/* A first file costs several syncs: a piece that fits the journal does not wait for them. */
	if (!segment->has_file && !must_go)
		return false;
	int err = partition__prepare_dir(partition);
	if (!err)
		err = prepare(store, segment);
	partition__note_file(partition, segment);
	if (store__is_its_own_fault(err) && (!store__may_pass(err) || store__has_waited_enough(store, partition, err))) {
		store__go_offline(store, partition, err);
		return false;
	}
	partition->refused_ns = err ? partition->refused_ns : 0;
	/* What is acknowledged in a file must be found there after a crash. */
	bool is_entered = store__is_entered(store, partition);
	bool is_full = err_is_full(err);
	if (!err && !is_entered && must_go) {
		err = store__enter_now(store, partition);
		if (!err) /* which has opened others */
			err = prepare(store, segment);
	}
	/* Some of this was a sync, and a failed sync is final: a second one may say that all is well, and it is not. */
	if (err && !is_full && !store__may_pass(err))
		store__fail(store, err);
	if (store__may_pass(err))
		store__note_shortage(store, err);
	if (is_full && must_go)
		store__set_full(store, true); /* it waits for room, and nothing more may come behind it */
	return !err && (is_entered || must_go);
}

static enum added commit_direct(struct store *store, struct partition *partition, struct segment *segment)
{
	struct mark target = segment->staged;
	uint64_t from = segment->committing.position;
	struct iovec headers = {.iov_len = gather_headers(store, segment, from, target.position)};
	headers.iov_base = store->direct_headers;
	struct journal_entry entry = entry_for(partition, segment, target, headers.iov_len ? ENTRY_DIRECT_TOLD : ENTRY_DIRECT);
	entry.data_checksum = headers.iov_len ? XXH3_64bits(headers.iov_base, headers.iov_len) : chained_checksum(segment, from, target.position);
	if (!make_room_for_item(store) || !journal_add(store->journal, &entry, &headers, headers.iov_len ? 1 : 0))
		return ADDED_GROUP_FULL;
	store->group.seq = journal_hold(store->journal);
	take_item(&store->group, partition, segment, target, true);
	store->group.behind_bytes += from - segment->filed.position;
	segment->is_direct_pending = true;
	int err = segment_file(segment, target, direct_done, store);
	if (store__is_its_own_fault(err))
		keep_piece(store, partition, err);
	else if (err)
		store__fail(store, err);
	store->cycle.direct_bytes += entry.data_size_bytes;
	store->group.direct_count++;
	store->group.direct_bytes += entry.data_size_bytes;
	return ADDED_ALL;
}

/* ---- small pieces: through the journal ---------------------------------------------------------------------------- */

/* The furthest batch boundary within `size_max` of what is to be committed; the segment's whole rest if it fits. */
static struct mark cut(struct segment *segment, uint64_t size_max)
{
	if (segment->staged.position - segment->committing.position <= size_max)
		return segment->staged;
	struct mark at = segment->committing;
	for (;;) {
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch batch;
		peek_header(segment, at.position, header, &batch);
		if (at.position + batch.size_bytes - segment->committing.position > size_max)
			return at;
		mark_pass(&at, header, &batch);
	}
}

/* One batch larger than a group can only go straight to its segment, and that once what lies before it is filed: nothing else would begin a cycle
 * for it before its time, and others are not to wait behind it. */
static enum added wait_for_filing(struct store *store)
{
	store->home.wants_room = true;
	return ADDED_DEFERRED;
}

static uint64_t payload_checksum(struct store *store, const struct slice *slices, uint32_t count)
{
	if (count == 1)
		return wide_hash(slices[0].data, slices[0].size);
	XXH3_64bits_reset(store->hash);
	for (uint32_t i = 0; i < count; i++)
		XXH3_64bits_update(store->hash, slices[i].data, slices[i].size);
	return XXH3_64bits_digest(store->hash);
}

static enum added commit_through_journal(struct store *store, struct partition *partition, struct segment *segment)
{
	struct slice slices[PIECES_MAX];
	struct iovec pieces[PIECES_MAX];
	struct mark target = cut(segment, group_room(store));
	if (target.position == segment->committing.position)
		return wait_for_filing(store);
	struct journal_entry entry = entry_for(partition, segment, target, ENTRY_BATCHES);
	uint64_t size;
	uint32_t count = segment_view(segment, segment->committing.position, target.position, slices, NULL, PIECES_MAX, &size);
	CHECK(size == entry.data_size_bytes);
	for (uint32_t i = 0; i < count; i++)
		pieces[i] = (struct iovec){(void *)slices[i].data, slices[i].size};
	entry.data_checksum = payload_checksum(store, slices, count);
	if (!make_room_for_item(store) || !journal_add(store->journal, &entry, pieces, count))
		return ADDED_GROUP_FULL;
	take_item(&store->group, partition, segment, target, false);
	return ADDED_ALL;
}

/* ---- the group ------------------------------------------------------------------------------------------------------- */

/* One entry for all of them: it never goes back from what an earlier one said, as what repeats it, when that one is lost, knows the last one alone. */
static bool commit_trims(struct store *store, struct partition *partition)
{
	if (list_is_empty(&partition->trims))
		return true;
	int64_t start = partition->trim_offset > partition->start_offset ? partition->trim_offset : partition->start_offset;
	struct journal_entry entry = {.kind = ENTRY_LOG_START, .topic_id = partition->topic_id, .partition = partition->index, .base_offset = start, .end_offset = start, .may_pass_span = true};
	if (!journal_add(store->journal, &entry, NULL, 0))
		return false;
	for (struct list *node; (node = list_pop_front(&partition->trims));) {
		list_push_back(&store->group.trims, node);
		partition__retain(partition);
	}
	return true;
}

/* Adds what a partition has to commit: all of it; or up to a large piece that the next group shall take; or what still fits. */
static enum added commit_partition(struct store *store, struct partition *partition)
{
	if (!commit_trims(store, partition))
		return ADDED_GROUP_FULL;
	for (struct segment *segment; (segment = first_uncommitted(partition));) {
		bool is_direct = can_go_direct(store, partition, segment);
		if (store->failure)
			return ADDED_GROUP_FULL;
		if (partition->offline_err)
			return ADDED_ALL;
		if (is_direct && is_direct_share_full(store))
			return ADDED_DEFERRED;
		enum added added = is_direct ? commit_direct(store, partition, segment) : commit_through_journal(store, partition, segment);
		if (store->failure)
			return ADDED_GROUP_FULL;
		if (added != ADDED_ALL || partition->offline_err)
			return added;
	}
	return ADDED_ALL;
}

/* What does not wait for the others: they wait for room on the disk, which trims may give. */
static enum added commit_urgent(struct store *store, struct partition *partition)
{
	if (partition->topic->is_internal)
		return commit_partition(store, partition);
	if (!commit_trims(store, partition))
		return ADDED_GROUP_FULL;
	return first_uncommitted(partition) ? ADDED_DEFERRED : ADDED_ALL;
}

static void commit_all_urgent(struct store *store)
{
	LIST_FOR_EACH_SAFE(node, &store->home.dirty) {
		struct partition *partition = LIST_ENTRY(node, struct partition, dirty_node);
		if (store->failure)
			return;
		if (commit_urgent(store, partition) == ADDED_ALL)
			list_remove(&partition->dirty_node);
	}
}

/* Who was deferred comes first in the next group. */
static void commit_dirty(struct store *store)
{
	struct list deferred;
	list_init(&deferred);
	enum added added = ADDED_ALL;
	store->group.direct_size_min = direct_size_min(store);
	while (added != ADDED_GROUP_FULL && !list_is_empty(&store->home.dirty)) {
		struct partition *partition = LIST_ENTRY(store->home.dirty.next, struct partition, dirty_node);
		added = commit_partition(store, partition);
		if (added == ADDED_GROUP_FULL)
			break;
		list_remove(&partition->dirty_node);
		if (added == ADDED_DEFERRED)
			list_push_back(&deferred, &partition->dirty_node);
	}
	if (added == ADDED_GROUP_FULL && (store->is_full || store_is_short(store)))
		commit_all_urgent(store);
	list_splice(&deferred, &store->home.dirty);
	list_splice(&store->home.dirty, &deferred);
}

void store_note_catalog(struct store *store, struct store_catalog_note *note)
{
	list_push_back(&store->catalog_notes, &note->node);
}

static void answer_notes(struct list *notes)
{
	struct list *node;
	while ((node = list_pop_front(notes))) {
		struct store_catalog_note *note = LIST_ENTRY(node, struct store_catalog_note, node);
		note->done(note);
	}
}

/* Who waits for the note waits on, unless nobody knows when there will be room. */
static bool note_later(struct store *store)
{
	if (store->home.refusal || store_is_short(store))
		answer_notes(&store->catalog_notes);
	return false;
}

/* What the group acknowledges may depend on what the catalog says since the last one, so the journal knows how far the catalog has come; and whoever has changed the catalog
 * waits for that. False: nothing to say, or no room, and then hardly for anything else. */
static bool note_catalog(struct store *store)
{
	uint64_t sequence = catalog_sequence(store->image);
	if (sequence == store->catalog_sequence)
		answer_notes(&store->catalog_notes);
	if (sequence == store->catalog_sequence || (list_is_empty(&store->home.dirty) && list_is_empty(&store->catalog_notes)))
		return false;
	struct journal_entry entry = {.kind = ENTRY_CATALOG, .may_pass_span = true, .base_offset = (int64_t)sequence, .end_offset = (int64_t)store->options.incarnation};
	if (!journal_add(store->journal, &entry, NULL, 0))
		return note_later(store);
	list_splice(&store->group.catalog_notes, &store->catalog_notes);
	store->catalog_sequence = sequence;
	return true;
}

/* Before all else, as the cycle of write-behind waits for it; if there is no room, it goes on without. */
static bool tell_ends(struct store *store)
{
	bool is_told = store->cycle.must_tell_ends && store__add_log_ends(store);
	store->cycle.must_tell_ends = false;
	if (is_told) {
		store->cycle.ends_seq = journal_open_seq(store->journal);
		journal_mark(store->journal); /* as no group is in flight, all before this one can go */
	}
	return is_told;
}

void store__commit(struct store *store)
{
	if (store->failure || store->is_journal_gone || !store->has_journal_started || store->is_stopped /* the seal is written */) {
		answer_notes(&store->catalog_notes);
		return;
	}
	if (store->group.is_in_flight)
		return;
	bool is_noted = tell_ends(store);
	is_noted |= note_catalog(store);
	commit_dirty(store);
	if (store->failure || (store->group.count == 0 && list_is_empty(&store->group.trims) && !is_noted))
		return;
	store->group.is_in_flight = true;
	store->home.committed_ns = io_now_ns(store->home.io);
	store->group.time_ms = io_wall_ms(store->home.io);
	if (retention_clock_is_behind(&store->retention_clock, store->group.time_ms, store->home.committed_ns))
		(void)store_retention_ms(store);
	journal_set_time(store->journal, store->group.time_ms);
	store->group.seq = journal_commit(store->journal);
	store__glance_at_journal(store);
}

void store__fail_group(struct store *store)
{
	struct list *node;
	while ((node = list_pop_front(&store->group.trims))) {
		struct trim_op *op = LIST_ENTRY(node, struct trim_op, node);
		op->err = ERR_FAILED;
		op->done(op);
		partition__release(op->partition);
	}
	answer_notes(&store->group.catalog_notes);
}

static void finish_trims(struct list *trims)
{
	struct list *node;
	while ((node = list_pop_front(trims))) {
		struct trim_op *op = LIST_ENTRY(node, struct trim_op, node);
		struct partition *partition = op->partition;
		partition__set_start(partition, op->offset);
		op->err = partition->is_closed ? ERR_CLOSED : 0;
		op->log_start_offset = partition->start_offset;
		op->done(op);
		partition__release(partition);
	}
}

static void move_marks(const struct group *done)
{
	for (uint32_t i = 0; i < done->count; i++) {
		const struct commit_item *item = &done->items[i];
		item->segment->is_direct_pending = false;
		partition__note_append_time(item->partition, item->segment, item->segment->durable.offset, item->target.offset, done->time_ms);
		partition__set_durable(item->partition, item->segment, item->target, item->is_direct && !item->partition->offline_err);
	}
}

static void tell(const struct group *done)
{
	for (uint32_t i = 0; i < done->count; i++) {
		partition__tell_durable(done->items[i].partition);
		partition__release(done->items[i].partition);
	}
}

/* The next group goes to the disk before anybody is told of this one, so that the disk works while answers are made. */
void store__group_durable(void *context, uint64_t seq)
{
	struct store *store = context;
	struct group *group = &store->group;
	if (!group->is_in_flight || seq < group->seq || store->failure || store->is_closing)
		return;
	struct group done = *group;
	struct list trims, notes;
	list_init(&trims);
	list_init(&notes);
	list_splice(&trims, &group->trims);
	list_splice(&notes, &group->catalog_notes);
	group->items = store->spare_items;
	group->capacity = store->spare_capacity;
	group->count = group->direct_count = 0;
	group->direct_bytes = group->behind_bytes = 0;
	group->is_in_flight = false;
	move_marks(&done);
	store__commit(store);
	if (group->is_in_flight)
		io_flush(store->home.io);
	tell(&done);
	finish_trims(&trims);
	answer_notes(&notes);
	store->spare_items = done.items;
	store->spare_capacity = done.capacity;
}
