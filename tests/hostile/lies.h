/* Hostile requests made of a good one: at each place where a message can lie (marks.h) each lie that fits there, told by replacing some bytes; the
 * body cut off at every byte and with more behind it; headers and frame sizes that are not right. Owns nothing; one thread. */
#pragma once

#include "tests/hostile/case.h"

struct good_request {
	const char *api;
	const struct kmsg_description *message, *response;
	int version, min, max;          /* min, max: what is served */
	struct slice body;
};

/* All lies about one request, each handed to `take`. */
void lies_tell(const struct good_request *good, hostile_case_fn take, void *context);

/* The request itself, as a case. */
void lies_tell_none(const struct good_request *good, hostile_case_fn take, void *context);

/* Headers of API keys that nobody serves, and frames that are none. */
void lies_tell_nobody(hostile_case_fn take, void *context);
