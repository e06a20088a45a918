/* Completion for bash. `spate completion bash` prints a function that calls `spate __complete WORDS...`, the last word being the one at the cursor; the
 * words then take the same course as a command line, and where a verb would run, the candidates are printed. So verbs and flags complete by the tables
 * that they are. Owner: the main thread. Never complains: whoever presses Tab wants no error. */
#pragma once

#include "log/base/types.h"

struct command;
struct flag_table;

int completion_run(int argc, char **argv);

/* From here on command_dispatch and flags_parse print candidates. */
void completion_begin(void);
bool completion_is_on(void);

/* The sub-commands that begin with the word at the cursor. */
void completion_offer_commands(const struct command *commands, uint32_t count, const char *word);
/* A verb's flags, the values of the flag before the cursor, or its arguments. argv[argc - 1] is the word at the cursor. */
void completion_offer_flags(const struct flag_table *table, int argc, char **argv);
