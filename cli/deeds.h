/* What a verb did to each of the things that it was given: "created orders" for people, one JSON document for programs. Owner: the main thread. */
#pragma once

#include "log/base/types.h"

struct out;
struct out_table;

struct deeds {
	struct out *out; /* JSON; else NULL */
	struct out_table *table;
	int status;      /* STATUS_FAILED once something failed */
};

/* `name` is that of the array: "topics". */
void deeds_open(struct deeds *deeds, bool is_json, const char *name);
/* "created orders"; `said`, for people, if the result's own name does not do. */
void deeds_add(struct deeds *deeds, const char *result, const char *said, const char *what);
/* Complains: "topic 'orders': why". */
void deeds_add_failure(struct deeds *deeds, const char *kind, const char *what, const char *why);
/* Prints what is to be printed. An exit status. */
int deeds_close(struct deeds *deeds);
