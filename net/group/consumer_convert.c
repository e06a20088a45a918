/* From a classic group to a consumer group and back, with all their members (KIP-848, online migration).
 *
 * Up: a consumer of the new protocol joins a classic group whose members use the embedded consumer protocol. They become members of a consumer group that
 * has the classic generation as its epochs and their assignments as its target; they go on with classic calls (consumer_classic.c) and notice nothing,
 * until they are restarted with the new protocol one by one. Down: the last member of the new protocol goes, and only classic ones are left.
 *
 * group.consumer.migration.policy says which of the two is allowed. Failure modes: refusals with Kafka's sentences; memory: the group stays what it was. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "net/group/classic_priv.h"
#include "net/group/consumer_priv.h"

#include "kmsg_consumer_protocol.h"

static bool allows(const struct coordinator *coordinator, const char *way)
{
	const char *policy = coordinator->config.consumer_migration_policy;
	return policy && (strcasecmp(policy, "bidirectional") == 0 || strcasecmp(policy, way) == 0);
}

int consumer__become(struct group *group, bool was_there)
{
	struct consumer *consumer = consumer_create(group);
	if (!consumer)
		return -ENOMEM;
	if (was_there)
		classic_emit_tombstone(group->classic);
	classic_destroy(group->classic);
	group->classic = NULL;
	group->consumer = consumer;
	return 0;
}

struct classic_side *consumer__make_classic(int32_t session_timeout_ms, const struct classic_side_protocol *protocols, uint32_t count)
{
	size_t size = sizeof(struct classic_side) + count * sizeof *protocols;
	for (uint32_t i = 0; i < count; i++)
		size += protocols[i].name.size + protocols[i].metadata.size;
	struct classic_side *classic = calloc(1, size);
	if (!classic)
		return NULL;
	uint8_t *bytes = (uint8_t *)&classic->protocols[count];
	*classic = (struct classic_side){.session_timeout_ms = session_timeout_ms, .protocol_count = count, .size = size};
	for (uint32_t i = 0; i < count; i++) {
		const struct slice from[] = {protocols[i].name, protocols[i].metadata};
		struct slice *const to[] = {&classic->protocols[i].name, &classic->protocols[i].metadata};
		for (int j = 0; j < 2; j++) {
			*to[j] = (struct slice){bytes, from[j].size};
			if (from[j].size)
				memcpy(bytes, from[j].data, from[j].size);
			bytes += from[j].size;
		}
	}
	return classic;
}

/* ---- up ----------------------------------------------------------------------------------------------------------------------------------- */

static enum kerr refuse(const struct group *group, const char *reason, char *why, size_t why_size)
{
	snprintf(why, why_size, "Cannot upgrade classic group %s to consumer group because %s.", group->id, reason);
	return KERR_GROUP_ID_NOT_FOUND;
}

static struct classic_side *copy_classic(const struct classic_member *member)
{
	struct classic_side_protocol *protocols = calloc(member->protocol_count + 1, sizeof *protocols);
	struct classic_side *copy = NULL;
	for (uint32_t i = 0; protocols && i < member->protocol_count; i++)
		protocols[i] = (struct classic_side_protocol){member->protocols[i].name, member->protocols[i].metadata};
	if (protocols && member->protocol_count > 0)
		copy = consumer__make_classic(member->session_timeout_ms, protocols, member->protocol_count);
	free(protocols);
	return copy;
}

/* What it said under the group's protocol; before there is one, under its own first. */
static struct slice metadata_of(const struct classic_member *member)
{
	struct slice metadata = classic__metadata(member);
	return metadata.size || member->classic->protocol.data || !member->protocol_count ? metadata : member->protocols[0].metadata;
}

static int take_identity(struct consumer_member *member, const struct classic_member *classic, const struct kmsg_consumer_protocol_subscription *subscription)
{
	struct consumer *consumer = member->consumer;
	struct topic_set *set = consumer__set(consumer, subscription->topics.items, subscription->topics.count);
	struct classic_side *side = copy_classic(classic);
	if (side)
		consumer__set_classic(member, side);
	if (set) {
		consumer__set_subscription(member, set);
		consumer__set_release(consumer, set);
	}
	member->rebalance_timeout_ms = classic->rebalance_timeout_ms;
	bool is_done = side && set && consumer__set_instance(member, instance_id(classic)) &&
		       consumer__remember(consumer, &member->client_id, classic->client_id) &&
		       consumer__remember(consumer, &member->client_host, classic->client_host) &&
		       (!subscription->rack_id.size || consumer__remember(consumer, &member->rack_id, subscription->rack_id));
	return is_done ? 0 : -ENOMEM;
}

static int take_member(struct consumer *consumer, const struct classic_member *classic, struct arena *arena, bool *has_user_data)
{
	struct kmsg_consumer_protocol_subscription subscription;
	struct partition_maker maker;
	const struct partition_list none = {0};
	bool has_data;
	int err = consumer__decode_subscription(metadata_of(classic), arena, &subscription);
	if (err == 0)
		err = consumer__decode_assignment(consumer, classic->assignment, consumer->epoch, arena, &maker, &has_data);
	if (err < 0)
		return err;
	*has_user_data |= has_data;
	struct consumer_member *member = consumer__add(consumer, member_id(classic));
	if (!member || take_identity(member, classic, &subscription) < 0)
		return -ENOMEM;
	const struct partition_list assigned = partition_maker_view(&maker);
	member->epoch = member->previous_epoch = consumer->epoch;
	if (!consumer__set_partitions(member, &assigned, &none))
		return -ENOMEM;
	for (uint32_t i = 0; i < maker.count; i++)
		maker.items[i].epoch = 0;
	member->has_target = true;
	return consumer__set_target(member, &assigned) ? 0 : -ENOMEM;
}

static int take_members(struct consumer *consumer, const struct classic *classic, bool *has_user_data)
{
	struct arena arena;
	int err = 0;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	consumer->epoch = consumer->assignment_epoch = classic->generation;
	LIST_FOR_EACH(node, &classic->members) {
		err = take_member(consumer, LIST_ENTRY(node, struct classic_member, node), &arena, has_user_data);
		if (err < 0)
			break;
		arena_reset(&arena);
	}
	if (err == 0 && !consumer__metadata_hash(consumer, &consumer->metadata_hash))
		err = -ENOMEM;
	arena_fini(&arena);
	return err;
}

static enum kerr check_upgrade(const struct group *group, char *why, size_t why_size)
{
	const struct coordinator *coordinator = group->coordinator;
	if (!allows(coordinator, "upgrade"))
		return refuse(group, "online upgrade is disabled", why, why_size);
	if (!classic_uses_consumer_protocol(group->classic))
		return refuse(group, "the group does not use the consumer embedded protocol", why, why_size);
	if (group->classic->member_count > (uint32_t)coordinator->config.consumer_group_size_max)
		return refuse(group, "the group size exceeds the consumer group maximum size", why, why_size);
	return KERR_NONE;
}

/* Members that wait for the end of a phase join again, and find the new group. */
static void end_classic(struct group *group)
{
	LIST_FOR_EACH(node, &group->classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		classic__refuse_join(member, member_id(member), KERR_REBALANCE_IN_PROGRESS);
		classic__refuse_sync(member, KERR_REBALANCE_IN_PROGRESS);
	}
	classic_emit_tombstone(group->classic);
	classic_destroy(group->classic);
	group->classic = NULL;
}

enum kerr consumer__upgrade(struct group *group, char *why, size_t why_size)
{
	bool has_user_data = false;
	enum kerr error = check_upgrade(group, why, why_size);
	if (error)
		return error;
	struct consumer *consumer = consumer_create(group);
	int err = consumer ? take_members(consumer, group->classic, &has_user_data) : -ENOMEM;
	if (err < 0 || has_user_data) {
		if (consumer)
			consumer_destroy(consumer);
		if (err == ERR_FORMAT)
			return refuse(group, "the embedded consumer protocol is malformed", why, why_size);
		if (err == 0)
			return refuse(group, "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default "
				      "assignor before re-attempting the upgrade", why, why_size);
		snprintf(why, why_size, "The group coordinator has no memory for this group.");
		return KERR_COORDINATOR_NOT_AVAILABLE;
	}
	end_classic(group);
	group->consumer = consumer;
	consumer_snapshot(consumer);
	consumer_loaded(consumer);
	group__note(group->coordinator, "group %s: a consumer of the new protocol joins: %u classic members go on in a consumer group, from epoch %d",
		    group->id, consumer->member_count, consumer->epoch);
	return KERR_NONE;
}

/* ---- down ----------------------------------------------------------------------------------------------------------------------------------- */

static int give_member(struct classic *classic, const struct consumer_member *member)
{
	const struct classic_identity identity = {consumer__member_id(member), consumer__instance_id(member), member->client_id, member->client_host};
	struct classic_terms terms = {
		.session_timeout_ms = member->classic->session_timeout_ms,
		.rebalance_timeout_ms = member->rebalance_timeout_ms,
		.protocol_count = (int32_t)member->classic->protocol_count,
	};
	struct kmsg_join_group_protocol *protocols = calloc(member->classic->protocol_count, sizeof *protocols);
	for (uint32_t i = 0; protocols && i < member->classic->protocol_count; i++)
		protocols[i] = (struct kmsg_join_group_protocol){member->classic->protocols[i].name, member->classic->protocols[i].metadata};
	terms.protocols = protocols;
	struct classic_member *given = protocols ? classic__add(classic, &identity, &terms) : NULL;
	free(protocols);
	return given ? 0 : -ENOMEM;
}

/* What it owns, and what it has still to give up. */
static int list_owned(const struct consumer_member *member, struct arena *arena, struct partition_list *out)
{
	struct partition_maker maker;
	const struct partition_list *assigned = &member->assigned, *revoking = &member->revoking;
	if (partition_maker_init(&maker, arena, (size_t)assigned->count + revoking->count) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < assigned->count; i++)
		partition_maker_add(&maker, assigned->items[i].topic, assigned->items[i].partition, 0);
	for (uint32_t i = 0; i < revoking->count; i++)
		partition_maker_add(&maker, revoking->items[i].topic, revoking->items[i].partition, 0);
	partition_maker_sort(&maker);
	*out = partition_maker_view(&maker);
	return 0;
}

/* What a leader would have assigned to each is its target. If a rebalance follows at once, that reaches nobody; then it is what each owns, so that a group that
 * becomes a consumer group again before that rebalance is over knows it. (Kafka forgets it: its record has the target in either case.) */
static int give_assignments(struct classic *classic, const struct consumer *consumer, bool will_rebalance)
{
	struct arena arena;
	int err = 0;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	LIST_FOR_EACH(node, &classic->members) {
		struct classic_member *given = LIST_ENTRY(node, struct classic_member, node);
		const struct consumer_member *member = consumer__find(consumer, member_id(given));
		struct partition_list list = member->target;
		struct slice assignment;
		if (will_rebalance)
			err = list_owned(member, &arena, &list);
		if (err == 0)
			err = consumer__encode_assignment(consumer, &list, classic__metadata(given), &arena, &assignment);
		if (err == 0)
			err = classic__set_assignment(given, assignment);
		if (err < 0)
			break;
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return err;
}

static int give_members(struct classic *classic, const struct consumer *consumer, bool will_rebalance)
{
	LIST_FOR_EACH(node, &consumer->members)
		if (!consumer__member_at(node)->is_leaving && give_member(classic, consumer__member_at(node)) < 0)
			return -ENOMEM;
	classic->generation = consumer->epoch;
	classic->state = CLASSIC_STABLE;
	classic->state_since_ms = consumer__coordinator(consumer)->clock.wall_ms;
	if (classic__set_bytes(classic, &classic->protocol_type, slice_from("consumer")) < 0 ||
	    classic__set_bytes(classic, &classic->protocol, classic__vote(classic)) < 0)
		return -ENOMEM;
	return give_assignments(classic, consumer, will_rebalance);
}

/* Makes a classic group of all members that are not leaving; all of them are classic. False: the group stays what it is. */
static bool downgrade(struct consumer *consumer, const char *rebalance_reason)
{
	struct group *group = consumer->group;
	struct classic *classic = classic_create(group);
	if (!classic || give_members(classic, consumer, rebalance_reason != NULL) < 0) {
		if (classic)
			classic_destroy(classic);
		return false;
	}
	consumer_emit_tombstones(consumer);
	consumer_destroy(consumer);
	group->consumer = NULL;
	group->classic = classic;
	classic__store(classic);
	LIST_FOR_EACH(node, &classic->members) {
		struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		classic__start_session(member, member->session_timeout_ms);
	}
	group__note(group->coordinator, "group %s: only members of the classic protocol are left: it is a classic group again, in generation %d", group->id,
		    classic->generation);
	if (rebalance_reason)
		classic__prepare_rebalance(classic, "%s", rebalance_reason);
	return true;
}

static bool may_downgrade(const struct consumer *consumer, uint32_t left)
{
	const struct coordinator *coordinator = consumer__coordinator(consumer);
	return left > 0 && allows(coordinator, "downgrade") && left <= (uint32_t)coordinator->config.group_size_max;
}

bool consumer__downgrade_without(struct consumer *consumer, struct consumer_member **leaving, uint32_t count)
{
	uint32_t classic_leaving = 0;
	for (uint32_t i = 0; i < count; i++) {
		classic_leaving += leaving[i]->classic != NULL;
		leaving[i]->is_leaving = true;
	}
	if (consumer->classic_count - classic_leaving == consumer->member_count - count && may_downgrade(consumer, consumer->member_count - count) &&
	    downgrade(consumer, "the last member of the new protocol has left"))
		return true;
	for (uint32_t i = 0; i < count; i++)
		leaving[i]->is_leaving = false;
	return false;
}

bool consumer__is_last_of_new_protocol(const struct consumer_member *member)
{
	const struct consumer *consumer = member->consumer;
	return !member->classic && consumer->classic_count == consumer->member_count - 1 && may_downgrade(consumer, consumer->member_count);
}

bool consumer__downgrade_all(struct consumer *consumer)
{
	bool is_stale = consumer->assignment_epoch < consumer->epoch;
	return downgrade(consumer, is_stale ? "the group has become classic with an old assignment" : NULL);
}
