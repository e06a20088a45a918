/* Topics, configs, offsets and their errors, through librdkafka's admin client and consumer.
 *
 *   admin HOST:PORT create TOPIC PARTITIONS [key=value]...    creates one topic, for scripts
 *   admin HOST:PORT delete TOPIC                              deletes it, for scripts
 *   admin HOST:PORT delete-records TOPIC PARTITION OFFSET     moves the log start offset, for scripts
 *   admin HOST:PORT cases TOPIC_PREFIX                        the cases, one line each
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/lib/cases.h"

#define TIMEOUT_MS 15000

static const char *broker, *prefix;
static rd_kafka_t *client;
static rd_kafka_queue_t *queue;

static const char *prefixed(const char *name)
{
	static char text[32][300]; /* more than any case holds at once */
	static unsigned turn;
	turn = (turn + 1) % 32;
	snprintf(text[turn], sizeof(text[0]), "%s-%s", prefix, name);
	return text[turn];
}

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *const settings[][2])
{
	char why[300];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker, NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	for (; settings && (*settings)[0]; settings++)
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)))
			fprintf(stderr, "admin: %s\n", why);
	rd_kafka_t *made = rd_kafka_new(type, conf, why, sizeof(why));
	if (!made) {
		fprintf(stderr, "admin: %s\n", why);
		exit(2);
	}
	return made;
}

static rd_kafka_AdminOptions_t *options_for(rd_kafka_admin_op_t op, bool validate_only)
{
	char why[300];
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, op);
	rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, why, sizeof(why));
	if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_DELETETOPICS ||
	    op == RD_KAFKA_ADMIN_OP_CREATEPARTITIONS)
		rd_kafka_AdminOptions_set_operation_timeout(options, TIMEOUT_MS, why, sizeof(why));
	if (validate_only)
		rd_kafka_AdminOptions_set_validate_only(options, 1, why, sizeof(why));
	return options;
}

/* The event of the request just sent, or NULL; an error of the whole request is a failed expectation. */
static rd_kafka_event_t *await(rd_kafka_event_type_t type)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS + 5000);
	if (!expect(event && rd_kafka_event_type(event) == type, "no result event"))
		return NULL;
	if (!expect(!rd_kafka_event_error(event), "%s", rd_kafka_event_error_string(event))) {
		rd_kafka_event_destroy(event);
		return NULL;
	}
	return event;
}

static rd_kafka_resp_err_t first_topic_error(const rd_kafka_topic_result_t **topics, size_t count)
{
	return count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__FAIL;
}

static rd_kafka_resp_err_t create_topic(const char *name, int partitions, int replicas, bool validate_only,
					char *const configs[])
{
	char why[300];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, replicas, why, sizeof(why));
	if (!topic) {
		expect(false, "%s", why);
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	}
	for (; configs && *configs; configs++) {
		char *key = strdup(*configs), *value = strchr(key, '=');
		if (value) {
			*value++ = 0;
			rd_kafka_NewTopic_set_config(topic, key, value);
		}
		free(key);
	}
	rd_kafka_AdminOptions_t *options = options_for(RD_KAFKA_ADMIN_OP_CREATETOPICS, validate_only);
	rd_kafka_CreateTopics(client, &topic, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_event_t *event = await(RD_KAFKA_EVENT_CREATETOPICS_RESULT);
	if (!event)
		return RD_KAFKA_RESP_ERR__FAIL;
	size_t count;
	const rd_kafka_topic_result_t **topics =
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	rd_kafka_resp_err_t error = first_topic_error(topics, count);
	rd_kafka_event_destroy(event);
	return error;
}

static rd_kafka_resp_err_t delete_topic(const char *name)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
	rd_kafka_AdminOptions_t *options = options_for(RD_KAFKA_ADMIN_OP_DELETETOPICS, false);
	rd_kafka_DeleteTopics(client, &topic, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_DeleteTopic_destroy(topic);
	rd_kafka_event_t *event = await(RD_KAFKA_EVENT_DELETETOPICS_RESULT);
	if (!event)
		return RD_KAFKA_RESP_ERR__FAIL;
	size_t count;
	const rd_kafka_topic_result_t **topics =
		rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
	rd_kafka_resp_err_t error = first_topic_error(topics, count);
	rd_kafka_event_destroy(event);
	return error;
}

static rd_kafka_resp_err_t create_partitions(const char *name, size_t total)
{
	char why[300];
	rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(name, total, why, sizeof(why));
	rd_kafka_AdminOptions_t *options = options_for(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, false);
	rd_kafka_CreatePartitions(client, &more, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewPartitions_destroy(more);
	rd_kafka_event_t *event = await(RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT);
	if (!event)
		return RD_KAFKA_RESP_ERR__FAIL;
	size_t count;
	const rd_kafka_topic_result_t **topics =
		rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
	rd_kafka_resp_err_t error = first_topic_error(topics, count);
	rd_kafka_event_destroy(event);
	return error;
}

/* Copies the value of one config of a topic (or broker) into `value`; returns the resource's error. */
static rd_kafka_resp_err_t read_config(rd_kafka_ResourceType_t type, const char *name, const char *key, char *value,
				       size_t room, bool *is_default)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(type, name);
	rd_kafka_AdminOptions_t *options = options_for(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, false);
	rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	snprintf(value, room, "(absent)");
	rd_kafka_event_t *event = await(RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT);
	if (!event)
		return RD_KAFKA_RESP_ERR__FAIL;
	size_t count, entry_count;
	const rd_kafka_ConfigResource_t **resources =
		rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
	rd_kafka_resp_err_t error = count ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__FAIL;
	const rd_kafka_ConfigEntry_t **entries = count ? rd_kafka_ConfigResource_configs(resources[0], &entry_count) : NULL;
	for (size_t i = 0; entries && i < entry_count; i++)
		if (!strcmp(rd_kafka_ConfigEntry_name(entries[i]), key)) {
			const char *text = rd_kafka_ConfigEntry_value(entries[i]);
			snprintf(value, room, "%s", text ? text : "(null)");
			if (is_default)
				*is_default = rd_kafka_ConfigEntry_is_default(entries[i]);
		}
	rd_kafka_event_destroy(event);
	return error;
}

static rd_kafka_resp_err_t set_config(const char *topic, const char *key, const char *value)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_AdminOptions_t *options = options_for(RD_KAFKA_ADMIN_OP_ALTERCONFIGS, false);
	if (key)
		rd_kafka_ConfigResource_set_config(resource, key, value);
	rd_kafka_AlterConfigs(client, &resource, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_event_t *event = await(RD_KAFKA_EVENT_ALTERCONFIGS_RESULT);
	if (!event)
		return RD_KAFKA_RESP_ERR__FAIL;
	size_t count;
	const rd_kafka_ConfigResource_t **resources =
		rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
	rd_kafka_resp_err_t error = count ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__FAIL;
	rd_kafka_event_destroy(event);
	return error;
}

/* Deletes records below `offset`; *low_watermark is what the broker says the log starts at now. */
static rd_kafka_resp_err_t delete_records(const char *topic, int32_t partition, int64_t offset, int64_t *low_watermark)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_AdminOptions_t *options = options_for(RD_KAFKA_ADMIN_OP_DELETERECORDS, false);
	rd_kafka_DeleteRecords(client, &request, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_event_t *event = await(RD_KAFKA_EVENT_DELETERECORDS_RESULT);
	if (!event)
		return RD_KAFKA_RESP_ERR__FAIL;
	const rd_kafka_topic_partition_list_t *result =
		rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	rd_kafka_resp_err_t error = result->elems[0].err;
	*low_watermark = result->elems[0].offset;
	rd_kafka_event_destroy(event);
	return error;
}

static void expect_error(rd_kafka_resp_err_t wanted, rd_kafka_resp_err_t got)
{
	expect(wanted == got, "expected %s, got %s", rd_kafka_err2name(wanted), rd_kafka_err2name(got));
}

static int partition_count(const char *topic, rd_kafka_resp_err_t *error)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	*error = rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS);
	rd_kafka_topic_destroy(handle);
	if (*error)
		return -1;
	int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : -1;
	*error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__FAIL;
	rd_kafka_metadata_destroy(metadata);
	return count;
}

/* Kafka's own broker learns of a change from its controller a moment later: up to five seconds. */
static void expect_partitions(const char *topic, int wanted)
{
	rd_kafka_resp_err_t error = 0;
	int got = -1;
	for (int64_t deadline = now_ms() + 5000; now_ms() < deadline && got != wanted; usleep(20000))
		got = partition_count(topic, &error);
	expect_error(0, error);
	expect_int("partitions in metadata", wanted, got);
}

/* ---- cases --------------------------------------------------------------------------------------- */
static void test_create_and_delete(void)
{
	const char *topic = prefixed("topics");
	rd_kafka_resp_err_t error;
	case_begin("create a topic of 3 partitions");
	expect_error(0, create_topic(topic, 3, 1, false, NULL));
	expect_partitions(topic, 3);

	case_begin("create it again: TOPIC_ALREADY_EXISTS");
	expect_error(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, create_topic(topic, 3, 1, false, NULL));
	case_begin("replication factor 3 on one node: INVALID_REPLICATION_FACTOR");
	expect_error(RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, create_topic(prefixed("rf3"), 1, 3, false, NULL));
	case_begin("a name with a slash: TOPIC_EXCEPTION");
	expect_error(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, create_topic("not/allowed", 1, 1, false, NULL));
	case_begin("the name '..': TOPIC_EXCEPTION");
	expect_error(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, create_topic("..", 1, 1, false, NULL));
	case_begin("a name of 250 characters: TOPIC_EXCEPTION");
	char name[251];
	memset(name, 'x', 250), name[250] = 0;
	expect_error(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, create_topic(name, 1, 1, false, NULL));
	case_begin("a name that collides where . and _ are one: TOPIC_EXCEPTION");
	expect_error(0, create_topic(prefixed("a.b"), 1, 1, false, NULL));
	expect_error(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, create_topic(prefixed("a_b"), 1, 1, false, NULL));
	case_begin("an unknown config: INVALID_CONFIG");
	expect_error(RD_KAFKA_RESP_ERR_INVALID_CONFIG,
		     create_topic(prefixed("badconfig"), 1, 1, false, (char *[]){ "no.such.config=1", NULL }));
	case_begin("a config value out of range: INVALID_CONFIG");
	expect_error(RD_KAFKA_RESP_ERR_INVALID_CONFIG,
		     create_topic(prefixed("badvalue"), 1, 1, false, (char *[]){ "cleanup.policy=sometimes", NULL }));
	case_begin("validate only creates nothing");
	expect_error(0, create_topic(prefixed("validated"), 2, 1, true, NULL));
	partition_count(prefixed("validated"), &error);
	expect_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, error);

	case_begin("grow it to 7 partitions");
	expect_error(0, create_partitions(topic, 7));
	expect_partitions(topic, 7);
	case_begin("shrink it: INVALID_PARTITIONS");
	expect_error(RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, create_partitions(topic, 2));
	case_begin("grow what is not there: UNKNOWN_TOPIC_OR_PART");
	expect_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, create_partitions(prefixed("absent"), 2));

	case_begin("delete it, and it is gone");
	expect_error(0, delete_topic(topic));
	partition_count(topic, &error);
	expect_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, error);
	case_begin("delete it again: UNKNOWN_TOPIC_OR_PART");
	expect_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, delete_topic(topic));
	case_begin("create it anew");
	expect_error(0, create_topic(topic, 1, 1, false, NULL));
	expect_partitions(topic, 1);
}

static void test_configs(void)
{
	const char *topic = prefixed("configs");
	char value[300];
	bool is_default = false;
	case_begin("configs given at creation are described");
	expect_error(0, create_topic(topic, 1, 1, false, (char *[]){ "retention.ms=123456", "cleanup.policy=compact", NULL }));
	expect_error(0, read_config(RD_KAFKA_RESOURCE_TOPIC, topic, "retention.ms", value, sizeof(value), &is_default));
	expect(!strcmp(value, "123456") && !is_default, "retention.ms is %s", value);
	read_config(RD_KAFKA_RESOURCE_TOPIC, topic, "cleanup.policy", value, sizeof(value), &is_default);
	expect(!strcmp(value, "compact"), "cleanup.policy is %s", value);

	case_begin("configs not given are Kafka's defaults, and marked so");
	static const char *const defaults[][2] = {
		{ "max.message.bytes", "1048588" }, { "segment.bytes", "1073741824" }, { "retention.bytes", "-1" },
		{ "compression.type", "producer" }, { "message.timestamp.type", "CreateTime" },
		{ "segment.ms", "604800000" }, { "delete.retention.ms", "86400000" },
	};
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		read_config(RD_KAFKA_RESOURCE_TOPIC, topic, defaults[i][0], value, sizeof(value), &is_default);
		expect(!strcmp(value, defaults[i][1]) && is_default, "%s is %s%s", defaults[i][0], value, is_default ? "" : ", not default");
	}
	case_begin("AlterConfigs replaces the whole set");
	expect_error(0, set_config(topic, "segment.bytes", "2097152"));
	read_config(RD_KAFKA_RESOURCE_TOPIC, topic, "segment.bytes", value, sizeof(value), NULL);
	expect(!strcmp(value, "2097152"), "segment.bytes is %s", value);
	read_config(RD_KAFKA_RESOURCE_TOPIC, topic, "retention.ms", value, sizeof(value), NULL);
	expect(!strcmp(value, "604800000"), "retention.ms is %s", value);
	case_begin("AlterConfigs with an unknown name: INVALID_CONFIG");
	expect_error(RD_KAFKA_RESP_ERR_INVALID_CONFIG, set_config(topic, "no.such.config", "1"));
	case_begin("AlterConfigs with a value that is no number: INVALID_CONFIG");
	expect_error(RD_KAFKA_RESP_ERR_INVALID_CONFIG, set_config(topic, "retention.ms", "soon"));
	case_begin("AlterConfigs of a topic that is not there: UNKNOWN_TOPIC_OR_PART");
	expect_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, set_config(prefixed("absent"), "retention.ms", "1000"));
	case_begin("DescribeConfigs of a topic that is not there: UNKNOWN_TOPIC_OR_PART");
	expect_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
		     read_config(RD_KAFKA_RESOURCE_TOPIC, prefixed("absent"), "retention.ms", value, sizeof(value), NULL));
	case_begin("DescribeConfigs of the broker");
	const struct rd_kafka_metadata *metadata;
	char id[20] = "1";
	if (!rd_kafka_metadata(client, 0, NULL, &metadata, TIMEOUT_MS)) {
		snprintf(id, sizeof(id), "%d", metadata->brokers[0].id);
		rd_kafka_metadata_destroy(metadata);
	}
	expect_error(0, read_config(RD_KAFKA_RESOURCE_BROKER, id, "message.max.bytes", value, sizeof(value), NULL));
	expect(!strcmp(value, "1048588"), "message.max.bytes is %s", value);
}

static void produce_numbers(const char *topic, int count, int64_t first_timestamp)
{
	rd_kafka_t *producer = make_client(RD_KAFKA_PRODUCER, NULL);
	char text[20];
	for (int i = 0; i < count; i++) {
		int size = snprintf(text, sizeof(text), "%d", i);
		rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(text, (size_t)size),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				  RD_KAFKA_V_TIMESTAMP(first_timestamp ? first_timestamp + i * 1000 : 0), RD_KAFKA_V_END);
		if (i % 10 == 9)
			rd_kafka_flush(producer, TIMEOUT_MS);
	}
	expect_error(0, rd_kafka_flush(producer, TIMEOUT_MS));
	rd_kafka_destroy(producer);
}

static void expect_watermarks(const char *topic, int64_t low, int64_t high)
{
	int64_t got_low = -1, got_high = -1;
	expect_error(0, rd_kafka_query_watermark_offsets(client, topic, 0, &got_low, &got_high, TIMEOUT_MS));
	expect_int("low watermark", low, got_low);
	expect_int("high watermark", high, got_high);
}

static void expect_offset_for_time(const char *topic, int64_t timestamp, int64_t wanted)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, 0)->offset = timestamp;
	expect_error(0, rd_kafka_offsets_for_times(client, list, TIMEOUT_MS));
	expect_error(0, list->elems[0].err);
	expect_int("offset", wanted, list->elems[0].offset);
	rd_kafka_topic_partition_list_destroy(list);
}

/* Reads one record, passing over end-of-partition events. */
static void expect_next(rd_kafka_t *consumer, int64_t offset, const char *value)
{
	for (int64_t deadline = now_ms() + TIMEOUT_MS; now_ms() < deadline;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 1000);
		if (!message)
			continue;
		bool is_record = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
		if (is_record) {
			expect_int("offset", offset, message->offset);
			expect(message->len == strlen(value) && !memcmp(message->payload, value, message->len),
			       "value '%.*s', not '%s'", (int)message->len, (char *)message->payload, value);
		}
		expect(is_record || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF, "%s", rd_kafka_message_errstr(message));
		rd_kafka_message_destroy(message);
		if (is_record)
			return;
	}
	expect(false, "no record at %lld", (long long)offset);
}

static void test_offsets(void)
{
	const char *topic = prefixed("offsets");
	const int64_t start = 1600000000000;
	case_begin("an empty partition's watermarks are 0 and 0");
	expect_error(0, create_topic(topic, 1, 1, false, (char *[]){ "retention.ms=-1", NULL }));
	expect_watermarks(topic, 0, 0);
	case_begin("a timestamp in an empty partition has no offset: the end");
	expect_offset_for_time(topic, start, -1);

	case_begin("watermarks after 100 records");
	produce_numbers(topic, 100, start);
	expect_watermarks(topic, 0, 100);
	case_begin("offsets for times: exact, between, before, after");
	expect_offset_for_time(topic, start, 0);
	expect_offset_for_time(topic, start + 50000, 50);
	expect_offset_for_time(topic, start + 50001, 51);
	expect_offset_for_time(topic, 1, 0);
	expect_offset_for_time(topic, start + 99000, 99);
	expect_offset_for_time(topic, start + 99001, -1);

	static const char *const settings[][2] = {
		{ "group.id", "unused" }, { "enable.auto.commit", "false" }, { "enable.partition.eof", "true" },
		{ "auto.offset.reset", "earliest" }, { NULL, NULL },
	};
	rd_kafka_t *consumer = make_client(RD_KAFKA_CONSUMER, settings);
	rd_kafka_poll_set_consumer(consumer);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *assigned = rd_kafka_topic_partition_list_add(list, topic, 0);

	case_begin("assign at offset 42, then seek back and forth");
	assigned->offset = 42;
	expect_error(0, rd_kafka_assign(consumer, list));
	expect_next(consumer, 42, "42");
	expect_next(consumer, 43, "43");
	static const int64_t places[] = { 7, 99, 0 };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char value[20];
		snprintf(value, sizeof(value), "%lld", (long long)places[i]);
		assigned->offset = places[i];
		rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer, list, TIMEOUT_MS);
		expect(!error, "seek: %s", error ? rd_kafka_error_string(error) : "");
		expect_next(consumer, places[i], value);
	}
	case_begin("an offset behind the end resets as auto.offset.reset says");
	assigned->offset = 5000;
	rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer, list, TIMEOUT_MS);
	expect(!error, "seek: %s", error ? rd_kafka_error_string(error) : "");
	expect_next(consumer, 0, "0");

	int64_t low = -1;
	case_begin("delete records below 33: the log starts there");
	expect_error(0, delete_records(topic, 0, 33, &low));
	expect_int("low watermark in the reply", 33, low);
	expect_watermarks(topic, 33, 100);
	case_begin("a consumer from the beginning starts inside the batch, at 33");
	assigned->offset = RD_KAFKA_OFFSET_BEGINNING;
	expect_error(0, rd_kafka_assign(consumer, list));
	expect_next(consumer, 33, "33");
	case_begin("offset 10, deleted, resets to 33");
	assigned->offset = 10;
	expect_error(0, rd_kafka_assign(consumer, list));
	expect_next(consumer, 33, "33");
	case_begin("delete records below less: nothing moves");
	expect_error(0, delete_records(topic, 0, 5, &low));
	expect_watermarks(topic, 33, 100);
	case_begin("delete records behind the end: OFFSET_OUT_OF_RANGE");
	expect_error(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, delete_records(topic, 0, 101, &low));
	case_begin("delete all records with offset -1");
	expect_error(0, delete_records(topic, 0, RD_KAFKA_OFFSET_END, &low));
	expect_int("low watermark in the reply", 100, low);
	expect_watermarks(topic, 100, 100);
	case_begin("offsets go on after that");
	produce_numbers(topic, 1, 0);
	expect_watermarks(topic, 100, 101);

	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
}

static void test_cluster(void)
{
	char *id;
	case_begin("the cluster has an id, and a controller");
	id = rd_kafka_clusterid(client, TIMEOUT_MS);
	expect(id && strlen(id) > 0, "no cluster id");
	expect(rd_kafka_controllerid(client, TIMEOUT_MS) >= 0, "no controller");
	if (id)
		rd_kafka_mem_free(client, id);
	case_begin("the cluster id is the same for another client");
	id = rd_kafka_clusterid(client, TIMEOUT_MS);
	rd_kafka_t *other = make_client(RD_KAFKA_PRODUCER, NULL);
	char *other_id = rd_kafka_clusterid(other, TIMEOUT_MS);
	expect(id && other_id && !strcmp(id, other_id), "%s and %s", id ? id : "none", other_id ? other_id : "none");
	if (id)
		rd_kafka_mem_free(client, id);
	if (other_id)
		rd_kafka_mem_free(other, other_id);
	rd_kafka_destroy(other);
}

static int run_cases(void)
{
	test_cluster();
	test_create_and_delete();
	test_configs();
	test_offsets();
	return cases_end();
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: admin HOST:PORT cases PREFIX | create TOPIC PARTITIONS [key=value]... | "
				"delete TOPIC | delete-records TOPIC PARTITION OFFSET\n");
		return 2;
	}
	broker = argv[1];
	/* A consumer, since a producer's metadata requests create the topics they ask for. */
	client = make_client(RD_KAFKA_CONSUMER, NULL);
	queue = rd_kafka_queue_new(client);
	int status = 2;
	if (!strcmp(argv[2], "cases")) {
		prefix = argv[3];
		status = run_cases();
	} else if (!strcmp(argv[2], "create") && argc >= 5) {
		rd_kafka_resp_err_t error = create_topic(argv[3], atoi(argv[4]), 1, false, argv + 5);
		if (error)
			printf("FAIL  create %s: %s\n", argv[3], rd_kafka_err2name(error));
		status = error ? 1 : 0;
	} else if (!strcmp(argv[2], "delete")) {
		rd_kafka_resp_err_t error = delete_topic(argv[3]);
		if (error)
			printf("FAIL  delete %s: %s\n", argv[3], rd_kafka_err2name(error));
		status = error ? 1 : 0;
	} else if (!strcmp(argv[2], "delete-records") && argc == 6) {
		int64_t low;
		rd_kafka_resp_err_t error = delete_records(argv[3], atoi(argv[4]), atoll(argv[5]), &low);
		if (error)
			printf("FAIL  delete records of %s: %s\n", argv[3], rd_kafka_err2name(error));
		status = error ? 1 : 0;
	}
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
	return status;
}
