/* Write-behind: behind the journal's back, what is durable is filed into segments in large pieces, and then the journal may forget it.
 *
 * A cycle:
 *   - notes the last durable group, and has the next one tell where each log ends (log_ends.c);
 *   - files every partition that has durable bytes not in its files, a bounded number at a time;
 *   - writes beside the segments when their records were appended: behind each filing, and behind the last of them what could not be written there;
 *   - seals what is complete, saves indexes and epochs, and writes the checkpoint of what is so now, while appends and commits go on;
 *   - trims the journal up to the noted group.
 *
 * It begins when there is enough to file (filing_pace.c, which also says how much at a time); when appends lack memory, when much has gone
 * straight to segments (that is checked at recovery), some seconds after something became unfiled, and at the stop. Nothing unfiled and nothing to do: no timer, no wake-up.
 *
 * Failures: a full disk is a state: appends are refused, the cycle tries again every second, and resumes by itself; a stop does not
 * wait for that, as what is not filed is in the journal (store_stop.c). No descriptors, or no memory, are such a state too (shortage.c). What is one partition's own fault costs that
 * partition (go_offline.c). Any other error breaks durability: the store fails, reads go on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/segment/spare.h"
#include "log/store/store_priv.h"

#define FILINGS_AT_ONCE 32
#define FILINGS_AT_ONCE_LATE 128 /* while they are writing no more than this */
#define FILINGS_LATE_BYTES (2u << 20)
#define NEW_FILES_PER_TURN 8
#define TIMED_PER_TURN 16
#define TIMED_AT_ONCE 2 /* files of one partition, behind its filing: the one that ends, and the next */
#define SEALS_PER_TURN 1
#define SEALS_PER_TURN_AT_STOP 32
#define SAVED_PER_CYCLE 64
#define AGE_NS (5ull * 1000 * 1000 * 1000)
#define RETRY_NS (1ull * 1000 * 1000 * 1000)
#define DIRECT_BYTES_MAX (4ull << 30) /* headers of so much are walked in well under a second */

bool store__cycle_is_idle(const struct store *store)
{
	return store->cycle.state == CYCLE_IDLE;
}

/* Out of it only with the reserve in hand: until then, what is filed is filed from it. */
void store__set_full(struct store *store, bool is_full)
{
	if (!is_full && store->is_full && !store__hold_reserve(store))
		return;
	if (is_full && spares_give_up(store->home.segments.spares) && !store->is_full)
		return; /* there may be room again: what failed is tried once more before anybody is refused */
	if (is_full)
		store__release_reserve(store);
	store->tries_at_stop += is_full && store->is_stopping;
	if (store->is_full == is_full)
		return;
	store->is_full = is_full;
	store__update_refusal(store);
	store__set_journal_span(store);
	fprintf(stderr, is_full ? "spate: error: %s: the disk is full: produce is refused, fetch and delete are served; it resumes by itself "
				  "when there is space\n"
				: "spate: %s: there is space again: produce is accepted\n",
		store->dir);
}

static void retry(struct io_timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, cycle.retry);
	store->cycle.is_retrying = false;
}

/* Nothing tells when there is room again: it is tried once a second, and not each time somebody asks for room in the journal. */
void store__retry_later(struct store *store)
{
	store__set_full(store, true);
	if (store->cycle.is_retrying)
		return;
	store->cycle.is_retrying = true;
	store->cycle.retry.run = retry;
	io_timer_set(store->home.io, &store->cycle.retry, io_now_ns(store->home.io) + RETRY_NS);
}

void store__retry_now(struct store *store)
{
	io_timer_cancel(store->home.io, &store->cycle.retry);
	store->cycle.is_retrying = false;
}

/* To the end of this cycle's queue; from that of the next one, if more became durable meanwhile: the journal is trimmed at the end of
 * this cycle, so what it still needs to file must not be left for the next. */
static void queue_again(struct store *store, struct partition *partition)
{
	list_remove(&partition->unfiled_node);
	if (!partition->is_closed)
		list_push_back(&store->cycle.queue, &partition->unfiled_node);
}

/* A full disk: the partition goes to the end of the queue, and the queue waits. */
static void wait_for_space(struct store *store, struct partition *partition)
{
	queue_again(store, partition);
	store__retry_later(store);
}

/* No descriptor: likewise, until something that is under way has ended, or a moment later. */
static void wait_for_files(struct store *store, struct partition *partition, int err)
{
	store__note_shortage(store, err);
	queue_again(store, partition);
}

/* Memory has it still, and so has the journal. */
static void file_elsewhere(struct store *store, struct partition *partition, struct segment *segment)
{
	char why[2048];
	fprintf(stderr, "spate: error: %s. What was filed there before is lost unless it is put back\n", io_explain(store->home.io, ERR_GONE, why, sizeof why));
	segment_forget_file(segment);
	queue_again(store, partition);
}

/* While its directory's names and its segments are still in the processor's caches; but never of a file that a crash might take. What is left has its turn behind
 * the filings (write_some_times). */
static void write_times_at_once(struct store *store, struct partition *partition)
{
	uint32_t left = TIMED_AT_ONCE;
	if (list_is_linked(&partition->untimed_node) && store__is_entered(store, partition) && !partition__write_append_times(partition, &left))
		list_remove(&partition->untimed_node);
}

static void filing_done(struct segment *segment, void *context, struct mark target, int err)
{
	struct store *store = context;
	struct partition *partition = segment->partition;
	store->cycle.in_flight--;
	if (store->is_closing) {
		partition__release(partition);
		return;
	}
	if (partition->offline_err) {
		; /* what it has is kept elsewhere: whether the file's name is durable nobody knows */
	} else if (err_is_full(err)) {
		wait_for_space(store, partition);
	} else if (err_is_shortage(err)) {
		wait_for_files(store, partition, err);
	} else if (err == ERR_GONE) {
		if (!partition->is_closed) /* else the store itself has removed it */
			file_elsewhere(store, partition, segment);
	} else if (store__is_its_own_fault(err)) {
		store__go_offline(store, partition, err);
	} else if (err) {
		store__fail(store, err);
	} else {
		store__set_full(store, false);
		store__try_again(store);
		segment_set_filed(segment, target);
		store__note_filed(partition);
		if (store->cycle.is_tidy)
			segment_trim_padding(segment, false);
		if (target.offset >= partition->cycle_end_offset)
			write_times_at_once(store, partition);
		/* The rest is in its next segments. What became durable since this cycle began is for the next one. */
		if (target.offset < partition->cycle_end_offset)
			queue_again(store, partition);
		else if (target.offset < partition->durable_offset && !list_is_linked(&partition->unfiled_node) && !partition->is_closed)
			list_push_back(&store->home.unfiled, &partition->unfiled_node);
	}
	partition__release(partition);
}

/* Of what is known of all before `known`: where to go on. */
static struct list *from(struct partition *partition, struct segment *known)
{
	return known ? &known->node : partition->segments.next;
}

/* From where the last look ended, so that all looks together pass each segment once: from the end back, a cycle over many segments was quadratic. Only what
 * is complete and wholly filed is passed for good: in one that has more to commit, all that is durable may be filed, and more will be. */
static struct segment *first_unfiled(struct partition *partition)
{
	struct segment **before = &partition->filed_before;
	bool is_behind_all = true;
	for (struct list *node = from(partition, *before); node != &partition->segments; node = node->next) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		partition->home->filing_steps++;
		if (is_behind_all)
			*before = segment;
		is_behind_all &= segment->is_complete && segment_is_filed(segment);
		if (segment->filed.position < segment->durable.position)
			return segment;
	}
	return NULL;
}

/* Wholly before the log start, and nothing will be added: nobody wants it any more. It needs no file and no seal; and may have no file, where a crash
 * came between the removal of its files and the checkpoint that does not tell of it. */
static bool is_unwanted(const struct partition *partition, const struct segment *segment)
{
	return segment->is_complete && segment->staged.offset <= partition->start_offset && segment->durable.position == segment->staged.position &&
	       !segment->filing && !segment->is_direct_pending;
}

static struct segment *first_to_file(struct partition *partition)
{
	struct segment *segment;
	while ((segment = first_unfiled(partition)) && is_unwanted(partition, segment))
		segment_set_filed(segment, segment->durable);
	return segment;
}

/* Begins to file the partition's next unfiled segment. False: the queue must wait. */
static bool file_partition(struct store *store, struct partition *partition)
{
	struct segment *segment = first_to_file(partition);
	if (!segment)
		return true;
	if (segment->filing || segment->is_direct_pending) {
		/* A direct piece is under way, and with it everything before it; its group's end moves the mark. */
		list_push_back(&store->cycle.queue, &partition->unfiled_node);
		return false;
	}
	int err = partition__prepare_dir(partition);
	if (!err && !store->cycle.is_tidy && !store->is_full)
		err = segment_prepare_growth(segment, segment->durable.position);
	if (!err)
		err = segment_file_behind(segment, segment->durable, filing_done, store);
	partition__note_file(partition, segment);
	if (!err) {
		partition->refused_ns = 0;
		partition__retain(partition);
		store->cycle.in_flight++;
		return true;
	}
	if (err == -EAGAIN)
		list_push_back(&store->cycle.queue, &partition->unfiled_node);
	else if (err_is_full(err))
		wait_for_space(store, partition);
	else if (store__may_pass(err) && !store__has_waited_enough(store, partition, err))
		wait_for_files(store, partition, err);
	else if (store__is_its_own_fault(err))
		store__go_offline(store, partition, err);
	else
		store__fail(store, err);
	return partition->offline_err != 0;
}

/* Each waits for a flush of the disk, which those that wait together share: where the journal fills behind thousands of small ones, more of them do. */
static bool may_begin_another(const struct store *store)
{
	if (store->cycle.in_flight < FILINGS_AT_ONCE)
		return true;
	return store->cycle.in_flight < FILINGS_AT_ONCE_LATE && store->home.segments.behind_bytes < FILINGS_LATE_BYTES && store__is_filing_late(store);
}

/* Making files takes system calls that block: only so many a turn, so that appends and acknowledgements go on between them. The filings begun
 * bring the next turn. */
static void pump(struct store *store)
{
	for (int made = 0; made < NEW_FILES_PER_TURN && !list_is_empty(&store->cycle.queue) && may_begin_another(store) &&
			   segment_can_file_behind(&store->home.segments) && !store->cycle.is_retrying && !store__must_wait(store);) {
		struct partition *partition = LIST_ENTRY(list_pop_front(&store->cycle.queue), struct partition, unfiled_node);
		if (partition->offline_err) /* it is kept elsewhere */
			continue;
		made += !partition->has_dir;
		if (!file_partition(store, partition))
			return;
	}
}

/* ---- now, before a store has started ---------------------------------------------------------------------------------- */

struct filing_now {
	uint32_t in_flight;
	struct partition *failed;
	int err;
};

static void filed_now(struct segment *segment, void *context, struct mark target, int err)
{
	struct filing_now *now = context;
	now->in_flight--;
	if (err && !now->err) {
		now->err = err;
		now->failed = segment->partition;
	}
	if (!err) {
		segment_set_filed(segment, target);
		store__note_filed(segment->partition);
	}
}

/* The partition's next unfiled segment, unless one of it is under way. */
static int begin_now(struct partition *partition, struct filing_now *now)
{
	struct segment *segment = first_to_file(partition);
	if (!segment || segment->filing)
		return 0;
	int err = partition__prepare_dir(partition);
	if (!err)
		err = segment_file(segment, segment->durable, filed_now, now);
	partition__note_file(partition, segment);
	now->in_flight += err == 0;
	return err == -EAGAIN ? 0 : err; /* those under way give theirs back */
}

int store__file_now(struct store *store, struct partition *const *partitions, uint32_t count, struct partition **failed)
{
	struct filing_now now = {0};
	for (;;) {
		for (uint32_t i = 0; i < count && !now.err; i++) {
			now.err = partitions[i]->offline_err ? 0 : begin_now(partitions[i], &now);
			now.failed = now.err ? partitions[i] : NULL;
		}
		*failed = now.failed;
		if (!now.in_flight)
			return now.err;
		int turned = io_turn(store->home.io, true);
		if (turned < 0)
			return turned;
	}
}

/* ---- append times --------------------------------------------------------------------------------------------------- */

static void nothing(struct io_timer *timer)
{
}

static void turn_again(struct store *store)
{
	store->cycle.timer.run = nothing;
	io_timer_set(store->home.io, &store->cycle.timer, io_now_ns(store->home.io));
}

/* Before the journal is trimmed, which has them as well. Each is a few system calls: so many a turn, and the next turn at once. True when all are
 * written, or cannot be, which costs no record: then they are tried again in the next cycle. */
static bool write_some_times(struct store *store)
{
	struct list *node;
	uint32_t left = TIMED_PER_TURN;
	for (int i = 0; i < TIMED_PER_TURN && left && (node = list_pop_front(&store->cycle.untimed)); i++) {
		struct partition *partition = LIST_ENTRY(node, struct partition, untimed_node);
		if (partition__write_append_times(partition, &left))
			list_push_back(left ? &store->home.untimed : &store->cycle.untimed, &partition->untimed_node);
	}
	if (list_is_empty(&store->cycle.untimed))
		return true;
	turn_again(store);
	return false;
}

/* ---- seals -------------------------------------------------------------------------------------------------------------- */

/* Kafka's name and form: the state of idempotent producers at an offset. */
static void write_snapshot(struct store *store, struct partition *partition, int64_t offset, const uint8_t *bytes, size_t size)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	segment_name_format(name, offset, SEGMENT_FILE_SNAPSHOT);
	snprintf(path, sizeof path, "%s/%s", partition->dir, name);
	int err = foreign_file_write_over(store->home.io, path, bytes, size);
	(void)err; /* derived: checked by its CRC when it is read */
}

static void write_segments_snapshot(struct store *store, struct partition *partition, struct segment *segment)
{
	if (!segment->snapshot)
		return;
	write_snapshot(store, partition, segment->staged.offset, segment->snapshot, segment->snapshot_size);
	free(segment->snapshot);
	segment->snapshot = NULL;
}

/* At most *left of them, which are taken off it. */
static int seal_complete(struct store *store, struct partition *partition, uint32_t *left)
{
	bool is_left = false, is_behind_all = true;
	for (struct list *node = from(partition, partition->sealed_before); node != &partition->segments; node = node->next) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		partition->home->filing_steps++;
		if (is_behind_all)
			partition->sealed_before = segment;
		is_behind_all &= segment->is_sealed;
		if (!segment->is_complete || segment->is_sealed)
			continue;
		if (segment_is_filed(segment) && is_unwanted(partition, segment)) {
			segment->is_sealed = true; /* it is dropped once the checkpoint is written */
			continue;
		}
		if (!segment_is_filed(segment) || segment->filing || !segment->has_file) {
			is_left = true;
			continue;
		}
		if (*left == 0) {
			is_left = true;
			break;
		}
		(*left)--;
		int err = partition__prepare_dir(partition); /* all of the segment may be lost, and its directory with it */
		if (!err)
			err = segment_seal(segment, partition__is_damaged(partition, segment->base_offset, segment->staged.offset));
		partition__note_file(partition, segment);
		if (err)
			return err;
		write_segments_snapshot(store, partition, segment);
	}
	partition->has_unsealed = is_left;
	return 0;
}

/* Each is a few files made and cut, 1 to 20 ms where the disk has much to do, and the partitions of a topic are complete all at once. So one a turn, and the next turn at once: nor are those
 * in a hurry served by a turn that is as long as all of them. True when all is sealed that can be; or it met an error, which the end of the
 * cycle meets as well. */
static bool seal_some(struct store *store)
{
	uint32_t left = store->is_stopping ? SEALS_PER_TURN_AT_STOP : SEALS_PER_TURN;
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (partition->has_unsealed && !partition->offline_err && seal_complete(store, partition, &left))
			return true;
		if (left == 0) {
			turn_again(store);
			return false;
		}
	}
	return true;
}

/* ---- the end of a cycle ----------------------------------------------------------------------------------------- */

static void save_epochs(struct store *store, struct partition *partition)
{
	size_t size = epochs_encoded_size_max(&partition->epochs);
	char *text = malloc(size);
	if (!text)
		return;
	size = epochs_encode(&partition->epochs, text, size);
	char path[4096];
	snprintf(path, sizeof path, "%s/leader-epoch-checkpoint", partition->dir);
	/* Derived from the batches, and in the checkpoint as well: a failure here loses nothing. */
	if (foreign_file_write_over(store->home.io, path, text, size) == 0)
		partition->epochs_changed = false;
	free(text);
}

/* At the stop: the state at the log end. */
static void write_last_snapshot(struct store *store, struct partition *partition)
{
	if (!partition->producers || !segment_is_filed(partition->active))
		return;
	size_t size = producer_snapshot_size(partition->producers);
	uint8_t *bytes = malloc(size);
	if (!bytes)
		return;
	producer_snapshot_encode(partition->producers, bytes);
	write_snapshot(store, partition, partition->next_offset, bytes, size);
	free(bytes);
}

/* What can be made anew is never written at the expense of appends, as the loop waits for it: what is left is saved by later cycles, or at the stop. */
static bool is_leisure(const struct store *store)
{
	return store->is_stopping || (store->cycle.is_tidy && store->cycle.saved_count < SAVED_PER_CYCLE);
}

static int save_derived(struct store *store, struct partition *partition)
{
	bool is_all = is_leisure(store), has_epochs = partition->epochs_changed;
	uint32_t written = partition->active ? partition->active->index_written_count : 0;
	if (partition->has_dir && has_epochs && is_all)
		save_epochs(store, partition);
	int err = partition->active ? segment_save_indexes(partition->active, is_all) : 0;
	store->cycle.saved_count += has_epochs != partition->epochs_changed || (partition->active && partition->active->index_written_count != written);
	return err;
}

static int save_partition(struct store *store, struct partition *partition)
{
	if (partition->offline_err)
		return 0;
	uint32_t any = UINT32_MAX;
	int err = partition->has_unsealed ? seal_complete(store, partition, &any) : 0;
	if (!err)
		err = save_derived(store, partition);
	if (!err && partition->active && store->is_stopping) {
		segment_trim_padding(partition->active, true);
		write_last_snapshot(store, partition);
	}
	return err;
}

static void age_reached(struct io_timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, cycle.timer);
	store->cycle.is_due = true;
}

/* The checkpoint that was just written knows of all that is sealed: what of it lies before the log start can go. */
static void drop_checkpointed(struct partition *partition)
{
	for (struct list *node = partition->segments.prev; node != &partition->segments; node = node->prev) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->is_checkpointed)
			break;
		segment->is_checkpointed = segment->is_sealed;
	}
	partition__drop_segments(partition);
}

bool store__is_all_filed(const struct store *store)
{
	return (store->is_stopping || store->is_journal_gone) && !store->group.is_in_flight &&
	       (store->is_journal_gone || list_is_empty(&store->home.dirty)) && list_is_empty(&store->home.unfiled) &&
	       list_is_empty(&store->cycle.queue) && store->cycle.in_flight == 0;
}

/* What comes from here on is for the next checkpoint to tell. */
static void note_told(struct store *store)
{
	struct cycle *cycle = &store->cycle;
	cycle->told_direct_bytes = cycle->direct_bytes;
	cycle->told_rolled = store->home.has_rolled;
	cycle->told_damage = store->home.has_new_damage;
	store->home.has_rolled = store->home.has_new_damage = false;
}

/* It was not told. */
static void take_back(struct store *store)
{
	store->home.has_rolled |= store->cycle.told_rolled;
	store->home.has_new_damage |= store->cycle.told_damage;
}

static void let_journal_go(struct store *store)
{
	journal_note_checkpoint(store->journal, store->checkpoint_generation);
	journal_trim(store->journal, store->cycle.trim_seq);
	store->cycle.ends_seq = 0;
	store->cycle.direct_bytes -= store->cycle.told_direct_bytes;
	LIST_FOR_EACH(node, &store->partitions)
		drop_checkpointed(LIST_ENTRY(node, struct partition, store_node));
}

/* With the checkpoint in place, or without it. */
static void finish_cycle(struct store *store, int err, bool is_all_filed)
{
	store->cycle.state = CYCLE_IDLE;
	if (store->failure)
		return;
	if (err) {
		take_back(store);
	} else {
		let_journal_go(store);
		err = store__drop_kept(store);
	}
	if (err_is_full(err)) {
		store__retry_later(store);
		store->cycle.is_due = true; /* from its begin */
	} else if (err_is_shortage(err)) {
		store__note_shortage(store, err);
		store->cycle.is_due = true; /* from its begin */
	} else if (err) {
		store__fail(store, err);
	} else {
		store__end_shortage(store);
		spares_look_at_room(store->home.segments.spares);
		if (!store->is_stopping && !store__hold_reserve(store))
			store__set_full(store, true);
		store__set_full(store, false);
		store->must_file_first = false;
		store->is_final_cycle_done = is_all_filed;
		if (store->is_stopping && !is_all_filed)
			turn_again(store);
	}
}

/* What a stop says, or one that lost its journal, or a start that may not write its journal before, is waited for: nothing may come between. */
static bool may_go_on_meanwhile(const struct store *store)
{
	return !store->is_stopping && !store->is_journal_gone && !store->must_file_first;
}

static void end_cycle(struct store *store)
{
	if (store->failure) {
		store->cycle.state = CYCLE_IDLE;
		return;
	}
	int err = 0;
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		err = save_partition(store, partition);
		if (store__is_its_own_fault(err)) {
			store__go_offline(store, partition, err);
			err = 0;
		}
		if (err)
			break;
	}
	if (store__is_any_going(store)) { /* it is to be kept before the checkpoint is written */
		turn_again(store);
		return;
	}
	if (!err && store->home.has_moved_start)
		err = store__write_log_starts(store);
	bool is_all_filed = store__is_all_filed(store); /* as the checkpoint says */
	if (is_all_filed) /* what became durable while this cycle went on as well */
		store->cycle.trim_seq = store->cycle.ends_seq ? store->cycle.ends_seq - 1 : journal_durable_seq(store->journal);
	bool is_in_background = !err && may_go_on_meanwhile(store);
	note_told(store);
	if (!err)
		err = is_in_background ? store__start_checkpoint(store) : store__write_checkpoint(store);
	if (!err && is_in_background)
		store->cycle.state = CYCLE_CHECKPOINTING;
	else
		finish_cycle(store, err, is_all_filed);
}

/* ---- the begin of a cycle ------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct store *store)
{
	if (store->failure || store__must_wait(store) || store->cycle.is_retrying)
		return false;
	bool has_something = !list_is_empty(&store->home.unfiled) || store->home.has_rolled || store->cycle.direct_bytes > 0;
	/* What still waits for room in the journal may get it by a write under way there: a cycle without anything to file would be over at once, and begin again. Nor
	 * does one make room on a full disk: the stop gives up what waits for it, once nothing is under way. */
	bool is_stuck = store->is_full && store->tries_at_stop > 0;
	bool is_last = store->is_journal_gone || (store->is_stopping && (has_something || !(journal_is_writing(store->journal) || is_stuck)));
	/* Nor does one give memory back that has nothing to file, and no group to let go. */
	bool is_pressed = cache_pinned_bytes(store->cache) > cache_size_bytes(store->cache) / 2;
	bool has_to_gain = has_something || journal_durable_seq(store->journal) > store->cycle.trim_seq;
	return store->cycle.is_due || (store->home.wants_room && has_something) || (is_last && !store->is_final_cycle_done) ||
	       store__has_much_to_file(store) || (is_pressed && has_to_gain) || store->cycle.direct_bytes > DIRECT_BYTES_MAX;
}

static void begin_cycle(struct store *store)
{
	if (store->has_journal_started)
		store__look_for_journal(store);
	io_timer_cancel(store->home.io, &store->cycle.timer);
	store->cycle.is_tidy = (store->cycle.is_due || store->is_stopping) && !store->home.wants_room;
	store->home.wants_room = false;
	store->cycle.is_due = false;
	store->cycle.saved_count = 0;
	store->cycle.state = CYCLE_FILING;
	store__begin_pace(store);
	store->home.segments.write_round++;
	store->cycle.trim_seq = journal_durable_seq(store->journal);
	list_splice(&store->cycle.queue, &store->home.unfiled);
	list_splice(&store->cycle.untimed, &store->home.untimed);
	store->cycle.filed_count = 0;
	LIST_FOR_EACH(node, &store->cycle.queue) {
		struct partition *partition = LIST_ENTRY(node, struct partition, unfiled_node);
		partition->cycle_end_offset = partition->durable_offset;
		store->cycle.filed_count++;
	}
	bool are_told = store->cycle.ends_seq > 0; /* by a cycle that let nothing go: one a second, on a full disk, would fill the journal with them */
	if (are_told)
		store->cycle.trim_seq = store->cycle.ends_seq - 1;
	store->cycle.must_tell_ends = !are_told && store->has_journal_started && !store->is_stopped /* the seal is written */;
	store__set_journal_span(store);
	store__commit(store); /* nobody else may bring a turn */
}

/* What the cycle lets go is told of by what it keeps. */
static bool are_ends_told(const struct store *store)
{
	const struct cycle *cycle = &store->cycle;
	return store->is_journal_gone || (!cycle->must_tell_ends && cycle->ends_seq <= journal_durable_seq(store->journal));
}

static void wake_if_there_is_room(struct store *store)
{
	if (list_is_empty(&store->home.room_waits) || cache_pinned_bytes(store->cache) > cache_size_bytes(store->cache) * 3 / 4 ||
	    cache_generation(store->cache) == store->room_generation)
		return;
	store->room_generation = cache_generation(store->cache);
	store__wake_room_waits(store);
}

void store__wake_room_waits(struct store *store)
{
	struct list ready;
	list_init(&ready);
	list_splice(&ready, &store->home.room_waits);
	struct list *node;
	while ((node = list_pop_front(&ready))) {
		struct room_wait *wait = LIST_ENTRY(node, struct room_wait, node);
		wait->ready(wait);
	}
}

void store__cycle_turn(struct store *store)
{
	if (store__is_any_going(store))
		store__go_offline_turn(store);
	if (store->cycle.state == CYCLE_IDLE && is_wanted(store))
		begin_cycle(store);
	if (store->cycle.state == CYCLE_FILING) {
		if (!store->failure)
			store__sync_dirs_ahead(store);
		store__set_pace(store);
		if (!store->failure)
			pump(store);
		if (store->cycle.in_flight == 0 && (list_is_empty(&store->cycle.queue) || store->failure))
			store->cycle.state = CYCLE_SYNCING;
	}
	if (store->cycle.state == CYCLE_SYNCING &&
	    (store->failure || (store__sync_dirs(store) && write_some_times(store) && seal_some(store) && are_ends_told(store) && !store__is_any_going(store))))
		end_cycle(store);
	if (store->cycle.state == CYCLE_CHECKPOINTING && store->checkpoint.is_over)
		finish_cycle(store, store->checkpoint.err, false);
	if (store->cycle.state == CYCLE_IDLE && store->is_full && !store->failure && !store->cycle.timer.heap_index) { /* is there room again? */
		store->cycle.timer.run = age_reached;
		io_timer_set(store->home.io, &store->cycle.timer, io_now_ns(store->home.io) + RETRY_NS);
	}
	bool has_work = !list_is_empty(&store->home.unfiled) || store->home.has_rolled || store->cycle.direct_bytes > 0 ||
			store->home.has_new_damage;
	if (store->cycle.state == CYCLE_IDLE && has_work && !store->failure && !store->cycle.timer.heap_index) {
		store->cycle.timer.run = age_reached;
		io_timer_set(store->home.io, &store->cycle.timer, io_now_ns(store->home.io) + AGE_NS);
	}
	if (store->is_journal_gone && store->is_final_cycle_done)
		store__fail(store, ERR_GONE);
	wake_if_there_is_room(store);
}
