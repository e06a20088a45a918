/* load_lookup: ListOffsets by a time, one partition a request. What leaves differs in the correlation id, the partition and the time alone,
 * and is encoded anew each time, for it is small. */
#include "bench/load/engine.h"
#include "bench/load/frame.h"
#include "bench/load/lane.h"
#include "bench/load/outcome.h"
#include "log/base/arena.h"

#include "kmsg_list_offsets.h"

#include <errno.h>

#define LOOKUP_VERSION 7

struct lookup {
	const struct load_config *config;
	struct lanes lanes;
	struct arena arena;
	int64_t from_ms, to_ms;
	uint64_t random;
};

static int64_t choose_time(struct lookup *lookup)
{
	lookup->random = lookup->random * 6364136223846793005u + 1442695040888963407u;
	return lookup->from_ms + (int64_t)((lookup->random >> 20) % (uint64_t)(lookup->to_ms - lookup->from_ms + 1));
}

static bool next_request(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request)
{
	struct lookup *lookup = arg;
	struct kmsg_list_offsets_partition partition;
	kmsg_list_offsets_partition_init(&partition);
	request->partition = lanes_partition(&lookup->lanes, lanes_take(&lookup->lanes, connection));
	partition.partition_index = (int32_t)request->partition;
	partition.timestamp = choose_time(lookup);
	struct kmsg_list_offsets_topic topic = { .name = slice_from(lookup->config->topic), .partitions = { &partition, 1 } };
	struct kmsg_list_offsets_request body = { .replica_id = -1, .topics = { &topic, 1 } };
	struct writer writer = writer_into(request->head, ENGINE_HEAD_MAX);
	frame_begin(&writer, KMSG_LIST_OFFSETS_KEY, LOOKUP_VERSION, true);
	kmsg_list_offsets_request_encode(&writer, LOOKUP_VERSION, &body);
	if (frame_end(&writer))
		return false;
	store_be32(request->head + FRAME_CORRELATION_AT, correlation);
	request->pieces[0] = (struct iovec){ request->head, writer.position };
	request->piece_count = 1;
	return true;
}

/* A time in the log has an offset, so an answer without one is damage. */
static struct engine_outcome read_answer(void *arg, const struct engine_request *request, struct slice frame)
{
	struct lookup *lookup = arg;
	struct kmsg_list_offsets_response response;
	struct reader reader = frame_body(frame, true);
	arena_reset(&lookup->arena);
	if (kmsg_list_offsets_response_decode(&reader, &lookup->arena, LOOKUP_VERSION, &response) || response.topics.count != 1 ||
	    response.topics.items[0].partitions.count != 1)
		return (struct engine_outcome){ .is_damaged = true };
	const struct kmsg_list_offsets_partition_result *result = response.topics.items[0].partitions.items;
	return (struct engine_outcome){ .error_code = result->error_code, .records = 1,
					.is_damaged = !result->error_code && (result->partition_index != (int32_t)request->partition || result->offset < 0) };
}

int load_lookup(const struct load_config *config, int64_t from_ms, int64_t to_ms, struct load_result *result)
{
	static const struct engine_calls calls = { next_request, read_answer, 0 };
	struct lookup lookup = { .config = config, .from_ms = from_ms, .to_ms = to_ms };
	struct engine *engine = NULL;
	int err = load_result_begin(result, config, "lookup");
	arena_init(&lookup.arena, NULL, 0, 1 << 20);
	if (!err && (!config->partitions || to_ms < from_ms || !lanes_open(&lookup.lanes, config->partitions, config->connections))) {
		snprintf(result->failure, sizeof result->failure, "no partitions, no time between the two, or no memory");
		err = -EINVAL;
	}
	if (!err)
		err = engine_open(&engine, config, result, &calls, &lookup);
	if (!err)
		err = engine_run(engine);
	engine_close(engine);
	lanes_close(&lookup.lanes);
	arena_fini(&lookup.arena);
	return load_result_end(result, load_result_clean_up(result, config, err));
}
