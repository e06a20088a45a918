/* The consumer group of KIP-848: members heartbeat, the coordinator assigns. Each change of members or subscriptions raises the group epoch;
 * a target assignment is computed for it (assignment epoch); and each member is brought to its target one by one (member epoch):
 * first it gives up what is no longer its own, then it gets what others have given up. net/group/README.md has the states and timers.
 *
 *   consumer.c             life of a group, its timers, what its state allows to others
 *   consumer_heartbeat.c   ConsumerGroupHeartbeat: join, change, keep alive, leave
 *   consumer_reconcile.c   the next step of one member towards its target
 *   consumer_target.c      the target assignment of all members (assignor.h)
 *   consumer_member.c      members, and who owns which partition
 *   consumer_topics.c      what members subscribe to: names, patterns, and the topics they come to
 *   consumer_record.c      records, to and from
 *   consumer_describe.c    ConsumerGroupDescribe
 *   consumer_classic.c     members that speak the classic protocol, in the same group
 *   consumer_embedded.c    what such members say in their own protocol
 *   consumer_convert.c     from a classic group and back
 *
 * Owner: the group's coordinator. All calls finish before the verb returns. */
#pragma once

#include "net/group/group_priv.h"

struct consumer;
struct consumer_member;
struct group_message;

/* ---- life ---------------------------------------------------------------------------------------------------------------------------- */

/* An empty group in epoch 1, as Kafka's begin. Does not set group->consumer. NULL: no memory. */
struct consumer *consumer_create(struct group *group);
/* Frees it, emits nothing. */
void consumer_destroy(struct consumer *consumer);
/* Any of the records consumer_group_*: makes the group, or changes or ends it. -ENOMEM. */
MUST_USE int consumer_replay(struct coordinator *coordinator, const struct group_message *message);
/* Sessions begin anew. */
void consumer_loaded(struct consumer *consumer);
/* There is a new image. */
void consumer_set_image(struct consumer *consumer);

void consumer_emit_tombstones(struct consumer *consumer);
void consumer_snapshot(struct consumer *consumer);
uint64_t consumer_state_size(const struct consumer *consumer);

/* ---- classic calls to a group that has members (see KIP-848, "Online upgrade") ---------------------------------------------------------- */

void consumer_classic_join(struct consumer *consumer, struct group_call *call, const struct kmsg_join_group_request *in,
			   struct kmsg_join_group_response *out);
void consumer_classic_sync(struct consumer *consumer, struct group_call *call, const struct kmsg_sync_group_request *in,
			   struct kmsg_sync_group_response *out);
enum kerr consumer_classic_heartbeat(struct consumer *consumer, const struct kmsg_heartbeat_request *in);
void consumer_classic_leave(struct consumer *consumer, const struct kmsg_leave_group_member *members, int32_t count,
			    struct kmsg_leave_group_member_result *results);

/* ---- what its state allows to others ----------------------------------------------------------------------------------------------------- */

bool consumer_is_empty(const struct consumer *consumer);
/* "Reconciling". Static storage. */
const char *consumer_state_name(const struct consumer *consumer);
/* Does any member subscribe to this topic, by name or by pattern? */
bool consumer_subscribes(const struct consumer *consumer, struct slice topic);

/* May this member commit offsets now? If its epoch is behind, each partition is asked about: consumer_check_commit_partition. `instance_id` is
 * not looked at, as in Kafka. */
struct consumer_commit {
	const struct consumer_member *member; /* NULL: all partitions may be committed */
	int32_t epoch;
};
enum kerr consumer_check_commit(const struct consumer *consumer, struct slice member_id, int32_t epoch, int16_t version, bool is_transactional,
				struct consumer_commit *out);
enum kerr consumer_check_commit_partition(const struct consumer_commit *commit, const struct uuid *topic_id, int32_t partition);
/* member_id.data NULL: none. */
enum kerr consumer_check_fetch(const struct consumer *consumer, struct slice member_id, int32_t epoch);
