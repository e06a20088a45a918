/* The first step of every API that is served; each lives in the file of its name. Owner: the shard (net/api/api.h). */
#pragma once

#include "net/api/api.h"

step_fn api_versions_handle;
step_fn fetch_handle;
step_fn find_coordinator_handle;
step_fn init_producer_id_handle;
step_fn list_offsets_handle;
step_fn metadata_handle;
step_fn offset_for_leader_epoch_handle;
step_fn produce_handle;
