/* The topic of a run: made, looked up and deleted with blocking requests around it.
 * Owns nothing; any thread. Each writes what went wrong into `failure` (LOAD_FAILURE_BYTES). */
#pragma once

#include "bench/load/load.h"

/* An existing topic is no error. Waits until every partition is served. */
int load_topic_create(const struct load_config *config, char *failure) MUST_USE;
int load_topic_delete(const struct load_config *config, char *failure) MUST_USE;
/* Forgets all records of partition 0, whose log then begins at its end. */
int load_topic_delete_records(const struct load_config *config, char *failure) MUST_USE;
/* How many partitions the topic has. */
int load_topic_count_partitions(const struct load_config *config, uint32_t *partitions, char *failure) MUST_USE;

/* The first offset of each of the partitions 0..partitions - 1, or the one behind its last record. */
int load_topic_list_starts(const struct load_config *config, uint32_t partitions, uint64_t *starts, char *failure) MUST_USE;
int load_topic_list_ends(const struct load_config *config, uint32_t partitions, uint64_t *ends, char *failure) MUST_USE;
