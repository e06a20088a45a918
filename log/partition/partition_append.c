/* Appending one produced batch.
 *
 * Happy path:
 *   - the batch is judged whole: header, CRC, every record (log/batch/validate.h), then its producer's sequence;
 *   - a new segment is started if this one is full or old;
 *   - room is reserved: nothing fails after this;
 *   - base offset and epoch are stamped outside the CRC, and the bytes are copied behind what is staged;
 *   - the partition is marked for the next commit, and the operation waits in order until its offset is durable.
 *
 * Failures: a refusal changes nothing. Where the directory holds records behind the log's end, of which nobody knows, their offsets are not given out again
 * (later.c). A repeated batch of an idempotent producer is a success with the offset it got, once that is durable: on a full disk as well. If durability breaks,
 * every waiting operation ends with ERR_FAILED. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/base/prefetch.h"
#include "log/batch/validate.h"
#include "log/partition/partition_priv.h"

#define ROOM_AHEAD_MAX (8u << 10) /* a larger batch is copied faster than its room is asked for */
#define KEPT_MEMORY_PART 16u /* for coordinators */

static struct batch_rules rules_of(const struct partition *partition, const struct append_op *op)
{
	const struct topic_config *config = &partition->topic->config;
	int level = config->codec == CODEC_GZIP ? config->gzip_level : config->codec == CODEC_LZ4 ? config->lz4_level : config->zstd_level;
	return (struct batch_rules){
		/* A coordinator's record cannot be smaller than what it describes. */
		.size_max = op->is_internal ? INT32_MAX : config->max_message_bytes,
		.now_ms = io_wall_ms(partition->home->io),
		.timestamp_before_max_ms = config->timestamp_before_max_ms,
		.timestamp_after_max_ms = config->timestamp_after_max_ms,
		.target_codec = config->codec,
		.level = level,
		.is_append_time = config->timestamp_type == TIMESTAMP_APPEND,
		.is_compacted = config->is_compacted,
		.is_zstd_allowed = op->is_zstd_allowed,
		.is_internal = op->is_internal,
		.decompressed_size_max = BATCH_DECOMPRESSED_SIZE_MAX,
	};
}

static void report_bad_records(struct append_op *op, const struct batch_verdict *verdict)
{
	uint32_t count = verdict->bad_record_count < BAD_RECORDS_MAX ? verdict->bad_record_count : BAD_RECORDS_MAX;
	op->record_error_count = count < RECORD_ERRORS_MAX ? count : RECORD_ERRORS_MAX;
	for (uint32_t i = 0; i < op->record_error_count; i++)
		op->record_errors[i] = (struct record_error){verdict->bad_records[i].index, verdict->bad_records[i].message};
}

/* Room for a re-encoded batch: it may come out larger than it went in, up to what the topic allows. */
static int rebuild(struct partition_home *home, const struct batch_rules *rules, struct batch_verdict *verdict, struct slice *bytes)
{
	/* A coordinator's batch has no bound but its own size; no codec makes bytes grow by more than that. */
	size_t wanted = rules->is_internal ? bytes->size + bytes->size / 8 + 4096 : (size_t)rules->size_max;
	if (home->rebuild_buffer_size < wanted) {
		uint8_t *grown = realloc(home->rebuild_buffer, wanted);
		if (!grown)
			return ERR_BUSY;
		home->rebuild_buffer = grown;
		home->rebuild_buffer_size = wanted;
	}
	uint32_t size = 0;
	int err = batch_rebuild(home->workspace, *bytes, rules, verdict, home->rebuild_buffer, wanted, &size);
	*bytes = (struct slice){home->rebuild_buffer, size};
	return err;
}

/* The bytes to store: the caller's, stamped in place, or a re-encoded copy. */
static int judge(struct partition *partition, struct append_op *op, struct batch_verdict *verdict, struct slice *bytes)
{
	struct batch_rules rules = rules_of(partition, op);
	*bytes = (struct slice){op->records, op->records_size_bytes};
	int err = batch_validate(partition->home->workspace, op->records, op->records_size_bytes, &rules, verdict);
	if (!err && verdict->needs_rebuild)
		err = rebuild(partition->home, &rules, verdict, bytes);
	if (err) {
		op->error_message = verdict->message;
		report_bad_records(op, verdict);
		return err;
	}
	if (verdict->batch.size_bytes > (uint32_t)partition->topic->config.segment_bytes)
		return ERR_BATCH_EXCEEDS_SEGMENT;
	/* It would wait for memory for ever. */
	if (verdict->batch.size_bytes > cache_size_bytes(partition->home->segments.cache) / 2) {
		op->error_message = "the batch is larger than half of spate.cache.bytes";
		return ERR_BATCH_TOO_LARGE;
	}
	return 0;
}

/* Kafka's LogSegment.shouldRoll; the jitter is the partition's own, so that not all roll at once. */
static bool should_roll(const struct partition *partition, const struct append_op *op, const struct batch *batch, int64_t now_ms)
{
	const struct segment *segment = partition->active;
	const struct topic_config *config = &partition->topic->config;
	if (!segment)
		return true;
	if (segment_size_bytes(segment) == 0)
		return false;
	int64_t jitter = config->segment_jitter_ms > 0 ? (int64_t)(partition->index * 2654435761u % (uint64_t)config->segment_jitter_ms) : 0;
	int64_t end_offset = partition->next_offset + batch->last_offset_delta;
	return op->begins_segment || segment_size_bytes(segment) + batch->size_bytes > (uint64_t)config->segment_bytes ||
	       (segment->first_timestamp_ms >= 0 && now_ms - segment->first_timestamp_ms > config->segment_ms - jitter &&
		batch->max_timestamp_ms - segment->first_timestamp_ms > config->segment_ms - jitter) ||
	       offset_index_is_full(&segment->offsets) || time_index_is_full(&segment->times) ||
	       end_offset - segment->base_offset > INT32_MAX;
}

int partition__reserve(struct partition *partition, const struct batch *batch)
{
	int err = epochs_reserve(&partition->epochs);
	if (!err && batch_has_producer(batch))
		err = producer_reserve(&partition->producers, batch->producer_id, partition->home->producers_max);
	return err;
}

/* The last of memory is left to coordinators: where nothing can be filed, clients' batches never give back what they have. */
static bool must_leave_memory(const struct partition *partition, const struct append_op *op, uint32_t size)
{
	const struct cache *cache = partition->home->segments.cache;
	uint64_t pinned = cache_pinned_bytes(cache), most = cache_size_bytes(cache);
	return !op->is_internal && pinned > most / 2 && pinned + size > most - most / KEPT_MEMORY_PART;
}

static int make_room(struct partition *partition, const struct append_op *op, const struct batch *batch)
{
	int err = must_leave_memory(partition, op, batch->size_bytes) ? ERR_BUSY : 0;
	if (!err && should_roll(partition, op, batch, io_wall_ms(partition->home->io)))
		err = partition__roll(partition);
	if (!err)
		err = partition__reserve(partition, batch);
	if (!err)
		err = segment_reserve(partition->active, batch->size_bytes);
	if (err == ERR_BUSY)
		partition->home->wants_room = true;
	return err;
}

/* The epoch must not be missed: a batch of an epoch that nobody knows passes for damage when it is read. */
void partition__learn(struct partition *partition, const struct batch *batch)
{
	int changed = epochs_assign(&partition->epochs, batch->leader_epoch, batch->base_offset);
	if (changed > 0)
		partition->epochs_changed = true;
	if (partition->refused_first)
		refused_first_forget(&partition->refused_first, batch->producer_id);
	/* The room was reserved; where that was refused in a replay (not for lack of memory), there is a producer less, who may go on with any sequence. */
	int err = producer_update(&partition->producers, batch, io_wall_ms(partition->home->io), partition->home->producers_max);
	(void)err;
}

void partition__stage(struct partition *partition, const uint8_t *bytes, const struct batch *batch, int64_t max_timestamp_offset)
{
	segment_stage(partition->active, bytes, batch, max_timestamp_offset);
	partition->next_offset = batch_next_offset(batch);
	partition__learn(partition, batch);
}

static void wait_until_durable(struct partition *partition, struct append_op *op)
{
	if (op->end_offset <= partition->durable_offset)
		list_push_back(&partition->home->finished, &op->node);
	else
		list_push_back(&partition->waiting, &op->node);
}

/* Duplicates wait behind everything staged before them, which keeps `waiting` in order of end offsets for those that matter. */
static int answer_duplicate(struct partition *partition, struct append_op *op, const struct producer_batch *duplicate)
{
	op->base_offset = producer_batch_base_offset(duplicate);
	if (partition->topic->config.timestamp_type == TIMESTAMP_APPEND)
		op->log_append_time_ms = duplicate->timestamp_ms;
	op->log_start_offset = partition->start_offset;
	op->end_offset = duplicate->last_offset + 1;
	if (op->end_offset > partition->durable_offset)
		op->end_offset = partition->next_offset;
	wait_until_durable(partition, op);
	return 0;
}

static void reset_answer(struct append_op *op)
{
	op->err = 0;
	op->base_offset = op->log_append_time_ms = op->log_start_offset = -1;
	op->record_error_count = 0;
	op->error_message = NULL;
	op->node = (struct list){0};
}

static bool is_of_new_producer(const struct partition *partition, const struct batch *batch)
{
	return batch_has_producer(batch) && !batch_is_control(batch) && !producer_find(partition->producers, batch->producer_id);
}

static int judge_sequence(const struct partition *partition, const struct batch *batch, struct producer_batch *duplicate)
{
	if (partition->refused_first && is_of_new_producer(partition, batch))
		return refused_first_check(partition->refused_first, batch);
	return producer_check(partition->producers, batch, duplicate);
}

/* Refused for now: what comes behind it is not to be taken in its place. */
static void note_refusal(struct partition *partition, const struct append_op *op)
{
	struct batch batch;
	if (op->is_internal || batch_parse_header((struct slice){op->records, op->records_size_bytes}, &batch) || !is_of_new_producer(partition, &batch))
		return;
	refused_first_note(&partition->refused_first, &batch);
}

/* What staging needs, where the batch will go included: on its way while the batch is judged, which takes as long. */
static void ask_ahead(const struct partition *partition, uint64_t size)
{
	if (!partition->active || size > ROOM_AHEAD_MAX)
		return;
	prefetch_to_write(partition, sizeof *partition);
	if (partition->epochs.count)
		prefetch_to_read(&partition->epochs.entries[partition->epochs.count - 1], sizeof *partition->epochs.entries);
	segment_ask_ahead(partition->active, size);
}

static int append(struct partition *partition, struct append_op *op)
{
	struct batch_verdict verdict;
	struct slice bytes;
	ask_ahead(partition, op->records_size_bytes);
	int err = judge(partition, op, &verdict, &bytes);
	if (err)
		return err;
	struct batch *batch = &verdict.batch;
	struct producer_batch duplicate;
	int known = op->is_internal ? PRODUCER_APPEND : judge_sequence(partition, batch, &duplicate);
	if (known < 0)
		return known;
	if (known == PRODUCER_DUPLICATE)
		return answer_duplicate(partition, op, &duplicate);
	err = make_room(partition, op, batch);
	if (err)
		return err;

	batch->base_offset = partition->next_offset;
	batch->leader_epoch = partition_leader_epoch(partition);
	batch_stamp_verdict((uint8_t *)bytes.data, &verdict);
	batch_stamp_offset((uint8_t *)bytes.data, batch->base_offset, batch->leader_epoch);
	partition__stage(partition, bytes.data, batch, batch->base_offset + verdict.delta_of_max_timestamp);
	partition__mark_dirty(partition);
	partition->counters.records_in += (uint64_t)batch->last_offset_delta + 1;
	partition->counters.bytes_in += batch->size_bytes;
	op->base_offset = batch->base_offset;
	op->log_append_time_ms = verdict.append_time_ms;
	op->end_offset = partition->next_offset;
	wait_until_durable(partition, op);
	return 0;
}

/* A retry of what is in the log needs no room. Refused with what is new, it would be overtaken by the retry of the batch behind it as soon as there is
 * room again: acknowledged out of order. By its header alone; append() judges it whole. */
static bool is_answered_all_the_same(const struct partition *partition, const struct append_op *op)
{
	struct batch batch;
	struct producer_batch duplicate;
	return !partition->home->refuses_repeats && !op->is_internal &&
	       !batch_parse_header((struct slice){op->records, op->records_size_bytes}, &batch) && batch_has_producer(&batch) &&
	       judge_sequence(partition, &batch, &duplicate) == PRODUCER_DUPLICATE;
}

static int refusal_of(const struct partition *partition, struct append_op *op)
{
	if (partition->is_closed || partition->has_failed)
		return partition->is_closed ? ERR_CLOSED : ERR_FAILED;
	if (partition->offline_err)
		return ERR_OFFLINE;
	int err = op->is_internal ? partition->home->internal_refusal : partition->home->refusal;
	if (!err && partition->is_tail_unseen) {
		op->error_message = "the end of the partition's log could not be looked at since a crash: its directory or a file there cannot be read";
		err = -EIO;
	}
	return err && is_answered_all_the_same(partition, op) ? 0 : err;
}

static int look_at_end(struct partition *partition, struct append_op *op)
{
	int err = partition__look_at_end(partition);
	if (err == ERR_CORRUPT_LOG)
		op->error_message = "the partition's directory holds later records than are known: its catalog, journal and checkpoint are of an earlier time";
	return err;
}

int partition_append(struct partition *partition, struct append_op *op)
{
	reset_answer(op);
	int err = refusal_of(partition, op);
	if (!err && (partition->is_end_doubtful || partition->later_to) && !is_answered_all_the_same(partition, op))
		err = look_at_end(partition, op);
	if (!err)
		err = append(partition, op);
	if (err_is_full(err) || err_is_shortage(err))
		note_refusal(partition, op);
	partition->counters.appends += err != ERR_BUSY;
	if (err) {
		partition->counters.appends_failed += err != ERR_BUSY;
		op->err = err;
		op->log_start_offset = partition->start_offset;
	}
	return err;
}

void partition_wait_room(struct partition *partition, struct room_wait *wait)
{
	partition->home->wants_room = true;
	list_push_back(&partition->home->room_waits, &wait->node);
}
