/* The names of a segment's files: the base offset in 20 decimal digits and what the file is, as Kafka writes them
 * ("00000000000000000042.log"). Owns nothing; any thread; never touches the disk. */
#pragma once

#include "log/base/types.h"

enum segment_file {
	SEGMENT_FILE_LOG,        /* .log        record batches, as on the wire */
	SEGMENT_FILE_INDEX,      /* .index      offset -> position */
	SEGMENT_FILE_TIME_INDEX, /* .timeindex  timestamp -> offset */
	SEGMENT_FILE_TXN_INDEX,  /* .txnindex   aborted transactions */
	SEGMENT_FILE_SNAPSHOT,   /* .snapshot   producer state at this offset */
	SEGMENT_FILE_SEAL,       /* .seal       checksums of a segment that is complete (log/segment/seal.h); ours alone */
	SEGMENT_FILE_APPEND_TIME, /* .appendtime  when its records were appended (log/segment/append_times.h); ours alone */
	segment_file_count
};

#define SEGMENT_NAME_SIZE 32 /* 20 digits, the longest ending and a zero byte, rounded up */

/* `base_offset` >= 0. */
void segment_name_format(char out[SEGMENT_NAME_SIZE], int64_t base_offset, enum segment_file file);

/* `dir`/name, as far as it fits: a directory's path that does not is no directory. */
void segment_path_format(char *out, size_t size, const char *dir, int64_t base_offset, enum segment_file file);

/* False for any other name: more or fewer digits, an offset above INT64_MAX, another ending
 * (".log.deleted", ".tmp"). */
bool segment_name_parse(const char *name, int64_t *base_offset, enum segment_file *file);
