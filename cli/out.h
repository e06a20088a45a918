/* What verbs print to be read: headings, fields and tables for people, or one JSON document for programs. The same calls make either.
 * Owner: the main thread. Knows jansson. */
#pragma once

#include "log/base/types.h"

struct out;
struct out_table;

/* Progress (cli/progress.h) ends here. */
struct out *out_open(bool is_json);
/* Prints what is left (the JSON document) and frees. */
void out_close(struct out *out);

/* A field of the document: "label: value", or "name": value. A NULL text is "-", or null. */
void out_text(struct out *out, const char *name, const char *label, const char *value);
void out_int(struct out *out, const char *name, const char *label, int64_t value);
void out_bool(struct out *out, const char *name, const char *label, bool value);
/* As cell_seconds_if. */
void out_seconds(struct out *out, const char *name, const char *label, bool is_known, int64_t value_ms);

/* A table, or an array of objects. `columns` are "name=HEADING" pairs; a heading that begins with ">" is set flush right. */
struct out_table *out_table_begin(struct out *out, const char *name, const char *const *columns, uint32_t column_count);
/* A row is added in one call: OUT_ROW(table, cell_text(name), cell_int(count)). As many cells as columns. */
enum cell_kind { CELL_NONE, CELL_TEXT, CELL_INT, CELL_BOOL, CELL_SECONDS };
struct out_cell {
	enum cell_kind kind;
	const char *text;
	int64_t number;
};
static inline struct out_cell cell_text(const char *text)
{
	return (struct out_cell){.kind = text ? CELL_TEXT : CELL_NONE, .text = text};
}
static inline struct out_cell cell_int(int64_t number)
{
	return (struct out_cell){.kind = CELL_INT, .number = number};
}
static inline struct out_cell cell_bool(bool value)
{
	return (struct out_cell){.kind = CELL_BOOL, .number = value};
}
/* Nothing, unless it is known. */
static inline struct out_cell cell_int_if(bool is_known, int64_t number)
{
	return (struct out_cell){.kind = is_known ? CELL_INT : CELL_NONE, .number = number};
}
/* A time of so many milliseconds: "2m 05s" for people, 125.000 in JSON. */
static inline struct out_cell cell_seconds_if(bool is_known, int64_t number_ms)
{
	return (struct out_cell){.kind = is_known ? CELL_SECONDS : CELL_NONE, .number = number_ms};
}
#define OUT_ROW(table, ...) \
	out_row(table, (const struct out_cell[]){__VA_ARGS__}, COUNT_OF(((const struct out_cell[]){__VA_ARGS__})))
void out_row(struct out_table *table, const struct out_cell *cells, uint32_t count);
/* `title` (for people) may be NULL; `empty` is said instead of a table without rows. Frees the table. */
void out_table_end(struct out_table *table, const char *title, const char *empty);

/* "340 ms", "12.5 s", "2m 05s", "3h 20m", "4d 02h": for people. */
const char *out_duration(int64_t duration_ms, char text[32]);
/* Names come from other clients: what a terminal would obey becomes a question mark. For a text of one line. */
void out_make_printable(char *text);
/* Prints a word as bash reads it, quoted where it must be: for commands that people are to type. */
void out_print_word(const char *word);
/* "1.5 MiB": for people. */
const char *out_bytes(uint64_t bytes, char text[32]);
/* "1 topic", "2 topics": what is behind the noun. */
static inline const char *out_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}
