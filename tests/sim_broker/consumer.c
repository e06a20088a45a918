/* A consumer that was assigned one partition: it fetches, waits at the end for more, and checks every byte. From time to time it begins again at the
 * start, and sees the same. */
#include <stdlib.h>

#include "kmsg_fetch.h"
#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "tests/sim_broker/peer.h"
#include "tests/sim_broker/record.h"

#define BACKOFF_NS (50ull * 1000 * 1000)

struct consumer {
	struct world *world;
	struct peer *peer;
	uint32_t partition, number;
	int64_t next, high_watermark;
	int64_t certain;           /* what was acknowledged or seen by anybody when it asked */
	uint64_t round;            /* answers to fetches of an earlier one are passed over */
	bool is_asking;
	uint64_t wait_until_ns;
	int32_t max_bytes;
};

struct consumer *consumer_open(struct world *world, uint32_t partition)
{
	struct consumer *consumer = calloc(1, sizeof *consumer);
	CHECK(consumer);
	consumer->world = world;
	consumer->partition = partition;
	consumer->number = world->numbers[partition];
	consumer->high_watermark = -1;
	consumer->max_bytes = world_draw(world, 2) ? 1 << 20 : 1 + (int32_t)world_draw(world, 5000);
	consumer->peer = peer_create(world, consumer);
	return consumer;
}

void consumer_reset(struct consumer *consumer)
{
	peer_break(consumer->peer);
}

void consumer_begin_again(struct consumer *consumer)
{
	meet(consumer->world, MOMENT_REREAD);
	consumer->next = 0;
	consumer->high_watermark = -1;
	consumer->round++;
}

bool consumer_is_done(const struct consumer *consumer)
{
	return consumer->high_watermark >= 0 && consumer->next == consumer->high_watermark &&
	       consumer->next >= history_certain_end(consumer->world->history, consumer->number);
}

void consumer_describe(const struct consumer *consumer, char *out, size_t size)
{
	snprintf(out, size, "consumer of partition %u: at offset %ld, high watermark %ld, certain up to %ld%s", consumer->partition, (long)consumer->next,
		 (long)consumer->high_watermark, (long)history_certain_end(consumer->world->history, consumer->number), consumer->is_asking ? ", a fetch is out" : "");
}

static void take_record(struct consumer *consumer, const struct record *record)
{
	struct world *world = consumer->world;
	if (record->offset < consumer->next)
		return; /* a batch may begin before what was asked for */
	uint64_t mark = record_mark(record->value);
	if (!mark)
		world_accuse(world, consumer->number, record->offset, "a record that nobody wrote so");
	else if (record->offset > consumer->next)
		world_accuse(world, consumer->number, record->offset, "a consumer that wants offset %ld gets offset %ld", (long)consumer->next, (long)record->offset);
	else
		history_read(world->history, consumer->number, record->offset, mark, record->timestamp_ms);
	consumer->next = record->offset + 1;
}

/* One batch; its size. 0: what is left is not whole, as the last of an answer may be. */
static size_t take_batch(struct consumer *consumer, struct slice rest)
{
	struct batch batch;
	struct record_iter iter;
	struct record record;
	int more;
	if (rest.size < BATCH_HEADER_SIZE || batch_peek_size(rest) > rest.size)
		return 0;
	if (batch_parse_checked(rest, &batch) || record_iter_open(&iter, NULL, (struct slice){rest.data, batch.size_bytes})) {
		world_accuse(consumer->world, consumer->number, consumer->next, "a batch that fails its check is served");
		return 0;
	}
	while ((more = record_iter_next(&iter, &record)) == 1)
		take_record(consumer, &record);
	record_iter_close(&iter);
	if (more < 0)
		world_accuse(consumer->world, consumer->number, consumer->next, "a batch whose records are none is served");
	return batch.size_bytes;
}

static void take_result(struct consumer *consumer, const struct kmsg_fetch_partition_result *result)
{
	struct world *world = consumer->world;
	if (result->error_code == 3 || result->error_code == 6 || result->error_code == 56) {
		consumer->wait_until_ns = world_now_ns(world) + BACKOFF_NS;
		return;
	}
	if (result->error_code) {
		world_accuse(world, consumer->number, consumer->next, "a fetch from offset %ld: error %d", (long)consumer->next, result->error_code);
		return;
	}
	struct slice rest = result->records.whole;
	if (!rest.size)
		meet(world, MOMENT_PARKED);
	for (size_t size; rest.size && (size = take_batch(consumer, rest));)
		rest = (struct slice){rest.data + size, rest.size - size};
	consumer->high_watermark = result->high_watermark;
	world_tell(world, (uint64_t)consumer->next, "consumer of %u: at %ld of %ld", consumer->partition, (long)consumer->next, (long)result->high_watermark);
	if (result->high_watermark < consumer->certain)
		world_accuse(world, consumer->number, result->high_watermark, "the high watermark is %ld, and offsets up to %ld were certain before it was asked for",
			     (long)result->high_watermark, (long)consumer->certain);
	if (consumer->next > result->high_watermark)
		world_accuse(world, consumer->number, consumer->next, "records behind the high watermark are served");
}

static void answered(void *context, uint64_t tag, const void *answer)
{
	struct consumer *consumer = context;
	const struct kmsg_fetch_response *out = answer;
	consumer->is_asking = false;
	if (tag != consumer->round)
		return;
	if (!out || out->error_code || out->responses.count != 1 || out->responses.items[0].partitions.count != 1)
		consumer->wait_until_ns = world_now_ns(consumer->world) + BACKOFF_NS;
	else
		take_result(consumer, &out->responses.items[0].partitions.items[0]);
}

static void fetch(struct consumer *consumer)
{
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition partition;
	kmsg_fetch_request_init(&in);
	kmsg_fetch_topic_init(&topic);
	kmsg_fetch_partition_init(&partition);
	partition.partition = (int32_t)consumer->partition;
	partition.fetch_offset = consumer->next;
	partition.partition_max_bytes = consumer->max_bytes;
	topic.topic = slice_from(TOPIC);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.max_wait_ms = 500;
	in.min_bytes = 1;
	in.max_bytes = 1 << 20;
	in.topics.items = &topic;
	in.topics.count = 1;
	consumer->certain = history_certain_end(consumer->world->history, consumer->number);
	consumer->is_asking = peer_call(consumer->peer, "fetch", 11, &in, consumer->round, answered);
}

void consumer_step(struct consumer *consumer)
{
	peer_step(consumer->peer);
	if (!consumer->is_asking && consumer->world->has_topic && world_now_ns(consumer->world) >= consumer->wait_until_ns)
		fetch(consumer);
}
