/* What a check of a data directory finds, one thing at a time, and who is told. Owns nothing: the texts
 * live as long as the call. The thread that verifies. */
#pragma once

#include "log/base/types.h"

enum finding_kind {
	/* bytes below the durable point are not what they were: a record, or what the log must know, is
	 * lost or doubtful */
	FINDING_DAMAGE,
	FINDING_DERIVED, /* a file that is made anew from the log does not fit it: no record is lost */
	FINDING_NOTE,    /* nothing is wrong, but it is worth knowing */
	finding_kind_count
};

/* "damage", "derived", "note". Static storage. */
const char *finding_kind_name(enum finding_kind kind);

#define NOWHERE (-1)

struct finding {
	enum finding_kind kind;
	const char *topic;       /* NULL: none */
	int32_t partition;       /* NOWHERE: none */
	const char *file;        /* below the data directory; "" is the directory itself */
	int64_t from, to;        /* offsets [from, to); NOWHERE: none, or not known */
	int64_t position_from, position_to; /* bytes of the file, likewise */
	const char *what;        /* without a final stop */
	bool is_fatal;           /* the broker does not start with it, and to go on without may give up what was acknowledged */
	bool is_fenced;          /* damage that was known, and is fenced since an earlier start */
	bool is_whole_again;     /* fenced, and what the fence stands before is there again: a repair takes it away */
	bool is_tail;            /* a note: the next start cuts it off */
	bool is_anothers;        /* the file is another data directory's: nothing of it is to be believed */
};

typedef void finding_fn(void *context, const struct finding *finding);
