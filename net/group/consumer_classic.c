/* Members of a consumer group that speak the classic protocol. */
#include "net/group/consumer_priv.h"

void consumer_classic_join(struct consumer *consumer, struct group_call *call, const struct kmsg_join_group_request *in,
			   struct kmsg_join_group_response *out)
{
	kmsg_join_group_response_init(out);
	out->error_code = KERR_INCONSISTENT_GROUP_PROTOCOL;
	group__finish(consumer__coordinator(consumer), call);
}

void consumer_classic_sync(struct consumer *consumer, struct group_call *call, const struct kmsg_sync_group_request *in,
			   struct kmsg_sync_group_response *out)
{
	kmsg_sync_group_response_init(out);
	out->error_code = KERR_UNKNOWN_MEMBER_ID;
	group__finish(consumer__coordinator(consumer), call);
}

enum kerr consumer_classic_heartbeat(struct consumer *consumer, const struct kmsg_heartbeat_request *in)
{
	return KERR_UNKNOWN_MEMBER_ID;
}

void consumer_classic_leave(struct consumer *consumer, const struct kmsg_leave_group_member *members, int32_t count,
			    struct kmsg_leave_group_member_result *results)
{
}
