/* Heartbeat: a member of a classic group says that it lives. While its coordinator is being loaded that is
 * taken for said, as by Kafka. */
#include "net/api/group_api.h"

GROUP_API_STATE(heartbeat);

static bool fail(struct request *request, struct heartbeat_api *api, enum kerr error)
{
	api->out.error_code = (int16_t)(error == KERR_COORDINATOR_LOAD_IN_PROGRESS ? KERR_NONE : error);
	return true;
}

GROUP_API(heartbeat, GROUP_ID_REQUIRED | GROUP_READS, fail)
