/* How the text of a config value is read: space around it counts for nothing, numbers are decimal, lists are split at commas.
 * Private to log/config. Owns nothing; any thread; never allocates. False means the text is not of that type. */
#pragma once

#include "log/base/types.h"

struct slice config_trim(struct slice text);
MUST_USE bool config_parse_int(struct slice text, int64_t *out);
/* A whole number, however large. */
bool config_is_whole(struct slice text);
MUST_USE bool config_parse_double(struct slice text, double *out);
MUST_USE bool config_parse_bool(struct slice text, bool *out);
/* Takes the next item, trimmed, off a list; false when there is none. An empty list has no items. */
MUST_USE bool config_next_item(struct slice *rest, struct slice *item);
