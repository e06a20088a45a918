/* Fuzzes everything log/batch reads: a produced batch through validation, rebuild, iteration and time lookup. The first input byte picks
 * the rules and the window; the rest is the batch, whose length field, magic and CRC are set right so that the fuzzer gets past them. What
 * validation lets pass must be walked to its end with as many records, and rebuilt, without an error.
 *
 * tests/golden/batches holds good first inputs (hexadecimal; one byte of choice goes before the batch). */
#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "log/batch/validate.h"

#define INPUT_SIZE_MAX 65536
#define DECOMPRESSED_SIZE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int walk(struct batch_workspace *workspace, struct slice bytes, int32_t *count)
{
	struct record_iter iter;
	struct record record;
	int result = record_iter_open(&iter, workspace, bytes);
	*count = 0;
	while (result >= 0 && (result = record_iter_next(&iter, &record)) == 1) {
		struct slice rest = record.headers;
		struct record_header header;
		uint32_t headers = 0;
		while (record_header_next(&rest, &header))
			headers++;
		CHECK(headers == record.header_count && rest.size == 0);
		++*count;
	}
	record_iter_close(&iter);
	return result;
}

static void fix_header(uint8_t *bytes, size_t size)
{
	if (size < BATCH_HEADER_SIZE)
		return;
	store_be64(bytes, 0);
	store_be32(bytes + BATCH_AT_LENGTH, (uint32_t)size - BATCH_LENGTH_OVERHEAD);
	bytes[BATCH_AT_MAGIC] = BATCH_MAGIC;
	batch_stamp_crc(bytes, (uint32_t)size);
}

static void judge(struct batch_workspace *workspace, uint8_t *bytes, size_t size, const struct batch_rules *rules)
{
	static uint8_t rebuilt[4 * DECOMPRESSED_SIZE_MAX];
	struct batch_verdict verdict;
	struct batch batch;
	int32_t count;
	uint32_t rebuilt_size;
	int64_t offset, timestamp;
	int err = batch_validate(workspace, bytes, size, rules, &verdict);
	struct slice view = {bytes, size};
	if (err) {
		if (walk(workspace, view, &count) == 0 && record_find_timestamp(workspace, view, 5, 0, &offset, &timestamp) == 1)
			CHECK(timestamp >= 5);
		return;
	}
	CHECK(walk(workspace, view, &count) == 0 && count == verdict.batch.records_count);
	CHECK(batch_parse_checked(view, &batch) == 0);
	CHECK(record_find_max_timestamp(workspace, view, &offset, &timestamp) >= 0);
	if (!verdict.needs_rebuild) {
		batch_stamp_verdict(bytes, &verdict);
		CHECK(batch_parse_checked(view, &batch) == 0 && memcmp(&batch, &verdict.batch, sizeof batch) == 0);
		return;
	}
	err = batch_rebuild(workspace, view, rules, &verdict, rebuilt, sizeof rebuilt, &rebuilt_size);
	if (err == ERR_BATCH_TOO_LARGE)
		return;
	CHECK(err == 0 && batch_parse_checked((struct slice){rebuilt, rebuilt_size}, &batch) == 0);
	CHECK(walk(workspace, (struct slice){rebuilt, rebuilt_size}, &count) == 0 && count == verdict.batch.records_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct batch_workspace *workspaces[2];
	if (!workspaces[0]) {
		CHECK(batch_workspace_open(&workspaces[0], 32) == 0);
		CHECK(batch_workspace_open(&workspaces[1], COMPRESS_WINDOW_SIZE) == 0);
	}
	if (size < 1 || size > INPUT_SIZE_MAX)
		return 0;
	uint8_t choice = data[0];
	struct batch_rules rules = {
		.size_max = 4 * DECOMPRESSED_SIZE_MAX,
		.now_ms = 1000000,
		.timestamp_before_max_ms = INT64_MAX,
		.timestamp_after_max_ms = choice & 1 ? INT64_MAX : 1000,
		.target_codec = (int8_t)((choice >> 1) % 6 - 1),
		.level = 1,
		.is_append_time = choice & 16,
		.is_compacted = choice & 32,
		.is_internal = choice & 64,
		.is_zstd_allowed = true,
		.decompressed_size_max = DECOMPRESSED_SIZE_MAX,
	};
	/* An allocation of its exact size, so that ASan sees one byte too far. */
	uint8_t *bytes = malloc(size - 1 ? size - 1 : 1);
	memcpy(bytes, data + 1, size - 1);
	fix_header(bytes, size - 1);
	CHECK(records_check_single_batch((struct slice){bytes, size - 1}) <= 0);
	judge(workspaces[choice >> 7], bytes, size - 1, &rules);
	free(bytes);
	return 0;
}
