/* Checks a data directory without a broker: every batch of every segment, seals, the journals, the checkpoints and the catalog against each other,
 * and names each range of offsets that was acknowledged and is not there whole.
 *
 * Owner: the thread that owns the io. Changes nothing. Beside a broker that runs, what it is just writing may look unfinished. */
#pragma once

#include "log/catalog/catalog.h"

enum verify_kind {
	VERIFY_DAMAGE, /* acknowledged records are lost or broken */
	VERIFY_NOTE,   /* harmless: what a crash leaves, or a derived file that will be made anew */
};

struct verify_finding {
	enum verify_kind kind;
	const char *topic;                   /* NULL: not of one partition */
	uint32_t partition;
	int64_t from_offset, to_offset;      /* [from, to); -1 = not known */
	const char *file;                    /* below the directory, or NULL */
	uint64_t position, end_position;     /* in that file; both 0 = no bytes of it */
	const char *what;                    /* a sentence */
};
typedef void verify_found_fn(void *context, const struct verify_finding *finding);

struct verify_totals {
	uint64_t partitions, segments, batches, records, bytes;
	uint64_t journal_entries;
	uint64_t damages, notes;
	bool has_catalog; /* false: Kafka's own directory, or one that never had a topic */
};

/* 0 when all was looked at, whatever was found; -errno (or ERR_FORMAT) when it could not be. */
MUST_USE int verify_directory(struct io *io, const char *dir, const struct broker_config *broker, verify_found_fn *found, void *context,
			      struct verify_totals *totals);

/* Splits "<topic>-<partition>"; false for any other name. `topic` gets TOPIC_NAME_SIZE_MAX + 1 bytes. */
MUST_USE bool verify_parse_directory(const char *name, char *topic, uint32_t *partition);
