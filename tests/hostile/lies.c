/* A lie is a splice: bytes [at, at + size) of the good body give way to others. Every case is a frame of its own, with a good header unless
 * the header is the lie. */
#include "tests/hostile/lies.h"

#include "kmsg_apis.h"
#include "log/base/check.h"
#include "net/wire/header.h"
#include "tests/differential/bytes_out.h"
#include "tests/hostile/marks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CORRELATION_ID 0x686f7374
#define CLIENT "hostile"

struct teller {
	const struct good_request *good;
	hostile_case_fn take;
	void *context;
};

static struct hostile_case case_of(const struct good_request *good, const char *lie, const char *place)
{
	struct hostile_case hostile = {.api = good->api, .version = good->version, .correlation_id = CORRELATION_ID, .response = good->response};
	snprintf(hostile.lie, sizeof hostile.lie, "%s", lie);
	snprintf(hostile.place, sizeof hostile.place, "%s", place);
	return hostile;
}

/* ---- frames ---------------------------------------------------------------------------------------- */

static size_t put_header(struct bytes_out *frame, int key, int version, int32_t correlation_id)
{
	struct request_header header = {.api_key = (int16_t)key, .api_version = (int16_t)version, .correlation_id = correlation_id,
					.client_id = slice_from(CLIENT), .api = kmsg_api_find((int16_t)key)};
	uint8_t bytes[64];
	struct writer writer = writer_into(bytes, sizeof bytes);
	request_header_encode(&writer, &header);
	CHECK(writer.error == 0);
	bytes_out_put(frame, bytes, writer.position);
	return writer.position;
}

static void hand_over(const struct teller *t, struct hostile_case *hostile, const struct bytes_out *frame)
{
	hostile->bytes = bytes_out_slice(frame);
	t->take(t->context, hostile);
}

/* The good header before a body in three parts. */
static void tell_body(const struct teller *t, const char *lie, const char *place, struct slice before, struct slice lied, struct slice after)
{
	struct bytes_out frame = {0};
	struct hostile_case hostile = case_of(t->good, lie, place);
	bytes_out_number(&frame, 0, 4);
	put_header(&frame, t->good->message->key, t->good->version, CORRELATION_ID);
	bytes_out_put(&frame, before.data, before.size);
	bytes_out_put(&frame, lied.data, lied.size);
	bytes_out_put(&frame, after.data, after.size);
	store_be32(frame.data, (uint32_t)frame.size - 4);
	hand_over(t, &hostile, &frame);
	bytes_out_free(&frame);
}

static void splice(const struct teller *t, const char *lie, const struct mark *mark, size_t at, size_t size, struct slice lied)
{
	struct slice body = t->good->body;
	tell_body(t, lie, mark->path, (struct slice){body.data, at}, lied, (struct slice){body.data + at + size, body.size - at - size});
}

static void replace(const struct teller *t, const char *lie, const struct mark *mark, const void *bytes, size_t size)
{
	splice(t, lie, mark, mark->at, mark->size, (struct slice){bytes, size});
}

/* ---- lengths and counts ---------------------------------------------------------------------------- */

static void put_length(struct bytes_out *out, const struct mark *mark, int64_t value)
{
	if (mark->is_varint)
		bytes_out_varint(out, (uint32_t)(value + 1));
	else
		bytes_out_number(out, value, (unsigned)mark->size);
}

static void claim(const struct teller *t, const char *what, const struct mark *mark, int64_t value)
{
	struct bytes_out lied = {0};
	char lie[64];
	snprintf(lie, sizeof lie, "%s %s", mark->kind == MARK_COUNT ? "count" : "length", what);
	put_length(&lied, mark, value);
	replace(t, lie, mark, lied.data, lied.size);
	bytes_out_free(&lied);
}

/* An array's first element once more behind itself, and the count that goes with that. */
static void name_twice(const struct teller *t, const struct mark *mark)
{
	struct bytes_out lied = {0};
	const uint8_t *body = t->good->body.data;
	if (mark->first_end == mark->first)
		return;
	put_length(&lied, mark, mark->value + 1);
	bytes_out_put(&lied, body + mark->first, mark->first_end - mark->first);
	replace(t, "element twice", mark, lied.data, lied.size);
	bytes_out_free(&lied);
}

static void lie_in_varint(const struct teller *t, const struct mark *mark)
{
	static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, six[] = {0x81, 0x80, 0x80, 0x80, 0x80, 1},
			     wide[] = {0xff, 0xff, 0xff, 0xff, 0x7f}, large[] = {0xff, 0xff, 0xff, 0xff, 0x07};
	uint8_t roundabout[] = {(uint8_t)((mark->value + 1) | 0x80), 0x80, 0};
	replace(t, "varint without an end", mark, endless, sizeof endless);
	replace(t, "varint of six bytes", mark, six, sizeof six);
	replace(t, "varint of 35 bits", mark, wide, sizeof wide);
	replace(t, "varint 2^31-1", mark, large, sizeof large);
	if (mark->size == 1)
		replace(t, "varint not at its shortest", mark, roundabout, sizeof roundabout);
}

static void lie_in_length(const struct teller *t, const struct mark *mark)
{
	bool is_short = mark->size == 2 && !mark->is_varint;
	int64_t left = (int64_t)(t->good->body.size - mark->at - mark->size);
	claim(t, "-2", mark, -2);
	claim(t, "the least", mark, is_short ? INT16_MIN : INT32_MIN);
	claim(t, "the largest", mark, is_short ? INT16_MAX : INT32_MAX - 1);
	claim(t, "past the end", mark, left + 1);
	claim(t, "one more", mark, mark->value + 1);
	if (mark->value > 0)
		claim(t, "one less", mark, mark->value - 1);
	if (!mark->is_nullable)
		claim(t, "null", mark, -1);
	if (mark->kind == MARK_COUNT) {
		claim(t, "a million", mark, 1000000);
		name_twice(t, mark);
	}
	if (mark->is_varint)
		lie_in_varint(t, mark);
}

/* ---- the others ------------------------------------------------------------------------------------ */

struct bytes_lie {
	const char *lie;
	uint8_t size, bytes[12];
};

static void tell_each(const struct teller *t, const struct mark *mark, const struct bytes_lie *lies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		replace(t, lies[i].lie, mark, lies[i].bytes, lies[i].size);
}

static void lie_in_tags(const struct teller *t, const struct mark *mark)
{
	static const struct bytes_lie lies[] = {
		{"tag count the largest", 5, {0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"tag count without an end", 10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"tag past the end", 3, {1, 0x63, 0x7f}},
		{"tag size the largest", 7, {1, 0x63, 0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"tag size without an end", 12, {1, 0x63, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"tag of the largest number", 7, {1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}},
		{"tag twice", 5, {2, 0x63, 0, 0x63, 0}},
		{"tags falling", 5, {2, 0x64, 0, 0x63, 0}},
		{"tag unknown", 5, {1, 0x63, 2, 1, 2}},
	};
	tell_each(t, mark, lies, COUNT_OF(lies));
	if (mark->known_tag < 0)
		return;
	const struct bytes_lie known[] = {
		{"known tag of no bytes", 3, {1, (uint8_t)mark->known_tag, 0}},
		{"known tag of nine bytes", 12, {1, (uint8_t)mark->known_tag, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"known tag past the end", 3, {1, (uint8_t)mark->known_tag, 0x7f}},
	};
	tell_each(t, mark, known, COUNT_OF(known));
}

static void lie_in_text(const struct teller *t, const struct mark *mark)
{
	size_t last = mark->at + mark->size - 1;
	splice(t, "text not UTF-8", mark, mark->at, 1, (struct slice){(const uint8_t *)"\xff", 1});
	splice(t, "text cut inside a character", mark, last, 1, (struct slice){(const uint8_t *)"\xe2", 1});
	splice(t, "text with a zero byte", mark, last, 1, (struct slice){(const uint8_t *)"\0", 1});
	splice(t, "text with a line's end", mark, last, 1, (struct slice){(const uint8_t *)"\n", 1});
}

static void lie_at(const struct teller *t, const struct mark *mark)
{
	static const struct bytes_lie flags[] = {{"flag 2", 1, {2}}, {"flag -1", 1, {0xff}}};
	static const struct bytes_lie ids[] = {{"id unknown", 0, {0}}};
	static const struct bytes_lie presence[] = {{"presence 2", 1, {2}}, {"presence -2", 1, {0xfe}}, {"presence -128", 1, {0x80}}};
	uint8_t ones[16];
	switch (mark->kind) {
	case MARK_LENGTH:
	case MARK_COUNT:
		lie_in_length(t, mark);
		break;
	case MARK_TAGS:
		lie_in_tags(t, mark);
		break;
	case MARK_TEXT:
		lie_in_text(t, mark);
		break;
	case MARK_BOOL:
		tell_each(t, mark, flags, COUNT_OF(flags));
		break;
	case MARK_ID:
		memset(ones, 0xff, sizeof ones);
		replace(t, ids[0].lie, mark, ones, sizeof ones);
		break;
	case MARK_PRESENCE:
		tell_each(t, mark, presence, COUNT_OF(presence));
		break;
	}
}

/* ---- the body as a whole --------------------------------------------------------------------------- */

static void cut_body(const struct teller *t)
{
	struct slice body = t->good->body, nothing = {body.data, 0};
	static const uint8_t zeros[1000];
	char place[40];
	for (size_t size = 0; size < body.size; size++) {
		snprintf(place, sizeof place, "byte %zu", size);
		tell_body(t, "body cut off", place, (struct slice){body.data, size}, nothing, nothing);
	}
	tell_body(t, "a byte behind the body", "", body, (struct slice){zeros, 1}, nothing);
	tell_body(t, "1000 bytes behind the body", "", body, (struct slice){zeros, sizeof zeros}, nothing);
}

/* ---- headers --------------------------------------------------------------------------------------- */

/* A frame of `header` and the body, whose size field says `size_lie` more than there is; nothing comes behind it. */
static void tell_frame(const struct teller *t, const char *lie, struct slice header, struct slice body, int size_lie)
{
	struct bytes_out frame = {0};
	struct hostile_case hostile = case_of(t->good, lie, "header");
	bytes_out_number(&frame, (int64_t)(header.size + body.size) + size_lie, 4);
	bytes_out_put(&frame, header.data, header.size);
	bytes_out_put(&frame, body.data, body.size);
	hostile.is_half_closed = size_lie != 0;
	if (header.size >= 8)
		hostile.correlation_id = (int32_t)load_be32(header.data + 4);
	hand_over(t, &hostile, &frame);
	bytes_out_free(&frame);
}

static void lie_about_version(const struct teller *t, struct slice header)
{
	const struct good_request *good = t->good;
	const struct { const char *lie; int version; } rows[] = {
		{"version -1", -1}, {"version -32768", INT16_MIN}, {"version 32767", INT16_MAX}, {"version one too large", good->max + 1},
		{"version one too small", good->min - 1},
	};
	uint8_t *bytes = malloc(header.size);
	memcpy(bytes, header.data, header.size);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		store_be16(bytes + 2, (uint16_t)rows[i].version);
		tell_frame(t, rows[i].lie, (struct slice){bytes, header.size}, good->body, 0);
	}
	free(bytes);
}

/* Key, version, correlation id, then the client id as a string of two bytes' length, then in flexible versions tags. */
static void lie_about_client(const struct teller *t, struct slice header)
{
	static const struct { const char *lie; uint16_t length; const char *text; } rows[] = {
		{"client id null", 0xffff, ""}, {"client id's length -2", 0xfffe, ""}, {"client id's length -32768", 0x8000, ""},
		{"client id past the end", 0x7fff, ""}, {"client id empty", 0, ""}, {"client id not UTF-8", 3, "\xff\xfe\xfd"},
		{"client id with a line's end", 3, "a\nb"},
	};
	size_t tags_at = 10 + strlen(CLIENT);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes_out lied = {0};
		bytes_out_put(&lied, header.data, 8);
		bytes_out_number(&lied, rows[i].length, 2);
		bytes_out_put(&lied, rows[i].text, strlen(rows[i].text));
		bytes_out_put(&lied, header.data + tags_at, header.size - tags_at);
		tell_frame(t, rows[i].lie, bytes_out_slice(&lied), t->good->body, 0);
		bytes_out_free(&lied);
	}
}

static void lie_about_header_tags(const struct teller *t, struct slice header)
{
	static const struct bytes_lie lies[] = {
		{"header tag count the largest", 5, {0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"header tag past the end", 7, {1, 0x63, 0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"header tag unknown", 4, {1, 0x63, 1, 7}},
		{"header tag twice", 5, {2, 0x63, 0, 0x63, 0}},
	};
	if (header.size == 10 + strlen(CLIENT))
		return;
	for (size_t i = 0; i < COUNT_OF(lies); i++) {
		struct bytes_out lied = {0};
		bytes_out_put(&lied, header.data, header.size - 1);
		bytes_out_put(&lied, lies[i].bytes, lies[i].size);
		tell_frame(t, lies[i].lie, bytes_out_slice(&lied), t->good->body, 0);
		bytes_out_free(&lied);
	}
}

static void lie_about_frame(const struct teller *t, struct slice header)
{
	struct slice body = t->good->body, nothing = {body.data, 0};
	uint8_t *bytes = malloc(header.size);
	memcpy(bytes, header.data, header.size);
	tell_frame(t, "frame's size one more", header, body, 1);
	tell_frame(t, "frame's size one less", header, body, -1);
	tell_frame(t, "frame's size the largest", header, body, INT32_MAX - (int)(header.size + body.size));
	for (size_t size = 0; size < header.size; size++)
		tell_frame(t, "header cut off", (struct slice){header.data, size}, nothing, 0);
	store_be32(bytes + 4, UINT32_MAX);
	tell_frame(t, "correlation id -1", (struct slice){bytes, header.size}, body, 0);
	store_be32(bytes + 4, 0x80000000u);
	tell_frame(t, "correlation id the least", (struct slice){bytes, header.size}, body, 0);
	free(bytes);
}

/* ---- all of them ----------------------------------------------------------------------------------- */

void lies_tell_none(const struct good_request *good, hostile_case_fn take, void *context)
{
	struct teller t = {good, take, context};
	tell_body(&t, "none", "", good->body, (struct slice){good->body.data, 0}, (struct slice){good->body.data, 0});
}

void lies_tell(const struct good_request *good, hostile_case_fn take, void *context)
{
	struct teller t = {good, take, context};
	struct marks marks;
	struct bytes_out header = {0};
	put_header(&header, good->message->key, good->version, CORRELATION_ID);
	marks_find(&marks, good->message, good->version, good->body);
	for (size_t i = 0; i < marks.count; i++)
		lie_at(&t, &marks.items[i]);
	cut_body(&t);
	lie_about_version(&t, bytes_out_slice(&header));
	lie_about_client(&t, bytes_out_slice(&header));
	lie_about_header_tags(&t, bytes_out_slice(&header));
	lie_about_frame(&t, bytes_out_slice(&header));
	marks_free(&marks);
	bytes_out_free(&header);
}

static void tell_key(const struct teller *t, int key)
{
	struct bytes_out frame = {0};
	struct hostile_case hostile = case_of(t->good, "API key nobody serves", "");
	snprintf(hostile.place, sizeof hostile.place, "key %d", key);
	bytes_out_number(&frame, 0, 4);
	bytes_out_number(&frame, key, 2);
	bytes_out_number(&frame, 0, 2);
	bytes_out_number(&frame, CORRELATION_ID, 4);
	bytes_out_number(&frame, -1, 2);
	bytes_out_number(&frame, 0, 8);
	store_be32(frame.data, (uint32_t)frame.size - 4);
	hand_over(t, &hostile, &frame);
	bytes_out_free(&frame);
}

static void tell_bytes(const struct teller *t, const char *lie, const void *bytes, size_t size)
{
	struct hostile_case hostile = case_of(t->good, lie, "");
	hostile.bytes = (struct slice){bytes, size};
	hostile.is_half_closed = true;
	t->take(t->context, &hostile);
}

void lies_tell_nobody(hostile_case_fn take, void *context)
{
	static const int keys[] = {-32768, -1, 4, 5, 6, 7, 56, 58, 59, 62, 67, 70, 73, 99, 100, 255, 256, 999, 1000, 32767};
	static const struct { const char *lie; const char *text; } texts[] = {
		{"an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"}, {"an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{"an SSH banner", "SSH-2.0-OpenSSH_9.2p1\r\n"}, {"a Redis command", "*1\r\n$4\r\nPING\r\n"},
		{"a TLS hello", "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03"}, {"a mail greeting", "EHLO localhost\r\n"},
	};
	static const uint8_t sizes[][4] = {{0, 0, 0, 0}, {0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0x7f, 0xff, 0xff, 0xff}, {6, 0x40, 0, 1}};
	static uint8_t block[65536];
	static const struct good_request nobody = {.api = "-"};
	struct teller t = {&nobody, take, context};
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		tell_key(&t, keys[i]);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		tell_bytes(&t, texts[i].lie, texts[i].text, strlen(texts[i].text));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		uint8_t bytes[5] = {sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], 0};
		tell_bytes(&t, "a frame's size alone", bytes, sizeof bytes);
	}
	tell_bytes(&t, "64 KiB of zeros", block, sizeof block);
	memset(block, 0xff, sizeof block);
	tell_bytes(&t, "64 KiB of ones", block, sizeof block);
	tell_bytes(&t, "nothing at all", block, 0);
}
