/* The life of a consumer group, its timers, and what its state allows to others.
 *
 * Happy path: made by the first heartbeat (consumer_heartbeat.c) or by records; lives while it has members or offsets; the coordinator deletes it when it
 * has neither. A member that is silent for its session, or does not give up partitions within its rebalance timeout, is fenced: taken out of
 * the group, so that its partitions are free for others, and refused when it is heard of again.
 *
 * Failure mode: no memory in the middle of a change: consumer__broken. What the log has is right; the host loads it again. */
#include "net/group/consumer.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/catalog/catalog.h"
#include "net/group/consumer_priv.h"

/* ---- memory ------------------------------------------------------------------------------------------------------------------------- */

void consumer__charge(struct consumer *consumer, uint64_t bytes)
{
	consumer->memory_bytes += bytes;
	group__charge_anyway(consumer__coordinator(consumer), bytes);
}

void consumer__give_back(struct consumer *consumer, uint64_t bytes)
{
	CHECKF(bytes <= consumer->memory_bytes, "%llu of %llu", (unsigned long long)bytes, (unsigned long long)consumer->memory_bytes);
	consumer->memory_bytes -= bytes;
	group__give_back(consumer__coordinator(consumer), bytes);
}

void consumer__broken(struct consumer *consumer)
{
	consumer__coordinator(consumer)->outbox.is_out_of_memory = true;
}

/* ---- life --------------------------------------------------------------------------------------------------------------------------- */

struct consumer *consumer_create(struct group *group)
{
	struct consumer *consumer = calloc(1, sizeof *consumer);
	uint64_t seed = group->coordinator->names.seed;
	if (!consumer)
		return NULL;
	consumer->group = group;
	consumer->epoch = 1;
	consumer->is_metadata_old = true;
	consumer->own_version = UINT64_MAX;
	consumer__refresh_terms(consumer);
	list_init(&consumer->members);
	list_init(&consumer->pattern_list);
	name_table_init(&consumer->ids, seed);
	name_table_init(&consumer->instances, seed);
	name_table_init(&consumer->names, seed);
	name_table_init(&consumer->sets, seed);
	name_table_init(&consumer->patterns, seed);
	name_table_init(&consumer->topic_ids, seed);
	consumer__charge(consumer, sizeof *consumer);
	consumer->empty_set = consumer__set(consumer, NULL, 0);
	if (!consumer->empty_set) {
		consumer_destroy(consumer);
		return NULL;
	}
	return consumer;
}

static void free_topics(struct consumer *consumer)
{
	for (uint32_t i = 0; i < consumer->topic_count; i++)
		if (consumer->topics[i]) {
			free(consumer->topics[i]->owners);
			free(consumer->topics[i]);
		}
	free(consumer->topics);
	name_table_fini(&consumer->topic_ids);
}

void consumer_destroy(struct consumer *consumer)
{
	LIST_FOR_EACH_SAFE(node, &consumer->members)
		consumer__remove(consumer__member_at(node));
	if (consumer->empty_set)
		consumer__set_release(consumer, consumer->empty_set);
	LIST_FOR_EACH_SAFE(node, &consumer->pattern_list) /* of records: nobody uses them */
		consumer__pattern_free(consumer, LIST_ENTRY(node, struct group_pattern, node));
	free_topics(consumer);
	name_table_fini(&consumer->ids);
	name_table_fini(&consumer->instances);
	name_table_fini(&consumer->names);
	name_table_fini(&consumer->sets);
	name_table_fini(&consumer->patterns);
	group__give_back(consumer__coordinator(consumer), consumer->memory_bytes);
	free(consumer);
}

void consumer_set_image(struct consumer *consumer)
{
	consumer->is_metadata_old = true;
	consumer__refresh_terms(consumer);
}

uint64_t consumer_state_size(const struct consumer *consumer)
{
	return consumer->memory_bytes;
}

/* ---- timers --------------------------------------------------------------------------------------------------------------------------- */

static void fence_for(struct consumer_member *member, const char *why, int32_t after_ms)
{
	struct consumer *consumer = member->consumer;
	group__note(consumer__coordinator(consumer), "group %.*s: member %.*s is fenced: %s within %d ms (member epoch %d, group epoch %d)",
		    NAME_ARGUMENTS(slice_from(consumer->group->id)), NAME_ARGUMENTS(consumer__member_id(member)), why, after_ms, member->epoch,
		    consumer->epoch);
	consumer__fence(consumer, &member, 1);
}

static int32_t session_timeout_ms(const struct consumer_member *member)
{
	return member->classic ? member->classic->session_timeout_ms : consumer__session_timeout_ms(member->consumer);
}

static void session_due(struct io_timer *timer)
{
	struct consumer_member *member = CONTAINER_OF(timer, struct consumer_member, session);
	fence_for(member, "no heartbeat", session_timeout_ms(member));
}

void consumer__touch(struct consumer_member *member)
{
	struct coordinator *coordinator = consumer__coordinator(member->consumer);
	member->session.run = session_due;
	io_timers_set(&coordinator->timers, &member->session, group__in_ms(coordinator, session_timeout_ms(member)));
}

static void rebalance_due(struct io_timer *timer)
{
	struct consumer_member *member = CONTAINER_OF(timer, struct consumer_member, rebalance);
	if (member->epoch == member->rebalance_epoch)
		fence_for(member, "it did not give up its partitions", member->rebalance_timeout_ms);
}

void consumer__arm_rebalance(struct consumer_member *member)
{
	struct coordinator *coordinator = consumer__coordinator(member->consumer);
	if (member->classic)
		return;
	if (member->state != MEMBER_UNREVOKED) {
		io_timers_cancel(&coordinator->timers, &member->rebalance);
		return;
	}
	member->rebalance.run = rebalance_due;
	member->rebalance_epoch = member->epoch;
	io_timers_set(&coordinator->timers, &member->rebalance, group__in_ms(coordinator, member->rebalance_timeout_ms));
}

void consumer__cancel_timers(struct consumer_member *member)
{
	struct io_timers *timers = &consumer__coordinator(member->consumer)->timers;
	io_timers_cancel(timers, &member->session);
	io_timers_cancel(timers, &member->rebalance);
	io_timers_cancel(timers, &member->join);
	io_timers_cancel(timers, &member->sync);
}

/* Patterns whose last member has gone: their tombstone is in the log, or will come when the group's do. */
static void forget_unused_patterns(struct consumer *consumer)
{
	LIST_FOR_EACH_SAFE(node, &consumer->pattern_list) {
		struct group_pattern *pattern = LIST_ENTRY(node, struct group_pattern, node);
		if (pattern->user_count == 0)
			consumer__pattern_free(consumer, pattern);
	}
}

void consumer_loaded(struct consumer *consumer)
{
	forget_unused_patterns(consumer);
	LIST_FOR_EACH(node, &consumer->members) {
		struct consumer_member *member = consumer__member_at(node);
		consumer__touch(member);
		consumer__arm_rebalance(member);
	}
}

/* ---- fencing ------------------------------------------------------------------------------------------------------------------------------ */

/* The last user of a pattern goes. */
static void forget_pattern(struct consumer_member *member)
{
	struct consumer *consumer = member->consumer;
	if (member->pattern && member->pattern->user_count == 1)
		consumer__emit_pattern_tombstone(consumer, member->pattern->entry.name);
	consumer__set_pattern(member, NULL);
}

void consumer__fence(struct consumer *consumer, struct consumer_member **members, uint32_t count)
{
	if (count == 0 || consumer__downgrade_without(consumer, members, count))
		return;
	for (uint32_t i = 0; i < count; i++)
		consumer__emit_member_tombstones(consumer, consumer__member_id(members[i]));
	for (uint32_t i = 0; i < count; i++) {
		forget_pattern(members[i]);
		consumer__remove(members[i]);
	}
	if (!consumer__metadata_hash(consumer, &consumer->metadata_hash))
		consumer__broken(consumer);
	consumer->epoch++;
	consumer__emit_epoch(consumer);
}

/* ---- what others ask -------------------------------------------------------------------------------------------------------------------------- */

bool consumer_is_empty(const struct consumer *consumer)
{
	return list_is_empty(&consumer->members);
}

const char *consumer_state_name(const struct consumer *consumer)
{
	if (consumer_is_empty(consumer))
		return "Empty";
	if (consumer->epoch > consumer->assignment_epoch)
		return "Assigning";
	LIST_FOR_EACH(node, &consumer->members)
		if (!consumer__is_reconciled(consumer__member_at(node)))
			return "Reconciling";
	return "Stable";
}

/* A member of the classic protocol is told what its protocol knows. */
static enum kerr stale(const struct consumer_member *member)
{
	return member->classic ? KERR_ILLEGAL_GENERATION : KERR_STALE_MEMBER_EPOCH;
}

enum kerr consumer_check_commit(const struct consumer *consumer, struct slice member_id, int32_t epoch, int16_t version, bool is_transactional,
				struct consumer_commit *out)
{
	*out = (struct consumer_commit){0};
	if (epoch < 0 && consumer_is_empty(consumer))
		return KERR_NONE;
	if (is_transactional && epoch == -1 && member_id.size == 0)
		return KERR_NONE;
	const struct consumer_member *member = consumer__find(consumer, member_id);
	if (!member)
		return KERR_UNKNOWN_MEMBER_ID;
	if (!is_transactional && !member->classic && version < 9)
		return KERR_UNSUPPORTED_VERSION;
	if (epoch > member->epoch)
		return stale(member);
	if (epoch < member->epoch)
		*out = (struct consumer_commit){.member = member, .epoch = epoch};
	return KERR_NONE;
}

/* A commit of an older epoch is good for what the member has owned since then at least: nobody else can have owned it in between. */
enum kerr consumer_check_commit_partition(const struct consumer_commit *commit, const struct uuid *topic_id, int32_t partition)
{
	const struct consumer_member *member = commit->member;
	if (!member)
		return KERR_NONE;
	const struct group_topic *topic = consumer__find_topic(member->consumer, topic_id);
	const struct owned_partition *owned = NULL;
	if (topic)
		owned = partition_list_find(&member->assigned, topic->number, partition);
	if (topic && !owned)
		owned = partition_list_find(&member->revoking, topic->number, partition);
	return owned && commit->epoch >= owned->epoch ? KERR_NONE : stale(member);
}

enum kerr consumer_check_fetch(const struct consumer *consumer, struct slice member_id, int32_t epoch)
{
	if (!member_id.data && epoch < 0)
		return KERR_NONE;
	const struct consumer_member *member = member_id.data ? consumer__find(consumer, member_id) : NULL;
	if (!member)
		return KERR_UNKNOWN_MEMBER_ID;
	return epoch == member->epoch ? KERR_NONE : stale(member);
}
