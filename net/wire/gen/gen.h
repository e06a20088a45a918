/* wire-gen's model of a schema, and what its files share. It is a tool of the build that runs for a few milliseconds on
 * one thread: what it allocates it never frees, and any mistake ends it with FILE:LINE. See main.c. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define NAME_SIZE 80
#define FIELDS_MAX 64
#define SHAPES_MAX 64
#define SCHEMAS_MAX 256

struct range {
	int first, last;   /* Empty if first > last; open at the end if last is INT_MAX. */
};

#define RANGE_ALL ((struct range){0, INT_MAX})
#define RANGE_NONE ((struct range){1, 0})

enum kind { KIND_SCALAR, KIND_UUID, KIND_STRING, KIND_STRING16, KIND_BYTES, KIND_RECORDS, KIND_STRUCT };

struct type {
	const char *name;
	enum kind kind;
	const char *c_name;   /* With the blank or star before a member's name. */
};

struct field {
	char name[NAME_SIZE];
	char about[512];
	char type_name[NAME_SIZE];
	char default_value[NAME_SIZE];   /* "" if none is given. */
	enum kind kind;
	const struct type *type;         /* NULL for a struct. */
	struct shape *shape;             /* NULL unless it is a struct. */
	bool is_array;
	int tag;                         /* -1 if it is not tagged. */
	struct range versions, nullable;
	int line;
};

/* A struct of the output: a message, or a part of one. */
struct shape {
	char name[NAME_SIZE];        /* Unique in its file: "topic", "request". */
	char c_name[2 * NAME_SIZE];  /* "kmsg_produce_topic" */
	char about[512];
	bool is_message, is_emitted, is_compared;
	struct range versions;       /* Where it can occur. */
	struct range flexible;       /* Of the message it belongs to. */
	struct field *fields[FIELDS_MAX];
	int field_count;
	struct schema *schema;
};

struct schema {
	const char *path;
	char name[NAME_SIZE];        /* "produce", from the file's name. */
	char upper[NAME_SIZE];
	char about[512];
	bool is_api;
	int key;
	struct range versions, flexible;
	struct shape *shapes[SHAPES_MAX];
	int shape_count;
};

/* ---- parse.c ------------------------------------------------------------------------------------------- */

struct schema *schema_parse(const char *path);

_Noreturn void die(const char *path, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void *allocate(size_t size);

/* ---- shape.c: what the model says of a field or a struct ------------------------------------------------ */

bool range_is_empty(struct range a);
struct range range_intersect(struct range a, struct range b);
struct range range_span(struct range a, struct range b);
/* Does `a` hold all of `b`? */
bool range_covers(struct range a, struct range b);

/* The versions in which the field can occur in this struct. */
struct range field_live_range(const struct shape *shape, const struct field *field);
bool field_may_be_null(const struct field *field);
bool field_default_is_null(const struct field *field);
/* A struct that may be null is held by a pointer. */
bool field_is_pointer(const struct field *field);
/* Is its code more than one statement? */
bool field_takes_many_lines(const struct field *field);
bool shape_has_tags(const struct shape *shape);
/* Calls `emit` for the structs that messages reach: children before parents, each once. */
void shape_for_each(struct schema *schema, FILE *out, void (*emit)(FILE *, struct shape *));

/* ---- output.c: files, and the words of C that several of them need -------------------------------------- */

struct output {
	char path[4096];
	char *text;
	size_t size;
	FILE *file;   /* Into `text`. */
};

void output_set_dir(const char *dir);
/* `format` names the file, with `name` in it. The struct stays where it is until it is closed. */
void output_open(struct output *out, const char *format, const char *name);
/* Writes the file, unless it holds this text already. */
void output_close(struct output *out);

/* A C expression that is true in `wanted`, given that the version is in `live`: "" if that is always so. */
const char *version_condition(char *text, size_t size, struct range wanted, struct range live);
/* NULLABLE, NOT_NULL, or the condition under which the field may be null. */
const char *field_null_word(char *text, size_t size, const struct shape *shape, const struct field *field);
/* The constant `flexible`, if the struct's code needs it. */
void emit_flexible(FILE *out, const struct shape *shape);
/* The field's default, as a constant that C takes without a warning. */
void emit_number(FILE *out, const struct field *field);
/* An expression that is true if the field differs from its default, */
void emit_differs(FILE *out, const struct field *field);
/* and, before that, the functions it calls for structs; once for each struct whose `is_compared` is false. */
void emit_differs_functions(FILE *out, struct shape *shape);

/* ---- the files of the output, one function each ---------------------------------------------------------- */

void emit_header(struct schema *schema);          /* kmsg_X.h */
void emit_reads(FILE *out, struct schema *schema);
void emit_writes(FILE *out, struct schema *schema);
void emit_dump_source(struct schema *schema);     /* kmsg_X_dump.c */
void emit_tables(struct schema **schemas, int count);   /* kmsg_apis.h/.c, kmsg_table.h/.c */
void emit_fields(struct schema **schemas, int count);   /* kmsg_fields.h/.c */
