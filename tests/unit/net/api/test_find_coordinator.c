/* FindCoordinator: this node, once the topic of the groups is there; what is not served ends the client's attempt. */
#include "admin_fixture.h"

#include "kmsg_find_coordinator.h"
#include "kmsg_metadata.h"

static void ask(struct client *client, int version, const char *key, int8_t type, struct kmsg_find_coordinator_response *out)
{
	static struct slice keys[1];
	struct kmsg_find_coordinator_request in;
	kmsg_find_coordinator_request_init(&in);
	keys[0] = slice_from(key);
	in.key = keys[0];
	in.key_type = type;
	in.coordinator_keys.items = keys;
	in.coordinator_keys.count = 1;
	client_call(client, "find_coordinator", version, &in, out);
}

/* The same in every version, on every shard; a key with nothing in it is a group too. */
Test(find_coordinator, this_node)
{
	struct admin admin;
	struct kmsg_find_coordinator_response out;
	admin_open(&admin, NULL);
	for (int version = 0; version <= 6; version++) {
		struct client *client = version % 2 ? &admin.client : &admin.other;
		ask(client, version, version == 5 ? "" : "group", 0, &out);
		if (version >= 4) {
			cr_assert_eq(out.coordinators.count, 1);
			cr_expect_eq(out.coordinators.items[0].error_code, 0);
			cr_expect_eq(out.coordinators.items[0].port, admin.broker.report.listen_port);
			cr_expect(slice_equal(out.coordinators.items[0].key, slice_from(version == 5 ? "" : "group")));
		} else {
			cr_expect_eq(out.error_code, 0);
			cr_expect_eq(out.port, admin.broker.report.listen_port);
			cr_expect(slice_equal(out.host, slice_from("127.0.0.1")));
		}
	}
	admin_close(&admin);
}

/* The first question makes __consumer_offsets, with Kafka's configs, and Metadata says that it is internal. */
Test(find_coordinator, makes_the_topic)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "7", "offsets.topic.segment.bytes", "2000000", NULL};
	struct admin admin;
	struct kmsg_find_coordinator_response out;
	struct kmsg_metadata_request in;
	struct kmsg_metadata_response metadata;
	admin_open(&admin, settings);
	ask(&admin.client, 2, "group", 0, &out);
	kmsg_metadata_request_init(&in);
	in.topics.count = -1;
	client_call(&admin.other, "metadata", 12, &in, &metadata);
	cr_assert_eq(metadata.topics.count, 1);
	cr_expect(slice_equal(metadata.topics.items[0].name, slice_from("__consumer_offsets")));
	cr_expect_eq(metadata.topics.items[0].partitions.count, 7);
	cr_expect(metadata.topics.items[0].is_internal);
	admin_close(&admin);
}

/* Transactions: this node, so that who asks about one hears from it that there is none; no topic is made. */
Test(find_coordinator, transactions)
{
	struct admin admin;
	struct kmsg_find_coordinator_response out;
	admin_open(&admin, NULL);
	ask(&admin.client, 1, "tx", 1, &out);
	cr_expect_eq(out.error_code, 0);
	cr_expect_eq(out.port, admin.broker.report.listen_port);
	ask(&admin.client, 6, "", 1, &out);
	cr_expect_eq(out.coordinators.items[0].error_code, 0);
	cr_expect_eq(out.coordinators.items[0].port, admin.broker.report.listen_port);
	admin_close(&admin);
}

/* Share groups: an error that clients do not try again, and no node. */
Test(find_coordinator, what_is_not_served)
{
	struct admin admin;
	struct kmsg_find_coordinator_response out;
	admin_open(&admin, NULL);
	ask(&admin.client, 5, "share:topic:0", 2, &out);
	cr_expect_eq(out.coordinators.items[0].node_id, -1);
	ask(&admin.client, 6, "share:topic:0", 2, &out);
	cr_expect_eq(out.coordinators.items[0].error_code, KERR_INVALID_REQUEST);
	admin_close(&admin);
}
