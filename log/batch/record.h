/* One record of a batch: its fields as views, its headers, and how it is encoded.
 * Owns nothing: a record points into bytes of the iterator's or the caller's. Any thread; never allocates. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/err.h"

/* data == NULL means null for keys and values; an empty one has size 0 and some data. */
struct record {
	int64_t offset;
	int64_t timestamp_ms;             /* LogAppendTime batches: the batch's, whatever the record says */
	struct slice key;
	struct slice value;
	uint32_t header_count;
	struct slice headers;             /* as encoded, without the count: walk with record_header_next */
};

struct record_header {
	struct slice key;                 /* never null */
	struct slice value;               /* may be null */
};

/* Takes the next header off `rest`, a copy of record->headers. False at the end, or where bytes break the format (an iterator
 * has checked those of the records it returned). */
bool record_header_next(struct slice *rest, struct record_header *out);

/* The bytes one header takes, and its encoding into room for that many; returns them. */
size_t record_header_size(const struct record_header *header);
size_t record_header_write(uint8_t *out, const struct record_header *header);

/* The part of a record before its key: the length prefix, attributes, deltas and the key's length. At most RECORD_PREFIX_MAX bytes. */
#define RECORD_PREFIX_MAX 26
#define RECORD_OVERHEAD_MAX 36    /* all but key, value and headers: 26 + value length 5 + header count 5 */
