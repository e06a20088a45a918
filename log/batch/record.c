/* Headers of a record, read and written. Bytes that break the format end the walk. */
#include "log/batch/record.h"

#include "log/batch/record_priv.h"

bool record_header_next(struct slice *rest, struct record_header *out)
{
	const uint8_t *end = rest->data + rest->size, *at = rest->data, *bytes = NULL;
	int32_t size;
	if (rest->size == 0 || !(at = record__read_bytes(at, end, &size, &bytes)) || size < 0)
		return false;
	out->key = (struct slice){bytes, (size_t)size};
	if (!(at = record__read_bytes(at, end, &size, &bytes)))
		return false;
	out->value = size < 0 ? (struct slice){NULL, 0} : (struct slice){bytes, (size_t)size};
	*rest = (struct slice){at, (size_t)(end - at)};
	return true;
}

static size_t bytes_size(struct slice bytes)
{
	return record__long_size(bytes.data ? (int32_t)bytes.size : -1) + bytes.size;
}

static uint8_t *write_bytes(uint8_t *out, struct slice bytes)
{
	out += record__write_int(out, bytes.data ? (int32_t)bytes.size : -1);
	if (bytes.size > 0)
		memcpy(out, bytes.data, bytes.size);
	return out + bytes.size;
}

/* A header's key cannot be null: a missing one is written empty. */
static struct slice present(struct slice key)
{
	return key.data ? key : (struct slice){(const uint8_t *)"", 0};
}

size_t record_header_size(const struct record_header *header)
{
	return bytes_size(present(header->key)) + bytes_size(header->value);
}

size_t record_header_write(uint8_t *out, const struct record_header *header)
{
	uint8_t *at = write_bytes(out, present(header->key));
	at = write_bytes(at, header->value);
	return (size_t)(at - out);
}
