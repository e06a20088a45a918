/* JSON, printed as it comes: the generated dump functions call one of these for each brace and value. Write
 * errors stay with the stream. */
#include "net/wire/dump.h"

#include <inttypes.h>

/* A value or a brace opens: the comma before it, if it is not the first. */
static void begin_value(struct dump *dump)
{
	if (dump->needs_comma)
		fputc(',', dump->stream);
	dump->needs_comma = true;
}

void dump_open_struct(struct dump *dump)
{
	begin_value(dump);
	fputc('{', dump->stream);
	dump->needs_comma = false;
}

void dump_close_struct(struct dump *dump)
{
	fputc('}', dump->stream);
	dump->needs_comma = true;
}

void dump_open_array(struct dump *dump, int32_t count)
{
	if (count < 0) {
		dump_put_null(dump);
		return;
	}
	begin_value(dump);
	fputc('[', dump->stream);
	dump->needs_comma = false;
}

void dump_close_array(struct dump *dump, int32_t count)
{
	if (count >= 0)
		fputc(']', dump->stream);
	dump->needs_comma = true;
}

void dump_key(struct dump *dump, const char *name)
{
	begin_value(dump);
	fprintf(dump->stream, "\"%s\":", name);
	dump->needs_comma = false;
}

void dump_put_null(struct dump *dump)
{
	begin_value(dump);
	fputs("null", dump->stream);
}

void dump_put_bool(struct dump *dump, bool value)
{
	begin_value(dump);
	fputs(value ? "true" : "false", dump->stream);
}

void dump_put_int64(struct dump *dump, int64_t value)
{
	begin_value(dump);
	fprintf(dump->stream, "%" PRId64, value);
}

void dump_put_float64(struct dump *dump, double value)
{
	begin_value(dump);
	fprintf(dump->stream, "%.17g", value);
}

/* 22 characters for 128 bits: six bits each, the last one only two. */
void dump_put_uuid(struct dump *dump, struct uuid value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	begin_value(dump);
	fputc('"', dump->stream);
	uint32_t bits = 0;
	int bit_count = 0;
	for (size_t i = 0; i < sizeof value.bytes; i++) {
		bits = bits << 8 | value.bytes[i];
		for (bit_count += 8; bit_count >= 6; bit_count -= 6)
			fputc(digits[bits >> (bit_count - 6) & 63], dump->stream);
	}
	fputc(digits[bits << (6 - bit_count) & 63], dump->stream);
	fputc('"', dump->stream);
}

static void put_character(struct dump *dump, uint8_t c)
{
	if (c == '"' || c == '\\')
		fprintf(dump->stream, "\\%c", c);
	else if (c < 0x20)
		fprintf(dump->stream, "\\u%04x", c);
	else
		fputc(c, dump->stream);
}

void dump_put_string(struct dump *dump, struct slice value)
{
	if (!value.data) {
		dump_put_null(dump);
		return;
	}
	begin_value(dump);
	fputc('"', dump->stream);
	for (size_t i = 0; i < value.size; i++)
		put_character(dump, value.data[i]);
	fputc('"', dump->stream);
}

void dump_put_bytes(struct dump *dump, struct slice value)
{
	if (!value.data) {
		dump_put_null(dump);
		return;
	}
	begin_value(dump);
	fputc('"', dump->stream);
	for (size_t i = 0; i < value.size; i++)
		fprintf(dump->stream, "%02x", value.data[i]);
	fputc('"', dump->stream);
}

void dump_put_records(struct dump *dump, const struct records *records)
{
	if (records->piece_count == 0 && !records->whole.data)
		dump_put_null(dump);
	else
		dump_put_int64(dump, (int64_t)records_size(records));
}
