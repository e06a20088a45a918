/* Encoding and decoding of what a journal file holds. Each structure is stored field by field,
 * little-endian, at the positions written here and in log/README.md. A decoder that finds anything unsound
 * says so and touches nothing else: what that means is for recovery to decide. */
#include "log/journal/journal_format.h"

#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/wide_hash.h"

static const char superblock_magic[8] = {'S', 'P', 'A', 'T', 'E', 'J', 'N', 'L'};
#define GROUP_MAGIC 0x474a5053u /* "SPJG" */
#define FORMAT_VERSION 1u
#define OPENINGS_AT 128u
#define OPENING_SIZE 16u
#define SUPERBLOCK_CHECKSUM_AT (JOURNAL_BLOCK_SIZE - 8)
#define TELLS_AT (OPENINGS_AT + OPENINGS_MAX * OPENING_SIZE)
#define REPEATS_AT (TELLS_AT + 16)
#define DIRECTORY_ID_AT (SUPERBLOCK_CHECKSUM_AT - sizeof(struct uuid))
_Static_assert(REPEATS_AT + SUPERBLOCK_REPEATS_MAX * GROUP_ENTRY_SIZE <= DIRECTORY_ID_AT, "openings and repeats fit a superblock");
#define GROUP_SEED_AT 104
#define GROUP_CHECKSUM_AT (GROUP_HEADER_SIZE - 8)

/* ---- the superblock ------------------------------------------------------------------------------------------ */

/* A group older than the last one trimmed is never history again, so an opening up to that one's cuts off
 * nothing any more. */
void superblock_add_opening(struct superblock *superblock, uint64_t incarnation, uint64_t start_seq)
{
	uint32_t dropped = superblock->opening_count == OPENINGS_MAX ? 1 : 0;
	while (dropped < superblock->opening_count && superblock->openings[dropped].incarnation <= superblock->trim_incarnation)
		dropped++;
	superblock->opening_count -= dropped;
	memmove(superblock->openings, superblock->openings + dropped, superblock->opening_count * sizeof *superblock->openings);
	superblock->openings[superblock->opening_count++] = (struct opening){incarnation, start_seq};
}

bool superblock_has_cut_off(const struct superblock *superblock, uint64_t incarnation, uint64_t seq)
{
	for (uint32_t i = 0; i < superblock->opening_count; i++)
		if (superblock->openings[i].incarnation > incarnation && seq > superblock->openings[i].start_seq)
			return true;
	return false;
}

void superblock_encode(const struct superblock *superblock, uint8_t *out)
{
	memset(out, 0, JOURNAL_BLOCK_SIZE);
	memcpy(out, superblock_magic, sizeof superblock_magic);
	store_le32(out + 8, FORMAT_VERSION);
	store_le64(out + 16, superblock->write_number);
	store_le64(out + 24, superblock->file_size_bytes);
	store_le64(out + 32, superblock->seed);
	store_le64(out + 40, superblock->incarnation);
	store_le64(out + 48, superblock->durable_seq);
	store_le64(out + 56, superblock->trim_seq);
	store_le64(out + 64, superblock->trim_place);
	store_le64(out + 72, superblock->trim_chain);
	store_le64(out + 80, superblock->trim_incarnation);
	store_le64(out + 88, superblock->written_place);
	store_le32(out + 96, superblock->opening_count);
	store_le32(out + 100, superblock->shard_plus_one);
	store_le64(out + 104, superblock->checkpoint);
	store_le64(out + 112, superblock->log_starts);
	store_le64(out + 120, superblock->reach_place);
	for (uint32_t i = 0; i < superblock->opening_count; i++) {
		store_le64(out + OPENINGS_AT + i * OPENING_SIZE, superblock->openings[i].incarnation);
		store_le64(out + OPENINGS_AT + i * OPENING_SIZE + 8, superblock->openings[i].start_seq);
	}
	store_le32(out + TELLS_AT, superblock->tells);
	store_le32(out + TELLS_AT + 4, superblock->repeat_count);
	store_le64(out + TELLS_AT + 8, superblock->told_from);
	memcpy(out + REPEATS_AT, superblock->repeats, (size_t)superblock->repeat_count * GROUP_ENTRY_SIZE);
	memcpy(out + DIRECTORY_ID_AT, superblock->directory_id.bytes, sizeof superblock->directory_id.bytes);
	store_le64(out + SUPERBLOCK_CHECKSUM_AT, wide_hash(out, SUPERBLOCK_CHECKSUM_AT));
}

static bool is_possible(const struct superblock *superblock)
{
	uint64_t size = superblock->file_size_bytes;
	if (size % JOURNAL_BLOCK_SIZE || size < JOURNAL_RING_POSITION + 16 * JOURNAL_BLOCK_SIZE || size > INT64_MAX)
		return false;
	uint64_t ring_size = size - JOURNAL_RING_POSITION;
	return superblock->trim_place % JOURNAL_BLOCK_SIZE == 0 && superblock->trim_place <= INT64_MAX &&
	       superblock->written_place % JOURNAL_BLOCK_SIZE == 0 && superblock->written_place <= ring_size &&
	       superblock->trim_seq <= superblock->durable_seq && superblock->durable_seq <= INT64_MAX;
}

enum superblock_state superblock_decode(struct superblock *superblock, const uint8_t *block)
{
	if (memcmp(block, superblock_magic, sizeof superblock_magic) != 0)
		return SUPERBLOCK_FOREIGN;
	if (load_le64(block + SUPERBLOCK_CHECKSUM_AT) != wide_hash(block, SUPERBLOCK_CHECKSUM_AT))
		return SUPERBLOCK_BROKEN;
	/* The magic, the version and the checksum stay where they are in every later version. */
	if (load_le32(block + 8) != FORMAT_VERSION)
		return SUPERBLOCK_LATER;
	*superblock = (struct superblock){
		.write_number = load_le64(block + 16),
		.file_size_bytes = load_le64(block + 24),
		.seed = load_le64(block + 32),
		.incarnation = load_le64(block + 40),
		.durable_seq = load_le64(block + 48),
		.trim_seq = load_le64(block + 56),
		.trim_place = load_le64(block + 64),
		.trim_chain = load_le64(block + 72),
		.trim_incarnation = load_le64(block + 80),
		.written_place = load_le64(block + 88),
		.opening_count = load_le32(block + 96),
		.shard_plus_one = load_le32(block + 100),
		.checkpoint = load_le64(block + 104),
		.log_starts = load_le64(block + 112),
		.reach_place = load_le64(block + 120),
		.tells = load_le32(block + TELLS_AT),
		.repeat_count = load_le32(block + TELLS_AT + 4),
		.told_from = load_le64(block + TELLS_AT + 8),
	};
	if (superblock->opening_count > OPENINGS_MAX || superblock->repeat_count > SUPERBLOCK_REPEATS_MAX)
		return SUPERBLOCK_BROKEN;
	memcpy(superblock->directory_id.bytes, block + DIRECTORY_ID_AT, sizeof superblock->directory_id.bytes);
	memcpy(superblock->repeats, block + REPEATS_AT, (size_t)superblock->repeat_count * GROUP_ENTRY_SIZE);
	for (uint32_t i = 0; i < superblock->opening_count; i++) {
		superblock->openings[i].incarnation = load_le64(block + OPENINGS_AT + i * OPENING_SIZE);
		superblock->openings[i].start_seq = load_le64(block + OPENINGS_AT + i * OPENING_SIZE + 8);
	}
	return is_possible(superblock) ? SUPERBLOCK_VALID : SUPERBLOCK_BROKEN;
}

/* ---- the group header ------------------------------------------------------------------------------------------ */

void group_header_encode(struct group_header *header, uint64_t seed, uint8_t *out)
{
	memset(out, 0, GROUP_HEADER_SIZE);
	store_le32(out, GROUP_MAGIC);
	store_le16(out + 4, FORMAT_VERSION);
	store_le16(out + 6, header->flags);
	store_le32(out + 8, header->length);
	store_le32(out + 12, header->entry_count);
	store_le32(out + 16, header->body_size_bytes);
	store_le64(out + 24, header->incarnation);
	store_le64(out + 32, header->seq);
	store_le64(out + 40, header->place);
	store_le64(out + 48, header->durable_seq);
	store_le64(out + 56, header->chain);
	store_le64(out + 64, header->body_checksum);
	store_le64(out + 72, (uint64_t)header->time_ms);
	store_le32(out + 80, header->repeat_count);
	store_le64(out + 88, header->told_from);
	store_le64(out + 96, header->repeats_checksum);
	store_le64(out + GROUP_SEED_AT, seed);
	header->checksum = XXH3_64bits_withSeed(out, GROUP_CHECKSUM_AT, seed);
	store_le64(out + GROUP_CHECKSUM_AT, header->checksum);
}

static bool sizes_agree(const struct group_header *header, uint64_t length_max)
{
	return header->length > 0 && header->length % JOURNAL_BLOCK_SIZE == 0 && header->length <= length_max &&
	       header->body_size_bytes + (uint64_t)header->repeat_count * GROUP_ENTRY_SIZE <= header->length - GROUP_HEADER_SIZE &&
	       header->entry_count <= header->body_size_bytes / GROUP_ENTRY_SIZE &&
	       header->place % JOURNAL_BLOCK_SIZE == 0 && header->durable_seq < header->seq && header->seq <= INT64_MAX;
}

uint64_t group_header_seed(const uint8_t *bytes)
{
	uint64_t seed = load_le64(bytes + GROUP_SEED_AT);
	struct group_header header;
	return seed && group_header_decode(&header, seed, UINT32_MAX, bytes) ? seed : 0;
}

const uint8_t *group_header_look_for(const uint8_t *bytes, size_t size)
{
	const uint8_t *end = bytes + size, *at = bytes;
	while (at < end && (at = memchr(at, GROUP_MAGIC & 0xff, (size_t)(end - at))) && load_le32(at) != GROUP_MAGIC)
		at++;
	return at < end ? at : NULL;
}

bool group_header_decode(struct group_header *header, uint64_t seed, uint64_t length_max, const uint8_t *bytes)
{
	if (load_le32(bytes) != GROUP_MAGIC || load_le16(bytes + 4) != FORMAT_VERSION)
		return false;
	*header = (struct group_header){
		.flags = load_le16(bytes + 6),
		.length = load_le32(bytes + 8),
		.entry_count = load_le32(bytes + 12),
		.body_size_bytes = load_le32(bytes + 16),
		.incarnation = load_le64(bytes + 24),
		.seq = load_le64(bytes + 32),
		.place = load_le64(bytes + 40),
		.durable_seq = load_le64(bytes + 48),
		.chain = load_le64(bytes + 56),
		.body_checksum = load_le64(bytes + 64),
		.time_ms = (int64_t)load_le64(bytes + 72),
		.repeat_count = load_le32(bytes + 80),
		.told_from = load_le64(bytes + 88),
		.repeats_checksum = load_le64(bytes + 96),
		.checksum = load_le64(bytes + GROUP_CHECKSUM_AT),
	};
	return XXH3_64bits_withSeed(bytes, GROUP_CHECKSUM_AT, seed) == header->checksum && sizes_agree(header, length_max);
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

static void put_entry(const struct journal_entry *entry, uint32_t payload_size_bytes, uint8_t *out)
{
	store_le64(out, entry->kind | (uint64_t)payload_size_bytes << 32);
	memcpy(out + 8, entry->topic_id.bytes, sizeof entry->topic_id.bytes);
	store_le64(out + 24, entry->partition | (uint64_t)entry->data_size_bytes << 32);
	store_le64(out + 32, (uint64_t)entry->base_offset);
	store_le64(out + 40, (uint64_t)entry->end_offset);
	store_le64(out + 48, (uint64_t)entry->segment_base_offset);
	store_le64(out + 56, entry->position);
	store_le64(out + 64, entry->data_checksum);
}

/* The checksum is that of a copy at hand: whoever reads at once what he has written into the group waits until the line was fetched from memory. */
uint64_t group_entry_encode(const struct journal_entry *entry, uint32_t payload_size_bytes, uint64_t body_checksum, uint8_t *out)
{
	uint8_t bytes[GROUP_ENTRY_SIZE];
	put_entry(entry, payload_size_bytes, out);
	put_entry(entry, payload_size_bytes, bytes);
	return XXH3_64bits_withSeed(bytes, sizeof bytes, body_checksum);
}

bool group_entry_next(struct slice body, size_t *position, struct journal_entry *entry, struct slice *payload)
{
	if (*position > body.size || body.size - *position < GROUP_ENTRY_SIZE)
		return false;
	const uint8_t *at = body.data + *position;
	uint64_t payload_size = load_le32(at + 4);
	if (group_entry_size(payload_size) > body.size - *position)
		return false;
	*entry = (struct journal_entry){
		.kind = at[0],
		.partition = load_le32(at + 24),
		.data_size_bytes = load_le32(at + 28),
		.base_offset = (int64_t)load_le64(at + 32),
		.end_offset = (int64_t)load_le64(at + 40),
		.segment_base_offset = (int64_t)load_le64(at + 48),
		.position = load_le64(at + 56),
		.data_checksum = load_le64(at + 64),
	};
	memcpy(entry->topic_id.bytes, at + 8, sizeof entry->topic_id.bytes);
	*payload = (struct slice){payload_size ? at + GROUP_ENTRY_SIZE : NULL, payload_size};
	*position += group_entry_size(payload_size);
	return true;
}

bool group_payload_is_whole(const struct journal_entry *entry, struct slice payload)
{
	return payload.size == 0 || wide_hash(payload.data, payload.size) == entry->data_checksum;
}

enum group_state group_check(const struct group_header *header, uint64_t seed, const uint8_t *group)
{
	enum group_state state = GROUP_WHOLE;
	struct slice body = {group + GROUP_HEADER_SIZE, header->body_size_bytes};
	uint64_t checksum = group_body_checksum_start(seed);
	size_t position = 0;
	/* entry_count was bounded by the body's size, and each step moves on by GROUP_ENTRY_SIZE at least. */
	for (uint32_t i = 0; i < header->entry_count; i++) {
		const uint8_t *at = body.data + position;
		struct journal_entry entry;
		struct slice payload;
		if (!group_entry_next(body, &position, &entry, &payload))
			return GROUP_BROKEN;
		checksum = XXH3_64bits_withSeed(at, GROUP_ENTRY_SIZE, checksum);
		if (!group_payload_is_whole(&entry, payload))
			state = GROUP_DAMAGED;
	}
	return position == body.size && checksum == header->body_checksum ? state : GROUP_BROKEN;
}

uint64_t group_repeats_checksum(uint64_t seed, struct slice repeats)
{
	return XXH3_64bits_withSeed(repeats.data, repeats.size, seed);
}

bool group_repeats(const struct group_header *header, uint64_t seed, const uint8_t *group, struct slice *out)
{
	*out = (struct slice){group + GROUP_HEADER_SIZE + header->body_size_bytes, (size_t)header->repeat_count * GROUP_ENTRY_SIZE};
	return header->flags & GROUP_TELLS && group_repeats_checksum(seed, *out) == header->repeats_checksum;
}

uint64_t journal_data_checksum(struct slice data)
{
	return XXH3_64bits(data.data, data.size);
}
