/* What Metadata refuses as a whole. What it tells of topics that are there is in tests/unit/net/quirks/test_topics.c. The answers are a Kafka 4.3
 * node's. */
#include "admin_fixture.h"
#include "tests/unit/net/json_call.h"

/* Versions 10 and 11 have a field for ids, but not their use: such a request is refused, and tells neither topics nor brokers. */
Test(metadata, ids_are_not_for_versions_10_and_11)
{
	static const struct json_case cases[] = {
		{"metadata", 10, 10, "{'topics':[{'name':null}]}",
		 "{'throttle_time_ms':0,'brokers':[],'cluster_id':null,'controller_id':-1,'topics':[{'error_code':42,'name':'',"
		 "'topic_id':'AAAAAAAAAAAAAAAAAAAAAA','is_internal':false,'partitions':[],'topic_authorized_operations':-2147483648}],"
		 "'cluster_authorized_operations':-2147483648}"},
		{"metadata", 11, 11, "{'topics':[{'name':'t'},{'name':null}]}",
		 "{'throttle_time_ms':0,'brokers':[],'cluster_id':null,'controller_id':-1,'topics':[{'error_code':42,'name':'t',"
		 "'topic_id':'AAAAAAAAAAAAAAAAAAAAAA','is_internal':false,'partitions':[],'topic_authorized_operations':-2147483648},{'error_code':42,'name':'',"
		 "'topic_id':'AAAAAAAAAAAAAAAAAAAAAA','is_internal':false,'partitions':[],'topic_authorized_operations':-2147483648}]}"},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 3, NULL);
	check_json_cases(&admin.broker, cases, COUNT_OF(cases));
	admin_close(&admin);
}
