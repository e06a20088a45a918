/* A transfer is a vector of pieces and a cursor. An answer that ends inside a piece leaves the rest of
 * that piece in `resume`, which is then attempted alone before the pieces behind it: short answers are
 * rare, one more attempt is cheap, and the caller's vector stays as it was. */
#include "log/io/io_transfer.h"

#include <errno.h>
#include <limits.h>

#include "log/base/check.h"
#include "log/io/io_impl.h"

static void skip_empty(struct io_op *op)
{
	while (op->vector_count && op->vector->iov_len == 0) {
		op->vector++;
		op->vector_count--;
	}
}

void io_transfer_begin(struct io_op *op, const struct iovec *vector, uint32_t count)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < count; i++)
		total += vector[i].iov_len;
	CHECKF(total <= INT32_MAX, "a transfer of %llu bytes", (unsigned long long)total);
	op->vector = vector;
	op->vector_count = count;
	op->moved_bytes = 0;
	op->resume = (struct iovec){0};
	skip_empty(op);
}

uint32_t io_transfer_pieces(const struct io_op *op, const struct iovec **pieces)
{
	if (op->resume.iov_len) {
		*pieces = &op->resume;
		return 1;
	}
	*pieces = op->vector;
	return op->vector_count < IOV_MAX ? op->vector_count : IOV_MAX;
}

static void advance(struct io_op *op, uint64_t bytes)
{
	op->moved_bytes += bytes;
	op->position += bytes;
	if (op->resume.iov_len) {
		CHECK(bytes <= op->resume.iov_len);
		op->resume.iov_base = (uint8_t *)op->resume.iov_base + bytes;
		op->resume.iov_len -= bytes;
		return;
	}
	while (bytes) {
		CHECK(op->vector_count);
		const struct iovec *piece = op->vector++;
		op->vector_count--;
		if (bytes < piece->iov_len)
			op->resume = (struct iovec){(uint8_t *)piece->iov_base + bytes, piece->iov_len - bytes};
		bytes -= bytes < piece->iov_len ? bytes : piece->iov_len;
	}
	skip_empty(op);
}

static bool is_input(const struct io_op *op)
{
	return op->kind == OP_READ || op->kind == OP_RECV;
}

static bool end(struct io_op *op, int32_t result)
{
	op->result = result;
	return true;
}

static bool step_error(struct io_op *op, int error)
{
	bool is_cancelled = op->flags & OP_IS_CANCELLED;
	if (error == -EINTR && !is_cancelled)
		return false;
	/* A file opened O_DIRECT whose end is not aligned: the read came up short there, and its
	 * continuation is refused. */
	if (error == -EINVAL && op->kind == OP_READ && op->moved_bytes)
		return end(op, (int32_t)op->moved_bytes);
	return end(op, is_cancelled && error == -EINTR ? -ECANCELED : error);
}

bool io_transfer_step(struct io_op *op, int64_t answer)
{
	if (answer < 0)
		return step_error(op, (int)answer);
	advance(op, (uint64_t)answer);
	if (!op->resume.iov_len && !op->vector_count)
		return end(op, (int32_t)op->moved_bytes);
	if (op->kind == OP_RECV && !(op->flags & OP_IS_WHOLE))
		return end(op, (int32_t)op->moved_bytes);
	if (answer == 0)
		return end(op, is_input(op) ? (int32_t)op->moved_bytes : -EIO);
	if (op->flags & OP_IS_CANCELLED)
		return end(op, -ECANCELED);
	return false;
}
