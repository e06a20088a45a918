/* A stack that the receiver takes whole and turns around: a post is one compare-and-swap, a take one exchange, and since nobody
 * pops a single node there is no ABA. Who posts into an empty stack wakes the receiver; who finds it filled knows that somebody did. */
#include "net/route/mailbox.h"

bool mailbox_post(struct mailbox *mailbox, struct message *message)
{
	struct message *seen = __atomic_load_n(&mailbox->newest, __ATOMIC_RELAXED);
	do {
		message->next = seen;
	} while (!__atomic_compare_exchange_n(&mailbox->newest, &seen, message, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return seen == NULL;
}

struct message *mailbox_take(struct mailbox *mailbox)
{
	if (!__atomic_load_n(&mailbox->newest, __ATOMIC_RELAXED))
		return NULL;
	struct message *newest = __atomic_exchange_n(&mailbox->newest, NULL, __ATOMIC_ACQUIRE);
	struct message *oldest = NULL;
	while (newest) {
		struct message *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}
