/* `spate log inspect|verify DIR`: a data directory seen without the broker.
 *
 * verify (log/store/verify.h) names every range of acknowledged offsets that is not whole; inspect shows what is there: the catalog, the segments
 * of each partition, or the batches and records of one. Both change nothing. Failure modes: no such directory, one that cannot be read. */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/flags.h"
#include "cli/format.h"
#include "cli/out.h"
#include "log/base/uuid_text.h"
#include "log/batch/record_iter.h"
#include "log/segment/segment_name.h"
#include "log/store/segment_walk.h"
#include "log/store/verify.h"

/* What both verbs open. */
struct directory {
	const char *dir;
	struct io *io;
	struct broker_config *broker;
	int lock;
};

static int check_directory(const char *dir)
{
	struct stat info;
	if (stat(dir, &info)) {
		complain("%s: %s", dir, strerror(errno));
		return STATUS_USAGE;
	}
	if (S_ISDIR(info.st_mode))
		return STATUS_OK;
	complain("%s is not a directory; name the broker's data directory", dir);
	return STATUS_USAGE;
}

/* The lock keeps a broker from starting meanwhile. With a broker running, or where no lock file can be made, reading goes on without. */
static void take_lock(struct directory *directory)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/.lock", directory->dir);
	directory->lock = access(path, F_OK) == 0 ? io_lock(directory->io, path, 0) : -ENOENT;
	if (directory->lock == ERR_LOCKED)
		complain("%s is in use by a running broker: what it is just writing may look unfinished or damaged", directory->dir);
}

static int open_directory(struct directory *directory, const char *dir)
{
	*directory = (struct directory){.dir = dir, .lock = -1};
	struct io_options options = {.backend = IO_SYSCALLS};
	int status = check_directory(dir);
	if (status)
		return status;
	int err = io_open(&directory->io, &options);
	err = err ? err : broker_config_create(&directory->broker);
	if (err) {
		complain("cannot begin: %s", err_text(err));
		return STATUS_FAILED;
	}
	take_lock(directory);
	return STATUS_OK;
}

static void close_directory(struct directory *directory)
{
	if (directory->lock >= 0)
		io_close_fd(directory->io, directory->lock);
	broker_config_destroy(directory->broker);
	if (directory->io)
		io_close(directory->io);
}

/* ---- verify ------------------------------------------------------------------------------------------------------------ */

struct verifying {
	bool is_json, is_quiet;
	struct out *out;
	struct out_table *table;
};

static void format_range(char *out, size_t size, int64_t from, int64_t to)
{
	if (from < 0 && to < 0)
		*out = '\0';
	else if (to < 0)
		snprintf(out, size, " offsets %" PRId64 " and on", from);
	else
		snprintf(out, size, " offsets %" PRId64 " to %" PRId64, from, to > from ? to - 1 : to);
}

static void print_finding(const struct verify_finding *finding)
{
	char offsets[80], place[TOPIC_NAME_SIZE_MAX + 160] = "";
	format_range(offsets, sizeof offsets, finding->from_offset, finding->to_offset);
	if (finding->file && finding->end_position)
		snprintf(place, sizeof place, " (%s, bytes %" PRIu64 " to %" PRIu64 ")", finding->file, finding->position, finding->end_position - 1);
	else if (finding->file)
		snprintf(place, sizeof place, " (%s)", finding->file);
	printf("%s", finding->kind == VERIFY_DAMAGE ? "DAMAGE " : "note   ");
	if (finding->topic)
		printf("%s partition %u%s: ", finding->topic, finding->partition, offsets);
	printf("%s%s\n", finding->what, place);
}

static void cell_or_none(struct out_table *table, bool is_known, int64_t value)
{
	if (is_known)
		out_cell_int(table, value);
	else
		out_cell_none(table);
}

static void take_finding(void *context, const struct verify_finding *finding)
{
	struct verifying *verifying = context;
	if (!verifying->is_json) {
		if (finding->kind == VERIFY_DAMAGE || !verifying->is_quiet)
			print_finding(finding);
		return;
	}
	out_cell_text(verifying->table, finding->kind == VERIFY_DAMAGE ? "damage" : "note");
	out_cell_text(verifying->table, finding->topic);
	cell_or_none(verifying->table, finding->topic, finding->partition);
	cell_or_none(verifying->table, finding->from_offset >= 0, finding->from_offset);
	cell_or_none(verifying->table, finding->to_offset >= 0, finding->to_offset);
	out_cell_text(verifying->table, finding->file);
	cell_or_none(verifying->table, finding->end_position, (int64_t)finding->position);
	cell_or_none(verifying->table, finding->end_position, (int64_t)finding->end_position);
	out_cell_text(verifying->table, finding->what);
}

static void print_totals(const struct verifying *verifying, const struct verify_totals *totals)
{
	char bytes[32];
	if (!verifying->is_json) {
		printf("%s: %" PRIu64 " damaged ranges; looked at %" PRIu64 " partitions, %" PRIu64 " segments, %" PRIu64 " batches, %" PRIu64 " records (%s) and %"
		       PRIu64 " journal entries\n",
		       totals->damages ? "DAMAGED" : "whole", totals->damages, totals->partitions, totals->segments, totals->batches, totals->records,
		       out_bytes(totals->bytes, bytes), totals->journal_entries);
		return;
	}
	out_bool(verifying->out, "is_whole", "", totals->damages == 0);
	out_int(verifying->out, "damages", "", (int64_t)totals->damages);
	out_int(verifying->out, "notes", "", (int64_t)totals->notes);
	out_int(verifying->out, "partitions", "", (int64_t)totals->partitions);
	out_int(verifying->out, "segments", "", (int64_t)totals->segments);
	out_int(verifying->out, "batches", "", (int64_t)totals->batches);
	out_int(verifying->out, "records", "", (int64_t)totals->records);
	out_int(verifying->out, "bytes", "", (int64_t)totals->bytes);
	out_int(verifying->out, "journal_entries", "", (int64_t)totals->journal_entries);
}

static int verify_opened(const struct directory *directory, struct verifying *verifying)
{
	static const char *const columns[] = {"kind=", "topic=", "partition=", "from_offset=", "to_offset=", "file=", "position=", "end_position=", "what="};
	struct verify_totals totals;
	verifying->out = out_open(verifying->is_json);
	if (verifying->is_json)
		verifying->table = out_table_begin(verifying->out, "findings", columns, COUNT_OF(columns));
	int err = verify_directory(directory->io, directory->dir, directory->broker, take_finding, verifying, &totals);
	if (verifying->is_json)
		out_table_end(verifying->table, NULL, NULL);
	if (!err)
		print_totals(verifying, &totals);
	out_close(verifying->out);
	if (err) {
		complain("%s cannot be looked at to its end: %s", directory->dir, err_text(err));
		return STATUS_FAILED;
	}
	return totals.damages ? STATUS_DAMAGED : STATUS_OK;
}

static int verify(int argc, char **argv)
{
	struct verifying verifying = {0};
	const struct flag flags[] = {
		BOOL_FLAG("quiet", 'q', &verifying.is_quiet, "name damage alone, not what is harmless"),
		BOOL_FLAG("json", 'J', &verifying.is_json, "print JSON"),
	};
	const struct flag_table table = {
		.command = "spate log verify",
		.arguments = "DIR",
		.about = "Checks every batch of every segment, the seals, the journal and the catalog of a data directory, without a broker, and names each\n"
			 "range of acknowledged records that is damaged. Changes nothing. Exit status 4 if there is damage. Kafka's directories can be\n"
			 "checked too.",
		.examples = "  spate log verify ./data\n  spate log verify ./data --json | jq '.findings[] | select(.kind == \"damage\")'\n",
		.flags = flags,
		.flag_count = COUNT_OF(flags),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	struct directory directory;
	int status;
	if (!flags_parse(&table, argc, argv, &arguments, &status))
		return status;
	status = open_directory(&directory, arguments.items[0]);
	if (!status)
		status = verify_opened(&directory, &verifying);
	close_directory(&directory);
	return status;
}

/* ---- inspect: the whole directory ---------------------------------------------------------------------------------------- */

struct inspecting {
	const struct directory *directory;
	struct out *out;
	struct out_table *table;
	const char *partition; /* "<topic>-<n>": the directory being looked at */
	bool with_records;
	/* of the segment being walked */
	int64_t base_offset, next_offset;
	uint64_t bytes, batches, records, bad_bytes;
	bool is_sealed;
};

static int count_event(void *context, const struct walk_event *event)
{
	struct inspecting *inspecting = context;
	if (event->kind != WALK_BATCH) {
		inspecting->bad_bytes += event->is_zero ? 0 : event->end_position - event->position;
		return 0;
	}
	inspecting->next_offset = event->to_offset;
	inspecting->batches++;
	inspecting->records += (uint32_t)event->batch->records_count;
	inspecting->bytes = event->end_position;
	return 0;
}

static void segment_file_path(const struct inspecting *inspecting, int64_t base_offset, enum segment_file file, char *out, size_t size)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, base_offset, file);
	snprintf(out, size, "%s/%s/%s", inspecting->directory->dir, inspecting->partition, name);
}

static int show_segment(void *context, const char *name, bool is_directory)
{
	struct inspecting *inspecting = context;
	enum segment_file file;
	char path[4096];
	if (is_directory || !segment_name_parse(name, &inspecting->base_offset, &file) || file != SEGMENT_FILE_LOG)
		return 0;
	inspecting->next_offset = inspecting->base_offset;
	inspecting->bytes = inspecting->batches = inspecting->records = inspecting->bad_bytes = 0;
	segment_file_path(inspecting, inspecting->base_offset, SEGMENT_FILE_LOG, path, sizeof path);
	int err = segment_walk(inspecting->directory->io, path, inspecting->base_offset, count_event, inspecting);
	if (err)
		return err;
	segment_file_path(inspecting, inspecting->base_offset, SEGMENT_FILE_SEAL, path, sizeof path);
	out_cell_text(inspecting->table, inspecting->partition);
	out_cell_int(inspecting->table, inspecting->base_offset);
	out_cell_int(inspecting->table, inspecting->next_offset);
	out_cell_int(inspecting->table, (int64_t)inspecting->batches);
	out_cell_int(inspecting->table, (int64_t)inspecting->records);
	out_cell_int(inspecting->table, (int64_t)inspecting->bytes);
	out_cell_int(inspecting->table, (int64_t)inspecting->bad_bytes);
	out_cell_bool(inspecting->table, access(path, F_OK) == 0);
	return 0;
}

static int show_directory(void *context, const char *name, bool is_directory)
{
	struct inspecting *inspecting = context;
	char topic[TOPIC_NAME_SIZE_MAX + 1], path[4096];
	uint32_t partition;
	if (!is_directory || !verify_parse_directory(name, topic, &partition))
		return 0;
	inspecting->partition = name;
	snprintf(path, sizeof path, "%s/%s", inspecting->directory->dir, name);
	return io_dir_list(inspecting->directory->io, path, show_segment, inspecting);
}

static void show_topics(struct out *out, const struct catalog_image *image)
{
	static const char *const columns[] = {"name=TOPIC", "id=ID", "partitions=>PARTITIONS", "since=>SINCE", "configs=>CONFIGS SET"};
	struct out_table *table = out_table_begin(out, "topics", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < image->topic_count; i++) {
		const struct topic *topic = image->topics[i];
		char id[UUID_TEXT_SIZE];
		uuid_text_format(id, &topic->id);
		out_cell_text(table, topic->name);
		out_cell_text(table, id);
		out_cell_int(table, topic->partition_count);
		out_cell_int(table, (int64_t)topic->created_incarnation);
		out_cell_int(table, topic->override_count);
	}
	out_table_end(table, "topics (since: the opening of the directory that made it)", "no topics");
}

static int show_catalog(struct out *out, const struct directory *directory)
{
	struct catalog *catalog;
	struct catalog_report report;
	char id[UUID_TEXT_SIZE];
	int err = catalog_open_read_only(&catalog, directory->io, directory->dir, directory->broker, &report);
	if (err == -ENOENT) {
		out_text(out, "catalog", "catalog", "none: a directory of Apache Kafka's, or a new one");
		return 0;
	}
	if (err) {
		complain("%s", report.why);
		return err;
	}
	uuid_text_format(id, catalog_directory_id(catalog));
	out_text(out, "cluster_id", "cluster", catalog_cluster_id(catalog));
	out_int(out, "node_id", "node", catalog_node_id(catalog));
	out_text(out, "directory_id", "directory", id);
	out_int(out, "incarnation", "opened", (int64_t)catalog_incarnation(catalog));
	const struct catalog_image *image = catalog_image_acquire(catalog);
	show_topics(out, image);
	catalog_image_release(image);
	catalog_close(catalog);
	return 0;
}

static int inspect_all(struct inspecting *inspecting)
{
	static const char *const columns[] = {"partition=PARTITION", "base_offset=>FIRST", "next_offset=>NEXT", "batches=>BATCHES", "records=>RECORDS",
					      "bytes=>BYTES", "bad_bytes=>BAD BYTES", "is_sealed=SEALED"};
	int err = show_catalog(inspecting->out, inspecting->directory);
	if (err)
		return err;
	inspecting->table = out_table_begin(inspecting->out, "segments", columns, COUNT_OF(columns));
	err = io_dir_list(inspecting->directory->io, inspecting->directory->dir, show_directory, inspecting);
	out_table_end(inspecting->table, "segments (records not yet filed are in the journal)", "no segments");
	return err;
}

/* ---- inspect: one partition -------------------------------------------------------------------------------------------------- */

static int show_records(const struct inspecting *inspecting, const struct walk_event *event)
{
	struct record_iter iter;
	struct record record;
	struct batch_workspace *workspace = NULL;
	int err = batch_codec(event->batch) ? batch_workspace_open(&workspace, COMPRESS_WINDOW_SIZE) : 0;
	err = err ? err : record_iter_open(&iter, workspace, event->bytes);
	if (err) {
		complain("offset %" PRId64 ": its records cannot be read: %s", event->from_offset, err_text(err));
		batch_workspace_close(workspace);
		return 0;
	}
	int more;
	while ((more = record_iter_next(&iter, &record)) == 1) {
		struct shown_record shown = {
			.topic = inspecting->partition, .partition = 0, .offset = record.offset, .timestamp_ms = record.timestamp_ms,
			.key = record.key, .value = record.value,
		};
		format_print(stdout, "      %o  %T  key %k (%K)  value %s (%S)\\n", &shown, "null");
	}
	if (more < 0)
		complain("offset %" PRId64 ": its records break off: %s", event->from_offset, err_text(more));
	record_iter_close(&iter);
	batch_workspace_close(workspace);
	return 0;
}

static void show_bad(const struct walk_event *event)
{
	if (event->kind == WALK_TAIL)
		printf("  byte %" PRIu64 ": %" PRIu64 " bytes behind the last batch%s\n", event->position, event->end_position - event->position,
		       event->is_zero ? ", all zero" : " are none");
	else
		printf("  byte %" PRIu64 ": %" PRIu64 " bytes are no batch; offsets %" PRId64 " to %" PRId64 " are not here\n", event->position,
		       event->end_position - event->position, event->from_offset, event->to_offset - 1);
}

static int show_event(void *context, const struct walk_event *event)
{
	const struct inspecting *inspecting = context;
	const struct batch *batch = event->batch;
	if (event->kind != WALK_BATCH) {
		show_bad(event);
		return 0;
	}
	printf("  byte %" PRIu64 ": offsets %" PRId64 " to %" PRId64 ", %" PRId32 " records, %" PRIu32 " bytes, %s, epoch %" PRId32 ", time %" PRId64 "%s",
	       event->position, batch->base_offset, batch_last_offset(batch), batch->records_count, batch->size_bytes, batch_codec_name(batch_codec(batch)),
	       batch->leader_epoch, batch->max_timestamp_ms, batch_is_append_time(batch) ? " (append)" : "");
	if (batch_has_producer(batch))
		printf(", producer %" PRId64 " epoch %d sequence %" PRId32, batch->producer_id, batch->producer_epoch, batch->base_sequence);
	printf("%s%s\n", batch_is_transactional(batch) ? ", transactional" : "", batch_is_control(batch) ? ", control" : "");
	return inspecting->with_records && !batch_is_control(batch) ? show_records(inspecting, event) : 0;
}

static int show_file(void *context, const char *name, bool is_directory)
{
	struct inspecting *inspecting = context;
	int64_t base_offset;
	enum segment_file file;
	char path[4096];
	if (is_directory || !segment_name_parse(name, &base_offset, &file) || file != SEGMENT_FILE_LOG)
		return 0;
	segment_file_path(inspecting, base_offset, file, path, sizeof path);
	printf("%s/%s\n", inspecting->partition, name);
	return segment_walk(inspecting->directory->io, path, base_offset, show_event, inspecting);
}

static int inspect_one(struct inspecting *inspecting, const char *partition)
{
	char path[4096], topic[TOPIC_NAME_SIZE_MAX + 1];
	uint32_t index;
	snprintf(path, sizeof path, "%s/%s", inspecting->directory->dir, partition);
	inspecting->partition = partition;
	if (!verify_parse_directory(partition, topic, &index) || access(path, F_OK)) {
		complain("%s has no partition '%s'; write TOPIC-NUMBER, as in orders-0 (a partition that was never filed has no directory)",
			 inspecting->directory->dir, partition);
		return ERR_UNKNOWN_TOPIC;
	}
	return io_dir_list(inspecting->directory->io, path, show_file, inspecting);
}

static int inspect(int argc, char **argv)
{
	bool is_json = false, with_records = false;
	const struct flag flags[] = {
		BOOL_FLAG("records", 'r', &with_records, "with a partition: each record as well"),
		BOOL_FLAG("json", 'J', &is_json, "print JSON (without a partition)"),
	};
	const struct flag_table table = {
		.command = "spate log inspect",
		.arguments = "DIR [TOPIC-PARTITION]",
		.about = "Shows what a data directory holds, without a broker: topics and segments, or each batch of one partition. Changes nothing.",
		.examples = "  spate log inspect ./data\n  spate log inspect ./data orders-0 --records\n",
		.flags = flags,
		.flag_count = COUNT_OF(flags),
		.argument_min = 1,
		.argument_max = 2,
	};
	struct arguments arguments;
	struct directory directory;
	int status;
	if (!flags_parse(&table, argc, argv, &arguments, &status))
		return status;
	status = open_directory(&directory, arguments.items[0]);
	if (!status) {
		struct inspecting inspecting = {.directory = &directory, .with_records = with_records};
		int err;
		if (arguments.count > 1) {
			err = inspect_one(&inspecting, arguments.items[1]);
		} else {
			inspecting.out = out_open(is_json);
			err = inspect_all(&inspecting);
			out_close(inspecting.out);
		}
		if (err && err != ERR_UNKNOWN_TOPIC)
			complain("%s cannot be read to its end: %s", directory.dir, err_text(err));
		status = err ? STATUS_FAILED : STATUS_OK;
	}
	close_directory(&directory);
	return status;
}

int log_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"inspect", "show what a data directory holds", inspect},
		{"verify", "check every byte of a data directory, and name what is damaged", verify},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate log", argc, argv);
}
