/* Printing records. The format is read anew for each record: it is a few characters, and the bytes it prints cost more.
 * JSON is written here and not by jansson, because it must be one pass over records of any size. */
#include "cli/format.h"

#include <ctype.h>
#include <inttypes.h>

#include "log/base/bytes.h"

/* ---- kcat's formats ------------------------------------------------------------------------------------------------- */

/* The byte an escape stands for, and the characters it takes behind the backslash; 0 = none is known. */
static unsigned read_escape(const char *at, char *out)
{
	static const char names[] = "nrt\\0\"'", values[] = "\n\r\t\\\0\"'";
	const char *found = *at ? strchr(names, *at) : NULL;
	unsigned byte;
	if (found) {
		*out = values[found - names];
		return 1;
	}
	if (*at == 'x' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]) && sscanf(at + 1, "%2x", &byte) == 1) {
		*out = (char)byte;
		return 3;
	}
	return 0;
}

static bool refuse(char why[], size_t why_size, const char *kind, const char *at)
{
	snprintf(why, why_size, "'%.2s' is no %s; there are: %s", at, kind, FORMAT_HELP);
	for (char *end = why; (end = strchr(end, '\n'));)
		*end = ' '; /* a message is one line */
	return false;
}

bool format_check(const char *format, char *why, size_t why_size)
{
	for (const char *at = format; *at; at++) {
		char byte;
		if (*at == '%') {
			if (!at[1] || !strchr("sSRkKhtpoT%", at[1]))
				return refuse(why, why_size, "format", at);
			at++;
		} else if (*at == '\\') {
			unsigned taken = read_escape(at + 1, &byte);
			if (!taken)
				return refuse(why, why_size, "escape", at);
			at += taken;
		}
	}
	return true;
}

static void print_bytes(FILE *out, struct slice bytes, const char *null_text)
{
	if (!bytes.data)
		fputs(null_text, out);
	else
		fwrite(bytes.data, 1, bytes.size, out);
}

static int64_t size_or_null(struct slice bytes)
{
	return bytes.data ? (int64_t)bytes.size : -1;
}

static void print_headers(FILE *out, const struct shown_record *record)
{
	for (uint32_t i = 0; i < record->header_count; i++) {
		fprintf(out, "%s%s=", i ? "," : "", record->headers[i].name);
		print_bytes(out, record->headers[i].value, "NULL");
	}
}

static void print_binary_size(FILE *out, struct slice bytes)
{
	uint8_t size[4];
	store_be32(size, (uint32_t)size_or_null(bytes));
	fwrite(size, 1, sizeof size, out);
}

static void print_field(FILE *out, char field, const struct shown_record *record, const char *null_text)
{
	switch (field) {
	case 's': print_bytes(out, record->value, null_text); break;
	case 'S': fprintf(out, "%" PRId64, size_or_null(record->value)); break;
	case 'R': print_binary_size(out, record->value); break;
	case 'k': print_bytes(out, record->key, null_text); break;
	case 'K': fprintf(out, "%" PRId64, size_or_null(record->key)); break;
	case 'h': print_headers(out, record); break;
	case 't': fputs(record->topic, out); break;
	case 'p': fprintf(out, "%" PRId32, record->partition); break;
	case 'o': fprintf(out, "%" PRId64, record->offset); break;
	case 'T': fprintf(out, "%" PRId64, record->timestamp_ms); break;
	default: putc('%', out);
	}
}

void format_print(FILE *out, const char *format, const struct shown_record *record, const char *null_text)
{
	for (const char *at = format; *at; at++) {
		char byte = *at;
		if (*at == '%') {
			print_field(out, *++at, record, null_text);
			continue;
		}
		if (*at == '\\')
			at += read_escape(at + 1, &byte);
		putc(byte, out);
	}
}

size_t format_unescape(const char *text, char *out)
{
	size_t size = 0;
	for (const char *at = text; *at; at++) {
		char byte = *at;
		if (*at == '\\')
			at += read_escape(at + 1, &byte);
		out[size++] = byte;
	}
	return size;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */

/* The bytes of the UTF-8 sequence at `at`, or 0 if there is none (overlong, a surrogate, above U+10FFFF, cut short). */
static unsigned utf8_size(const uint8_t *at, size_t left)
{
	uint8_t first = at[0];
	if (first < 0x80)
		return 1;
	unsigned size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || left < size)
		return 0;
	for (unsigned i = 1; i < size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) || (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
		return 0;
	return size;
}

static bool is_utf8(struct slice bytes)
{
	for (size_t at = 0; at < bytes.size;) {
		unsigned size = utf8_size(bytes.data + at, bytes.size - at);
		if (!size)
			return false;
		at += size;
	}
	return true;
}

static void print_json_string(FILE *out, struct slice text)
{
	putc('"', out);
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

static void print_base64(FILE *out, struct slice bytes)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	putc('"', out);
	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t bits = (uint32_t)bytes.data[i] << 16 | (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) | (left > 2 ? bytes.data[i + 2] : 0);
		putc(alphabet[bits >> 18], out);
		putc(alphabet[bits >> 12 & 63], out);
		putc(left > 1 ? alphabet[bits >> 6 & 63] : '=', out);
		putc(left > 2 ? alphabet[bits & 63] : '=', out);
	}
	putc('"', out);
}

static void print_json_bytes(FILE *out, const char *name, struct slice bytes)
{
	bool is_text = !bytes.data || is_utf8(bytes);
	fprintf(out, "\"%s%s\":", name, is_text ? "" : "_base64");
	if (!bytes.data)
		fputs("null", out);
	else if (is_text)
		print_json_string(out, bytes);
	else
		print_base64(out, bytes);
}

static void print_json_headers(FILE *out, const struct shown_record *record)
{
	fputs("\"headers\":[", out);
	for (uint32_t i = 0; i < record->header_count; i++) {
		fputs(i ? ",{" : "{", out);
		print_json_bytes(out, "name", slice_from(record->headers[i].name));
		putc(',', out);
		print_json_bytes(out, "value", record->headers[i].value);
		putc('}', out);
	}
	fputs("],", out);
}

void format_print_json(FILE *out, const struct shown_record *record)
{
	fputs("{\"topic\":", out);
	print_json_string(out, slice_from(record->topic));
	fprintf(out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",", record->partition, record->offset);
	if (record->timestamp_ms >= 0)
		fprintf(out, "\"timestamp\":%" PRId64 ",\"timestamp_type\":\"%s\",", record->timestamp_ms, record->is_append_time ? "append" : "create");
	print_json_headers(out, record);
	print_json_bytes(out, "key", record->key);
	putc(',', out);
	print_json_bytes(out, "value", record->value);
	fputs("}\n", out);
}
