/* Coordinators are loaded after a start, though nobody calls them: what has run out meanwhile goes. */
#include "tests/unit/net/route/group_calls.h"

#include "kmsg_offset_commit.h"

#define GROUPS 20
#define PARTITIONS 8

/* A commit of nobody's, for `retention_ms`. */
static void commit(struct client *client, const char *group, int64_t retention_ms)
{
	struct kmsg_offset_commit_partition partition;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_response out;
	kmsg_offset_commit_partition_init(&partition);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_request_init(&in);
	partition.committed_offset = 1;
	topic.name = slice_from("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = slice_from(group);
	in.topics.items = &topic;
	in.topics.count = 1;
	in.retention_time_ms = retention_ms;
	client_call(client, "offset_commit", 2, &in, &out);
	cr_assert_eq(out.topics.items[0].partitions.items[0].error_code, 0);
}

static int64_t records_written(struct client *client)
{
	int64_t sum = 0;
	for (uint32_t i = 0; i < PARTITIONS; i++)
		sum += list_offset(client, i, -1);
	return sum;
}

static void restart_with(struct broker *broker, const char *key, const char *value)
{
	char why[512];
	broker_stop(broker);
	cr_assert_eq(broker_config_set(broker->config, key, value, why, sizeof why), 0, "%s", why);
	cr_assert_eq(broker_try_start(broker, why, sizeof why), 0, "%s", why);
}

/* Offsets that run out while the broker is down, or after it, are taken out of the log: one tombstone for each. Those that are kept stay. */
Test(group_load, offsets_expire_without_a_call, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "8", NULL};
	for (uint32_t shards = 1; shards <= 2; shards++) {
		struct broker broker;
		struct client client;
		char group[32];
		broker_start(&broker, shards, settings);
		client_open(&client, &broker);
		cr_assert_eq(find_coordinator(&client, "any"), 0);
		make_topic(&client, "t", 1);
		for (int i = 0; i < GROUPS; i++) {
			snprintf(group, sizeof group, "group-%d", i);
			commit(&client, group, i % 2 ? 300 : 3600 * 1000);
		}
		cr_assert_eq(records_written(&client), GROUPS);
		client_close(&client);
		restart_with(&broker, "offsets.retention.check.interval.ms", "50");
		client_open(&client, &broker);
		for (int i = 0; i < 500 && records_written(&client) < GROUPS + GROUPS / 2; i++)
			usleep(10000);
		usleep(200000);
		cr_expect_eq(records_written(&client), GROUPS + GROUPS / 2, "%lld", (long long)records_written(&client));
		client_close(&client);
		broker_end(&broker);
	}
}
