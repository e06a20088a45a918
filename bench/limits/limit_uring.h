/* What the limit programs that serve with io_uring share: one ring for one thread, entries that carry an object and what they are for, and
 * the loop. Anything unexpected ends the program, as in limit.h. */
#pragma once

#include "bench/limits/limit.h"

#include <liburing.h>

#define LIMIT_RING_ENTRIES 1024
#define LIMIT_EVENT_ACCEPT 0 /* the programs' own events are 1 to 3: two bits of an object's address */

static struct io_uring limit_ring;

/* Submits what there is if there is no room. */
static inline struct io_uring_sqe *limit_prepare(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&limit_ring);
	while (!sqe) {
		io_uring_submit(&limit_ring);
		sqe = io_uring_get_sqe(&limit_ring);
	}
	return sqe;
}

static inline void limit_tag(struct io_uring_sqe *sqe, void *object, unsigned event)
{
	sqe->user_data = (uint64_t)(uintptr_t)object | event;
}

/* The ring, and whoever connects: his socket comes as the result of LIMIT_EVENT_ACCEPT. */
static inline void limit_ring_open(int listener)
{
	int err = io_uring_queue_init(LIMIT_RING_ENTRIES, &limit_ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (err)
		limit_die("io_uring", -err);
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	limit_tag(sqe, NULL, LIMIT_EVENT_ACCEPT);
}

/* Submits, waits for at least one completion, and hands over all that are there. */
static inline void limit_ring_turn(void (*complete)(void *object, unsigned event, int result))
{
	struct io_uring_cqe *cqe;
	int err = io_uring_submit_and_wait(&limit_ring, 1);
	if (err < 0 && err != -EINTR)
		limit_die("ring", -err);
	while (io_uring_peek_cqe(&limit_ring, &cqe) == 0) {
		uint64_t user_data = cqe->user_data;
		int result = cqe->res;
		io_uring_cqe_seen(&limit_ring, cqe);
		complete((void *)(uintptr_t)(user_data & ~3ull), (unsigned)(user_data & 3), result);
	}
}
