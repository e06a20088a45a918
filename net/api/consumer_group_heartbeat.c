/* ConsumerGroupHeartbeat (KIP-848): joins, keeps alive and leaves a consumer group, and learns what to own. */
#include "net/api/group_api.h"

GROUP_API_STATE(consumer_group_heartbeat);

static bool fail(struct request *request, struct consumer_group_heartbeat_api *api, enum kerr error)
{
	api->out.error_code = (int16_t)error;
	return true;
}

/* An empty group id is the coordinator's to judge, in its order. Most heartbeats write nothing, and nobody is
 * to be put out of a group because the disk is full: one that does write then ends its coordinator, which is
 * loaded again for the next one. */
GROUP_API(consumer_group_heartbeat, GROUP_WAITS | GROUP_READS | GROUP_NEEDS_VERSION_1, fail)
