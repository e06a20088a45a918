/* JoinGroup: a member joins a classic group, and is answered when the group has assembled: with a rebalance
 * timeout of minutes, that may take as long. What its connection asks behind it waits for the answer, as at
 * Kafka. */
#include "net/api/group_api.h"

GROUP_API_STATE(join_group);

static bool fail(struct request *request, struct join_group_api *api, enum kerr error)
{
	api->out.error_code = (int16_t)error;
	if (error == KERR_INVALID_GROUP_ID)
		api->out.member_id = api->in.member_id;
	return true;
}

GROUP_API(join_group, GROUP_ID_REQUIRED | GROUP_WAITS, fail)
