/* Regular expressions over topic names, in the syntax of RE2/J (SubscribedTopicRegex, KIP-848: that is what Kafka reads them with). A pattern matches a
 * name as a whole. Matching takes at most the pattern's size times the name's: all ways are followed at once, there is no backtracking.
 *
 * It is our own because Debian has no C library for RE2's syntax: PCRE2 backtracks and knows things that Kafka refuses, TRE does not know flags and
 * classes that Kafka knows. Names are ASCII letters, digits, '.', '_' and '-', which leaves little of it: a set of characters is 128 bits.
 *
 * Owns what it compiled. Any thread, one at a time. */
#pragma once

#include "log/base/err.h"

/* Steps of the compiled form: repetitions are written out, as in RE2. What would need more is refused. */
#define TOPIC_PATTERN_STEPS_MAX 65536

struct topic_pattern;

/* -EINVAL: `why` (it may be NULL) says what is wrong with it, in RE2/J's words. -ENOMEM. */
MUST_USE int topic_pattern_compile(struct topic_pattern **out, struct slice text, char *why, size_t why_size);
void topic_pattern_free(struct topic_pattern *pattern);
bool topic_pattern_matches(struct topic_pattern *pattern, struct slice name);
