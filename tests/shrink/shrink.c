/* Delta debugging over the steps of a plan: first halves, then quarters, down to single steps, until nothing more can go. */
#include "tests/shrink/shrink.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log/base/check.h"

#define TRY_SECONDS 20

static void *take_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

void shrink_try(const struct shrink_subject *subject, const void *plan, struct shrink_outcome *outcome, FILE *story)
{
	static struct shrink_outcome *shared;
	if (!shared)
		shared = take_shared(sizeof *shared);
	memset(shared, 0, sizeof *shared);
	fflush(NULL);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){TRY_SECONDS, TRY_SECONDS + 1});
		subject->run(plan, shared, story);
		fflush(NULL);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	*outcome = *shared;
	if (!WIFSIGNALED(status) && WEXITSTATUS(status) == 0)
		return;
	outcome->has_failed = true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		snprintf(outcome->kind, sizeof outcome->kind, "hang");
	else
		snprintf(outcome->kind, sizeof outcome->kind, "signal %d, status %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WEXITSTATUS(status));
	snprintf(outcome->verdict, sizeof outcome->verdict, "the process ended with %s", outcome->kind);
}

/* ---- plans as bytes ---------------------------------------------------------------------------------------------------- */

struct effort {
	const struct shrink_subject *subject;
	uint8_t *plan, *other;      /* as short as it is; and the one that is tried */
	const char *kind;
	uint32_t tries;
	time_t until;
};

static uint32_t *count_of(const struct effort *effort, uint8_t *plan)
{
	return (uint32_t *)(plan + effort->subject->count_at);
}

static bool is_spent(const struct effort *effort)
{
	return time(NULL) >= effort->until;
}

static void begin_other(struct effort *effort)
{
	memcpy(effort->other, effort->plan, effort->subject->plan_size);
}

/* True if the other plan fails alike: then it is the plan. */
static bool try_other(struct effort *effort)
{
	struct shrink_outcome outcome;
	effort->tries++;
	shrink_try(effort->subject, effort->other, &outcome, NULL);
	if (!outcome.has_failed || strcmp(outcome.kind, effort->kind) != 0)
		return false;
	memcpy(effort->plan, effort->other, effort->subject->plan_size);
	return true;
}

static void leave_out(struct effort *effort, uint32_t from, uint32_t count)
{
	uint8_t *steps = effort->other + effort->subject->steps_at;
	size_t size = effort->subject->step_size;
	uint32_t left = *count_of(effort, effort->other) - from - count;
	memmove(steps + from * size, steps + (from + count) * size, left * size);
	*count_of(effort, effort->other) -= count;
}

/* From the end to the beginning: what comes late is needed least. True if something went. */
static bool drop_chunks(struct effort *effort, uint32_t size)
{
	bool has_dropped = false;
	for (uint32_t end = *count_of(effort, effort->plan); end > 0 && !is_spent(effort);) {
		uint32_t from = end > size ? end - size : 0;
		begin_other(effort);
		leave_out(effort, from, end - from);
		has_dropped |= try_other(effort);
		end = from;
	}
	return has_dropped;
}

static void drop_steps(struct effort *effort)
{
	uint32_t count = *count_of(effort, effort->plan);
	for (uint32_t size = count > 1 ? count / 2 : count; size >= 1 && !is_spent(effort);) {
		bool has_dropped = drop_chunks(effort, size);
		if (size > 1)
			size /= 2;
		else if (!has_dropped)
			break;
	}
}

static void drop_knobs(struct effort *effort)
{
	for (uint32_t n = 0; !is_spent(effort); n++) {
		begin_other(effort);
		if (!effort->subject->simplify(effort->other, n))
			return;
		if (memcmp(effort->other, effort->plan, effort->subject->plan_size) != 0)
			(void)try_other(effort);
	}
}

uint32_t shrink(const struct shrink_subject *subject, void *plan, const char *kind, uint32_t seconds_max)
{
	struct effort effort = {.subject = subject, .plan = plan, .other = malloc(subject->plan_size), .kind = kind, .until = time(NULL) + seconds_max};
	CHECK(effort.other);
	drop_steps(&effort);
	drop_knobs(&effort);
	drop_steps(&effort);
	free(effort.other);
	return effort.tries;
}
