/* The bytes of a checkpoint, for who writes and believes them (checkpoint.c) and for who looks at them without a store (log/verify/checkpoint_view.c).
 *
 * `checkpoint-<shard>`, little endian, XXH3-64 of everything before it at the end:
 *
 *   magic "SPATECKP" 8 | version u32 = 7 | shard u32 | incarnation u64 | partitions u32 | sequence of the catalog's last record u64 |
 *   seed of the journal u64 | generation u64 | incarnation of the journal u64 (version 2: not these three; version 1: nor the sequence) |
 *   flags u16 (1: all that was ever accepted is filed, and this opening accepts nothing more; from version 4 on) |
 *   the journal's last group that was durable by then u48 (0: not said, as earlier builds wrote it) |
 *   the time that retention went by, ms u48, and for how many minutes a wall clock ahead of it was on trial u16 (from version 5 on),
 *   then for each partition:
 *   topic id 16 | index u32 | log start offset i64 | segments u32 | epochs u32 | damages u32 | producers' size u32
 *   segments: base offset i64 | filed offset i64 | filed position u64 | flags u32 (1 file, 2 complete, 4 sealed) | first, max timestamp i64 x 2 |
 *             max timestamp offset i64 | batches u64 | records u64 | first, last epoch i32 x 2 | CRC of its first batch u32 (from version 3) |
 *             a position at or before the filed one u64 | checksum of the headers of all batches before it u64 | size and CRC of the last of them u32 x 2 (from
 *             version 6; 0: not known); in the second byte of the flags, from version 7 on, the number of its steps
 *   steps of all segments (log/segment/mark.h): position u64 | checksum of the headers of all batches before it u64 | size and CRC of the last of them u32 x 2
 *   epochs: epoch i32 | start offset i64; damages: from i64 | to i64; then the producers (producer_state_encode).
 *
 * Any thread; never touches the disk. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/err.h"

#define CHECKPOINT_MAGIC "SPATECKP"
#define CHECKPOINT_VERSION 7
#define CHECKPOINT_HEADER_SIZE 76
#define CHECKPOINT_HEADER_SIZE_V4 68
#define CHECKPOINT_HEADER_SIZE_V3 60
#define CHECKPOINT_HEADER_SIZE_V2 36
#define CHECKPOINT_HEADER_SIZE_V1 28
#define CHECKPOINT_PARTITION_SIZE 44
#define CHECKPOINT_SEGMENT_SIZE 104
#define CHECKPOINT_SEGMENT_SIZE_V5 80
#define CHECKPOINT_SEGMENT_SIZE_V2 76
#define CHECKPOINT_EPOCH_SIZE 12
#define CHECKPOINT_DAMAGE_SIZE 16
#define CHECKPOINT_CHECKSUM_SIZE 8

#define CHECKPOINT_FLAG_BITS 16 /* of the word that they share with the journal's last group */
#define CHECKPOINT_STEPS_SHIFT 8 /* of a segment's flags */

enum { CHECKPOINT_IS_ALL_FILED = 1 };
enum { CHECKPOINT_SEGMENT_HAS_FILE = 1, CHECKPOINT_SEGMENT_IS_COMPLETE = 2, CHECKPOINT_SEGMENT_IS_SEALED = 4 };

/* Is it whole, and of a version that is known? Then *header_size is that of its version. ERR_CORRUPT_LOG, ERR_FORMAT. */
MUST_USE int checkpoint_check(struct slice file, size_t *header_size);
/* Of the partition at `at`, with all that belongs to it; 0: that does not lie before the end. */
uint64_t checkpoint_partition_size(uint32_t version, const uint8_t *at, const uint8_t *end);
/* Of each of its segments. */
uint32_t checkpoint_segment_size(uint32_t version);
uint32_t checkpoint_step_count(uint32_t version, const uint8_t *segment);
/* The bytes of the steps of `count` segments that lie there one behind the other. */
size_t checkpoint_steps_size(uint32_t version, const uint8_t *segments, uint32_t count);
