/* The records of catalog.log, one change after the other as they were made: what the broker is, when it was opened, topics, configs, settings.
 * log/catalog/catalog_file.h has the bytes; what the changes add up to is the overview of the directory. Failure modes: a file that is no catalog;
 * bytes behind the last good record, which are shown as what they are: the torn end of a change, or damage. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/log_inspect.h"
#include "log/base/uuid_text.h"
#include "log/catalog/catalog.h"
#include "log/catalog/catalog_file.h"
#include "net/quota/quota_entity.h"

#define WHAT_SIZE 4096

/* One row: what a record says about one thing. */
struct change {
	uint64_t sequence;
	size_t position;
	const char *kind;
	struct slice name;  /* a topic's, a setting's */
	const uint8_t *id;  /* NULL: none */
	char what[WHAT_SIZE];
	size_t used;
};

struct listing {
	struct out_table *table;
	struct change change;
};

static PRINTF_LIKE(2, 3) void say(struct change *change, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(change->what + change->used, WHAT_SIZE - change->used, format, arguments);
	va_end(arguments);
	change->used += size > 0 && (size_t)size < WHAT_SIZE - change->used ? (size_t)size : WHAT_SIZE - 1 - change->used;
}

static void add_row(struct listing *listing)
{
	char id[UUID_TEXT_SIZE], name[1024];
	struct change *change = &listing->change;
	snprintf(name, sizeof name, "%.*s", (int)change->name.size, change->name.data ? (const char *)change->name.data : "");
	if (change->id) {
		struct uuid uuid;
		memcpy(uuid.bytes, change->id, sizeof uuid.bytes);
		uuid_text_format(id, &uuid);
	}
	OUT_ROW(listing->table, cell_int((int64_t)change->sequence), cell_int((int64_t)change->position), cell_text(change->kind),
		cell_text(*name ? name : NULL), cell_text(change->id ? id : NULL), cell_text(change->used ? change->what : NULL));
	*change = (struct change){.sequence = change->sequence, .position = change->position, .kind = change->kind};
}

/* ---- each kind ------------------------------------------------------------------------------------------------------------------ */

static void say_overrides(struct change *change, struct catalog_cursor *body)
{
	uint32_t count = catalog_take_u32(body);
	for (uint32_t i = 0; i < count && !body->has_failed; i++) {
		struct slice name = catalog_take_text(body), value = catalog_take_text(body);
		say(change, "%s%.*s=%.*s", change->used ? " " : "", (int)name.size, (const char *)name.data, (int)value.size, (const char *)value.data);
	}
}

static void show_identity(struct listing *listing, struct catalog_cursor *body)
{
	listing->change.id = catalog_take(body, sizeof(struct uuid));
	uint32_t node = catalog_take_u32(body);
	struct slice cluster = catalog_take_text(body);
	say(&listing->change, "node %" PRIu32 " of cluster %.*s", node, (int)cluster.size, (const char *)cluster.data);
	add_row(listing);
}

static void show_created(struct listing *listing, struct catalog_cursor *body)
{
	uint32_t count = catalog_take_u32(body);
	for (uint32_t i = 0; i < count && !body->has_failed; i++) {
		listing->change.id = catalog_take(body, sizeof(struct uuid));
		listing->change.name = catalog_take_text(body);
		uint32_t partitions = catalog_take_u32(body);
		uint64_t incarnation = catalog_take_u64(body);
		say(&listing->change, "%" PRIu32 " partition%s, in opening %" PRIu64, partitions, out_plural(partitions), incarnation);
		say_overrides(&listing->change, body);
		add_row(listing);
	}
}

static void show_deleted(struct listing *listing, struct catalog_cursor *body)
{
	uint32_t count = catalog_take_u32(body);
	for (uint32_t i = 0; i < count && !body->has_failed; i++) {
		listing->change.id = catalog_take(body, sizeof(struct uuid));
		add_row(listing);
	}
}

static const char *setting_name(uint8_t type)
{
	static const char *const names[] = {
		[SETTING_BROKER] = "broker", [SETTING_CLUSTER] = "cluster", [SETTING_GROUP] = "group",
		[SETTING_CLIENT_METRICS] = "client metrics", [SETTING_QUOTA] = "quota", [SETTING_USER] = "user",
	};
	return type < COUNT_OF(names) && names[type] ? names[type] : "?";
}

/* "client-id=a, user (default): producer_byte_rate=1000"; the encoding is that of net/quota. */
static void say_quota(struct change *change, struct slice name, struct slice key, struct slice value)
{
	struct quota_entity entity;
	const char *separator = " ";
	say(change, "quota");
	if (quota_entity_decode(name, &entity))
		say(change, " (unreadable)");
	for (int part = 0; part < quota_part_count; part++) {
		if (!entity.has[part])
			continue;
		struct slice of = entity.names[part];
		say(change, "%s%s%s%.*s", separator, quota_part_name((enum quota_part)part), of.data ? "=" : " (default)", (int)of.size,
		    (const char *)of.data);
		separator = ", ";
	}
	say(change, ": %.*s", (int)key.size, (const char *)key.data);
	if (value.data)
		say(change, "=%.15g", quota_value_decode(value));
}

/* A user's value is a secret, or close to one. */
static void show_settings(struct listing *listing, struct catalog_cursor *body)
{
	uint32_t count = catalog_take_u32(body);
	for (uint32_t i = 0; i < count && !body->has_failed; i++) {
		uint8_t type = *catalog_take(body, 1);
		bool is_set = *catalog_take(body, 1);
		struct slice name = catalog_take_text(body), key = catalog_take_text(body), value = {0};
		if (is_set)
			value = catalog_take_text(body);
		listing->change.name = type == SETTING_QUOTA ? (struct slice){0} : name;
		if (type == SETTING_QUOTA)
			say_quota(&listing->change, name, key, value);
		else
			say(&listing->change, "%s %.*s", setting_name(type), (int)key.size, (const char *)key.data);
		if (!is_set)
			say(&listing->change, " unset");
		else if (type == SETTING_QUOTA)
			; /* said above */
		else if (type == SETTING_USER)
			say(&listing->change, "=(%zu bytes, not shown)", value.size);
		else
			say(&listing->change, "=%.*s", (int)value.size, (const char *)value.data);
		add_row(listing);
	}
}

static void show_record(struct listing *listing, const struct catalog_frame *frame)
{
	static const char *const kinds[catalog_kind_count] = {
		[CATALOG_IDENTITY] = "identity", [CATALOG_OPENED] = "opened", [CATALOG_CREATED] = "created", [CATALOG_DELETED] = "deleted",
		[CATALOG_GROWN] = "grown", [CATALOG_CONFIGURED] = "configured", [CATALOG_PRODUCER_IDS] = "producer ids",
		[CATALOG_SETTINGS] = "settings", [CATALOG_JOURNALS] = "journals",
	};
	struct catalog_cursor body = {frame->body.data, frame->body.data + frame->body.size, false};
	struct change *change = &listing->change;
	bool is_known = (unsigned)frame->kind < catalog_kind_count && kinds[frame->kind];
	change->kind = is_known ? kinds[frame->kind] : "unknown";
	if (!is_known) {
		say(change, "kind %d, %zu bytes: was it written by a newer version?", (int)frame->kind, frame->body.size), add_row(listing);
		return;
	}
	switch (frame->kind) {
	case CATALOG_IDENTITY: show_identity(listing, &body); break;
	case CATALOG_CREATED: show_created(listing, &body); break;
	case CATALOG_DELETED: show_deleted(listing, &body); break;
	case CATALOG_SETTINGS: show_settings(listing, &body); break;
	case CATALOG_OPENED: say(change, "opening %" PRIu64, catalog_take_u64(&body)), add_row(listing); break;
	case CATALOG_JOURNALS: say(change, "all have noted opening %" PRIu64, catalog_take_u64(&body)), add_row(listing); break;
	case CATALOG_PRODUCER_IDS: say(change, "from %" PRIu64, catalog_take_u64(&body)), add_row(listing); break;
	case CATALOG_GROWN:
		change->id = catalog_take(&body, sizeof(struct uuid));
		say(change, "%" PRIu32 " partitions", catalog_take_u32(&body)), add_row(listing);
		break;
	case CATALOG_CONFIGURED:
		change->id = catalog_take(&body, sizeof(struct uuid));
		say_overrides(change, &body), add_row(listing);
		break;
	case catalog_kind_count: break;
	}
}

/* ---- the file ------------------------------------------------------------------------------------------------------------------- */

static void show_rest(struct out *out, struct slice file, size_t position, uint64_t sequence)
{
	char text[256];
	size_t later = catalog_find_later(file, position, sequence);
	if (later)
		snprintf(text, sizeof text, "damage: the record at byte %zu fails its check, byte %zu begins a good one", position, later);
	else
		snprintf(text, sizeof text, "%zu bytes of a change that was not finished, and never answered", file.size - position);
	out_text(out, "rest", "behind that", text);
}

int log_inspect_catalog(struct out *out, struct slice file, int64_t unused)
{
	static const char *const columns[] = {"sequence=>RECORD", "position=>POSITION", "kind=KIND", "name=NAME", "id=ID", "what=WHAT"};
	if (!catalog_header_is_good(file))
		return ERR_FORMAT;
	struct listing listing = {.table = out_table_begin(out, "records", columns, COUNT_OF(columns))};
	size_t position = CATALOG_HEADER_SIZE;
	uint64_t sequence = 1;
	struct catalog_frame frame;
	enum catalog_next next;
	while ((next = catalog_next(file, position, sequence, &frame)) == CATALOG_NEXT_RECORD) {
		listing.change = (struct change){.sequence = sequence++, .position = position};
		show_record(&listing, &frame);
		position = frame.end;
	}
	out_table_end(listing.table, NULL, "no records");
	if (next == CATALOG_NEXT_BAD)
		show_rest(out, file, position, sequence);
	return 0;
}
