/* DescribeLogDirs: the one data directory, its volume, and the bytes each partition takes.
 *
 * Partitions that are asked for and are not here are left out, as in Kafka. Sizes are asked of the owners in
 * rounds of a bounded number of queries, so that the answer may name any number of partitions. Failure
 * modes: a volume that cannot be looked at (sizes -1); a partition that goes while it is asked for is left
 * out as well. */
#include "kmsg_describe_log_dirs.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

#include <limits.h>
#include <stdlib.h>

#define QUERIES_MAX 1000
#define GONE (-1)
/* Of one partition; more are not told. */
#define DAMAGES_MAX 1000u

struct size_query {
	struct query_task query;
	struct kmsg_describe_log_dirs_partition *out;
	bool tells_damage;
	int64_t size_bytes;            /* set on the owner, as are these */
	struct damage *damages;        /* malloc'ed there: the request's memory is not its to take from */
	uint32_t damage_count;
};

struct describe_log_dirs {
	struct kmsg_describe_log_dirs_request in;
	struct kmsg_describe_log_dirs_response out;
	struct kmsg_describe_log_dirs_result result;
	struct uuid *ids;              /* of the result's topics */
	int32_t topic, partition;      /* the next one to ask */
	uint32_t query_count;
	struct size_query *queries;
};

static enum step ask_round(struct request *request);

/* ---- which partitions ---------------------------------------------------------------------------------- */

static struct kmsg_describe_log_dirs_topic_result *add_topic(struct request *request,
							     struct describe_log_dirs *state,
							     const struct topic *topic,
							     int32_t partition_count)
{
	struct kmsg_describe_log_dirs_topic_result *out = &state->result.topics.items[state->result.topics.count];
	char *name = text_copy(request, slice_from(topic->name)); /* the image may go before the answer */
	out->name = slice_from(name);
	out->partitions.items = request_alloc_array(request, (size_t)partition_count,
						    sizeof *out->partitions.items);
	if (!name || !out->partitions.items)
		return NULL;
	state->ids[state->result.topics.count++] = topic->id;
	return out;
}

static void add_partition(struct kmsg_describe_log_dirs_topic_result *out, int32_t index)
{
	kmsg_describe_log_dirs_partition_init(&out->partitions.items[out->partitions.count]);
	out->partitions.items[out->partitions.count].partition_index = index;
	out->partitions.items[out->partitions.count++].partition_size = GONE;
}

static bool add_all(struct request *request, struct describe_log_dirs *state)
{
	const struct catalog_image *image = request->shard->image;
	for (uint32_t t = 0; t < image->topic_count; t++) {
		int32_t count = (int32_t)image->topics[t]->partition_count;
		struct kmsg_describe_log_dirs_topic_result *out =
			add_topic(request, state, image->topics[t], count);
		if (!out)
			return false;
		for (int32_t p = 0; p < count; p++)
			add_partition(out, p);
	}
	return true;
}

static bool add_asked(struct request *request, struct describe_log_dirs *state)
{
	for (int32_t t = 0; t < state->in.topics.count; t++) {
		const struct kmsg_describe_log_dirs_topic *in = &state->in.topics.items[t];
		const struct topic *topic = request_topic_by_name(request, in->topic);
		struct kmsg_describe_log_dirs_topic_result *out =
			topic ? add_topic(request, state, topic, in->partitions.count) : NULL;
		if (topic && !out)
			return false;
		for (int32_t p = 0; topic && p < in->partitions.count; p++)
			if (in->partitions.items[p] >= 0 &&
			    (uint32_t)in->partitions.items[p] < topic->partition_count)
				add_partition(out, in->partitions.items[p]);
	}
	return true;
}

static bool lay_out(struct request *request, struct describe_log_dirs *state)
{
	bool is_all = state->in.topics.count < 0;
	size_t count = is_all ? request->shard->image->topic_count : (size_t)state->in.topics.count;
	state->result.topics.items = request_alloc_array(request, count, sizeof *state->result.topics.items);
	state->ids = request_alloc_array(request, count, sizeof *state->ids);
	state->queries = request_alloc_array(request, QUERIES_MAX, sizeof *state->queries);
	if (!state->result.topics.items || !state->ids || !state->queries)
		return false;
	return is_all ? add_all(request, state) : add_asked(request, state);
}

/* ---- sizes --------------------------------------------------------------------------------------------- */

/* On the owner. */
static void measure(struct query_task *query, struct partition *partition)
{
	struct size_query *size = CONTAINER_OF(query, struct size_query, query);
	size->size_bytes = (int64_t)partition_size_bytes(partition);
	if (!size->tells_damage || partition_damage_count(partition) == 0)
		return;
	size->damages = malloc(DAMAGES_MAX * sizeof *size->damages);
	if (size->damages)
		size->damage_count = partition_damages(partition, size->damages, DAMAGES_MAX);
}

static void take_damages(struct request *request, struct size_query *query)
{
	struct kmsg_describe_log_dirs_partition *out = query->out;
	out->damages.items = query->damage_count ? request_alloc_array(request, query->damage_count, sizeof *out->damages.items) : NULL;
	for (uint32_t i = 0; out->damages.items && i < query->damage_count; i++) {
		kmsg_describe_log_dirs_damage_init(&out->damages.items[i]);
		out->damages.items[i].from_offset = query->damages[i].from;
		out->damages.items[i].to_offset = query->damages[i].to;
		out->damages.count++;
	}
	free(query->damages);
}

static enum step take_sizes(struct request *request)
{
	struct describe_log_dirs *state = request->state;
	for (uint32_t i = 0; i < state->query_count; i++) {
		if (!state->queries[i].query.task.err)
			state->queries[i].out->partition_size = state->queries[i].size_bytes;
		take_damages(request, &state->queries[i]);
	}
	return ask_round(request);
}

static void ask(struct request *request, struct describe_log_dirs *state,
		struct kmsg_describe_log_dirs_partition *out)
{
	struct size_query *query = &state->queries[state->query_count++];
	*query = (struct size_query){.out = out, .tells_damage = state->in.tells_damage};
	task_init(&query->query.task, request, &state->ids[state->topic], out->partition_index);
	query->query.run = measure;
	request_count(request, query_task_submit(&query->query));
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

static void drop_gone(struct kmsg_describe_log_dirs_result *result)
{
	int32_t topics = 0;
	for (int32_t t = 0; t < result->topics.count; t++) {
		struct kmsg_describe_log_dirs_topic_result *topic = &result->topics.items[t];
		int32_t partitions = 0;
		for (int32_t p = 0; p < topic->partitions.count; p++)
			if (topic->partitions.items[p].partition_size != GONE)
				topic->partitions.items[partitions++] = topic->partitions.items[p];
		topic->partitions.count = partitions;
		if (partitions)
			result->topics.items[topics++] = *topic;
	}
	result->topics.count = topics;
}

static void look_at_volume(struct request *request, struct kmsg_describe_log_dirs_result *result)
{
	uint64_t free_bytes, total_bytes;
	char path[PATH_MAX];
	const char *dir = request->shard->facts->dir;
	char *absolute = realpath(dir, path) ? text_copy(request, slice_from(path)) : NULL;
	result->log_dir = slice_from(absolute ? absolute : dir);
	if (io_space(request->shard->io, dir, &free_bytes, &total_bytes)) {
		result->error_code = KERR_KAFKA_STORAGE_ERROR;
		return;
	}
	result->total_bytes = (int64_t)total_bytes;
	result->usable_bytes = (int64_t)free_bytes;
}

static enum step answer(struct request *request)
{
	struct describe_log_dirs *state = request->state;
	drop_gone(&state->result);
	look_at_volume(request, &state->result);
	state->out.results.items = &state->result;
	state->out.results.count = 1;
	size_t size = kmsg_describe_log_dirs_response_size(&state->out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_describe_log_dirs_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

static enum step ask_round(struct request *request)
{
	struct describe_log_dirs *state = request->state;
	if (state->topic == state->result.topics.count || request->is_cancelled)
		return answer(request);
	state->query_count = 0;
	while (state->query_count < QUERIES_MAX && state->topic < state->result.topics.count) {
		struct kmsg_describe_log_dirs_topic_result *topic = &state->result.topics.items[state->topic];
		if (state->partition < topic->partitions.count) {
			ask(request, state, &topic->partitions.items[state->partition++]);
			continue;
		}
		state->topic++;
		state->partition = 0;
	}
	return request->pending ? request_join(request, take_sizes) : request_yield(request, take_sizes);
}

enum step describe_log_dirs_handle(struct request *request)
{
	struct describe_log_dirs *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_describe_log_dirs_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	kmsg_describe_log_dirs_response_init(&state->out);
	kmsg_describe_log_dirs_result_init(&state->result);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	return ask_round(request);
}
