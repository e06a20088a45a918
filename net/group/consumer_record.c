/* A consumer group as records of __consumer_offsets, and from them.
 *
 * One record for the group's epoch, one for the target's; and for each member three: what it said, what it is to own, how far it is. A pattern has one.
 * Replay takes them in any order that a log can have after compaction: what is there twice, the later record is right.
 *
 * Failure modes: memory; a record that asks for what cannot be (a partition number beyond all topics') is taken as far as it makes sense. */
#include <errno.h>
#include <stdlib.h>

#include "log/catalog/catalog.h"
#include "net/group/consumer_priv.h"
#include "net/group/offsets.h"

/* ---- to records --------------------------------------------------------------------------------------------------------------------------- */

static struct slice group_id(const struct consumer *consumer)
{
	return (struct slice){(const uint8_t *)consumer->group->id, consumer->group->id_size};
}

static void emit(const struct consumer *consumer, const struct group_message *message)
{
	group_record_emit(consumer__coordinator(consumer), message);
}

void consumer__emit_epoch(struct consumer *consumer)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_consumer_group_metadata);
	message.key.consumer_group_metadata.group_id = group_id(consumer);
	message.value.consumer_group_metadata.epoch = consumer->epoch;
	message.value.consumer_group_metadata.metadata_hash = consumer->metadata_hash;
	emit(consumer, &message);
}

void consumer__emit_target_epoch(struct consumer *consumer)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_consumer_group_target_assignment_metadata);
	message.key.consumer_group_target_assignment_metadata.group_id = group_id(consumer);
	message.value.consumer_group_target_assignment_metadata.assignment_epoch = consumer->assignment_epoch;
	message.value.consumer_group_target_assignment_metadata.assignment_timestamp = consumer->assignment_time_ms;
	emit(consumer, &message);
}

static bool describe_classic(const struct classic_side *classic, struct kmsg_group_record_classic_member_metadata *out, struct arena *arena)
{
	out->session_timeout_ms = classic->session_timeout_ms;
	out->supported_protocols.items = arena_alloc(arena, classic->protocol_count * sizeof *out->supported_protocols.items);
	if (!out->supported_protocols.items)
		return false;
	out->supported_protocols.count = (int32_t)classic->protocol_count;
	for (uint32_t i = 0; i < classic->protocol_count; i++) {
		out->supported_protocols.items[i].name = classic->protocols[i].name;
		out->supported_protocols.items[i].metadata = classic->protocols[i].metadata;
	}
	return true;
}

static bool list_set(const struct topic_set *set, struct slice **items, int32_t *count, struct arena *arena)
{
	*items = arena_alloc(arena, set->name_count * sizeof **items);
	if (!*items)
		return false;
	*count = (int32_t)set->name_count;
	for (uint32_t i = 0; i < set->name_count; i++)
		(*items)[i] = set->names[i]->entry.name;
	return true;
}

void consumer__emit_member(const struct consumer_member *member)
{
	struct group_message message;
	struct kmsg_consumer_group_member_metadata_value *value = &message.value.consumer_group_member_metadata;
	struct kmsg_group_record_classic_member_metadata classic;
	struct arena arena;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	group_message_init(&message, GROUP_RECORD_consumer_group_member_metadata);
	message.key.consumer_group_member_metadata.group_id = group_id(member->consumer);
	message.key.consumer_group_member_metadata.member_id = consumer__member_id(member);
	value->instance_id = consumer__instance_id(member);
	value->rack_id = member->rack_id;
	value->client_id = member->client_id;
	value->client_host = member->client_host;
	value->subscribed_topic_regex = member->pattern ? member->pattern->entry.name : SLICE_EMPTY;
	value->rebalance_timeout_ms = member->rebalance_timeout_ms;
	value->server_assignor = member->assignor;
	value->classic_member_metadata = member->classic ? &classic : NULL;
	if (!list_set(member->subscription, &value->subscribed_topic_names.items, &value->subscribed_topic_names.count, &arena) ||
	    (member->classic && !describe_classic(member->classic, &classic, &arena)))
		consumer__broken(member->consumer);
	else
		emit(member->consumer, &message);
	arena_fini(&arena);
}

static uint32_t count_topics(const struct partition_list *list)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < list->count; i++)
		count += i == 0 || list->items[i].topic != list->items[i - 1].topic;
	return count;
}

static bool begins_topic(const struct partition_list *list, uint32_t i)
{
	return i == 0 || list->items[i].topic != list->items[i - 1].topic;
}

/* The group numbers topics in the order in which it met them, which a load from a snapshot changes; by their ids the same state is the same bytes. */
static int compare_topic_ids(const void *a, const void *b)
{
	_Static_assert(offsetof(struct kmsg_group_record_topic_ids, topic_id) == 0, "the id comes first");
	_Static_assert(offsetof(struct kmsg_group_record_owned_partitions, topic_id) == 0, "the id comes first");
	return memcmp(a, b, sizeof(struct uuid));
}

void consumer__emit_target(const struct consumer_member *member)
{
	const struct partition_list *list = &member->target;
	struct group_message message;
	struct kmsg_consumer_group_target_assignment_member_value *value = &message.value.consumer_group_target_assignment_member;
	struct arena arena;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	group_message_init(&message, GROUP_RECORD_consumer_group_target_assignment_member);
	message.key.consumer_group_target_assignment_member.group_id = group_id(member->consumer);
	message.key.consumer_group_target_assignment_member.member_id = consumer__member_id(member);
	struct kmsg_group_record_topic_ids *topics = arena_alloc(&arena, count_topics(list) * sizeof *topics);
	int32_t *partitions = arena_alloc(&arena, list->count * sizeof *partitions);
	value->topic_partitions.items = topics;
	value->topic_partitions.count = (int32_t)count_topics(list);
	for (uint32_t i = 0; topics && partitions && i < list->count; i++) {
		if (begins_topic(list, i)) {
			topics->topic_id = member->consumer->topics[list->items[i].topic]->id;
			topics->partitions.items = partitions + i;
			topics->partitions.count = 0;
			topics++;
		}
		topics[-1].partitions.items[topics[-1].partitions.count++] = list->items[i].partition;
	}
	if (topics && partitions) {
		qsort(value->topic_partitions.items, (size_t)value->topic_partitions.count, sizeof *topics, compare_topic_ids);
		emit(member->consumer, &message);
	} else {
		consumer__broken(member->consumer);
	}
	arena_fini(&arena);
}

static bool describe_owned(const struct consumer *consumer, const struct partition_list *list, struct kmsg_group_record_owned_partitions **items,
			   int32_t *count, struct arena *arena)
{
	*count = (int32_t)count_topics(list);
	struct kmsg_group_record_owned_partitions *topics = *items = arena_alloc(arena, (size_t)*count * sizeof **items);
	int32_t *partitions = arena_alloc(arena, list->count * sizeof *partitions), *epochs = arena_alloc(arena, list->count * sizeof *epochs);
	if (!topics || !partitions || !epochs)
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		if (begins_topic(list, i)) {
			kmsg_group_record_owned_partitions_init(topics);
			topics->topic_id = consumer->topics[list->items[i].topic]->id;
			topics->partitions.items = partitions + i;
			topics->assignment_epochs.items = epochs + i;
			topics++;
		}
		partitions[i] = list->items[i].partition;
		epochs[i] = list->items[i].epoch;
		topics[-1].partitions.count++;
		topics[-1].assignment_epochs.count = topics[-1].partitions.count;
	}
	qsort(*items, (size_t)*count, sizeof **items, compare_topic_ids);
	return true;
}

void consumer__emit_current(const struct consumer_member *member)
{
	struct group_message message;
	struct kmsg_consumer_group_current_member_assignment_value *value = &message.value.consumer_group_current_member_assignment;
	struct arena arena;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	group_message_init(&message, GROUP_RECORD_consumer_group_current_member_assignment);
	message.key.consumer_group_current_member_assignment.group_id = group_id(member->consumer);
	message.key.consumer_group_current_member_assignment.member_id = consumer__member_id(member);
	value->member_epoch = member->epoch;
	value->previous_member_epoch = member->previous_epoch;
	value->state = (int8_t)member->state;
	if (describe_owned(member->consumer, &member->assigned, &value->assigned_partitions.items, &value->assigned_partitions.count, &arena) &&
	    describe_owned(member->consumer, &member->revoking, &value->partitions_pending_revocation.items, &value->partitions_pending_revocation.count, &arena))
		emit(member->consumer, &message);
	else
		consumer__broken(member->consumer);
	arena_fini(&arena);
}

void consumer__emit_pattern(struct consumer *consumer, const struct group_pattern *pattern)
{
	struct group_message message;
	struct kmsg_consumer_group_regular_expression_value *value = &message.value.consumer_group_regular_expression;
	struct arena arena;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	group_message_init(&message, GROUP_RECORD_consumer_group_regular_expression);
	message.key.consumer_group_regular_expression.group_id = group_id(consumer);
	message.key.consumer_group_regular_expression.regular_expression = pattern->entry.name;
	value->version = pattern->version;
	value->timestamp = pattern->timestamp_ms;
	if (list_set(pattern->matched, &value->topics.items, &value->topics.count, &arena))
		emit(consumer, &message);
	else
		consumer__broken(consumer);
	arena_fini(&arena);
}

/* ---- tombstones ------------------------------------------------------------------------------------------------------------------------------ */

static void emit_group_tombstone(struct consumer *consumer, enum group_record_kind kind)
{
	struct group_message message;
	group_message_init(&message, kind);
	message.is_tombstone = true;
	/* The keys of these kinds are the group's id alone. */
	if (kind == GROUP_RECORD_consumer_group_metadata)
		message.key.consumer_group_metadata.group_id = group_id(consumer);
	else if (kind == GROUP_RECORD_consumer_group_partition_metadata)
		message.key.consumer_group_partition_metadata.group_id = group_id(consumer);
	else
		message.key.consumer_group_target_assignment_metadata.group_id = group_id(consumer);
	emit(consumer, &message);
}

static void emit_current_tombstone(struct consumer *consumer, struct slice member_id)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_consumer_group_current_member_assignment);
	message.is_tombstone = true;
	message.key.consumer_group_current_member_assignment.group_id = group_id(consumer);
	message.key.consumer_group_current_member_assignment.member_id = member_id;
	emit(consumer, &message);
}

static void emit_target_tombstone(struct consumer *consumer, struct slice member_id)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_consumer_group_target_assignment_member);
	message.is_tombstone = true;
	message.key.consumer_group_target_assignment_member.group_id = group_id(consumer);
	message.key.consumer_group_target_assignment_member.member_id = member_id;
	emit(consumer, &message);
}

static void emit_member_tombstone(struct consumer *consumer, struct slice member_id)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_consumer_group_member_metadata);
	message.is_tombstone = true;
	message.key.consumer_group_member_metadata.group_id = group_id(consumer);
	message.key.consumer_group_member_metadata.member_id = member_id;
	emit(consumer, &message);
}

void consumer__emit_pattern_tombstone(struct consumer *consumer, struct slice text)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_consumer_group_regular_expression);
	message.is_tombstone = true;
	message.key.consumer_group_regular_expression.group_id = group_id(consumer);
	message.key.consumer_group_regular_expression.regular_expression = text;
	emit(consumer, &message);
}

void consumer__emit_member_tombstones(struct consumer *consumer, struct slice member_id)
{
	emit_current_tombstone(consumer, member_id);
	emit_target_tombstone(consumer, member_id);
	emit_member_tombstone(consumer, member_id);
}

/* In Kafka's order: what refers to another goes first. */
void consumer_emit_tombstones(struct consumer *consumer)
{
	LIST_FOR_EACH(node, &consumer->members)
		emit_current_tombstone(consumer, consumer__member_id(consumer__member_at(node)));
	LIST_FOR_EACH(node, &consumer->members)
		emit_target_tombstone(consumer, consumer__member_id(consumer__member_at(node)));
	emit_group_tombstone(consumer, GROUP_RECORD_consumer_group_target_assignment_metadata);
	LIST_FOR_EACH(node, &consumer->members)
		emit_member_tombstone(consumer, consumer__member_id(consumer__member_at(node)));
	LIST_FOR_EACH(node, &consumer->pattern_list)
		consumer__emit_pattern_tombstone(consumer, LIST_ENTRY(node, struct group_pattern, node)->entry.name);
	emit_group_tombstone(consumer, GROUP_RECORD_consumer_group_partition_metadata);
	emit_group_tombstone(consumer, GROUP_RECORD_consumer_group_metadata);
}

void consumer_snapshot(struct consumer *consumer)
{
	LIST_FOR_EACH(node, &consumer->members)
		consumer__emit_member(consumer__member_at(node));
	LIST_FOR_EACH(node, &consumer->pattern_list)
		if (LIST_ENTRY(node, struct group_pattern, node)->matched)
			consumer__emit_pattern(consumer, LIST_ENTRY(node, struct group_pattern, node));
	consumer__emit_epoch(consumer);
	LIST_FOR_EACH(node, &consumer->members)
		if (consumer__member_at(node)->has_target)
			consumer__emit_target(consumer__member_at(node));
	consumer__emit_target_epoch(consumer);
	LIST_FOR_EACH(node, &consumer->members)
		consumer__emit_current(consumer__member_at(node));
}

/* ---- from records: the group ----------------------------------------------------------------------------------------------------------------------- */

/* The group of a record. A tombstone makes none; NULL then, or when there is no memory (*err says which). A record of a consumer group over a classic one
 * comes after that one's end, whatever its tombstone's place. */
static struct consumer *find_or_make(struct coordinator *coordinator, struct slice id, bool is_tombstone, int *err)
{
	struct group *group = group__find(coordinator, id);
	*err = 0;
	if (group && group->consumer)
		return group->consumer;
	if (is_tombstone)
		return NULL;
	*err = -ENOMEM;
	if (!group)
		group = group__replayed(coordinator, id);
	if (!group || consumer__become(group, false) < 0)
		return NULL;
	*err = 0;
	return group->consumer;
}

static int replay_epoch(struct consumer *consumer, const struct group_message *message)
{
	if (!message->is_tombstone) {
		consumer->epoch = message->value.consumer_group_metadata.epoch;
		consumer->metadata_hash = message->value.consumer_group_metadata.metadata_hash;
		return 0;
	}
	if (!offsets_is_empty(consumer->group))
		return group__reset(consumer->group);
	group__remove(consumer->group);
	return 0;
}

static int replay_target_epoch(struct consumer *consumer, const struct group_message *message)
{
	const struct kmsg_consumer_group_target_assignment_metadata_value *value = &message->value.consumer_group_target_assignment_metadata;
	consumer->assignment_epoch = message->is_tombstone ? -1 : value->assignment_epoch;
	consumer->assignment_time_ms = message->is_tombstone ? 0 : value->assignment_timestamp;
	return 0;
}

static int replay_pattern(struct consumer *consumer, const struct group_message *message)
{
	const struct kmsg_consumer_group_regular_expression_value *value = &message->value.consumer_group_regular_expression;
	struct slice text = message->key.consumer_group_regular_expression.regular_expression;
	struct group_pattern *pattern = consumer__find_pattern(consumer, text);
	if (message->is_tombstone) {
		if (pattern && pattern->user_count == 0) {
			consumer__pattern_free(consumer, pattern);
		} else if (pattern && pattern->matched) {
			consumer__set_release(consumer, pattern->matched);
			pattern->matched = NULL;
		}
		return 0;
	}
	if (!pattern) {
		pattern = consumer__pattern(consumer, text);
		if (!pattern)
			return -ENOMEM;
		pattern->user_count--; /* its members may come later, or never: then consumer_loaded forgets it */
	}
	pattern->version = value->version;
	pattern->timestamp_ms = value->timestamp;
	return consumer__pattern_set_matched(consumer, pattern, value->topics.items, value->topics.count) ? 0 : -ENOMEM;
}

/* ---- from records: members ---------------------------------------------------------------------------------------------------------------------------- */

static struct consumer_member *find_or_add(struct consumer *consumer, struct slice id)
{
	struct consumer_member *member = consumer__find(consumer, id);
	return member ? member : consumer__add(consumer, id);
}

static int replay_classic(struct consumer_member *member, const struct kmsg_group_record_classic_member_metadata *value)
{
	struct classic_side *classic = NULL;
	if (value && value->supported_protocols.count > 0) {
		const struct kmsg_group_record_classic_protocol *items = value->supported_protocols.items;
		struct classic_side_protocol *protocols = calloc((size_t)value->supported_protocols.count, sizeof *protocols);
		for (int32_t i = 0; protocols && i < value->supported_protocols.count; i++)
			protocols[i] = (struct classic_side_protocol){.name = items[i].name, .metadata = items[i].metadata};
		classic = protocols ? consumer__make_classic(value->session_timeout_ms, protocols, (uint32_t)value->supported_protocols.count) : NULL;
		free(protocols);
		if (!classic)
			return -ENOMEM;
	}
	consumer__set_classic(member, classic);
	return 0;
}

static int replay_texts(struct consumer_member *member, const struct kmsg_consumer_group_member_metadata_value *value)
{
	struct consumer *consumer = member->consumer;
	bool is_done = consumer__set_instance(member, value->instance_id) && consumer__remember(consumer, &member->rack_id, value->rack_id) &&
		       consumer__remember(consumer, &member->client_id, value->client_id) &&
		       consumer__remember(consumer, &member->client_host, value->client_host) &&
		       consumer__remember(consumer, &member->assignor, value->server_assignor);
	member->rebalance_timeout_ms = value->rebalance_timeout_ms;
	return is_done ? 0 : -ENOMEM;
}

static int replay_subscription(struct consumer_member *member, const struct kmsg_consumer_group_member_metadata_value *value)
{
	struct consumer *consumer = member->consumer;
	struct group_pattern *pattern = NULL;
	struct topic_set *set = consumer__set(consumer, value->subscribed_topic_names.items, value->subscribed_topic_names.count);
	if (!set)
		return -ENOMEM;
	consumer__set_subscription(member, set);
	consumer__set_release(consumer, set);
	if (value->subscribed_topic_regex.size > 0 && !(pattern = consumer__pattern(consumer, value->subscribed_topic_regex)))
		return -ENOMEM;
	consumer__set_pattern(member, pattern);
	if (pattern)
		consumer__pattern_release(consumer, pattern);
	return 0;
}

static int replay_member(struct consumer *consumer, const struct group_message *message)
{
	const struct kmsg_consumer_group_member_metadata_value *value = &message->value.consumer_group_member_metadata;
	struct slice id = message->key.consumer_group_member_metadata.member_id;
	if (message->is_tombstone) {
		struct consumer_member *member = consumer__find(consumer, id);
		if (member)
			consumer__remove(member);
		return 0;
	}
	struct consumer_member *member = find_or_add(consumer, id);
	if (!member || replay_texts(member, value) < 0 || replay_subscription(member, value) < 0)
		return -ENOMEM;
	return replay_classic(member, value->classic_member_metadata);
}

/* Partitions from a record, as the group numbers topics. */
static int add_partitions(struct consumer *consumer, struct partition_maker *maker, const struct uuid *id, const int32_t *partitions, int32_t count,
			  const int32_t *epochs, int32_t epoch)
{
	struct group_topic *topic = consumer__topic(consumer, id);
	if (!topic)
		return -ENOMEM;
	for (int32_t i = 0; i < count; i++)
		if (partitions[i] >= 0 && partitions[i] < TOPIC_PARTITIONS_MAX)
			partition_maker_add(maker, topic->number, partitions[i], epochs ? epochs[i] : epoch);
	return 0;
}

static int read_target(struct consumer *consumer, const struct kmsg_consumer_group_target_assignment_member_value *value, struct partition_maker *maker,
		       struct arena *arena)
{
	size_t room = 0;
	int err = 0;
	for (int32_t i = 0; i < value->topic_partitions.count; i++)
		room += (size_t)value->topic_partitions.items[i].partitions.count;
	if (partition_maker_init(maker, arena, room) < 0)
		return -ENOMEM;
	for (int32_t i = 0; err == 0 && i < value->topic_partitions.count; i++) {
		const struct kmsg_group_record_topic_ids *item = &value->topic_partitions.items[i];
		err = add_partitions(consumer, maker, &item->topic_id, item->partitions.items, item->partitions.count, NULL, 0);
	}
	partition_maker_sort(maker);
	return err;
}

static int replay_target(struct consumer *consumer, const struct group_message *message)
{
	struct slice id = message->key.consumer_group_target_assignment_member.member_id;
	struct consumer_member *member = message->is_tombstone ? consumer__find(consumer, id) : find_or_add(consumer, id);
	struct partition_maker maker = {0};
	struct arena arena;
	if (!member)
		return message->is_tombstone ? 0 : -ENOMEM;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	int err = message->is_tombstone ? 0 : read_target(consumer, &message->value.consumer_group_target_assignment_member, &maker, &arena);
	const struct partition_list target = partition_maker_view(&maker);
	if (err == 0 && !consumer__set_target(member, &target))
		err = -ENOMEM;
	member->has_target = !message->is_tombstone;
	arena_fini(&arena);
	return err;
}

/* Records of older brokers have no epochs: then it is the member's. */
static int read_owned(struct consumer *consumer, const struct kmsg_group_record_owned_partitions *items, int32_t count, int32_t epoch,
		      struct partition_maker *maker, struct arena *arena)
{
	size_t room = 0;
	int err = 0;
	for (int32_t i = 0; i < count; i++)
		room += (size_t)items[i].partitions.count;
	if (partition_maker_init(maker, arena, room) < 0)
		return -ENOMEM;
	for (int32_t i = 0; err == 0 && i < count; i++) {
		const int32_t *epochs = items[i].assignment_epochs.count == items[i].partitions.count ? items[i].assignment_epochs.items : NULL;
		err = add_partitions(consumer, maker, &items[i].topic_id, items[i].partitions.items, items[i].partitions.count, epochs, epoch > 0 ? epoch : 0);
	}
	partition_maker_sort(maker);
	return err;
}

static enum member_state state_of(int8_t value)
{
	return value >= MEMBER_STABLE && value <= MEMBER_UNRELEASED ? (enum member_state)value : MEMBER_UNKNOWN;
}

static int take_current(struct consumer_member *member, const struct kmsg_consumer_group_current_member_assignment_value *value)
{
	struct partition_maker assigned, revoking;
	struct arena arena;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	int err = read_owned(member->consumer, value->assigned_partitions.items, value->assigned_partitions.count, value->member_epoch, &assigned, &arena);
	if (err == 0)
		err = read_owned(member->consumer, value->partitions_pending_revocation.items, value->partitions_pending_revocation.count,
				 value->member_epoch, &revoking, &arena);
	if (err == 0) {
		const struct partition_list owned = partition_maker_view(&assigned), surplus = partition_maker_view(&revoking);
		err = consumer__set_partitions(member, &owned, &surplus) ? 0 : -ENOMEM;
	}
	member->epoch = value->member_epoch;
	member->previous_epoch = value->previous_member_epoch;
	member->state = state_of(value->state);
	arena_fini(&arena);
	return err;
}

static int replay_current(struct consumer *consumer, const struct group_message *message)
{
	const struct partition_list none = {0};
	struct slice id = message->key.consumer_group_current_member_assignment.member_id;
	struct consumer_member *member = message->is_tombstone ? consumer__find(consumer, id) : find_or_add(consumer, id);
	if (!member)
		return message->is_tombstone ? 0 : -ENOMEM;
	if (!message->is_tombstone)
		return take_current(member, &message->value.consumer_group_current_member_assignment);
	member->epoch = member->previous_epoch = EPOCH_LEAVE;
	return consumer__set_partitions(member, &none, &none) ? 0 : -ENOMEM;
}

int consumer_replay(struct coordinator *coordinator, const struct group_message *message)
{
	static int (*const replay[])(struct consumer *consumer, const struct group_message *message) = {
		[GROUP_RECORD_consumer_group_metadata] = replay_epoch,
		[GROUP_RECORD_consumer_group_member_metadata] = replay_member,
		[GROUP_RECORD_consumer_group_target_assignment_metadata] = replay_target_epoch,
		[GROUP_RECORD_consumer_group_target_assignment_member] = replay_target,
		[GROUP_RECORD_consumer_group_current_member_assignment] = replay_current,
		[GROUP_RECORD_consumer_group_regular_expression] = replay_pattern,
	};
	/* The group's id is the first field of all these keys. */
	_Static_assert(offsetof(struct kmsg_consumer_group_member_metadata_key, group_id) == 0 &&
		      offsetof(struct kmsg_consumer_group_regular_expression_key, group_id) == 0, "");
	int err;
	if (message->kind < 0 || (size_t)message->kind >= COUNT_OF(replay) || !replay[message->kind])
		return 0;
	struct consumer *consumer = find_or_make(coordinator, message->key.consumer_group_metadata.group_id, message->is_tombstone, &err);
	return consumer ? replay[message->kind](consumer, message) : err;
}
