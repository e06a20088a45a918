/* Ctrl-C and SIGTERM, for verbs that then end in good order rather than at once. Owner: the main thread. */
#pragma once

#include <stdbool.h>

/* From now on they only end what waits (reads and writes fail with EINTR). */
void interrupt_catch(void);
bool interrupt_was_seen(void);
