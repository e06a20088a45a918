/* Two answers in their comparable form, field by field. Owns nothing. */
#pragma once

#include <jansson.h>

/* Called for each difference; `path` is without positions in lists ("topics.error_code"), the values are NULL where one side lacks the field. */
typedef void compare_found(void *context, const char *path, const json_t *kafka, const json_t *spate);

void compare_answers(const json_t *kafka, const json_t *spate, compare_found *found, void *context);
