/* The verbs of clients on groups: which machine answers, and what is the same for all of them. The verbs on offsets are in offset_verbs.c, those of
 * the consumer protocol in consumer.c.
 *
 * A classic call to a consumer group that has members goes to consumer.c, which serves both protocols from one state; an empty group becomes what the
 * call needs. Failure modes: refusals, at once. */
#include "net/group/coordinator.h"

#include <stdio.h>
#include <strings.h>

#include "net/group/classic_priv.h"
#include "net/group/consumer.h"
#include "net/group/group_priv.h"
#include "net/group/offsets.h"

#define LEAVE_VERSION_MEMBERS 3
#define SYNC_VERSION_PROTOCOL 5         /* KIP-559 */
#define DESCRIBE_VERSION_NOT_FOUND 6    /* KIP-1043 */

/* ---- JoinGroup --------------------------------------------------------------------------------------------------------------------------- */

static void refuse_join(struct coordinator *coordinator, struct group_call *call, struct kmsg_join_group_response *out, struct slice member_id,
			enum kerr error)
{
	classic__fill_join_error(call, out, member_id, error);
	group__finish(coordinator, call);
}

/* An empty consumer group gives way; its offsets stay. False: no memory. */
static bool make_classic(struct group *group)
{
	consumer_emit_tombstones(group->consumer);
	if (group__reset(group) < 0)
		return false;
	classic__store(group->classic);
	return true;
}

static struct group *make_group(struct coordinator *coordinator, struct slice id)
{
	struct group *group = group__find_or_create(coordinator, id);
	if (group)
		classic__store(group->classic);
	return group;
}

void coordinator_join_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, const struct kmsg_join_group_request *in,
			    struct kmsg_join_group_response *out)
{
	const struct coordinator_config *config = &coordinator->config;
	coordinator->clock = clock;
	if (in->group_id.size == 0) {
		refuse_join(coordinator, call, out, in->member_id, KERR_INVALID_GROUP_ID);
		return;
	}
	if (in->session_timeout_ms < config->session_timeout_ms_min || in->session_timeout_ms > config->session_timeout_ms_max) {
		refuse_join(coordinator, call, out, in->member_id, KERR_INVALID_SESSION_TIMEOUT);
		return;
	}
	struct group *group = group__find(coordinator, in->group_id);
	if (group && group->consumer && !consumer_is_empty(group->consumer)) {
		consumer_classic_join(group->consumer, call, in, out);
		return;
	}
	if (!group && in->member_id.size) {
		refuse_join(coordinator, call, out, in->member_id, KERR_UNKNOWN_MEMBER_ID);
		return;
	}
	if (!group && !(group = make_group(coordinator, in->group_id))) {
		refuse_join(coordinator, call, out, SLICE_EMPTY, KERR_GROUP_MAX_SIZE_REACHED);
		return;
	}
	if (group->consumer && !make_classic(group)) {
		refuse_join(coordinator, call, out, SLICE_EMPTY, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	classic_join(group->classic, call, in, out);
}

/* ---- SyncGroup, Heartbeat, LeaveGroup -------------------------------------------------------------------------------------------------------- */

static enum kerr check_sync(const struct group *group, const struct group_call *call, const struct kmsg_sync_group_request *in)
{
	if (call->version >= SYNC_VERSION_PROTOCOL && (!in->protocol_type.data || !in->protocol_name.data))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	if (in->group_id.size == 0)
		return KERR_INVALID_GROUP_ID;
	return !group || group__is_empty(group) ? KERR_UNKNOWN_MEMBER_ID : KERR_NONE;
}

void coordinator_sync_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, const struct kmsg_sync_group_request *in,
			    struct kmsg_sync_group_response *out)
{
	coordinator->clock = clock;
	struct group *group = group__find(coordinator, in->group_id);
	enum kerr error = check_sync(group, call, in);
	if (error) {
		kmsg_sync_group_response_init(out);
		out->error_code = error;
		group__finish(coordinator, call);
	} else if (group->consumer) {
		consumer_classic_sync(group->consumer, call, in, out);
	} else {
		classic_sync(group->classic, call, in, out);
	}
}

void coordinator_heartbeat(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, const struct kmsg_heartbeat_request *in,
			   struct kmsg_heartbeat_response *out)
{
	coordinator->clock = clock;
	struct group *group = group__find(coordinator, in->group_id);
	kmsg_heartbeat_response_init(out);
	if (in->group_id.size == 0)
		out->error_code = KERR_INVALID_GROUP_ID;
	else if (!group)
		out->error_code = KERR_UNKNOWN_MEMBER_ID;
	else
		out->error_code = group->classic ? classic_heartbeat(group->classic, in) : consumer_classic_heartbeat(group->consumer, in);
	group__finish(coordinator, call);
}

/* Before version 3 the request is one member, and the answer its error. */
static void leave_members(struct group *group, struct group_call *call, const struct kmsg_leave_group_request *in, struct kmsg_leave_group_response *out)
{
	bool is_single = call->version < LEAVE_VERSION_MEMBERS;
	struct kmsg_leave_group_member single = {.member_id = in->member_id};
	const struct kmsg_leave_group_member *members = is_single ? &single : in->members.items;
	int32_t count = is_single ? 1 : in->members.count;
	struct kmsg_leave_group_member_result *results = arena_alloc(call->arena, (size_t)count * sizeof *results);
	if (!results) {
		call->is_out_of_memory = true;
		return;
	}
	for (int32_t i = 0; i < count; i++) {
		kmsg_leave_group_member_result_init(&results[i]);
		results[i].member_id = members[i].member_id;
		results[i].group_instance_id = members[i].group_instance_id;
		results[i].error_code = KERR_UNKNOWN_MEMBER_ID;
	}
	if (group && group->classic)
		classic_leave(group->classic, members, count, results);
	else if (group)
		consumer_classic_leave(group->consumer, members, count, results);
	out->members.items = results;
	out->members.count = count;
	if (is_single)
		out->error_code = results[0].error_code;
}

void coordinator_leave_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, const struct kmsg_leave_group_request *in,
			     struct kmsg_leave_group_response *out)
{
	coordinator->clock = clock;
	struct group *group = group__find(coordinator, in->group_id);
	kmsg_leave_group_response_init(out);
	if (in->group_id.size == 0)
		out->error_code = KERR_INVALID_GROUP_ID;
	else
		leave_members(group, call, in, out);
	group__finish(coordinator, call);
}

/* ---- DescribeGroups ---------------------------------------------------------------------------------------------------------------------------- */

static struct slice print_into(struct group_call *call, const char *format, struct slice name)
{
	size_t size = strlen(format) + name.size;
	char *text = arena_alloc(call->arena, size);
	if (!text) {
		call->is_out_of_memory = true;
		return SLICE_EMPTY;
	}
	snprintf(text, size, format, (int)name.size, (const char *)name.data);
	return slice_from(text);
}

/* To this API a consumer group is none. */
static void describe_absent(struct group_call *call, const struct group *group, struct slice group_id, struct kmsg_describe_groups_group *out)
{
	out->group_state = slice_from(classic_state_name(CLASSIC_DEAD));
	if (call->version < DESCRIBE_VERSION_NOT_FOUND)
		return;
	out->error_code = KERR_GROUP_ID_NOT_FOUND;
	out->error_message = print_into(call, group ? "Group %.*s is not a classic group." : "Group %.*s not found.", group_id);
}

void coordinator_describe_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, struct slice group_id,
				struct kmsg_describe_groups_group *out)
{
	coordinator->clock = clock;
	struct group *group = group__find(coordinator, group_id);
	kmsg_describe_groups_group_init(out);
	out->group_id = group_id;
	if (group && group->classic)
		classic_describe(group->classic, call, out);
	else
		describe_absent(call, group, group_id, out);
	group__finish(coordinator, call);
}

/* ---- DeleteGroups ------------------------------------------------------------------------------------------------------------------------------- */

void coordinator_delete_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, struct slice group_id,
			      struct kmsg_delete_groups_result *out)
{
	coordinator->clock = clock;
	struct group *group = group__find(coordinator, group_id);
	kmsg_delete_groups_result_init(out);
	out->group_id = group_id;
	if (!group)
		out->error_code = KERR_GROUP_ID_NOT_FOUND;
	else if (!group__is_empty(group))
		out->error_code = KERR_NON_EMPTY_GROUP;
	else
		group__delete(group);
	group__finish(coordinator, call);
}

/* ---- ListGroups --------------------------------------------------------------------------------------------------------------------------------- */

static struct slice trim(struct slice text)
{
	while (text.size && text.data[0] <= ' ')
		text.data++, text.size--;
	while (text.size && text.data[text.size - 1] <= ' ')
		text.size--;
	return text;
}

static bool is_same_word(struct slice word, const char *name)
{
	return word.size == strlen(name) && strncasecmp((const char *)word.data, name, word.size) == 0;
}

static const char *state_of(const struct group *group)
{
	return group->classic ? classic_state_name(group->classic->state) : consumer_state_name(group->consumer);
}

static const char *type_of(const struct group *group)
{
	return group->classic ? "classic" : "consumer";
}

/* States may have space around them, types may not: as Kafka reads them. */
static bool passes(const struct group *group, const struct kmsg_list_groups_request *in)
{
	bool has_state = in->states_filter.count <= 0, has_type = in->types_filter.count <= 0;
	for (int32_t i = 0; !has_state && i < in->states_filter.count; i++)
		has_state = is_same_word(trim(in->states_filter.items[i]), state_of(group));
	for (int32_t i = 0; !has_type && i < in->types_filter.count; i++)
		has_type = is_same_word(in->types_filter.items[i], type_of(group));
	return has_state && has_type;
}

static void list_one(const struct group *group, struct group_call *call, struct kmsg_list_groups_group *out)
{
	kmsg_list_groups_group_init(out);
	out->group_id = group__copy(call, group__id(group));
	out->group_state = slice_from(state_of(group));
	out->group_type = slice_from(type_of(group));
	if (group->consumer)
		out->protocol_type = slice_from("consumer");
	else if (group->classic->protocol_type.data)
		out->protocol_type = group__copy(call, group->classic->protocol_type);
}

void coordinator_list_groups(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, const struct kmsg_list_groups_request *in,
			     struct kmsg_list_groups_group **groups, uint32_t *count)
{
	coordinator->clock = clock;
	*count = 0;
	*groups = arena_alloc(call->arena, coordinator->names.count * sizeof **groups);
	if (!*groups) {
		call->is_out_of_memory = true;
	} else {
		LIST_FOR_EACH(node, &coordinator->groups) {
			const struct group *group = LIST_ENTRY(node, struct group, node);
			if (passes(group, in))
				list_one(group, call, &(*groups)[(*count)++]);
		}
	}
	group__finish(coordinator, call);
}
