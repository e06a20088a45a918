/* The coordinator itself: its configuration, what it does with records, snapshots, memory that several share, ids, and the table of names. */
#include "net/group/group_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/config/config.h"
#include "net/group/classic.h"
#include "net/group/group_record.h"
#include "net/group/offsets.h"

static const struct catalog_image image = {.by_id = (struct topic *[]){NULL}};
static const struct group_clock clock_at_start = {.now_ns = 1000000000, .wall_ms = 1700000000000};

static struct coordinator *open_coordinator(uint64_t memory_bytes_max, uint64_t *shared)
{
	struct coordinator_config config = {
		.session_timeout_ms_min = 6000, .session_timeout_ms_max = 1800000, .initial_rebalance_delay_ms = 3000, .group_size_max = INT32_MAX,
		.offset_metadata_size_max = 4096, .offsets_retention_ms = 1000, .offsets_retention_check_interval_ms = 600000,
		.memory_bytes_max = memory_bytes_max, .memory_shared = shared,
	};
	struct coordinator *coordinator;
	cr_assert_eq(coordinator_open(&coordinator, &config, &image, 1), 0);
	return coordinator;
}

static void forget_output(struct coordinator *coordinator)
{
	while (list_pop_front(&coordinator_outbox(coordinator)->finished))
		;
	group_outbox_clear(coordinator_outbox(coordinator));
}

/* Kafka's defaults, resolved from the broker's keys. */
Test(coordinator, config_of_a_broker)
{
	struct broker_config *broker;
	struct coordinator_config config;
	char why[256];
	cr_assert_eq(broker_config_create(&broker), 0);
	coordinator_config_from(&config, broker);
	cr_assert_eq(config.session_timeout_ms_min, 6000);
	cr_assert_eq(config.session_timeout_ms_max, 1800000);
	cr_assert_eq(config.initial_rebalance_delay_ms, 3000);
	cr_assert_eq(config.group_size_max, INT32_MAX);
	cr_assert_eq(config.offset_metadata_size_max, 4096);
	cr_assert_eq(config.offsets_retention_ms, INT64_C(7) * 24 * 3600 * 1000);
	cr_assert_eq(config.offsets_retention_check_interval_ms, 600000);
	cr_assert_eq(config.consumer_session_timeout_ms, 45000);
	cr_assert_eq(config.consumer_heartbeat_interval_ms, 5000);
	cr_assert_str_eq(config.consumer_assignors, "uniform,range");
	cr_assert_str_eq(config.consumer_migration_policy, "bidirectional");
	cr_assert_eq(config.memory_bytes_max, 256u << 20);
	cr_assert_null(config.memory_shared);
	cr_assert_eq(broker_config_set(broker, "offsets.retention.minutes", "2147483647", why, sizeof why), 0);
	cr_assert_eq(broker_config_set(broker, "group.consumer.assignors", "uniform,sticky", why, sizeof why), ERR_INVALID_CONFIG);
	coordinator_config_from(&config, broker);
	cr_assert_eq(config.offsets_retention_ms, INT64_C(2147483647) * 60000);
	broker_config_destroy(broker);
}

/* ---- records --------------------------------------------------------------------------------------------------------------------------- */

static struct slice encoded(struct arena *arena, struct group_message *message, struct slice *value)
{
	struct slice key;
	cr_assert_eq(group_record_encode(message, arena, &key, value), 0);
	return key;
}

static struct group_message group_message(const char *group, int32_t generation, struct kmsg_group_record_classic_member *members, int32_t count)
{
	struct group_message message;
	group_message_init(&message, GROUP_RECORD_group_metadata);
	message.key.group_metadata.group = slice_from(group);
	message.value.group_metadata.protocol_type = slice_from("consumer");
	message.value.group_metadata.protocol = slice_from("range");
	message.value.group_metadata.leader = slice_from("b");
	message.value.group_metadata.generation = generation;
	message.value.group_metadata.members.items = members;
	message.value.group_metadata.members.count = count;
	return message;
}

/* A stored generation becomes a stable group; what older Kafkas did not write has its stand-in; a member named twice counts once. */
Test(coordinator, a_stored_generation)
{
	struct coordinator *coordinator = open_coordinator(1 << 20, NULL);
	struct kmsg_group_record_classic_member members[3];
	struct arena arena;
	struct slice value;
	arena_init(&arena, NULL, 0, 1 << 20);
	for (int i = 0; i < 3; i++) {
		kmsg_group_record_classic_member_init(&members[i]);
		members[i].member_id = slice_from(i == 1 ? "b" : "a");
		members[i].session_timeout = 7000;
		members[i].subscription = slice_from("says");
	}
	struct group_message message = group_message("g", 5, members, 3);
	struct slice key = encoded(&arena, &message, &value);
	cr_assert_eq(coordinator_replay(coordinator, key, value), 0);
	coordinator_loaded(coordinator, clock_at_start);

	struct classic *classic = group__find(coordinator, slice_from("g"))->classic;
	cr_assert_eq(classic->state, CLASSIC_STABLE);
	cr_assert_eq(classic->generation, 5);
	cr_assert_eq(classic->member_count, 2);
	cr_assert(slice_equal(classic->leader->by_id.name, slice_from("b")));
	cr_assert_eq(classic->leader->rebalance_timeout_ms, 7000);
	cr_assert_eq(coordinator_deadline(coordinator), clock_at_start.now_ns + UINT64_C(7000000000));

	message.is_tombstone = true;
	key = encoded(&arena, &message, &value);
	cr_assert_eq(coordinator_replay(coordinator, key, value), 0);
	cr_assert_null(group__find(coordinator, slice_from("g")));
	cr_assert_eq(coordinator->memory_bytes, 0);
	cr_assert_eq(coordinator_replay(coordinator, key, value), 0); /* of a group that is not there */
	coordinator_close(coordinator);
	arena_fini(&arena);
}

/* A leader that is no member, and a group without a protocol: whatever the bytes say, the group can be used. */
Test(coordinator, stored_nonsense)
{
	struct coordinator *coordinator = open_coordinator(1 << 20, NULL);
	struct kmsg_group_record_classic_member member;
	struct arena arena;
	struct slice value;
	arena_init(&arena, NULL, 0, 1 << 20);
	kmsg_group_record_classic_member_init(&member);
	member.member_id = slice_from("a");
	member.session_timeout = -5;
	struct group_message message = group_message("g", INT32_MAX, &member, 1);
	message.value.group_metadata.protocol = (struct slice){0};
	message.value.group_metadata.leader = slice_from("nobody");
	struct slice key = encoded(&arena, &message, &value);
	cr_assert_eq(coordinator_replay(coordinator, key, value), 0);
	coordinator_loaded(coordinator, clock_at_start);
	struct kmsg_describe_groups_group described;
	struct group_call call = {.arena = &arena, .version = 6};
	coordinator_describe_group(coordinator, clock_at_start, &call, slice_from("g"), &described);
	cr_assert_eq(described.members.count, 1);
	coordinator_tick(coordinator, (struct group_clock){.now_ns = clock_at_start.now_ns + 1000000, .wall_ms = clock_at_start.wall_ms + 1});
	cr_assert_eq(group__find(coordinator, slice_from("g"))->classic->state, CLASSIC_EMPTY);
	cr_assert_eq(group__find(coordinator, slice_from("g"))->classic->generation, 1);
	forget_output(coordinator);
	coordinator_close(coordinator);
	arena_fini(&arena);
}

static const struct {
	const char *what, *type, *says;
	size_t says_size;
	int members;
	bool subscribes_t, subscribes_other, expires;
	int64_t since_ms;
} readers[] = {
	{"a member that reads t", "consumer", "\0\1\0\0\0\1\0\1t\xff\xff\xff\xff", 13, 1, true, false, true, -1},
	{"a member that cannot be understood", "consumer", "\0\1\0\0\0\1\0\x7ft", 9, 1, true, true, false, -1},
	{"a member that says nothing", "consumer", "", 0, 1, true, true, false, -1},
	{"nobody any more", "consumer", "", 0, 0, false, false, true, 1234},
	{"members of another kind", "connect", "\0\1\0\0\0\1\0\1t\xff\xff\xff\xff", 13, 1, false, false, false, -1},
	{"a group without a kind", "", "", 0, 0, false, false, true, -1},
};

/* Whose offsets may expire, and from when: by what the members read, if that is known. */
Test(coordinator, what_members_read)
{
	for (size_t i = 0; i < COUNT_OF(readers); i++) {
		struct coordinator *coordinator = open_coordinator(1 << 20, NULL);
		struct kmsg_group_record_classic_member member;
		struct arena arena;
		struct slice value;
		int64_t since_ms;
		arena_init(&arena, NULL, 0, 1 << 20);
		kmsg_group_record_classic_member_init(&member);
		member.member_id = slice_from("b");
		member.session_timeout = 7000;
		member.subscription = (struct slice){(const uint8_t *)readers[i].says, readers[i].says_size};
		struct group_message message = group_message("g", 5, &member, readers[i].members);
		message.value.group_metadata.protocol_type = slice_from(readers[i].type);
		message.value.group_metadata.current_state_timestamp = 1234;
		struct slice key = encoded(&arena, &message, &value);
		cr_assert_eq(coordinator_replay(coordinator, key, value), 0);
		coordinator_loaded(coordinator, clock_at_start);
		struct group *group = group__find(coordinator, slice_from("g"));
		cr_assert_eq(classic_subscribes(group, slice_from("t")), readers[i].subscribes_t, "%s", readers[i].what);
		cr_assert_eq(classic_subscribes(group, slice_from("other")), readers[i].subscribes_other, "%s", readers[i].what);
		cr_assert_eq(classic_expiry(group, &since_ms), readers[i].expires, "%s", readers[i].what);
		cr_assert_eq(since_ms, readers[i].since_ms, "%s", readers[i].what);
		coordinator_close(coordinator);
		arena_fini(&arena);
	}
}

static const struct {
	const char *what;
	const char *key, *value;
	size_t key_size, value_size;
	int err;
} strange_records[] = {
	{"a kind of a newer Kafka", "\x00\x63what", "\x00\x00", 6, 2, 0},
	{"a version of a newer Kafka", "\x00\x02\x00\x01g", "\x00\x7fxx", 5, 4, 0},
	{"no kind", "\x00", "\x00", 1, 1, ERR_FORMAT},
	{"a key that breaks off", "\x00\x02\x00\x09g", "\x00\x03", 5, 2, ERR_FORMAT},
	{"a value that breaks off", "\x00\x02\x00\x01g", "\x00\x03\x00\x09", 5, 4, ERR_FORMAT},
	{"an empty key", "", "", 0, 0, ERR_FORMAT},
};

/* What cannot be read is told, or passed over if it is not for us; nothing of it stays. */
Test(coordinator, strange_records)
{
	for (size_t i = 0; i < COUNT_OF(strange_records); i++) {
		struct coordinator *coordinator = open_coordinator(1 << 20, NULL);
		struct slice key = {(const uint8_t *)strange_records[i].key, strange_records[i].key_size};
		struct slice value = {(const uint8_t *)strange_records[i].value, strange_records[i].value_size};
		cr_assert_eq(coordinator_replay(coordinator, key, value), strange_records[i].err, "%s", strange_records[i].what);
		coordinator_loaded(coordinator, clock_at_start);
		cr_assert_eq(coordinator->names.count, 0, "%s", strange_records[i].what);
		coordinator_close(coordinator);
	}
}

/* ---- snapshots ---------------------------------------------------------------------------------------------------------------------------- */

static void put_group(struct coordinator *coordinator, const char *name)
{
	struct arena arena;
	struct slice value;
	arena_init(&arena, NULL, 0, 1 << 20);
	struct group_message message = group_message(name, 3, NULL, 0);
	struct slice key = encoded(&arena, &message, &value);
	cr_assert_eq(coordinator_replay(coordinator, key, value), 0);
	arena_fini(&arena);
}

static uint32_t count_records(struct coordinator *coordinator, uint64_t *bytes)
{
	uint32_t count = 0;
	for (struct group_record *record = coordinator_outbox(coordinator)->records; record; record = record->next, count++)
		*bytes += record->key.size + record->value.size;
	forget_output(coordinator);
	return count;
}

/* Groups that go while a snapshot is written are left out, whichever is next; those that are left are all in it. */
Test(coordinator, groups_go_during_a_snapshot)
{
	static const char *const names[] = {"g0", "g1", "g2", "g3", "g4"};
	for (uint32_t first = 0; first < 5; first++) {
		struct coordinator *coordinator = open_coordinator(1 << 20, NULL);
		uint64_t bytes = 0;
		for (size_t i = 0; i < COUNT_OF(names); i++)
			put_group(coordinator, names[i]);
		coordinator_loaded(coordinator, clock_at_start);
		uint64_t estimate = coordinator_state_size(coordinator);
		cr_assert_not(coordinator_snapshot_next(coordinator), "none is on");
		coordinator_snapshot_begin(coordinator);
		cr_assert(coordinator_snapshot_next(coordinator));
		cr_assert(coordinator_snapshot_next(coordinator));
		group__remove(group__find(coordinator, slice_from(names[first])));
		if (first != 2)
			group__remove(group__find(coordinator, slice_from("g2")));
		while (coordinator_snapshot_next(coordinator))
			;
		uint32_t wanted = first < 2 ? 4 : first == 2 ? 4 : 3;
		cr_assert_eq(count_records(coordinator, &bytes), wanted, "g%u", first);
		cr_assert_leq(bytes, estimate);
		cr_assert_not(coordinator_snapshot_next(coordinator));
		coordinator_close(coordinator);
	}
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------------------------- */

/* The coordinators of a shard share one bound, and give back what they held. */
Test(coordinator, memory_of_a_shard)
{
	uint64_t used = 0;
	struct coordinator *a = open_coordinator(100000, &used), *b = open_coordinator(100000, &used);
	cr_assert(group__charge(a, 60000));
	cr_assert_not(group__charge(b, 60000));
	cr_assert(group__charge(b, 40000));
	cr_assert_not(group__has_room(a, 1));
	group__charge_anyway(a, 1000);
	cr_assert_eq(used, 101000);
	cr_assert_not(group__has_room(b, 0));
	group__give_back(a, 61000);
	group__give_back(b, 40000);
	cr_assert_eq(used, 0);
	put_group(a, "g");
	cr_assert_gt(used, 0);
	coordinator_close(a);
	cr_assert_eq(used, 0);
	coordinator_close(b);
}

/* ---- ids ----------------------------------------------------------------------------------------------------------------------------------------- */

/* A member's id is what it was asked to begin with, and a UUID; together never more than a string of Kafka's may have. */
Test(coordinator, member_ids)
{
	struct coordinator *coordinator = open_coordinator(1 << 20, NULL);
	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	struct slice one = group__new_member_id(coordinator, &arena, slice_from("client"));
	struct slice other = group__new_member_id(coordinator, &arena, slice_from("client"));
	cr_assert_eq(one.size, 6 + 37);
	cr_assert_not(slice_equal(one, other));
	cr_assert_eq(memcmp(one.data, "client-", 7), 0);
	cr_assert_eq(one.data[7 + 14], '4'); /* a random UUID, RFC 9562 */
	cr_assert_eq(group__new_member_id(coordinator, &arena, SLICE_EMPTY).size, 37);
	uint8_t *large = arena_alloc(&arena, 40000);
	memset(large, 'x', 40000);
	cr_assert_leq(group__new_member_id(coordinator, &arena, (struct slice){large, 40000}).size, WIRE_STRING_SIZE_MAX);
	coordinator_close(coordinator);
	arena_fini(&arena);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------------------------- */

/* Many names go in and come out, and only those that are in are found. */
Test(name_table, in_and_out)
{
	enum { COUNT = 5000 };
	static struct name_entry entries[COUNT];
	static char names[COUNT][16];
	struct name_table table;
	name_table_init(&table, 99);
	cr_assert_null(name_table_find(&table, slice_from("0")));
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "%d", i);
		name_table_add(&table, &entries[i], slice_from(names[i]));
	}
	cr_assert_eq(table.count, COUNT);
	for (int i = 0; i < COUNT; i += 2)
		name_table_remove(&table, &entries[i]);
	for (int i = 0; i < COUNT; i++)
		cr_assert_eq(name_table_find(&table, slice_from(names[i])), i % 2 ? &entries[i] : NULL);
	cr_assert_null(name_table_find(&table, SLICE_EMPTY));
	cr_assert_eq(table.count, COUNT / 2);
	name_table_fini(&table);
}
