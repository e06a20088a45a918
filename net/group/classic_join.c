/* JoinGroup: a new member, one that was given an id and comes with it (KIP-394), one that comes again, a static one that has been restarted (KIP-345).
 *
 * Happy path: the member is entered or brought up to date, and waits; a rebalance begins if none is on. The answer is made when all have joined.
 * Failure modes: refusals, at once. The order of the checks is Kafka's. */
#include "net/group/classic.h"

#include "net/group/classic_priv.h"

#define VERSION_PROTOCOL_NAME_NULLABLE 7
#define VERSION_MEMBER_ID_REQUIRED 4    /* KIP-394 */
#define VERSION_SKIP_ASSIGNMENT 9       /* KIP-814 */

struct joining {
	struct classic *classic;
	struct group_call *call;
	const struct kmsg_join_group_request *in;
	struct kmsg_join_group_response *out;
	struct classic_terms terms;
};

/* ---- answers ------------------------------------------------------------------------------------------------------------------------ */

void classic__fill_join_error(struct group_call *call, struct kmsg_join_group_response *out, struct slice id, enum kerr error)
{
	kmsg_join_group_response_init(out);
	out->error_code = error;
	out->member_id = group__copy(call, id);
	out->protocol_name = call->version < VERSION_PROTOCOL_NAME_NULLABLE ? SLICE_EMPTY : (struct slice){0};
}

static void fill_members(const struct classic *classic, struct group_call *call, struct kmsg_join_group_response *out)
{
	out->members.items = arena_alloc(call->arena, classic->member_count * sizeof *out->members.items);
	if (!out->members.items) {
		call->is_out_of_memory = true;
		return;
	}
	LIST_FOR_EACH(node, &classic->members) {
		const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		struct kmsg_join_group_member *item = &out->members.items[out->members.count++];
		kmsg_join_group_member_init(item);
		item->member_id = group__copy(call, member_id(member));
		item->group_instance_id = group__copy(call, instance_id(member));
		item->metadata = group__copy(call, classic__metadata(member));
	}
}

void classic__fill_join(const struct classic_member *member, struct group_call *call, struct kmsg_join_group_response *out)
{
	const struct classic *classic = member->classic;
	kmsg_join_group_response_init(out);
	out->generation_id = classic->generation;
	out->protocol_type = group__copy(call, classic->protocol_type);
	out->protocol_name = group__copy(call, classic->protocol);
	out->leader = group__copy(call, member_id(classic->leader));
	out->member_id = group__copy(call, member_id(member));
	if (classic->leader == member)
		fill_members(classic, call, out);
}

static void refuse(const struct joining *j, struct slice id, enum kerr error)
{
	classic__fill_join_error(j->call, j->out, id, error);
	group__finish(j->classic->group->coordinator, j->call);
}

static void answer_now(const struct joining *j, const struct classic_member *member)
{
	classic__fill_join(member, j->call, j->out);
	group__finish(j->classic->group->coordinator, j->call);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------------------ */

/* The call ends before the join phase does: its client has gone, or the coordinator goes. The member stays, until its session ends. */
static void join_ends_early(struct group_call *call, enum kerr error)
{
	struct classic_member *member = call->waiting_in;
	member->join = NULL;
	classic__fill_join_error(call, call->answer, member_id(member), error);
	classic__start_session(member, member->session_timeout_ms);
}

void classic__refuse_join(struct classic_member *member, struct slice id, enum kerr error)
{
	struct group_call *call = member->join;
	if (!call)
		return;
	member->join = NULL;
	classic__fill_join_error(call, call->answer, id, error);
	group__finish(member->classic->group->coordinator, call);
}

/* A newer join of a member that waits takes the older one's place. */
void classic__has_joined(struct classic_member *member, struct group_call *call, struct kmsg_join_group_response *out)
{
	struct classic *classic = member->classic;
	classic__refuse_join(member, member_id(member), KERR_REBALANCE_IN_PROGRESS);
	classic->joined_count += !member->has_joined;
	member->has_joined = true;
	member->joined_ns = classic->group->coordinator->clock.now_ns;
	member->join = call;
	group__wait(classic->group->coordinator, call, join_ends_early, member, out);
}

/* ---- new members ---------------------------------------------------------------------------------------------------------------------- */

static int printable(struct slice text)
{
	return text.size < 80 ? (int)text.size : 80;
}

#define TEXT(slice) printable(slice), (const char *)(slice).data

static struct slice reason_of(const struct joining *j)
{
	return j->in->reason.data ? j->in->reason : slice_from("not given");
}

static void add_member(struct joining *j, struct slice id)
{
	struct classic *classic = j->classic;
	struct classic_identity identity = {id, j->in->group_instance_id, j->call->client_id, j->call->client_host};
	bool is_first = classic->member_count == 0;
	if (is_first && classic__set_bytes(classic, &classic->protocol_type, j->in->protocol_type) < 0) {
		refuse(j, SLICE_EMPTY, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	struct classic_member *member = classic__add(classic, &identity, &j->terms);
	if (!member) {
		refuse(j, SLICE_EMPTY, KERR_GROUP_MAX_SIZE_REACHED);
		return;
	}
	member->is_new = true;
	if (classic->state == CLASSIC_PREPARING_REBALANCE && classic->previous == CLASSIC_EMPTY)
		classic->has_new_members = true;
	classic__has_joined(member, j->call, j->out);
	classic__start_session(member, NEW_MEMBER_JOIN_TIMEOUT_MS);
	classic__rebalance_or_complete(classic, "member %.*s joined, reason: %.*s", TEXT(member_id(member)), TEXT(reason_of(j)));
}

/* KIP-394: it is given an id, and only counts when it comes with it; so that clients which try again and again leave no trail of dead members. */
static void hand_out_id(const struct joining *j, struct slice id)
{
	struct classic_member *member = classic__add_pending(j->classic, id);
	if (!member) {
		refuse(j, SLICE_EMPTY, KERR_GROUP_MAX_SIZE_REACHED);
		return;
	}
	classic__start_session(member, j->in->session_timeout_ms);
	refuse(j, id, KERR_MEMBER_ID_REQUIRED);
}

/* ---- static members that come back ------------------------------------------------------------------------------------------------------ */

/* Only its id has changed. A leader that cannot be told to skip the assignment must not know that it leads: it is told its old id. */
static void answer_replaced(const struct joining *j, const struct classic_member *member, struct slice leader_before)
{
	bool is_leader = j->classic->leader == member;
	classic__fill_join(member, j->call, j->out);
	if (j->call->version >= VERSION_SKIP_ASSIGNMENT) {
		j->out->skip_assignment = is_leader;
	} else {
		j->out->leader = leader_before;
		j->out->members.count = 0;
	}
	group__finish(j->classic->group->coordinator, j->call);
}

static void take_back_static(struct joining *j, struct classic_member *old, struct slice id)
{
	struct classic *classic = j->classic;
	struct slice leader_before = group__copy(j->call, member_id(classic->leader));
	classic__refuse_join(old, member_id(old), KERR_FENCED_INSTANCE_ID);
	classic__refuse_sync(old, KERR_FENCED_INSTANCE_ID);
	struct classic_member *member = classic__rename(old, id);
	if (!member || classic__update(member, &j->terms) < 0) {
		refuse(j, SLICE_EMPTY, KERR_COORDINATOR_NOT_AVAILABLE);
		if (member)
			classic__start_session(member, member->session_timeout_ms);
		return;
	}
	classic__start_session(member, member->session_timeout_ms);
	if (classic->state == CLASSIC_STABLE && slice_equal(classic__vote(classic), classic->protocol)) {
		classic__store(classic);
		answer_replaced(j, member, leader_before);
		return;
	}
	classic__has_joined(member, j->call, j->out);
	classic__rebalance_or_complete(classic, "static member %.*s came back as %.*s, reason: %.*s", TEXT(instance_id(member)),
				       TEXT(member_id(member)), TEXT(reason_of(j)));
}

/* ---- members that come again --------------------------------------------------------------------------------------------------------------- */

static void rejoin(struct joining *j, struct classic_member *member, const char *how)
{
	if (classic__update(member, &j->terms) < 0) {
		refuse(j, member_id(member), KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	classic__has_joined(member, j->call, j->out);
	classic__rebalance_or_complete(j->classic, "member %.*s %s, reason: %.*s", TEXT(member_id(member)), how, TEXT(reason_of(j)));
}

/* A member that changes nothing is told the generation there is, unless it leads: a leader that joins again wants to assign anew. */
static void join_existing(struct joining *j, struct classic_member *member)
{
	struct classic *classic = j->classic;
	bool is_same = classic__has_same_protocols(member, j->in->protocols.items, j->in->protocols.count);
	switch (classic->state) {
	case CLASSIC_PREPARING_REBALANCE:
		rejoin(j, member, "joined again");
		break;
	case CLASSIC_COMPLETING_REBALANCE:
		if (is_same)
			answer_now(j, member); /* it has probably not received the answer to its join */
		else
			rejoin(j, member, "changed what it can do");
		break;
	case CLASSIC_STABLE:
		if (classic->leader == member)
			rejoin(j, member, "leads and joined again");
		else if (is_same)
			answer_now(j, member);
		else
			rejoin(j, member, "changed what it can do");
		break;
	default:
		refuse(j, j->in->member_id, KERR_UNKNOWN_MEMBER_ID);
	}
}

static void join_with_id(struct joining *j)
{
	struct classic *classic = j->classic;
	struct slice id = j->in->member_id;
	struct classic_member *member = classic__find(classic, id);
	if (!classic__can_take(classic, j->in->protocol_type, j->in->protocols.items, j->in->protocols.count)) {
		refuse(j, id, KERR_INCONSISTENT_GROUP_PROTOCOL);
		return;
	}
	if (member && member->is_pending) {
		if (j->in->group_instance_id.data)
			refuse(j, SLICE_EMPTY, KERR_UNKNOWN_SERVER_ERROR); /* as Kafka: static members are never pending */
		else
			add_member(j, id);
		return;
	}
	enum kerr error = classic__check_member(classic, id, j->in->group_instance_id);
	if (error)
		refuse(j, id, error);
	else
		join_existing(j, member);
}

static void join_without_id(struct joining *j)
{
	struct classic *classic = j->classic;
	struct coordinator *coordinator = classic->group->coordinator;
	struct slice instance = j->in->group_instance_id;
	if (!classic__can_take(classic, j->in->protocol_type, j->in->protocols.items, j->in->protocols.count)) {
		refuse(j, SLICE_EMPTY, KERR_INCONSISTENT_GROUP_PROTOCOL);
		return;
	}
	struct slice id = group__new_member_id(coordinator, j->call->arena, instance.data ? instance : j->call->client_id);
	struct classic_member *holder = instance.data ? classic__find_instance(classic, instance) : NULL;
	if (!id.data) {
		j->call->is_out_of_memory = true;
		refuse(j, SLICE_EMPTY, KERR_COORDINATOR_NOT_AVAILABLE);
	} else if (holder) {
		take_back_static(j, holder, id);
	} else if (instance.data || j->call->version < VERSION_MEMBER_ID_REQUIRED) {
		add_member(j, id);
	} else {
		hand_out_id(j, id);
	}
}

/* group.max.size. While members gather, those that are here count: so that the last to come again are put out when the bound was lowered. */
static bool has_place(const struct classic *classic, const struct classic_member *member)
{
	uint32_t max = (uint32_t)classic->group->coordinator->config.group_size_max;
	switch (classic->state) {
	case CLASSIC_PREPARING_REBALANCE:
		return (member && member->has_joined) || classic->joined_count < max;
	case CLASSIC_COMPLETING_REBALANCE:
	case CLASSIC_STABLE:
		return member || classic->member_count < max;
	default:
		return true;
	}
}

void classic_join(struct classic *classic, struct group_call *call, const struct kmsg_join_group_request *in, struct kmsg_join_group_response *out)
{
	struct joining j = {classic, call, in, out, {
		.session_timeout_ms = in->session_timeout_ms,
		.rebalance_timeout_ms = call->version == 0 ? in->session_timeout_ms : in->rebalance_timeout_ms,
		.protocols = in->protocols.items,
		.protocol_count = in->protocols.count,
	}};
	struct classic_member *member = classic__find_joined(classic, in->member_id);
	if (has_place(classic, member)) {
		if (in->member_id.size == 0)
			join_without_id(&j);
		else
			join_with_id(&j);
		return;
	}
	if (member) {
		classic__remove(member);
		classic__complete_join_if_all(classic);
	}
	refuse(&j, SLICE_EMPTY, KERR_GROUP_MAX_SIZE_REACHED);
}
