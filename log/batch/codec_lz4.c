/* lz4 frames as Kafka writes and accepts them: one frame, version 1, independent blocks, no dictionary. Kafka's own reader
 * refuses anything else, so a batch that other consumers could not read is refused here. What follows the frame is ignored, as there. */
#include "log/batch/codec_priv.h"

#include <errno.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <stdlib.h>

#define LZ4_MAGIC 0x184D2204u
#define LZ4_DESCRIPTOR_SIZE 7 /* magic, FLG, BD, and at least the header checksum */
#define KAFKA_LEVEL_FAST 9    /* Kafka's default level means its fast compressor (KIP-390) */

struct reader {
	LZ4F_dctx *lz4;
	size_t block_size; /* of the largest frame seen: what the context holds, twice */
	bool is_done;
	bool is_sized;     /* the frame told its content's size, so the context counts what is still to come */
};

struct writer {
	LZ4F_cctx *lz4;
	LZ4F_preferences_t preferences;
};

/* FLG and BD (LZ4 frame format 1.5.1): version 01, independent blocks, no reserved bit, no dictionary; block maximum id 4 to 7. */
static bool is_kafka_frame(const struct codec_source *source)
{
	if (source->end - source->at < LZ4_DESCRIPTOR_SIZE || load_le32(source->at) != LZ4_MAGIC)
		return false;
	uint8_t flags = source->at[4], block = source->at[5];
	return (flags & 0xe3) == 0x60 && (block & 0x8f) == 0 && (block >> 4) >= 4;
}

static int make_reader(void **reader)
{
	struct reader *made = calloc(1, sizeof *made);
	if (!made || LZ4F_isError(LZ4F_createDecompressionContext(&made->lz4, LZ4F_VERSION))) {
		free(made);
		return -ENOMEM;
	}
	*reader = made;
	return 0;
}

static void free_reader(void **reader)
{
	struct reader *lz4 = *reader;
	LZ4F_freeDecompressionContext(lz4->lz4);
	free(lz4);
	*reader = NULL;
}

/* The library's reset (1.9) forgets how many bytes of a sized frame were still to come, and refuses the next frame for them: a context in which such a
 * frame broke, or was left, is of no more use. */
static void drop_if_tainted(void **reader)
{
	struct reader *lz4 = *reader;
	if (lz4 && lz4->is_sized && !lz4->is_done)
		free_reader(reader);
}

static int lz4_read_begin(void **reader, struct codec_source *source)
{
	if (!is_kafka_frame(source))
		return ERR_BROKEN_COMPRESSION;
	drop_if_tainted(reader);
	if (!*reader) {
		int err = make_reader(reader);
		if (err)
			return err;
	}
	struct reader *lz4 = *reader;
	LZ4F_resetDecompressionContext(lz4->lz4);
	size_t block_size = (size_t)1 << (8 + 2 * (source->at[5] >> 4)); /* 4: 64 KiB ... 7: 4 MiB */
	if (block_size > lz4->block_size)
		lz4->block_size = block_size;
	lz4->is_done = false;
	lz4->is_sized = source->at[4] & 0x08;
	return 0;
}

/* The codes themselves are not in the library's stable interface, their names are. */
static int translate(size_t result)
{
	return strcmp(LZ4F_getErrorName(result), "ERROR_allocation_failed") == 0 ? -ENOMEM : ERR_BROKEN_COMPRESSION;
}

static int lz4_read(void *reader, struct codec_source *source, uint64_t rest, uint8_t *out, size_t capacity, size_t *size)
{
	struct reader *lz4 = reader;
	int err = 0;
	*size = 0;
	while (*size < capacity && !lz4->is_done && !err) {
		size_t written = capacity - *size, taken = (size_t)(source->end - source->at);
		size_t result = LZ4F_decompress(lz4->lz4, out + *size, &written, source->at, &taken, NULL);
		if (LZ4F_isError(result))
			return translate(result);
		source->at += taken;
		*size += written;
		lz4->is_done = result == 0;
		if (result > 0 && taken == 0 && written == 0)
			err = ERR_BROKEN_COMPRESSION;
	}
	return err;
}

static void lz4_read_trim(void **reader, size_t keep)
{
	struct reader *lz4 = *reader;
	if (!lz4 || (keep > 0 && 2 * lz4->block_size <= keep))
		return;
	free_reader(reader);
}

static int make_writer(void **writer)
{
	struct writer *made = calloc(1, sizeof *made);
	if (!made || LZ4F_isError(LZ4F_createCompressionContext(&made->lz4, LZ4F_VERSION))) {
		free(made);
		return -ENOMEM;
	}
	*writer = made;
	return 0;
}

static int lz4_level(int level)
{
	if (level == KAFKA_LEVEL_FAST || level <= 0)
		return 0;
	return level < LZ4HC_CLEVEL_MIN ? LZ4HC_CLEVEL_MIN : level > LZ4HC_CLEVEL_MAX ? LZ4HC_CLEVEL_MAX : level;
}

static int lz4_write_begin(void **writer, int level, struct codec_sink *sink)
{
	if (!*writer) {
		int err = make_writer(writer);
		if (err)
			return err;
	}
	struct writer *lz4 = *writer;
	lz4->preferences = (LZ4F_preferences_t){
		.frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
		.compressionLevel = lz4_level(level),
		.autoFlush = 1,
	};
	uint8_t *where = codec__reserve(sink, LZ4F_HEADER_SIZE_MAX);
	size_t result = LZ4F_compressBegin(lz4->lz4, where, LZ4F_HEADER_SIZE_MAX, &lz4->preferences);
	return LZ4F_isError(result) ? -ENOMEM : codec__commit(sink, where, result);
}

static int lz4_write(void *writer, const uint8_t *data, size_t size, bool is_last, struct codec_sink *sink)
{
	struct writer *lz4 = writer;
	size_t bound = LZ4F_compressBound(size, &lz4->preferences);
	uint8_t *where = codec__reserve(sink, bound);
	size_t result = LZ4F_compressUpdate(lz4->lz4, where, bound, data, size, NULL);
	int err = LZ4F_isError(result) ? -ENOMEM : codec__commit(sink, where, result);
	if (err || !is_last)
		return err;
	bound = LZ4F_compressBound(0, &lz4->preferences);
	where = codec__reserve(sink, bound);
	result = LZ4F_compressEnd(lz4->lz4, where, bound, NULL);
	return LZ4F_isError(result) ? -ENOMEM : codec__commit(sink, where, result);
}

static void lz4_write_trim(void **writer, size_t keep)
{
	struct writer *lz4 = *writer;
	if (!lz4 || keep > 0) /* at most 256 KiB of tables: kept until the end */
		return;
	LZ4F_freeCompressionContext(lz4->lz4);
	free(lz4);
	*writer = NULL;
}

const struct codec codec__lz4 = {
	lz4_read_begin, lz4_read, lz4_read_trim, lz4_write_begin, lz4_write, lz4_write_trim,
};
