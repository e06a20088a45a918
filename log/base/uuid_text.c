/* UUIDs as text. In base64, 16 bytes are five groups of 3 bytes (4 characters each) and one byte more (2 characters, of whose 12 bits the
 * last 4 are zero). */
#include "log/base/uuid_text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void uuid_text_format(char out[UUID_TEXT_SIZE], const struct uuid *id)
{
	uint32_t bits = 0;
	unsigned bit_count = 0;
	char *at = out;
	for (size_t i = 0; i < sizeof id->bytes; i++) {
		bits = bits << 8 | id->bytes[i];
		for (bit_count += 8; bit_count >= 6; bit_count -= 6)
			*at++ = alphabet[bits >> (bit_count - 6) & 63];
	}
	*at++ = alphabet[bits << (6 - bit_count) & 63];
	*at = '\0';
}

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool uuid_text_parse(struct uuid *id, struct slice text)
{
	if (text.size != UUID_TEXT_SIZE - 1)
		return false;
	struct uuid parsed;
	uint32_t bits = 0;
	unsigned bit_count = 0;
	size_t filled = 0;
	for (size_t i = 0; i < text.size; i++) {
		int value = value_of(text.data[i]);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			parsed.bytes[filled++] = (uint8_t)(bits >> bit_count);
		}
	}
	if (bits & 15)
		return false;
	*id = parsed;
	return true;
}

static const char digits[] = "0123456789abcdef";

void uuid_hex_format(char out[UUID_HEX_SIZE], const struct uuid *id)
{
	char *at = out;
	for (size_t i = 0; i < sizeof id->bytes; i++) {
		*at++ = digits[id->bytes[i] >> 4];
		*at++ = digits[id->bytes[i] & 15];
	}
	*at = '\0';
}

static int digit_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_hex_parse(struct uuid *id, struct slice text)
{
	struct uuid parsed;
	if (text.size != UUID_HEX_SIZE - 1)
		return false;
	for (size_t i = 0; i < sizeof parsed.bytes; i++) {
		int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*id = parsed;
	return true;
}
