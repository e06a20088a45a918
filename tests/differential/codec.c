/* JSON to bytes and back, walking the description of a message. Failures are the caller's mistake in a case file (encoding) or the
 * broker's in an answer (decoding); either is told by a sentence. */
#include "tests/differential/codec.h"

#include "log/base/arena.h"
#include "log/base/uuid_text.h"
#include "net/wire/cursor.h"
#include "tests/differential/records.h"

#include <stdio.h>
#include <stdlib.h>

static bool range_has(struct kmsg_range range, int version) { return version >= range.first && version <= range.last; }
bool codec_has_field(const struct kmsg_field *field, int version) { return range_has(field->versions, version); }

/* ---- encoding ------------------------------------------------------------------------------------ */

struct encoder {
	int version;
	bool flexible;
	const char *why;
};

static void encode_struct(struct encoder *e, struct bytes_out *out, const struct kmsg_struct *fields, const json_t *value);

static void complain(struct encoder *e, const struct kmsg_field *field, const char *what)
{
	static char text[160];
	if (e->why)
		return;
	snprintf(text, sizeof text, "%s: %s", field ? field->name : "message", what);
	e->why = text;
}

/* The length before a string, bytes or array; -1 is null. */
static void encode_length(struct encoder *e, struct bytes_out *out, int64_t length, unsigned wide)
{
	if (e->flexible && wide != 3)
		bytes_out_varint(out, (uint32_t)(length + 1));
	else
		bytes_out_number(out, length, wide == 3 ? 2 : wide);
}

static const char *hex_of(const json_t *value) { return json_string_value(json_object_get(value, "hex")); }

/* {message, version, value}: a message inside bytes, behind its version, as members of groups send them. */
static void message_bytes(struct encoder *e, const struct kmsg_field *field, const json_t *spec, struct bytes_out *bytes)
{
	const struct kmsg_description *message = kmsg_description_find(json_string_value(json_object_get(spec, "message")));
	int version = (int)json_integer_value(json_object_get(spec, "version"));
	if (!message) {
		complain(e, field, "there is no such message");
		return;
	}
	bytes_out_number(bytes, version, 2);
	if (!codec_encode(bytes, message, version, json_object_get(spec, "value"), &e->why))
		complain(e, field, "the message inside cannot be made");
}

/* The bytes a value stands for; false for null. */
static bool value_bytes(struct encoder *e, const struct kmsg_field *field, const json_t *value, struct bytes_out *bytes)
{
	if (json_is_null(value))
		return false;
	if (json_is_string(value))
		bytes_out_put(bytes, json_string_value(value), json_string_length(value));
	else if (hex_of(value)) {
		if (!bytes_out_hex(bytes, hex_of(value)))
			complain(e, field, "not hex");
	} else if (json_object_get(value, "message"))
		message_bytes(e, field, value, bytes);
	else if (field->type == KMSG_TYPE_records && json_is_object(value)) {
		if (!records_build(bytes, value, &e->why))
			complain(e, field, "records cannot be made");
	} else
		complain(e, field, "a string, {hex} or null is needed");
	return true;
}

/* The size of the length field: strings 2 or a varint, string16 always 2 (here: 3), bytes and records 4 or a varint. */
static unsigned length_width(const struct kmsg_field *field)
{
	switch (field->type) {
	case KMSG_TYPE_string: return 2;
	case KMSG_TYPE_string16: return 3;
	default: return 4;
	}
}

static void encode_text(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *value)
{
	struct bytes_out bytes = {0};
	json_t *claim = json_object_get(value, "claim");
	if (claim)
		encode_length(e, out, json_integer_value(claim), length_width(field));
	else if (!value_bytes(e, field, value, &bytes))
		encode_length(e, out, -1, length_width(field));
	else {
		encode_length(e, out, (int64_t)bytes.size, length_width(field));
		bytes_out_put(out, bytes.data, bytes.size);
	}
	bytes_out_free(&bytes);
}

static void encode_uuid(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *value)
{
	struct uuid id = {0};
	const char *text = json_string_value(value);
	if (!text || !uuid_text_parse(&id, (struct slice){(const uint8_t *)text, strlen(text)}))
		complain(e, field, "not an id");
	bytes_out_put(out, id.bytes, sizeof id.bytes);
}

static unsigned number_size(enum kmsg_type type)
{
	switch (type) {
	case KMSG_TYPE_bool:
	case KMSG_TYPE_int8: return 1;
	case KMSG_TYPE_int16:
	case KMSG_TYPE_uint16: return 2;
	case KMSG_TYPE_int64: return 8;
	default: return 4;
	}
}

static void encode_number(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *value)
{
	if (field->type == KMSG_TYPE_float64 && json_is_number(value)) {
		double number = json_number_value(value);
		int64_t bits;
		memcpy(&bits, &number, sizeof bits);
		bytes_out_number(out, bits, 8);
	} else if (json_is_boolean(value))
		bytes_out_number(out, json_is_true(value), number_size(field->type));
	else if (json_is_integer(value))
		bytes_out_number(out, json_integer_value(value), number_size(field->type));
	else
		complain(e, field, "not a number");
}

static void encode_item(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *value)
{
	switch (field->type) {
	case KMSG_TYPE_struct: encode_struct(e, out, field->fields, value); break;
	case KMSG_TYPE_uuid: encode_uuid(e, out, field, value); break;
	case KMSG_TYPE_string:
	case KMSG_TYPE_string16:
	case KMSG_TYPE_bytes:
	case KMSG_TYPE_records: encode_text(e, out, field, value); break;
	default: encode_number(e, out, field, value);
	}
}

static void encode_array(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *value)
{
	json_t *claim = json_object_get(value, "claim");
	if (claim) {
		encode_length(e, out, json_integer_value(claim), 4);
		return;
	}
	if (!json_is_array(value) && !json_is_null(value))
		complain(e, field, "not a list");
	encode_length(e, out, json_is_null(value) ? -1 : (int64_t)json_array_size(value), 4);
	size_t i;
	json_t *item;
	json_array_foreach(value, i, item)
		encode_item(e, out, field, item);
}

/* A single struct that may be null has a byte before it. */
static void encode_value(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *value)
{
	bool may_be_null = field->nullable.first <= field->nullable.last;
	if (field->is_array)
		encode_array(e, out, field, value);
	else if (field->type == KMSG_TYPE_struct && (may_be_null || json_is_null(value))) {
		bytes_out_number(out, json_is_null(value) ? -1 : 1, 1);
		if (!json_is_null(value))
			encode_struct(e, out, field->fields, value);
	} else
		encode_item(e, out, field, value);
}

/* What a field has that nobody gave: a new reference. */
static json_t *default_of(const struct kmsg_field *field, int version)
{
	bool may_be_null = range_has(field->nullable, version);
	const char *text = field->default_value;
	if (may_be_null && (!*text || strcmp(text, "null") == 0))
		return json_null();
	if (field->is_array)
		return json_array();
	switch (field->type) {
	case KMSG_TYPE_struct: return json_object();
	case KMSG_TYPE_uuid: return json_string("AAAAAAAAAAAAAAAAAAAAAA");
	case KMSG_TYPE_string:
	case KMSG_TYPE_string16:
	case KMSG_TYPE_bytes:
	case KMSG_TYPE_records: return json_string("");
	case KMSG_TYPE_float64: return json_real(*text ? atof(text) : 0);
	default: return json_integer(strcmp(text, "true") == 0 ? 1 : strtoll(text, NULL, 0));
	}
}

static void encode_field(struct encoder *e, struct bytes_out *out, const struct kmsg_field *field, const json_t *whole)
{
	json_t *given = json_object_get(whole, field->name);
	json_t *value = given ? json_incref(given) : default_of(field, e->version);
	encode_value(e, out, field, value);
	json_decref(value);
}

/* Tagged fields: those given that are known, by their numbers, then the unknown ones. */
static void encode_tags(struct encoder *e, struct bytes_out *out, const struct kmsg_struct *fields, const json_t *value)
{
	struct bytes_out tags = {0}, body = {0};
	uint32_t count = 0;
	for (int tag = 0; tag < 32; tag++)
		for (int i = 0; i < fields->count; i++) {
			const struct kmsg_field *field = &fields->fields[i];
			if (field->tag != tag || !codec_has_field(field, e->version) || !json_object_get(value, field->name))
				continue;
			body.size = 0;
			encode_field(e, &body, field, value);
			bytes_out_varint(&tags, (uint32_t)tag);
			bytes_out_varint(&tags, body.size);
			bytes_out_put(&tags, body.data, body.size);
			count++;
		}
	const char *tag;
	json_t *hex;
	json_object_foreach(json_object_get(value, "__tags"), tag, hex) {
		body.size = 0;
		if (!bytes_out_hex(&body, json_string_value(hex)))
			complain(e, NULL, "__tags is not hex");
		bytes_out_varint(&tags, strtoul(tag, NULL, 10));
		bytes_out_varint(&tags, body.size);
		bytes_out_put(&tags, body.data, body.size);
		count++;
	}
	bytes_out_varint(out, count);
	bytes_out_put(out, tags.data, tags.size);
	bytes_out_free(&tags);
	bytes_out_free(&body);
}

static bool is_named(const struct kmsg_struct *fields, const char *name)
{
	for (int i = 0; i < fields->count; i++)
		if (strcmp(fields->fields[i].name, name) == 0)
			return true;
	return strncmp(name, "__", 2) == 0;
}

static void encode_struct(struct encoder *e, struct bytes_out *out, const struct kmsg_struct *fields, const json_t *value)
{
	static char text[160];
	const char *name;
	json_t *ignored;
	json_object_foreach((json_t *)value, name, ignored)
		if (!is_named(fields, name) && !e->why) {
			snprintf(text, sizeof text, "no field is named %s", name);
			e->why = text;
		}
	if (!json_is_object(value))
		complain(e, NULL, "not an object");
	for (int i = 0; i < fields->count; i++)
		if (fields->fields[i].tag < 0 && codec_has_field(&fields->fields[i], e->version))
			encode_field(e, out, &fields->fields[i], value);
	if (e->flexible)
		encode_tags(e, out, fields, value);
}

bool codec_encode(struct bytes_out *out, const struct kmsg_description *message, int version, const json_t *value, const char **why)
{
	struct encoder e = {.version = version, .flexible = version >= message->flexible};
	encode_struct(&e, out, message->fields, value);
	const char *after = json_string_value(json_object_get(value, "__after"));
	if (after && !bytes_out_hex(out, after))
		complain(&e, NULL, "__after is not hex");
	*why = e.why;
	return !e.why;
}

/* ---- decoding ------------------------------------------------------------------------------------ */

struct decoder {
	struct reader reader;
	int version;
	bool flexible;
};

static json_t *decode_struct(struct decoder *d, const struct kmsg_struct *fields);

static json_t *hex_json(struct slice bytes)
{
	char *text = malloc(2 * bytes.size + 1);
	for (size_t i = 0; i < bytes.size; i++)
		sprintf(text + 2 * i, "%02x", bytes.data[i]);
	json_t *json = json_stringn(text, 2 * bytes.size);
	free(text);
	return json;
}

/* Text that is not UTF-8 is shown as hex. */
static json_t *text_json(struct slice text)
{
	if (!text.data)
		return json_null();
	json_t *json = json_stringn((const char *)text.data, text.size);
	return json ? json : hex_json(text);
}

static json_t *decode_uuid(struct decoder *d)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id = reader_uuid(&d->reader);
	uuid_text_format(text, &id);
	return json_string(text);
}

static json_t *decode_item(struct decoder *d, const struct kmsg_field *field)
{
	struct reader *r = &d->reader;
	struct slice bytes;
	switch (field->type) {
	case KMSG_TYPE_bool: return json_boolean(reader_bool(r));
	case KMSG_TYPE_int8: return json_integer(reader_int8(r));
	case KMSG_TYPE_int16: return json_integer(reader_int16(r));
	case KMSG_TYPE_uint16: return json_integer(reader_uint16(r));
	case KMSG_TYPE_int32: return json_integer(reader_int32(r));
	case KMSG_TYPE_uint32: return json_integer(reader_uint32(r));
	case KMSG_TYPE_int64: return json_integer(reader_int64(r));
	case KMSG_TYPE_float64: return json_real(reader_float64(r));
	case KMSG_TYPE_uuid: return decode_uuid(d);
	case KMSG_TYPE_string: return text_json(reader_string(r, d->flexible, NULLABLE));
	case KMSG_TYPE_string16: return text_json(reader_string(r, false, NULLABLE));
	case KMSG_TYPE_bytes:
		bytes = reader_bytes(r, d->flexible, NULLABLE);
		return bytes.data ? hex_json(bytes) : json_null();
	case KMSG_TYPE_records: return records_summary(reader_records(r, d->flexible, NULLABLE).whole);
	case KMSG_TYPE_struct: return decode_struct(d, field->fields);
	}
	return json_null();
}

static int64_t decode_count(struct decoder *d)
{
	return d->flexible ? (int64_t)reader_varint(&d->reader) - 1 : reader_int32(&d->reader);
}

static json_t *decode_array(struct decoder *d, const struct kmsg_field *field)
{
	int64_t count = decode_count(d);
	if (count < 0)
		return json_null();
	json_t *array = json_array();
	for (int64_t i = 0; i < count && !d->reader.error; i++)
		json_array_append_new(array, decode_item(d, field));
	return array;
}

static json_t *decode_value(struct decoder *d, const struct kmsg_field *field)
{
	bool may_be_null = field->nullable.first <= field->nullable.last;
	if (field->is_array)
		return decode_array(d, field);
	if (field->type == KMSG_TYPE_struct && may_be_null && reader_int8(&d->reader) < 0)
		return json_null();
	return decode_item(d, field);
}

/* A tagged field that nobody knows would be Kafka telling what our schema does not have: shown by its number. */
static void decode_tags(struct decoder *d, const struct kmsg_struct *fields, json_t *object)
{
	struct reader_tags tags = reader_tags(&d->reader);
	while (reader_next_tag(&d->reader, &tags)) {
		const struct kmsg_field *known = NULL;
		for (int i = 0; i < fields->count; i++)
			if (fields->fields[i].tag == (int)tags.tag && codec_has_field(&fields->fields[i], d->version))
				known = &fields->fields[i];
		if (known) {
			json_object_set_new(object, known->name, decode_value(d, known));
			continue;
		}
		char name[24];
		snprintf(name, sizeof name, "tag_%u", tags.tag);
		json_object_set_new(object, name, hex_json((struct slice){d->reader.at, reader_left(&d->reader)}));
		reader_skip_tag(&d->reader);
	}
}

static json_t *decode_struct(struct decoder *d, const struct kmsg_struct *fields)
{
	json_t *object = json_object();
	for (int i = 0; i < fields->count; i++)
		if (fields->fields[i].tag < 0 && codec_has_field(&fields->fields[i], d->version))
			json_object_set_new(object, fields->fields[i].name, decode_value(d, &fields->fields[i]));
	if (d->flexible)
		decode_tags(d, fields, object);
	return object;
}

json_t *codec_decode(struct slice bytes, const struct kmsg_description *message, int version, const char **why)
{
	struct decoder d = {.reader = reader_over(bytes), .version = version, .flexible = version >= message->flexible};
	json_t *value = decode_struct(&d, message->fields);
	if (!d.reader.error && reader_left(&d.reader) == 0)
		return value;
	*why = d.reader.error ? d.reader.reason : "bytes are left behind the message";
	json_decref(value);
	return NULL;
}
