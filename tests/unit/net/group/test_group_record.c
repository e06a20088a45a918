/* Records of __consumer_offsets: Kafka's bytes of every key and value (tests/golden/messages.txt) behind the two bytes that Kafka puts before
 * them, read and written again; and bytes that are no record. */
#include "kmsg_table.h"
#include "log/base/err.h"
#include "net/group/group_priv.h"
#include "net/group/group_record.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_LIMIT ((size_t)1 << 20)

static struct arena arena;

static void open_arena(void) { arena_init(&arena, NULL, 0, ARENA_LIMIT); }
static void close_arena(void) { arena_fini(&arena); }

TestSuite(group_record, .init = open_arena, .fini = close_arena);

struct kind {
	const char *name;
	int16_t number, written_version;
};
static const struct kind kinds[] = {
#define X(name, number, version) {#name, number, version},
	GROUP_RECORD_KINDS(X)
#undef X
};

static uint8_t hex_digit(char c) { return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10); }

/* The int16 and Kafka's bytes, in the arena. */
static struct slice with_prefix(int prefix, const char *hex)
{
	size_t size = strlen(hex) / 2;
	uint8_t *bytes = arena_alloc(&arena, size + 2);
	bytes[0] = (uint8_t)(prefix >> 8);
	bytes[1] = (uint8_t)prefix;
	for (size_t i = 0; i < size; i++)
		bytes[2 + i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return (struct slice){bytes, size + 2};
}

struct golden {
	const struct kind *kind;
	bool is_key;
	int version;
	struct slice bytes;
};

/* Is this line of the golden file a key or a value of this kind? */
static bool parse_line(char *text, const struct kind *kind, struct golden *out)
{
	char *name = strsep(&text, "\t");
	out->version = atoi(strsep(&text, "\t"));
	strsep(&text, "\t");
	size_t size = strlen(kind->name);
	if (strncmp(name, kind->name, size) != 0 || (strcmp(name + size, "_key") != 0 && strcmp(name + size, "_value") != 0))
		return false;
	out->kind = kind;
	out->is_key = strcmp(name + size, "_key") == 0;
	out->bytes = with_prefix(out->is_key ? kind->number : out->version, strsep(&text, "\t"));
	return true;
}

/* All golden keys or values of a kind. */
static int collect(const struct kind *kind, bool keys, struct golden *out, int max)
{
	FILE *file = fopen("tests/golden/messages.txt", "r");
	cr_assert(file, "tests run at the top of the tree");
	char *text = NULL;
	size_t capacity = 0;
	int count = 0;
	while (getline(&text, &capacity, file) >= 0)
		if (parse_line(text, kind, &out[count]) && out[count].is_key == keys && ++count == max)
			break;
	free(text);
	fclose(file);
	return count;
}

static void expect_slice(struct slice a, struct slice b, const char *what, int line)
{
	cr_expect(a.size == b.size && memcmp(a.data, b.data, a.size) == 0, "%s, line %d: %zu and %zu bytes", what, line, a.size, b.size);
}

static void check_pair(const struct golden *key, const struct golden *value)
{
	struct group_message message;
	struct slice key_again, value_again;
	cr_assert_eq(group_record_decode(&message, key->bytes, value->bytes, &arena), 0, "%s v%d", key->kind->name, value->version);
	cr_assert_eq(message.kind, key->kind->number);
	cr_expect_not(message.is_tombstone);
	cr_assert_eq(group_record_encode(&message, &arena, &key_again, &value_again), 0);
	expect_slice(key_again, key->bytes, key->kind->name, __LINE__);
	if (value->version == key->kind->written_version)
		expect_slice(value_again, value->bytes, key->kind->name, __LINE__);
}

/* Every key and value that Kafka's code writes is understood, and written again as Kafka 4.3 writes it. */
Test(group_record, records_are_kafkas)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct golden keys[8], values[32];
		int key_count = collect(&kinds[i], true, keys, 8), value_count = collect(&kinds[i], false, values, 32);
		cr_assert_geq(key_count, 3, "%s", kinds[i].name);
		cr_assert_geq(value_count, 3, "%s", kinds[i].name);
		for (int k = 0; k < key_count; k++)
			for (int v = 0; v < value_count; v++)
				check_pair(&keys[k], &values[v]);
		arena_reset(&arena);
	}
}

/* A tombstone of each kind has its key and no value, in both directions. */
Test(group_record, tombstones_have_no_value)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct golden key;
		struct group_message message;
		struct slice key_again, value_again;
		cr_assert_eq(collect(&kinds[i], true, &key, 1), 1);
		cr_assert_eq(group_record_decode(&message, key.bytes, (struct slice){NULL, 0}, &arena), 0);
		cr_expect(message.is_tombstone);
		cr_expect_eq(message.kind, kinds[i].number);
		cr_assert_eq(group_record_encode(&message, &arena, &key_again, &value_again), 0);
		expect_slice(key_again, key.bytes, kinds[i].name, __LINE__);
		cr_expect_null(value_again.data);
	}
}

/* A record that breaks off anywhere is an error, or (in its value, where a version ends early) is still a record; never a crash. */
Test(group_record, truncated_records_are_refused)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct golden key, value;
		struct group_message message;
		cr_assert_eq(collect(&kinds[i], true, &key, 1), 1);
		cr_assert_eq(collect(&kinds[i], false, &value, 1), 1);
		for (size_t size = 0; size < key.bytes.size; size++)
			cr_expect_eq(group_record_decode(&message, (struct slice){key.bytes.data, size}, value.bytes, &arena), ERR_FORMAT,
				     "%s: key of %zu", kinds[i].name, size);
		for (size_t size = 0; size < value.bytes.size; size++)
			cr_expect_eq(group_record_decode(&message, key.bytes, (struct slice){value.bytes.data, size}, &arena), ERR_FORMAT,
				     "%s: value of %zu", kinds[i].name, size);
		arena_reset(&arena);
	}
}

/* Kinds of share groups and streams groups, kinds and versions nobody knows: left alone, without an error. */
Test(group_record, what_is_not_known_is_skipped)
{
	static const int unknown_kinds[] = {9, 10, 11, 12, 13, 14, 15, 17, 18, 23, 100, 32767, -1, -32768};
	struct group_message message;
	struct slice value = with_prefix(0, "0102030405");
	for (size_t i = 0; i < COUNT_OF(unknown_kinds); i++) {
		cr_expect_eq(group_record_decode(&message, with_prefix(unknown_kinds[i], "000161"), value, &arena), 0);
		cr_expect_eq(message.kind, GROUP_RECORD_UNKNOWN, "kind %d", unknown_kinds[i]);
	}
	static const struct { int kind, version; } unknown_versions[] = {{1, 5}, {1, -1}, {2, 5}, {3, 1}, {8, 1}, {16, 32767}};
	for (size_t i = 0; i < COUNT_OF(unknown_versions); i++) {
		struct slice key = with_prefix(unknown_versions[i].kind, "00016100016200000001");
		cr_expect_eq(group_record_decode(&message, key, with_prefix(unknown_versions[i].version, "00"), &arena), 0);
		cr_expect_eq(message.kind, GROUP_RECORD_UNKNOWN, "kind %d version %d", unknown_versions[i].kind, unknown_versions[i].version);
	}
}

/* Offsets that brokers before 0.8.2 committed are read as offsets. */
Test(group_record, legacy_commits_are_commits)
{
	struct group_message message;
	struct slice key = with_prefix(0, "000167" "000174" "00000007"), value = with_prefix(0, "000000000000002a" "00016d" "0000000000000063");
	cr_assert_eq(group_record_decode(&message, key, value, &arena), 0);
	cr_expect_eq(message.kind, GROUP_RECORD_offset_commit);
	cr_expect_eq(message.key.offset_commit.partition, 7);
	cr_expect_eq(message.key.offset_commit.topic.data[0], 't');
	cr_expect_eq(message.value.offset_commit.offset, 42);
	cr_expect_eq(message.value.offset_commit.commit_timestamp, 99);
	cr_expect_eq(message.value.offset_commit.expire_timestamp, -1);
	cr_expect_eq(message.value.offset_commit.leader_epoch, -1);
	cr_assert_eq(group_record_decode(&message, key, (struct slice){NULL, 0}, &arena), 0);
	cr_expect(message.is_tombstone);
}

/* Version 4 of an offset commit knows no expiry, version 1 nothing else of what came later; Kafka picks as we do. */
Test(group_record, an_expiry_is_written_in_version_1)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_offset_commit);
	message.key.offset_commit.group = message.key.offset_commit.topic = (struct slice){(const uint8_t *)"x", 1};
	message.value.offset_commit.offset = 5;
	struct slice key, value;
	cr_assert_eq(group_record_encode(&message, &arena, &key, &value), 0);
	cr_expect_eq(value.data[1], 4);
	message.value.offset_commit.expire_timestamp = 1000;
	cr_assert_eq(group_record_encode(&message, &arena, &key, &value), 0);
	cr_expect_eq(value.data[1], 1);
	struct group_message again;
	cr_assert_eq(group_record_decode(&again, key, value, &arena), 0);
	cr_expect_eq(again.value.offset_commit.expire_timestamp, 1000);
}

/* What does not fit the format or the memory is an error; nothing half is emitted. */
Test(group_record, what_cannot_be_written_is_said)
{
	struct group_message message;
	struct slice key, value;
	uint8_t *long_text = calloc(1, 40000);
	group_message_init(&message, GROUP_RECORD_group_metadata);
	message.key.group_metadata.group = (struct slice){long_text, 40000};
	cr_expect_eq(group_record_encode(&message, &arena, &key, &value), ERR_FORMAT);

	struct coordinator coordinator = {0};
	arena_init(&coordinator.outbox.arena, NULL, 0, 4096);
	coordinator.outbox.records_end = &coordinator.outbox.records;
	message.key.group_metadata.group.size = 100;
	group_record_emit(&coordinator, &message);
	cr_expect_not(coordinator.outbox.is_out_of_memory);
	cr_assert_not_null(coordinator.outbox.records);
	cr_expect_null(coordinator.outbox.records->next);
	message.key.group_metadata.group.size = 20000;
	group_record_emit(&coordinator, &message);
	cr_expect(coordinator.outbox.is_out_of_memory);
	cr_expect_null(coordinator.outbox.records->next);
	arena_fini(&coordinator.outbox.arena);
	free(long_text);
}
