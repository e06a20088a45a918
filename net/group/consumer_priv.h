/* What the files of the consumer group share. Private to consumer*.c. */
#pragma once

#include "net/group/consumer.h"
#include "net/group/group_record.h"
#include "net/group/partition_list.h"

#define EPOCH_LEAVE (-1)
#define EPOCH_LEAVE_STATIC (-2)        /* and what a static member that will be back is at */

#define TOPIC_NONE UINT32_MAX

/* Patterns are held against new topics this often at most, as in Kafka: a burst of new topics costs one pass. */
#define PATTERN_REFRESH_INTERVAL_MS 10000

/* Scratch memory of one input. 1 GiB would be a group of millions of partitions with as many subscriptions. */
#define SCRATCH_BYTES_MAX ((size_t)1 << 30)

/* Kafka's MemberState; the numbers are those of the records. */
enum member_state {
	MEMBER_STABLE = 0,
	MEMBER_UNREVOKED = 1,          /* has to give partitions up first, and stays in its epoch until it has */
	MEMBER_UNRELEASED = 2,         /* waits for others to give partitions up */
	MEMBER_UNKNOWN = 127           /* from a newer broker's record */
};

/* A topic that is in an assignment or in a subscription and exists, or did: by its id. */
struct group_topic {
	struct name_entry entry;       /* its name is the id's 16 bytes */
	struct uuid id;
	uint32_t number;               /* its place in consumer->topics */
	struct consumer_member **owners; /* of each partition: who has it, or still has to give it up; NULL: nobody */
	uint32_t owner_count;
	bool is_marked;                /* in use: see consumer__sweep_topics */
};

/* A name that somebody subscribes to. */
struct topic_name {
	struct name_entry entry;
	uint32_t set_count;            /* topic sets that have it */
	uint64_t resolved_version;     /* of the image that the rest is from; 0: none */
	uint32_t topic;                /* TOPIC_NONE: there is no such topic */
	uint32_t partition_count;
	int64_t hash;                  /* Kafka's hash of the topic */
	char text[];
};

/* A set of names. Equal sets are one object, so that 10,000 members with one subscription cost one. */
struct topic_set {
	struct name_entry entry;       /* in consumer->sets: its name is all the names, each with its size before it */
	uint32_t user_count;           /* members and patterns */
	uint32_t name_count;
	struct topic_name **names;     /* sorted by text */
	uint64_t resolved_version;
	uint32_t *topics;              /* ascending numbers of those that exist */
	uint32_t topic_count;
	uint8_t key[];
};

/* A regular expression that members subscribe to. */
struct group_pattern {
	struct name_entry entry;       /* in consumer->patterns */
	struct list node;              /* in consumer->pattern_list */
	uint32_t user_count;           /* members */
	struct topic_set *matched;     /* NULL: not resolved yet */
	int64_t version, timestamp_ms; /* of what was matched against, and when */
	char text[];
};

struct classic_side_protocol {
	struct slice name, metadata;
};

/* Of a member that speaks the classic protocol. */
struct classic_side {
	int32_t session_timeout_ms;
	uint32_t protocol_count;
	size_t size;
	struct classic_side_protocol protocols[]; /* at least one; the bytes are behind them */
};

struct consumer_member {
	struct consumer *consumer;
	struct list node;              /* in consumer->members */
	struct name_entry by_id;
	struct name_entry by_instance; /* name.data NULL: a dynamic member */
	struct slice rack_id;          /* data NULL: none. These are malloc'ed, as the names above */
	struct slice client_id, client_host;
	struct slice assignor;         /* its wish; data NULL: none */
	int32_t rebalance_timeout_ms;
	struct topic_set *subscription;
	struct group_pattern *pattern; /* NULL: none */
	struct classic_side *classic;  /* NULL: it speaks the consumer protocol */

	enum member_state state;
	int32_t epoch, previous_epoch;
	struct partition_list assigned, revoking;
	uint64_t assigned_version;     /* grows when `assigned` changes */
	struct partition_list target;
	bool has_target;               /* there is a record of it */

	bool is_leaving;               /* while members are taken out together */
	struct io_timer session;
	struct io_timer rebalance;     /* it has to give partitions up until then */
	int32_t rebalance_epoch;       /* the epoch it has to leave until then */
	uint64_t unrevoked_since_ns;
	struct io_timer join, sync;    /* a member of the classic protocol has to call until then */
};

/* What the group was given of its own (GROUP configs, settings of the catalog); -1: what the coordinator has. */
struct consumer_terms {
	int32_t session_timeout_ms, heartbeat_interval_ms, assignment_interval_ms;
};

struct consumer {
	struct group *group;
	struct consumer_terms own;
	uint64_t own_version;          /* settings_version of the image that `own` is from */
	int32_t epoch;                 /* the group's */
	int32_t assignment_epoch;      /* the target's */
	int64_t assignment_time_ms;    /* wall clock; 0: unknown */
	uint64_t unsettled_since_ns;   /* since when members have another target than they own; 0: they have not, or it is not known */
	uint64_t unsettled_told_ns;    /* how long it had lasted when the operator was told last; 0: not yet */
	int64_t metadata_hash;         /* of the subscribed topics, as of `epoch` */
	bool is_metadata_old;          /* topics may have changed since: look before the next answer */
	struct list members;           /* in the order they came */
	uint32_t member_count, classic_count;
	struct name_table ids, instances;
	struct name_table names, sets; /* struct topic_name, struct topic_set */
	struct name_table patterns;
	struct list pattern_list;
	struct topic_set *empty_set;   /* of no names; never freed before the group */
	struct name_table topic_ids;
	struct group_topic **topics;
	uint32_t topic_count, topic_capacity, topics_used;
	uint32_t topics_swept;         /* topics_used after the last sweep */
	uint64_t names_version;        /* grows when a name comes or goes */
	uint64_t hashed_names_version, hashed_image_version; /* what `computed_hash` was computed from */
	int64_t computed_hash;
	uint64_t patterns_version;     /* of the image that patterns were held against; 0: none */
	uint64_t patterns_checked_ns;
	uint64_t memory_bytes;
};

static inline struct coordinator *consumer__coordinator(const struct consumer *consumer)
{
	return consumer->group->coordinator;
}

static inline struct consumer_member *consumer__member_at(struct list *node)
{
	return LIST_ENTRY(node, struct consumer_member, node);
}

static inline struct slice consumer__member_id(const struct consumer_member *member) { return member->by_id.name; }
static inline struct slice consumer__instance_id(const struct consumer_member *member) { return member->by_instance.name; }

static inline int32_t consumer__session_timeout_ms(const struct consumer *consumer)
{
	return consumer->own.session_timeout_ms >= 0 ? consumer->own.session_timeout_ms : consumer__coordinator(consumer)->config.consumer_session_timeout_ms;
}

static inline int32_t consumer__heartbeat_interval_ms(const struct consumer *consumer)
{
	return consumer->own.heartbeat_interval_ms >= 0 ? consumer->own.heartbeat_interval_ms : consumer__coordinator(consumer)->config.consumer_heartbeat_interval_ms;
}

static inline int32_t consumer__assignment_interval_ms(const struct consumer *consumer)
{
	return consumer->own.assignment_interval_ms >= 0 ? consumer->own.assignment_interval_ms : consumer__coordinator(consumer)->config.consumer_assignment_interval_ms;
}

/* ---- consumer.c --------------------------------------------------------------------------------------------------------------------------- */

void consumer__charge(struct consumer *consumer, uint64_t bytes);
void consumer__give_back(struct consumer *consumer, uint64_t bytes);
/* No memory in the middle of a change: the coordinator must be closed and loaded from the log again. */
void consumer__broken(struct consumer *consumer);
/* The session begins anew. */
void consumer__touch(struct consumer_member *member);
void consumer__cancel_timers(struct consumer_member *member);
/* Its time to give up partitions begins, if it has to; or is over. */
void consumer__arm_rebalance(struct consumer_member *member);
/* Removes the members and raises the epoch; or turns the group into a classic one, if only such members are left (then `consumer` is gone). */
void consumer__fence(struct consumer *consumer, struct consumer_member **members, uint32_t count);
/* "Member %.*s" with names of clients cut to a readable size. */
#define NAME_ARGUMENTS(slice) (int)((slice).size < 120 ? (slice).size : 120), (const char *)(slice).data

/* ---- consumer_terms.c ----------------------------------------------------------------------------------------------------------------------- */

/* As the coordinator's image has it. */
void consumer__refresh_terms(struct consumer *consumer);

/* ---- consumer_member.c ---------------------------------------------------------------------------------------------------------------------- */

/* A copy that its owner frees with consumer__forget. False: no memory. NULL data stays NULL. */
MUST_USE bool consumer__remember(struct consumer *consumer, struct slice *target, struct slice value);
void consumer__forget(struct consumer *consumer, struct slice *target);

struct consumer_member *consumer__find(const struct consumer *consumer, struct slice member_id);
struct consumer_member *consumer__find_static(const struct consumer *consumer, struct slice instance_id);
/* A new member with Kafka's defaults. NULL: no memory. */
struct consumer_member *consumer__add(struct consumer *consumer, struct slice member_id);
/* Takes it out of everything and frees it; emits nothing. */
void consumer__remove(struct consumer_member *member);
/* The same member under another id. False: no memory. */
MUST_USE bool consumer__rename(struct consumer_member *member, struct slice member_id);
MUST_USE bool consumer__set_instance(struct consumer_member *member, struct slice instance_id);
void consumer__set_subscription(struct consumer_member *member, struct topic_set *set);
void consumer__set_pattern(struct consumer_member *member, struct group_pattern *pattern);
/* Takes `classic` over; NULL: none. */
void consumer__set_classic(struct consumer_member *member, struct classic_side *classic);
/* What the member owns and has to give up, replaced together; who owns what follows. False: no memory. */
MUST_USE bool consumer__set_partitions(struct consumer_member *member, const struct partition_list *assigned, const struct partition_list *revoking);
MUST_USE bool consumer__set_target(struct consumer_member *member, const struct partition_list *target);

/* Finds or makes the group's number for a topic. NULL: no memory. */
struct group_topic *consumer__topic(struct consumer *consumer, const struct uuid *id);
struct group_topic *consumer__find_topic(const struct consumer *consumer, const struct uuid *id);
/* Is the partition nobody's? */
bool consumer__is_free(const struct consumer *consumer, uint32_t topic, int32_t partition);
/* Forgets topics that are in no list and no subscription any more, now and then. */
void consumer__sweep_topics(struct consumer *consumer);

/* ---- consumer_topics.c ------------------------------------------------------------------------------------------------------------------------ */

/* The set of these names, in any order and with repetitions; has a user more. NULL: no memory. */
struct topic_set *consumer__set(struct consumer *consumer, const struct slice *names, int32_t count);
void consumer__set_release(struct consumer *consumer, struct topic_set *set);
/* Finds or makes it; has a user more. NULL: no memory. */
struct group_pattern *consumer__pattern(struct consumer *consumer, struct slice text);
void consumer__pattern_release(struct consumer *consumer, struct group_pattern *pattern);
/* Nobody uses it. */
void consumer__pattern_free(struct consumer *consumer, struct group_pattern *pattern);
struct group_pattern *consumer__find_pattern(const struct consumer *consumer, struct slice text);
/* What it came to, replaced. False: no memory. */
MUST_USE bool consumer__pattern_set_matched(struct consumer *consumer, struct group_pattern *pattern, const struct slice *names, int32_t count);
/* Holds one pattern against the image's topics; emits the record if it comes to something else than before, or if it is the first time; then *has_changed. */
MUST_USE bool consumer__pattern_resolve(struct consumer *consumer, struct group_pattern *pattern, bool *has_changed);
/* Holds all patterns against an image that has not been seen, if it is time. */
MUST_USE bool consumer__patterns_refresh(struct consumer *consumer, bool *has_changed);

/* The topics that a member's subscription comes to, in the image: ascending numbers, valid until the next change. False: no memory. */
MUST_USE bool consumer__member_topics(struct consumer_member *member, struct arena *arena, const uint32_t **topics, uint32_t *count);
/* Do all members subscribe to the same, in a way Kafka's assignors take as such? */
bool consumer__is_homogeneous(const struct consumer *consumer);
/* Kafka's hash of one topic. */
int64_t consumer__topic_hash(const struct topic *topic);
/* Kafka's hash over all subscribed topics that exist. False: no memory. */
MUST_USE bool consumer__metadata_hash(struct consumer *consumer, int64_t *hash);
/* About how much memory the group (NULL: one that is not there yet) needs more, if a member subscribes to these names. */
uint64_t consumer__subscription_cost(const struct coordinator *coordinator, const struct consumer *consumer, const struct slice *names, int32_t count);

/* ---- consumer_target.c -------------------------------------------------------------------------------------------------------------------------- */

/* Computes the target for the group's epoch, if there is none and the last is old enough; emits what changed. */
void consumer__update_target(struct consumer *consumer);
const char *consumer__assignor_name(const struct consumer *consumer);

/* ---- consumer_reconcile.c ------------------------------------------------------------------------------------------------------------------------ */

/* What a member says that it owns. */
struct owned_topics {
	bool is_known;                 /* false: it did not say */
	const struct kmsg_consumer_group_heartbeat_topic_partitions *items;
	int32_t count;
};

/* Brings the member one step nearer to its target; emits its record if that changed anything. */
void consumer__reconcile(struct consumer_member *member, bool has_subscription_changed, const struct owned_topics *owned);
/* Has the member got its target? */
static inline bool consumer__is_reconciled(const struct consumer_member *member)
{
	return member->state == MEMBER_STABLE && member->epoch == member->consumer->assignment_epoch;
}
/* Is all that it says to own in this list? */
bool consumer__owns_only(const struct consumer *consumer, const struct owned_topics *owned, const struct partition_list *list);

/* ---- consumer_heartbeat.c ------------------------------------------------------------------------------------------------------------------------ */

/* What a heartbeat or a classic JoinGroup says of the member. Data NULL, count -1, -1: unchanged. */
struct member_wish {
	struct slice instance_id, rack_id, assignor, pattern;
	int32_t rebalance_timeout_ms;
	const struct slice *names;
	int32_t name_count;
	struct slice client_id, client_host;
	struct classic_side *classic;  /* taken over; NULL: it speaks the consumer protocol */
};

/* Takes a wish over, emits the member's record if it differs, raises the group epoch if that or the topics ask for it. *has_changed: the
 * subscription is another one. False: no memory. */
MUST_USE bool consumer__apply_wish(struct consumer_member *member, const struct member_wish *wish, bool is_new, bool *has_changed);
/* A static member is replaced by another with its instance id: the records, and the new id. False: no memory. */
MUST_USE bool consumer__replace(struct consumer_member *member, struct slice member_id);

/* ---- consumer_record.c ---------------------------------------------------------------------------------------------------------------------------- */

void consumer__emit_epoch(struct consumer *consumer);
void consumer__emit_target_epoch(struct consumer *consumer);
void consumer__emit_member(const struct consumer_member *member);
void consumer__emit_target(const struct consumer_member *member);
void consumer__emit_current(const struct consumer_member *member);
/* All three of a member. */
void consumer__emit_member_tombstones(struct consumer *consumer, struct slice member_id);
void consumer__emit_pattern(struct consumer *consumer, const struct group_pattern *pattern);
void consumer__emit_pattern_tombstone(struct consumer *consumer, struct slice text);

/* ---- consumer_convert.c ---------------------------------------------------------------------------------------------------------------------------- */

/* Makes a new consumer group of an empty classic one; if that was there before, its tombstone is emitted. -ENOMEM. */
MUST_USE int consumer__become(struct group *group, bool was_there);
/* Makes a consumer group of whatever the group is, as far as Kafka does: an empty classic group always; one with members if the policy and their
 * protocol allow it. Otherwise GROUP_ID_NOT_FOUND, and `why` says so. */
enum kerr consumer__upgrade(struct group *group, char *why, size_t why_size);
/* A copy of what a classic member said; not a member's yet (consumer__set_classic). `count` is not 0. NULL: no memory. */
struct classic_side *consumer__make_classic(int32_t session_timeout_ms, const struct classic_side_protocol *protocols, uint32_t count);
/* Only members of the classic protocol would be left without these: makes a classic group of them, if the policy allows it. Then `consumer` is gone. */
bool consumer__downgrade_without(struct consumer *consumer, struct consumer_member **leaving, uint32_t count);
/* Were this member classic, could the group be? */
bool consumer__is_last_of_new_protocol(const struct consumer_member *member);
/* All members are classic. True: `consumer` is gone. */
bool consumer__downgrade_all(struct consumer *consumer);

/* ---- consumer_embedded.c ------------------------------------------------------------------------------------------------------------------------- */

struct kmsg_consumer_protocol_subscription;
/* What a classic member says in JoinGroup. ERR_FORMAT, -ENOMEM. */
MUST_USE int consumer__decode_subscription(struct slice bytes, struct arena *arena, struct kmsg_consumer_protocol_subscription *out);
/* What a classic leader has assigned; `epoch` goes with each partition. ERR_FORMAT, -ENOMEM. */
MUST_USE int consumer__decode_assignment(struct consumer *consumer, struct slice bytes, int32_t epoch, struct arena *arena, struct partition_maker *maker,
					 bool *has_user_data);
/* The bytes of SyncGroup's answer, in the version that the member's `metadata` is in. ERR_FORMAT, -ENOMEM. */
MUST_USE int consumer__encode_assignment(const struct consumer *consumer, const struct partition_list *list, struct slice metadata, struct arena *arena,
					 struct slice *out);
/* What a classic member says that it owns. -ENOMEM. */
MUST_USE int consumer__owned_of(const struct consumer *consumer, const struct kmsg_consumer_protocol_subscription *subscription, struct arena *arena,
				struct owned_topics *out);
