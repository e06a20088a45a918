/* Asking for descriptions and copying them into one arena. A group that the classic API calls Dead is asked for once more by the newer one: there it may
 * be alive. Failure modes: a coordinator that refuses, no memory; a broker without the newer API knows no such groups. */
#include "cli/group_view.h"

#include <stdio.h>

#include "cli/admin.h"
#include "cli/command.h"
#include "cli/wire_client.h"
#include "log/base/check.h"
#include "net/wire/cursor.h"

static void *take(struct group_views *views, size_t size)
{
	void *memory = arena_alloc(&views->arena, size ? size : 1);
	CHECKF(memory, "out of memory");
	memset(memory, 0, size);
	return memory;
}

static const char *copy_slice(struct group_views *views, struct slice text)
{
	if (!text.data)
		return NULL;
	char *copy = take(views, text.size + 1);
	memcpy(copy, text.data, text.size);
	return copy;
}

static const char *copy_text(struct group_views *views, const char *text)
{
	return text ? copy_slice(views, slice_from(text)) : NULL;
}

/* ---- the classic protocol ------------------------------------------------------------------------------------------------------ */

static void copy_assignment(struct group_views *views, struct group_member *out, const rd_kafka_topic_partition_list_t *assigned)
{
	uint32_t count = assigned ? (uint32_t)assigned->cnt : 0;
	struct group_partition *partitions = take(views, count * sizeof *partitions);
	for (uint32_t i = 0; i < count; i++)
		partitions[i] = (struct group_partition){copy_text(views, assigned->elems[i].topic), assigned->elems[i].partition};
	out->partitions = partitions;
	out->partition_count = count;
}

static void copy_member(struct group_views *views, struct group_member *out, const rd_kafka_MemberDescription_t *member)
{
	const char *host = kafka()->rd_kafka_MemberDescription_host(member);
	out->id = copy_text(views, kafka()->rd_kafka_MemberDescription_consumer_id(member));
	out->client_id = copy_text(views, kafka()->rd_kafka_MemberDescription_client_id(member));
	out->instance_id = copy_text(views, kafka()->rd_kafka_MemberDescription_group_instance_id(member));
	out->host = copy_text(views, host && *host == '/' ? host + 1 : host);
	copy_assignment(views, out, kafka()->rd_kafka_MemberAssignment_partitions(kafka()->rd_kafka_MemberDescription_assignment(member)));
}

static const char *name_coordinator(struct group_views *views, const rd_kafka_Node_t *node)
{
	char text[512];
	if (!node)
		return NULL;
	snprintf(text, sizeof text, "%d (%s:%u)", kafka()->rd_kafka_Node_id(node), kafka()->rd_kafka_Node_host(node), kafka()->rd_kafka_Node_port(node));
	return copy_text(views, text);
}

static void copy_group(struct group_views *views, struct group_view *out, const rd_kafka_ConsumerGroupDescription_t *group)
{
	rd_kafka_consumer_group_state_t state = kafka()->rd_kafka_ConsumerGroupDescription_state(group);
	const char *assignor = kafka()->rd_kafka_ConsumerGroupDescription_partition_assignor(group);
	out->name = copy_text(views, kafka()->rd_kafka_ConsumerGroupDescription_group_id(group));
	out->is_there = state != RD_KAFKA_CONSUMER_GROUP_STATE_DEAD && !kafka()->rd_kafka_ConsumerGroupDescription_error(group);
	/* Only offsets may be left of one that is not there. */
	out->state = out->is_there ? copy_text(views, kafka()->rd_kafka_consumer_group_state_name(state)) : "Empty";
	out->protocol = "classic";
	out->assignor = assignor && *assignor ? copy_text(views, assignor) : NULL;
	out->coordinator = name_coordinator(views, kafka()->rd_kafka_ConsumerGroupDescription_coordinator(group));
	out->member_count = (uint32_t)kafka()->rd_kafka_ConsumerGroupDescription_member_count(group);
	out->members = take(views, out->member_count * sizeof *out->members);
	for (uint32_t i = 0; i < out->member_count; i++)
		copy_member(views, &out->members[i], kafka()->rd_kafka_ConsumerGroupDescription_member(group, i));
}

static int refuse_errors(const struct group_views *views, const rd_kafka_ConsumerGroupDescription_t *group)
{
	const rd_kafka_error_t *error = kafka()->rd_kafka_ConsumerGroupDescription_error(group);
	if (!error || kafka()->rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
		return STATUS_OK;
	complain("group '%s': %s", kafka()->rd_kafka_ConsumerGroupDescription_group_id(group), kafka()->rd_kafka_error_string(error));
	return STATUS_FAILED;
}

static int ask_classic(struct group_views *views, struct kafka_client *client, const char **names, size_t count)
{
	struct admin_call call;
	admin_begin(&call, client, false);
	kafka()->rd_kafka_DescribeConsumerGroups(client->handle, names, count, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		const rd_kafka_ConsumerGroupDescription_t **groups = kafka()->rd_kafka_DescribeConsumerGroups_result_groups(
			kafka()->rd_kafka_event_DescribeConsumerGroups_result(call.event), &views->count);
		views->items = take(views, views->count * sizeof *views->items);
		for (size_t i = 0; !status && i < views->count; i++) {
			status = refuse_errors(views, groups[i]);
			copy_group(views, &views->items[i], groups[i]);
		}
	}
	admin_end(&call);
	return status;
}

/* ---- the protocol of KIP-848 ---------------------------------------------------------------------------------------------------- */

static void copy_wire_member(struct group_views *views, struct group_member *out, const struct wire_group_member *member)
{
	struct group_partition *partitions = take(views, member->partition_count * sizeof *partitions);
	*out = (struct group_member){
		.id = copy_slice(views, member->id),
		.client_id = copy_slice(views, member->client_id),
		.host = copy_slice(views, member->host.size && *member->host.data == '/' ? (struct slice){member->host.data + 1, member->host.size - 1}
											   : member->host),
		.instance_id = copy_slice(views, member->instance_id),
		.partitions = partitions,
		.partition_count = member->partition_count,
	};
	for (uint32_t i = 0; i < member->partition_count; i++)
		partitions[i] = (struct group_partition){copy_slice(views, member->partitions[i].topic), member->partitions[i].partition};
}

static void ask_newer(struct group_views *views, struct kafka_client *client, struct group_view *out)
{
	struct wire_group group;
	if (wire_client_group(client->wire, out->name, &group))
		return;
	out->is_there = true;
	out->state = copy_slice(views, group.state);
	out->protocol = "consumer";
	out->assignor = group.assignor.size ? copy_slice(views, group.assignor) : NULL;
	out->member_count = group.member_count;
	out->members = take(views, group.member_count * sizeof *out->members);
	for (uint32_t i = 0; i < group.member_count; i++)
		copy_wire_member(views, &out->members[i], &group.members[i]);
}

/* ---- both ------------------------------------------------------------------------------------------------------------------------ */

int group_views_ask(struct group_views *out, struct kafka_client *client, const char **names, size_t count)
{
	*out = (struct group_views){0};
	/* What is copied is in memory already, and bounded by who received it. */
	arena_init(&out->arena, NULL, 0, SIZE_MAX / 2);
	int status = count ? ask_classic(out, client, names, count) : STATUS_OK;
	for (size_t i = 0; !status && i < out->count; i++)
		if (!out->items[i].is_there)
			ask_newer(out, client, &out->items[i]);
	return status;
}

void group_views_free(struct group_views *views)
{
	arena_fini(&views->arena);
}
