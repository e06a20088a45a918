/* The meters of a shard are made when the first charge comes to it. Which rule holds is looked up by the shard that asks, in its image; so
 * a quota that has changed holds from the next request on, and the meter goes on from what it has seen.
 *
 * Failures: without memory nobody is held back. */
#include "net/route/quota_task.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "net/api/api.h"

/* Of one shard. With Kafka's eleven windows a meter is some 450 bytes. */
#define METERS_MAX 10000u
/* Longer ones are hashed. */
#define CLIENT_ID_SIZE_MAX 128u

struct quota_window quota_window_of(const struct shard *shard)
{
	const struct broker_config *config = shard->facts->config;
	return (struct quota_window){
		.samples = (uint32_t)broker_config_int(config, "quota.window.num"),
		.sample_ms = (uint32_t)broker_config_int(config, "quota.window.size.seconds") * 1000,
	};
}

/* ---- at the owner -------------------------------------------------------------------------------------- */

struct quota_meters *quota_meters_of(struct shard *shard)
{
	if (shard->quota_meters)
		return shard->quota_meters;
	struct quota_window window = quota_window_of(shard);
	uint64_t seed;
	io_random(shard->io, &seed, sizeof seed);
	return shard->quota_meters = quota_meters_create(&window, METERS_MAX, seed);
}

static void run(struct shard *shard, struct quota_task *task)
{
	struct quota_meters *meters = quota_meters_of(shard);
	uint64_t now_ms = io_now_ns(shard->io) / 1000000, wait_ms = 0;
	if (meters && task->asks)
		wait_ms = quota_meters_ask(meters, task->meter, task->amount, task->limit, now_ms, &task->is_refused);
	else if (meters)
		wait_ms = quota_meters_charge(meters, task->meter, task->amount, task->limit, now_ms);
	task->throttle_ms = (uint32_t)(wait_ms < task->wait_max_ms ? wait_ms : task->wait_max_ms);
}

/* ---- at home ------------------------------------------------------------------------------------------- */

static void take_outcome(struct quota_task *task)
{
	if (task->throttle_ms > 0)
		task->request->hold_back(task->request, task->throttle_ms);
}

void quota_task_receive(struct shard *shard, struct message *message)
{
	struct quota_task *task = CONTAINER_OF(message, struct quota_task, message);
	if (message->kind == MESSAGE_QUOTA) {
		run(shard, task);
		task->message.kind = MESSAGE_QUOTA_RETURN;
		shard_post(shard, shard->peers[task->origin], &task->message);
		return;
	}
	take_outcome(task);
	request_returned(task->request);
}

static enum task_result submit(struct quota_task *task)
{
	struct shard *origin = task->request->shard;
	uint32_t owner = (uint32_t)(XXH3_64bits(task->meter.data, task->meter.size) % origin->shard_count);
	if (owner != origin->index) {
		task->message.kind = MESSAGE_QUOTA;
		shard_post(origin, origin->peers[owner], &task->message);
		return TASK_PENDING;
	}
	run(origin, task);
	take_outcome(task);
	return TASK_DONE;
}

/* A client id has a meter for itself, or it is that of the user. The name is the request's own: the frame may go before the task is back. Of a long
 * id it has a hash, so that clients do not make meters of 32 KiB. */
struct slice quota_meter_name(struct request *request, enum quota_kind kind, bool is_of_client)
{
	struct slice client_id = is_of_client ? request->client_id : (struct slice){0};
	XXH128_canonical_t hash;
	if (client_id.size > CLIENT_ID_SIZE_MAX) {
		XXH128_canonicalFromHash(&hash, XXH3_128bits(client_id.data, client_id.size));
		client_id = (struct slice){hash.digest, sizeof hash.digest};
	}
	uint8_t *name = request_alloc(request, 2 + client_id.size);
	if (!name)
		return (struct slice){0};
	name[0] = (uint8_t)kind;
	name[1] = is_of_client;
	if (client_id.size > 0)
		memcpy(name + 2, client_id.data, client_id.size);
	return (struct slice){name, 2 + client_id.size};
}

bool quota_task_init(struct quota_task *task, struct request *request, enum quota_kind kind)
{
	struct quota_rule rule;
	*task = (struct quota_task){.request = request, .origin = request->shard->index};
	if (!quota_rule_of_client(request->shard->image, kind, request->client_id, &rule))
		return false;
	task->limit = rule.limit;
	task->wait_max_ms = kind == QUOTA_REQUEST ? quota_window_of(request->shard).sample_ms : UINT32_MAX;
	task->meter = quota_meter_name(request, kind, rule.is_of_client);
	return task->meter.data != NULL;
}

enum task_result quota_task_charge(struct quota_task *task, double amount)
{
	task->amount = amount;
	return submit(task);
}

enum task_result quota_task_ask(struct quota_task *task, double amount)
{
	task->asks = true;
	task->amount = amount;
	return submit(task);
}

int64_t quota_burst(struct request *request, enum quota_kind kind)
{
	struct quota_window window = quota_window_of(request->shard);
	struct quota_rule rule;
	if (!quota_rule_of_client(request->shard->image, kind, request->client_id, &rule))
		return INT64_MAX;
	double burst = rule.limit * (window.samples - 1) * window.sample_ms / 1000;
	return burst < 0x1p62 ? (int64_t)burst : INT64_MAX;
}

/* ---- the shard ----------------------------------------------------------------------------------------- */

void quota_take_image(struct shard *shard)
{
	if (shard->quota_version == shard->image->settings_version && shard->quota_version != 0)
		return;
	shard->quota_version = shard->image->settings_version;
	shard->quota_kinds = quota_rules_kinds(shard->image);
}

void quota_free(struct shard *shard)
{
	quota_meters_destroy(shard->quota_meters);
	shard->quota_meters = NULL;
}
