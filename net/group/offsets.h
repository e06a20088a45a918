/* The committed offsets of one group: topic -> partition -> what was committed last. Part of the group; private to net/group. Every change that
 * these functions make is emitted as a record in the same step, but for replay, which reads them, and offsets_put, whose caller emits. The
 * verbs of clients (commit, fetch, delete) are in offset_verbs.c. Never judges members: that is classic.c's and consumer.c's. */
#pragma once

#include "net/group/group_priv.h"
#include "net/group/group_record.h"

/* What was committed for a partition. */
struct committed_offset {
	int32_t partition;
	int32_t leader_epoch;          /* -1: not told */
	int64_t offset;
	int64_t commit_ms;             /* wall time */
	int64_t expire_ms;             /* -1: as the broker's retention says */
	struct uuid topic_id;          /* zero: not told (commits with a retention of their own, once reloaded) */
	uint8_t *metadata;             /* its own memory; NULL if empty */
	uint32_t metadata_size;
};

/* NULL: no memory. */
struct offsets *offsets_create(struct group *group);
/* Frees them, and emits nothing. */
void offsets_destroy(struct group *group);

bool offsets_is_empty(const struct group *group);
/* NULL if there is none; valid until the next change. */
const struct committed_offset *offsets_find(const struct group *group, struct slice topic, int32_t partition);
/* How many topics there are; the i-th of them, sorted by name, with its partitions, sorted by number. */
uint32_t offsets_topic_count(const struct group *group);
struct slice offsets_topic(const struct group *group, uint32_t i, const struct committed_offset **partitions, uint32_t *count);

/* Stores it, with a copy of `metadata`, in place of what was there. False, and nothing has changed: no memory, or (`is_bounded`) no more of it
 * allowed. Emits nothing. */
MUST_USE bool offsets_put(struct group *group, struct slice topic, const struct committed_offset *committed, struct slice metadata, bool is_bounded);
void offsets_emit(struct group *group, struct slice topic, const struct committed_offset *committed);
/* Forgets it and emits the tombstone; false if there was none. */
bool offsets_delete(struct group *group, struct slice topic, int32_t partition);
/* The same for all: the group is being deleted. */
void offsets_delete_all(struct group *group);

/* An offset_commit record of the log; makes the group if it has to. -ENOMEM. */
MUST_USE int offsets_replay(struct coordinator *coordinator, const struct group_message *message);

/* Emits all, as part of a snapshot; and about how many bytes that will be. */
void offsets_snapshot(struct group *group);
uint64_t offsets_state_size(const struct group *group);

/* Kafka's cleanup of all groups: offsets that are past their retention go; so do empty groups that have no offset left. */
void offsets_expire(struct coordinator *coordinator);
/* Offsets of topics that were deleted go. `before` is the image until now, or NULL if the coordinator has just been loaded. */
void offsets_topics_changed(struct coordinator *coordinator, const struct catalog_image *before, const struct catalog_image *now);
