/* `spate group list|delete`, and the table of the group verbs. */
#include "cli/group.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/group_undo.h"
#include "cli/out.h"
#include "cli/progress.h"

/* ---- list ------------------------------------------------------------------------------------------------------------------- */

struct list_flags {
	struct kafka_flags kafka;
	bool is_json, with_internal;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names to show, sorted. */
static size_t take_names(const char **names, const struct group_list *groups, bool with_internal)
{
	size_t count = 0;
	for (size_t i = 0; i < groups->count; i++) {
		const char *name = kafka()->rd_kafka_ConsumerGroupListing_group_id(groups->items[i]);
		if (with_internal || !group_is_undo(name))
			names[count++] = name;
	}
	qsort(names, count, sizeof *names, compare_names);
	return count;
}

static void show_groups(const struct group_views *groups, bool is_json)
{
	static const char *const columns[] = {"name=GROUP", "state=STATE", "protocol=PROTOCOL", "members=>MEMBERS"};
	struct out *out = out_open(is_json);
	struct out_table *table = out_table_begin(out, "groups", columns, COUNT_OF(columns));
	for (size_t i = 0; i < groups->count; i++)
		OUT_ROW(table, cell_text(groups->items[i].name), cell_text(groups->items[i].state), cell_text(groups->items[i].protocol),
			cell_int(groups->items[i].member_count));
	out_table_end(table, NULL, "no groups; a consumer with a group.id makes one ('spate consume TOPIC --group NAME')");
	out_close(out);
}

static int list_groups(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	const struct list_flags *flags = context;
	struct admin_call call;
	struct group_list groups;
	struct group_views views = {0};
	int status = group_list_ask(&call, client, &groups);
	const char **names = calloc(groups.count + 1, sizeof *names);
	size_t count = status || !names ? 0 : take_names(names, &groups, flags->with_internal);
	status = status ? status : group_views_ask(&views, client, names, count);
	if (!status)
		show_groups(&views, flags->is_json);
	group_views_free(&views);
	admin_end(&call);
	free(names);
	return status;
}

static int list(int argc, char **argv)
{
	struct list_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list_of_flags[] = {
		BOOL_FLAG("internal", 'i', &flags.with_internal, "those too that keep what 'rewind --undo' needs"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate group list",
		.arguments = "",
		.about = "Lists the consumer groups, their states and how many members each has.",
		.examples = "  spate group list\n  spate group list --json | jq -r '.groups[] | select(.members == 0) | .name'\n",
		.flags = list_of_flags,
		.flag_count = COUNT_OF(list_of_flags),
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .run = list_groups, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}

/* ---- delete ------------------------------------------------------------------------------------------------------------------ */

/* One that no coordinator knows may have offsets, and can then be deleted. */
static int check_deletion(struct kafka_client *client, const struct group_view *group)
{
	rd_kafka_topic_partition_list_t *offsets;
	if (group->member_count) {
		group_complain_active(group, "delete");
		return STATUS_FAILED;
	}
	if (group->is_there)
		return STATUS_OK;
	int status = group_offsets_ask(client, group->name, &offsets);
	if (!status && !offsets->cnt) {
		group_complain_unknown(client, group->name);
		status = STATUS_FAILED;
	}
	kafka()->rd_kafka_topic_partition_list_destroy(offsets);
	return status;
}

static int delete_one(struct kafka_client *client, const char *name)
{
	char keeper[GROUP_NAME_SIZE_MAX];
	rd_kafka_resp_err_t err = group_delete_quietly(client, name);
	if (err) {
		complain("group '%s': %s", name, err == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP ? "it has active members, which joined just now; stop them first"
											   : kafka()->rd_kafka_err2str(err));
		return STATUS_FAILED;
	}
	/* What an undo would bring back goes with it; mostly there is nothing. */
	if (group_undo_name(keeper, name) && group_delete_quietly(client, keeper))
		err = 0;
	progress_end();
	printf("deleted %s\n", name);
	return STATUS_OK;
}

static int delete_groups(struct kafka_client *client, void *context, const struct arguments *names)
{
	struct group_views groups;
	const char *asked[ARGUMENTS_MAX];
	memcpy(asked, names->items, sizeof asked);
	int status = group_views_ask(&groups, client, asked, names->count);
	for (size_t i = 0; i < groups.count; i++) {
		int one = check_deletion(client, &groups.items[i]);
		status = status ? status : one;
	}
	if (status && names->count > 1)
		complain("nothing was deleted");
	for (uint32_t i = 0; !status && i < names->count; i++)
		status = delete_one(client, names->items[i]);
	group_views_free(&groups);
	return status;
}

static int delete(int argc, char **argv)
{
	struct kafka_flags flags;
	kafka_flags_init(&flags);
	const struct flag list_of_flags[] = {KAFKA_FLAGS(&flags)};
	const struct flag_table table = {
		.command = "spate group delete",
		.arguments = "GROUP...",
		.about = "Deletes groups without members, with the offsets they have committed. There is no way back.",
		.examples = "  spate group delete billing\n",
		.flags = list_of_flags,
		.flag_count = COUNT_OF(list_of_flags),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags, .type = RD_KAFKA_PRODUCER, .run = delete_groups};
	return client_verb_run(&verb, argc, argv);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

int group_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"list", "list the groups", list},
		{"describe", "show members, committed offsets and lag", group_describe_run},
		{"rewind", "move what a group has committed, and undo it", group_rewind_run},
		{"delete", "delete groups with their committed offsets", delete},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate group", argc, argv);
}
