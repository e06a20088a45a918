/* What clients asked for and were told, each with the number of disk ops that had been seen by then: so for any moment at which the power could have failed it
 * can be said what had been promised. Any thread tells; one plays. */
#pragma once

#include "tests/history/history.h"
#include "tests/power/disk.h"

#define STORY_NEVER UINT64_MAX
#define STORY_TOPICS_MAX 400
#define STORY_PARTITIONS 3         /* of every topic */

/* One life of a topic; a name may have several. Times are disk ops. */
struct story_topic {
	char name[32];
	struct uuid id;                /* once it is made */
	uint64_t made, delete_asked, deleted;
};

struct story;

/* disk NULL: nobody watches it, and all is told at op 0. */
struct story *story_open(const struct disk *disk);
void story_close(struct story *story);

/* ---- told while it happens -------------------------------------------------------------------------------------------------- */

/* A topic is there: its number. */
uint32_t story_made(struct story *story, const char *name, const struct uuid *id);
void story_delete_asked(struct story *story, uint32_t topic);
void story_deleted(struct story *story, uint32_t topic);
/* A batch of `count` records with marks from first_mark on: its number. */
uint64_t story_sent(struct story *story, uint32_t topic, uint32_t partition, uint64_t sender, uint64_t first_mark, uint32_t count);
void story_sent_again(struct story *story, uint64_t send);
void story_acked(struct story *story, uint64_t send, int64_t base_offset);
void story_read(struct story *story, uint32_t topic, uint32_t partition, int64_t offset, uint64_t mark);
void story_trim_asked(struct story *story, uint32_t topic, uint32_t partition, int64_t offset);
void story_trimmed(struct story *story, uint32_t topic, uint32_t partition, int64_t log_start);
void story_commit_asked(struct story *story, int64_t offset);
void story_committed(struct story *story, int64_t offset);
/* Never twice. */
uint64_t story_next_marks(struct story *story, uint32_t count);
/* The broker went, by our hand: what is unanswered may be there or not. */
void story_crashed(struct story *story);

/* ---- asked afterwards ------------------------------------------------------------------------------------------------------- */

/* How far a history has been told. */
struct story_place {
	struct history *history;
	uint64_t event, sends;
	int64_t committed, commit_asked;                          /* -1: none */
	int64_t trim_asked[STORY_TOPICS_MAX][STORY_PARTITIONS];   /* the highest log start that anybody asked for */
};

void story_begin(struct story_place *place);
/* Tells place->history everything up to the op of this number. */
void story_play(const struct story *story, struct story_place *place, uint64_t op);
/* The same place in a history of its own. */
void story_copy(struct story_place *to, const struct story_place *from);
void story_end(struct story_place *place);
uint32_t story_topics(const struct story *story);
const struct story_topic *story_topic(const struct story *story, uint32_t topic);
uint64_t story_acks(const struct story *story);
/* The number in the history of a partition. */
static inline uint32_t story_partition(uint32_t topic, uint32_t partition) { return topic * STORY_PARTITIONS + partition; }
