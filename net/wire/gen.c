/* wire-gen: turns the schema text of Kafka's messages into C, at build time.
 *
 *	wire-gen OUTDIR net/wire/schema/produce.msg ...
 *
 * Each FILE.msg becomes kmsg_FILE.h, kmsg_FILE.c and kmsg_FILE_dump.c; all together become kmsg_apis.h/.c (the
 * version ranges by API key) and kmsg_table.h/.c (every message behind one set of function pointers, for tests
 * and tools). A file whose text would not change is not written, so that nothing is rebuilt for it. Any mistake
 * in a schema is told as FILE:LINE and ends the build.
 *
 * The schema is lines; `#` opens a comment line, `|` the sentence that ends a line. At the left margin:
 *
 *	api NAME KEY VERSIONS flexible VERSIONS | sentence     the API that `request` and `response` belong to
 *	request                                                its request: struct kmsg_NAME_request
 *	response                                               its response: struct kmsg_NAME_response
 *	message NAME VERSIONS flexible VERSIONS | sentence     a message of its own: struct kmsg_NAME
 *	struct NAME                                            a struct that several fields name: struct kmsg_FILE_NAME
 *
 * Below each, indented, its fields in the order of the wire. A field of a struct type that is indented further
 * lines defines the struct on the spot; without such lines it names one defined before:
 *
 *	name type [VERSIONS] [?[VERSIONS]] [@TAG] [=DEFAULT] | sentence
 *
 *	type      bool int8 int16 uint16 int32 uint32 int64 float64 uuid string string16 bytes records or a struct;
 *	          []type is an array. string16 keeps its two-byte length in flexible versions.
 *	VERSIONS  3  3-7  3+  none. Absent: all. `?` says that it may be null (in these versions).
 *	@TAG      a tagged field (KIP-482) with this number, in all its versions.
 *	=DEFAULT  a number, true, null or empty. Absent: null if it may be null, else 0, false or empty.
 *
 * The file reads top-down: model, parser, then one section for each kind of output. It is a tool that runs for
 * a few milliseconds, so what it allocates it never frees. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 80
#define DEPTH_MAX 16

/* ---- model ------------------------------------------------------------------------------------------ */

struct range {
	int first, last;   /* Empty if first > last; open at the end if last is INT_MAX. */
};

static const struct range range_all = {0, INT_MAX};
static const struct range range_none = {1, 0};

enum kind { KIND_SCALAR, KIND_UUID, KIND_STRING, KIND_STRING16, KIND_BYTES, KIND_RECORDS, KIND_STRUCT };

struct type {
	const char *name;
	enum kind kind;
	const char *c_name;
};

static const struct type types[] = {
	{"bool", KIND_SCALAR, "bool "},         {"int8", KIND_SCALAR, "int8_t "},
	{"int16", KIND_SCALAR, "int16_t "},     {"uint16", KIND_SCALAR, "uint16_t "},
	{"int32", KIND_SCALAR, "int32_t "},     {"uint32", KIND_SCALAR, "uint32_t "},
	{"int64", KIND_SCALAR, "int64_t "},     {"float64", KIND_SCALAR, "double "},
	{"uuid", KIND_UUID, "struct uuid "},    {"string", KIND_STRING, "struct slice "},
	{"string16", KIND_STRING16, "struct slice "}, {"bytes", KIND_BYTES, "struct slice "},
	{"records", KIND_RECORDS, "struct records "},
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
	struct field *fields[64];
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
	struct shape *shapes[64];
	int shape_count;
};

static struct schema *schemas[256];
static int schema_count;
static const char *out_dir;

/* ---- small words ------------------------------------------------------------------------------------- */

_Noreturn static void __attribute__((format(printf, 3, 4))) die(const char *path, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "%s:%d: ", path, line);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	exit(1);
}

static void *allocate(size_t size)
{
	void *result = calloc(1, size);
	if (!result)
		die("wire-gen", 0, "out of memory");
	return result;
}

static void copy_name(char *target, size_t size, const char *source, const char *path, int line)
{
	if (strlen(source) >= size)
		die(path, line, "too long: %s", source);
	memcpy(target, source, strlen(source) + 1);
}

static bool range_is_empty(struct range a) { return a.first > a.last; }

static struct range range_intersect(struct range a, struct range b)
{
	return (struct range){a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last};
}

static struct range range_span(struct range a, struct range b)
{
	if (range_is_empty(a))
		return b;
	return (struct range){a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last};
}

/* Does `a` hold all of `b`? */
static bool range_covers(struct range a, struct range b) { return a.first <= b.first && a.last >= b.last; }

/* ---- parser ------------------------------------------------------------------------------------------ */

struct parser {
	struct schema *schema;
	const char *path;
	int line;
	struct { int indent; struct shape *shape; } stack[DEPTH_MAX];
	int depth;
	struct field *last_field;    /* Further indented lines define its struct. */
	int last_indent;
};

static int parse_number(struct parser *p, const char **at)
{
	char *end;
	long value = strtol(*at, &end, 10);
	if (end == *at || value < 0 || value > 32767)
		die(p->path, p->line, "a version number is expected at '%s'", *at);
	*at = end;
	return (int)value;
}

static struct range parse_range(struct parser *p, const char *text)
{
	if (strcmp(text, "none") == 0)
		return range_none;
	const char *at = text;
	struct range result = {.first = parse_number(p, &at)};
	result.last = result.first;
	if (*at == '+') {
		result.last = INT_MAX;
		at++;
	} else if (*at == '-') {
		at++;
		result.last = parse_number(p, &at);
	}
	if (*at || range_is_empty(result))
		die(p->path, p->line, "bad version range '%s'", text);
	return result;
}

static const struct type *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

static struct shape *find_shape(struct schema *schema, const char *name)
{
	for (int i = 0; i < schema->shape_count; i++)
		if (strcmp(schema->shapes[i]->name, name) == 0)
			return schema->shapes[i];
	return NULL;
}

static struct shape *add_shape(struct parser *p, const char *name)
{
	struct schema *schema = p->schema;
	if (find_shape(schema, name))
		die(p->path, p->line, "'%s' is defined twice", name);
	if (schema->shape_count == 64)
		die(p->path, p->line, "too many structs");
	struct shape *shape = allocate(sizeof *shape);
	copy_name(shape->name, sizeof shape->name, name, p->path, p->line);
	snprintf(shape->c_name, sizeof shape->c_name, "kmsg_%s_%s", schema->name, name);
	shape->schema = schema;
	shape->versions = range_none;
	return schema->shapes[schema->shape_count++] = shape;
}

/* Splits at blanks, in place; returns the number of words. */
static int split_words(char *text, char *words[], int words_max)
{
	int count = 0;
	for (char *word = strtok(text, " \t"); word && count < words_max; word = strtok(NULL, " \t"))
		words[count++] = word;
	return count;
}

/* "VERSIONS flexible VERSIONS" */
static void parse_versions(struct parser *p, char **words, int count, struct range *versions, struct range *flexible)
{
	if (count != 3 || strcmp(words[1], "flexible") != 0)
		die(p->path, p->line, "expected: VERSIONS flexible VERSIONS");
	*versions = parse_range(p, words[0]);
	*flexible = parse_range(p, words[2]);
	if (versions->last == INT_MAX)
		die(p->path, p->line, "the versions of a message need an end");
}

static void parse_api(struct parser *p, char **words, int count, const char *about)
{
	if (count != 6 || p->schema->is_api)
		die(p->path, p->line, "expected once: api NAME KEY VERSIONS flexible VERSIONS");
	if (strcmp(words[1], p->schema->name) != 0)
		die(p->path, p->line, "the api is named '%s', the file '%s'", words[1], p->schema->name);
	p->schema->is_api = true;
	p->schema->key = atoi(words[2]);
	parse_versions(p, words + 3, 3, &p->schema->versions, &p->schema->flexible);
	copy_name(p->schema->about, sizeof p->schema->about, about, p->path, p->line);
}

static struct shape *parse_message(struct parser *p, char **words, int count, const char *about)
{
	if (count != 5)
		die(p->path, p->line, "expected: message NAME VERSIONS flexible VERSIONS");
	struct shape *shape = add_shape(p, words[1]);
	parse_versions(p, words + 2, 3, &shape->versions, &shape->flexible);
	snprintf(shape->c_name, sizeof shape->c_name, "kmsg_%s", words[1]);
	copy_name(shape->about, sizeof shape->about, about, p->path, p->line);
	shape->is_message = true;
	return shape;
}

static struct shape *parse_direction(struct parser *p, const char *name)
{
	if (!p->schema->is_api)
		die(p->path, p->line, "'%s' before the api line", name);
	struct shape *shape = add_shape(p, name);
	shape->versions = p->schema->versions;
	shape->flexible = p->schema->flexible;
	shape->is_message = true;
	return shape;
}

static void parse_section(struct parser *p, char **words, int count, const char *about)
{
	p->depth = 0;
	p->last_field = NULL;
	struct shape *shape = NULL;
	if (strcmp(words[0], "api") == 0) {
		parse_api(p, words, count, about);
		return;
	}
	if (strcmp(words[0], "message") == 0)
		shape = parse_message(p, words, count, about);
	else if (strcmp(words[0], "struct") == 0 && count == 2)
		shape = add_shape(p, words[1]);
	else if ((strcmp(words[0], "request") == 0 || strcmp(words[0], "response") == 0) && count == 1)
		shape = parse_direction(p, words[0]);
	else
		die(p->path, p->line, "unknown section '%s'", words[0]);
	p->stack[0].shape = shape;
	p->stack[0].indent = -1;
	p->depth = 1;
}

static void parse_field_word(struct parser *p, struct field *field, const char *word)
{
	if (isdigit((unsigned char)word[0]))
		field->versions = parse_range(p, word);
	else if (word[0] == '?')
		field->nullable = word[1] ? parse_range(p, word + 1) : range_all;
	else if (word[0] == '@')
		field->tag = atoi(word + 1);
	else if (word[0] == '=')
		copy_name(field->default_value, sizeof field->default_value, word + 1, p->path, p->line);
	else
		die(p->path, p->line, "'%s' is no versions, ?, @tag or =default", word);
}

static void check_name(struct parser *p, const char *name)
{
	for (const char *c = name; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
			die(p->path, p->line, "'%s' is not in snake_case", name);
}

static struct field *parse_field(struct parser *p, char **words, int count, const char *about)
{
	if (count < 2)
		die(p->path, p->line, "expected: name type ...");
	struct field *field = allocate(sizeof *field);
	*field = (struct field){.tag = -1, .versions = range_all, .nullable = range_none, .line = p->line};
	check_name(p, words[0]);
	copy_name(field->name, sizeof field->name, words[0], p->path, p->line);
	copy_name(field->about, sizeof field->about, about, p->path, p->line);
	field->is_array = strncmp(words[1], "[]", 2) == 0;
	copy_name(field->type_name, sizeof field->type_name, words[1] + (field->is_array ? 2 : 0), p->path, p->line);
	field->type = find_type(field->type_name);
	field->kind = field->type ? field->type->kind : KIND_STRUCT;
	for (int i = 2; i < count; i++)
		parse_field_word(p, field, words[i]);
	if (!*about)
		die(p->path, p->line, "field '%s' lacks its sentence", field->name);
	return field;
}

/* The shape a field at this indent belongs to; opens the struct of the field above if this one is deeper. */
static struct shape *owner_at(struct parser *p, int indent)
{
	if (p->depth == 0)
		die(p->path, p->line, "a field outside of a section");
	if (p->last_field && indent > p->last_indent) {
		if (p->last_field->kind != KIND_STRUCT || p->depth == DEPTH_MAX)
			die(p->path, p->line, "the field above is no struct, or it is too deep");
		p->last_field->shape = add_shape(p, p->last_field->type_name);
		p->stack[p->depth].shape = p->last_field->shape;
		p->stack[p->depth].indent = p->last_indent;
		p->depth++;
	}
	while (p->depth > 1 && indent <= p->stack[p->depth - 1].indent)
		p->depth--;
	return p->stack[p->depth - 1].shape;
}

static void parse_line(struct parser *p, char *text)
{
	text[strcspn(text, "\n")] = 0;
	const char *about = "";
	char *bar = strstr(text, " | ");
	if (bar) {
		*bar = 0;
		about = bar + 3;
	}
	int indent = (int)strspn(text, " ");
	if (text[indent] == 0 || text[indent] == '#')
		return;
	if (text[indent] == '\t')
		die(p->path, p->line, "indent with blanks");
	char *words[16];
	int count = split_words(text + indent, words, 16);
	if (indent == 0) {
		parse_section(p, words, count, about);
		return;
	}
	struct shape *shape = owner_at(p, indent);
	if (shape->field_count == 64)
		die(p->path, p->line, "too many fields");
	p->last_field = parse_field(p, words, count, about);
	p->last_indent = indent;
	shape->fields[shape->field_count++] = p->last_field;
}

/* Binds struct types to their shapes and tells each shape in which versions it can occur. */
static void resolve(struct schema *schema, struct shape *shape)
{
	for (int i = 0; i < shape->field_count; i++) {
		struct field *field = shape->fields[i];
		if (field->kind != KIND_STRUCT)
			continue;
		if (!field->shape)
			field->shape = find_shape(schema, field->type_name);
		if (!field->shape || field->shape->is_message)
			die(schema->path, field->line, "no struct '%s'", field->type_name);
		struct range live = range_intersect(field->versions, shape->versions);
		if (!range_is_empty(live))
			field->shape->versions = range_span(field->shape->versions, live);
		field->shape->flexible = shape->flexible;
		resolve(schema, field->shape);
	}
}

static void check_field(struct schema *schema, struct shape *shape, struct field *field)
{
	struct range live = range_intersect(field->versions, shape->versions);
	if (range_is_empty(live))
		die(schema->path, field->line, "'%s' occurs in no version", field->name);
	if (field->tag >= 0 && !range_covers(shape->flexible, live))
		die(schema->path, field->line, "'%s' is tagged where its message is not flexible", field->name);
	if (field->tag >= 0 && field->kind == KIND_STRUCT && !field->is_array && !range_is_empty(field->nullable))
		die(schema->path, field->line, "a tagged struct that may be null is not supported");
	if (field->is_array && (field->kind == KIND_RECORDS || field->kind == KIND_STRING16))
		die(schema->path, field->line, "no arrays of %s", field->type_name);
}

static void set_name_from_path(struct schema *schema, const char *path)
{
	const char *slash = strrchr(path, '/');
	copy_name(schema->name, sizeof schema->name, slash ? slash + 1 : path, path, 0);
	char *dot = strstr(schema->name, ".msg");
	if (!dot)
		die(path, 0, "a schema's name ends in .msg");
	*dot = 0;
	for (int i = 0; schema->name[i]; i++)
		schema->upper[i] = (char)toupper((unsigned char)schema->name[i]);
}

static struct schema *parse_file(const char *path)
{
	struct schema *schema = allocate(sizeof *schema);
	*schema = (struct schema){.path = path, .key = -1, .flexible = range_none};
	set_name_from_path(schema, path);
	struct parser parser = {.schema = schema, .path = path};
	FILE *file = fopen(path, "r");
	if (!file)
		die(path, 0, "%s", strerror(errno));
	char *text = NULL;
	size_t capacity = 0;
	while (getline(&text, &capacity, file) >= 0) {
		parser.line++;
		parse_line(&parser, text);
	}
	fclose(file);
	for (int i = 0; i < schema->shape_count; i++)
		if (schema->shapes[i]->is_message)
			resolve(schema, schema->shapes[i]);
	for (int i = 0; i < schema->shape_count; i++)
		for (int k = 0; k < schema->shapes[i]->field_count; k++)
			check_field(schema, schema->shapes[i], schema->shapes[i]->fields[k]);
	return schema;
}

/* ---- output: files, and the words all of them share ---------------------------------------------------- */

struct output {
	char path[4096];
	char *text;
	size_t size;
	FILE *file;
};

static struct output open_output(const char *format, const char *name)
{
	struct output out = {0};
	int n = snprintf(out.path, sizeof out.path, "%s/", out_dir);
	snprintf(out.path + n, sizeof out.path - (size_t)n, format, name);
	return out;
}

static bool is_unchanged(const struct output *out)
{
	FILE *old = fopen(out->path, "r");
	if (!old)
		return false;
	char *text = allocate(out->size + 1);
	bool same = fread(text, 1, out->size + 1, old) == out->size && memcmp(text, out->text, out->size) == 0;
	fclose(old);
	return same;
}

static void close_output(struct output *out)
{
	fclose(out->file);
	if (is_unchanged(out))
		return;
	FILE *file = fopen(out->path, "w");
	if (!file || fwrite(out->text, 1, out->size, file) != out->size || fclose(file) != 0)
		die(out->path, 0, "%s", strerror(errno));
}

static struct range live_range(const struct shape *shape, const struct field *field)
{
	return range_intersect(field->versions, shape->versions);
}

/* A C expression that is true in `wanted`, given that the version is in `live`: "" if that is always so. */
static const char *condition(char *text, size_t size, struct range wanted, struct range live)
{
	bool from = wanted.first > live.first;
	bool to = wanted.last < live.last;
	if (from && to && wanted.first == wanted.last)
		snprintf(text, size, "version == %d", wanted.first);
	else if (from && to)
		snprintf(text, size, "version >= %d && version <= %d", wanted.first, wanted.last);
	else if (from)
		snprintf(text, size, "version >= %d", wanted.first);
	else if (to)
		snprintf(text, size, "version <= %d", wanted.last);
	else
		text[0] = 0;
	return text;
}

static const char *null_word(char *text, size_t size, const struct shape *shape, const struct field *field)
{
	struct range live = live_range(shape, field);
	struct range nullable = range_intersect(field->nullable, live);
	if (range_is_empty(nullable))
		snprintf(text, size, "NOT_NULL");
	else if (!*condition(text, size, nullable, live))
		snprintf(text, size, "NULLABLE");
	return text;
}

static bool may_be_null(const struct field *field) { return !range_is_empty(field->nullable); }

/* A struct that may be null is held by a pointer. */
static bool is_pointer(const struct field *field)
{
	return field->kind == KIND_STRUCT && !field->is_array && may_be_null(field);
}

static bool default_is_null(const struct field *field)
{
	if (field->default_value[0])
		return strcmp(field->default_value, "null") == 0;
	return may_be_null(field);
}

static bool has_tags(const struct shape *shape)
{
	return !range_is_empty(range_intersect(shape->flexible, shape->versions));
}

static bool uses_flexible(const struct shape *shape)
{
	bool uses = has_tags(shape);
	for (int i = 0; i < shape->field_count; i++) {
		const struct field *field = shape->fields[i];
		uses |= field->is_array || field->kind == KIND_STRING || field->kind == KIND_BYTES ||
			field->kind == KIND_RECORDS;
	}
	return uses;
}

static void emit_flexible(FILE *out, const struct shape *shape)
{
	if (!uses_flexible(shape))
		return;
	char text[80];
	struct range flexible = range_intersect(shape->flexible, shape->versions);
	if (range_is_empty(flexible))
		snprintf(text, sizeof text, "false");
	else if (!*condition(text, sizeof text, flexible, shape->versions))
		snprintf(text, sizeof text, "true");
	fprintf(out, "\tconst bool flexible = %s;\n", text);
}

static void visit_shape(struct shape *shape, FILE *out, void (*emit)(FILE *, struct shape *))
{
	if (shape->is_emitted)
		return;
	shape->is_emitted = true;
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->shape)
			visit_shape(shape->fields[i]->shape, out, emit);
	emit(out, shape);
}

/* Children before parents, each once. */
static void for_each_shape(struct schema *schema, FILE *out, void (*emit)(FILE *, struct shape *))
{
	for (int i = 0; i < schema->shape_count; i++)
		schema->shapes[i]->is_emitted = false;
	for (int i = 0; i < schema->shape_count; i++)
		if (schema->shapes[i]->is_message)
			visit_shape(schema->shapes[i], out, emit);
}

/* ---- output: the header -------------------------------------------------------------------------------- */

static void emit_range(FILE *out, struct range range)
{
	if (range.last == INT_MAX)
		fprintf(out, "%d+", range.first);
	else if (range.first == range.last)
		fprintf(out, "%d", range.first);
	else
		fprintf(out, "%d-%d", range.first, range.last);
}

static void emit_field_comment(FILE *out, const struct shape *shape, const struct field *field)
{
	fprintf(out, "\t/* ");
	if (!range_covers(field->versions, shape->versions)) {
		fprintf(out, "v");
		emit_range(out, field->versions);
		fprintf(out, ": ");
	}
	fprintf(out, "%s", field->about);
	if (may_be_null(field))
		fprintf(out, range_covers(field->nullable, live_range(shape, field)) ? " May be null." : " May be null in v");
	if (may_be_null(field) && !range_covers(field->nullable, live_range(shape, field))) {
		emit_range(out, field->nullable);
		fprintf(out, ".");
	}
	if (field->tag >= 0)
		fprintf(out, " Tag %d.", field->tag);
	fprintf(out, " */\n");
}

static void emit_c_type(FILE *out, const struct field *field)
{
	if (field->shape)
		fprintf(out, "struct %s ", field->shape->c_name);
	else
		fprintf(out, "%s", field->type->c_name);
}

static void emit_member(FILE *out, const struct shape *shape, const struct field *field)
{
	emit_field_comment(out, shape, field);
	if (field->is_array) {
		fprintf(out, "\tstruct {\n\t\t");
		emit_c_type(out, field);
		fprintf(out, "*items;\n\t\tint32_t count;\n\t} %s;\n", field->name);
		return;
	}
	fprintf(out, "\t");
	emit_c_type(out, field);
	fprintf(out, "%s%s;\n", is_pointer(field) ? "*" : "", field->name);
}

/* A decimal constant that C takes without a warning. */
static void emit_number(FILE *out, const struct field *field)
{
	long long value = strtoll(field->default_value, NULL, 0);
	if (value == INT_MIN)
		fprintf(out, "INT32_MIN");
	else if (value == LLONG_MAX)
		fprintf(out, "INT64_MAX");
	else
		fprintf(out, "%lld", value);
}

static bool has_initializer(const struct field *field);

static bool shape_has_initializer(const struct shape *shape)
{
	for (int i = 0; i < shape->field_count; i++)
		if (has_initializer(shape->fields[i]))
			return true;
	return false;
}

/* Is its default anything but all zero bytes? */
static bool has_initializer(const struct field *field)
{
	if (field->is_array)
		return default_is_null(field);
	switch (field->kind) {
	case KIND_SCALAR:
		return field->default_value[0] && strcmp(field->default_value, "0") != 0;
	case KIND_STRING:
	case KIND_STRING16:
	case KIND_BYTES:
	case KIND_RECORDS:
		return !default_is_null(field);
	case KIND_STRUCT:
		return !is_pointer(field) && shape_has_initializer(field->shape);
	case KIND_UUID:
		return false;
	}
	return false;
}

static void emit_initializers(FILE *out, const struct shape *shape, int depth);

static void emit_initializer(FILE *out, const struct field *field, int depth)
{
	static const char tabs[] = "\t\t\t\t\t\t\t\t";
	fprintf(out, "%.*s.%s = ", depth, tabs, field->name);
	if (field->is_array)
		fprintf(out, "{.count = -1}");
	else if (field->kind == KIND_RECORDS)
		fprintf(out, "{.whole = SLICE_EMPTY}");
	else if (field->kind == KIND_STRUCT) {
		fprintf(out, "{\n");
		emit_initializers(out, field->shape, depth + 1);
		fprintf(out, "%.*s}", depth, tabs);
	} else if (field->kind != KIND_SCALAR)
		fprintf(out, "SLICE_EMPTY");
	else if (strcmp(field->default_value, "true") == 0)
		fprintf(out, "true");
	else
		emit_number(out, field);
	fprintf(out, ",\n");
}

static void emit_initializers(FILE *out, const struct shape *shape, int depth)
{
	for (int i = 0; i < shape->field_count; i++)
		if (has_initializer(shape->fields[i]))
			emit_initializer(out, shape->fields[i], depth);
}

static void emit_init(FILE *out, const struct shape *shape)
{
	fprintf(out, "static inline void %s_init(struct %s *m)\n{\n", shape->c_name, shape->c_name);
	if (shape_has_initializer(shape)) {
		fprintf(out, "\t*m = (struct %s){\n", shape->c_name);
		emit_initializers(out, shape, 2);
		fprintf(out, "\t};\n}\n\n");
	} else {
		fprintf(out, "\tmemset(m, 0, sizeof *m);\n}\n\n");
	}
}

static void emit_prototypes(FILE *out, const struct shape *shape)
{
	const char *name = shape->c_name;
	fprintf(out, "int %s_decode(struct reader *reader, struct arena *arena, int version,\n\t\tstruct %s *m) MUST_USE;\n",
		name, name);
	fprintf(out, "void %s_encode(struct writer *writer, int version, const struct %s *m);\n", name, name);
	fprintf(out, "size_t %s_size(const struct %s *m, int version);\n", name, name);
	fprintf(out, "struct dump;\nvoid %s_dump(struct dump *dump, int version, const struct %s *m);\n\n", name, name);
}

static void emit_struct(FILE *out, struct shape *shape)
{
	const char *about = shape->about[0] ? shape->about : NULL;
	if (about)
		fprintf(out, "/* %s */\n", about);
	fprintf(out, "struct %s {\n", shape->c_name);
	for (int i = 0; i < shape->field_count; i++)
		emit_member(out, shape, shape->fields[i]);
	if (shape->field_count == 0)
		fprintf(out, "\tchar nothing;   /* This message has no fields. */\n");
	fprintf(out, "};\n\n");
	emit_init(out, shape);
	if (shape->is_message)
		emit_prototypes(out, shape);
}

static void emit_constants(FILE *out, const struct schema *schema)
{
	if (!schema->is_api)
		return;
	int flexible = range_is_empty(schema->flexible) ? 32767 : schema->flexible.first;
	fprintf(out, "enum {\n\tKMSG_%s_KEY = %d,\n\tKMSG_%s_MIN = %d,\n\tKMSG_%s_MAX = %d,\n", schema->upper,
		schema->key, schema->upper, schema->versions.first, schema->upper, schema->versions.last);
	fprintf(out, "\tKMSG_%s_FLEXIBLE = %d,   /* The first flexible version. */\n};\n\n", schema->upper, flexible);
}

static void emit_header(struct schema *schema)
{
	struct output o = open_output("kmsg_%s.h", schema->name);
	o.file = open_memstream(&o.text, &o.size);
	fprintf(o.file, "/* Made by wire-gen from %s. %s\n", schema->path, schema->about);
	fprintf(o.file, " * X_init gives the defaults; X_decode reads all of X or leaves it at its defaults and returns the\n"
		 " * reader's error; X_encode writes X, its error is the writer's; X_size is what X_encode will write. */\n"
		 "#pragma once\n\n#include \"net/wire/cursor.h\"\n\n");
	emit_constants(o.file, schema);
	for_each_shape(schema, o.file, emit_struct);
	close_output(&o);
}

/* ---- output: decoding ---------------------------------------------------------------------------------- */

static void emit_read_value(FILE *out, const struct field *field, const char *null)
{
	switch (field->kind) {
	case KIND_SCALAR:
	case KIND_UUID:
		fprintf(out, "reader_%s(reader)", field->type_name);
		break;
	case KIND_STRING16:
		fprintf(out, "reader_string(reader, false, %s)", null);
		break;
	case KIND_STRING:
	case KIND_BYTES:
	case KIND_RECORDS:
		fprintf(out, "reader_%s(reader, flexible, %s)", field->type_name, null);
		break;
	case KIND_STRUCT:
		break;
	}
}

static void emit_read_array(FILE *out, const struct field *field, const char *null, const char *tabs)
{
	const char *name = field->name;
	fprintf(out, "%sm->%s.items = reader_array(reader, arena, flexible, %s,\n", tabs, name, null);
	fprintf(out, "%s\tsizeof *m->%s.items, &m->%s.count);\n", tabs, name, name);
	if (field->shape) {
		fprintf(out, "%sfor (int32_t i = 0; i < m->%s.count && !reader->error; i++)\n", tabs, name);
		fprintf(out, "%s\tread_%s(reader, arena, version, &m->%s.items[i]);\n", tabs, field->shape->name, name);
		return;
	}
	fprintf(out, "%sfor (int32_t i = 0; i < m->%s.count; i++)\n", tabs, name);
	fprintf(out, "%s\tm->%s.items[i] = ", tabs, name);
	emit_read_value(out, field, "NOT_NULL");
	fprintf(out, ";\n");
}

static void emit_read_pointer(FILE *out, const struct field *field, const char *tabs)
{
	fprintf(out, "%sm->%s = reader_nullable_struct(reader, arena, sizeof *m->%s);\n", tabs, field->name, field->name);
	fprintf(out, "%sif (m->%s)\n", tabs, field->name);
	fprintf(out, "%s\tread_%s(reader, arena, version, m->%s);\n", tabs, field->shape->name, field->name);
}

static void emit_read_field(FILE *out, const struct shape *shape, const struct field *field, const char *tabs)
{
	char null[80];
	null_word(null, sizeof null, shape, field);
	if (field->is_array) {
		emit_read_array(out, field, null, tabs);
	} else if (is_pointer(field)) {
		emit_read_pointer(out, field, tabs);
	} else if (field->shape) {
		fprintf(out, "%sread_%s(reader, arena, version, &m->%s);\n", tabs, field->shape->name, field->name);
	} else {
		fprintf(out, "%sm->%s = ", tabs, field->name);
		emit_read_value(out, field, null);
		fprintf(out, ";\n");
	}
}

static bool takes_many_lines(const struct field *field) { return field->is_array || is_pointer(field); }

static void emit_read_plain(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	condition(text, sizeof text, live_range(shape, field), shape->versions);
	bool braces = *text && takes_many_lines(field);
	if (*text)
		fprintf(out, "\tif (%s)%s\n", text, braces ? " {" : "");
	emit_read_field(out, shape, field, *text ? "\t\t" : "\t");
	if (braces)
		fprintf(out, "\t}\n");
}

static void emit_read_tagged(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	condition(text, sizeof text, live_range(shape, field), range_intersect(shape->flexible, shape->versions));
	fprintf(out, "\t\tcase %d:\n", field->tag);
	if (*text) {
		fprintf(out, "\t\t\tif (!(%s)) {\n\t\t\t\treader_skip_tag(reader);\n\t\t\t\tbreak;\n\t\t\t}\n", text);
	}
	emit_read_field(out, shape, field, "\t\t\t");
	fprintf(out, "\t\t\tbreak;\n");
}

static void emit_read_tags(FILE *out, const struct shape *shape)
{
	fprintf(out, "\tif (!flexible)\n\t\treturn;\n");
	fprintf(out, "\tstruct reader_tags tags = reader_tags(reader);\n\twhile (reader_next_tag(reader, &tags))\n");
	bool any = false;
	for (int i = 0; i < shape->field_count; i++)
		any |= shape->fields[i]->tag >= 0;
	if (!any) {
		fprintf(out, "\t\treader_skip_tag(reader);\n");
		return;
	}
	fprintf(out, "\t\tswitch (tags.tag) {\n");
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag >= 0)
			emit_read_tagged(out, shape, shape->fields[i]);
	fprintf(out, "\t\tdefault:\n\t\t\treader_skip_tag(reader);\n\t\t}\n");
}

static void emit_read(FILE *out, struct shape *shape)
{
	fprintf(out, "static void read_%s(struct reader *reader, struct arena *arena, int version,\n\t\tstruct %s *m)\n{\n",
		shape->name, shape->c_name);
	emit_flexible(out, shape);
	fprintf(out, "\t%s_init(m);\n", shape->c_name);
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag < 0)
			emit_read_plain(out, shape, shape->fields[i]);
	if (has_tags(shape))
		emit_read_tags(out, shape);
	fprintf(out, "}\n\n");
	if (!shape->is_message)
		return;
	fprintf(out, "int %s_decode(struct reader *reader, struct arena *arena, int version,\n\t\tstruct %s *m)\n{\n",
		shape->c_name, shape->c_name);
	fprintf(out, "\tif (version < %d || version > %d)\n", shape->versions.first, shape->versions.last);
	fprintf(out, "\t\treader_fail(reader, -EBADMSG, \"version out of range\");\n\telse\n");
	fprintf(out, "\t\tread_%s(reader, arena, version, m);\n", shape->name);
	fprintf(out, "\tif (reader->error)\n\t\t%s_init(m);\n\treturn reader->error;\n}\n\n", shape->c_name);
}

/* ---- output: encoding ---------------------------------------------------------------------------------- */

static void emit_write_value(FILE *out, const struct field *field, const char *null, const char *value)
{
	switch (field->kind) {
	case KIND_SCALAR:
	case KIND_UUID:
		fprintf(out, "writer_%s(writer, %s);\n", field->type_name, value);
		break;
	case KIND_STRING16:
		fprintf(out, "writer_string(writer, false, %s, %s);\n", null, value);
		break;
	case KIND_STRING:
	case KIND_BYTES:
		fprintf(out, "writer_%s(writer, flexible, %s, %s);\n", field->type_name, null, value);
		break;
	case KIND_RECORDS:
		fprintf(out, "writer_records(writer, flexible, %s, &%s);\n", null, value);
		break;
	case KIND_STRUCT:
		fprintf(out, "write_%s(writer, version, &%s);\n", field->shape->name, value);
		break;
	}
}

static void emit_write_array(FILE *out, const struct field *field, const char *null, const char *tabs)
{
	char value[NAME_SIZE + 20];
	snprintf(value, sizeof value, "m->%s.items[i]", field->name);
	fprintf(out, "%sfor (int32_t i = 0, count = writer_array(writer, flexible, %s, m->%s.count); i < count; i++)\n%s\t",
		tabs, null, field->name, tabs);
	emit_write_value(out, field, "NOT_NULL", value);
}

static void emit_write_field(FILE *out, const struct shape *shape, const struct field *field, const char *tabs)
{
	char null[80], value[NAME_SIZE + 20];
	null_word(null, sizeof null, shape, field);
	snprintf(value, sizeof value, "m->%s", field->name);
	if (field->is_array) {
		emit_write_array(out, field, null, tabs);
	} else if (is_pointer(field)) {
		fprintf(out, "%swriter_int8(writer, %s ? 1 : -1);\n%sif (%s)\n", tabs, value, tabs, value);
		fprintf(out, "%s\twrite_%s(writer, version, %s);\n", tabs, field->shape->name, value);
	} else {
		fprintf(out, "%s", tabs);
		emit_write_value(out, field, null, value);
	}
}

static void emit_write_plain(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	condition(text, sizeof text, live_range(shape, field), shape->versions);
	bool braces = *text && takes_many_lines(field);
	if (*text)
		fprintf(out, "\tif (%s)%s\n", text, braces ? " {" : "");
	emit_write_field(out, shape, field, *text ? "\t\t" : "\t");
	if (braces)
		fprintf(out, "\t}\n");
}

/* An expression that is true if the field differs from its default. */
static void emit_differs(FILE *out, const struct field *field)
{
	const char *name = field->name;
	if (field->is_array)
		fprintf(out, default_is_null(field) ? "m->%s.count >= 0" : "m->%s.count != 0", name);
	else if (field->kind == KIND_UUID)
		fprintf(out, "!uuid_is_zero(&m->%s)", name);
	else if (field->kind == KIND_STRUCT)
		fprintf(out, "differs_%s(&m->%s)", field->shape->name, name);
	else if (field->kind == KIND_RECORDS)
		fprintf(out, default_is_null(field) ? "(m->%s.whole.data || m->%s.piece_count)" : "records_size(&m->%s) != 0",
			name, name);
	else if (field->kind != KIND_SCALAR)
		fprintf(out, default_is_null(field) ? "m->%s.data != NULL" : "m->%s.size != 0", name);
	else if (strcmp(field->type_name, "bool") == 0)
		fprintf(out, strcmp(field->default_value, "true") == 0 ? "!m->%s" : "m->%s", name);
	else {
		fprintf(out, "m->%s != ", name);
		emit_number(out, field);
	}
}

static void emit_differs_function(FILE *out, struct shape *shape)
{
	if (shape->is_compared)
		return;
	shape->is_compared = true;
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->shape && !shape->fields[i]->is_array)
			emit_differs_function(out, shape->fields[i]->shape);
	fprintf(out, "static bool differs_%s(const struct %s *m)\n{\n\treturn ", shape->name, shape->c_name);
	for (int i = 0; i < shape->field_count; i++) {
		fprintf(out, "%s", i ? " || " : "");
		emit_differs(out, shape->fields[i]);
	}
	fprintf(out, ";\n}\n\n");
}

/* A tagged value is written by a function of its own: once to count it, once for its bytes. */
static void emit_write_tag_function(FILE *out, const struct shape *shape, const struct field *field)
{
	if (field->shape && !field->is_array)
		emit_differs_function(out, field->shape);
	fprintf(out, "static void write_%s_%s(struct writer *writer, int version, const struct %s *m)\n{\n", shape->name,
		field->name, shape->c_name);
	if (field->is_array || (field->kind != KIND_SCALAR && field->kind != KIND_UUID && field->kind != KIND_STRUCT))
		fprintf(out, "\tconst bool flexible = true;\n");
	emit_write_field(out, shape, field, "\t");
	fprintf(out, "}\n\n");
}

static void emit_has_tag(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	condition(text, sizeof text, live_range(shape, field), range_intersect(shape->flexible, shape->versions));
	fprintf(out, "\tconst bool has_%s = %s%s", field->name, text, *text ? " && " : "");
	emit_differs(out, field);
	fprintf(out, ";\n");
}

static void emit_write_tag(FILE *out, const struct shape *shape, const struct field *field)
{
	fprintf(out, "\tif (has_%s) {\n\t\tstruct writer counter = writer_counting();\n", field->name);
	fprintf(out, "\t\twrite_%s_%s(&counter, version, m);\n", shape->name, field->name);
	fprintf(out, "\t\twriter_tag(writer, %d, counter.position);\n", field->tag);
	fprintf(out, "\t\twrite_%s_%s(writer, version, m);\n\t}\n", shape->name, field->name);
}

/* Tagged fields leave in the order of their tags, whatever their order in the schema. */
static int tagged_fields(const struct shape *shape, struct field *tagged[])
{
	int count = 0;
	for (int tag = 0; tag < 1000; tag++)
		for (int i = 0; i < shape->field_count; i++)
			if (shape->fields[i]->tag == tag)
				tagged[count++] = shape->fields[i];
	return count;
}

static void emit_write_tags(FILE *out, const struct shape *shape)
{
	struct field *tagged[64];
	int count = tagged_fields(shape, tagged);
	if (count == 0) {
		fprintf(out, "\tif (flexible)\n\t\twriter_varint(writer, 0);\n");
		return;
	}
	fprintf(out, "\tif (!flexible)\n\t\treturn;\n");
	for (int i = 0; i < count; i++)
		emit_has_tag(out, shape, tagged[i]);
	fprintf(out, "\twriter_varint(writer, (uint32_t)(");
	for (int i = 0; i < count; i++)
		fprintf(out, "%shas_%s", i ? " + " : "", tagged[i]->name);
	fprintf(out, "));\n");
	for (int i = 0; i < count; i++)
		emit_write_tag(out, shape, tagged[i]);
}

static void emit_encode(FILE *out, const struct shape *shape)
{
	fprintf(out, "void %s_encode(struct writer *writer, int version, const struct %s *m)\n{\n", shape->c_name,
		shape->c_name);
	fprintf(out, "\tif (version < %d || version > %d)\n", shape->versions.first, shape->versions.last);
	fprintf(out, "\t\twriter_fail(writer, -EINVAL);\n\telse\n\t\twrite_%s(writer, version, m);\n}\n\n", shape->name);
	fprintf(out, "size_t %s_size(const struct %s *m, int version)\n{\n", shape->c_name, shape->c_name);
	fprintf(out, "\tstruct writer counter = writer_counting();\n\t%s_encode(&counter, version, m);\n", shape->c_name);
	fprintf(out, "\treturn counter.position;\n}\n\n");
}

static void emit_write(FILE *out, struct shape *shape)
{
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag >= 0)
			emit_write_tag_function(out, shape, shape->fields[i]);
	fprintf(out, "static void write_%s(struct writer *writer, int version, const struct %s *m)\n{\n", shape->name,
		shape->c_name);
	emit_flexible(out, shape);
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag < 0)
			emit_write_plain(out, shape, shape->fields[i]);
	if (has_tags(shape))
		emit_write_tags(out, shape);
	fprintf(out, "}\n\n");
	if (shape->is_message)
		emit_encode(out, shape);
}

static void emit_source(struct schema *schema)
{
	struct output o = open_output("kmsg_%s.c", schema->name);
	o.file = open_memstream(&o.text, &o.size);
	fprintf(o.file, "/* Made by wire-gen from %s: decoding, then encoding. */\n#include \"kmsg_%s.h\"\n\n", schema->path,
		schema->name);
	for_each_shape(schema, o.file, emit_read);
	for_each_shape(schema, o.file, emit_write);
	close_output(&o);
}

/* ---- output: dumps ------------------------------------------------------------------------------------- */

static void emit_dump_value(FILE *out, const struct field *field, const char *value, const char *tabs)
{
	if (field->shape)
		fprintf(out, "%sdump_%s(dump, version, %s%s);\n", tabs, field->shape->name, is_pointer(field) ? "" : "&", value);
	else if (field->kind == KIND_RECORDS)
		fprintf(out, "%sdump_put_records(dump, &%s);\n", tabs, value);
	else if (field->kind == KIND_SCALAR && strcmp(field->type_name, "bool") != 0)
		fprintf(out, "%sdump_put_%s(dump, %s);\n", tabs,
			strcmp(field->type_name, "float64") == 0 ? "float64" : "int64", value);
	else
		fprintf(out, "%sdump_put_%s(dump, %s);\n", tabs,
			field->kind == KIND_STRING16 ? "string" : field->type_name, value);
}

static void emit_dump_array(FILE *out, const struct field *field, const char *tabs)
{
	char value[NAME_SIZE + 20], deeper[16];
	snprintf(value, sizeof value, "m->%s.items[i]", field->name);
	snprintf(deeper, sizeof deeper, "%s\t", tabs);
	fprintf(out, "%sdump_open_array(dump, m->%s.count);\n", tabs, field->name);
	fprintf(out, "%sfor (int32_t i = 0; i < m->%s.count; i++)\n", tabs, field->name);
	emit_dump_value(out, field, value, deeper);
	fprintf(out, "%sdump_close_array(dump, m->%s.count);\n", tabs, field->name);
}

static void emit_dump_field(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80], value[NAME_SIZE + 20];
	condition(text, sizeof text, live_range(shape, field), shape->versions);
	snprintf(value, sizeof value, "m->%s", field->name);
	bool conditional = *text || field->tag >= 0;
	const char *tabs = conditional ? "\t\t" : "\t";
	if (conditional) {
		fprintf(out, "\tif (%s%s", text, *text && field->tag >= 0 ? " && " : "");
		if (field->tag >= 0)
			emit_differs(out, field);
		fprintf(out, ") {\n");
	}
	fprintf(out, "%sdump_key(dump, \"%s\");\n", tabs, field->name);
	if (field->is_array)
		emit_dump_array(out, field, tabs);
	else if (is_pointer(field)) {
		fprintf(out, "%sif (m->%s)\n", tabs, field->name);
		emit_dump_value(out, field, value, conditional ? "\t\t\t" : "\t\t");
		fprintf(out, "%selse\n%s\tdump_put_null(dump);\n", tabs, tabs);
	} else
		emit_dump_value(out, field, value, tabs);
	if (conditional)
		fprintf(out, "\t}\n");
}

static void emit_dump(FILE *out, struct shape *shape)
{
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag >= 0 && shape->fields[i]->shape && !shape->fields[i]->is_array)
			emit_differs_function(out, shape->fields[i]->shape);
	fprintf(out, "static void dump_%s(struct dump *dump, int version, const struct %s *m)\n{\n\tdump_open_struct(dump);\n",
		shape->name, shape->c_name);
	for (int i = 0; i < shape->field_count; i++)
		emit_dump_field(out, shape, shape->fields[i]);
	fprintf(out, "\tdump_close_struct(dump);\n}\n\n");
	if (shape->is_message)
		fprintf(out, "void %s_dump(struct dump *dump, int version, const struct %s *m)\n{\n\tdump_%s(dump, version, m);\n}\n\n",
			shape->c_name, shape->c_name, shape->name);
}

static void emit_dump_source(struct schema *schema)
{
	struct output o = open_output("kmsg_%s_dump.c", schema->name);
	o.file = open_memstream(&o.text, &o.size);
	for (int i = 0; i < schema->shape_count; i++)
		schema->shapes[i]->is_compared = false;
	fprintf(o.file, "/* Made by wire-gen from %s: messages as JSON, for people and tests. */\n", schema->path);
	fprintf(o.file, "#include \"kmsg_%s.h\"\n#include \"net/wire/dump.h\"\n\n", schema->name);
	for_each_shape(schema, o.file, emit_dump);
	close_output(&o);
}

/* ---- output: the tables -------------------------------------------------------------------------------- */

static void emit_apis_header(void)
{
	struct output o = open_output("kmsg_apis%s", ".h");
	o.file = open_memstream(&o.text, &o.size);
	fprintf(o.file, "/* Made by wire-gen: the version ranges this codec knows, by API key. Constant; any thread. What is served\n"
		 " * is another matter: the API table in net/api says that. */\n#pragma once\n\n"
		 "#include \"log/base/types.h\"\n\n"
		 "struct kmsg_api {\n\tint16_t key, min, max;\n\tint16_t flexible;   /* The first flexible version. */\n"
		 "\tconst char *name;\n};\n\n"
		 "extern const struct kmsg_api kmsg_apis[];\nextern const size_t kmsg_api_count;\n\n"
		 "/* NULL if the key is not known. */\nconst struct kmsg_api *kmsg_api_find(int16_t key);\n");
	close_output(&o);
}

static void emit_apis_source(void)
{
	struct output o = open_output("kmsg_apis%s", ".c");
	o.file = open_memstream(&o.text, &o.size);
	fprintf(o.file, "/* Made by wire-gen. */\n#include \"kmsg_apis.h\"\n\n");
	for (int i = 0; i < schema_count; i++)
		if (schemas[i]->is_api)
			fprintf(o.file, "#include \"kmsg_%s.h\"\n", schemas[i]->name);
	fprintf(o.file, "\nconst struct kmsg_api kmsg_apis[] = {\n");
	for (int key = 0; key < 1000; key++)
		for (int i = 0; i < schema_count; i++) {
			const char *upper = schemas[i]->upper;
			if (schemas[i]->is_api && schemas[i]->key == key)
				fprintf(o.file, "\t{KMSG_%s_KEY, KMSG_%s_MIN, KMSG_%s_MAX, KMSG_%s_FLEXIBLE, \"%s\"},\n", upper,
					upper, upper, upper, schemas[i]->name);
		}
	fprintf(o.file, "};\n\nconst size_t kmsg_api_count = COUNT_OF(kmsg_apis);\n\n"
		 "const struct kmsg_api *kmsg_api_find(int16_t key)\n{\n"
		 "\tsize_t low = 0, high = COUNT_OF(kmsg_apis);\n\twhile (low < high) {\n"
		 "\t\tsize_t middle = (low + high) / 2;\n\t\tif (kmsg_apis[middle].key < key)\n\t\t\tlow = middle + 1;\n"
		 "\t\telse\n\t\t\thigh = middle;\n\t}\n"
		 "\treturn low < COUNT_OF(kmsg_apis) && kmsg_apis[low].key == key ? &kmsg_apis[low] : NULL;\n}\n");
	close_output(&o);
}

static void emit_table_header(void)
{
	struct output o = open_output("kmsg_table%s", ".h");
	o.file = open_memstream(&o.text, &o.size);
	fprintf(o.file, "/* Made by wire-gen: every message behind one set of function pointers. For tests, fuzzers and tools that\n"
		 " * treat all messages alike; a handler includes the header of its own message. Constant; any thread. */\n"
		 "#pragma once\n\n#include \"net/wire/cursor.h\"\n\nstruct dump;\n\n"
		 "struct kmsg_message {\n\tconst char *name;       /* \"produce_request\" */\n"
		 "\tint key;                /* -1 if it belongs to no API. */\n\tbool is_request;\n\tint min, max;\n"
		 "\tsize_t struct_size;\n\tvoid (*init)(void *m);\n"
		 "\tint (*decode)(struct reader *reader, struct arena *arena, int version, void *m);\n"
		 "\tvoid (*encode)(struct writer *writer, int version, const void *m);\n"
		 "\tsize_t (*size)(const void *m, int version);\n"
		 "\tvoid (*dump)(struct dump *dump, int version, const void *m);\n};\n\n"
		 "extern const struct kmsg_message kmsg_messages[];\nextern const size_t kmsg_message_count;\n\n"
		 "/* By name; NULL if there is none. */\nconst struct kmsg_message *kmsg_message_find(const char *name);\n");
	close_output(&o);
}

static void emit_thunks(FILE *out, const struct shape *shape)
{
	const char *c = shape->c_name;
	fprintf(out, "static void init_%s(void *m) { %s_init(m); }\n", c, c);
	fprintf(out, "static int decode_%s(struct reader *r, struct arena *a, int v, void *m) { return %s_decode(r, a, v, m); }\n",
		c, c);
	fprintf(out, "static void encode_%s(struct writer *w, int v, const void *m) { %s_encode(w, v, m); }\n", c, c);
	fprintf(out, "static size_t size_%s(const void *m, int v) { return %s_size(m, v); }\n", c, c);
	fprintf(out, "static void dump_%s(struct dump *d, int v, const void *m) { %s_dump(d, v, m); }\n\n", c, c);
}

static void emit_row(FILE *out, const struct schema *schema, const struct shape *shape)
{
	const char *c = shape->c_name;
	fprintf(out, "\t{\"%s\", %d, %s, %d, %d, sizeof(struct %s),\n", c + strlen("kmsg_"), schema->key,
		strcmp(shape->name, "request") == 0 ? "true" : "false", shape->versions.first, shape->versions.last, c);
	fprintf(out, "\t init_%s, decode_%s, encode_%s, size_%s, dump_%s},\n", c, c, c, c, c);
}

static void emit_table_source(void)
{
	struct output o = open_output("kmsg_table%s", ".c");
	o.file = open_memstream(&o.text, &o.size);
	fprintf(o.file, "/* Made by wire-gen. */\n#include \"kmsg_table.h\"\n\n");
	for (int i = 0; i < schema_count; i++)
		fprintf(o.file, "#include \"kmsg_%s.h\"\n", schemas[i]->name);
	fprintf(o.file, "\n");
	for (int i = 0; i < schema_count; i++)
		for (int k = 0; k < schemas[i]->shape_count; k++)
			if (schemas[i]->shapes[k]->is_message)
				emit_thunks(o.file, schemas[i]->shapes[k]);
	fprintf(o.file, "const struct kmsg_message kmsg_messages[] = {\n");
	for (int i = 0; i < schema_count; i++)
		for (int k = 0; k < schemas[i]->shape_count; k++)
			if (schemas[i]->shapes[k]->is_message)
				emit_row(o.file, schemas[i], schemas[i]->shapes[k]);
	fprintf(o.file, "};\n\nconst size_t kmsg_message_count = COUNT_OF(kmsg_messages);\n\n"
		 "const struct kmsg_message *kmsg_message_find(const char *name)\n{\n"
		 "\tfor (size_t i = 0; i < COUNT_OF(kmsg_messages); i++)\n"
		 "\t\tif (strcmp(kmsg_messages[i].name, name) == 0)\n\t\t\treturn &kmsg_messages[i];\n\treturn NULL;\n}\n");
	close_output(&o);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: wire-gen OUTDIR FILE.msg...\n");
		return 2;
	}
	out_dir = argv[1];
	for (int i = 2; i < argc && schema_count < 256; i++)
		schemas[schema_count++] = parse_file(argv[i]);
	for (int i = 0; i < schema_count; i++) {
		emit_header(schemas[i]);
		emit_source(schemas[i]);
		emit_dump_source(schemas[i]);
	}
	emit_apis_header();
	emit_apis_source();
	emit_table_header();
	emit_table_source();
	return 0;
}
