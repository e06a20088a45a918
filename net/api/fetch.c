/* Fetch: record batches from where the reader is, up to the high watermark.
 *
 * Happy path: every partition is read within the request's budget of bytes; if there are enough bytes, or the reader does not want
 * to wait, the batches are sent from where they lie, and given back when they have left. If there is too little, what was read is given
 * back, each partition is watched from its high watermark on, and a timer runs; whatever comes first starts the reading anew.
 *
 * The first partition that has something gives at least one batch, whatever the limits say (KIP-74). Reads from the disk and on other
 * shards run beside each other, each with its part of the budget; only if they bring nothing because their first batches are larger than
 * that are they read again, one by one.
 *
 * What is on its way to a reader is held in the log's memory. So that readers who are slow, or never read, do not take it from producers, a
 * fetch gets at most half of what is left of a bound on all of them; at worst a batch at a time.
 *
 * A full request names all its partitions; one that continues a session (KIP-227, net/api/fetch_session.h) names what changes, and is laid out
 * from the session: a copy, because the session may go while the fetch waits. Its answer leaves out what the client knows already.
 *
 * Failures: an error in any partition ends the waiting; it tells no positions. A session that has gone, or
 * gone on, while the fetch waited is an error that makes the client start anew. A client that believed in an old leader epoch is told the new
 * one at once (KIP-951). */
#include "kmsg_fetch.h"
#include "net/api/fetch_session.h"
#include "net/api/handlers.h"
#include "net/route/quota_task.h"

#define SESSION_VERSION 7
#define ID_VERSION 13
#define LEADER_VERSION 16
#define READ_COMMITTED 1

struct fetch_partition {
	const struct kmsg_fetch_partition *in;
	struct kmsg_fetch_partition_result *out;
	struct uuid topic_id;
	bool is_known;                 /* the topic exists */
	uint32_t granted_bytes;
	struct read_task *read;        /* while it reads, or holds what it has read */
	struct watch_task *watch;      /* made when first needed */
	struct session_partition *remembered; /* as long as the session has the fetch's epoch; NULL in a full request */
};

struct fetch {
	struct kmsg_fetch_request in;
	struct kmsg_fetch_response out;
	struct kmsg_fetch_endpoint endpoint;
	uint32_t count;
	struct fetch_partition *partitions;
	uint32_t next;                 /* to be read */
	int32_t session_id, session_epoch; /* continued; the epoch it has until it goes on. FETCH_SESSION_NONE in a full request */
	int64_t budget_bytes;          /* not granted to anybody yet */
	int64_t min_bytes, max_bytes, total_bytes;
	int64_t ready_bytes;           /* below the high watermarks, as far as was granted: min_bytes waits for these, as in Kafka, not for total_bytes */
	uint64_t held_bytes;           /* counted in the shard's, from the answer to its release */
	bool is_second_pass, is_decided, tells_leader;
	uint64_t deadline_ns;
	struct request *request;
	struct io_timer timer;
	struct quota_task *charge;     /* NULL: not charged */
	struct read_task *idle_reads;  /* to be used again; linked by task.message.next */
};

static enum step read_more(struct request *request);
static enum step decide(struct request *request);

static const struct topic *find_topic(struct request *request, const struct uuid *id, struct slice name)
{
	return request->version >= ID_VERSION ? request_topic_by_id(request, id) : request_topic_by_name(request, name);
}

/* ---- one partition ------------------------------------------------------------------------------------------------------- */

static struct read_task *take_read(struct fetch *fetch)
{
	struct read_task *read = fetch->idle_reads;
	if (read) {
		fetch->idle_reads = (struct read_task *)(void *)read->task.message.next;
		return read;
	}
	return request_alloc_array(fetch->request, 1, sizeof *read);
}

static void give_read(struct fetch *fetch, struct fetch_partition *partition)
{
	struct read_task *read = partition->read;
	partition->read = NULL;
	read->task.message.next = (struct message *)(void *)fetch->idle_reads;
	fetch->idle_reads = read;
}

static enum kerr error_of(int err)
{
	return err > 0 ? (enum kerr)err : kerr_from(err); /* the codes of TASK_FENCED_EPOCH and its like are Kafka's own */
}

static void clear_result(struct fetch_partition *partition)
{
	struct kmsg_fetch_partition_result *out = partition->out;
	kmsg_fetch_partition_result_init(out);
	out->partition_index = partition->in->partition;
	out->high_watermark = -1;
	out->aborted_transactions.count = 0;
	out->preferred_read_replica = -1;
	out->records.whole = SLICE_EMPTY;
}

/* Who leads the partition now; the endpoint is added once, at the end. */
static void tell_leader(struct fetch *fetch, struct fetch_partition *partition)
{
	struct request *request = fetch->request;
	const struct topic *topic = request_topic_by_id(request, &partition->topic_id);
	if (!topic || request->version < LEADER_VERSION)
		return;
	partition->out->current_leader =
		(struct kmsg_fetch_leader){request->shard->facts->node_id, shard_leader_epoch(request->shard, topic)};
	fetch->tells_leader = true;
}

/* An empty list of aborted transactions rather than null: to readers of committed records, and for partitions that are not there, as in Kafka;
 * for those that went while the fetch waited it is null. */
static bool tells_aborted(const struct fetch *fetch, const struct fetch_partition *partition, enum kerr error)
{
	if (error)
		return error == KERR_UNKNOWN_TOPIC_OR_PARTITION && !partition->watch;
	return fetch->in.isolation_level == READ_COMMITTED;
}

/* A read that left batches behind could not take all it was granted, as it takes whole ones alone: waiting would not make it more. */
static int64_t ready_for(const struct fetch_partition *partition)
{
	const struct read_op *op = &partition->read->op;
	bool has_more = op->piece_count ? op->has_more : op->high_watermark > op->offset && !op->is_first;
	return has_more && partition->granted_bytes > op->size_bytes ? partition->granted_bytes : op->size_bytes;
}

/* What a read has brought goes into the answer; a read without bytes is free for the next partition. */
static void take_result(struct fetch *fetch, struct fetch_partition *partition)
{
	struct read_task *read = partition->read;
	struct kmsg_fetch_partition_result *out = partition->out;
	out->error_code = (int16_t)error_of(read->task.err);
	out->aborted_transactions.count = tells_aborted(fetch, partition, out->error_code) ? 0 : -1;
	if (!out->error_code) { /* with an error Kafka tells no offsets */
		out->high_watermark = read->op.high_watermark;
		out->last_stable_offset = read->op.last_stable_offset;
		out->log_start_offset = read->op.log_start_offset;
	}
	if (read->is_diverging)
		out->diverging_epoch = (struct kmsg_fetch_epoch_end){read->diverging_epoch, read->diverging_end_offset};
	if (out->error_code || read->is_diverging)
		fetch->is_decided = true;
	if (out->error_code == KERR_FENCED_LEADER_EPOCH || out->error_code == KERR_NOT_LEADER_OR_FOLLOWER)
		tell_leader(fetch, partition);
	fetch->ready_bytes += out->error_code ? 0 : ready_for(partition);
	fetch->budget_bytes += (int64_t)partition->granted_bytes - (read->has_pieces ? read->op.size_bytes : 0);
	if (!read->has_pieces) {
		give_read(fetch, partition);
		return;
	}
	fetch->total_bytes += read->op.size_bytes;
	out->records = (struct records){.pieces = read->op.pieces, .piece_count = read->op.piece_count};
	if (read->op.piece_count == READ_PIECES_MAX)
		fetch->is_decided = true; /* it may never get larger than this */
}

static uint32_t grant(struct fetch *fetch, const struct fetch_partition *partition)
{
	int64_t bytes = partition->in->partition_max_bytes;
	if (bytes > fetch->budget_bytes)
		bytes = fetch->budget_bytes;
	return bytes > 0 ? (uint32_t)bytes : 0;
}

/* False: no memory. */
static bool start_read(struct fetch *fetch, struct fetch_partition *partition)
{
	struct request *request = fetch->request;
	struct read_task *read = partition->read = take_read(fetch);
	if (!read)
		return false;
	task_init(&read->task, request, &partition->topic_id, partition->in->partition);
	int32_t epoch = partition->in->current_leader_epoch;
	read->current_leader_epoch = epoch < 0 ? TASK_NO_EPOCH : epoch; /* every negative one, as in Kafka's Fetch alone */
	read->last_fetched_epoch = partition->in->last_fetched_epoch;
	read->op.offset = partition->in->fetch_offset;
	read->op.size_bytes_max = partition->granted_bytes = grant(fetch, partition);
	read->op.is_first = fetch->total_bytes == 0 && request->pending == 0;
	fetch->budget_bytes -= partition->granted_bytes;
	if (request_count(request, read_task_submit(read)) == TASK_DONE)
		take_result(fetch, partition);
	return true;
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

static void take_returned(struct fetch *fetch)
{
	for (uint32_t i = 0; i < fetch->count; i++) {
		struct fetch_partition *partition = &fetch->partitions[i];
		/* What came home and has not been counted: its result still points at nothing. */
		if (partition->read && !partition->out->records.pieces)
			take_result(fetch, partition);
	}
}

/* The log has more, and gave nothing because of the limits. */
static bool is_held_back(const struct fetch_partition *partition)
{
	return partition->is_known && !partition->read && !partition->out->error_code &&
	       partition->out->high_watermark > partition->in->fetch_offset && partition->out->diverging_epoch.epoch < 0;
}

static enum step no_memory(struct request *request)
{
	return request_reject(request, "it asks for more partitions than there is memory for");
}

static enum step after_pass(struct request *request)
{
	struct fetch *fetch = request->state;
	take_returned(fetch);
	if (fetch->next < fetch->count)
		return read_more(request);
	if (!fetch->is_second_pass && fetch->total_bytes == 0) {
		fetch->is_second_pass = true;
		fetch->next = 0;
		fetch->ready_bytes = 0;
		return read_more(request);
	}
	return decide(request);
}

static bool should_read(const struct fetch *fetch, const struct fetch_partition *partition)
{
	return fetch->is_second_pass ? fetch->total_bytes == 0 && is_held_back(partition) : partition->is_known;
}

/* All that can be read beside each other. The second pass takes one at a time; and reads whose grant might be nothing only because others still
 * hold theirs wait for those. */
static enum step read_more(struct request *request)
{
	struct fetch *fetch = request->state;
	while (fetch->next < fetch->count) {
		struct fetch_partition *partition = &fetch->partitions[fetch->next];
		if (request->pending > 0 && (fetch->is_second_pass || fetch->budget_bytes <= 0))
			break;
		fetch->next++;
		if (should_read(fetch, partition) && !start_read(fetch, partition))
			return request_join(request, no_memory);
	}
	return request_join(request, after_pass);
}

static int64_t min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void set_budget(struct fetch *fetch)
{
	const struct shard *shard = fetch->request->shard;
	int64_t left = (int64_t)shard->limits.held_bytes - (int64_t)shard->held_bytes;
	fetch->budget_bytes = min_of(fetch->max_bytes, left > 0 ? left / 2 : 0);
	/* Bytes that could never be gathered are not worth waiting for. */
	fetch->min_bytes = min_of(fetch->in.min_bytes, fetch->budget_bytes > 0 ? fetch->budget_bytes : 1);
}

static enum step start_reading(struct request *request)
{
	struct fetch *fetch = request->state;
	fetch->next = 0;
	fetch->is_second_pass = false;
	fetch->total_bytes = fetch->ready_bytes = 0;
	set_budget(fetch);
	for (uint32_t i = 0; i < fetch->count; i++)
		if (fetch->partitions[i].is_known)
			clear_result(&fetch->partitions[i]);
	return read_more(request);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------------------- */

static void release_reads(struct request *request)
{
	struct fetch *fetch = request->state;
	for (uint32_t i = 0; i < fetch->count; i++)
		if (fetch->partitions[i].read)
			request_count(request, read_task_release(fetch->partitions[i].read));
}

static void time_is_up(struct io_timer *timer)
{
	request_resume(CONTAINER_OF(timer, struct fetch, timer)->request);
}

static void watch_returned(struct task *task)
{
	request_resume(task->request);
}

static enum step wake(struct request *request)
{
	struct fetch *fetch = request->state;
	io_timer_cancel(request->shard->io, &fetch->timer);
	for (uint32_t i = 0; i < fetch->count; i++)
		if (fetch->partitions[i].watch)
			watch_task_cancel(fetch->partitions[i].watch);
	return request_join(request, start_reading);
}

/* False: something has come in the meantime, or there is no memory to wait. */
static bool watch(struct fetch *fetch, struct fetch_partition *partition)
{
	struct watch_task *task = partition->watch;
	if (!task)
		task = partition->watch = request_alloc_array(fetch->request, 1, sizeof *task);
	if (!task) {
		fetch->is_decided = true;
		return false;
	}
	task_init(&task->task, fetch->request, &partition->topic_id, partition->in->partition);
	task->task.done = watch_returned;
	task->watch.offset = partition->out->high_watermark;
	return request_count(fetch->request, watch_task_submit(task)) == TASK_PENDING;
}

static enum step park(struct request *request)
{
	struct fetch *fetch = request->state;
	for (uint32_t i = 0; i < fetch->count; i++)
		if (fetch->partitions[i].read)
			give_read(fetch, &fetch->partitions[i]);
	for (uint32_t i = 0; i < fetch->count; i++)
		if (!watch(fetch, &fetch->partitions[i]))
			return wake(request);
	fetch->timer.run = time_is_up;
	io_timer_set(request->shard->io, &fetch->timer, fetch->deadline_ns);
	return request_hold(request, wake);
}

/* ---- sessions ---------------------------------------------------------------------------------------------------------------- */

/* Made when a client first asks for one. NULL: no memory. */
static struct fetch_sessions *sessions_of(struct shard *shard)
{
	if (shard->fetch_sessions)
		return shard->fetch_sessions;
	const struct broker_config *config = shard->image->config;
	uint32_t slots = (uint32_t)broker_config_int(config, "max.incremental.fetch.session.cache.slots"), seed;
	io_random(shard->io, &seed, sizeof seed);
	struct fetch_session_limits limits = {
		.slots = (slots + shard->shard_count - 1) / shard->shard_count,
		.bytes_max = (uint64_t)broker_config_int(config, "spate.fetch.session.bytes"),
		.shard = shard->index,
		.shard_count = shard->shard_count,
		.seed = seed,
	};
	return shard->fetch_sessions = fetch_sessions_create(&limits);
}

static bool is_full(const struct kmsg_fetch_request *in)
{
	return in->session_epoch == FETCH_EPOCH_INITIAL || in->session_epoch == FETCH_EPOCH_FINAL;
}

static bool wants_session(const struct fetch *fetch)
{
	return fetch->request->version >= SESSION_VERSION && fetch->in.session_epoch == FETCH_EPOCH_INITIAL && !fetch->out.error_code &&
	       !fetch->request->is_cancelled;
}

static bool remember_topic(struct fetch_sessions *sessions, struct fetch_session *session, const struct kmsg_fetch_topic *in,
			   const struct kmsg_fetch_topic_result *out, const struct topic *topic)
{
	for (int32_t p = 0; p < in->partitions.count; p++) {
		struct session_partition *partition =
			fetch_session_add(sessions, session, &in->topic_id, in->topic, &in->partitions.items[p]);
		if (!partition)
			return false;
		if (topic)
			fetch_session_seen(sessions, session, partition->key.topic, topic->name);
		fetch_session_told(partition, &out->partitions.items[p]);
	}
	return true;
}

/* Opens a session with what a full request asks and its answer tells. Without room there is none, and the client goes on in full requests. */
static void remember_all(struct fetch *fetch)
{
	struct shard *shard = fetch->request->shard;
	struct fetch_sessions *sessions = sessions_of(shard);
	bool is_by_id = fetch->request->version >= ID_VERSION;
	struct fetch_session *session =
		sessions ? fetch_session_open(sessions, io_now_ns(shard->io), is_by_id, fetch->count) : NULL;
	for (int32_t t = 0; session && t < fetch->in.topics.count; t++) {
		const struct kmsg_fetch_topic *in = &fetch->in.topics.items[t];
		const struct topic *topic = find_topic(fetch->request, &in->topic_id, in->topic);
		if (!remember_topic(sessions, session, in, &fetch->out.responses.items[t], topic)) {
			fetch_session_close(sessions, session->id);
			session = NULL;
		}
	}
	fetch->out.session_id = session ? session->id : FETCH_SESSION_NONE;
}

static void refuse_session(struct fetch *fetch, enum kerr error)
{
	fetch->out.error_code = (int16_t)error;
	fetch->out.session_id = FETCH_SESSION_NONE;
	fetch->out.responses.count = 0;
	fetch->tells_leader = false;
}

/* Takes out of the answer what the client knows. What is left moves up, so that `out` of the partitions is not valid afterwards. */
static void leave_out_known(struct fetch *fetch, struct fetch_session *session)
{
	const struct fetch_partition *partition = fetch->partitions;
	int32_t topic_count = 0;
	for (int32_t t = 0; t < fetch->out.responses.count; t++) {
		struct kmsg_fetch_topic_result *topic = &fetch->out.responses.items[t];
		int32_t count = 0;
		for (int32_t p = 0; p < topic->partitions.count; p++, partition++)
			if (fetch_session_tells(session, partition->remembered, &topic->partitions.items[p]))
				topic->partitions.items[count++] = topic->partitions.items[p];
		topic->partitions.count = count;
		if (count > 0)
			fetch->out.responses.items[topic_count++] = *topic;
	}
	fetch->out.responses.count = topic_count;
}

static void tell_what_is_new(struct fetch *fetch)
{
	struct fetch_sessions *sessions = fetch->request->shard->fetch_sessions;
	struct fetch_session *session = fetch_session_find(sessions, fetch->session_id);
	if (!session)
		refuse_session(fetch, KERR_FETCH_SESSION_ID_NOT_FOUND);
	else if (session->epoch != fetch->session_epoch)
		refuse_session(fetch, KERR_INVALID_FETCH_SESSION_EPOCH);
	else
		leave_out_known(fetch, session);
}

/* ---- answering --------------------------------------------------------------------------------------------------------------- */

static void add_endpoint(struct fetch *fetch)
{
	const struct broker_facts *facts = fetch->request->shard->facts;
	fetch->endpoint = (struct kmsg_fetch_endpoint){
		.node_id = facts->node_id,
		.host = slice_from(facts->advertised_host),
		.port = facts->advertised_port,
		.rack = slice_from(broker_config_value(facts->config, "broker.rack")),
	};
	fetch->out.node_endpoints.items = &fetch->endpoint;
	fetch->out.node_endpoints.count = 1;
}

static enum step write_answer(struct request *request)
{
	struct fetch *fetch = request->state;
	if (fetch->session_id != FETCH_SESSION_NONE)
		tell_what_is_new(fetch);
	else if (wants_session(fetch))
		remember_all(fetch);
	if (fetch->tells_leader)
		add_endpoint(fetch);
	struct writer body = writer_counting_apart();
	kmsg_fetch_response_encode(&body, request->version, &fetch->out);
	struct writer writer = request_answer_begin_apart(request, &body);
	kmsg_fetch_response_encode(&writer, request->version, &fetch->out);
	fetch->held_bytes = (uint64_t)fetch->total_bytes;
	request->shard->held_bytes += fetch->held_bytes;
	return request_answer_end(request, &writer);
}

/* The client has had too much: an answer without partitions, and nothing of them is told, so that it asks the same again. */
static enum step answer_nothing_yet(struct request *request)
{
	struct fetch *fetch = request->state;
	struct fetch_sessions *sessions = request->shard->fetch_sessions;
	struct fetch_session *session =
		fetch->session_id != FETCH_SESSION_NONE ? fetch_session_find(sessions, fetch->session_id) : NULL;
	fetch->out.responses.count = 0;
	fetch->total_bytes = 0;
	fetch->tells_leader = false;
	if (fetch->session_id != FETCH_SESSION_NONE && !session)
		refuse_session(fetch, KERR_FETCH_SESSION_ID_NOT_FOUND);
	else if (session && session->epoch != fetch->session_epoch)
		refuse_session(fetch, KERR_INVALID_FETCH_SESSION_EPOCH);
	fetch->session_id = FETCH_SESSION_NONE; /* not to be told what is new */
	return REQUEST_ANSWER(request, fetch, &fetch->out);
}

static enum step answer_charged(struct request *request)
{
	struct fetch *fetch = request->state;
	fetch->out.throttle_time_ms = (int32_t)fetch->charge->throttle_ms;
	return fetch->charge->is_refused ? answer_nothing_yet(request) : write_answer(request);
}

/* The client is charged with the records that it would get. (Kafka counts the whole answer, some dozen bytes a partition more.) */
static enum step answer(struct request *request)
{
	struct fetch *fetch = request->state;
	if (!quota_is_set(request->shard, 1u << QUOTA_FETCH) || fetch->total_bytes == 0 || fetch->charge)
		return write_answer(request);
	fetch->charge = request_alloc(request, sizeof *fetch->charge);
	if (!fetch->charge || !quota_task_init(fetch->charge, request, QUOTA_FETCH))
		return write_answer(request);
	request_count(request, quota_task_ask(fetch->charge, (double)fetch->total_bytes));
	return request_join(request, answer_charged);
}

static void release_answer(struct request *request)
{
	struct fetch *fetch = request->state;
	request->shard->held_bytes -= fetch->held_bytes;
	fetch->held_bytes = 0;
	release_reads(request);
}

static enum step decide(struct request *request)
{
	struct fetch *fetch = request->state;
	if (fetch->is_decided || fetch->ready_bytes >= fetch->min_bytes || fetch->count == 0 || request->is_cancelled ||
	    io_now_ns(request->shard->io) >= fetch->deadline_ns)
		return answer(request);
	release_reads(request);
	return request_join(request, park);
}

/* ---- the request --------------------------------------------------------------------------------------------------------------- */

/* Why there is no such topic. A session by ids knows whether it was there before, and under which name, as Kafka's does. */
static enum kerr error_of_missing(struct request *request, const struct session_topic *remembered)
{
	if (request->version < ID_VERSION)
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (!remembered || !remembered->seen_as)
		return KERR_UNKNOWN_TOPIC_ID;
	return request_topic_by_name(request, slice_from(remembered->seen_as)) ? KERR_INCONSISTENT_TOPIC_ID : KERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void lay_out_partition(struct fetch *fetch, const struct topic *topic, const struct session_topic *remembered,
			      const struct kmsg_fetch_partition *in, struct kmsg_fetch_partition_result *out)
{
	struct fetch_partition *partition = &fetch->partitions[fetch->count++];
	partition->in = in;
	partition->out = out;
	partition->is_known = topic != NULL;
	clear_result(partition);
	if (topic) {
		partition->topic_id = topic->id;
		return;
	}
	out->error_code = (int16_t)error_of_missing(fetch->request, remembered);
	out->aborted_transactions.count = out->error_code == KERR_INCONSISTENT_TOPIC_ID ? -1 : 0;
	fetch->is_decided = true;
}

static void lay_out_topic(struct request *request, struct fetch *fetch, const struct kmsg_fetch_topic *in,
			  struct kmsg_fetch_topic_result *out)
{
	const struct topic *topic = find_topic(request, &in->topic_id, in->topic);
	out->topic = in->topic;
	out->topic_id = in->topic_id;
	out->partitions.count = in->partitions.count;
	for (int32_t p = 0; p < in->partitions.count; p++)
		lay_out_partition(fetch, topic, NULL, &in->partitions.items[p], &out->partitions.items[p]);
}

/* The shape of the answer is that of the request. */
static bool lay_out(struct request *request, struct fetch *fetch)
{
	int32_t topic_count = fetch->in.topics.count;
	struct kmsg_fetch_topic_result *topics = request_alloc_array(request, (size_t)topic_count, sizeof *topics);
	size_t partition_count = 0;
	if (!topics)
		return false;
	for (int32_t t = 0; t < topic_count; t++) {
		int32_t count = fetch->in.topics.items[t].partitions.count;
		partition_count += (size_t)count;
		topics[t].partitions.items = request_alloc_array(request, (size_t)count, sizeof *topics[t].partitions.items);
		if (!topics[t].partitions.items)
			return false;
	}
	fetch->partitions = request_alloc_array(request, partition_count, sizeof *fetch->partitions);
	if (!fetch->partitions)
		return false;
	for (int32_t t = 0; t < topic_count; t++) {
		struct kmsg_fetch_partition_result *items = topics[t].partitions.items;
		kmsg_fetch_topic_result_init(&topics[t]);
		topics[t].partitions.items = items;
		lay_out_topic(request, fetch, &fetch->in.topics.items[t], &topics[t]);
	}
	fetch->out.responses.items = topics;
	fetch->out.responses.count = topic_count;
	return true;
}

/* The session's order may go to and fro between topics: each run of one is an entry of the answer. */
static uint32_t count_runs(const struct fetch_session *session)
{
	const struct session_topic *topic = NULL;
	uint32_t count = 0;
	LIST_FOR_EACH(node, &session->partitions) {
		const struct session_partition *partition = LIST_ENTRY(node, struct session_partition, node);
		count += partition->key.topic != topic;
		topic = partition->key.topic;
	}
	return count;
}

/* False: no memory. */
static bool lay_out_run(struct request *request, struct fetch *fetch, const struct session_topic *topic,
			struct kmsg_fetch_partition_result *first)
{
	struct kmsg_fetch_topic_result *out = &fetch->out.responses.items[fetch->out.responses.count++];
	kmsg_fetch_topic_result_init(out);
	out->topic_id = topic->id;
	out->topic = topic->name;
	out->partitions.items = first;
	return request_keep(request, &out->topic);
}

static bool lay_out_session(struct request *request, struct fetch *fetch, struct fetch_session *session)
{
	uint32_t count = session->partition_count;
	struct kmsg_fetch_partition *asked = request_alloc_array(request, count, sizeof *asked);
	struct kmsg_fetch_partition_result *results = request_alloc_array(request, count, sizeof *results);
	fetch->partitions = request_alloc_array(request, count, sizeof *fetch->partitions);
	fetch->out.responses.items = request_alloc_array(request, count_runs(session), sizeof *fetch->out.responses.items);
	if (!asked || !results || !fetch->partitions || !fetch->out.responses.items)
		return false;
	const struct session_topic *run = NULL;
	const struct topic *topic = NULL;
	LIST_FOR_EACH(node, &session->partitions) {
		struct session_partition *partition = LIST_ENTRY(node, struct session_partition, node);
		uint32_t at = fetch->count;
		if (partition->key.topic != run) {
			run = partition->key.topic;
			topic = find_topic(request, &run->id, run->name);
			if (topic)
				fetch_session_seen(request->shard->fetch_sessions, session, partition->key.topic, topic->name);
			if (!lay_out_run(request, fetch, run, &results[at]))
				return false;
		}
		asked[at] = partition->in;
		fetch->out.responses.items[fetch->out.responses.count - 1].partitions.count++;
		lay_out_partition(fetch, topic, run, &asked[at], &results[at]);
		fetch->partitions[at].remembered = partition;
	}
	return true;
}

/* False: no memory. The session's error, or its end, is in the answer. */
static bool lay_out_continued(struct request *request, struct fetch *fetch)
{
	struct fetch_sessions *sessions = sessions_of(request->shard);
	struct fetch_session *session = NULL;
	enum kerr error = sessions ? fetch_session_continue(sessions, io_now_ns(request->shard->io), request->version >= ID_VERSION,
							    &fetch->in, &session) : KERR_FETCH_SESSION_ID_NOT_FOUND;
	if (error)
		refuse_session(fetch, error);
	if (error || !session)
		return true;
	fetch->session_id = fetch->out.session_id = session->id;
	fetch->session_epoch = session->epoch;
	return lay_out_session(request, fetch, session);
}

static bool lay_out_full(struct request *request, struct fetch *fetch)
{
	/* What it had before, it does not want any more. */
	if (fetch->in.session_id != FETCH_SESSION_NONE && request->shard->fetch_sessions)
		fetch_session_close(request->shard->fetch_sessions, fetch->in.session_id);
	return lay_out(request, fetch);
}

static void set_limits(struct request *request, struct fetch *fetch)
{
	struct shard *shard = request->shard;
	fetch->max_bytes = min_of(fetch->in.max_bytes, broker_config_int(shard->image->config, "fetch.max.bytes"));
	if (fetch->max_bytes < 0)
		fetch->max_bytes = 0;
	if (quota_is_set(shard, 1u << QUOTA_FETCH))
		fetch->max_bytes = min_of(fetch->max_bytes, quota_burst(request, QUOTA_FETCH));
	fetch->deadline_ns = io_now_ns(shard->io) + (fetch->in.max_wait_ms > 0 ? (uint64_t)fetch->in.max_wait_ms * 1000000u : 0);
}

enum step fetch_handle(struct request *request)
{
	struct fetch *fetch = request_alloc_array(request, 1, sizeof *fetch);
	if (!fetch || kmsg_fetch_request_decode(&request->body, &request->arena, request->version, &fetch->in))
		return request_reject(request, NULL);
	fetch->request = request;
	request->state = fetch;
	kmsg_fetch_response_init(&fetch->out);
	bool is_continued = request->version >= SESSION_VERSION && !is_full(&fetch->in);
	if (!(is_continued ? lay_out_continued(request, fetch) : lay_out_full(request, fetch)))
		return request_reject(request, NULL);
	if (fetch->out.error_code)
		return answer(request);
	set_limits(request, fetch);
	request->cancel = request_resume;
	request->release = release_answer;
	return start_reading(request);
}
