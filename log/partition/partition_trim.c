/* The log start offset moves up: by DeleteRecords or by retention, both as a trim that the journal makes durable before anybody sees
 * it. Whole segments before the log start are removed once they are sealed, a few at a time (log/io/piecework.h), most of them behind the answer; a start in the
 * middle of a batch is fine, as readers filter. A crash or a stop between them leaves the others in the checkpoint, and the next life drops them. Kafka's rules:
 * UnifiedLog.deletableSegments, oldest first, stopping at the first that must stay. Retention leaves internal topics alone, whatever cleanup.policy somebody
 * gives them: their coordinators know what may go, and trim. */
#include "log/base/check.h"
#include "log/partition/partition_priv.h"

#define DROPS_AT_ONCE 4 /* segments: each is up to eight files, and some milliseconds where the disk is busy */

int partition_trim(struct partition *partition, struct trim_op *op)
{
	op->err = 0;
	op->partition = partition;
	op->node = (struct list){0};
	op->log_start_offset = partition->start_offset;
	if (partition->is_closed)
		return ERR_CLOSED;
	if (partition->has_failed)
		return ERR_FAILED;
	if (partition->offline_err)
		return ERR_OFFLINE;
	if (partition->home->trim_refusal)
		return partition->home->trim_refusal;
	if (op->offset == -1)
		op->offset = partition->durable_offset;
	if (op->offset < 0 || op->offset > partition->durable_offset)
		return ERR_OFFSET_OUT_OF_RANGE;
	if (op->offset > partition->trim_offset)
		partition->trim_offset = op->offset;
	list_push_back(&partition->trims, &op->node);
	partition__mark_dirty(partition);
	return 0;
}

/* ---- segments before it ---------------------------------------------------------------------------------------------- */

static struct segment *first_to_drop(const struct partition *partition)
{
	if (partition->is_closed || partition->offline_err || list_is_empty(&partition->segments))
		return NULL;
	struct segment *segment = LIST_ENTRY(partition->segments.next, struct segment, node);
	return segment->staged.offset <= partition->start_offset && segment->is_checkpointed ? segment : NULL;
}

static void drop_segment(struct partition *partition, struct segment *segment)
{
	partition->complete_bytes -= segment_size_bytes(segment);
	segment_unlink(segment);
	partition__let_segment_go(partition, segment);
}

/* Each partition one, and to the end of the queue. None while as much as may be is still being given back. */
static int drop_some(struct piecework *work, uint32_t count)
{
	struct partition_home *home = CONTAINER_OF(work, struct partition_home, drops);
	uint32_t dropped_count = 0;
	while (dropped_count < count && io_behind_count(home->io) < IO_BEHIND_MANY && !list_is_empty(&home->dropping)) {
		struct partition *partition = LIST_ENTRY(list_pop_front(&home->dropping), struct partition, drop_node);
		struct segment *segment = first_to_drop(partition);
		if (!segment)
			continue;
		drop_segment(partition, segment);
		dropped_count++;
		list_push_back(&home->dropping, &partition->drop_node);
	}
	bool must_wait = dropped_count == 0 && !list_is_empty(&home->dropping);
	return must_wait ? PIECEWORK_LATER : (int)dropped_count;
}

void partition__drop_segments(struct partition *partition)
{
	struct partition_home *home = partition->home;
	if (!first_to_drop(partition) || list_is_linked(&partition->drop_node))
		return;
	list_push_back(&home->dropping, &partition->drop_node);
	piecework_begin_now(&home->drops, home->io, DROPS_AT_ONCE, drop_some);
}

void partition__stop_dropping(struct partition_home *home)
{
	piecework_stop(&home->drops);
	while (list_pop_front(&home->dropping))
		;
}

void partition__set_start(struct partition *partition, int64_t start_offset)
{
	if (start_offset <= partition->start_offset)
		return;
	CHECK(start_offset <= partition->durable_offset);
	partition->start_offset = start_offset;
	partition->home->has_moved_start = true;
	if (epochs_truncate_start(&partition->epochs, start_offset))
		partition->epochs_changed = true;
	partition__drop_segments(partition);
	partition__wake_all(partition);
}

/* ---- retention ------------------------------------------------------------------------------------------------ */

static bool is_expired(const struct partition *partition, const struct segment *segment, int64_t now_ms)
{
	int64_t limit = partition->topic->config.retention_ms;
	return limit >= 0 && segment->max_timestamp_ms >= 0 && now_ms - segment->max_timestamp_ms > limit;
}

/* Where the log may start after retention: behind the last segment of the unbroken row of old or superfluous ones. */
static int64_t retained_from(const struct partition *partition, int64_t now_ms)
{
	int64_t limit = partition->topic->config.retention_bytes;
	uint64_t total = partition_size_bytes(partition);
	int64_t start = partition->start_offset;
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		uint64_t size = segment_size_bytes(segment);
		bool is_superfluous = limit >= 0 && segment->is_complete && total - size >= (uint64_t)limit;
		if (size == 0 || segment->durable.position != segment->staged.position || !(is_superfluous || is_expired(partition, segment, now_ms)))
			return start;
		total -= size;
		start = segment->staged.offset;
	}
	return start;
}

static void retention_done(struct trim_op *op)
{
	op->partition->is_retaining = false;
}

bool partition__retain_check(struct partition *partition, int64_t now_ms)
{
	partition__drop_segments(partition);
	if (partition->is_retaining || partition->is_closed || partition->offline_err || !partition->active || !partition->topic->config.is_deleted || partition->topic->is_internal)
		return false;
	int64_t start = retained_from(partition, now_ms);
	if (start <= partition->start_offset)
		return false;
	/* The active segment goes too: an empty one takes its place first. */
	if (start == partition->active->staged.offset && segment_size_bytes(partition->active) > 0 && partition__roll(partition))
		return false;
	partition->retention = (struct trim_op){.done = retention_done, .offset = start};
	partition->is_retaining = partition_trim(partition, &partition->retention) == 0;
	return partition->is_retaining;
}
