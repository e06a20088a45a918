/* What a scan is held against, as it has no checkpoint that could be believed: an earlier one of this journal's, and what lies beside the segments
 * (log/segment/witness.h). What they say was filed is there, or it is damage: what has been filed leaves its file with the log start alone.
 *
 * Happy path: before the scan each partition gets its part of the earlier checkpoint; each segment is identified by its first batch's CRC as that knows it, and
 * its batches are held against append times and seal; and partition->witness grows to all that was filed by anybody's word, the journal's included, which tells
 * where all logs end before it lets anything go, and what the files are that they go on in (log_ends.c).
 *
 * Failure modes: what cannot be read says nothing; -ENOMEM. */
#include <errno.h>
#include <stdlib.h>

#include "log/store/store_priv.h"

static void raise_witness(struct partition *partition, int64_t from, int64_t to)
{
	struct partition_witness *witness = &partition->witness;
	if (to <= from)
		return;
	witness->from = witness->to == 0 || from < witness->from ? from : witness->from;
	witness->to = to > witness->to ? to : witness->to;
}

/* ---- an earlier checkpoint --------------------------------------------------------------------------------------------- */

static int note_told(void *context, struct partition *partition, const struct told_partition *told)
{
	(void)context;
	free((void *)partition->told);
	struct told_partition *copy = malloc(sizeof *copy);
	partition->told = copy;
	if (!copy)
		return -ENOMEM;
	*copy = *told;
	for (uint32_t i = 0; i < told->segment_count; i++) {
		struct told_segment segment = store__told_segment(told, i);
		int64_t from = segment.base_offset > told->start_offset ? segment.base_offset : told->start_offset;
		raise_witness(partition, from, segment.filed.offset);
	}
	return 0;
}

int store__note_told(struct store *store)
{
	return store__each_told(store, note_told, NULL);
}

static int64_t told_end(const struct partition *partition)
{
	const struct told_partition *told = partition->told;
	if (!told)
		return 0;
	return told->segment_count ? store__told_segment(told, told->segment_count - 1).filed.offset : told->start_offset;
}

bool store__is_told_outgrown(const struct store *store)
{
	LIST_FOR_EACH(node, &store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (partition->next_offset > told_end(partition) || partition->witness.to > told_end(partition))
			return true;
	}
	return false;
}

void store__release_told(struct store *store)
{
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		free((void *)partition->told);
		partition->told = NULL;
	}
	store__forget_told(store);
}

static bool find_told(const struct partition *partition, int64_t base_offset, struct told_segment *told)
{
	for (uint32_t i = 0; partition->told && i < partition->told->segment_count; i++) {
		*told = store__told_segment(partition->told, i);
		if (told->base_offset == base_offset && told->filed.position > 0)
			return true;
	}
	return false;
}

void store__identify_by_told(struct partition *partition, struct segment *segment)
{
	struct told_segment told;
	if (!find_told(partition, segment->base_offset, &told))
		return;
	segment_adopt(segment, told.filed);
	segment->first_crc = told.first_crc;
}

uint32_t store__told_first_crc(const struct partition *partition, int64_t base_offset)
{
	struct told_segment told;
	return find_told(partition, base_offset, &told) ? told.first_crc : 0;
}

/* ---- what lies beside the segments --------------------------------------------------------------------------------------- */

static struct append_time_owner owner_of(const struct partition *partition, int64_t base_offset)
{
	return (struct append_time_owner){.topic_id = partition->topic_id, .partition = partition->index, .base_offset = base_offset};
}

/* Those of a topic that is not there any more were left by its deletion, in a directory of the same name. */
static int open_witness(struct store *store, struct partition *partition, int64_t base_offset, int64_t next_base, struct segment_witness *witness)
{
	struct append_time_owner owner = owner_of(partition, base_offset);
	int err = segment_witness_open(witness, partition->home->io, partition->dir, &owner, next_base);
	if (!err && witness->is_anothers)
		witness->is_anothers = catalog_topic_by_id(store->image, &witness->topic_id) != NULL;
	return err;
}

int store__ask_append_times(struct store *store, struct partition *partition, int64_t base_offset)
{
	struct segment_witness witness;
	int err = open_witness(store, partition, base_offset, -1, &witness);
	if (err)
		return err;
	raise_witness(partition, base_offset, witness.end_offset);
	partition->witness.is_among_anothers |= witness.is_anothers;
	segment_witness_close(&witness);
	return 0;
}

int store__open_witness(struct store *store, struct partition *partition, int64_t base_offset, int64_t next_base, struct segment_witness *witness)
{
	struct told_segment told;
	int err = open_witness(store, partition, base_offset, next_base, witness);
	if (err)
		return err;
	bool is_told = find_told(partition, base_offset, &told);
	witness->is_among_anothers = partition->witness.is_among_anothers && !(is_told && told.first_crc);
	if (is_told) {
		struct mark_steps *steps = store__told_steps(partition->told, &told);
		segment_witness_tell(witness, 0, steps, &told.vouched);
		free(steps);
	}
	const struct partition_witness *journals = &partition->witness;
	if (journals->file_crc && journals->file_base == base_offset)
		segment_witness_tell(witness, journals->file_crc, NULL, &journals->file_vouched);
	witness->journal_from = partition->journal_from;
	witness->journal_crc = partition->journal_crc;
	return 0;
}

/* ---- what the journal tells of all logs --------------------------------------------------------------------------------- */

static int take_log_end(void *context, const struct log_end *end)
{
	struct partition *partition;
	int err = store__find_partition(context, &end->topic_id, end->index, &partition);
	if (!err && partition) /* what the journal has itself need not be filed */
		raise_witness(partition, end->start_offset, end->end_offset < partition->journal_from ? end->end_offset : partition->journal_from);
	return err;
}

static int take_log_ends(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	(void)seq;
	(void)is_vouched;
	return entry->kind == ENTRY_LOG_ENDS ? store__each_log_end(payload, take_log_end, context) : 0;
}

int store__ask_log_ends(struct store *store)
{
	return journal_replay(store->journal, take_log_ends, store);
}

static int take_log_file(void *context, const struct log_file *file)
{
	struct partition *partition;
	int err = store__find_partition(context, &file->topic_id, file->index, &partition);
	if (err || !partition)
		return err;
	partition->witness.file_base = file->base_offset;
	partition->witness.file_crc = file->first_crc;
	partition->witness.file_vouched = file->vouched;
	return 0;
}

static int take_log_files(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	(void)seq;
	return entry->kind == ENTRY_LOG_FILES && is_vouched ? store__each_log_file(payload, take_log_file, context) : 0;
}

int store__ask_log_files(struct store *store)
{
	bool is_this_times = !store->is_journal_alien;
	return is_this_times ? journal_replay(store->journal, take_log_files, store) : 0;
}

uint32_t store__first_crc(const struct journal_entry *entry, struct slice payload)
{
	struct batch batch;
	bool is_there = payload.size >= BATCH_HEADER_SIZE && batch_parse_header((struct slice){payload.data, BATCH_HEADER_SIZE}, &batch) == 0;
	return is_there && batch.base_offset == entry->base_offset ? batch.crc : 0;
}
