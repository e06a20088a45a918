/* Fetch sessions (KIP-227) against a broker: a consumer's requests one after another, in the versions that
 * have them, on one shard and two. */
#include "admin_fixture.h"

#include "kmsg_delete_topics.h"
#include "kmsg_fetch.h"

/* A consumer of partitions of one topic. */
struct consumer {
	struct client *client;
	int version;
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition partitions[16];
	struct kmsg_fetch_forgotten forgotten;
	int32_t forgotten_partition;
	struct kmsg_fetch_response out;
};

static void consumer_init(struct consumer *consumer, struct client *client, int version, const char *topic, const struct uuid *id)
{
	*consumer = (struct consumer){.client = client, .version = version};
	kmsg_fetch_request_init(&consumer->in);
	kmsg_fetch_topic_init(&consumer->topic);
	kmsg_fetch_forgotten_init(&consumer->forgotten);
	consumer->topic.topic = consumer->forgotten.topic = slice_from(topic);
	consumer->topic.topic_id = consumer->forgotten.topic_id = *id;
	consumer->topic.partitions.items = consumer->partitions;
	consumer->in.topics.items = &consumer->topic;
	consumer->in.forgotten_topics_data.items = &consumer->forgotten;
	consumer->forgotten.partitions.items = &consumer->forgotten_partition;
	consumer->forgotten.partitions.count = 1;
	consumer->in.session_epoch = 0;
	consumer->in.min_bytes = 1;
}

static void want(struct consumer *consumer, int32_t partition, int64_t offset)
{
	struct kmsg_fetch_partition *in = &consumer->partitions[consumer->topic.partitions.count++];
	kmsg_fetch_partition_init(in);
	in->partition = partition;
	in->fetch_offset = offset;
	in->partition_max_bytes = 1 << 20;
	consumer->in.topics.count = 1;
}

static void forget(struct consumer *consumer, int32_t partition)
{
	consumer->forgotten_partition = partition;
	consumer->in.forgotten_topics_data.count = 1;
}

static void send_fetch(struct consumer *consumer)
{
	client_send(consumer->client, "fetch", consumer->version, &consumer->in);
	consumer->in.topics.count = consumer->topic.partitions.count = consumer->in.forgotten_topics_data.count = 0;
}

/* "0:10 3:5!3": partition, high watermark, records if there are (+), error if there is; an error of the
 * whole as "error 70". */
static const char *take_answer(struct consumer *consumer)
{
	static char text[1024];
	size_t size = 0;
	struct kmsg_fetch_response *out = &consumer->out;
	cr_assert(client_receive(consumer->client, "fetch", consumer->version, consumer->client->correlation_id, out));
	text[0] = '\0';
	if (out->error_code) {
		cr_expect(out->session_id == 0 && out->responses.count == 0);
		snprintf(text, sizeof text, "error %d", out->error_code);
		return text;
	}
	consumer->in.session_id = out->session_id;
	consumer->in.session_epoch++;
	for (int32_t t = 0; t < out->responses.count; t++) {
		const struct kmsg_fetch_topic_result *topic = &out->responses.items[t];
		cr_expect(consumer->version >= 13 ? uuid_equal(&topic->topic_id, &consumer->topic.topic_id)
						  : slice_equal(topic->topic, consumer->topic.topic));
		for (int32_t p = 0; p < topic->partitions.count; p++) {
			const struct kmsg_fetch_partition_result *result = &topic->partitions.items[p];
			size += (size_t)snprintf(text + size, sizeof text - size, "%s%d:%lld%s", size ? " " : "", result->partition_index,
						 (long long)result->high_watermark, result->records.whole.size ? "+" : "");
			if (result->error_code)
				size += (size_t)snprintf(text + size, sizeof text - size, "!%d", result->error_code);
		}
	}
	return text;
}

static const char *fetch(struct consumer *consumer)
{
	send_fetch(consumer);
	return take_answer(consumer);
}

#define EXPECT_FETCH(consumer, wanted) \
	do { \
		const char *got_ = fetch(consumer); \
		cr_expect_str_eq(got_, wanted, "version %d: \"%s\"", (consumer)->version, got_); \
	} while (0)

/* The life of a session, in each version and by whichever shard: only what is new is told; positions and
 * partitions change as the client says. */
Test(fetch_sessions, a_life, .timeout = 60)
{
	struct admin admin;
	struct consumer consumer;
	admin_open(&admin, NULL);
	for (int version = 7; version <= 18; version++) {
		char topic[16];
		snprintf(topic, sizeof topic, "t%d", version);
		struct uuid id = create_topic(&admin.client, topic, 4, NULL);
		consumer_init(&consumer, version % 2 ? &admin.client : &admin.other, version, topic, &id);
		produce_tens(&admin.client, topic, 1);
		for (int32_t p = 0; p < 4; p++)
			want(&consumer, p, 0);
		EXPECT_FETCH(&consumer, "0:10+ 1:0 2:0 3:0");
		cr_expect_gt(consumer.in.session_id, 0);
		EXPECT_FETCH(&consumer, "0:10+");
		want(&consumer, 0, 10);
		EXPECT_FETCH(&consumer, "");
		EXPECT_FETCH(&consumer, "");
		produce_tens(&admin.client, topic, 2);
		EXPECT_FETCH(&consumer, "0:30+");
		want(&consumer, 0, 30);
		want(&consumer, 9, 0);
		EXPECT_FETCH(&consumer, "9:-1!3");
		EXPECT_FETCH(&consumer, "9:-1!3");
		forget(&consumer, 9);
		EXPECT_FETCH(&consumer, "");
		forget(&consumer, 0);
		EXPECT_FETCH(&consumer, "");
		produce_tens(&admin.client, topic, 1);
		EXPECT_FETCH(&consumer, "");
		want(&consumer, 0, 99);
		EXPECT_FETCH(&consumer, "0:-1!1");
		want(&consumer, 0, 40);
		EXPECT_FETCH(&consumer, "0:40");
		consumer.in.session_epoch = -1;
		want(&consumer, 0, 40);
		EXPECT_FETCH(&consumer, "0:40");
		cr_expect_eq(consumer.in.session_id, 0, "the client has ended it");
	}
	admin_close(&admin);
}

/* A fetch of a session waits, and is woken by any of its partitions, the one it did not name as well. */
Test(fetch_sessions, waiting, .timeout = 60)
{
	struct admin admin;
	struct consumer consumer;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "t", 4, NULL);
	consumer_init(&consumer, &admin.other, 13, "t", &id);
	for (int32_t p = 0; p < 4; p++)
		want(&consumer, p, 0);
	EXPECT_FETCH(&consumer, "0:0 1:0 2:0 3:0");
	consumer.in.max_wait_ms = 20000;
	want(&consumer, 3, 0);
	send_fetch(&consumer);
	cr_expect_not(client_has_answer(&admin.other, 100));
	produce_tens(&admin.client, "t", 1);
	cr_expect_str_eq(take_answer(&consumer), "0:10+");
	admin_close(&admin);
}

/* What is out of order is refused, and the session stays; on a connection of the other shard it is not
 * known. */
Test(fetch_sessions, refusals, .timeout = 60)
{
	struct admin admin;
	struct consumer consumer, other;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "t", 1, NULL);
	consumer_init(&consumer, &admin.client, 13, "t", &id);
	consumer_init(&other, &admin.other, 13, "t", &id);
	consumer.in.session_epoch = 1;
	EXPECT_FETCH(&consumer, "error 70");
	consumer.in.session_id = 5;
	consumer.in.session_epoch = -2;
	EXPECT_FETCH(&consumer, "error 70");
	consumer.in.session_epoch = 0;
	want(&consumer, 0, 0);
	EXPECT_FETCH(&consumer, "0:0");
	other.in.session_id = consumer.in.session_id;
	other.in.session_epoch = 1;
	EXPECT_FETCH(&other, "error 70");
	consumer.in.session_epoch = 2;
	EXPECT_FETCH(&consumer, "error 71");
	consumer.in.session_epoch = 1;
	consumer.version = 12;
	EXPECT_FETCH(&consumer, "error 106");
	consumer.version = 13;
	EXPECT_FETCH(&consumer, "");
	forget(&consumer, 0);
	EXPECT_FETCH(&consumer, "");
	cr_expect_eq(consumer.in.session_id, 0, "it had nothing left, and was closed");
	admin_close(&admin);
}

/* A session that is closed, or goes on, on one connection while a fetch of it waits on another of the same
 * shard. */
Test(fetch_sessions, gone_while_waiting, .timeout = 60)
{
	static const struct {
		int32_t epoch;
		const char *wanted;
	} rows[] = {{2, "error 71"}, {0, "error 70"}, {-1, "error 70"}};
	struct broker broker;
	struct client first, second;
	broker_start(&broker, 1, NULL);
	client_open(&first, &broker);
	client_open(&second, &broker);
	struct uuid id = create_topic(&first, "t", 1, NULL);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct consumer waiting, other;
		char text[64];
		consumer_init(&waiting, &first, 13, "t", &id);
		want(&waiting, 0, 0);
		fetch(&waiting);
		waiting.in.max_wait_ms = 300;
		send_fetch(&waiting);
		cr_expect_not(client_has_answer(&first, 50));
		consumer_init(&other, &second, 13, "t", &id);
		other.in.session_id = waiting.in.session_id;
		other.in.session_epoch = rows[i].epoch;
		if (rows[i].epoch <= 0)
			want(&other, 0, 0);
		snprintf(text, sizeof text, "%s", fetch(&other));
		cr_expect_str_eq(text, rows[i].epoch <= 0 ? "0:0" : "", "row %zu", i);
		cr_expect_str_eq(take_answer(&waiting), rows[i].wanted, "row %zu", i);
	}
	client_close(&first);
	client_close(&second);
	broker_end(&broker);
}

static void delete_topic(struct client *client, const char *name)
{
	struct slice names = slice_from(name);
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	kmsg_delete_topics_request_init(&in);
	in.topic_names.items = &names;
	in.topic_names.count = 1;
	client_call(client, "delete_topics", 5, &in, &out);
	cr_assert_eq(out.responses.items[0].error_code, 0);
}

/* A topic goes and comes again: a session by name finds the new one; one by id is told that it is gone, then that its name
 * belongs to another, until the client asks with the new; without a session its id is unknown. As Kafka 4.3. */
Test(fetch_sessions, topics_come_and_go, .timeout = 60)
{
	struct admin admin;
	admin_open(&admin, NULL);
	for (int version = 12; version <= 13; version++) {
		struct consumer consumer;
		struct uuid id = create_topic(&admin.client, "t", 1, NULL);
		consumer_init(&consumer, &admin.client, version, "t", &id);
		produce_tens(&admin.client, "t", 1);
		want(&consumer, 0, 10);
		EXPECT_FETCH(&consumer, "0:10");
		delete_topic(&admin.other, "t");
		EXPECT_FETCH(&consumer, "0:-1!3");
		EXPECT_FETCH(&consumer, "0:-1!3");
		struct consumer late;
		consumer_init(&late, &admin.client, version, "t", &id);
		want(&late, 0, 10);
		EXPECT_FETCH(&late, version < 13 ? "0:-1!3" : "0:-1!100");
		EXPECT_FETCH(&late, version < 13 ? "0:-1!3" : "0:-1!100");
		struct uuid again = create_topic(&admin.client, "t", 1, NULL);
		produce_tens(&admin.client, "t", 1);
		EXPECT_FETCH(&consumer, version < 13 ? "0:10" : "0:-1!103");
		if (version >= 13) {
			forget(&consumer, 0);
			consumer.topic.topic_id = again;
			want(&consumer, 0, 10);
			EXPECT_FETCH(&consumer, "0:10");
		}
		EXPECT_FETCH(&consumer, "");
		delete_topic(&admin.client, "t");
	}
	admin_close(&admin);
}

/* Without slots, and without memory for them, requests are answered in full and there is no session; before
 * version 7 nobody speaks of them. */
Test(fetch_sessions, none, .timeout = 60)
{
	static const char *const settings[][3] = {{"max.incremental.fetch.session.cache.slots", "0"}, {"spate.fetch.session.bytes", "100"}};
	for (size_t i = 0; i < COUNT_OF(settings); i++) {
		struct admin admin;
		struct consumer consumer;
		admin_open(&admin, settings[i]);
		struct uuid id = create_topic(&admin.client, "t", 2, NULL);
		for (int version = 4; version <= 18; version++) {
			consumer_init(&consumer, &admin.client, version, "t", &id);
			want(&consumer, 0, 0);
			want(&consumer, 1, 0);
			EXPECT_FETCH(&consumer, "0:0 1:0");
			cr_expect_eq(consumer.in.session_id, 0, "version %d", version);
		}
		admin_close(&admin);
	}
}

/* With a budget for one partition, those that brought records wait their turn: all are read, whatever their
 * order. */
Test(fetch_sessions, all_are_read, .timeout = 60)
{
	struct admin admin;
	struct consumer consumer;
	uint8_t memory[4096];
	bool is_seen[8] = {0};
	int seen = 0;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "t", 8, NULL);
	for (int32_t p = 0; p < 8; p++) {
		struct produce_one one;
		struct kmsg_produce_response out;
		client_call(&admin.client, "produce", 9, produce_one(&one, "t", p, -1, make_batch(memory, sizeof memory, 10, 20)), &out);
	}
	consumer_init(&consumer, &admin.client, 13, "t", &id);
	consumer.in.max_bytes = 100;
	for (int32_t p = 0; p < 8; p++)
		want(&consumer, p, 0);
	fetch(&consumer);
	for (int i = 0; i < 8; i++) {
		fetch(&consumer);
		for (int32_t t = 0; t < consumer.out.responses.count; t++)
			for (int32_t p = 0; p < consumer.out.responses.items[t].partitions.count; p++) {
				const struct kmsg_fetch_partition_result *result = &consumer.out.responses.items[t].partitions.items[p];
				seen += result->records.whole.size && !is_seen[result->partition_index];
				is_seen[result->partition_index] |= result->records.whole.size > 0;
			}
	}
	cr_expect_eq(seen, 8, "%d of 8 partitions brought records", seen);
	admin_close(&admin);
}

/* ---- nothing is missed
 * ------------------------------------------------------------------------------------------------- */

#define PARTITIONS 8

/* What a consumer knows: which partitions it has in its session, how far it has read each, and the watermark
 * it was told. */
struct reader_model {
	struct consumer consumer;
	bool is_wanted[PARTITIONS], has_moved[PARTITIONS];
	int64_t position[PARTITIONS], told[PARTITIONS];
	int32_t dropped;               /* the partition to forget, or -1 */
};

static void produce_to(struct client *client, int32_t partition)
{
	static uint8_t memory[4096];
	struct produce_one one;
	struct kmsg_produce_response out;
	client_call(client, "produce", 9, produce_one(&one, "t", partition, -1, make_batch(memory, sizeof memory, 10, 20)), &out);
	cr_assert_eq(produce_result(&out).error_code, 0);
}

/* Reads on: positions go to the end of what came. Returns whether anything came. */
static bool take_results(struct reader_model *model, const int64_t *ends)
{
	const struct kmsg_fetch_response *out = &model->consumer.out;
	bool has_come = false;
	for (int32_t t = 0; t < out->responses.count; t++)
		for (int32_t i = 0; i < out->responses.items[t].partitions.count; i++) {
			const struct kmsg_fetch_partition_result *result = &out->responses.items[t].partitions.items[i];
			int32_t p = result->partition_index;
			cr_assert(p >= 0 && p < PARTITIONS && model->is_wanted[p], "partition %d", p);
			cr_assert_eq(result->error_code, 0);
			cr_assert(result->high_watermark >= model->told[p] && result->high_watermark <= ends[p]);
			model->told[p] = result->high_watermark;
			if (result->records.whole.size == 0)
				continue;
			cr_assert_eq((int64_t)load_be64(result->records.whole.data), model->position[p], "it starts where the client is");
			model->position[p] += 10; /* the first batch; what is behind it comes again */
			model->has_moved[p] = has_come = true;
		}
	return has_come;
}

static bool read_on(struct reader_model *model, const int64_t *ends)
{
	struct consumer *consumer = &model->consumer;
	bool is_full = consumer->in.session_epoch == 0;
	for (int32_t p = 0; p < PARTITIONS; p++)
		if (model->is_wanted[p] && (is_full || model->has_moved[p]))
			want(consumer, p, model->position[p]);
	if (model->dropped >= 0 && !is_full)
		forget(consumer, model->dropped);
	memset(model->has_moved, 0, sizeof model->has_moved);
	model->dropped = -1;
	cr_assert_neq(fetch(consumer)[0], 'e');
	if (consumer->in.session_id == 0)
		consumer->in.session_epoch = 0; /* everything was forgotten */
	return take_results(model, ends);
}

static void change_mind(struct reader_model *model)
{
	int32_t p = rand() % PARTITIONS;
	if (model->dropped >= 0 || model->has_moved[p])
		return;
	model->is_wanted[p] = !model->is_wanted[p];
	model->has_moved[p] = model->is_wanted[p];
	if (model->is_wanted[p])
		model->told[p] = -1;
	else
		model->dropped = p;
}

/* Consumers that add and forget partitions at random, with room for little in an answer, while others
 * produce: at the end each has read every partition it has, and was told the last watermark. */
Test(fetch_sessions, nothing_is_missed, .timeout = 120)
{
	static struct reader_model models[4];
	int64_t ends[PARTITIONS] = {0};
	struct admin admin;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "t", PARTITIONS, NULL);
	srand(7);
	for (int m = 0; m < 4; m++) {
		consumer_init(&models[m].consumer, m % 2 ? &admin.client : &admin.other, m < 2 ? 12 : 17, "t", &id);
		models[m].consumer.in.max_bytes = m == 3 ? 1 << 20 : 700;
		models[m].dropped = -1;
		for (int p = 0; p < PARTITIONS; p++)
			models[m].told[p] = -1;
	}
	for (int i = 0; i < 4000; i++) {
		struct reader_model *model = &models[rand() % 4];
		int32_t p = rand() % PARTITIONS;
		if (rand() % 4 == 0) {
			produce_to(&admin.client, p);
			ends[p] += 10;
		}
		if (rand() % 8 == 0)
			change_mind(model);
		read_on(model, ends);
	}
	for (int m = 0; m < 4; m++) {
		int idle = 0;
		for (int i = 0; i < 20000 && idle < 3; i++)
			idle = read_on(&models[m], ends) ? 0 : idle + 1;
		for (int p = 0; p < PARTITIONS; p++)
			if (models[m].is_wanted[p]) {
				cr_expect_eq(models[m].position[p], ends[p], "consumer %d, partition %d: at %lld of %lld", m, p,
					     (long long)models[m].position[p], (long long)ends[p]);
				cr_expect_eq(models[m].told[p], ends[p], "consumer %d, partition %d", m, p);
			}
	}
	admin_close(&admin);
}
