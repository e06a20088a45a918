/* The records of __consumer_offsets. Each kind is one row of a table of thunks, so that the rest treats all kinds alike.
 *
 * Happy path, reading: the key's int16 names the row, the row decodes key and value. Writing: the row encodes into memory of the exact
 * size. Failure modes: bytes that are no record (ERR_FORMAT), kinds from a newer Kafka (GROUP_RECORD_UNKNOWN), no memory (-ENOMEM). */
#include "net/group/group_record.h"

#include "log/base/check.h"
#include "log/base/err.h"
#include "net/group/group_priv.h"

#include <errno.h>

#define KEY_VERSION 0
#define LEGACY_OFFSET_COMMIT 0
#define OFFSET_COMMIT_VERSION_WITH_EXPIRY 1

struct row {
	int16_t kind, version, value_version_max;
	void (*init)(struct group_message *m);
	int (*decode_key)(struct reader *reader, struct arena *arena, struct group_message *m);
	int (*decode_value)(struct reader *reader, struct arena *arena, int version, struct group_message *m);
	void (*encode_key)(struct writer *writer, const struct group_message *m);
	void (*encode_value)(struct writer *writer, int version, const struct group_message *m);
};

#define X(name, number, version)                                                                                                  \
	static void init_##name(struct group_message *m)                                                                          \
	{                                                                                                                         \
		kmsg_##name##_key_init(&m->key.name);                                                                             \
		kmsg_##name##_value_init(&m->value.name);                                                                         \
	}                                                                                                                         \
	static int decode_##name##_key(struct reader *reader, struct arena *arena, struct group_message *m)                       \
	{                                                                                                                         \
		return kmsg_##name##_key_decode(reader, arena, KEY_VERSION, &m->key.name);                                        \
	}                                                                                                                         \
	static int decode_##name##_value(struct reader *reader, struct arena *arena, int v, struct group_message *m)              \
	{                                                                                                                         \
		return kmsg_##name##_value_decode(reader, arena, v, &m->value.name);                                              \
	}                                                                                                                         \
	static void encode_##name##_key(struct writer *writer, const struct group_message *m)                                     \
	{                                                                                                                         \
		kmsg_##name##_key_encode(writer, KEY_VERSION, &m->key.name);                                                      \
	}                                                                                                                         \
	static void encode_##name##_value(struct writer *writer, int v, const struct group_message *m)                            \
	{                                                                                                                         \
		kmsg_##name##_value_encode(writer, v, &m->value.name);                                                            \
	}
GROUP_RECORD_KINDS(X)
#undef X

/* Offset commits and group metadata have had versions up to 4; all others have version 0 alone. */
static const struct row rows[] = {
#define X(name, number, version)                                                                                                  \
	{number, version, number <= 2 ? 4 : 0, init_##name, decode_##name##_key, decode_##name##_value, encode_##name##_key,      \
	 encode_##name##_value},
	GROUP_RECORD_KINDS(X)
#undef X
};

static const struct row *find_row(int kind)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

void group_message_init(struct group_message *message, enum group_record_kind kind)
{
	const struct row *row = find_row(kind);
	CHECK(row);
	message->kind = kind;
	message->is_tombstone = false;
	row->init(message);
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------------------- */

static int to_err(const struct reader *reader)
{
	if (!reader->error)
		return 0;
	return reader->error == -ENOMEM ? -ENOMEM : ERR_FORMAT;
}

static int decode_legacy_offset_commit(struct group_message *message, struct reader *key, struct slice value, struct arena *arena)
{
	group_message_init(message, GROUP_RECORD_offset_commit);
	struct kmsg_legacy_offset_commit_key old_key;
	struct kmsg_legacy_offset_commit_value old_value;
	if (kmsg_legacy_offset_commit_key_decode(key, arena, KEY_VERSION, &old_key) < 0)
		return to_err(key);
	message->key.offset_commit = (struct kmsg_offset_commit_key){old_key.group, old_key.topic, old_key.partition};
	message->is_tombstone = !value.data;
	if (!value.data)
		return 0;
	struct reader reader = reader_over(value);
	if (reader_int16(&reader) != 0 && !reader.error) {
		message->kind = GROUP_RECORD_UNKNOWN;
		return 0;
	}
	if (kmsg_legacy_offset_commit_value_decode(&reader, arena, 0, &old_value) < 0)
		return to_err(&reader);
	message->value.offset_commit.offset = old_value.offset;
	message->value.offset_commit.metadata = old_value.metadata;
	message->value.offset_commit.commit_timestamp = old_value.commit_timestamp;
	return 0;
}

static int decode_value(struct group_message *message, const struct row *row, struct slice value, struct arena *arena)
{
	message->is_tombstone = !value.data;
	if (!value.data)
		return 0;
	struct reader reader = reader_over(value);
	int16_t version = reader_int16(&reader);
	if (!reader.error && (version < 0 || version > row->value_version_max)) {
		message->kind = GROUP_RECORD_UNKNOWN;
		return 0;
	}
	if (!reader.error && row->decode_value(&reader, arena, version, message) == 0)
		return 0;
	return to_err(&reader);
}

int group_record_decode(struct group_message *message, struct slice key, struct slice value, struct arena *arena)
{
	message->kind = GROUP_RECORD_UNKNOWN;
	message->is_tombstone = !value.data;
	struct reader reader = reader_over(key);
	int16_t kind = reader_int16(&reader);
	if (reader.error)
		return to_err(&reader);
	if (kind == LEGACY_OFFSET_COMMIT)
		return decode_legacy_offset_commit(message, &reader, value, arena);
	const struct row *row = find_row(kind);
	if (!row)
		return 0;
	group_message_init(message, (enum group_record_kind)kind);
	if (row->decode_key(&reader, arena, message) < 0)
		return to_err(&reader);
	return decode_value(message, row, value, arena);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------------------- */

static void encode_key(struct writer *writer, const struct row *row, const struct group_message *message)
{
	writer_int16(writer, row->kind);
	row->encode_key(writer, message);
}

static void encode_value(struct writer *writer, const struct row *row, const struct group_message *message)
{
	bool expires = row->kind == GROUP_RECORD_offset_commit && message->value.offset_commit.expire_timestamp != -1;
	int16_t version = expires ? OFFSET_COMMIT_VERSION_WITH_EXPIRY : row->version;
	writer_int16(writer, version);
	row->encode_value(writer, version, message);
}

static int encode_half(const struct group_message *message, struct arena *arena, struct slice *out,
		       void (*encode)(struct writer *writer, const struct row *row, const struct group_message *message))
{
	const struct row *row = find_row(message->kind);
	CHECK(row);
	struct writer counter = writer_counting();
	encode(&counter, row, message);
	if (counter.error)
		return ERR_FORMAT;
	uint8_t *bytes = arena_alloc(arena, counter.position);
	if (!bytes)
		return -ENOMEM;
	struct writer writer = writer_into(bytes, counter.position);
	encode(&writer, row, message);
	CHECK(!writer.error && writer.position == counter.position);
	*out = (struct slice){bytes, counter.position};
	return 0;
}

int group_record_encode(const struct group_message *message, struct arena *arena, struct slice *key, struct slice *value)
{
	*value = (struct slice){NULL, 0};
	int err = encode_half(message, arena, key, encode_key);
	if (!err && !message->is_tombstone)
		err = encode_half(message, arena, value, encode_value);
	return err;
}

void group_record_emit(struct coordinator *coordinator, const struct group_message *message)
{
	struct group_outbox *outbox = &coordinator->outbox;
	struct group_record *record = arena_alloc(&outbox->arena, sizeof *record);
	if (!record || group_record_encode(message, &outbox->arena, &record->key, &record->value) < 0) {
		outbox->is_out_of_memory = true;
		return;
	}
	record->next = NULL;
	*outbox->records_end = record;
	outbox->records_end = &record->next;
}
