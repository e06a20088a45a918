/* Where a message can lie: each length, count, tag section, text, flag and id in the bytes of a good request, found by walking them with the
 * schema (kmsg_fields.h). The bytes are our own and sound. Owned by the caller; one thread. */
#pragma once

#include "kmsg_fields.h"
#include "log/base/bytes.h"

enum mark_kind {
	MARK_LENGTH,            /* before a string, bytes or records */
	MARK_COUNT,             /* before an array */
	MARK_TAGS,              /* the count of tagged fields */
	MARK_TEXT,              /* the bytes of a string that is not empty */
	MARK_BOOL, MARK_ID,
	MARK_PRESENCE,          /* before a struct that may be null */
};

struct mark {
	enum mark_kind kind;
	char path[120];         /* "topics.partitions" */
	size_t at, size;        /* the bytes of the length, count, text, ... itself */
	bool is_varint;
	bool is_nullable;       /* in this version */
	int64_t value;          /* of a length or count; -1 is null */
	size_t first, first_end;/* a count: where its first element begins and ends; both 0 without one */
	int known_tag;          /* tags: the number of a tagged field that belongs here, or -1 */
};

struct marks {
	struct mark *items;
	size_t count;
};

void marks_find(struct marks *marks, const struct kmsg_description *message, int version, struct slice body);
void marks_free(struct marks *marks);
