/* Filing: writing a stretch of a segment to its file in large aligned pieces and syncing it. The pool of filings bounds what is in
 * flight; a filing is the in-flight operation, embedded nowhere because few of many segments are filed at once.
 * Owner: the shard's thread. Declared for segment.c; segment.h has the verbs. */
#pragma once

#include "log/segment/segment.h"

MUST_USE int filing_pool_open(struct segment_home *home);
void filing_pool_close(struct segment_home *home);
