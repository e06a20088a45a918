/* `spate group rewind`: moves what a group without members has committed, forwards too, and can take it back.
 *
 * Happy path: look at the group, make a plan (each partition with what is committed and what is to be), keep what is committed for --undo
 * (cli/group_keeper.h), commit the plan. --undo makes its plan of what was kept, and goes the same way: a second --undo so takes back the first. It
 * goes back one rewind, the last. With --dry-run it ends with the plan. Failure modes: a group with members, an unknown group or topic, a user's
 * group where the keeper would be, nothing to undo: refused before anything was changed; a broker that refuses the commit leaves the group as it
 * was. */
#include "cli/group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/group_keeper.h"
#include "cli/out.h"
#include "cli/rewind_plan.h"

struct rewind_flags {
	struct kafka_flags kafka;
	const char *to, *by;
	struct flag_list topics;
	bool is_undo, is_rehearsal, is_json, is_created, is_unkept;
	struct rewind_aim aim; /* what `to` and `by` say */
};

struct rewinding {
	const struct rewind_flags *flags;
	struct kafka_client *client;
	const char *name;
	struct rewind_plan plan;
	struct group_keeper keeper;
	bool is_known;
};

/* ---- flags ------------------------------------------------------------------------------------------------------------------- */

static int read_shift(struct rewind_flags *flags)
{
	char *end;
	errno = 0;
	long long number = strtoll(flags->by, &end, 10);
	bool is_number = end != flags->by && !*end;
	if (is_number && !errno && number <= INT64_MAX / 2 && number >= -(INT64_MAX / 2)) {
		flags->aim = (struct rewind_aim){.kind = AIM_SHIFT, .shift = number};
		return STATUS_OK;
	}
	complain(is_number ? "--by %s: so many records no log has" : "--by %s: it must be a number of records: -100 goes back, 100 goes on", flags->by);
	return STATUS_USAGE;
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
	if (flags->is_undo && flags->is_unkept) {
		complain("--undo and --no-undo exclude each other");
		return STATUS_USAGE;
	}
	if (flags->is_created && !flags->topics.count && !flags->is_undo) {
		complain("--create needs --topic: which topics the new group begins with");
		return STATUS_USAGE;
	}
	if (flags->to)
		return offset_point_from_flag(&flags->aim.point, "--to", flags->to);
	return flags->by ? read_shift(flags) : STATUS_OK;
}

/* ---- undoing ------------------------------------------------------------------------------------------------------------------- */

static int add_undo_step(struct rewinding *rewinding, int index)
{
	struct group_undo_note note;
	const rd_kafka_topic_partition_t *kept = &rewinding->keeper.kept->elems[index];
	if (!group_keeper_note(&rewinding->keeper, index, &note))
		return STATUS_OK;
	const struct rd_kafka_metadata_topic *topic = kafka_client_topic(rewinding->client, kept->topic);
	if (!topic || kept->partition >= topic->partition_cnt) {
		complain("%s-%" PRId32 " is gone; its part of the rewind is not taken back", kept->topic, kept->partition);
		return STATUS_OK;
	}
	struct rewind_step *step = rewind_plan_add(&rewinding->plan, kept->topic, kept->partition);
	if (!step)
		return STATUS_FAILED;
	step->asked = note.had_commit ? kept->offset : -1;
	step->metadata_after = note.metadata;
	return STATUS_OK;
}

static int refuse_undo(const struct rewinding *rewinding)
{
	const char *name = rewinding->name;
	if (rewinding->plan.count)
		complain("group '%s' is gone; what it had committed before it was rewound is still kept: --undo --create brings the group back with that, "
			 "'spate group delete %s' forgets it", name, name);
	else if (!rewinding->is_known)
		group_complain_unknown(rewinding->client, name);
	else
		complain("there is no rewind of group '%s' to undo; what it needs is kept as long as the broker keeps offsets (offsets.retention.minutes)", name);
	return STATUS_FAILED;
}

static int plan_undo(struct rewinding *rewinding)
{
	static const struct rewind_aim as_kept = {.kind = AIM_ASKED};
	int status = STATUS_OK;
	for (int i = 0; !status && i < rewinding->keeper.kept->cnt; i++)
		status = add_undo_step(rewinding, i);
	if (!status && (!rewinding->plan.count || (!rewinding->is_known && !rewinding->flags->is_created)))
		return refuse_undo(rewinding);
	return status ? status : rewind_plan_aim(&rewinding->plan, &as_kept);
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
	snprintf(text, sizeof text, "the move of %s ago", out_duration(clock_now_ms() - rewinding->keeper.rewound_ms, age));
	if (rewinding->flags->is_json)
		out_int(out, "undone_timestamp", "", rewinding->keeper.rewound_ms);
	else
		out_text(out, "", "takes back", text);
}

#define COLUMN_COUNT 9
#define COLUMNS_FOR_PEOPLE 5

static void show_steps(struct out *out, const struct rewinding *rewinding)
{
	static const char *const columns[COLUMN_COUNT] = {"topic=TOPIC", "partition=>PARTITION", "before=>COMMITTED", "after=>TO", "moved=>MOVED",
							  "requested=", "is_cut=", "start_offset=", "end_offset="};
	const struct rewind_plan *plan = &rewinding->plan;
	uint32_t column_count = rewinding->flags->is_json ? COLUMN_COUNT : COLUMNS_FOR_PEOPLE;
	struct out_table *table = out_table_begin(out, "partitions", columns, column_count);
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct rewind_step *step = &plan->steps[i];
		bool is_move = step->before >= 0 && step->after >= 0;
		const struct out_cell cells[COLUMN_COUNT] = {
			cell_text(step->topic), cell_int(step->partition), cell_int_if(step->before >= 0, step->before),
			cell_int_if(step->after >= 0, step->after), cell_int_if(is_move, step->after - step->before),
			cell_int_if(step->after >= 0, step->asked), cell_bool(rewind_plan_is_cut(plan, i)),
			cell_int(plan->offsets[i].start), cell_int(plan->offsets[i].end),
		};
		out_row(table, cells, column_count);
	}
	out_table_end(table, NULL, NULL);
}

/* Where it goes elsewhere than was asked for. */
static void explain_cuts(const struct rewinding *rewinding)
{
	const struct rewind_flags *flags = rewinding->flags;
	for (uint32_t i = 0; i < rewinding->plan.count; i++) {
		const struct rewind_step *step = &rewinding->plan.steps[i];
		if (!rewind_plan_is_cut(&rewinding->plan, i))
			continue;
		printf("%s-%" PRId32 ": ", step->topic, step->partition);
		if (flags->is_undo)
			printf("%" PRId64 ", which was committed,", step->asked);
		else
			printf(flags->to ? "--to %s" : "--by %s", flags->to ? flags->to : flags->by);
		printf(step->asked > step->after ? " lies beyond the log's end, %" PRId64 "\n" : " lies before the log's start, %" PRId64 "\n", step->after);
	}
}

static void explain(const struct rewinding *rewinding)
{
	const struct rewind_flags *flags = rewinding->flags;
	explain_cuts(rewinding);
	if (flags->is_rehearsal || !rewind_plan_has_moves(&rewinding->plan))
		return;
	if (flags->is_unkept) {
		printf("--undo cannot take it back\n");
		return;
	}
	printf("to take it back: spate group rewind ");
	out_print_word(rewinding->name);
	printf(" --undo\n");
}

static void show(const struct rewinding *rewinding)
{
	const struct rewind_flags *flags = rewinding->flags;
	struct out *out = out_open(flags->is_json);
	out_text(out, "name", !rewind_plan_has_moves(&rewinding->plan) ? "already there" : flags->is_rehearsal ? "would move" : "moved", rewinding->name);
	if (flags->is_json) {
		out_bool(out, "dry_run", "", flags->is_rehearsal);
		out_bool(out, "undo", "", flags->is_undo);
	}
	if (flags->is_undo)
		show_undone(out, rewinding);
	show_steps(out, rewinding);
	if (!flags->is_json)
		explain(rewinding);
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
	if (group_keeper_is_one(rewinding->name, rewinding->plan.committed)) {
		struct slice subject = group_undo_subject(rewinding->name);
		complain("group '%s' keeps what 'spate group rewind %.*s --undo' needs; it is not there to be rewound", rewinding->name, (int)subject.size,
			 (const char *)subject.data);
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
	status = status ? status : group_keeper_open(&rewinding->keeper, rewinding->client, rewinding->name);
	return status || rewinding->flags->is_unkept || rewinding->flags->is_undo ? status : group_keeper_check(&rewinding->keeper, rewinding->name);
}

/* What an earlier rewind kept would take back more than the last, were nothing kept of the last. */
static int keep_for_undo(const struct rewinding *rewinding)
{
	return rewinding->flags->is_unkept ? group_keeper_forget(&rewinding->keeper, rewinding->client)
					   : group_keeper_write(&rewinding->keeper, &rewinding->plan);
}

static int rewind_group(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	struct rewinding rewinding = {.flags = context, .client = client, .name = arguments->items[0]};
	rewinding.plan = (struct rewind_plan){.client = client, .group = rewinding.name};
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
	group_keeper_free(&rewinding.keeper);
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
		BOOL_FLAG("create", 0, &flags.is_created, "the group need not be there: it begins as --topic and --to, or --undo, say"),
		BOOL_FLAG("no-undo", 0, &flags.is_unkept, "keep nothing for --undo"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate group rewind",
		.arguments = "GROUP",
		.about = "Moves what a group has committed: its consumers read on from there. The group must have no active members (consumers that assign\n"
			 "partitions themselves are not seen: stop them too). Without --topic, all partitions of the topics that it has committed for move.\n\n"
			 "--undo takes back the last rewind, or the last undo. What was committed before is kept on the broker, as commits of a group\n"
			 "GROUP" GROUP_UNDO_SUFFIX " with notes in their metadata, so that it works from any shell and after the consumers have run on, for as long\n"
			 "as the broker keeps offsets (offsets.retention.minutes: 7 days). Kafka's tools show that group, too; 'spate group list' hides it,\n"
			 "'spate group delete GROUP' takes it along. What lies outside of the log is cut to it, and that is said.\n\n"
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
