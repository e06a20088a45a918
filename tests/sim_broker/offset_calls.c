#include "tests/sim_broker/offset_calls.h"

#include "kmsg_find_coordinator.h"
#include "tests/requests/requests.h"

bool offset_call_seek(struct peer *peer, const char *group, uint64_t tag, peer_done_fn *done)
{
	struct kmsg_find_coordinator_request in;
	kmsg_find_coordinator_request_init(&in);
	in.key = slice_from(group);
	return peer_call(peer, "find_coordinator", 3, &in, tag, done);
}

bool offset_call_commit(struct peer *peer, const struct committing *who, uint32_t partition, int64_t offset, uint64_t tag, peer_done_fn *done)
{
	struct offset_commit_ask ask;
	ask_offset_commit(&ask, who->group, FIRST_TOPIC, partition, offset);
	ask.in.generation_id_or_member_epoch = who->generation;
	ask.in.member_id = slice_from(who->member_id);
	ask.in.group_instance_id = who->instance;
	return peer_call(peer, "offset_commit", 9, &ask.in, tag, done);
}

bool offset_call_look(struct peer *peer, const struct committing *who, uint32_t partition, uint64_t tag, peer_done_fn *done)
{
	struct offset_fetch_ask ask;
	ask_offset_fetch(&ask, who->group, FIRST_TOPIC, partition);
	if (who->is_consumer_member) {
		ask.group.member_id = slice_from(who->member_id);
		ask.group.member_epoch = who->generation;
	}
	return peer_call(peer, "offset_fetch", 9, &ask.in, tag, done);
}
