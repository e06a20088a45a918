/* libFuzzer: the small files beside a log: offset index, time index, seal, leader epochs, partition.metadata, producer snapshot. The first byte
 * picks one, the second says whether its checksum is set right first. What decodes must encode to what decodes the same. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/batch/crc32c.h"
#include "log/partition/producer.h"
#include "log/segment/epoch_file.h"
#include "log/segment/offset_index.h"
#include "log/segment/partition_metadata.h"
#include "log/segment/seal.h"
#include "log/segment/time_index.h"

#define INDEX_SIZE_MAX (1u << 20)
#define LOG_SIZE (1ull << 31)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_offset_index(struct slice bytes)
{
	struct offset_index index;
	offset_index_init(&index, 1000, INDEX_SIZE_MAX);
	if (offset_index_decode(&index, bytes, LOG_SIZE) == 0) {
		CHECK(offset_index_encoded_size(&index) == bytes.size);
		uint8_t *again = malloc(bytes.size + 1);
		offset_index_encode(&index, again);
		CHECK(memcmp(again, bytes.data, bytes.size) == 0);
		free(again);
		for (int64_t offset = 990; offset < 1100; offset++)
			CHECK(offset_index_floor(&index, offset) < LOG_SIZE);
	}
	offset_index_fini(&index);
}

static void read_time_index(struct slice bytes)
{
	struct time_index index;
	time_index_init(&index, 1000, INDEX_SIZE_MAX);
	if (time_index_decode(&index, bytes) == 0) {
		CHECK(time_index_encoded_size(&index) == bytes.size);
		uint8_t *again = malloc(bytes.size + 1);
		time_index_encode(&index, again);
		CHECK(memcmp(again, bytes.data, bytes.size) == 0);
		free(again);
		int64_t timestamp, offset, last_offset = 1000;
		for (int64_t at = -2; at < 100; at++) {
			time_index_floor(&index, at, &timestamp, &offset);
			CHECK(timestamp <= at || timestamp == -1);
			CHECK(offset >= last_offset);
			last_offset = offset;
		}
	}
	time_index_fini(&index);
}

static void read_seal(struct slice bytes)
{
	struct seal seal, again;
	if (seal_decode(&seal, bytes))
		return;
	uint8_t encoded[SEAL_SIZE];
	seal_encode(&seal, encoded);
	CHECK(seal_decode(&again, (struct slice){encoded, sizeof encoded}) == 0);
	CHECK(memcmp(&seal, &again, sizeof seal) == 0);
}

static void read_epochs(struct slice bytes)
{
	struct epochs epochs, again;
	epochs_init(&epochs);
	epochs_init(&again);
	if (epochs_decode(&epochs, bytes) == 0) {
		size_t size = epochs_encoded_size_max(&epochs);
		char *text = malloc(size);
		size = epochs_encode(&epochs, text, size);
		CHECK(epochs_decode(&again, (struct slice){(uint8_t *)text, size}) == 0);
		CHECK(again.count == epochs.count);
		CHECK(!again.count || memcmp(again.entries, epochs.entries, epochs.count * sizeof *epochs.entries) == 0);
		free(text);
	}
	epochs_fini(&epochs);
	epochs_fini(&again);
}

static void read_metadata(struct slice bytes)
{
	struct uuid id, again;
	if (partition_metadata_decode(&id, bytes))
		return;
	char text[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&id, text);
	CHECK(partition_metadata_decode(&again, (struct slice){(uint8_t *)text, size}) == 0 && uuid_equal(&id, &again));
}

static void read_producers(struct slice bytes)
{
	struct producer_state *state = NULL, *again = NULL;
	if (producer_snapshot_decode(&state, bytes, 1000, 100))
		return;
	size_t size = producer_snapshot_size(state);
	uint8_t *encoded = malloc(size + 1);
	producer_snapshot_encode(state, encoded);
	CHECK(producer_snapshot_decode(&again, (struct slice){encoded, size}, 1000, 100) == 0);
	CHECK(producer_snapshot_size(again) == size);
	free(encoded);
	producer_destroy(&state);
	producer_destroy(&again);
}

/* So that the fuzzer gets past the checksums: a seal ends with one, a snapshot has one behind its version. */
static void stamp(int kind, uint8_t *bytes, size_t size)
{
	if (kind == 2 && size >= SEAL_SIZE)
		store_le64(bytes + SEAL_SIZE - 8, XXH3_64bits(bytes, SEAL_SIZE - 8));
	if (kind == 5 && size >= 6)
		store_be32(bytes + 2, crc32c(bytes + 6, size - 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct slice) = {read_offset_index, read_time_index, read_seal, read_epochs, read_metadata, read_producers};
	if (size < 2)
		return 0;
	int kind = data[0] % (int)COUNT_OF(readers);
	uint8_t *bytes = malloc(size - 2 + 1); /* a copy of its own, so that a read behind it is seen */
	memcpy(bytes, data + 2, size - 2);
	if (data[1] & 1)
		stamp(kind, bytes, size - 2);
	readers[kind]((struct slice){bytes, size - 2});
	free(bytes);
	return 0;
}
