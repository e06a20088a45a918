/* Where tasks run. `perform` runs a task on its owner and says whether it is complete; what is not complete has a callback that ends in
 * `finish`, which brings the task home: directly, or as a message.
 *
 * Appends that find no memory wait in order of arrival behind the first one, local and crossed alike, so that pipelined batches of a
 * producer keep their order. A cancel of a watch on another shard crosses too and counts as pending: it may meet the watch on its
 * way home, and then finds nothing to do. */
#include "net/route/task.h"

#include "log/base/check.h"
#include "log/store/store.h"
#include "net/api/api.h"

static struct shard *shard_of(const struct task *task, uint32_t index)
{
	return task->request->shard->peers[index];
}

void shard_post(struct shard *from, struct shard *to, struct message *message)
{
	metrics_add(&from->metrics.messages_crossed, 1);
	if (mailbox_post(&to->mailbox, message))
		io_wake(to->io);
}

void task_init(struct task *task, struct request *request, const struct uuid *topic_id, int32_t partition)
{
	*task = (struct task){.request = request, .topic_id = *topic_id, .partition = (uint32_t)partition};
}

/* ---- going home -------------------------------------------------------------------------------------------------------- */

static void come_home(struct task *task)
{
	task->is_pending = false;
	if (task->done)
		task->done(task);
	request_returned(task->request);
}

static void finish(struct task *task)
{
	if (task->owner == task->origin) {
		come_home(task);
		return;
	}
	task->message.kind = MESSAGE_RETURN;
	shard_post(shard_of(task, task->owner), shard_of(task, task->origin), &task->message);
}

/* ---- on the owner ------------------------------------------------------------------------------------------------------- */

static struct partition *find(struct shard *shard, struct task *task)
{
	struct partition *partition = store_partition(shard->store, &task->topic_id, task->partition);
	if (!partition)
		task->err = ERR_UNKNOWN_TOPIC;
	else if (partition_is_offline(partition))
		task->err = ERR_OFFLINE;
	return partition && !partition_is_offline(partition) ? partition : NULL;
}

int task_check_epoch(const struct partition *partition, int32_t current_leader_epoch)
{
	int32_t epoch = partition_leader_epoch(partition);
	if (current_leader_epoch == TASK_NO_EPOCH || current_leader_epoch == epoch)
		return 0;
	return current_leader_epoch < epoch ? TASK_FENCED_EPOCH : TASK_UNKNOWN_EPOCH;
}

static void append_finished(struct append_op *op)
{
	struct append_task *append = CONTAINER_OF(op, struct append_task, op);
	append->task.err = op->err;
	finish(&append->task);
}

static void has_room(struct room_wait *wait)
{
	CONTAINER_OF(wait, struct shard, room_wait)->has_room_news = true;
}

/* False: there is no memory now. */
static bool try_append(struct shard *shard, struct append_task *append, enum task_result *result)
{
	struct partition *partition = find(shard, &append->task);
	append->op.done = append_finished;
	int err = partition ? partition_append(partition, &append->op) : append->task.err;
	if (err == ERR_BUSY) {
		shard->room_wait.ready = has_room;
		if (!list_is_linked(&shard->room_wait.node))
			partition_wait_room(partition, &shard->room_wait);
		return false;
	}
	append->task.err = err;
	append->is_taken = true;
	*result = err ? TASK_DONE : TASK_PENDING;
	return true;
}

static enum task_result perform_append(struct shard *shard, struct append_task *append)
{
	enum task_result result = TASK_PENDING;
	if (!list_is_empty(&shard->blocked_appends) || !try_append(shard, append, &result))
		list_push_back(&shard->blocked_appends, &append->node);
	return result;
}

void task_retry_appends(struct shard *shard)
{
	if (!shard->has_room_news)
		return;
	shard->has_room_news = false;
	while (!list_is_empty(&shard->blocked_appends)) {
		struct append_task *append = LIST_ENTRY(shard->blocked_appends.next, struct append_task, node);
		enum task_result result;
		if (!try_append(shard, append, &result))
			return;
		list_remove(&append->node);
		if (result == TASK_DONE)
			finish(&append->task);
	}
}

/* A read without pieces is over; one with pieces is held until it is released. */
static void settle_read(struct read_task *read)
{
	read->task.err = read->op.err;
	read->has_pieces = read->op.piece_count > 0;
	if (!read->has_pieces)
		partition_read_release(&read->op);
}

static void read_finished(struct read_op *op)
{
	struct read_task *read = CONTAINER_OF(op, struct read_task, op);
	settle_read(read);
	finish(&read->task);
}

static void fill_positions(struct read_task *read, const struct partition *partition)
{
	read->op.high_watermark = read->op.last_stable_offset = partition_high_watermark(partition);
	read->op.log_start_offset = partition_log_start_offset(partition);
}

/* Has the reader read what this log no longer has, or never had? Kafka's rule for last_fetched_epoch (KIP-595). */
static bool is_diverging(struct read_task *read, const struct partition *partition)
{
	if (read->last_fetched_epoch < 0)
		return false;
	partition_epoch_end(partition, read->last_fetched_epoch, &read->diverging_epoch, &read->diverging_end_offset);
	if (read->diverging_epoch < 0 || read->diverging_end_offset < 0) {
		read->task.err = ERR_OFFSET_OUT_OF_RANGE;
		return false;
	}
	read->is_diverging = read->diverging_epoch < read->last_fetched_epoch || read->diverging_end_offset < read->op.offset;
	return read->is_diverging;
}

/* For a read that may bring no bytes: no need to look for any. */
static int judge_offset(const struct partition *partition, int64_t offset)
{
	bool is_inside = offset >= partition_log_start_offset(partition) && offset <= partition_log_end_offset(partition);
	return is_inside ? 0 : ERR_OFFSET_OUT_OF_RANGE;
}

static enum task_result perform_read(struct shard *shard, struct read_task *read)
{
	read->is_diverging = read->has_pieces = false;
	read->op.done = read_finished;
	read->op.piece_count = read->op.size_bytes = 0;
	read->op.high_watermark = read->op.last_stable_offset = read->op.log_start_offset = -1;
	struct partition *partition = find(shard, &read->task);
	if (!partition)
		return TASK_DONE;
	fill_positions(read, partition);
	read->task.err = task_check_epoch(partition, read->current_leader_epoch);
	if (read->task.err || is_diverging(read, partition) || read->task.err)
		return TASK_DONE;
	if (read->op.size_bytes_max == 0 && !read->op.is_first) {
		read->task.err = judge_offset(partition, read->op.offset);
		return TASK_DONE;
	}
	if (partition_read(partition, &read->op) == READ_PENDING)
		return TASK_PENDING;
	settle_read(read);
	return TASK_DONE;
}

static void watch_fired(struct watch *watch)
{
	struct watch_task *task = CONTAINER_OF(watch, struct watch_task, watch);
	task->is_watching = false;
	finish(&task->task);
}

static enum task_result perform_watch(struct shard *shard, struct watch_task *watch)
{
	struct partition *partition = find(shard, &watch->task);
	if (!partition || partition_high_watermark(partition) > watch->watch.offset)
		return TASK_DONE;
	watch->watch.fire = watch_fired;
	watch->is_watching = true;
	partition_watch(partition, &watch->watch);
	return TASK_PENDING;
}

static void stop_watching(struct watch_task *watch)
{
	if (!watch->is_watching)
		return;
	watch->is_watching = false;
	partition_unwatch(&watch->watch);
}

static void trim_finished(struct trim_op *op)
{
	struct trim_task *trim = CONTAINER_OF(op, struct trim_task, op);
	trim->task.err = op->err;
	finish(&trim->task);
}

static enum task_result perform_trim(struct shard *shard, struct trim_task *trim)
{
	struct partition *partition = find(shard, &trim->task);
	trim->op.done = trim_finished;
	if (partition)
		trim->task.err = partition_trim(partition, &trim->op);
	return trim->task.err ? TASK_DONE : TASK_PENDING;
}

static enum task_result perform_query(struct shard *shard, struct query_task *query)
{
	struct partition *partition = find(shard, &query->task);
	if (partition)
		query->run(query, partition);
	return TASK_DONE;
}

static enum task_result perform(struct shard *shard, struct task *task, enum message_kind kind)
{
	switch (kind) {
	case MESSAGE_APPEND:
		return perform_append(shard, CONTAINER_OF(task, struct append_task, task));
	case MESSAGE_READ:
		return perform_read(shard, CONTAINER_OF(task, struct read_task, task));
	case MESSAGE_RELEASE:
		partition_read_release(&CONTAINER_OF(task, struct read_task, task)->op);
		return TASK_DONE;
	case MESSAGE_WATCH:
		return perform_watch(shard, CONTAINER_OF(task, struct watch_task, task));
	case MESSAGE_TRIM:
		return perform_trim(shard, CONTAINER_OF(task, struct trim_task, task));
	case MESSAGE_QUERY:
		return perform_query(shard, CONTAINER_OF(task, struct query_task, task));
	default:
		UNREACHABLE();
	}
}

/* ---- on the origin ------------------------------------------------------------------------------------------------------ */

static enum task_result submit(struct task *task, enum message_kind kind)
{
	struct shard *origin = task->request->shard;
	CHECK(!task->is_pending);
	task->origin = origin->index;
	task->owner = store_owner(&task->topic_id, task->partition, origin->shard_count);
	task->err = 0;
	task->is_pending = true;
	if (task->owner != task->origin) {
		task->message.kind = kind;
		shard_post(origin, shard_of(task, task->owner), &task->message);
		return TASK_PENDING;
	}
	if (perform(origin, task, kind) == TASK_PENDING)
		return TASK_PENDING;
	task->is_pending = false;
	return TASK_DONE;
}

enum task_result append_task_submit(struct append_task *task)
{
	task->is_taken = false;
	return submit(&task->task, MESSAGE_APPEND);
}

bool append_task_needs_records(const struct append_task *task)
{
	bool is_elsewhere = task->task.owner != task->task.origin;
	return task->task.is_pending && (is_elsewhere || !task->is_taken);
}

enum task_result read_task_submit(struct read_task *task) { return submit(&task->task, MESSAGE_READ); }
enum task_result trim_task_submit(struct trim_task *task) { return submit(&task->task, MESSAGE_TRIM); }
enum task_result query_task_submit(struct query_task *task) { return submit(&task->task, MESSAGE_QUERY); }

enum task_result read_task_release(struct read_task *task)
{
	if (!task->has_pieces)
		return TASK_DONE;
	task->has_pieces = false;
	return submit(&task->task, MESSAGE_RELEASE);
}

enum task_result watch_task_submit(struct watch_task *task)
{
	task->is_cancelled = task->is_watching = false;
	return submit(&task->task, MESSAGE_WATCH);
}

void watch_task_cancel(struct watch_task *task)
{
	struct request *request = task->task.request;
	if (!task->task.is_pending || task->is_cancelled)
		return;
	task->is_cancelled = true;
	if (task->task.owner == task->task.origin) {
		stop_watching(task);
		task->task.is_pending = false;
		request_returned(request);
		return;
	}
	request->pending++;
	task->cancel.kind = MESSAGE_UNWATCH;
	shard_post(request->shard, shard_of(&task->task, task->task.owner), &task->cancel);
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */

/* On the owner: the watch comes home if it has not yet; the cancel comes home behind it. */
static void receive_cancel(struct shard *shard, struct watch_task *watch)
{
	struct shard *origin = shard_of(&watch->task, watch->task.origin);
	if (watch->is_watching) {
		stop_watching(watch);
		finish(&watch->task);
	}
	watch->cancel.kind = MESSAGE_UNWATCH_RETURN;
	shard_post(shard, origin, &watch->cancel);
}

void task_receive(struct shard *shard, struct message *message)
{
	struct task *task = CONTAINER_OF(message, struct task, message);
	switch ((enum message_kind)message->kind) {
	case MESSAGE_RETURN:
		come_home(task);
		return;
	case MESSAGE_UNWATCH:
		receive_cancel(shard, CONTAINER_OF(message, struct watch_task, cancel));
		return;
	case MESSAGE_UNWATCH_RETURN:
		request_returned(CONTAINER_OF(message, struct watch_task, cancel)->task.request);
		return;
	default:
		if (perform(shard, task, message->kind) == TASK_DONE)
			finish(task);
	}
}
