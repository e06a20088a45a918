/* The text of a schema becomes the model: line by line, a stack of indents telling whose fields they are; then types
 * are bound to their structs, and each struct learns in which versions it can occur. The grammar is in main.c. */
#include "net/wire/gen/gen.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

static const struct type types[] = {
	{"bool", KIND_SCALAR, "bool "},         {"int8", KIND_SCALAR, "int8_t "},
	{"int16", KIND_SCALAR, "int16_t "},     {"uint16", KIND_SCALAR, "uint16_t "},
	{"int32", KIND_SCALAR, "int32_t "},     {"uint32", KIND_SCALAR, "uint32_t "},
	{"int64", KIND_SCALAR, "int64_t "},     {"float64", KIND_SCALAR, "double "},
	{"uuid", KIND_UUID, "struct uuid "},    {"string", KIND_STRING, "struct slice "},
	{"string16", KIND_STRING16, "struct slice "}, {"bytes", KIND_BYTES, "struct slice "},
	{"records", KIND_RECORDS, "struct records "},
};

_Noreturn void die(const char *path, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "%s:%d: ", path, line);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	exit(1);
}

void *allocate(size_t size)
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
		return RANGE_NONE;
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
	if (schema->shape_count == SHAPES_MAX)
		die(p->path, p->line, "too many structs");
	struct shape *shape = allocate(sizeof *shape);
	copy_name(shape->name, sizeof shape->name, name, p->path, p->line);
	snprintf(shape->c_name, sizeof shape->c_name, "kmsg_%s_%s", schema->name, name);
	shape->schema = schema;
	shape->versions = RANGE_NONE;
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
		field->nullable = word[1] ? parse_range(p, word + 1) : RANGE_ALL;
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
	*field = (struct field){.tag = -1, .versions = RANGE_ALL, .nullable = RANGE_NONE, .line = p->line};
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
	if (shape->field_count == FIELDS_MAX)
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

/* A default must be one its type can have; the sections that print C rely on it. */
static bool default_fits(const struct field *field)
{
	const char *text = field->default_value;
	if (!*text)
		return true;
	if (strcmp(text, "null") == 0)
		return field_may_be_null(field) && (field->is_array || field->kind > KIND_UUID);
	if (strcmp(text, "empty") == 0)
		return field->is_array || (field->kind > KIND_UUID && field->kind < KIND_STRUCT);
	if (field->is_array || field->kind != KIND_SCALAR)
		return false;
	if (strcmp(field->type_name, "bool") == 0)
		return strcmp(text, "true") == 0;
	char *end;
	strtoll(text, &end, 0);
	return *end == 0;
}

static void check_field(struct schema *schema, struct shape *shape, struct field *field)
{
	struct range live = range_intersect(field->versions, shape->versions);
	if (range_is_empty(live))
		die(schema->path, field->line, "'%s' occurs in no version", field->name);
	if (field->tag >= 0 && !range_covers(shape->flexible, live))
		die(schema->path, field->line, "'%s' is tagged where its message is not flexible", field->name);
	if (!default_fits(field))
		die(schema->path, field->line, "'%s' cannot have the default '%s'", field->name, field->default_value);
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

struct schema *schema_parse(const char *path)
{
	struct schema *schema = allocate(sizeof *schema);
	*schema = (struct schema){.path = path, .key = -1, .flexible = RANGE_NONE};
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
