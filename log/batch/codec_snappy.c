/* snappy in its two forms. Xerial framing: a header of 16 bytes (magic, version, compatible version; big-endian), then {int32 big-endian
 * length, raw block} again and again; Java writes it, and so do we. One raw block without any header: librdkafka, franz-go, sarama.
 * The versions in the header are not looked at, because some writers got their byte order wrong and snappy-java reads them still.
 *
 * A raw block has no stream: it is decompressed whole into a buffer. Its claimed size is believed only up to what the format can
 * reach (64 bytes out of a 3-byte copy), so that the buffer is bounded by the bytes that were really sent. */
#include "log/batch/codec_priv.h"

#include <errno.h>
#include <snappy-c.h>
#include <stdlib.h>

#define XERIAL_HEADER_SIZE 16
#define XERIAL_BLOCK_SIZE (32u << 10)
#define RATIO_MAX 22

static const uint8_t xerial_header[XERIAL_HEADER_SIZE] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};

struct reader {
	uint8_t *block;
	size_t block_capacity;
	const uint8_t *at, *end; /* decompressed, not handed out yet */
	bool is_xerial;
};

static bool starts_xerial(const struct codec_source *source)
{
	return source->end - source->at >= XERIAL_HEADER_SIZE && memcmp(source->at, xerial_header, 8) == 0;
}

static int snappy_read_begin(void **reader, struct codec_source *source)
{
	if (!*reader && !(*reader = calloc(1, sizeof(struct reader))))
		return -ENOMEM;
	struct reader *snappy = *reader;
	snappy->at = snappy->end = NULL;
	snappy->is_xerial = starts_xerial(source);
	return 0;
}

static int make_room(struct reader *snappy, size_t size)
{
	if (snappy->block_capacity >= size)
		return 0;
	free(snappy->block);
	snappy->block = malloc(size);
	snappy->block_capacity = snappy->block ? size : 0;
	return snappy->block ? 0 : -ENOMEM;
}

static int decompress_block(struct reader *snappy, struct slice block, uint64_t rest)
{
	size_t size;
	if (snappy_uncompressed_length((const char *)block.data, block.size, &size) != SNAPPY_OK || size / RATIO_MAX > block.size)
		return ERR_BROKEN_COMPRESSION;
	if (size > rest)
		return ERR_BATCH_TOO_LARGE;
	int err = make_room(snappy, size ? size : 1);
	if (err)
		return err;
	if (snappy_uncompress((const char *)block.data, block.size, (char *)snappy->block, &size) != SNAPPY_OK)
		return ERR_BROKEN_COMPRESSION;
	snappy->at = snappy->block;
	snappy->end = snappy->block + size;
	return 0;
}

/* Takes the next block off the source; false at the end. A stream may be several in a row, each with its header. */
static int next_block(struct reader *snappy, struct codec_source *source, struct slice *block)
{
	if (!snappy->is_xerial) {
		*block = (struct slice){source->at, (size_t)(source->end - source->at)};
		source->at = source->end;
		return 0;
	}
	while (starts_xerial(source))
		source->at += XERIAL_HEADER_SIZE;
	*block = (struct slice){source->end, 0};
	if (source->at == source->end)
		return 0;
	if (source->end - source->at < 4)
		return ERR_BROKEN_COMPRESSION;
	uint32_t size = load_be32(source->at);
	if (size == 0 || size > (size_t)(source->end - source->at - 4))
		return ERR_BROKEN_COMPRESSION;
	*block = (struct slice){source->at + 4, size};
	source->at += 4 + size;
	return 0;
}

static int snappy_read(void *reader, struct codec_source *source, uint64_t rest, uint8_t *out, size_t capacity, size_t *size)
{
	struct reader *snappy = reader;
	*size = 0;
	while (*size < capacity) {
		if (snappy->at == snappy->end) {
			struct slice block;
			int err = next_block(snappy, source, &block);
			if (err || block.size == 0)
				return err;
			err = decompress_block(snappy, block, rest - *size);
			if (err)
				return err;
		}
		size_t ready = (size_t)(snappy->end - snappy->at);
		size_t piece = ready < capacity - *size ? ready : capacity - *size;
		if (piece > 0)
			memcpy(out + *size, snappy->at, piece);
		snappy->at += piece;
		*size += piece;
	}
	return 0;
}

static void snappy_read_trim(void **reader, size_t keep)
{
	struct reader *snappy = *reader;
	if (!snappy || (keep > 0 && snappy->block_capacity <= keep))
		return;
	free(snappy->block);
	free(snappy);
	*reader = NULL;
}

static int snappy_write_begin(void **writer, int level, struct codec_sink *sink)
{
	uint8_t *where = codec__reserve(sink, XERIAL_HEADER_SIZE);
	memcpy(where, xerial_header, XERIAL_HEADER_SIZE);
	return codec__commit(sink, where, XERIAL_HEADER_SIZE);
}

static int write_block(const uint8_t *data, size_t size, struct codec_sink *sink)
{
	size_t compressed = snappy_max_compressed_length(size);
	uint8_t *where = codec__reserve(sink, 4 + compressed);
	if (snappy_compress((const char *)data, size, (char *)where + 4, &compressed) != SNAPPY_OK)
		return ERR_BROKEN_COMPRESSION;
	store_be32(where, (uint32_t)compressed);
	return codec__commit(sink, where, 4 + compressed);
}

static int snappy_write(void *writer, const uint8_t *data, size_t size, bool is_last, struct codec_sink *sink)
{
	int err = 0;
	while (size > 0 && !err) {
		size_t piece = size < XERIAL_BLOCK_SIZE ? size : XERIAL_BLOCK_SIZE;
		err = write_block(data, piece, sink);
		data += piece;
		size -= piece;
	}
	return err;
}

static void snappy_write_trim(void **writer, size_t keep)
{
}

const struct codec codec__snappy = {
	snappy_read_begin, snappy_read, snappy_read_trim, snappy_write_begin, snappy_write, snappy_write_trim,
};
