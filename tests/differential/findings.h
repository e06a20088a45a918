/* The differences found, gathered by API, field and values; and those that are expected, read from the file `expected`. One thread. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct finding {
	char api[128], field[200], kafka[300], spate[300];
	int version;
	char where[300];         /* case, version and mutant */
};

void findings_read_expected(const char *path);
/* Does a line of `expected` cover it? Does not count it. */
bool findings_is_expected(const struct finding *finding);
void findings_add(const struct finding *finding);
/* One that did not come again when its case was replayed: told, and no failure. */
void findings_add_vanished(const struct finding *finding);

/* The tables of what vanished and of what is not expected. Returns how many differences are not expected. */
int findings_report(FILE *out);
/* Each row of `expected` with all that it covered: a row that covers more than its reason says hides something. */
void findings_report_met(FILE *out);
/* Rows of `expected` that nothing met, one line each; returns how many. */
int findings_report_unmet(FILE *out);
/* `expected` as the table of README.md. */
void findings_print_expected(FILE *out);
