/* Record batches of the cases: made from a few words of JSON, and taken apart into JSON to be compared. Owns nothing; one thread.
 *
 *	{count: 3}                    one batch, three records with keys, values and timestamps that are always the same
 *	{batches: [{...}, {...}]}     several
 *
 * A batch: count, base_offset, leader_epoch, magic, codec (0 to 4), attributes (more bits), timestamp (of the first record; each further one
 * is a millisecond later), producer_id, producer_epoch, sequence, value_size, null_keys, null_values, headers. And what is wrong with it:
 * crc, length, records_count, last_delta, max_timestamp (each added to what is right), cut (bytes left away at the end). */
#pragma once

#include "tests/differential/bytes_out.h"

#include <jansson.h>

/* False and *why if it cannot be made. */
bool records_build(struct bytes_out *out, const json_t *spec, const char **why);

/* A list of batches: their header fields (but the leader epoch and what only says when it was appended), and a hash of the bytes behind the
 * header. Null stays null; bytes that are no batch are shown by their number. A batch that is cut off at the end is left out, as consumers
 * do: Kafka cuts at partition_max_bytes. */
json_t *records_summary(struct slice bytes);
