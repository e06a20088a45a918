/* DescribeCluster against a broker. */
#include "admin_fixture.h"

#include "kmsg_describe_cluster.h"

/* In every version: this broker, which is the controller, and its address; what may be done is told if asked for. */
Test(describe_cluster, one_broker)
{
	static const char *const settings[] = {"node.id", "7", "broker.rack", "shelf-3", NULL};
	struct admin admin;
	admin_open(&admin, settings);
	for (int version = 0; version <= 2; version++) {
		struct kmsg_describe_cluster_request in;
		struct kmsg_describe_cluster_response out;
		kmsg_describe_cluster_request_init(&in);
		in.include_cluster_authorized_operations = version % 2;
		in.include_fenced_brokers = version == 2;
		client_call(&admin.client, "describe_cluster", version, &in, &out);
		cr_expect_eq(out.error_code, 0);
		cr_expect_null(out.error_message.data);
		cr_expect_str_eq(text_of(out.cluster_id), admin.broker.report.cluster_id);
		cr_expect_eq(out.controller_id, 7);
		cr_assert_eq(out.brokers.count, 1);
		cr_expect_eq(out.brokers.items[0].broker_id, 7);
		cr_expect_str_eq(text_of(out.brokers.items[0].host), "127.0.0.1");
		cr_expect_eq(out.brokers.items[0].port, admin.broker.report.listen_port);
		cr_expect_str_eq(text_of(out.brokers.items[0].rack), "shelf-3");
		cr_expect_eq(out.brokers.items[0].is_fenced, false);
		cr_expect_eq(out.cluster_authorized_operations, version % 2 ? 8096 : INT32_MIN);
	}
	admin_close(&admin);
}

/* This is no endpoint for controllers, nor for anything unheard of; the answer then tells of no cluster. */
Test(describe_cluster, other_endpoints)
{
	static const struct {
		int8_t type;
		enum kerr error;
		const char *message;
	} cases[] = {
		{2, KERR_MISMATCHED_ENDPOINT_TYPE, "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"},
		{3, KERR_UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type 3"},
		{0, KERR_UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type 0"},
		{-1, KERR_UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type -1"},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (int version = 1; version <= 2; version++) {
			struct kmsg_describe_cluster_request in;
			struct kmsg_describe_cluster_response out;
			kmsg_describe_cluster_request_init(&in);
			in.endpoint_type = cases[i].type;
			in.include_cluster_authorized_operations = true;
			client_call(&admin.client, "describe_cluster", version, &in, &out);
			check_outcome("endpoint", cases[i].error, cases[i].message, out.error_code, out.error_message);
			cr_expect(out.brokers.count == 0 && out.controller_id == -1 && out.cluster_id.size == 0 && out.cluster_authorized_operations == INT32_MIN);
		}
	admin_close(&admin);
}
