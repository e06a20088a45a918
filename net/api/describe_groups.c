/* DescribeGroups: the state and the members of classic groups, each asked of its own coordinator. */
#include "net/api/group_api.h"

static void authorize(const struct kmsg_describe_groups_request *in, struct kmsg_describe_groups_group *out)
{
	if (in->include_authorized_operations)
		out->authorized_operations = GROUP_OPERATIONS_ALL;
}

GROUPS_API(describe_groups, GROUP_READS, groups, groups, describe_groups_group, coordinator_describe_group, authorize)
