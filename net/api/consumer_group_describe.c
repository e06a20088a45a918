/* ConsumerGroupDescribe: the state and the members of KIP-848 groups, each asked of its own coordinator. */
#include "net/api/group_api.h"

static void authorize(const struct kmsg_consumer_group_describe_request *in, struct kmsg_consumer_group_describe_group *out)
{
	if (in->include_authorized_operations)
		out->authorized_operations = GROUP_OPERATIONS_ALL;
}

GROUPS_API(consumer_group_describe, GROUP_ID_REQUIRED | GROUP_READS | GROUP_NEEDS_VERSION_1, group_ids, groups, consumer_group_describe_group,
	   coordinator_describe_consumer_group, authorize)
