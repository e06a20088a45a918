/* The iterator. Uncompressed: a walk over the batch's own bytes. Compressed: the workspace's window holds what has been decompressed and
 * not walked yet; a record that is cut off at its end is moved to its front and completed, and the window grows for a record larger
 * than itself, as far as bytes really come. Ends with an error when a record breaks the format or the count lies. */
#include "log/batch/record_iter.h"

#include <errno.h>

#include "log/base/check.h"
#include "log/batch/record_priv.h"

int record_iter_open(struct record_iter *iter, struct batch_workspace *workspace, struct slice bytes)
{
	return record__open(iter, workspace, bytes, RECORD_ITER_SIZE_MAX);
}

int record__open(struct record_iter *iter, struct batch_workspace *workspace, struct slice bytes, uint64_t size_max)
{
	memset(iter, 0, sizeof *iter);
	int err = batch_parse_header(bytes, &iter->batch);
	if (err)
		return err;
	if (bytes.size < iter->batch.size_bytes)
		return ERR_CORRUPT_BATCH;
	iter->at = bytes.data + BATCH_HEADER_SIZE;
	iter->end = bytes.data + iter->batch.size_bytes;
	iter->size_max = size_max;
	unsigned codec = batch_codec(&iter->batch);
	if (codec == CODEC_NONE || iter->batch.records_count == 0)
		return 0;
	CHECKF(workspace, "a compressed batch needs a workspace");
	iter->is_compressed = true;
	iter->workspace = workspace;
	size_t size;
	uint8_t *window = batch_workspace_window(workspace, &size);
	if (!window)
		return -ENOMEM;
	struct slice source = {iter->at, (size_t)(iter->end - iter->at)};
	iter->at = iter->end = window;
	return decompress_begin(workspace, codec, source, iter->size_max);
}

/* Moves what is left to the window's front, which grows if that fills it, and reads more behind it. */
static int refill(struct record_iter *iter)
{
	size_t size, left = (size_t)(iter->end - iter->at), read;
	uint8_t *window = batch_workspace_window(iter->workspace, &size);
	if (left > 0)
		memmove(window, iter->at, left);
	if (left == size) {
		int err = batch_workspace_grow(iter->workspace, left, iter->size_max);
		if (err)
			return err;
		window = batch_workspace_window(iter->workspace, &size);
	}
	iter->at = iter->end = window;
	int err = decompress_read(iter->workspace, window + left, size - left, &read);
	if (err)
		return err;
	iter->is_drained = read < size - left;
	iter->size_read += read;
	iter->end = window + left + read;
	return 0;
}

/* Sees to it that `size` bytes lie at iter->at. ERR_INVALID_RECORD if there are not as many. */
static int fetch(struct record_iter *iter, size_t size)
{
	while ((size_t)(iter->end - iter->at) < size) {
		if (!iter->is_compressed || iter->is_drained)
			return ERR_INVALID_RECORD;
		int err = refill(iter);
		if (err)
			return err;
	}
	return 0;
}

static int check_end(struct record_iter *iter)
{
	if (iter->is_compressed && iter->at == iter->end && !iter->is_drained) {
		int err = refill(iter);
		if (err)
			return err;
	}
	return iter->at == iter->end ? 0 : ERR_INVALID_RECORD;
}

/* The record's length prefix. */
static int take_size(struct record_iter *iter, int32_t *size)
{
	int err = fetch(iter, VARINT32_SIZE_MAX);
	if (err && err != ERR_INVALID_RECORD) /* the last record may be shorter than a varint can be */
		return err;
	const uint8_t *body = record__read_int(iter->at, iter->end, size);
	if (!body || *size < 0)
		return ERR_INVALID_RECORD;
	iter->at = body;
	return 0;
}

static struct slice view(const uint8_t *bytes, int32_t size)
{
	return size < 0 ? (struct slice){NULL, 0} : (struct slice){bytes, (size_t)size};
}

static void fill_record(const struct batch *batch, const struct record_fields *fields, const uint8_t *end, struct record *out)
{
	out->offset = batch->base_offset + fields->offset_delta;
	out->timestamp_ms = batch_is_append_time(batch) ? batch->max_timestamp_ms
							: record__timestamp(batch->base_timestamp_ms, fields->timestamp_delta);
	out->key = view(fields->key, fields->key_size);
	out->value = view(fields->value, fields->value_size);
	out->header_count = (uint32_t)fields->header_count;
	out->headers = (struct slice){fields->headers, (size_t)(end - fields->headers)};
}

int record_iter_next(struct record_iter *iter, struct record *out)
{
	if (iter->seen >= iter->batch.records_count)
		return check_end(iter);
	int32_t size;
	int err = take_size(iter, &size);
	if (!err)
		err = fetch(iter, (size_t)size);
	if (err)
		return err;
	struct record_fields fields;
	const uint8_t *end = iter->at + size;
	if (!record__parse(iter->at, end, &fields))
		return ERR_INVALID_RECORD;
	fill_record(&iter->batch, &fields, end, out);
	iter->at = end;
	iter->seen++;
	return 1;
}

/* ---- without keys and values ------------------------------------------------------------------------------ */

/* The part of a body that has not been taken yet, of a record that does not fit the window. */
struct rest {
	struct record_iter *iter;
	uint64_t size;
};

static int take_varint(struct rest *rest, int64_t *value, bool is_long)
{
	struct record_iter *iter = rest->iter;
	int err = fetch(iter, is_long ? VARINT_SIZE_MAX : VARINT32_SIZE_MAX);
	if (err && err != ERR_INVALID_RECORD)
		return err;
	uint64_t ready = (uint64_t)(iter->end - iter->at);
	const uint8_t *end = iter->at + (ready < rest->size ? ready : rest->size), *next;
	int32_t narrow = 0;
	next = is_long ? record__read_long(iter->at, end, value) : record__read_int(iter->at, end, &narrow);
	if (!next)
		return ERR_INVALID_RECORD;
	if (!is_long)
		*value = narrow;
	rest->size -= (uint64_t)(next - iter->at);
	iter->at = next;
	return 0;
}

static int take_int(struct rest *rest, int32_t *value)
{
	int64_t wide = 0;
	int err = take_varint(rest, &wide, false);
	*value = (int32_t)wide;
	return err;
}

static int skip(struct rest *rest, uint64_t size)
{
	struct record_iter *iter = rest->iter;
	if (size > rest->size)
		return ERR_INVALID_RECORD;
	rest->size -= size;
	while (size > 0) {
		int err = fetch(iter, 1);
		if (err)
			return err;
		uint64_t ready = (uint64_t)(iter->end - iter->at), piece = ready < size ? ready : size;
		iter->at += piece;
		size -= piece;
	}
	return 0;
}

static int skip_sized(struct rest *rest, int32_t *size)
{
	int err = take_int(rest, size);
	if (err)
		return err;
	if (*size < -1)
		return ERR_INVALID_RECORD;
	return *size > 0 ? skip(rest, (uint64_t)*size) : 0;
}

static int skip_headers(struct rest *rest, int32_t count)
{
	int err = count < 0 ? ERR_INVALID_RECORD : 0;
	for (int32_t i = 0; i < count && !err; i++) {
		int32_t size;
		err = skip_sized(rest, &size);
		if (!err && size < 0)
			err = ERR_INVALID_RECORD;
		if (!err)
			err = skip_sized(rest, &size);
	}
	return err;
}

/* The same grammar as record__parse, in pieces. */
static int skip_body(struct rest *rest, struct record_fields *out)
{
	int err = skip(rest, 1);
	if (!err)
		err = take_varint(rest, &out->timestamp_delta, true);
	if (!err)
		err = take_int(rest, &out->offset_delta);
	if (!err)
		err = skip_sized(rest, &out->key_size);
	if (!err)
		err = skip_sized(rest, &out->value_size);
	if (!err)
		err = take_int(rest, &out->header_count);
	if (!err)
		err = skip_headers(rest, out->header_count);
	return !err && rest->size > 0 ? ERR_INVALID_RECORD : err;
}

int record__next_shape(struct record_iter *iter, struct record_fields *out)
{
	if (iter->seen >= iter->batch.records_count)
		return check_end(iter);
	int32_t size;
	size_t window_size;
	int err = take_size(iter, &size);
	if (err)
		return err;
	batch_workspace_window(iter->workspace, &window_size);
	iter->seen++;
	if ((size_t)size > window_size) {
		struct rest rest = {iter, (uint64_t)size};
		err = skip_body(&rest, out);
		return err ? err : 1;
	}
	err = fetch(iter, (size_t)size);
	if (err)
		return err;
	const uint8_t *body = iter->at;
	iter->at += size;
	return record__parse(body, iter->at, out) ? 1 : ERR_INVALID_RECORD;
}

void record_iter_close(struct record_iter *iter)
{
	if (iter->is_compressed)
		batch_workspace_trim(iter->workspace);
	memset(iter, 0, sizeof *iter);
}

static int find(struct record_iter *iter, int64_t timestamp_ms, int64_t offset_min, int64_t *offset_out, int64_t *timestamp_out)
{
	struct record record;
	int result;
	while ((result = record_iter_next(iter, &record)) == 1) {
		if (record.timestamp_ms < timestamp_ms || record.offset < offset_min)
			continue;
		*offset_out = record.offset;
		*timestamp_out = record.timestamp_ms;
		return 1;
	}
	return result;
}

int record_find_timestamp(struct batch_workspace *workspace, struct slice bytes, int64_t timestamp_ms, int64_t offset_min,
			  int64_t *offset_out, int64_t *timestamp_out)
{
	struct record_iter iter;
	int result = record_iter_open(&iter, workspace, bytes);
	if (result == 0 && !batch_is_control(&iter.batch))
		result = find(&iter, timestamp_ms, offset_min, offset_out, timestamp_out);
	record_iter_close(&iter);
	return result;
}

int record_find_max_timestamp(struct batch_workspace *workspace, struct slice bytes, int64_t *offset_out, int64_t *timestamp_out)
{
	struct batch batch;
	int err = batch_parse_header(bytes, &batch);
	if (err)
		return err;
	/* Nothing is later than the header's maximum, and the validator saw to it that it is right. */
	return record_find_timestamp(workspace, bytes, batch.max_timestamp_ms, INT64_MIN, offset_out, timestamp_out);
}
