/* The life of a segment in memory: staging batches into chunks, and looking at them there. Files are in segment_file.c, what is
 * read from them in segment_read.c, filing in filing.c.
 *
 * A chunk is an image of a stretch of the file: chunk->data[i] is the byte at chunk->position + i, and positions of chunks are multiples of
 * 4 KiB, so that they can be written with O_DIRECT as they lie. When a segment is taken up again in the middle of a block (after a
 * restart, or when its last chunk was evicted), the first chunk begins at that block, but its bytes before memory_position are not there;
 * filing reads them when it needs them. So the first append costs no disk read. */
#include "log/segment/segment.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/base/prefetch.h"
#include "log/base/stream_copy.h"
#include "log/segment/filing.h"
#include "log/segment/segment_priv.h"

#define OPEN_FILES_DEFAULT 16384 /* descriptors */

int segment_home_open(struct segment_home *home, struct io *io, struct cache *cache)
{
	*home = (struct segment_home){.io = io, .cache = cache, .open_max = OPEN_FILES_DEFAULT, .indexed_max = 256};
	list_init(&home->open_segments);
	list_init(&home->indexed_segments);
	return filing_pool_open(home);
}

void segment_home_close(struct segment_home *home)
{
	filing_pool_close(home);
}

struct segment *segment_create(struct segment_home *home, const char *dir, int64_t base_offset, uint32_t index_interval_bytes,
			       uint32_t index_size_bytes_max)
{
	struct segment *segment = calloc(1, sizeof *segment);
	if (!segment)
		return NULL;
	segment->home = home;
	segment->dir = dir;
	segment->base_offset = base_offset;
	struct mark start = {.offset = base_offset};
	segment->filed = segment->durable = segment->committing = segment->staged = segment->vouched = segment->memory_mark = start;
	segment->write_fd = segment->read_fd = segment->direct_fd = -1;
	segment->is_cut = segment->is_identified = true;
	segment->has_index = segment->is_index_trusted = segment->has_places = true;
	segment->first_timestamp_ms = segment->max_timestamp_ms = segment->max_timestamp_offset = -1;
	segment->first_leader_epoch = segment->last_leader_epoch = -1;
	segment->index_interval_bytes = index_interval_bytes;
	segment->index_size_bytes_max = index_size_bytes_max;
	offset_index_init(&segment->offsets, base_offset, index_size_bytes_max);
	time_index_init(&segment->times, base_offset, index_size_bytes_max);
	list_init(&segment->chunks);
	return segment;
}

static void drop_chunks(struct segment *segment)
{
	struct list *node;
	segment->last_asked = NULL;
	while ((node = list_pop_front(&segment->chunks)))
		cache_give_back(segment->home->cache, LIST_ENTRY(node, struct chunk, node));
}

void segment_adopt(struct segment *segment, struct mark end)
{
	CHECK(!segment->filing);
	drop_chunks(segment);
	if (segment->hash && end.position != segment->staged.position) {
		seal_hash_destroy(segment->hash); /* it has not seen what the file holds */
		segment->hash = NULL;
	}
	segment->filed = segment->durable = segment->committing = segment->staged = segment->known_end = end;
	if (end.headers || end.position < segment->vouched.position)
		segment->vouched = end.headers ? end : (struct mark){.offset = segment->base_offset};
	mark_steps_cut(segment->steps, end.position);
	mark_steps_note(&segment->steps, &end);
	segment->step_due = 0;
	segment->memory_position = end.position;
	segment->is_first_block_filled = false;
	segment->memory_mark = end;
	segment->has_file = true;
	segment->is_cut = false;
	segment->has_places &= end.position == 0;
}

void segment_forget_unfiled(struct segment *segment)
{
	CHECK(!segment->filing);
	drop_chunks(segment);
	if (segment->hash)
		seal_hash_destroy(segment->hash);
	segment->hash = NULL;
	free(segment->snapshot);
	segment->snapshot = NULL;
	segment->durable = segment->committing = segment->staged = segment->memory_mark = segment->filed;
	mark_steps_cut(segment->steps, segment->filed.position);
	segment->step_due = 0;
	segment->memory_position = segment->filed.position;
	segment->is_first_block_filled = segment->is_complete = segment->is_direct_pending = false;
	segment->has_file &= segment->filed.position > 0; /* one in which there is nothing yet may have a name that is not durable */
}

void segment_believe(struct segment *segment, const struct mark_check *told)
{
	mark_steps_cut(segment->steps, 0);
	segment->step_due = 0;
	segment->vouched = (struct mark){.offset = segment->base_offset};
	for (uint32_t i = 0; i < told->count && told->steps[i].position <= segment->filed.position; i++) {
		const struct mark_step *step = &told->steps[i];
		segment->vouched = (struct mark){step->position, segment->filed.offset, step->headers, step->last_size_bytes, step->last_crc};
		mark_steps_note(&segment->steps, &segment->vouched);
	}
}

void segment_destroy(struct segment *segment)
{
	CHECK(!segment->filing && !segment->readers);
	segment_close_files(segment);
	drop_chunks(segment);
	if (list_is_linked(&segment->indexed_node)) {
		list_remove(&segment->indexed_node);
		segment->home->indexed_count--;
	}
	offset_index_fini(&segment->offsets);
	time_index_fini(&segment->times);
	if (segment->hash)
		seal_hash_destroy(segment->hash);
	list_remove(&segment->node);
	free(segment->snapshot);
	free(segment->append_times);
	free(segment->steps);
	free(segment);
}

void segment_check(const struct segment *segment)
{
	CHECKF(segment->filed.position <= segment->durable.position && segment->durable.position <= segment->committing.position &&
		       segment->committing.position <= segment->staged.position,
	       "positions: filed %lu durable %lu committing %lu staged %lu", (unsigned long)segment->filed.position,
	       (unsigned long)segment->durable.position, (unsigned long)segment->committing.position,
	       (unsigned long)segment->staged.position);
	CHECK(segment->filed.offset <= segment->durable.offset && segment->durable.offset <= segment->committing.offset &&
	      segment->committing.offset <= segment->staged.offset);
}

/* ---- append ------------------------------------------------------------------------------------------------ */

static struct chunk *last_chunk(const struct segment *segment)
{
	return list_is_empty(&segment->chunks) ? NULL : LIST_ENTRY(segment->chunks.prev, struct chunk, node);
}

/* The first position that no chunk covers. */
static uint64_t covered_to(const struct segment *segment)
{
	struct chunk *last = last_chunk(segment);
	return last ? last->position + last->size_bytes : align_down(segment->staged.position, CHUNK_ALIGN);
}

/* A partition that fills chunk after chunk gets larger ones: as large as what it has staged and not filed, within the classes. */
static uint64_t next_chunk_size(const struct segment *segment, uint64_t missing_bytes)
{
	uint64_t unfiled = segment->staged.position - segment->filed.position;
	uint64_t wanted = missing_bytes > unfiled ? missing_bytes : unfiled;
	return wanted < CHUNK_SIZE_MAX ? wanted : CHUNK_SIZE_MAX;
}

/* Undoes a reservation that found no memory: what it took goes back, so that the last chunk is again the one that staged bytes end in, and
 * that one may go again if it could before. Half a reservation that stayed would keep memory from those who could do with it. */
static void give_up_reserving(struct segment *segment, uint64_t covered, struct chunk *last, bool was_evictable)
{
	struct cache *cache = segment->home->cache;
	segment->last_asked = NULL;
	for (struct chunk *chunk; (chunk = last_chunk(segment)) && chunk->position >= covered;) {
		list_remove(&chunk->node);
		cache_give_back(cache, chunk);
	}
	if (was_evictable)
		cache_allow_eviction(cache, last);
}

int segment_reserve(struct segment *segment, uint64_t size_bytes)
{
	struct cache *cache = segment->home->cache;
	uint64_t end = segment->staged.position + size_bytes, covered = covered_to(segment);
	struct chunk *last = last_chunk(segment);
	bool was_evictable = last && list_is_linked(&last->filed_node);
	if (last)
		cache_forbid_eviction(cache, last);
	else {
		segment->memory_position = segment->staged.position;
		segment->is_first_block_filled = false;
		segment->memory_mark = segment->staged;
	}
	for (uint64_t at = covered; at < end;) {
		struct chunk *chunk = cache_take(cache, next_chunk_size(segment, end - at));
		if (!chunk) {
			give_up_reserving(segment, covered, last, was_evictable);
			return ERR_BUSY;
		}
		chunk->position = at;
		chunk->owner = segment;
		list_push_back(&segment->chunks, &chunk->node);
		at += chunk->size_bytes;
	}
	return 0;
}

/* The lines that a batch is copied to are the chunk's; the others are of the thousand partitions that had theirs since this one had its last. */
void segment_ask_ahead(const struct segment *segment, uint64_t size_bytes)
{
	prefetch_to_write(segment, sizeof *segment);
	if (segment->offsets.count)
		prefetch_to_write(&segment->offsets.entries[segment->offsets.count - 1], 2 * sizeof *segment->offsets.entries);
	if (list_is_empty(&segment->chunks))
		return;
	const struct chunk *last = LIST_ENTRY(segment->chunks.prev, struct chunk, node);
	uint64_t within = segment->staged.position - last->position;
	if (within < last->size_bytes)
		prefetch_to_write(last->data + within, size_bytes < last->size_bytes - within ? size_bytes : last->size_bytes - within);
}

static struct chunk *chunk_after(const struct chunk *chunk)
{
	return LIST_ENTRY(chunk->node.next, struct chunk, node);
}

static uint64_t distance(const struct chunk *chunk, uint64_t position)
{
	return chunk->position > position ? chunk->position - position : position - chunk->position;
}

/* Questions are about the end (appends, commits), the beginning (evictions), or what follows the last one (a reader's batches): whatever the
 * length of the list, few steps lead there from the nearest of these. */
static struct chunk *nearest_known(const struct segment *segment, uint64_t position)
{
	struct chunk *first = LIST_ENTRY(segment->chunks.next, struct chunk, node);
	struct chunk *last = LIST_ENTRY(segment->chunks.prev, struct chunk, node);
	struct chunk *nearest = distance(first, position) < distance(last, position) ? first : last;
	return segment->last_asked && distance(segment->last_asked, position) < distance(nearest, position) ? segment->last_asked : nearest;
}

struct chunk *segment__chunk_at(struct segment *segment, uint64_t position)
{
	CHECK(!list_is_empty(&segment->chunks));
	struct list *node = &nearest_known(segment, position)->node;
	while (node != &segment->chunks && position < LIST_ENTRY(node, struct chunk, node)->position)
		node = node->prev;
	while (node != &segment->chunks && position >= LIST_ENTRY(node, struct chunk, node)->position + LIST_ENTRY(node, struct chunk, node)->size_bytes)
		node = node->next;
	CHECK(node != &segment->chunks);
	segment->last_asked = LIST_ENTRY(node, struct chunk, node);
	return segment->last_asked;
}

/* Where the first batch of each chunk begins is noted while it is known: eviction would have to read the headers of all, out of memory that no cache holds. */
static void note_first(struct chunk *chunk, const struct mark *start)
{
	if (chunk->has_first)
		return;
	chunk->has_first = true;
	chunk->first_position = start->position;
	chunk->first_offset = start->offset;
}

static void copy_in(struct segment *segment, const uint8_t *bytes, uint64_t size)
{
	uint64_t position = segment->staged.position;
	struct chunk *chunk = segment__chunk_at(segment, position);
	note_first(chunk, &segment->staged);
	for (;;) {
		uint64_t within = position - chunk->position;
		uint64_t room = chunk->size_bytes - within;
		uint64_t piece = size < room ? size : room;
		stream_copy(chunk->data + within, bytes, piece);
		bytes += piece;
		position += piece;
		size -= piece;
		if (!size)
			return;
		chunk = chunk_after(chunk);
	}
}

/* As Kafka: an entry for a batch when index.interval.bytes have gone by since the last. An index that takes no more is no error: lookups
 * scan a little further, and the partition rolls. */
void segment__index(struct segment *segment, const struct batch *batch, uint64_t position, int64_t max_timestamp_ms,
		    int64_t max_timestamp_offset)
{
	segment->unindexed_bytes += batch->size_bytes;
	if (segment->unindexed_bytes < segment->index_interval_bytes)
		return;
	if (position > 0 && offset_index_add(&segment->offsets, batch_last_offset(batch), (uint32_t)position) < 0)
		return;
	if (max_timestamp_offset >= 0 && time_index_add(&segment->times, max_timestamp_ms, max_timestamp_offset) < 0)
		return;
	segment->unindexed_bytes = 0;
}

void segment__count(struct segment *segment, const struct batch *batch, int64_t max_timestamp_offset)
{
	if (segment->first_timestamp_ms < 0)
		segment->first_timestamp_ms = batch->max_timestamp_ms;
	if (batch->max_timestamp_ms > segment->max_timestamp_ms) {
		segment->max_timestamp_ms = batch->max_timestamp_ms;
		segment->max_timestamp_offset = max_timestamp_offset;
	}
	if (segment->batch_count++ == 0) {
		segment->first_leader_epoch = batch->leader_epoch;
		segment->first_crc = batch->crc;
	}
	segment->last_leader_epoch = batch->leader_epoch;
	segment->record_count += (uint32_t)(batch->records_count > 0 ? batch->records_count : 0);
}

void segment_learn(struct segment *segment, const struct batch *batch, uint64_t position, int64_t max_timestamp_offset)
{
	segment__count(segment, batch, max_timestamp_offset);
	if (segment->has_index)
		segment__index(segment, batch, position, segment->max_timestamp_ms, segment->max_timestamp_offset);
}

void segment_stage(struct segment *segment, const uint8_t *bytes, const struct batch *batch, int64_t max_timestamp_offset)
{
	CHECK(!segment->is_complete);
	CHECK(batch->base_offset >= segment->staged.offset);
	if (segment->staged.position == 0 && !segment->hash && seal_hash_create(&segment->hash) < 0)
		segment->hash = NULL; /* no memory: the seal reads the file instead */
	if (segment->hash)
		seal_hash_update(segment->hash, bytes, BATCH_HEADER_SIZE);
	copy_in(segment, bytes, batch->size_bytes);
	segment_learn(segment, batch, segment->staged.position, max_timestamp_offset);
	mark_pass(&segment->staged, bytes, batch);
	if (segment->staged.position >= segment->step_due) {
		mark_steps_note(&segment->steps, &segment->staged);
		segment->step_due = mark_steps_due(segment->steps);
	}
	segment_check(segment);
}

/* ---- recent bytes in memory ----------------------------------------------------------------------------------- */

uint32_t segment_view(struct segment *segment, uint64_t from, uint64_t to, struct slice *pieces, struct chunk **chunks, uint32_t count_max,
		      uint64_t *size_bytes)
{
	CHECK(from >= segment->memory_position && to <= segment->staged.position);
	*size_bytes = 0;
	uint32_t count = 0;
	if (from == to)
		return 0;
	for (struct chunk *chunk = segment__chunk_at(segment, from); from < to && count < count_max; chunk = chunk_after(chunk)) {
		uint64_t end = chunk->position + chunk->size_bytes;
		uint64_t size = (to < end ? to : end) - from;
		if (chunks)
			chunks[count] = chunk;
		pieces[count++] = (struct slice){chunk->data + (from - chunk->position), size};
		*size_bytes += size;
		from += size;
	}
	return count;
}

void segment_peek(struct segment *segment, uint64_t position, void *out, uint32_t size)
{
	CHECK(position >= segment->memory_position && position + size <= segment->staged.position);
	uint8_t *to = out;
	for (struct chunk *chunk = segment__chunk_at(segment, position); size; chunk = chunk_after(chunk)) {
		uint64_t within = position - chunk->position;
		uint64_t room = chunk->size_bytes - within;
		uint32_t piece = size < room ? size : (uint32_t)room;
		memcpy(to, chunk->data + within, piece);
		to += piece;
		position += piece;
		size -= piece;
	}
}

void segment_peek_batch(struct segment *segment, uint64_t position, struct batch *out)
{
	uint8_t header[BATCH_HEADER_SIZE];
	segment_peek(segment, position, header, sizeof header);
	int err = batch_parse_header((struct slice){header, sizeof header}, out);
	CHECKF(err == 0, "memory of segment %ld at %lu holds no batch", (long)segment->base_offset, (unsigned long)position);
}

/* ---- memory below `filed` ---------------------------------------------------------------------------------------- */

static bool chunk_is_filed(const struct segment *segment, const struct chunk *chunk)
{
	uint64_t end = chunk->position + chunk->size_bytes;
	return (end < segment->staged.position ? end : segment->staged.position) <= segment->filed.position;
}

void segment_set_filed(struct segment *segment, struct mark filed)
{
	CHECK(filed.position >= segment->filed.position);
	segment->filed = filed;
	if (filed.headers)
		segment->vouched = filed;
	segment_check(segment);
	struct list *node = segment->chunks.prev;
	while (node != &segment->chunks && !list_is_linked(&LIST_ENTRY(node, struct chunk, node)->filed_node))
		node = node->prev;
	for (node = node->next; node != &segment->chunks; node = node->next) {
		struct chunk *chunk = LIST_ENTRY(node, struct chunk, node);
		if (!chunk_is_filed(segment, chunk))
			return;
		cache_allow_eviction(segment->home->cache, chunk);
	}
}

/* To the first batch that begins at or behind the end of a chunk that goes: a batch may fill several chunks, in which none begins. */
static void advance_memory_mark(struct segment *segment, const struct chunk *gone, uint64_t end)
{
	if (segment->memory_mark.position >= end)
		return;
	struct list *node = gone->node.next;
	while (node != &segment->chunks && !LIST_ENTRY(node, struct chunk, node)->has_first)
		node = node->next;
	const struct chunk *next = LIST_ENTRY(node, struct chunk, node);
	segment->memory_mark = node == &segment->chunks ? segment->staged : (struct mark){.position = next->first_position, .offset = next->first_offset};
}

/* The cache asks for a chunk back: only the first of a segment goes, so that what is in memory stays contiguous. */
bool segment_evict(struct chunk *chunk)
{
	struct segment *segment = chunk->owner;
	uint64_t end = chunk->position + chunk->size_bytes;
	/* A filing in flight reads from the block that holds `filed` on. */
	bool is_being_written = segment->filing && end > align_down(segment->filed.position, CHUNK_ALIGN);
	if (is_being_written || segment->chunks.next != &chunk->node)
		return false;
	if (end > segment->staged.position)
		end = segment->staged.position;
	advance_memory_mark(segment, chunk, end);
	list_remove(&chunk->node);
	if (segment->last_asked == chunk)
		segment->last_asked = NULL;
	segment->memory_position = end;
	segment->is_first_block_filled = false;
	chunk->owner = NULL;
	return true;
}
