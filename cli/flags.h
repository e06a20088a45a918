/* The flags of a sub-command: one table says what they are called, what they take, where the value goes and what help says.
 * `--name value`, `--name=value`, `-n value`, `-nvalue`; `--` ends them. Owner: the main thread; values point into argv. */
#pragma once

#include "log/base/types.h"

enum flag_kind { FLAG_BOOL, FLAG_TEXT, FLAG_INT, FLAG_LIST };

#define FLAG_LIST_MAX 256
/* A flag that may be given several times. */
struct flag_list {
	const char *items[FLAG_LIST_MAX];
	uint32_t count;
};

struct flag {
	const char *name;        /* without the dashes */
	char letter;             /* 0 = none */
	enum flag_kind kind;
	void *out;               /* bool *, const char **, int64_t *, struct flag_list * */
	const char *value_name;  /* "HOST:PORT" */
	const char *help;
	int64_t min, max;        /* FLAG_INT */
};

#define BOOL_FLAG(text, short_name, where, say) {.name = text, .letter = short_name, .kind = FLAG_BOOL, .out = where, .help = say}
#define TEXT_FLAG(text, short_name, where, value, say) \
	{.name = text, .letter = short_name, .kind = FLAG_TEXT, .out = where, .value_name = value, .help = say}
#define LIST_FLAG(text, short_name, where, value, say) \
	{.name = text, .letter = short_name, .kind = FLAG_LIST, .out = where, .value_name = value, .help = say}
#define INT_FLAG(text, short_name, where, value, low, high, say) \
	{.name = text, .letter = short_name, .kind = FLAG_INT, .out = where, .value_name = value, .help = say, .min = low, .max = high}

struct flag_table {
	const char *command;     /* "spate topic create" */
	const char *arguments;   /* "TOPIC [FILE]", or "" */
	const char *about;       /* whole sentences */
	const char *examples;    /* lines, or NULL */
	const struct flag *flags;
	uint32_t flag_count;
	uint32_t argument_min, argument_max;
};

/* The arguments that are no flags. */
#define ARGUMENTS_MAX 64
struct arguments {
	const char *items[ARGUMENTS_MAX];
	uint32_t count;
};

/* True: go on. False: return *status (help was printed, or a complaint). */
MUST_USE bool flags_parse(const struct flag_table *table, int argc, char **argv, struct arguments *arguments, int *status);
