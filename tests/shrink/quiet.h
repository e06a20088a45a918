/* What the simulators' main.c share: silence. The process's own thread, before it starts a broker or a store. */
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "log/base/types.h"

/* From here on stderr goes nowhere, unless it is to be loud: there the broker says what its operator should know, thousands of times. */
static inline void go_quiet(bool is_loud)
{
	int null = is_loud ? -1 : open("/dev/null", O_WRONLY);
	if (null >= 0)
		dup2(null, 2);
}
