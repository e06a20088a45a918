/* SyncGroup, Heartbeat, LeaveGroup: what members do between two rebalances.
 *
 * Happy path: the leader's SyncGroup brings an assignment for every member; they are kept, stored, and all who wait with a SyncGroup of their own are answered.
 * From then on members send heartbeats, which move their session's end and cost no more than that. A member that leaves begins a rebalance.
 * Failure modes: refusals, at once. */
#include "net/group/classic.h"

#include "log/base/check.h"
#include "net/group/classic_priv.h"

/* ---- SyncGroup ------------------------------------------------------------------------------------------------------------------------ */

static void fill_sync_error(struct kmsg_sync_group_response *out, enum kerr error)
{
	kmsg_sync_group_response_init(out);
	out->error_code = error;
}

void classic__fill_sync(const struct classic_member *member, struct group_call *call, struct kmsg_sync_group_response *out)
{
	const struct classic *classic = member->classic;
	kmsg_sync_group_response_init(out);
	out->protocol_type = group__copy(call, classic->protocol_type);
	out->protocol_name = group__copy(call, classic->protocol);
	out->assignment = member->assignment.data ? group__copy(call, member->assignment) : SLICE_EMPTY;
}

void classic__refuse_sync(struct classic_member *member, enum kerr error)
{
	struct group_call *call = member->sync;
	if (!call)
		return;
	member->sync = NULL;
	fill_sync_error(call->answer, error);
	group__finish(member->classic->group->coordinator, call);
}

/* The client has gone, or the coordinator goes; the member stays, until its session ends. */
static void sync_ends_early(struct group_call *call, enum kerr error)
{
	struct classic_member *member = call->waiting_in;
	member->sync = NULL;
	fill_sync_error(call->answer, error);
	classic__start_session(member, member->session_timeout_ms);
}

static bool contradicts(struct slice said, struct slice known)
{
	return said.data && known.data && !slice_equal(said, known);
}

static enum kerr check_sync(const struct classic *classic, const struct kmsg_sync_group_request *in)
{
	enum kerr error = classic__check_member(classic, in->member_id, in->group_instance_id);
	if (error)
		return error;
	if (in->generation_id != classic->generation)
		return KERR_ILLEGAL_GENERATION;
	if (contradicts(in->protocol_type, classic->protocol_type) || contradicts(in->protocol_name, classic->protocol))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	return classic->state == CLASSIC_PREPARING_REBALANCE ? KERR_REBALANCE_IN_PROGRESS : KERR_NONE;
}

/* Members that the leader left out get an empty assignment; ids it invented are passed over. Of an id that it names twice, the last counts. */
static bool keep_assignments(struct classic *classic, const struct kmsg_sync_group_request *in)
{
	uint64_t size = 0;
	for (int32_t i = 0; i < in->assignments.count; i++)
		size += in->assignments.items[i].assignment.size;
	if (!group__has_room(classic->group->coordinator, 2 * size))
		return false; /* once with the members, once in the record */
	LIST_FOR_EACH(node, &classic->members)
		CHECK(classic__set_assignment(LIST_ENTRY(node, struct classic_member, node), SLICE_EMPTY) == 0);
	for (int32_t i = 0; i < in->assignments.count; i++) {
		struct classic_member *member = classic__find_joined(classic, in->assignments.items[i].member_id);
		if (member && classic__set_assignment(member, in->assignments.items[i].assignment) < 0)
			return false;
	}
	return true;
}

static void sync_of_leader(struct classic *classic, const struct kmsg_sync_group_request *in)
{
	if (keep_assignments(classic, in)) {
		classic__become_stable(classic);
		return;
	}
	classic__drop_assignments(classic, KERR_UNKNOWN_SERVER_ERROR);
	classic__prepare_rebalance(classic, "the assignments need more memory than spate.group.memory.bytes allows");
}

void classic_sync(struct classic *classic, struct group_call *call, const struct kmsg_sync_group_request *in, struct kmsg_sync_group_response *out)
{
	struct coordinator *coordinator = classic->group->coordinator;
	enum kerr error = check_sync(classic, in);
	if (error) {
		fill_sync_error(out, error);
		group__finish(coordinator, call);
		return;
	}
	struct classic_member *member = classic__find_joined(classic, in->member_id);
	classic__forget_sync(member);
	if (classic->state == CLASSIC_STABLE) {
		classic__fill_sync(member, call, out);
		group__finish(coordinator, call);
		return;
	}
	classic__refuse_sync(member, KERR_REBALANCE_IN_PROGRESS); /* an older one of the same member */
	member->sync = call;
	group__wait(coordinator, call, sync_ends_early, member, out);
	if (classic->leader == member)
		sync_of_leader(classic, in);
}

/* ---- Heartbeat ------------------------------------------------------------------------------------------------------------------------ */

enum kerr classic_heartbeat(struct classic *classic, const struct kmsg_heartbeat_request *in)
{
	enum kerr error = classic__check_member(classic, in->member_id, in->group_instance_id);
	if (error)
		return error;
	if (in->generation_id != classic->generation)
		return KERR_ILLEGAL_GENERATION;
	if (classic->state == CLASSIC_EMPTY)
		return KERR_UNKNOWN_MEMBER_ID;
	struct classic_member *member = classic__find_joined(classic, in->member_id);
	classic__start_session(member, member->session_timeout_ms);
	return classic->state == CLASSIC_PREPARING_REBALANCE ? KERR_REBALANCE_IN_PROGRESS : KERR_NONE;
}

/* ---- LeaveGroup ------------------------------------------------------------------------------------------------------------------------- */

static void remove_leaving(struct classic_member *member)
{
	classic__refuse_join(member, SLICE_EMPTY, KERR_UNKNOWN_MEMBER_ID);
	classic__refuse_sync(member, KERR_UNKNOWN_MEMBER_ID);
	classic__remove(member);
}

/* An administrator names static members by their instance alone. */
static enum kerr leave_one(struct classic *classic, struct slice id, struct slice instance)
{
	struct classic_member *member;
	if (id.size == 0) {
		member = instance.data ? classic__find_instance(classic, instance) : NULL;
		if (!member)
			return KERR_UNKNOWN_MEMBER_ID;
	} else {
		member = classic__find(classic, id);
		enum kerr error = member && member->is_pending ? KERR_NONE : classic__check_member(classic, id, instance);
		if (error)
			return error;
	}
	remove_leaving(member);
	return KERR_NONE;
}

void classic_leave(struct classic *classic, const struct kmsg_leave_group_member *members, int32_t count, struct kmsg_leave_group_member_result *results)
{
	int32_t left = 0;
	const struct kmsg_leave_group_member *last = NULL;
	for (int32_t i = 0; i < count; i++) {
		results[i].error_code = leave_one(classic, members[i].member_id, members[i].group_instance_id);
		if (results[i].error_code)
			continue;
		left++;
		last = &members[i];
	}
	if (!left || classic->state == CLASSIC_EMPTY)
		return;
	struct slice who = last->member_id.size ? last->member_id : last->group_instance_id;
	struct slice why = last->reason.data ? last->reason : slice_from("not given");
	classic__rebalance_or_complete(classic, "%d left, the last of them %.*s, reason: %.*s", left, (int)(who.size < 80 ? who.size : 80),
				       (const char *)who.data, (int)(why.size < 80 ? why.size : 80), (const char *)why.data);
}
