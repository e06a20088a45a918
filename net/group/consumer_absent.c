/* Stands in for consumer.c until it is here: there are no consumer groups. Weak, so that each function gives way to the real one. */
#include "net/group/consumer.h"

#include "log/base/check.h"

#define WEAK __attribute__((weak))

WEAK struct consumer *consumer_create(struct group *group) { return NULL; }
WEAK void consumer_destroy(struct consumer *consumer) {}
WEAK int consumer_replay(struct coordinator *coordinator, const struct group_message *message) { return 0; }
WEAK void consumer_loaded(struct consumer *consumer) {}
WEAK void consumer_set_image(struct consumer *consumer) {}
WEAK void consumer_emit_tombstones(struct consumer *consumer) {}
WEAK void consumer_snapshot(struct consumer *consumer) {}
WEAK uint64_t consumer_state_size(const struct consumer *consumer) { return 0; }
WEAK void consumer_classic_join(struct consumer *consumer, struct group_call *call, const struct kmsg_join_group_request *in,
				struct kmsg_join_group_response *out)
{
	UNREACHABLE();
}
WEAK void consumer_classic_sync(struct consumer *consumer, struct group_call *call, const struct kmsg_sync_group_request *in,
				struct kmsg_sync_group_response *out)
{
	UNREACHABLE();
}
WEAK enum kerr consumer_classic_heartbeat(struct consumer *consumer, const struct kmsg_heartbeat_request *in) { return KERR_UNKNOWN_MEMBER_ID; }
WEAK void consumer_classic_leave(struct consumer *consumer, const struct kmsg_leave_group_member *members, int32_t count,
				 struct kmsg_leave_group_member_result *results)
{
}
WEAK bool consumer_is_empty(const struct consumer *consumer) { return true; }
WEAK const char *consumer_state_name(const struct consumer *consumer) { return "Empty"; }
WEAK bool consumer_subscribes(const struct consumer *consumer, struct slice topic) { return false; }
WEAK enum kerr consumer_check_commit(const struct consumer *consumer, struct slice member_id, int32_t epoch, int16_t version, bool is_transactional,
				     struct consumer_commit *out)
{
	return KERR_NONE;
}
WEAK enum kerr consumer_check_commit_partition(const struct consumer_commit *commit, const struct uuid *topic_id, int32_t partition)
{
	return KERR_NONE;
}
WEAK enum kerr consumer_check_fetch(const struct consumer *consumer, struct slice member_id, int32_t epoch) { return KERR_NONE; }

WEAK void coordinator_consumer_group_heartbeat(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
					       const struct kmsg_consumer_group_heartbeat_request *in,
					       struct kmsg_consumer_group_heartbeat_response *out)
{
	kmsg_consumer_group_heartbeat_response_init(out);
	out->error_code = KERR_UNSUPPORTED_VERSION;
	group__finish(coordinator, call);
}
WEAK void coordinator_describe_consumer_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
					      struct slice group_id, struct kmsg_consumer_group_describe_group *out)
{
	kmsg_consumer_group_describe_group_init(out);
	out->group_id = group_id;
	out->error_code = KERR_GROUP_ID_NOT_FOUND;
	group__finish(coordinator, call);
}
