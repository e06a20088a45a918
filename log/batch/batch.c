/* The batch header. The happy path: 61 bytes are decoded into a struct, the CRC over the rest agrees, the log stamps its offset.
 * A length field that cannot be is a corrupt batch; another magic is an invalid record, as Kafka answers it. */
#include "log/batch/batch.h"

#include "log/batch/crc32c.h"

const char *batch_codec_name(unsigned codec)
{
	static const char *const names[batch_codec_count] = {"none", "gzip", "snappy", "lz4", "zstd"};
	return codec < batch_codec_count ? names[codec] : "unknown";
}

uint32_t batch_peek_size(struct slice bytes)
{
	if (bytes.size < BATCH_LENGTH_OVERHEAD)
		return 0;
	uint64_t size = (uint64_t)load_be32(bytes.data + BATCH_AT_LENGTH) + BATCH_LENGTH_OVERHEAD;
	return size >= BATCH_HEADER_SIZE && size <= BATCH_SIZE_MAX ? (uint32_t)size : 0;
}

int batch_parse_header(struct slice bytes, struct batch *out)
{
	const uint8_t *at = bytes.data;
	memset(out, 0, sizeof *out);
	out->size_bytes = batch_peek_size(bytes);
	if (out->size_bytes == 0 || bytes.size < BATCH_HEADER_SIZE)
		return ERR_CORRUPT_BATCH;
	out->magic = (int8_t)at[BATCH_AT_MAGIC];
	if (out->magic != BATCH_MAGIC)
		return ERR_INVALID_RECORD;
	out->base_offset = (int64_t)load_be64(at + BATCH_AT_BASE_OFFSET);
	out->leader_epoch = (int32_t)load_be32(at + BATCH_AT_LEADER_EPOCH);
	out->crc = load_be32(at + BATCH_AT_CRC);
	out->attributes = (int16_t)load_be16(at + BATCH_AT_ATTRIBUTES);
	out->last_offset_delta = (int32_t)load_be32(at + BATCH_AT_LAST_OFFSET_DELTA);
	out->base_timestamp_ms = (int64_t)load_be64(at + BATCH_AT_BASE_TIMESTAMP);
	out->max_timestamp_ms = (int64_t)load_be64(at + BATCH_AT_MAX_TIMESTAMP);
	out->producer_id = (int64_t)load_be64(at + BATCH_AT_PRODUCER_ID);
	out->producer_epoch = (int16_t)load_be16(at + BATCH_AT_PRODUCER_EPOCH);
	out->base_sequence = (int32_t)load_be32(at + BATCH_AT_BASE_SEQUENCE);
	out->records_count = (int32_t)load_be32(at + BATCH_AT_RECORDS_COUNT);
	return 0;
}

static uint32_t compute_crc(const uint8_t *bytes, uint32_t size_bytes)
{
	return crc32c(bytes + BATCH_AT_ATTRIBUTES, size_bytes - BATCH_AT_ATTRIBUTES);
}

int batch_check_crc(struct slice bytes, const struct batch *batch)
{
	if (bytes.size < batch->size_bytes || batch->size_bytes < BATCH_HEADER_SIZE)
		return ERR_CORRUPT_BATCH;
	return compute_crc(bytes.data, batch->size_bytes) == batch->crc ? 0 : ERR_CORRUPT_BATCH;
}

int batch_parse_checked(struct slice bytes, struct batch *out)
{
	int err = batch_parse_header(bytes, out);
	return err ? err : batch_check_crc(bytes, out);
}

void batch_stamp_offset(uint8_t *bytes, int64_t base_offset, int32_t leader_epoch)
{
	store_be64(bytes + BATCH_AT_BASE_OFFSET, (uint64_t)base_offset);
	store_be32(bytes + BATCH_AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void batch_stamp_crc(uint8_t *bytes, uint32_t size_bytes)
{
	store_be32(bytes + BATCH_AT_CRC, compute_crc(bytes, size_bytes));
}

static void stamp_time(uint8_t *bytes, uint32_t size_bytes, uint16_t attributes, int64_t max_timestamp_ms)
{
	store_be16(bytes + BATCH_AT_ATTRIBUTES, attributes);
	store_be64(bytes + BATCH_AT_MAX_TIMESTAMP, (uint64_t)max_timestamp_ms);
	batch_stamp_crc(bytes, size_bytes);
}

void batch_stamp_append_time(uint8_t *bytes, uint32_t size_bytes, int64_t now_ms)
{
	stamp_time(bytes, size_bytes, load_be16(bytes + BATCH_AT_ATTRIBUTES) | BATCH_IS_APPEND_TIME, now_ms);
}

void batch_stamp_max_timestamp(uint8_t *bytes, uint32_t size_bytes, int64_t max_timestamp_ms)
{
	uint16_t attributes = load_be16(bytes + BATCH_AT_ATTRIBUTES) & (uint16_t)~BATCH_IS_APPEND_TIME;
	stamp_time(bytes, size_bytes, attributes, max_timestamp_ms);
}

void batch_write_header(uint8_t *bytes, const struct batch *batch)
{
	batch_stamp_offset(bytes, batch->base_offset, batch->leader_epoch);
	store_be32(bytes + BATCH_AT_LENGTH, batch->size_bytes - BATCH_LENGTH_OVERHEAD);
	bytes[BATCH_AT_MAGIC] = (uint8_t)batch->magic;
	store_be32(bytes + BATCH_AT_CRC, batch->crc);
	store_be16(bytes + BATCH_AT_ATTRIBUTES, (uint16_t)batch->attributes);
	store_be32(bytes + BATCH_AT_LAST_OFFSET_DELTA, (uint32_t)batch->last_offset_delta);
	store_be64(bytes + BATCH_AT_BASE_TIMESTAMP, (uint64_t)batch->base_timestamp_ms);
	store_be64(bytes + BATCH_AT_MAX_TIMESTAMP, (uint64_t)batch->max_timestamp_ms);
	store_be64(bytes + BATCH_AT_PRODUCER_ID, (uint64_t)batch->producer_id);
	store_be16(bytes + BATCH_AT_PRODUCER_EPOCH, (uint16_t)batch->producer_epoch);
	store_be32(bytes + BATCH_AT_BASE_SEQUENCE, (uint32_t)batch->base_sequence);
	store_be32(bytes + BATCH_AT_RECORDS_COUNT, (uint32_t)batch->records_count);
}
