/* The classic group: members join, one of them (the leader) assigns the work, all sync, and then live by heartbeats until something changes and
 * it begins anew. Kafka calls one such round a rebalance, and what it leads to a generation. net/group/README.md has the states, what moves
 * a group from one to the next, and every timer.
 *
 *   classic.c          states: when a rebalance begins, when its phases are over, what the timers do
 *   classic_join.c     JoinGroup
 *   classic_sync.c     SyncGroup, Heartbeat, LeaveGroup
 *   classic_note.c     what the operator is told of it
 *   classic_member.c   members: memory, tables, the vote for a protocol
 *   classic_record.c   the group as a record, and from one; what the state allows to others (commits, deletion, expiry); describe
 *
 * Owner: the group's coordinator. The structures are open for consumer.c, which turns a classic group into a consumer group and back. */
#pragma once

#include "kmsg_group_record.h"
#include "net/group/group_priv.h"

/* Kafka's ClassicGroupState; Dead is what a group that is not there is said to be. */
enum classic_state {
	CLASSIC_EMPTY,
	CLASSIC_PREPARING_REBALANCE,
	CLASSIC_COMPLETING_REBALANCE,
	CLASSIC_STABLE,
	CLASSIC_DEAD,
	classic_state_count
};

struct classic_protocol {
	struct slice name, metadata;
};

struct classic_member {
	struct classic *classic;
	struct list node;              /* in classic->members, or in classic->pending */
	struct name_entry by_id;       /* in classic->ids: its name is the member's id */
	struct name_entry by_instance; /* in classic->instances; name.data NULL: a dynamic member */
	struct slice client_id, client_host;
	int32_t session_timeout_ms, rebalance_timeout_ms;
	uint32_t protocol_count;
	struct classic_protocol *protocols; /* as the client listed them, each name once; one block with their bytes */
	size_t protocols_size;
	struct slice assignment;       /* data NULL: empty */

	bool is_pending;               /* an id was handed out (KIP-394), and nobody has joined with it yet */
	bool is_new;                   /* has never seen the end of a join phase: its client cannot send heartbeats */
	bool has_joined;               /* in the join phase: it is here */
	bool owes_sync;                /* has not synced in this generation */
	uint64_t joined_ns;
	struct group_call *join, *sync; /* what waits for an answer */
	struct io_timer session;
	char text[];                   /* the bytes of the names above */
};

struct classic_topics;

/* A protocol that at least one member can do. */
struct classic_support {
	struct name_entry entry;
	struct list node;
	uint32_t member_count, votes;
	char name[];
};

struct classic {
	struct group *group;
	enum classic_state state, previous;
	int64_t state_since_ms;        /* wall clock; -1: not known (old records) */
	int32_t generation;
	struct slice protocol_type, protocol; /* data NULL: none */
	struct classic_member *leader;
	struct list members;           /* in the order they joined */
	struct list pending;           /* struct classic_member, is_pending */
	struct name_table ids, instances, supports;
	struct list support_list;
	uint32_t member_count, pending_count, joined_count, owed_sync_count;
	struct io_timer phase;         /* of the join phase, or of the sync phase */

	/* The first rebalance of an empty group waits for more members. */
	bool has_new_members;
	int32_t initial_delay_ms, initial_left_ms;
	int32_t initial_spent_ms;      /* in all; 0: this rebalance had no such delay */

	struct classic_topics *topics; /* what its members subscribe to: made when somebody asks, see classic_subscribes */
	struct slice stored;           /* the value of the last record; data NULL: a "simple" group, that only holds offsets */

	/* For the operator. */
	struct io_timer watch;         /* while a rebalance lasts */
	uint64_t watch_ns;             /* told when it has lasted so long */
	uint64_t rebalance_began_ns, sync_began_ns;
	char why[160];
	uint32_t silent_count;         /* members whose session ended while the others waited in this join phase, and the last of them */
	char silent[100];
};

/* ---- life: NULL means no memory ------------------------------------------------------------------------------------------------------ */

/* Empty and without a record. Does not set group->classic. */
struct classic *classic_create(struct group *group);
/* Frees it, emits nothing. No call waits in it any more, or: they end with UNKNOWN_MEMBER_ID. */
void classic_destroy(struct classic *classic);
/* A record of the group, into a fresh classic group; `raw` is the record's value. -ENOMEM. */
MUST_USE int classic_replay(struct classic *classic, const struct kmsg_group_metadata_value *value, struct slice raw);
void classic_loaded(struct classic *classic);

void classic_emit_tombstone(struct classic *classic);
void classic_snapshot(struct classic *classic);
uint64_t classic_state_size(const struct classic *classic);

/* ---- calls ----------------------------------------------------------------------------------------------------------------------------- */

void classic_join(struct classic *classic, struct group_call *call, const struct kmsg_join_group_request *in, struct kmsg_join_group_response *out);
void classic_sync(struct classic *classic, struct group_call *call, const struct kmsg_sync_group_request *in, struct kmsg_sync_group_response *out);
enum kerr classic_heartbeat(struct classic *classic, const struct kmsg_heartbeat_request *in);
/* What became of each member goes into out->members, which is as long as `count`. */
void classic_leave(struct classic *classic, const struct kmsg_leave_group_member *members, int32_t count, struct kmsg_leave_group_member_result *results);
void classic_describe(const struct classic *classic, struct group_call *call, struct kmsg_describe_groups_group *out);

/* ---- what its state allows others --------------------------------------------------------------------------------------------------------- */

static inline bool classic_is_empty(const struct classic *classic) { return classic->state == CLASSIC_EMPTY; }
/* Nothing but a holder of offsets: no record, nobody joined or about to. */
static inline bool classic_is_simple(const struct classic *classic)
{
	return !classic->protocol_type.data && classic_is_empty(classic) && classic->pending_count == 0;
}
/* "Stable". Static storage. */
const char *classic_state_name(enum classic_state state);
static inline bool classic_uses_consumer_protocol(const struct classic *classic)
{
	return slice_equal(classic->protocol_type, slice_from("consumer"));
}

/* May this member commit offsets now? `instance.data` NULL: none. (Kafka's validateOffsetCommit.) A commit of a member is a sign of life, as a heartbeat. */
enum kerr classic_check_commit(struct group *group, struct slice member_id, struct slice instance, int32_t generation);
/* May offsets be deleted? NON_EMPTY_GROUP: there are members, and what they read is not known. */
enum kerr classic_check_offset_delete(const struct group *group);
/* Do members of this generation subscribe to the topic? True as well where a consumer group's subscription cannot be read. */
bool classic_subscribes(struct group *group, struct slice topic);
/* Can offsets (of topics nobody subscribes to) expire now? From then on their retention counts: *since_ms, or, if that is -1, from each one's commit. */
bool classic_expiry(struct group *group, int64_t *since_ms);
