/* Topics come and go while they are written to and read, over two shards: every request is answered, with success or with an error that
 * says the topic is not there, and the broker stops cleanly. */
#include "tests/unit/net/server_fixture.h"

#include "kmsg_create_topics.h"
#include "kmsg_delete_topics.h"
#include "kmsg_fetch.h"
#include "net/wire/kerr.h"

#define TOPICS 4
#define PARTITIONS 3
#define ROUNDS 40

static struct broker broker;
static bool is_over;               /* atomic */
static uint32_t produced, fetched; /* atomic: answers without error */

static const char *const names[TOPICS] = {"a", "b", "c", "d"};

static bool goes_on(void) { return !__atomic_load_n(&is_over, __ATOMIC_RELAXED); }

static bool is_expected(int16_t code)
{
	return code == 0 || code == KERR_UNKNOWN_TOPIC_OR_PARTITION || code == KERR_NOT_LEADER_OR_FOLLOWER ||
	       code == KERR_OFFSET_OUT_OF_RANGE;
}

static void *write_all_the_time(void *argument)
{
	(void)argument;
	uint8_t bytes[4096];
	struct client client;
	client_open(&client, &broker);
	struct slice batch = make_batch(bytes, sizeof bytes, 2, 100);
	for (uint32_t i = 0; goes_on(); i++) {
		struct produce_one one;
		struct kmsg_produce_response out;
		client_call(&client, "produce", 9, produce_one(&one, names[i % TOPICS], (int32_t)(i / TOPICS % PARTITIONS), -1, batch), &out);
		int16_t code = produce_result(&out).error_code;
		cr_assert(is_expected(code), "%s", kerr_name(code));
		if (code == 0)
			__atomic_fetch_add(&produced, 1, __ATOMIC_RELAXED);
	}
	client_close(&client);
	return NULL;
}

static void ask_for_all(struct kmsg_fetch_request *in, struct kmsg_fetch_topic *topics, struct kmsg_fetch_partition *partitions)
{
	kmsg_fetch_request_init(in);
	in->max_wait_ms = 30;
	in->min_bytes = 1 << 20;
	in->topics.items = topics;
	in->topics.count = TOPICS;
	for (int t = 0; t < TOPICS; t++) {
		kmsg_fetch_topic_init(&topics[t]);
		topics[t].topic = slice_from(names[t]);
		topics[t].partitions.items = &partitions[t * PARTITIONS];
		topics[t].partitions.count = PARTITIONS;
		for (int p = 0; p < PARTITIONS; p++) {
			kmsg_fetch_partition_init(&partitions[t * PARTITIONS + p]);
			partitions[t * PARTITIONS + p].partition = p;
			partitions[t * PARTITIONS + p].partition_max_bytes = 1000;
		}
	}
}

static void *read_all_the_time(void *argument)
{
	(void)argument;
	struct client client;
	client_open(&client, &broker);
	while (goes_on()) {
		struct kmsg_fetch_request in;
		struct kmsg_fetch_topic topics[TOPICS];
		struct kmsg_fetch_partition partitions[TOPICS * PARTITIONS];
		struct kmsg_fetch_response out;
		ask_for_all(&in, topics, partitions);
		client_call(&client, "fetch", 11, &in, &out);
		for (int t = 0; t < TOPICS; t++)
			for (int p = 0; p < PARTITIONS; p++) {
				const struct kmsg_fetch_partition_result *result = &out.responses.items[t].partitions.items[p];
				struct batch batch;
				cr_assert(is_expected(result->error_code), "%s", kerr_name(result->error_code));
				if (result->records.whole.size == 0)
					continue;
				cr_assert_eq(batch_parse_checked(result->records.whole, &batch), 0);
				__atomic_fetch_add(&fetched, 1, __ATOMIC_RELAXED);
			}
	}
	client_close(&client);
	return NULL;
}

static void create(struct client *client, const char *name)
{
	struct kmsg_create_topics_topic topic;
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	kmsg_create_topics_topic_init(&topic);
	kmsg_create_topics_request_init(&in);
	topic.name = slice_from(name);
	topic.num_partitions = PARTITIONS;
	topic.replication_factor = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	client_call(client, "create_topics", 5, &in, &out);
	cr_assert_eq(out.topics.items[0].error_code, 0, "%s: %s", name, kerr_name(out.topics.items[0].error_code));
}

static void delete(struct client *client, const char *name)
{
	struct slice topic = slice_from(name);
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	kmsg_delete_topics_request_init(&in);
	in.topic_names.items = &topic;
	in.topic_names.count = 1;
	client_call(client, "delete_topics", 4, &in, &out);
	cr_assert_eq(out.responses.items[0].error_code, 0, "%s: %s", name, kerr_name(out.responses.items[0].error_code));
}

Test(churn, topics_come_and_go, .timeout = 120)
{
	static const char *const settings[] = {"auto.create.topics.enable", "false", NULL};
	static void *(*const loops[])(void *) = {write_all_the_time, write_all_the_time, read_all_the_time, read_all_the_time};
	pthread_t threads[COUNT_OF(loops)];
	struct client client;
	broker_start(&broker, 2, settings);
	client_open(&client, &broker);
	for (int t = 0; t < TOPICS; t++)
		create(&client, names[t]);
	for (size_t i = 0; i < COUNT_OF(loops); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, loops[i], NULL), 0);
	for (int round = 0; round < ROUNDS; round++) {
		usleep(20000);
		delete(&client, names[round % TOPICS]);
		usleep(5000);
		create(&client, names[round % TOPICS]);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT_OF(loops); i++)
		pthread_join(threads[i], NULL);
	cr_assert_gt(produced, ROUNDS);
	cr_assert_gt(fetched, 0);
	client_close(&client);
	broker_end(&broker);
}
