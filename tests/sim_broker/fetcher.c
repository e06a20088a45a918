/* A consumer of many partitions, as real ones are: one fetch for all of them, in a session (KIP-227) that names only what has changed and is answered only what is new. A session that
 * the broker does not know any more (after a restart, on another shard) is begun anew with a full fetch. */
#include <stdlib.h>

#include "log/base/check.h"
#include "net/wire/kerr.h"
#include "tests/sim_broker/consumer.h"
#include "tests/sim_broker/peer.h"

#define FETCHED_MAX (TOPICS_MAX * PARTITIONS_MAX)
#define REST_EVERY 20
#define REST_NS_MAX (1000ull * 1000 * 1000)

/* What the session knows of a partition. */
struct known {
	bool is_known;
	struct uuid topic;
	int32_t partition;
	int64_t offset;
};

struct fetcher {
	struct world *world;
	struct peer *peer;
	uint64_t random;
	uint32_t number, count;
	struct consumer *consumers[FETCHED_MAX];
	struct known known[FETCHED_MAX];
	uint64_t rounds[FETCHED_MAX];
	bool is_asked[FETCHED_MAX]; /* by the fetch that is out, named in it or not */
	int32_t session_id, session_epoch;
	bool is_asking;
	uint64_t wait_until_ns;
	int32_t max_bytes, min_bytes;
};

struct fetcher *fetcher_open(struct world *world, uint32_t number)
{
	struct fetcher *fetcher = calloc(1, sizeof *fetcher);
	CHECK(fetcher);
	fetcher->world = world;
	fetcher->number = number;
	fetcher->random = world_stream(world, "fetcher", number);
	fetcher->max_bytes = draw(&fetcher->random, 2) ? 1 << 20 : 1 + (int32_t)draw(&fetcher->random, 20000);
	fetcher->min_bytes = draw(&fetcher->random, 3) ? 1 : (int32_t)draw(&fetcher->random, 5000);
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		for (uint32_t p = 0; p < PARTITIONS_MAX; p++) {
			uint32_t i = fetcher->count++;
			fetcher->consumers[i] = consumer_open_for_fetcher(world, 1000 + number * FETCHED_MAX + i, t, p);
		}
	fetcher->peer = peer_create(world, fetcher);
	return fetcher;
}

void fetcher_reset(struct fetcher *fetcher)
{
	peer_break(fetcher->peer);
	for (uint32_t i = 0; i < fetcher->count; i++)
		consumer_reset(fetcher->consumers[i]);
}

bool fetcher_is_done(const struct fetcher *fetcher)
{
	for (uint32_t i = 0; i < fetcher->count; i++)
		if (!consumer_is_done(fetcher->consumers[i]))
			return false;
	return true;
}

void fetcher_describe(const struct fetcher *fetcher, char *out, size_t size)
{
	for (uint32_t i = 0; i < fetcher->count; i++) {
		if (consumer_is_done(fetcher->consumers[i]))
			continue;
		int used = snprintf(out, size, "fetcher %u (session %d, epoch %d): ", fetcher->number, fetcher->session_id, fetcher->session_epoch);
		consumer_describe(fetcher->consumers[i], out + used, size - (size_t)used);
		return;
	}
}

/* The next fetch names everything. */
static void begin_session(struct fetcher *fetcher)
{
	fetcher->session_id = fetcher->session_epoch = 0;
	memset(fetcher->known, 0, sizeof fetcher->known);
}

static void back_off(struct fetcher *fetcher)
{
	fetcher->wait_until_ns = world_now_ns(fetcher->world) + BACKOFF_NS;
}

/* ---- an answer ----------------------------------------------------------------------------------------------------------- */

static void take_result(struct fetcher *fetcher, const struct uuid *topic, const struct kmsg_fetch_partition_result *result)
{
	for (uint32_t i = 0; i < fetcher->count; i++) {
		const struct known *known = &fetcher->known[i];
		if (!known->is_known || known->partition != result->partition_index || memcmp(&known->topic, topic, sizeof *topic) != 0)
			continue;
		if (fetcher->is_asked[i])
			consumer_take(fetcher->consumers[i], fetcher->rounds[i], result);
		return;
	}
	world_accuse(fetcher->world, HISTORY_BROKER, -1, "a fetcher is answered partition %d of a topic, which it did not ask for", result->partition_index);
}

static void take_results(struct fetcher *fetcher, const struct kmsg_fetch_response *out)
{
	if (fetcher->session_id && out->session_id == fetcher->session_id)
		meet(fetcher->world, MOMENT_SESSION_GOES_ON);
	for (int32_t t = 0; t < out->responses.count; t++)
		for (int32_t p = 0; p < out->responses.items[t].partitions.count; p++)
			take_result(fetcher, &out->responses.items[t].topic_id, &out->responses.items[t].partitions.items[p]);
	fetcher->session_id = out->session_id;
	fetcher->session_epoch++;
	if (!fetcher->session_id)
		begin_session(fetcher);
	/* Whoever polls has other things to do, too; in the calm it comes to its end (a record a fetch, it had rested for 270 of 300 s: seed 6921). */
	if (draw(&fetcher->random, REST_EVERY) == 0 && !fetcher->world->is_calm)
		fetcher->wait_until_ns = world_now_ns(fetcher->world) + draw(&fetcher->random, REST_NS_MAX);
}

static void answered(void *context, uint64_t tag, const void *answer)
{
	struct fetcher *fetcher = context;
	const struct kmsg_fetch_response *out = answer;
	fetcher->is_asking = false;
	if (out && !out->error_code) {
		take_results(fetcher, out);
		return;
	}
	if (out && fetcher->session_id && (out->error_code == KERR_FETCH_SESSION_ID_NOT_FOUND || out->error_code == KERR_INVALID_FETCH_SESSION_EPOCH))
		meet(fetcher->world, MOMENT_SESSION_LOST);
	else if (out)
		world_accuse(fetcher->world, HISTORY_BROKER, -1, "a fetch of session %d, epoch %d: error %d", fetcher->session_id, fetcher->session_epoch, out->error_code);
	begin_session(fetcher);
	back_off(fetcher);
}

/* ---- a fetch --------------------------------------------------------------------------------------------------------------- */

struct request {
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topics[FETCHED_MAX];
	struct kmsg_fetch_partition partitions[FETCHED_MAX];
	struct kmsg_fetch_forgotten forgotten[FETCHED_MAX];
	int32_t forgotten_partitions[FETCHED_MAX];
	uint32_t count, forgotten_count;
};

/* Each partition in an entry of its own topic: what stands twice in a list is allowed, and as good. */
static void name_partition(struct request *request, const struct uuid *topic, const struct kmsg_fetch_partition *partition)
{
	uint32_t i = request->count++;
	request->partitions[i] = *partition;
	kmsg_fetch_topic_init(&request->topics[i]);
	request->topics[i].topic_id = *topic;
	request->topics[i].partitions.items = &request->partitions[i];
	request->topics[i].partitions.count = 1;
}

static void forget_partition(struct request *request, struct known *known)
{
	uint32_t i = request->forgotten_count++;
	request->forgotten_partitions[i] = known->partition;
	kmsg_fetch_forgotten_init(&request->forgotten[i]);
	request->forgotten[i].topic_id = known->topic;
	request->forgotten[i].partitions.items = &request->forgotten_partitions[i];
	request->forgotten[i].partitions.count = 1;
	known->is_known = false;
}

static bool is_same(const struct known *known, const struct uuid *topic)
{
	return known->is_known && memcmp(&known->topic, topic, sizeof *topic) == 0;
}

/* What the session knows already is not named again. */
static void ask_for(struct fetcher *fetcher, struct request *request, uint32_t i)
{
	struct known *known = &fetcher->known[i];
	struct kmsg_fetch_partition partition;
	struct uuid topic;
	fetcher->is_asked[i] = consumer_wants(fetcher->consumers[i], &topic, &partition, &fetcher->rounds[i]);
	if (known->is_known && !(fetcher->is_asked[i] && is_same(known, &topic)))
		forget_partition(request, known);
	if (!fetcher->is_asked[i] || (known->is_known && known->offset == partition.fetch_offset))
		return;
	*known = (struct known){true, topic, partition.partition, partition.fetch_offset};
	name_partition(request, &topic, &partition);
}

static bool knows_any(const struct fetcher *fetcher)
{
	for (uint32_t i = 0; i < fetcher->count; i++)
		if (fetcher->known[i].is_known)
			return true;
	return false;
}

static void fetch(struct fetcher *fetcher)
{
	struct request request = {0};
	struct kmsg_fetch_request *in = &request.in;
	for (uint32_t i = 0; i < fetcher->count; i++)
		ask_for(fetcher, &request, i);
	if (!knows_any(fetcher)) {
		begin_session(fetcher);
		return;
	}
	kmsg_fetch_request_init(in);
	in->max_wait_ms = 500;
	in->min_bytes = fetcher->min_bytes;
	in->max_bytes = fetcher->max_bytes;
	in->session_id = fetcher->session_id;
	in->session_epoch = fetcher->session_epoch;
	in->topics.items = request.topics;
	in->topics.count = (int32_t)request.count;
	in->forgotten_topics_data.items = request.forgotten;
	in->forgotten_topics_data.count = fetcher->session_epoch ? (int32_t)request.forgotten_count : 0;
	fetcher->is_asking = peer_call(fetcher->peer, "fetch", 13, in, 0, answered);
	if (!fetcher->is_asking) {
		begin_session(fetcher);
		back_off(fetcher);
	}
}

void fetcher_step(struct fetcher *fetcher)
{
	peer_step(fetcher->peer);
	if (!fetcher->is_asking && world_now_ns(fetcher->world) >= fetcher->wait_until_ns)
		fetch(fetcher);
}
