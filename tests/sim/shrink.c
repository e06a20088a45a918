/* Delta debugging over the steps of a plan: first halves, then quarters, down to single steps, until nothing more can go. */
#include "tests/sim/shrink.h"

#include <signal.h>
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

void shrink_try(const struct plan *plan, struct run_result *result, FILE *story)
{
	static struct run_result *shared;
	static uint64_t points[point_count];
	if (!shared)
		shared = take_shared(sizeof *shared);
	memset(shared, 0, sizeof *shared);
	fflush(NULL);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){TRY_SECONDS, TRY_SECONDS + 1});
		run_plan(plan, shared, points, story);
		fflush(NULL);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	*result = *shared;
	if (!WIFSIGNALED(status) && WEXITSTATUS(status) == 0)
		return;
	result->has_failed = true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		snprintf(result->kind, sizeof result->kind, "hang");
	else
		snprintf(result->kind, sizeof result->kind, "signal %d, status %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WEXITSTATUS(status));
	snprintf(result->verdict, sizeof result->verdict, "the process ended with %s", result->kind);
}

static bool fails_alike(const struct plan *plan, const char *kind)
{
	struct run_result result;
	shrink_try(plan, &result, NULL);
	return result.has_failed && strcmp(result.kind, kind) == 0;
}

static void leave_out(struct plan *plan, uint32_t from, uint32_t count)
{
	memmove(plan->steps + from, plan->steps + from + count, (plan->step_count - from - count) * sizeof *plan->steps);
	plan->step_count -= count;
}

struct effort {
	const char *kind;
	uint32_t tries;
	time_t until;
};

static bool is_spent(const struct effort *effort)
{
	return time(NULL) >= effort->until;
}

/* From the end to the beginning: what comes late is needed least. True if something went. */
static bool drop_chunks(struct plan *plan, uint32_t size, struct effort *effort)
{
	bool has_dropped = false;
	for (uint32_t end = plan->step_count; end > 0 && !is_spent(effort);) {
		uint32_t from = end > size ? end - size : 0;
		struct plan shorter = *plan;
		leave_out(&shorter, from, end - from);
		effort->tries++;
		if (fails_alike(&shorter, effort->kind)) {
			*plan = shorter;
			has_dropped = true;
		}
		end = from;
	}
	return has_dropped;
}

static void try_knobs(struct plan *plan, const struct knobs *knobs, struct effort *effort)
{
	struct plan simpler = *plan;
	simpler.knobs = *knobs;
	effort->tries++;
	if (!is_spent(effort) && fails_alike(&simpler, effort->kind))
		*plan = simpler;
}

static void drop_knobs(struct plan *plan, struct effort *effort)
{
#define SIMPLER(field, value)                          \
	do {                                           \
		struct knobs knobs = plan->knobs;      \
		knobs.field = value;                   \
		try_knobs(plan, &knobs, effort);       \
	} while (0)
	SIMPLER(peeks, 0);
	SIMPLER(short_per_mille, 0);
	SIMPLER(stall_per_mille, 0);
	SIMPLER(latency_percent, 100);
	SIMPLER(retention_bytes, -1);
	SIMPLER(retention_ms, -1);
	SIMPLER(retention_check_ms, 0);
	SIMPLER(segment_ms, 604800000);
	SIMPLER(index_size_bytes, 10 << 20);
	SIMPLER(is_append_time, false);
#undef SIMPLER
}

uint32_t shrink(struct plan *plan, const char *kind, uint32_t seconds_max)
{
	struct effort effort = {.kind = kind, .until = time(NULL) + seconds_max};
	for (uint32_t size = plan->step_count / 2; size >= 1 && !is_spent(&effort);) {
		bool has_dropped = drop_chunks(plan, size, &effort);
		if (size > 1)
			size /= 2;
		else if (!has_dropped)
			break;
	}
	drop_knobs(plan, &effort);
	return effort.tries;
}
