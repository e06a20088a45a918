/* libFuzzer: compressed bytes of any kind. The first byte picks the codec and how much may come out, the second how much is read at a time. A
 * decompression ends, within its bound; and what was had from it compresses and comes back the same. */
#include <stdlib.h>
#include <string.h>

#include "log/base/check.h"
#include "log/batch/compress.h"

#define OUT_MAX (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct batch_workspace *workspace;
static uint8_t out[OUT_MAX], again[OUT_MAX], packed[OUT_MAX * 2];

/* Everything that comes out; the bytes there were before an error as well. */
static size_t unpack(unsigned codec, struct slice source, uint64_t size_max, size_t step, uint8_t *into, int *err)
{
	size_t total = 0, got;
	*err = decompress_begin(workspace, codec, source, size_max);
	while (!*err && total + step <= OUT_MAX) {
		*err = decompress_read(workspace, into + total, step, &got);
		if (*err)
			break;
		CHECK(got <= step);
		total += got;
		CHECK(total <= size_max);
		if (got < step)
			break;
	}
	batch_workspace_trim(workspace);
	return total;
}

static void round_trip(unsigned codec, size_t size)
{
	size_t packed_size;
	int err = compress_begin(workspace, codec, codec_level_default(codec), packed, sizeof packed);
	CHECK(err == 0);
	err = compress_write(workspace, out, size);
	if (!err)
		err = compress_end(workspace, &packed_size);
	CHECKF(err == 0, "%s", err_name(err));
	size_t back = unpack(codec, (struct slice){packed, packed_size}, OUT_MAX, 4096, again, &err);
	CHECKF(back == size && err == 0, "codec %u: %zu of %zu bytes, %s", codec, back, size, err_name(err));
	CHECK(memcmp(out, again, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!workspace)
		CHECK(batch_workspace_open(&workspace, COMPRESS_WINDOW_SIZE) == 0);
	if (size < 2)
		return 0;
	unsigned codec = 1 + data[0] % (batch_codec_count - 1);
	uint64_t size_max = data[0] & 0x80 ? OUT_MAX : 1000;
	uint8_t *source = malloc(size - 2 + 1);
	memcpy(source, data + 2, size - 2);
	int err;
	size_t total = unpack(codec, (struct slice){source, size - 2}, size_max, 1 + (size_t)data[1] * 16, out, &err);
	free(source);
	if (total < OUT_MAX - 4096)
		round_trip(codec, total);
	return 0;
}
