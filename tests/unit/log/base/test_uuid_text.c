/* The text of UUIDs. */
#include <criterion/criterion.h>

#include "log/base/uuid_text.h"

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* Known pairs: zero, all ones, and bytes that use both special characters (worked out by hand). */
static const struct {
	struct uuid id;
	const char *text;
} pairs[] = {
	{{{0}}, "AAAAAAAAAAAAAAAAAAAAAA"},
	{{{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}}, "_____________________w"},
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, "AAAAAAAAAAAAAAAAAAAAAQ"},
	{{{0xfb, 0xef, 0xbe, 0, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92, 0x8b, 0x30, 0xd3, 0x8f, 0x41}}, "----ABCDEFGHIJKLMNOPQQ"},
};

/* Each id has its text, and each text its id. */
Test(uuid_text, pairs)
{
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		char text[UUID_TEXT_SIZE];
		uuid_text_format(text, &pairs[i].id);
		cr_expect_str_eq(text, pairs[i].text);
		struct uuid id;
		cr_assert(uuid_text_parse(&id, slice_of(pairs[i].text)));
		cr_expect(uuid_equal(&id, &pairs[i].id));
	}
}

/* What is no such text is refused, and the id stays as it was. */
Test(uuid_text, refused)
{
	static const char *const texts[] = {
		"", "A", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAB",
		"AAAAAAAAAAAAAAAAAAAA+A", "AAAAAAAAAAAAAAAAAAAA/A", "AAAAAAAAAA AAAAAAAAAAA", "_____________________x", "AAAAAAAAAA\xc3\xa4""AAAAAAAAAA",
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct uuid id = {{7}};
		cr_expect_not(uuid_text_parse(&id, slice_of(texts[i])), "%s", texts[i]);
		cr_expect_eq(id.bytes[0], 7);
	}
}
