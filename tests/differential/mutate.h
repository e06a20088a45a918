/* Requests made of a good one, by the schema: each field in turn at values that may go wrong, and bodies that are no message. Owns nothing. */
#pragma once

#include "kmsg_fields.h"

#include <jansson.h>

struct mutant {
	char label[160];         /* "topics.partitions.partition=-1" */
	json_t *request;
	int cut;                 /* thousandths of the body to send; -1: all */
};

struct mutants {
	struct mutant *items;
	int count;
};

/* Before $variables are filled in, so that each play has its own. */
struct mutants mutate(const struct kmsg_description *message, int version, const json_t *request);
void mutants_free(struct mutants *mutants);
