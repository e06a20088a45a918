/* What the records of catalog.log add up to, one after the other. Trusts nothing in a record: what does not fit is ERR_FORMAT with a sentence.
 * Owner: the catalog's thread. Private to log/store. */
#pragma once

#include "log/catalog/catalog_file.h"
#include "log/catalog/catalog_image.h"
#include "log/catalog/meta_properties.h"

/* Openings that a catalog can count: leader epochs are counted by them, in 31 bits. */
#define CATALOG_INCARNATION_MAX ((uint64_t)INT32_MAX)

struct catalog_state {
	struct topic_defaults defaults;
	struct image_draft draft;        /* all topics so far */
	uint64_t partition_total;
	bool has_identity;
	struct meta_properties identity;
	uint32_t shard_count;            /* that the directory was made with; 0: its head does not say */
	uint32_t noted_shards;           /* as many journals have noted an opening; 0: nothing says */
	uint64_t incarnation;
	uint64_t journal_incarnation;    /* the latest opening that all journals have noted; 0: nothing says */
	int64_t next_producer_id;
};

/* 0, -ENOMEM or ERR_FORMAT. */
MUST_USE int catalog_replay(struct catalog_state *state, const struct catalog_frame *frame, char *why, size_t why_size);

/* Frees what replaying has replaced: nobody has seen it. */
void catalog_destroy_retired(struct catalog_state *state);

/* Behind a loss: no producer id that an opening before this one may have given out is given out again. */
void catalog_leap_producer_ids(struct catalog_state *state);

/* How many shards the directory was made with, by an identity record's body; 0: it does not say. */
uint32_t catalog_identity_shards(struct slice body);

/* The file that adds up to the same state, as short as can be; `sequence` comes out as that of its last record. */
void catalog_put_state(struct catalog_bytes *bytes, const struct catalog_state *state, uint64_t *sequence);

/* The bodies that single changes are made of. */
void catalog_put_journals(struct catalog_bytes *bytes, uint64_t incarnation, uint32_t shard_count);
void catalog_put_identity(struct catalog_bytes *bytes, const struct meta_properties *identity, uint32_t shard_count);
void catalog_put_topic(struct catalog_bytes *bytes, const struct topic *topic);
void catalog_put_overrides(struct catalog_bytes *bytes, const struct config_override *overrides, uint32_t count);

void catalog_put_setting(struct catalog_bytes *bytes, const struct setting_change *change);

/* Known names and values that pass: 0 or ERR_INVALID_CONFIG with a sentence. */
MUST_USE int catalog_check_overrides(const struct config_override *overrides, uint32_t count, char *why, size_t why_size);
