/* The JSON of the case files: keys and plain words need no quotes, so that a request reads easily: {name: $t, acks: -1}. Owns nothing. */
#pragma once

#include <jansson.h>

/* NULL and *why (static storage) if it cannot be read. */
json_t *relaxed_parse(const char *text, const char **why);
