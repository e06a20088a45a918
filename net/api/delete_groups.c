/* DeleteGroups: groups without members, and their offsets. */
#include "net/api/group_api.h"

static void authorize(const struct kmsg_delete_groups_request *in, struct kmsg_delete_groups_result *out)
{
	(void)in, (void)out; /* Nothing is said about a group that is gone. */
}

GROUPS_API(delete_groups, GROUPS_ONCE, groups_names, results, delete_groups_result, coordinator_delete_group, authorize)
