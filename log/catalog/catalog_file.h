/* The bytes of catalog.log: a header, then records, each of which is one change with its checksum. All numbers little-endian.
 *
 *   header, 24 bytes                       record
 *    0  8  "SPATECAT"                       0  4  size of the body
 *    8  4  version of the format, 1         4  4  kind
 *   12  4  zero                             8  8  sequence: 1, 2, 3, ...
 *   16  8  XXH3-64 of the 16 bytes above   16  8  XXH3-64 of the body, seeded with that of the 16 bytes above
 *                                          24     body
 *
 * A change is one record however many topics it names, so a write that a crash tore leaves one bad record with nothing behind it.
 * A bad record with a good one of a higher sequence anywhere behind it is damage to what was once synced, and never cut off.
 * Any thread; reads and writes memory alone. Private to log/catalog and to those who look into its file. */
#pragma once

#include "log/base/types.h"

#define CATALOG_HEADER_SIZE 24
#define CATALOG_FRAME_SIZE 24

enum catalog_kind {
	CATALOG_IDENTITY = 1,     /* directory id 16, node id 4, text cluster id, shards 4 (earlier builds wrote none) */
	CATALOG_OPENED = 2,       /* incarnation 8 */
	CATALOG_CREATED = 3,      /* count 4, then for each: id 16, text name, partitions 4, incarnation 8, overrides */
	CATALOG_DELETED = 4,      /* count 4, then ids */
	CATALOG_GROWN = 5,        /* id 16, partitions 4 */
	CATALOG_CONFIGURED = 6,   /* id 16, overrides */
	CATALOG_PRODUCER_IDS = 7, /* next producer id 8 */
	CATALOG_SETTINGS = 8,     /* count 4, then for each: type 1, is set 1, text name, text key, and if set text value */
	CATALOG_JOURNALS = 9,     /* incarnation 8 of an opening that all journals have noted, shards 4 (earlier builds wrote none) */
	catalog_kind_count
	/* text: size 4, bytes. overrides: count 4, then for each: text name, text value. */
};

#define CATALOG_KIND_MAX 255u /* of any version: a record of a kind that is not above is a later one's, and refused by name */

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Bytes that grow; no memory sets the flag, and everything after that does nothing. Zeroed at first; freed with free(data). */
struct catalog_bytes {
	uint8_t *data;
	size_t size, capacity;
	bool has_failed;
	size_t frame; /* where the open record begins */
};

void catalog_put(struct catalog_bytes *bytes, const void *data, size_t size);
void catalog_put_u32(struct catalog_bytes *bytes, uint32_t value);
void catalog_put_u64(struct catalog_bytes *bytes, uint64_t value);
void catalog_put_text(struct catalog_bytes *bytes, struct slice text);
void catalog_put_header(struct catalog_bytes *bytes);
/* Everything put between the two is the body. */
void catalog_begin(struct catalog_bytes *bytes, enum catalog_kind kind, uint64_t sequence);
void catalog_end(struct catalog_bytes *bytes);

/* ---- reading --------------------------------------------------------------------------------------------------- */

MUST_USE bool catalog_header_is_good(struct slice file);

struct catalog_frame {
	enum catalog_kind kind; /* or one of a later version */
	struct slice body;
	size_t end; /* the position behind it */
};
enum catalog_next { CATALOG_NEXT_RECORD, CATALOG_NEXT_END, CATALOG_NEXT_BAD };
/* The record at `position`, which must have just this sequence. */
enum catalog_next catalog_next(struct slice file, size_t position, uint64_t sequence, struct catalog_frame *frame);
/* Where from `position` on, where the record of this sequence is not, a good one of a later sequence begins; 0 = nowhere. */
size_t catalog_find_later(struct slice file, size_t position, uint64_t sequence);

/* A body being read; what is missing sets the flag and reads as zero. */
struct catalog_cursor {
	const uint8_t *at, *end;
	bool has_failed;
};
const uint8_t *catalog_take(struct catalog_cursor *cursor, size_t size);
uint32_t catalog_take_u32(struct catalog_cursor *cursor);
uint64_t catalog_take_u64(struct catalog_cursor *cursor);
struct slice catalog_take_text(struct catalog_cursor *cursor);
