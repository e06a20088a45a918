/* CreateTopics, DeleteTopics, Metadata and ListOffsets, each on a connection of its own that lives for one request. */
#include "bench/load/topic.h"

#include "bench/load/frame.h"
#include "bench/load/socket.h"
#include "net/wire/kerr.h"
#include "kmsg_create_topics.h"
#include "kmsg_delete_records.h"
#include "kmsg_delete_topics.h"
#include "kmsg_list_offsets.h"
#include "kmsg_metadata.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CREATE_VERSION 5
#define DELETE_VERSION 5
#define DELETE_RECORDS_VERSION 2
#define METADATA_VERSION 9
#define LIST_OFFSETS_VERSION 7
#define LIST_OFFSETS_FIRST (-2) /* the timestamps that stand for the oldest record, and for the end */
#define LIST_OFFSETS_END (-1)

/* Metadata of 100,000 partitions is some 4 MB. */
#define ANSWER_BYTES_MAX (32u << 20)
#define REQUEST_BYTES_MAX (4u << 20)
#define ANSWER_TIMEOUT_NS 60000000000ull
#define LEADER_WAITS_MAX 600 /* of 50 ms */

/* One request and its answer, with the memory for both. */
struct call {
	const struct load_config *config;
	char *failure;
	const char *name; /* of the API */
	uint8_t *memory;  /* request, then answer */
	struct writer writer;
	struct reader reader;
	struct arena arena;
};

static int tell(struct call *call, int err, const char *format, ...) PRINTF_LIKE(3, 4);
static int tell(struct call *call, int err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int used = snprintf(call->failure, LOAD_FAILURE_BYTES, "%s: ", call->name);
	vsnprintf(call->failure + used, LOAD_FAILURE_BYTES - (size_t)used, format, arguments);
	va_end(arguments);
	return err;
}

static int call_begin(struct call *call, const struct load_config *config, char *failure, const char *name, int16_t key,
		      int16_t version)
{
	*call = (struct call){ .config = config, .failure = failure, .name = name };
	call->memory = malloc(REQUEST_BYTES_MAX + ANSWER_BYTES_MAX);
	arena_init(&call->arena, NULL, 0, 64 << 20);
	if (!call->memory)
		return tell(call, -ENOMEM, "no memory");
	call->writer = writer_into(call->memory, REQUEST_BYTES_MAX);
	frame_begin(&call->writer, key, version, true);
	return 0;
}

static void call_end(struct call *call)
{
	free(call->memory);
	arena_fini(&call->arena);
}

/* Sends what was written and leaves `reader` over the answer's body. */
static int call_send(struct call *call)
{
	const struct load_config *config = call->config;
	int err = frame_end(&call->writer);
	if (err)
		return tell(call, err, "cannot encode the request: %s", strerror(-err));
	int fd = socket_connect(config->host, config->port, ANSWER_TIMEOUT_NS);
	if (fd < 0)
		return tell(call, fd, "cannot connect to %s:%u: %s", config->host, config->port, strerror(-fd));
	uint8_t *answer = call->memory + REQUEST_BYTES_MAX;
	int size = socket_ask(fd, (struct slice){ call->memory, call->writer.position }, answer, ANSWER_BYTES_MAX);
	close(fd);
	if (size < 0)
		return tell(call, size, "%s:%u does not answer: %s", config->host, config->port, strerror(-size));
	call->reader = frame_body((struct slice){ answer, (size_t)size }, true);
	return 0;
}

static int tell_malformed(struct call *call)
{
	return tell(call, -EBADMSG, "the answer cannot be read: %s", call->reader.reason ? call->reader.reason : "no topic in it");
}

static int tell_refused(struct call *call, int error_code, struct slice message)
{
	return tell(call, -EPROTO, "%s%s%.*s", kerr_name(error_code), message.size ? ": " : "", (int)message.size,
		    message.size ? (const char *)message.data : "");
}

/* ---- metadata ------------------------------------------------------------------------------------ */

/* *partitions is 0 while any of them has no leader. */
static int read_metadata(struct call *call, uint32_t *partitions)
{
	struct kmsg_metadata_response response;
	if (kmsg_metadata_response_decode(&call->reader, &call->arena, METADATA_VERSION, &response) || response.topics.count != 1)
		return tell_malformed(call);
	const struct kmsg_metadata_topic_result *topic = response.topics.items;
	if (topic->error_code)
		return tell_refused(call, topic->error_code, SLICE_EMPTY);
	*partitions = (uint32_t)topic->partitions.count;
	for (int32_t i = 0; i < topic->partitions.count; i++)
		if (topic->partitions.items[i].leader_id < 0)
			*partitions = 0;
	return 0;
}

int load_topic_count_partitions(const struct load_config *config, uint32_t *partitions, char *failure)
{
	struct call call;
	struct kmsg_metadata_topic topic = { .name = slice_from(config->topic) };
	struct kmsg_metadata_request request;
	kmsg_metadata_request_init(&request);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	*partitions = 0;
	int err = call_begin(&call, config, failure, "Metadata", KMSG_METADATA_KEY, METADATA_VERSION);
	if (!err) {
		kmsg_metadata_request_encode(&call.writer, METADATA_VERSION, &request);
		err = call_send(&call);
	}
	if (!err)
		err = read_metadata(&call, partitions);
	call_end(&call);
	return err;
}

/* ---- offsets -------------------------------------------------------------------------------------- */

static int read_offsets(struct call *call, uint32_t partitions, uint64_t *offsets)
{
	struct kmsg_list_offsets_response response;
	if (kmsg_list_offsets_response_decode(&call->reader, &call->arena, LIST_OFFSETS_VERSION, &response) ||
	    response.topics.count != 1 || response.topics.items[0].partitions.count != (int32_t)partitions)
		return tell_malformed(call);
	for (uint32_t i = 0; i < partitions; i++) {
		const struct kmsg_list_offsets_partition_result *result = &response.topics.items[0].partitions.items[i];
		if (result->error_code)
			return tell_refused(call, result->error_code, SLICE_EMPTY);
		if (result->partition_index < 0 || (uint32_t)result->partition_index >= partitions || result->offset < 0)
			return tell_malformed(call);
		offsets[result->partition_index] = (uint64_t)result->offset;
	}
	return 0;
}

static void ask_for_offsets(struct call *call, struct kmsg_list_offsets_partition *items, uint32_t partitions, int64_t timestamp)
{
	struct kmsg_list_offsets_topic topic = { .name = slice_from(call->config->topic),
						 .partitions = { items, (int32_t)partitions } };
	struct kmsg_list_offsets_request request = { .replica_id = -1, .topics = { &topic, 1 } };
	for (uint32_t i = 0; i < partitions; i++) {
		kmsg_list_offsets_partition_init(&items[i]);
		items[i].partition_index = (int32_t)i;
		items[i].timestamp = timestamp;
	}
	kmsg_list_offsets_request_encode(&call->writer, LIST_OFFSETS_VERSION, &request);
}

static int list_offsets(const struct load_config *config, uint32_t partitions, int64_t timestamp, uint64_t *offsets, char *failure)
{
	struct call call;
	int err = call_begin(&call, config, failure, "ListOffsets", KMSG_LIST_OFFSETS_KEY, LIST_OFFSETS_VERSION);
	struct kmsg_list_offsets_partition *items = calloc(partitions, sizeof *items);
	if (!err && !items)
		err = tell(&call, -ENOMEM, "no memory");
	if (!err) {
		ask_for_offsets(&call, items, partitions, timestamp);
		err = call_send(&call);
	}
	if (!err)
		err = read_offsets(&call, partitions, offsets);
	free(items);
	call_end(&call);
	return err;
}

int load_topic_list_starts(const struct load_config *config, uint32_t partitions, uint64_t *starts, char *failure)
{
	return list_offsets(config, partitions, LIST_OFFSETS_FIRST, starts, failure);
}

int load_topic_list_ends(const struct load_config *config, uint32_t partitions, uint64_t *ends, char *failure)
{
	return list_offsets(config, partitions, LIST_OFFSETS_END, ends, failure);
}

/* ---- create and delete ----------------------------------------------------------------------------- */

static int read_created(struct call *call)
{
	struct kmsg_create_topics_response response;
	if (kmsg_create_topics_response_decode(&call->reader, &call->arena, CREATE_VERSION, &response) ||
	    response.topics.count != 1)
		return tell_malformed(call);
	const struct kmsg_create_topics_topic_result *topic = response.topics.items;
	if (topic->error_code && topic->error_code != KERR_TOPIC_ALREADY_EXISTS)
		return tell_refused(call, topic->error_code, topic->error_message);
	return 0;
}

static int ask_to_create(const struct load_config *config, char *failure)
{
	struct call call;
	struct kmsg_create_topics_topic topic = { .name = slice_from(config->topic),
						  .num_partitions = (int32_t)config->partitions,
						  .replication_factor = 1 };
	struct kmsg_create_topics_config settings[LOAD_SETTINGS_MAX];
	for (uint32_t i = 0; i < config->settings_count; i++)
		settings[i] = (struct kmsg_create_topics_config){ slice_from(config->settings[i].name), slice_from(config->settings[i].value) };
	topic.configs.items = settings;
	topic.configs.count = (int32_t)config->settings_count;
	struct kmsg_create_topics_request request = { .topics = { &topic, 1 }, .timeout_ms = 60000 };
	int err = call_begin(&call, config, failure, "CreateTopics", KMSG_CREATE_TOPICS_KEY, CREATE_VERSION);
	if (!err) {
		kmsg_create_topics_request_encode(&call.writer, CREATE_VERSION, &request);
		err = call_send(&call);
	}
	if (!err)
		err = read_created(&call);
	call_end(&call);
	return err;
}

/* A broker may answer CreateTopics before the topic is known everywhere in it, before partitions have a
 * leader, and (Kafka does) name a leader before that leader serves: only an answer from it is proof. */
static int probe(const struct load_config *config, uint64_t *starts, char *failure)
{
	uint32_t partitions;
	int err = load_topic_count_partitions(config, &partitions, failure);
	if (!err && partitions && partitions < config->partitions) {
		snprintf(failure, LOAD_FAILURE_BYTES, "topic %s has %u partitions, and %u are needed", config->topic, partitions,
			 config->partitions);
		return -EINVAL;
	}
	if (!err && !partitions) {
		snprintf(failure, LOAD_FAILURE_BYTES, "topic %s has partitions without a leader", config->topic);
		return -EAGAIN;
	}
	return err ? err : load_topic_list_starts(config, config->partitions, starts, failure);
}

static int wait_until_served(const struct load_config *config, char *failure)
{
	uint64_t *starts = calloc(config->partitions, sizeof *starts);
	int err = starts ? -EAGAIN : -ENOMEM;
	for (int i = 0; starts && err && err != -EINVAL && i < LEADER_WAITS_MAX; i++) {
		if (i)
			nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		err = probe(config, starts, failure);
	}
	free(starts);
	return err;
}

int load_topic_create(const struct load_config *config, char *failure)
{
	int err = ask_to_create(config, failure);
	if (!err)
		err = wait_until_served(config, failure);
	if (!err)
		failure[0] = 0;
	return err;
}

static int read_deleted(struct call *call)
{
	struct kmsg_delete_topics_response response;
	if (kmsg_delete_topics_response_decode(&call->reader, &call->arena, DELETE_VERSION, &response) ||
	    response.responses.count != 1)
		return tell_malformed(call);
	const struct kmsg_delete_topics_topic_result *topic = response.responses.items;
	return topic->error_code ? tell_refused(call, topic->error_code, topic->error_message) : 0;
}

int load_topic_delete(const struct load_config *config, char *failure)
{
	struct call call;
	struct slice name = slice_from(config->topic);
	struct kmsg_delete_topics_request request = { .topic_names = { &name, 1 }, .timeout_ms = 60000 };
	int err = call_begin(&call, config, failure, "DeleteTopics", KMSG_DELETE_TOPICS_KEY, DELETE_VERSION);
	if (!err) {
		kmsg_delete_topics_request_encode(&call.writer, DELETE_VERSION, &request);
		err = call_send(&call);
	}
	if (!err)
		err = read_deleted(&call);
	call_end(&call);
	return err;
}

static int read_records_deleted(struct call *call)
{
	struct kmsg_delete_records_response response;
	if (kmsg_delete_records_response_decode(&call->reader, &call->arena, DELETE_RECORDS_VERSION, &response) || response.topics.count != 1 ||
	    response.topics.items[0].partitions.count != 1)
		return tell_malformed(call);
	int error_code = response.topics.items[0].partitions.items[0].error_code;
	return error_code ? tell_refused(call, error_code, SLICE_EMPTY) : 0;
}

int load_topic_delete_records(const struct load_config *config, char *failure)
{
	struct call call;
	struct kmsg_delete_records_partition all = { .partition_index = 0, .offset = -1 };
	struct kmsg_delete_records_topic topic = { .name = slice_from(config->topic), .partitions = { &all, 1 } };
	struct kmsg_delete_records_request request = { .topics = { &topic, 1 }, .timeout_ms = 60000 };
	int err = call_begin(&call, config, failure, "DeleteRecords", KMSG_DELETE_RECORDS_KEY, DELETE_RECORDS_VERSION);
	if (!err) {
		kmsg_delete_records_request_encode(&call.writer, DELETE_RECORDS_VERSION, &request);
		err = call_send(&call);
	}
	if (!err)
		err = read_records_deleted(&call);
	call_end(&call);
	return err;
}
