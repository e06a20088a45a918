/* The administrative APIs of which a single node without an authorizer has little to tell. What is wanted
 * was taken from a Kafka 4.3 node; where the answer differs from Kafka's, the row says so. */
#include "admin_fixture.h"
#include "tests/unit/net/json_call.h"

#include <limits.h>

/* All rows against one broker with a topic "t" of three partitions. */
static void check(const struct json_case *cases, size_t count)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 3, NULL);
	check_json_cases(&admin.broker, cases, count);
	admin_close(&admin);
}

/* There is no authorizer; kinds that the client itself calls unknown end the connection, kinds nobody has
 * heard of do not. */
Test(single_node, acls)
{
	static const struct json_case cases[] = {
		{"describe_acls", 1, 3, "{'resource_type_filter':1,'pattern_type_filter':1,'operation':1,'permission_type':1}",
		 "{'throttle_time_ms':0,'error_code':54,'error_message':'No Authorizer is configured on the broker','resources':[]}"},
		{"describe_acls", 1, 3, "{'resource_type_filter':99,'pattern_type_filter':99,'operation':99,'permission_type':99}",
		 "{'throttle_time_ms':0,'error_code':54,'error_message':'No Authorizer is configured on the broker','resources':[]}"},
		{"describe_acls", 1, 3, "{'resource_type_filter':0,'pattern_type_filter':1,'operation':1,'permission_type':1}", NULL},
		{"describe_acls", 1, 3, "{'resource_type_filter':1,'pattern_type_filter':0,'operation':1,'permission_type':1}", NULL},
		{"describe_acls", 1, 3, "{'resource_type_filter':1,'pattern_type_filter':1,'operation':0,'permission_type':1}", NULL},
		{"describe_acls", 1, 3, "{'resource_type_filter':1,'pattern_type_filter':1,'operation':1,'permission_type':0}", NULL},
		{"create_acls", 1, 3, "{'creations':[]}", "{'throttle_time_ms':0,'results':[]}"},
		{"create_acls", 1, 3,
		 "{'creations':[{'resource_type':2,'resource_name':'t','resource_pattern_type':3,'principal':'User:a','host':'*','operation':3,'permission_type':3},"
		 "{'resource_type':99,'resource_name':'','resource_pattern_type':3,'principal':'x','host':'','operation':3,'permission_type':3}]}",
		 "{'throttle_time_ms':0,'results':[{'error_code':54,'error_message':'No Authorizer is configured.'},"
		 "{'error_code':54,'error_message':'No Authorizer is configured.'}]}"},
		{"create_acls", 1, 3,
		 "{'creations':[{'resource_type':0,'resource_name':'t','resource_pattern_type':3,'principal':'User:a','host':'*','operation':3,'permission_type':3}]}",
		 NULL},
		{"delete_acls", 1, 3, "{'filters':[]}", "{'throttle_time_ms':0,'filter_results':[]}"},
		{"delete_acls", 1, 3, "{'filters':[{'resource_type_filter':1,'pattern_type_filter':1,'operation':1,'permission_type':1}]}",
		 "{'throttle_time_ms':0,'filter_results':[{'error_code':54,'error_message':'No Authorizer is configured.','matching_acls':[]}]}"},
		{"delete_acls", 1, 3, "{'filters':[{'resource_type_filter':1,'pattern_type_filter':1,'operation':1,'permission_type':0}]}", NULL},
	};
	check(cases, COUNT_OF(cases));
}

/* One directory and one broker: what is asked to go there is there. */
Test(single_node, moves)
{
	char request[2 * PATH_MAX], own[PATH_MAX];
	static const struct json_case cases[] = {
		{"alter_replica_log_dirs", 1, 2, "{'dirs':[]}", "{'throttle_time_ms':0,'results':[]}"},
		{"alter_replica_log_dirs", 1, 2, "{'dirs':[{'path':'/nowhere','topics':[{'name':'t','partitions':[0,9]},{'name':'none','partitions':[0]}]}]}",
		 "{'throttle_time_ms':0,'results':[{'topic_name':'t','partitions':[{'partition_index':0,'error_code':57},{'partition_index':9,'error_code':57}]},"
		 "{'topic_name':'none','partitions':[{'partition_index':0,'error_code':57}]}]}"},
		{"list_partition_reassignments", 0, 0, "{'topics':null}", "{'throttle_time_ms':0,'error_code':0,'error_message':null,'topics':[]}"},
		{"list_partition_reassignments", 0, 0, "{'topics':[{'name':'t','partition_indexes':[0,9]},{'name':'none','partition_indexes':[0]}]}",
		 "{'throttle_time_ms':0,'error_code':0,'error_message':null,'topics':[]}"},
		{"alter_partition_reassignments", 0, 0, "{'topics':[]}", "{'throttle_time_ms':0,'error_code':0,'error_message':'','responses':[]}"},
		{"alter_partition_reassignments", 1, 1, "{'topics':[],'allow_replication_factor_change':false}",
		 "{'throttle_time_ms':0,'allow_replication_factor_change':false,'error_code':0,'error_message':'','responses':[]}"},
		{"alter_partition_reassignments", 0, 0,
		 "{'topics':[{'name':'t','partitions':[{'partition_index':0,'replicas':null},{'partition_index':1,'replicas':[1]},{'partition_index':2,'replicas':[2]},"
		 "{'partition_index':2,'replicas':[]},{'partition_index':0,'replicas':[1,1]},{'partition_index':9,'replicas':[1]},{'partition_index':-1,'replicas':null}]},"
		 "{'name':'none','partitions':[{'partition_index':0,'replicas':[1]}]}]}",
		 "{'throttle_time_ms':0,'error_code':0,'error_message':null,'responses':[{'name':'t','partitions':["
		 "{'partition_index':0,'error_code':85,'error_message':null},{'partition_index':1,'error_code':0,'error_message':null},"
		 "{'partition_index':2,'error_code':39,'error_message':'The manual partition assignment includes broker 2, but no such broker is registered.'},"
		 "{'partition_index':2,'error_code':39,'error_message':'The manual partition assignment includes an empty replica list.'},"
		 "{'partition_index':0,'error_code':39,'error_message':'The manual partition assignment includes the broker 1 more than once.'},"
		 "{'partition_index':9,'error_code':3,'error_message':'Unable to find partition t:9.'},"
		 "{'partition_index':-1,'error_code':3,'error_message':'Unable to find partition t:-1.'}]},"
		 "{'name':'none','partitions':[{'partition_index':0,'error_code':3,'error_message':'Unable to find a topic named none.'}]}]}"},
	};
	check(cases, COUNT_OF(cases));
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 3, NULL);
	cr_assert_not_null(realpath(admin.broker.dir, own));
	for (int slashes = 0; slashes < 3; slashes++) {
		snprintf(request, sizeof request, "{'dirs':[{'path':'%s%.*s','topics':[{'name':'t','partitions':[2,3,-1]},{'name':'none','partitions':[0]}]}]}",
			 own, slashes, "//");
		struct json_case own_dir = {"alter_replica_log_dirs", 1, 2, request,
			"{'throttle_time_ms':0,'results':[{'topic_name':'t','partitions':[{'partition_index':2,'error_code':0},{'partition_index':3,'error_code':3},"
			"{'partition_index':-1,'error_code':3}]},{'topic_name':'none','partitions':[{'partition_index':0,'error_code':3}]}]}"};
		check_json_cases(&admin.broker, &own_dir, 1);
	}
	admin_close(&admin);
}

#define T_RESULTS \
	"'replica_election_results':[{'topic':'t','partition_result':[{'partition_id':0,'error_code':84,'error_message':'Leader election not needed for topic partition.'}," \
	"{'partition_id':9,'error_code':3,'error_message':'No such partition as t-9'},{'partition_id':-1,'error_code':3,'error_message':'No such partition as t--1'}]}," \
	"{'topic':'none','partition_result':[{'partition_id':0,'error_code':3,'error_message':'No such topic as none'}]}]"
#define T_REQUEST "'topic_partitions':[{'topic':'t','partitions':[0,9,-1]},{'topic':'none','partitions':[0]}]"

/* Every partition has its preferred leader; asked for all, topics are named without partitions. */
Test(single_node, elections)
{
	static const struct json_case cases[] = {
		{"elect_leaders", 0, 0, "{" T_REQUEST "}", "{'throttle_time_ms':0," T_RESULTS "}"},
		{"elect_leaders", 1, 2, "{'election_type':0," T_REQUEST "}", "{'throttle_time_ms':0,'error_code':0," T_RESULTS "}"},
		{"elect_leaders", 1, 2, "{'election_type':1," T_REQUEST "}", "{'throttle_time_ms':0,'error_code':0," T_RESULTS "}"},
		{"elect_leaders", 1, 2, "{'election_type':7,'topic_partitions':null}", "{'throttle_time_ms':0,'error_code':42,'replica_election_results':[]}"},
		{"elect_leaders", 1, 2, "{'election_type':7,'topic_partitions':[]}", "{'throttle_time_ms':0,'error_code':0,'replica_election_results':[]}"},
		{"elect_leaders", 1, 2, "{'election_type':-1,'topic_partitions':[{'topic':'t','partitions':[9]},{'topic':'u','partitions':[]}]}",
		 "{'throttle_time_ms':0,'error_code':42,'replica_election_results':[{'topic':'t','partition_result':["
		 "{'partition_id':9,'error_code':42,'error_message':'Unknown election type -1'}]},{'topic':'u','partition_result':[]}]}"},
		{"elect_leaders", 0, 0, "{'topic_partitions':null}", "{'throttle_time_ms':0,'replica_election_results':[{'topic':'t','partition_result':[]}]}"},
		{"elect_leaders", 1, 2, "{'topic_partitions':null}",
		 "{'throttle_time_ms':0,'error_code':0,'replica_election_results':[{'topic':'t','partition_result':[]}]}"},
		{"elect_leaders", 1, 2, "{'topic_partitions':[]}", "{'throttle_time_ms':0,'error_code':0,'replica_election_results':[]}"},
	};
	check(cases, COUNT_OF(cases));
}

/* There are no transactions. */
Test(single_node, transactions)
{
	static const struct json_case cases[] = {
		{"list_transactions", 0, 2, "{}", "{'throttle_time_ms':0,'error_code':0,'unknown_state_filters':[],'transaction_states':[]}"},
		{"list_transactions", 0, 2, "{'state_filters':['a','Dead','a','PrepareEpochFence','empty',''],'producer_id_filters':[1,2],'duration_filter':5}",
		 "{'throttle_time_ms':0,'error_code':0,'unknown_state_filters':['a','empty',''],'transaction_states':[]}"},
		{"list_transactions", 2, 2, "{'transactional_id_pattern':'a.*'}",
		 "{'throttle_time_ms':0,'error_code':0,'unknown_state_filters':[],'transaction_states':[]}"},
		{"list_transactions", 2, 2, "{'transactional_id_pattern':''}",
		 "{'throttle_time_ms':0,'error_code':0,'unknown_state_filters':[],'transaction_states':[]}"},
		{"list_transactions", 2, 2, "{'state_filters':['a'],'transactional_id_pattern':'['}",
		 "{'throttle_time_ms':0,'error_code':128,'unknown_state_filters':[],'transaction_states':[]}"},
		{"list_transactions", 2, 2, "{'transactional_id_pattern':'(?=a)'}",
		 "{'throttle_time_ms':0,'error_code':128,'unknown_state_filters':[],'transaction_states':[]}"},
		{"describe_transactions", 0, 0, "{'transactional_ids':['a','']}",
		 "{'throttle_time_ms':0,'transaction_states':["
		 "{'error_code':105,'transactional_id':'a','transaction_state':'','transaction_timeout_ms':0,'transaction_start_time_ms':0,'producer_id':0,'producer_epoch':0,'topics':[]},"
		 "{'error_code':42,'transactional_id':'','transaction_state':'','transaction_timeout_ms':0,'transaction_start_time_ms':0,'producer_id':0,'producer_epoch':0,'topics':[]}]}"},
	};
	check(cases, COUNT_OF(cases));
}

#define UNHOSTED "'error_code':3,'error_message':'This server does not host this topic-partition.','leader_id':0,'leader_epoch':0,'high_watermark':0,'current_voters':[],'observers':[]"

/* Anything but the one partition of the catalog, alone, is not known. */
Test(single_node, other_quorums)
{
	static const struct json_case cases[] = {
		{"describe_quorum", 0, 1, "{'topics':[]}", "{'error_code':0,'topics':[]}"},
		{"describe_quorum", 2, 2, "{'topics':[]}", "{'error_code':0,'error_message':'','topics':[],'nodes':[]}"},
		{"describe_quorum", 2, 2, "{'topics':[{'topic_name':'t','partitions':[{'partition_index':0}]}]}",
		 "{'error_code':0,'error_message':'','topics':[{'topic_name':'t','partitions':[{'partition_index':0," UNHOSTED "}]}],'nodes':[]}"},
		{"describe_quorum", 2, 2, "{'topics':[{'topic_name':'__cluster_metadata','partitions':[{'partition_index':0},{'partition_index':1}]}]}",
		 "{'error_code':0,'error_message':'','topics':[{'topic_name':'__cluster_metadata','partitions':[{'partition_index':0," UNHOSTED "},"
		 "{'partition_index':1," UNHOSTED "}]}],'nodes':[]}"},
	};
	check(cases, COUNT_OF(cases));
}

/* The quorum is this broker, up to date, and reached where it listens. */
Test(single_node, the_quorum)
{
	struct admin admin;
	admin_open(&admin, NULL);
	for (int version = 0; version <= 2; version++) {
		json_t *out = json_loads(client_call_json(&admin.client, "describe_quorum", version,
							  "{'topics':[{'topic_name':'__cluster_metadata','partitions':[{'partition_index':0}]}]}"), 0, NULL);
		json_t *partition = json_array_get(json_object_get(json_array_get(json_object_get(out, "topics"), 0), "partitions"), 0);
		json_t *voter = json_array_get(json_object_get(partition, "current_voters"), 0);
		json_t *listener = json_array_get(json_object_get(json_array_get(json_object_get(out, "nodes"), 0), "listeners"), 0);
		cr_expect_eq(json_integer_value(json_object_get(partition, "error_code")), 0);
		cr_expect_eq(json_integer_value(json_object_get(partition, "leader_id")), 1);
		cr_expect_gt(json_integer_value(json_object_get(partition, "leader_epoch")), 0);
		cr_expect_eq(json_integer_value(json_object_get(voter, "replica_id")), 1);
		cr_expect_eq(json_integer_value(json_object_get(voter, "log_end_offset")),
			     json_integer_value(json_object_get(partition, "high_watermark")));
		if (version > 0)
			cr_expect_gt(json_integer_value(json_object_get(voter, "last_fetch_timestamp")), 1600000000000);
		if (version > 1)
			cr_expect_eq(json_integer_value(json_object_get(listener, "port")), admin.broker.report.listen_port);
		json_decref(out);
	}
	admin_close(&admin);
}

#define UPDATE(name, level, type) "{'feature_updates':[{'feature':'" name "','max_version_level':" level ",'upgrade_type':" type "}]}"
#define NOT_UPDATED(name, level, why) \
	"{'throttle_time_ms':0,'error_code':95,'error_message':'The update failed for all features since the following feature had an error: " \
	"Invalid update version " level " for feature " name ". " why "'}"

#define NOT_LOWERED(level, why) \
	"{'throttle_time_ms':0,'error_code':95,'error_message':'The update failed for all features since the following feature had an error: " \
	"Unsupported metadata.version downgrade from 30 to " level ". " why "'}"

/* What is refused, in Kafka's words, and what changes nothing. */
Test(single_node, features)
{
	static const struct json_case cases[] = {
		{"update_features", 2, 2, "{}", "{'throttle_time_ms':0,'error_code':0,'error_message':null}"},
		{"update_features", 0, 1, "{'feature_updates':[{'feature':'metadata.version','max_version_level':30}]}",
		 "{'throttle_time_ms':0,'error_code':0,'error_message':null,'results':[{'feature':'metadata.version','error_code':0,'error_message':'NONE'}]}"},
		{"update_features", 2, 2, UPDATE("metadata.version", "30", "1"), "{'throttle_time_ms':0,'error_code':0,'error_message':null}"},
		{"update_features", 2, 2, UPDATE("metadata.version", "40", "1"),
		 NOT_UPDATED("metadata.version", "40", "Local controller 1 only supports versions 7-30")},
		{"update_features", 2, 2, UPDATE("metadata.version", "29", "1"),
		 NOT_UPDATED("metadata.version", "29",
			     "Can`t downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")},
		{"update_features", 2, 2, UPDATE("metadata.version", "29", "2"),
		 NOT_LOWERED("29", "Refusing to perform the requested downgrade because it might delete metadata information.")},
		{"update_features", 2, 2, UPDATE("metadata.version", "7", "3"),
		 NOT_LOWERED("7", "Unsafe metadata downgrade is not supported in this version.")},
		{"update_features", 2, 2, UPDATE("group.version", "2", "1"),
		 NOT_UPDATED("group.version", "2", "Local controller 1 only supports versions 0-1")},
		{"update_features", 2, 2, UPDATE("group.version", "0", "1"),
		 NOT_UPDATED("group.version", "0",
			     "Can`t downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")},
		{"update_features", 2, 2, UPDATE("metadata.version", "-1", "3"),
		 NOT_UPDATED("metadata.version", "-1", "A feature version cannot be less than 0.")},
		{"update_features", 2, 2, UPDATE("metadata.version", "30", "9"),
		 NOT_UPDATED("metadata.version", "30", "The controller does not support the given upgrade type.")},
		{"update_features", 2, 2, UPDATE("bogus", "1", "1"), NOT_UPDATED("bogus", "1", "Local controller 1 does not support this feature.")},
		{"update_features", 2, 2, UPDATE("bogus", "0", "1"), NOT_UPDATED("bogus", "0", "Feature bogus not found.")},
		{"update_features", 2, 2, UPDATE("transaction.version", "2", "1"),
		 NOT_UPDATED("transaction.version", "2", "Local controller 1 does not support this feature.")},
		{"update_features", 2, 2, UPDATE("share.version", "0", "3"), "{'throttle_time_ms':0,'error_code':0,'error_message':null}"},
		{"update_features", 2, 2, UPDATE("eligible.leader.replicas.version", "2", "1"),
		 NOT_UPDATED("eligible.leader.replicas.version", "2", "Local controller 1 only supports versions 0-1")},
	};
	check(cases, COUNT_OF(cases));
}

/* What has configs: the broker's loggers, the broker, and the topics. */
Test(single_node, config_resources)
{
#define BROKER "{'resource_name':'1','resource_type':4}"
#define LOGGERS "{'resource_name':'1','resource_type':8}"
#define TOPIC "{'resource_name':'t','resource_type':2}"
#define RESOURCES(list) "{'throttle_time_ms':0,'error_code':0,'config_resources':[" list "]}"
	static const struct json_case cases[] = {
		{"list_config_resources", 0, 0, "{}", RESOURCES("")},
		{"list_config_resources", 1, 1, "{}", RESOURCES(LOGGERS "," BROKER "," TOPIC)},
		{"list_config_resources", 1, 1, "{'resource_types':[2,4,8,16,32]}", RESOURCES(LOGGERS "," BROKER "," TOPIC)},
		{"list_config_resources", 1, 1, "{'resource_types':[4,4]}", RESOURCES(BROKER)},
		{"list_config_resources", 1, 1, "{'resource_types':[2]}", RESOURCES(TOPIC)},
		{"list_config_resources", 1, 1, "{'resource_types':[16,32]}", RESOURCES("")},
		{"list_config_resources", 1, 1, "{'resource_types':[8]}", RESOURCES(LOGGERS)},
		{"list_config_resources", 1, 1, "{'resource_types':[2,99]}", "{'throttle_time_ms':0,'error_code':35,'config_resources':[]}"},
		{"list_config_resources", 1, 1, "{'resource_types':[0]}", "{'throttle_time_ms':0,'error_code':35,'config_resources':[]}"},
		{"list_config_resources", 1, 1, "{'resource_types':[6]}", "{'throttle_time_ms':0,'error_code':35,'config_resources':[]}"},
		{"list_config_resources", 1, 1, "{'resource_types':[-2]}", "{'throttle_time_ms':0,'error_code':35,'config_resources':[]}"},
	};
	check(cases, COUNT_OF(cases));
}
