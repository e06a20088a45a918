/* How `consume` prints a record: kcat's % formats, or one JSON object a line. Owner: the main thread. */
#pragma once

#include <stdio.h>

#include "log/base/types.h"

struct shown_header {
	const char *name;
	struct slice value; /* data NULL = null */
};

struct shown_record {
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;      /* -1 = none */
	bool is_append_time;
	struct slice key, value;   /* data NULL = null */
	const struct shown_header *headers;
	uint32_t header_count;
};

#define FORMAT_HELP \
	"%s value  %S its size (-1: null)  %R the same, 4 bytes big-endian  %k key  %K its size  %h headers (a=1,b=2)\n" \
	"%t topic  %p partition  %o offset  %T timestamp in ms  %% percent;  \\n \\r \\t \\\\ \\0 \\xHH"

/* Is it one that format_print knows? If not, a sentence in `why`. */
MUST_USE bool format_check(const char *format, char *why, size_t why_size);
/* The format was checked. `null_text` stands for a null key or value ("" or "NULL"). */
void format_print(FILE *out, const char *format, const struct shown_record *record, const char *null_text);

/* The bytes that a text with these escapes means: at most strlen(text), their number returned. What is no escape stands for itself. */
size_t format_unescape(const char *text, char *out);

/* One line: {"topic":..,"partition":..,"offset":..,"timestamp":..,"timestamp_type":..,"headers":[{"name":..,"value":..}],"key":..,"value":..};
 * bytes that are no UTF-8 come as "key_base64", "value_base64". */
void format_print_json(FILE *out, const struct shown_record *record);
