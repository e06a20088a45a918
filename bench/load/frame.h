/* A request with its size and header in front, and the header of an answer: what every message of the
 * load generator has around it. Owns nothing; any thread. */
#pragma once

#include "net/wire/cursor.h"

/* Where the correlation id stands in a whole request: behind the size, the API key and the version. */
#define FRAME_CORRELATION_AT 8

/* Writes room for the size, then the header. `is_flexible` says whether the body is of a flexible version. */
void frame_begin(struct writer *writer, int16_t api_key, int16_t version, bool is_flexible);

/* Fills in the size. Records that the writer kept apart count. Returns the writer's error. */
int frame_end(struct writer *writer) MUST_USE;

/* A reader over the body of an answer: the frame after its size and header. */
struct reader frame_body(struct slice frame, bool is_flexible);
