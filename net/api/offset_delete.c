/* OffsetDelete: removes a group's committed offsets of topics that it does not read. */
#include "net/api/group_api.h"

GROUP_API_STATE(offset_delete);

static bool fail(struct request *request, struct offset_delete_api *api, enum kerr error)
{
	api->out.error_code = (int16_t)error;
	return true;
}

GROUP_API(offset_delete, GROUP_ID_REQUIRED, fail)
