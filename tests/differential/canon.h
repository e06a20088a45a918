/* What of an answer is compared: ids, hosts and times are masked, lists without an order are sorted. The rules are data (the file `masks`).
 * A canon holds the numbers given to the ids of one case on one side: the first id seen is #1 on either side, so that the same id in two places
 * must be the same on both. One thread. */
#pragma once

#include "kmsg_fields.h"

#include <jansson.h>

struct canon {
	json_t *numbers;         /* text or number -> "#1" */
};

void canon_read_masks(const char *path);
void canon_reset(struct canon *canon);

/* A new reference. Strings (outcomes) stay as they are. */
json_t *canon_answer(struct canon *canon, const struct kmsg_description *message, const json_t *answer);
/* An id that a case has come to know otherwise than from an answer that is compared: it has its number from now on. */
void canon_know(struct canon *canon, const json_t *id);
