/* What the checkpoints and the journals say of the partitions: where the log begins, up to where it was acknowledged, which ranges are fenced, and
 * which offsets lie in the journal. Failure modes: a file that fails its check is a finding; only what cannot be read at all is an error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/io/small_file.h"
#include "log/journal/journal.h"
#include "log/store/store_priv.h"
#include "log/store/verify_priv.h"

/* ---- checkpoints (the bytes: store/checkpoint.c) ---------------------------------------------------------------------- */

#define CHECKPOINT_SIZE_MAX (1ull << 30)
#define HEADER_SIZE 28
#define PARTITION_SIZE 44
#define SEGMENT_SIZE 76
#define EPOCH_SIZE 12
#define DAMAGE_SIZE 16

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void tell_fenced(struct verify *verify, const struct verify_partition *partition, const char *file, const uint8_t *at, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, at += DAMAGE_SIZE)
		verify__tell(verify, &(struct verify_finding){
			.kind = VERIFY_NOTE, .topic = partition->topic, .partition = partition->index, .file = file,
			.from_offset = (int64_t)load_le64(at), .to_offset = (int64_t)load_le64(at + 8),
			.what = "an earlier recovery found these offsets damaged and fenced them",
		});
}

/* The bytes of one partition, or 0 if they do not fit. */
static size_t take_partition(struct verify *verify, const char *file, const uint8_t *at, const uint8_t *end)
{
	if (end - at < PARTITION_SIZE)
		return 0;
	struct uuid id;
	memcpy(id.bytes, at, sizeof id.bytes);
	uint64_t segments = load_le32(at + 28), epochs = load_le32(at + 32), damages = load_le32(at + 36), producers = load_le32(at + 40);
	uint64_t fenced_at = PARTITION_SIZE + segments * SEGMENT_SIZE + epochs * EPOCH_SIZE;
	uint64_t size = fenced_at + damages * DAMAGE_SIZE + producers;
	if (size > (uint64_t)(end - at))
		return 0;
	bool is_known;
	struct verify_partition *partition = verify__partition_by_id(verify, &id, load_le32(at + 16), &is_known);
	if (!partition)
		return size;
	partition->log_start = larger(partition->log_start, (int64_t)load_le64(at + 20));
	if (segments)
		partition->known_end = larger(partition->known_end, (int64_t)load_le64(at + PARTITION_SIZE + (segments - 1) * SEGMENT_SIZE + 8));
	tell_fenced(verify, partition, file, at + fenced_at, (uint32_t)damages);
	return size;
}

static bool take_checkpoint(struct verify *verify, const char *file, const uint8_t *data, size_t size)
{
	if (size < HEADER_SIZE + 8 || memcmp(data, "SPATECKP", 8) != 0 || XXH3_64bits(data, size - 8) != load_le64(data + size - 8) ||
	    load_le32(data + 8) != 1)
		return false;
	const uint8_t *at = data + HEADER_SIZE, *end = data + size - 8;
	for (uint32_t left = load_le32(data + 24); left; left--) {
		size_t taken = take_partition(verify, file, at, end);
		if (!taken)
			return false;
		at += taken;
	}
	return true;
}

static int read_checkpoint(struct verify *verify, const char *file)
{
	char path[4096];
	uint8_t *data;
	size_t size;
	snprintf(path, sizeof path, "%s/%s", verify->dir, file);
	int err = small_file_read(verify->io, path, CHECKPOINT_SIZE_MAX, &data, &size);
	if (err)
		return err;
	if (!take_checkpoint(verify, file, data, size))
		verify__tell(verify, &(struct verify_finding){
			.kind = VERIFY_NOTE, .file = file, .from_offset = -1, .to_offset = -1,
			.what = "the checkpoint fails its check; it is derived, and recovery scans the partitions instead",
		});
	free(data);
	return 0;
}

/* ---- journals ----------------------------------------------------------------------------------------------------------- */

/* A direct piece lies in its segment, whose own check says whether it is whole; unless a later group says that it was durable, it may have
 * been torn before anybody was told. */
static int take_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct verify *verify = context;
	bool is_known;
	verify->totals->journal_entries++;
	struct verify_partition *partition = verify__partition_by_id(verify, &entry->topic_id, entry->partition, &is_known);
	if (!partition)
		return is_known ? -ENOMEM : 0;
	switch (entry->kind) {
	case ENTRY_LOG_START:
		partition->log_start = larger(partition->log_start, entry->base_offset);
		return 0;
	case ENTRY_BATCHES:
		partition->known_end = larger(partition->known_end, entry->end_offset);
		return verify__add_range(&partition->journal, entry->base_offset, entry->end_offset);
	case ENTRY_DIRECT:
		if (is_vouched)
			partition->known_end = larger(partition->known_end, entry->end_offset);
		return 0;
	default:
		return 0;
	}
}

static void tell_journal(struct verify *verify, const char *file, enum verify_kind kind, const char *what)
{
	verify__tell(verify, &(struct verify_finding){.kind = kind, .file = file, .from_offset = -1, .to_offset = -1, .what = what});
}

static int replay_journal(struct verify *verify, const char *file, struct journal *journal, const struct journal_report *report)
{
	if (report->damaged_groups)
		tell_journal(verify, file, VERIFY_DAMAGE, "groups of the journal that were acknowledged fail their check: records of unknown partitions are lost "
							  "unless their segments hold them");
	if (report->torn_groups)
		tell_journal(verify, file, VERIFY_NOTE, "the last write was never finished nor acknowledged; recovery drops it");
	return journal_replay(journal, take_entry, verify);
}

static int read_journal(struct verify *verify, const char *file)
{
	char path[4096];
	struct journal *journal;
	struct journal_report report = {0};
	snprintf(path, sizeof path, "%s/%s", verify->dir, file);
	struct journal_options options = {.path = path, .is_read_only = true};
	int err = journal_open(&journal, verify->io, &options, &report);
	if (err == ERR_CORRUPT_LOG || err == ERR_FORMAT) {
		tell_journal(verify, file, VERIFY_DAMAGE, "it is no journal that can be read: what was acknowledged last, and is in no segment yet, is lost");
		return 0;
	}
	if (err)
		return err;
	err = replay_journal(verify, file, journal, &report);
	journal_close(journal);
	return err;
}

/* ---- both ------------------------------------------------------------------------------------------------------------------ */

static int read_source(void *context, const char *name, bool is_directory)
{
	if (is_directory)
		return 0;
	bool is_plain = !strchr(name, '.');
	if (is_plain && strncmp(name, "checkpoint-", 11) == 0)
		return read_checkpoint(context, name);
	return is_plain && strncmp(name, "journal-", 8) == 0 ? read_journal(context, name) : 0;
}

int verify__read_sources(struct verify *verify)
{
	return io_dir_list(verify->io, verify->dir, read_source, verify);
}
