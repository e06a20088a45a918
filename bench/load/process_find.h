/* Finds the process that listens on a TCP port of this machine, so that a broker's CPU can be charged
 * without being told its pid. Reads /proc; owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

/* The pid; 0 if none is found (it may belong to another user, or listen elsewhere). */
int process_find_listener(uint16_t port);
