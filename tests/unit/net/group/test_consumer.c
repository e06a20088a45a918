/* The consumer group (KIP-848) as clients see it: joining, what each answer says, partitions that move from one member to another, leaving, static
 * members, and every refusal with Kafka's words. */
#include "consumer_client.h"

#include <xxhash.h>

#include "log/base/uuid_text.h"
#include "net/group/consumer_priv.h"

static struct world world;

static void setup(void)
{
	world_open(&world);
	world_make_topic(&world, "a", 6);
	world_make_topic(&world, "b", 4);
}

static void teardown(void) { world_close(&world); }

TestSuite(consumer, .init = setup, .fini = teardown);

/* One member joins, owns everything at once, heartbeats without news, and leaves; the group is then empty. */
Test(consumer, one_member)
{
	struct client m = client_make(&world, "g", "m", "a");
	cr_assert_eq(client_join(&m), KERR_NONE, "%s", m.message);
	cr_assert_str_eq(m.member_id, "m");
	cr_assert_eq(m.epoch, 2, "%d", m.epoch); /* a group begins in epoch 1, its first member raises that */
	cr_assert(m.has_assignment);
	cr_assert_eq(client_owned(&m, "a"), 0x3f);
	cr_assert_str_eq(group_state(&world, "g"), "Stable");
	cr_assert_eq(client_ping(&m), KERR_NONE);
	cr_assert_not(m.has_assignment);
	cr_assert_eq(m.epoch, 2);
	cr_assert_eq(client_leave(&m, -1), KERR_NONE);
	cr_assert_eq(m.epoch, -1);
	cr_assert_str_eq(group_state(&world, "g"), "Empty");
	m.epoch = 2;
	cr_assert_eq(client_ping(&m), KERR_UNKNOWN_MEMBER_ID);
	cr_assert_str_eq(m.message, "Member m is not a member of group g.");
}

/* Two members: the first gives up half before the second gets it. */
Test(consumer, two_members_share)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	client_join(&m);
	world_pass(&world, 2000); /* targets are computed once a second at most */
	cr_assert_eq(client_join(&n), KERR_NONE);
	cr_assert_eq(client_owned(&n, "a"), 0);
	cr_assert_eq(n.epoch, 3);
	cr_assert_str_eq(group_state(&world, "g"), "Reconciling");
	struct client before = m;
	cr_assert_eq(client_beat(&m), KERR_NONE);
	cr_assert_eq(m.epoch, 2); /* it has to revoke first */
	cr_assert(m.has_assignment);
	cr_assert_eq(__builtin_popcountll(client_owned(&m, "a")), 3);
	cr_assert_eq(client_ping(&n), KERR_NONE);
	cr_assert_eq(client_owned(&n, "a"), 0); /* m has not said yet that it gave them up */
	uint64_t kept = client_owned(&m, "a");
	before.epoch = m.epoch;
	cr_assert_eq(client_beat(&before), KERR_NONE); /* still says that it owns all */
	cr_assert_eq(before.epoch, 2);
	cr_assert_eq(client_beat(&m), KERR_NONE);
	cr_assert_eq(m.epoch, 3);
	cr_assert_eq(client_ping(&n), KERR_NONE);
	cr_assert(n.has_assignment);
	cr_assert_eq(client_owned(&n, "a"), 0x3f & ~kept);
	cr_assert_str_eq(group_state(&world, "g"), "Stable");
}

/* ---- refusals ---------------------------------------------------------------------------------------------------------------------------- */

/* A heartbeat as a table has it: what is zero is left out. */
struct beat_spec {
	const char *group, *member;
	int32_t epoch;
	const char *instance, *rack, *assignor, *topic, *pattern;
	int32_t rebalance_ms;
	bool has_owned, owns_one;
	int16_t version;
};

static enum kerr send_spec(struct client *client, const struct beat_spec *spec)
{
	struct kmsg_consumer_group_heartbeat_request in;
	struct slice topic = text(spec->topic ? spec->topic : "");
	struct kmsg_consumer_group_heartbeat_topic_partitions owned = {.topic_id = world_topic_id(&world, "a"), .partitions = {(int32_t[]){0}, 1}};
	kmsg_consumer_group_heartbeat_request_init(&in);
	arena_reset(&world.arena);
	in.group_id = text(spec->group);
	in.member_id = text(spec->member);
	in.member_epoch = spec->epoch;
	in.instance_id = spec->instance ? text(spec->instance) : (struct slice){0};
	in.rack_id = spec->rack ? text(spec->rack) : (struct slice){0};
	in.server_assignor = spec->assignor ? text(spec->assignor) : (struct slice){0};
	in.subscribed_topic_regex = spec->pattern ? text(spec->pattern) : (struct slice){0};
	in.rebalance_timeout_ms = spec->rebalance_ms ? spec->rebalance_ms : -1;
	in.subscribed_topic_names.items = &topic;
	in.subscribed_topic_names.count = spec->topic ? 1 : -1;
	in.topic_partitions.items = &owned;
	in.topic_partitions.count = spec->owns_one ? 1 : spec->has_owned ? 0 : -1;
	client_send(client, spec->version, &in);
	world_flush(&world);
	return client->error;
}

#define JOIN .rebalance_ms = 1000, .topic = "a", .has_owned = true, .version = 1

/* Codes and sentences are those of a Kafka 4.3 node, asked the same. */
Test(consumer, refusals)
{
	static const struct {
		struct beat_spec spec;
		enum kerr error;
		const char *message;
	} cases[] = {
		{{"", "m", 0, JOIN}, KERR_INVALID_REQUEST, "GroupId can't be empty."},
		{{"g", "", 0, JOIN}, KERR_INVALID_REQUEST, "MemberId can't be empty."},
		{{"g", " ", 0, JOIN}, KERR_INVALID_REQUEST, "MemberId can't be empty."},
		{{"g", "", -1, .version = 1}, KERR_INVALID_REQUEST, "MemberId can't be empty."},
		{{"g", "", 3, .version = 1}, KERR_INVALID_REQUEST, "MemberId can't be empty."},
		{{"g", "n", 0, .instance = "", JOIN}, KERR_INVALID_REQUEST, "InstanceId can't be empty."},
		{{"g", "n", 0, .rack = " ", JOIN}, KERR_INVALID_REQUEST, "RackId can't be empty."},
		{{"g", "n", 0, .topic = "a", .has_owned = true}, KERR_INVALID_REQUEST, "RebalanceTimeoutMs must be provided in first request."},
		{{"g", "n", 0, .topic = "a", .rebalance_ms = 1000}, KERR_INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining."},
		{{"g", "n", 0, .topic = "a", .rebalance_ms = 1000, .owns_one = true}, KERR_INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining."},
		{{"g", "n", 0, .rebalance_ms = 1000, .has_owned = true}, KERR_INVALID_REQUEST,
		 "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."},
		{{"g", "n", -2, .version = 1}, KERR_INVALID_REQUEST, "InstanceId can't be null."},
		{{"g", "n", -3, .version = 1}, KERR_INVALID_REQUEST, "MemberEpoch is invalid."},
		{{"g", "n", 0, .assignor = "nope", JOIN}, KERR_UNSUPPORTED_ASSIGNOR, "ServerAssignor nope is not supported. Supported assignors: uniform, range."},
		{{"g", "n", 0, .pattern = "[", JOIN}, KERR_INVALID_REGULAR_EXPRESSION,
		 "SubscribedTopicRegex `[` is not a valid regular expression: missing closing ]."},
		{{"nowhere", "m", -1, .version = 1}, KERR_GROUP_ID_NOT_FOUND, "Group nowhere not found."},
		{{"nowhere", "m", 5, .version = 1}, KERR_GROUP_ID_NOT_FOUND, "Consumer group nowhere not found."},
		{{"g", "x", 2, .version = 1}, KERR_UNKNOWN_MEMBER_ID, "Member x is not a member of group g."},
		{{"g", "x", -1, .version = 1}, KERR_UNKNOWN_MEMBER_ID, "Member x is not a member of group g."},
		{{"g", "m", -1, .instance = "i"}, KERR_UNKNOWN_MEMBER_ID, "Instance id i is unknown."},
		{{"g", "m", 3, .version = 1}, KERR_FENCED_MEMBER_EPOCH,
		 "The consumer group member has a greater member epoch (3) than the one known by the group coordinator (2). The member must abandon all its "
		 "partitions and rejoin."},
		{{"g", "m", 1, .owns_one = true}, KERR_FENCED_MEMBER_EPOCH,
		 "The consumer group member has a smaller member epoch (1) than the one known by the group coordinator (2). The member must abandon all its "
		 "partitions and rejoin."},
	};
	struct client m = client_make(&world, "g", "m", "a"), asker = client_make(&world, "g", "m", "a");
	cr_assert_eq(client_join(&m), KERR_NONE);
	uint32_t records = world.log.count;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		cr_expect_eq(send_spec(&asker, &cases[i].spec), cases[i].error, "case %zu: %d", i, asker.error);
		cr_expect_str_eq(asker.message, cases[i].message, "case %zu: %s", i, asker.message);
		cr_expect_str_eq(asker.member_id, "", "case %zu", i);
	}
	cr_assert_eq(world.log.count, records, "a refusal changes nothing");
	cr_assert_str_eq(group_state(&world, "g"), "Stable");
}

/* A full group takes no new member, but its own again. */
Test(consumer, full)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	world.config.consumer_group_size_max = 1;
	world_restart(&world);
	cr_assert_eq(client_join(&m), KERR_NONE);
	cr_assert_eq(client_join(&n), KERR_GROUP_MAX_SIZE_REACHED);
	cr_assert_str_eq(n.message, "The consumer group has reached its maximum capacity of 1 members.");
	cr_assert_eq(client_join(&m), KERR_NONE);
}

/* Without room in spate.group.memory.bytes nobody joins; who is in goes on. */
Test(consumer, no_memory)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "b");
	cr_assert_eq(client_join(&m), KERR_NONE);
	world.config.memory_bytes_max = 1000;
	world_restart(&world);
	cr_assert_eq(client_join(&n), KERR_COORDINATOR_NOT_AVAILABLE, "%s", n.message);
	cr_assert_eq(client_ping(&m), KERR_NONE);
	n = client_make(&world, "other", "n", "b");
	cr_assert_eq(client_join(&n), KERR_COORDINATOR_NOT_AVAILABLE);
	cr_assert_str_eq(group_state(&world, "other"), "absent");
}

/* ---- time -------------------------------------------------------------------------------------------------------------------------------------- */

/* A member that is silent for its session is put out, and its partitions go to others. */
Test(consumer, session)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	client_join(&m);
	world_pass(&world, 2000);
	client_join(&n);
	world_pass(&world, 42999);
	cr_assert_eq(client_ping(&n), KERR_NONE);
	cr_assert_eq(client_owned(&n, "a"), 0);
	world_pass(&world, 2);
	cr_assert_eq(client_ping(&n), KERR_NONE);
	cr_assert_eq(client_owned(&n, "a"), 0x3f);
	cr_assert_eq(client_ping(&m), KERR_UNKNOWN_MEMBER_ID);
}

/* A member that heartbeats, but does not give up what it has to within its rebalance timeout (60 s here), is put out as well. */
Test(consumer, rebalance_timeout)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	client_join(&m);
	world_pass(&world, 2000);
	client_join(&n);
	client_ping(&m);
	for (int s = 0; s < 60; s += 20) {
		cr_assert_eq(client_ping(&m), KERR_NONE, "after %d s", s);
		cr_assert_eq(client_ping(&n), KERR_NONE);
		world_pass(&world, 20000);
	}
	cr_assert_eq(client_ping(&m), KERR_UNKNOWN_MEMBER_ID);
	client_ping(&n);
	cr_assert_eq(client_owned(&n, "a"), 0x3f);
}

/* Members that come at once cost one computation a second, not one each. */
Test(consumer, assignment_interval)
{
	struct client clients[5];
	static const char *const ids[] = {"m0", "m1", "m2", "m3", "m4"};
	for (int i = 0; i < 5; i++) {
		clients[i] = client_make(&world, "g", ids[i], "a");
		cr_assert_eq(client_join(&clients[i]), KERR_NONE);
		cr_assert_eq(clients[i].epoch, 2, "%d", i); /* the target's: that of the first */
	}
	cr_assert_str_eq(group_state(&world, "g"), "Assigning");
	world_pass(&world, 1000);
	cr_assert_eq(client_ping(&clients[4]), KERR_NONE);
	cr_assert_eq(clients[4].epoch, 6);
	cr_assert_str_eq(group_state(&world, "g"), "Reconciling");
}

static void set_term(const char *group, const char *key, const char *value)
{
	struct slice text_of_value = text(value ? value : "");
	struct setting_change change = {SETTING_GROUP, text(group), text(key), value ? &text_of_value : NULL};
	cr_assert_eq(catalog_change_settings(world.catalog, &change, 1), 0);
	world_set_image(&world);
}

/* A group's own session and heartbeat times hold for it alone, from the next heartbeat on; values that the broker's bounds do not allow any more are
 * taken to the nearest that they do. */
Test(consumer, own_terms)
{
	static const struct {
		const char *heartbeat, *session;
		int32_t heartbeat_ms, session_ms;
	} rows[] = {{NULL, NULL, 5000, 45000}, {"7000", "60000", 7000, 60000}, {"15000", NULL, 15000, 45000}, {"1", "3600000", 5000, 60000}, {NULL, "50000", 5000, 50000}};
	struct client m = client_make(&world, "g", "m", "a"), other = client_make(&world, "other", "m", "a");
	client_join(&m);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		set_term("g", "consumer.heartbeat.interval.ms", rows[i].heartbeat);
		set_term("g", "consumer.session.timeout.ms", rows[i].session);
		client_ping(&m);
		cr_assert_eq(m.heartbeat_interval_ms, rows[i].heartbeat_ms, "row %zu: %d", i, m.heartbeat_interval_ms);
		world_pass(&world, rows[i].session_ms - 1);
		cr_assert_eq(client_beat(&m), KERR_NONE, "row %zu: out too early", i);
		world_pass(&world, rows[i].session_ms + 1);
		cr_assert_eq(client_beat(&m), KERR_UNKNOWN_MEMBER_ID, "row %zu: out too late", i);
		m.epoch = 0;
		client_join(&m);
		client_join(&other);
		cr_assert_eq(other.heartbeat_interval_ms, 5000);
		other.epoch = 0;
	}
}

/* After a restart sessions begin anew, and all go on in their epochs. */
Test(consumer, restart)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	client_join(&m);
	world_pass(&world, 2000);
	client_join(&n);
	client_beat(&m);
	world_pass(&world, 40000);
	world_restart(&world);
	world_pass(&world, 44000);
	cr_assert_eq(client_beat(&m), KERR_NONE);
	cr_assert_eq(m.epoch, 3);
	cr_assert_eq(client_ping(&n), KERR_NONE);
	cr_assert_eq(client_owned(&m, "a") | client_owned(&n, "a"), 0x3f);
	cr_assert_str_eq(group_state(&world, "g"), "Stable");
}

/* ---- topics ------------------------------------------------------------------------------------------------------------------------------------- */

/* Topics that come, grow and go are taken up with the next heartbeat, in a new epoch. */
Test(consumer, topics_change)
{
	struct client m = client_make(&world, "g", "m", "a");
	m.topics[1] = "new";
	client_join(&m);
	world_pass(&world, 2000);
	world_make_topic(&world, "new", 2);
	client_ping(&m);
	cr_assert_eq(m.epoch, 3);
	cr_assert_eq(client_owned(&m, "new"), 3);
	world_pass(&world, 2000);
	struct uuid id = world_topic_id(&world, "new");
	cr_assert_eq(catalog_grow_topic(world.catalog, &id, 5), 0);
	world_set_image(&world);
	client_ping(&m);
	cr_assert_eq(m.epoch, 4);
	cr_assert_eq(client_owned(&m, "new"), 0x1f);
	world_pass(&world, 2000);
	world_delete_topic(&world, "new");
	client_beat(&m);
	cr_assert_eq(client_beat(&m), KERR_NONE);
	cr_assert_eq(m.epoch, 5);
	cr_assert_eq(m.topic_count, 1);
	world_pass(&world, 2000);
	world_make_topic(&world, "unrelated", 2);
	client_ping(&m);
	cr_assert_eq(m.epoch, 5);
}

/* A pattern's topics are assigned with the join; new ones within ten seconds and a heartbeat. */
Test(consumer, pattern)
{
	struct client m = client_make(&world, "g", "m", NULL);
	m.pattern = "[ab]|new-.*";
	client_join(&m);
	cr_assert_eq(client_owned(&m, "a"), 0x3f);
	cr_assert_eq(client_owned(&m, "b"), 0xf);
	world_make_topic(&world, "new-1", 2);
	world_make_topic(&world, "old-1", 2);
	world_pass(&world, 10001);
	client_ping(&m);
	cr_assert_eq(client_owned(&m, "new-1"), 3);
	cr_assert_eq(m.topic_count, 3);
	world_restart(&world);
	cr_assert_eq(client_beat(&m), KERR_NONE);
	cr_assert_str_eq(group_state(&world, "g"), "Stable");
}

/* Kafka's hash of the subscribed topics: numbers from the records of a Kafka 4.3 node. */
Test(consumer, metadata_hash)
{
	struct topic a = {.name = "a", .partition_count = 6}, b = {.name = "b", .partition_count = 4};
	uint8_t hashes[16];
	cr_assert(uuid_text_parse(&a.id, text("YCdV0FYXQjWE5jXBIFswnw")));
	cr_assert(uuid_text_parse(&b.id, text("tZiLK_CaRNyXxUl7A0VlBA")));
	store_le64(hashes, (uint64_t)consumer__topic_hash(&a));
	store_le64(hashes + 8, (uint64_t)consumer__topic_hash(&b));
	cr_expect_eq((int64_t)XXH3_64bits(hashes, 8), -5969557761502834514);
	cr_expect_eq((int64_t)XXH3_64bits(hashes, 16), -3037972161709054399);
}

/* ---- static members ------------------------------------------------------------------------------------------------------------------------------ */

/* A static member that leaves for a while keeps its partitions for the one that comes in its place, without a rebalance; or until its session ends. */
Test(consumer, static_member)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	m.instance = n.instance = "i";
	cr_assert_eq(client_join(&m), KERR_NONE);
	cr_assert_eq(client_join(&n), KERR_UNRELEASED_INSTANCE_ID);
	cr_assert_str_eq(n.message, "Static member n with instance id i cannot join the group because the instance id is owned by m member.");
	cr_assert_eq(client_leave(&n, -2), KERR_FENCED_INSTANCE_ID);
	cr_assert_str_eq(n.message, "Static member n with instance id i was fenced by member m.");
	cr_assert_eq(client_leave(&m, -2), KERR_NONE);
	cr_assert_eq(m.epoch, -2);
	cr_assert_eq(client_join(&n), KERR_NONE);
	cr_assert_eq(n.epoch, 2);
	cr_assert_eq(client_owned(&n, "a"), 0x3f);
	m.epoch = 2;
	cr_assert_eq(client_ping(&m), KERR_FENCED_INSTANCE_ID);
	cr_assert_eq(client_leave(&n, -2), KERR_NONE);
	world_pass(&world, 45001);
	cr_assert_str_eq(group_state(&world, "g"), "Empty");
}

/* ---- commits -------------------------------------------------------------------------------------------------------------------------------------- */

/* A commit of an older epoch is good for what the member has owned since; nothing else is. */
Test(consumer, commits)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	client_join(&m);
	world_pass(&world, 2000);
	client_join(&n);
	client_beat(&m);
	client_beat(&m);
	client_ping(&n);
	const struct consumer *consumer = group__find(world.coordinator, text("g"))->consumer;
	struct uuid id = world_topic_id(&world, "a");
	struct consumer_commit commit;
	int32_t kept = __builtin_ctzll(client_owned(&m, "a")), given = __builtin_ctzll(client_owned(&n, "a"));
	cr_assert_eq(consumer_check_commit(consumer, text("m"), 3, 9, false, &commit), KERR_NONE);
	cr_assert_eq(consumer_check_commit_partition(&commit, &id, given), KERR_NONE); /* of its own epoch: Kafka asks no more */
	cr_assert_eq(consumer_check_commit(consumer, text("m"), 2, 9, false, &commit), KERR_NONE);
	cr_assert_eq(consumer_check_commit_partition(&commit, &id, kept), KERR_NONE);
	cr_assert_eq(consumer_check_commit_partition(&commit, &id, given), KERR_STALE_MEMBER_EPOCH);
	cr_assert_eq(consumer_check_commit(consumer, text("n"), 2, 9, false, &commit), KERR_NONE);
	cr_assert_eq(consumer_check_commit_partition(&commit, &id, given), KERR_STALE_MEMBER_EPOCH);
	cr_assert_eq(consumer_check_commit(consumer, text("m"), 4, 9, false, &commit), KERR_STALE_MEMBER_EPOCH);
	cr_assert_eq(consumer_check_commit(consumer, text("m"), 3, 8, false, &commit), KERR_UNSUPPORTED_VERSION);
	cr_assert_eq(consumer_check_commit(consumer, text("x"), 3, 9, false, &commit), KERR_UNKNOWN_MEMBER_ID);
	cr_assert_eq(consumer_check_commit(consumer, text(""), -1, 9, false, &commit), KERR_UNKNOWN_MEMBER_ID);
	cr_assert_eq(consumer_check_fetch(consumer, (struct slice){0}, -1), KERR_NONE);
	cr_assert_eq(consumer_check_fetch(consumer, text("m"), 3), KERR_NONE);
	cr_assert_eq(consumer_check_fetch(consumer, text("m"), 2), KERR_STALE_MEMBER_EPOCH);
	cr_assert_eq(consumer_check_fetch(consumer, text("x"), 2), KERR_UNKNOWN_MEMBER_ID);
	client_leave(&m, -1);
	client_leave(&n, -1);
	cr_assert_eq(consumer_check_commit(consumer, text(""), -1, 8, false, &commit), KERR_NONE);
}

/* ---- for the operator --------------------------------------------------------------------------------------------------------------------------------- */

static bool is_noted(const char *part)
{
	bool is_there = false;
	for (const struct group_note *note = coordinator_outbox(world.coordinator)->notes; note; note = note->next)
		is_there = is_there || strstr(note->text, part);
	return is_there;
}

/* A client that takes long to give up its partitions is named, and the time that the others waited. */
Test(consumer, slow_rebalance_is_noted)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "a");
	client_join(&m);
	world_pass(&world, 2000);
	client_join(&n);
	struct client slow = m;
	client_beat(&m);
	slow.epoch = m.epoch;
	for (int i = 0; i < 3; i++) {
		world_pass(&world, 6000);
		client_beat(&slow); /* still reads all */
		client_ping(&n);
	}
	world_pass(&world, 6000);
	arena_reset(&world.arena);
	struct kmsg_consumer_group_heartbeat_request in = client_request(&n, &world.arena, false);
	client_send(&n, 1, &in);
	cr_assert(is_noted("group g: the assignment of epoch 3 is not everybody's since 24 s: 1 of 2 members have to give partitions up, 0 have not heard of it; "
			   "others wait for m (/127.0.0.1)"));
	client_done(&n);
	client_beat(&slow);
	arena_reset(&world.arena);
	in = client_request(&n, &world.arena, false);
	client_send(&n, 1, &in);
	cr_assert_not(is_noted("not everybody's"), "not twice in a row");
	client_done(&n);
	arena_reset(&world.arena);
	in = client_request(&m, &world.arena, false);
	client_add_owned(&m, &in, &world.arena);
	client_send(&m, 1, &in);
	cr_assert(is_noted("group g: member m (/127.0.0.1) took 24.0 s to give up its partitions"));
	client_done(&m);
	arena_reset(&world.arena);
	in = client_request(&n, &world.arena, false);
	client_send(&n, 1, &in);
	cr_assert(is_noted("group g: it took 24.0 s until all 2 members had the assignment of epoch 3"));
	client_done(&n);
}

/* All memory that a group has taken is given back with it. */
Test(consumer, memory_is_given_back)
{
	struct client m = client_make(&world, "g", "m", "a"), n = client_make(&world, "g", "n", "b"), r = client_make(&world, "g", "r", NULL);
	uint64_t before = world.coordinator->memory_bytes;
	n.instance = "i";
	r.pattern = ".*";
	client_join(&m);
	client_join(&n);
	client_join(&r);
	world_pass(&world, 2000);
	for (int i = 0; i < 3; i++)
		client_beat(&m), client_beat(&n), client_beat(&r);
	cr_assert_gt(world.coordinator->memory_bytes, before);
	client_leave(&m, -1);
	client_leave(&n, -2);
	client_leave(&r, -1);
	world_pass(&world, 60000);
	struct kmsg_delete_groups_result out;
	coordinator_delete_group(world.coordinator, world.clock, world_call(&world, 2), text("g"), &out);
	cr_assert_eq(out.error_code, KERR_NONE);
	world_flush(&world);
	cr_assert_eq(world.coordinator->memory_bytes, before);
	cr_assert_str_eq(group_state(&world, "g"), "absent");
	world_restart(&world);
	cr_assert_str_eq(group_state(&world, "g"), "absent");
}
