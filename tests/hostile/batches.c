/* A batch is put together from its header's fields and a section of records, compressed or not; the records are varints and bytes, of which one is
 * a lie. CRC and length are right unless they are the lie, so that the broker looks further. */
#include "tests/hostile/batches.h"

#include "kmsg_apis.h"
#include "log/base/check.h"
#include "log/batch/batch.h"
#include "log/batch/compress.h"
#include "net/wire/header.h"
#include "tests/differential/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define CORRELATION_ID 0x62617463
#define BOMB_SIZE (128u << 20)

struct teller {
	int version;
	hostile_case_fn take;
	void *context;
	struct batch_workspace *workspace;
	unsigned codec;                 /* of the batches being told of */
	bool is_heavy;
};

/* ---- a request around the bytes -------------------------------------------------------------------- */

static void put_frame(struct bytes_out *frame, int version, struct slice records)
{
	const struct kmsg_description *message = kmsg_description_find("produce_request");
	struct request_header header = {.api_key = 0, .api_version = (int16_t)version, .correlation_id = CORRELATION_ID,
					.client_id = {(const uint8_t *)"hostile", 7}, .api = kmsg_api_find(0)};
	uint8_t bytes[64];
	const char *why;
	struct writer writer = writer_into(bytes, sizeof bytes);
	char *hex = malloc(2 * records.size + 1);
	for (size_t i = 0; i < records.size; i++) {
		hex[2 * i] = "0123456789abcdef"[records.data[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[records.data[i] & 15];
	}
	hex[2 * records.size] = 0;
	json_t *request = json_pack("{si si s[{ss s[{si s{ss}}]}]}", "acks", -1, "timeout_ms", 1000, "topic_data", "name", "hostile", "partition_data",
				    "index", 0, "records", "hex", hex);
	bytes_out_number(frame, 0, 4);
	request_header_encode(&writer, &header);
	bytes_out_put(frame, bytes, writer.position);
	CHECK(writer.error == 0 && codec_encode(frame, message, version, request, &why));
	store_be32(frame->data, (uint32_t)frame->size - 4);
	json_decref(request);
	free(hex);
}

static void tell(const struct teller *t, const char *lie, const char *place, struct slice records)
{
	struct bytes_out frame = {0};
	put_frame(&frame, t->version, records);
	struct hostile_case hostile = {.api = "produce", .version = t->version, .correlation_id = CORRELATION_ID, .is_heavy = t->is_heavy,
				       .response = kmsg_description_find("produce_response"), .bytes = bytes_out_slice(&frame)};
	snprintf(hostile.lie, sizeof hostile.lie, "%s", lie);
	snprintf(hostile.place, sizeof hostile.place, "%s%s%s", batch_codec_name(t->codec), *place ? ", " : "", place);
	t->take(t->context, &hostile);
	bytes_out_free(&frame);
}

/* ---- a good batch ---------------------------------------------------------------------------------- */

static void put_signed(struct bytes_out *out, int64_t value) { bytes_out_varint(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63)); }

static void put_record(struct bytes_out *out, int number)
{
	struct bytes_out body = {0};
	bytes_out_number(&body, 0, 1);
	put_signed(&body, number);
	put_signed(&body, number);
	put_signed(&body, 1);
	bytes_out_put(&body, "k", 1);
	put_signed(&body, 5);
	bytes_out_put(&body, "value", 5);
	put_signed(&body, 0);
	put_signed(out, (int64_t)body.size);
	bytes_out_put(out, body.data, body.size);
	bytes_out_free(&body);
}

/* [size] of the compressed section, or as it is if there is no codec. */
static void put_packed(const struct teller *t, struct bytes_out *out, struct slice section)
{
	size_t room = section.size * 2 + 65536, size = 0;
	uint8_t *packed = malloc(room);
	CHECK(packed && compress_begin(t->workspace, t->codec, codec_level_default(t->codec), packed, room) == 0);
	CHECK(compress_write(t->workspace, section.data, section.size) == 0 && compress_end(t->workspace, &size) == 0);
	bytes_out_put(out, packed, size);
	free(packed);
}

/* A header for `count` records before whatever bytes they are. */
static void put_batch(struct bytes_out *out, unsigned codec, int32_t count, struct slice packed)
{
	size_t start = out->size;
	bytes_out_number(out, 0, 8);
	bytes_out_number(out, (int64_t)packed.size + BATCH_HEADER_SIZE - BATCH_LENGTH_OVERHEAD, 4);
	bytes_out_number(out, -1, 4);
	bytes_out_number(out, BATCH_MAGIC, 1);
	bytes_out_number(out, 0, 4);
	bytes_out_number(out, codec, 2);
	bytes_out_number(out, count - 1, 4);
	bytes_out_number(out, 1700000000000, 8);
	bytes_out_number(out, 1700000000000 + count - 1, 8);
	bytes_out_number(out, -1, 8);
	bytes_out_number(out, -1, 2);
	bytes_out_number(out, -1, 4);
	bytes_out_number(out, count, 4);
	bytes_out_put(out, packed.data, packed.size);
	batch_stamp_crc(out->data + start, (uint32_t)(out->size - start));
}

static void tell_section(const struct teller *t, const char *lie, const char *place, int32_t count, struct slice section)
{
	struct bytes_out packed = {0}, batch = {0};
	put_packed(t, &packed, section);
	put_batch(&batch, t->codec, count, bytes_out_slice(&packed));
	tell(t, lie, place, bytes_out_slice(&batch));
	bytes_out_free(&packed);
	bytes_out_free(&batch);
}

static void put_good_batch(const struct teller *t, struct bytes_out *batch)
{
	struct bytes_out section = {0}, packed = {0};
	for (int i = 0; i < 3; i++)
		put_record(&section, i);
	put_packed(t, &packed, bytes_out_slice(&section));
	put_batch(batch, t->codec, 3, bytes_out_slice(&packed));
	bytes_out_free(&section);
	bytes_out_free(&packed);
}

/* ---- lies in the header ---------------------------------------------------------------------------- */

static int64_t read_number(const uint8_t *bytes, unsigned size)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static void write_number(uint8_t *bytes, int64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

static void lie_in_header(const struct teller *t)
{
	static const struct { const char *name; unsigned at, size; } fields[] = {
		{"base offset", BATCH_AT_BASE_OFFSET, 8}, {"length", BATCH_AT_LENGTH, 4}, {"leader epoch", BATCH_AT_LEADER_EPOCH, 4},
		{"magic", BATCH_AT_MAGIC, 1}, {"crc", BATCH_AT_CRC, 4}, {"attributes", BATCH_AT_ATTRIBUTES, 2},
		{"last offset delta", BATCH_AT_LAST_OFFSET_DELTA, 4}, {"base timestamp", BATCH_AT_BASE_TIMESTAMP, 8},
		{"max timestamp", BATCH_AT_MAX_TIMESTAMP, 8}, {"producer id", BATCH_AT_PRODUCER_ID, 8},
		{"producer epoch", BATCH_AT_PRODUCER_EPOCH, 2}, {"base sequence", BATCH_AT_BASE_SEQUENCE, 4},
		{"records count", BATCH_AT_RECORDS_COUNT, 4},
	};
	static const struct { const char *name; int64_t value; bool is_relative; } lies[] = {
		{"the least", INT64_MIN, false}, {"the largest", INT64_MAX, false}, {"-2", -2, false}, {"-1", -1, false}, {"0", 0, false},
		{"1", 1, false}, {"one more", 1, true}, {"one less", -1, true}, {"1000 more", 1000, true},
	};
	struct bytes_out batch = {0};
	put_good_batch(t, &batch);
	uint8_t *good = malloc(batch.size);
	memcpy(good, batch.data, batch.size);
	for (size_t f = 0; f < COUNT_OF(fields); f++)
		for (size_t i = 0; i < COUNT_OF(lies); i++) {
			unsigned bits = 8 * fields[f].size;
			int64_t was = read_number(good + fields[f].at, fields[f].size), value = lies[i].value + (lies[i].is_relative ? was : 0);
			if (value == INT64_MIN || value == INT64_MAX)
				value >>= 64 - bits;
			memcpy(batch.data, good, batch.size);
			write_number(batch.data + fields[f].at, value, fields[f].size);
			char lie[64];
			snprintf(lie, sizeof lie, "batch's %s %s", fields[f].name, lies[i].name);
			if (fields[f].at != BATCH_AT_CRC)
				batch_stamp_crc(batch.data, (uint32_t)batch.size);
			if (memcmp(batch.data, good, batch.size) != 0)
				tell(t, lie, "", bytes_out_slice(&batch));
		}
	free(good);
	bytes_out_free(&batch);
}

static void lie_about_size(const struct teller *t)
{
	struct bytes_out batch = {0}, twice = {0};
	char place[32];
	put_good_batch(t, &batch);
	for (size_t size = 0; size < batch.size; size++) {
		snprintf(place, sizeof place, "byte %zu", size);
		tell(t, "batch cut off", place, (struct slice){batch.data, size});
	}
	bytes_out_put(&twice, batch.data, batch.size);
	bytes_out_put(&twice, batch.data, batch.size);
	tell(t, "two batches", "", bytes_out_slice(&twice));
	bytes_out_put(&batch, "\0", 1);
	tell(t, "a byte behind the batch", "", bytes_out_slice(&batch));
	bytes_out_free(&batch);
	bytes_out_free(&twice);
}

/* ---- lies in a record ------------------------------------------------------------------------------ */

enum { FIELD_LENGTH, FIELD_ATTRIBUTES, FIELD_TIMESTAMP, FIELD_OFFSET, FIELD_KEY, FIELD_VALUE, FIELD_HEADERS, FIELD_HEADER_KEY, FIELD_HEADER_VALUE, FIELDS };

static const char *const field_names[FIELDS] = {"record's length", "record's attributes", "timestamp delta", "offset delta", "key's length",
						"value's length", "header count", "header key's length", "header value's length"};

struct record_lie {
	const char *name;
	int64_t value;          /* behind the others: in place of the field, or added to it */
	bool is_relative;
	uint8_t size, bytes[12];
};

static void put_field(struct bytes_out *out, int field, int lied_field, const struct record_lie *lie, int64_t good)
{
	if (field != lied_field)
		put_signed(out, good);
	else if (lie->size)
		bytes_out_put(out, lie->bytes, lie->size);
	else
		put_signed(out, lie->value + (lie->is_relative ? good : 0));
}

/* A record with a key, a value and one header, one of its fields lied. */
static void put_lying_record(struct bytes_out *out, int field, const struct record_lie *lie)
{
	struct bytes_out body = {0};
	bytes_out_number(&body, field == FIELD_ATTRIBUTES ? lie->value : 0, 1);
	put_field(&body, FIELD_TIMESTAMP, field, lie, 0);
	put_field(&body, FIELD_OFFSET, field, lie, 0);
	put_field(&body, FIELD_KEY, field, lie, 3);
	bytes_out_put(&body, "key", 3);
	put_field(&body, FIELD_VALUE, field, lie, 5);
	bytes_out_put(&body, "value", 5);
	put_field(&body, FIELD_HEADERS, field, lie, 1);
	put_field(&body, FIELD_HEADER_KEY, field, lie, 1);
	bytes_out_put(&body, "h", 1);
	put_field(&body, FIELD_HEADER_VALUE, field, lie, 1);
	bytes_out_put(&body, "x", 1);
	put_field(out, FIELD_LENGTH, field, lie, (int64_t)body.size);
	bytes_out_put(out, body.data, body.size);
	bytes_out_free(&body);
}

static void lie_in_record(const struct teller *t)
{
	static const struct record_lie lies[] = {
		{.name = "-2", .value = -2}, {.name = "-1", .value = -1}, {.name = "0", .value = 0},
		{.name = "one more", .value = 1, .is_relative = true}, {.name = "one less", .value = -1, .is_relative = true},
		{.name = "1000", .value = 1000}, {.name = "2^31-1", .value = INT32_MAX}, {.name = "-2^31", .value = INT32_MIN},
		{.name = "2^62", .value = 1ll << 62}, {.name = "-2^63", .value = INT64_MIN},
		{.name = "without an end", .size = 11, .bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{.name = "of six bytes", .size = 6, .bytes = {0x82, 0x80, 0x80, 0x80, 0x80, 0}},
	};
	for (int field = 0; field < FIELDS; field++)
		for (size_t i = 0; i < COUNT_OF(lies); i++) {
			struct bytes_out section = {0};
			char lie[64];
			put_lying_record(&section, field, &lies[i]);
			put_record(&section, 1);
			snprintf(lie, sizeof lie, "%s %s", field_names[field], lies[i].name);
			tell_section(t, lie, "", 2, bytes_out_slice(&section));
			bytes_out_free(&section);
		}
}

/* ---- compression ----------------------------------------------------------------------------------- */

static void tell_packed(const struct teller *t, const char *lie, const char *place, struct slice packed)
{
	struct bytes_out batch = {0};
	put_batch(&batch, t->codec, 3, packed);
	tell(t, lie, place, bytes_out_slice(&batch));
	bytes_out_free(&batch);
}

static void break_compression(const struct teller *t)
{
	static const uint8_t broken_lz4[] = {0x04, 0x22, 0x4d, 0x18, 0x68, 0x40, 0x83, 0x26, 0, 0x04, 0x22, 0x4d, 0x18, 0x24, 0x60, 0x83};
	struct bytes_out section = {0}, packed = {0};
	char place[32];
	for (int i = 0; i < 3; i++)
		put_record(&section, i);
	put_packed(t, &packed, bytes_out_slice(&section));
	for (size_t size = 0; size < packed.size; size++) {
		snprintf(place, sizeof place, "byte %zu", size);
		tell_packed(t, "compression cut off", place, (struct slice){packed.data, size});
	}
	for (size_t at = 0; at < packed.size; at++) {
		snprintf(place, sizeof place, "byte %zu", at);
		packed.data[at] ^= 0xff;
		tell_packed(t, "compression turned over", place, bytes_out_slice(&packed));
		packed.data[at] ^= 0xff;
	}
	if (t->codec == CODEC_LZ4)
		tell_packed(t, "frame of a told size broken", "", (struct slice){broken_lz4, sizeof broken_lz4});
	tell_packed(t, "not compressed", "", bytes_out_slice(&section));
	bytes_out_put(&packed, "more", 4);
	tell_packed(t, "bytes behind the compression", "", bytes_out_slice(&packed));
	bytes_out_free(&section);
	bytes_out_free(&packed);
}

/* Megabytes of `record` (or of zeros), packed into what they pack into. */
static void tell_bomb(const struct teller *t, const char *lie, int32_t count, struct slice start, struct slice repeated, size_t size)
{
	size_t room = (8u << 20) + (t->codec == CODEC_SNAPPY ? size / 16 : 0), packed_size = 0;
	uint8_t *packed = malloc(room), *block = malloc(1 << 20);
	size_t block_size = (1u << 20) / repeated.size * repeated.size;
	CHECK(packed && block && compress_begin(t->workspace, t->codec, 1, packed, room) == 0);
	for (size_t at = 0; at < block_size; at += repeated.size)
		memcpy(block + at, repeated.data, repeated.size);
	int err = compress_write(t->workspace, start.data, start.size);
	for (size_t done = 0; !err && done < size; done += block_size)
		err = compress_write(t->workspace, block, block_size);
	if (!err)
		err = compress_end(t->workspace, &packed_size);
	CHECKF(err == 0, "%s", err_name(err));
	struct bytes_out batch = {0};
	put_batch(&batch, t->codec, count, (struct slice){packed, packed_size});
	char place[32];
	snprintf(place, sizeof place, "%zu MiB", size >> 20);
	tell(t, lie, place, bytes_out_slice(&batch));
	bytes_out_free(&batch);
	free(packed);
	free(block);
}

static void tell_bombs(struct teller *t)
{
	static const uint8_t empty_record[] = {14, 0, 0, 0, 1, 1, 0, 0};
	struct slice nothing = {empty_record, 0}, zero = {(const uint8_t *)"\0", 1}, record = {empty_record, 7};
	struct bytes_out start = {0};
	t->is_heavy = true;
	/* One record with a value of all that follows: its length and the value's are told right. */
	put_signed(&start, (int64_t)BOMB_SIZE);
	bytes_out_number(&start, 0, 1);
	put_signed(&start, 0);
	put_signed(&start, 0);
	put_signed(&start, -1);
	put_signed(&start, (int64_t)BOMB_SIZE - 20);
	size_t size = t->codec == CODEC_SNAPPY ? 12u << 20 : BOMB_SIZE; /* snappy packs 20 to 1: a bomb of it is large itself */
	tell_bomb(t, "bomb: one record", 1, bytes_out_slice(&start), zero, size);
	tell_bomb(t, "bomb: zeros", 1, nothing, zero, size);
	tell_bomb(t, "bomb: records behind the last", 1, nothing, record, size);
	tell_bomb(t, "bomb: records of a huge count", INT32_MAX, nothing, record, size);
	bytes_out_free(&start);
	t->is_heavy = false;
}

/* ---- formats of before ----------------------------------------------------------------------------- */

struct old_message {
	int8_t magic, attributes;
	struct slice value;
	int crc_wrong, size_wrong, value_size_wrong;
};

static void put_old(struct bytes_out *out, const struct old_message *m)
{
	struct bytes_out body = {0};
	bytes_out_number(&body, m->magic, 1);
	bytes_out_number(&body, m->attributes, 1);
	if (m->magic > 0)
		bytes_out_number(&body, 1700000000000, 8);
	bytes_out_number(&body, -1, 4);
	bytes_out_number(&body, (int64_t)m->value.size + m->value_size_wrong, 4);
	bytes_out_put(&body, m->value.data, m->value.size);
	bytes_out_number(out, 0, 8);
	bytes_out_number(out, (int64_t)body.size + 4 + m->size_wrong, 4);
	bytes_out_number(out, (int64_t)crc32(0, body.data, (uInt)body.size) + m->crc_wrong, 4);
	bytes_out_put(out, body.data, body.size);
	bytes_out_free(&body);
}

static void tell_old(const struct teller *t, const char *lie, const struct old_message *m)
{
	struct bytes_out set = {0};
	char place[32];
	put_old(&set, m);
	snprintf(place, sizeof place, "magic %d", m->magic);
	tell(t, lie, place, bytes_out_slice(&set));
	bytes_out_free(&set);
}

/* A message set whose one message holds, compressed, a message set, `depth` times. */
static void tell_nested(const struct teller *t, int8_t magic, int depth)
{
	struct bytes_out inner = {0}, packed = {0};
	char lie[64];
	put_old(&inner, &(struct old_message){.magic = magic, .value = {(const uint8_t *)"v", 1}});
	for (int i = 0; i < depth; i++) {
		packed.size = 0;
		put_packed(t, &packed, bytes_out_slice(&inner));
		inner.size = 0;
		put_old(&inner, &(struct old_message){.magic = magic, .attributes = (int8_t)t->codec, .value = bytes_out_slice(&packed)});
	}
	snprintf(lie, sizeof lie, "message set of magic %d, %d deep", magic, depth);
	tell(t, lie, "", bytes_out_slice(&inner));
	bytes_out_free(&inner);
	bytes_out_free(&packed);
}

static void tell_old_formats(const struct teller *t)
{
	struct slice v = {(const uint8_t *)"value", 5};
	for (int8_t magic = 0; magic < 2; magic++) {
		tell_old(t, "message set", &(struct old_message){.magic = magic, .value = v});
		tell_old(t, "message set, wrong CRC", &(struct old_message){.magic = magic, .value = v, .crc_wrong = 1});
		tell_old(t, "message set, size one more", &(struct old_message){.magic = magic, .value = v, .size_wrong = 1});
		tell_old(t, "message set, size negative", &(struct old_message){.magic = magic, .value = v, .size_wrong = -1000});
		tell_old(t, "message set, size huge", &(struct old_message){.magic = magic, .value = v, .size_wrong = 0x7ffffff0});
		tell_old(t, "message set, value's size huge", &(struct old_message){.magic = magic, .value = v, .value_size_wrong = 0x7ffffff0});
		tell_old(t, "message set, value's size negative", &(struct old_message){.magic = magic, .value = v, .value_size_wrong = -100});
		tell_old(t, "message set, codec unknown", &(struct old_message){.magic = magic, .attributes = 7, .value = v});
	}
}

void batches_tell(int version, hostile_case_fn take, void *context)
{
	struct teller t = {.version = version, .take = take, .context = context};
	CHECK(batch_workspace_open(&t.workspace, COMPRESS_WINDOW_SIZE) == 0);
	for (t.codec = 0; t.codec < batch_codec_count; t.codec++) {
		lie_in_header(&t);
		lie_in_record(&t);
		lie_about_size(&t);
		if (t.codec == CODEC_NONE) {
			tell_old_formats(&t);
			continue;
		}
		break_compression(&t);
		for (int depth = 1; depth <= 3; depth++) {
			tell_nested(&t, 0, depth);
			tell_nested(&t, 1, depth);
		}
		tell_bombs(&t);
	}
	batch_workspace_close(t.workspace);
}
