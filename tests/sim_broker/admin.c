/* An order is asked for until an answer says that it is done; what a lost answer left open is found out by asking again. Behind each change of what topics there
 * are stands a look at them, which must show it.
 *
 * What was answered is durable: a topic that was made stays with its id, one that was deleted does not come back, and a log start never goes back. */
#include "tests/sim_broker/admin.h"

#include <stdlib.h>

#include "kmsg_create_partitions.h"
#include "kmsg_delete_topics.h"
#include "kmsg_describe_configs.h"
#include "kmsg_incremental_alter_configs.h"
#include "log/base/check.h"
#include "net/wire/kerr.h"
#include "tests/requests/requests.h"
#include "tests/sim_broker/peer.h"

#define ORDERS_MAX 64
#define NO_OFFSET_KNOWN INT64_MAX

struct order {
	enum order_kind kind;
	uint32_t topic;
	uint64_t a, b;
};

struct admin {
	struct world *world;
	struct peer *peer;
	struct order orders[ORDERS_MAX]; /* the first is under way */
	uint32_t count;
	bool has_begun, is_asking, is_looking, is_again;
	int32_t wanted_count;            /* partitions, of ORDER_MAKE and ORDER_GROW */
	uint32_t part;                   /* of ORDER_TRIM */
	int64_t offset;
	uint64_t wait_until_ns;
};

static const struct config_choice {
	const char *name, *values[3];
	bool is_retention;
} choices[] = {
	{"retention.bytes", {"100000", "1000000", "-1"}, true},
	{"retention.ms", {"1000", "5000", "-1"}, true},
	{"segment.bytes", {"1048576", "2000000", "16777216"}, false},
	{"segment.ms", {"100", "1000", "604800000"}, false},
	{"message.timestamp.type", {"LogAppendTime", "CreateTime", "CreateTime"}, false},
	{"index.interval.bytes", {"1", "500", "4096"}, false},
};

struct admin *admin_open(struct world *world)
{
	struct admin *admin = calloc(1, sizeof *admin);
	CHECK(admin);
	admin->world = world;
	admin->peer = peer_create(world, admin);
	return admin;
}

void admin_reset(struct admin *admin)
{
	peer_break(admin->peer);
}

void admin_order(struct admin *admin, enum order_kind kind, uint32_t topic, uint64_t a, uint64_t b)
{
	if (admin->count < ORDERS_MAX)
		admin->orders[admin->count++] = (struct order){kind, topic, a, b};
}

bool admin_is_done(const struct admin *admin)
{
	return admin->count == 0;
}

void admin_describe(const struct admin *admin, char *out, size_t size)
{
	static const char *const kinds[] = {"make", "delete", "grow", "trim", "configure", "check the configs of"};
	snprintf(out, size, "the admin, to %s topic %s%s (of %u orders)", kinds[admin->orders[0].kind], admin->world->topics[admin->orders[0].topic].name,
		 admin->is_looking ? ", looks whether it is so" : "", admin->count);
}

static struct world_topic *topic_of(const struct admin *admin)
{
	return &admin->world->topics[admin->orders[0].topic];
}

static void end_order(struct admin *admin)
{
	memmove(admin->orders, admin->orders + 1, --admin->count * sizeof admin->orders[0]);
	admin->has_begun = admin->is_looking = admin->is_again = false;
}

static void try_later(struct admin *admin)
{
	admin->is_again = true;
	admin->wait_until_ns = world_now_ns(admin->world) + BACKOFF_NS;
	meet(admin->world, MOMENT_ADMIN_REPEATED);
}

/* An error that may pass is waited for; any other is none that an administrator should see. */
static void take_error(struct admin *admin, int16_t error, const char *call)
{
	bool is_passing = error == KERR_KAFKA_STORAGE_ERROR || error == KERR_REQUEST_TIMED_OUT || error == KERR_LEADER_NOT_AVAILABLE ||
			  error == KERR_NOT_LEADER_OR_FOLLOWER;
	world_tell(admin->world, (uint64_t)error, "the admin's %s of %s: error %d", call, topic_of(admin)->name, error);
	if (!is_passing)
		world_accuse(admin->world, HISTORY_BROKER, -1, "%s of topic %s: error %d", call, topic_of(admin)->name, error);
	try_later(admin);
}

/* ---- a look ------------------------------------------------------------------------------------------------------------- */

static void add_parts(struct world *world, struct world_topic *topic, uint32_t from, uint32_t count)
{
	for (uint32_t p = from; p < count; p++) {
		char name[40];
		snprintf(name, sizeof name, "%s-%u of life %lu", topic->name, p, (unsigned long)topic->life);
		topic->parts[p] = (struct topic_part){.number = history_add_partition(world->history, name)};
	}
	topic->partition_count = count;
}

static bool is_same_id(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void saw_made(struct admin *admin, const struct kmsg_metadata_topic_result *seen)
{
	struct world *world = admin->world;
	struct world_topic *topic = topic_of(admin);
	if (topic->life && is_same_id(&seen->topic_id, &topic->id))
		world_accuse(world, HISTORY_BROKER, -1, "topic %s has the id of its life before", topic->name);
	topic->id = seen->topic_id;
	topic->life++;
	topic->may_retain = false;
	memset(topic->configs, 0, sizeof topic->configs);
	topic->state = TOPIC_LIVE;
	add_parts(world, topic, 0, (uint32_t)seen->partitions.count);
	meet(world, topic->life > 1 ? MOMENT_TOPIC_REMADE : MOMENT_TOPIC_MADE);
	world_tell(world, topic->life, "topic %s is there (life %lu), with %u partitions", topic->name, (unsigned long)topic->life, topic->partition_count);
}

static void saw_grown(struct admin *admin, const struct kmsg_metadata_topic_result *seen)
{
	struct world_topic *topic = topic_of(admin);
	if (!is_same_id(&seen->topic_id, &topic->id))
		world_accuse(admin->world, HISTORY_BROKER, -1, "topic %s has another id than it had", topic->name);
	add_parts(admin->world, topic, topic->partition_count, (uint32_t)seen->partitions.count);
	meet(admin->world, MOMENT_TOPIC_GROWN);
	world_tell(admin->world, topic->partition_count, "topic %s has %u partitions now", topic->name, topic->partition_count);
}

static void saw_gone(struct admin *admin)
{
	meet(admin->world, MOMENT_TOPIC_DELETED);
	topic_of(admin)->state = TOPIC_ABSENT;
	world_tell(admin->world, topic_of(admin)->life, "topic %s is gone", topic_of(admin)->name);
}

static void looked(void *context, uint64_t tag, const void *answer)
{
	struct admin *admin = context;
	const struct kmsg_metadata_response *out = answer;
	const struct order *order = &admin->orders[0];
	admin->is_asking = false;
	if (!out || out->topics.count != 1) {
		try_later(admin);
		return;
	}
	const struct kmsg_metadata_topic_result *seen = &out->topics.items[0];
	int16_t wanted = order->kind == ORDER_DELETE ? KERR_UNKNOWN_TOPIC_OR_PARTITION : 0;
	if (seen->error_code != wanted || (!wanted && seen->partitions.count != admin->wanted_count)) {
		world_accuse(admin->world, HISTORY_BROKER, -1, "topic %s: error %d and %d partitions, where %d and %d were sure", topic_of(admin)->name, seen->error_code,
			     seen->partitions.count, wanted, admin->wanted_count);
		return;
	}
	if (order->kind == ORDER_MAKE)
		saw_made(admin, seen);
	else if (order->kind == ORDER_GROW)
		saw_grown(admin, seen);
	else
		saw_gone(admin);
	end_order(admin);
}

static void look(struct admin *admin)
{
	struct metadata_ask ask;
	ask_metadata(&ask, topic_of(admin)->name);
	admin->is_asking = peer_call(admin->peer, "metadata", 12, &ask.in, 0, looked);
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------- */

/* An answer of a call that changes what topics there are: `done` is the error that says that it was done before. */
static void take_change(struct admin *admin, bool is_answered, int16_t error, int16_t done, const char *call)
{
	admin->is_asking = false;
	if (!is_answered)
		try_later(admin);
	else if (error == 0 || (error == done && admin->is_again))
		admin->is_looking = true;
	else
		take_error(admin, error, call);
}

static void made(void *context, uint64_t tag, const void *answer)
{
	const struct kmsg_create_topics_response *out = answer;
	bool is_answered = out && out->topics.count == 1;
	take_change(context, is_answered, is_answered ? out->topics.items[0].error_code : 0, KERR_TOPIC_ALREADY_EXISTS, "a creation");
}

static void make(struct admin *admin)
{
	struct create_topics_ask ask;
	ask_create_topic(&ask, topic_of(admin)->name, admin->wanted_count);
	admin->is_asking = peer_call(admin->peer, "create_topics", 7, &ask.in, 0, made);
}

static void deleted(void *context, uint64_t tag, const void *answer)
{
	const struct kmsg_delete_topics_response *out = answer;
	bool is_answered = out && out->responses.count == 1;
	take_change(context, is_answered, is_answered ? out->responses.items[0].error_code : 0,
		    tag ? KERR_UNKNOWN_TOPIC_ID : KERR_UNKNOWN_TOPIC_OR_PARTITION, "a deletion");
}

static void delete(struct admin *admin)
{
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_topic topic;
	bool is_by_id = admin->orders[0].a % 2;
	kmsg_delete_topics_request_init(&in);
	kmsg_delete_topics_topic_init(&topic);
	if (is_by_id)
		topic.topic_id = topic_of(admin)->id;
	else
		topic.name = slice_from(topic_of(admin)->name);
	in.topics.items = &topic;
	in.topics.count = 1;
	in.timeout_ms = 30000;
	admin->is_asking = peer_call(admin->peer, "delete_topics", 6, &in, is_by_id, deleted);
}

static void grown(void *context, uint64_t tag, const void *answer)
{
	const struct kmsg_create_partitions_response *out = answer;
	bool is_answered = out && out->results.count == 1;
	take_change(context, is_answered, is_answered ? out->results.items[0].error_code : 0, KERR_INVALID_PARTITIONS, "a growth");
}

static void grow(struct admin *admin)
{
	struct kmsg_create_partitions_request in;
	struct kmsg_create_partitions_topic topic;
	kmsg_create_partitions_request_init(&in);
	kmsg_create_partitions_topic_init(&topic);
	topic.name = slice_from(topic_of(admin)->name);
	topic.count = admin->wanted_count;
	topic.assignments.count = -1;
	in.topics.items = &topic;
	in.topics.count = 1;
	in.timeout_ms = 30000;
	admin->is_asking = peer_call(admin->peer, "create_partitions", 3, &in, 0, grown);
}

static void trimmed(void *context, uint64_t tag, const void *answer)
{
	struct admin *admin = context;
	const struct kmsg_delete_records_response *out = answer;
	struct topic_part *part = &topic_of(admin)->parts[admin->part];
	admin->is_asking = false;
	if (!out || out->topics.count != 1 || out->topics.items[0].partitions.count != 1) {
		try_later(admin);
		return;
	}
	const struct kmsg_delete_records_partition_result *result = &out->topics.items[0].partitions.items[0];
	if (result->error_code) {
		take_error(admin, result->error_code, "a deletion of records");
		return;
	}
	world_tell(admin->world, (uint64_t)result->low_watermark, "%s-%u begins at %ld", topic_of(admin)->name, admin->part, (long)result->low_watermark);
	if (result->low_watermark < admin->offset)
		world_accuse(admin->world, part->number, result->low_watermark, "records below %ld were to be deleted, and the log begins at %ld", (long)admin->offset,
			     (long)result->low_watermark);
	meet(admin->world, MOMENT_TRIMMED);
	history_trimmed(admin->world->history, part->number, result->low_watermark);
	part->start_acked = result->low_watermark > part->start_acked ? result->low_watermark : part->start_acked;
	if (part->start_asked == NO_OFFSET_KNOWN)
		part->start_asked = part->start_acked;
	end_order(admin);
}

static void trim(struct admin *admin)
{
	struct delete_records_ask ask;
	ask_delete_records(&ask, topic_of(admin)->name, admin->part, admin->offset, 30000);
	admin->is_asking = peer_call(admin->peer, "delete_records", 2, &ask.in, 0, trimmed);
}

static const struct config_choice *choice_of(const struct order *order)
{
	return &choices[order->a % COUNT_OF(choices)];
}

static void configured(void *context, uint64_t tag, const void *answer)
{
	struct admin *admin = context;
	const struct kmsg_incremental_alter_configs_response *out = answer;
	admin->is_asking = false;
	if (!out || out->responses.count != 1) {
		try_later(admin);
	} else if (out->responses.items[0].error_code) {
		take_error(admin, out->responses.items[0].error_code, "a change of configs");
	} else {
		const struct order *order = &admin->orders[0];
		meet(admin->world, MOMENT_TOPIC_CONFIGURED);
		topic_of(admin)->configs[order->a % COUNT_OF(choices)] = choice_of(order)->values[order->b % 3];
		end_order(admin);
	}
}

static void configure(struct admin *admin)
{
	const struct order *order = &admin->orders[0];
	struct kmsg_incremental_alter_configs_request in;
	struct kmsg_incremental_alter_configs_resource resource;
	struct kmsg_incremental_alter_configs_config config;
	kmsg_incremental_alter_configs_request_init(&in);
	kmsg_incremental_alter_configs_resource_init(&resource);
	kmsg_incremental_alter_configs_config_init(&config);
	config.name = slice_from(choice_of(order)->name);
	config.value = slice_from(choice_of(order)->values[order->b % 3]);
	resource.resource_type = 2;
	resource.resource_name = slice_from(topic_of(admin)->name);
	resource.configs.items = &config;
	resource.configs.count = 1;
	in.resources.items = &resource;
	in.resources.count = 1;
	admin->is_asking = peer_call(admin->peer, "incremental_alter_configs", 1, &in, 0, configured);
}

/* What was set is told, as it was set last. */
static void judge_config(struct admin *admin, const struct kmsg_describe_configs_config *seen)
{
	const struct world_topic *topic = topic_of(admin);
	for (size_t i = 0; i < COUNT_OF(choices); i++) {
		struct slice name = slice_from(choices[i].name);
		if (!topic->configs[i] || name.size != seen->name.size || memcmp(name.data, seen->name.data, name.size) != 0)
			continue;
		struct slice wanted = slice_from(topic->configs[i]);
		if (wanted.size != seen->value.size || memcmp(wanted.data, seen->value.data, wanted.size) != 0)
			world_accuse(admin->world, HISTORY_BROKER, -1, "topic %s: %s is %.*s, and was set to %s", topic->name, choices[i].name, (int)seen->value.size,
				     (const char *)seen->value.data, topic->configs[i]);
	}
}

static void told_configs(void *context, uint64_t tag, const void *answer)
{
	struct admin *admin = context;
	const struct kmsg_describe_configs_response *out = answer;
	admin->is_asking = false;
	if (!out || out->results.count != 1) {
		try_later(admin);
	} else if (out->results.items[0].error_code) {
		take_error(admin, out->results.items[0].error_code, "a look at configs");
	} else {
		for (int32_t i = 0; i < out->results.items[0].configs.count; i++)
			judge_config(admin, &out->results.items[0].configs.items[i]);
		end_order(admin);
	}
}

static void check_configs(struct admin *admin)
{
	struct kmsg_describe_configs_request in;
	struct kmsg_describe_configs_resource resource;
	kmsg_describe_configs_request_init(&in);
	kmsg_describe_configs_resource_init(&resource);
	resource.resource_type = 2;
	resource.resource_name = slice_from(topic_of(admin)->name);
	resource.configuration_keys.count = -1;
	in.resources.items = &resource;
	in.resources.count = 1;
	admin->is_asking = peer_call(admin->peer, "describe_configs", 4, &in, 0, told_configs);
}

/* ---- beginning an order ------------------------------------------------------------------------------------------------------ */

static bool begin_make(struct admin *admin)
{
	struct world_topic *topic = topic_of(admin);
	bool is_first = admin->orders[0].topic == 0;
	if (topic->state != TOPIC_ABSENT)
		return false;
	topic->state = TOPIC_MAKING;
	admin->wanted_count = is_first ? GROUP_PARTITIONS : 1 + (int32_t)(admin->orders[0].a % 4);
	return true;
}

/* The first topic stays. */
static bool begin_delete(struct admin *admin)
{
	if (admin->orders[0].topic == 0 || topic_of(admin)->state != TOPIC_LIVE)
		return false;
	topic_of(admin)->state = TOPIC_GOING;
	return true;
}

static bool begin_grow(struct admin *admin)
{
	const struct world_topic *topic = topic_of(admin);
	admin->wanted_count = (int32_t)topic->partition_count + 1 + (int32_t)(admin->orders[0].a % 2);
	return topic->state == TOPIC_LIVE && admin->wanted_count <= PARTITIONS_MAX;
}

static bool begin_trim(struct admin *admin)
{
	const struct order *order = &admin->orders[0];
	struct world_topic *topic = topic_of(admin);
	if (topic->state != TOPIC_LIVE)
		return false;
	admin->part = (uint32_t)(order->a % topic->partition_count);
	struct topic_part *part = &topic->parts[admin->part];
	int64_t end = history_certain_end(admin->world->history, part->number);
	admin->offset = order->b % 4 ? end * (int64_t)(order->b % 101) / 100 : -1;
	int64_t asked = admin->offset < 0 ? NO_OFFSET_KNOWN : admin->offset;
	part->start_asked = asked > part->start_asked ? asked : part->start_asked;
	return true;
}

static bool begin_configure(struct admin *admin)
{
	struct world_topic *topic = topic_of(admin);
	if (topic->state != TOPIC_LIVE)
		return false;
	topic->may_retain |= choice_of(&admin->orders[0])->is_retention;
	world_tell(admin->world, 0, "topic %s: %s = %s", topic->name, choice_of(&admin->orders[0])->name, choice_of(&admin->orders[0])->values[admin->orders[0].b % 3]);
	return true;
}

static bool begin_check(struct admin *admin)
{
	return topic_of(admin)->state == TOPIC_LIVE;
}

static const struct verb {
	bool (*begin)(struct admin *admin);
	void (*ask)(struct admin *admin);
} verbs[] = {
	[ORDER_MAKE] = {begin_make, make},
	[ORDER_DELETE] = {begin_delete, delete},
	[ORDER_GROW] = {begin_grow, grow},
	[ORDER_TRIM] = {begin_trim, trim},
	[ORDER_CONFIGURE] = {begin_configure, configure},
	[ORDER_CHECK_CONFIGS] = {begin_check, check_configs},
};

void admin_step(struct admin *admin)
{
	peer_step(admin->peer);
	if (!admin->count || admin->is_asking || world_now_ns(admin->world) < admin->wait_until_ns)
		return;
	const struct verb *verb = &verbs[admin->orders[0].kind];
	if (!admin->has_begun && !verb->begin(admin)) {
		end_order(admin);
		return;
	}
	admin->has_begun = true;
	if (admin->is_looking)
		look(admin);
	else
		verb->ask(admin);
}
