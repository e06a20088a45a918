/* Reads of batches that are in files alone: the asynchronous half of partition_read. Owner: the partition's shard. Private to log/partition. */
#pragma once

#include "log/partition/partition.h"
#include "log/segment/segment.h"

/* Begins to read the batches of `segment` from the one that holds op->offset on; `position` is that of a batch at or before it, and
 * `last_offset` that batch's last one by the index (-1: it is the segment's first).
 * READ_PENDING; READ_DONE if the file cannot be opened (op->err). */
enum read_result disk_read_start(struct read_op *op, struct segment *segment, uint64_t position, int64_t last_offset);
/* op->buffer for one batch that is no recycled one (NULL: no memory). false: others hold too much of such; op waits, with nothing but its partition, and is
 * read again when they have given it back: done() follows. */
bool disk_read_take_large(struct read_op *op, uint64_t size_bytes);
/* The answer has been sent: what it holds serves the next read. */
void disk_read_give_back(struct read_op *op);
