/* Happy path: what the kernel says of the thread goes back to it with another slice, and all else as it was. Nothing fails that matters. */
#include "net/short_slice.h"

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's sched_attr in its first form: its header and the C library's do not go together. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns; /* runtime: the slice, of the usual policy; 0 where that is not known */
};

void short_slice_ask(void)
{
	struct attributes now;
	if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) || now.policy != SCHED_OTHER || (now.runtime_ns && now.runtime_ns <= SHORT_SLICE_NS))
		return;
	now.runtime_ns = SHORT_SLICE_NS;
	(void)!syscall(SYS_sched_setattr, 0, &now, 0);
}
