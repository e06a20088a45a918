/* What the files of the classic group share. Private interfaces. */
#pragma once

#include "net/group/classic.h"

/* Kafka's classicGroupNewMemberJoinTimeoutMs: who is new cannot send heartbeats before it is answered; if its client has given up, this ends it. */
#define NEW_MEMBER_JOIN_TIMEOUT_MS (5 * 60 * 1000)

static inline struct slice member_id(const struct classic_member *member) { return member->by_id.name; }
static inline struct slice instance_id(const struct classic_member *member) { return member->by_instance.name; }
static inline bool is_static(const struct classic_member *member) { return member->by_instance.name.data != NULL; }

/* Replaces bytes the group owns (a name, a stored record) by a copy, and accounts for it. -ENOMEM: nothing has changed. */
MUST_USE int classic__set_bytes(struct classic *classic, struct slice *bytes, struct slice value);

/* ---- classic_member.c ------------------------------------------------------------------------------------------------------------- */

struct classic_identity {
	struct slice id, instance_id;  /* instance_id.data NULL: dynamic */
	struct slice client_id, client_host;
};

struct classic_terms {
	int32_t session_timeout_ms, rebalance_timeout_ms;
	const struct kmsg_join_group_protocol *protocols;
	int32_t protocol_count;
};

/* Joined or pending; NULL. */
struct classic_member *classic__find(const struct classic *classic, struct slice id);
/* Joined; NULL. */
struct classic_member *classic__find_joined(const struct classic *classic, struct slice id);
struct classic_member *classic__find_instance(const struct classic *classic, struct slice instance_id);
/* NULL: no memory, or no more of it allowed. */
struct classic_member *classic__add_pending(struct classic *classic, struct slice id);
/* A pending member of this id makes place for it. The first member becomes the leader. NULL: no memory, or no more of it allowed. */
struct classic_member *classic__add(struct classic *classic, const struct classic_identity *identity, const struct classic_terms *terms);
/* 0, or -ENOMEM: nothing has changed. */
MUST_USE int classic__update(struct classic_member *member, const struct classic_terms *terms);
/* Joined or pending. No call waits in it. A leader is followed by the oldest member. */
void classic__remove(struct classic_member *member);
/* The same member under another id: a static one that has come back. NULL: no memory. */
struct classic_member *classic__rename(struct classic_member *member, struct slice id);

/* Could somebody with these protocols join? */
bool classic__can_take(const struct classic *classic, struct slice type, const struct kmsg_join_group_protocol *protocols, int32_t count);
bool classic__has_same_protocols(const struct classic_member *member, const struct kmsg_join_group_protocol *protocols, int32_t count);
/* What most members want of that which all can do. There is a member. */
struct slice classic__vote(struct classic *classic);
/* What the member said under the group's protocol; empty if nothing. */
struct slice classic__metadata(const struct classic_member *member);
MUST_USE int classic__set_assignment(struct classic_member *member, struct slice assignment);

/* ---- classic.c ---------------------------------------------------------------------------------------------------------------------- */

/* KERR_NONE, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID. */
enum kerr classic__check_member(const struct classic *classic, struct slice id, struct slice instance);
void classic__start_session(struct classic_member *member, int32_t timeout_ms);
int32_t classic__rebalance_timeout_ms(const struct classic *classic);

/* The member is here for the next generation; `call` waits for it. */
void classic__has_joined(struct classic_member *member, struct group_call *call, struct kmsg_join_group_response *out);
/* Ends the join or sync of the member, if one waits, with an error. */
void classic__refuse_join(struct classic_member *member, struct slice id, enum kerr error);
void classic__refuse_sync(struct classic_member *member, enum kerr error);

void classic__prepare_rebalance(struct classic *classic, const char *why, ...) PRINTF_LIKE(2, 3);
/* Begins a rebalance, or, if one is on, ends its join phase if all are here. */
void classic__rebalance_or_complete(struct classic *classic, const char *why, ...) PRINTF_LIKE(2, 3);
void classic__complete_join_if_all(struct classic *classic);
void classic__forget_sync(struct classic_member *member);
/* The leader's assignments are in the members: answers all, and the group is stable. */
void classic__become_stable(struct classic *classic);
/* The assignments of this generation count no more: all that wait for them hear it. */
void classic__drop_assignments(struct classic *classic, enum kerr error);

/* ---- classic_note.c ------------------------------------------------------------------------------------------------------------------ */

/* "app-1-... (/10.0.0.1), ..."; as many as there is room for. */
struct classic_names {
	uint32_t count;
	int used;
	char text[300];
};
void classic__name(struct classic_names *names, const struct classic_member *member);

/* A rebalance, or the second half of one, begins: from now on the operator hears what it waits for. Until it is over. */
void classic__watch(struct classic *classic);
void classic__stop_watching(struct classic *classic);
/* The join phase is over; `absent` were put out. Says how long it took, why it began and for whom all waited, if it took long or put somebody out. */
void classic__note_join_phase(const struct classic *classic, const struct classic_names *absent);
void classic__note_assigned(const struct classic *classic);
void classic__note_no_sync(const struct classic *classic, const struct classic_names *absent, bool has_assigned);

/* ---- answers ------------------------------------------------------------------------------------------------------------------------- */

void classic__fill_join_error(struct group_call *call, struct kmsg_join_group_response *out, struct slice id, enum kerr error);
void classic__fill_join(const struct classic_member *member, struct group_call *call, struct kmsg_join_group_response *out);
void classic__fill_sync(const struct classic_member *member, struct group_call *call, struct kmsg_sync_group_response *out);

/* ---- classic_record.c ------------------------------------------------------------------------------------------------------------------ */

/* Emits the group as it is now, and keeps the bytes for snapshots. */
void classic__store(struct classic *classic);
/* Another generation subscribes to other topics. */
void classic__forget_topics(struct classic *classic);
