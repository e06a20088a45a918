/* The seal of a complete segment: a small file beside it (`<base offset>.seal`) that says how large its
 * files are and what their checksums are, so that damage anywhere in them, record headers outside the CRC
 * included, is found, and so that a sealed segment need not be scanned at start. Owns nothing; any thread;
 * never touches the disk. */
#pragma once

#include "log/base/err.h"

#define SEAL_SIZE 256u

struct seal {
	int64_t base_offset;
	int64_t next_offset;          /* one past the last record */
	uint64_t log_size_bytes;
	uint64_t batch_count;
	uint64_t record_count;
	int64_t max_timestamp_ms;     /* -1 if there is none */
	int64_t max_timestamp_offset; /* of the first record that has it; -1 if there is none */
	int32_t first_leader_epoch, last_leader_epoch;
	uint64_t headers_checksum_low, headers_checksum_high; /* XXH3-128 of the headers of all batches of the .log, front to back */
	uint64_t index_size_bytes, index_checksum;           /* XXH3-64 of the .index file */
	uint64_t time_index_size_bytes, time_index_checksum; /* XXH3-64 of the .timeindex file */
};

void seal_encode(const struct seal *seal, uint8_t out[SEAL_SIZE]);
/* ERR_FORMAT: no seal, or one of a later version. ERR_CORRUPT_LOG: it fails its own checksum, or says what
 * cannot be (a negative offset, an end before the beginning, more records than offsets). A seal that fails
 * proves nothing about the segment. */
MUST_USE int seal_decode(struct seal *seal, struct slice bytes);

/* The checksum of a segment's batches: XXH3-128 of their headers (BATCH_HEADER_SIZE bytes each), front to
 * back. A header holds all that the batch's CRC-32C does not cover (base offset, length, epoch, magic) and
 * that CRC itself, which stands for the records; so it finds what a checksum of the whole file would find,
 * for none of the cost (measured: hashing every byte took 28 % of the append path), and a reader that
 * verifies walks the batches anyhow. */
struct seal_hash;
MUST_USE int seal_hash_create(struct seal_hash **out);
void seal_hash_destroy(struct seal_hash *hash);
void seal_hash_update(struct seal_hash *hash, const void *header, size_t size);
void seal_hash_result(const struct seal_hash *hash, uint64_t *low, uint64_t *high);
/* XXH3-64 of the bytes of an index file. */
uint64_t seal_index_checksum(struct slice bytes);
