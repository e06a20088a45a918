/* Fills a batch with records of random text until the next one does not fit. */
#include "bench/load/payload.h"

#include "log/batch/batch.h"
#include "log/batch/batch_builder.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* xorshift64*: quick, and the same bytes in every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

static void fill_with_text(uint8_t *text, size_t size, uint64_t *state)
{
	static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t)alphabet[next_random(state) >> 58];
}

static int append_records(struct payload *payload, struct batch_builder *builder, uint8_t *text, uint32_t record_bytes)
{
	uint64_t state = 88172645463325252;
	for (;;) {
		fill_with_text(text, record_bytes, &state);
		struct record record = { .timestamp_ms = (int64_t)time(NULL) * 1000, .value = { text, record_bytes } };
		int err = batch_builder_append(builder, &record);
		if (err == ERR_BATCH_TOO_LARGE && payload->records)
			return 0;
		if (err)
			return err;
		payload->records++;
	}
}

int payload_build(struct payload *payload, uint32_t batch_bytes, uint32_t record_bytes)
{
	size_t one_record = BATCH_HEADER_SIZE + RECORD_OVERHEAD_MAX + (size_t)record_bytes;
	size_t capacity = batch_bytes > one_record ? batch_bytes : one_record;
	uint8_t *text = malloc(record_bytes + 1);
	struct batch_builder builder;
	*payload = (struct payload){ .batch = malloc(capacity) };
	int err = text && payload->batch ? 0 : -ENOMEM;
	if (!err)
		err = batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, payload->batch, capacity);
	if (!err)
		err = append_records(payload, &builder, text, record_bytes);
	if (!err)
		err = batch_builder_finish(&builder, &payload->size_bytes);
	free(text);
	return err;
}

void payload_free(struct payload *payload)
{
	free(payload->batch);
	payload->batch = NULL;
}
