/* FindCoordinator against a broker without groups. */
#include "admin_fixture.h"

#include "kmsg_find_coordinator.h"
#include "net/api/api.h"

/* There is no coordinator; the connection stays good. Any other error would reach librdkafka programs that only assign. */
Test(find_coordinator, there_are_no_groups)
{
	struct admin admin;
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	admin_open(&admin, NULL);
	kmsg_find_coordinator_request_init(&in);
	in.key = slice_from("group");
	for (int i = 0; i < 2; i++) {
		client_call(&admin.client, "find_coordinator", 0, &in, &out);
		cr_expect_eq(out.error_code, KERR_COORDINATOR_NOT_AVAILABLE);
		cr_expect_eq(out.node_id, -1);
	}
	admin_close(&admin);
}

/* Version 0 is advertised (librdkafka's sign for lz4), and no other: transactions need a later one, and are refused by the client. */
Test(find_coordinator, version_0_alone)
{
	const struct api_row *row = api_find(10);
	cr_assert_not_null(row);
	cr_expect_eq(row->min, 0);
	cr_expect_eq(row->max, 0);
}
