/* What must be true of a store after a crash: what was acknowledged or seen, and what was asked for and not answered yet. The oracle: it knows
 * nothing of how the log works. One thread; fixed sizes, as worlds are small. */
#pragma once

#include "tests/crash/lib/machine.h"

#define MODEL_TOPICS_MAX 8
#define MODEL_PARTITIONS_MAX 4
#define MODEL_RECORDS_MAX 96
#define MODEL_PRODUCER 7

/* A log: records by offset, each with a number that no other has. [start, end) of them are certain, all up to asked_end may be there. */
struct model_log {
	int64_t start, asked_start;
	int64_t end, asked_end;
	uint64_t numbers[MODEL_RECORDS_MAX];
	uint32_t sizes[MODEL_RECORDS_MAX];
	bool is_boundary[MODEL_RECORDS_MAX + 1]; /* a batch begins here, or the log ends */
	int32_t sequences[MODEL_RECORDS_MAX];    /* of the one producer, the last one of the batch that the record is in; -1: not its */
};

enum model_state { MODEL_ABSENT, MODEL_ASKED, MODEL_THERE, MODEL_ASKED_AWAY };

struct model_topic {
	enum model_state state;
	char name[8];
	bool has_id;
	struct uuid id;
	uint32_t partitions, asked_partitions;
	int32_t limit, asked_limit;              /* its max.message.bytes, which stands for all configs; like partitions, it only grows: what lies between may be, too */
	struct model_log logs[MODEL_PARTITIONS_MAX];
};

/* Of a disk with rot: which records were refused as damaged. Reads alone say so, one offset at a time. */
struct model_damage {
	bool is_given_up;                        /* a loss was accepted: topics may be missing, or those deleted be back, configs older, log starts too, logs end later; what is
	                                          * served is right all the same, and no offset is given twice */
	bool is_catalogs_alone;                  /* ... and nothing was struck but catalog.log, and it was repaired: whatever records a topic had are there, under its name or as
	                                          * recovered-<its id> */
	bool is_told;                            /* the start, or the one before, has named damage: what is unknown of producers may come of that */
	uint32_t count;
	bool is_damaged[MODEL_TOPICS_MAX][MODEL_PARTITIONS_MAX][MODEL_RECORDS_MAX];
};

struct model {
	struct model_damage *damage;             /* NULL: there can be none. Else whatever is refused as damaged is noted here */
	bool is_lenient; /* judging a store that a fault has struck: it may show less than its log end, and a read may fail, though never be wrong */
	uint32_t setting, asked_setting;         /* the value of two settings that change together; 0: not set */
	uint32_t topic_count;
	struct model_topic topics[MODEL_TOPICS_MAX];
};

/* What a store shows after a recovery. */
struct seen_log {
	int64_t start, end;
	uint64_t hash;                           /* of all records */
	int32_t sequence;                        /* of the one producer; -1: unknown */
};

struct seen {
	uint64_t hash;                           /* of everything: the same if two recoveries found the same */
	struct seen_log logs[MODEL_TOPICS_MAX][MODEL_PARTITIONS_MAX];
	bool is_there[MODEL_TOPICS_MAX];
	struct uuid ids[MODEL_TOPICS_MAX];
	uint32_t partitions[MODEL_TOPICS_MAX];
	int32_t limits[MODEL_TOPICS_MAX];
	uint32_t setting;
};

/* Looks at everything in the machine's store and holds it against the model. False: `why` says what is wrong. */
bool model_judge(const struct model *model, struct machine *machine, struct seen *seen, char *why, size_t why_size);
/* What was seen is certain from now on, and all that was asked for and not seen is gone for ever. */
void model_settle(struct model *model, const struct seen *seen);
uint64_t model_hash(const struct model *model);

/* A batch of records with these numbers is about to be staged at the log's asked end. */
void model_stage(struct model_log *log, uint64_t number, uint32_t count, uint32_t size, int32_t last_sequence);
/* It was refused: nothing of it can be there. */
void model_unstage(struct model_log *log, int64_t base);
/* The bytes of a record: `size` of them, decided by its number. */
void model_value(uint8_t *out, uint64_t number, uint32_t size);
