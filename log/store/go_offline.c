/* A partition goes offline while the store runs: its directory or a file in it cannot be written or read any more. That costs it, and nobody else.
 *
 * Happy path: none of this. Else, from a failed filing, piece, seal or open on (store__go_offline):
 *   - nothing more is taken, read, trimmed, filed or sealed there; what no group has yet ends with ERR_OFFLINE;
 *   - once none of its filings is under way, all that a group has and its files have not is kept, durably (offline.c): what the group in flight has of it as well, pieces
 *     included that were to go straight to its files and did not get there. That group goes on then: what it has of it is durable;
 *   - behind that group its memory is let go. No cycle ends before: so the checkpoint says what is in its files, what is kept begins there, and the journal is let go for both.
 * The next start that can read it takes up what was kept.
 *
 * What somebody may put right as it stands (no right to a file, a directory that leads nowhere) waits first, as the journal has it; until somebody else waits for room, or for half a minute.
 *
 * Failures: no room for what is kept: the disk is full, and it is tried again once a second. It cannot be written: then it is not that partition's fault alone, and durability is
 * broken; so it is where the names of files that were filed into could not be synced (dir_sync.c). A crash anywhere leaves all in the journal, or in the kept file beside it. */
#include <errno.h>
#include <stdio.h>

#include "log/store/store_priv.h"

#define PATIENCE_NS (30ull * 1000 * 1000 * 1000)
#define FULL_TRIES_MAX 5 /* at a stop */

bool store__is_its_own_fault(int err)
{
	return err_is_of_one_place(err) || err == -ENOENT || err == ERR_GONE || err == ERR_CORRUPT_LOG;
}

static void tell(const struct store *store, const struct partition *partition, int err)
{
	char why[2048];
	fprintf(stderr, "spate: error: %s is offline: %s. Its records are neither served nor taken before a start that can read and write it; what is not in its files is kept until then, "
			"and all other partitions are served\n", partition->dir, io_explain(store->home.io, err, why, sizeof why));
}

void store__go_offline(struct store *store, struct partition *partition, int err)
{
	if (partition->offline_err || partition->is_closed || store->failure)
		return;
	struct offline *offline = store__note_offline(store, partition);
	if (!offline) {
		store__fail(store, err);
		return;
	}
	offline->err = partition->offline_err = err;
	offline->is_going = true;
	offline->is_kept = false;
	store->going_count++;
	list_remove(&partition->dirty_node);
	list_remove(&partition->unfiled_node);
	list_remove(&partition->untimed_node);
	list_remove(&partition->drop_node);
	if (!partition->has_unentered) /* else what was filed depends on these names */
		list_remove(&partition->unsynced_node);
	tell(store, partition, err);
}

void store__hold_piece(struct store *store, const struct partition *partition)
{
	struct offline *offline = store__note_offline(store, partition);
	if (offline) /* else durability is broken, and nobody waits for its group any more */
		offline->held_count++;
}

/* Does anybody wait, who would not if it were offline? */
static bool is_pressed(const struct store *store)
{
	return store->must_file_first || (!store->is_stopping && !store->is_full && store__must_hurry(store));
}

bool store__has_waited_enough(const struct store *store, struct partition *partition, int err)
{
	uint64_t now_ns = io_now_ns(store->home.io);
	if (!partition->refused_ns)
		partition->refused_ns = now_ns;
	return err_is_out_of_reach(err) && (is_pressed(store) || now_ns - partition->refused_ns >= PATIENCE_NS);
}

/* ---- what is kept of it -------------------------------------------------------------------------------------------------- */

/* A trim of the group in flight moves it when that is durable. */
static int64_t log_start(const struct store *store, const struct partition *partition)
{
	int64_t start = partition->start_offset;
	LIST_FOR_EACH(node, &store->group.trims) {
		const struct trim_op *op = LIST_ENTRY(node, struct trim_op, node);
		if (op->partition == partition && op->offset > start)
			start = op->offset;
	}
	return start;
}

static struct kept_entry entry_of(const struct store *store, const struct partition *partition, struct journal_entry entry)
{
	entry.topic_id = partition->topic_id;
	entry.partition = partition->index;
	return (struct kept_entry){.entry = entry, .seq = journal_open_seq(store->journal), .incarnation = store->options.incarnation, .is_vouched = true,
				   .payload_size = entry.data_size_bytes};
}

static int keep_log_start(const struct store *store, const struct partition *partition, struct offline *offline)
{
	uint8_t *payload;
	int64_t start = log_start(store, partition);
	struct kept_entry kept = entry_of(store, partition, (struct journal_entry){.kind = ENTRY_LOG_START, .base_offset = start, .end_offset = start});
	return store__keep(offline, &kept, &payload);
}

/* What groups have of the segment, and its file has not. */
static int keep_segment(const struct store *store, const struct partition *partition, struct segment *segment, struct offline *offline)
{
	uint8_t *payload;
	struct kept_entry kept = entry_of(store, partition, (struct journal_entry){
		.kind = ENTRY_BATCHES,
		.base_offset = segment->filed.offset,
		.end_offset = segment->committing.offset,
		.segment_base_offset = segment->base_offset,
		.position = segment->filed.position,
		.data_size_bytes = (uint32_t)(segment->committing.position - segment->filed.position),
	});
	int err = store__keep(offline, &kept, &payload);
	if (!err)
		segment_peek(segment, segment->filed.position, payload, kept.payload_size);
	return err;
}

static struct segment *first_unfiled(const struct partition *partition)
{
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->filed.position < segment->committing.position)
			return segment;
	}
	return NULL;
}

/* A partition that came back with this start, and goes again before all of it was filed: what was kept then has more, unless it was kept of a running store behind what the journal had. */
static bool is_kept_by_then(const struct partition *partition, const struct offline *offline)
{
	const struct segment *segment = first_unfiled(partition);
	return offline->has_file && (!segment || segment->filed.offset >= offline->from);
}

static int collect(const struct store *store, struct partition *partition, struct offline *offline)
{
	offline->size = 0;
	int err = keep_log_start(store, partition, offline);
	struct segment *first = first_unfiled(partition);
	for (struct list *node = first ? &first->node : &partition->segments; node != &partition->segments && !err; node = node->next) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->filed.position < segment->committing.position)
			err = keep_segment(store, partition, segment, offline);
	}
	if (!err)
		offline->from = first ? first->filed.offset : INT64_MAX;
	return err;
}

static int keep(struct store *store, struct partition *partition, struct offline *offline)
{
	if (is_kept_by_then(partition, offline))
		return 0;
	store__forget_kept_data(offline);
	int err = collect(store, partition, offline);
	return err ? err : store__write_kept_file(store, offline);
}

/* ---- step by step -------------------------------------------------------------------------------------------------------- */

static bool is_being_filed(const struct partition *partition)
{
	LIST_FOR_EACH(node, &partition->segments)
		if (LIST_ENTRY(node, struct segment, node)->filing)
			return true;
	return false;
}

static bool is_in_group(const struct store *store, const struct partition *partition)
{
	for (uint32_t i = 0; i < store->group.count; i++)
		if (store->group.items[i].partition == partition)
			return true;
	LIST_FOR_EACH(node, &store->group.trims)
		if (LIST_ENTRY(node, struct trim_op, node)->partition == partition)
			return true;
	return false;
}

static void release_pieces(struct store *store, struct offline *offline)
{
	for (; offline->held_count; offline->held_count--)
		journal_release(store->journal, store->group.seq);
}

/* A stop does not wait for room for ever; nobody was told of what its last group has of the partition. */
static void wait_for_room(struct store *store, const struct offline *offline, int err)
{
	store__retry_later(store);
	if (store->is_stopping && offline->held_count && store->tries_at_stop >= FULL_TRIES_MAX)
		store__fail(store, err);
}

/* False: not yet. */
static bool is_kept(struct store *store, struct partition *partition, struct offline *offline)
{
	if (offline->is_kept || is_being_filed(partition) || store->cycle.is_retrying || store__must_wait(store))
		return offline->is_kept;
	int err = keep(store, partition, offline);
	offline->is_kept = !err;
	if (err_is_full(err))
		wait_for_room(store, offline, err);
	else if (err_is_shortage(err))
		store__note_shortage(store, err);
	else if (err)
		store__fail(store, err);
	return offline->is_kept;
}

static void end(struct store *store, struct offline *offline)
{
	store__forget_kept_data(offline);
	offline->is_going = false;
	store->going_count--;
}

/* Who waits may ask for anything, but for what was noted of the partition to go. */
static void go_on(struct store *store, uint32_t i)
{
	struct offline *offline = &store->offline[i];
	struct partition *partition = store_look_at_partition(store, &offline->topic_id, offline->index);
	if (!partition) { /* its topic was deleted: nobody misses a piece of it */
		release_pieces(store, offline);
		end(store, offline);
		return;
	}
	partition__end_uncommitted(partition, ERR_OFFLINE);
	offline = &store->offline[i];
	if (store->failure || !is_kept(store, partition, offline))
		return;
	release_pieces(store, offline);
	if (is_in_group(store, partition))
		return;
	partition__forget_unfiled(partition);
	end(store, offline);
}

bool store__is_any_going(const struct store *store)
{
	return store->going_count > 0;
}

void store__go_offline_turn(struct store *store)
{
	for (uint32_t i = 0; i < store->offline_count && !store->failure; i++)
		if (store->offline[i].is_going)
			go_on(store, i);
}
