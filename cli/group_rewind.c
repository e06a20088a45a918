/* `spate group rewind`: moves what a group without members has committed, forwards too, and can take it back.
 *
 * Happy path: look at the group, make a plan (each partition with what is committed and what is to be), keep what is committed for --undo
 * (cli/group_undo.h), commit the plan. --undo makes its plan of what was kept, and goes the same way: a second --undo so takes back the first. With
 * --dry-run it ends with the plan. Failure modes: a group with members, an unknown group or topic, nothing to undo: refused before anything was changed;
 * a broker that refuses the commit leaves the group as it was. */
#include "cli/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/group_undo.h"
#include "cli/out.h"
#include "cli/rewind_plan.h"

/* The broker takes 4096 bytes of metadata (offset.metadata.max.bytes), of which the note needs some; Streams writes about twenty. */
#define KEPT_METADATA_SIZE_MAX 3584

struct rewind_flags {
	struct kafka_flags kafka;
	const char *to, *by;
	struct flag_list topics;
	bool is_undo, is_rehearsal, is_json, is_created;
	struct rewind_aim aim; /* what `to` and `by` say */
};

struct rewinding {
	const struct rewind_flags *flags;
	struct kafka_client *client;
	const char *name;
	struct rewind_plan plan;
	char keeper[GROUP_NAME_SIZE_MAX];
	bool is_known;
	rd_kafka_topic_partition_list_t *kept; /* by the last rewind, if --undo */
	int64_t undone_ms;                     /* when what is to be undone was done */
};

/* ---- flags ------------------------------------------------------------------------------------------------------------------- */

static int read_shift(struct rewind_flags *flags)
{
	char *end;
	long long number = strtoll(flags->by, &end, 10);
	if (end == flags->by || *end || number > INT64_MAX / 2 || number < -(INT64_MAX / 2)) {
		complain("--by %s: it must be a number of records: -100 goes back, 100 goes on", flags->by);
		return STATUS_USAGE;
	}
	flags->aim = (struct rewind_aim){.is_shift = true, .shift = number};
	return STATUS_OK;
}

static int check_flags(void *context, const struct arguments *arguments)
{
	struct rewind_flags *flags = context;
	int ways = !!flags->to + !!flags->by + flags->is_undo;
	if (ways != 1) {
		complain(ways ? "--to, --by and --undo exclude each other" : "say where to: --to OFFSET, --by N, or --undo; --dry-run shows what would be");
		return STATUS_USAGE;
	}
	if (flags->is_undo && flags->topics.count) {
		complain("--undo takes back the last rewind whole; leave --topic out");
		return STATUS_USAGE;
	}
	if (flags->is_created && !flags->topics.count) {
		complain("--create needs --topic: which topics the new group begins with");
		return STATUS_USAGE;
	}
	if (flags->to)
		return offset_point_from_flag(&flags->aim.point, "--to", flags->to);
	return flags->by ? read_shift(flags) : STATUS_OK;
}

/* ---- undoing ------------------------------------------------------------------------------------------------------------------- */

static int add_undo_step(struct rewinding *rewinding, const rd_kafka_topic_partition_t *kept)
{
	struct group_undo_note note;
	if (!group_undo_note_parse(&note, (struct slice){kept->metadata, kept->metadata_size}))
		return STATUS_OK;
	if (!kafka_client_topic(rewinding->client, kept->topic)) {
		complain("topic '%s' is gone; its part of the rewind is not taken back", kept->topic);
		return STATUS_OK;
	}
	struct rewind_step *step = rewind_plan_add(&rewinding->plan, kept->topic, kept->partition);
	if (!step)
		return STATUS_FAILED;
	step->after = note.had_commit ? kept->offset : -1;
	step->metadata_after = note.metadata;
	rewinding->undone_ms = note.rewound_ms;
	return STATUS_OK;
}

static int plan_undo(struct rewinding *rewinding)
{
	int status = group_offsets_ask(rewinding->client, rewinding->keeper, &rewinding->kept);
	for (int i = 0; !status && i < rewinding->kept->cnt; i++)
		status = add_undo_step(rewinding, &rewinding->kept->elems[i]);
	if (status || rewinding->plan.count)
		return status;
	if (!rewinding->is_known)
		group_complain_unknown(rewinding->client, rewinding->name);
	else
		complain("there is no rewind of group '%s' to undo; what it needs is kept as long as the broker keeps offsets (offsets.retention.minutes)",
			 rewinding->name);
	return STATUS_FAILED;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int add_kept(rd_kafka_topic_partition_list_t *kept, const struct rewind_step *step)
{
	struct group_undo_note note = {.rewound_ms = now_ms(), .had_commit = step->before >= 0, .metadata = step->metadata};
	if (note.metadata.size > KEPT_METADATA_SIZE_MAX)
		note.metadata.size = 0;
	rd_kafka_topic_partition_t *commit = kafka()->rd_kafka_topic_partition_list_add(kept, step->topic, step->partition);
	commit->offset = note.had_commit ? step->before : 0;
	commit->metadata = group_undo_note_format(&note, &commit->metadata_size);
	return commit->metadata ? STATUS_OK : STATUS_FAILED;
}

/* In place of what an earlier rewind kept: one can be undone, the last. */
static int keep_for_undo(struct rewinding *rewinding)
{
	rd_kafka_topic_partition_list_t *kept = kafka()->rd_kafka_topic_partition_list_new((int)rewinding->plan.count);
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < rewinding->plan.count; i++)
		status = add_kept(kept, &rewinding->plan.steps[i]);
	rd_kafka_resp_err_t err = status ? 0 : group_delete_quietly(rewinding->client, rewinding->keeper);
	if (err && err != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
		complain("what --undo needs cannot be kept in group '%s': %s; nothing was moved", rewinding->keeper, kafka()->rd_kafka_err2str(err));
		status = STATUS_FAILED;
	}
	status = status ? status : group_offsets_commit(rewinding->client, rewinding->keeper, kept);
	kafka()->rd_kafka_topic_partition_list_destroy(kept);
	return status;
}

/* ---- doing it ------------------------------------------------------------------------------------------------------------------ */

static int commit_steps(struct rewinding *rewinding)
{
	rd_kafka_topic_partition_list_t *moved = kafka()->rd_kafka_topic_partition_list_new((int)rewinding->plan.count);
	rd_kafka_topic_partition_list_t *forgotten = kafka()->rd_kafka_topic_partition_list_new((int)rewinding->plan.count);
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < rewinding->plan.count; i++) {
		const struct rewind_step *step = &rewinding->plan.steps[i];
		if (step->after < 0 && step->before < 0)
			continue;
		rd_kafka_topic_partition_t *commit =
			kafka()->rd_kafka_topic_partition_list_add(step->after < 0 ? forgotten : moved, step->topic, step->partition);
		commit->offset = step->after;
		if (!step->metadata_after.size)
			continue;
		commit->metadata = malloc(step->metadata_after.size);
		if (commit->metadata)
			memcpy(commit->metadata, step->metadata_after.data, step->metadata_after.size);
		commit->metadata_size = commit->metadata ? step->metadata_after.size : 0;
	}
	status = group_offsets_commit(rewinding->client, rewinding->name, moved);
	status = status ? status : group_offsets_delete(rewinding->client, rewinding->name, forgotten);
	kafka()->rd_kafka_topic_partition_list_destroy(moved);
	kafka()->rd_kafka_topic_partition_list_destroy(forgotten);
	return status;
}

static void show_undone(struct out *out, const struct rewinding *rewinding)
{
	char age[32], text[64];
	snprintf(text, sizeof text, "the move of %s ago", out_duration(now_ms() - rewinding->undone_ms, age));
	if (rewinding->flags->is_json)
		out_int(out, "undone_timestamp", "", rewinding->undone_ms);
	else
		out_text(out, "", "takes back", text);
}

static void show(const struct rewinding *rewinding)
{
	static const char *const columns[] = {"topic=TOPIC", "partition=>PARTITION", "before=>COMMITTED", "after=>TO", "moved=>MOVED"};
	const struct rewind_flags *flags = rewinding->flags;
	struct out *out = out_open(flags->is_json);
	out_text(out, "name", !rewind_plan_has_moves(&rewinding->plan) ? "already there" : flags->is_rehearsal ? "would move" : "moved", rewinding->name);
	if (flags->is_json) {
		out_bool(out, "dry_run", "", flags->is_rehearsal);
		out_bool(out, "undo", "", flags->is_undo);
	}
	if (flags->is_undo)
		show_undone(out, rewinding);
	struct out_table *table = out_table_begin(out, "partitions", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < rewinding->plan.count; i++) {
		const struct rewind_step *step = &rewinding->plan.steps[i];
		bool is_move = step->before >= 0 && step->after >= 0;
		OUT_ROW(table, cell_text(step->topic), cell_int(step->partition), cell_int_if(step->before >= 0, step->before),
			cell_int_if(step->after >= 0, step->after), cell_int_if(is_move, step->after - step->before));
	}
	out_table_end(table, NULL, NULL);
	if (!flags->is_json && !flags->is_rehearsal && rewind_plan_has_moves(&rewinding->plan))
		printf("to take it back: spate group rewind %s --undo\n", rewinding->name);
	out_close(out);
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

static int make_plan(struct rewinding *rewinding)
{
	if (rewinding->flags->is_undo)
		return plan_undo(rewinding);
	int status = rewind_plan_choose(&rewinding->plan, &rewinding->flags->topics);
	return status ? status : rewind_plan_aim(&rewinding->plan, &rewinding->flags->aim);
}

static int check_group(struct rewinding *rewinding, const struct group_view *group)
{
	if (group->member_count) {
		group_complain_active(group, "rewind");
		return STATUS_FAILED;
	}
	rewinding->is_known = rewinding->plan.committed->cnt || group->is_there;
	if (rewinding->is_known || rewinding->flags->is_created || rewinding->flags->is_undo)
		return STATUS_OK;
	group_complain_unknown(rewinding->client, rewinding->name);
	return STATUS_FAILED;
}

static int look_at_group(struct rewinding *rewinding)
{
	struct group_views groups;
	int status = group_views_ask(&groups, rewinding->client, &rewinding->name, 1);
	status = status ? status : group_offsets_ask(rewinding->client, rewinding->name, &rewinding->plan.committed);
	status = status ? status : check_group(rewinding, &groups.items[0]);
	group_views_free(&groups);
	return status;
}

static int rewind_group(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	struct rewinding rewinding = {.flags = context, .client = client, .name = arguments->items[0]};
	rewinding.plan = (struct rewind_plan){.client = client, .group = rewinding.name};
	if (!group_undo_name(rewinding.keeper, rewinding.name)) {
		complain("the name of the group is too long");
		return STATUS_USAGE;
	}
	int status = look_at_group(&rewinding);
	status = status ? status : make_plan(&rewinding);
	/* What is there already need not be committed, and what the last rewind kept stays. */
	if (!status && !rewinding.flags->is_rehearsal && rewind_plan_has_moves(&rewinding.plan)) {
		status = keep_for_undo(&rewinding);
		status = status ? status : commit_steps(&rewinding);
	}
	if (!status)
		show(&rewinding);
	if (rewinding.plan.committed)
		kafka()->rd_kafka_topic_partition_list_destroy(rewinding.plan.committed);
	if (rewinding.kept)
		kafka()->rd_kafka_topic_partition_list_destroy(rewinding.kept);
	rewind_plan_free(&rewinding.plan);
	return status;
}

int group_rewind_run(int argc, char **argv)
{
	struct rewind_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		TEXT_FLAG("to", 't', &flags.to, "OFFSET", "where each partition is to be read from; see above"),
		TEXT_FLAG("by", 0, &flags.by, "N", "so many records from what is committed: -100 goes back, 100 skips"),
		BOOL_FLAG("undo", 'u', &flags.is_undo, "take back the last rewind (or the last undo)"),
		LIST_FLAG("topic", 0, &flags.topics, "TOPIC[:0,1]", "this topic alone, or these partitions of it; may be given often"),
		BOOL_FLAG("dry-run", 'n', &flags.is_rehearsal, "show the plan, and change nothing"),
		BOOL_FLAG("create", 0, &flags.is_created, "the group need not be there: it begins as --topic and --to say"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate group rewind",
		.arguments = "GROUP",
		.about = "Moves what a group has committed: its consumers read on from there. The group must have no active members (consumers that assign\n"
			 "partitions themselves are not seen: stop them too). Without --topic, all partitions of the topics that it has committed for move.\n\n"
			 "What was committed before is kept on the broker, as group GROUP" GROUP_UNDO_SUFFIX ", so that --undo works from any shell and after\n"
			 "the consumers have run on, for as long as the broker keeps offsets (offsets.retention.minutes: 7 days). One rewind is kept, the last.\n\n"
			 "OFFSET: start | end | 42 | +10 (behind the first) | -10 (the last ten) | @-1h | @2026-01-31T08:30Z | @1700000000000",
		.examples = "  spate group rewind billing --to @-1h --dry-run\n  spate group rewind billing --to start --topic orders:0,1\n"
			    "  spate group rewind billing --by -100\n  spate group rewind billing --undo\n"
			    "  spate group rewind audit --create --topic orders --to end\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = 1,
	};
	const struct client_verb verb = {
		.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_flags, .run = rewind_group, .context = &flags,
	};
	return client_verb_run(&verb, argc, argv);
}
