/* The workspace and the streams through it. Reading hands the codec's output on; writing collects small pieces (a record comes as prefix,
 * key, value, headers) into one of CODEC_PIECE_SIZE before the codec sees them, because blocks of lz4 and snappy should be large.
 * The codecs' own failures are translated in their files; here only the total size is bounded. */
#include "log/batch/compress.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/codec_priv.h"

static const struct codec *const codecs[batch_codec_count] = {
	[CODEC_GZIP] = &codec__gzip, [CODEC_SNAPPY] = &codec__snappy, [CODEC_LZ4] = &codec__lz4, [CODEC_ZSTD] = &codec__zstd,
};

struct batch_workspace {
	uint8_t *window;
	size_t window_size;
	size_t window_size_normal;

	void *readers[batch_codec_count];
	unsigned read_codec;
	struct codec_source source;
	uint64_t read_rest;             /* of size_max */

	void *writers[batch_codec_count];
	unsigned write_codec;
	struct codec_sink sink;
	uint8_t *sink_start;
	uint8_t *piece;                 /* CODEC_PIECE_SIZE, and behind it the spill; made when first needed */
	size_t piece_used;
};

#define WINDOW_SIZE_MIN 32 /* more than a record's prefix */

int batch_workspace_open(struct batch_workspace **out, size_t window_size_bytes)
{
	CHECK(window_size_bytes >= WINDOW_SIZE_MIN);
	struct batch_workspace *workspace = calloc(1, sizeof *workspace);
	if (!workspace)
		return -ENOMEM;
	workspace->window_size_normal = window_size_bytes;
	*out = workspace;
	return 0;
}

void batch_workspace_close(struct batch_workspace *workspace)
{
	if (!workspace)
		return;
	for (unsigned codec = CODEC_GZIP; codec < batch_codec_count; codec++) {
		codecs[codec]->read_trim(&workspace->readers[codec], 0);
		codecs[codec]->write_trim(&workspace->writers[codec], 0);
	}
	free(workspace->window);
	free(workspace->piece);
	free(workspace);
}

uint8_t *batch_workspace_window(struct batch_workspace *workspace, size_t *size_bytes)
{
	if (!workspace->window) {
		workspace->window = malloc(workspace->window_size_normal);
		workspace->window_size = workspace->window ? workspace->window_size_normal : 0;
	}
	*size_bytes = workspace->window_size;
	return workspace->window;
}

int batch_workspace_grow(struct batch_workspace *workspace, size_t kept, uint64_t size_max)
{
	CHECK(kept <= workspace->window_size);
	size_t size = 2 * workspace->window_size;
	if (workspace->window_size > size_max)
		return ERR_BATCH_TOO_LARGE;
	uint8_t *window = malloc(size);
	if (!window)
		return -ENOMEM;
	memcpy(window, workspace->window, kept);
	free(workspace->window);
	workspace->window = window;
	workspace->window_size = size;
	return 0;
}

void batch_workspace_trim(struct batch_workspace *workspace)
{
	for (unsigned codec = CODEC_GZIP; codec < batch_codec_count; codec++)
		codecs[codec]->read_trim(&workspace->readers[codec], COMPRESS_KEEP_SIZE_MAX);
	if (workspace->window_size > COMPRESS_KEEP_SIZE_MAX) {
		free(workspace->window);
		workspace->window = NULL;
		workspace->window_size = 0;
	}
}

/* ---- decompression --------------------------------------------------------------------------------------- */

int decompress_begin(struct batch_workspace *workspace, unsigned codec, struct slice source, uint64_t size_max)
{
	if (codec == CODEC_NONE || codec >= batch_codec_count)
		return ERR_UNSUPPORTED_CODEC;
	workspace->read_codec = codec;
	workspace->source = (struct codec_source){source.data, source.data + source.size};
	workspace->read_rest = size_max;
	return codecs[codec]->read_begin(&workspace->readers[codec], &workspace->source);
}

int decompress_read(struct batch_workspace *workspace, uint8_t *out, size_t capacity, size_t *size)
{
	unsigned codec = workspace->read_codec;
	int err = codecs[codec]->read(workspace->readers[codec], &workspace->source, workspace->read_rest, out, capacity, size);
	if (err)
		return err;
	if (*size > workspace->read_rest)
		return ERR_BATCH_TOO_LARGE;
	workspace->read_rest -= *size;
	return 0;
}

/* ---- compression ----------------------------------------------------------------------------------------- */

int codec_level_default(unsigned codec)
{
	static const int levels[batch_codec_count] = {[CODEC_GZIP] = -1, [CODEC_LZ4] = 9, [CODEC_ZSTD] = 3};
	return codec < batch_codec_count ? levels[codec] : 0;
}

int compress_begin(struct batch_workspace *workspace, unsigned codec, int level, uint8_t *out, size_t capacity)
{
	if (codec >= batch_codec_count)
		return ERR_UNSUPPORTED_CODEC;
	if (!workspace->piece && !(workspace->piece = malloc(CODEC_PIECE_SIZE + CODEC_SPILL_SIZE)))
		return -ENOMEM;
	workspace->write_codec = codec;
	workspace->sink_start = out;
	workspace->sink = (struct codec_sink){out, out + capacity, workspace->piece + CODEC_PIECE_SIZE};
	workspace->piece_used = 0;
	if (codec == CODEC_NONE)
		return 0;
	return codecs[codec]->write_begin(&workspace->writers[codec], level, &workspace->sink);
}

static int flush_piece(struct batch_workspace *workspace, bool is_last)
{
	unsigned codec = workspace->write_codec;
	size_t size = workspace->piece_used;
	workspace->piece_used = 0;
	return codecs[codec]->write(workspace->writers[codec], workspace->piece, size, is_last, &workspace->sink);
}

static int copy_through(struct codec_sink *sink, const void *data, size_t size)
{
	if (size > (size_t)(sink->end - sink->at))
		return ERR_BATCH_TOO_LARGE;
	if (size > 0)
		memcpy(sink->at, data, size);
	sink->at += size;
	return 0;
}

int compress_write(struct batch_workspace *workspace, const void *data, size_t size)
{
	if (workspace->write_codec == CODEC_NONE)
		return copy_through(&workspace->sink, data, size);
	const uint8_t *at = data;
	while (size > 0) {
		size_t room = CODEC_PIECE_SIZE - workspace->piece_used;
		size_t part = size < room ? size : room;
		memcpy(workspace->piece + workspace->piece_used, at, part);
		workspace->piece_used += part;
		at += part;
		size -= part;
		if (workspace->piece_used < CODEC_PIECE_SIZE)
			continue;
		int err = flush_piece(workspace, false);
		if (err)
			return err;
	}
	return 0;
}

int compress_end(struct batch_workspace *workspace, size_t *size_bytes)
{
	unsigned codec = workspace->write_codec;
	int err = 0;
	if (codec != CODEC_NONE) {
		err = flush_piece(workspace, true);
		codecs[codec]->write_trim(&workspace->writers[codec], COMPRESS_KEEP_SIZE_MAX);
	}
	*size_bytes = (size_t)(workspace->sink.at - workspace->sink_start);
	return err;
}
