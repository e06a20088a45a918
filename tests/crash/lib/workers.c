/* One page that all share holds the next number and each one's sums. One worker alone is the program itself, so that a debugger sees it. */
#include "tests/crash/lib/workers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 16

static struct board {
	_Atomic uint64_t next;
	_Atomic bool is_over;
	volatile uint64_t sums[WORKERS_MAX][WORKERS_SUMS_MAX];
} *board;

uint64_t workers_next(void)
{
	return board->is_over ? UINT64_MAX : board->next++;
}

void workers_end(void)
{
	board->is_over = true;
}

uint64_t workers_sum(uint32_t index)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < WORKERS_MAX; i++)
		sum += board->sums[i][index];
	return sum;
}

static bool wait_for(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("FAIL  a worker was ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool fork_all(uint32_t count, workers_fn *work, void *context)
{
	pid_t pids[WORKERS_MAX];
	bool is_good = true;
	fflush(stdout);
	for (uint32_t i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			exit(!work(context, (uint64_t *)board->sums[i]));
	}
	for (uint32_t i = 0; i < count; i++)
		is_good = pids[i] > 0 && wait_for(pids[i]) && is_good;
	return is_good;
}

bool workers_run(uint32_t count, workers_fn *work, void *context, uint64_t *sums)
{
	count = count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : count;
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		abort();
	bool is_good = count == 1 ? work(context, (uint64_t *)board->sums[0]) : fork_all(count, work, context);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t s = 0; s < WORKERS_SUMS_MAX; s++)
			sums[s] += board->sums[i][s];
	munmap(board, sizeof *board);
	return is_good;
}
