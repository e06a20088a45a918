/* SyncGroup: a member of a classic group hears what it is to do, once the leader has said it. */
#include "net/api/group_api.h"

GROUP_API_STATE(sync_group);

static bool fail(struct request *request, struct sync_group_api *api, enum kerr error)
{
	api->out.error_code = (int16_t)error;
	return true;
}

GROUP_API(sync_group, GROUP_ID_REQUIRED | GROUP_WAITS, fail)
