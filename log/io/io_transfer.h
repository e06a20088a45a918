/* The progress of a transfer over a vector that must end whole although the system moves it in parts.
 * Pure bookkeeping in struct io_op; the caller's vector is never changed. */
#pragma once

#include "log/io/io.h"

/* Begins: nothing moved yet. */
void io_transfer_begin(struct io_op *op, const struct iovec *vector, uint32_t count);

/* What to move next: at most IOV_MAX pieces. Returns their number (0 only if the whole vector is empty). */
uint32_t io_transfer_pieces(const struct io_op *op, const struct iovec **pieces);

/* Takes in what the system answered to one attempt (bytes or -errno). Returns true if the transfer has
 * ended and op->result is final; false if what is left must be attempted. */
MUST_USE bool io_transfer_step(struct io_op *op, int64_t answer);
