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
#include "cli/partition_choice.h"
#include "cli/partition_offsets.h"

/* The broker takes 4096 bytes of metadata (offset.metadata.max.bytes), of which the note needs some; Streams writes about twenty. */
#define KEPT_METADATA_SIZE_MAX 3584

struct rewind_flags {
	struct kafka_flags kafka;
	const char *to, *by;
	struct flag_list topics;
	bool is_undo, is_rehearsal, is_json, is_created;
	/* What `to` and `by` say. */
	struct offset_point point;
	int64_t shift;
};

/* One partition's commit, before and after; -1 is none. */
struct step {
	const char *topic;
	int32_t partition;
	int64_t before, after;
	struct slice metadata; /* of the commit before, and after */
	struct slice metadata_after;
};

struct rewinding {
	const struct rewind_flags *flags;
	struct kafka_client *client;
	const char *name;
	char keeper[GROUP_NAME_SIZE_MAX];
	bool is_known;
	rd_kafka_topic_partition_list_t *committed;
	rd_kafka_topic_partition_list_t *kept; /* by the last rewind, if --undo */
	struct step *steps;
	struct partition_offsets *offsets; /* beside the steps */
	uint32_t count, capacity;
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
	flags->shift = number;
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
		return offset_point_from_flag(&flags->point, "--to", flags->to);
	return flags->by ? read_shift(flags) : STATUS_OK;
}

/* ---- which partitions --------------------------------------------------------------------------------------------------------- */

static int reserve(struct rewinding *rewinding, uint32_t more)
{
	if (rewinding->count + more <= rewinding->capacity)
		return STATUS_OK;
	uint32_t capacity = 2 * (rewinding->count + more);
	struct step *steps = realloc(rewinding->steps, capacity * sizeof *steps);
	if (!steps)
		return STATUS_FAILED;
	rewinding->steps = steps;
	rewinding->capacity = capacity;
	return STATUS_OK;
}

static struct step *add_step(struct rewinding *rewinding, const char *topic, int32_t partition)
{
	const rd_kafka_topic_partition_t *commit = kafka()->rd_kafka_topic_partition_list_find(rewinding->committed, topic, partition);
	struct step *step = &rewinding->steps[rewinding->count++];
	*step = (struct step){.topic = topic, .partition = partition, .before = -1, .after = -1};
	if (commit && commit->offset >= 0) {
		step->before = commit->offset;
		step->metadata = (struct slice){commit->metadata, commit->metadata_size};
	}
	return step;
}

static int add_partitions(struct rewinding *rewinding, const struct rd_kafka_metadata_topic *topic, const struct flag_list *chosen)
{
	struct partition_choice choice;
	int status = partition_choice_make(&choice, topic, chosen);
	status = status ? status : reserve(rewinding, choice.count);
	for (uint32_t i = 0; !status && i < choice.count; i++)
		add_step(rewinding, topic->topic, choice.ids[i]);
	partition_choice_free(&choice);
	return status;
}

/* Cuts "0,1,2" in place. */
static int split_partitions(struct flag_list *out, const char *flag, char *list)
{
	*out = (struct flag_list){0};
	for (char *rest = NULL, *one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		if (out->count == FLAG_LIST_MAX) {
			complain("--topic %s: it names more than %d partitions; leave them out to mean all", flag, FLAG_LIST_MAX);
			return STATUS_USAGE;
		}
		out->items[out->count++] = one;
	}
	if (out->count)
		return STATUS_OK;
	complain("--topic %s: write TOPIC, or TOPIC:0,1,2", flag);
	return STATUS_USAGE;
}

/* TOPIC or TOPIC:0,1,2. */
static int add_from_flag(struct rewinding *rewinding, const char *flag)
{
	struct flag_list chosen = {0};
	char *text = strdup(flag), *colon = text ? strchr(text, ':') : NULL;
	int status = text ? STATUS_OK : STATUS_FAILED;
	if (colon) {
		*colon = '\0';
		status = split_partitions(&chosen, flag, colon + 1);
	}
	const struct rd_kafka_metadata_topic *topic = status ? NULL : kafka_client_topic(rewinding->client, text);
	if (!status && !topic) {
		kafka_complain_topic(rewinding->client, text);
		status = STATUS_FAILED;
	}
	status = status ? status : add_partitions(rewinding, topic, &chosen);
	free(text);
	return status;
}

/* All partitions of the topics that it has committed for, as a consumer that begins anew reads them all. */
static int add_committed(struct rewinding *rewinding)
{
	const struct flag_list all = {0};
	const char *last = "";
	int status = STATUS_OK;
	for (int i = 0; !status && i < rewinding->committed->cnt; i++) {
		const char *name = rewinding->committed->elems[i].topic;
		const struct rd_kafka_metadata_topic *topic = kafka_client_topic(rewinding->client, name);
		if (strcmp(name, last) == 0)
			continue;
		last = name;
		if (topic)
			status = add_partitions(rewinding, topic, &all);
		else
			complain("topic '%s' is gone; what the group committed for it is left alone", name);
	}
	return status;
}

static int compare_steps(const void *a, const void *b)
{
	const struct step *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);
	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void sort_steps(struct rewinding *rewinding)
{
	uint32_t kept = 0;
	if (rewinding->count)
		qsort(rewinding->steps, rewinding->count, sizeof *rewinding->steps, compare_steps);
	for (uint32_t i = 0; i < rewinding->count; i++)
		if (!kept || compare_steps(&rewinding->steps[kept - 1], &rewinding->steps[i]) != 0)
			rewinding->steps[kept++] = rewinding->steps[i];
	rewinding->count = kept;
}

static int choose_partitions(struct rewinding *rewinding)
{
	int status = rewinding->flags->topics.count ? STATUS_OK : add_committed(rewinding);
	for (uint32_t i = 0; !status && i < rewinding->flags->topics.count; i++)
		status = add_from_flag(rewinding, rewinding->flags->topics.items[i]);
	sort_steps(rewinding);
	if (status || rewinding->count)
		return status;
	complain("group '%s' has committed nothing; name what to commit with --topic", rewinding->name);
	return STATUS_FAILED;
}

/* ---- where to ----------------------------------------------------------------------------------------------------------------- */

static int refuse_unreadable(const struct rewinding *rewinding)
{
	for (uint32_t i = 0; i < rewinding->count; i++) {
		if (!rewinding->offsets[i].err)
			continue;
		complain("cannot ask where %s-%" PRId32 " begins and ends: %s", rewinding->steps[i].topic, rewinding->steps[i].partition,
			 kafka()->rd_kafka_err2str(rewinding->offsets[i].err));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* From the group's own commit; a partition without one stays so. */
static void shift_steps(struct rewinding *rewinding, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct step *step = &rewinding->steps[i];
		const struct partition_offsets *offsets = &rewinding->offsets[i];
		if (step->before < 0)
			continue;
		int64_t after = step->before + rewinding->flags->shift;
		step->after = after < offsets->start ? offsets->start : after > offsets->end ? offsets->end : after;
	}
}

static int aim_topic(struct rewinding *rewinding, uint32_t from, uint32_t to, int64_t *targets)
{
	const char *topic = rewinding->steps[from].topic;
	struct partition_offsets *offsets = &rewinding->offsets[from];
	for (uint32_t i = from; i < to; i++)
		rewinding->offsets[i].partition = rewinding->steps[i].partition;
	int status = partition_offsets_ask(rewinding->client, topic, offsets, to - from);
	status = status ? status : refuse_unreadable(rewinding);
	if (status || rewinding->flags->by) {
		shift_steps(rewinding, from, to);
		return status;
	}
	status = partition_offsets_resolve(rewinding->client, topic, &rewinding->flags->point, offsets, to - from, targets);
	for (uint32_t i = from; !status && i < to; i++)
		rewinding->steps[i].after = targets[i - from];
	return status;
}

static int aim(struct rewinding *rewinding)
{
	int64_t *targets = calloc(rewinding->count + 1, sizeof *targets);
	rewinding->offsets = calloc(rewinding->count + 1, sizeof *rewinding->offsets);
	int status = targets && rewinding->offsets ? STATUS_OK : STATUS_FAILED;
	for (uint32_t i = 0; !status && i < rewinding->count;) {
		uint32_t end = i;
		while (end < rewinding->count && strcmp(rewinding->steps[end].topic, rewinding->steps[i].topic) == 0)
			end++;
		status = aim_topic(rewinding, i, end, targets);
		i = end;
	}
	free(targets);
	return status;
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
	int status = reserve(rewinding, 1);
	if (status)
		return status;
	struct step *step = add_step(rewinding, kept->topic, kept->partition);
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
	if (status || rewinding->count)
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

static int add_kept(rd_kafka_topic_partition_list_t *kept, const struct step *step)
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
	rd_kafka_topic_partition_list_t *kept = kafka()->rd_kafka_topic_partition_list_new((int)rewinding->count);
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < rewinding->count; i++)
		status = add_kept(kept, &rewinding->steps[i]);
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
	rd_kafka_topic_partition_list_t *moved = kafka()->rd_kafka_topic_partition_list_new((int)rewinding->count);
	rd_kafka_topic_partition_list_t *forgotten = kafka()->rd_kafka_topic_partition_list_new((int)rewinding->count);
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < rewinding->count; i++) {
		const struct step *step = &rewinding->steps[i];
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

/* What is there already need not be committed, and what the last rewind kept stays. */
static bool has_moves(const struct rewinding *rewinding)
{
	for (uint32_t i = 0; i < rewinding->count; i++)
		if (rewinding->steps[i].before != rewinding->steps[i].after)
			return true;
	return false;
}

static void show(const struct rewinding *rewinding)
{
	static const char *const columns[] = {"topic=TOPIC", "partition=>PARTITION", "before=>COMMITTED", "after=>TO", "moved=>MOVED"};
	const struct rewind_flags *flags = rewinding->flags;
	struct out *out = out_open(flags->is_json);
	out_text(out, "name", !has_moves(rewinding) ? "already there" : flags->is_rehearsal ? "would move" : "moved", rewinding->name);
	if (flags->is_json) {
		out_bool(out, "dry_run", "", flags->is_rehearsal);
		out_bool(out, "undo", "", flags->is_undo);
	}
	if (flags->is_undo)
		show_undone(out, rewinding);
	struct out_table *table = out_table_begin(out, "partitions", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < rewinding->count; i++) {
		const struct step *step = &rewinding->steps[i];
		bool is_move = step->before >= 0 && step->after >= 0;
		OUT_ROW(table, cell_text(step->topic), cell_int(step->partition), cell_int_if(step->before >= 0, step->before),
			cell_int_if(step->after >= 0, step->after), cell_int_if(is_move, step->after - step->before));
	}
	out_table_end(table, NULL, NULL);
	if (!flags->is_json && !flags->is_rehearsal && has_moves(rewinding))
		printf("to take it back: spate group rewind %s --undo\n", rewinding->name);
	out_close(out);
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

static int plan(struct rewinding *rewinding)
{
	if (rewinding->flags->is_undo)
		return plan_undo(rewinding);
	int status = choose_partitions(rewinding);
	return status ? status : aim(rewinding);
}

static int check_group(struct rewinding *rewinding, const struct group_view *group)
{
	if (group->member_count) {
		group_complain_active(group, "rewind");
		return STATUS_FAILED;
	}
	rewinding->is_known = rewinding->committed->cnt || group->is_there;
	if (rewinding->is_known || rewinding->flags->is_created || rewinding->flags->is_undo)
		return STATUS_OK;
	group_complain_unknown(rewinding->client, rewinding->name);
	return STATUS_FAILED;
}

static int look_at_group(struct rewinding *rewinding)
{
	struct group_views groups;
	int status = group_views_ask(&groups, rewinding->client, &rewinding->name, 1);
	status = status ? status : group_offsets_ask(rewinding->client, rewinding->name, &rewinding->committed);
	status = status ? status : check_group(rewinding, &groups.items[0]);
	group_views_free(&groups);
	return status;
}

static int rewind_group(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	struct rewinding rewinding = {.flags = context, .client = client, .name = arguments->items[0]};
	if (!group_undo_name(rewinding.keeper, rewinding.name)) {
		complain("the name of the group is too long");
		return STATUS_USAGE;
	}
	int status = look_at_group(&rewinding);
	status = status ? status : plan(&rewinding);
	if (!status && !rewinding.flags->is_rehearsal && has_moves(&rewinding)) {
		status = keep_for_undo(&rewinding);
		status = status ? status : commit_steps(&rewinding);
	}
	if (!status)
		show(&rewinding);
	if (rewinding.committed)
		kafka()->rd_kafka_topic_partition_list_destroy(rewinding.committed);
	if (rewinding.kept)
		kafka()->rd_kafka_topic_partition_list_destroy(rewinding.kept);
	free(rewinding.steps);
	free(rewinding.offsets);
	return status;
}

int group_rewind_run(int argc, char **argv)
{
	struct rewind_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		TEXT_FLAG("to", 't', &flags.to, "OFFSET", "where each partition is to be read from; see below"),
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
