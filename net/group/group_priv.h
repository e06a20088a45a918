/* What the files of net/group share: a group, and the coordinator's services to the machines of its groups. Private interfaces.
 *
 *   coordinator.c    the table of groups, dispatch to the right machine, load, tick, snapshot, list, delete
 *   classic.c        the classic group: join, sync, heartbeat, leave, and its timers
 *   consumer.c       the KIP-848 group (assignor_*.c compute its target; subscription.c resolves its regular expressions)
 *   offsets.c        the committed offsets of a group: commit, fetch, delete, expire
 *   group_record.c   the records of __consumer_offsets: bytes to and from
 *
 * A machine changes its state and emits the record that says so in the same step; it never waits for the record. */
#pragma once

#include "log/io/io_timers.h"
#include "net/group/coordinator.h"
#include "net/group/name_table.h"

struct classic;
struct consumer;
struct offsets;

struct group {
	struct coordinator *coordinator;
	struct list node;              /* in the coordinator's list of all groups */
	struct name_entry entry;       /* in the coordinator's table */
	char *id;                      /* ends in a zero byte; id_size without it */
	uint32_t id_size;
	struct classic *classic;       /* exactly one of these two is set: Kafka's classic group ("simple" ones too: no protocol type) ... */
	struct consumer *consumer;     /* ... or the consumer group of KIP-848 */
	struct offsets *offsets;       /* never NULL */
	uint64_t snapshot_number;      /* of the last snapshot that has this group */
	uint64_t number;               /* of the order in which they were made, from 1 on */
};

struct coordinator {
	struct coordinator_config config;
	const struct catalog_image *image;
	struct group_outbox outbox;
	struct io_timers timers;       /* struct io_timer embedded in members and groups; run() runs in coordinator_tick */
	struct group_clock clock;      /* of the input that is being worked on */
	struct list groups;            /* struct group, in the order they were made */
	struct name_table names;
	struct list waiting;           /* struct group_call */
	uint64_t memory_bytes;         /* of all groups here, roughly: group__charge */
	uint64_t *memory_used;         /* what memory_bytes_max bounds: the sum over a shard's coordinators, or memory_bytes */
	uint64_t snapshot_number;
	uint64_t group_number;         /* of the group that was made last */
	struct list *snapshot_at;      /* the next group to be written; NULL: no snapshot is on */
	bool is_loaded;
	uint64_t random_state;
	struct io_timer expiry;        /* of offsets */
};

/* ---- coordinator.c ------------------------------------------------------------------------------------------------------------------------ */

struct group *group__find(struct coordinator *coordinator, struct slice id);
/* Finds or makes an empty classic group. NULL: no memory, or no more of it allowed. */
struct group *group__find_or_create(struct coordinator *coordinator, struct slice id);
/* The same for replay: the bound does not hold for what is in the log. NULL: no memory. */
struct group *group__replayed(struct coordinator *coordinator, struct slice id);
/* As if it had never been, for replay: whatever its kind, it is an empty classic group without a record; its offsets stay. 0 or -ENOMEM. */
MUST_USE int group__reset(struct group *group);
/* Frees it; its tombstones have been emitted. */
void group__remove(struct group *group);
/* Emits the tombstones of an empty group and its offsets, then frees it. */
void group__delete(struct group *group);
/* Are there members, or members to be? */
bool group__is_empty(const struct group *group);

/* Would it exceed the bound? */
bool group__has_room(const struct coordinator *coordinator, uint64_t bytes);
/* Accounts memory; false (and nothing charged) if that would exceed the bound: for what a client asks for. */
MUST_USE bool group__charge(struct coordinator *coordinator, uint64_t bytes);
/* The same without the bound: for what is in the log already, or must go on. */
void group__charge_anyway(struct coordinator *coordinator, uint64_t bytes);
void group__give_back(struct coordinator *coordinator, uint64_t bytes);

/* Copies key and value into the outbox. value.data NULL: tombstone. */
void group__emit(struct coordinator *coordinator, struct slice key, struct slice value);
/* A line for the operator. */
void group__note(struct coordinator *coordinator, const char *format, ...) PRINTF_LIKE(2, 3);
/* The call waits: `finish` ends it early (see struct group_call). */
void group__wait(struct coordinator *coordinator, struct group_call *call, void (*finish)(struct group_call *call, enum kerr error),
		 void *waiting_in, void *answer);
/* The call's answer is ready. */
void group__finish(struct coordinator *coordinator, struct group_call *call);

/* A copy in the call's arena: SLICE_EMPTY and is_out_of_memory if that is full. NULL data stays NULL. */
struct slice group__copy(struct group_call *call, struct slice bytes);

/* "prefix-<uuid>" from the coordinator's random state; data NULL if the arena is full. */
struct slice group__new_member_id(struct coordinator *coordinator, struct arena *arena, struct slice prefix);
void group__random_uuid(struct coordinator *coordinator, struct uuid *out);

static inline struct slice group__id(const struct group *group)
{
	return (struct slice){(const uint8_t *)group->id, group->id_size};
}

/* When a timer that is set now runs out. Never now: what a timer does may set it again, and a tick must end. Timeouts come from clients: a negative
 * one is none. */
static inline uint64_t group__in_ms(const struct coordinator *coordinator, int64_t ms)
{
	return coordinator->clock.now_ns + (uint64_t)(ms > 0 ? ms : 1) * 1000000u;
}
