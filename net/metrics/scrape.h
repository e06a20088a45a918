/* The gathering of one scrape: asks every shard for what it owns, adds what the process and the system know, and writes it down.
 *
 * Owner: the thread of the metrics endpoint. Blocks it, for SCRAPE_WAIT_MS at most for a shard that does not answer; never blocks a shard. */
#pragma once

#include "net/metrics/exposition.h"
#include "net/metrics/survey.h"
#include "net/route/shard_state.h"

#define SCRAPE_WAIT_MS 2000u

/* What there is to look at. Constant while scrapes run, but for what `is_stopping` points at. */
struct scrape_source {
	const char *version;
	struct shard **peers;
	uint32_t shard_count;
	struct catalog *catalog;
	const struct broker_facts *facts;
	const struct store_report *recoveries;    /* one a shard */
	bool was_created;                         /* the data directory, by this start */
	const bool *is_stopping;                  /* atomic */
	uint32_t partitions_max;                  /* spate.metrics.partitions.max */
};

enum scrape_result {
	SCRAPE_DONE,
	SCRAPE_LATE,                              /* a shard does not answer */
	SCRAPE_STOPPING,
	SCRAPE_TOO_LARGE,                         /* or no memory */
};

struct scraper;

/* -ENOMEM. */
MUST_USE int scraper_open(struct scraper **out, const struct scrape_source *source);
/* The shards have ended, or none was ever asked. NULL is fine. */
void scraper_close(struct scraper *scraper);

/* Everything. The exposition was initialised, and is of use only with SCRAPE_DONE. */
MUST_USE enum scrape_result scraper_gather(struct scraper *scraper, struct exposition *exposition);

/* What health is judged by: does every shard answer, and can it append? */
struct health {
	bool has_failed, is_full;
};
MUST_USE enum scrape_result scraper_look(struct scraper *scraper, struct health *health);
