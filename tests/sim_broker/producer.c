/* An idempotent producer, as librdkafka and the Java client are: up to five batches on their way to one partition, sent again in their order when an answer is lost
 * or says that it may go better later. Each record's value is its mark and bytes that follow from it. */
#include <stdlib.h>

#include "kmsg_init_producer_id.h"
#include "kmsg_produce.h"
#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/batch/batch_builder.h"
#include "tests/sim_broker/peer.h"
#include "tests/sim_broker/record.h"

#define WINDOW 5
#define BACKOFF_NS (50ull * 1000 * 1000)

enum batch_state { UNSENT, SENT };

struct sent {
	enum batch_state state;
	uint8_t *bytes;
	uint32_t size_bytes;
	uint64_t send;             /* in the history; valid once told */
	bool is_told, is_again;
	uint64_t tag;
};

struct producer {
	struct world *world;
	struct peer *peer;
	uint32_t number, partition;
	int64_t id;
	int16_t epoch;
	bool is_asking_id, is_finishing;
	int32_t next_sequence;
	struct sent window[WINDOW]; /* oldest first */
	uint32_t count;
	uint64_t next_tag, wait_until_ns, pause_until_ns, made;
	uint32_t value_size_max, count_max;
};

struct producer *producer_open(struct world *world, uint32_t number)
{
	struct producer *producer = calloc(1, sizeof *producer);
	CHECK(producer);
	producer->world = world;
	producer->number = number;
	producer->id = -1;
	producer->partition = (uint32_t)world_draw(world, PARTITIONS);
	producer->value_size_max = world_draw(world, 3) ? 200 : 40000;
	producer->count_max = 1 + (uint32_t)world_draw(world, 6);
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

void producer_describe(const struct producer *producer, char *out, size_t size)
{
	snprintf(out, size, "producer %u of partition %u: %u batches unanswered, %lu made, id %ld", producer->number, producer->partition, producer->count,
		 (unsigned long)producer->made, (long)producer->id);
}

/* ---- an id ---------------------------------------------------------------------------------------------------------- */

static void id_came(void *context, uint64_t tag, const void *answer)
{
	struct producer *producer = context;
	const struct kmsg_init_producer_id_response *out = answer;
	producer->is_asking_id = false;
	if (!out || out->error_code) {
		producer->wait_until_ns = world_now_ns(producer->world) + BACKOFF_NS;
		return;
	}
	producer->id = out->producer_id;
	producer->epoch = out->producer_epoch;
}

static void ask_id(struct producer *producer)
{
	struct kmsg_init_producer_id_request in;
	kmsg_init_producer_id_request_init(&in);
	producer->is_asking_id = peer_call(producer->peer, "init_producer_id", 4, &in, 0, id_came);
}

/* ---- batches ---------------------------------------------------------------------------------------------------------- */

static void make_batch(struct producer *producer)
{
	struct world *world = producer->world;
	struct sent *sent = &producer->window[producer->count++];
	uint32_t count = 1 + (uint32_t)world_draw(world, producer->count_max);
	size_t capacity = (size_t)count * (producer->value_size_max + RECORD_VALUE_MIN + 64) + 128;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct batch_builder builder;
	uint64_t marks[16];
	uint8_t *value = malloc(producer->value_size_max + RECORD_VALUE_MIN);
	options.producer_id = producer->id;
	options.producer_epoch = producer->epoch;
	options.base_sequence = producer->next_sequence;
	*sent = (struct sent){.bytes = malloc(capacity), .tag = ++producer->next_tag};
	CHECK(value && sent->bytes && batch_builder_open(&builder, NULL, &options, sent->bytes, capacity) == 0);
	for (uint32_t i = 0; i < count; i++) {
		marks[i] = ++world->next_mark;
		struct record record = {.timestamp_ms = 1700000000000 + (int64_t)marks[i],
					.value = record_value(value, marks[i], world_draw(world, producer->value_size_max))};
		CHECK(batch_builder_append(&builder, &record) == 0);
	}
	CHECK(batch_builder_finish(&builder, &sent->size_bytes) == 0);
	free(value);
	producer->next_sequence += (int32_t)count;
	producer->made += count;
	sent->send = history_send(world->history, world->numbers[producer->partition], 1 + producer->number, marks, count);
}

static void answered(void *context, uint64_t tag, const void *answer);

static void send_batch(struct producer *producer, struct sent *sent)
{
	struct kmsg_produce_request in;
	struct kmsg_produce_topic topic;
	struct kmsg_produce_partition partition = {.index = (int32_t)producer->partition, .records.whole = {sent->bytes, sent->size_bytes}};
	kmsg_produce_request_init(&in);
	kmsg_produce_topic_init(&topic);
	topic.name = slice_from(TOPIC);
	topic.partition_data.items = &partition;
	topic.partition_data.count = 1;
	in.acks = -1;
	in.timeout_ms = 30000;
	in.topic_data.items = &topic;
	in.topic_data.count = 1;
	if (!peer_call(producer->peer, "produce", 9, &in, sent->tag, answered))
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

static void forget_batch(struct producer *producer, uint32_t place)
{
	free(producer->window[place].bytes);
	producer->count--;
	memmove(&producer->window[place], &producer->window[place + 1], (producer->count - place) * sizeof producer->window[0]);
}

/* This one again, and all behind it, in their order. */
static void send_again_from(struct producer *producer, uint32_t place)
{
	for (uint32_t i = place; i < producer->count; i++)
		producer->window[i].state = UNSENT;
	producer->wait_until_ns = world_now_ns(producer->world) + BACKOFF_NS;
}

static bool is_passing(int16_t error)
{
	switch (error) {
	case 3:  /* UNKNOWN_TOPIC_OR_PARTITION */
	case 5:  /* LEADER_NOT_AVAILABLE */
	case 6:  /* NOT_LEADER_OR_FOLLOWER */
	case 7:  /* REQUEST_TIMED_OUT */
	case 56: /* KAFKA_STORAGE_ERROR */
		return true;
	}
	return false;
}

static void take_result(struct producer *producer, uint32_t place, const struct kmsg_produce_partition_result *result)
{
	struct world *world = producer->world;
	struct sent *sent = &producer->window[place];
	uint32_t number = world->numbers[producer->partition];
	if (result->error_code == 0) {
		world_tell(world, (uint64_t)result->base_offset, "producer %u: acknowledged at %ld", producer->number, (long)result->base_offset);
		if (place > 0)
			world_accuse(world, number, result->base_offset, "a batch is acknowledged before the one sent before it");
		if (sent->is_again && history_offset_of(world->history, sent->send) >= 0)
			meet(world, MOMENT_REPEATED); /* somebody has read it already */
		history_ack(world->history, sent->send, result->base_offset);
		forget_batch(producer, place);
	} else if (result->error_code == 45 && place > 0) { /* OUT_OF_ORDER_SEQUENCE_NUMBER, because the one before was refused */
		send_again_from(producer, place);
	} else if (is_passing(result->error_code)) {
		meet(world, MOMENT_REFUSED);
		world_tell(world, (uint64_t)result->error_code, "producer %u: refused for now: %d", producer->number, result->error_code);
		send_again_from(producer, place);
	} else {
		world_accuse(world, number, -1, "producer %u of sequence %d: error %d", producer->number, producer->next_sequence, result->error_code);
	}
}

static void answered(void *context, uint64_t tag, const void *answer)
{
	struct producer *producer = context;
	const struct kmsg_produce_response *out = answer;
	uint32_t place = find_sent(producer, tag);
	if (place == producer->count || producer->window[place].state == UNSENT)
		return;
	if (!out)
		send_again_from(producer, place);
	else if (out->responses.count != 1 || out->responses.items[0].partition_responses.count != 1)
		world_accuse(producer->world, HISTORY_BROKER, -1, "a produce of one partition is answered with none or many");
	else
		take_result(producer, place, &out->responses.items[0].partition_responses.items[0]);
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

void producer_step(struct producer *producer)
{
	struct world *world = producer->world;
	uint64_t now_ns = world_now_ns(world);
	peer_step(producer->peer);
	if (now_ns < producer->wait_until_ns || !world->has_topic)
		return;
	if (producer->id < 0 && !producer->is_asking_id)
		ask_id(producer);
	if (producer->id < 0)
		return;
	if (producer->count < WINDOW && !producer->is_finishing && now_ns >= producer->pause_until_ns) {
		make_batch(producer);
		producer->pause_until_ns = now_ns + world_draw(world, 20000000);
	}
	send_what_waits(producer);
}
