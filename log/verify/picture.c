/* Recovery as a thought. The checkpoint gives marks; the journal's entries move them on. Cases as in
 * log/store/recover_replay.c:
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
#include "log/partition/partition_dir.h"
#include "log/segment/foreign_file.h"
#include "log/segment/hole_mark.h"
#include "log/store/direct_checksum.h"
#include "log/store/store_priv.h"
#include "log/verify/checkpoint_view.h"

#define LOG_STARTS_SIZE_MAX (256u << 20)
#define POSITION_MAX (1ull << 40)

/* ---- the table of partitions --------------------------------------------------------------------------- */

static uint64_t hash_of(const struct uuid *topic_id, uint32_t index)
{
	return XXH3_64bits_withSeed(topic_id->bytes, sizeof topic_id->bytes, index);
}

#define BUCKETS_MIN 256u
#define BUCKETS_MAX (1u << 16)

/* About one a partition of the catalog's; journals may tell of others. */
static uint32_t count_buckets(const struct catalog_image *image)
{
	uint64_t partitions = 0;
	for (uint32_t i = 0; image && i < image->topic_count; i++)
		partitions += image->topics[i]->partition_count;
	uint32_t count = BUCKETS_MIN;
	while (count < partitions && count < BUCKETS_MAX)
		count *= 2;
	return count;
}

int picture_open(struct picture *picture, struct verify_sink *sink, const struct catalog_image *image)
{
	*picture = (struct picture){.sink = sink, .image = image, .bucket_mask = count_buckets(image) - 1};
	picture->buckets = calloc(picture->bucket_mask + 1, sizeof *picture->buckets);
	return picture->buckets ? 0 : -ENOMEM;
}

static void forget_segments(struct picture_partition *partition)
{
	while (partition->segment_count)
		free(partition->segments[--partition->segment_count].steps);
}

static void free_partition(struct picture_partition *partition)
{
	epochs_fini(&partition->epochs);
	free(partition->fenced.ranges);
	free(partition->lost.ranges);
	free(partition->held.ranges);
	forget_segments(partition);
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
	struct mark start = {.offset = base_offset};
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
		segment->filed = segment->required = (struct mark){.position = said.filed_position, .offset = said.filed_offset};
		segment->is_complete = said.is_complete;
		segment->is_sealed = said.is_sealed;
		segment->first_crc = said.first_crc;
		segment->vouched = (struct mark){.position = said.vouched_position, .headers = said.headers_checksum};
		segment->steps = checkpoint_steps_at(from, i);
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
	forget_segments(partition);
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

/* What was filed when an earlier checkpoint was written, for a partition that is to be scanned. */
static int take_earlier(struct picture *picture, const struct checkpoint_partition *from, uint64_t incarnation)
{
	struct picture_partition *partition = picture_find(picture, &from->topic_id, from->index);
	if (partition && (partition->is_known || partition->segment_count))
		return 0;
	if (!partition)
		partition = add_partition(picture, &from->topic_id, from->index);
	if (!partition)
		return -ENOMEM;
	int err = take_segments(partition, from);
	partition->next_offset = NOWHERE;
	partition->epochs_limit = 0;
	partition->checkpoint_incarnation = incarnation;
	for (uint32_t i = 0; i < partition->segment_count && !err; i++)
		if (partition->segments[i].filed.offset > partition->filed_to)
			partition->filed_to = partition->segments[i].filed.offset;
	int64_t first = partition->segment_count ? partition->segments[0].base_offset : 0;
	partition->filed_from = first > from->start_offset ? first : from->start_offset;
	return err;
}

/* A checkpoint of the shard, or its copy, as bytes; `err` says why it is none. */
struct checkpoint_file {
	char name[64];
	int err;
	uint8_t *data;
	struct checkpoint_header header;
	struct slice rest;
};

static int read_file(struct picture *picture, uint32_t shard, const char *suffix, struct checkpoint_file *file)
{
	size_t size;
	*file = (struct checkpoint_file){0};
	snprintf(file->name, sizeof file->name, "checkpoint-%u%s", shard, suffix);
	file->err = store__load_checkpoint(picture->sink->io, picture->sink->dir, shard, suffix, &file->data, &size);
	if (!file->err)
		file->err = checkpoint_open(&file->header, &file->rest, (struct slice){file->data, size});
	if (!file->err && file->header.shard != shard)
		file->err = ERR_CORRUPT_LOG;
	return file->err == -ENOMEM ? file->err : 0;
}

typedef int take_partition_fn(struct picture *picture, const struct checkpoint_partition *from, uint64_t incarnation);

static int take_file(struct picture *picture, const struct checkpoint_file *file, take_partition_fn *take)
{
	struct slice rest = file->rest;
	int err = 0;
	for (uint32_t i = 0; i < file->header.partition_count && !err; i++) {
		struct checkpoint_partition partition;
		err = !checkpoint_next(&file->header, &partition, &rest) ? ERR_CORRUPT_LOG : take(picture, &partition, file->header.incarnation);
	}
	return err;
}

/* As recovery decides (log/store/checkpoint.c): is it of this journal, and not of an earlier time? */
enum company { COMPANY_GOOD, COMPANY_EARLIER, COMPANY_ALIEN };

static enum company company_of(const struct checkpoint_file *file, const struct journal_report *journal)
{
	const struct checkpoint_header *header = &file->header;
	if (header->version < 3 || !journal->seed)
		return COMPANY_GOOD;
	if (header->journal_seed != journal->seed || journal->incarnation < header->journal_incarnation || journal_end(journal) < header->journal_end)
		return COMPANY_ALIEN;
	return header->generation < journal->checkpoint ? COMPANY_EARLIER : COMPANY_GOOD;
}

static void tell_alien(struct picture *picture, uint32_t shard, const char *checkpoint)
{
	char name[64], what[256];
	snprintf(name, sizeof name, "journal-%u", shard);
	snprintf(what, sizeof what, "it and %s do not belong together: one of them is another's, or of an earlier time; the broker will refuse to start",
		 strstr(checkpoint, ".copy") ? checkpoint : "the checkpoint");
	tell_fatal(picture, name, what);
	picture->alien_shard_plus_one = shard + 1;
}

static const char *why_unusable(const struct checkpoint_file *file, bool is_earlier, char *out, size_t size)
{
	switch (file->err) {
	case 0:
		return is_earlier ? "it is whole, but of an earlier time than the journal" : "it says what cannot be";
	case -ENOENT:
		return "it is missing";
	case ERR_FORMAT:
		return "written by a later version";
	case ERR_CORRUPT_LOG:
		return "fails its checksum, or is another shard's";
	}
	snprintf(out, size, "it cannot be read: %s", err_text(file->err));
	return out;
}

/* The checkpoint cannot be used. */
static void tell_unusable(struct picture *picture, const struct checkpoint_file *file, bool is_earlier, const char *then)
{
	char why[128], what[256];
	snprintf(what, sizeof what, "%s: the next start %s", why_unusable(file, is_earlier, why, sizeof why), then);
	tell_file(picture, FINDING_DERIVED, file->name, what);
}

static void tell_unusable_copy(struct picture *picture, const struct checkpoint_file *copy)
{
	char why[128], what[256];
	snprintf(what, sizeof what, "%s: the next stop makes it anew", why_unusable(copy, false, why, sizeof why));
	tell_file(picture, FINDING_DERIVED, copy->name, what);
}

/* Where logs start, when no checkpoint says so. */
static int take_start(void *context, const struct uuid *id, uint32_t index, int64_t offset)
{
	struct picture *picture = context;
	struct picture_partition *partition = picture_find(picture, id, index);
	if (!partition)
		partition = add_partition(picture, id, index);
	if (partition && !partition->is_known)
		partition->start_offset = offset;
	return partition ? 0 : -ENOMEM;
}

static void tell_lost_starts(struct picture *picture, uint32_t shard, int err)
{
	char name[64], what[256];
	snprintf(name, sizeof name, "log-start-%u", shard);
	snprintf(what, sizeof what, "it is %s, and no checkpoint can be used: records that were deleted would be served again, and the broker will refuse to start",
		 store__what_is_wrong_with_log_starts(err));
	tell_fatal(picture, name, what);
}

static int read_log_starts(struct picture *picture, uint32_t shard, uint64_t known)
{
	char path[4096];
	uint64_t generation = 0;
	uint8_t *text;
	size_t size;
	snprintf(path, sizeof path, "%s/log-start-%u", picture->sink->dir, shard);
	int err = small_file_read(picture->sink->io, path, LOG_STARTS_SIZE_MAX, &text, &size);
	if (!err) {
		err = store__take_log_starts((char *)text, size, take_start, picture, &generation);
		free(text);
	}
	bool are_behind = store__are_log_starts_behind(err, generation, known);
	if (are_behind)
		tell_lost_starts(picture, shard, err);
	picture->are_starts_lost |= are_behind || (err && err != -ENOENT);
	return err == -ENOMEM ? err : 0;
}

/* Neither of both: the directories are scanned, and held against the later one of those that are whole. */
static int take_as_earlier(struct picture *picture, uint32_t shard, const struct checkpoint_file *main, const struct checkpoint_file *copy,
			   const struct journal_report *journal)
{
	if (shard / 8 < sizeof picture->scanned)
		picture->scanned[shard / 8] |= (uint8_t)(1u << shard % 8);
	const struct checkpoint_file *later = copy->err ? main : main->err ? copy : copy->header.generation > main->header.generation ? copy : main;
	int err = later->err ? 0 : take_file(picture, later, take_earlier);
	return err && err != ERR_CORRUPT_LOG ? err : read_log_starts(picture, shard, journal->log_starts);
}

/* As store__is_copy_later: the checkpoint was put back. */
static bool is_later(const struct checkpoint_file *copy, const struct checkpoint_file *main)
{
	return !copy->err && !main->err && copy->header.journal_seed == main->header.journal_seed && copy->header.generation > main->header.generation;
}

static int choose_checkpoint(struct picture *picture, uint32_t shard, bool is_due, const struct journal_report *journal, struct checkpoint_file *main,
			     struct checkpoint_file *copy, bool *is_good)
{
	enum company company = main->err ? COMPANY_GOOD : company_of(main, journal);
	if (company == COMPANY_ALIEN)
		tell_alien(picture, shard, main->name);
	*is_good = !main->err && company != COMPANY_EARLIER && !is_later(copy, main);
	int err = *is_good ? take_file(picture, main, take_partition) : 0;
	if (!err && *is_good)
		return 0;
	if (err && err != ERR_CORRUPT_LOG)
		return err;
	if (main->err == -ENOENT && copy->err == -ENOENT && !is_due)
		return 0; /* it never came to one */
	company = copy->err ? COMPANY_EARLIER : company_of(copy, journal);
	*is_good = company == COMPANY_GOOD;
	tell_unusable(picture, main, !main->err && !err, *is_good ? "takes its copy instead" : "scans the partition directories instead");
	if (company == COMPANY_ALIEN)
		tell_alien(picture, shard, copy->name);
	return *is_good ? take_file(picture, copy, take_partition) : take_as_earlier(picture, shard, main, copy, journal);
}

/* *is_good: it or its copy can be used. */
static int read_checkpoint(struct picture *picture, uint32_t shard, bool is_due, const struct journal_report *journal, bool *is_good)
{
	struct checkpoint_file main = {0}, copy = {0};
	int err = read_file(picture, shard, "", &main);
	if (!err)
		err = read_file(picture, shard, ".copy", &copy);
	if (!err && !main.err)
		store__raise_mark(&picture->catalog_mark, (struct catalog_mark){main.header.incarnation, main.header.catalog_sequence});
	if (!err && !main.err && !copy.err && copy.header.journal_seed == main.header.journal_seed) /* one that was left when the others were put back is later */
		store__raise_mark(&picture->catalog_mark, (struct catalog_mark){copy.header.incarnation, copy.header.catalog_sequence});
	if (!err && copy.err && copy.err != -ENOENT)
		tell_unusable_copy(picture, &copy);
	if (!err)
		err = choose_checkpoint(picture, shard, is_due, journal, &main, &copy, is_good);
	free(main.data);
	free(copy.data);
	return err;
}

bool picture_is_scanned(const struct picture *picture, uint32_t shard)
{
	return shard / 8 < sizeof picture->scanned && picture->scanned[shard / 8] >> shard % 8 & 1;
}

/* ---- the journal --------------------------------------------------------------------------------------- */

struct replay {
	struct picture *picture;
	const struct journal *journal;
	bool is_checkpoint_good;
	bool is_whole; /* the journal has lost nothing */
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

/* Is something of a segment before this one in the journal alone? Then the start stages what comes behind it, and has not taken it as filed. */
static bool is_held_before(const struct picture_partition *partition, int64_t base_offset)
{
	for (uint32_t i = 0; i < partition->held.count; i++)
		if (partition->held.ranges[i].from < base_offset)
			return true;
	return false;
}

/* How far the start takes the file for filed when it comes to such an entry: as the checkpoint says, and behind that by the pieces that are vouched for. */
static uint64_t filed_by_then(const struct picture_partition *partition, const struct picture_segment *known)
{
	if (!known)
		return 0;
	return is_held_before(partition, known->base_offset) ? known->filed.position : known->required.position;
}

/* A crash takes nothing that was filed: then the piece behind it is lost as well, and not torn, and should be there. */
static bool is_file_lost(struct picture *picture, int fd, const struct picture_segment *known, uint64_t filed, const struct append_time_owner *owner)
{
	struct io *io = picture->sink->io;
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch;
	if (filed == 0 || fd < 0)
		return fd == -ENOENT && filed > 0;
	if (io_file_size(io, fd) < (int64_t)filed || foreign_file_is_stores(io, fd) || hole_mark_is_anothers(io, fd, owner))
		return true;
	return known->first_crc && io_file_read(io, fd, header, sizeof header, 0) == sizeof header &&
	       batch_parse_header((struct slice){header, sizeof header}, &batch) == 0 && batch.crc != known->first_crc;
}

/* -ENOENT: there is none, or what is no file stands in its place, which is as good to the start. */
static int open_log(struct picture *picture, const struct topic *topic, const struct journal_entry *entry)
{
	char dir[PARTITION_DIR_NAME_SIZE], name[SEGMENT_NAME_SIZE], path[4096];
	partition_dir_name(dir, topic->name, entry->partition);
	segment_name_format(name, entry->segment_base_offset, SEGMENT_FILE_LOG);
	snprintf(path, sizeof path, "%s/%s/%s", picture->sink->dir, dir, name);
	int fd = io_file_open(picture->sink->io, path, IO_READ_ONLY);
	return fd == ERR_NOT_A_FILE ? -ENOENT : fd;
}

/* Reads a direct piece as recovery does: headers against the entry's checksum, and every CRC. */
static int read_direct(struct picture *picture, const struct topic *topic, const struct picture_segment *known, uint64_t filed, const struct journal_entry *entry,
		       bool *fits)
{
	*fits = false;
	int fd = open_log(picture, topic, entry);
	struct append_time_owner owner = {.topic_id = topic->id, .partition = entry->partition, .base_offset = entry->segment_base_offset};
	*fits = is_file_lost(picture, fd, known, filed, &owner);
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

/* Does the start take a piece that is vouched for as the file has it? If it is told, that is long enough; else the piece is what it should be. Not while a segment before it has something of the
 * journal's alone: then it is staged, with what is before it. */
static int is_taken_as_filed(struct picture *picture, const struct picture_partition *partition, const struct topic *topic, const struct journal_entry *entry, struct slice headers,
			     bool *is_taken)
{
	*is_taken = false;
	if (is_held_before(partition, entry->segment_base_offset))
		return 0;
	if (!headers.size)
		return read_direct(picture, topic, NULL, 0, entry, is_taken);
	int fd = open_log(picture, topic, entry);
	*is_taken = fd >= 0 && io_file_size(picture->sink->io, fd) >= (int64_t)(entry->position + entry->data_size_bytes);
	if (fd >= 0)
		io_close_fd(picture->sink->io, fd);
	return 0;
}

/* All of its segment before the piece was written together with it: the start takes that from the file, be it that the journal has it as well. */
static int let_go_of_held(struct picture *picture, struct picture_partition *partition, const struct topic *topic, const struct journal_entry *entry, struct slice headers)
{
	bool is_taken, is_any = damaged_ranges_overlap(&partition->held, entry->segment_base_offset, entry->base_offset);
	int err = is_any ? is_taken_as_filed(picture, partition, topic, entry, headers, &is_taken) : 0;
	if (!err && is_any && is_taken)
		partition->held.count = 0; /* nothing of it is in a segment before */
	return err;
}

static int take_direct(struct picture *picture, struct picture_partition *partition,
		       const struct topic *topic, bool is_vouched, const struct journal_entry *entry, struct slice headers)
{
	bool fits = true;
	const struct picture_segment *known = picture_segment(partition, entry->segment_base_offset);
	int err = is_vouched ? let_go_of_held(picture, partition, topic, entry, headers)
			     : read_direct(picture, topic, known, filed_by_then(partition, known), entry, &fits);
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
	segment->required = (struct mark){.position = entry->position + entry->data_size_bytes, .offset = entry->end_offset};
	if (entry->position == 0)
		segment->first_crc = store__first_crc(entry, headers);
	else if (!segment->first_crc && entry->segment_base_offset == partition->begun_base)
		segment->first_crc = partition->begun_crc;
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

/* Where logs ended when the journal was let go last. */
static int take_log_end(void *context, const struct log_end *end)
{
	struct replay *replay = context;
	struct picture *picture = replay->picture;
	const struct topic *topic = picture->image ? catalog_topic_by_id(picture->image, &end->topic_id) : NULL;
	struct picture_partition *partition = picture_find(picture, &end->topic_id, end->index);
	if (replay->is_checkpoint_good || !topic || end->index >= topic->partition_count || end->end_offset == end->start_offset)
		return 0;
	if (!partition)
		partition = add_partition(picture, &end->topic_id, end->index);
	if (!partition)
		return -ENOMEM;
	if (partition->ends_to == 0 || end->start_offset < partition->ends_from)
		partition->ends_from = end->start_offset;
	if (end->end_offset > partition->ends_to)
		partition->ends_to = end->end_offset;
	return 0;
}

static int take_log_file(void *context, const struct log_file *file)
{
	struct replay *replay = context;
	struct picture_partition *partition = picture_find(replay->picture, &file->topic_id, file->index);
	if (!partition)
		return 0; /* its log end was told before, if it is of a topic that there is */
	partition->file_base = file->base_offset;
	partition->file_crc = file->first_crc;
	partition->is_file_last = replay->is_whole;
	partition->file_vouched = file->vouched;
	return 0;
}

/* As recovery: for logs that are to be scanned, what the journal does not have itself was filed. */
static void settle_log_end(struct picture_partition *partition)
{
	int64_t from = partition->ends_from, to = partition->ends_to;
	partition->ends_to = 0;
	if (partition->journal_from != NOWHERE && to > partition->journal_from)
		to = partition->journal_from;
	if (partition->is_known || to <= from)
		return;
	if (partition->filed_to == 0 || from < partition->filed_from)
		partition->filed_from = from;
	if (to > partition->filed_to)
		partition->filed_to = to;
}

static void take_batches(struct picture_partition *partition, const struct journal_entry *entry, struct slice payload)
{
	if (entry->position == 0) {
		partition->begun_base = entry->segment_base_offset;
		partition->begun_crc = store__first_crc(entry, payload);
	}
	int64_t from = entry->base_offset > partition->next_offset ? entry->base_offset : partition->next_offset;
	damaged_ranges_add(payload.size == 0 ? &partition->lost : &partition->held, from, entry->end_offset); /* no payload: damaged, the journal says */
	partition->next_offset = entry->end_offset;
}

/* A group's batches have the epoch of the opening that wrote it: the start holds them against it as soon as it has taken them. What a gap or a repeat stands for may be of the
 * epoch before: then nothing more is learnt. */
static int learn_epoch(const struct replay *replay, struct picture_partition *partition, const struct topic *topic, const struct journal_entry *entry)
{
	if (!partition->is_known || partition->next_offset < entry->end_offset)
		return 0;
	uint64_t since = journal_replayed_incarnation(replay->journal) - topic->created_incarnation;
	int32_t epoch = since > INT32_MAX ? INT32_MAX : (int32_t)since;
	bool is_next = entry->base_offset <= partition->epochs_limit && !entry->is_repeat;
	if (!is_next && epoch != epochs_latest(&partition->epochs))
		return 0;
	int err = epochs_assign(&partition->epochs, epoch, entry->base_offset);
	if (err >= 0)
		partition->epochs_limit = entry->end_offset;
	return err == -ENOMEM ? err : 0;
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
	if (entry->kind == ENTRY_LOG_ENDS)
		return store__each_log_end(payload, take_log_end, replay);
	if (entry->kind == ENTRY_LOG_FILES)
		return is_vouched ? store__each_log_file(payload, take_log_file, replay) : 0;
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
	if (partition->journal_from == NOWHERE) {
		partition->journal_from = entry->base_offset;
		partition->journal_crc = is_vouched && replay->is_whole ? store__first_crc(entry, payload) : 0;
	}
	if (partition->next_offset != NOWHERE && entry->base_offset > partition->next_offset)
		damaged_ranges_add(&partition->lost, partition->next_offset, entry->base_offset);
	if (entry_is_direct(entry)) {
		int err = take_direct(picture, partition, topic, is_vouched, entry, payload);
		return err ? err : learn_epoch(replay, partition, topic, entry);
	}
	take_batches(partition, entry, payload);
	return learn_epoch(replay, partition, topic, entry);
}

static void tell_journal(struct picture *picture, const char *name, const struct journal_report *report,
			 int err)
{
	char what[256];
	if (err) {
		snprintf(what, sizeof what, "the journal cannot be used (%s): the broker will refuse to start", *journal_why(report) ? journal_why(report) : err_text(err));
		tell_fatal(picture, name, what);
		return;
	}
	if (report->tail_bytes) {
		struct finding finding = {FINDING_NOTE, NULL, NOWHERE, name, NOWHERE, NOWHERE, .what = "what somebody has added behind the journal's end is nobody's",
					  .is_tail = true};
		finding.position_from = (int64_t)report->size_bytes;
		finding.position_to = (int64_t)(report->size_bytes + report->tail_bytes);
		verify_tell(picture->sink, &finding);
	}
	if (report->cut_bytes) {
		snprintf(what, sizeof what, "the file was cut: its last %llu bytes are missing; what is lost with them is named, as far as anything tells of it",
			 (unsigned long long)report->cut_bytes);
		tell_file(picture, FINDING_NOTE, name, what);
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
	struct replay replay = {.picture = picture, .is_checkpoint_good = is_checkpoint_good};
	struct journal *journal;
	int err = journal_open(&journal, picture->sink->io, &options, report);
	if (err == -ENOMEM)
		return err;
	store__raise_mark(&picture->catalog_mark, (struct catalog_mark){report->incarnation, 0});
	tell_journal(picture, name, report, err);
	if (err)
		return 0;
	replay.is_whole = !report->damaged_groups;
	replay.journal = journal;
	err = journal_replay(journal, take_entry, &replay);
	journal_close(journal);
	for (uint32_t i = 0; i < picture->count; i++)
		settle_log_end(picture->partitions[i]);
	return err;
}

/* What it says of itself, before anything is taken from it. */
static int peek_at_journal(struct picture *picture, uint32_t shard, struct journal_report *report)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/journal-%u", picture->sink->dir, shard);
	struct journal_options options = {.path = path, .shard_plus_one = shard + 1, .is_read_only = true};
	struct journal *journal;
	int err = journal_open(&journal, picture->sink->io, &options, report);
	if (!err)
		journal_close(journal);
	return err == -ENOMEM ? err : 0;
}

int picture_add_shard(struct picture *picture, uint32_t shard, bool has_checkpoint, bool has_journal,
		      struct journal_report *journal)
{
	bool is_good = false;
	*journal = (struct journal_report){0};
	int err = has_journal ? peek_at_journal(picture, shard, journal) : 0;
	if (!err)
		err = read_checkpoint(picture, shard, has_checkpoint || journal->checkpoint > 0, journal, &is_good);
	if (!err && has_journal)
		err = read_journal(picture, shard, is_good, journal);
	return err;
}
