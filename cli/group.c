/* `spate group list|delete`, and the table of the group verbs. */
#include "cli/group.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/deeds.h"
#include "cli/group_keeper.h"
#include "cli/group_listing.h"
#include "cli/out.h"

/* ---- list ------------------------------------------------------------------------------------------------------------------- */

struct list_flags {
	struct kafka_flags kafka;
	bool is_json, with_internal;
};

static int view_groups(struct group_views *out, struct kafka_client *client, const struct group_listing *listing)
{
	const char **names = calloc(listing->count + 1, sizeof *names);
	for (size_t i = 0; names && i < listing->count; i++)
		names[i] = listing->rows[i].name;
	int status = names ? group_views_ask(out, client, names, listing->count) : STATUS_FAILED;
	free(names);
	return status;
}

static void explain_keepers(const struct group_listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct group_listing_row *row = &listing->rows[i];
		int size = (int)row->undo_of.size;
		const char *subject = (const char *)row->undo_of.data;
		if (row->is_orphan)
			printf("%s: what --undo of the last rewind of '%.*s' needs, but that group is gone; 'spate group delete %.*s' forgets it\n", row->name,
			       size, subject, size, subject);
		else if (subject)
			printf("%s: what --undo of the last rewind of '%.*s' needs\n", row->name, size, subject);
	}
	if (listing->hidden_count)
		printf("%zu more keep%s what 'group rewind --undo' needs; --internal shows %s\n", listing->hidden_count, listing->hidden_count == 1 ? "s" : "",
		       listing->hidden_count == 1 ? "it" : "them");
}

#define LIST_COLUMNS 6
#define LIST_COLUMNS_FOR_PEOPLE 4

static void show_groups(const struct group_listing *listing, const struct group_views *groups, bool is_json)
{
	static const char *const columns[LIST_COLUMNS] = {"name=GROUP", "state=STATE", "protocol=PROTOCOL", "members=>MEMBERS", "undo_of=", "is_orphan="};
	uint32_t column_count = is_json ? LIST_COLUMNS : LIST_COLUMNS_FOR_PEOPLE;
	struct out *out = out_open(is_json);
	struct out_table *table = out_table_begin(out, "groups", columns, column_count);
	for (size_t i = 0; i < groups->count; i++) {
		char subject[GROUP_NAME_SIZE_MAX];
		const struct group_listing_row *row = &listing->rows[i];
		snprintf(subject, sizeof subject, "%.*s", (int)row->undo_of.size, row->undo_of.data ? (const char *)row->undo_of.data : "");
		const struct out_cell cells[LIST_COLUMNS] = {
			cell_text(groups->items[i].name), cell_text(groups->items[i].state), cell_text(groups->items[i].protocol),
			cell_int(groups->items[i].member_count), cell_text(*subject ? subject : NULL), cell_bool(row->is_orphan),
		};
		out_row(table, cells, column_count);
	}
	out_table_end(table, NULL, "no groups; a consumer with a group.id makes one ('spate consume TOPIC --group NAME')");
	if (!is_json)
		explain_keepers(listing);
	out_close(out);
}

static int list_groups(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	const struct list_flags *flags = context;
	struct group_listing listing;
	struct group_views views = {0};
	int status = group_listing_ask(&listing, client, flags->with_internal);
	status = status ? status : view_groups(&views, client, &listing);
	if (!status)
		show_groups(&listing, &views, flags->is_json);
	group_views_free(&views);
	group_listing_free(&listing);
	return status;
}

static int list(int argc, char **argv)
{
	struct list_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list_of_flags[] = {
		BOOL_FLAG("internal", 'i', &flags.with_internal, "those too that keep what 'group rewind --undo' needs"),
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

/* One that no coordinator knows may have offsets, and can then be deleted; of one that is gone, what undoing its rewind needs may be left. */
static int check_deletion(struct kafka_client *client, const struct group_view *group)
{
	rd_kafka_topic_partition_list_t *offsets;
	struct group_keeper keeper = {0};
	if (group->member_count) {
		group_complain_active(group, "delete");
		return STATUS_FAILED;
	}
	if (group->is_there)
		return STATUS_OK;
	int status = group_offsets_ask(client, group->name, &offsets);
	status = status || offsets->cnt ? status : group_keeper_open(&keeper, client, group->name);
	if (!status && !offsets->cnt && keeper.kind != KEEPER_OURS) {
		group_complain_unknown(client, group->name);
		status = STATUS_FAILED;
	}
	group_keeper_free(&keeper);
	kafka()->rd_kafka_topic_partition_list_destroy(offsets);
	return status;
}

/* What an undo would bring back goes with it; mostly there is nothing. */
static int delete_keeper(struct kafka_client *client, const char *name, bool is_alone, struct deeds *deeds)
{
	struct group_keeper keeper;
	int status = group_keeper_open(&keeper, client, name);
	status = status ? status : group_keeper_forget(&keeper, client);
	if (!status && is_alone && keeper.kind == KEEPER_OURS)
		deeds_add(deeds, "deleted", "deleted, all that was left of the group:", keeper.name);
	group_keeper_free(&keeper);
	return status;
}

static int delete_one(struct kafka_client *client, const char *name, struct deeds *deeds)
{
	rd_kafka_resp_err_t err = group_delete_quietly(client, name);
	bool is_gone = err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND;
	if (err && !is_gone) {
		deeds_add_failure(deeds, "group", name, err == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP ? "it has active members, which joined just now; stop them first"
												   : kafka()->rd_kafka_err2str(err));
		return STATUS_FAILED;
	}
	if (!is_gone)
		deeds_add(deeds, "deleted", NULL, name);
	return delete_keeper(client, name, is_gone, deeds);
}

struct delete_flags {
	struct kafka_flags kafka;
	bool is_json;
};

static int check_deletions(struct kafka_client *client, const struct arguments *names)
{
	struct group_views groups;
	const char *asked[ARGUMENTS_MAX];
	memcpy(asked, names->items, sizeof asked);
	int status = group_views_ask(&groups, client, asked, names->count);
	for (size_t i = 0; i < groups.count; i++) {
		int one = check_deletion(client, &groups.items[i]);
		status = status ? status : one;
	}
	group_views_free(&groups);
	if (status && names->count > 1)
		complain("nothing was deleted");
	return status;
}

static int delete_groups(struct kafka_client *client, void *context, const struct arguments *names)
{
	const struct delete_flags *flags = context;
	struct deeds deeds;
	int status = check_deletions(client, names);
	if (status)
		return status;
	deeds_open(&deeds, flags->is_json, "groups");
	for (uint32_t i = 0; !status && i < names->count; i++)
		status = delete_one(client, names->items[i], &deeds);
	int told = deeds_close(&deeds);
	return status ? status : told;
}

static int delete(int argc, char **argv)
{
	struct delete_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list_of_flags[] = {
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate group delete",
		.arguments = "GROUP...",
		.about = "Deletes groups without members, with the offsets they have committed and what undoing a rewind needs. There is no way back.\n"
			 "If one of the names is none, nothing is deleted.",
		.examples = "  spate group delete billing\n",
		.flags = list_of_flags,
		.flag_count = COUNT_OF(list_of_flags),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .run = delete_groups, .context = &flags};
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
