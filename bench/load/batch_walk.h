/* Walks the record batches of a fetch answer and holds them against the offset that was asked for.
 * Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

struct batch_walk {
	uint64_t next_offset; /* behind the last whole batch; where it began if there is none */
	uint64_t records, bytes;
	bool is_damaged;
};

/* The first batch holds `offset`, each further one begins where the one before ended, and all are whole
 * but for the last, which a broker may cut at the size that was asked for. With `checks_crcs` every byte is read. */
struct batch_walk batch_walk(struct slice batches, uint64_t offset, bool checks_crcs);
