/* The one record batch that a run sends again and again. Owns its bytes; any thread. */
#pragma once

#include "log/base/types.h"

struct payload {
	uint8_t *batch;
	uint32_t size_bytes;
	uint32_t records;
};

/* Builds a batch of whole records of `record_bytes` each, as many as fit in `batch_bytes` and at least
 * one. Values are random text: letters and digits, which no codec shrinks by more than a quarter. The same
 * each time. 0, -ENOMEM, or what batch_builder says. payload_free is harmless after either. */
int payload_build(struct payload *payload, uint32_t batch_bytes, uint32_t record_bytes) MUST_USE;
void payload_free(struct payload *payload);
