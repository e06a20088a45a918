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

struct classic;
struct consumer;
struct offsets;

struct group {
	struct coordinator *coordinator;
	struct list node;              /* in the coordinator's list of all groups */
	struct group *chain;           /* in its bucket */
	char *id;                      /* ends in a zero byte; id_size without it */
	uint32_t id_size;
	struct classic *classic;       /* exactly one of these two is set: Kafka's classic group ("simple" ones too: no protocol type) ... */
	struct consumer *consumer;     /* ... or the consumer group of KIP-848 */
	struct offsets *offsets;       /* never NULL */
	uint64_t snapshot_number;      /* of the last snapshot that has this group */
};

struct coordinator {
	struct coordinator_config config;
	const struct catalog_image *image;
	struct group_outbox outbox;
	struct io_timers timers;       /* struct io_timer embedded in members and groups; run() runs in coordinator_tick */
	struct group_clock clock;      /* of the input that is being worked on */
	struct list groups;
	struct group **buckets;
	uint32_t bucket_mask, group_count;
	uint64_t memory_bytes;         /* of all groups, roughly: group__charge */
	uint64_t snapshot_number;
	uint64_t random_state;
	struct io_timer expiry;        /* of offsets */
};

/* ---- coordinator.c ------------------------------------------------------------------------------------------------------------------------ */

struct group *group__find(struct coordinator *coordinator, struct slice id);
/* Finds or makes an empty classic group. NULL: no memory. */
struct group *group__find_or_create(struct coordinator *coordinator, struct slice id);
/* Frees it; its tombstones have been emitted. */
void group__remove(struct group *group);
/* Accounts memory; false (and nothing charged) if that would exceed the bound. Negative amounts give back. */
MUST_USE bool group__charge(struct coordinator *coordinator, int64_t bytes);

/* Copies key and value into the outbox. value.data NULL: tombstone. */
void group__emit(struct coordinator *coordinator, struct slice key, struct slice value);
/* The call's answer is ready. */
void group__finish(struct coordinator *coordinator, struct group_call *call);

/* "prefix-<uuid>" from the coordinator's random state; NULL if the arena is full. */
struct slice group__new_member_id(struct coordinator *coordinator, struct arena *arena, struct slice prefix);
void group__random_uuid(struct coordinator *coordinator, struct uuid *out);

static inline uint64_t group__in_ms(const struct coordinator *coordinator, int64_t ms)
{
	return coordinator->clock.now_ns + (uint64_t)ms * 1000000u;
}
