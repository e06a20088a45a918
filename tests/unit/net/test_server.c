/* The broker as clients see it: one connection and many, one shard and two. */
#include "tests/unit/net/server_fixture.h"

#include "kmsg_api_versions.h"
#include "kmsg_fetch.h"
#include "kmsg_init_producer_id.h"
#include "kmsg_list_offsets.h"
#include "kmsg_offset_for_leader_epoch.h"
#include "net/wire/kerr.h"
#include <time.h>

static struct broker broker;

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A fetch of one partition. */
struct fetch_one {
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition partition;
};

static struct fetch_one *fetch_one(struct fetch_one *one, const char *topic, int32_t partition, int64_t offset, int32_t wait_ms)
{
	kmsg_fetch_request_init(&one->in);
	kmsg_fetch_topic_init(&one->topic);
	kmsg_fetch_partition_init(&one->partition);
	one->partition.partition = partition;
	one->partition.fetch_offset = offset;
	one->partition.partition_max_bytes = 1 << 20;
	one->topic.topic = slice_from(topic);
	one->topic.partitions.items = &one->partition;
	one->topic.partitions.count = 1;
	one->in.max_wait_ms = wait_ms;
	one->in.min_bytes = 1;
	one->in.topics.items = &one->topic;
	one->in.topics.count = 1;
	return one;
}

static struct kmsg_fetch_partition_result fetch_result(const struct kmsg_fetch_response *out)
{
	cr_assert_eq(out->error_code, 0);
	cr_assert_eq(out->responses.count, 1);
	cr_assert_eq(out->responses.items[0].partitions.count, 1);
	return out->responses.items[0].partitions.items[0];
}

static void produce_records(struct client *client, const char *topic, int32_t partition, int count, int64_t wanted_offset)
{
	static uint8_t bytes[1 << 20];
	struct produce_one one;
	struct kmsg_produce_response out;
	client_call(client, "produce", 9, produce_one(&one, topic, partition, -1, make_batch(bytes, sizeof bytes, count, 100)), &out);
	cr_assert_eq(produce_result(&out).error_code, 0, "%s", kerr_name(produce_result(&out).error_code));
	cr_assert_eq(produce_result(&out).base_offset, wanted_offset);
}

/* ---- one client -------------------------------------------------------------------------------------------------------------- */

/* Every version is answered in its own layout; one that nobody knows in that of version 0, with the range to try. */
Test(server, api_versions, .timeout = 60)
{
	struct client client;
	struct kmsg_api_versions_request in;
	struct kmsg_api_versions_response out;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	kmsg_api_versions_request_init(&in);
	in.client_software_name = slice_from("apache-kafka-java");
	in.client_software_version = slice_from("4.3.0");
	for (int version = 0; version <= 4; version++) {
		client_call(&client, "api_versions", version, &in, &out);
		cr_assert_eq(out.error_code, 0);
		cr_assert_gt(out.api_keys.count, 5);
		cr_assert_eq(out.api_keys.items[0].api_key, 0);
		cr_assert_eq(out.api_keys.items[0].min_version, 0);
	}
	in.client_software_name = slice_from("-bad-");
	client_call(&client, "api_versions", 3, &in, &out);
	cr_assert_eq(out.error_code, KERR_INVALID_REQUEST);
	static const uint8_t future[] = {0, 0, 0, 14, 0, 18, 0, 99, 0, 0, 0, 77, 0, 1, 'x', 0, 1, 2};
	client_send_raw(&client, future, sizeof future);
	cr_assert(client_receive(&client, "api_versions", 0, 77, &out));
	cr_assert_eq(out.error_code, KERR_UNSUPPORTED_VERSION);
	cr_assert_eq(out.api_keys.count, 1);
	cr_assert_eq(out.api_keys.items[0].api_key, 18);
	cr_assert_eq(out.api_keys.items[0].max_version, 4);
	client_close(&client);
	broker_end(&broker);
}

/* What is produced is read back byte for byte, and found by its time; after a restart too, in a later epoch. */
static void produce_and_read_back(uint32_t shards)
{
	static const char *const settings[] = {"num.partitions", "8", NULL};
	struct client client;
	struct fetch_one one;
	struct kmsg_fetch_response out;
	broker_start(&broker, shards, settings);
	client_open(&client, &broker);
	struct uuid id = make_topic(&client, "words", 8);
	for (int32_t p = 0; p < 8; p++) {
		produce_records(&client, "words", p, 3, 0);
		produce_records(&client, "words", p, 2, 3);
	}
	for (int round = 0; round < 2; round++) {
		for (int32_t p = 0; p < 8; p++)
			for (int version = 4; version <= 18; version++) {
				fetch_one(&one, "words", p, 0, 0);
				one.topic.topic_id = id;
				client_call(&client, "fetch", version, &one.in, &out);
				struct kmsg_fetch_partition_result result = fetch_result(&out);
				cr_assert_eq(result.error_code, 0, "%s", kerr_name(result.error_code));
				cr_assert_eq(result.high_watermark, 5);
				cr_assert_eq(result.last_stable_offset, 5);
				struct batch batch;
				struct slice rest = result.records.whole;
				cr_assert_eq(batch_parse_checked(rest, &batch), 0);
				cr_assert_eq(batch.records_count, 3);
				rest = (struct slice){rest.data + batch.size_bytes, rest.size - batch.size_bytes};
				cr_assert_eq(batch_parse_checked(rest, &batch), 0);
				cr_assert_eq(batch.base_offset, 3);
				cr_assert_eq(rest.size, batch.size_bytes);
			}
		if (round == 0) {
			client_close(&client);
			broker_restart(&broker);
			client_open(&client, &broker);
		}
	}
	client_close(&client);
	broker_end(&broker);
}

Test(server, read_back_one_shard, .timeout = 60) { produce_and_read_back(1); }
Test(server, read_back_two_shards, .timeout = 60) { produce_and_read_back(2); }

/* A fetch over all partitions of two shards gets all of them in one answer, and its limits hold. */
Test(server, fetch_of_many_partitions, .timeout = 60)
{
	static const char *const settings[] = {"num.partitions", "16", NULL};
	struct client client;
	struct fetch_one one;
	struct kmsg_fetch_partition partitions[16];
	struct kmsg_fetch_response out;
	broker_start(&broker, 2, settings);
	client_open(&client, &broker);
	make_topic(&client, "many", 16);
	for (int32_t p = 0; p < 16; p++)
		produce_records(&client, "many", p, 10, 0);
	for (int round = 0; round < 2; round++) {
		fetch_one(&one, "many", 0, 0, 0);
		for (int32_t p = 0; p < 16; p++) {
			partitions[p] = one.partition;
			partitions[p].partition = p;
			/* In the second round no batch fits, and only one may come all the same. */
			partitions[p].partition_max_bytes = round == 0 ? 1 << 20 : 1;
		}
		one.topic.partitions.items = partitions;
		one.topic.partitions.count = 16;
		client_call(&client, "fetch", 12, &one.in, &out);
		int with_records = 0;
		cr_assert_eq(out.responses.items[0].partitions.count, 16);
		for (int32_t p = 0; p < 16; p++) {
			const struct kmsg_fetch_partition_result *result = &out.responses.items[0].partitions.items[p];
			cr_assert_eq(result->error_code, 0);
			cr_assert_eq(result->partition_index, p);
			cr_assert_eq(result->high_watermark, 10);
			cr_assert_not_null(result->records.whole.data, "never null");
			with_records += result->records.whole.size > 0;
		}
		cr_assert_eq(with_records, round == 0 ? 16 : 1);
	}
	client_close(&client);
	broker_end(&broker);
}

/* An answer of thousands of pieces, more than one system call takes, arrives whole and in order. */
static void fetch_of_many_pieces(enum io_backend backend)
{
	enum { PARTITIONS = 150, BATCHES = 16 };
	static const char *const settings[] = {"num.partitions", "150", NULL};
	static struct kmsg_fetch_partition partitions[PARTITIONS];
	static uint8_t bytes[8192];
	struct client client;
	struct fetch_one one;
	struct produce_one produce;
	struct kmsg_produce_response produced;
	struct kmsg_fetch_response out;
	broker = (struct broker){0};
	broker_configure(&broker, 1, settings);
	broker.options.backend = backend;
	cr_assert_eq(broker_try_start(&broker, NULL, 0), 0);
	client_open(&client, &broker);
	make_topic(&client, "pieces", PARTITIONS);
	struct slice batch = make_batch(bytes, sizeof bytes, 3, 1500);
	fetch_one(&one, "pieces", 0, 0, 0);
	one.in.max_bytes = 50 << 20;
	for (int32_t p = 0; p < PARTITIONS; p++) {
		int32_t first = client.correlation_id + 1;
		for (int i = 0; i < BATCHES; i++)
			client_send(&client, "produce", 9, produce_one(&produce, "pieces", p, -1, batch));
		for (int i = 0; i < BATCHES; i++)
			cr_assert(client_receive(&client, "produce", 9, first + i, &produced));
		partitions[p] = one.partition;
		partitions[p].partition = p;
	}
	one.topic.partitions.items = partitions;
	one.topic.partitions.count = PARTITIONS;
	client_call(&client, "fetch", 11, &one.in, &out);
	for (int32_t p = 0; p < PARTITIONS; p++) {
		struct slice rest = out.responses.items[0].partitions.items[p].records.whole;
		for (int i = 0; i < BATCHES; i++) {
			struct batch header;
			cr_assert_eq(batch_parse_checked(rest, &header), 0, "partition %d, batch %d", p, i);
			cr_assert_eq(header.base_offset, i * 3);
			rest = (struct slice){rest.data + header.size_bytes, rest.size - header.size_bytes};
		}
		cr_assert_eq(rest.size, 0);
	}
	client_close(&client);
	broker_end(&broker);
}

Test(server, fetch_of_many_pieces, .timeout = 60) { fetch_of_many_pieces(IO_URING); }
Test(server, fetch_of_many_pieces_system_calls, .timeout = 60) { fetch_of_many_pieces(IO_SYSCALLS); }

/* However much a fetch asks for, it gets no more of the log's memory than a part of what all may hold; and it comes to the end all the same. */
Test(server, fetch_holds_little_of_a_small_cache, .timeout = 60)
{
	static const char *const settings[] = {"spate.cache.bytes", "4194304", "message.max.bytes", "900000", NULL};
	static uint8_t bytes[1 << 20];
	struct client client;
	struct fetch_one one;
	struct produce_one produce;
	struct kmsg_produce_response produced;
	struct kmsg_fetch_response out;
	broker_start(&broker, 1, settings);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	for (int i = 0; i < 30; i++) {
		/* The last batch is larger than the bound, and comes all the same. */
		struct slice batch = make_batch(bytes, sizeof bytes, i < 29 ? 1 : 8, 100000);
		client_call(&client, "produce", 9, produce_one(&produce, "x", 0, -1, batch), &produced);
		cr_assert_eq(produce_result(&produced).error_code, 0);
	}
	int64_t offset = 0;
	int answers = 0;
	while (offset < 37) {
		fetch_one(&one, "x", 0, offset, 5000);
		one.in.max_bytes = one.partition.partition_max_bytes = 50 << 20;
		one.in.min_bytes = 50 << 20;
		client_call(&client, "fetch", 11, &one.in, &out);
		struct slice rest = fetch_result(&out).records.whole;
		cr_assert_gt(rest.size, 0);
		cr_assert(rest.size <= 512 << 10 || offset == 29, "%zu at %ld", rest.size, (long)offset);
		for (struct batch batch; rest.size > 0; rest = (struct slice){rest.data + batch.size_bytes, rest.size - batch.size_bytes}) {
			cr_assert_eq(batch_parse_checked(rest, &batch), 0);
			cr_assert_eq(batch.base_offset, offset);
			offset = batch_next_offset(&batch);
		}
		answers++;
	}
	cr_assert_geq(answers, 6);
	client_close(&client);
	broker_end(&broker);
}

/* Produces in flight together are answered in order, with rising offsets; what comes behind them sees them all. */
static void pipeline(uint32_t shards)
{
	static const char *const settings[] = {"num.partitions", "4", NULL};
	static uint8_t bytes[4096];
	enum { COUNT = 200 };
	struct client client;
	struct produce_one one;
	struct kmsg_produce_response out;
	int64_t next[4] = {0};
	broker_start(&broker, shards, settings);
	client_open(&client, &broker);
	make_topic(&client, "pipe", 4);
	int32_t first = client.correlation_id + 1;
	struct slice batch = make_batch(bytes, sizeof bytes, 2, 100);
	for (int i = 0; i < COUNT; i++)
		client_send(&client, "produce", 9, produce_one(&one, "pipe", i % 4, -1, batch));
	struct kmsg_list_offsets_partition asked = {.partition_index = 1, .current_leader_epoch = -1, .timestamp = -1, .append_time_of = -1};
	struct kmsg_list_offsets_topic topic = {.name = slice_from("pipe"), .partitions = {&asked, 1}};
	struct kmsg_list_offsets_request list = {.replica_id = -1, .topics = {&topic, 1}};
	client_send(&client, "list_offsets", 7, &list);
	for (int i = 0; i < COUNT; i++) {
		cr_assert(client_receive(&client, "produce", 9, first + i, &out));
		struct kmsg_produce_partition_result result = produce_result(&out);
		cr_assert_eq(result.error_code, 0);
		cr_assert_eq(result.base_offset, next[i % 4]);
		next[i % 4] += 2;
	}
	struct kmsg_list_offsets_response offsets;
	cr_assert(client_receive(&client, "list_offsets", 7, first + COUNT, &offsets));
	cr_assert_eq(offsets.topics.items[0].partitions.items[0].offset, COUNT / 4 * 2);
	client_close(&client);
	broker_end(&broker);
}

Test(server, pipeline_one_shard, .timeout = 60) { pipeline(1); }
Test(server, pipeline_two_shards, .timeout = 60) { pipeline(2); }

/* ---- waiting ----------------------------------------------------------------------------------------------------------------- */

/* A fetch at the end waits, is woken by a produce, and else answers with nothing when its time is up. */
static void parked_fetch(uint32_t shards)
{
	static const char *const settings[] = {"num.partitions", "4", NULL};
	struct client reader, writer;
	struct fetch_one one;
	struct kmsg_fetch_response out;
	broker_start(&broker, shards, settings);
	client_open(&reader, &broker);
	client_open(&writer, &broker);
	make_topic(&writer, "tail", 4);
	for (int32_t p = 0; p < 4; p++) {
		client_send(&reader, "fetch", 11, &fetch_one(&one, "tail", p, 0, 5000)->in);
		cr_assert_not(client_has_answer(&reader, 100), "it waits");
		int64_t began = now_ms();
		produce_records(&writer, "tail", p, 1, 0);
		cr_assert(client_receive(&reader, "fetch", 11, reader.correlation_id, &out));
		cr_assert_lt(now_ms() - began, 2000);
		cr_assert_gt(fetch_result(&out).records.whole.size, 0);
		int64_t before = now_ms();
		client_call(&reader, "fetch", 11, &fetch_one(&one, "tail", p, 1, 200)->in, &out);
		cr_assert_geq(now_ms() - before, 199);
		cr_assert_eq(fetch_result(&out).records.whole.size, 0);
		cr_assert_eq(fetch_result(&out).high_watermark, 1);
	}
	client_close(&reader);
	client_close(&writer);
	broker_end(&broker);
}

Test(server, parked_fetch_one_shard, .timeout = 60) { parked_fetch(1); }
Test(server, parked_fetch_two_shards, .timeout = 60) { parked_fetch(2); }

/* min_bytes counts over several produces. */
Test(server, fetch_waits_for_min_bytes, .timeout = 60)
{
	struct client reader, writer;
	struct fetch_one one;
	struct kmsg_fetch_response out;
	broker_start(&broker, 1, NULL);
	client_open(&reader, &broker);
	client_open(&writer, &broker);
	make_topic(&writer, "min", 1);
	fetch_one(&one, "min", 0, 0, 10000);
	one.in.min_bytes = 500;
	client_send(&reader, "fetch", 11, &one.in);
	for (int i = 0; i < 2; i++) {
		produce_records(&writer, "min", 0, 1, i);
		cr_assert_not(client_has_answer(&reader, 50), "%d records are not enough", i + 1);
	}
	produce_records(&writer, "min", 0, 1, 2);
	cr_assert(client_receive(&reader, "fetch", 11, reader.correlation_id, &out));
	cr_assert_geq(fetch_result(&out).records.whole.size, 500);
	client_close(&reader);
	client_close(&writer);
	broker_end(&broker);
}

/* What is ready counts, not what whole batches make of it: three of them lie below what is asked for, the fourth does not fit, and no wait would change that. */
Test(server, fetch_counts_what_is_ready, .timeout = 60)
{
	struct client client;
	struct fetch_one one;
	struct kmsg_fetch_response out;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	make_topic(&client, "ready", 1);
	for (int i = 0; i < 4; i++)
		produce_records(&client, "ready", 0, 1, i);
	fetch_one(&one, "ready", 0, 0, 30000);
	one.partition.partition_max_bytes = 600;
	one.in.min_bytes = 590;
	int64_t began = now_ms();
	client_call(&client, "fetch", 11, &one.in, &out);
	cr_assert_lt(now_ms() - began, 15000, "it waited although more is ready than it can take");
	cr_assert(fetch_result(&out).records.whole.size >= 500 && fetch_result(&out).records.whole.size < 590, "%zu", fetch_result(&out).records.whole.size);
	one.partition.fetch_offset = 3;
	client_send(&client, "fetch", 11, &one.in);
	cr_assert_not(client_has_answer(&client, 100), "one batch alone is not enough, and nothing is behind it");
	client_close(&client);
	broker_end(&broker);
}

/* A peer that goes while its fetch waits, and a broker that stops meanwhile: nothing hangs. */
static void leave_while_parked(uint32_t shards)
{
	struct client readers[4], writer;
	struct fetch_one one;
	broker_start(&broker, shards, NULL);
	client_open(&writer, &broker);
	make_topic(&writer, "gone", 1);
	for (int i = 0; i < 4; i++) {
		client_open(&readers[i], &broker);
		client_send(&readers[i], "fetch", 11, &fetch_one(&one, "gone", 0, 0, 1000000)->in);
	}
	usleep(50000);
	client_close(&readers[0]);
	client_close(&readers[1]);
	usleep(50000);
	produce_records(&writer, "gone", 0, 1, 0);
	struct kmsg_fetch_response out;
	cr_assert(client_receive(&readers[2], "fetch", 11, readers[2].correlation_id, &out));
	client_send(&readers[2], "fetch", 11, &fetch_one(&one, "gone", 0, 1, 1000000)->in);
	usleep(50000);
	int64_t began = now_ms();
	broker_stop(&broker);
	cr_assert_lt(now_ms() - began, 2500, "a parked fetch does not hold up the stop");
	for (int i = 2; i < 4; i++)
		client_close(&readers[i]);
	client_close(&writer);
	broker_remove(&broker);
}

Test(server, leave_while_parked_one_shard, .timeout = 60) { leave_while_parked(1); }
Test(server, leave_while_parked_two_shards, .timeout = 60) { leave_while_parked(2); }

/* ---- bounds ------------------------------------------------------------------------------------------------------------------ */

/* Many large frames share a small budget: all are taken, one after the other, none is refused. */
Test(server, frames_wait_for_memory, .timeout = 60)
{
	static const char *const settings[] = {"spate.frame.memory.bytes", "1048576", NULL};
	enum { CLIENTS = 8, ROUNDS = 5 };
	static uint8_t bytes[400000];
	struct client clients[CLIENTS];
	struct produce_one one;
	struct kmsg_produce_response out;
	broker_start(&broker, 1, settings);
	for (int i = 0; i < CLIENTS; i++)
		client_open(&clients[i], &broker);
	make_topic(&clients[0], "big", 1);
	struct slice batch = make_batch(bytes, sizeof bytes, 3, 100000);
	for (int round = 0; round < ROUNDS; round++) {
		uint8_t *encoded[CLIENTS];
		size_t size[CLIENTS];
		/* All but the end of each frame, so that all claim memory at once. */
		for (int i = 0; i < CLIENTS; i++) {
			size[i] = encode_request("produce", 9, ++clients[i].correlation_id, produce_one(&one, "big", 0, -1, batch), &encoded[i]);
			client_send_raw(&clients[i], encoded[i], 20000);
		}
		for (int i = 0; i < CLIENTS; i++)
			client_send_raw(&clients[i], encoded[i] + 20000, size[i] - 20000);
		for (int i = 0; i < CLIENTS; i++) {
			cr_assert(client_receive(&clients[i], "produce", 9, clients[i].correlation_id, &out));
			cr_assert_eq(produce_result(&out).error_code, 0);
			cr_assert(slice_equal(out.responses.items[0].name, slice_from("big")), "it outlives the frame it came in");
			free(encoded[i]);
		}
	}
	for (int i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	broker_end(&broker);
}

/* A small frame that would decode into much memory ends its connection and nobody else's. */
Test(server, requests_that_ask_for_too_much, .timeout = 60)
{
	enum { TOPICS = 1500000, SIZE = 4 + 14 + 4 + 2 * TOPICS };
	struct client client, other;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	client_open(&other, &broker);
	uint8_t *frame = calloc(1, SIZE);
	store_be32(frame, SIZE - 4);
	store_be16(frame + 4, 3);
	store_be16(frame + 6, 1);
	store_be16(frame + 12, 4);
	store_be32(frame + 18, TOPICS);
	client_send_raw(&client, frame, SIZE);
	cr_assert(client_is_closed(&client));
	make_topic(&other, "x", 1);
	free(frame);
	client_close(&client);
	client_close(&other);
	broker_end(&broker);
}

/* Above max.connections the newest is closed at once; when one leaves there is room again. */
Test(server, max_connections, .timeout = 60)
{
	static const char *const settings[] = {"max.connections", "2", NULL};
	struct client a, b, c;
	broker_start(&broker, 2, settings);
	client_open(&a, &broker);
	client_open(&b, &broker);
	make_topic(&a, "x", 1);
	make_topic(&b, "x", 1);
	client_open(&c, &broker);
	cr_assert(client_is_closed(&c));
	client_close(&c);
	client_close(&a);
	usleep(100000);
	client_open(&a, &broker);
	make_topic(&a, "x", 1);
	client_close(&a);
	client_close(&b);
	broker_end(&broker);
}

/* The same for one address, over all shards; the counts go down again. */
Test(server, max_connections_per_address, .timeout = 60)
{
	static const char *const settings[] = {"max.connections.per.ip", "2", NULL};
	struct client a, b, c;
	broker_start(&broker, 2, settings);
	for (int round = 0; round < 3; round++) {
		client_open(&a, &broker);
		client_open(&b, &broker);
		make_topic(&a, "x", 1);
		make_topic(&b, "x", 1);
		client_open(&c, &broker);
		cr_assert(client_is_closed(&c));
		client_close(&c);
		client_close(&a);
		client_close(&b);
		usleep(100000);
	}
	broker_end(&broker);
}

/* An idle connection ends by itself, one that is used does not. */
Test(server, idle_connections_end, .timeout = 60)
{
	static const char *const settings[] = {"connections.max.idle.ms", "400", NULL};
	struct client idle, busy;
	broker_start(&broker, 1, settings);
	client_open(&idle, &broker);
	client_open(&busy, &broker);
	for (int i = 0; i < 8; i++) {
		make_topic(&busy, "x", 1);
		usleep(100000);
	}
	cr_assert(client_has_answer(&idle, 0));
	cr_assert(client_is_closed(&idle));
	make_topic(&busy, "x", 1);
	client_close(&idle);
	client_close(&busy);
	broker_end(&broker);
}

/* What was asked before a bad request is answered; then the connection ends, and others do not notice. */
Test(server, answers_before_a_bad_request, .timeout = 60)
{
	static uint8_t bytes[4096];
	static const uint8_t unknown_api[] = {0, 0, 0, 10, 3, 231, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
	static const uint8_t negative[] = {0xff, 0xff, 0xff, 0xff};
	struct client client, other;
	struct produce_one one;
	struct kmsg_produce_response out;
	broker_start(&broker, 1, NULL);
	client_open(&other, &broker);
	make_topic(&other, "x", 1);
	for (int i = 0; i < 2; i++) {
		client_open(&client, &broker);
		client_send(&client, "produce", 9, produce_one(&one, "x", 0, -1, make_batch(bytes, sizeof bytes, 1, 10)));
		client_send_raw(&client, i ? negative : unknown_api, i ? sizeof negative : sizeof unknown_api);
		cr_assert(client_receive(&client, "produce", 9, client.correlation_id, &out));
		cr_assert_eq(produce_result(&out).error_code, 0);
		cr_assert(client_is_closed(&client));
		client_close(&client);
	}
	make_topic(&other, "x", 1);
	client_close(&other);
	broker_end(&broker);
}

/* A client that has said all it will say gets its answers before the connection closes. */
Test(server, half_closed_client_is_answered, .timeout = 60)
{
	static uint8_t bytes[4096];
	struct client client;
	struct produce_one one;
	struct kmsg_produce_response out;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	int32_t first = client.correlation_id + 1;
	for (int i = 0; i < 10; i++)
		client_send(&client, "produce", 9, produce_one(&one, "x", 0, -1, make_batch(bytes, sizeof bytes, 1, 10)));
	shutdown(client.fd, SHUT_WR);
	for (int i = 0; i < 10; i++) {
		cr_assert(client_receive(&client, "produce", 9, first + i, &out));
		cr_assert_eq(produce_result(&out).base_offset, i);
	}
	cr_assert(client_is_closed(&client));
	client_close(&client);
	broker_end(&broker);
}

/* acks=0: no answer, and the order of the others holds; an error closes the connection. */
Test(server, acks_none, .timeout = 60)
{
	static uint8_t bytes[4096];
	struct client client;
	struct produce_one one;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	struct slice batch = make_batch(bytes, sizeof bytes, 1, 10);
	for (int i = 0; i < 5; i++)
		client_send(&client, "produce", 9, produce_one(&one, "x", 0, 0, batch));
	produce_records(&client, "x", 0, 1, 5);
	client_send(&client, "produce", 9, produce_one(&one, "x", 77, 0, batch));
	cr_assert(client_is_closed(&client));
	client_close(&client);
	broker_end(&broker);
}

/* ---- answers that are errors ---------------------------------------------------------------------------------------------------- */

/* Kafka's order of refusals: the table. */
Test(server, produce_refusals, .timeout = 60)
{
	static uint8_t bytes[4096], two[8192];
	struct client client;
	struct produce_one one;
	struct kmsg_produce_response out;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	struct slice good = make_batch(bytes, sizeof bytes, 1, 10);
	memcpy(two, good.data, good.size);
	memcpy(two + good.size, good.data, good.size);
	uint8_t transactional[4096];
	memcpy(transactional, good.data, good.size);
	transactional[BATCH_AT_ATTRIBUTES + 1] |= BATCH_IS_TRANSACTIONAL;
	batch_stamp_crc(transactional, (uint32_t)good.size);
	const struct {
		const char *topic, *transactional_id;
		int32_t partition;
		int16_t acks;
		struct slice records;
		enum kerr wanted;
	} rows[] = {
		{"x", NULL, 0, -1, good, KERR_NONE},
		{"x", NULL, 0, 1, good, KERR_NONE},
		{"x", NULL, 1, -1, good, KERR_UNKNOWN_TOPIC_OR_PARTITION},
		{"x", NULL, -1, -1, good, KERR_UNKNOWN_TOPIC_OR_PARTITION},
		{"y", NULL, 0, -1, good, KERR_UNKNOWN_TOPIC_OR_PARTITION},
		{"y", NULL, 0, 2, good, KERR_UNKNOWN_TOPIC_OR_PARTITION},
		{"x", NULL, 0, 2, good, KERR_INVALID_REQUIRED_ACKS},
		{"x", NULL, 0, 2, {two, good.size * 2}, KERR_INVALID_RECORD},
		{"x", NULL, 0, -1, {two, good.size * 2}, KERR_INVALID_RECORD},
		{"x", NULL, 0, -1, {NULL, 0}, KERR_INVALID_RECORD},
		{"x", NULL, 0, -1, SLICE_EMPTY, KERR_INVALID_RECORD},
		{"y", NULL, 0, -1, {transactional, good.size}, KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
		{"x", "t", 0, -1, {transactional, good.size}, KERR_INVALID_TXN_STATE},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		produce_one(&one, rows[i].topic, rows[i].partition, rows[i].acks, rows[i].records);
		one.in.transactional_id = slice_from(rows[i].transactional_id);
		client_call(&client, "produce", 9, &one.in, &out);
		struct kmsg_produce_partition_result result = produce_result(&out);
		cr_assert_eq(result.error_code, rows[i].wanted, "row %zu: %s", i, kerr_name(result.error_code));
		cr_assert_eq(result.base_offset < 0, rows[i].wanted != KERR_NONE, "row %zu", i);
	}
	client_close(&client);
	broker_end(&broker);
}

/* Fetches that end at once, with positions where the partition is known. */
Test(server, fetch_refusals, .timeout = 60)
{
	struct client client;
	struct fetch_one one;
	struct kmsg_fetch_response out;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	produce_records(&client, "x", 0, 5, 0);
	static const struct {
		const char *topic;
		int32_t partition;
		int64_t offset;
		int32_t epoch;
		enum kerr wanted;
		int64_t high_watermark;
	} rows[] = {
		{"x", 0, 6, -1, KERR_OFFSET_OUT_OF_RANGE, -1},
		{"x", 0, -1, -1, KERR_OFFSET_OUT_OF_RANGE, -1},
		{"x", 0, INT64_MAX, -1, KERR_OFFSET_OUT_OF_RANGE, -1},
		{"x", 0, 0, 7, KERR_UNKNOWN_LEADER_EPOCH, -1},
		{"x", 0, 0, -2, KERR_NONE, 5},
		{"x", 0, 0, 0, KERR_NONE, 5},
		{"x", 1, 0, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION, -1},
		{"x", -1, 0, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION, -1},
		{"y", 0, 0, -1, KERR_UNKNOWN_TOPIC_OR_PARTITION, -1},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fetch_one(&one, rows[i].topic, rows[i].partition, rows[i].offset, 5000);
		one.partition.current_leader_epoch = rows[i].epoch;
		int64_t began = now_ms();
		client_call(&client, "fetch", 12, &one.in, &out);
		cr_assert_lt(now_ms() - began, 2000, "row %zu waits", i);
		struct kmsg_fetch_partition_result result = fetch_result(&out);
		cr_assert_eq(result.error_code, rows[i].wanted, "row %zu: %s", i, kerr_name(result.error_code));
		cr_assert_eq(result.high_watermark, rows[i].high_watermark, "row %zu: %ld", i, (long)result.high_watermark);
	}
	client_close(&client);
	broker_restart(&broker);
	client_open(&client, &broker);
	fetch_one(&one, "x", 0, 0, 5000);
	one.partition.current_leader_epoch = 0;
	client_call(&client, "fetch", 12, &one.in, &out);
	cr_assert_eq(fetch_result(&out).error_code, KERR_FENCED_LEADER_EPOCH, "the epoch was bumped by the restart");
	one.topic.topic_id = make_topic(&client, "x", 1);
	client_call(&client, "fetch", 16, &one.in, &out);
	cr_assert_eq(fetch_result(&out).current_leader.leader_epoch, 1, "KIP-951: the new one is told");
	cr_assert_eq(out.node_endpoints.count, 1);
	cr_assert_eq(out.node_endpoints.items[0].node_id, fetch_result(&out).current_leader.leader_id);
	cr_assert_eq(out.node_endpoints.items[0].port, broker.report.listen_port);
	client_close(&client);
	broker_end(&broker);
}

/* Producer ids differ, over restarts and shards. */
Test(server, producer_ids_are_new, .timeout = 60)
{
	struct kmsg_init_producer_id_request in;
	struct kmsg_init_producer_id_response out;
	int64_t seen[20];
	int count = 0;
	broker_start(&broker, 2, NULL);
	for (int round = 0; round < 2; round++) {
		for (int c = 0; c < 2; c++) {
			struct client client;
			client_open(&client, &broker);
			for (int i = 0; i < 5; i++) {
				kmsg_init_producer_id_request_init(&in);
				in.transaction_timeout_ms = -1;
				client_call(&client, "init_producer_id", 4, &in, &out);
				cr_assert_eq(out.error_code, 0);
				cr_assert_eq(out.producer_epoch, 0);
				for (int k = 0; k < count; k++)
					cr_assert_neq(seen[k], out.producer_id);
				seen[count++] = out.producer_id;
			}
			in.transactional_id = slice_from("t");
			client_call(&client, "init_producer_id", 4, &in, &out);
			cr_assert_eq(out.error_code, KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
			client_close(&client);
		}
		if (round == 0)
			broker_restart(&broker);
	}
	broker_end(&broker);
}

/* Epochs and where they end, across a restart. */
Test(server, offset_for_leader_epoch, .timeout = 60)
{
	struct client client;
	broker_start(&broker, 1, NULL);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	produce_records(&client, "x", 0, 5, 0);
	client_close(&client);
	broker_restart(&broker);
	client_open(&client, &broker);
	produce_records(&client, "x", 0, 2, 5);
	static const struct {
		int32_t asked, epoch;
		int64_t end_offset;
	} rows[] = {{0, 0, 5}, {1, 1, 7}, {2, -1, -1}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct kmsg_offset_for_leader_epoch_partition asked = {.current_leader_epoch = -1, .leader_epoch = rows[i].asked};
		struct kmsg_offset_for_leader_epoch_topic topic = {.topic = slice_from("x"), .partitions = {&asked, 1}};
		struct kmsg_offset_for_leader_epoch_request in = {.replica_id = -2, .topics = {&topic, 1}};
		struct kmsg_offset_for_leader_epoch_response out;
		client_call(&client, "offset_for_leader_epoch", 4, &in, &out);
		const struct kmsg_offset_for_leader_epoch_partition_result *result = &out.topics.items[0].partitions.items[0];
		cr_assert_eq(result->error_code, 0);
		cr_assert_eq(result->leader_epoch, rows[i].epoch, "epoch %d", rows[i].asked);
		cr_assert_eq(result->end_offset, rows[i].end_offset, "epoch %d", rows[i].asked);
	}
	client_close(&client);
	broker_end(&broker);
}

/* ---- starting ------------------------------------------------------------------------------------------------------------------- */

/* A port or a directory in use ends the start with a sentence, and leaves nothing behind. */
Test(server, what_is_in_use, .timeout = 60)
{
	struct broker second = {0};
	char why[512];
	broker_start(&broker, 1, NULL);
	broker_configure(&second, 2, NULL);
	second.options.listen_port = broker.report.listen_port;
	cr_assert_eq(broker_try_start(&second, why, sizeof why), -EADDRINUSE);
	cr_assert_not_null(strstr(why, "in use"), "%s", why);
	second.options.listen_port = 0;
	second.options.dir = broker.dir;
	cr_assert_eq(broker_try_start(&second, why, sizeof why), ERR_LOCKED);
	cr_assert_not_null(strstr(why, broker.dir), "%s", why);
	second.options.dir = second.dir;
	cr_assert_eq(broker_try_start(&second, why, sizeof why), 0, "%s", why);
	cr_assert(second.report.catalog.was_created, "the starts that failed have made nothing");
	broker_end(&second);
	broker_end(&broker);
}

/* Plain system calls serve as well. */
Test(server, system_calls, .timeout = 60)
{
	struct client client;
	struct fetch_one one;
	struct kmsg_fetch_response out;
	broker = (struct broker){0};
	broker_configure(&broker, 1, NULL);
	broker.options.backend = IO_SYSCALLS;
	cr_assert_eq(broker_try_start(&broker, NULL, 0), 0);
	client_open(&client, &broker);
	make_topic(&client, "x", 1);
	for (int i = 0; i < 20; i++)
		produce_records(&client, "x", 0, 10, i * 10);
	client_call(&client, "fetch", 12, &fetch_one(&one, "x", 0, 0, 0)->in, &out);
	cr_assert_eq(fetch_result(&out).high_watermark, 200);
	client_close(&client);
	broker_end(&broker);
}
