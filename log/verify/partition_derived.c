/* Files that are made from the batches: leader epochs, producer snapshots, append times. They are not synced, and may lag behind; they must not contradict. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/partition/producer.h"
#include "log/verify/append_time_check.h"
#include "log/verify/partition_walk.h"

#define SNAPSHOT_SIZE_MAX ((size_t)1 << 30)
#define PRODUCERS_MAX 1000000u

/* The file may lag behind: it is not synced; and its first entry may begin where retention has cut. */
static bool fit_batches(const struct partition_walk *walk, const struct epochs *file)
{
	for (uint32_t i = 0; i < walk->seen.count; i++) {
		const struct epoch_entry *seen = &walk->seen.entries[i];
		int32_t told = epochs_at(file, seen->start_offset);
		if (told >= 0 && seen->epoch >= 0 && seen->epoch <= epochs_latest(file) &&
		    told != seen->epoch)
			return false;
	}
	return true;
}

/* Where an epoch begins by the file, batches of it begin; unless compaction has taken them. */
static bool fit_entries(const struct partition_walk *walk, const struct epochs *file)
{
	const struct topic *topic = walk->check->topic;
	if (!topic || walk->seen.count == 0)
		return true;
	for (uint32_t i = 0; i < file->count; i++) {
		const struct epoch_entry *entry = &file->entries[i];
		bool is_walked = entry->start_offset >= walk->seen.entries[0].start_offset &&
				 entry->start_offset < walk->end_offset;
		if (is_walked && epochs_at(&walk->seen, entry->start_offset) != entry->epoch)
			return false;
	}
	return true;
}

static bool do_epochs_agree(const struct partition_walk *walk, const struct epochs *file)
{
	return fit_batches(walk, file) && fit_entries(walk, file);
}

static int check_epoch_file(const struct partition_walk *walk)
{
	char file[4096];
	struct slice text;
	if (!walk->check->files->has_epochs || walk->check->is_in_use)
		return 0;
	walk__file_name(walk, "leader-epoch-checkpoint", file, sizeof file);
	int err = walk__read_file(walk, file, EPOCH_FILE_SIZE_MAX, FINDING_DERIVED, &text);
	if (err || !text.data)
		return err;
	struct epochs epochs;
	epochs_init(&epochs);
	int fault = epochs_decode(&epochs, text);
	bool is_unwritten = fault && fault != -ENOMEM && epochs_is_torn(text);
	free((void *)text.data);
	if (is_unwritten)
		walk__note_unwritten(walk, file, text.size);
	else if (fault && fault != -ENOMEM)
		walk__tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE, "it is no list of leader epochs");
	else if (!fault && !walk->found.count && !do_epochs_agree(walk, &epochs))
		walk__tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
			   "it says other leader epochs than the batches");
	epochs_fini(&epochs);
	return fault == -ENOMEM ? fault : 0;
}

/* A snapshot that can be read is kept until the batches have been seen. */
static int read_snapshot(struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	struct slice bytes;
	walk__segment_file_name(walk, base_offset, SEGMENT_FILE_SNAPSHOT, file, sizeof file);
	int err = walk__read_file(walk, file, SNAPSHOT_SIZE_MAX, FINDING_DERIVED, &bytes);
	if (err || !bytes.data)
		return err;
	struct producer_state *state = NULL;
	int fault = producer_snapshot_decode(&state, bytes, 0, PRODUCERS_MAX);
	if (!fault)
		err = snapshot_check_add(&walk->snapshots, base_offset, state);
	producer_destroy(&state);
	bool is_unwritten = bytes_are_zeros(bytes.data, bytes.size);
	free((void *)bytes.data);
	if (err || fault == -ENOMEM)
		return err ? err : fault;
	if (is_unwritten)
		walk__note_unwritten(walk, file, bytes.size);
	else if (fault)
		walk__tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
			   fault == ERR_FORMAT ? "it is no producer snapshot of version 1"
					       : "the snapshot fails its CRC-32C");
	return 0;
}

int walk__read_snapshots(struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	int err = 0;
	for (uint32_t i = 0; i < files->segment_count && !err; i++)
		if (walk__is_to_check(walk, &files->segments[i], SEGMENT_FILE_SNAPSHOT))
			err = read_snapshot(walk, files->segments[i].base_offset);
	return err ? err : snapshot_check_begin(&walk->snapshots);
}

/* Where batches are damaged nothing is said of what is not there. */
static void check_snapshot(const struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	if (!walk->check->topic || walk->found.count || walk->first_offset == NOWHERE)
		return;
	const char *fault = snapshot_check_fault(&walk->snapshots, base_offset, walk->first_offset, walk->end_offset);
	walk__segment_file_name(walk, base_offset, SEGMENT_FILE_SNAPSHOT, file, sizeof file);
	if (fault)
		walk__tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE, fault);
}

static int check_append_times(const struct partition_walk *walk, int64_t base_offset)
{
	const struct partition_check *check = walk->check;
	struct append_time_owner owner = {.partition = (uint32_t)check->index, .base_offset = base_offset};
	enum finding_kind kind;
	const char *what;
	char file[4096], path[8192], why[128];
	if (check->topic)
		owner.topic_id = check->topic->id;
	walk__segment_file_name(walk, base_offset, SEGMENT_FILE_APPEND_TIME, file, sizeof file);
	snprintf(path, sizeof path, "%s/%s", check->sink->dir, file);
	int err = append_time_check(check->sink->io, path, check->topic ? &owner : NULL, &kind, &what);
	if (err == -ENOMEM)
		return err;
	if (err) {
		kind = FINDING_DERIVED;
		snprintf(why, sizeof why, "it cannot be read: %s", err_text(err));
		what = why;
	}
	if (what)
		walk__tell(walk, kind, file, NOWHERE, NOWHERE, what);
	return 0;
}

int walk__check_derived(const struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	int err = check_epoch_file(walk);
	for (uint32_t i = 0; i < files->segment_count && !err; i++)
		if (walk__is_to_check(walk, &files->segments[i], SEGMENT_FILE_SNAPSHOT))
			check_snapshot(walk, files->segments[i].base_offset);
	for (uint32_t i = 0; i < files->segment_count && !err; i++)
		if (!walk->has_exchanged && walk__is_to_check(walk, &files->segments[i], SEGMENT_FILE_APPEND_TIME))
			err = check_append_times(walk, files->segments[i].base_offset);
	return err;
}
