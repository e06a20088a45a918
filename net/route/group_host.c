/* The coordinators of a shard.
 *
 * Happy path: the first call makes a hosted coordinator of its partition and begins the load; when that is
 * done, it and those that came meanwhile run, in order of arrival. Each input is settled: records that came out
 * are appended at the end of the turn, all of them as one batch if they fit; what was finished is answered when
 * everything before it is durable, at once if all is.
 *
 * Failures: a record that the log refuses ends the coordinator, because what is in its memory is not in the
 * log: calls end with COORDINATOR_NOT_AVAILABLE, and the next one loads it again, when nothing of the old one
 * is in flight. While the disk is full, or what was appended waits for it for too long (group_log.c), nothing is tried that would write, so that members' heartbeats are
 * answered: calls that may write are refused, timers wait.
 *
 * A group that nobody asks for has timers too: members that went away while the broker was down, offsets that are to expire. So every partition with
 * records is loaded after the start (load_ahead), one at a time and a small read a turn: whoever calls meanwhile is served in between. */
#include "net/route/group_host_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "net/api/api.h"
#include "net/group/group_page.h"

#define SECOND_NS (1000ull * 1000 * 1000)
/* How long a call waits for its coordinator to be loaded, before its client hears, as from Kafka at once, that it is being loaded. */
#define LOAD_MAX_NS SECOND_NS
/* When a coordinator that its log ended is loaded again, if nobody calls before: what refused it may refuse it still. */
#define LOAD_AGAIN_NS SECOND_NS
/* How long timers that come while the disk is full wait. */
#define FULL_PAUSE_NS SECOND_NS

/* ---- the table ------------------------------------------------------------------------------------------------------------- */

struct partition *hosted__partition(const struct hosted *hosted)
{
	return store_partition(hosted->host->shard->store, &hosted->topic_id, hosted->partition);
}

struct group_clock hosted__clock(const struct hosted *hosted)
{
	struct io *io = hosted->host->shard->io;
	return (struct group_clock){.now_ns = io_now_ns(io), .wall_ms = io_wall_ms(io)};
}

/* A tick lets offsets go for their age: it alone has to ask what the store doubts. */
static struct group_clock clock_of_tick(const struct hosted *hosted)
{
	struct group_clock clock = hosted__clock(hosted);
	clock.doubt_ms = clock.wall_ms - store_retention_ms(hosted->host->shard->store);
	return clock;
}

void hosted__mark_due(struct hosted *hosted)
{
	if (!list_is_linked(&hosted->due))
		list_push_back(&hosted->host->due, &hosted->due);
}

static void has_room(struct room_wait *wait)
{
	hosted__mark_due(CONTAINER_OF(wait, struct hosted, room_wait));
}

static void timer_ran_out(struct io_timer *timer);

struct hosted *hosted__find_or_make(struct group_host *host, uint32_t partition)
{
	struct hosted *hosted = host->hosted[partition];
	if (hosted)
		return hosted;
	hosted = calloc(1, sizeof *hosted);
	if (!hosted)
		return NULL;
	hosted->host = host;
	hosted->topic_id = host->topic_id;
	hosted->partition = partition;
	hosted->timer.run = timer_ran_out;
	hosted->late_timer.run = group_log__look_if_late;
	hosted->room_wait.ready = has_room;
	list_init(&hosted->waiting);
	list_init(&hosted->flights);
	host->hosted[partition] = hosted;
	return hosted;
}

static void set_timer(struct hosted *hosted, uint64_t deadline_ns)
{
	struct io *io = hosted->host->shard->io;
	if (deadline_ns == UINT64_MAX)
		io_timer_cancel(io, &hosted->timer);
	else if (hosted->timer.heap_index == 0 || hosted->timer.deadline_ns != deadline_ns)
		io_timer_set(io, &hosted->timer, deadline_ns);
}

/* ---- answers --------------------------------------------------------------------------------------------------------------- */

static struct group_task *task_of(struct list *node)
{
	return CONTAINER_OF(LIST_ENTRY(node, struct group_call, node), struct group_task, call);
}

void hosted__answer(struct list *calls, enum kerr error)
{
	for (struct list *node; (node = list_pop_front(calls));)
		group_task__finish(task_of(node), error);
}

void hosted__deliver(struct hosted *hosted)
{
	struct list *finished = &coordinator_outbox(hosted->coordinator)->finished;
	if (hosted->is_late)
		hosted__answer(finished, KERR_COORDINATOR_NOT_AVAILABLE);
	else if (list_is_empty(&hosted->flights))
		hosted__answer(finished, KERR_NONE);
	else
		list_splice(&LIST_ENTRY(hosted->flights.prev, struct flight, node)->calls, finished);
}

void hosted__refuse_waiting(struct hosted *hosted, enum kerr error)
{
	struct list waiting;
	list_init(&waiting);
	list_splice(&waiting, &hosted->waiting);
	for (struct list *node; (node = list_pop_front(&waiting));)
		group_task__finish(LIST_ENTRY(node, struct group_task, node), error);
}

static void tell_notes(struct hosted *hosted, struct group_outbox *outbox)
{
	struct group_host *host = hosted->host;
	if (!outbox->notes)
		return;
	for (struct group_note *note = outbox->notes; note; note = note->next)
		log_line_limited(&host->notes, io_now_ns(host->shard->io), LOG_INFO, "%s", note->text);
	outbox->notes = NULL;
	outbox->notes_end = &outbox->notes;
	if (!outbox->records)
		group_outbox_clear(outbox);
}

bool hosted__has_new_trouble(struct standing_trouble *trouble, int err)
{
	bool is_new = trouble->count == 0 || trouble->err != err;
	trouble->err = err;
	trouble->count++;
	return is_new;
}

void hosted__end_trouble(struct hosted *hosted, struct standing_trouble *trouble, const char *again)
{
	struct group_host *host = hosted->host;
	if (trouble->count)
		log_line_limited(&host->troubles, io_now_ns(host->shard->io), LOG_INFO, "the groups of " GROUP_TOPIC " partition %u %s, after %llu tries in vain",
				 hosted->partition, again, (unsigned long long)trouble->count);
	trouble->count = 0;
}

void hosted__settle(struct hosted *hosted)
{
	struct group_outbox *outbox = coordinator_outbox(hosted->coordinator);
	tell_notes(hosted, outbox);
	if (outbox->is_out_of_memory) {
		hosted__end(hosted, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	if (outbox->records)
		hosted__mark_due(hosted);
	if (!outbox->records || hosted->is_late)
		hosted__deliver(hosted);
	set_timer(hosted, coordinator_deadline(hosted->coordinator));
}

/* ---- calls ----------------------------------------------------------------------------------------------------------------- */

static bool may_write(const struct hosted *hosted)
{
	return !hosted->is_late && store_takes_internal(hosted->host->shard->store);
}

static void start(struct hosted *hosted, struct group_task *task)
{
	if (!task->is_reader && !may_write(hosted)) {
		group_task__finish(task, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	task->run(task, hosted->coordinator, hosted__clock(hosted));
	hosted__settle(hosted);
}

static void begin_load(struct hosted *hosted)
{
	struct io *io = hosted->host->shard->io;
	if (group_load__begin(hosted)) {
		hosted__refuse_waiting(hosted, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	hosted->state = HOSTED_LOADING;
	set_timer(hosted, io_now_ns(io) + LOAD_MAX_NS);
}

static void note_load_over(struct hosted *hosted)
{
	if (hosted->host->loading_ahead == hosted)
		hosted->host->loading_ahead = NULL;
}

void hosted__take(struct hosted *hosted, struct group_task *task)
{
	if (hosted->state == HOSTED_READY) {
		start(hosted, task);
		return;
	}
	if (hosted->is_late) {
		group_task__finish(task, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	list_push_back(&hosted->waiting, &task->node);
	if (hosted->state == HOSTED_COLD)
		begin_load(hosted);
}

void hosted__loaded(struct hosted *hosted, enum kerr error)
{
	group_load__end(hosted);
	if (error) {
		hosted__end(hosted, error);
		return;
	}
	note_load_over(hosted);
	hosted->state = HOSTED_READY;
	hosted__mark_due(hosted); /* What is there may want a snapshot. */
	coordinator_loaded(hosted->coordinator, hosted__clock(hosted));
	hosted__settle(hosted);
	for (struct list *node; hosted->state == HOSTED_READY && (node = list_pop_front(&hosted->waiting));)
		group_task__start(hosted->host->shard, LIST_ENTRY(node, struct group_task, node), start);
}

void hosted__cancel(struct hosted *hosted, struct group_task *task)
{
	if (list_is_linked(&task->node)) {
		group_task__finish(task, KERR_COORDINATOR_NOT_AVAILABLE);
	} else if (hosted->state == HOSTED_READY) {
		coordinator_cancel(hosted->coordinator, hosted__clock(hosted), &task->call);
		hosted__settle(hosted);
	}
	/* Else its call has ended, and waits for a flight. */
}

/* ---- loading what nobody asks for -------------------------------------------------------------------------------------------- */

static bool has_records(const struct group_host *host, uint32_t partition)
{
	const struct partition *log = store_partition(host->shard->store, &host->topic_id, partition);
	return log && partition_log_start_offset(log) < partition_high_watermark(log);
}

static bool is_cold(const struct group_host *host, uint32_t partition)
{
	return !host->hosted[partition] || host->hosted[partition]->state == HOSTED_COLD;
}

static bool may_load_ahead(const struct group_host *host)
{
	return host->ahead < host->partition_count && !host->loading_ahead && !host->is_stopping;
}

/* Begins the next load. One that fails is left to the next call, or the next start: it has said why. */
static void load_ahead(struct group_host *host)
{
	while (may_load_ahead(host)) {
		uint32_t partition = host->ahead++;
		if (!is_cold(host, partition) || !has_records(host, partition))
			continue;
		struct hosted *hosted = hosted__find_or_make(host, partition);
		if (!hosted)
			continue;
		host->loading_ahead = hosted;
		begin_load(hosted);
		if (hosted->state != HOSTED_LOADING)
			host->loading_ahead = NULL;
	}
}

static void load_again(struct hosted *hosted)
{
	struct group_host *host = hosted->host;
	if (hosted->partition < host->ahead)
		host->ahead = hosted->partition;
}

/* ---- the end --------------------------------------------------------------------------------------------------------------- */

/* What it had in flight is back: it may be loaded again. */
static void leave(struct hosted *hosted)
{
	if (hosted->state != HOSTED_ENDING || hosted->in_flight > 0)
		return;
	io_timer_cancel(hosted->host->shard->io, &hosted->late_timer);
	hosted->room_wait_begun_ns = 0;
	hosted->is_late = false;
	if (hosted->is_detached) {
		hosted->host->detached_count--;
		free(hosted);
		return;
	}
	hosted->state = HOSTED_COLD;
	if (!list_is_empty(&hosted->waiting))
		begin_load(hosted);
	else if (hosted->was_ready && !hosted->host->is_stopping)
		set_timer(hosted, io_now_ns(hosted->host->shard->io) + LOAD_AGAIN_NS);
}

void hosted__returned(struct hosted *hosted)
{
	CHECK(hosted->in_flight > 0);
	hosted->in_flight--;
	leave(hosted);
}

static void close_coordinator(struct hosted *hosted, enum kerr error)
{
	if (hosted->state == HOSTED_READY) {
		coordinator_fail_calls(hosted->coordinator, error);
		hosted__answer(&coordinator_outbox(hosted->coordinator)->finished, error);
	}
	coordinator_close(hosted->coordinator);
	hosted->coordinator = NULL;
}

void hosted__end(struct hosted *hosted, enum kerr error)
{
	hosted__refuse_waiting(hosted, error);
	if (hosted->state == HOSTED_ENDING) {
		leave(hosted);
		return;
	}
	group_load__end(hosted);
	note_load_over(hosted);
	hosted->was_ready = hosted->state == HOSTED_READY;
	if (hosted->coordinator)
		close_coordinator(hosted, error);
	set_timer(hosted, UINT64_MAX);
	list_remove(&hosted->room_wait.node);
	list_remove(&hosted->due);
	hosted->snapshot.state = SNAPSHOT_NONE;
	hosted->state = HOSTED_ENDING;
	leave(hosted);
}

/* ---- time ------------------------------------------------------------------------------------------------------------------ */

static void timer_ran_out(struct io_timer *timer)
{
	struct hosted *hosted = CONTAINER_OF(timer, struct hosted, timer);
	struct io *io = hosted->host->shard->io;
	if (hosted->state == HOSTED_COLD) {
		load_again(hosted);
	} else if (hosted->state == HOSTED_LOADING) {
		hosted__refuse_waiting(hosted, KERR_COORDINATOR_LOAD_IN_PROGRESS);
		set_timer(hosted, io_now_ns(io) + LOAD_MAX_NS);
	} else if (!may_write(hosted)) {
		set_timer(hosted, io_now_ns(io) + FULL_PAUSE_NS);
	} else {
		coordinator_tick(hosted->coordinator, clock_of_tick(hosted));
		hosted__settle(hosted);
	}
}

void group_host_turn(struct group_host *host)
{
	struct list due;
	list_init(&due);
	list_splice(&due, &host->due);
	for (struct list *node; (node = list_pop_front(&due));) {
		struct hosted *hosted = LIST_ENTRY(node, struct hosted, due);
		if (hosted->state == HOSTED_LOADING)
			group_load__step(hosted);
		if (hosted->state == HOSTED_READY)
			group_log__flush(hosted);
		if (hosted->state == HOSTED_READY)
			group_log__snapshot(hosted);
	}
	load_ahead(host);
}

bool group_host_has_work(const struct group_host *host)
{
	return !list_is_empty(&host->due) || may_load_ahead(host);
}

/* ---- the topic ------------------------------------------------------------------------------------------------------------- */

static void detach_all(struct group_host *host)
{
	for (uint32_t i = 0; i < host->partition_count; i++) {
		struct hosted *hosted = host->hosted[i];
		if (!hosted)
			continue;
		hosted->is_detached = true;
		host->detached_count++;
		hosted__end(hosted, KERR_NOT_COORDINATOR);
	}
	free(host->hosted);
	host->hosted = NULL;
	host->partition_count = 0;
}

/* Without memory for the table, calls are told NOT_COORDINATOR. */
static void take_topic(struct group_host *host, const struct topic *topic)
{
	if (!uuid_equal(&topic->id, &host->topic_id))
		host->ahead = 0;
	host->topic_id = topic->id;
	if (topic->partition_count <= host->partition_count)
		return;
	struct hosted **grown = realloc(host->hosted, topic->partition_count * sizeof(struct hosted *));
	if (!grown)
		return;
	memset(grown + host->partition_count, 0, (topic->partition_count - host->partition_count) * sizeof(struct hosted *));
	host->hosted = grown;
	host->partition_count = topic->partition_count;
}

static void hand_on_image(struct hosted *hosted)
{
	if (hosted->coordinator)
		coordinator_set_assignment_interval(hosted->coordinator, hosted->host->config.consumer_assignment_interval_ms);
	if (hosted->coordinator)
		coordinator_set_image(hosted->coordinator, hosted__clock(hosted), hosted->host->shard->image);
	if (hosted->state == HOSTED_READY)
		hosted__settle(hosted);
}

void group_host_set_image(struct group_host *host)
{
	const struct topic *topic = catalog_topic_by_name(host->shard->image, slice_from(GROUP_TOPIC));
	if (host->partition_count > 0 && (!topic || !uuid_equal(&topic->id, &host->topic_id)))
		detach_all(host);
	if (topic)
		take_topic(host, topic);
	host->config.consumer_assignment_interval_ms = (int32_t)broker_config_int(host->shard->image->config, "group.consumer.assignment.interval.ms");
	for (uint32_t i = 0; i < host->partition_count; i++)
		if (host->hosted[i])
			hand_on_image(host->hosted[i]);
}

/* ---- opening and closing ---------------------------------------------------------------------------------------------------- */

int group_host_open(struct group_host **out, struct shard *shard)
{
	struct group_host *host = calloc(1, sizeof *host);
	if (!host)
		return -ENOMEM;
	host->shard = shard;
	list_init(&host->due);
	list_init(&host->idle_flights);
	/* With texts of the configuration at start: an image goes. Of these keys one alone may change later: group_host_set_image. */
	coordinator_config_from(&host->config, shard->facts->config);
	host->commit_timeout_ns = (uint64_t)broker_config_int(shard->facts->config, "offsets.commit.timeout.ms") * 1000000;
	host->config.memory_bytes_max /= shard->shard_count;
	host->config.memory_shared = &host->memory_bytes;
	*out = host;
	group_host_set_image(host);
	return 0;
}

void group_host_stop(struct group_host *host)
{
	host->is_stopping = true;
	for (uint32_t i = 0; i < host->partition_count; i++) {
		struct hosted *hosted = host->hosted[i];
		if (hosted && hosted->state != HOSTED_COLD)
			hosted__end(hosted, KERR_COORDINATOR_NOT_AVAILABLE);
		else if (hosted)
			set_timer(hosted, UINT64_MAX);
	}
}

bool group_host_is_idle(const struct group_host *host)
{
	for (uint32_t i = 0; i < host->partition_count; i++)
		if (host->hosted[i] && host->hosted[i]->in_flight > 0)
			return false;
	return host->detached_count == 0;
}

/* What is still in flight, if the loop broke, is left where it is. */
void group_host_close(struct group_host *host)
{
	if (!host)
		return;
	group_host_stop(host);
	if (!group_host_is_idle(host))
		return;
	for (uint32_t i = 0; i < host->partition_count; i++)
		free(host->hosted[i]);
	free(host->hosted);
	free(host->batch);
	group_log__free_flights(host);
	free(host);
}

/* ---- for who watches ------------------------------------------------------------------------------------------------------- */

/* Is something of this partition on its way into memory, or will it be? */
static bool is_to_load(const struct group_host *host, uint32_t partition)
{
	const struct hosted *hosted = host->hosted[partition];
	if (hosted && (hosted->state == HOSTED_LOADING || hosted->state == HOSTED_ENDING))
		return true;
	const struct partition *log = store_look_at_partition(host->shard->store, &host->topic_id, partition);
	return partition >= host->ahead && is_cold(host, partition) && log && partition_log_start_offset(log) < partition_high_watermark(log);
}

void group_host_fill_page(const struct group_host *host, struct group_page *page)
{
	for (; page->next.coordinator < host->partition_count; page->next.coordinator++) {
		const struct hosted *hosted = host->hosted[page->next.coordinator];
		page->loading += is_to_load(host, page->next.coordinator);
		if (hosted && hosted->state == HOSTED_READY && !coordinator_fill_page(hosted->coordinator, page))
			return;
	}
	page->is_last = true;
}
