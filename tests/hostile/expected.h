/* What Apache Kafka 4.3 was seen to do with each case, as rows from the general to the special (the last that fits counts), and where Spate
 * does something else, each with its reason. Owned by the caller; one thread. A mistake in a file ends the program. */
#pragma once

#include "tests/hostile/case.h"

#define COLUMNS_MAX 7

struct row {
	char *columns[COLUMNS_MAX];
	uint64_t met;
};

struct expected {
	struct row *rows;       /* lie | api | version | place | outcome */
	size_t count;
	struct row *differs;    /* lie | api | version | place | Kafka's outcome | Spate's | why */
	size_t differ_count;
};

void expected_read(struct expected *expected, const char *directory);
/* What Kafka does; "unknown" if no row fits. */
const char *expected_outcome(struct expected *expected, const struct hostile_case *hostile);
/* Is this difference to it listed? */
bool expected_differs(struct expected *expected, const struct hostile_case *hostile, const char *kafka, const char *seen);

/* Outcomes as they are seen, to be written as the fewest rows. */
struct recorder;
struct recorder *recorder_create(void);
void recorder_add(struct recorder *recorder, const struct hostile_case *hostile, const char *outcome);
/* False if the file cannot be written. */
bool recorder_write(struct recorder *recorder, const char *path);
