/* Charges to client quotas (net/quota), across shards: who is limited has one meter in the whole broker, on the shard that his name's hash says.
 *
 * A request is charged when something limits its client; the outcome comes home, and holds the connection back (request->hold_back)
 * for as long as the meter says. Requests that nobody limits pay a look at shard->quota_kinds. Owner: the request. */
#pragma once

#include "net/quota/quota_meters.h"
#include "net/quota/quota_rules.h"
#include "net/route/shard_state.h"
#include "net/route/task.h"

struct quota_task {
	struct message message;
	struct request *request;
	struct slice meter;            /* its name */
	double amount, limit;
	uint64_t wait_max_ms;
	uint32_t origin;
	bool asks;                     /* see quota_meters_ask */

	/* The outcome. */
	bool is_refused;
	uint32_t throttle_ms;
};

/* Does anybody have a quota of one of these kinds? */
static inline bool quota_is_set(const struct shard *shard, unsigned kinds)
{
	return __builtin_expect((shard->quota_kinds & kinds) != 0, 0);
}

/* False: nothing limits the request's client, or there is no memory for the task. Made while the request has its frame; charged
 * once, then or later. */
MUST_USE bool quota_task_init(struct quota_task *task, struct request *request, enum quota_kind kind);
/* He has done so much. What is pending returns to the request, as other tasks do. */
enum task_result quota_task_charge(struct quota_task *task, double amount);
/* He will have done so much, unless that is too much: then is_refused, and it is not counted. */
enum task_result quota_task_ask(struct quota_task *task, double amount);
/* What the request's client may do at once, after having done nothing: the limit times all windows but one; INT64_MAX: he is not limited. */
int64_t quota_burst(struct request *request, enum quota_kind kind);

/* The request's own name for the meter of its client, of a kind; data NULL: no memory. */
struct slice quota_meter_name(struct request *request, enum quota_kind kind, bool is_of_client);
/* This shard's meters, made when they are first asked for. NULL: no memory. */
struct quota_meters *quota_meters_of(struct shard *shard);

/* For the shard. */
void quota_task_receive(struct shard *shard, struct message *message);
/* The image is another one, or the first. */
void quota_take_image(struct shard *shard);
void quota_free(struct shard *shard);
/* The windows that the broker's configuration asks for. */
struct quota_window quota_window_of(const struct shard *shard);
