/* The check of a file of append times. It is never synced, so a power cut may leave any of its blocks as it was, or zeros: entries that fail their checksums
 * are no sign of rot, and tell nothing. What no crash leaves is a head of something else. Owner: the thread that verifies; reads only. */
#pragma once

#include "log/segment/append_times.h"
#include "log/verify/finding.h"

struct io;

/* `owner` NULL: it is not known whose it must be. *what NULL: nothing is to be told; else what, as a finding of *kind. -errno: it cannot be read. */
MUST_USE int append_time_check(struct io *io, const char *path, const struct append_time_owner *owner, enum finding_kind *kind, const char **what);
