/* load_fetch: each lane reads its partition from the first offset to the high watermark and begins again
 * (or stops there). One fetch of a lane is open at a time, for the next begins where its answer ends;
 * with several lanes a connection has several in flight. */
#include "bench/load/fetch.h"

#include "bench/load/batch_walk.h"
#include "bench/load/frame.h"
#include "bench/load/outcome.h"
#include "bench/load/topic.h"
#include "log/base/err.h"

#include "kmsg_fetch.h"

/* The newest version that names topics. */
#define FETCH_VERSION 12

/* ---- requests ------------------------------------------------------------------------------------- */

/* The next lane of the connection that may ask; false if there is none. */
static bool choose_lane(struct fetch *fetch, uint32_t connection, uint32_t *lane)
{
	for (uint32_t left = lanes_of(&fetch->lanes, connection); left; left--) {
		*lane = lanes_take(&fetch->lanes, connection);
		if (!fetch->readings[*lane].is_open && !fetch->readings[*lane].is_over)
			return true;
	}
	return false;
}

static size_t encode_fetch(const struct fetch *fetch, uint32_t lane, uint32_t correlation, uint8_t *out)
{
	const struct load_config *config = &fetch->config;
	struct kmsg_fetch_partition partition;
	kmsg_fetch_partition_init(&partition);
	partition.partition = (int32_t)lanes_partition(&fetch->lanes, lane);
	partition.fetch_offset = (int64_t)fetch->readings[lane].offset;
	partition.partition_max_bytes = (int32_t)config->fetch_bytes;
	struct kmsg_fetch_topic topic = { .topic = slice_from(config->topic), .partitions = { &partition, 1 } };
	struct kmsg_fetch_request request;
	kmsg_fetch_request_init(&request);
	request.max_wait_ms = (int32_t)config->fetch_wait_ms;
	request.min_bytes = 1;
	request.max_bytes = (int32_t)config->fetch_bytes;
	request.topics.items = &topic;
	request.topics.count = 1;
	struct writer writer = writer_into(out, ENGINE_HEAD_MAX);
	frame_begin(&writer, KMSG_FETCH_KEY, FETCH_VERSION, true);
	kmsg_fetch_request_encode(&writer, FETCH_VERSION, &request);
	if (frame_end(&writer))
		return 0;
	store_be32(out + FRAME_CORRELATION_AT, correlation);
	return writer.position;
}

bool fetch_next_request(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request)
{
	struct fetch *fetch = arg;
	uint32_t lane;
	if (!choose_lane(fetch, connection, &lane))
		return false;
	size_t size = encode_fetch(fetch, lane, correlation, request->head);
	request->partition = lane;
	request->position = fetch->readings[lane].offset;
	request->pieces[0] = (struct iovec){ request->head, size };
	request->piece_count = 1;
	fetch->readings[lane].is_open = true;
	return size;
}

/* ---- answers --------------------------------------------------------------------------------------- */

/* NULL if the answer is not for one partition, the one of this lane. */
static const struct kmsg_fetch_partition_result *decode_answer(struct fetch *fetch, uint32_t lane, struct slice frame,
							       struct kmsg_fetch_response *response)
{
	struct reader reader = frame_body(frame, true);
	arena_reset(&fetch->arena);
	if (kmsg_fetch_response_decode(&reader, &fetch->arena, FETCH_VERSION, response))
		return NULL;
	if (response->responses.count != 1 || response->responses.items[0].partitions.count != 1)
		return NULL;
	const struct kmsg_fetch_partition_result *result = response->responses.items[0].partitions.items;
	return result->partition_index == (int32_t)lanes_partition(&fetch->lanes, lane) ? result : NULL;
}

/* Somewhere in the partition, and the same places in every run. */
static uint64_t choose_offset(struct fetch *fetch, uint64_t start, int64_t high_watermark)
{
	fetch->random = fetch->random * 6364136223846793005u + 1442695040888963407u;
	return start + (fetch->random >> 20) % ((uint64_t)high_watermark - start);
}

/* At the high watermark a lane begins again, unless it is to wait or stop there or there is nothing to read. */
static void move_on(struct fetch *fetch, uint32_t lane, uint64_t offset, int64_t high_watermark)
{
	struct reading *reading = &fetch->readings[lane];
	uint64_t start = fetch->starts[lanes_partition(&fetch->lanes, lane)];
	reading->offset = offset;
	if (fetch->config.fetch_random && high_watermark > (int64_t)start) {
		reading->offset = choose_offset(fetch, start, high_watermark);
		return;
	}
	if ((int64_t)offset < high_watermark || fetch->config.fetch_tail)
		return;
	reading->is_over = fetch->config.fetch_once || high_watermark <= (int64_t)start;
	reading->offset = start;
}

struct engine_outcome fetch_read_answer(void *arg, const struct engine_request *request, struct slice frame)
{
	struct fetch *fetch = arg;
	struct kmsg_fetch_response response;
	struct reading *reading = &fetch->readings[request->partition];
	reading->is_open = false;
	const struct kmsg_fetch_partition_result *result = decode_answer(fetch, request->partition, frame, &response);
	int error_code = response.error_code ? response.error_code : result ? result->error_code : 0;
	if (error_code)
		return (struct engine_outcome){ .error_code = error_code };
	if (!result)
		return (struct engine_outcome){ .is_damaged = true };
	struct batch_walk walk = batch_walk(result->records.whole, request->position, fetch->config.fetch_crcs);
	move_on(fetch, request->partition, walk.next_offset, result->high_watermark);
	/* The same bytes would come again for ever. */
	if (walk.is_damaged)
		reading->is_over = true;
	return (struct engine_outcome){ .is_damaged = walk.is_damaged, .records = walk.records, .bytes = walk.bytes };
}

/* ---- the run --------------------------------------------------------------------------------------- */

static int take_memory(struct fetch *fetch)
{
	uint32_t partitions = fetch->config.partitions;
	bool has_lanes = lanes_open(&fetch->lanes, partitions, fetch->config.connections);
	fetch->readings = calloc(fetch->lanes.count, sizeof *fetch->readings);
	fetch->starts = calloc(partitions, sizeof *fetch->starts);
	return has_lanes && fetch->readings && fetch->starts ? 0 : -ENOMEM;
}

static int find_offsets(struct fetch *fetch, char *failure)
{
	const struct load_config *config = &fetch->config;
	int err = config->fetch_from_zero ? 0 :
		  config->fetch_tail	  ? load_topic_list_ends(config, config->partitions, fetch->starts, failure) :
					    load_topic_list_starts(config, config->partitions, fetch->starts, failure);
	for (uint32_t lane = 0; !err && lane < fetch->lanes.count; lane++)
		fetch->readings[lane].offset = fetch->starts[lanes_partition(&fetch->lanes, lane)];
	return err;
}

int fetch_open(struct fetch *fetch, const struct load_config *caller_config, char *failure)
{
	*fetch = (struct fetch){ .config = *caller_config };
	struct load_config *config = &fetch->config;
	arena_init(&fetch->arena, NULL, 0, 1 << 20);
	/* Whoever reads once wants all of it counted. */
	if (config->fetch_once)
		config->warmup_ns = 0;
	int err = config->partitions ? 0 : load_topic_count_partitions(config, &config->partitions, failure);
	if (!err && (!config->partitions || (err = take_memory(fetch)))) {
		snprintf(failure, LOAD_FAILURE_BYTES, "topic %s: %s", config->topic,
			 err ? "no memory for its partitions" : "it has partitions without a leader");
		return -EPROTO;
	}
	return err ? err : find_offsets(fetch, failure);
}

void fetch_close(struct fetch *fetch)
{
	lanes_close(&fetch->lanes);
	free(fetch->readings);
	free(fetch->starts);
	arena_fini(&fetch->arena);
}

int load_fetch(const struct load_config *config, struct load_result *result)
{
	static const struct engine_calls calls = { fetch_next_request, fetch_read_answer, 0 };
	struct fetch fetch = { 0 };
	struct engine *engine = NULL;
	int err = load_result_begin(result, config, "fetch");
	if (!err)
		err = fetch_open(&fetch, config, result->failure);
	if (!err)
		err = engine_open(&engine, &fetch.config, result, &calls, &fetch);
	if (!err)
		err = engine_run(engine);
	engine_close(engine);
	err = load_result_clean_up(result, config, err);
	fetch_close(&fetch);
	return load_result_end(result, err);
}
