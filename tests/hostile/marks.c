/* The walk follows tests/differential/codec.c, which wrote the bytes. */
#include "tests/hostile/marks.h"

#include "log/base/check.h"
#include "net/wire/cursor.h"

#include <stdio.h>
#include <stdlib.h>

struct walk {
	struct marks *marks;
	struct reader reader;
	const uint8_t *start;
	int version;
	bool is_flexible;
	char path[120];
};

static bool range_has(struct kmsg_range range, int version) { return version >= range.first && version <= range.last; }
static size_t position(const struct walk *w) { return (size_t)(w->reader.at - w->start); }

static struct mark *add_mark(struct walk *w, enum mark_kind kind, size_t at)
{
	struct marks *marks = w->marks;
	marks->items = realloc(marks->items, (marks->count + 1) * sizeof *marks->items);
	CHECK(marks->items);
	struct mark *mark = &marks->items[marks->count++];
	*mark = (struct mark){.kind = kind, .at = at, .size = position(w) - at, .known_tag = -1};
	snprintf(mark->path, sizeof mark->path, "%s", w->path);
	return mark;
}

static void walk_struct(struct walk *w, const struct kmsg_struct *fields);

/* The length or count at the reader, marked; -1 is null. */
static int64_t walk_length(struct walk *w, const struct kmsg_field *field, enum mark_kind kind)
{
	size_t at = position(w);
	bool is_varint = w->is_flexible && field->type != KMSG_TYPE_string16;
	bool is_short = kind == MARK_LENGTH && (field->type == KMSG_TYPE_string || field->type == KMSG_TYPE_string16);
	int64_t value = is_varint ? (int64_t)reader_varint(&w->reader) - 1 : is_short ? reader_int16(&w->reader) : reader_int32(&w->reader);
	struct mark *mark = add_mark(w, kind, at);
	mark->is_varint = is_varint;
	mark->is_nullable = range_has(field->nullable, w->version);
	mark->value = value;
	return value;
}

static void walk_text(struct walk *w, const struct kmsg_field *field)
{
	int64_t length = walk_length(w, field, MARK_LENGTH);
	size_t at = position(w);
	if (length <= 0)
		return;
	reader_take(&w->reader, (size_t)length);
	if (field->type == KMSG_TYPE_string || field->type == KMSG_TYPE_string16)
		add_mark(w, MARK_TEXT, at);
}

static void walk_item(struct walk *w, const struct kmsg_field *field)
{
	static const uint8_t sizes[] = {[KMSG_TYPE_int8] = 1, [KMSG_TYPE_int16] = 2, [KMSG_TYPE_uint16] = 2, [KMSG_TYPE_int32] = 4,
					[KMSG_TYPE_uint32] = 4, [KMSG_TYPE_int64] = 8, [KMSG_TYPE_float64] = 8};
	size_t at = position(w);
	switch (field->type) {
	case KMSG_TYPE_struct:
		walk_struct(w, field->fields);
		break;
	case KMSG_TYPE_string:
	case KMSG_TYPE_string16:
	case KMSG_TYPE_bytes:
	case KMSG_TYPE_records:
		walk_text(w, field);
		break;
	case KMSG_TYPE_bool:
		reader_bool(&w->reader);
		add_mark(w, MARK_BOOL, at);
		break;
	case KMSG_TYPE_uuid:
		reader_uuid(&w->reader);
		add_mark(w, MARK_ID, at);
		break;
	default:
		reader_take(&w->reader, sizes[field->type]);
	}
}

static void walk_array(struct walk *w, const struct kmsg_field *field)
{
	int64_t count = walk_length(w, field, MARK_COUNT);
	size_t mark = w->marks->count - 1;
	for (int64_t i = 0; i < count; i++) {
		size_t at = position(w);
		walk_item(w, field);
		if (i > 0)
			continue;
		w->marks->items[mark].first = at;
		w->marks->items[mark].first_end = position(w);
	}
}

static void walk_field(struct walk *w, const struct kmsg_field *field)
{
	size_t path_size = strlen(w->path), at = position(w);
	snprintf(w->path + path_size, sizeof w->path - path_size, "%s%s", path_size ? "." : "", field->name);
	bool is_present = true;
	if (field->is_array) {
		walk_array(w, field);
	} else {
		if (field->type == KMSG_TYPE_struct && field->nullable.first <= field->nullable.last) {
			is_present = reader_int8(&w->reader) >= 0;
			add_mark(w, MARK_PRESENCE, at);
		}
		if (is_present)
			walk_item(w, field);
	}
	w->path[path_size] = 0;
}

/* Those of a large number are Spate's own, and unknown to a Kafka. */
static const struct kmsg_field *find_tagged(const struct kmsg_struct *fields, int version)
{
	for (int i = 0; i < fields->count; i++)
		if (fields->fields[i].tag >= 0 && fields->fields[i].tag < 100 && range_has(fields->fields[i].versions, version))
			return &fields->fields[i];
	return NULL;
}

/* Good requests have no tagged fields: where lies about them can be put is all there is to know. */
static void walk_tags(struct walk *w, const struct kmsg_struct *fields)
{
	size_t at = position(w);
	const struct kmsg_field *known = find_tagged(fields, w->version);
	CHECK(reader_varint(&w->reader) == 0);
	add_mark(w, MARK_TAGS, at)->known_tag = known ? known->tag : -1;
}

static void walk_struct(struct walk *w, const struct kmsg_struct *fields)
{
	for (int i = 0; i < fields->count; i++)
		if (fields->fields[i].tag < 0 && range_has(fields->fields[i].versions, w->version))
			walk_field(w, &fields->fields[i]);
	if (w->is_flexible)
		walk_tags(w, fields);
}

void marks_find(struct marks *marks, const struct kmsg_description *message, int version, struct slice body)
{
	struct walk w = {.marks = marks, .reader = reader_over(body), .start = body.data, .version = version,
			 .is_flexible = version >= message->flexible};
	*marks = (struct marks){0};
	walk_struct(&w, message->fields);
	CHECKF(!w.reader.error && reader_left(&w.reader) == 0, "%s v%d: %s", message->name, version, w.reader.error ? w.reader.reason : "bytes left");
}

void marks_free(struct marks *marks)
{
	free(marks->items);
	*marks = (struct marks){0};
}
