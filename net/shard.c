/* The loop, always in this order: completions and timers (io_turn), messages, steps that may go on, appends and frames that waited for
 * memory, the group coordinators (which append what the turn's calls have emitted), the store (which commits what the turn has staged, as
 * one group), and last the answers, one send a connection.
 *
 * The stop goes through stages that all shards pass together, because one may still need another: no new connections and requests;
 * when no shard has connections, the stores make everything durable and file it; when all stores have stopped, the loops end. Each stage
 * has a bound, after which what is left is dropped: recovery takes care of it. */
#include "net/shard.h"

#include <errno.h>
#include <stdio.h>

#include "log/base/check.h"
#include "log/io/sim.h"
#include "net/api/api.h"
#include "net/api/fetch_session.h"
#include "net/conn/conn.h"
#include "net/conn/frame_pool.h"
#include "net/conn/request_pool.h"
#include "net/metrics/survey.h"
#include "net/route/control.h"
#include "net/route/group_host.h"
#include "net/route/quota_task.h"
#include "net/short_slice.h"

#define CACHE_BYTES_MIN (4ull << 20)       /* what a topic of default settings needs: batches of up to half of it are taken */
#define RECEIVE_BUFFER_COUNT 64u

#define DRAIN_MAX_NS (3ull * 1000 * 1000 * 1000)
#define CLOSE_MAX_NS (2ull * 1000 * 1000 * 1000)
#define STOP_MAX_NS (60ull * 1000 * 1000 * 1000)

/* ---- opening and closing -------------------------------------------------------------------------------------------------- */

int shard_open_io(struct shard *shard, const struct io_options *base)
{
	struct io_options options = *base;
	options.buffer_count = RECEIVE_BUFFER_COUNT;
	options.buffer_size_bytes = CONN_RECEIVE_BUFFER_SIZE;
	options.seed += shard->index;
	list_init(&shard->blocked_appends);
	list_init(&shard->runnable);
	list_init(&shard->sendable);
	list_init(&shard->conns);
	int err = io_open(&shard->io, &options);
	if (err)
		return err;
	err = frame_pool_open(&shard->frames, shard->limits.frame_memory_bytes, REQUEST_BLOCK_SIZE);
	return err ? err : request_pool_open(&shard->requests);
}

static bool make_room(void *context)
{
	struct shard *shard = context;
	return shard->store && store_make_room(shard->store);
}

uint64_t shard_cache_bytes(const struct broker_config *config, uint32_t shard_count)
{
	uint64_t part = (uint64_t)broker_config_int(config, "spate.cache.bytes") / shard_count;
	return part < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : part;
}

int shard_settle(struct shard *shard)
{
	if (!shard->is_unsettled)
		return 0;
	int err = catalog_publish(shard->catalog);
	if (!err)
		err = store_start(shard->store);
	if (!err)
		err = catalog_note_journals(shard->catalog);
	shard->is_unsettled = err;
	if (err)
		fprintf(stderr, "spate: error: %s: the files of the new directory cannot be made durable: %s\n", shard->facts->dir, err_text(err));
	return err;
}

static int settle(void *context)
{
	return shard_settle(context);
}

int shard_open_store(struct shard *shard, struct store_report *report)
{
	const struct broker_config *config = shard->image->config;
	struct store_options options = {
		.dir = shard->facts->dir,
		.shard = shard->index,
		.shard_count = shard->shard_count,
		.incarnation = shard->facts->incarnation,
		.journal_incarnation = shard->facts->journal_incarnation,
		.directory_id = shard->facts->directory_id,
		.is_catalog_new = shard->facts->is_catalog_new,
		.journal_image = shard->journal_image,
		.journal_size_bytes = shard->facts->journal_bytes,
		.cache_size_bytes = shard_cache_bytes(config, shard->shard_count),
		.direct_size_bytes_min = (uint32_t)broker_config_int(config, "spate.direct.bytes"),
		.producers_max = (uint32_t)broker_config_int(config, "spate.producers.max"),
		.producer_expiration_ms = broker_config_int(config, "producer.id.expiration.ms"),
		.retention_check_ms = broker_config_int(config, "log.retention.check.interval.ms"),
		.is_loss_accepted = broker_config_bool(config, "spate.accept.loss"),
		.reserve_bytes = (uint64_t)broker_config_int(config, "spate.reserve.bytes") / shard->shard_count,
		.spare_bytes = (uint64_t)broker_config_int(config, "spate.spare.bytes") / shard->shard_count,
		.scrub_bytes_per_second = (uint64_t)broker_config_int(config, "spate.scrub.bytes.per.second") / shard->shard_count,
		.scrub_interval_ms = broker_config_int(config, "spate.scrub.interval.ms"),
		.open_files_max = shard->limits.segment_files_max,
		.may_put_off_start = shard->index == 0 && catalog_is_put_off(shard->catalog),
	};
	quota_take_image(shard);
	shard->journal_image = NULL;
	int err = store_open(&shard->store, shard->io, &options, shard->image, report);
	if (!err)
		control_apply_config(shard);
	if (!err && shard->index == 0)
		catalog_on_full(shard->catalog, make_room, shard);
	shard->is_unsettled = !err && options.may_put_off_start;
	if (shard->is_unsettled)
		catalog_before_changes(shard->catalog, settle, shard);
	return err ? err : group_host_open(&shard->groups, shard);
}

void shard_close_store(struct shard *shard)
{
	group_host_close(shard->groups);
	if (shard->index == 0 && shard->catalog)
		catalog_on_full(shard->catalog, NULL, NULL);
	if (shard->index == 0 && shard->catalog)
		catalog_before_changes(shard->catalog, NULL, NULL);
	if (shard->store)
		store_close(shard->store);
	store_free_journal_image(shard->journal_image);
	shard->journal_image = NULL;
	if (shard->image)
		catalog_image_release(shard->image);
	shard->groups = NULL;
	shard->store = NULL;
	shard->image = NULL;
}

/* Connections are left only where the loop broke; their memory is then left too. */
void shard_close_io(struct shard *shard)
{
	if (shard->conn_count == 0) {
		request_pool_close(shard->requests);
		frame_pool_close(shard->frames);
	}
	fetch_sessions_destroy(shard->fetch_sessions);
	quota_free(shard);
	if (shard->io)
		io_close(shard->io);
	shard->fetch_sessions = NULL;
	shard->requests = NULL;
	shard->frames = NULL;
	shard->io = NULL;
}

/* ---- messages --------------------------------------------------------------------------------------------------------------- */

static void receive(struct shard *shard, struct message *message)
{
	switch ((enum message_kind)message->kind) {
	case MESSAGE_CONTROL:
	case MESSAGE_CONTROL_RETURN:
	case MESSAGE_IMAGE:
	case MESSAGE_IMAGE_RETURN:
	case MESSAGE_STARTED:
	case MESSAGE_STARTED_RETURN:
		control_receive(shard, message);
		return;
	case MESSAGE_GROUP:
	case MESSAGE_GROUP_RETURN:
	case MESSAGE_GROUP_CANCEL:
	case MESSAGE_GROUP_CANCEL_RETURN:
	case MESSAGE_GROUP_SEEN:
		group_host_receive(shard, message);
		return;
	case MESSAGE_QUOTA:
	case MESSAGE_QUOTA_RETURN:
		quota_task_receive(shard, message);
		return;
	case MESSAGE_SURVEY:
		survey_receive(shard, message);
		return;
	case MESSAGE_ADOPT:
		listener_receive(shard, message);
		return;
	default:
		task_receive(shard, message);
	}
}

static void receive_all(struct shard *shard)
{
	for (struct message *message = mailbox_take(&shard->mailbox); message;) {
		struct message *next = message->next;
		receive(shard, message);
		message = next;
	}
}

/* ---- the stop --------------------------------------------------------------------------------------------------------------- */

enum stage { RUNNING, DRAINING, CLOSING, DRAINED, STOPPING, STOPPED };

static void ran_out(struct io_timer *timer)
{
	CONTAINER_OF(timer, struct shard_loop, timer)->is_late = true;
}

static void enter(struct shard_loop *loop, enum stage stage, uint64_t time_max_ns)
{
	struct io *io = loop->shard->io;
	loop->stage = (uint8_t)stage;
	loop->is_late = false;
	if (time_max_ns > 0)
		io_timer_set(io, &loop->timer, io_now_ns(io) + time_max_ns);
	else
		io_timer_cancel(io, &loop->timer);
}

static void wake_all(struct shard *shard)
{
	for (uint32_t i = 0; i < shard->shard_count; i++)
		io_wake(shard->peers[i]->io);
}

static bool count_reached(uint32_t *counter, const struct shard *shard)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE) == shard->shard_count;
}

static void count_and_wake(uint32_t *counter, struct shard *shard)
{
	if (__atomic_add_fetch(counter, 1, __ATOMIC_ACQ_REL) == shard->shard_count)
		wake_all(shard);
}

static void begin_drain(struct shard_loop *loop)
{
	struct shard *shard = loop->shard;
	shard->is_stopping = true;
	if (shard_settle(shard))
		__atomic_store_n(&loop->stop->has_failed, true, __ATOMIC_RELEASE);
	if (loop->listener)
		listener_stop(loop->listener);
	conn_drain_all(shard);
	enter(loop, DRAINING, DRAIN_MAX_NS);
}

static bool is_drained(const struct shard_loop *loop)
{
	return loop->shard->conn_count == 0 && (!loop->listener || listener_is_closed(loop->listener));
}

static bool has_stopped(const struct shard *shard)
{
	return store_is_stopped(shard->store) && group_host_is_idle(shard->groups);
}

/* Goes on to the next stage if its time has come; true if it did. */
static bool advance_stop(struct shard_loop *loop)
{
	struct shard *shard = loop->shard;
	struct stop_state *stop = loop->stop;
	switch ((enum stage)loop->stage) {
	case RUNNING:
		if (!__atomic_load_n(&stop->is_requested, __ATOMIC_ACQUIRE))
			return false;
		begin_drain(loop);
		return true;
	case DRAINING:
		if (!is_drained(loop) && !loop->is_late)
			return false;
		conn_close_all(shard);
		enter(loop, CLOSING, CLOSE_MAX_NS);
		return true;
	case CLOSING:
		/* A connection stays while a request of it waits for the log: on a full disk that ends with the store, or never. */
		if (!is_drained(loop) && !loop->is_late)
			return false;
		enter(loop, DRAINED, 0);
		count_and_wake(&stop->drained_count, shard);
		return true;
	case DRAINED:
		if (!count_reached(&stop->drained_count, shard))
			return false;
		group_host_stop(shard->groups);
		store_stop(shard->store);
		enter(loop, STOPPING, STOP_MAX_NS);
		return true;
	case STOPPING:
		if (!has_stopped(shard) && !loop->is_late)
			return false;
		/* What broke durability before is not mended by a stop. */
		if (!has_stopped(shard) || store_has_failed(shard->store))
			__atomic_store_n(&stop->has_failed, true, __ATOMIC_RELEASE);
		enter(loop, STOPPED, 0);
		count_and_wake(&stop->stopped_count, shard);
		return true;
	case STOPPED:
		return false;
	}
	UNREACHABLE();
}

/* ---- the loop --------------------------------------------------------------------------------------------------------------- */

/* Does something wait that no completion will announce? */
static bool has_work(const struct shard *shard)
{
	return !list_is_empty(&shard->runnable) || !list_is_empty(&shard->sendable) || shard->has_room_news ||
	       frame_pool_has_work(shard->frames) || group_host_has_work(shard->groups);
}

static void woken(void *context)
{
	(void)context; /* Its only point is to end the wait: the loop looks at the mailbox and the stop every time. */
}

void shard_loop_begin(struct shard_loop *loop, struct shard *shard, struct listener *listener, struct stop_state *stop)
{
	*loop = (struct shard_loop){.shard = shard, .listener = listener, .stop = stop, .stage = RUNNING, .timer.run = ran_out};
	io_on_wake(shard->io, woken, NULL);
}

/* Answers of any shard's connections may hold what this one's reads wait for: those that sleep are to look. */
static void tell_lack(struct shard *shard)
{
	bool lacks = store_lacks_read_memory(shard->store);
	if (lacks == shard->lacks_read_memory)
		return;
	__atomic_store_n(&shard->lacks_read_memory, lacks, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < shard->shard_count && lacks; i++)
		io_wake(shard->peers[i]->io);
}

int shard_loop_turn(struct shard_loop *loop)
{
	struct shard *shard = loop->shard;
	int turned = io_turn(shard->io, !has_work(shard) && !loop->has_advanced);
	if (turned < 0)
		return turned;
	receive_all(shard);
	request_run_ready(shard);
	task_retry_appends(shard);
	frame_pool_serve(shard->frames);
	group_host_turn(shard->groups);
	store_turn(shard->store);
	control_tell_start(shard);
	tell_lack(shard);
	conn_flush_all(shard);
	give_back_turn(shard);
	loop->has_advanced = advance_stop(loop);
	return loop->stage != STOPPED || !count_reached(&loop->stop->stopped_count, shard);
}

bool shard_loop_is_idle(const struct shard_loop *loop)
{
	return !has_work(loop->shard) && !loop->has_advanced && io_sim_is_idle(loop->shard->io);
}

int shard_run(struct shard *shard, struct listener *listener, struct stop_state *stop)
{
	struct shard_loop loop;
	int result;
	short_slice_ask();
	shard_loop_begin(&loop, shard, listener, stop);
	do
		result = shard_loop_turn(&loop);
	while (result > 0);
	return result;
}
