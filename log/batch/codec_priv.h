/* What each codec_*.c gives to compress.c: a table of five functions around a context of its own, made when first needed.
 * Private to the room. The library's types stay in the codec's file. Owner: the workspace's thread. */
#pragma once

#include "log/batch/batch.h"

/* Compressed bytes not read yet. */
struct codec_source {
	const uint8_t *at, *end;
};

/* Where compressed bytes go. What may need more room than is left goes through `spill` first (codec__reserve). */
struct codec_sink {
	uint8_t *at, *end;
	uint8_t *spill;
};

/* Pieces handed to codec.write are at most this large; the spill holds what any codec makes of one at worst (snappy: n + n/6 + 32). */
#define CODEC_PIECE_SIZE (64u << 10)
#define CODEC_SPILL_SIZE (80u << 10)

struct codec {
	/* Begins a stream; makes *reader if it is NULL. */
	int (*read_begin)(void **reader, struct codec_source *source);
	/* Fills `out`; *size < capacity only at the end of the stream. At most `rest` bytes are still allowed to come. */
	int (*read)(void *reader, struct codec_source *source, uint64_t rest, uint8_t *out, size_t capacity, size_t *size);
	/* Frees the reader if it holds more than `keep` bytes; sets it to NULL then. */
	void (*read_trim)(void **reader, size_t keep);

	int (*write_begin)(void **writer, int level, struct codec_sink *sink);
	/* `is_last`: ends the stream behind this piece, which may be empty. */
	int (*write)(void *writer, const uint8_t *data, size_t size, bool is_last, struct codec_sink *sink);
	void (*write_trim)(void **writer, size_t keep);
};

extern const struct codec codec__gzip, codec__snappy, codec__lz4, codec__zstd;

/* Room for `size` bytes (at most CODEC_SPILL_SIZE): in the output if it has that, else the spill. */
static inline uint8_t *codec__reserve(struct codec_sink *sink, size_t size)
{
	return (size_t)(sink->end - sink->at) >= size ? sink->at : sink->spill;
}

/* `size` bytes were written where codec__reserve pointed. */
static inline int codec__commit(struct codec_sink *sink, const uint8_t *where, size_t size)
{
	if ((size_t)(sink->end - sink->at) < size)
		return ERR_BATCH_TOO_LARGE;
	if (where != sink->at)
		memcpy(sink->at, where, size);
	sink->at += size;
	return 0;
}
