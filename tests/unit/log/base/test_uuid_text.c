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

/* The same in hexadecimal digits. */
Test(uuid_text, hex)
{
	static const char *const refused[] = {
		"", "fb", "fbefbe00108310518720928b30d38f4", "fbefbe00108310518720928b30d38f411", "fbefbe00108310518720928b30d38f4g", "FBEFBE00108310518720928B30D38F41",
		"fbefbe00 08310518720928b30d38f41", "0xefbe00108310518720928b30d38f41", "fbefbe00-0831051-720928b30d38f41",
	};
	char text[UUID_HEX_SIZE];
	struct uuid id = {{7}};
	uuid_hex_format(text, &pairs[3].id);
	cr_expect_str_eq(text, "fbefbe00108310518720928b30d38f41");
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		cr_expect_not(uuid_hex_parse(&id, slice_of(refused[i])), "%s", refused[i]);
	cr_expect_eq(id.bytes[0], 7, "what is refused changes nothing");
	cr_assert(uuid_hex_parse(&id, slice_of(text)));
	cr_expect(uuid_equal(&id, &pairs[3].id));
}
