/* A producer of one partition of one topic. Mostly an idempotent one, as librdkafka and the Java client are: up to five batches on their way, sent again in their order
 * when an answer is lost or says that it may go better later. Now and then it takes its next epoch, once all is answered, and sends a batch of the epoch before once
 * more, as a zombie would: that must be refused. A plain one sends one batch at a time and never again.
 *
 * Each record's value is its mark and bytes that follow from it. When its topic is deleted it forgets what was on its way, and waits for another. */
#include <stdlib.h>

#include "kmsg_init_producer_id.h"
#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/batch/batch_builder.h"
#include "net/wire/kerr.h"
#include "tests/requests/requests.h"
#include "tests/sim_broker/peer.h"
#include "tests/sim_broker/record.h"

#define WINDOW 5
#define VALUE_SIZE_MAX 200
#define LARGE_VALUE_SIZE_MAX 40000
/* With each so many records it has made it rests longer, unless the plan says that it is tireless: what the hundredth batch does, the ten-thousandth does again. */
#define TIRED_RECORDS 300

enum batch_state { UNSENT, SENT };

struct sent {
	enum batch_state state;
	uint8_t *bytes;
	uint32_t size_bytes, count;
	uint64_t send;             /* in the history; valid once told */
	bool is_told, is_again;
	uint64_t tag;
};

struct producer {
	struct world *world;
	struct peer *peer;
	uint64_t random;
	uint32_t number, topic, partition;
	uint64_t life;             /* of its topic; 0: none */
	bool is_plain, is_by_id;
	int64_t id;
	int16_t epoch;
	bool is_asking_id, is_finishing;
	int32_t next_sequence;
	struct sent window[WINDOW]; /* oldest first */
	uint32_t count;
	struct sent ghost;         /* of the epoch before; no bytes: none */
	bool is_ghost_out, is_epoch_known; /* a batch of this epoch was acknowledged */
	uint64_t next_tag, wait_until_ns, pause_until_ns, made;
	uint32_t large_every, count_max, pause_ns_max; /* one batch in so many has large values; 0: none */
};

struct producer *producer_open(struct world *world, uint32_t number)
{
	struct producer *producer = calloc(1, sizeof *producer);
	CHECK(producer);
	producer->world = world;
	producer->random = world_stream(world, "producer", number);
	producer->number = number;
	producer->id = -1;
	producer->topic = draw(&producer->random, 2) ? 0 : (uint32_t)draw(&producer->random, TOPICS_MAX);
	producer->is_plain = draw(&producer->random, 5) == 0;
	producer->is_by_id = producer->topic || draw(&producer->random, 2);
	producer->large_every = draw(&producer->random, 3) ? 0 : draw(&producer->random, 3) ? 10 : 1;
	producer->count_max = 1 + (uint32_t)draw(&producer->random, 6);
	producer->pause_ns_max = draw(&producer->random, 3) ? 20000000 : 200000000;
	producer->peer = peer_create(world, producer);
	return producer;
}

void producer_finish(struct producer *producer)
{
	producer->is_finishing = true;
}

bool producer_is_done(const struct producer *producer)
{
	return producer->count == 0;
}

void producer_reset(struct producer *producer)
{
	peer_break(producer->peer);
}

struct peer *producer_peer(struct producer *producer)
{
	return producer->peer;
}

static const struct world_topic *topic_of(const struct producer *producer)
{
	return &producer->world->topics[producer->topic];
}

static uint32_t number_of(const struct producer *producer)
{
	return topic_of(producer)->parts[producer->partition].number;
}

void producer_describe(const struct producer *producer, char *out, size_t size)
{
	snprintf(out, size, "producer %u of %s-%u: %u batches unanswered, %lu made, id %ld", producer->number, topic_of(producer)->name, producer->partition, producer->count,
		 (unsigned long)producer->made, (long)producer->id);
}

static void back_off(struct producer *producer)
{
	producer->wait_until_ns = world_now_ns(producer->world) + BACKOFF_NS;
}

/* ---- its topic ------------------------------------------------------------------------------------------------------- */

static void drop_ghost(struct producer *producer)
{
	free(producer->ghost.bytes);
	producer->ghost = (struct sent){0};
}

static void forget_batch(struct producer *producer, uint32_t place)
{
	free(producer->window[place].bytes);
	producer->count--;
	memmove(&producer->window[place], &producer->window[place + 1], (producer->count - place) * sizeof producer->window[0]);
}

static void begin_epoch(struct producer *producer, int64_t id, int16_t epoch)
{
	producer->id = id;
	producer->epoch = epoch;
	producer->next_sequence = 0;
	producer->is_epoch_known = false;
}

/* What it is answered now was sent to a topic that is gone, whose name another one has already: that it is unknown is true of the old one, and nothing of the new
 * one. follow_topic() forgets it all. (seed 71346 of --rot, where it was said of the new one.) */
static bool is_of_topic_before(const struct producer *producer)
{
	return topic_of(producer)->life != producer->life;
}

/* True while there is a topic to write to. */
static bool follow_topic(struct producer *producer)
{
	const struct world_topic *topic = topic_of(producer);
	if (producer->life && (topic->state == TOPIC_ABSENT || is_of_topic_before(producer))) {
		while (producer->count)
			forget_batch(producer, 0);
		drop_ghost(producer);
		producer->life = 0;
		begin_epoch(producer, -1, 0);
	}
	if (!producer->life && topic->state == TOPIC_LIVE) {
		producer->life = topic->life;
		producer->partition = (uint32_t)draw(&producer->random, topic->partition_count);
	}
	return producer->life != 0;
}

static bool is_topic_certain(const struct producer *producer)
{
	return topic_of(producer)->state == TOPIC_LIVE;
}

/* ---- an id ---------------------------------------------------------------------------------------------------------- */

static void id_came(void *context, uint64_t tag, const void *answer)
{
	struct producer *producer = context;
	const struct kmsg_init_producer_id_response *out = answer;
	producer->is_asking_id = false;
	if (!out || out->error_code)
		back_off(producer);
	else
		begin_epoch(producer, out->producer_id, out->producer_epoch);
}

static void ask_id(struct producer *producer)
{
	struct kmsg_init_producer_id_request in;
	kmsg_init_producer_id_request_init(&in);
	producer->is_asking_id = peer_call(producer->peer, "init_producer_id", 4, &in, 0, id_came);
}

/* As Java's does by itself when it has lost its way: the next epoch, from sequence 0 on. */
static void raise_epoch(struct producer *producer)
{
	world_tell(producer->world, (uint64_t)producer->epoch, "producer %u takes epoch %d", producer->number, producer->epoch + 1);
	begin_epoch(producer, producer->id, (int16_t)(producer->epoch + 1));
}

/* ---- batches ---------------------------------------------------------------------------------------------------------- */

static uint64_t sender_of(struct producer *producer)
{
	return producer->is_plain ? 1000 + producer->world->next_mark : 1 + producer->number; /* a plain one keeps no order */
}

static void make_batch(struct producer *producer)
{
	struct world *world = producer->world;
	struct sent *sent = &producer->window[producer->count++];
	uint32_t count = 1 + (uint32_t)draw(&producer->random, producer->count_max);
	bool is_large = producer->large_every && draw(&producer->random, producer->large_every) == 0;
	uint32_t value_size_max = is_large ? LARGE_VALUE_SIZE_MAX : VALUE_SIZE_MAX;
	size_t capacity = (size_t)count * (value_size_max + RECORD_VALUE_MIN + 64) + 128;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct batch_builder builder;
	uint64_t marks[16];
	uint8_t *value = malloc(value_size_max + RECORD_VALUE_MIN);
	if (!producer->is_plain) {
		options.producer_id = producer->id;
		options.producer_epoch = producer->epoch;
		options.base_sequence = producer->next_sequence;
	}
	*sent = (struct sent){.bytes = malloc(capacity), .count = count, .tag = ++producer->next_tag};
	CHECK(value && sent->bytes && batch_builder_open(&builder, NULL, &options, sent->bytes, capacity) == 0);
	for (uint32_t i = 0; i < count; i++) {
		marks[i] = ++world->next_mark;
		struct record record = {.timestamp_ms = world_wall_ms(world), .value = record_value(value, marks[i], draw(&producer->random, value_size_max))};
		CHECK(batch_builder_append(&builder, &record) == 0);
	}
	CHECK(batch_builder_finish(&builder, &sent->size_bytes) == 0);
	free(value);
	producer->next_sequence += (int32_t)count;
	producer->made += count;
	sent->send = history_send(world->history, number_of(producer), sender_of(producer), marks, count);
}

static bool call_produce(struct producer *producer, const struct sent *sent, uint64_t tag, peer_done_fn *done)
{
	struct produce_ask ask;
	ask_produce(&ask, topic_of(producer)->name, producer->partition, (struct slice){sent->bytes, sent->size_bytes});
	ask.topic.topic_id = topic_of(producer)->id;
	return peer_call(producer->peer, "produce", producer->is_by_id ? 13 : 9, &ask.in, tag, done);
}

static void answered(void *context, uint64_t tag, const void *answer);

static void send_batch(struct producer *producer, struct sent *sent)
{
	if (!call_produce(producer, sent, sent->tag, answered))
		return;
	sent->state = SENT;
	sent->is_again = sent->is_told;
	if (sent->is_told)
		history_retry(producer->world->history, sent->send);
	sent->is_told = true;
}

static uint32_t find_sent(const struct producer *producer, uint64_t tag)
{
	for (uint32_t i = 0; i < producer->count; i++)
		if (producer->window[i].tag == tag)
			return i;
	return producer->count;
}

/* ---- answers ----------------------------------------------------------------------------------------------------------- */

static const struct kmsg_produce_partition_result *result_of(const struct kmsg_produce_response *out)
{
	return out->responses.count == 1 && out->responses.items[0].partition_responses.count == 1 ? &out->responses.items[0].partition_responses.items[0] : NULL;
}

/* This one again. Those behind it that are out already are refused for its sake, and go again when their own answers say so: never is one out twice. A plain
 * producer never does: nobody knows what became of it. */
static void send_again(struct producer *producer, uint32_t place)
{
	producer->window[place].state = UNSENT;
	if (producer->is_plain) {
		history_forget(producer->world->history, producer->window[place].send);
		forget_batch(producer, place);
	}
	back_off(producer);
}

static bool is_passing(const struct producer *producer, int16_t error)
{
	switch (error) {
	case KERR_UNKNOWN_TOPIC_OR_PARTITION:
	case KERR_UNKNOWN_TOPIC_ID:
		return !is_topic_certain(producer);
	case KERR_LEADER_NOT_AVAILABLE:
	case KERR_NOT_LEADER_OR_FOLLOWER:
	case KERR_REQUEST_TIMED_OUT:
	case KERR_KAFKA_STORAGE_ERROR:
		return true;
	}
	return false;
}

static void keep_as_ghost(struct producer *producer, struct sent *sent)
{
	drop_ghost(producer);
	producer->ghost = *sent;
	sent->bytes = NULL;
}

static void take_ack(struct producer *producer, uint32_t place, int64_t offset)
{
	struct world *world = producer->world;
	struct sent *sent = &producer->window[place];
	world_tell(world, (uint64_t)offset, "producer %u: acknowledged at %ld of %s-%u", producer->number, (long)offset, topic_of(producer)->name, producer->partition);
	if (place > 0)
		world_accuse(world, number_of(producer), offset, "a batch is acknowledged before the one sent before it");
	if (sent->is_again && history_offset_of(world->history, sent->send) >= 0)
		meet(world, MOMENT_REPEATED); /* somebody has read it already */
	history_ack(world->history, sent->send, offset);
	producer->is_epoch_known = true;
	if (producer->count == 1 && !producer->is_plain && !producer->ghost.bytes && draw(&producer->random, 30) == 0) {
		keep_as_ghost(producer, sent);
		raise_epoch(producer);
	}
	forget_batch(producer, place);
}

/* Batches of it may be lost to damage: then the next ones do not follow upon what the log knows. */
static bool is_of_lost_batch(const struct producer *producer, int16_t error)
{
	return (error == KERR_OUT_OF_ORDER_SEQUENCE_NUMBER || error == KERR_UNKNOWN_PRODUCER_ID) && topic_of(producer)->parts[producer->partition].may_be_damaged;
}

/* As Java's does then. What is out is not waited for: nobody knows what becomes of it. */
static void begin_anew(struct producer *producer)
{
	meet(producer->world, MOMENT_SEQUENCE_LOST);
	for (; producer->count; forget_batch(producer, 0))
		history_forget(producer->world->history, producer->window[0].send);
	drop_ghost(producer);
	raise_epoch(producer);
}

static void take_result(struct producer *producer, uint32_t place, const struct kmsg_produce_partition_result *result)
{
	struct world *world = producer->world;
	int16_t error = result->error_code;
	if (error == 0) {
		take_ack(producer, place, result->base_offset);
	} else if (error == KERR_OUT_OF_ORDER_SEQUENCE_NUMBER && place > 0) { /* because the one before was refused */
		send_again(producer, place);
	} else if (is_of_lost_batch(producer, error)) {
		begin_anew(producer);
	} else if (is_passing(producer, error)) {
		if (error == KERR_KAFKA_STORAGE_ERROR)
			meet(world, MOMENT_REFUSED);
		world_tell(world, (uint64_t)error, "producer %u: refused for now: %s", producer->number, kerr_name(error));
		send_again(producer, place);
	} else {
		world_accuse(world, number_of(producer), -1, "a produce of producer %u, before sequence %d of epoch %d: error %d", producer->number, producer->next_sequence,
			     producer->epoch, error);
	}
}

static void answered(void *context, uint64_t tag, const void *answer)
{
	struct producer *producer = context;
	const struct kmsg_produce_response *out = answer;
	uint32_t place = find_sent(producer, tag);
	if (place == producer->count || is_of_topic_before(producer))
		return;
	if (!out)
		send_again(producer, place);
	else if (!result_of(out))
		world_accuse(producer->world, HISTORY_BROKER, -1, "a produce of one partition is answered with none or many");
	else
		take_result(producer, place, result_of(out));
}

/* Of the epoch before: never taken for new. A copy of it that the broker knows of may be acknowledged where it was. */
static void ghost_answered(void *context, uint64_t tag, const void *answer)
{
	struct producer *producer = context;
	const struct kmsg_produce_response *out = answer;
	producer->is_ghost_out = false;
	if (!out || !producer->ghost.bytes || tag != producer->ghost.tag || is_of_topic_before(producer))
		return;
	const struct kmsg_produce_partition_result *result = result_of(out);
	int16_t error = result ? result->error_code : 0;
	if (result && error == KERR_INVALID_PRODUCER_EPOCH)
		meet(producer->world, MOMENT_STALE_EPOCH);
	else if ((!result || !is_passing(producer, error)) && !topic_of(producer)->parts[producer->partition].may_be_damaged)
		world_accuse(producer->world, number_of(producer), -1, "a batch of an epoch behind producer %u's: error %d", producer->number, error);
	drop_ghost(producer);
}

/* ---- a step -------------------------------------------------------------------------------------------------------------- */

static void send_what_waits(struct producer *producer)
{
	for (uint32_t i = 0; i < producer->count; i++) {
		if (producer->window[i].state == SENT)
			continue;
		send_batch(producer, &producer->window[i]);
		if (producer->window[i].state == UNSENT)
			return;
	}
}

static void maybe_make_batch(struct producer *producer, uint64_t now_ns)
{
	if (producer->count >= (producer->is_plain ? 1 : WINDOW) || producer->is_finishing || now_ns < producer->pause_until_ns || !is_topic_certain(producer))
		return;
	make_batch(producer);
	uint64_t tiredness = producer->world->plan->knobs.is_tireless ? 0 : producer->made / TIRED_RECORDS;
	producer->pause_until_ns = now_ns + world_draw_pause_ns(producer->world, &producer->random, producer->pause_ns_max) * (1 + tiredness);
}

void producer_step(struct producer *producer)
{
	uint64_t now_ns = world_now_ns(producer->world);
	peer_step(producer->peer);
	if (now_ns < producer->wait_until_ns || !follow_topic(producer))
		return;
	if (producer->id < 0 && !producer->is_plain) {
		if (!producer->is_asking_id)
			ask_id(producer);
		return;
	}
	maybe_make_batch(producer, now_ns);
	send_what_waits(producer);
	if (producer->ghost.bytes && producer->is_epoch_known && !producer->is_ghost_out)
		producer->is_ghost_out = call_produce(producer, &producer->ghost, producer->ghost.tag, ghost_answered);
}
