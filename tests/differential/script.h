/* The case files, parsed: sequences of requests, each played for every version of its API. Owned by the script, which lives as long as the
 * program. A mistake in a file ends the program with FILE:LINE. README.md has the language. */
#pragma once

#include <jansson.h>
#include <limits.h>

enum step_kind {
	STEP_REQUEST,   /* ask both, compare */
	STEP_SEND,      /* ask, and let it wait */
	STEP_AWAIT,     /* the answer of what waits on the connection */
	STEP_EVENTUALLY,/* ask until both say the same, for a while */
	STEP_TOPIC, STEP_FRESH, STEP_SET, STEP_SAVE, STEP_DO, STEP_EACH, STEP_SLEEP, STEP_CLOSE,
};

enum mutation { MUTATE_NOT, MUTATE_EACH, MUTATE_SHARED };

struct step {
	enum step_kind kind;
	enum mutation mutation;
	char connection[32];
	char name[128];          /* the API, variable or sequence */
	char version[16];        /* behind @; "" is the case's, or the latest */
	char path[200];          /* save: where in the last answer; each: the sequence */
	json_t *value;           /* the request, or what is set; each: the values */
	int64_t milliseconds;
	const char *file;
	int line;
};

struct sequence {
	char name[128];
	struct step *steps;
	int count;
};

struct test_case {
	struct sequence sequence;
	char api[64];
	int first, last;         /* versions */
	char about[300];
	const char *file;
	int line;
};

struct script {
	struct test_case *cases;
	int case_count;
	struct sequence *sequences;
	int sequence_count;
};

void script_read(struct script *script, const char *path);
/* NULL if there is none. */
const struct sequence *script_find(const struct script *script, const char *name);
_Noreturn void script_die(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
