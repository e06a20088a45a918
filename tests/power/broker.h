/* `spate serve` as a process: started, stopped, killed. Its last words are kept. One thread, but for broker_port. */
#pragma once

#include <sys/types.h>

#include "log/base/types.h"

struct broker {
	const char *binary, *data;
	char log[220];             /* a file with all that it says, of the last start */
	pid_t pid;                 /* 0: it does not run */
	_Atomic uint16_t port;     /* 0: nobody listens */
};

/* With these settings each time; the last is NULL. Waits until it listens. False: it ended, or said nothing for some seconds, and is gone. */
MUST_USE bool broker_start(struct broker *broker, const char *const *settings);
/* The same, without waiting for anything: to be killed before it stands. */
void broker_spawn(struct broker *broker, const char *const *settings);
/* The exit status: 0 as it should be; 128 + the signal; -1: it had to be killed after 30 s. */
MUST_USE int broker_stop(struct broker *broker);
void broker_kill(struct broker *broker);
/* Has it ended by itself? Then *status is its exit status, or 128 + the signal. */
MUST_USE bool broker_is_gone(struct broker *broker, int *status);
/* Does a line of its log have this? It goes to `line`, if there is room for it. */
bool broker_said(const struct broker *broker, const char *what, char *line, size_t size);
