/* A survey: what a scrape asks of one shard. It crosses as a message, the shard fills it in from what it owns, within one turn, and says so; so nobody
 * reads a shard's structures from outside, and the shard takes no lock and no memory for it.
 *
 * Owner: whoever scrapes, one thread, which is none of the shards'. Between survey_send and survey_wait's true it belongs to the shard, whatever the
 * scraper has waited for: a survey that is late is not asked again before it has come home. */
#pragma once

#include <semaphore.h>

#include "log/partition/partition.h"
#include "log/store/store.h"
#include "net/group/group_page.h"
#include "net/route/mailbox.h"

struct shard;

enum survey_kind { SURVEY_STORE, SURVEY_PARTITIONS, SURVEY_GROUPS };

/* Of the store, and what is said of the whole shard. */
struct store_sample {
	bool has_failed, is_full, is_short;
	struct store_counters counters;
	struct store_usage usage;
	uint32_t conn_count;
};

/* Of one partition. The scraper fills in the first part. */
struct partition_sample {
	const struct topic *topic;     /* of an image that the scraper holds. Not for the shard: it may come to it late, when that has gone */
	struct uuid topic_id;
	uint32_t index, owner;
	int64_t committed;             /* an offset whose append time is asked for; -1: none */

	bool has_failed;
	int64_t start_offset, end_offset; /* log start, high watermark */
	uint64_t size_bytes;
	struct partition_counters counters;
	struct damage_span damage;
	double age_seconds;            /* since the first record at `committed` or behind it was appended; negative: not known */
};

/* So many in one turn of the shard at most, and so many whose append times are asked for: those may take a read of the disk in place. */
#define SURVEY_PARTITIONS_MAX 256u
#define SURVEY_AGES_MAX 8u

struct survey {
	struct message message;
	sem_t home;
	bool is_out;
	enum survey_kind kind;
	struct store_sample store;
	/* SURVEY_PARTITIONS: those whose `owner` is the shard are filled in; the others are other shards'. */
	struct partition_sample *partitions;
	uint32_t partition_count;
	/* SURVEY_GROUPS: filled from page->next on. */
	struct group_page *page;
};

void survey_init(struct survey *survey);
/* It must not be out, or its shard must have ended. */
void survey_fini(struct survey *survey);

/* The scraper: posts it to a shard that runs. It must not be out. */
void survey_send(struct survey *survey, struct shard *shard);
/* The scraper: has it come home within so many ms? True at once if it is not out. */
bool survey_wait(struct survey *survey, uint32_t wait_ms);

/* The shard: MESSAGE_SURVEY. */
void survey_receive(struct shard *shard, struct message *message);
