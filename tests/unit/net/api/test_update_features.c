/* UpdateFeatures where it changes something: consumer groups go and come with group.version, over a restart too. What is refused is in
 * test_single_node.c. */
#include "admin_fixture.h"
#include "tests/unit/net/json_call.h"

#define UPDATE(level, type, dry) \
	"{'validate_only':" dry ",'feature_updates':[{'feature':'group.version','max_version_level':" level ",'upgrade_type':" type "}]}"
#define DONE "{'throttle_time_ms':0,'error_code':0,'error_message':null}"
#define HEARTBEAT "{'group_id':'g','member_id':'','member_epoch':0}"
#define NOT_SERVED \
	"{'throttle_time_ms':0,'error_code':35,'error_message':null,'member_id':null,'member_epoch':0,'heartbeat_interval_ms':0,'assignment':null}"

/* The level in force, as ApiVersions tells it; 0 if it does not. */
static int level_of(struct broker *broker, const char *feature, int64_t *epoch)
{
	struct client client;
	int level = 0;
	client_open(&client, broker);
	json_t *out = json_loads(client_call_json(&client, "api_versions", 3,
						  "{'client_software_name':'a','client_software_version':'1'}"), 0, NULL);
	json_t *list = json_object_get(out, "finalized_features"), *entry;
	size_t i;
	json_array_foreach(list, i, entry)
		if (strcmp(json_string_value(json_object_get(entry, "name")), feature) == 0)
			level = (int)json_integer_value(json_object_get(entry, "max_version_level"));
	*epoch = json_integer_value(json_object_get(out, "finalized_features_epoch"));
	json_decref(out);
	client_close(&client);
	return level;
}

static int level_in_force(struct broker *broker, int64_t *epoch)
{
	return level_of(broker, "group.version", epoch);
}

static void ask(struct broker *broker, const char *api, int version, const char *request, const char *answer)
{
	struct json_case one = {api, version, version, request, answer};
	check_json_cases(broker, &one, 1);
}

/* At 0 the consumer protocol is refused as it is by a Kafka at that level, and the feature is not told; each change has a later epoch. */
Test(update_features, group_version, .timeout = 60)
{
	struct broker broker;
	int64_t epoch, later;
	broker_start(&broker, 2, NULL);
	cr_expect_eq(level_in_force(&broker, &epoch), 1);
	ask(&broker, "update_features", 2, UPDATE("0", "2", "true"), DONE);
	cr_expect_eq(level_in_force(&broker, &later), 1, "only asked whether it may be");
	ask(&broker, "update_features", 2, UPDATE("0", "2", "false"), DONE);
	cr_expect_eq(level_in_force(&broker, &later), 0);
	cr_expect_gt(later, epoch);
	ask(&broker, "consumer_group_heartbeat", 0, HEARTBEAT, NOT_SERVED);
	broker_restart(&broker);
	cr_expect_eq(level_in_force(&broker, &epoch), 0);
	ask(&broker, "consumer_group_heartbeat", 1, HEARTBEAT, NOT_SERVED);
	ask(&broker, "consumer_group_describe", 1, "{'group_ids':['g']}",
	    "{'throttle_time_ms':0,'groups':[{'error_code':35,'error_message':null,'group_id':'g','group_state':'','group_epoch':0,"
	    "'assignment_epoch':0,'assignor_name':'','members':[],'authorized_operations':-2147483648}]}");
	ask(&broker, "update_features", 2, UPDATE("1", "2", "false"),
	    "{'throttle_time_ms':0,'error_code':95,'error_message':'The update failed for all features since the following feature had an error: "
	    "Invalid update version 1 for feature group.version. Can`t downgrade to a newer version.'}");
	ask(&broker, "update_features", 2, UPDATE("1", "1", "false"), DONE);
	cr_expect_eq(level_in_force(&broker, &later), 1);
	cr_expect_gt(later, epoch);
	broker_end(&broker);
}

/* All or none: the second update is refused, so the first is not made. */
Test(update_features, all_or_none, .timeout = 60)
{
	struct broker broker;
	int64_t epoch;
	broker_start(&broker, 1, NULL);
	ask(&broker, "update_features", 2,
	    "{'feature_updates':[{'feature':'group.version','max_version_level':0,'upgrade_type':2},"
	    "{'feature':'metadata.version','max_version_level':29,'upgrade_type':2}]}",
	    "{'throttle_time_ms':0,'error_code':95,'error_message':'The update failed for all features since the following feature had an error: "
	    "Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade because it might delete metadata "
	    "information.'}");
	cr_expect_eq(level_in_force(&broker, &epoch), 1);
	broker_end(&broker);
}

#define LEVEL(name, level) "{'feature':'" name "','max_version_level':" level ",'upgrade_type':1}"
/* What `kafka-features upgrade --release-version 4.3` asks for. */
#define RELEASE \
	LEVEL("eligible.leader.replicas.version", "1") "," LEVEL("group.version", "1") "," LEVEL("kraft.version", "1") "," \
	LEVEL("metadata.version", "30") "," LEVEL("share.version", "1") "," LEVEL("streams.version", "1") "," LEVEL("transaction.version", "2")

/* An upgrade to all the levels of a release is done as far as they are served; the others stay at 0 and untold. */
Test(update_features, release, .timeout = 60)
{
	static const char *const unserved[] = {"share.version", "streams.version", "transaction.version"};
	struct broker broker;
	int64_t epoch;
	broker_start(&broker, 1, NULL);
	cr_expect_eq(level_of(&broker, "eligible.leader.replicas.version", &epoch), 1);
	cr_expect_eq(level_of(&broker, "kraft.version", &epoch), 0);
	ask(&broker, "update_features", 2, "{'validate_only':true,'feature_updates':[" RELEASE "]}", DONE);
	cr_expect_eq(level_of(&broker, "kraft.version", &epoch), 0, "only asked whether it may be");
	ask(&broker, "update_features", 2, "{'feature_updates':[" RELEASE "]}", DONE);
	cr_expect_eq(level_of(&broker, "kraft.version", &epoch), 1);
	for (size_t i = 0; i < COUNT_OF(unserved); i++)
		cr_expect_eq(level_of(&broker, unserved[i], &epoch), 0, "%s", unserved[i]);
	ask(&broker, "update_features", 2, "{'feature_updates':[" LEVEL("metadata.version", "30") "," LEVEL("transaction.version", "3") "]}",
	    "{'throttle_time_ms':0,'error_code':95,'error_message':'The update failed for all features since the following feature had an error: "
	    "Invalid update version 3 for feature transaction.version. Local controller 1 does not support this feature.'}");
	ask(&broker, "update_features", 2, "{'feature_updates':[{'feature':'kraft.version','max_version_level':0,'upgrade_type':3}]}",
	    "{'throttle_time_ms':0,'error_code':95,'error_message':'The update failed for all features since the following feature had an error: "
	    "Invalid update version 0 for feature kraft.version. Can`t downgrade the version of this feature.'}");
	broker_end(&broker);
}
