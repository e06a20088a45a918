/* Bytes that grow. The only failure is memory, and that ends the program. */
#include "tests/differential/bytes_out.h"

#include "log/base/check.h"

#include <stdlib.h>

void bytes_out_free(struct bytes_out *out)
{
	free(out->data);
	*out = (struct bytes_out){0};
}

uint8_t *bytes_out_room(struct bytes_out *out, size_t size)
{
	if (out->size + size > out->capacity) {
		out->capacity = 2 * (out->size + size) + 64;
		out->data = realloc(out->data, out->capacity);
		CHECK(out->data);
	}
	out->size += size;
	return out->data + out->size - size;
}

void bytes_out_put(struct bytes_out *out, const void *bytes, size_t size)
{
	uint8_t *room = bytes_out_room(out, size);
	if (size)
		memcpy(room, bytes, size);
}

void bytes_out_number(struct bytes_out *out, int64_t value, unsigned size)
{
	uint8_t bytes[8];
	store_be64(bytes, (uint64_t)value);
	bytes_out_put(out, bytes + 8 - size, size);
}

void bytes_out_varint(struct bytes_out *out, uint64_t value)
{
	uint8_t bytes[VARINT_SIZE_MAX];
	bytes_out_put(out, bytes, varint_write(bytes, value));
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

bool bytes_out_hex(struct bytes_out *out, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2) {
		int high = hex_digit(hex[0]), low = hex_digit(hex[1]);
		if (high < 0 || low < 0)
			return false;
		bytes_out_number(out, high << 4 | low, 1);
	}
	return !*hex;
}
