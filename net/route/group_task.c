/* The way of a group task: origin -> the shard that owns the group's partition -> home, as a message or
 * directly.
 *
 * A task's arena is made by its origin and filled by the owner; what it took is counted to the origin's budget
 * when it is home. A cancel crosses as a message of its own, which counts as pending: it may meet the task on
 * its way home, and then finds nothing to do.
 *
 * Failures: no such partition (nobody asked for a coordinator yet, or the topic is deleted): NOT_COORDINATOR,
 * upon which clients ask FindCoordinator, which makes the topic. */
#include <errno.h>

#include "log/base/check.h"
#include "net/api/api.h"
#include "net/route/group_host_priv.h"

/* So many bytes of most answers cost no malloc. */
#define FIRST_BLOCK_SIZE 256u

/* ---- which partition ---------------------------------------------------------------------------------------------------- */

/* One code point of UTF-8, or U+FFFD for a byte that begins none, as Java decodes; returns the bytes it takes. */
static size_t decode_utf8(const uint8_t *at, size_t left, uint32_t *point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
	*point = 0xfffd;
	if (size == 0 || size > left)
		return 1;
	uint32_t value = size == 1 ? at[0] : at[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 1;
	*point = value;
	return size;
}

static uint32_t java_hash(struct slice text)
{
	uint32_t hash = 0;
	for (size_t at = 0; at < text.size;) {
		uint32_t point;
		at += decode_utf8(text.data + at, text.size - at, &point);
		if (point >= 0x10000) {
			hash = 31 * hash + (0xd800 + ((point - 0x10000) >> 10));
			point = 0xdc00 + ((point - 0x10000) & 0x3ff);
		}
		hash = 31 * hash + point;
	}
	return hash;
}

uint32_t group_partition(struct slice group_id, uint32_t partition_count)
{
	int32_t hash = (int32_t)java_hash(group_id);
	/* Kafka's Utils.abs: of the smallest integer, 0. */
	uint32_t absolute = hash == INT32_MIN ? 0 : (uint32_t)(hash < 0 ? -hash : hash);
	return absolute % partition_count;
}

static const struct topic *group_topic(const struct shard *shard)
{
	return catalog_topic_by_name(shard->image, slice_from(GROUP_TOPIC));
}

uint32_t group_partition_count(const struct shard *shard)
{
	const struct topic *topic = group_topic(shard);
	return topic ? topic->partition_count : 0;
}

/* ---- on the origin ------------------------------------------------------------------------------------------------------ */

static void init(struct group_task *task, struct request *request, const struct topic *topic, uint32_t partition)
{
	struct shard *shard = request->shard;
	uint64_t left = shard->limits.arena_bytes > shard->arena_bytes ? shard->limits.arena_bytes - shard->arena_bytes : 0;
	*task = (struct group_task){.request = request, .origin = shard->index, .partition = partition};
	if (topic && partition < topic->partition_count) {
		task->is_known = true;
		task->topic_id = topic->id;
		task->owner = store_owner(&topic->id, partition, shard->shard_count);
	}
	void *first = request_alloc(request, FIRST_BLOCK_SIZE);
	arena_init(&task->arena, first, first ? FIRST_BLOCK_SIZE : 0, left < REQUEST_MEMORY_MAX ? left : REQUEST_MEMORY_MAX);
	task->call = (struct group_call){
		.arena = &task->arena, .version = request->version, .client_id = request->client_id,
		.client_host = request_client_host(request)};
}

void group_task_init(struct group_task *task, struct request *request, struct slice group_id)
{
	const struct topic *topic = group_topic(request->shard);
	init(task, request, topic, topic ? group_partition(group_id, topic->partition_count) : 0);
}

void group_task_init_at(struct group_task *task, struct request *request, uint32_t partition)
{
	init(task, request, group_topic(request->shard), partition);
}

static void count_memory(struct group_task *task)
{
	struct shard *shard = task->request->shard;
	size_t reserved = arena_reserved(&task->arena);
	shard->arena_bytes += reserved - task->counted_bytes;
	task->counted_bytes = reserved;
}

void group_task_free(struct group_task *task)
{
	CHECK(!task->is_pending);
	arena_fini(&task->arena);
	task->request->shard->arena_bytes -= task->counted_bytes;
	task->counted_bytes = 0;
}

static void come_home(struct group_task *task)
{
	task->is_pending = false;
	count_memory(task);
	if (task->done)
		task->done(task);
	request_returned(task->request);
}

/* ---- on the owner ------------------------------------------------------------------------------------------------------- */

static void go_home(struct shard *owner, struct group_task *task)
{
	if (task->owner == task->origin) {
		come_home(task);
		return;
	}
	task->message.kind = MESSAGE_GROUP_RETURN;
	shard_post(owner, owner->peers[task->origin], &task->message);
}

void group_task__finish(struct group_task *task, enum kerr error)
{
	task->error = error ? error : task->call.is_out_of_memory || task->arena.overflow ? KERR_UNKNOWN_SERVER_ERROR : KERR_NONE;
	list_remove(&task->node);
	struct shard *owner = task->hosted->host->shard;
	task->hosted = NULL;
	if (task->is_starting)
		task->is_starting = false;
	else
		go_home(owner, task);
}

/* It waits, and needs its request's frame no more: a large one goes. The message arrives before the task
 * itself, which the same shard posts later. */
static void let_go(struct shard *owner, struct group_task *task)
{
	if (!task->lets_go)
		return;
	if (task->owner == task->origin) {
		request_drop_frame(task->request);
		return;
	}
	task->seen.kind = MESSAGE_GROUP_SEEN;
	shard_post(owner, owner->peers[task->origin], &task->seen);
}

void group_task__start(struct shard *owner, struct group_task *task, void (*start)(struct hosted *hosted, struct group_task *task))
{
	task->is_starting = true;
	start(task->hosted, task);
	if (!task->is_starting) {
		go_home(owner, task);
		return;
	}
	task->is_starting = false;
	let_go(owner, task);
}

/* is_starting while the caller waits: what finishes meanwhile does not travel. */
static enum task_result perform(struct shard *shard, struct group_task *task)
{
	struct group_host *host = shard->groups;
	bool is_here = uuid_equal(&host->topic_id, &task->topic_id) && task->partition < host->partition_count;
	if (!is_here || host->is_stopping) {
		task->error = is_here ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_NOT_COORDINATOR;
		return TASK_DONE;
	}
	struct hosted *hosted = hosted__find_or_make(host, task->partition);
	if (!hosted) {
		task->error = KERR_COORDINATOR_NOT_AVAILABLE;
		return TASK_DONE;
	}
	task->is_starting = true;
	task->hosted = hosted;
	hosted__take(hosted, task);
	if (!task->is_starting)
		return TASK_DONE;
	task->is_starting = false;
	if (!list_is_linked(&task->node))
		let_go(shard, task);
	return TASK_PENDING;
}

/* ---- submit and cancel -------------------------------------------------------------------------------------------------- */

enum task_result group_task_submit(struct group_task *task)
{
	struct shard *origin = task->request->shard;
	CHECK(!task->is_pending && task->run);
	if (!task->is_known) {
		task->error = KERR_NOT_COORDINATOR;
		return TASK_DONE;
	}
	task->is_pending = true;
	if (task->owner != task->origin) {
		task->message.kind = MESSAGE_GROUP;
		shard_post(origin, origin->peers[task->owner], &task->message);
		return TASK_PENDING;
	}
	if (perform(origin, task) == TASK_PENDING)
		return TASK_PENDING;
	task->is_pending = false;
	count_memory(task);
	return TASK_DONE;
}

void group_task_cancel(struct group_task *task)
{
	struct shard *origin = task->request->shard;
	if (!task->is_pending || task->is_cancelled)
		return;
	task->is_cancelled = true;
	if (task->owner == task->origin) {
		hosted__cancel(task->hosted, task);
		return;
	}
	task->request->pending++;
	task->cancel.kind = MESSAGE_GROUP_CANCEL;
	shard_post(origin, origin->peers[task->owner], &task->cancel);
}

/* On the owner: the task comes home if it has not yet; the cancel comes home behind it. */
static void receive_cancel(struct shard *shard, struct group_task *task)
{
	if (task->hosted)
		hosted__cancel(task->hosted, task);
	task->cancel.kind = MESSAGE_GROUP_CANCEL_RETURN;
	shard_post(shard, shard->peers[task->origin], &task->cancel);
}

void group_host_receive(struct shard *shard, struct message *message)
{
	struct group_task *task = CONTAINER_OF(message, struct group_task, message);
	switch ((enum message_kind)message->kind) {
	case MESSAGE_GROUP:
		if (perform(shard, task) == TASK_DONE)
			go_home(shard, task);
		return;
	case MESSAGE_GROUP_SEEN:
		request_drop_frame(CONTAINER_OF(message, struct group_task, seen)->request);
		return;
	case MESSAGE_GROUP_RETURN:
		come_home(task);
		return;
	case MESSAGE_GROUP_CANCEL:
		receive_cancel(shard, CONTAINER_OF(message, struct group_task, cancel));
		return;
	case MESSAGE_GROUP_CANCEL_RETURN:
		request_returned(CONTAINER_OF(message, struct group_task, cancel)->request);
		return;
	default:
		UNREACHABLE();
	}
}
