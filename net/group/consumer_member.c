/* Members of a consumer group, and who owns which partition.
 *
 * A partition is owned by the member that has it assigned or still has to give it up; nobody else gets it until that member has said that it no
 * longer has it. The owner stands in the topic's array, so that the question costs one look.
 *
 * Failure mode: memory; the caller then calls consumer__broken, and everything here is still safe to free. */
#include <stdlib.h>

#include "log/base/check.h"
#include "log/catalog/catalog.h"
#include "net/group/consumer_priv.h"

/* ---- strings -------------------------------------------------------------------------------------------------------------------------- */

bool consumer__remember(struct consumer *consumer, struct slice *target, struct slice value)
{
	uint8_t *copy = NULL;
	if (value.data) {
		copy = malloc(value.size + 1);
		if (!copy)
			return false;
		if (value.size)
			memcpy(copy, value.data, value.size);
		copy[value.size] = '\0';
		consumer__charge(consumer, value.size + 1);
	}
	consumer__forget(consumer, target);
	*target = (struct slice){copy, value.data ? value.size : 0};
	return true;
}

void consumer__forget(struct consumer *consumer, struct slice *target)
{
	if (!target->data)
		return;
	consumer__give_back(consumer, target->size + 1);
	free((void *)target->data);
	*target = (struct slice){0};
}

/* ---- topics, and who owns what -------------------------------------------------------------------------------------------------------------- */

struct group_topic *consumer__find_topic(const struct consumer *consumer, const struct uuid *id)
{
	struct name_entry *entry = name_table_find(&consumer->topic_ids, (struct slice){id->bytes, sizeof id->bytes});
	return entry ? CONTAINER_OF(entry, struct group_topic, entry) : NULL;
}

static bool grow_topics(struct consumer *consumer)
{
	uint32_t capacity = consumer->topic_capacity ? consumer->topic_capacity * 2 : 8;
	struct group_topic **topics = realloc(consumer->topics, capacity * sizeof *topics);
	if (!topics)
		return false;
	consumer__charge(consumer, (capacity - consumer->topic_capacity) * sizeof *topics);
	consumer->topics = topics;
	consumer->topic_capacity = capacity;
	return true;
}

/* The first place that a sweep has left, or the next. */
static uint32_t free_number(const struct consumer *consumer)
{
	uint32_t number = 0;
	if (consumer->topics_used == consumer->topic_count)
		return consumer->topic_count;
	while (consumer->topics[number])
		number++;
	return number;
}

struct group_topic *consumer__topic(struct consumer *consumer, const struct uuid *id)
{
	struct group_topic *topic = consumer__find_topic(consumer, id);
	if (topic)
		return topic;
	uint32_t number = free_number(consumer);
	if (number == consumer->topic_capacity && !grow_topics(consumer))
		return NULL;
	topic = calloc(1, sizeof *topic);
	if (!topic)
		return NULL;
	topic->id = *id;
	topic->number = number;
	consumer->topics[number] = topic;
	consumer->topics_used++;
	if (number == consumer->topic_count)
		consumer->topic_count++;
	name_table_add(&consumer->topic_ids, &topic->entry, (struct slice){topic->id.bytes, sizeof topic->id.bytes});
	consumer__charge(consumer, sizeof *topic);
	return topic;
}

static void free_topic(struct consumer *consumer, struct group_topic *topic)
{
	consumer__give_back(consumer, sizeof *topic + topic->owner_count * sizeof *topic->owners);
	name_table_remove(&consumer->topic_ids, &topic->entry);
	consumer->topics[topic->number] = NULL;
	consumer->topics_used--;
	free(topic->owners);
	free(topic);
}

static void mark_list(struct consumer *consumer, const struct partition_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		consumer->topics[list->items[i].topic]->is_marked = true;
}

static void mark_names(struct consumer *consumer)
{
	for (uint32_t i = 0; i <= consumer->names.mask; i++)
		for (struct name_entry *entry = consumer->names.buckets[i]; entry; entry = entry->chain) {
			const struct topic_name *name = CONTAINER_OF(entry, struct topic_name, entry);
			if (name->topic != TOPIC_NONE)
				consumer->topics[name->topic]->is_marked = true;
		}
}

void consumer__sweep_topics(struct consumer *consumer)
{
	if (consumer->topics_used <= 2 * consumer->topics_swept + 64)
		return;
	for (uint32_t i = 0; i < consumer->topic_count; i++)
		if (consumer->topics[i])
			consumer->topics[i]->is_marked = false;
	LIST_FOR_EACH(node, &consumer->members) {
		const struct consumer_member *member = consumer__member_at(node);
		mark_list(consumer, &member->assigned);
		mark_list(consumer, &member->revoking);
		mark_list(consumer, &member->target);
	}
	mark_names(consumer);
	for (uint32_t i = 0; i < consumer->topic_count; i++)
		if (consumer->topics[i] && !consumer->topics[i]->is_marked)
			free_topic(consumer, consumer->topics[i]);
	consumer->topics_swept = consumer->topics_used;
}

bool consumer__is_free(const struct consumer *consumer, uint32_t number, int32_t partition)
{
	const struct group_topic *topic = consumer->topics[number];
	return partition < 0 || (uint32_t)partition >= topic->owner_count || !topic->owners[partition];
}

static bool grow_owners(struct consumer *consumer, struct group_topic *topic, uint32_t count)
{
	struct consumer_member **owners = realloc(topic->owners, count * sizeof *owners);
	if (!owners)
		return false;
	memset(owners + topic->owner_count, 0, (count - topic->owner_count) * sizeof *owners);
	consumer__charge(consumer, (count - topic->owner_count) * sizeof *owners);
	topic->owners = owners;
	topic->owner_count = count;
	return true;
}

/* Partitions beyond what any topic may have can only come from a damaged record: they are nobody's, and nobody asks for them. */
static bool own(struct consumer_member *member, const struct partition_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct group_topic *topic = member->consumer->topics[list->items[i].topic];
		int32_t partition = list->items[i].partition;
		if (partition < 0 || partition >= TOPIC_PARTITIONS_MAX)
			continue;
		uint32_t room = (uint32_t)partition + 1 > topic->owner_count * 2 ? (uint32_t)partition + 1 : topic->owner_count * 2;
		if ((uint32_t)partition >= topic->owner_count && !grow_owners(member->consumer, topic, room))
			return false;
		topic->owners[partition] = member;
	}
	return true;
}

static void disown(struct consumer_member *member, const struct partition_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct group_topic *topic = member->consumer->topics[list->items[i].topic];
		int32_t partition = list->items[i].partition;
		if (partition >= 0 && (uint32_t)partition < topic->owner_count && topic->owners[partition] == member)
			topic->owners[partition] = NULL;
	}
}

static bool replace_list(struct consumer *consumer, struct partition_list *target, const struct partition_list *list)
{
	if (partition_list_equal(target, list))
		return true;
	consumer__charge(consumer, list->count * sizeof *list->items);
	consumer__give_back(consumer, target->count * sizeof *target->items);
	if (partition_list_assign(target, list->items, list->count) == 0)
		return true;
	consumer__charge(consumer, target->count * sizeof *target->items);
	consumer__give_back(consumer, list->count * sizeof *list->items);
	return false;
}

bool consumer__set_partitions(struct consumer_member *member, const struct partition_list *assigned, const struct partition_list *revoking)
{
	disown(member, &member->assigned);
	disown(member, &member->revoking);
	member->assigned_version += !partition_list_equal(&member->assigned, assigned);
	bool is_done = replace_list(member->consumer, &member->assigned, assigned) && replace_list(member->consumer, &member->revoking, revoking);
	return own(member, &member->assigned) && own(member, &member->revoking) && is_done;
}

bool consumer__set_target(struct consumer_member *member, const struct partition_list *target)
{
	return replace_list(member->consumer, &member->target, target);
}

/* ---- members ------------------------------------------------------------------------------------------------------------------------------------ */

struct consumer_member *consumer__find(const struct consumer *consumer, struct slice member_id)
{
	struct name_entry *entry = name_table_find(&consumer->ids, member_id);
	return entry ? CONTAINER_OF(entry, struct consumer_member, by_id) : NULL;
}

struct consumer_member *consumer__find_static(const struct consumer *consumer, struct slice instance_id)
{
	struct name_entry *entry = name_table_find(&consumer->instances, instance_id);
	return entry ? CONTAINER_OF(entry, struct consumer_member, by_instance) : NULL;
}

static void free_strings(struct consumer_member *member)
{
	struct consumer *consumer = member->consumer;
	consumer__forget(consumer, &member->by_id.name);
	consumer__forget(consumer, &member->by_instance.name);
	consumer__forget(consumer, &member->rack_id);
	consumer__forget(consumer, &member->client_id);
	consumer__forget(consumer, &member->client_host);
	consumer__forget(consumer, &member->assignor);
}

struct consumer_member *consumer__add(struct consumer *consumer, struct slice member_id)
{
	struct consumer_member *member = calloc(1, sizeof *member);
	struct slice id = {0};
	if (!member)
		return NULL;
	member->consumer = consumer;
	if (!consumer__remember(consumer, &id, member_id) || !consumer__remember(consumer, &member->client_id, SLICE_EMPTY) ||
	    !consumer__remember(consumer, &member->client_host, SLICE_EMPTY)) {
		consumer__forget(consumer, &id);
		free_strings(member);
		free(member);
		return NULL;
	}
	consumer__charge(consumer, sizeof *member);
	member->previous_epoch = -1;
	member->rebalance_timeout_ms = -1;
	member->subscription = consumer->empty_set;
	member->subscription->user_count++;
	name_table_add(&consumer->ids, &member->by_id, id);
	list_push_back(&consumer->members, &member->node);
	consumer->member_count++;
	return member;
}

void consumer__remove(struct consumer_member *member)
{
	struct consumer *consumer = member->consumer;
	consumer__cancel_timers(member);
	disown(member, &member->assigned);
	disown(member, &member->revoking);
	consumer__give_back(consumer, ((uint64_t)member->assigned.count + member->revoking.count + member->target.count) * sizeof *member->assigned.items);
	partition_list_free(&member->assigned);
	partition_list_free(&member->revoking);
	partition_list_free(&member->target);
	consumer__set_pattern(member, NULL);
	consumer__set_classic(member, NULL);
	consumer__set_release(consumer, member->subscription);
	name_table_remove(&consumer->ids, &member->by_id);
	if (member->by_instance.name.data)
		name_table_remove(&consumer->instances, &member->by_instance);
	list_remove(&member->node);
	consumer->member_count--;
	free_strings(member);
	consumer__give_back(consumer, sizeof *member);
	free(member);
}

bool consumer__rename(struct consumer_member *member, struct slice member_id)
{
	struct slice id = {0};
	if (!consumer__remember(member->consumer, &id, member_id))
		return false;
	name_table_remove(&member->consumer->ids, &member->by_id);
	consumer__forget(member->consumer, &member->by_id.name);
	name_table_add(&member->consumer->ids, &member->by_id, id);
	return true;
}

bool consumer__set_instance(struct consumer_member *member, struct slice instance_id)
{
	struct slice id = {0};
	if (slice_equal(member->by_instance.name, instance_id))
		return true;
	if (!consumer__remember(member->consumer, &id, instance_id))
		return false;
	if (member->by_instance.name.data)
		name_table_remove(&member->consumer->instances, &member->by_instance);
	consumer__forget(member->consumer, &member->by_instance.name);
	if (!id.data)
		return true;
	struct consumer_member *other = consumer__find_static(member->consumer, id);
	if (other) { /* only records can say so: the later one wins, as in Kafka */
		name_table_remove(&member->consumer->instances, &other->by_instance);
		consumer__forget(member->consumer, &other->by_instance.name);
	}
	name_table_add(&member->consumer->instances, &member->by_instance, id);
	return true;
}

void consumer__set_subscription(struct consumer_member *member, struct topic_set *set)
{
	set->user_count++;
	consumer__set_release(member->consumer, member->subscription);
	member->subscription = set;
}

void consumer__set_pattern(struct consumer_member *member, struct group_pattern *pattern)
{
	if (pattern)
		pattern->user_count++;
	if (member->pattern)
		consumer__pattern_release(member->consumer, member->pattern);
	member->pattern = pattern;
}

void consumer__set_classic(struct consumer_member *member, struct classic_side *classic)
{
	struct consumer *consumer = member->consumer;
	if (classic) {
		consumer__charge(consumer, classic->size);
		consumer->classic_count++;
	}
	if (member->classic) {
		consumer__give_back(consumer, member->classic->size);
		consumer->classic_count--;
		free(member->classic);
	}
	member->classic = classic;
}
