/* `spate group describe`: members, what is committed, and how far behind that is.
 *
 * Lag in records is what there is between the commit and the log's end. Lag in time is how long ago the oldest unconsumed record was appended: the
 * broker's log knows, and is asked (wire_client_append_times). Where it cannot tell exactly (another broker; a log of an earlier version) that record is read,
 * and its timestamp taken, which may be its producer's word: what it is, is said. Failure modes: a topic that is gone, a partition without a
 * leader, a damaged record leave "-" in their row. */
#include "cli/group_describe.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/clock.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------------------- */

/* 0 for a topic that is gone. */
static int partitions_of(const struct describing *describing, const char *name)
{
	const struct rd_kafka_metadata_topic *topic = kafka_client_topic(describing->client, name);
	return topic ? topic->partition_cnt : 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct describe_row *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);
	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void add_member(struct describing *describing, const struct group_member *member)
{
	for (uint32_t i = 0; i < member->partition_count; i++)
		describing->rows[describing->count++] = (struct describe_row){member->partitions[i].topic, member->partitions[i].partition, -1, member};
}

static size_t count_assigned(const struct describing *describing)
{
	size_t count = 0;
	for (uint32_t i = 0; i < describing->group->member_count; i++)
		count += describing->group->members[i].partition_count;
	return count;
}

/* Two rows of one partition, the commit's and the member's, become one. */
static void merge_rows(struct describing *describing)
{
	uint32_t kept = 0;
	qsort(describing->rows, describing->count, sizeof *describing->rows, compare_rows);
	for (uint32_t i = 0; i < describing->count; i++) {
		struct describe_row *row = &describing->rows[i], *last = kept ? &describing->rows[kept - 1] : NULL;
		if (!last || compare_rows(last, row) != 0) {
			describing->rows[kept++] = *row;
			continue;
		}
		last->committed = row->committed >= 0 ? row->committed : last->committed;
		last->member = row->member ? row->member : last->member;
	}
	describing->count = kept;
}

/* All partitions of the topics that it has committed for: one without a commit may hold records that nobody has read. */
static void add_committed(struct describing *describing)
{
	const char *topic = "";
	for (int i = 0; i < describing->committed->cnt; i++) {
		const rd_kafka_topic_partition_t *partition = &describing->committed->elems[i];
		if (partition->offset >= 0)
			describing->rows[describing->count++] = (struct describe_row){partition->topic, partition->partition, partition->offset, NULL};
		if (strcmp(topic, partition->topic) == 0)
			continue;
		topic = partition->topic;
		for (int j = 0; j < partitions_of(describing, topic); j++)
			describing->rows[describing->count++] = (struct describe_row){topic, j, -1, NULL};
	}
}

static size_t count_committed(const struct describing *describing)
{
	const char *topic = "";
	size_t count = (size_t)describing->committed->cnt;
	for (int i = 0; i < describing->committed->cnt; i++) {
		if (strcmp(topic, describing->committed->elems[i].topic) == 0)
			continue;
		topic = describing->committed->elems[i].topic;
		count += (size_t)partitions_of(describing, topic);
	}
	return count;
}

static int make_rows(struct describing *describing)
{
	size_t room = count_assigned(describing) + count_committed(describing) + 1;
	describing->rows = calloc(room, sizeof *describing->rows);
	describing->offsets = calloc(room, sizeof *describing->offsets);
	describing->appended = calloc(room, sizeof *describing->appended);
	describing->oldest = calloc(room, sizeof *describing->oldest);
	if (!describing->rows || !describing->offsets || !describing->appended || !describing->oldest)
		return STATUS_FAILED;
	add_committed(describing);
	for (uint32_t i = 0; i < describing->group->member_count; i++)
		add_member(describing, &describing->group->members[i]);
	merge_rows(describing);
	return STATUS_OK;
}

/* ---- where the logs begin and end ---------------------------------------------------------------------------------------------- */

/* A topic's rows at once; what the broker does not know is not asked for, as librdkafka would wait for it to appear. */
static int ask_offsets(struct describing *describing)
{
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < describing->count;) {
		uint32_t end = i;
		for (; end < describing->count && strcmp(describing->rows[end].topic, describing->rows[i].topic) == 0; end++) {
			describing->offsets[end].partition = describing->rows[end].partition;
			if (describing->rows[end].partition >= partitions_of(describing, describing->rows[end].topic))
				describing->offsets[end].err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
		}
		if (!describing->offsets[i].err) {
			uint32_t known = i;
			while (known < end && !describing->offsets[known].err)
				known++;
			status = partition_offsets_ask(describing->client, describing->rows[i].topic, &describing->offsets[i], known - i);
		}
		i = end;
	}
	return status;
}

/* ---- the oldest unconsumed records ------------------------------------------------------------------------------------------------ */

static bool has_something_to_read(const struct describing *describing, uint32_t i)
{
	return describing_has_lag(describing, i) && describing_lag(describing, i) > 0;
}

/* Asks about the rows of one topic from `from` on that have something to read; returns where the next topic begins. */
static uint32_t ask_topics_append_times(struct describing *describing, struct wire_append_time *asked, uint32_t from)
{
	const char *topic = describing->rows[from].topic;
	uint32_t end = from, count = 0;
	for (; end < describing->count && strcmp(describing->rows[end].topic, topic) == 0; end++)
		if (has_something_to_read(describing, end))
			asked[count++] = (struct wire_append_time){.partition = describing->rows[end].partition, .of = describing_reads_from(describing, end)};
	int err = count ? wire_client_append_times(describing->client->wire, topic, asked, count) : 0;
	for (uint32_t i = from, j = 0; !err && j < count; i++)
		if (describing->rows[i].partition == asked[j].partition)
			describing->appended[i] = asked[j++];
	return end;
}

/* A broker that does not answer this is no error: the records are read then. */
static int ask_append_times(struct describing *describing)
{
	struct wire_append_time *asked = calloc(describing->count + 1, sizeof *asked);
	if (!asked)
		return STATUS_FAILED;
	for (uint32_t i = 0; i < describing->count;)
		i = ask_topics_append_times(describing, asked, i);
	free(asked);
	return STATUS_OK;
}

static int read_oldest(struct describing *describing)
{
	for (uint32_t i = 0; i < describing->count; i++)
		describing->oldest[i] = (struct first_record){
			.topic = describing->rows[i].topic,
			.partition = describing->rows[i].partition,
			.from = describing_has_lag(describing, i) ? describing_reads_from(describing, i) : 0,
			.is_done = !has_something_to_read(describing, i) || describing_age_source(describing, i) == AGE_LOG,
		};
	int status = first_records_read(describing->client, describing->oldest, describing->count);
	describing->now_ms = clock_now_ms();
	return status;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

static int describe_group(struct describing *describing)
{
	int status = group_offsets_ask(describing->client, describing->group->name, &describing->committed);
	if (!status && !describing->committed->cnt && !describing->group->is_there) {
		group_complain_unknown(describing->client, describing->group->name);
		status = STATUS_FAILED;
	}
	status = status ? status : make_rows(describing);
	status = status ? status : ask_offsets(describing);
	status = status ? status : ask_append_times(describing);
	/* Without the oldest records all else can be shown. */
	int incomplete = status ? STATUS_OK : read_oldest(describing);
	if (!status)
		describing_show(describing);
	kafka()->rd_kafka_topic_partition_list_destroy(describing->committed);
	free(describing->rows);
	free(describing->offsets);
	free(describing->appended);
	free(describing->oldest);
	return status ? status : incomplete;
}

struct describe_flags {
	struct kafka_flags kafka;
	bool is_json;
};

static int describe_groups(struct kafka_client *client, void *context, const struct arguments *names)
{
	const struct describe_flags *flags = context;
	struct group_views groups;
	const char *asked[ARGUMENTS_MAX];
	memcpy(asked, names->items, sizeof asked);
	int status = group_views_ask(&groups, client, asked, names->count);
	bool is_answered = !status;
	for (size_t i = 0; is_answered && i < groups.count; i++) {
		struct describing describing = {.client = client, .is_json = flags->is_json, .group = &groups.items[i]};
		int one = describe_group(&describing);
		status = status ? status : one;
		if (i + 1 < groups.count && !flags->is_json)
			putchar('\n');
	}
	group_views_free(&groups);
	return status;
}

int group_describe_run(int argc, char **argv)
{
	static const struct kafka_setting settings[] = {FIRST_RECORD_SETTINGS};
	static const struct kafka_wishes wishes = {.settings = settings, .setting_count = COUNT_OF(settings)};
	struct describe_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON: one document for each group"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate group describe",
		.arguments = "GROUP...",
		.about = "Shows a group's members with their partitions, what it has committed, and its lag: in records, and in time.\n\n"
			 "LAG TIME is how long ago the oldest record that the group has not consumed was appended, by the broker's clock: its log says so,\n"
			 "whatever timestamp the producer wrote. Another broker than Spate does not know; then that record's timestamp is compared with\n"
			 "this machine's clock, and the output says who wrote it. A time in the future counts as now.\n"
			 "\n"
			 "LAG counts partitions that the group has committed for; those without a commit are told apart.",
		.examples = "  spate group describe billing\n  spate group describe billing --json | jq '.lag, .lag_seconds'\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {
		.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_CONSUMER, .run = describe_groups, .context = &flags, .wishes = &wishes,
	};
	return client_verb_run(&verb, argc, argv);
}
