/* A record as a line of JSON, as `consume --json` prints it and a person may write it:
 *
 *   {"key":"k","value":"v","headers":[{"name":"a","value":"1"}],"timestamp":1700000000000,"partition":0}
 *
 * value (or value_base64) must be there, all else may be left out; key_base64, name_base64 likewise. A value that is no string is taken as its JSON text;
 * headers may be an object. topic, offset and timestamp_type, which consume prints, are read over; any other name is refused, as it would be a slip.
 * Owner: the main thread. Knows jansson. */
#pragma once

#include "log/base/types.h"

#define JSON_HEADERS_MAX 1024

struct json_header {
	struct slice name, value; /* value.data NULL = null */
};

struct json_record {
	struct slice key, value;  /* data NULL = null; an empty one has data */
	int64_t timestamp_ms;     /* -1 = none is given */
	int32_t partition;        /* -1 = none is given */
	struct json_header *headers;
	uint32_t header_count;
	void *document;           /* what the slices point into */
	void **texts;             /* and these: decoded or printed anew */
	uint32_t text_count;
};

/* False with a sentence in `why`; nothing is to be freed then. */
MUST_USE bool json_record_parse(struct json_record *out, struct slice line, char *why, size_t why_size);
void json_record_free(struct json_record *record);
