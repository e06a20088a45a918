/* One flag, set by the handler. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t is_interrupted;

static void note(int signal)
{
	is_interrupted = 1;
}

/* A read that waits must end: no SA_RESTART. */
void interrupt_catch(void)
{
	struct sigaction action = {.sa_handler = note};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool interrupt_was_seen(void)
{
	return is_interrupted;
}
