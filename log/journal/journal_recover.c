/* Recovery of a journal.
 *
 * Happy path: the newer superblock says where the first group that is still needed begins. From there each
 * group leads to the next: it must lie behind it (or at the beginning of the ring, if it did not fit
 * before the end), have the next seq, carry the checksum of the header before it, and come from the same
 * opening of the journal or a later one. The walk ends where no such group is.
 *
 * What it means when a group is missing is decided by what later groups say. Each carries the durable seq
 * of the moment it was built:
 *   - a later group (or the superblock) vouches for the missing one: acknowledged data is damaged. It is
 *     counted, never cut off. If only payloads are damaged the rest of the group is taken, and its entries
 *     say what is lost; else it is skipped, and history goes on with the next group that no later opening
 *     has cut off;
 *   - nobody vouches: the group was torn by the crash, or never written. It and what lies behind it was
 *     never acknowledged. So after a missing group the rest of the ring is searched, block by block. Only
 *     a seal of the last opening makes that unnecessary: nothing can have been written behind it.
 *
 * What can never be taken: bytes of an earlier lap (their place and seq are smaller), of a future that an
 * earlier recovery cut off (their chain or incarnation does not fit, and behind a gap: their seq lies
 * above where a later opening began), payloads that look like groups (checksums are seeded with a number
 * that never leaves the file), other files' bytes (likewise).
 *
 * Groups are written in whole blocks to where blocks begin. So a sound header just before or behind such a place, which says that it belongs there, is no crash's
 * work: bytes were taken out of the file, or put in, and what was behind them moved. Such groups were written, none of them is read, and they are vouched for by that.
 *
 * A read error is no decision: the open fails with it. */
#include "log/journal/journal_recover.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/base/check.h"
#include "log/base/wide_hash.h"

/* ---- the tables -------------------------------------------------------------------------------------------------- */

/* The file. Legend: FILE it is there, MAGIC ours, VALID a whole superblock, LATER_VERSION, PAST written before this opening
 *
 *      FILE  MAGIC VALID LATER PAST
 *  @A  no    .     .     .     .     create
 *  @B  yes   .     .     yes   .     refuse: a later version of Spate wrote it
 *  @C  yes   no    no    no    .     refuse: no journal
 *  @D  yes   yes   no    no    .     refuse: both superblocks are damaged (a crash damages one at most)
 *  @F  yes   yes   yes   no    no    refuse: it is newer than the catalog that counts the openings
 *  @G  yes   yes   yes   no    yes   walk
 *
 * Its size is what the superblock says, whatever the file's is. What lies behind it is nobody's, and never looked at. What was cut off reads as zeros, so what
 * was in it is lost as to rot; and as a cut, unlike rot, is no crash's work, groups that were perhaps there count as missing (end_of_cut). */
static const struct recovery_row file_rows[] = {
	{'A', FACT_FILE, 0, RECOVERY_CREATE, 0, "new"},
	{'B', FACT_FILE | FACT_LATER_VERSION, FACT_FILE | FACT_LATER_VERSION, RECOVERY_REFUSE, ERR_FORMAT, "written by a later version"},
	{'C', FACT_FILE | FACT_MAGIC | FACT_VALID | FACT_LATER_VERSION, FACT_FILE, RECOVERY_REFUSE, ERR_FORMAT, "not a journal"},
	{'D', FACT_FILE | FACT_MAGIC | FACT_VALID | FACT_LATER_VERSION, FACT_FILE | FACT_MAGIC, RECOVERY_REFUSE, ERR_CORRUPT_LOG,
	 "both superblocks are damaged"},
	{'F', FACT_FILE | FACT_VALID | FACT_LATER_VERSION | FACT_PAST, FACT_FILE | FACT_VALID, RECOVERY_REFUSE,
	 ERR_CORRUPT_LOG, "the journal is newer than the catalog"},
	{'G', FACT_FILE | FACT_VALID | FACT_LATER_VERSION | FACT_PAST, FACT_FILE | FACT_VALID | FACT_PAST,
	 RECOVERY_WALK, 0, "walk"},
};

static const struct recovery_impossible file_impossible[] = {
	{FACT_VALID | FACT_MAGIC, FACT_VALID, "a valid superblock begins with the magic"},
	{FACT_LATER_VERSION | FACT_MAGIC, FACT_LATER_VERSION, "so does one of a later version"},
};

/* The place where the next group must begin. Legend: FITS a sound header that follows, FUTURE of this opening
 * or later, WHOLE body, ENTRIES whole at least, LATER a group with a sound header further on, VOUCHED the
 * missing one was durable (or it has moved, or one behind it), SEAL the last one taken is a seal, LAST_OPENING nobody wrote behind it
 *
 *      FITS  FUTURE WHOLE ENTRIES LATER VOUCHED SEAL  LAST_OPENING
 *  @H  yes   no     yes   .       .     .       .     .      take
 *  @I  yes   yes    .     .       .     .       .     .      refuse: it is newer than the catalog that counts the openings
 *  @J  no    .      .     .       .     .       yes   yes    end: a clean stop
 *  @K  no, or broken entries      yes   yes     otherwise    skip: acknowledged data is damaged; go on with the later group
 *  @L  no, or broken entries      no    yes     otherwise    end: acknowledged data is damaged, and nothing later is left
 *  @M  yes   no     no    .       .     no      .     .      end: a torn group, never acknowledged
 *  @N  no    .      .     .       yes   no      otherwise    end: a group torn in its header, never acknowledged
 *  @O  no    .      .     .       no    no      yes   no     end: a clean stop; openings since then wrote nothing that is left
 *  @P  no    .      .     .       no    no      no    .      end: the broker was killed between two groups
 *  @Q  yes   no     no    yes     .     yes     .     .      salvage: acknowledged payloads are damaged; take the rest */
#define NOT_TAKEN_FITS (FACT_FITS | FACT_FUTURE | FACT_WHOLE)
#define BROKEN_FITS (NOT_TAKEN_FITS | FACT_ENTRIES)
static const struct recovery_row group_rows[] = {
	{'H', FACT_FITS | FACT_FUTURE | FACT_WHOLE, FACT_FITS | FACT_WHOLE, RECOVERY_TAKE, 0, "whole"},
	{'I', FACT_FITS | FACT_FUTURE, FACT_FITS | FACT_FUTURE, RECOVERY_REFUSE, ERR_CORRUPT_LOG, "the journal is newer than the catalog"},
	{'J', FACT_FITS | FACT_SEAL | FACT_LAST_OPENING, FACT_SEAL | FACT_LAST_OPENING, RECOVERY_END, 0, "a clean stop"},
	{'K', FACT_FITS | FACT_LAST_OPENING | FACT_LATER | FACT_VOUCHED, FACT_LATER | FACT_VOUCHED, RECOVERY_SKIP, 0,
	 "acknowledged data is damaged"},
	{'K', BROKEN_FITS | FACT_LATER | FACT_VOUCHED, FACT_FITS | FACT_LATER | FACT_VOUCHED, RECOVERY_SKIP, 0,
	 "acknowledged data is damaged"},
	{'L', FACT_FITS | FACT_LAST_OPENING | FACT_LATER | FACT_VOUCHED, FACT_VOUCHED, RECOVERY_END, 0,
	 "acknowledged data is damaged at the end"},
	{'L', BROKEN_FITS | FACT_LATER | FACT_VOUCHED, FACT_FITS | FACT_VOUCHED, RECOVERY_END, 0,
	 "acknowledged data is damaged at the end"},
	{'M', NOT_TAKEN_FITS | FACT_VOUCHED, FACT_FITS, RECOVERY_END, 0, "a torn group"},
	{'N', FACT_FITS | FACT_LAST_OPENING | FACT_LATER | FACT_VOUCHED, FACT_LATER, RECOVERY_END, 0, "a torn header"},
	{'O', FACT_FITS | FACT_LATER | FACT_VOUCHED | FACT_SEAL | FACT_LAST_OPENING, FACT_SEAL, RECOVERY_END, 0, "a clean stop some openings ago"},
	{'P', FACT_FITS | FACT_LATER | FACT_VOUCHED | FACT_SEAL, 0, RECOVERY_END, 0, "killed between two groups"},
	{'Q', BROKEN_FITS | FACT_VOUCHED, FACT_FITS | FACT_ENTRIES | FACT_VOUCHED, RECOVERY_SALVAGE, 0, "acknowledged payloads are damaged"},
};

static const struct recovery_impossible group_impossible[] = {
	{FACT_FITS | FACT_WHOLE, FACT_WHOLE, "a body is looked at only behind a header that fits"},
	{FACT_FITS | FACT_FUTURE, FACT_FUTURE, "so is the incarnation"},
	{FACT_FITS | FACT_ENTRIES, FACT_ENTRIES, "so are the entries"},
	{FACT_WHOLE | FACT_ENTRIES, FACT_WHOLE, "a whole body has whole entries"},
	{FACT_SEAL | FACT_LAST_OPENING, FACT_LAST_OPENING, "it is said of a seal alone"},
};

/* Where the history ends. Legend: MISSING vouched groups were lost whole, TELLS this journal's groups repeat what was before them, TOLD the lost ones
 * are told wholly so, ACCEPTED whoever opens it accepts losses
 *
 *      MISSING TELLS TOLD  ACCEPTED
 *  @R  no      .     .     .         go on: every group is there
 *  @T  yes     yes   no    no        refuse: which offsets were given out is not known
 *  @U  yes     yes   no    yes       go on: the store leaves room for them
 *  @V  yes     yes   yes   .         go on: the replay names what was in them
 *  @W  yes     no    .     .         go on: an earlier version wrote it; what later entries do not tell is not known */
static const struct recovery_row end_rows[] = {
	{'R', FACT_MISSING, 0, RECOVERY_END, 0, "no group is lost"},
	{'T', FACT_MISSING | FACT_TELLS | FACT_TOLD | FACT_ACCEPTED, FACT_MISSING | FACT_TELLS, RECOVERY_REFUSE, ERR_CORRUPT_LOG,
	 "acknowledged groups are lost, and nothing tells which partitions and offsets were in them"},
	{'U', FACT_MISSING | FACT_TELLS | FACT_TOLD | FACT_ACCEPTED, FACT_MISSING | FACT_TELLS | FACT_ACCEPTED, RECOVERY_END, 0,
	 "groups that nothing tells of are lost, and that is accepted"},
	{'V', FACT_MISSING | FACT_TELLS | FACT_TOLD, FACT_MISSING | FACT_TELLS | FACT_TOLD, RECOVERY_END, 0, "lost groups are told of by later ones"},
	{'W', FACT_MISSING | FACT_TELLS, FACT_MISSING, RECOVERY_END, 0, "an earlier version's groups are lost"},
};

static const struct recovery_impossible end_impossible[] = {
	{FACT_TELLS | FACT_TOLD, FACT_TOLD, "who does not tell has told nothing"},
};

const struct recovery_table recovery_file_table = {
	file_rows, COUNT_OF(file_rows), file_impossible, COUNT_OF(file_impossible), FILE_FACT_COUNT,
};
const struct recovery_table recovery_group_table = {
	group_rows, COUNT_OF(group_rows), group_impossible, COUNT_OF(group_impossible), GROUP_FACT_COUNT,
};

const struct recovery_table recovery_end_table = {
	end_rows, COUNT_OF(end_rows), end_impossible, COUNT_OF(end_impossible), END_FACT_COUNT,
};

const char *recovery_meaning(char label)
{
	for (size_t i = 0; i < COUNT_OF(end_rows); i++)
		if (end_rows[i].label == label)
			return end_rows[i].meaning;
	for (size_t i = 0; i < COUNT_OF(file_rows); i++)
		if (file_rows[i].label == label)
			return file_rows[i].meaning;
	for (size_t i = 0; i < COUNT_OF(group_rows); i++)
		if (group_rows[i].label == label)
			return group_rows[i].meaning;
	return "";
}

const struct recovery_row *recovery_decide(const struct recovery_table *table, uint32_t facts)
{
	for (uint32_t i = 0; i < table->row_count; i++)
		if ((facts & table->rows[i].mask) == table->rows[i].value)
			return &table->rows[i];
	UNREACHABLE();
}

/* ---- the superblocks ----------------------------------------------------------------------------------------------- */

static void keep_superblock(struct recovery *recovery, uint32_t slot, const struct superblock *superblock)
{
	recovery->slot_is_valid[slot] = true;
	recovery->slot_trim_place[slot] = superblock->trim_place;
	recovery->slot_reach_place[slot] = superblock->reach_place;
	if (recovery->superblock.write_number < superblock->write_number) {
		recovery->superblock = *superblock;
		recovery->superblock_slot = slot;
	}
}

static uint32_t file_facts_of_slot(struct recovery *recovery, uint32_t slot, const uint8_t *block)
{
	struct superblock superblock;
	switch (superblock_decode(&superblock, block)) {
	case SUPERBLOCK_VALID:
		keep_superblock(recovery, slot, &superblock);
		return FACT_MAGIC | FACT_VALID;
	case SUPERBLOCK_LATER:
		return FACT_MAGIC | FACT_LATER_VERSION;
	case SUPERBLOCK_BROKEN:
		return FACT_MAGIC;
	case SUPERBLOCK_FOREIGN:
		return 0;
	}
	UNREACHABLE();
}

int recovery_read_superblocks(struct recovery *recovery, struct io *io, int fd, uint64_t incarnation)
{
	*recovery = (struct recovery){0};
	int64_t file_size = io_file_size(io, fd);
	if (file_size < 0)
		return (int)file_size;
	uint8_t *blocks = aligned_alloc(JOURNAL_BLOCK_SIZE, JOURNAL_RING_POSITION);
	if (!blocks)
		return -ENOMEM;
	memset(blocks, 0, JOURNAL_RING_POSITION);
	int64_t read = io_file_read(io, fd, blocks, JOURNAL_RING_POSITION, 0);
	uint32_t facts = FACT_FILE;
	for (uint32_t slot = 0; read >= 0 && slot < JOURNAL_SUPERBLOCKS; slot++)
		facts |= file_facts_of_slot(recovery, slot, blocks + slot * JOURNAL_BLOCK_SIZE);
	recovery->fingerprint = wide_hash(blocks, JOURNAL_RING_POSITION);
	free(blocks);
	if (read < 0)
		return (int)read;
	if (facts & FACT_VALID) {
		uint64_t due = recovery->superblock.file_size_bytes;
		recovery->file_size = (uint64_t)file_size;
		recovery->report.size_bytes = due;
		recovery->report.cut_bytes = due > recovery->file_size ? due - recovery->file_size : 0;
		recovery->report.tail_bytes = recovery->file_size > due ? recovery->file_size - due : 0;
		recovery->report.incarnation = recovery->superblock.incarnation;
		recovery->report.seed = recovery->superblock.seed;
		recovery->report.directory_id = recovery->superblock.directory_id;
		recovery->report.checkpoint = recovery->superblock.checkpoint;
		recovery->report.log_starts = recovery->superblock.log_starts;
	}
	if (facts & FACT_VALID && recovery->superblock.incarnation < incarnation)
		facts |= FACT_PAST;
	const struct recovery_row *row = recovery_decide(&recovery_file_table, facts);
	recovery->report.decision = row->label;
	return row->err;
}

/* ---- reading groups ------------------------------------------------------------------------------------------------- */

/* A clean start reads little, so the window begins small; a long walk or search wants the disk's full speed. */
#define READ_SIZE_FIRST (64u << 10)
#define READ_SIZE_MAX (4u << 20)
#define READ_AHEAD (8u << 20)

void ring_reader_init(struct ring_reader *reader, struct io *io, int fd, uint64_t ring_size, uint64_t seed)
{
	*reader = (struct ring_reader){.io = io, .fd = fd, .ring_size = ring_size, .seed = seed, .file_size = UINT64_MAX, .read_size = READ_SIZE_FIRST};
}

void ring_reader_fini(struct ring_reader *reader)
{
	if (reader->buffer)
		munmap(reader->buffer, reader->capacity);
	reader->buffer = NULL;
	reader->capacity = reader->size = 0;
}

static int grow_buffer(struct ring_reader *reader, size_t size)
{
	if (size <= reader->capacity)
		return 0;
	ring_reader_fini(reader);
	void *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return -ENOMEM;
	reader->buffer = buffer;
	reader->capacity = size;
	return 0;
}

/* While this window is looked at, the disk is to be at work on the next ones. */
static void ask_ahead(struct ring_reader *reader)
{
	uint64_t from = reader->place + reader->size, lap_rest = reader->ring_size - from % reader->ring_size;
	uint64_t to = from + (lap_rest < READ_AHEAD ? lap_rest : READ_AHEAD);
	if (from < reader->asked_place && reader->asked_place <= to)
		from = reader->asked_place;
	if (to - from < READ_AHEAD / 4 && to - from < lap_rest)
		return;
	io_file_will_read(reader->io, reader->fd, JOURNAL_RING_POSITION + from % reader->ring_size, to - from);
	reader->asked_place = to;
}

static int64_t read_or_zeros(struct ring_reader *reader, size_t wanted, uint64_t position)
{
	int64_t read = io_file_read(reader->io, reader->image ? reader->direct_fd : reader->fd, reader->buffer, wanted, position);
	if (read < 0 || (size_t)read == wanted)
		return read;
	if (position + (uint64_t)read < reader->file_size)
		return -EIO;
	memset(reader->buffer + read, 0, wanted - (size_t)read);
	return (int64_t)wanted;
}

/* What is outside of an image is asked for first by who looks whether history goes on in the next lap, and it seldom does. */
static size_t size_of_refill(const struct ring_reader *reader, uint64_t place, size_t size)
{
	bool is_look = reader->image && !reader->is_searching && !reader->buffer;
	uint64_t lap_rest = reader->ring_size - place % reader->ring_size;
	size_t wanted = size > reader->read_size || is_look ? size : reader->read_size;
	return wanted < lap_rest ? wanted : lap_rest;
}

/* Makes [place, place + size) visible, which lies in one lap. `size` is a block or the length in a sound
 * header, so bounded. */
static int view_window(struct ring_reader *reader, uint64_t place, size_t size, const uint8_t **out)
{
	if (place < reader->place || place + size > reader->place + reader->size) {
		size_t wanted = size_of_refill(reader, place, size);
		int err = grow_buffer(reader, wanted);
		if (err < 0)
			return err;
		int64_t read = read_or_zeros(reader, wanted, JOURNAL_RING_POSITION + place % reader->ring_size);
		if (read < 0)
			return (int)read;
		reader->place = place;
		reader->size = wanted;
		reader->bytes_read += wanted;
		if (wanted > READ_SIZE_FIRST && !reader->image)
			ask_ahead(reader);
		if (reader->read_size < READ_SIZE_MAX)
			reader->read_size *= 2;
	}
	*out = reader->buffer + (place - reader->place);
	return 0;
}

static int view(struct ring_reader *reader, uint64_t place, size_t size, const uint8_t **out)
{
	bool is_kept = reader->image && (!reader->is_searching || ring_image_has(reader->image, place, size));
	int is_seen = is_kept ? ring_image_view(reader->image, reader->io, reader->direct_fd, place, size, out) : 0;
	if (is_seen == 0)
		return view_window(reader, place, size, out);
	if (is_seen > 0 && reader->seen_place < place + size) {
		uint64_t from = reader->seen_place > place ? reader->seen_place : place;
		reader->bytes_read += place + size - from;
		reader->seen_place = place + size;
	}
	return is_seen < 0 ? is_seen : 0;
}

/* No group is longer than a quarter of the ring, nor reaches over its end. */
static uint64_t length_max_at(const struct ring_reader *reader, uint64_t place)
{
	uint64_t lap_rest = reader->ring_size - place % reader->ring_size;
	uint64_t bound = reader->ring_size / JOURNAL_GROUPS_PER_RING_MIN;
	return lap_rest < bound ? lap_rest : bound;
}

static void judge_group(struct ring_reader *reader, struct found_group *group)
{
	uint64_t place = group->header.place;
	const struct group_verdict *known = reader->image ? ring_image_verdict(reader->image, place) : NULL;
	struct slice repeats;
	struct group_verdict verdict = known ? *known : (struct group_verdict){
		place, group_check(&group->header, reader->seed, group->bytes), group_repeats(&group->header, reader->seed, group->bytes, &repeats)};
	group->state = verdict.state;
	group->are_repeats_whole = verdict.are_repeats_whole;
	if (reader->image && !known)
		ring_image_note(reader->image, &verdict);
}

int ring_read_group(struct ring_reader *reader, uint64_t place, struct found_group *out)
{
	const uint8_t *bytes;
	int err = view(reader, place, JOURNAL_BLOCK_SIZE, &bytes);
	if (err < 0)
		return err;
	if (!group_header_decode(&out->header, reader->seed, length_max_at(reader, place), bytes) || out->header.place != place)
		return 0;
	err = view(reader, place, out->header.length, &out->bytes);
	if (err < 0)
		return err;
	judge_group(reader, out);
	return 1;
}

/* The header of the group that belongs at `place`, and stands up to so many bytes before or behind it: 1; 0: there is none; -errno. */
#define MOVED_MAX 511u

static int read_moved_header(struct ring_reader *reader, uint64_t place, struct group_header *out)
{
	size_t before = place % reader->ring_size ? JOURNAL_BLOCK_SIZE : 0;
	const uint8_t *bytes;
	int err = view(reader, place - before, before + JOURNAL_BLOCK_SIZE, &bytes);
	if (err < 0)
		return err;
	const uint8_t *at = bytes + (before ? before - MOVED_MAX : 0), *last = bytes + before + MOVED_MAX;
	while ((at = group_header_look_for(at, (size_t)(last - at) + 1))) {
		if (at != bytes + before && group_header_decode(out, reader->seed, length_max_at(reader, place), at) && out->place == place)
			return 1;
		at++;
	}
	return 0;
}

/* ---- one step: is there a next group? --------------------------------------------------------------------------------- */

static bool follows(const struct recovery_cursor *cursor, const struct group_header *header)
{
	return header->seq == cursor->seq && header->chain == cursor->chain && header->incarnation >= cursor->incarnation;
}

/* A group that was torn may stand here still, with a sound header, where the next opening's group of that seq was too long for the rest of the ring: what
 * that opening has cut off is passed over. */
int recovery_find_next(const struct superblock *superblock, struct ring_reader *reader, const struct recovery_cursor *cursor, uint64_t place_end,
		       struct found_group *out)
{
	uint64_t lap_rest = reader->ring_size - cursor->place % reader->ring_size;
	uint64_t places[] = {cursor->place, cursor->place + lap_rest};
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (places[i] >= place_end)
			continue;
		int found = ring_read_group(reader, places[i], out);
		if (found < 0)
			return found;
		if (found && out->header.length <= place_end - places[i] && follows(cursor, &out->header) &&
		    !superblock_has_cut_off(superblock, out->header.incarnation, out->header.seq))
			return 1;
	}
	return 0;
}

void recovery_advance(struct recovery_cursor *cursor, const struct group_header *header)
{
	cursor->place = header->place + header->length;
	cursor->seq = header->seq + 1;
	cursor->chain = header->checksum;
	cursor->incarnation = header->incarnation;
}

/* ---- the search behind a missing group --------------------------------------------------------------------------------- */

struct search {
	bool has_later, is_vouched;
	struct recovery_cursor resume;  /* at the first later group */
	uint64_t durable_seq_max, seq_max;
	bool does_tell;                 /* what has moved is of a version that does */
};

/* Groups that are history after `missing`: later in seq, not of an older opening, not of a future that a
 * later one cut off. An opening writes each seq once, and the superblock knows where each opening began,
 * so that is all there is to ask. A sound header is enough: what it vouches for does not depend on the
 * state of its body. One that is newer than the catalog counts as well: the walk comes to it, and refuses it (@I). */
static bool can_be_history(const struct recovery *recovery, const struct recovery_cursor *missing, const struct group_header *header)
{
	if (header->seq <= missing->seq || header->incarnation < missing->incarnation)
		return false;
	return !superblock_has_cut_off(&recovery->superblock, header->incarnation, header->seq);
}

static void note_later_group(struct search *search, uint64_t missing_seq, const struct group_header *header)
{
	if (!search->has_later)
		search->resume = (struct recovery_cursor){header->place, header->seq, header->chain, header->incarnation};
	search->has_later = true;
	search->is_vouched |= header->durable_seq >= missing_seq;
	if (search->durable_seq_max < header->durable_seq)
		search->durable_seq_max = header->durable_seq;
	if (search->seq_max < header->seq)
		search->seq_max = header->seq;
}

/* A group is written only where both superblocks said before that one may be, so either of them says enough: the other may be lost,
 * or of an earlier time, as a write that went elsewhere leaves it. If one does not say, an earlier version has written since. */
uint64_t recovery_reach(const struct recovery *recovery)
{
	uint64_t reach = 0;
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		if (recovery->slot_is_valid[slot] && !recovery->slot_reach_place[slot])
			return 0;
		if (recovery->slot_is_valid[slot] && recovery->slot_reach_place[slot] > reach)
			reach = recovery->slot_reach_place[slot];
	}
	return reach;
}

/* Where the search may end. If the walk has come further than the superblocks say, they are not to be believed. */
static uint64_t search_end(const struct recovery *recovery, const struct recovery_cursor *missing, uint64_t place_end)
{
	uint64_t reach = recovery_reach(recovery);
	return reach && missing->place <= reach && reach < place_end ? reach : place_end;
}

/* Looks at every block from the missing group on, to where groups can be or until something vouches and
 * history can go on. Each turn moves on by a block at least. */
static int search_blocks(const struct recovery *recovery, struct ring_reader *reader, const struct recovery_cursor *missing,
			 uint64_t place_end, struct search *search)
{
	*search = (struct search){.is_vouched = recovery->vouched_seq >= missing->seq};
	for (uint64_t place = missing->place; place < place_end && !(search->has_later && search->is_vouched);) {
		struct found_group group;
		uint64_t beyond = reader->image ? ring_image_pass_blank(reader->image, place) : place;
		if (beyond > place) {
			place = beyond;
			continue;
		}
		int found = ring_read_group(reader, place, &group);
		if (found < 0)
			return found;
		if (!found && reader->image)
			ring_image_note_blank(reader->image, place);
		bool is_later = found && group.header.length <= place_end - place && can_be_history(recovery, missing, &group.header);
		if (is_later)
			note_later_group(search, missing->seq, &group.header);
		place += is_later && group.state == GROUP_WHOLE ? group.header.length : JOURNAL_BLOCK_SIZE;
	}
	return 0;
}

/* What has moved was there, and so was all before it: the last of it may be the one that is missing. */
static int search_moved(const struct recovery *recovery, struct ring_reader *reader, const struct recovery_cursor *missing, uint64_t place_end, struct search *search)
{
	const struct recovery_cursor before = {.seq = missing->seq - 1, .incarnation = missing->incarnation};
	for (uint64_t place = missing->place; place < place_end; place += JOURNAL_BLOCK_SIZE) {
		struct group_header header;
		int found = read_moved_header(reader, place, &header);
		if (found < 0)
			return found;
		if (!found || !can_be_history(recovery, &before, &header))
			continue;
		search->is_vouched = true;
		search->does_tell |= header.flags & GROUP_TELLS;
		if (search->durable_seq_max < header.seq)
			search->durable_seq_max = header.seq;
	}
	return 0;
}

static int search_later(const struct recovery *recovery, struct ring_reader *reader, const struct recovery_cursor *missing,
			uint64_t place_end, struct search *search)
{
	uint64_t end = search_end(recovery, missing, place_end);
	reader->is_searching = end == place_end; /* more than memory should be spent on */
	int err = search_blocks(recovery, reader, missing, end, search);
	if (!err && !(search->has_later && search->is_vouched))
		err = search_moved(recovery, reader, missing, end, search);
	reader->is_searching = false;
	return err;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------ */

static int begin_run(struct recovery *recovery, const struct recovery_cursor *cursor)
{
	if (recovery->run_count == RECOVERY_RUNS_MAX)
		return ERR_CORRUPT_LOG;
	if (recovery->run_count % 16 == 0) {
		size_t size = (recovery->run_count + 16) * sizeof *recovery->runs;
		struct recovery_run *runs = realloc(recovery->runs, size);
		if (!runs)
			return -ENOMEM;
		recovery->runs = runs;
	}
	recovery->runs[recovery->run_count++] = (struct recovery_run){.place = cursor->place, .seq = cursor->seq, .missing_from = recovery->missing_from};
	return 0;
}

/* ---- what was in the groups that are lost ---------------------------------------------------------------------------- */

static void note_missing(struct recovery *recovery, uint64_t from, uint64_t to)
{
	if (!recovery->missing_from)
		recovery->missing_from = from;
	recovery->missing_to = to;
}

/* A group that is there tells of those before it, if what it repeats is whole. */
static void hear(struct recovery *recovery, const struct found_group *group)
{
	recovery->does_tell |= recovery->missing_from && group->header.flags & GROUP_TELLS;
	if (group->are_repeats_whole && group->header.told_from <= recovery->missing_from)
		recovery->missing_from = recovery->missing_to = 0;
}

/* The entries of this group are lost, and what it repeats is not. */
static int take_repeats(struct recovery *recovery, const struct found_group *group)
{
	struct recovery_cursor start = {.place = group->header.place, .seq = group->header.seq};
	if (!recovery->missing_from || !group->are_repeats_whole)
		return 0;
	int err = begin_run(recovery, &start);
	if (err < 0)
		return err;
	recovery->runs[recovery->run_count - 1].are_repeats_alone = true;
	recovery->runs[recovery->run_count - 1].group_count = 1;
	hear(recovery, group);
	return 0;
}

/* The superblock is as good as a group behind those that it vouches for. */
static void ask_superblock(struct recovery *recovery)
{
	const struct superblock *superblock = &recovery->superblock;
	recovery->does_tell |= superblock->tells;
	recovery->must_ask_superblock = recovery->missing_from && superblock->tells;
	if (recovery->must_ask_superblock && superblock->durable_seq >= recovery->missing_to && superblock->told_from <= recovery->missing_from)
		recovery->missing_from = recovery->missing_to = 0;
}

static int decide_end(struct recovery *recovery, bool is_loss_accepted)
{
	bool is_missing = recovery->missing_from;
	ask_superblock(recovery);
	uint32_t facts = (is_missing ? FACT_MISSING : 0) | (recovery->does_tell ? FACT_TELLS : 0) |
			 (is_missing && recovery->does_tell && !recovery->missing_from ? FACT_TOLD : 0) | (is_loss_accepted ? FACT_ACCEPTED : 0);
	const struct recovery_row *row = recovery_decide(&recovery_end_table, facts);
	if (row->label == 'T' || row->label == 'U') {
		recovery->report.untold_from = recovery->missing_from;
		recovery->report.untold_to = recovery->missing_to;
		recovery->report.decision = row->label;
	}
	return row->err;
}

/* Behind repeats alone there has been a skip, so the seq is a later one. */
static bool goes_on(const struct recovery *recovery, const struct group_header *header)
{
	return recovery->run_count > 0 && recovery->report.last_seq + 1 == header->seq;
}

static int take(struct recovery *recovery, const struct found_group *group)
{
	struct journal_report *report = &recovery->report;
	const struct group_header *header = &group->header;
	if (!goes_on(recovery, header)) {
		struct recovery_cursor start = {header->place, header->seq, header->chain, header->incarnation};
		int err = begin_run(recovery, &start);
		if (err < 0)
			return err;
	}
	recovery->runs[recovery->run_count - 1].group_count++;
	if (report->groups == 0)
		report->first_seq = header->seq;
	report->groups++;
	report->group_bytes += header->length;
	report->entries += header->entry_count;
	report->last_seq = header->seq;
	report->was_clean = header->flags & GROUP_IS_SEAL;
	if (recovery->vouched_seq < header->durable_seq)
		recovery->vouched_seq = header->durable_seq;
	if (header->entry_count > 0)
		recovery->last_entry_seq = header->seq;
	recovery->last_places[header->seq % RECOVERY_PLACES] = header->place;
	hear(recovery, group);
	recovery_advance(&recovery->cursor, header);
	return 0;
}

static uint32_t facts_of_last(const struct recovery *recovery)
{
	if (!recovery->report.was_clean)
		return 0;
	bool is_last_opening = recovery->slot_is_valid[0] && recovery->slot_is_valid[1] &&
			       recovery->superblock.incarnation == recovery->cursor.incarnation;
	return FACT_SEAL | (is_last_opening ? FACT_LAST_OPENING : 0);
}

/* Does the place where the next group must begin, or such a group that is not whole, reach into what was cut off? Only a seal of the last opening says
 * that nothing was there. */
static bool is_end_of_cut(const struct recovery *recovery, const struct ring_reader *reader, const struct found_group *group)
{
	uint64_t place = group ? group->header.place : recovery->cursor.place;
	uint64_t length = group ? group->header.length : JOURNAL_BLOCK_SIZE;
	return JOURNAL_RING_POSITION + place % reader->ring_size + length > reader->file_size;
}

static void count_end(struct recovery *recovery, const struct recovery_row *row, const struct search *search, bool is_end_of_cut)
{
	struct journal_report *report = &recovery->report;
	uint64_t missing_seq = recovery->cursor.seq;
	report->decision = row->label;
	if (is_end_of_cut && row->label != 'J') {
		uint64_t last_seq = row->label == 'L' ? recovery->vouched_seq + 1 : missing_seq; /* nothing says that it was the last */
		report->damaged_groups += last_seq - missing_seq + 1;
		note_missing(recovery, missing_seq, last_seq);
		return;
	}
	report->was_clean = row->label == 'J' || row->label == 'O';
	if (row->label == 'L') {
		report->damaged_groups += recovery->vouched_seq - missing_seq + 1;
		note_missing(recovery, missing_seq, recovery->vouched_seq);
	} else if (row->label == 'M' || row->label == 'N')
		report->torn_groups = search->seq_max > missing_seq ? search->seq_max - missing_seq + 1 : 1;
}

static void skip(struct recovery *recovery, const struct search *search)
{
	recovery->report.damaged_groups += search->resume.seq - recovery->cursor.seq;
	recovery->report.was_clean = false;
	note_missing(recovery, recovery->cursor.seq, search->resume.seq - 1);
	recovery->cursor = search->resume;
}

static uint32_t facts_of_next(const struct found_group *group, uint64_t incarnation)
{
	return FACT_FITS | (group->state == GROUP_WHOLE ? FACT_WHOLE : 0) | (group->state != GROUP_BROKEN ? FACT_ENTRIES : 0) |
	       (group->header.incarnation >= incarnation ? FACT_FUTURE : 0);
}

/* One decision at the cursor. 1: go on. 0: history ends here. Or an error. */
static int step(struct recovery *recovery, struct ring_reader *reader, uint64_t place_end, uint64_t incarnation,
		recovery_group_fn *taken, void *context)
{
	struct found_group group;
	struct search search = {0};
	int found = recovery_find_next(&recovery->superblock, reader, &recovery->cursor, place_end, &group);
	if (found < 0)
		return found;
	uint32_t facts = facts_of_last(recovery);
	if (found)
		facts |= facts_of_next(&group, incarnation);
	const struct recovery_row *row = recovery_decide(&recovery_group_table, facts);
	if (row->mask & (FACT_LATER | FACT_VOUCHED)) {
		int err = search_later(recovery, reader, &recovery->cursor, place_end, &search);
		if (err < 0)
			return err;
		if (recovery->vouched_seq < search.durable_seq_max)
			recovery->vouched_seq = search.durable_seq_max;
		recovery->does_tell |= search.does_tell;
		facts |= (search.has_later ? FACT_LATER : 0) | (search.is_vouched ? FACT_VOUCHED : 0);
		row = recovery_decide(&recovery_group_table, facts);
	}
	switch (row->decision) {
	case RECOVERY_SALVAGE:
		recovery->report.damaged_groups++;
		/* fall through */
	case RECOVERY_TAKE: {
		int err = take(recovery, &group);
		if (err < 0)
			return err;
		taken(context, &group.header);
		return 1;
	}
	case RECOVERY_SKIP: {
		int err = found ? take_repeats(recovery, &group) : 0;
		skip(recovery, &search);
		return err < 0 ? err : 1;
	}
	case RECOVERY_END: {
		int err = found && row->label == 'L' ? take_repeats(recovery, &group) : 0;
		count_end(recovery, row, &search, is_end_of_cut(recovery, reader, found ? &group : NULL));
		return err;
	}
	default:
		recovery->report.decision = row->label;
		return row->err;
	}
}

int recovery_walk(struct recovery *recovery, struct ring_reader *reader, uint64_t incarnation, bool is_loss_accepted, recovery_group_fn *taken, void *context)
{
	const struct superblock *superblock = &recovery->superblock;
	recovery->cursor = (struct recovery_cursor){superblock->trim_place, superblock->trim_seq + 1, superblock->trim_chain,
						    superblock->trim_incarnation};
	recovery->report.last_seq = superblock->trim_seq;
	recovery->vouched_seq = superblock->durable_seq;
	/* One lap at most is history: every group taken and every skip moves the cursor on towards its end. */
	uint64_t place_end = superblock->trim_place + reader->ring_size;
	int more;
	do
		more = step(recovery, reader, place_end, incarnation, taken, context);
	while (more > 0);
	recovery->report.durable_seq = recovery->vouched_seq;
	recovery->report.bytes_scanned = reader->bytes_read;
	return more < 0 ? more : decide_end(recovery, is_loss_accepted);
}

void recovery_fini(struct recovery *recovery)
{
	free(recovery->runs);
	recovery->runs = NULL;
}
