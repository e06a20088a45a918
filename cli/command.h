/* What the sub-commands share: their table, their exit codes, and how a complaint is printed (one line on stderr: what,
 * why, how to fix it). Owner: the main thread. */
#pragma once

#include "log/base/types.h"

#define SPATE_VERSION "0.1.0"

/* Told by `spate help`. */
enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,      /* it was tried and did not work, or not all of it */
	STATUS_USAGE = 2,       /* a flag, a name, an address or a configuration is wrong: nothing was tried */
	STATUS_UNREACHABLE = 3, /* no broker answered */
	STATUS_DAMAGED = 4,     /* `log verify` found damage */
};

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv); /* argv[0] is the command's own name; returns an exit status */
};

/* Runs the command that argv[1] names; `prefix` ("spate", "spate topic") is how the table is reached. Prints the table on "help", "--help" or
 * nothing; "help NAME..." is "NAME... --help". */
int command_dispatch(const struct command *commands, uint32_t count, const char *prefix, int argc, char **argv);
void command_print_table(const struct command *commands, uint32_t count);

/* "spate: ..." and a line end, on stderr. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);

int serve_run(int argc, char **argv);
int topic_run(int argc, char **argv);
int group_run(int argc, char **argv);
int cluster_run(int argc, char **argv);
int produce_run(int argc, char **argv);
int consume_run(int argc, char **argv);
int log_run(int argc, char **argv);
int config_run(int argc, char **argv);
int bench_run(int argc, char **argv);
int completion_run(int argc, char **argv);
