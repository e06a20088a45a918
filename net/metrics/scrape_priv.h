/* What the files of a scrape share. Private interfaces.
 *
 *   scrape.c        the surveys: asked, waited for; the order of it all
 *   tell_process.c  what the system knows of the process and its disk
 *   tell_shards.c   what the shards count: states, connections, requests
 *   tell_topics.c   topics and partitions, and their damage
 *   tell_groups.c   consumer groups, and their lag */
#pragma once

#include "net/metrics/scrape.h"

struct scraper {
	const struct scrape_source *source;
	struct survey *surveys;                   /* by shard */
	struct partition_sample *samples;         /* SURVEY_PARTITIONS_MAX */
	struct group_page *page;                  /* of groups: one shard is asked at a time */
	struct labels labels;                     /* of the sample that is being written */
};

/* Asks all shards for one kind of thing, and waits for them. */
MUST_USE enum scrape_result scrape__ask(struct scraper *scraper, enum survey_kind kind);
/* Asks the owners of the first `count` samples, whose first part was filled in but for `topic_id` and `owner`. */
MUST_USE enum scrape_result scrape__ask_partitions(struct scraper *scraper, uint32_t count);
/* Asks one shard for a page of its groups, from page->next on. */
MUST_USE enum scrape_result scrape__ask_groups(struct scraper *scraper, uint32_t shard);
/* The scraper's labels, with nothing in them. */
struct labels *scrape__labels(struct scraper *scraper);

void scrape__tell_process(struct scraper *scraper, struct exposition *exposition);
/* Of surveys of SURVEY_STORE. */
void scrape__tell_shards(struct scraper *scraper, struct exposition *exposition);
MUST_USE enum scrape_result scrape__tell_topics(struct scraper *scraper, struct exposition *exposition, const struct catalog_image *image);
MUST_USE enum scrape_result scrape__tell_groups(struct scraper *scraper, struct exposition *exposition, const struct catalog_image *image);
