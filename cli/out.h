/* What verbs print to be read: headings, fields and tables for people, or one JSON document for programs. The same calls make either.
 * Owner: the main thread. The one place that knows jansson. */
#pragma once

#include "log/base/types.h"

struct out;
struct out_table;

struct out *out_open(bool is_json);
/* Prints what is left (the JSON document) and frees. */
void out_close(struct out *out);

/* A field of the document: "label: value", or "name": value. A NULL text is "-", or null. */
void out_text(struct out *out, const char *name, const char *label, const char *value);
void out_int(struct out *out, const char *name, const char *label, int64_t value);
void out_bool(struct out *out, const char *name, const char *label, bool value);

/* A table, or an array of objects. `columns` are "name=HEADING" pairs; a heading that begins with ">" is set flush right. */
struct out_table *out_table_begin(struct out *out, const char *name, const char *const *columns, uint32_t column_count);
/* One cell after the other, row by row. */
void out_cell_text(struct out_table *table, const char *value);
void out_cell_int(struct out_table *table, int64_t value);
void out_cell_bool(struct out_table *table, bool value);
void out_cell_none(struct out_table *table);
/* `title` (for people) may be NULL; `empty` is said instead of a table without rows. Frees the table. */
void out_table_end(struct out_table *table, const char *title, const char *empty);

/* "1.5 MiB": for people. */
const char *out_bytes(uint64_t bytes, char text[32]);
