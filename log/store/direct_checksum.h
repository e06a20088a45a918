/* The checksum that a journal entry has of a piece in its segment: of its batches' headers in order, whose CRCs stand for the records. Owns a state while it
 * runs; any thread; reads nothing itself.
 *
 * ENTRY_DIRECT chains them (each seeds the next), ENTRY_DIRECT_TOLD is the checksum of all of them in a row, as they are its payload. */
#pragma once

#include "log/store/store_priv.h"

struct direct_checksum {
	struct XXH3_state_s *state; /* NULL: chained */
	uint64_t value;
};

/* -ENOMEM, and nothing is to be ended. */
MUST_USE int direct_checksum_begin(struct direct_checksum *checksum, uint8_t entry_kind);
/* The next batch's BATCH_HEADER_SIZE bytes. */
void direct_checksum_add(struct direct_checksum *checksum, const uint8_t *header);
/* What it is; frees. */
uint64_t direct_checksum_end(struct direct_checksum *checksum);
