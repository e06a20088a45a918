/* Members of a consumer group that speak the classic protocol (KIP-848, online migration): JoinGroup is a heartbeat that says all it has to say, SyncGroup fetches what
 * it is to own, Heartbeat says when it has to join again.
 *
 * Nobody waits for anybody: a join is answered at once, with the member's epoch as the generation and nobody as the leader; so the broker's assignor decides, and
 * what the client's own would have done is not asked for. A member that has to take a step towards its target is told REBALANCE_IN_PROGRESS, joins again with
 * what it owns (or with nothing, if its protocol is eager), and syncs.
 *
 * Failure modes: the classic protocol's codes. A member that does not join or sync in its rebalance timeout is fenced. */
#include <stdlib.h>

#include "log/base/uuid_text.h"
#include "net/group/consumer_priv.h"

#include "kmsg_consumer_protocol.h"

#define JOIN_VERSION_KNOWN_ID 4         /* KIP-394 */
#define JOIN_VERSION_NULLABLE_NAME 7

/* ---- timers --------------------------------------------------------------------------------------------------------------------------- */

static void put_out(struct consumer_member *member, const char *why)
{
	struct consumer *consumer = member->consumer;
	group__note(consumer__coordinator(consumer), "group %.*s: classic member %.*s is fenced: %s within %d ms",
		    NAME_ARGUMENTS(slice_from(consumer->group->id)), NAME_ARGUMENTS(consumer__member_id(member)), why, member->rebalance_timeout_ms);
	consumer__fence(consumer, &member, 1);
}

static void join_due(struct io_timer *timer)
{
	put_out(CONTAINER_OF(timer, struct consumer_member, join), "it did not join again");
}

static void sync_due(struct io_timer *timer)
{
	put_out(CONTAINER_OF(timer, struct consumer_member, sync), "it did not sync");
}

static void wait_for_join(struct consumer_member *member)
{
	struct coordinator *coordinator = consumer__coordinator(member->consumer);
	if (member->join.heap_index)
		return;
	member->join.run = join_due;
	io_timers_set(&coordinator->timers, &member->join, group__in_ms(coordinator, member->rebalance_timeout_ms));
}

static void wait_for_sync(struct consumer_member *member, int32_t timeout_ms)
{
	struct coordinator *coordinator = consumer__coordinator(member->consumer);
	io_timers_cancel(&coordinator->timers, &member->join);
	member->sync.run = sync_due;
	io_timers_set(&coordinator->timers, &member->sync, group__in_ms(coordinator, timeout_ms));
}

/* ---- who calls --------------------------------------------------------------------------------------------------------------------------- */

/* The member of a classic call, or why not. */
static enum kerr find_member(const struct consumer *consumer, struct slice member_id, struct slice instance_id, struct consumer_member **out)
{
	struct consumer_member *member = instance_id.data ? consumer__find_static(consumer, instance_id) : consumer__find(consumer, member_id);
	if (!member)
		return KERR_UNKNOWN_MEMBER_ID;
	if (instance_id.data && !slice_equal(consumer__member_id(member), member_id))
		return KERR_FENCED_INSTANCE_ID;
	*out = member;
	return KERR_NONE;
}

static enum kerr find_classic_member(const struct consumer *consumer, struct slice member_id, struct slice instance_id, int32_t generation,
				     struct consumer_member **out)
{
	enum kerr error = find_member(consumer, member_id, instance_id, out);
	if (error)
		return error;
	if (!(*out)->classic)
		return KERR_UNKNOWN_MEMBER_ID;
	return (*out)->epoch == generation ? KERR_NONE : KERR_ILLEGAL_GENERATION;
}

/* ---- JoinGroup ------------------------------------------------------------------------------------------------------------------------------ */

struct classic_join {
	struct consumer *consumer;
	struct group_call *call;
	const struct kmsg_join_group_request *in;
	struct kmsg_join_group_response *out;
	struct arena arena;
	struct kmsg_consumer_protocol_subscription subscription;
	struct slice member_id;
	struct consumer_member *member;
	int32_t rebalance_timeout_ms;
	bool is_replacing;             /* a static member that is back without its id */
	bool becomes_classic;          /* it was the last of the new protocol: the whole group becomes classic */
};

static bool has_common_protocol(const struct consumer *consumer, struct slice name)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &consumer->members) {
		const struct classic_side *classic = consumer__member_at(node)->classic;
		for (uint32_t i = 0; classic && i < classic->protocol_count; i++)
			if (slice_equal(classic->protocols[i].name, name)) {
				count++;
				break;
			}
	}
	return count == consumer->classic_count;
}

/* All classic members must have one protocol in common, so that the group could be a classic one. */
static bool is_compatible(const struct classic_join *join)
{
	if (!slice_equal(join->in->protocol_type, slice_from("consumer")))
		return false;
	for (int32_t i = 0; i < join->in->protocols.count; i++)
		if (has_common_protocol(join->consumer, join->in->protocols.items[i].name))
			return true;
	return false;
}

static bool is_full(const struct classic_join *join)
{
	const struct consumer *consumer = join->consumer;
	int32_t max = consumer__coordinator(consumer)->config.consumer_group_size_max;
	return consumer->member_count >= (uint32_t)max && !consumer__find(consumer, join->member_id);
}

static void choose_id(struct classic_join *join)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id;
	join->member_id = join->in->member_id;
	if (join->member_id.size > 0)
		return;
	group__random_uuid(consumer__coordinator(join->consumer), &id);
	uuid_text_format(text, &id);
	join->member_id = group__copy(join->call, slice_from(text));
}

static enum kerr find_joiner(struct classic_join *join)
{
	struct slice instance_id = join->in->group_instance_id;
	if (!instance_id.data) {
		join->member = consumer__find(join->consumer, join->member_id);
		return KERR_NONE;
	}
	join->member = consumer__find_static(join->consumer, instance_id);
	if (join->in->member_id.size == 0) {
		join->is_replacing = join->member != NULL;
		return KERR_NONE;
	}
	if (!join->member)
		return KERR_UNKNOWN_MEMBER_ID;
	return slice_equal(consumer__member_id(join->member), join->member_id) ? KERR_NONE : KERR_FENCED_INSTANCE_ID;
}

static enum kerr check_join(struct classic_join *join)
{
	const struct kmsg_join_group_request *in = join->in;
	choose_id(join);
	if (is_full(join))
		return KERR_GROUP_MAX_SIZE_REACHED;
	if (!is_compatible(join))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	if (join->call->version >= JOIN_VERSION_KNOWN_ID && !in->group_instance_id.data && in->member_id.size == 0)
		return KERR_MEMBER_ID_REQUIRED;
	enum kerr error = find_joiner(join);
	if (error)
		return error;
	if (consumer__decode_subscription(in->protocols.items[0].metadata, &join->arena, &join->subscription) < 0)
		return KERR_UNKNOWN_SERVER_ERROR;
	uint64_t cost = consumer__subscription_cost(consumer__coordinator(join->consumer), join->consumer, join->subscription.topics.items,
						    join->subscription.topics.count);
	for (int32_t i = 0; i < in->protocols.count; i++)
		cost += in->protocols.items[i].name.size + in->protocols.items[i].metadata.size + sizeof(struct classic_side_protocol);
	return group__has_room(consumer__coordinator(join->consumer), cost + sizeof(struct consumer_member)) ? KERR_NONE : KERR_COORDINATOR_NOT_AVAILABLE;
}

static struct classic_side *classic_side_of(const struct kmsg_join_group_request *in)
{
	uint32_t count = (uint32_t)in->protocols.count;
	struct classic_side_protocol *protocols = calloc(count, sizeof *protocols);
	for (uint32_t i = 0; protocols && i < count; i++)
		protocols[i] = (struct classic_side_protocol){in->protocols.items[i].name, in->protocols.items[i].metadata};
	struct classic_side *side = protocols ? consumer__make_classic(in->session_timeout_ms, protocols, count) : NULL;
	free(protocols);
	return side;
}

/* The member is there, under its id. */
static bool enter(struct classic_join *join, bool *is_new)
{
	*is_new = !join->member;
	if (*is_new)
		join->member = consumer__add(join->consumer, join->member_id);
	else if (join->is_replacing && !consumer__replace(join->member, join->member_id))
		return false;
	return join->member != NULL;
}

static struct member_wish wish_of(const struct classic_join *join, struct classic_side *side)
{
	return (struct member_wish){
		.instance_id = join->in->group_instance_id,
		.rack_id = join->subscription.rack_id.size ? join->subscription.rack_id : (struct slice){0},
		.pattern = SLICE_EMPTY,
		.rebalance_timeout_ms = join->in->rebalance_timeout_ms,
		.names = join->subscription.topics.items,
		.name_count = join->subscription.topics.count,
		.client_id = join->call->client_id,
		.client_host = join->call->client_host,
		.classic = side,
	};
}

/* One step towards its target, as a heartbeat would take it. */
static bool take_step(struct classic_join *join)
{
	struct owned_topics owned;
	bool is_new = false, has_changed = false;
	struct classic_side *side = classic_side_of(join->in);
	if (!side || consumer__owned_of(join->consumer, &join->subscription, &join->arena, &owned) < 0 || !enter(join, &is_new)) {
		free(side);
		return false;
	}
	const struct member_wish wish = wish_of(join, side);
	if (!consumer__apply_wish(join->member, &wish, is_new, &has_changed))
		return false;
	if (!join->becomes_classic)
		consumer__update_target(join->consumer);
	if (!join->becomes_classic || join->consumer->assignment_epoch >= join->consumer->epoch)
		consumer__reconcile(join->member, has_changed, &owned);
	return true;
}

static void answer_join(struct classic_join *join)
{
	const struct consumer_member *member = join->member;
	join->out->generation_id = member->epoch;
	join->out->protocol_type = slice_from("consumer");
	join->out->protocol_name = group__copy(join->call, member->classic->protocols[0].name);
	join->out->member_id = group__copy(join->call, consumer__member_id(member));
}

static enum kerr join_group(struct classic_join *join)
{
	enum kerr error = check_join(join);
	if (error)
		return error;
	join->becomes_classic = join->is_replacing && consumer__is_last_of_new_protocol(join->member);
	if (!take_step(join)) {
		consumer__broken(join->consumer);
		return KERR_COORDINATOR_NOT_AVAILABLE;
	}
	answer_join(join);
	if (join->becomes_classic && consumer__downgrade_all(join->consumer))
		return KERR_NONE;
	consumer__touch(join->member);
	wait_for_sync(join->member, join->rebalance_timeout_ms);
	return KERR_NONE;
}

static void refuse_join(struct classic_join *join, enum kerr error)
{
	kmsg_join_group_response_init(join->out);
	join->out->error_code = error;
	join->out->member_id = error == KERR_MEMBER_ID_REQUIRED ? join->member_id : SLICE_EMPTY;
	join->out->protocol_name = join->call->version < JOIN_VERSION_NULLABLE_NAME ? SLICE_EMPTY : (struct slice){0};
}

void consumer_classic_join(struct consumer *consumer, struct group_call *call, const struct kmsg_join_group_request *in,
			   struct kmsg_join_group_response *out)
{
	struct coordinator *coordinator = consumer__coordinator(consumer);
	struct classic_join join = {.consumer = consumer, .call = call, .in = in, .out = out};
	join.rebalance_timeout_ms = in->rebalance_timeout_ms == -1 ? in->session_timeout_ms : in->rebalance_timeout_ms;
	kmsg_join_group_response_init(out);
	arena_init(&join.arena, NULL, 0, SCRATCH_BYTES_MAX);
	enum kerr error = join_group(&join);
	if (error)
		refuse_join(&join, error);
	arena_fini(&join.arena);
	group__finish(coordinator, call);
}

/* ---- SyncGroup -------------------------------------------------------------------------------------------------------------------------------- */

static bool contradicts(struct slice said, struct slice known)
{
	return said.data && !slice_equal(said, known);
}

static enum kerr check_sync(const struct consumer *consumer, const struct kmsg_sync_group_request *in, struct consumer_member **out)
{
	enum kerr error = find_classic_member(consumer, in->member_id, in->group_instance_id, in->generation_id, out);
	if (error)
		return error;
	struct consumer_member *member = *out;
	if (contradicts(in->protocol_type, slice_from("consumer")) || contradicts(in->protocol_name, member->classic->protocols[0].name))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	if (consumer->assignment_epoch > member->epoch && member->state != MEMBER_UNREVOKED) {
		wait_for_join(member);
		return KERR_REBALANCE_IN_PROGRESS;
	}
	return KERR_NONE;
}

void consumer_classic_sync(struct consumer *consumer, struct group_call *call, const struct kmsg_sync_group_request *in,
			   struct kmsg_sync_group_response *out)
{
	struct coordinator *coordinator = consumer__coordinator(consumer);
	struct consumer_member *member;
	kmsg_sync_group_response_init(out);
	enum kerr error = check_sync(consumer, in, &member);
	out->error_code = error;
	if (error == KERR_NONE) {
		io_timers_cancel(&coordinator->timers, &member->sync);
		consumer__touch(member);
		out->protocol_type = group__copy(call, in->protocol_type);
		out->protocol_name = group__copy(call, in->protocol_name);
		if (consumer__encode_assignment(consumer, &member->assigned, member->classic->protocols[0].metadata, call->arena, &out->assignment) < 0)
			call->is_out_of_memory = true;
	}
	group__finish(coordinator, call);
}

/* ---- Heartbeat ---------------------------------------------------------------------------------------------------------------------------------- */

/* Has it to wait for what others still own? Then there is nothing to join for. */
static bool waits_for_others(const struct consumer_member *member)
{
	for (uint32_t i = 0; i < member->target.count; i++) {
		const struct owned_partition *wanted = &member->target.items[i];
		if (!partition_list_find(&member->assigned, wanted->topic, wanted->partition) &&
		    !consumer__is_free(member->consumer, wanted->topic, wanted->partition))
			return true;
	}
	return false;
}

enum kerr consumer_classic_heartbeat(struct consumer *consumer, const struct kmsg_heartbeat_request *in)
{
	struct consumer_member *member;
	enum kerr error = find_classic_member(consumer, in->member_id, in->group_instance_id, in->generation_id, &member);
	if (error)
		return error;
	consumer__touch(member);
	if (member->epoch >= consumer->assignment_epoch && member->state != MEMBER_UNREVOKED &&
	    (member->state != MEMBER_UNRELEASED || waits_for_others(member)))
		return KERR_NONE;
	wait_for_join(member);
	return KERR_REBALANCE_IN_PROGRESS;
}

/* ---- LeaveGroup ---------------------------------------------------------------------------------------------------------------------------------- */

static enum kerr find_leaver(const struct consumer *consumer, const struct kmsg_leave_group_member *in, struct consumer_member **out)
{
	struct slice instance_id = in->group_instance_id;
	struct consumer_member *member = instance_id.data ? consumer__find_static(consumer, instance_id) : consumer__find(consumer, in->member_id);
	if (!member)
		return KERR_UNKNOWN_MEMBER_ID;
	if (instance_id.data && in->member_id.size > 0 && !slice_equal(consumer__member_id(member), in->member_id))
		return KERR_FENCED_INSTANCE_ID;
	*out = member;
	return KERR_NONE;
}

void consumer_classic_leave(struct consumer *consumer, const struct kmsg_leave_group_member *members, int32_t count,
			    struct kmsg_leave_group_member_result *results)
{
	struct consumer_member **leaving = calloc((size_t)count + 1, sizeof *leaving);
	uint32_t leaving_count = 0;
	for (int32_t i = 0; leaving && i < count; i++) {
		struct consumer_member *member = NULL;
		results[i].error_code = find_leaver(consumer, &members[i], &member);
		if (!member || member->is_leaving)
			continue;
		member->is_leaving = true;
		leaving[leaving_count++] = member;
	}
	if (leaving_count > 0)
		consumer__fence(consumer, leaving, leaving_count);
	free(leaving);
}
