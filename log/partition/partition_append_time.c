/* When records were appended: what the store notes of each group, writes beside the segments in its cycles, and is asked by those who want to know how
 * old something is.
 *
 * Happy path of a question: the steps in memory, if they reach that far back, else the file beside the segment, a few blocks of it. Where neither says
 * it exactly (an older version wrote the log, a power cut or rot took a part of the file), their neighbours bound it. Nothing here can fail:
 * what cannot be kept or read is not known, and the answer says so. */
#include <errno.h>
#include <stdlib.h>

#include "log/partition/partition_priv.h"
#include "log/segment/append_time_file.h"

#define PATH_SIZE 4096

/* ---- keeping it --------------------------------------------------------------------------------------------------------- */

void partition__note_append_time(struct partition *partition, struct segment *segment, int64_t from, int64_t to, int64_t time_ms)
{
	if (time_ms <= 0)
		return;
	append_times_note(&segment->append_times, from, to, time_ms);
	if (segment->append_times && !list_is_linked(&partition->untimed_node) && !partition->is_closed)
		list_push_back(&partition->home->untimed, &partition->untimed_node);
}

static struct append_time_owner owner_of(const struct partition *partition, const struct segment *segment)
{
	return (struct append_time_owner){partition->topic_id, partition->index, segment->base_offset, segment->first_crc};
}

static int write_times(const struct partition *partition, struct segment *segment)
{
	char path[PATH_SIZE];
	struct append_time_owner owner = owner_of(partition, segment);
	segment_path(segment, SEGMENT_FILE_APPEND_TIME, path, sizeof path);
	return append_time_file_add(partition->home->io, path, &owner, segment->append_times, &segment->append_times_filed);
}

/* Has what its steps tell of a file, or will it have one? */
static bool is_without_file(const struct segment *segment)
{
	return !segment->has_file && segment_is_filed(segment);
}

bool partition__write_append_times(struct partition *partition, uint32_t *left)
{
	bool is_left = false;
	for (struct list *node = partition->segments.prev; node != &partition->segments; node = node->prev) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->is_checkpointed)
			break;
		if (!segment->append_times)
			continue;
		if (*left == 0)
			return true;
		int err = segment->has_file ? write_times(partition, segment) : is_without_file(segment) ? 0 : -EAGAIN;
		if (err && err != ERR_FORMAT) {
			is_left = true;
			continue;
		}
		*left -= segment->has_file;
		free(segment->append_times);
		segment->append_times = NULL;
	}
	return is_left;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------- */

static bool ask_memory(const struct segment *segment, int64_t offset, struct append_time *out)
{
	if (!segment->append_times)
		return false;
	struct append_steps steps = append_times_steps(segment->append_times);
	return append_steps_tell(&steps, offset, out);
}

static bool ask_file(const struct partition *partition, const struct segment *segment, int64_t offset, struct append_time *out)
{
	char path[PATH_SIZE];
	struct append_time_file file;
	struct append_time_owner owner = owner_of(partition, segment);
	segment_path(segment, SEGMENT_FILE_APPEND_TIME, path, sizeof path);
	if (!segment->has_file || append_time_file_open(&file, partition->home->io, path))
		return false;
	bool is_exact = append_time_file_is_of(&file, &owner) && append_steps_tell(&file.steps, offset, out);
	append_time_file_close(&file);
	return is_exact;
}

static struct segment *neighbour(const struct partition *partition, struct list *node)
{
	return node == &partition->segments ? NULL : LIST_ENTRY(node, struct segment, node);
}

/* From the oldest to the newest that may say something of it. */
static bool ask_around(const struct partition *partition, struct segment *segment, int64_t offset, struct append_time *out)
{
	struct segment *const asked[] = {neighbour(partition, segment->node.prev), segment, neighbour(partition, segment->node.next)};
	*out = (struct append_time){APPEND_TIME_UNKNOWN, APPEND_TIME_UNKNOWN};
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		if (asked[i] && (ask_file(partition, asked[i], offset, out) || ask_memory(asked[i], offset, out)))
			return true;
	return false;
}

/* The segment that the first record at or behind *offset is in. */
static struct segment *find_record(const struct partition *partition, int64_t *offset)
{
	if (*offset < partition->start_offset)
		*offset = partition->start_offset;
	if (*offset >= partition->durable_offset)
		return NULL;
	struct segment *segment = partition__segment_at(partition, *offset);
	if (segment && *offset >= segment->staged.offset) { /* between two segments: what was there is lost */
		segment = neighbour(partition, segment->node.next);
		*offset = segment ? segment->base_offset : *offset;
	}
	return segment;
}

/* Where the clock was set back between two steps, the later one has the earlier time. */
static void order_bounds(struct append_time *time)
{
	if (time->high_ms != APPEND_TIME_UNKNOWN && time->low_ms > time->high_ms)
		*time = (struct append_time){time->high_ms, time->low_ms};
}

void partition_append_time(struct partition *partition, int64_t offset, struct append_time_found *out)
{
	struct append_time time = {APPEND_TIME_UNKNOWN, APPEND_TIME_UNKNOWN};
	struct segment *segment = find_record(partition, &offset);
	*out = (struct append_time_found){.offset = -1, .low_ms = -1, .high_ms = -1, .now_ms = io_wall_ms(partition->home->io)};
	if (!segment)
		return;
	bool is_exact = ask_memory(segment, offset, &time) || ask_file(partition, segment, offset, &time);
	if (!is_exact)
		is_exact = ask_around(partition, segment, offset, &time);
	out->is_bound = !is_exact;
	order_bounds(&time);
	out->offset = offset;
	out->low_ms = time.low_ms;
	out->high_ms = time.high_ms;
}
