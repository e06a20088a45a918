/* What coordinators emit, as batches of their partition; and the snapshots that let the log before them go.
 *
 * Happy path: at the end of a turn the records in the outbox are built into batches, in order, as few as their
 * size allows, and appended. The calls that finished go with the last of these batches; when it is durable they
 * are answered. Durability comes in the order of appends, so everything before it is durable as well.
 *
 * Failures: no memory in the log: the records stay in the outbox, those that come later behind them, and the
 * flush goes on when there is room. Any other refusal, or a batch whose durability broke, ends the coordinator
 * (hosted__end). A disk that takes nothing, full or stuck: from offsets.commit.timeout.ms on the calls are told so, those that come later at once,
 * until the oldest flight lands; the records stay where they are, and may still become durable.
 *
 * Snapshots. When the log since the last one is larger than the state it describes, several times over, the
 * coordinator writes its whole state as ordinary records, a piece a turn, while calls go on. When the last
 * piece is durable, the log is trimmed to the first piece's offset, which begins a segment: those before it are deleted. Why a crash at any point is harmless:
 *   - before the trim is durable, the log still has everything from before the snapshot began, and the pieces only say again what was true
 *     when they were written; a key's last record wins, and pieces and changes were emitted in one order;
 *   - after it, every group that was there when the snapshot began has its state in a piece or has been deleted since (its tombstones say so), and
 *     every change made meanwhile is a record behind the first piece. So what is left makes the same state.
 * The threshold grows with the state, so that snapshots are a bounded share of what is written, and the log a
 * bounded multiple of the state. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "net/api/api.h"
#include "net/route/group_host_priv.h"

/* Below this, loading takes no time anyone would notice. */
#define SNAPSHOT_LOG_BYTES_MIN (1u << 20)
#define SNAPSHOT_LOG_FACTOR 4u
/* Batches of a snapshot on their way at once. */
#define SNAPSHOT_FLIGHTS_MAX 8u
#define IDLE_FLIGHTS_MAX 64u
/* The batch buffer is kept up to this size. */
#define BATCH_KEEP_SIZE_MAX (4u << 20)

/* ---- flights ----------------------------------------------------------------------------------------------------------- */

static struct flight *take_flight(struct hosted *hosted)
{
	struct group_host *host = hosted->host;
	struct list *idle = list_pop_front(&host->idle_flights);
	struct flight *flight = idle ? LIST_ENTRY(idle, struct flight, node) : malloc(sizeof *flight);
	if (!flight)
		return NULL;
	host->idle_flight_count -= idle != NULL;
	*flight = (struct flight){.hosted = hosted, .begun_ns = io_now_ns(host->shard->io)};
	list_init(&flight->calls);
	return flight;
}

static void give_flight(struct group_host *host, struct flight *flight)
{
	if (host->idle_flight_count == IDLE_FLIGHTS_MAX) {
		free(flight);
		return;
	}
	flight->node = (struct list){0};
	list_push_front(&host->idle_flights, &flight->node);
	host->idle_flight_count++;
}

void group_log__free_flights(struct group_host *host)
{
	for (struct list *node; (node = list_pop_front(&host->idle_flights));)
		free(LIST_ENTRY(node, struct flight, node));
}

static void refused(struct hosted *hosted, int err)
{
	struct group_host *host = hosted->host;
	if (err != ERR_CLOSED && hosted__has_new_trouble(&hosted->write_trouble, err))
		log_line_limited(&host->troubles, io_now_ns(host->shard->io), LOG_ERROR,
				 "the log refuses what the groups of " GROUP_TOPIC
				 " partition %u have to write: %s; their calls are refused until it does not",
				 hosted->partition, err_text(err));
	hosted__end(hosted, KERR_COORDINATOR_NOT_AVAILABLE);
}

/* ---- late ------------------------------------------------------------------------------------------------------------------ */

/* Since when the oldest of what is to be written waits; UINT64_MAX: nothing does. */
static uint64_t waits_since_ns(const struct hosted *hosted)
{
	if (!list_is_empty(&hosted->flights))
		return LIST_ENTRY(hosted->flights.next, struct flight, node)->begun_ns;
	return hosted->room_wait_begun_ns > 0 ? hosted->room_wait_begun_ns : UINT64_MAX;
}

static bool has_become_late(const struct hosted *hosted)
{
	uint64_t since_ns = waits_since_ns(hosted), now_ns = io_now_ns(hosted->host->shard->io);
	return since_ns != UINT64_MAX && now_ns >= since_ns + hosted->host->commit_timeout_ns;
}

/* Once the timer runs it looks for itself: no flight sets it anew. */
static void watch(struct hosted *hosted)
{
	if (hosted->late_timer.heap_index == 0 && waits_since_ns(hosted) != UINT64_MAX)
		io_timer_set(hosted->host->shard->io, &hosted->late_timer, waits_since_ns(hosted) + hosted->host->commit_timeout_ns);
}

static void answer_all(struct hosted *hosted, enum kerr error)
{
	for (struct list *node = hosted->flights.next; node != &hosted->flights; node = node->next)
		hosted__answer(&LIST_ENTRY(node, struct flight, node)->calls, error);
	if (hosted->state == HOSTED_READY)
		hosted__answer(&coordinator_outbox(hosted->coordinator)->finished, error);
	hosted__refuse_waiting(hosted, error);
}

void group_log__look_if_late(struct io_timer *timer)
{
	struct hosted *hosted = CONTAINER_OF(timer, struct hosted, late_timer);
	struct group_host *host = hosted->host;
	if (!has_become_late(hosted)) {
		watch(hosted);
		return;
	}
	hosted->is_late = true;
	log_line_limited(&host->troubles, io_now_ns(host->shard->io), LOG_ERROR,
			 "what the groups of " GROUP_TOPIC " partition %u have to write waits for the disk since %llu ms (offsets.commit.timeout.ms); their calls are refused until it is written",
			 hosted->partition, (unsigned long long)(host->commit_timeout_ns / 1000000));
	answer_all(hosted, KERR_COORDINATOR_NOT_AVAILABLE);
}

static void trim_if_written(struct hosted *hosted);

static void landed(struct append_op *op)
{
	struct flight *flight = CONTAINER_OF(op, struct flight, op);
	struct hosted *hosted = flight->hosted;
	int err = op->err;
	list_remove(&flight->node);
	hosted->is_late = hosted->is_late && has_become_late(hosted);
	if (!err)
		hosted__end_trouble(hosted, &hosted->write_trouble, "are written again");
	hosted__answer(&flight->calls, err ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_NONE);
	give_flight(hosted->host, flight); /* and op with it */
	if (err && hosted->state == HOSTED_READY)
		refused(hosted, err);
	watch(hosted);
	if (hosted->state == HOSTED_READY) {
		trim_if_written(hosted);
		if (hosted->snapshot.state == SNAPSHOT_WRITING)
			hosted__mark_due(hosted);
	}
	hosted__returned(hosted);
}

/* ---- batches ------------------------------------------------------------------------------------------------------------- */

static size_t encoded_size_max(const struct group_record *record)
{
	return BATCH_HEADER_SIZE + RECORD_OVERHEAD_MAX + record->key.size + record->value.size;
}

static int reserve(struct group_host *host, size_t size)
{
	if (size <= host->batch_capacity)
		return 0;
	uint8_t *grown = malloc(size);
	if (!grown)
		return -ENOMEM;
	free(host->batch);
	host->batch = grown;
	host->batch_capacity = size;
	return 0;
}

static void give_back_large(struct group_host *host)
{
	if (host->batch_capacity <= BATCH_KEEP_SIZE_MAX)
		return;
	free(host->batch);
	host->batch = NULL;
	host->batch_capacity = 0;
}

/* One batch of as many records as the topic's largest message allows, from the first on; a record that is
 * larger by itself goes alone: the group of many members that it describes could not be kept otherwise. *next
 * is the first that is not in it. */
static int build_batch(struct hosted *hosted, size_t size_max, struct group_record *first, struct group_record **next, uint32_t *size_bytes)
{
	struct group_host *host = hosted->host;
	size_t alone = encoded_size_max(first);
	struct batch_builder builder;
	int err = reserve(host, alone > size_max ? alone : size_max);
	if (!err)
		err = batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, host->batch, alone > size_max ? alone : size_max);
	if (err)
		return err;
	int64_t now_ms = io_wall_ms(host->shard->io);
	for (*next = first; *next; *next = (*next)->next) {
		struct record record = {.timestamp_ms = now_ms, .key = (*next)->key, .value = (*next)->value};
		err = batch_builder_append(&builder, &record);
		if (err)
			break;
	}
	if (err && (err != ERR_BATCH_TOO_LARGE || *next == first))
		return err;
	return batch_builder_finish(&builder, size_bytes);
}

/* *next: as build_batch. */
static int append_batch(struct hosted *hosted, struct partition *partition, struct group_record *first, struct group_record **next)
{
	uint32_t size = 0;
	int err = build_batch(hosted, (size_t)partition_topic(partition)->config.max_message_bytes, first, next, &size);
	if (err)
		return err;
	struct flight *flight = take_flight(hosted);
	if (!flight)
		return -ENOMEM;
	flight->op = (struct append_op){
		.done = landed, .records = hosted->host->batch, .records_size_bytes = size, .is_zstd_allowed = true, .is_internal = true,
		.begins_segment = hosted->snapshot.begins_segment};
	err = partition_append(partition, &flight->op);
	if (err) {
		give_flight(hosted->host, flight);
		return err;
	}
	hosted->snapshot.begins_segment = false;
	list_push_back(&hosted->flights, &flight->node);
	hosted->in_flight++;
	hosted->snapshot.log_bytes += size;
	return 0;
}

/* The outbox is empty: its memory is used anew, and the calls go with the last flight. */
static void empty_outbox(struct hosted *hosted, struct group_outbox *outbox)
{
	group_outbox_clear(outbox);
	hosted->room_wait_begun_ns = 0;
	hosted__deliver(hosted);
}

/* Since when nothing goes on. */
static void wait_for_room(struct hosted *hosted, struct partition *partition, bool has_appended)
{
	if (has_appended || hosted->room_wait_begun_ns == 0)
		hosted->room_wait_begun_ns = io_now_ns(hosted->host->shard->io);
	partition_wait_room(partition, &hosted->room_wait);
}

void group_log__flush(struct hosted *hosted)
{
	struct group_outbox *outbox = coordinator_outbox(hosted->coordinator);
	if (!outbox->records || list_is_linked(&hosted->room_wait.node))
		return;
	struct partition *partition = hosted__partition(hosted);
	const struct group_record *first = outbox->records;
	int err = partition ? 0 : ERR_CLOSED;
	while (!err && outbox->records) {
		struct group_record *next = NULL;
		err = append_batch(hosted, partition, outbox->records, &next);
		if (!err)
			outbox->records = next;
	}
	give_back_large(hosted->host);
	if (err == ERR_BUSY)
		wait_for_room(hosted, partition, outbox->records != first);
	else if (err)
		refused(hosted, err);
	else
		empty_outbox(hosted, outbox);
	if (hosted->state == HOSTED_READY)
		watch(hosted);
}

/* ---- snapshots ------------------------------------------------------------------------------------------------------------- */

static void trimmed(struct trim_op *op)
{
	struct hosted *hosted = CONTAINER_OF(op, struct hosted, snapshot.trim);
	hosted->snapshot.state = SNAPSHOT_NONE;
	hosted__returned(hosted);
}

/* Once all of it is durable, the log before it may go. If the trim is refused, the next snapshot's may not be. */
static void trim_if_written(struct hosted *hosted)
{
	struct snapshot *snapshot = &hosted->snapshot;
	struct partition *partition = hosted__partition(hosted);
	if (snapshot->state != SNAPSHOT_WRITTEN || snapshot->end_offset < 0 || !partition)
		return;
	if (partition_high_watermark(partition) < snapshot->end_offset)
		return;
	snapshot->trim = (struct trim_op){.done = trimmed, .offset = snapshot->start_offset};
	if (partition_trim(partition, &snapshot->trim)) {
		snapshot->state = SNAPSHOT_NONE;
		return;
	}
	snapshot->state = SNAPSHOT_TRIMMING;
	hosted->in_flight++;
}

static bool is_worth_it(const struct hosted *hosted)
{
	uint64_t limit = SNAPSHOT_LOG_FACTOR * coordinator_state_size(hosted->coordinator);
	return hosted->snapshot.log_bytes > (limit > SNAPSHOT_LOG_BYTES_MIN ? limit : SNAPSHOT_LOG_BYTES_MIN);
}

static void begin_snapshot(struct hosted *hosted, const struct partition *partition)
{
	coordinator_snapshot_begin(hosted->coordinator);
	hosted->snapshot.state = SNAPSHOT_WRITING;
	hosted->snapshot.begins_segment = true;
	hosted->snapshot.start_offset = partition_log_end_offset(partition);
	hosted->snapshot.end_offset = -1;
	hosted->snapshot.log_bytes = 0;
}

/* Is the log able to take another piece now? */
static bool may_go_on(const struct hosted *hosted)
{
	return !list_is_linked(&hosted->room_wait.node) && hosted->in_flight < SNAPSHOT_FLIGHTS_MAX &&
	       !store_is_full(hosted->host->shard->store);
}

static void write_piece(struct hosted *hosted)
{
	bool is_more = coordinator_snapshot_next(hosted->coordinator);
	if (!is_more)
		hosted->snapshot.state = SNAPSHOT_WRITTEN;
	hosted__settle(hosted);
	if (hosted->state == HOSTED_READY)
		group_log__flush(hosted);
	if (is_more && hosted->state == HOSTED_READY)
		hosted__mark_due(hosted);
}

/* The last piece has been appended, maybe after it waited for room. */
static void note_end(struct hosted *hosted, const struct partition *partition)
{
	if (hosted->snapshot.state != SNAPSHOT_WRITTEN || hosted->snapshot.end_offset >= 0)
		return;
	if (coordinator_outbox(hosted->coordinator)->records)
		return;
	hosted->snapshot.end_offset = partition_log_end_offset(partition);
	trim_if_written(hosted);
}

/* A snapshot that begins has an empty outbox before it: the flush came first. */
void group_log__snapshot(struct hosted *hosted)
{
	struct snapshot *snapshot = &hosted->snapshot;
	struct partition *partition = hosted__partition(hosted);
	if (!partition)
		return;
	bool may_write = may_go_on(hosted);
	if (snapshot->state == SNAPSHOT_NONE && may_write && is_worth_it(hosted))
		begin_snapshot(hosted, partition);
	if (snapshot->state == SNAPSHOT_WRITING && may_write)
		write_piece(hosted);
	if (hosted->state == HOSTED_READY)
		note_end(hosted, partition);
}
