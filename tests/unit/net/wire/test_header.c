/* Headers: which version goes with which API and version, and what a header that cannot be read leads to. */
#include "kmsg_api_versions.h"
#include "kmsg_apis.h"
#include "kmsg_fetch.h"
#include "kmsg_produce.h"
#include "net/wire/header.h"

#include <criterion/criterion.h>

struct request_row {
	int16_t key, version;
	size_t size;            /* With a client id of two bytes. */
};

/* A flexible request has one byte more, for its tagged fields; the client id keeps its two-byte length. */
Test(header, request_versions)
{
	static const struct request_row rows[] = {
		{KMSG_PRODUCE_KEY, 3, 12}, {KMSG_PRODUCE_KEY, 8, 12},  {KMSG_PRODUCE_KEY, 9, 13},      {KMSG_PRODUCE_KEY, 13, 13},
		{KMSG_FETCH_KEY, 11, 12},  {KMSG_FETCH_KEY, 12, 13},   {KMSG_API_VERSIONS_KEY, 2, 12}, {KMSG_API_VERSIONS_KEY, 3, 13},
		{KMSG_API_VERSIONS_KEY, 99, 13},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[32];
		struct request_header header = {.api_key = rows[i].key,
						.api_version = rows[i].version,
						.correlation_id = -7,
						.client_id = slice_from("me")};
		struct writer w = writer_into(bytes, sizeof bytes);
		request_header_encode(&w, &header);
		cr_expect_eq(w.position, rows[i].size, "row %zu", i);

		struct request_header back;
		struct reader r = reader_over((struct slice){bytes, w.position});
		cr_expect_eq(request_header_decode(&r, &back), 0);
		cr_expect_eq(reader_left(&r), 0);
		cr_expect_eq(back.api_key, rows[i].key);
		cr_expect_eq(back.api_version, rows[i].version);
		cr_expect_eq(back.correlation_id, -7);
		cr_expect_eq(back.api->key, rows[i].key);
		cr_expect(slice_equal(back.client_id, slice_from("me")));
		for (size_t size = 0; size < w.position; size++) {
			r = reader_over((struct slice){bytes, size});
			cr_expect_eq(request_header_decode(&r, &back), -EBADMSG, "row %zu, %zu bytes", i, size);
		}
	}
}

/* Byte for byte what librdkafka opens a connection with: ApiVersions 3, correlation id 1, client "rdkafka". */
Test(header, request_of_librdkafka)
{
	static const uint8_t bytes[] = {0, 18, 0, 3, 0, 0, 0, 1, 0, 7, 'r', 'd', 'k', 'a', 'f', 'k', 'a', 0, 0x42};
	struct reader r = reader_over((struct slice){bytes, sizeof bytes});
	struct request_header header;
	cr_expect_eq(request_header_decode(&r, &header), 0);
	cr_expect_eq(header.correlation_id, 1);
	cr_expect(slice_equal(header.client_id, slice_from("rdkafka")));
	cr_expect_eq(reader_left(&r), 1, "the reader stands at the body");
}

/* A null client id is allowed, and told from an empty one. */
Test(header, client_id_may_be_null)
{
	static const uint8_t bytes[] = {0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff};
	struct reader r = reader_over((struct slice){bytes, sizeof bytes});
	struct request_header header;
	cr_expect_eq(request_header_decode(&r, &header), 0);
	cr_expect_null(header.client_id.data);
}

/* An API nobody knows: refused, with the fields that every header has. */
Test(header, unknown_api)
{
	static const int16_t keys[] = {-1, 4, 999, INT16_MIN, INT16_MAX};
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		uint8_t bytes[10] = {0};
		store_be16(bytes, (uint16_t)keys[i]);
		store_be32(bytes + 4, 77);
		struct reader r = reader_over((struct slice){bytes, sizeof bytes});
		struct request_header header;
		cr_expect_eq(request_header_decode(&r, &header), -EOPNOTSUPP, "key %d", keys[i]);
		cr_expect_null(header.api);
		cr_expect_eq(header.correlation_id, 77);
	}
}

/* Responses have a tag byte if they are flexible, but never those of ApiVersions (KIP-511). */
Test(header, response_versions)
{
	static const struct { int16_t key; int version; size_t size; } rows[] = {
		{KMSG_PRODUCE_KEY, 8, 4},      {KMSG_PRODUCE_KEY, 9, 5},      {KMSG_FETCH_KEY, 11, 4},
		{KMSG_FETCH_KEY, 12, 5},       {KMSG_API_VERSIONS_KEY, 0, 4}, {KMSG_API_VERSIONS_KEY, 3, 4},
		{KMSG_API_VERSIONS_KEY, 4, 4},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[8];
		struct writer w = writer_into(bytes, sizeof bytes);
		response_header_encode(&w, rows[i].key, rows[i].version, 0x01020304);
		cr_expect_eq(w.position, rows[i].size, "row %zu", i);
		struct reader r = reader_over((struct slice){bytes, w.position});
		int32_t correlation_id = 0;
		cr_expect_eq(response_header_decode(&r, rows[i].key, rows[i].version, &correlation_id), 0);
		cr_expect_eq(correlation_id, 0x01020304);
		cr_expect_eq(reader_left(&r), 0);
	}
}

/* The table finds each of its own keys and nothing between them. */
Test(header, api_table_is_searched_by_key)
{
	size_t found = 0;
	for (int key = INT16_MIN; key <= INT16_MAX; key++) {
		const struct kmsg_api *api = kmsg_api_find((int16_t)key);
		found += api != NULL;
		cr_assert(!api || api->key == key);
	}
	cr_expect_eq(found, kmsg_api_count);
}
