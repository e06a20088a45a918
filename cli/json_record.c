/* Reading a record from JSON. Field by field, by a table: a name that the table does not have is an error with the nearest one. Failure modes: JSON that
 * is none (with the column), a field of another type, base64 that is none, no value, no memory. */
#include "cli/json_record.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/edit_distance.h"

struct parse {
	struct json_record *record;
	bool has_value;
	char *why;
	size_t why_size;
};

static PRINTF_LIKE(2, 3) bool refuse(struct parse *parse, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(parse->why, parse->why_size, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- bytes -------------------------------------------------------------------------------------------------------------------- */

/* The record owns the text from here on. */
static bool keep(struct parse *parse, void *text)
{
	void **texts = realloc(parse->record->texts, (parse->record->text_count + 1) * sizeof *texts);
	if (!texts || !text) {
		free(text);
		parse->record->texts = texts ? texts : parse->record->texts;
		return refuse(parse, "out of memory");
	}
	parse->record->texts = texts;
	parse->record->texts[parse->record->text_count++] = text;
	return true;
}

static int base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

/* -1: it is no base64 (as long as a multiple of four, with = at the end). */
static int64_t decode_base64(uint8_t *out, const char *text, size_t size)
{
	size_t padding = size && text[size - 1] == '=' ? 1 + (size > 1 && text[size - 2] == '=') : 0;
	size_t written = 0;
	if (size % 4)
		return -1;
	for (size_t i = 0; i < size; i += 4) {
		uint32_t bits = 0;
		for (size_t j = i; j < i + 4; j++) {
			int value = j >= size - padding ? 0 : base64_value(text[j]);
			if (value < 0)
				return -1;
			bits = bits << 6 | (uint32_t)value;
		}
		for (int shift = 16; shift >= 0; shift -= 8)
			out[written++] = (uint8_t)(bits >> shift);
	}
	return (int64_t)(written - padding);
}

static bool take_base64(struct parse *parse, const char *name, const json_t *json, struct slice *out)
{
	if (!json_is_string(json))
		return refuse(parse, "%s must be a string", name);
	size_t size = json_string_length(json);
	uint8_t *bytes = malloc(size / 4 * 3 + 1);
	if (!keep(parse, bytes))
		return false;
	int64_t decoded = decode_base64(bytes, json_string_value(json), size);
	*out = (struct slice){bytes, (size_t)decoded};
	return decoded >= 0 || refuse(parse, "%s is no base64", name);
}

/* Text as it is, null as null, anything else as its JSON. */
static bool take_bytes(struct parse *parse, const json_t *json, struct slice *out)
{
	*out = (struct slice){NULL, 0};
	if (json_is_null(json))
		return true;
	if (json_is_string(json)) {
		*out = (struct slice){(const uint8_t *)json_string_value(json), json_string_length(json)};
		return true;
	}
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);
	if (!keep(parse, text))
		return false;
	*out = slice_from(text);
	return true;
}

static bool take_int(struct parse *parse, const char *name, const json_t *json, int64_t max, int64_t *out)
{
	*out = json_integer_value(json);
	if (json_is_integer(json) && *out >= 0 && *out <= max)
		return true;
	return refuse(parse, "%s must be a whole number from 0 to %lld", name, (long long)max);
}

/* ---- headers ------------------------------------------------------------------------------------------------------------------- */

static bool take_header_field(struct parse *parse, const char *name, const json_t *json, struct json_header *header, bool *has_name)
{
	bool is_name = strncmp(name, "name", 4) == 0;
	*has_name |= is_name;
	if (strcmp(name, "name") == 0)
		return json_is_string(json) ? take_bytes(parse, json, &header->name) : refuse(parse, "a header's name must be a string");
	if (strcmp(name, "value") == 0)
		return take_bytes(parse, json, &header->value);
	if (strcmp(name, "name_base64") == 0)
		return take_base64(parse, name, json, &header->name);
	if (strcmp(name, "value_base64") == 0)
		return take_base64(parse, name, json, &header->value);
	return refuse(parse, "a header has name and value, not \"%s\"", name);
}

static bool take_header(struct parse *parse, json_t *json, struct json_header *header)
{
	const char *name;
	json_t *field;
	bool has_name = false;
	if (!json_is_object(json))
		return refuse(parse, "a header must be {\"name\":..,\"value\":..}");
	json_object_foreach(json, name, field)
		if (!take_header_field(parse, name, field, header, &has_name))
			return false;
	return has_name || refuse(parse, "a header has no name");
}

static bool take_header_object(struct parse *parse, json_t *json)
{
	const char *name;
	json_t *value;
	json_object_foreach(json, name, value) {
		struct json_header *header = &parse->record->headers[parse->record->header_count++];
		header->name = slice_from(name);
		if (!take_bytes(parse, value, &header->value))
			return false;
	}
	return true;
}

static bool take_headers(struct parse *parse, json_t *json)
{
	size_t count = json_is_array(json) ? json_array_size(json) : json_object_size(json);
	if (json_is_null(json))
		return true;
	if (!json_is_array(json) && !json_is_object(json))
		return refuse(parse, "headers must be a list of {\"name\":..,\"value\":..}");
	if (count > JSON_HEADERS_MAX)
		return refuse(parse, "there are more than %d headers", JSON_HEADERS_MAX);
	parse->record->headers = calloc(count + 1, sizeof *parse->record->headers);
	if (!parse->record->headers)
		return refuse(parse, "out of memory");
	if (json_is_object(json))
		return take_header_object(parse, json);
	for (size_t i = 0; i < count; i++)
		if (!take_header(parse, json_array_get(json, i), &parse->record->headers[parse->record->header_count++]))
			return false;
	return true;
}

/* ---- fields -------------------------------------------------------------------------------------------------------------------- */

static bool refuse_field(struct parse *parse, const char *name)
{
	static const char *const names[] = {"key", "value", "key_base64", "value_base64", "headers", "timestamp", "partition", "topic", "offset",
					    "timestamp_type"};
	struct edit_search search = {.name = name};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		edit_offer(&search, names[i]);
	if (search.nearest)
		return refuse(parse, "there is no field \"%.64s\"; did you mean \"%s\"?", name, search.nearest);
	return refuse(parse, "there is no field \"%.64s\"; there are key, value, headers, timestamp, partition", name);
}

static bool take_field(struct parse *parse, const char *name, json_t *json)
{
	struct json_record *record = parse->record;
	int64_t number;
	parse->has_value |= strncmp(name, "value", 5) == 0;
	if (strcmp(name, "value") == 0)
		return take_bytes(parse, json, &record->value);
	if (strcmp(name, "key") == 0)
		return take_bytes(parse, json, &record->key);
	if (strcmp(name, "value_base64") == 0)
		return take_base64(parse, name, json, &record->value);
	if (strcmp(name, "key_base64") == 0)
		return take_base64(parse, name, json, &record->key);
	if (strcmp(name, "headers") == 0)
		return take_headers(parse, json);
	if (strcmp(name, "timestamp") == 0)
		return take_int(parse, name, json, INT64_MAX, &record->timestamp_ms);
	if (strcmp(name, "partition") == 0) {
		bool is_good = take_int(parse, name, json, INT32_MAX, &number);
		record->partition = (int32_t)number;
		return is_good;
	}
	if (strcmp(name, "topic") == 0 || strcmp(name, "offset") == 0 || strcmp(name, "timestamp_type") == 0)
		return true;
	return refuse_field(parse, name);
}

static bool take_fields(struct parse *parse, json_t *json)
{
	const char *name;
	json_t *field;
	if (!json_is_object(json))
		return refuse(parse, "it must be an object: {\"key\":\"k\",\"value\":\"v\"}");
	json_object_foreach(json, name, field)
		if (!take_field(parse, name, field))
			return false;
	return parse->has_value || refuse(parse, "there is no value; a record without one has \"value\":null");
}

/* Numbers of any size are JSON; what no int64 and no double holds cannot be kept as it is, and is not changed unasked. */
static bool refuse_text(struct parse *parse, const json_error_t *error)
{
	if (json_error_code(error) == json_error_numeric_overflow)
		return refuse(parse, "a number is too large to be kept (column %d); write it as a text: \"...\"", error->column);
	return refuse(parse, "it is no JSON: %s (column %d)", error->text, error->column);
}

bool json_record_parse(struct json_record *out, struct slice line, char *why, size_t why_size)
{
	json_error_t error;
	struct parse parse = {.record = out, .why = why, .why_size = why_size};
	*out = (struct json_record){.timestamp_ms = -1, .partition = -1};
	json_t *document = json_loadb((const char *)line.data, line.size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	out->document = document;
	bool is_good = document ? take_fields(&parse, document) : refuse_text(&parse, &error);
	if (!is_good)
		json_record_free(out);
	return is_good;
}

void json_record_free(struct json_record *record)
{
	for (uint32_t i = 0; i < record->text_count; i++)
		free(record->texts[i]);
	free(record->texts);
	free(record->headers);
	json_decref(record->document);
	*record = (struct json_record){0};
}
