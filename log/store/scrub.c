/* A pass: from a partition chosen by chance on, each partition once; of each, its segments in order (the one that goes on as far as it is known what was filed);
 * of each of those, batch after batch in pieces of 1 MiB. After a piece the timer waits as long as the rate asks. Where a pass was when the broker stopped is not kept: the next life begins its first
 * pass FIRST_PASS_NS after its start, at another place, and later ones an interval after the one before began. (A position that is kept costs a write for
 * each piece or loses its place in a crash; chance loses nothing but order.)
 *
 * Happy path of a piece: whole batches, each with the offset and the epoch that are due and a good CRC; their headers go into the hash. At the end of the
 * segment hash, number and size must be the seal's.
 *
 * Before a partition's segments its log's end is looked at (log/partition/later.c), and its leader-epoch-checkpoint, which is as unsynced as seals are: one that a power cut took is written again.
 *
 * Failure modes: a bad batch: its range is fenced, and the walk goes on behind it. Batches that are whole, and not those that were filed there by the marks the segment
 * keeps (log/segment/mark.h): the stretch between two of them is fenced. Headers that do not fit the seal though each batch is good: the whole
 * segment is doubtful, and fenced; no seal is made of it any more. A segment whose file somebody has changed is read before all others. No seal, or one that is of another segment by what it says of its end, or indexes that are not the sealed ones: they are made anew. One that cannot be read: only
 * batches are checked. A read error: named on stderr, the segment is left for the next
 * pass. The segment or the partition goes away meanwhile: the walk goes on with the next one. */
#include "log/store/scrub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/small_file.h"
#include "log/segment/foreign_file.h"
#include "log/store/store_priv.h"

#define PIECE_SIZE (1u << 20)
#define SHORTAGE_NS (1000ull * 1000 * 1000) /* no descriptor, no memory: the pass goes on a while later */
#define FIRST_PASS_NS (600ull * 1000 * 1000 * 1000)
#define SECOND_NS (1000ull * 1000 * 1000)

static void next_piece(struct scrub *scrub);

/* ---- pace --------------------------------------------------------------------------------------------------------- */

static void timer_ran(struct io_timer *timer)
{
	next_piece(CONTAINER_OF(timer, struct scrub, timer));
}

static void wait_until(struct scrub *scrub, uint64_t deadline_ns)
{
	scrub->timer.run = timer_ran;
	io_timer_set(scrub->store->home.io, &scrub->timer, deadline_ns);
}

static void wait_for_pace(struct scrub *scrub, uint64_t bytes)
{
	uint64_t rate = scrub->store->options.scrub_bytes_per_second;
	scrub->bytes += bytes;
	wait_until(scrub, scrub->piece_began_ns + (uint64_t)((double)bytes * (double)SECOND_NS / (double)rate));
}

/* ---- where the pass is ---------------------------------------------------------------------------------------------- */

static void leave_segment(struct scrub *scrub)
{
	struct segment *segment = scrub->segment;
	if (!segment)
		return;
	scrub->segment = NULL;
	seal_hash_destroy(scrub->hash);
	scrub->hash = NULL;
	if (--segment->readers == 0 && segment->is_dropped)
		segment_destroy(segment);
}

static void leave_partition(struct scrub *scrub)
{
	leave_segment(scrub);
	if (scrub->partition)
		partition__release(scrub->partition);
	scrub->partition = NULL;
}

static void end_pass(struct scrub *scrub)
{
	leave_partition(scrub);
	free(scrub->buffer);
	scrub->buffer = NULL;
	scrub->partitions_left = 0;
	scrub->passes++;
	uint64_t next_ns = scrub->pass_began_ns + (uint64_t)scrub->store->options.scrub_interval_ms * 1000000;
	uint64_t now_ns = io_now_ns(scrub->store->home.io);
	wait_until(scrub, next_ns > now_ns ? next_ns : now_ns);
}

static struct partition *first_partition(struct store *store, uint32_t skip)
{
	struct list *node = store->partitions.next;
	for (; skip && node->next != &store->partitions; skip--)
		node = node->next;
	return node == &store->partitions ? NULL : LIST_ENTRY(node, struct partition, store_node);
}

static void enter_partition(struct scrub *scrub, struct partition *partition)
{
	scrub->partition = partition;
	scrub->next_base_offset = -1;
	scrub->is_partition_checked = !partition || !partition->has_dir || partition->offline_err;
	if (partition)
		partition__retain(partition);
}

static bool begin_pass(struct scrub *scrub)
{
	struct store *store = scrub->store;
	uint32_t chance;
	scrub->pass_began_ns = io_now_ns(store->home.io);
	scrub->partitions_left = store->partition_count;
	scrub->buffer_size_bytes = PIECE_SIZE;
	scrub->buffer = store->partition_count ? aligned_alloc(CHUNK_ALIGN, PIECE_SIZE) : NULL;
	if (!scrub->buffer)
		return false;
	io_random(store->home.io, &chance, sizeof chance);
	enter_partition(scrub, first_partition(store, chance % store->partition_count));
	return true;
}

/* The store's list is a ring for this: a pass has as many partitions as there were when it began. */
static bool next_partition(struct scrub *scrub)
{
	struct store *store = scrub->store;
	struct list *next = list_is_linked(&scrub->partition->store_node) ? scrub->partition->store_node.next : &store->partitions;
	struct partition *partition = next == &store->partitions ? first_partition(store, 0) : LIST_ENTRY(next, struct partition, store_node);
	leave_partition(scrub);
	scrub->partitions_left -= scrub->partitions_left > 0;
	if (scrub->partitions_left)
		enter_partition(scrub, partition);
	return scrub->partition != NULL;
}

/* So far its file is read: one that is not sealed up to where it is known what was filed. */
static struct mark end_of(const struct segment *segment)
{
	return segment->is_sealed ? segment->durable : segment->has_file ? segment->vouched : (struct mark){0};
}

static struct segment *next_to_read(const struct scrub *scrub)
{
	if (scrub->partition->is_closed || scrub->partition->offline_err)
		return NULL;
	LIST_FOR_EACH(node, &scrub->partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->base_offset >= scrub->next_base_offset && segment->filed.position > 0 && end_of(segment).position > 0)
			return segment;
	}
	return NULL;
}

static bool enter_segment(struct scrub *scrub, struct segment *segment)
{
	scrub->next_base_offset = segment->base_offset + 1;
	scrub->position = 0;
	scrub->end = end_of(segment);
	scrub->is_sealed = segment->is_sealed;
	mark_check_begin(&scrub->filed, segment->base_offset, segment->steps, &segment->vouched);
	scrub->expected = segment->base_offset;
	scrub->batches = 0;
	scrub->is_damaged = false;
	if (seal_hash_create(&scrub->hash))
		return false;
	scrub->segment = segment;
	segment->is_doubtful = false;
	segment->readers++;
	return true;
}

/* The next one whose file somebody has changed. */
static struct segment *next_doubtful(const struct scrub *scrub, struct partition **partition)
{
	LIST_FOR_EACH(node, &scrub->store->partitions) {
		*partition = LIST_ENTRY(node, struct partition, store_node);
		LIST_FOR_EACH(other, &(*partition)->segments) {
			struct segment *segment = LIST_ENTRY(other, struct segment, node);
			if (segment->is_doubtful && segment->is_sealed && segment->filed.position > 0 && !(*partition)->is_closed && !(*partition)->offline_err)
				return segment;
		}
	}
	return NULL;
}

/* It is read before all others: the pass begins anew with it. */
static void go_to_doubtful(struct scrub *scrub)
{
	struct partition *partition;
	struct segment *segment = next_doubtful(scrub, &partition);
	scrub->has_doubtful = segment != NULL;
	if (!segment)
		return;
	leave_partition(scrub);
	scrub->partitions_left = scrub->store->partition_count;
	enter_partition(scrub, partition);
	scrub->is_partition_checked = true;
	scrub->next_base_offset = segment->base_offset;
}

/* Stands in a segment that is to be read, if there is one in this pass. */
static bool find_segment(struct scrub *scrub)
{
	if (!scrub->segment && scrub->has_doubtful)
		go_to_doubtful(scrub);
	while (!scrub->segment && scrub->partition && scrub->is_partition_checked) {
		struct segment *segment = next_to_read(scrub);
		if (segment ? !enter_segment(scrub, segment) : !next_partition(scrub))
			return false;
	}
	return scrub->segment != NULL;
}

/* ---- leader epochs -------------------------------------------------------------------------------------------------- */

static bool are_equal(const struct epochs *a, const struct epochs *b)
{
	bool is_equal = a->count == b->count;
	for (uint32_t i = 0; i < a->count && is_equal; i++)
		is_equal = a->entries[i].epoch == b->entries[i].epoch && a->entries[i].start_offset == b->entries[i].start_offset;
	return is_equal;
}

/* What it should say is in the checkpoint, too. A disk or memory that fails now decides nothing. */
static void check_epochs(struct scrub *scrub)
{
	struct partition *partition = scrub->partition;
	char path[4096];
	uint8_t *text = NULL;
	size_t size = 0;
	struct epochs told;
	scrub->is_partition_checked = true;
	int later = partition->is_closed ? 0 : partition__look_at_end(partition);
	(void)later; /* it tells so itself; or it is asked again */
	if (partition->is_closed || partition->epochs_changed || partition->epochs.count == 0)
		return;
	snprintf(path, sizeof path, "%s/leader-epoch-checkpoint", partition->dir);
	epochs_init(&told);
	int err = small_file_read(partition->home->io, path, EPOCH_FILE_SIZE_MAX, &text, &size);
	if (!err)
		err = epochs_decode(&told, (struct slice){text, size});
	if ((!err && !are_equal(&told, &partition->epochs)) || err == -ENOENT || err == -EFBIG || err == ERR_CORRUPT_LOG || err == ERR_FORMAT ||
	    foreign_file_is_in_the_way(err)) {
		fprintf(stderr, "spate: %s is not what it should be: it is made anew\n", path);
		partition->epochs_changed = true;
		partition->home->has_rolled = true; /* or no cycle comes by */
	}
	free(text);
	epochs_fini(&told);
}

/* ---- the end of a segment ------------------------------------------------------------------------------------------- */

static bool fits_seal(const struct scrub *scrub, const struct seal *seal)
{
	uint64_t low, high;
	seal_hash_result(scrub->hash, &low, &high);
	return seal->log_size_bytes == scrub->position && seal->next_offset == scrub->expected && seal->batch_count == scrub->batches &&
	       seal->headers_checksum_low == low && seal->headers_checksum_high == high;
}

/* Is the file the one that was sealed? A power cut may take an index alone: it would be made anew in memory in each life. A disk or memory that fails now
 * decides nothing. */
static bool is_as_sealed(const struct segment *segment, enum segment_file file, uint64_t size_due, uint64_t checksum_due)
{
	char path[4096];
	uint8_t *data;
	size_t size;
	segment_path(segment, file, path, sizeof path);
	int err = small_file_read(segment->home->io, path, size_due, &data, &size);
	if (err)
		return err != -ENOENT && err != -EFBIG && err != ERR_CORRUPT_LOG && !foreign_file_is_in_the_way(err);
	bool is_same = size == size_due && seal_index_checksum((struct slice){data, size}) == checksum_due;
	free(data);
	return is_same;
}

static bool are_indexes_as_sealed(const struct segment *segment, const struct seal *seal)
{
	return is_as_sealed(segment, SEGMENT_FILE_INDEX, seal->index_size_bytes, seal->index_checksum) &&
	       is_as_sealed(segment, SEGMENT_FILE_TIME_INDEX, seal->time_index_size_bytes, seal->time_index_checksum);
}

/* They are made anew, seal and indexes, from what was found good just now. */
static void seal_again(struct scrub *scrub, const char *why)
{
	fprintf(stderr, "spate: %s/%020ld.log has no %s of its own: it is made anew\n", scrub->segment->dir, (long)scrub->segment->base_offset, why);
	partition__seal_again(scrub->partition, scrub->segment);
}

static void check_seal(struct scrub *scrub)
{
	struct segment *segment = scrub->segment;
	struct seal seal;
	char path[4096];
	uint8_t *data;
	size_t size;
	segment_path(segment, SEGMENT_FILE_SEAL, path, sizeof path);
	int err = small_file_read(segment->home->io, path, SEAL_SIZE, &data, &size);
	bool is_good = !err && seal_decode(&seal, (struct slice){data, size}) == 0;
	if (!err)
		free(data);
	bool is_ours = is_good && seal.base_offset == segment->base_offset && seal.log_size_bytes == segment->durable.position &&
		       seal.next_offset == segment->durable.offset;
	bool is_fenced = partition__is_damaged(scrub->partition, segment->base_offset, segment->durable.offset); /* each batch is whole, and yet not what was filed, perhaps */
	if (!is_ours && !is_fenced && (!err || err == -ENOENT || err == -EFBIG || err == ERR_CORRUPT_LOG || foreign_file_is_in_the_way(err)))
		seal_again(scrub, "seal");
	else if (is_ours && !fits_seal(scrub, &seal))
		partition__add_damage(scrub->partition, segment->base_offset, segment->durable.offset);
	else if (is_ours && !are_indexes_as_sealed(segment, &seal))
		seal_again(scrub, "index");
}

/* Each batch is whole, and they are not those that were filed: which of a stretch are another's nobody knows. */
static void fence_anothers(struct scrub *scrub)
{
	for (uint32_t i = 0; i < scrub->filed.bad_count; i++)
		partition__add_damage(scrub->partition, scrub->filed.bad[i].from, scrub->filed.bad[i].to);
}

static void end_segment(struct scrub *scrub)
{
	mark_check_end(&scrub->filed);
	if (scrub->filed.bad_count && !scrub->partition->is_closed)
		fence_anothers(scrub);
	else if (scrub->is_sealed && !scrub->is_damaged && !scrub->partition->is_closed)
		check_seal(scrub);
	scrub->segments++;
	leave_segment(scrub);
}

/* ---- a piece ---------------------------------------------------------------------------------------------------------- */

/* Fences what is at the position and moves behind it. False: the segment is done with. */
static bool pass_over_damage(struct scrub *scrub)
{
	int64_t next_offset;
	scrub->is_damaged = true;
	int found = partition__fence(scrub->partition, scrub->segment, scrub->position, scrub->expected, scrub->expected, &scrub->position, &next_offset);
	scrub->expected = next_offset;
	return found > 0;
}

static bool is_whole(struct scrub *scrub, struct slice rest, const struct batch *batch)
{
	return segment_header_fits(scrub->segment, scrub->position, batch) &&
	       partition__is_header_right(scrub->partition, batch, scrub->expected) && batch_check_crc(rest, batch) == 0;
}

static void pass_batch(struct scrub *scrub, const uint8_t *header, const struct batch *batch)
{
	seal_hash_update(scrub->hash, header, BATCH_HEADER_SIZE);
	mark_check_batch(&scrub->filed, scrub->position, header, batch);
	scrub->batches++;
	scrub->position += batch->size_bytes;
	scrub->expected = batch_next_offset(batch);
}

/* Batches that are whole in the buffer, which holds the file from `from` on. False: the segment is done with. */
static bool check_batches(struct scrub *scrub, uint64_t from, uint64_t size)
{
	struct segment *segment = scrub->segment;
	bool is_short = from + size < scrub->end.position && size < scrub->buffer_size_bytes;
	while (scrub->position < scrub->end.position) {
		struct batch batch;
		uint64_t at = scrub->position - from;
		struct slice rest = {scrub->buffer + at, at < size ? size - at : 0};
		bool has_header = rest.size >= BATCH_HEADER_SIZE;
		if (at > size || (!has_header && !is_short))
			return true; /* the next piece begins there */
		bool is_bad = !has_header || batch_parse_header(rest, &batch) || !segment_header_fits(segment, scrub->position, &batch);
		if (!is_bad && batch.size_bytes > rest.size && !is_short)
			return true;
		is_bad = is_bad || batch.size_bytes > rest.size || !is_whole(scrub, rest, &batch);
		if (is_bad) {
			if (!pass_over_damage(scrub))
				return false;
			continue;
		}
		pass_batch(scrub, rest.data, &batch);
	}
	return false;
}

/* The next batch is larger than the buffer: one of its size, bounded by the segment's. */
static bool make_room(struct scrub *scrub)
{
	struct batch batch;
	if (segment_read_header(scrub->segment, scrub->position, &batch) || batch.size_bytes + 2 * CHUNK_ALIGN <= scrub->buffer_size_bytes)
		return true;
	uint64_t size = align_up(batch.size_bytes, CHUNK_ALIGN) + 2 * CHUNK_ALIGN;
	uint8_t *grown = aligned_alloc(CHUNK_ALIGN, size);
	if (!grown)
		return false;
	free(scrub->buffer);
	scrub->buffer = grown;
	scrub->buffer_size_bytes = size;
	return true;
}

static void leave_unread(struct scrub *scrub, int err)
{
	char path[4096];
	segment_path(scrub->segment, SEGMENT_FILE_LOG, path, sizeof path);
	fprintf(stderr, "spate: error: scrub: %s cannot be read (%s)\n", path, err_text(err));
	leave_segment(scrub);
}

/* It is gone, or another's stands in its place: of one that goes on, filing and readers say so. */
static void leave_lost(struct scrub *scrub, int err)
{
	bool is_lost = err == -ENOENT || err == ERR_CORRUPT_LOG;
	if (is_lost && scrub->is_sealed)
		partition__add_damage(scrub->partition, scrub->segment->base_offset, scrub->end.offset);
	if (is_lost && !scrub->is_sealed)
		leave_segment(scrub);
	else
		leave_unread(scrub, err);
}

static void piece_done(struct io_op *op)
{
	struct scrub *scrub = CONTAINER_OF(op, struct scrub, op);
	uint64_t from = align_down(scrub->position, CHUNK_ALIGN);
	scrub->is_reading = false;
	if (scrub->store->is_closing || scrub->store->is_stopping)
		return;
	if (op->result < 0)
		leave_unread(scrub, op->result);
	else if (scrub->partition->is_closed || scrub->segment->is_dropped || scrub->segment->filed.position < scrub->end.position)
		leave_segment(scrub);
	else if (!check_batches(scrub, from, (uint64_t)op->result))
		end_segment(scrub);
	wait_for_pace(scrub, op->result > 0 ? (uint64_t)op->result : CHUNK_ALIGN);
}

static void next_piece(struct scrub *scrub)
{
	struct io *io = scrub->store->home.io;
	scrub->piece_began_ns = io_now_ns(io);
	bool is_new = scrub->partitions_left == 0;
	bool has_begun = !is_new || begin_pass(scrub), has_segment = has_begun && find_segment(scrub);
	if (has_begun && !scrub->is_partition_checked) {
		check_epochs(scrub);
		wait_for_pace(scrub, CHUNK_ALIGN);
		return;
	}
	if (!has_segment) {
		end_pass(scrub);
		return;
	}
	struct segment *segment = scrub->segment;
	int fd = segment_open_direct(segment);
	if (fd >= 0 && !make_room(scrub))
		fd = -ENOMEM;
	if (err_is_shortage(fd)) {
		wait_until(scrub, io_now_ns(io) + SHORTAGE_NS);
		return;
	}
	if (fd < 0) {
		leave_lost(scrub, fd);
		wait_for_pace(scrub, CHUNK_ALIGN);
		return;
	}
	uint64_t from = align_down(scrub->position, CHUNK_ALIGN);
	uint64_t left = align_up(scrub->end.position - from, CHUNK_ALIGN);
	scrub->vector = (struct iovec){scrub->buffer, left < scrub->buffer_size_bytes ? left : scrub->buffer_size_bytes};
	scrub->op = (struct io_op){.done = piece_done};
	scrub->is_reading = true;
	io_read_behind(io, &scrub->op, fd, &scrub->vector, 1, from);
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

void scrub_start(struct scrub *scrub, struct store *store)
{
	scrub->store = store;
	if (store->options.scrub_bytes_per_second == 0)
		return;
	uint64_t interval_ns = (uint64_t)store->options.scrub_interval_ms * 1000000;
	wait_until(scrub, io_now_ns(store->home.io) + (interval_ns < FIRST_PASS_NS ? interval_ns : FIRST_PASS_NS));
}

void scrub_hurry(struct scrub *scrub)
{
	if (!scrub->store)
		return;
	scrub->store->home.segments.has_doubtful = false;
	scrub->has_doubtful = true;
	if (scrub->store->options.scrub_bytes_per_second && !scrub->store->is_stopping && scrub->partitions_left == 0)
		wait_until(scrub, io_now_ns(scrub->store->home.io));
}

void scrub_stop(struct scrub *scrub)
{
	if (scrub->store)
		io_timer_cancel(scrub->store->home.io, &scrub->timer);
}

void scrub_close(struct scrub *scrub)
{
	CHECK(!scrub->is_reading);
	leave_partition(scrub);
	free(scrub->buffer);
	scrub->buffer = NULL;
}
