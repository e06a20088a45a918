/* The first bytes of a segment whose first batch was lost with its file: the log goes on behind a hole, and where the batch was that told this file from another's
 * stands whose it is. To a reader they are damage, as the zeros behind them are.
 *
 *    0  8  `SPATEHOL`
 *    8  4  zero: where a batch has its length, so they never pass for one
 *   12  4  partition
 *   16 16  topic id
 *   32  8  base offset
 *   40  4  version of the format, 1
 *   44  4  zero
 *   48  8  XXH3-64 of the 48 bytes above
 *
 * Little-endian. Owns nothing; any thread, but for what reads. */
#pragma once

#include "log/base/bytes.h"
#include "log/io/io.h"
#include "log/segment/append_times.h"

#define HOLE_MARK_SIZE 56u /* less than the header of the batch that was there */

/* Of `owner` all but the first batch's CRC. */
void hole_mark_encode(const struct append_time_owner *owner, uint8_t *out);
/* False: the bytes do not begin with one that is whole. */
bool hole_mark_decode(struct append_time_owner *owner, struct slice bytes);
/* Does the file begin with one? Whose it says that is; false as well if it cannot be read. */
bool hole_mark_read(struct io *io, int fd, struct append_time_owner *found);
/* Does it, and of another segment than this? */
bool hole_mark_is_anothers(struct io *io, int fd, const struct append_time_owner *owner);
