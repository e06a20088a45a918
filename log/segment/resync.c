/* Finding the next whole batch behind damage, so that a rotten header costs its own batch and not everything behind it.
 *
 * The damaged batch's own length field is tried first: if what it points at is the whole batch that is due behind it, it is believed. Otherwise every
 * position is a candidate: magic 2, an offset behind the damage and within the segment, a length that fits, and a good CRC. A batch inside a
 * record's value could only be taken for one if it carried such an offset; the length field keeps that from happening where records rot.
 * Where what has rotted is no more than what no CRC covers (base offset, length, magic), the CRC tells where the damaged batch ends: one of the offset that is due there is
 * believed as well.
 *
 * The batch at the damaged place may be whole and only come too early: then batches are missing before it, and it is the next one.
 *
 * A block that was written to the wrong place may hold whole batches that are due much later. Behind them come those that are due now: so of the
 * candidates within LOOK_AHEAD the one with the smallest offset is taken. Or of batches that are due now, by another log's offsets: those lead nowhere behind the block, or past
 * the next place that is known, an entry of the offset index. What is between two damages of headers, with no such place between, is given up with them (without an
 * index, if they are less than STRAY_SIZE apart): nothing tells it from such.
 *
 * A block that begins just where a batch is due, with that offset of the other log's, is met where it ends. Its headers have passed such a place by: so all behind the last
 * place before is given up. */
#include "log/segment/resync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/err.h"
#include "log/batch/crc32c.h"

#define SCAN_SIZE (256u << 10)
#define STRAY_SIZE (64u << 10) /* of a block that was written to the wrong place, at most; most often it is a page */
#define LOOK_AHEAD STRAY_SIZE
#define WINDOW_SIZE 4096u

/* Bytes that are not what they should be say "no"; a disk that does not answer says nothing, and fences are for good. */
static int no_or(int err)
{
	return err == ERR_CORRUPT_LOG ? 0 : err;
}

bool resync_header_fits(const struct resync_source *source, uint64_t position, const struct batch *batch)
{
	return batch->base_offset >= source->base_offset && batch->base_offset < source->fit_offset && batch->last_offset_delta >= 0 &&
	       batch->last_offset_delta < source->fit_offset - batch->base_offset && position + batch->size_bytes <= source->fit_position;
}

static int read_header_bytes(const struct resync_source *source, uint64_t position, uint8_t header[BATCH_HEADER_SIZE])
{
	if (position + BATCH_HEADER_SIZE > source->fit_position)
		return ERR_CORRUPT_LOG;
	return source->read(source->context, header, BATCH_HEADER_SIZE, position);
}

/* Whatever it says of offsets. */
static int read_any_header(const struct resync_source *source, uint64_t position, struct batch *out)
{
	uint8_t header[BATCH_HEADER_SIZE];
	int err = read_header_bytes(source, position, header);
	if (err)
		return err;
	return batch_parse_header((struct slice){header, sizeof header}, out) ? ERR_CORRUPT_LOG : 0;
}

static int read_header(const struct resync_source *source, uint64_t position, struct batch *out)
{
	int err = read_any_header(source, position, out);
	return err ? err : resync_header_fits(source, position, out) ? 0 : ERR_CORRUPT_LOG;
}

/* The bytes of a batch pass its check. */
static int check_batch(const struct resync_source *source, uint64_t position, const struct batch *batch)
{
	uint8_t *bytes = malloc(batch->size_bytes);
	if (!bytes)
		return -ENOMEM;
	int err = source->read(source->context, bytes, batch->size_bytes, position);
	if (!err && batch_check_crc((struct slice){bytes, batch->size_bytes}, batch))
		err = ERR_CORRUPT_LOG;
	free(bytes);
	return err;
}

/* 1: there is a whole batch at `position` that begins behind `from_offset`; 0: there is none; or a read error. */
static int is_batch(const struct resync_source *source, uint64_t position, int64_t from_offset, struct batch *out)
{
	int err = read_header(source, position, out);
	if (err || out->base_offset <= from_offset)
		return no_or(err);
	err = check_batch(source, position, out);
	return err ? no_or(err) : 1;
}

/* The first mark behind the position; NULL: none is known. */
static const struct mark_step *next_step(const struct resync_source *source, uint64_t position)
{
	uint32_t before = source->steps ? mark_steps_before(source->steps, position + 1) : 0;
	return source->steps && before < source->steps->count ? &source->steps->steps[before] : NULL;
}

/* The file ends before a header there would, and memory begins behind that: it was cut. */
static bool is_cut_off(const struct resync_source *source, uint64_t position)
{
	return position < source->memory_position && position + BATCH_HEADER_SIZE > source->file_end && source->file_end < source->memory_position;
}

/* 1: nothing is there, as where a file was lost with what it had; 0: something is; or a read error. */
static int is_hole(const struct resync_source *source, uint64_t position)
{
	static const uint8_t zeros[BATCH_HEADER_SIZE];
	uint8_t header[BATCH_HEADER_SIZE];
	if (position + sizeof header > source->fit_position)
		return 0;
	int err = source->read(source->context, header, sizeof header, position);
	return err ? no_or(err) : memcmp(header, zeros, sizeof header) == 0;
}

/* Behind damage that is known the journal may have had the next batch whole, and filing put it into a hole: nothing is behind it if what follows is lost as well. */
static bool begins_fence(const struct resync_source *source, int64_t offset)
{
	int64_t from;
	return source->find_fence && source->find_fence(source->fences, offset, &from) && from == offset;
}

/* Nobody is served of it, whole or not: the log goes on behind the fence. */
static bool is_in_fence(const struct resync_source *source, int64_t offset)
{
	int64_t from;
	return source->find_fence && source->find_fence(source->fences, offset, &from);
}

static int64_t offset_at(const struct resync_source *source, uint32_t place)
{
	return source->base_offset + source->places->entries[place].relative_offset;
}

/* 1: the headers from this batch on lead to the place, where the batch of its offset begins, or one whose header is damaged; 0: they do not; or a read error. */
static int leads_to_place(const struct resync_source *source, uint64_t position, const struct batch *batch, uint32_t place)
{
	uint64_t wanted = source->places->entries[place].position;
	struct batch at = *batch;
	while (position < wanted) {
		int64_t due = batch_next_offset(&at);
		position += at.size_bytes;
		if (position > wanted || due > offset_at(source, place))
			return 0;
		if (is_cut_off(source, position) || begins_fence(source, due))
			return 1;
		int err = read_header(source, position, &at);
		if (err == ERR_CORRUPT_LOG)
			return position == wanted;
		if (err || at.base_offset != due)
			return err;
	}
	return batch_last_offset(&at) == offset_at(source, place);
}

static bool has_place_behind(const struct resync_source *source, uint64_t position)
{
	return source->places && offset_index_at(source->places, position) < source->places->count;
}

int resync_leads_on(const struct resync_source *source, uint64_t position, const struct batch *batch)
{
	return has_place_behind(source, position) ? leads_to_place(source, position, batch, offset_index_at(source->places, position)) : 1;
}

/* Headers one behind the other, a few of them with one read. */
struct header_window {
	uint64_t from, to;
	uint8_t bytes[WINDOW_SIZE];
};

/* What is there, if it is a header; be it that its batch does not fit. */
static int parse_in_window(const struct resync_source *source, struct header_window *window, uint64_t position, struct batch *out)
{
	if (position + BATCH_HEADER_SIZE > source->fit_position)
		return ERR_CORRUPT_LOG;
	if (position < window->from || position + BATCH_HEADER_SIZE > window->to) {
		uint64_t left = source->fit_position - position, size = left < WINDOW_SIZE ? left : WINDOW_SIZE;
		int err = source->read(source->context, window->bytes, (uint32_t)size, position);
		if (err && size > BATCH_HEADER_SIZE) /* the file may end behind the header, or not be readable there */
			err = source->read(source->context, window->bytes, (uint32_t)(size = BATCH_HEADER_SIZE), position);
		window->from = position;
		window->to = err ? position : position + size;
		if (err)
			return err;
	}
	return batch_parse_header((struct slice){window->bytes + (position - window->from), BATCH_HEADER_SIZE}, out) ? ERR_CORRUPT_LOG : 0;
}

/* Where the next batch is known to end behind the position: a step, or what was filed. UINT64_MAX: nobody knows. */
static uint64_t next_known_end(const struct resync_source *source, uint64_t position, const struct mark_step *step)
{
	uint64_t filed = source->known_position > position ? source->known_position : UINT64_MAX;
	return step && step->position < filed ? step->position : filed;
}

static bool is_known_end(const struct resync_source *source, uint64_t position, const struct mark_step *step, const struct batch *last)
{
	if (step && position == step->position && (last->size_bytes != step->last_size_bytes || last->crc != step->last_crc))
		return false;
	return position != source->known_position || batch_next_offset(last) == source->known_offset;
}

/* All that was filed is before it, but not where that ended: it is not where it was filed. */
static bool comes_too_early(const struct resync_source *source, uint64_t position, int64_t due)
{
	return position < source->known_position && due >= source->known_offset;
}

/* A batch says nothing of whose it is, and a block that was written to the wrong place may bring several of another log's, one behind the other; and where a byte was taken out of the file,
 * or put in, all that is behind it stands where it was not filed, and will be written over, or read together with what is. So what is found must
 * lead on, from header to header (be their batches damaged as well), to the next place that is known, or to damage that is known; where none is, to the segment's end or the file's,
 * out of such a block, or, if there is another behind it at least, to a hole. What leads past a place that is known, or so near to it that no batch has room between, does not; nor what
 * has all offsets that were filed before it, and ends elsewhere. */
static int leads_to_end(const struct resync_source *source, uint64_t position, const struct batch *batch, uint64_t *refuted_to)
{
	const struct mark_step *step = next_step(source, position);
	uint64_t known = next_known_end(source, position, step), behind = position + batch->size_bytes;
	struct header_window window;
	struct batch at = *batch;
	window.from = window.to = 0;
	for (;; behind += at.size_bytes) {
		int64_t due = batch_next_offset(&at);
		*refuted_to = behind;
		if (behind == known)
			return is_known_end(source, behind, step, &at);
		if (behind == source->end_position)
			return due == source->end_offset || source->end_offset == INT64_MAX;
		if (behind > known || known - behind < BATCH_HEADER_SIZE || comes_too_early(source, behind, due))
			return 0;
		if (is_cut_off(source, behind) || begins_fence(source, due))
			return 1;
		int err = parse_in_window(source, &window, behind, &at);
		bool is_due = !err && at.base_offset == due;
		if (is_due && known - behind < at.size_bytes)
			return 0;
		if (is_due && !resync_header_fits(source, behind, &at))
			err = ERR_CORRUPT_LOG;
		if (err && err != ERR_CORRUPT_LOG)
			return err;
		if ((err || !is_due) && behind - position >= STRAY_SIZE)
			return 1;
		if (err && behind > position + batch->size_bytes)
			return is_hole(source, behind);
		if (err || !is_due)
			return 0;
	}
}

/* *refuted_to: if it does not, then nothing on its way there does. */
static int leads_on(const struct resync_source *source, uint64_t position, const struct batch *batch, uint64_t *refuted_to)
{
	if (has_place_behind(source, position)) {
		*refuted_to = source->places->entries[offset_index_at(source->places, position)].position;
		return resync_leads_on(source, position, batch);
	}
	return leads_to_end(source, position, batch, refuted_to);
}

static bool looks_like_batch(const uint8_t *at, int64_t from_offset, int64_t end_offset, uint64_t room)
{
	int64_t base_offset = (int64_t)load_be64(at + BATCH_AT_BASE_OFFSET);
	return at[BATCH_AT_MAGIC] == BATCH_MAGIC && base_offset > from_offset && base_offset < end_offset &&
	       (uint64_t)load_be32(at + BATCH_AT_LENGTH) + BATCH_LENGTH_OVERHEAD <= room;
}

/* What a search has found so far: the candidate with the smallest offset, and where to stop looking for a smaller one. */
struct candidate {
	bool is_there;
	uint64_t position, look_to;
	uint64_t refuted, refuted_to; /* the next batch on a way that does not lead on, and where that ends: else each batch of a file that has moved by a byte would be followed to there */
	struct batch batch;
};

/* Another batch on that way is no more to be found than the one before it. */
static bool is_refuted(struct candidate *best, uint64_t position, const uint8_t *header)
{
	struct batch batch;
	if (position != best->refuted || position >= best->refuted_to || batch_parse_header((struct slice){header, BATCH_HEADER_SIZE}, &batch))
		return false;
	best->refuted += batch.size_bytes;
	return true;
}

/* The damaged batch, as far as a CRC tells of it: what is behind its length and its offset. */
struct damaged {
	uint64_t position;
	int64_t from_offset; /* its own offset is due behind this one */
	int64_t due_offset;  /* behind it, if its CRC is right; -1: nothing can be told */
	uint32_t crc;
};

static int read_damaged(const struct resync_source *source, uint64_t position, int64_t from_offset, struct damaged *out)
{
	uint8_t header[BATCH_HEADER_SIZE];
	*out = (struct damaged){.position = position, .from_offset = from_offset, .due_offset = -1};
	int err = read_header_bytes(source, position, header);
	if (err)
		return no_or(err);
	uint32_t last_offset_delta = load_be32(header + BATCH_AT_LAST_OFFSET_DELTA);
	out->crc = load_be32(header + BATCH_AT_CRC);
	if (last_offset_delta <= INT32_MAX)
		out->due_offset = from_offset + 1 + (int64_t)last_offset_delta + 1;
	return 0;
}

/* 1: what the damaged batch's CRC covers ends just there; 0: it does not; or a read error. */
static int ends_at(const struct resync_source *source, const struct damaged *damaged, uint64_t end)
{
	uint8_t window[WINDOW_SIZE];
	uint32_t crc = 0;
	if (end < damaged->position + BATCH_HEADER_SIZE || end - damaged->position > BATCH_SIZE_MAX)
		return 0;
	for (uint64_t at = damaged->position + BATCH_AT_ATTRIBUTES, size; at < end; at += size) {
		size = end - at < sizeof window ? end - at : sizeof window;
		int err = source->read(source->context, window, (uint32_t)size, at);
		if (err)
			return no_or(err);
		crc = crc32c_extend(crc, window, size);
	}
	return crc == damaged->crc;
}

/* 1: the batch follows the damaged one, whose own CRC says so; 0: that is not known; or a read error. */
static int follows(const struct resync_source *source, const struct damaged *damaged, uint64_t position, const struct batch *batch)
{
	return batch->base_offset == damaged->due_offset ? ends_at(source, damaged, position) : 0;
}

/* 1: a whole batch that leads on is at `position`, where one seems to be; *is_next: it is known to follow the damaged one. 0: it does not, and nothing on its way to *refuted_to
 * does, if that is not 0. Or a read error. */
static int judge(const struct resync_source *source, const struct damaged *damaged, uint64_t position, struct batch *out, bool *is_next, uint64_t *refuted_to)
{
	int is_found = is_batch(source, position, damaged->from_offset, out);
	if (is_found <= 0)
		return is_found;
	int is_following = follows(source, damaged, position, out);
	if (is_following < 0)
		return is_following;
	*is_next = is_following;
	return is_following ? resync_leads_on(source, position, out) : leads_on(source, position, out, refuted_to);
}

/* Nothing is lost between, or nothing more than what was damaged: no other can be better. */
static bool is_best_of_all(const struct damaged *damaged, const struct batch *batch, bool is_next)
{
	return is_next || batch->base_offset == damaged->from_offset + 1;
}

static void take(struct candidate *best, uint64_t position, const struct batch *batch, bool is_last)
{
	if (!best->is_there)
		best->look_to = position + LOOK_AHEAD;
	if (is_last)
		best->look_to = 0;
	best->is_there = true;
	best->position = position;
	best->batch = *batch;
}

/* Looks at every position of the buffer, which holds [start, start + size) of the segment. */
static int search_buffer(const struct resync_source *source, const uint8_t *buffer, uint64_t start, uint64_t size, const struct damaged *damaged,
			 struct candidate *best)
{
	uint64_t end = source->end_position;
	for (uint64_t i = 0; i + BATCH_HEADER_SIZE <= size && start + i < best->look_to; i++) {
		struct batch batch;
		uint64_t refuted_to = 0;
		bool is_next = false;
		int64_t limit = best->is_there ? best->batch.base_offset : source->end_offset;
		if (!looks_like_batch(buffer + i, damaged->from_offset, limit, end - start - i) || is_refuted(best, start + i, buffer + i) ||
		    is_in_fence(source, (int64_t)load_be64(buffer + i + BATCH_AT_BASE_OFFSET)))
			continue;
		int is_found = judge(source, damaged, start + i, &batch, &is_next, &refuted_to);
		if (is_found < 0)
			return is_found;
		if (is_found) {
			take(best, start + i, &batch, is_best_of_all(damaged, &batch, is_next));
		} else if (refuted_to) {
			best->refuted = start + i + batch.size_bytes;
			best->refuted_to = refuted_to;
		}
	}
	return 0;
}

/* The next place that may begin a batch: `start`, or, where the file system knows of zeros alone, as far on as a header can begin in them and still have
 * its magic. A file may have a hole of a terabyte. */
static uint64_t pass_hole(const struct resync_source *source, uint64_t start)
{
	if (!source->next_data || start >= source->memory_position || start >= source->file_end)
		return start;
	uint64_t data = source->next_data(source->context, start);
	if (data > source->memory_position)
		data = source->memory_position;
	return data > start + BATCH_AT_MAGIC ? data - BATCH_AT_MAGIC : start;
}

/* Looks at every position behind the damaged one, up to the end of the segment. */
static int search(const struct resync_source *source, const struct damaged *damaged, uint64_t *position, struct batch *out)
{
	uint8_t *buffer = malloc(SCAN_SIZE);
	if (!buffer)
		return -ENOMEM;
	uint64_t end = source->end_position, file_end = source->file_end, in_memory = source->memory_position;
	struct candidate best = {.look_to = UINT64_MAX};
	int err = 0;
	for (uint64_t start = damaged->position + 1; start + BATCH_HEADER_SIZE <= end && start < best.look_to && !err;) {
		start = pass_hole(source, start);
		if (is_cut_off(source, start)) {
			start = in_memory;
			continue;
		}
		if (start + BATCH_HEADER_SIZE > end)
			break;
		uint64_t limit = start < in_memory && file_end < in_memory ? file_end : end;
		uint64_t size = limit - start < SCAN_SIZE ? limit - start : SCAN_SIZE;
		err = source->read(source->context, buffer, (uint32_t)size, start);
		if (!err)
			err = search_buffer(source, buffer, start, size, damaged, &best);
		start += size - BATCH_HEADER_SIZE + 1;
	}
	free(buffer);
	if (!best.is_there || (err && err != ERR_CORRUPT_LOG))
		return err ? err : ERR_CORRUPT_LOG;
	*position = best.position;
	*out = best.batch;
	return 0;
}

/* Is the batch that is not the one due a whole one of later offsets, before which others are missing? Its base offset may have been changed instead: so
 * the next one must go on behind it. */
static int is_later_batch(const struct resync_source *source, uint64_t position, int64_t from_offset, struct batch *out)
{
	struct batch next;
	uint64_t unused;
	int is_found = is_batch(source, position, from_offset + 1, out);
	if (is_found <= 0)
		return is_found;
	uint64_t behind = position + out->size_bytes;
	if (behind == source->end_position)
		return batch_next_offset(out) == source->end_offset ? leads_on(source, position, out, &unused) : 0;
	is_found = is_batch(source, behind, from_offset, &next);
	if (is_found <= 0 || next.base_offset != batch_next_offset(out))
		return is_found < 0 ? is_found : 0;
	return leads_on(source, position, out, &unused);
}

/* How many records a batch has is told twice, unless compaction has taken some. */
static bool is_due_behind(int64_t from_offset, const struct batch *damaged, int64_t offset)
{
	int64_t base_offset = from_offset + 1;
	return offset == base_offset + damaged->last_offset_delta + 1 || (damaged->records_count > 0 && offset == base_offset + damaged->records_count);
}

/* The same for what the damaged batch's own length leads to. It is believed, unless a place that is known speaks against it. */
static int is_behind_damaged(const struct resync_source *source, uint64_t *position, int64_t from_offset, struct batch *out)
{
	struct batch damaged;
	int err = read_any_header(source, *position, &damaged);
	if (err)
		return no_or(err);
	*position += damaged.size_bytes;
	int is_found = is_batch(source, *position, from_offset, out);
	if (is_found > 0)
		is_found = is_due_behind(from_offset, &damaged, out->base_offset);
	return is_found > 0 ? resync_leads_on(source, *position, out) : is_found;
}

/* 1: the headers lead from this batch to just `behind`, where `due_offset` is due; 0: they do not; or a read error. */
static int leads_to(const struct resync_source *source, uint64_t position, struct batch at, uint64_t behind, int64_t due_offset)
{
	while ((position += at.size_bytes) < behind) {
		int64_t due = batch_next_offset(&at);
		int err = read_header(source, position, &at);
		if (err || at.base_offset != due)
			return no_or(err);
	}
	return position == behind && batch_next_offset(&at) == due_offset;
}

/* The batch that is known to have begun there, or the segment's first one: 1, it does; 0; or a read error. */
static int stands_at(const struct resync_source *source, uint32_t places_before, uint64_t *position, struct batch *out)
{
	*position = places_before ? source->places->entries[places_before - 1].position : 0;
	int err = read_header(source, *position, out);
	if (err)
		return no_or(err);
	return places_before ? batch_last_offset(out) == offset_at(source, places_before - 1) : out->base_offset == source->base_offset;
}

int resync_find_begin(const struct resync_source *source, uint64_t *position, int64_t *due_offset)
{
	uint32_t last = source->places ? offset_index_at(source->places, *position) : 0, before = last;
	uint64_t begin = *position;
	struct batch batch;
	int stands = last == 0;
	while (!stands && begin + STRAY_SIZE >= *position) {
		stands = stands_at(source, before, &begin, &batch);
		if (!stands && before-- == 0)
			return 0;
	}
	if (stands <= 0 || before == last)
		return stands < 0 ? stands : 0;
	int leads = leads_to(source, begin, batch, *position, *due_offset);
	if (leads > 0) {
		*position = begin;
		*due_offset = batch.base_offset;
	}
	return leads < 0 ? leads : 0;
}

int resync_find(const struct resync_source *source, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out)
{
	*position = damaged_position;
	int is_found = is_later_batch(source, damaged_position, from_offset, out);
	if (!is_found)
		is_found = is_behind_damaged(source, position, from_offset, out);
	if (is_found)
		return is_found < 0 ? is_found : 0;
	struct damaged damaged;
	int err = read_damaged(source, damaged_position, from_offset, &damaged);
	return err ? err : search(source, &damaged, position, out);
}
