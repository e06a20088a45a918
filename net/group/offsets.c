/* The table of a group's committed offsets, and what makes them go: time, deleted topics, the group's end.
 *
 * Topics are an array sorted by name, each with its partitions, an array sorted by number: most groups read few topics, some read
 * thousands, and both are found by bisection in memory as small as it can be. Happy path: offsets_put overwrites in place.
 * Failure modes: memory, the machine's or the bound of groups: then nothing has changed. */
#include "net/group/offsets.h"

#include "log/base/check.h"
#include "net/group/classic.h"
#include "net/group/consumer.h"

#include <errno.h>
#include <stdlib.h>

#define TOPICS_AT_FIRST 2
#define RECORD_OVERHEAD 40     /* of a record in its batch, with the fixed fields of key and value */

struct offset_topic {
	struct committed_offset *partitions;
	uint32_t count, capacity;
	uint32_t name_size;
	uint8_t name[];
};

struct offsets {
	struct offset_topic **topics;
	uint32_t count, capacity;
	uint64_t charged;              /* bytes that group__charge knows of */
	uint64_t state_size;
};

/* ---- memory, charged ---------------------------------------------------------------------------------------------------------------------- */

static bool charge(struct group *group, uint64_t bytes, bool is_bounded)
{
	if (is_bounded && !group__charge(group->coordinator, bytes))
		return false;
	if (!is_bounded)
		group__charge_anyway(group->coordinator, bytes);
	group->offsets->charged += bytes;
	return true;
}

static void give_back(struct group *group, uint64_t bytes)
{
	group__give_back(group->coordinator, bytes);
	group->offsets->charged -= bytes;
}

/* An array with room for one more; NULL: no memory, and the old one is as it was. */
static void *grow(struct group *group, void *items, uint32_t *capacity, uint32_t at_first, size_t item_size, bool is_bounded)
{
	uint32_t wanted = *capacity ? *capacity * 2 : at_first;
	uint64_t more = (uint64_t)(wanted - *capacity) * item_size;
	if (!charge(group, more, is_bounded))
		return NULL;
	void *larger = reallocarray(items, wanted, item_size);
	if (!larger)
		give_back(group, more);
	else
		*capacity = wanted;
	return larger;
}

/* ---- finding -------------------------------------------------------------------------------------------------------------------------------- */

static struct slice topic_name(const struct offset_topic *topic)
{
	return (struct slice){topic->name, topic->name_size};
}

static int compare(struct slice a, struct slice b)
{
	int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* Where the topic is, or would be. */
static uint32_t topic_index(const struct offsets *offsets, struct slice name)
{
	uint32_t low = 0, high = offsets->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare(topic_name(offsets->topics[middle]), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct offset_topic *find_topic(const struct offsets *offsets, struct slice name)
{
	uint32_t i = topic_index(offsets, name);
	return i < offsets->count && compare(topic_name(offsets->topics[i]), name) == 0 ? offsets->topics[i] : NULL;
}

static uint32_t partition_index(const struct offset_topic *topic, int32_t partition)
{
	uint32_t low = 0, high = topic->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (topic->partitions[middle].partition < partition)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct committed_offset *find_partition(const struct offset_topic *topic, int32_t partition)
{
	uint32_t i = partition_index(topic, partition);
	return i < topic->count && topic->partitions[i].partition == partition ? &topic->partitions[i] : NULL;
}

const struct committed_offset *offsets_find(const struct group *group, struct slice topic_name, int32_t partition)
{
	struct offset_topic *topic = find_topic(group->offsets, topic_name);
	return topic ? find_partition(topic, partition) : NULL;
}

bool offsets_is_empty(const struct group *group)
{
	return group->offsets->count == 0;
}

uint32_t offsets_topic_count(const struct group *group)
{
	return group->offsets->count;
}

struct slice offsets_topic(const struct group *group, uint32_t i, const struct committed_offset **partitions, uint32_t *count)
{
	const struct offset_topic *topic = group->offsets->topics[i];
	*partitions = topic->partitions;
	*count = topic->count;
	return topic_name(topic);
}

/* ---- storing -------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t record_size(const struct group *group, const struct offset_topic *topic, uint32_t metadata_size)
{
	return RECORD_OVERHEAD + group->id_size + topic->name_size + metadata_size;
}

static size_t topic_size(uint32_t name_size)
{
	return sizeof(struct offset_topic) + name_size;
}

static struct offset_topic *add_topic(struct group *group, struct slice name, bool is_bounded)
{
	struct offsets *offsets = group->offsets;
	if (offsets->count == offsets->capacity) {
		void *larger = grow(group, offsets->topics, &offsets->capacity, TOPICS_AT_FIRST, sizeof *offsets->topics, is_bounded);
		if (!larger)
			return NULL;
		offsets->topics = larger;
	}
	if (!charge(group, topic_size((uint32_t)name.size), is_bounded))
		return NULL;
	struct offset_topic *topic = calloc(1, topic_size((uint32_t)name.size));
	if (!topic) {
		give_back(group, topic_size((uint32_t)name.size));
		return NULL;
	}
	topic->name_size = (uint32_t)name.size;
	memcpy(topic->name, name.data, name.size);
	uint32_t i = topic_index(offsets, name);
	memmove(&offsets->topics[i + 1], &offsets->topics[i], (offsets->count - i) * sizeof *offsets->topics);
	offsets->topics[i] = topic;
	offsets->count++;
	return topic;
}

static void drop_topic(struct group *group, uint32_t i)
{
	struct offsets *offsets = group->offsets;
	struct offset_topic *topic = offsets->topics[i];
	for (uint32_t k = 0; k < topic->count; k++) {
		offsets->state_size -= record_size(group, topic, topic->partitions[k].metadata_size);
		give_back(group, topic->partitions[k].metadata_size);
		free(topic->partitions[k].metadata);
	}
	give_back(group, topic_size(topic->name_size) + (uint64_t)topic->capacity * sizeof *topic->partitions);
	free(topic->partitions);
	free(topic);
	offsets->count--;
	memmove(&offsets->topics[i], &offsets->topics[i + 1], (offsets->count - i) * sizeof *offsets->topics);
}

/* A topic that no partition could be added to does not stay. */
static void drop_if_empty(struct group *group, struct offset_topic *topic)
{
	if (topic->count == 0)
		drop_topic(group, topic_index(group->offsets, topic_name(topic)));
}

static struct committed_offset *add_partition(struct group *group, struct offset_topic *topic, int32_t partition, bool is_bounded)
{
	if (topic->count == topic->capacity) {
		void *larger = grow(group, topic->partitions, &topic->capacity, 1, sizeof *topic->partitions, is_bounded);
		if (!larger)
			return NULL;
		topic->partitions = larger;
	}
	uint32_t i = partition_index(topic, partition);
	memmove(&topic->partitions[i + 1], &topic->partitions[i], (topic->count - i) * sizeof *topic->partitions);
	topic->partitions[i] = (struct committed_offset){.partition = partition};
	topic->count++;
	group->offsets->state_size += record_size(group, topic, 0);
	return &topic->partitions[i];
}

static bool copy_metadata(struct group *group, struct slice metadata, bool is_bounded, uint8_t **copy)
{
	*copy = NULL;
	if (metadata.size == 0)
		return true;
	if (!charge(group, metadata.size, is_bounded))
		return false;
	*copy = malloc(metadata.size);
	if (!*copy) {
		give_back(group, metadata.size);
		return false;
	}
	memcpy(*copy, metadata.data, metadata.size);
	return true;
}

bool offsets_put(struct group *group, struct slice name, const struct committed_offset *committed, struct slice metadata, bool is_bounded)
{
	uint8_t *copy;
	if (!copy_metadata(group, metadata, is_bounded, &copy))
		return false;
	struct offset_topic *topic = find_topic(group->offsets, name);
	if (!topic)
		topic = add_topic(group, name, is_bounded);
	struct committed_offset *slot = topic ? find_partition(topic, committed->partition) : NULL;
	if (topic && !slot)
		slot = add_partition(group, topic, committed->partition, is_bounded);
	if (!slot) {
		if (topic)
			drop_if_empty(group, topic);
		if (copy)
			give_back(group, metadata.size);
		free(copy);
		return false;
	}
	group->offsets->state_size += metadata.size;
	group->offsets->state_size -= slot->metadata_size;
	give_back(group, slot->metadata_size);
	free(slot->metadata);
	*slot = *committed;
	slot->metadata = copy;
	slot->metadata_size = (uint32_t)metadata.size;
	return true;
}

static void remove_partition(struct group *group, struct offset_topic *topic, struct committed_offset *slot)
{
	group->offsets->state_size -= record_size(group, topic, slot->metadata_size);
	give_back(group, slot->metadata_size);
	free(slot->metadata);
	uint32_t i = (uint32_t)(slot - topic->partitions);
	topic->count--;
	memmove(slot, slot + 1, (topic->count - i) * sizeof *slot);
	drop_if_empty(group, topic);
}

/* ---- records -------------------------------------------------------------------------------------------------------------------------------- */

static void message_of(struct group_message *message, const struct group *group, struct slice topic, int32_t partition)
{
	group_message_init(message, GROUP_RECORD_offset_commit);
	message->key.offset_commit = (struct kmsg_offset_commit_key){group__id(group), topic, partition};
}

void offsets_emit(struct group *group, struct slice topic, const struct committed_offset *committed)
{
	struct group_message message;
	message_of(&message, group, topic, committed->partition);
	message.value.offset_commit = (struct kmsg_offset_commit_value){
		.offset = committed->offset,
		.leader_epoch = committed->leader_epoch,
		.metadata = {committed->metadata, committed->metadata_size},
		.commit_timestamp = committed->commit_ms,
		.expire_timestamp = committed->expire_ms,
		.topic_id = committed->topic_id,
	};
	group_record_emit(group->coordinator, &message);
}

static void emit_tombstone(struct group *group, struct slice topic, int32_t partition)
{
	struct group_message message;
	message_of(&message, group, topic, partition);
	message.is_tombstone = true;
	group_record_emit(group->coordinator, &message);
}

bool offsets_delete(struct group *group, struct slice name, int32_t partition)
{
	struct offset_topic *topic = find_topic(group->offsets, name);
	struct committed_offset *slot = topic ? find_partition(topic, partition) : NULL;
	if (!slot)
		return false;
	emit_tombstone(group, name, partition);
	remove_partition(group, topic, slot);
	return true;
}

static void drop_all(struct group *group)
{
	while (group->offsets->count)
		drop_topic(group, group->offsets->count - 1);
}

void offsets_delete_all(struct group *group)
{
	const struct offsets *offsets = group->offsets;
	for (uint32_t i = 0; i < offsets->count; i++)
		for (uint32_t k = 0; k < offsets->topics[i]->count; k++)
			emit_tombstone(group, topic_name(offsets->topics[i]), offsets->topics[i]->partitions[k].partition);
	drop_all(group);
}

void offsets_snapshot(struct group *group)
{
	const struct offsets *offsets = group->offsets;
	for (uint32_t i = 0; i < offsets->count; i++)
		for (uint32_t k = 0; k < offsets->topics[i]->count; k++)
			offsets_emit(group, topic_name(offsets->topics[i]), &offsets->topics[i]->partitions[k]);
}

uint64_t offsets_state_size(const struct group *group)
{
	return group->offsets->state_size;
}

static void replay_tombstone(struct group *group, struct slice name, int32_t partition)
{
	struct offset_topic *topic = find_topic(group->offsets, name);
	struct committed_offset *slot = topic ? find_partition(topic, partition) : NULL;
	if (slot)
		remove_partition(group, topic, slot);
}

int offsets_replay(struct coordinator *coordinator, const struct group_message *message)
{
	const struct kmsg_offset_commit_key *key = &message->key.offset_commit;
	const struct kmsg_offset_commit_value *value = &message->value.offset_commit;
	struct group *group = group__find(coordinator, key->group);
	if (message->is_tombstone) {
		if (group)
			replay_tombstone(group, key->topic, key->partition);
		return 0;
	}
	if (!group)
		group = group__replayed(coordinator, key->group);
	struct committed_offset committed = {
		.partition = key->partition,
		.leader_epoch = value->leader_epoch,
		.offset = value->offset,
		.commit_ms = value->commit_timestamp,
		.expire_ms = value->expire_timestamp,
		.topic_id = value->topic_id,
	};
	return group && offsets_put(group, key->topic, &committed, value->metadata, false) ? 0 : -ENOMEM;
}

/* ---- birth and death ------------------------------------------------------------------------------------------------------------------------ */

struct offsets *offsets_create(struct group *group)
{
	return calloc(1, sizeof(struct offsets));
}

void offsets_destroy(struct group *group)
{
	struct offsets *offsets = group->offsets;
	drop_all(group);
	give_back(group, offsets->capacity * sizeof *offsets->topics);
	CHECK(offsets->charged == 0 && offsets->state_size == 0);
	free(offsets->topics);
	free(offsets);
	group->offsets = NULL;
}

/* ---- what time takes ------------------------------------------------------------------------------------------------------------------------ */

/* When Kafka would let a group's offsets go: false: none of them now. *since_ms: counted from this wall time; -1: from each commit. */
static bool find_expiry(struct group *group, int64_t *since_ms)
{
	*since_ms = -1;
	return group->consumer || classic_expiry(group, since_ms);
}

static bool subscribes(struct group *group, struct slice topic)
{
	return group->consumer ? consumer_subscribes(group->consumer, topic) : classic_subscribes(group, topic);
}

static bool is_expired(const struct committed_offset *committed, int64_t since_ms, int64_t now_ms, int64_t retention_ms)
{
	if (committed->expire_ms != -1)
		return now_ms >= committed->expire_ms;
	return now_ms - (since_ms >= 0 ? since_ms : committed->commit_ms) >= retention_ms;
}

/* Backwards, because what goes is taken out of the array; with its last partition, the topic goes. */
static void expire_topic(struct group *group, struct offset_topic *topic, int64_t since_ms)
{
	const struct coordinator *coordinator = group->coordinator;
	int64_t now_ms = coordinator->clock.wall_ms - coordinator->clock.doubt_ms;
	for (uint32_t k = topic->count; k-- > 0;) {
		const struct committed_offset *committed = &topic->partitions[k];
		if (is_expired(committed, since_ms, now_ms, coordinator->config.offsets_retention_ms))
			(void)offsets_delete(group, topic_name(topic), committed->partition);
	}
}

static void expire_group(struct group *group)
{
	int64_t since_ms;
	if (!offsets_is_empty(group) && !find_expiry(group, &since_ms))
		return;
	for (uint32_t i = group->offsets->count; i-- > 0;)
		if (!subscribes(group, topic_name(group->offsets->topics[i])))
			expire_topic(group, group->offsets->topics[i], since_ms);
	if (offsets_is_empty(group) && group__is_empty(group))
		group__delete(group);
}

void offsets_expire(struct coordinator *coordinator)
{
	LIST_FOR_EACH_SAFE(node, &coordinator->groups)
		expire_group(LIST_ENTRY(node, struct group, node));
}

/* ---- what deleted topics take --------------------------------------------------------------------------------------------------------------- */

static bool is_topic_gone(const struct topic *topic, const struct catalog_image *now)
{
	return !catalog_topic_by_id(now, &topic->id);
}

static bool any_topic_gone(const struct catalog_image *before, const struct catalog_image *now)
{
	for (uint32_t i = 0; i < before->topic_count; i++)
		if (is_topic_gone(before->topics[i], now))
			return true;
	return false;
}

/* Was this committed to a topic that is no more? A topic of the same name may have taken its place. */
static bool is_orphan(const struct committed_offset *committed, struct slice name, const struct catalog_image *before,
		      const struct catalog_image *now)
{
	if (!uuid_is_zero(&committed->topic_id))
		return !catalog_topic_by_id(now, &committed->topic_id);
	const struct topic *topic = before ? catalog_topic_by_name(before, name) : NULL;
	return topic ? is_topic_gone(topic, now) : !catalog_topic_by_name(now, name);
}

static void drop_orphans(struct group *group, struct offset_topic *topic, const struct catalog_image *before, const struct catalog_image *now)
{
	for (uint32_t k = topic->count; k-- > 0;) {
		const struct committed_offset *committed = &topic->partitions[k];
		if (is_orphan(committed, topic_name(topic), before, now))
			(void)offsets_delete(group, topic_name(topic), committed->partition);
	}
}

void offsets_topics_changed(struct coordinator *coordinator, const struct catalog_image *before, const struct catalog_image *now)
{
	if (before && !any_topic_gone(before, now))
		return;
	LIST_FOR_EACH(node, &coordinator->groups) {
		struct group *group = LIST_ENTRY(node, struct group, node);
		for (uint32_t i = group->offsets->count; i-- > 0;)
			drop_orphans(group, group->offsets->topics[i], before, now);
	}
}
