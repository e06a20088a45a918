/* Prints a decoded message as one line of JSON: for people who debug and for tests that compare. Owns the
 * place in the line, not the stream. One thread; slow; never on the path of a request.
 *
 * Names are the schema's; a uuid is base64url as Kafka's tools print it; record batches are only counted, as
 * the size in bytes; a tagged field is left out where it has its default. */
#pragma once

#include "net/wire/cursor.h"

#include <stdio.h>

/* Embedded by value. */
struct dump {
	FILE *stream;
	bool needs_comma;
};

static inline struct dump dump_to(FILE *stream) { return (struct dump){.stream = stream}; }

void dump_open_struct(struct dump *dump);
void dump_close_struct(struct dump *dump);
/* A count below 0 prints null, and its close nothing. */
void dump_open_array(struct dump *dump, int32_t count);
void dump_close_array(struct dump *dump, int32_t count);
void dump_key(struct dump *dump, const char *name);

void dump_put_null(struct dump *dump);
void dump_put_bool(struct dump *dump, bool value);
void dump_put_int64(struct dump *dump, int64_t value);
void dump_put_float64(struct dump *dump, double value);
void dump_put_uuid(struct dump *dump, struct uuid value);
void dump_put_string(struct dump *dump, struct slice value);
void dump_put_bytes(struct dump *dump, struct slice value);
void dump_put_records(struct dump *dump, const struct records *records);
