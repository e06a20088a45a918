/* A consumer that was assigned one partition of one topic: it fetches, waits at the end for more, and checks every byte. From time to time it begins again at the
 * start, and sees the same. Where records were deleted under it, it is told so and asks where the log begins; where they are damaged, it is told so, and
 * goes on behind them. In the calm one of each partition is its reader, which tells the judge that it has seen all. */
#include "tests/sim_broker/consumer.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "net/wire/kerr.h"
#include "tests/requests/requests.h"
#include "tests/sim_broker/peer.h"
#include "tests/sim_broker/record.h"

#define EARLIEST (-2)

struct consumer {
	struct world *world;
	struct peer *peer;
	uint64_t random, life;     /* of its topic; 0: none */
	uint32_t topic, partition;
	bool is_any_partition;     /* another one with each life of the topic */
	bool is_by_id, is_reader;
	int64_t next, high_watermark;
	int64_t certain, certain_start; /* what was acknowledged or seen by anybody when it asked */
	int64_t log_start;         /* as it was told last */
	uint64_t round;            /* answers to fetches of an earlier one are passed over */
	bool is_asking, is_lost, was_full; /* it does not know where the log begins; the disk was full when it asked */
	bool is_scanning;
	uint64_t wait_until_ns;
	int32_t max_bytes;
};

struct consumer *consumer_open(struct world *world, uint32_t number, uint32_t topic, uint32_t partition)
{
	struct consumer *consumer = calloc(1, sizeof *consumer);
	CHECK(consumer);
	consumer->world = world;
	consumer->random = world_stream(world, "consumer", number);
	consumer->topic = topic;
	consumer->partition = partition;
	consumer->is_any_partition = !world->is_calm;
	consumer->is_reader = world->is_calm;
	consumer->is_by_id = topic || draw(&consumer->random, 2);
	consumer->high_watermark = -1;
	consumer->max_bytes = draw(&consumer->random, 2) ? 1 << 20 : 1 + (int32_t)draw(&consumer->random, 5000);
	consumer->peer = peer_create(world, consumer);
	return consumer;
}

void consumer_reset(struct consumer *consumer)
{
	peer_break(consumer->peer);
}

struct peer *consumer_peer(struct consumer *consumer)
{
	return consumer->peer;
}

static const struct world_topic *topic_of(const struct consumer *consumer)
{
	return &consumer->world->topics[consumer->topic];
}

static const struct topic_part *part_of(const struct consumer *consumer)
{
	return &topic_of(consumer)->parts[consumer->partition];
}

static void go_to_start(struct consumer *consumer)
{
	consumer->next = 0;
	consumer->high_watermark = -1;
	consumer->is_lost = consumer->is_scanning = false;
	consumer->round++;
}

void consumer_begin_again(struct consumer *consumer)
{
	meet(consumer->world, MOMENT_REREAD);
	go_to_start(consumer);
}

bool consumer_is_done(const struct consumer *consumer)
{
	if (!consumer->life || consumer->partition >= topic_of(consumer)->partition_count)
		return true;
	return consumer->high_watermark >= 0 && consumer->next == consumer->high_watermark && !consumer->is_lost &&
	       consumer->next >= history_certain_end(consumer->world->history, part_of(consumer)->number);
}

void consumer_describe(const struct consumer *consumer, char *out, size_t size)
{
	snprintf(out, size, "consumer of %s-%u: at offset %ld, high watermark %ld, certain up to %ld%s", topic_of(consumer)->name, consumer->partition, (long)consumer->next,
		 (long)consumer->high_watermark, (long)history_certain_end(consumer->world->history, part_of(consumer)->number), consumer->is_asking ? ", a call is out" : "");
}

static void back_off(struct consumer *consumer)
{
	consumer->wait_until_ns = world_now_ns(consumer->world) + BACKOFF_NS;
}

/* ---- its topic -------------------------------------------------------------------------------------------------------- */

/* True while there is a topic to read. */
static bool follow_topic(struct consumer *consumer)
{
	const struct world_topic *topic = topic_of(consumer);
	if (topic->state != TOPIC_LIVE) {
		consumer->life = 0;
		return false;
	}
	if (consumer->life == topic->life)
		return true;
	consumer->life = topic->life;
	if (consumer->is_any_partition)
		consumer->partition = (uint32_t)draw(&consumer->random, topic->partition_count);
	go_to_start(consumer);
	return true;
}

/* Was it asked of the topic's life that is now, and is there no doubt of it? */
static bool is_current(const struct consumer *consumer, uint64_t round)
{
	return round == consumer->round && consumer->life && topic_of(consumer)->state == TOPIC_LIVE && topic_of(consumer)->life == consumer->life;
}

static bool is_passing(int16_t error)
{
	return error == KERR_NOT_LEADER_OR_FOLLOWER || error == KERR_LEADER_NOT_AVAILABLE || error == KERR_KAFKA_STORAGE_ERROR || error == KERR_REQUEST_TIMED_OUT;
}

/* ---- records ----------------------------------------------------------------------------------------------------------- */

static void take_record(struct consumer *consumer, const struct record *record)
{
	struct world *world = consumer->world;
	if (record->offset < consumer->next)
		return; /* a batch may begin before what was asked for */
	uint64_t mark = record_mark(record->value);
	if (!mark)
		world_condemn(world, "a record that nobody wrote so of %s-%u at %ld", topic_of(consumer)->name, consumer->partition, (long)consumer->next);
	else if (record->offset > consumer->next)
		world_accuse(world, part_of(consumer)->number, record->offset, "a consumer that wants offset %ld gets offset %ld", (long)consumer->next, (long)record->offset);
	else
		history_read(world->history, part_of(consumer)->number, record->offset, mark, record->timestamp_ms);
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
		world_condemn(consumer->world, "a batch that fails its check is served of %s-%u at %ld", topic_of(consumer)->name, consumer->partition, (long)consumer->next);
		return 0;
	}
	while ((more = record_iter_next(&iter, &record)) == 1)
		take_record(consumer, &record);
	record_iter_close(&iter);
	if (more < 0)
		world_condemn(consumer->world, "a batch whose records are none is served of %s-%u at %ld", topic_of(consumer)->name, consumer->partition, (long)consumer->next);
	return batch.size_bytes;
}

/* ---- positions ------------------------------------------------------------------------------------------------------------ */

/* A log start moves by DeleteRecords that was asked for, and by retention where there is one. */
static void take_log_start(struct consumer *consumer, int64_t log_start)
{
	const struct topic_part *part = part_of(consumer);
	if (log_start < consumer->certain_start)
		world_accuse(consumer->world, part->number, log_start, "the log begins at %ld, and all below %ld was deleted for good before", (long)log_start,
			     (long)consumer->certain_start);
	if (log_start > part->start_asked && !topic_of(consumer)->may_retain)
		world_accuse(consumer->world, part->number, log_start, "the log begins at %ld; nobody asked for more than %ld to be deleted", (long)log_start,
			     (long)part->start_asked);
	if (log_start > part->start_asked)
		meet(consumer->world, MOMENT_RETAINED);
	consumer->log_start = log_start > consumer->log_start ? log_start : consumer->log_start;
}

static void take_positions(struct consumer *consumer, const struct kmsg_fetch_partition_result *result)
{
	struct world *world = consumer->world;
	uint32_t number = part_of(consumer)->number;
	consumer->high_watermark = result->high_watermark;
	world_tell(world, (uint64_t)consumer->next, "consumer of %s-%u: at %ld of %ld", topic_of(consumer)->name, consumer->partition, (long)consumer->next,
		   (long)result->high_watermark);
	if (result->high_watermark < consumer->certain)
		world_accuse(world, number, result->high_watermark, "the high watermark is %ld, and offsets up to %ld were certain before it was asked for",
			     (long)result->high_watermark, (long)consumer->certain);
	if (consumer->next > result->high_watermark)
		world_accuse(world, number, consumer->next, "records behind the high watermark are served");
	take_log_start(consumer, result->log_start_offset);
}

static void begin_scan(struct consumer *consumer)
{
	if (!consumer->is_reader || consumer->is_scanning)
		return;
	consumer->is_scanning = true;
	history_scan_begin(consumer->world->history, part_of(consumer)->number);
}

static void maybe_end_scan(struct consumer *consumer)
{
	if (!consumer->is_scanning || !consumer_is_done(consumer))
		return;
	history_scan_end(consumer->world->history, part_of(consumer)->number, consumer->log_start, consumer->high_watermark);
	consumer->is_scanning = consumer->is_reader = false;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------------- */

/* What is damaged is named, and may be passed over, one offset after another. */
static void pass_over(struct consumer *consumer)
{
	meet(consumer->world, MOMENT_ROT_NAMED);
	world_tell(consumer->world, (uint64_t)consumer->next, "consumer of %s-%u: %ld is damaged", topic_of(consumer)->name, consumer->partition, (long)consumer->next);
	history_read_damaged(consumer->world->history, part_of(consumer)->number, consumer->next++);
}

static void take_error(struct consumer *consumer, int16_t error)
{
	if (error == KERR_OFFSET_OUT_OF_RANGE) {
		meet(consumer->world, MOMENT_OUT_OF_RANGE);
		consumer->is_lost = true;
	} else if (error == KERR_CORRUPT_MESSAGE) {
		pass_over(consumer);
	} else if (is_passing(error)) {
		back_off(consumer);
	} else {
		world_accuse(consumer->world, part_of(consumer)->number, consumer->next, "a fetch from offset %ld: error %d", (long)consumer->next, error);
	}
}

static void take_result(struct consumer *consumer, const struct kmsg_fetch_partition_result *result)
{
	if (result->error_code) {
		take_error(consumer, result->error_code);
		return;
	}
	struct slice rest = result->records.whole;
	if (consumer->was_full && consumer->world->is_full)
		meet(consumer->world, MOMENT_FETCHED_WHEN_FULL);
	if (!rest.size)
		meet(consumer->world, MOMENT_PARKED);
	for (size_t size; rest.size && (size = take_batch(consumer, rest));)
		rest = (struct slice){rest.data + size, rest.size - size};
	take_positions(consumer, result);
	maybe_end_scan(consumer);
}

static void answered(void *context, uint64_t tag, const void *answer)
{
	struct consumer *consumer = context;
	const struct kmsg_fetch_response *out = answer;
	consumer->is_asking = false;
	if (!is_current(consumer, tag))
		return;
	if (!out || out->error_code || out->responses.count != 1 || out->responses.items[0].partitions.count != 1)
		back_off(consumer);
	else
		take_result(consumer, &out->responses.items[0].partitions.items[0]);
}

/* Notes what is certain when it is asked. */
static void fill(struct consumer *consumer, struct kmsg_fetch_partition *partition)
{
	kmsg_fetch_partition_init(partition);
	partition->partition = (int32_t)consumer->partition;
	partition->fetch_offset = consumer->next;
	partition->partition_max_bytes = consumer->max_bytes;
	begin_scan(consumer);
	consumer->was_full = consumer->world->is_full;
	consumer->certain = history_certain_end(consumer->world->history, part_of(consumer)->number);
	consumer->certain_start = part_of(consumer)->start_acked;
}

static void fetch(struct consumer *consumer)
{
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition partition;
	kmsg_fetch_request_init(&in);
	kmsg_fetch_topic_init(&topic);
	fill(consumer, &partition);
	topic.topic = slice_from(topic_of(consumer)->name);
	topic.topic_id = topic_of(consumer)->id;
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.max_wait_ms = 500;
	in.min_bytes = 1;
	in.max_bytes = 1 << 20;
	in.topics.items = &topic;
	in.topics.count = 1;
	consumer->is_asking = peer_call(consumer->peer, "fetch", consumer->is_by_id ? 13 : 11, &in, consumer->round, answered);
}

/* ---- where the log begins ------------------------------------------------------------------------------------------------------ */

static void take_start(struct consumer *consumer, int16_t error, int64_t offset)
{
	if (error) {
		if (!is_passing(error))
			world_accuse(consumer->world, part_of(consumer)->number, -1, "a consumer asks where the log begins: error %d", error);
		back_off(consumer);
		return;
	}
	if (offset <= consumer->next)
		world_accuse(consumer->world, part_of(consumer)->number, offset, "offset %ld was out of range, and the log begins at %ld", (long)consumer->next, (long)offset);
	take_log_start(consumer, offset);
	consumer->next = offset;
	consumer->is_lost = false;
}

static void found_start(void *context, uint64_t tag, const void *answer)
{
	struct consumer *consumer = context;
	const struct kmsg_list_offsets_response *out = answer;
	consumer->is_asking = false;
	if (!is_current(consumer, tag))
		return;
	if (!out || out->topics.count != 1 || out->topics.items[0].partitions.count != 1)
		back_off(consumer);
	else
		take_start(consumer, out->topics.items[0].partitions.items[0].error_code, out->topics.items[0].partitions.items[0].offset);
}

static void find_start(struct consumer *consumer)
{
	struct list_offsets_ask ask;
	ask_list_offsets(&ask, topic_of(consumer)->name, consumer->partition, EARLIEST);
	consumer->certain_start = part_of(consumer)->start_acked;
	consumer->is_asking = peer_call(consumer->peer, "list_offsets", 7, &ask.in, consumer->round, found_start);
}

/* True if it may fetch now. */
static bool may_fetch(struct consumer *consumer)
{
	peer_step(consumer->peer);
	if (!follow_topic(consumer) || consumer->is_asking || world_now_ns(consumer->world) < consumer->wait_until_ns)
		return false;
	if (consumer->is_lost)
		find_start(consumer);
	return !consumer->is_lost;
}

void consumer_step(struct consumer *consumer)
{
	if (may_fetch(consumer))
		fetch(consumer);
}

/* ---- for a fetcher -------------------------------------------------------------------------------------------------------------- */

struct consumer *consumer_open_for_fetcher(struct world *world, uint32_t number, uint32_t topic, uint32_t partition)
{
	struct consumer *consumer = consumer_open(world, number, topic, partition);
	consumer->is_any_partition = consumer->is_reader = false;
	consumer->max_bytes = 1 << 20; /* else all wait for a min_bytes that cannot be had */
	return consumer;
}

bool consumer_wants(struct consumer *consumer, struct uuid *topic, struct kmsg_fetch_partition *partition, uint64_t *round)
{
	if (consumer->partition >= topic_of(consumer)->partition_count || !may_fetch(consumer))
		return false;
	fill(consumer, partition);
	*topic = topic_of(consumer)->id;
	*round = consumer->round;
	return true;
}

void consumer_take(struct consumer *consumer, uint64_t round, const struct kmsg_fetch_partition_result *result)
{
	if (is_current(consumer, round))
		take_result(consumer, result);
}
