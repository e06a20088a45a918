/* Records from JSON lines: every form that is taken, every slip that is refused, and what consume prints comes back as the same bytes. */
#include "cli/json_record.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/format.h"

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void assert_bytes(const char *line, struct slice wanted, struct slice got)
{
	cr_assert_eq(got.data == NULL, wanted.data == NULL, "%s", line);
	cr_assert_eq(got.size, wanted.size, "%s: %zu bytes", line, got.size);
	cr_assert(!wanted.size || memcmp(got.data, wanted.data, wanted.size) == 0, "%s", line);
}

/* Each way to write a key and a value. */
Test(json_record, good)
{
	static const struct {
		const char *line, *key, *value;
		int64_t timestamp_ms;
		int32_t partition;
	} cases[] = {
		{"{\"value\":\"v\"}", NULL, "v", -1, -1},
		{"{\"key\":\"k\",\"value\":\"\"}", "k", "", -1, -1},
		{"{\"key\":\"\",\"value\":null}", "", NULL, -1, -1},
		{" {\"value\":\"\\u00e9\\n\\\"\"} ", NULL, "\xc3\xa9\n\"", -1, -1},
		{"{\"value_base64\":\"\"}", NULL, "", -1, -1},
		{"{\"value_base64\":\"/w==\",\"key_base64\":\"Zm9vYmE=\"}", "fooba", "\xff", -1, -1},
		{"{\"value_base64\":\"Zm9vYmFy\"}", NULL, "foobar", -1, -1},
		{"{\"value\":{\"b\":1,\"a\":[true,null,\"x\"]},\"key\":7}", "7", "{\"b\":1,\"a\":[true,null,\"x\"]}", -1, -1},
		{"{\"value\":\"v\",\"timestamp\":1700000000000,\"partition\":3,\"topic\":\"t\",\"offset\":9,\"timestamp_type\":\"create\"}", NULL, "v",
		 1700000000000, 3},
		{"{\"value\":\"v\",\"headers\":null}", NULL, "v", -1, -1},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct json_record record;
		char why[256] = "";
		cr_assert(json_record_parse(&record, slice_of(cases[i].line), why, sizeof why), "%s: %s", cases[i].line, why);
		assert_bytes(cases[i].line, cases[i].key ? slice_of(cases[i].key) : (struct slice){0}, record.key);
		assert_bytes(cases[i].line, cases[i].value ? slice_of(cases[i].value) : (struct slice){0}, record.value);
		cr_assert_eq(record.timestamp_ms, cases[i].timestamp_ms);
		cr_assert_eq(record.partition, cases[i].partition);
		json_record_free(&record);
	}
}

/* Headers keep their order and may repeat; an object is a short way to write them. */
Test(json_record, headers)
{
	static const char list[] = "{\"value\":\"v\",\"headers\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"a\",\"value\":null},"
				   "{\"name_base64\":\"/w==\",\"value_base64\":\"AA==\"},{\"name\":\"b\"}]}";
	struct json_record record;
	char why[256] = "";
	cr_assert(json_record_parse(&record, slice_of(list), why, sizeof why), "%s", why);
	cr_assert_eq(record.header_count, 4);
	assert_bytes("first", slice_of("1"), record.headers[0].value);
	assert_bytes("second", (struct slice){0}, record.headers[1].value);
	assert_bytes("third", slice_of("\xff"), record.headers[2].name);
	assert_bytes("third", (struct slice){(const uint8_t *)"\0", 1}, record.headers[2].value);
	assert_bytes("fourth", (struct slice){0}, record.headers[3].value);
	json_record_free(&record);
	cr_assert(json_record_parse(&record, slice_of("{\"value\":\"v\",\"headers\":{\"a\":\"1\",\"b\":2}}"), why, sizeof why), "%s", why);
	cr_assert_eq(record.header_count, 2);
	assert_bytes("b", slice_of("2"), record.headers[1].value);
	json_record_free(&record);
}

/* What is refused, and what the sentence says. */
Test(json_record, bad)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{"", "no JSON"},
		{"plain text", "no JSON"},
		{"{\"value\":12345678901234567890123}", "too large to be kept (column"},
		{"{\"value\":1e400}", "too large to be kept (column"},
		{"{\"value\":\"v\"} {\"value\":\"w\"}", "no JSON"},
		{"{\"value\":\"v\",\"value\":\"w\"}", "no JSON"},
		{"[1]", "must be an object"},
		{"\"v\"", "must be an object"},
		{"{}", "there is no value"},
		{"{\"key\":\"k\"}", "\"value\":null"},
		{"{\"vlaue\":\"v\"}", "did you mean \"value\"?"},
		{"{\"value\":\"v\",\"payload\":\"v\"}", "no field \"payload\""},
		{"{\"value_base64\":\"/w=\"}", "value_base64 is no base64"},
		{"{\"value_base64\":\"/w==/w==\"}", "no base64"},
		{"{\"value_base64\":\"====\"}", "no base64"},
		{"{\"value_base64\":\"Zm9v Zm9\"}", "no base64"},
		{"{\"value_base64\":7}", "must be a string"},
		{"{\"value\":\"v\",\"partition\":-1}", "partition must be a whole number"},
		{"{\"value\":\"v\",\"partition\":2147483648}", "partition must be"},
		{"{\"value\":\"v\",\"partition\":\"0\"}", "partition must be"},
		{"{\"value\":\"v\",\"timestamp\":1.5}", "timestamp must be"},
		{"{\"value\":\"v\",\"headers\":\"a=1\"}", "headers must be"},
		{"{\"value\":\"v\",\"headers\":[\"a\"]}", "a header must be"},
		{"{\"value\":\"v\",\"headers\":[{\"value\":\"1\"}]}", "no name"},
		{"{\"value\":\"v\",\"headers\":[{\"name\":1}]}", "name must be a string"},
		{"{\"value\":\"v\",\"headers\":[{\"nam\":\"a\"}]}", "not \"nam\""},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct json_record record;
		char why[256] = "";
		cr_assert_not(json_record_parse(&record, slice_of(cases[i].line), why, sizeof why), "%s", cases[i].line);
		cr_assert_not_null(strstr(why, cases[i].said), "%s: %s", cases[i].line, why);
	}
}

static void assert_round_trip(const struct shown_record *shown)
{
	char *line = NULL, why[256] = "";
	size_t size;
	FILE *out = open_memstream(&line, &size);
	struct json_record record;
	format_print_json(out, shown);
	fclose(out);
	cr_assert(json_record_parse(&record, (struct slice){(uint8_t *)line, size}, why, sizeof why), "%s: %s", line, why);
	assert_bytes(line, shown->key, record.key);
	assert_bytes(line, shown->value, record.value);
	cr_assert_eq(record.header_count, shown->header_count);
	for (uint32_t i = 0; i < shown->header_count; i++) {
		assert_bytes(line, slice_of(shown->headers[i].name), record.headers[i].name);
		assert_bytes(line, shown->headers[i].value, record.headers[i].value);
	}
	cr_assert_eq(record.timestamp_ms, shown->timestamp_ms);
	cr_assert_eq(record.partition, shown->partition);
	json_record_free(&record);
	free(line);
}

/* What consume prints is what produce reads: every byte, alone and in every pair with another, as value, key and header. */
Test(json_record, round_trip)
{
	uint8_t bytes[2];
	for (unsigned pair = 0; pair < 65536; pair += 17) {
		bytes[0] = (uint8_t)(pair >> 8);
		bytes[1] = (uint8_t)pair;
		const struct shown_header headers[] = {{"a", {bytes, 2}}, {"\xff", {NULL, 0}}, {"", {bytes, 0}}};
		assert_round_trip(&(struct shown_record){.topic = "t", .partition = 1, .offset = 5, .timestamp_ms = 1700000000000 + pair, .key = {bytes, 1},
							 .value = {bytes, 2}, .headers = headers, .header_count = 3});
	}
	assert_round_trip(&(struct shown_record){.topic = "t", .timestamp_ms = -1, .value = {bytes, 0}});
	assert_round_trip(&(struct shown_record){.topic = "t", .timestamp_ms = 0, .key = {bytes, 0}});
}
