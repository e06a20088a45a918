/* The first step of every API that is served; each lives in the file of its name. Owner: the shard (net/api/api.h). */
#pragma once

#include "net/api/api.h"

step_fn alter_configs_handle;
step_fn api_versions_handle;
step_fn create_partitions_handle;
step_fn create_topics_handle;
step_fn delete_records_handle;
step_fn delete_topics_handle;
step_fn describe_cluster_handle;
step_fn describe_configs_handle;
step_fn describe_log_dirs_handle;
step_fn describe_producers_handle;
step_fn describe_topic_partitions_handle;
step_fn fetch_handle;
step_fn find_coordinator_handle;
step_fn incremental_alter_configs_handle;
step_fn init_producer_id_handle;
step_fn list_offsets_handle;
step_fn metadata_handle;
step_fn offset_for_leader_epoch_handle;
step_fn produce_handle;
