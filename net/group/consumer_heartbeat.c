/* ConsumerGroupHeartbeat: a member joins (epoch 0), says what has changed and what it owns, and learns what it is to own; or leaves (-1; -2 a static member
 * that will be back).
 *
 * Happy path: the request is judged; the group and the member are found or made; what the member says is taken over, which may raise the group's epoch;
 * a target is computed, if there is none for that epoch; the member takes its next step towards it; and the answer says where it is now. Everything that
 * can be refused is refused before anything changes.
 *
 * Failure modes: refusals, with Kafka's codes and sentences; no memory, or no more of it allowed: COORDINATOR_NOT_AVAILABLE, which clients try again. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/uuid_text.h"
#include "net/group/assignor.h"
#include "net/group/consumer_priv.h"
#include "net/group/topic_pattern.h"

/* What a member costs beside its strings and topics. */
#define MEMBER_COST (sizeof(struct consumer_member) + 512)

struct heartbeat {
	struct coordinator *coordinator;
	struct group_call *call;
	const struct kmsg_consumer_group_heartbeat_request *in;
	struct kmsg_consumer_group_heartbeat_response *out;
	struct group *group;
	struct consumer *consumer;     /* NULL: there is no such group yet */
	struct consumer_member *member; /* the one that calls, or the static one that it replaces; NULL: it joins */
	struct slice member_id;
	bool is_replacing;
};

/* ---- refusing -------------------------------------------------------------------------------------------------------------------------- */

PRINTF_LIKE(3, 4)
static bool refuse(struct heartbeat *heartbeat, enum kerr error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	char *text = arena_alloc(heartbeat->call->arena, (size_t)size + 1);
	if (text) {
		va_start(arguments, format);
		vsnprintf(text, (size_t)size + 1, format, arguments);
		va_end(arguments);
	}
	heartbeat->out->error_code = (int16_t)error;
	heartbeat->out->error_message = text ? slice_from(text) : (struct slice){0};
	return false;
}

#define SLICE_ARGUMENTS(slice) (int)(slice).size, (const char *)(slice).data

/* Absent is not blank. */
static bool is_blank(struct slice text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] > ' ')
			return false;
	return text.data != NULL;
}

static bool is_supported(const struct heartbeat *heartbeat, struct slice assignor)
{
	const char *list = heartbeat->coordinator->config.consumer_assignors;
	while (*list) {
		size_t size = strcspn(list, ", ");
		if (size > 0 && size == assignor.size && memcmp(list, assignor.data, size) == 0)
			return true;
		list += size;
		list += strspn(list, ", ");
	}
	return false;
}

/* "uniform, range" */
static const char *supported_assignors(const struct heartbeat *heartbeat, char *text, size_t size)
{
	const char *list = heartbeat->coordinator->config.consumer_assignors;
	size_t used = 0;
	text[0] = '\0';
	while (*list && used < size) {
		size_t name_size = strcspn(list, ", ");
		if (name_size > 0)
			used += (size_t)snprintf(text + used, size - used, "%s%.*s", used ? ", " : "", (int)name_size, list);
		list += name_size;
		list += strspn(list, ", ");
	}
	return text;
}

/* ---- judging the request ------------------------------------------------------------------------------------------------------------------ */

static bool check_join(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	if (in->rebalance_timeout_ms == -1)
		return refuse(heartbeat, KERR_INVALID_REQUEST, "RebalanceTimeoutMs must be provided in first request.");
	if (in->topic_partitions.count != 0)
		return refuse(heartbeat, KERR_INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining.");
	if (in->subscribed_topic_names.count < 0 && !in->subscribed_topic_regex.data)
		return refuse(heartbeat, KERR_INVALID_REQUEST,
			      "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
	return true;
}

static bool check_request(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	char assignors[256];
	if ((heartbeat->call->version >= 1 || in->member_epoch > 0 || in->member_epoch == EPOCH_LEAVE) && is_blank(in->member_id))
		return refuse(heartbeat, KERR_INVALID_REQUEST, "MemberId can't be empty.");
	if (is_blank(in->group_id))
		return refuse(heartbeat, KERR_INVALID_REQUEST, "GroupId can't be empty.");
	if (is_blank(in->instance_id))
		return refuse(heartbeat, KERR_INVALID_REQUEST, "InstanceId can't be empty.");
	if (is_blank(in->rack_id))
		return refuse(heartbeat, KERR_INVALID_REQUEST, "RackId can't be empty.");
	if (in->member_epoch == 0 && !check_join(heartbeat))
		return false;
	if (in->member_epoch == EPOCH_LEAVE_STATIC && !in->instance_id.data)
		return refuse(heartbeat, KERR_INVALID_REQUEST, "InstanceId can't be null.");
	if (in->member_epoch < EPOCH_LEAVE_STATIC)
		return refuse(heartbeat, KERR_INVALID_REQUEST, "MemberEpoch is invalid.");
	if (in->server_assignor.data && !is_supported(heartbeat, in->server_assignor))
		return refuse(heartbeat, KERR_UNSUPPORTED_ASSIGNOR, "ServerAssignor %.*s is not supported. Supported assignors: %s.",
			      SLICE_ARGUMENTS(in->server_assignor), supported_assignors(heartbeat, assignors, sizeof assignors));
	return true;
}

/* ---- leaving ---------------------------------------------------------------------------------------------------------------------------------- */

static bool find_leaver(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	heartbeat->group = group__find(heartbeat->coordinator, in->group_id);
	if (!heartbeat->group)
		return refuse(heartbeat, KERR_GROUP_ID_NOT_FOUND, "Group %.*s not found.", SLICE_ARGUMENTS(in->group_id));
	heartbeat->consumer = heartbeat->group->consumer;
	if (!heartbeat->consumer)
		return refuse(heartbeat, KERR_GROUP_ID_NOT_FOUND, "Group %.*s is not a consumer group.", SLICE_ARGUMENTS(in->group_id));
	if (!in->instance_id.data) {
		heartbeat->member = consumer__find(heartbeat->consumer, in->member_id);
		if (!heartbeat->member)
			return refuse(heartbeat, KERR_UNKNOWN_MEMBER_ID, "Member %.*s is not a member of group %.*s.", SLICE_ARGUMENTS(in->member_id),
				      SLICE_ARGUMENTS(in->group_id));
		return true;
	}
	heartbeat->member = consumer__find_static(heartbeat->consumer, in->instance_id);
	if (!heartbeat->member)
		return refuse(heartbeat, KERR_UNKNOWN_MEMBER_ID, "Instance id %.*s is unknown.", SLICE_ARGUMENTS(in->instance_id));
	if (!slice_equal(consumer__member_id(heartbeat->member), in->member_id))
		return refuse(heartbeat, KERR_FENCED_INSTANCE_ID, "Static member %.*s with instance id %.*s was fenced by member %.*s.",
			      SLICE_ARGUMENTS(in->member_id), SLICE_ARGUMENTS(in->instance_id), SLICE_ARGUMENTS(consumer__member_id(heartbeat->member)));
	return true;
}

/* A static member that will be back keeps what it owns until its session ends; it gives up what it had to give up, since it has stopped reading. */
static void leave_for_a_while(struct consumer_member *member)
{
	const struct partition_list none = {0};
	for (uint32_t i = 0; i < member->assigned.count; i++)
		member->assigned.items[i].epoch = 0;
	if (!consumer__set_partitions(member, &member->assigned, &none))
		consumer__broken(member->consumer);
	member->epoch = EPOCH_LEAVE_STATIC;
	consumer__emit_current(member);
}

static void leave(struct heartbeat *heartbeat)
{
	if (!find_leaver(heartbeat))
		return;
	heartbeat->out->member_id = group__copy(heartbeat->call, heartbeat->in->member_id);
	heartbeat->out->member_epoch = heartbeat->in->member_epoch;
	if (heartbeat->in->member_epoch == EPOCH_LEAVE_STATIC)
		leave_for_a_while(heartbeat->member);
	else
		consumer__fence(heartbeat->consumer, &heartbeat->member, 1);
}

/* ---- who calls ----------------------------------------------------------------------------------------------------------------------------------- */

static bool check_epoch(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	const struct consumer_member *member = heartbeat->member;
	const struct owned_topics owned = {in->topic_partitions.count >= 0, in->topic_partitions.items, in->topic_partitions.count};
	if (in->member_epoch == 0 || in->member_epoch == member->epoch)
		return true;
	if (in->member_epoch > member->epoch)
		return refuse(heartbeat, KERR_FENCED_MEMBER_EPOCH,
			      "The consumer group member has a greater member epoch (%d) than the one known by the group coordinator (%d). "
			      "The member must abandon all its partitions and rejoin.", in->member_epoch, member->epoch);
	/* The answer that raised the epoch may have been lost. */
	if (in->member_epoch == member->previous_epoch && consumer__owns_only(heartbeat->consumer, &owned, &member->assigned))
		return true;
	return refuse(heartbeat, KERR_FENCED_MEMBER_EPOCH,
		      "The consumer group member has a smaller member epoch (%d) than the one known by the group coordinator (%d). "
		      "The member must abandon all its partitions and rejoin.", in->member_epoch, member->epoch);
}

static bool find_dynamic(struct heartbeat *heartbeat)
{
	heartbeat->member = heartbeat->consumer ? consumer__find(heartbeat->consumer, heartbeat->member_id) : NULL;
	if (heartbeat->member)
		return check_epoch(heartbeat);
	if (heartbeat->in->member_epoch == 0)
		return true;
	return refuse(heartbeat, KERR_UNKNOWN_MEMBER_ID, "Member %.*s is not a member of group %.*s.", SLICE_ARGUMENTS(heartbeat->member_id),
		      SLICE_ARGUMENTS(heartbeat->in->group_id));
}

/* A member that joins with a static id takes the place of the one before, if that has left (or speaks the classic protocol). */
static bool find_static(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	struct consumer_member *member = heartbeat->consumer ? consumer__find_static(heartbeat->consumer, in->instance_id) : NULL;
	heartbeat->member = member;
	if (in->member_epoch == 0) {
		if (member && !member->classic && member->epoch != EPOCH_LEAVE_STATIC)
			return refuse(heartbeat, KERR_UNRELEASED_INSTANCE_ID,
				      "Static member %.*s with instance id %.*s cannot join the group because the instance id is owned by %.*s member.",
				      SLICE_ARGUMENTS(heartbeat->member_id), SLICE_ARGUMENTS(in->instance_id), SLICE_ARGUMENTS(consumer__member_id(member)));
		struct consumer_member *same_id = heartbeat->consumer ? consumer__find(heartbeat->consumer, heartbeat->member_id) : NULL;
		if (member && same_id && same_id != member)
			return refuse(heartbeat, KERR_INVALID_REQUEST, "Member id %.*s is another member's.", SLICE_ARGUMENTS(heartbeat->member_id));
		heartbeat->is_replacing = member != NULL;
		if (!member)
			heartbeat->member = same_id; /* a dynamic member becomes static */
		return true;
	}
	if (!member)
		return refuse(heartbeat, KERR_UNKNOWN_MEMBER_ID, "Instance id %.*s is unknown.", SLICE_ARGUMENTS(in->instance_id));
	if (!slice_equal(consumer__member_id(member), in->member_id))
		return refuse(heartbeat, KERR_FENCED_INSTANCE_ID, "Static member %.*s with instance id %.*s was fenced by member %.*s.",
			      SLICE_ARGUMENTS(in->member_id), SLICE_ARGUMENTS(in->instance_id), SLICE_ARGUMENTS(consumer__member_id(member)));
	return check_epoch(heartbeat);
}

/* A client that joins without an id (v0) gets one. */
static bool choose_id(struct heartbeat *heartbeat)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id;
	heartbeat->member_id = heartbeat->in->member_id;
	if (heartbeat->member_id.size > 0)
		return true;
	group__random_uuid(heartbeat->coordinator, &id);
	uuid_text_format(text, &id);
	heartbeat->member_id = group__copy(heartbeat->call, slice_from(text));
	return true;
}

static bool check_size(struct heartbeat *heartbeat)
{
	const struct consumer *consumer = heartbeat->consumer;
	int32_t max = heartbeat->coordinator->config.consumer_group_size_max;
	if (!consumer || consumer->member_count < (uint32_t)max || (heartbeat->in->member_id.size && consumer__find(consumer, heartbeat->in->member_id)))
		return true;
	return refuse(heartbeat, KERR_GROUP_MAX_SIZE_REACHED, "The consumer group has reached its maximum capacity of %d members.", max);
}

/* A member in a state of a newer broker's begins anew, with nothing. */
static bool check_state(struct heartbeat *heartbeat)
{
	const struct consumer_member *member = heartbeat->member;
	if (!member || member->state != MEMBER_UNKNOWN || heartbeat->in->topic_partitions.count == 0)
		return true;
	return refuse(heartbeat, KERR_FENCED_MEMBER_EPOCH,
		      "The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.");
}

static bool check_pattern(struct heartbeat *heartbeat)
{
	struct slice text = heartbeat->in->subscribed_topic_regex;
	struct topic_pattern *pattern = NULL;
	char why[200];
	if (text.size == 0 || (heartbeat->consumer && consumer__find_pattern(heartbeat->consumer, text)))
		return true;
	int err = topic_pattern_compile(&pattern, text, why, sizeof why);
	topic_pattern_free(pattern);
	if (err == 0)
		return true;
	if (err == -EINVAL)
		return refuse(heartbeat, KERR_INVALID_REGULAR_EXPRESSION, "SubscribedTopicRegex `%.*s` is not a valid regular expression: %s.",
			      SLICE_ARGUMENTS(text), why);
	return refuse(heartbeat, KERR_COORDINATOR_NOT_AVAILABLE, "There is no memory for this regular expression now.");
}

static bool check_memory(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	uint64_t cost = (heartbeat->member ? 0 : MEMBER_COST) + 2 * in->subscribed_topic_regex.size;
	if (in->subscribed_topic_names.count < 0 && !in->subscribed_topic_regex.data && heartbeat->member)
		return true;
	cost += consumer__subscription_cost(heartbeat->coordinator, heartbeat->consumer, in->subscribed_topic_names.items,
					    in->subscribed_topic_names.count);
	if (group__has_room(heartbeat->coordinator, cost))
		return true;
	return refuse(heartbeat, KERR_COORDINATOR_NOT_AVAILABLE, "The group coordinator has no memory for this member (spate.group.memory.bytes).");
}

/* The group as it is, if it may be one. An empty classic group, or none, is as good as a new one to a member that joins. */
static bool find_group(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	char why[400];
	heartbeat->group = group__find(heartbeat->coordinator, in->group_id);
	if (!heartbeat->group) {
		if (in->member_epoch == 0)
			return true;
		return refuse(heartbeat, KERR_GROUP_ID_NOT_FOUND, "Consumer group %.*s not found.", SLICE_ARGUMENTS(in->group_id));
	}
	if (!heartbeat->group->consumer && in->member_epoch != 0)
		return refuse(heartbeat, KERR_GROUP_ID_NOT_FOUND, "Group %.*s is not a consumer group.", SLICE_ARGUMENTS(in->group_id));
	if (!heartbeat->group->consumer && !group__is_empty(heartbeat->group)) {
		if (!check_pattern(heartbeat) || !check_memory(heartbeat))
			return false;
		enum kerr error = consumer__upgrade(heartbeat->group, why, sizeof why);
		if (error != KERR_NONE)
			return refuse(heartbeat, error, "%s", why);
	}
	heartbeat->consumer = heartbeat->group->consumer;
	return true;
}

static bool identify(struct heartbeat *heartbeat)
{
	return find_group(heartbeat) && check_size(heartbeat) && choose_id(heartbeat) &&
	       (heartbeat->in->instance_id.data ? find_static(heartbeat) : find_dynamic(heartbeat)) && check_state(heartbeat) &&
	       check_pattern(heartbeat) && check_memory(heartbeat);
}

/* ---- what has changed ------------------------------------------------------------------------------------------------------------------------------ */

/* A string that is given and differs. */
static bool take_string(struct consumer *consumer, struct slice *target, struct slice value, bool *has_changed)
{
	if (!value.data || slice_equal(*target, value))
		return true;
	*has_changed = true;
	return consumer__remember(consumer, target, value);
}

static bool take_strings(struct consumer_member *member, const struct member_wish *wish, bool *has_changed)
{
	struct consumer *consumer = member->consumer;
	if (wish->instance_id.data && !slice_equal(consumer__instance_id(member), wish->instance_id)) {
		*has_changed = true;
		if (!consumer__set_instance(member, wish->instance_id))
			return false;
	}
	if (wish->rebalance_timeout_ms != -1 && wish->rebalance_timeout_ms != member->rebalance_timeout_ms) {
		*has_changed = true;
		member->rebalance_timeout_ms = wish->rebalance_timeout_ms;
	}
	return take_string(consumer, &member->rack_id, wish->rack_id, has_changed) &&
	       take_string(consumer, &member->assignor, wish->assignor, has_changed) &&
	       take_string(consumer, &member->client_id, wish->client_id.data ? wish->client_id : SLICE_EMPTY, has_changed) &&
	       take_string(consumer, &member->client_host, wish->client_host.data ? wish->client_host : SLICE_EMPTY, has_changed);
}

static bool is_same_classic(const struct classic_side *a, const struct classic_side *b)
{
	if (!a || !b)
		return a == b;
	bool is_same = a->session_timeout_ms == b->session_timeout_ms && a->protocol_count == b->protocol_count;
	for (uint32_t i = 0; is_same && i < a->protocol_count; i++)
		is_same = slice_equal(a->protocols[i].name, b->protocols[i].name) && slice_equal(a->protocols[i].metadata, b->protocols[i].metadata);
	return is_same;
}

static void take_classic(struct consumer_member *member, struct classic_side *classic, bool *has_changed)
{
	if (is_same_classic(member->classic, classic)) {
		free(classic);
		return;
	}
	*has_changed = true;
	consumer__set_classic(member, classic);
	if (!classic) {
		io_timers_cancel(&consumer__coordinator(member->consumer)->timers, &member->join);
		io_timers_cancel(&consumer__coordinator(member->consumer)->timers, &member->sync);
	}
}

static bool take_names(struct consumer_member *member, const struct member_wish *wish, bool *has_changed)
{
	if (wish->name_count < 0)
		return true;
	struct topic_set *set = consumer__set(member->consumer, wish->names, wish->name_count);
	if (!set)
		return false;
	if (set != member->subscription) {
		*has_changed = true;
		consumer__set_subscription(member, set);
	}
	consumer__set_release(member->consumer, set);
	return true;
}

/* The pattern as such: what it comes to is looked at when the member's record is out. *old holds the one before, and a use of it. */
static bool take_pattern(struct consumer_member *member, const struct member_wish *wish, struct group_pattern **old, bool *has_changed)
{
	struct slice known = member->pattern ? member->pattern->entry.name : SLICE_EMPTY;
	if (!wish->pattern.data || slice_equal(known, wish->pattern))
		return true;
	struct group_pattern *pattern = NULL;
	if (wish->pattern.size && !(pattern = consumer__pattern(member->consumer, wish->pattern)))
		return false;
	*has_changed = true;
	*old = member->pattern;
	if (*old)
		(*old)->user_count++;
	consumer__set_pattern(member, pattern);
	if (pattern)
		consumer__pattern_release(member->consumer, pattern);
	return true;
}

static bool settle_pattern(struct consumer_member *member, struct group_pattern *old)
{
	struct consumer *consumer = member->consumer;
	bool is_resolved_anew = false;
	if (old) {
		if (old->user_count == 1)
			consumer__emit_pattern_tombstone(consumer, old->entry.name);
		consumer__pattern_release(consumer, old);
	}
	return !member->pattern || member->pattern->matched || consumer__pattern_resolve(consumer, member->pattern, &is_resolved_anew);
}

/* A new epoch, if the subscriptions or the topics have changed. */
static bool update_epoch(struct consumer *consumer, bool must_rise)
{
	if (!consumer__patterns_refresh(consumer, &must_rise))
		return false;
	if (!must_rise && !consumer->is_metadata_old)
		return true;
	int64_t hash;
	if (!consumer__metadata_hash(consumer, &hash))
		return false;
	consumer->is_metadata_old = false;
	if (!must_rise && hash == consumer->metadata_hash)
		return true;
	consumer->metadata_hash = hash;
	consumer->epoch++;
	consumer__emit_epoch(consumer);
	return true;
}

bool consumer__apply_wish(struct consumer_member *member, const struct member_wish *wish, bool is_new, bool *has_changed)
{
	struct group_pattern *old = NULL;
	bool differs = is_new, has_names_changed = false, has_pattern_changed = false;
	take_classic(member, wish->classic, &differs);
	if (!take_strings(member, wish, &differs) || !take_names(member, wish, &has_names_changed) ||
	    !take_pattern(member, wish, &old, &has_pattern_changed))
		return false;
	*has_changed = has_names_changed || has_pattern_changed;
	if (differs || *has_changed)
		consumer__emit_member(member);
	return settle_pattern(member, old) && update_epoch(member->consumer, *has_changed);
}

/* Kafka's records for that: the old member goes, the new one has all that it had. */
bool consumer__replace(struct consumer_member *member, struct slice member_id)
{
	consumer__cancel_timers(member);
	consumer__emit_member_tombstones(member->consumer, consumer__member_id(member));
	if (!consumer__rename(member, member_id))
		return false;
	member->epoch = 0;
	member->previous_epoch = 0;
	consumer__emit_member(member);
	member->has_target = true;
	consumer__emit_target(member);
	consumer__emit_current(member);
	return true;
}

/* ---- the answer --------------------------------------------------------------------------------------------------------------------------------------- */

/* The list by topic; topics are runs of the sorted list. */
static void answer_assignment(struct heartbeat *heartbeat, const struct partition_list *list)
{
	struct arena *arena = heartbeat->call->arena;
	struct kmsg_consumer_group_heartbeat_assignment *assignment = arena_alloc(arena, sizeof *assignment);
	struct kmsg_consumer_group_heartbeat_topic_partitions *topics = NULL;
	int32_t *partitions = arena_alloc(arena, list->count * sizeof *partitions), topic_count = 0;
	for (uint32_t i = 0; i < list->count; i++)
		topic_count += i == 0 || list->items[i].topic != list->items[i - 1].topic;
	topics = arena_alloc(arena, (size_t)topic_count * sizeof *topics);
	if (!assignment || !partitions || !topics) {
		heartbeat->call->is_out_of_memory = true;
		return;
	}
	assignment->topic_partitions.items = topics;
	assignment->topic_partitions.count = topic_count;
	heartbeat->out->assignment = assignment;
	topics--;
	for (uint32_t i = 0; i < list->count; i++) {
		if (i == 0 || list->items[i].topic != list->items[i - 1].topic) {
			topics++;
			topics->topic_id = heartbeat->consumer->topics[list->items[i].topic]->id;
			topics->partitions.items = partitions + i;
			topics->partitions.count = 0;
		}
		topics->partitions.items[topics->partitions.count++] = list->items[i].partition;
	}
}

static bool is_full_request(const struct kmsg_consumer_group_heartbeat_request *in)
{
	return in->rebalance_timeout_ms != -1 && (in->subscribed_topic_names.count >= 0 || in->subscribed_topic_regex.data) &&
	       in->topic_partitions.count >= 0;
}

static void answer(struct heartbeat *heartbeat, bool has_assignment_changed)
{
	const struct consumer_member *member = heartbeat->member;
	heartbeat->out->member_id = group__copy(heartbeat->call, consumer__member_id(member));
	heartbeat->out->member_epoch = member->epoch;
	heartbeat->out->heartbeat_interval_ms = consumer__heartbeat_interval_ms(member->consumer);
	if (heartbeat->in->member_epoch == 0 || is_full_request(heartbeat->in) || has_assignment_changed)
		answer_assignment(heartbeat, &member->assigned);
}

/* ---- the heartbeat of a member --------------------------------------------------------------------------------------------------------------------------- */

/* The group, and the member, as identify has found that they may be. */
static bool enter(struct heartbeat *heartbeat, bool *is_new)
{
	if (!heartbeat->consumer) {
		bool is_there = heartbeat->group != NULL;
		heartbeat->group = group__find_or_create(heartbeat->coordinator, heartbeat->in->group_id);
		if (!heartbeat->group || consumer__become(heartbeat->group, is_there) < 0)
			return refuse(heartbeat, KERR_COORDINATOR_NOT_AVAILABLE, "The group coordinator has no memory for this group.");
		heartbeat->consumer = heartbeat->group->consumer;
	}
	*is_new = !heartbeat->member;
	if (*is_new)
		heartbeat->member = consumer__add(heartbeat->consumer, heartbeat->member_id);
	else if (heartbeat->is_replacing && !consumer__replace(heartbeat->member, heartbeat->member_id))
		heartbeat->member = NULL;
	if (heartbeat->member)
		return true;
	consumer__broken(heartbeat->consumer);
	return refuse(heartbeat, KERR_COORDINATOR_NOT_AVAILABLE, "The group coordinator has no memory for this member.");
}

static struct member_wish wish_of(const struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	return (struct member_wish){
		.instance_id = in->instance_id,
		.rack_id = in->rack_id,
		.assignor = in->server_assignor,
		.pattern = in->subscribed_topic_regex,
		.rebalance_timeout_ms = in->rebalance_timeout_ms,
		.names = in->subscribed_topic_names.items,
		.name_count = in->subscribed_topic_names.count,
		.client_id = heartbeat->call->client_id,
		.client_host = heartbeat->call->client_host,
	};
}

static void beat(struct heartbeat *heartbeat)
{
	const struct kmsg_consumer_group_heartbeat_request *in = heartbeat->in;
	const struct owned_topics owned = {in->topic_partitions.count >= 0, in->topic_partitions.items, in->topic_partitions.count};
	const struct member_wish wish = wish_of(heartbeat);
	bool is_new = false, has_changed = false;
	if (!identify(heartbeat) || !enter(heartbeat, &is_new))
		return;
	struct consumer_member *member = heartbeat->member;
	if (!consumer__apply_wish(member, &wish, is_new, &has_changed)) {
		consumer__broken(heartbeat->consumer);
		refuse(heartbeat, KERR_COORDINATOR_NOT_AVAILABLE, "The group coordinator has no memory for this member.");
		return;
	}
	consumer__update_target(heartbeat->consumer);
	uint64_t version = member->assigned_version;
	consumer__reconcile(member, has_changed, &owned);
	consumer__touch(member);
	answer(heartbeat, member->assigned_version != version);
}

void coordinator_consumer_group_heartbeat(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
					  const struct kmsg_consumer_group_heartbeat_request *in, struct kmsg_consumer_group_heartbeat_response *out)
{
	struct heartbeat heartbeat = {.coordinator = coordinator, .call = call, .in = in, .out = out};
	coordinator->clock = clock;
	kmsg_consumer_group_heartbeat_response_init(out);
	if (check_request(&heartbeat)) {
		if (in->member_epoch == EPOCH_LEAVE || in->member_epoch == EPOCH_LEAVE_STATIC)
			leave(&heartbeat);
		else
			beat(&heartbeat);
	}
	group__finish(coordinator, call);
}
