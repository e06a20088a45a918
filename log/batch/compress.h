/* The codecs of record batches, streaming: gzip, snappy (xerial framing and raw blocks in, xerial out), lz4 frames, zstd.
 * And the workspace that owns their contexts and buffers, so that a batch costs no allocation once a codec has been used.
 *
 * Owner of a workspace: the one thread that opened it. One decompression and one compression may be under way in it at a time.
 * Memory is bounded whatever the input says: a window of the caller's, the codec's own window (gzip 32 KiB; lz4 up to 4 MiB
 * blocks; zstd what the frame asks up to 128 MiB, of which only the bytes really decompressed become resident), and for snappy, which has no
 * stream, one block of at most 22 times its compressed size (the format's best ratio). What exceeds COMPRESS_KEEP_SIZE_MAX is
 * given back after each batch. Never does I/O. */
#pragma once

#include "log/batch/batch.h"

#define COMPRESS_WINDOW_SIZE (64u << 10)
#define COMPRESS_KEEP_SIZE_MAX (4u << 20)

struct batch_workspace;

/* `window_size_bytes`: how much decompressed data is looked at at once; COMPRESS_WINDOW_SIZE is good, tests take less (at least 32).
 * Codec contexts are made when first needed. -ENOMEM. */
MUST_USE int batch_workspace_open(struct batch_workspace **out, size_t window_size_bytes);
void batch_workspace_close(struct batch_workspace *workspace); /* NULL is fine */

/* The window, for the one who reads the decompressed stream (record_iter, validate). */
uint8_t *batch_workspace_window(struct batch_workspace *workspace, size_t *size_bytes);
/* Doubles the window, keeping its first `kept` bytes; the pointer changes. -ENOMEM; ERR_BATCH_TOO_LARGE above `size_max`. */
MUST_USE int batch_workspace_grow(struct batch_workspace *workspace, size_t kept, uint64_t size_max);
/* Ends a decompression: gives back what it took beyond COMPRESS_KEEP_SIZE_MAX. (compress_end does that for its side.) */
void batch_workspace_trim(struct batch_workspace *workspace);

/* Starts to decompress `source`, which stays the caller's and must stay put until the end. At most `size_max` bytes will come out.
 * ERR_UNSUPPORTED_CODEC, -ENOMEM. */
MUST_USE int decompress_begin(struct batch_workspace *workspace, unsigned codec, struct slice source, uint64_t size_max);

/* Fills [out, out + capacity) as far as the stream goes: *size is less than capacity only at its end (0: nothing left).
 * ERR_BROKEN_COMPRESSION; ERR_BATCH_TOO_LARGE beyond size_max; -ENOMEM. Final: after an error, begin anew. */
MUST_USE int decompress_read(struct batch_workspace *workspace, uint8_t *out, size_t capacity, size_t *size);

/* The level a codec takes when a topic sets none: what Kafka's defaults name (gzip -1, lz4 9, zstd 3; snappy has none). */
int codec_level_default(unsigned codec);

/* Starts to compress into [out, out + capacity), which the caller owns. CODEC_NONE copies. ERR_UNSUPPORTED_CODEC, -ENOMEM. */
MUST_USE int compress_begin(struct batch_workspace *workspace, unsigned codec, int level, uint8_t *out, size_t capacity);
/* ERR_BATCH_TOO_LARGE when the room is used up: final, as other errors. */
MUST_USE int compress_write(struct batch_workspace *workspace, const void *data, size_t size);
MUST_USE int compress_end(struct batch_workspace *workspace, size_t *size_bytes);
