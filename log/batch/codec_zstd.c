/* zstd frames, one or several in a row. The frame names its window; zstd reserves that much, but only what is decompressed becomes
 * resident, and a context that has grown is freed after its batch. A stream that ends within a frame is broken. */
#include "log/batch/codec_priv.h"

#include <errno.h>
#include <stdlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_c_srcSizeHint */
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_WINDOW_LOG_MAX 27 /* 128 MiB: what level 22 asks for, and what zstd itself reads unasked */

/* message.max.bytes by default. Without a hint the high levels take hundreds of megabytes. */
#define BATCH_SIZE_TYPICAL_MAX (1 << 20)

static int translate(size_t result)
{
	return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM : ERR_BROKEN_COMPRESSION;
}

struct reader {
	ZSTD_DCtx *zstd;
	bool is_done; /* at the end of the last frame */
};

static int make_reader(void **reader)
{
	struct reader *made = calloc(1, sizeof *made);
	if (!made || !(made->zstd = ZSTD_createDCtx())) {
		free(made);
		return -ENOMEM;
	}
	*reader = made;
	return 0;
}

static int zstd_read_begin(void **reader, struct codec_source *source)
{
	if (!*reader) {
		int err = make_reader(reader);
		if (err)
			return err;
	}
	struct reader *made = *reader;
	made->is_done = false;
	ZSTD_DCtx_reset(made->zstd, ZSTD_reset_session_and_parameters);
	ZSTD_DCtx_setParameter(made->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	return 0;
}

static int zstd_read(void *reader, struct codec_source *source, uint64_t rest, uint8_t *out, size_t capacity, size_t *size)
{
	struct reader *made = reader;
	ZSTD_outBuffer target = {out, capacity, 0};
	int err = 0;
	while (target.pos < capacity && !made->is_done && !err) {
		ZSTD_inBuffer input = {source->at, (size_t)(source->end - source->at), 0};
		size_t before = target.pos;
		size_t result = ZSTD_decompressStream(made->zstd, &target, &input);
		source->at += input.pos;
		bool has_moved = input.pos > 0 || target.pos > before;
		if (ZSTD_isError(result))
			err = translate(result);
		else if (result == 0)
			made->is_done = source->at == source->end;
		else if (!has_moved)
			err = ERR_BROKEN_COMPRESSION;
	}
	*size = target.pos;
	return err;
}

static void zstd_read_trim(void **reader, size_t keep)
{
	struct reader *made = *reader;
	if (!made || ZSTD_sizeof_DCtx(made->zstd) <= keep)
		return;
	ZSTD_freeDCtx(made->zstd);
	free(made);
	*reader = NULL;
}

static int zstd_write_begin(void **writer, int level, struct codec_sink *sink)
{
	if (!*writer)
		*writer = ZSTD_createCCtx();
	if (!*writer)
		return -ENOMEM;
	ZSTD_CCtx_reset(*writer, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(*writer, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(*writer, ZSTD_c_srcSizeHint, BATCH_SIZE_TYPICAL_MAX);
	return 0;
}

static int zstd_write(void *writer, const uint8_t *data, size_t size, bool is_last, struct codec_sink *sink)
{
	ZSTD_inBuffer input = {data, size, 0};
	ZSTD_outBuffer target = {sink->at, (size_t)(sink->end - sink->at), 0};
	size_t result = ZSTD_compressStream2(writer, &target, &input, is_last ? ZSTD_e_end : ZSTD_e_continue);
	if (ZSTD_isError(result))
		return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM : ERR_BATCH_TOO_LARGE;
	sink->at += target.pos;
	bool is_complete = is_last ? result == 0 : input.pos == size;
	return is_complete ? 0 : ERR_BATCH_TOO_LARGE;
}

static void zstd_write_trim(void **writer, size_t keep)
{
	if (!*writer || ZSTD_sizeof_CCtx(*writer) <= keep)
		return;
	ZSTD_freeCCtx(*writer);
	*writer = NULL;
}

const struct codec codec__zstd = {
	zstd_read_begin, zstd_read, zstd_read_trim, zstd_write_begin, zstd_write, zstd_write_trim,
};
