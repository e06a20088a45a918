/* The mailbox of a shard: messages from other threads (and from itself), taken all at once, in the order each sender sent them.
 *
 * Owner: one thread takes; any thread posts. A posted message belongs to the receiver until it comes back. Posting moves ownership, so the
 * sender touches nothing of it afterwards. The only lock-free file. */
#pragma once

#include "log/base/types.h"

/* Embedded in what crosses. */
struct message {
	struct message *next;
	uint8_t kind;                /* enum message_kind (net/route/task.h) */
};

struct mailbox {
	struct message *newest;      /* atomic */
};

/* True if the mailbox was empty: then the receiver must be woken. */
MUST_USE bool mailbox_post(struct mailbox *mailbox, struct message *message);

/* All messages there are, the oldest first, linked by `next`; NULL if there are none. */
struct message *mailbox_take(struct mailbox *mailbox);
