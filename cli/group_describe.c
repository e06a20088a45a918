/* `spate group describe`: members, what is committed, and how far behind that is.
 *
 * Lag in records is what there is between the commit and the log's end. Lag in time is exact: the record at the committed offset is read, and its
 * timestamp is compared with now. Who wrote that timestamp is the topic's to say (message.timestamp.type), and is shown. Failure modes: a topic that is
 * gone, a partition without a leader, a damaged record leave "-" in their row. */
#include "cli/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/first_record.h"
#include "cli/group_keeper.h"
#include "cli/out.h"
#include "cli/partition_offsets.h"

/* A partition that the group has committed for, or that a member has. */
struct row {
	const char *topic;
	int32_t partition;
	int64_t committed; /* -1: nothing */
	const struct group_member *member;
};

struct describing {
	struct kafka_client *client;
	bool is_json;
	const struct group_view *group;
	rd_kafka_topic_partition_list_t *committed;
	struct row *rows;
	/* Beside the rows. */
	struct partition_offsets *offsets;
	struct first_record *oldest;
	uint32_t count;
	int64_t now_ms;
};

/* ---- the rows ---------------------------------------------------------------------------------------------------------------- */

/* 0 for a topic that is gone. */
static int partitions_of(const struct describing *describing, const char *name)
{
	const struct rd_kafka_metadata_topic *topic = kafka_client_topic(describing->client, name);
	return topic ? topic->partition_cnt : 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);
	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void add_member(struct describing *describing, const struct group_member *member)
{
	for (uint32_t i = 0; i < member->partition_count; i++)
		describing->rows[describing->count++] = (struct row){member->partitions[i].topic, member->partitions[i].partition, -1, member};
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
		struct row *row = &describing->rows[i], *last = kept ? &describing->rows[kept - 1] : NULL;
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
			describing->rows[describing->count++] = (struct row){partition->topic, partition->partition, partition->offset, NULL};
		if (strcmp(topic, partition->topic) == 0)
			continue;
		topic = partition->topic;
		for (int j = 0; j < partitions_of(describing, topic); j++)
			describing->rows[describing->count++] = (struct row){topic, j, -1, NULL};
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
	describing->oldest = calloc(room, sizeof *describing->oldest);
	if (!describing->rows || !describing->offsets || !describing->oldest)
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

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Where the group reads on: what retention has taken before it was read is not there to be read. */
static int64_t reads_from(const struct describing *describing, uint32_t i)
{
	return larger(describing->rows[i].committed, describing->offsets[i].start);
}

static bool has_lag(const struct describing *describing, uint32_t i)
{
	return describing->rows[i].committed >= 0 && !describing->offsets[i].err;
}

static int64_t lag_of(const struct describing *describing, uint32_t i)
{
	return larger(0, describing->offsets[i].end - reads_from(describing, i));
}

static int64_t lost_of(const struct describing *describing, uint32_t i)
{
	return has_lag(describing, i) ? larger(0, describing->offsets[i].start - describing->rows[i].committed) : 0;
}

static int read_oldest(struct describing *describing)
{
	for (uint32_t i = 0; i < describing->count; i++)
		describing->oldest[i] = (struct first_record){
			.topic = describing->rows[i].topic,
			.partition = describing->rows[i].partition,
			.from = has_lag(describing, i) ? reads_from(describing, i) : 0,
			.is_done = !has_lag(describing, i) || lag_of(describing, i) == 0,
		};
	int status = first_records_read(describing->client, describing->oldest, describing->count);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	describing->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	return status;
}

/* Nothing to read is no time behind; a record whose time is in the future is none either. */
static bool has_delay(const struct describing *describing, uint32_t i)
{
	return has_lag(describing, i) && (lag_of(describing, i) == 0 || describing->oldest[i].is_found);
}

static int64_t delay_of(const struct describing *describing, uint32_t i)
{
	return describing->oldest[i].is_found ? larger(0, describing->now_ms - describing->oldest[i].timestamp_ms) : 0;
}

/* ---- what is said ------------------------------------------------------------------------------------------------------------- */

/* "orders:0,1,2 payments:0"; what does not fit ends with "...". */
static void format_assignment(char *out, size_t size, const struct group_member *member)
{
	size_t used = 0;
	snprintf(out, size, "-");
	for (uint32_t i = 0; i < member->partition_count; i++) {
		const struct group_partition *partition = &member->partitions[i];
		bool is_same = i && strcmp(partition->topic, member->partitions[i - 1].topic) == 0;
		int more = is_same ? snprintf(out + used, size - used, ",%" PRId32, partition->partition)
				   : snprintf(out + used, size - used, "%s%s:%" PRId32, i ? " " : "", partition->topic, partition->partition);
		if (more < 0 || (size_t)more >= size - used) {
			snprintf(out + size - 5, 5, " ...");
			return;
		}
		used += (size_t)more;
	}
}

static void show_members(struct out *out, const struct describing *describing)
{
	static const char *const columns[] = {"member_id=MEMBER", "client_id=CLIENT", "group_instance_id=INSTANCE", "host=HOST", "assignment=PARTITIONS"};
	struct out_table *table = out_table_begin(out, "members", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < describing->group->member_count; i++) {
		char assignment[4096];
		const struct group_member *member = &describing->group->members[i];
		format_assignment(assignment, sizeof assignment, member);
		OUT_ROW(table, cell_text(member->id), cell_text(member->client_id), cell_text(member->instance_id), cell_text(member->host),
			cell_text(assignment));
	}
	out_table_end(table, "members", "none");
}

#define COLUMN_COUNT 12
#define COLUMNS_FOR_PEOPLE 7

static void show_row(struct out_table *table, const struct describing *describing, uint32_t i)
{
	const struct row *row = &describing->rows[i];
	const struct first_record *oldest = &describing->oldest[i];
	bool is_there = !describing->offsets[i].err;
	const struct out_cell cells[COLUMN_COUNT] = {
		cell_text(row->topic),
		cell_int(row->partition),
		cell_int_if(row->committed >= 0, row->committed),
		cell_int_if(is_there, describing->offsets[i].end),
		cell_int_if(has_lag(describing, i), has_lag(describing, i) ? lag_of(describing, i) : 0),
		cell_seconds_if(has_delay(describing, i), delay_of(describing, i)),
		cell_text(row->member ? row->member->client_id : NULL),
		cell_text(row->member ? row->member->id : NULL),
		cell_int_if(is_there, describing->offsets[i].start),
		cell_int(lost_of(describing, i)),
		cell_int_if(oldest->is_found, oldest->timestamp_ms),
		cell_text(!oldest->is_found ? NULL : oldest->is_append_time ? "append" : "create"),
	};
	out_row(table, cells, describing->is_json ? COLUMN_COUNT : COLUMNS_FOR_PEOPLE);
}

static void show_rows(struct out *out, const struct describing *describing)
{
	static const char *const columns[COLUMN_COUNT] = {"topic=TOPIC", "partition=>PARTITION", "committed_offset=>COMMITTED", "end_offset=>END", "lag=>LAG",
					      "lag_seconds=>LAG TIME", "client_id=CLIENT", "member_id=", "start_offset=", "lost=", "oldest_timestamp=",
					      "timestamp_type="};
	struct out_table *table = out_table_begin(out, "partitions", columns, describing->is_json ? COLUMN_COUNT : COLUMNS_FOR_PEOPLE);
	for (uint32_t i = 0; i < describing->count; i++)
		show_row(table, describing, i);
	out_table_end(table, "partitions", "none: nothing is committed, and no member has a partition");
}

/* What the numbers of a table do not say. */
static void explain_rows(const struct describing *describing)
{
	bool by_producers = false, by_broker = false, is_uncommitted = false;
	for (uint32_t i = 0; i < describing->count; i++) {
		const struct row *row = &describing->rows[i];
		by_producers |= describing->oldest[i].is_found && !describing->oldest[i].is_append_time;
		by_broker |= describing->oldest[i].is_found && describing->oldest[i].is_append_time;
		is_uncommitted |= row->committed < 0;
		if (describing->offsets[i].err)
			printf("%s-%" PRId32 ": %s\n", row->topic, row->partition, kafka()->rd_kafka_err2str(describing->offsets[i].err));
		else if (lost_of(describing, i))
			printf("%s-%" PRId32 ": %" PRId64 " offsets were deleted before the group read them\n", row->topic, row->partition, lost_of(describing, i));
		else if (row->committed > describing->offsets[i].end)
			printf("%s-%" PRId32 ": committed behind the log's end; was the topic deleted and made again?\n", row->topic, row->partition);
	}
	if (is_uncommitted)
		printf("where nothing is committed (-), a consumer begins as its auto.offset.reset says\n");
	if (by_producers || by_broker)
		printf("lag time is the age of the oldest unconsumed record by its timestamp, which %s\n",
		       !by_broker ? "its producer wrote (message.timestamp.type = CreateTime)"
		       : !by_producers ? "the broker wrote (message.timestamp.type = LogAppendTime)" : "its producer or the broker wrote (message.timestamp.type)");
}

static void show_sums(struct out *out, const struct describing *describing)
{
	int64_t lag = 0, delay_ms = 0;
	bool is_lag_known = false, is_delay_known = false;
	for (uint32_t i = 0; i < describing->count; i++) {
		is_lag_known |= has_lag(describing, i);
		is_delay_known |= has_delay(describing, i);
		lag += has_lag(describing, i) ? lag_of(describing, i) : 0;
		delay_ms = has_delay(describing, i) ? larger(delay_ms, delay_of(describing, i)) : delay_ms;
	}
	if (is_lag_known)
		out_int(out, "lag", "lag", lag);
	else
		out_text(out, "lag", "lag", NULL);
	out_seconds(out, "lag_seconds", "lag time", is_delay_known, delay_ms);
}

/* A group that keeps what undoing a rewind of another needs says so. */
static void show_subject(struct out *out, const struct describing *describing)
{
	char text[GROUP_NAME_SIZE_MAX + 128];
	struct slice subject = group_undo_subject(describing->group->name);
	bool is_keeper = group_keeper_is_one(describing->group->name, describing->committed);
	snprintf(text, sizeof text, describing->is_json ? "%.*s" : "what 'spate group rewind %.*s --undo' needs; nobody consumes with it", (int)subject.size,
		 subject.data ? (const char *)subject.data : "");
	if (is_keeper || describing->is_json)
		out_text(out, "undo_of", "keeps", is_keeper ? text : NULL);
}

static void show_group(const struct describing *describing)
{
	const struct group_view *group = describing->group;
	struct out *out = out_open(describing->is_json);
	out_text(out, "name", "group", group->name);
	show_subject(out, describing);
	out_text(out, "state", "state", group->state);
	out_text(out, "protocol", "protocol", group->protocol);
	out_text(out, "assignor", "assignor", group->assignor);
	out_text(out, "coordinator", "coordinator", group->coordinator);
	show_sums(out, describing);
	show_members(out, describing);
	show_rows(out, describing);
	if (!describing->is_json)
		explain_rows(describing);
	out_close(out);
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
	/* Without the oldest records all else can be shown. */
	int incomplete = status ? STATUS_OK : read_oldest(describing);
	if (!status)
		show_group(describing);
	kafka()->rd_kafka_topic_partition_list_destroy(describing->committed);
	free(describing->rows);
	free(describing->offsets);
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
			 "LAG TIME is the age of the oldest record that the group has not consumed. That record is read from the log; its timestamp is\n"
			 "compared with this machine's clock. With message.timestamp.type = CreateTime (the default) the producer wrote the timestamp,\n"
			 "so its clock decides; with LogAppendTime the broker did. A time in the future counts as now.",
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
