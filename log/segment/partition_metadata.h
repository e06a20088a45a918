/* Kafka's `partition.metadata`: which topic a partition directory belongs to, as two lines of text,
 * "version: 0" and "topic_id: <22 characters>". Owns nothing; any thread; never touches the disk. */
#pragma once

#include "log/base/err.h"

#define PARTITION_METADATA_NAME "partition.metadata"
#define PARTITION_METADATA_SIZE_MAX 128u /* of what we write, and of what is read */

/* Returns the size of the text. */
size_t partition_metadata_encode(const struct uuid *topic_id, char out[PARTITION_METADATA_SIZE_MAX]);
/* ERR_FORMAT: another version. ERR_CORRUPT_LOG: not such a text, or the zero id. */
MUST_USE int partition_metadata_decode(struct uuid *topic_id, struct slice text);
