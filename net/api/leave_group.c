/* LeaveGroup: members leave a classic group, or are removed by an administrator. */
#include "net/api/group_api.h"

GROUP_API_STATE(leave_group);

static bool fail(struct request *request, struct leave_group_api *api, enum kerr error)
{
	api->out.error_code = (int16_t)error;
	return true;
}

GROUP_API(leave_group, GROUP_ID_REQUIRED, fail)
