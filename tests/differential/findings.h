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

/* The table of what is not expected, then one line for each expected row that was met. Returns how many differences are not expected. */
int findings_report(FILE *out);
/* Rows of `expected` that nothing met, one line each; returns how many. */
int findings_report_unmet(FILE *out);
/* `expected` as the table of README.md. */
void findings_print_expected(FILE *out);
