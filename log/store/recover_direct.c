/* Pieces that went straight to their segment: is what the entry says there, and if not, what of it is?
 *
 * Happy path: the entry tells the headers, and the file is there and long enough: a piece that a later group vouches for was synced before that group was
 * begun, so what is wrong with it now is rot, as in all that is filed, and is found by whoever reads it. So a start does not read what it need not know. Where the
 * entry does not tell them (many small batches, or a version before), the headers in the file must give the entry's checksum.
 *
 * Damage, though a later group vouches for the entry: each batch is judged for itself. One is whole if it begins with the offset that is due, has the epoch of
 * the opening that wrote it, and passes its CRC: that is all a header says. Between whole ones the offsets are fenced, and nothing else.
 *
 * What the journal has of the segment before the piece is written into its place in the file first: the damage may have been that of one write with the
 * piece, and the journal has it all. An error of the disk says nothing of what is on it: it ends the recovery. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/store/direct_checksum.h"
#include "log/store/store_priv.h"

/* An epoch that is missed makes good batches pass for damage, and a producer that is missed may write twice: no recovery without room for them. That too
 * many producers have transactions open is another matter. */
int store__make_room_for(struct partition *partition, const struct batch *batch)
{
	int err = partition__reserve(partition, batch);
	return err == ERR_BUSY ? 0 : err;
}

/* Segments are filed in the order of their offsets, and the checkpoint stops at the first that is not: none behind it may be. */
bool store__are_filed_before(const struct partition *partition, const struct segment *segment)
{
	for (struct list *node = segment->node.prev; node != &partition->segments; node = node->prev)
		if (!segment_is_filed(LIST_ENTRY(node, struct segment, node)))
			return false;
	return true;
}

/* ---- what is there ------------------------------------------------------------------------------------------------ */

/* Are so many bytes there? Then they are read. Negative: the disk would not be read, which says nothing of what is on it. */
static int read_there(struct segment *segment, void *out, uint32_t size_bytes, uint64_t position)
{
	int fd = segment_open_read(segment); /* it may have been closed meanwhile, for another's sake */
	int64_t got = fd < 0 ? fd : io_file_read(segment->home->io, fd, out, size_bytes, position);
	return got < 0 ? (int)got : got == (int64_t)size_bytes;
}

/* 1: the records are what the batch's CRC says; 0: they are not; or an error. */
static int check_records_there(struct segment *segment, const struct batch *batch, uint64_t position)
{
	uint8_t *bytes = malloc(batch->size_bytes);
	if (!bytes)
		return -ENOMEM;
	int is_there = read_there(segment, bytes, batch->size_bytes, position);
	bool is_good = is_there == 1 && batch_check_crc((struct slice){bytes, batch->size_bytes}, batch) == 0;
	free(bytes);
	return is_there < 0 ? is_there : is_good;
}

/* No checkpoint tells of the file yet; but it begins with what the journal has told of the segment, or it is another's. */
static void expect_file(struct segment *segment)
{
	if (!segment->has_file && segment->first_crc)
		segment->is_identified = false;
	segment->has_file = true;
}

int store__has_direct(struct segment *segment, const struct journal_entry *entry)
{
	bool had_file = segment->has_file;
	expect_file(segment);
	int fd = segment_open_read(segment);
	int64_t size = fd < 0 ? fd : io_file_size(segment->home->io, fd);
	if (size >= 0 && (uint64_t)size >= entry->position + entry->data_size_bytes)
		return 1;
	segment->has_file = had_file;
	return size >= 0 || size == -ENOENT || size == ERR_CORRUPT_LOG ? 0 : (int)size;
}

/* Behind the log's last piece is room that was reserved: nothing is read ahead of it, but a piece that will be read whole is fetched at once. */
static void read_piece_alone(struct segment *segment, int fd, const struct journal_entry *entry, bool is_whole)
{
	io_file_read_ahead(segment->home->io, fd, false);
	if (is_whole)
		io_file_will_read(segment->home->io, fd, entry->position, entry->data_size_bytes);
}

/* 1: whole batches are there, from the piece's first byte to its last; 0: not; or an error. */
static int walk_there(struct segment *segment, const struct journal_entry *entry, bool must_check_all, struct direct_checksum *checksum)
{
	uint64_t at = entry->position, end = entry->position + entry->data_size_bytes;
	while (at < end) {
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch batch;
		int is_there = read_there(segment, header, sizeof header, at);
		if (is_there < 1)
			return is_there;
		if (batch_parse_header((struct slice){header, sizeof header}, &batch) || batch.size_bytes > end - at)
			return 0;
		direct_checksum_add(checksum, header);
		int is_good = must_check_all ? check_records_there(segment, &batch, at) : 1;
		if (is_good < 1)
			return is_good;
		at += batch.size_bytes;
	}
	return 1;
}

/* Do the segment's bytes fit the entry? Headers always; the CRC of every batch if no later group vouches, or if they will be read into memory, from where
 * they are served unchecked. Learns nothing. */
int store__check_direct(struct segment *segment, const struct journal_entry *entry, bool must_check_all, enum direct_state *state)
{
	*state = DIRECT_HAS_NO_FILE;
	expect_file(segment);
	int fd = segment_open_read(segment);
	if (fd < 0)
		return fd == -ENOENT || fd == ERR_CORRUPT_LOG ? 0 : fd;
	*state = DIRECT_IS_DAMAGED;
	struct direct_checksum checksum;
	int err = direct_checksum_begin(&checksum, entry->kind);
	if (err)
		return err;
	read_piece_alone(segment, fd, entry, must_check_all);
	int is_whole = walk_there(segment, entry, must_check_all, &checksum);
	if (segment->read_fd >= 0)
		io_file_read_ahead(segment->home->io, segment->read_fd, true);
	if (direct_checksum_end(&checksum) == entry->data_checksum && is_whole == 1)
		*state = DIRECT_FITS;
	return is_whole < 0 ? is_whole : 0;
}

static int learn_batch(struct partition *partition, struct segment *segment, const struct batch *batch, uint64_t position)
{
	if (batch->base_offset < partition->next_offset)
		return 0; /* a scan has met it */
	int err = store__make_room_for(partition, batch);
	if (err)
		return err;
	segment_learn(segment, batch, position, batch_last_offset(batch));
	partition__learn(partition, batch);
	return 0;
}

/* One after the other, each with the offset that is due. */
static int follow_batches(struct segment *segment, struct mark at, struct mark to, int32_t epoch_min, int32_t epoch_max, bool *is_whole)
{
	*is_whole = false;
	while (at.position < to.position) {
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch batch;
		int is_there = read_there(segment, header, sizeof header, at.position);
		if (is_there < 1)
			return is_there;
		if (batch_parse_header((struct slice){header, sizeof header}, &batch) || batch.size_bytes > to.position - at.position ||
		    batch.base_offset != at.offset || batch.leader_epoch < epoch_min || batch.leader_epoch > epoch_max)
			return 0;
		int is_good = check_records_there(segment, &batch, at.position);
		if (is_good < 1)
			return is_good;
		epoch_min = batch.leader_epoch;
		mark_pass(&at, header, &batch);
	}
	*is_whole = at.offset == to.offset;
	return 0;
}

int store__check_up_to(struct partition *partition, struct segment *segment, struct mark to, int32_t epoch_max, bool *is_whole)
{
	bool had_file = segment->has_file;
	*is_whole = false;
	expect_file(segment);
	int fd = segment_open_read(segment);
	int err = fd < 0 ? (fd == -ENOENT || fd == ERR_CORRUPT_LOG ? 0 : fd)
			 : follow_batches(segment, segment->staged, to, epochs_at(&partition->epochs, segment->staged.offset), epoch_max, is_whole);
	if (!*is_whole)
		segment->has_file = had_file;
	else if (!had_file)
		partition__note_entry(partition);
	return err;
}

int store__learn_direct(struct partition *partition, struct segment *segment, const struct journal_entry *entry)
{
	uint64_t at = entry->position, end = entry->position + entry->data_size_bytes;
	while (at < end) {
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch batch;
		int is_there = read_there(segment, header, sizeof header, at);
		if (is_there < 0)
			return is_there;
		if (!is_there || batch_parse_header((struct slice){header, sizeof header}, &batch))
			return -EIO;
		int err = learn_batch(partition, segment, &batch, at);
		if (err)
			return err;
		at += batch.size_bytes;
	}
	return 0;
}

/* Do the headers tell of batches that fill the piece, and follow each other as its offsets do? The journal's checksum vouches for them; but a slip of ours,
 * or a stranger's hand, must not become a bug's abort. */
static bool are_told_possible(const struct journal_entry *entry, struct slice headers)
{
	uint64_t size = 0;
	int64_t due = entry->base_offset;
	for (size_t at = 0; at < headers.size; at += BATCH_HEADER_SIZE) {
		struct batch batch;
		if (headers.size - at < BATCH_HEADER_SIZE || batch_parse_header((struct slice){headers.data + at, BATCH_HEADER_SIZE}, &batch) ||
		    batch.base_offset < due || batch_next_offset(&batch) > entry->end_offset)
			return false;
		due = batch_next_offset(&batch);
		size += batch.size_bytes;
	}
	return size == entry->data_size_bytes && due == entry->end_offset;
}

struct mark store__told_end(const struct segment *segment, const struct journal_entry *entry, struct slice headers)
{
	struct mark end = {.position = entry->position, .offset = entry->base_offset};
	if (segment->staged.position == entry->position)
		end.headers = segment->staged.headers;
	for (; headers.size >= BATCH_HEADER_SIZE; headers = (struct slice){headers.data + BATCH_HEADER_SIZE, headers.size - BATCH_HEADER_SIZE}) {
		struct batch batch;
		if (batch_parse_header((struct slice){headers.data, BATCH_HEADER_SIZE}, &batch) == 0)
			mark_pass(&end, headers.data, &batch);
	}
	CHECK(end.position == entry->position + entry->data_size_bytes && end.offset == entry->end_offset);
	return end;
}

int store__learn_told(struct partition *partition, struct segment *segment, const struct journal_entry *entry, struct slice headers)
{
	uint64_t at = entry->position;
	if (!are_told_possible(entry, headers))
		return ERR_CORRUPT_LOG;
	for (; headers.size; headers = (struct slice){headers.data + BATCH_HEADER_SIZE, headers.size - BATCH_HEADER_SIZE}) {
		struct batch batch;
		int err = batch_parse_header((struct slice){headers.data, BATCH_HEADER_SIZE}, &batch);
		if (!err)
			err = learn_batch(partition, segment, &batch, at);
		if (err)
			return err;
		at += batch.size_bytes;
	}
	return 0;
}

/* ---- the file before a damaged piece --------------------------------------------------------------------------------- */

struct filed {
	bool is_done;
	int err;
};

static void filing_done(struct segment *segment, void *context, struct mark target, int err)
{
	*(struct filed *)context = (struct filed){true, err};
	if (!err)
		segment_set_filed(segment, target);
}

static int file_now(struct partition *partition, struct segment *segment)
{
	struct filed filed = {0};
	int err = partition__prepare_dir(partition);
	if (!err)
		err = segment_file(segment, segment->durable, filing_done, &filed);
	partition__note_file(partition, segment);
	while (!err && !filed.is_done) {
		int turned = io_turn(partition->home->io, true);
		if (turned < 0)
			return turned;
	}
	return err ? err : filed.err;
}

int store__file_before_direct(struct partition *partition, struct segment *last)
{
	int err = 0;
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment == last || err)
			break;
		if (!segment_is_filed(segment))
			err = file_now(partition, segment);
	}
	return err ? err : segment_restore(last);
}

/* ---- batch by batch -------------------------------------------------------------------------------------------------- */

struct salvage {
	struct partition *partition;
	struct segment *segment;
	const struct journal_entry *entry;
	int32_t epoch;
	uint64_t at, end;
	int64_t due;
	lost_fn *lost;
	void *context;
};

/* 1: whole, and the one that is due; 0: not; or an error. */
static int is_due_batch(const struct salvage *salvage, struct batch *batch)
{
	uint8_t header[BATCH_HEADER_SIZE];
	int is_there = read_there(salvage->segment, header, sizeof header, salvage->at);
	if (is_there < 1)
		return is_there;
	if (batch_parse_header((struct slice){header, sizeof header}, batch) || batch->size_bytes > salvage->end - salvage->at ||
	    batch->base_offset != salvage->due || batch->leader_epoch != salvage->epoch || batch_next_offset(batch) > salvage->entry->end_offset)
		return 0;
	return check_records_there(salvage->segment, batch, salvage->at);
}

/* From a batch that is not whole on to the next that is. */
static int pass_damage(struct salvage *salvage)
{
	struct batch next;
	int64_t from = salvage->due;
	int err = segment_resync(salvage->segment, salvage->at, salvage->due - 1, &salvage->at, &next);
	if (err && err != ERR_CORRUPT_LOG)
		return err;
	salvage->due = err ? salvage->entry->end_offset : next.base_offset;
	if (err)
		salvage->at = salvage->end;
	return salvage->due > from ? salvage->lost(salvage->context, salvage->partition, from, salvage->due) : 0;
}

int store__salvage_direct(struct partition *partition, struct segment *segment, const struct journal_entry *entry, int32_t epoch, lost_fn *lost, void *context)
{
	struct salvage salvage = {partition, segment, entry, epoch, entry->position, entry->position + entry->data_size_bytes, entry->base_offset, lost, context};
	bool is_any_lost = false;
	while (salvage.at < salvage.end) {
		struct batch batch;
		int is_whole = is_due_batch(&salvage, &batch);
		int err = is_whole < 0 ? is_whole : is_whole ? learn_batch(partition, segment, &batch, salvage.at) : pass_damage(&salvage);
		if (err)
			return err;
		is_any_lost |= !is_whole;
		if (is_whole) {
			salvage.at += batch.size_bytes;
			salvage.due = batch_next_offset(&batch);
		}
	}
	if (salvage.due < entry->end_offset)
		return lost(context, partition, salvage.due, entry->end_offset);
	/* Every batch is whole, and together they are not what was written: nobody knows what is wrong. */
	return is_any_lost ? 0 : lost(context, partition, entry->base_offset, entry->end_offset);
}
