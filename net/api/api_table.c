/* The table of what is served: one row an API, in order of keys. ApiVersions answers from it, so nothing is advertised that is not here. The
 * ranges are those of Kafka 4.x; they end before the first version that needs a feature this broker does not have yet.
 *
 * One row says more than is served, because librdkafka up to 2.11 decides by ranges what else it may do: Produce from 0 (it
 * compresses nothing if 0 is missing, KAFKA-18659). For the same reason the group APIs begin where Kafka's do. */
#include "net/api/handlers.h"

const struct api_row api_rows[] = {
	/* key, name, min, max, served from, pipelined, handler */
	{0, "Produce", 0, 13, 3, true, produce_handle},
	{1, "Fetch", 4, 18, 4, false, fetch_handle},
	{2, "ListOffsets", 1, 11, 1, false, list_offsets_handle},
	{3, "Metadata", 0, 13, 0, false, metadata_handle},
	{8, "OffsetCommit", 2, 10, 2, false, offset_commit_handle},
	{9, "OffsetFetch", 1, 10, 1, false, offset_fetch_handle},
	{10, "FindCoordinator", 0, 6, 0, false, find_coordinator_handle},
	{11, "JoinGroup", 0, 9, 0, false, join_group_handle},
	{12, "Heartbeat", 0, 4, 0, false, heartbeat_handle},
	{13, "LeaveGroup", 0, 5, 0, false, leave_group_handle},
	{14, "SyncGroup", 0, 5, 0, false, sync_group_handle},
	{15, "DescribeGroups", 0, 6, 0, false, describe_groups_handle},
	{16, "ListGroups", 0, 5, 0, false, list_groups_handle},
	{18, "ApiVersions", 0, 4, 0, false, api_versions_handle},
	{19, "CreateTopics", 2, 7, 2, false, create_topics_handle},
	{20, "DeleteTopics", 1, 6, 1, false, delete_topics_handle},
	{21, "DeleteRecords", 0, 2, 0, false, delete_records_handle},
	{22, "InitProducerId", 0, 5, 0, false, init_producer_id_handle},
	{23, "OffsetForLeaderEpoch", 2, 4, 2, false, offset_for_leader_epoch_handle},
	{29, "DescribeAcls", 1, 3, 1, false, describe_acls_handle},
	{30, "CreateAcls", 1, 3, 1, false, create_acls_handle},
	{31, "DeleteAcls", 1, 3, 1, false, delete_acls_handle},
	{32, "DescribeConfigs", 1, 4, 1, false, describe_configs_handle},
	{33, "AlterConfigs", 0, 2, 0, false, alter_configs_handle},
	{34, "AlterReplicaLogDirs", 1, 2, 1, false, alter_replica_log_dirs_handle},
	{35, "DescribeLogDirs", 1, 5, 1, false, describe_log_dirs_handle},
	{37, "CreatePartitions", 0, 3, 0, false, create_partitions_handle},
	{42, "DeleteGroups", 0, 2, 0, false, delete_groups_handle},
	{43, "ElectLeaders", 0, 2, 0, false, elect_leaders_handle},
	{44, "IncrementalAlterConfigs", 0, 1, 0, false, incremental_alter_configs_handle},
	{45, "AlterPartitionReassignments", 0, 1, 0, false, alter_partition_reassignments_handle},
	{46, "ListPartitionReassignments", 0, 0, 0, false, list_partition_reassignments_handle},
	{47, "OffsetDelete", 0, 0, 0, false, offset_delete_handle},
	{48, "DescribeClientQuotas", 0, 1, 0, false, describe_client_quotas_handle},
	{49, "AlterClientQuotas", 0, 1, 0, false, alter_client_quotas_handle},
	{50, "DescribeUserScramCredentials", 0, 0, 0, false, describe_user_scram_credentials_handle},
	{51, "AlterUserScramCredentials", 0, 0, 0, false, alter_user_scram_credentials_handle},
	{55, "DescribeQuorum", 0, 2, 0, false, describe_quorum_handle},
	{57, "UpdateFeatures", 0, 2, 0, false, update_features_handle},
	{60, "DescribeCluster", 0, 2, 0, false, describe_cluster_handle},
	{61, "DescribeProducers", 0, 0, 0, false, describe_producers_handle},
	{65, "DescribeTransactions", 0, 0, 0, false, describe_transactions_handle},
	{66, "ListTransactions", 0, 2, 0, false, list_transactions_handle},
	{68, "ConsumerGroupHeartbeat", 0, 1, 0, false, consumer_group_heartbeat_handle},
	{69, "ConsumerGroupDescribe", 0, 1, 0, false, consumer_group_describe_handle},
	{74, "ListConfigResources", 0, 1, 0, false, list_config_resources_handle},
	{75, "DescribeTopicPartitions", 0, 0, 0, false, describe_topic_partitions_handle},
};

const uint32_t api_row_count = COUNT_OF(api_rows);

const struct api_row *api_find(int16_t key)
{
	for (uint32_t i = 0; i < api_row_count; i++)
		if (api_rows[i].key == key)
			return &api_rows[i];
	return NULL;
}
