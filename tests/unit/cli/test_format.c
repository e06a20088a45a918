/* kcat's % formats, and records as JSON. */
#include "cli/format.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}

static const struct shown_header headers[] = {{"a", BYTES("1")}, {"b", {NULL, 0}}, {"c", BYTES("")}};

static const struct shown_record full = {
	.topic = "orders", .partition = 3, .offset = 1234567890123, .timestamp_ms = 1700000000000, .key = BYTES("k"), .value = BYTES("v\"\n"),
	.headers = headers, .header_count = 3,
};
static const struct shown_record empty = {.topic = "t", .timestamp_ms = -1, .key = BYTES(""), .value = BYTES("")};
static const struct shown_record null = {.topic = "t", .timestamp_ms = 5, .is_append_time = true};
static const struct shown_record binary = {.topic = "t", .timestamp_ms = 5, .key = BYTES("\xff"), .value = BYTES("a\0\xc3\xa4\x80")};

static const struct {
	const struct shown_record *record;
	const char *format, *null_text, *printed;
	size_t size; /* 0 = strlen */
} cases[] = {
	{&full, "%s", "", "v\"\n", 0},
	{&full, "%t/%p/%o %T %k %K %S", "", "orders/3/1234567890123 1700000000000 k 1 3", 0},
	{&full, "%h", "", "a=1,b=NULL,c=", 0},
	{&full, "100%%\\n\\r\\t\\\\\\x41\\0|", "", "100%\n\r\t\\A\0|", 11},
	{&full, "%R", "", "\0\0\0\3", 4},
	{&full, "", "", "", 0},
	{&empty, "%k|%K|%s|%S|%T|%h", "NULL", "|0||0|-1|", 0},
	{&null, "%k|%K|%s|%S|", "", "|-1||-1|", 0},
	{&null, "%k|%s", "NULL", "NULL|NULL", 0},
	{&null, "%R", "", "\xff\xff\xff\xff", 4},
	{&binary, "%s", "", "a\0\xc3\xa4\x80", 5},
};

/* Each field and each escape, with null and empty kept apart, and bytes as they are. */
Test(format, print)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *text, why[1024];
		size_t size, wanted = cases[i].size ? cases[i].size : strlen(cases[i].printed);
		FILE *out = open_memstream(&text, &size);
		cr_assert(format_check(cases[i].format, why, sizeof why), "%s", why);
		format_print(out, cases[i].format, cases[i].record, cases[i].null_text);
		fclose(out);
		cr_assert(size == wanted && memcmp(text, cases[i].printed, size) == 0, "case %zu: '%s' (%zu bytes)", i, text, size);
		free(text);
	}
}

static const char *const bad[] = {"%", "%q", "%s %", "\\", "\\q", "\\x4", "\\xg1", "%s\\"};

/* What is no format is refused, with all that there are. */
Test(format, refuse)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char why[1024] = "";
		cr_assert_not(format_check(bad[i], why, sizeof why), "%s", bad[i]);
		cr_assert_not_null(strstr(why, "%s value"), "%s", why);
		cr_assert_null(strchr(why, '\n'), "it is printed as one line");
	}
}

static const struct {
	const struct shown_record *record;
	const char *printed;
} json[] = {
	{&full, "{\"topic\":\"orders\",\"partition\":3,\"offset\":1234567890123,\"timestamp\":1700000000000,\"timestamp_type\":\"create\",\"headers\":["
		"{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"b\",\"value\":null},{\"name\":\"c\",\"value\":\"\"}],\"key\":\"k\",\"value\":\"v\\\"\\n\"}\n"},
	{&empty, "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"headers\":[],\"key\":\"\",\"value\":\"\"}\n"},
	{&null, "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp\":5,\"timestamp_type\":\"append\",\"headers\":[],\"key\":null,\"value\":null}\n"},
	{&binary, "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp\":5,\"timestamp_type\":\"create\",\"headers\":[],\"key_base64\":\"/w==\","
		  "\"value_base64\":\"YQDDpIA=\"}\n"},
};

/* One object a line; bytes that are no UTF-8 in base64, control characters escaped. */
Test(format, json)
{
	for (size_t i = 0; i < COUNT_OF(json); i++) {
		char *text;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		format_print_json(out, json[i].record);
		fclose(out);
		cr_assert_str_eq(text, json[i].printed);
		free(text);
	}
}

static const struct {
	const char *bytes;
	bool is_text;
} utf8[] = {
	{"\xc3\xa4", true}, {"\xe2\x82\xac", true}, {"\xf0\x9f\x98\x80", true}, {"\xf4\x8f\xbf\xbf", true}, {"\xed\x9f\xbf", true},
	{"\xc0\xaf", false}, {"\xc1\x81", false}, {"\xe0\x80\x80", false}, {"\xed\xa0\x80", false}, {"\xf0\x80\x80\x80", false},
	{"\xf4\x90\x80\x80", false}, {"\xf5\x80\x80\x80", false}, {"\xc3", false}, {"\xe2\x82", false}, {"\x80", false}, {"\xc3(", false},
};

/* UTF-8 is what the standard says it is: no overlong forms, no surrogates, nothing above U+10FFFF, nothing cut short. */
Test(format, json_text_or_base64)
{
	for (size_t i = 0; i < COUNT_OF(utf8); i++) {
		char *text;
		size_t size;
		struct shown_record record = {.topic = "t", .timestamp_ms = -1, .value = {(const uint8_t *)utf8[i].bytes, strlen(utf8[i].bytes)}};
		FILE *out = open_memstream(&text, &size);
		format_print_json(out, &record);
		fclose(out);
		cr_assert_eq(strstr(text, "value_base64") == NULL, utf8[i].is_text, "case %zu: %s", i, text);
		free(text);
	}
}
