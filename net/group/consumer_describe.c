/* ConsumerGroupDescribe: the group as it is now, its members with what they own and what they are to own. Topics that are gone are left out, as in Kafka.
 * All is copied into the call's arena; if that is full, the call says so. */
#include <stdio.h>

#include "log/catalog/catalog.h"
#include "net/group/consumer_priv.h"

struct description {
	const struct consumer *consumer;
	struct group_call *call;
};

static void *take(const struct description *description, size_t count, size_t size)
{
	void *memory = arena_alloc(description->call->arena, count * size);
	if (!memory)
		description->call->is_out_of_memory = true;
	return memory;
}

static const struct topic *topic_at(const struct description *description, uint32_t number)
{
	return catalog_topic_by_id(consumer__coordinator(description->consumer)->image, &description->consumer->topics[number]->id);
}

static void describe_list(const struct description *description, const struct partition_list *list, struct kmsg_consumer_group_describe_assignment *out)
{
	struct kmsg_consumer_group_describe_topic_partitions *topics = NULL;
	int32_t *partitions = take(description, list->count, sizeof *partitions);
	out->topic_partitions.count = 0;
	out->topic_partitions.items = topics = take(description, list->count, sizeof *topics);
	const struct topic *topic = NULL;
	for (uint32_t i = 0; topics && partitions && i < list->count; i++) {
		if (i == 0 || list->items[i].topic != list->items[i - 1].topic) {
			topic = topic_at(description, list->items[i].topic);
			if (topic) {
				topics = &out->topic_partitions.items[out->topic_partitions.count++];
				topics->topic_id = topic->id;
				topics->topic_name = group__copy(description->call, slice_from(topic->name));
				topics->partitions.items = partitions + i;
				topics->partitions.count = 0;
			}
		}
		if (topic)
			topics->partitions.items[topics->partitions.count++] = list->items[i].partition;
	}
}

/* What it still has to give up is its own. */
static void describe_owned(const struct description *description, const struct consumer_member *member, struct kmsg_consumer_group_describe_assignment *out)
{
	const struct partition_list *assigned = &member->assigned, *revoking = &member->revoking;
	struct partition_maker maker;
	if (partition_maker_init(&maker, description->call->arena, (size_t)assigned->count + revoking->count) < 0) {
		description->call->is_out_of_memory = true;
		return;
	}
	for (uint32_t i = 0; i < assigned->count; i++)
		partition_maker_add(&maker, assigned->items[i].topic, assigned->items[i].partition, 0);
	for (uint32_t i = 0; i < revoking->count; i++)
		partition_maker_add(&maker, revoking->items[i].topic, revoking->items[i].partition, 0);
	partition_maker_sort(&maker);
	const struct partition_list all = partition_maker_view(&maker);
	describe_list(description, &all, out);
}

static void describe_member(const struct description *description, const struct consumer_member *member, struct kmsg_consumer_group_describe_member *out)
{
	struct group_call *call = description->call;
	kmsg_consumer_group_describe_member_init(out);
	out->member_id = group__copy(call, consumer__member_id(member));
	out->instance_id = group__copy(call, consumer__instance_id(member));
	out->rack_id = group__copy(call, member->rack_id);
	out->member_epoch = member->epoch;
	out->client_id = group__copy(call, member->client_id);
	out->client_host = group__copy(call, member->client_host);
	out->subscribed_topic_names.items = take(description, member->subscription->name_count, sizeof *out->subscribed_topic_names.items);
	for (uint32_t i = 0; out->subscribed_topic_names.items && i < member->subscription->name_count; i++)
		out->subscribed_topic_names.items[out->subscribed_topic_names.count++] = group__copy(call, member->subscription->names[i]->entry.name);
	out->subscribed_topic_regex = group__copy(call, member->pattern ? member->pattern->entry.name : SLICE_EMPTY);
	describe_owned(description, member, &out->assignment);
	describe_list(description, &member->target, &out->target_assignment);
	out->member_type = member->classic ? 0 : 1;
}

static void describe_group(const struct description *description, struct kmsg_consumer_group_describe_group *out)
{
	const struct consumer *consumer = description->consumer;
	out->group_state = slice_from(consumer_state_name(consumer));
	out->group_epoch = consumer->epoch;
	out->assignment_epoch = consumer->assignment_epoch;
	out->assignor_name = slice_from(consumer__assignor_name(consumer));
	out->members.items = take(description, consumer->member_count, sizeof *out->members.items);
	if (!out->members.items)
		return;
	LIST_FOR_EACH(node, &consumer->members)
		describe_member(description, consumer__member_at(node), &out->members.items[out->members.count++]);
}

static void refuse(struct group_call *call, struct kmsg_consumer_group_describe_group *out, const char *format, struct slice group_id)
{
	size_t size = group_id.size + 64;
	char *text = arena_alloc(call->arena, size);
	out->error_code = KERR_GROUP_ID_NOT_FOUND;
	if (!text)
		return;
	int length = snprintf(text, size, "Group %.*s %s", (int)group_id.size, (const char *)group_id.data, format);
	out->error_message = (struct slice){(const uint8_t *)text, (size_t)length};
}

void coordinator_describe_consumer_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, struct slice group_id,
					 struct kmsg_consumer_group_describe_group *out)
{
	coordinator->clock = clock;
	kmsg_consumer_group_describe_group_init(out);
	out->group_id = group_id;
	const struct group *group = group__find(coordinator, group_id);
	if (!group)
		refuse(call, out, "not found.", group_id);
	else if (!group->consumer)
		refuse(call, out, "is not a consumer group.", group_id);
	else
		describe_group(&(struct description){group->consumer, call}, out);
	group__finish(coordinator, call);
}
