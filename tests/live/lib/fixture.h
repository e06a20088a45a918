/* What the raw-connection programs share: the topic under test, the broker's process, and a few requests.
 * One thread. fixture_open comes first. */
#pragma once

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

#define WAIT_MS 5000
#define QUIET_MS 300

/* Reads "HOST:PORT TOPIC_PREFIX [BROKER_PID [SEED]]"; exits with a usage line if that is not what there is. */
void fixture_open(int argc, char **argv);

extern char topic[200];         /* the topic most cases use: TOPIC_PREFIX itself */
extern int broker_pid;          /* 0: not known, and memory and descriptors read as 0 */
extern uint64_t seed;           /* given, or of the clock */

/* "TOPIC_PREFIX-name", valid until the next call. */
const char *prefixed(const char *name);

/* Creates the topic under test and `TOPIC_PREFIX-name` for each name up to NULL, as a case. */
void create_topics(int32_t partitions, const char *const names[]);

long broker_rss_kib(void);
int broker_descriptors(void);

/* A case: a new connection is served. */
void expect_alive(void);

void put_api_versions(struct buf *b, int16_t version, const char *name, const char *software_version);

/* A whole Metadata v1 request for the topic under test, its size set. */
void put_metadata(struct buf *b, int32_t correlation_id);

struct range {
	int16_t min, max;
};

/* Reads the ranges of one ApiVersions reply; a key not named stays {-1, -1}. */
void ask_ranges(int16_t version, struct range ranges[100]);
