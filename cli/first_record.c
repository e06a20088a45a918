/* All partitions are read at once through one queue, each until its first message. Failure modes: damaged records and partitions without a leader are
 * "not found"; a broker that says nothing for KAFKA_TIMEOUT_MS is an error. */
#include "cli/first_record.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/progress.h"

struct reading {
	struct kafka_client *client;
	struct first_record *records;
	rd_kafka_topic_t **topics; /* beside the records: the handle, if reading was begun */
	uint32_t count, left;
	rd_kafka_queue_t *queue;
};

static rd_kafka_topic_t *topic_handle(const struct reading *reading, uint32_t i)
{
	return kafka()->rd_kafka_topic_new(reading->client->handle, reading->records[i].topic, NULL);
}

static void begin(struct reading *reading)
{
	for (uint32_t i = 0; i < reading->count; i++) {
		struct first_record *record = &reading->records[i];
		if (record->is_done)
			continue;
		rd_kafka_topic_t *topic = topic_handle(reading, i);
		if (kafka()->rd_kafka_consume_start_queue(topic, record->partition, record->from, reading->queue)) {
			kafka()->rd_kafka_topic_destroy(topic);
			record->is_done = true;
			continue;
		}
		reading->topics[i] = topic;
		reading->left++;
	}
}

static void end(struct reading *reading)
{
	for (uint32_t i = 0; i < reading->count; i++) {
		if (!reading->topics[i])
			continue;
		kafka()->rd_kafka_consume_stop(reading->topics[i], reading->records[i].partition);
		kafka()->rd_kafka_topic_destroy(reading->topics[i]);
	}
}

static struct first_record *record_of(struct reading *reading, const rd_kafka_message_t *message)
{
	const char *topic = kafka()->rd_kafka_topic_name(message->rkt);
	for (uint32_t i = 0; i < reading->count; i++)
		if (reading->records[i].partition == message->partition && strcmp(reading->records[i].topic, topic) == 0)
			return &reading->records[i];
	return NULL;
}

static void take(struct reading *reading, const rd_kafka_message_t *message)
{
	struct first_record *record = message->rkt ? record_of(reading, message) : NULL;
	rd_kafka_timestamp_type_t type;
	if (!record || record->is_done)
		return;
	record->is_done = true;
	reading->left--;
	if (message->err)
		return;
	record->timestamp_ms = kafka()->rd_kafka_message_timestamp(message, &type);
	record->is_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
	record->is_found = type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
	record->offset = message->offset;
}

static int read_all(struct reading *reading)
{
	while (reading->left) {
		progress_say("reading the oldest unconsumed record of %u partitions", reading->left);
		rd_kafka_message_t *message = kafka()->rd_kafka_consume_queue(reading->queue, KAFKA_TIMEOUT_MS);
		if (!message) {
			complain("the broker does not answer: the oldest unconsumed records of %u partitions are not known", reading->left);
			return STATUS_FAILED;
		}
		take(reading, message);
		kafka()->rd_kafka_message_destroy(message);
	}
	return STATUS_OK;
}

int first_records_read(struct kafka_client *client, struct first_record *records, uint32_t count)
{
	struct reading reading = {
		.client = client,
		.records = records,
		.topics = calloc(count + 1, sizeof *reading.topics),
		.count = count,
		.queue = kafka()->rd_kafka_queue_new(client->handle),
	};
	int status = STATUS_FAILED;
	if (reading.topics) {
		begin(&reading);
		status = read_all(&reading);
		end(&reading);
	}
	kafka()->rd_kafka_queue_destroy(reading.queue);
	free(reading.topics);
	return status;
}
