/* libFuzzer: what people and programs write to the command line: records as JSON lines, addresses, offsets, the notes of an undone rewind. The first byte says how
 * the rest is read. Each is taken or refused with a sentence; a note that was taken is written as a note that reads the same. */
#include <stdlib.h>
#include <string.h>

#include "cli/address.h"
#include "cli/group_undo.h"
#include "cli/json_record.h"
#include "cli/offsets.h"
#include "log/base/check.h"
#include "net/wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_record(const char *text, size_t size)
{
	struct json_record record;
	char why[256] = "";
	if (!json_record_parse(&record, (struct slice){(const uint8_t *)text, size}, why, sizeof why)) {
		CHECK(why[0]);
		return;
	}
	CHECK(record.header_count <= JSON_HEADERS_MAX && record.timestamp_ms >= -1 && record.partition >= -1);
	uint64_t sum = record.key.size + record.value.size;
	for (size_t i = 0; i < record.value.size; i++)
		sum += record.value.data[i];
	for (uint32_t i = 0; i < record.header_count; i++)
		sum += record.headers[i].name.size + record.headers[i].value.size;
	CHECK(sum < UINT64_MAX);
	json_record_free(&record);
}

static void read_address(const char *text, size_t size)
{
	struct address address;
	char why[256] = "";
	CHECK(address_parse(&address, text, why, sizeof why) || why[0]);
	why[0] = 0;
	CHECK(address_parse_broker(&address, text, why, sizeof why) || why[0]);
	why[0] = 0;
	CHECK(address_from_listeners(&address, text, NULL, why, sizeof why) || why[0]);
	why[0] = 0;
	CHECK(address_from_listeners(&address, text, "CONTROLLER,B", why, sizeof why) || why[0]);
}

static void read_offsets(const char *text, size_t size)
{
	struct offset_range range;
	struct offset_point point;
	char why[256] = "";
	if (offsets_parse(&range, text, 1700000000000, why, sizeof why)) {
		int64_t offset = offset_point_resolve(&range.from, 5, 50, -1);
		CHECK(offset >= 5 && offset <= 50);
		offset_point_asked(&range.from, 5, 50, -1);
	} else {
		CHECK(why[0]);
	}
	why[0] = 0;
	CHECK(offsets_parse_point(&point, text, 1700000000000, why, sizeof why) || why[0]);
}

static void read_note(const char *text, size_t size)
{
	struct group_undo_note note, again;
	size_t written_size;
	group_undo_subject(text);
	if (!group_undo_note_parse(&note, (struct slice){(const uint8_t *)text, size}))
		return;
	char *written = group_undo_note_format(&note, &written_size);
	CHECK(written && group_undo_note_parse(&again, (struct slice){(const uint8_t *)written, written_size}));
	CHECK(again.rewound_ms == note.rewound_ms && again.had_commit == note.had_commit && slice_equal(again.metadata, note.metadata));
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *, size_t) = {read_record, read_address, read_offsets, read_note};
	if (!size)
		return 0;
	char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	readers[data[0] % COUNT_OF(readers)](text, size - 1);
	free(text);
	return 0;
}
