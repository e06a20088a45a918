/* ListOffsets: the first and the last offset of partitions, and the first at or after a time.
 *
 * Who asks for it in a tagged field of Spate's own is also told when a record was appended (net/README.md, "Beyond Kafka").
 *
 * Each partition is asked on the shard that owns it; lookups by time may read the disk there. None found is no error: offset
 * and timestamp are -1. */
#include "kmsg_list_offsets.h"
#include "net/api/handlers.h"

#include <limits.h>

/* Timestamps with a meaning of their own. */
enum {
	LATEST = -1,
	EARLIEST = -2,
	MAX_TIMESTAMP = -3,             /* KIP-734, version 7 */
	EARLIEST_LOCAL = -4,            /* KIP-405, version 8 */
	LATEST_TIERED = -5,             /* KIP-1005, version 9 */
	EARLIEST_PENDING_UPLOAD = -6,   /* KIP-1023, version 11 */
};

struct lookup {
	struct query_task query;
	int64_t timestamp;
	int32_t current_leader_epoch;
	int64_t append_time_of;
	struct kmsg_list_offsets_partition_result *out;
	/* Set on the owner; copied into the answer at home. */
	struct offset_found found;
	struct append_time_found append_time;
};

struct list_offsets {
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	uint32_t count;
	struct lookup *lookups;
};

/* The version a special timestamp came with; no version for those that mean nothing. */
static int version_of(int64_t timestamp)
{
	switch (timestamp) {
	case MAX_TIMESTAMP:
		return 7;
	case EARLIEST_LOCAL:
		return 8;
	case LATEST_TIERED:
		return 9;
	case EARLIEST_PENDING_UPLOAD:
		return 11;
	case LATEST:
	case EARLIEST:
		return 0;
	default:
		return timestamp < 0 ? INT_MAX : 0;
	}
}

static int find(struct partition *partition, int64_t timestamp, struct offset_found *found)
{
	*found = (struct offset_found){.found = true, .offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
	switch (timestamp) {
	case LATEST:
		found->offset = partition_high_watermark(partition);
		found->leader_epoch = partition_leader_epoch(partition);
		return 0;
	case EARLIEST:
	case EARLIEST_LOCAL:
		found->offset = partition_log_start_offset(partition);
		found->leader_epoch = partition_epoch_at(partition, found->offset);
		return 0;
	case LATEST_TIERED:
	case EARLIEST_PENDING_UPLOAD:
		return 0; /* There are no tiers: no such offset. */
	case MAX_TIMESTAMP:
		return partition_offset_of_max_time(partition, found);
	default:
		return partition_offset_for_time(partition, timestamp, found);
	}
}

/* On the owner. */
static void run_lookup(struct query_task *query, struct partition *partition)
{
	struct lookup *lookup = CONTAINER_OF(query, struct lookup, query);
	query->task.err = task_check_epoch(partition, lookup->current_leader_epoch);
	if (!query->task.err)
		query->task.err = find(partition, lookup->timestamp, &lookup->found);
	if (!query->task.err && lookup->append_time_of >= 0)
		partition_append_time(partition, lookup->append_time_of, &lookup->append_time);
}

static void fill_append_time(const struct lookup *lookup, struct kmsg_list_offsets_append_time *out)
{
	const struct append_time_found *found = &lookup->append_time;
	out->offset = found->offset;
	out->low_ms = found->low_ms;
	out->high_ms = found->high_ms;
	out->now_ms = found->now_ms;
}

static void fill_result(const struct lookup *lookup)
{
	struct kmsg_list_offsets_partition_result *out = lookup->out;
	int err = lookup->query.task.err;
	if (out->error_code)
		return;
	out->error_code = (int16_t)(err > 0 ? err : kerr_from(err));
	if (!err && lookup->append_time_of >= 0)
		fill_append_time(lookup, &out->append_time);
	if (err || !lookup->found.found)
		return;
	out->offset = lookup->found.offset;
	out->timestamp = lookup->found.timestamp_ms;
	out->leader_epoch = lookup->found.leader_epoch;
}

static enum step answer(struct request *request)
{
	struct list_offsets *state = request->state;
	for (uint32_t i = 0; i < state->count; i++)
		fill_result(&state->lookups[i]);
	struct writer writer = request_answer_begin(request, kmsg_list_offsets_response_size(&state->out, request->version));
	kmsg_list_offsets_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

/* How often each partition of the topic is named, up to 2: Kafka refuses those that are named twice. NULL: no memory. */
static uint8_t *count_names(struct request *request, const struct topic *topic, const struct kmsg_list_offsets_topic *in)
{
	uint8_t *counts = request_alloc_array(request, topic ? topic->partition_count : 0, 1);
	for (int32_t p = 0; counts && topic && p < in->partitions.count; p++) {
		uint32_t index = (uint32_t)in->partitions.items[p].partition_index;
		if (index < topic->partition_count && counts[index] < 2)
			counts[index]++;
	}
	return counts;
}

static enum kerr judge(const struct request *request, const struct topic *topic, const uint8_t *counts,
		       const struct kmsg_list_offsets_partition *in)
{
	if (!topic || (uint32_t)in->partition_index >= topic->partition_count)
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (counts[in->partition_index] > 1)
		return KERR_INVALID_REQUEST;
	return version_of(in->timestamp) > request->version ? KERR_UNSUPPORTED_VERSION : KERR_NONE;
}

/* False: no memory. */
static bool start_topic(struct request *request, struct list_offsets *state, const struct kmsg_list_offsets_topic *in,
			struct kmsg_list_offsets_topic_result *out)
{
	const struct topic *topic = request_topic_by_name(request, in->name);
	const uint8_t *counts = count_names(request, topic, in);
	if (!counts)
		return false;
	for (int32_t p = 0; p < in->partitions.count; p++) {
		const struct kmsg_list_offsets_partition *asked = &in->partitions.items[p];
		struct kmsg_list_offsets_partition_result *result = &out->partitions.items[p];
		kmsg_list_offsets_partition_result_init(result);
		result->partition_index = asked->partition_index;
		result->error_code = (int16_t)judge(request, topic, counts, asked);
		if (result->error_code)
			continue;
		struct lookup *lookup = &state->lookups[state->count++];
		*lookup = (struct lookup){.timestamp = asked->timestamp, .current_leader_epoch = asked->current_leader_epoch,
					  .append_time_of = asked->append_time_of, .out = result};
		task_init(&lookup->query.task, request, &topic->id, asked->partition_index);
		lookup->query.run = run_lookup;
		request_count(request, query_task_submit(&lookup->query));
	}
	return true;
}

static enum step no_memory(struct request *request)
{
	return request_reject(request, NULL);
}

static bool lay_out(struct request *request, struct list_offsets *state)
{
	int32_t topic_count = state->in.topics.count;
	struct kmsg_list_offsets_topic_result *topics = request_alloc_array(request, (size_t)topic_count, sizeof *topics);
	size_t partition_count = 0;
	if (!topics)
		return false;
	for (int32_t t = 0; t < topic_count; t++) {
		const struct kmsg_list_offsets_topic *in = &state->in.topics.items[t];
		topics[t].name = in->name;
		topics[t].partitions.count = in->partitions.count;
		topics[t].partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *topics[t].partitions.items);
		if (!topics[t].partitions.items)
			return false;
		partition_count += (size_t)in->partitions.count;
	}
	state->out.topics.items = topics;
	state->out.topics.count = topic_count;
	state->lookups = request_alloc_array(request, partition_count, sizeof *state->lookups);
	return state->lookups != NULL;
}

enum step list_offsets_handle(struct request *request)
{
	struct list_offsets *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_list_offsets_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	kmsg_list_offsets_response_init(&state->out);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	for (int32_t t = 0; t < state->in.topics.count; t++)
		if (!start_topic(request, state, &state->in.topics.items[t], &state->out.topics.items[t]))
			return request_join(request, no_memory);
	return request_join(request, answer);
}
