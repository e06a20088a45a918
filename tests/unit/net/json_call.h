/* Requests and answers as JSON text, for tables of what an API answers: the request is encoded by the table
 * of its fields (kmsg_fields.h), the answer printed by the codec's own dump. In the text ' stands for ", and
 * ` for an apostrophe. A field that the text leaves out has the schema's default, and one that the version
 * does not have is left out. */
#pragma once

#include "tests/unit/net/server_fixture.h"

#include "kmsg_fields.h"
#include "log/base/uuid_text.h"
#include "net/wire/dump.h"
#include <jansson.h>

/* NULL: it is not JSON. */
static json_t *json_from(const char *text)
{
	char *copy = strdup(text);
	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at == '`' ? '\'' : *at;
	json_t *value = json_loads(copy, 0, NULL);
	free(copy);
	return value;
}

static inline bool json_is_in(struct kmsg_range range, int version) { return version >= range.first && version <= range.last; }

static void put_json_struct(struct writer *writer, const struct kmsg_struct *fields, int version, bool is_flexible, json_t *value);

static int64_t json_number(const struct kmsg_field *field, json_t *value)
{
	if (value)
		return json_is_boolean(value) ? json_is_true(value) : (int64_t)json_integer_value(value);
	return strcmp(field->default_value, "true") == 0 ? 1 : strtoll(field->default_value, NULL, 0);
}

static bool json_is_nothing(const struct kmsg_field *field, int version, json_t *value)
{
	return json_is_in(field->nullable, version) && (!value || json_is_null(value));
}

static struct slice json_text(const struct kmsg_field *field, int version, json_t *value)
{
	if (json_is_nothing(field, version, value))
		return (struct slice){0};
	return slice_from(value ? json_string_value(value) : "");
}

static struct uuid json_uuid(json_t *value)
{
	struct uuid id = {{0}};
	cr_assert(!value || uuid_text_parse(&id, slice_from(json_string_value(value))));
	return id;
}

static void put_json_value(struct writer *writer, const struct kmsg_field *field, int version, bool is_flexible, json_t *value)
{
	switch (field->type) {
	case KMSG_TYPE_bool:
	case KMSG_TYPE_int8: writer_int8(writer, (int8_t)json_number(field, value)); return;
	case KMSG_TYPE_int16: writer_int16(writer, (int16_t)json_number(field, value)); return;
	case KMSG_TYPE_int32: writer_int32(writer, (int32_t)json_number(field, value)); return;
	case KMSG_TYPE_int64: writer_int64(writer, json_number(field, value)); return;
	case KMSG_TYPE_float64: writer_float64(writer, value ? json_number_value(value) : 0); return;
	case KMSG_TYPE_string: writer_string(writer, is_flexible, true, json_text(field, version, value)); return;
	case KMSG_TYPE_bytes: writer_bytes(writer, is_flexible, true, json_text(field, version, value)); return;
	case KMSG_TYPE_uuid: writer_uuid(writer, json_uuid(value)); return;
	case KMSG_TYPE_struct: put_json_struct(writer, field->fields, version, is_flexible, value); return;
	default: cr_assert_fail("%s: this type has no text", field->name);
	}
}

static void put_json_field(struct writer *writer, const struct kmsg_field *field, int version, bool is_flexible, json_t *value)
{
	if (!field->is_array) {
		put_json_value(writer, field, version, is_flexible, value);
		return;
	}
	bool is_null = json_is_nothing(field, version, value);
	int32_t count = is_null ? -1 : (int32_t)json_array_size(value);
	if (is_flexible)
		writer_varint(writer, (uint32_t)(count + 1));
	else
		writer_int32(writer, count);
	for (int32_t i = 0; i < count; i++)
		put_json_value(writer, field, version, is_flexible, json_array_get(value, (size_t)i));
}

static void put_json_struct(struct writer *writer, const struct kmsg_struct *fields, int version, bool is_flexible, json_t *value)
{
	const char *key;
	json_t *item;
	json_object_foreach(value, key, item) {
		bool is_known = false;
		for (int i = 0; i < fields->count; i++)
			is_known |= strcmp(key, fields->fields[i].name) == 0;
		cr_assert(is_known, "no field %s", key);
	}
	for (int i = 0; i < fields->count; i++)
		if (fields->fields[i].tag < 0 && json_is_in(fields->fields[i].versions, version))
			put_json_field(writer, &fields->fields[i], version, is_flexible, json_object_get(value, fields->fields[i].name));
	if (is_flexible)
		writer_varint(writer, 0); /* no tagged fields */
}

static void client_send_json(struct client *client, const char *api, int version, const char *text)
{
	static uint8_t memory[1 << 16];
	char name[64];
	snprintf(name, sizeof name, "%s_request", api);
	const struct kmsg_description *description = kmsg_description_find(name);
	json_t *value = json_from(text);
	cr_assert(description && value, "%s %s", api, text);
	struct request_header header = {.api_key = (int16_t)description->key, .api_version = (int16_t)version,
		.correlation_id = ++client->correlation_id, .client_id = slice_from("test")};
	struct writer writer = writer_into(memory, sizeof memory);
	writer_int32(&writer, 0);
	request_header_encode(&writer, &header);
	put_json_struct(&writer, description->fields, version, version >= description->flexible, value);
	cr_assert_eq(writer.error, 0);
	store_be32(memory, (uint32_t)(writer.position - 4));
	client_send_raw(client, memory, writer.position);
	json_decref(value);
}

/* The answer as JSON, valid until the next call; NULL: the broker closed the connection. */
static const char *client_receive_json(struct client *client, const char *api, int version)
{
	static char *text;
	static char out[4096];
	char name[64];
	size_t size;
	snprintf(name, sizeof name, "%s_response", api);
	const struct kmsg_message *message = kmsg_message_find(name);
	cr_assert_leq(message->struct_size, sizeof out);
	if (!client_receive(client, api, version, client->correlation_id, out))
		return NULL;
	free(text);
	FILE *stream = open_memstream(&text, &size);
	struct dump dump = dump_to(stream);
	message->dump(&dump, version, out);
	fclose(stream);
	return text;
}

static const char *client_call_json(struct client *client, const char *api, int version, const char *text)
{
	client_send_json(client, api, version, text);
	return client_receive_json(client, api, version);
}

/* What an API answers: a row holds for all its versions. `answer` NULL: the connection closes. */
struct json_case {
	const char *api;
	int from, to;
	const char *request, *answer;
};

static bool json_matches(const char *got, const char *wanted)
{
	json_t *a = json_loads(got, 0, NULL), *b = json_from(wanted);
	cr_assert_not_null(b, "not JSON: %s", wanted);
	bool is_equal = json_equal(a, b);
	json_decref(a);
	json_decref(b);
	return is_equal;
}

static void check_json_cases(struct broker *broker, const struct json_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int version = cases[i].from; version <= cases[i].to; version++) {
			struct client client;
			client_open(&client, broker);
			const char *got = client_call_json(&client, cases[i].api, version, cases[i].request);
			cr_expect(got && cases[i].answer ? json_matches(got, cases[i].answer) : !got && !cases[i].answer,
				  "%s version %d %s:\n got    %s\n wanted %s", cases[i].api, version, cases[i].request, got ? got : "(closed)",
				  cases[i].answer ? cases[i].answer : "(closed)");
			client_close(&client);
		}
}
