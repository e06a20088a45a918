/* A thread's slice becomes short where the kernel knows of slices, and nothing else of it changes. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/short_slice.h"

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static struct attributes ask(void)
{
	struct attributes now = {0};
	cr_assert_eq(syscall(SYS_sched_getattr, 0, &now, sizeof now, 0), 0);
	return now;
}

Test(short_slice, is_asked_for_and_niceness_stays)
{
	cr_assert_eq(setpriority(PRIO_PROCESS, 0, 12), 0);
	struct attributes before = ask();
	short_slice_ask();
	struct attributes after = ask();
	cr_expect_eq(after.runtime_ns, before.runtime_ns ? SHORT_SLICE_NS : 0);
	cr_expect_eq(after.nice, 12);
	cr_expect_eq(after.policy, before.policy);
	cr_expect_eq(after.flags, before.flags);
}

Test(short_slice, another_policy_stays)
{
	struct sched_param none = {0};
	cr_assert_eq(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	struct attributes before = ask();
	short_slice_ask();
	cr_expect_eq(ask().runtime_ns, before.runtime_ns);
	cr_expect_eq(ask().policy, (uint32_t)SCHED_BATCH);
}
