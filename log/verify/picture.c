/* Recovery as a thought. The checkpoint gives marks; the journal's entries move them on. Cases as in
 * log/store/recover.c:
 *
 *   filed already (@B), behind a torn piece (@H)    -> nothing
 *   behind a gap (@I)                               -> the gap is lost
 *   batches (@C, @D)                                -> the journal holds them: no file must
 *   direct, vouched (@E, @F)                        -> the file must be right up to its end
 *   direct, not vouched (@E, @G)                    -> if it fits, the same; else it is torn
 * / */
#include "log/verify/picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/io/small_file.h"
#include "log/catalog/catalog.h"
#include "log/segment/foreign_file.h"
#include "log/store/direct_checksum.h"
#include "log/store/store_priv.h"
#include "log/verify/checkpoint_view.h"

#define CHECKPOINT_SIZE_MAX (1ull << 30)
#define POSITION_MAX (1ull << 40)

/* ---- the table of partitions --------------------------------------------------------------------------- */

static uint64_t hash_of(const struct uuid *topic_id, uint32_t index)
{
	return XXH3_64bits_withSeed(topic_id->bytes, sizeof topic_id->bytes, index);
}

int picture_open(struct picture *picture, struct verify_sink *sink, const struct catalog_image *image)
{
	*picture = (struct picture){.sink = sink, .image = image, .bucket_mask = (1u << 16) - 1};
	picture->buckets = calloc(picture->bucket_mask + 1, sizeof *picture->buckets);
	return picture->buckets ? 0 : -ENOMEM;
}

static void free_partition(struct picture_partition *partition)
{
	epochs_fini(&partition->epochs);
	free(partition->fenced.ranges);
	free(partition->lost.ranges);
	free(partition->segments);
	free(partition);
}

void picture_close(struct picture *picture)
{
	for (uint32_t i = 0; i < picture->count; i++)
		free_partition(picture->partitions[i]);
	free(picture->partitions);
	free(picture->buckets);
}

struct picture_partition *picture_find(const struct picture *picture, const struct uuid *topic_id,
				       uint32_t index)
{
	struct picture_partition *partition =
		picture->buckets[hash_of(topic_id, index) & picture->bucket_mask];
	while (partition && !(partition->index == index && uuid_equal(&partition->topic_id, topic_id)))
		partition = partition->hash_next;
	return partition;
}

static struct picture_partition *add_partition(struct picture *picture, const struct uuid *topic_id,
					       uint32_t index)
{
	if (picture->count == picture->capacity) {
		uint32_t capacity = picture->capacity ? 2 * picture->capacity : 64;
		struct picture_partition **grown = realloc(picture->partitions, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		picture->partitions = grown;
		picture->capacity = capacity;
	}
	struct picture_partition *partition = calloc(1, sizeof *partition);
	if (!partition)
		return NULL;
	partition->topic_id = *topic_id;
	partition->index = index;
	partition->next_offset = partition->journal_from = NOWHERE;
	epochs_init(&partition->epochs);
	uint64_t hash = hash_of(topic_id, index);
	struct picture_partition **bucket = &picture->buckets[hash & picture->bucket_mask];
	partition->hash_next = *bucket;
	*bucket = partition;
	picture->partitions[picture->count++] = partition;
	return partition;
}

struct picture_segment *picture_segment(struct picture_partition *partition, int64_t base_offset)
{
	for (uint32_t i = partition->segment_count; i > 0; i--)
		if (partition->segments[i - 1].base_offset == base_offset)
			return &partition->segments[i - 1];
	return NULL;
}

static struct picture_segment *add_segment(struct picture_partition *partition, int64_t base_offset)
{
	struct picture_segment *grown = realloc(partition->segments,
						(partition->segment_count + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	partition->segments = grown;
	grown += partition->segment_count++;
	struct mark start = {0, base_offset};
	*grown = (struct picture_segment){.base_offset = base_offset, .filed = start, .required = start};
	return grown;
}

bool picture_is_possible(int64_t base_offset, uint64_t position, int64_t offset)
{
	return base_offset >= 0 && offset >= base_offset && position <= POSITION_MAX;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static void tell_fatal(struct picture *picture, const char *file, const char *what)
{
	struct finding finding = {FINDING_DAMAGE, NULL, NOWHERE, file, NOWHERE, NOWHERE, NOWHERE, NOWHERE, what, .is_fatal = true};
	verify_tell(picture->sink, &finding);
}

static void tell_file(struct picture *picture, enum finding_kind kind, const char *file, const char *what)
{
	struct finding finding = {kind, NULL, NOWHERE, file, NOWHERE, NOWHERE, NOWHERE, NOWHERE, .what = what};
	verify_tell(picture->sink, &finding);
}

/* ---- the checkpoint ------------------------------------------------------------------------------------ */

static int take_segments(struct picture_partition *partition, const struct checkpoint_partition *from)
{
	partition->next_offset = partition->start_offset;
	for (uint32_t i = 0; i < from->segment_count; i++) {
		struct checkpoint_segment said;
		checkpoint_segment_at(from, i, &said);
		if (!picture_is_possible(said.base_offset, said.filed_position, said.filed_offset))
			return ERR_CORRUPT_LOG;
		struct picture_segment *segment = add_segment(partition, said.base_offset);
		if (!segment)
			return -ENOMEM;
		segment->filed = segment->required = (struct mark){said.filed_position, said.filed_offset};
		segment->is_complete = said.is_complete;
		segment->is_sealed = said.is_sealed;
		segment->first_crc = said.first_crc;
		partition->next_offset = said.filed_offset;
	}
	partition->epochs_limit = partition->next_offset;
	return 0;
}

static int take_partition(struct picture *picture, const struct checkpoint_partition *from,
			  uint64_t incarnation)
{
	struct picture_partition *partition = picture_find(picture, &from->topic_id, from->index);
	if (partition && partition->checkpoint_incarnation >= incarnation)
		return 0; /* another shard had it later */
	if (!partition)
		partition = add_partition(picture, &from->topic_id, from->index);
	if (!partition)
		return -ENOMEM;
	partition->segment_count = 0;
	partition->epochs.count = 0;
	partition->fenced.count = 0;
	partition->is_known = true;
	partition->checkpoint_incarnation = incarnation;
	partition->start_offset = from->start_offset;
	int err = take_segments(partition, from);
	for (uint32_t i = 0; i < from->epoch_count && !err; i++) {
		struct epoch_entry entry;
		checkpoint_epoch_at(from, i, &entry);
		int added = epochs_assign(&partition->epochs, entry.epoch, entry.start_offset);
		err = added == -ENOMEM ? added : 0;
	}
	for (uint32_t i = 0; i < from->damage_count && !err; i++) {
		int64_t begin, end;
		checkpoint_damage_at(from, i, &begin, &end);
		if (begin < 0 || end <= begin)
			return ERR_CORRUPT_LOG;
		damaged_ranges_add(&partition->fenced, begin, end);
	}
	return err;
}

static int take_checkpoint(struct picture *picture, uint32_t shard, struct slice file, struct checkpoint_header *out)
{
	struct checkpoint_header header = {0};
	struct slice rest;
	int err = checkpoint_open(&header, &rest, file);
	if (!err && header.shard != shard)
		err = ERR_CORRUPT_LOG;
	*out = header;
	if (!err)
		store__raise_mark(&picture->catalog_mark, (struct catalog_mark){header.incarnation, header.catalog_sequence});
	for (uint32_t i = 0; i < header.partition_count && !err; i++) {
		struct checkpoint_partition partition;
		err = !checkpoint_next(&header, &partition, &rest) ? ERR_CORRUPT_LOG
							  : take_partition(picture, &partition, header.incarnation);
	}
	return err;
}

/* *is_good: it could be used. */
static int read_checkpoint(struct picture *picture, uint32_t shard, bool *is_good, struct checkpoint_header *header)
{
	char name[64], path[4096];
	snprintf(name, sizeof name, "checkpoint-%u", shard);
	snprintf(path, sizeof path, "%s/%s", picture->sink->dir, name);
	uint8_t *data;
	size_t size;
	*is_good = false;
	int err = small_file_read(picture->sink->io, path, CHECKPOINT_SIZE_MAX, &data, &size);
	if (!err) {
		err = take_checkpoint(picture, shard, (struct slice){data, size}, header);
		free(data);
	}
	if (err == -ENOMEM)
		return err;
	*is_good = !err;
	if (err == ERR_FORMAT)
		tell_file(picture, FINDING_DERIVED, name, "written by a later version");
	else if (err)
		tell_file(picture, FINDING_DERIVED, name,
			  "fails its checksum, or is another shard's: the next start scans the partition directories instead");
	return 0;
}

/* ---- the journal --------------------------------------------------------------------------------------- */

struct replay {
	struct picture *picture;
	bool is_checkpoint_good;
};

static struct picture_partition *find_or_add(struct replay *replay, const struct journal_entry *entry)
{
	struct picture_partition *partition = picture_find(replay->picture, &entry->topic_id,
							   entry->partition);
	if (partition)
		return partition;
	partition = add_partition(replay->picture, &entry->topic_id, entry->partition);
	if (partition && replay->is_checkpoint_good) { /* it held nothing when the checkpoint was written */
		partition->is_known = true;
		partition->next_offset = 0;
	}
	return partition;
}

/* Reads a direct piece as recovery does: headers against the entry's checksum, and every CRC. */
/* A crash takes nothing that the checkpoint says was in the file: then the piece behind it is lost as well, and not torn, and should be there. */
static bool is_file_lost(struct picture *picture, int fd, const struct picture_segment *known)
{
	struct io *io = picture->sink->io;
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch;
	if (!known || known->filed.position == 0 || fd < 0)
		return fd == -ENOENT && known && known->filed.position > 0;
	if (io_file_size(io, fd) < (int64_t)known->filed.position || foreign_file_is_stores(io, fd))
		return true;
	return known->first_crc && io_file_read(io, fd, header, sizeof header, 0) == sizeof header &&
	       batch_parse_header((struct slice){header, sizeof header}, &batch) == 0 && batch.crc != known->first_crc;
}

static int read_direct(struct picture *picture, const struct topic *topic, const struct picture_segment *known, const struct journal_entry *entry,
		       bool *fits)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	segment_name_format(name, entry->segment_base_offset, SEGMENT_FILE_LOG);
	snprintf(path, sizeof path, "%s/%s-%u/%s", picture->sink->dir, topic->name, entry->partition, name);
	*fits = false;
	int fd = io_file_open(picture->sink->io, path, IO_READ_ONLY);
	*fits = is_file_lost(picture, fd, known);
	if (*fits)
		return fd < 0 ? 0 : (io_close_fd(picture->sink->io, fd), 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	struct direct_checksum checksum;
	uint64_t at = 0;
	int err = direct_checksum_begin(&checksum, entry->kind);
	uint8_t *bytes = err ? NULL : malloc((size_t)entry->data_size_bytes + 1);
	struct batch batch;
	int64_t got = 0;
	if (bytes)
		got = io_file_read(picture->sink->io, fd, bytes, entry->data_size_bytes, entry->position);
	for (; got == entry->data_size_bytes && at < entry->data_size_bytes; at += batch.size_bytes) {
		if (batch_parse_checked((struct slice){bytes + at, entry->data_size_bytes - at}, &batch))
			break;
		direct_checksum_add(&checksum, bytes + at);
	}
	uint64_t found = err ? 0 : direct_checksum_end(&checksum);
	*fits = bytes && at == entry->data_size_bytes && found == entry->data_checksum;
	io_close_fd(picture->sink->io, fd);
	err = bytes ? 0 : -ENOMEM;
	free(bytes);
	return err;
}

static int take_direct(struct picture *picture, struct picture_partition *partition,
		       const struct topic *topic, bool is_vouched, const struct journal_entry *entry)
{
	bool fits = true;
	int err = is_vouched ? 0 : read_direct(picture, topic, picture_segment(partition, entry->segment_base_offset), entry, &fits);
	if (err)
		return err;
	if (!fits) {
		partition->is_torn = true;
		return 0;
	}
	struct picture_segment *segment = picture_segment(partition, entry->segment_base_offset);
	if (!segment)
		segment = add_segment(partition, entry->segment_base_offset);
	if (!segment)
		return -ENOMEM;
	segment->required = (struct mark){entry->position + entry->data_size_bytes, entry->end_offset};
	partition->next_offset = entry->end_offset;
	return 0;
}

static bool is_entry_possible(const struct journal_entry *entry)
{
	if (entry->base_offset < 0 || (entry->kind != ENTRY_LOG_START && entry->end_offset < entry->base_offset))
		return false;
	return !entry_is_direct(entry) ||
	       picture_is_possible(entry->segment_base_offset, entry->position, entry->end_offset);
}

static int take_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry,
		      struct slice payload)
{
	struct replay *replay = context;
	struct picture *picture = replay->picture;
	const struct topic *topic = NULL;
	if (picture->image)
		topic = catalog_topic_by_id(picture->image, &entry->topic_id);
	picture->entries++;
	if (entry->kind == ENTRY_CATALOG) {
		store__raise_mark(&picture->catalog_mark, store__entry_mark(entry));
		return 0;
	}
	if (!topic || entry->partition >= topic->partition_count || !is_entry_possible(entry))
		return 0;
	struct picture_partition *partition = find_or_add(replay, entry);
	if (!partition)
		return -ENOMEM;
	if (entry->kind == ENTRY_LOG_START) {
		if (entry->base_offset > partition->start_offset)
			partition->start_offset = entry->base_offset;
		return 0;
	}
	if (entry->end_offset <= partition->next_offset || partition->is_torn)
		return 0;
	if (partition->journal_from == NOWHERE)
		partition->journal_from = entry->base_offset;
	if (partition->next_offset != NOWHERE && entry->base_offset > partition->next_offset)
		damaged_ranges_add(&partition->lost, partition->next_offset, entry->base_offset);
	if (entry_is_direct(entry))
		return take_direct(picture, partition, topic, is_vouched, entry);
	int64_t from = entry->base_offset > partition->next_offset ? entry->base_offset : partition->next_offset;
	if (payload.size == 0) /* damaged, the journal says */
		damaged_ranges_add(&partition->lost, from, entry->end_offset);
	partition->next_offset = entry->end_offset;
	return 0;
}

static void tell_journal(struct picture *picture, const char *name, const struct journal_report *report,
			 int err)
{
	char what[256];
	if (err) {
		snprintf(what, sizeof what,
			 "the journal cannot be used (%s; row %c of its recovery table): the broker will refuse to start",
			 *journal_why(report) ? journal_why(report) : err_text(err), report->decision ? report->decision : '?');
		tell_fatal(picture, name, what);
		return;
	}
	if (report->damaged_groups) {
		snprintf(what, sizeof what,
			 "%llu acknowledged groups behind group %llu fail their check; what is lost with them is "
			 "named by its offsets, as far as entries and later groups tell",
			 (unsigned long long)report->damaged_groups, (unsigned long long)report->first_seq);
		tell_file(picture, FINDING_DAMAGE, name, what);
	}
	if (report->untold_to) {
		snprintf(what, sizeof what,
			 "what was in its groups %llu to %llu nothing tells: the broker will refuse to start without spate.accept.loss=true",
			 (unsigned long long)report->untold_from, (unsigned long long)report->untold_to);
		tell_fatal(picture, name, what);
	}
	if (report->torn_groups)
		tell_file(picture, FINDING_NOTE, name,
			  "the last group is torn: it was never acknowledged, and the next start drops it");
}

static int read_journal(struct picture *picture, uint32_t shard, bool is_checkpoint_good,
			struct journal_report *report)
{
	char name[64], path[4096];
	snprintf(name, sizeof name, "journal-%u", shard);
	snprintf(path, sizeof path, "%s/%s", picture->sink->dir, name);
	struct journal_options options = {.path = path, .shard_plus_one = shard + 1, .is_read_only = true};
	struct replay replay = {picture, is_checkpoint_good};
	struct journal *journal;
	int err = journal_open(&journal, picture->sink->io, &options, report);
	if (err == -ENOMEM)
		return err;
	store__raise_mark(&picture->catalog_mark, (struct catalog_mark){report->incarnation, 0});
	tell_journal(picture, name, report, err);
	if (err)
		return 0;
	err = journal_replay(journal, take_entry, &replay);
	journal_close(journal);
	return err;
}

/* As recovery decides (log/store/checkpoint.c). */
static void tell_company(struct picture *picture, uint32_t shard, const struct checkpoint_header *header, const struct journal_report *journal)
{
	char name[64];
	if (header->journal_seed != journal->seed || journal->incarnation < header->journal_incarnation) {
		snprintf(name, sizeof name, "journal-%u", shard);
		tell_fatal(picture, name,
			  "it and the checkpoint do not belong together: one of them is another's, or of an earlier time; the broker will "
			  "refuse to start");
	} else if (header->generation < journal->checkpoint) {
		snprintf(name, sizeof name, "checkpoint-%u", shard);
		tell_file(picture, FINDING_DERIVED, name,
			  "it is of an earlier time than the journal: the next start scans the partition directories instead");
	}
}

int picture_add_shard(struct picture *picture, uint32_t shard, bool has_checkpoint, bool has_journal,
		      struct journal_report *journal)
{
	bool is_good = false;
	struct checkpoint_header header = {0};
	*journal = (struct journal_report){0};
	int err = has_checkpoint ? read_checkpoint(picture, shard, &is_good, &header) : 0;
	if (!err && has_journal)
		err = read_journal(picture, shard, is_good, journal);
	if (!err && is_good && has_journal && header.version >= 3 && journal->seed)
		tell_company(picture, shard, &header, journal);
	return err;
}
