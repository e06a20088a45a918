/* gzip through zlib. A stream may be several members in a row (RFC 1952, 2.2); what follows the last and is no member is
 * ignored, as Java's reader does. A stream that ends within a member is broken. */
#include "log/batch/codec_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16)  /* 32 KiB, with gzip's header */
#define GZIP_READER_SIZE (48u << 10)  /* what zlib documents for inflate, about */
#define GZIP_WRITER_SIZE (272u << 10) /* 256 KiB and small change for deflate */

struct reader {
	z_stream zlib;
	bool is_done;
};

struct writer {
	z_stream zlib;
	int level;
};

static int make_reader(void **reader)
{
	struct reader *made = calloc(1, sizeof *made);
	if (!made || inflateInit2(&made->zlib, GZIP_WINDOW_BITS) != Z_OK) {
		free(made);
		return -ENOMEM;
	}
	*reader = made;
	return 0;
}

static int gzip_read_begin(void **reader, struct codec_source *source)
{
	if (!*reader) {
		int err = make_reader(reader);
		if (err)
			return err;
	}
	struct reader *gzip = *reader;
	inflateReset(&gzip->zlib);
	gzip->is_done = false;
	return 0;
}

static bool another_member_follows(const struct codec_source *source)
{
	return source->end - source->at >= 2 && source->at[0] == 0x1f && source->at[1] == 0x8b;
}

static int gzip_read(void *reader, struct codec_source *source, uint64_t rest, uint8_t *out, size_t capacity, size_t *size)
{
	struct reader *gzip = reader;
	z_stream *zlib = &gzip->zlib;
	zlib->next_out = out;
	zlib->avail_out = (uInt)capacity;
	int err = 0;
	while (zlib->avail_out > 0 && !gzip->is_done && !err) {
		zlib->next_in = (Bytef *)(uintptr_t)source->at;
		zlib->avail_in = (uInt)(source->end - source->at);
		int result = inflate(zlib, Z_NO_FLUSH);
		source->at = source->end - zlib->avail_in;
		if (result == Z_STREAM_END) {
			gzip->is_done = !another_member_follows(source);
			inflateReset(zlib);
		} else if (result != Z_OK) {
			err = result == Z_MEM_ERROR ? -ENOMEM : ERR_BROKEN_COMPRESSION;
		}
	}
	*size = capacity - zlib->avail_out;
	return err;
}

static void gzip_read_trim(void **reader, size_t keep)
{
	struct reader *gzip = *reader;
	if (!gzip || keep >= GZIP_READER_SIZE)
		return;
	inflateEnd(&gzip->zlib);
	free(gzip);
	*reader = NULL;
}

static void gzip_write_trim(void **writer, size_t keep)
{
	struct writer *gzip = *writer;
	if (!gzip || keep >= GZIP_WRITER_SIZE)
		return;
	deflateEnd(&gzip->zlib);
	free(gzip);
	*writer = NULL;
}

static int make_writer(void **writer, int level)
{
	struct writer *made = calloc(1, sizeof *made);
	if (!made || deflateInit2(&made->zlib, level, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(made);
		return -ENOMEM;
	}
	made->level = level;
	*writer = made;
	return 0;
}

static int gzip_write_begin(void **writer, int level, struct codec_sink *sink)
{
	level = level < 0 ? Z_DEFAULT_COMPRESSION : level > Z_BEST_COMPRESSION ? Z_BEST_COMPRESSION : level;
	if (*writer && ((struct writer *)*writer)->level != level)
		gzip_write_trim(writer, 0);
	if (!*writer)
		return make_writer(writer, level);
	deflateReset(&((struct writer *)*writer)->zlib);
	return 0;
}

static int gzip_write(void *writer, const uint8_t *data, size_t size, bool is_last, struct codec_sink *sink)
{
	z_stream *zlib = &((struct writer *)writer)->zlib;
	zlib->next_in = (Bytef *)(uintptr_t)data;
	zlib->avail_in = (uInt)size;
	zlib->next_out = sink->at;
	size_t room = (size_t)(sink->end - sink->at);
	zlib->avail_out = room < UINT32_MAX ? (uInt)room : UINT32_MAX;
	int result = deflate(zlib, is_last ? Z_FINISH : Z_NO_FLUSH);
	sink->at = zlib->next_out;
	bool is_complete = is_last ? result == Z_STREAM_END : zlib->avail_in == 0;
	return is_complete ? 0 : ERR_BATCH_TOO_LARGE;
}

const struct codec codec__gzip = {
	gzip_read_begin, gzip_read, gzip_read_trim, gzip_write_begin, gzip_write, gzip_write_trim,
};
