/* The consumer group (KIP-848) as clients see it: joining, what each answer says, partitions that move from one member to another, leaving, static
 * members, and every refusal with Kafka's words. */
#include "consumer_client.h"

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
