/* `spate group describe`: the lag of each partition, and what is printed. */
#include "cli/group_describe.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/group_keeper.h"
#include "cli/out.h"

/* ---- lag ----------------------------------------------------------------------------------------------------------------------- */

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t describing_reads_from(const struct describing *describing, uint32_t i)
{
	return larger(describing->rows[i].committed, describing->offsets[i].start);
}

bool describing_has_lag(const struct describing *describing, uint32_t i)
{
	return describing->rows[i].committed >= 0 && !describing->offsets[i].err;
}

int64_t describing_lag(const struct describing *describing, uint32_t i)
{
	return larger(0, describing->offsets[i].end - describing_reads_from(describing, i));
}

static int64_t lost_of(const struct describing *describing, uint32_t i)
{
	return describing_has_lag(describing, i) ? larger(0, describing->offsets[i].start - describing->rows[i].committed) : 0;
}

enum age_source describing_age_source(const struct describing *describing, uint32_t i)
{
	const struct wire_append_time *appended = &describing->appended[i];
	const struct first_record *oldest = &describing->oldest[i];
	if (!describing_has_lag(describing, i))
		return AGE_UNKNOWN;
	if (describing_lag(describing, i) == 0)
		return AGE_NOTHING;
	if (appended->is_told && appended->low_ms >= 0 && appended->low_ms == appended->high_ms)
		return AGE_LOG;
	if (oldest->is_found && oldest->is_append_time)
		return AGE_RECORD_APPEND;
	if (appended->is_told && appended->low_ms >= 0)
		return AGE_LOG_BOUND;
	return oldest->is_found ? AGE_RECORD_CREATE : AGE_UNKNOWN;
}

static const char *source_name(enum age_source source)
{
	static const char *const names[] = {NULL, NULL, "log", "log_bound", "record_append", "record_create"};
	return names[source];
}

static bool is_by_log(enum age_source source)
{
	return source == AGE_LOG || source == AGE_LOG_BOUND;
}

static bool has_delay(const struct describing *describing, uint32_t i)
{
	return describing_age_source(describing, i) != AGE_UNKNOWN;
}

/* When the oldest unconsumed record was appended, as far as is known: at the earliest. */
static int64_t oldest_time(const struct describing *describing, uint32_t i)
{
	return is_by_log(describing_age_source(describing, i)) ? describing->appended[i].low_ms : describing->oldest[i].timestamp_ms;
}

/* Nothing to read is no time behind; a record whose time is in the future is none either. What is only known within bounds: at most so long. */
static int64_t delay_of(const struct describing *describing, uint32_t i)
{
	enum age_source source = describing_age_source(describing, i);
	int64_t now_ms = is_by_log(source) ? describing->appended[i].now_ms : describing->now_ms;
	return source == AGE_UNKNOWN || source == AGE_NOTHING ? 0 : larger(0, now_ms - oldest_time(describing, i));
}

/* And at least so long. */
static int64_t delay_min_of(const struct describing *describing, uint32_t i)
{
	const struct wire_append_time *appended = &describing->appended[i];
	bool is_bound = describing_age_source(describing, i) == AGE_LOG_BOUND;
	if (is_bound && appended->high_ms < 0)
		return 0;
	return is_bound ? larger(0, appended->now_ms - appended->high_ms) : delay_of(describing, i);
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

#define COLUMN_COUNT 13
#define COLUMNS_FOR_PEOPLE 7

static void show_row(struct out_table *table, const struct describing *describing, uint32_t i)
{
	const struct describe_row *row = &describing->rows[i];
	enum age_source source = describing_age_source(describing, i);
	bool is_there = !describing->offsets[i].err;
	const struct out_cell cells[COLUMN_COUNT] = {
		cell_text(row->topic),
		cell_int(row->partition),
		cell_int_if(row->committed >= 0, row->committed),
		cell_int_if(is_there, describing->offsets[i].end),
		cell_int_if(describing_has_lag(describing, i), describing_has_lag(describing, i) ? describing_lag(describing, i) : 0),
		cell_seconds_if(has_delay(describing, i), delay_of(describing, i)),
		cell_text(row->member ? row->member->client_id : NULL),
		cell_text(row->member ? row->member->id : NULL),
		cell_int_if(is_there, describing->offsets[i].start),
		cell_int(lost_of(describing, i)),
		cell_seconds_if(has_delay(describing, i), delay_min_of(describing, i)),
		cell_int_if(source_name(source), oldest_time(describing, i)),
		cell_text(source_name(source)),
	};
	out_row(table, cells, describing->is_json ? COLUMN_COUNT : COLUMNS_FOR_PEOPLE);
}

static void show_rows(struct out *out, const struct describing *describing)
{
	static const char *const columns[COLUMN_COUNT] = {"topic=TOPIC", "partition=>PARTITION", "committed_offset=>COMMITTED", "end_offset=>END", "lag=>LAG",
					      "lag_seconds=>LAG TIME", "client_id=CLIENT", "member_id=", "start_offset=", "lost=", "lag_seconds_min=",
					      "oldest_time=", "lag_time_source="};
	struct out_table *table = out_table_begin(out, "partitions", columns, describing->is_json ? COLUMN_COUNT : COLUMNS_FOR_PEOPLE);
	for (uint32_t i = 0; i < describing->count; i++)
		show_row(table, describing, i);
	out_table_end(table, "partitions", "none: nothing is committed, and no member has a partition");
}

/* What the numbers of a table do not say. */
static void explain_rows(const struct describing *describing)
{
	bool is_uncommitted = false;
	for (uint32_t i = 0; i < describing->count; i++) {
		const struct describe_row *row = &describing->rows[i];
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
}

/* What a lag time is worth, where it is not the log's exact word. */
static void explain_times(const struct describing *describing)
{
	uint32_t by_producers = 0, by_broker = 0;
	for (uint32_t i = 0; i < describing->count; i++) {
		const struct describe_row *row = &describing->rows[i];
		enum age_source source = describing_age_source(describing, i);
		char least[32], most[32];
		by_producers += source == AGE_RECORD_CREATE;
		by_broker += source == AGE_RECORD_APPEND;
		if (source == AGE_LOG_BOUND)
			printf("%s-%" PRId32 ": the lag time is between %s and %s: a power cut or damage took what the log knew exactly\n", row->topic, row->partition,
			       out_duration(delay_min_of(describing, i), least), out_duration(delay_of(describing, i), most));
	}
	if (by_producers)
		printf("the lag time of %u partition%s goes by the timestamp of the oldest unconsumed record, which its producer wrote (message.timestamp.type = "
		       "CreateTime): the broker does not say when it was appended\n", by_producers, out_plural(by_producers));
	if (by_broker)
		printf("the lag time of %u partition%s goes by the timestamp of the oldest unconsumed record, which the broker wrote (message.timestamp.type = "
		       "LogAppendTime)\n", by_broker, out_plural(by_broker));
}

/* Partitions without a commit: what a consumer finds there depends on its auto.offset.reset, so it is in no sum, and told beside it. */
struct uncommitted {
	int64_t partitions, records;
};

static struct uncommitted count_uncommitted(const struct describing *describing)
{
	struct uncommitted found = {0};
	for (uint32_t i = 0; i < describing->count; i++) {
		const struct partition_offsets *offsets = &describing->offsets[i];
		if (describing->rows[i].committed >= 0 || offsets->err)
			continue;
		found.partitions++;
		found.records += larger(0, offsets->end - offsets->start);
	}
	return found;
}

static void show_lag(struct out *out, const struct describing *describing, bool is_known, int64_t lag)
{
	char text[128], number[24];
	struct uncommitted uncommitted = count_uncommitted(describing);
	snprintf(number, sizeof number, is_known ? "%" PRId64 : "-", lag);
	snprintf(text, sizeof text, "%s (and %" PRId64 " record%s in %" PRId64 " partition%s without a commit)", number, uncommitted.records,
		 out_plural((uint64_t)uncommitted.records), uncommitted.partitions, out_plural((uint64_t)uncommitted.partitions));
	if (describing->is_json && is_known)
		out_int(out, "lag", "", lag);
	else
		out_text(out, "lag", "lag", describing->is_json ? NULL : uncommitted.partitions ? text : number);
	if (!describing->is_json)
		return;
	out_int(out, "partitions_without_commit", "", uncommitted.partitions);
	out_int(out, "records_without_commit", "", uncommitted.records);
}

static void show_sums(struct out *out, const struct describing *describing)
{
	int64_t lag = 0, delay_ms = 0;
	bool is_lag_known = false, is_delay_known = false, is_exact = true;
	for (uint32_t i = 0; i < describing->count; i++) {
		is_lag_known |= describing_has_lag(describing, i);
		is_delay_known |= has_delay(describing, i);
		lag += describing_has_lag(describing, i) ? describing_lag(describing, i) : 0;
		delay_ms = has_delay(describing, i) ? larger(delay_ms, delay_of(describing, i)) : delay_ms;
		enum age_source source = describing_age_source(describing, i);
		is_exact &= source != AGE_LOG_BOUND && source != AGE_RECORD_CREATE && (source != AGE_UNKNOWN || !describing_has_lag(describing, i));
	}
	show_lag(out, describing, is_lag_known, lag);
	out_seconds(out, "lag_seconds", "lag time", is_delay_known, delay_ms);
	if (describing->is_json)
		out_bool(out, "lag_seconds_is_exact", "", is_delay_known && is_exact);
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

void describing_show(const struct describing *describing)
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
	if (!describing->is_json) {
		explain_rows(describing);
		explain_times(describing);
	}
	out_close(out);
}
