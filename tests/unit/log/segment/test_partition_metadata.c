/* partition.metadata. */
#include <criterion/criterion.h>

#include "log/segment/partition_metadata.h"

static const struct uuid id = {{0xfb, 0xef, 0xbe, 0, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92, 0x8b, 0x30, 0xd3, 0x8f, 0x41}};

/* The text is Kafka's, and leads back. */
Test(partition_metadata, round_trip)
{
	char text[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&id, text);
	cr_expect_str_eq(text, "version: 0\ntopic_id: ----ABCDEFGHIJKLMNOPQQ\n");
	cr_expect_eq(size, strlen(text));
	struct uuid decoded;
	cr_assert_eq(partition_metadata_decode(&decoded, (struct slice){(const uint8_t *)text, size}), 0);
	cr_expect(uuid_equal(&decoded, &id));
	cr_expect_eq(partition_metadata_decode(&decoded, (struct slice){(const uint8_t *)text, size - 1}), 0, "the last newline may be missing");
}

/* Every shorter text and others are refused. */
Test(partition_metadata, refused)
{
	char text[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&id, text);
	struct uuid decoded;
	for (size_t cut = 0; cut < size - 1; cut++)
		cr_expect_lt(partition_metadata_decode(&decoded, (struct slice){(const uint8_t *)text, cut}), 0, "%zu", cut);
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"version: 1\ntopic_id: ----ABCDEFGHIJKLMNOPQQ\n", ERR_FORMAT},
		{"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n", ERR_CORRUPT_LOG},
		{"version: 0\ntopic_id: ----ABCDEFGHIJKLMNOPQR\n", ERR_CORRUPT_LOG},
		{"version: 0\ntopic_id: ----ABCDEFGHIJKLMNOPQQQ\n", ERR_CORRUPT_LOG},
		{"version: 0\ntopic_id: ----ABCDEFGHIJKLMNOPQQ\n\n", ERR_CORRUPT_LOG},
		{"topic_id: ----ABCDEFGHIJKLMNOPQQ\nversion: 0\n", ERR_CORRUPT_LOG},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(partition_metadata_decode(&decoded, (struct slice){(const uint8_t *)rows[i].text, strlen(rows[i].text)}), rows[i].err, "%s",
			     rows[i].text);
}
