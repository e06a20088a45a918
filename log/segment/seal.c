/* The seal: fixed fields, little-endian, at the positions written here and in log/README.md, and a
 * checksum over them. */
#include "log/segment/seal.h"

#include <errno.h>
#include <xxhash.h>

#include "log/base/bytes.h"

static const char magic[8] = {'S', 'P', 'A', 'T', 'E', 'S', 'E', 'A'};
#define FORMAT_VERSION 1u
#define CHECKSUM_AT (SEAL_SIZE - 8)

void seal_encode(const struct seal *seal, uint8_t out[SEAL_SIZE])
{
	memset(out, 0, SEAL_SIZE);
	memcpy(out, magic, sizeof magic);
	store_le32(out + 8, FORMAT_VERSION);
	store_le64(out + 16, (uint64_t)seal->base_offset);
	store_le64(out + 24, (uint64_t)seal->next_offset);
	store_le64(out + 32, seal->log_size_bytes);
	store_le64(out + 40, seal->batch_count);
	store_le64(out + 48, seal->record_count);
	store_le64(out + 56, (uint64_t)seal->max_timestamp_ms);
	store_le64(out + 64, (uint64_t)seal->max_timestamp_offset);
	store_le32(out + 72, (uint32_t)seal->first_leader_epoch);
	store_le32(out + 76, (uint32_t)seal->last_leader_epoch);
	store_le64(out + 80, seal->headers_checksum_low);
	store_le64(out + 88, seal->headers_checksum_high);
	store_le64(out + 96, seal->index_size_bytes);
	store_le64(out + 104, seal->index_checksum);
	store_le64(out + 112, seal->time_index_size_bytes);
	store_le64(out + 120, seal->time_index_checksum);
	store_le64(out + CHECKSUM_AT, XXH3_64bits(out, CHECKSUM_AT));
}

static bool is_possible(const struct seal *seal)
{
	if (seal->base_offset < 0 || seal->next_offset < seal->base_offset)
		return false;
	uint64_t offsets = (uint64_t)(seal->next_offset - seal->base_offset);
	bool has_timestamp = seal->max_timestamp_offset >= 0;
	return seal->record_count <= offsets && seal->batch_count <= offsets &&
	       (!has_timestamp || (seal->max_timestamp_offset >= seal->base_offset && seal->max_timestamp_offset < seal->next_offset)) &&
	       seal->first_leader_epoch <= seal->last_leader_epoch;
}

int seal_decode(struct seal *seal, struct slice bytes)
{
	if (bytes.size < sizeof magic || memcmp(bytes.data, magic, sizeof magic) != 0)
		return ERR_FORMAT;
	if (bytes.size != SEAL_SIZE || load_le64(bytes.data + CHECKSUM_AT) != XXH3_64bits(bytes.data, CHECKSUM_AT))
		return ERR_CORRUPT_LOG;
	/* The magic, the size and the checksum stay as they are in every later version. */
	if (load_le32(bytes.data + 8) != FORMAT_VERSION)
		return ERR_FORMAT;
	*seal = (struct seal){
		.base_offset = (int64_t)load_le64(bytes.data + 16),
		.next_offset = (int64_t)load_le64(bytes.data + 24),
		.log_size_bytes = load_le64(bytes.data + 32),
		.batch_count = load_le64(bytes.data + 40),
		.record_count = load_le64(bytes.data + 48),
		.max_timestamp_ms = (int64_t)load_le64(bytes.data + 56),
		.max_timestamp_offset = (int64_t)load_le64(bytes.data + 64),
		.first_leader_epoch = (int32_t)load_le32(bytes.data + 72),
		.last_leader_epoch = (int32_t)load_le32(bytes.data + 76),
		.headers_checksum_low = load_le64(bytes.data + 80),
		.headers_checksum_high = load_le64(bytes.data + 88),
		.index_size_bytes = load_le64(bytes.data + 96),
		.index_checksum = load_le64(bytes.data + 104),
		.time_index_size_bytes = load_le64(bytes.data + 112),
		.time_index_checksum = load_le64(bytes.data + 120),
	};
	return is_possible(seal) ? 0 : ERR_CORRUPT_LOG;
}

/* ---- checksums ------------------------------------------------------------------------------------------------- */

/* The library's state is a type of its own: only its pointer leaves this file. */
static XXH3_state_t *state_of(struct seal_hash *hash) { return (XXH3_state_t *)hash; }

int seal_hash_create(struct seal_hash **out)
{
	XXH3_state_t *state = XXH3_createState();
	if (!state)
		return -ENOMEM;
	*out = (struct seal_hash *)state;
	XXH3_128bits_reset(state);
	return 0;
}

void seal_hash_destroy(struct seal_hash *hash)
{
	if (hash)
		XXH3_freeState(state_of(hash));
}

void seal_hash_update(struct seal_hash *hash, const void *header, size_t size)
{
	XXH3_128bits_update(state_of(hash), header, size);
}

void seal_hash_result(const struct seal_hash *hash, uint64_t *low, uint64_t *high)
{
	XXH128_hash_t result = XXH3_128bits_digest((const XXH3_state_t *)hash);
	*low = result.low64;
	*high = result.high64;
}

uint64_t seal_index_checksum(struct slice bytes)
{
	return XXH3_64bits(bytes.data, bytes.size);
}
