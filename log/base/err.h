/* The one space of errors of log/: 0 is success, -errno what the system said, and below -1000 what
 * the log itself refuses. net/ maps these to Kafka's codes in one place. Any thread; never allocates. */
#pragma once

#include "log/base/types.h"

/* code, name, sentence */
#define ERR_LIST(X)                                                                                   \
	X(-1000, ERR_CORRUPT_BATCH, "a batch is truncated or fails its CRC")                          \
	X(-1001, ERR_INVALID_RECORD, "a batch or record breaks the record format")                    \
	X(-1002, ERR_INVALID_TIMESTAMP, "a record timestamp is outside the topic's bounds")           \
	X(-1003, ERR_BATCH_TOO_LARGE, "a batch is larger than max.message.bytes")                     \
	X(-1004, ERR_BATCH_EXCEEDS_SEGMENT, "a batch is larger than segment.bytes")                   \
	X(-1005, ERR_UNSUPPORTED_CODEC, "the compression codec is unknown or not allowed here")       \
	X(-1006, ERR_BROKEN_COMPRESSION, "compressed records cannot be decompressed")                 \
	X(-1007, ERR_OUT_OF_ORDER_SEQUENCE, "a producer's sequence number does not follow its last")  \
	X(-1008, ERR_PRODUCER_EPOCH, "a producer's epoch is older than the known one")                \
	X(-1009, ERR_OFFSET_OUT_OF_RANGE, "the offset is outside [log start offset, high watermark]") \
	X(-1010, ERR_UNKNOWN_TOPIC, "no such topic or partition")                                     \
	X(-1011, ERR_TOPIC_EXISTS, "the topic exists")                                                \
	X(-1012, ERR_INVALID_TOPIC_NAME, "the topic name is not allowed")                             \
	X(-1013, ERR_INVALID_CONFIG, "a config name or value is not allowed")                         \
	X(-1014, ERR_INVALID_PARTITIONS, "the partition count is not allowed")                        \
	X(-1015, ERR_BUSY, "no memory for this now: retry when the log has caught up")                \
	X(-1016, ERR_FAILED, "durability is broken here: the partition or the store has failed")      \
	X(-1017, ERR_CORRUPT_LOG, "stored bytes fail their check")                                    \
	X(-1018, ERR_LOCKED, "the data directory is in use by another process")                       \
	X(-1019, ERR_FORMAT, "a file is not of the format expected")                                  \
	X(-1020, ERR_CLOSED, "the partition was closed or deleted")                                   \
	X(-1021, ERR_UNKNOWN_PRODUCER, "the producer id has no open transaction here")   \
	X(-1022, ERR_INVALID_SETTING, "a setting's name, key or value is too long")                   \
	X(-1023, ERR_TOO_MANY_SETTINGS, "there would be more settings than the catalog keeps")        \
	X(-1024, ERR_NOT_A_FILE, "it is no regular file")                                             \
	X(-1025, ERR_GONE, "its file was moved, removed or replaced while it was in use") \
	X(-1026, ERR_OFFLINE, "the partition is offline: its files cannot be read")

enum err {
#define X(code, name, text) name = code,
	ERR_LIST(X)
#undef X
};

/* There is no room for it on the disk now: no space, no quota left, or a limit of the size of files. A state that may pass, and no failure of the disk. */
bool err_is_full(int err);

/* The system has no more descriptors, or no memory, for this now. It has not been tried, so it may be tried again; it says nothing of what is on disk. (What a
 * sync says is never one of these: log/io.) */
bool err_is_shortage(int err);

/* What is one file's or directory's own fault, or that of a disk which nothing else lies on: there is something, and it cannot be read or written. That costs whose it is, and nobody else. */
bool err_is_of_one_place(int err);

/* Such an error that somebody can put right as it stands: no right to it, or a disk that is not mounted. Nothing was tried. */
bool err_is_out_of_reach(int err);

/* "ERR_CORRUPT_BATCH", or the errno's name ("EIO"). Static storage. */
const char *err_name(int err);

/* A sentence without a final stop. Static storage. */
const char *err_text(int err);
