/* The classic group as a record and from one, and what others ask about its state: DescribeGroups, commits, the expiry of offsets.
 *
 * Four things write a record, as in Kafka: a group is made by a JoinGroup; a group becomes empty; a leader's assignments make it stable; a static
 * member comes back under another id. What lies between is not stored: a coordinator that is loaded in the middle of a rebalance finds the generation
 * before, and its members, told that their generation is unknown, join again.
 *
 * The bytes of the last record are kept, so that a snapshot in the middle of a rebalance says exactly what the log says.
 * Failure modes: no memory makes outbox.is_out_of_memory. */
#include "net/group/classic.h"

#include <errno.h>
#include <stdlib.h>

#include "net/group/classic_priv.h"
#include "net/group/group_record.h"

#include "kmsg_consumer_protocol.h"

/* ---- writing ---------------------------------------------------------------------------------------------------------------------------- */

static struct coordinator *coordinator_of(const struct classic *classic)
{
	return classic->group->coordinator;
}

static void fill_member(const struct classic_member *member, struct kmsg_group_record_classic_member *out)
{
	kmsg_group_record_classic_member_init(out);
	out->member_id = member_id(member);
	out->group_instance_id = instance_id(member);
	out->client_id = member->client_id;
	out->client_host = member->client_host;
	out->rebalance_timeout = member->rebalance_timeout_ms;
	out->session_timeout = member->session_timeout_ms;
	out->subscription = classic__metadata(member);
	out->assignment = member->assignment.data ? member->assignment : SLICE_EMPTY;
}

/* False: no memory. */
static bool fill_value(const struct classic *classic, struct arena *arena, struct kmsg_group_metadata_value *out)
{
	out->protocol_type = classic->protocol_type.data ? classic->protocol_type : SLICE_EMPTY;
	out->generation = classic->generation;
	out->protocol = classic->protocol;
	out->leader = classic->leader ? member_id(classic->leader) : (struct slice){0};
	out->current_state_timestamp = classic->state_since_ms;
	out->members.items = arena_alloc(arena, classic->member_count * sizeof *out->members.items);
	if (!out->members.items)
		return false;
	LIST_FOR_EACH(node, &classic->members)
		fill_member(LIST_ENTRY(node, struct classic_member, node), &out->members.items[out->members.count++]);
	return true;
}

static struct group_message message_of(const struct classic *classic)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_group_metadata);
	message.key.group_metadata.group = group__id(classic->group);
	return message;
}

void classic__store(struct classic *classic)
{
	struct group_message message = message_of(classic);
	struct group_outbox *outbox = &coordinator_of(classic)->outbox;
	struct slice key, value;
	if (!fill_value(classic, &outbox->arena, &message.value.group_metadata) || group_record_encode(&message, &outbox->arena, &key, &value) < 0 ||
	    classic__set_bytes(classic, &classic->stored, value) < 0)
		outbox->is_out_of_memory = true;
	else
		group__emit(coordinator_of(classic), key, value);
}

void classic_emit_tombstone(struct classic *classic)
{
	struct group_message message = message_of(classic);
	if (!classic->stored.data)
		return; /* nothing in the log says that it is there */
	message.is_tombstone = true;
	group_record_emit(coordinator_of(classic), &message);
}

void classic_snapshot(struct classic *classic)
{
	struct group_message message = message_of(classic);
	struct group_outbox *outbox = &coordinator_of(classic)->outbox;
	struct slice key, value;
	if (!classic->stored.data)
		return;
	message.is_tombstone = true;
	if (group_record_encode(&message, &outbox->arena, &key, &value) < 0)
		outbox->is_out_of_memory = true;
	else
		group__emit(coordinator_of(classic), key, classic->stored);
}

uint64_t classic_state_size(const struct classic *classic)
{
	return classic->stored.size + classic->group->id_size + 32;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------------- */

/* A record knows of each member only what it said under the chosen protocol. */
static int replay_member(struct classic *classic, const struct kmsg_group_record_classic_member *in, struct slice protocol)
{
	struct kmsg_join_group_protocol said = {.name = protocol.data ? protocol : SLICE_EMPTY, .metadata = in->subscription};
	struct classic_identity identity = {in->member_id, in->group_instance_id, in->client_id, in->client_host};
	struct classic_terms terms = {
		.session_timeout_ms = in->session_timeout,
		.rebalance_timeout_ms = in->rebalance_timeout == -1 ? in->session_timeout : in->rebalance_timeout,
		.protocols = &said,
		.protocol_count = 1,
	};
	if (classic__find(classic, in->member_id) || (in->group_instance_id.data && classic__find_instance(classic, in->group_instance_id)))
		return 0; /* named twice: the first counts */
	struct classic_member *member = classic__add(classic, &identity, &terms);
	return member ? classic__set_assignment(member, in->assignment) : -ENOMEM;
}

int classic_replay(struct classic *classic, const struct kmsg_group_metadata_value *value, struct slice raw)
{
	struct slice type = value->protocol_type.size ? value->protocol_type : (struct slice){0};
	int err = classic__set_bytes(classic, &classic->protocol_type, type);
	if (!err)
		err = classic__set_bytes(classic, &classic->protocol, value->protocol);
	if (!err)
		err = classic__set_bytes(classic, &classic->stored, raw);
	for (int32_t i = 0; !err && i < value->members.count; i++)
		err = replay_member(classic, &value->members.items[i], value->protocol);
	struct classic_member *leader = value->leader.data ? classic__find_joined(classic, value->leader) : NULL;
	if (leader)
		classic->leader = leader;
	classic->generation = value->generation;
	classic->state = classic->member_count ? CLASSIC_STABLE : CLASSIC_EMPTY;
	classic->state_since_ms = value->current_state_timestamp;
	return err;
}

/* ---- DescribeGroups ------------------------------------------------------------------------------------------------------------------------- */

static void describe_member(const struct classic_member *member, struct group_call *call, struct kmsg_describe_groups_member *out)
{
	kmsg_describe_groups_member_init(out);
	out->member_id = group__copy(call, member_id(member));
	out->group_instance_id = group__copy(call, instance_id(member));
	out->client_id = group__copy(call, member->client_id);
	out->client_host = group__copy(call, member->client_host);
	out->member_assignment = member->assignment.data ? group__copy(call, member->assignment) : SLICE_EMPTY;
	if (member->classic->state == CLASSIC_STABLE)
		out->member_metadata = group__copy(call, classic__metadata(member));
}

void classic_describe(const struct classic *classic, struct group_call *call, struct kmsg_describe_groups_group *out)
{
	out->group_state = slice_from(classic_state_name(classic->state));
	out->protocol_type = classic->protocol_type.data ? group__copy(call, classic->protocol_type) : SLICE_EMPTY;
	if (classic->state == CLASSIC_STABLE && classic->protocol.data)
		out->protocol_data = group__copy(call, classic->protocol);
	out->members.items = arena_alloc(call->arena, classic->member_count * sizeof *out->members.items);
	if (!out->members.items) {
		call->is_out_of_memory = true;
		return;
	}
	LIST_FOR_EACH(node, &classic->members)
		describe_member(LIST_ENTRY(node, struct classic_member, node), call, &out->members.items[out->members.count++]);
}

/* ---- commits --------------------------------------------------------------------------------------------------------------------------------- */

static enum kerr check_commit(const struct classic *classic, struct slice id, struct slice instance, int32_t generation)
{
	bool is_empty = classic->state == CLASSIC_EMPTY;
	if (generation < 0 && is_empty)
		return KERR_NONE; /* an administrator, or a consumer that assigns its partitions itself */
	if (generation < 0 && !id.size && !instance.data)
		return KERR_UNKNOWN_MEMBER_ID;
	enum kerr error = classic__check_member(classic, id, instance);
	if (error)
		return error;
	if (generation != classic->generation)
		return KERR_ILLEGAL_GENERATION;
	return classic->state == CLASSIC_COMPLETING_REBALANCE ? KERR_REBALANCE_IN_PROGRESS : KERR_NONE;
}

enum kerr classic_check_commit(struct group *group, struct slice id, struct slice instance, int32_t generation)
{
	struct classic *classic = group->classic;
	enum kerr error = check_commit(classic, id, instance, generation);
	struct classic_member *member = error ? NULL : classic__find_joined(classic, id);
	if (member)
		classic__start_session(member, member->session_timeout_ms);
	return error;
}

enum kerr classic_check_offset_delete(const struct group *group)
{
	return classic_is_empty(group->classic) || classic_uses_consumer_protocol(group->classic) ? KERR_NONE : KERR_NON_EMPTY_GROUP;
}

/* ---- topics that members subscribe to ------------------------------------------------------------------------------------------------------------ */

struct classic_topics {
	bool is_known;
	struct name_table names;
	struct arena arena;
};

#define TOPICS_BYTES_MAX ((size_t)256 << 20)

void classic__forget_topics(struct classic *classic)
{
	if (!classic->topics)
		return;
	name_table_fini(&classic->topics->names);
	arena_fini(&classic->topics->arena);
	free(classic->topics);
	classic->topics = NULL;
}

static bool add_topic(struct classic_topics *topics, struct slice name)
{
	if (name_table_find(&topics->names, name))
		return true;
	struct name_entry *entry = arena_alloc(&topics->arena, sizeof *entry + name.size);
	if (!entry)
		return false;
	*entry = (struct name_entry){0};
	memcpy(entry + 1, name.data, name.size);
	name_table_add(&topics->names, entry, (struct slice){(uint8_t *)(entry + 1), name.size});
	return true;
}

/* All versions begin as version 0 does. */
static bool add_topics_of(struct classic_topics *topics, struct slice metadata)
{
	struct kmsg_consumer_protocol_subscription subscription;
	struct reader reader = reader_over(metadata);
	reader_int16(&reader); /* the version */
	if (kmsg_consumer_protocol_subscription_decode(&reader, &topics->arena, 0, &subscription) < 0)
		return false;
	for (int32_t i = 0; i < subscription.topics.count; i++)
		if (!add_topic(topics, subscription.topics.items[i]))
			return false;
	return true;
}

static struct classic_topics *read_topics(const struct classic *classic)
{
	struct classic_topics *topics = calloc(1, sizeof *topics);
	if (!topics)
		return NULL;
	name_table_init(&topics->names, classic->ids.seed);
	arena_init(&topics->arena, NULL, 0, TOPICS_BYTES_MAX);
	topics->is_known = classic_uses_consumer_protocol(classic) && (classic->protocol.data || !classic->member_count);
	for (struct list *node = classic->members.next; topics->is_known && node != &classic->members; node = node->next)
		topics->is_known = add_topics_of(topics, classic__metadata(LIST_ENTRY(node, struct classic_member, node)));
	return topics;
}

/* What was read is kept until the next generation. */
static const struct classic_topics *topics_of(struct classic *classic)
{
	if (!classic->topics)
		classic->topics = read_topics(classic);
	return classic->topics;
}

bool classic_subscribes(struct group *group, struct slice topic)
{
	const struct classic_topics *topics = topics_of(group->classic);
	if (!topics || !topics->is_known)
		return classic_uses_consumer_protocol(group->classic);
	return name_table_find(&topics->names, topic) != NULL;
}

bool classic_expiry(struct group *group, int64_t *since_ms)
{
	struct classic *classic = group->classic;
	*since_ms = -1;
	if (!classic->protocol_type.data)
		return true; /* offsets that somebody commits who needs no group */
	if (classic->state == CLASSIC_EMPTY) {
		*since_ms = classic->state_since_ms;
		return true;
	}
	const struct classic_topics *topics = classic->state == CLASSIC_STABLE ? topics_of(classic) : NULL;
	return topics && topics->is_known;
}
