/* The requests about groups. Failure modes: the coordinator does not answer, or refuses: one line each, in which the codes that mean "there are members"
 * are said as that. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/group.h"
#include "log/base/edit_distance.h"

/* ---- listing ---------------------------------------------------------------------------------------------------------------- */

int group_list_ask(struct admin_call *call, struct kafka_client *client, struct group_list *out)
{
	*out = (struct group_list){0};
	admin_begin(call, client, false);
	kafka()->rd_kafka_ListConsumerGroups(client->handle, call->options, call->queue);
	int status = admin_wait(call);
	if (status)
		return status;
	size_t error_count;
	const rd_kafka_ListConsumerGroups_result_t *result = kafka()->rd_kafka_event_ListConsumerGroups_result(call->event);
	const rd_kafka_error_t **errors = kafka()->rd_kafka_ListConsumerGroups_result_errors(result, &error_count);
	out->items = kafka()->rd_kafka_ListConsumerGroups_result_valid(result, &out->count);
	if (!error_count)
		return STATUS_OK;
	complain("a broker does not list its groups: %s", kafka()->rd_kafka_error_string(errors[0]));
	return STATUS_FAILED;
}

static void offer_names(struct edit_search *search, const struct group_list *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		edit_offer(search, kafka()->rd_kafka_ConsumerGroupListing_group_id(groups->items[i]));
}

void group_complain_unknown(struct kafka_client *client, const char *name)
{
	struct admin_call call;
	struct group_list groups;
	struct edit_search search = {.name = name};
	if (group_list_ask(&call, client, &groups) == STATUS_OK)
		offer_names(&search, &groups);
	if (search.nearest)
		complain("there is no group '%s' at %s; did you mean '%s'?", name, client->brokers, search.nearest);
	else
		complain("there is no group '%s' at %s; 'spate group list' lists what there is", name, client->brokers);
	admin_end(&call);
}

#define MEMBERS_SAID 3

void group_complain_active(const struct group_view *group, const char *what)
{
	char members[512] = "";
	size_t used = 0;
	bool is_one = group->member_count == 1;
	for (uint32_t i = 0; i < group->member_count && i < MEMBERS_SAID && used < sizeof members; i++)
		used += (size_t)snprintf(members + used, sizeof members - used, "%s%s at %s", i ? ", " : "", group->members[i].client_id, group->members[i].host);
	complain("group '%s' has %u active member%s (%s%s): %s needs a group without members; stop %s, and try again once %s session has ended",
		 group->name, group->member_count, is_one ? "" : "s", members, group->member_count > MEMBERS_SAID ? ", ..." : "", what,
		 is_one ? "it" : "them", is_one ? "its" : "their");
}

/* ---- offsets ------------------------------------------------------------------------------------------------------------------ */

static bool means_active(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || err == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP || err == RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC ||
	       err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

static void complain_refused(const char *group, rd_kafka_resp_err_t err)
{
	if (means_active(err))
		complain("group '%s' has active members, which joined just now; stop them first", group);
	else
		complain("group '%s': %s", group, kafka()->rd_kafka_err2str(err));
}

/* The one group of an answer about offsets; errors of partitions are told one by one. */
static int read_offsets_answer(const char *group, const rd_kafka_group_result_t **results, size_t count, const rd_kafka_topic_partition_list_t **out)
{
	const rd_kafka_error_t *error = count ? kafka()->rd_kafka_group_result_error(results[0]) : NULL;
	if (error) {
		complain_refused(group, kafka()->rd_kafka_error_code(error));
		return STATUS_FAILED;
	}
	*out = count ? kafka()->rd_kafka_group_result_partitions(results[0]) : NULL;
	for (int i = 0; *out && i < (*out)->cnt; i++) {
		const rd_kafka_topic_partition_t *partition = &(*out)->elems[i];
		if (!partition->err)
			continue;
		if (means_active(partition->err))
			complain_refused(group, partition->err);
		else
			complain("group '%s', %s-%" PRId32 ": %s", group, partition->topic, partition->partition, kafka()->rd_kafka_err2str(partition->err));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

int group_offsets_ask(struct kafka_client *client, const char *group, rd_kafka_topic_partition_list_t **out)
{
	struct admin_call call;
	const rd_kafka_topic_partition_list_t *answer = NULL;
	rd_kafka_ListConsumerGroupOffsets_t *request = kafka()->rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
	admin_begin(&call, client, false);
	kafka()->rd_kafka_ListConsumerGroupOffsets(client->handle, &request, 1, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t count;
		const rd_kafka_group_result_t **results = kafka()->rd_kafka_ListConsumerGroupOffsets_result_groups(
			kafka()->rd_kafka_event_ListConsumerGroupOffsets_result(call.event), &count);
		status = read_offsets_answer(group, results, count, &answer);
	}
	*out = answer ? kafka()->rd_kafka_topic_partition_list_copy(answer) : kafka()->rd_kafka_topic_partition_list_new(0);
	kafka()->rd_kafka_topic_partition_list_sort(*out, NULL, NULL);
	admin_end(&call);
	kafka()->rd_kafka_ListConsumerGroupOffsets_destroy(request);
	return status;
}

int group_offsets_commit(struct kafka_client *client, const char *group, const rd_kafka_topic_partition_list_t *offsets)
{
	struct admin_call call;
	const rd_kafka_topic_partition_list_t *answer;
	if (!offsets->cnt)
		return STATUS_OK;
	rd_kafka_AlterConsumerGroupOffsets_t *request = kafka()->rd_kafka_AlterConsumerGroupOffsets_new(group, offsets);
	admin_begin(&call, client, false);
	kafka()->rd_kafka_AlterConsumerGroupOffsets(client->handle, &request, 1, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t count;
		const rd_kafka_group_result_t **results = kafka()->rd_kafka_AlterConsumerGroupOffsets_result_groups(
			kafka()->rd_kafka_event_AlterConsumerGroupOffsets_result(call.event), &count);
		status = read_offsets_answer(group, results, count, &answer);
	}
	admin_end(&call);
	kafka()->rd_kafka_AlterConsumerGroupOffsets_destroy(request);
	return status;
}

int group_offsets_delete(struct kafka_client *client, const char *group, const rd_kafka_topic_partition_list_t *partitions)
{
	struct admin_call call;
	const rd_kafka_topic_partition_list_t *answer;
	if (!partitions->cnt)
		return STATUS_OK;
	rd_kafka_DeleteConsumerGroupOffsets_t *request = kafka()->rd_kafka_DeleteConsumerGroupOffsets_new(group, partitions);
	admin_begin(&call, client, false);
	kafka()->rd_kafka_DeleteConsumerGroupOffsets(client->handle, &request, 1, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t count;
		const rd_kafka_group_result_t **results = kafka()->rd_kafka_DeleteConsumerGroupOffsets_result_groups(
			kafka()->rd_kafka_event_DeleteConsumerGroupOffsets_result(call.event), &count);
		status = read_offsets_answer(group, results, count, &answer);
	}
	admin_end(&call);
	kafka()->rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
	return status;
}

/* ---- deleting ------------------------------------------------------------------------------------------------------------------ */

rd_kafka_resp_err_t group_delete_quietly(struct kafka_client *client, const char *name)
{
	struct admin_call call;
	rd_kafka_DeleteGroup_t *request = kafka()->rd_kafka_DeleteGroup_new(name);
	admin_begin(&call, client, false);
	kafka()->rd_kafka_DeleteGroups(client->handle, &request, 1, call.options, call.queue);
	rd_kafka_resp_err_t err = admin_wait_quietly(&call, NULL, 0);
	if (!err) {
		size_t count;
		const rd_kafka_group_result_t **results =
			kafka()->rd_kafka_DeleteGroups_result_groups(kafka()->rd_kafka_event_DeleteGroups_result(call.event), &count);
		const rd_kafka_error_t *error = count ? kafka()->rd_kafka_group_result_error(results[0]) : NULL;
		err = error ? kafka()->rd_kafka_error_code(error) : 0;
	}
	admin_end(&call);
	kafka()->rd_kafka_DeleteGroup_destroy(request);
	return err;
}
