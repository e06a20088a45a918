/* Everything in a data directory that is no .log, by its name: indexes, seals, snapshots, checkpoints,
 * journals; the catalog is in log_inspect_catalog.c. Failure modes: a file that is not what its name says is one line on stderr. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/log_inspect.h"
#include "cli/out.h"
#include "log/base/bytes.h"
#include "log/base/uuid_text.h"
#include "log/io/small_file.h"
#include "log/journal/journal.h"
#include "log/partition/producer.h"
#include "log/segment/append_times.h"
#include "log/segment/offset_index.h"
#include "log/segment/seal.h"
#include "log/segment/segment_name.h"
#include "log/segment/time_index.h"
#include "log/verify/checkpoint_view.h"

#define FILE_SIZE_MAX ((size_t)1 << 30)
#define PRODUCERS_MAX 1000000u

/* Prints the bytes of a file of one kind; nonzero: they are none. */
typedef int show_fn(struct out *out, struct slice bytes, int64_t base_offset);

static int show_index(struct out *out, struct slice bytes, int64_t base_offset)
{
	static const char *const columns[] = {"offset=>OFFSET", "position=>POSITION"};
	struct out_table *table = out_table_begin(out, "entries", columns, COUNT_OF(columns));
	for (size_t at = 0; at + OFFSET_INDEX_ENTRY_SIZE <= bytes.size; at += OFFSET_INDEX_ENTRY_SIZE) {
		OUT_ROW(table, cell_int((int64_t)((uint64_t)base_offset + load_be32(bytes.data + at))),
			cell_int(load_be32(bytes.data + at + 4)));
	}
	out_table_end(table, NULL, "no entries");
	return 0;
}

static int show_time_index(struct out *out, struct slice bytes, int64_t base_offset)
{
	static const char *const columns[] = {"timestamp=>TIMESTAMP", "offset=>OFFSET"};
	struct out_table *table = out_table_begin(out, "entries", columns, COUNT_OF(columns));
	for (size_t at = 0; at + TIME_INDEX_ENTRY_SIZE <= bytes.size; at += TIME_INDEX_ENTRY_SIZE) {
		OUT_ROW(table, cell_int((int64_t)load_be64(bytes.data + at)),
			cell_int((int64_t)((uint64_t)base_offset + load_be32(bytes.data + at + 8))));
	}
	out_table_end(table, NULL, "no entries");
	return 0;
}

static void show_hex(struct out *out, const char *name, const char *label, uint64_t high, uint64_t low)
{
	char text[40];
	if (high)
		snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, high, low);
	else
		snprintf(text, sizeof text, "%016" PRIx64, low);
	out_text(out, name, label, text);
}

static int show_seal(struct out *out, struct slice bytes, int64_t base_offset)
{
	struct seal seal;
	int err = seal_decode(&seal, bytes);
	if (err)
		return err;
	out_int(out, "base_offset", "first offset", seal.base_offset);
	out_int(out, "next_offset", "next offset", seal.next_offset);
	out_int(out, "log_bytes", "bytes", (int64_t)seal.log_size_bytes);
	out_int(out, "batches", "batches", (int64_t)seal.batch_count);
	out_int(out, "records", "records", (int64_t)seal.record_count);
	out_int(out, "max_timestamp", "max timestamp", seal.max_timestamp_ms);
	out_int(out, "max_timestamp_offset", "  at offset", seal.max_timestamp_offset);
	out_int(out, "first_leader_epoch", "first epoch", seal.first_leader_epoch);
	out_int(out, "last_leader_epoch", "last epoch", seal.last_leader_epoch);
	show_hex(out, "headers_checksum", "headers", seal.headers_checksum_high, seal.headers_checksum_low);
	out_int(out, "index_bytes", "index bytes", (int64_t)seal.index_size_bytes);
	show_hex(out, "index_checksum", "index", 0, seal.index_checksum);
	out_int(out, "time_index_bytes", "time index bytes", (int64_t)seal.time_index_size_bytes);
	show_hex(out, "time_index_checksum", "time index", 0, seal.time_index_checksum);
	return 0;
}

static int show_snapshot(struct out *out, struct slice bytes, int64_t base_offset)
{
	static const char *const columns[] = {"producer_id=>PRODUCER", "epoch=>EPOCH",
					      "last_sequence=>LAST SEQUENCE", "last_offset=>LAST OFFSET",
					      "last_timestamp=>LAST TIMESTAMP"};
	struct producer_state *state = NULL;
	int err = producer_snapshot_decode(&state, bytes, 0, PRODUCERS_MAX);
	if (err)
		return err;
	struct out_table *table = out_table_begin(out, "producers", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < producer_count(state); i++) {
		const struct producer *producer = producer_at(state, i);
		OUT_ROW(table, cell_int(producer->producer_id), cell_int(producer->epoch),
			cell_int(producer_last_sequence(producer)), cell_int(producer_last_offset(producer)),
			cell_int(producer->last_timestamp_ms));
	}
	out_table_end(table, NULL, "no producers");
	producer_destroy(&state);
	return 0;
}

/* A step that is damaged says nothing, nor does the one behind it, whose begin it was. */
static int show_append_times(struct out *out, struct slice bytes, int64_t base_offset)
{
	static const char *const columns[] = {"from_offset=>FROM", "to_offset=>TO", "appended_at=>APPENDED AT (MS)", "state=STATE"};
	struct append_time_owner owner;
	char id[UUID_TEXT_SIZE];
	uint32_t seed;
	int err = append_time_header_decode(&owner, &seed, bytes);
	if (err)
		return err;
	uuid_text_format(id, &owner.topic_id);
	out_text(out, "topic_id", "topic id", id);
	out_int(out, "partition", "partition", owner.partition);
	out_int(out, "base_offset", "first offset", owner.base_offset);
	struct out_table *table = out_table_begin(out, "steps", columns, COUNT_OF(columns));
	struct append_step step, before = {.end_offset = owner.base_offset};
	bool is_begun = true;
	for (size_t at = APPEND_TIME_HEADER_SIZE; at + APPEND_TIME_ENTRY_SIZE <= bytes.size; at += APPEND_TIME_ENTRY_SIZE) {
		const uint8_t *previous = at > APPEND_TIME_HEADER_SIZE ? bytes.data + at - APPEND_TIME_ENTRY_SIZE : NULL;
		bool is_good = append_time_entry_decode(&step, bytes.data + at, previous, owner.base_offset, seed);
		bool is_known = is_good && step.time_ms != APPEND_TIME_UNKNOWN;
		OUT_ROW(table, cell_int_if(is_good && is_begun, before.end_offset), cell_int_if(is_good, step.end_offset), cell_int_if(is_known, step.time_ms),
			cell_text(!is_good ? "damaged" : is_known ? "exact" : "unknown"));
		before = step;
		is_begun = is_good;
	}
	out_table_end(table, NULL, "no steps");
	return 0;
}

/* ---- checkpoints --------------------------------------------------------------------------------------- */

static void add_checkpoint_segments(struct out_table *table, const struct checkpoint_partition *partition)
{
	char id[UUID_TEXT_SIZE];
	uuid_text_format(id, &partition->topic_id);
	for (uint32_t i = 0; i < partition->segment_count; i++) {
		struct checkpoint_segment segment;
		checkpoint_segment_at(partition, i, &segment);
		OUT_ROW(table, cell_text(id), cell_int(partition->index), cell_int(partition->start_offset),
			cell_int(segment.base_offset), cell_int(segment.filed_offset),
			cell_int((int64_t)segment.filed_position), cell_int((int64_t)segment.batches),
			cell_int((int64_t)segment.records),
			cell_text(segment.is_sealed ? "sealed" : segment.is_complete ? "complete" : "active"));
	}
}

static int show_checkpoint(struct out *out, struct slice bytes, int64_t base_offset)
{
	static const char *const columns[] = {"topic_id=TOPIC ID", "partition=>PARTITION",
					      "log_start_offset=>LOG START", "base_offset=>SEGMENT",
					      "filed_offset=>FILED TO", "filed_bytes=>BYTES", "batches=>BATCHES",
					      "records=>RECORDS", "state=STATE"};
	struct checkpoint_header header;
	struct slice rest;
	int err = checkpoint_open(&header, &rest, bytes);
	if (err)
		return err;
	out_int(out, "shard", "shard", header.shard);
	out_int(out, "incarnation", "opening", (int64_t)header.incarnation);
	out_int(out, "partitions", "partitions", header.partition_count);
	struct out_table *table = out_table_begin(out, "segments", columns, COUNT_OF(columns));
	struct checkpoint_partition partition;
	for (uint32_t i = 0; i < header.partition_count && checkpoint_next(&header, &partition, &rest); i++)
		add_checkpoint_segments(table, &partition);
	out_table_end(table, "segments", "no segments");
	return 0;
}

/* ---- small files, by their ending ---------------------------------------------------------------------- */

static int show_small(struct io *io, const char *path, bool is_json, show_fn *show, int64_t base_offset)
{
	uint8_t *data;
	size_t size;
	int err = small_file_read(io, path, FILE_SIZE_MAX, &data, &size);
	if (err) {
		complain("%s: %s", path, err_text(err));
		return STATUS_FAILED;
	}
	struct out *out = out_open(is_json);
	err = show(out, (struct slice){data, size}, base_offset);
	free(data);
	out_close(out);
	if (err)
		complain("%s is not what its name says: %s", path, err_text(err));
	return err ? STATUS_FAILED : STATUS_OK;
}

/* ---- journals ------------------------------------------------------------------------------------------ */

static const char *entry_kind_name(uint8_t kind)
{
	static const char *const names[] = {"?", "batches", "direct", "log start", "catalog", "direct told", "log ends", "log files"};
	return names[kind < COUNT_OF(names) ? kind : 0];
}

static int add_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry,
		     struct slice payload)
{
	struct out_table *table = context;
	char id[UUID_TEXT_SIZE];
	uuid_text_format(id, &entry->topic_id);
	OUT_ROW(table, cell_int((int64_t)seq), cell_text(entry_kind_name(entry->kind)), cell_text(id),
		cell_int(entry->partition), cell_int(entry->base_offset), cell_int(entry->end_offset),
		cell_int(entry->segment_base_offset), cell_int((int64_t)entry->position),
		cell_int(entry->data_size_bytes), cell_bool(is_vouched), cell_bool(entry->is_repeat));
	return 0;
}

static int show_journal(struct io *io, const char *path, bool is_json)
{
	static const char *const columns[] = {"group=>GROUP", "kind=KIND", "topic_id=TOPIC ID",
					      "partition=>PARTITION", "base_offset=>FROM", "end_offset=>TO",
					      "segment=>SEGMENT", "position=>POSITION", "bytes=>BYTES",
					      "is_vouched=VOUCHED", "is_repeat=REPEATED"};
	struct journal_options options = {.path = path, .is_read_only = true, .shows_all_repeats = true};
	struct journal_report report;
	struct journal *journal;
	int err = journal_open(&journal, io, &options, &report);
	if (err) {
		complain("%s: %s (row @%c of the journal's recovery table)", path, err_text(err),
			 report.decision ? report.decision : '?');
		return STATUS_FAILED;
	}
	struct out *out = out_open(is_json);
	out_int(out, "size_bytes", "bytes", (int64_t)journal_size_bytes(journal));
	out_int(out, "groups", "groups", (int64_t)report.groups);
	out_int(out, "group_bytes", "bytes in groups", (int64_t)report.group_bytes);
	out_int(out, "first_group", "first", (int64_t)report.first_seq);
	out_int(out, "last_group", "last", (int64_t)report.last_seq);
	out_int(out, "durable_group", "vouched to", (int64_t)report.durable_seq);
	out_int(out, "torn_groups", "torn groups", (int64_t)report.torn_groups);
	out_int(out, "damaged_groups", "damaged groups", (int64_t)report.damaged_groups);
	out_bool(out, "was_clean", "clean stop", report.was_clean);
	struct out_table *table = out_table_begin(out, "entries", columns, COUNT_OF(columns));
	err = journal_replay(journal, add_entry, table);
	out_table_end(table, "entries not trimmed yet", "no entries");
	out_close(out);
	journal_close(journal);
	return err ? STATUS_FAILED : STATUS_OK;
}

bool log_inspect_file(struct io *io, const char *path, bool is_json, int *status)
{
	static show_fn *const shows[segment_file_count] = {
		[SEGMENT_FILE_INDEX] = show_index,
		[SEGMENT_FILE_TIME_INDEX] = show_time_index,
		[SEGMENT_FILE_SEAL] = show_seal,
		[SEGMENT_FILE_SNAPSHOT] = show_snapshot,
		[SEGMENT_FILE_APPEND_TIME] = show_append_times,
	};
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int64_t base_offset = 0;
	enum segment_file file;
	if (strncmp(name, "checkpoint-", 11) == 0)
		*status = show_small(io, path, is_json, show_checkpoint, 0);
	else if (strncmp(name, "journal-", 8) == 0)
		*status = show_journal(io, path, is_json);
	else if (strcmp(name, "catalog.log") == 0)
		*status = show_small(io, path, is_json, log_inspect_catalog, 0);
	else if (segment_name_parse(name, &base_offset, &file) && shows[file])
		*status = show_small(io, path, is_json, shows[file], base_offset);
	else
		return false;
	return true;
}
