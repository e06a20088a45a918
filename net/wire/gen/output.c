/* Files of the output, and the pieces of C that more than one of them needs. A file whose text would not change is
 * not written, so that nothing is rebuilt for it. */
#include "net/wire/gen/gen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *out_dir;

void output_set_dir(const char *dir)
{
	out_dir = dir;
}

void output_open(struct output *out, const char *format, const char *name)
{
	*out = (struct output){0};
	int n = snprintf(out->path, sizeof out->path, "%s/", out_dir);
	snprintf(out->path + n, sizeof out->path - (size_t)n, format, name);
	out->file = open_memstream(&out->text, &out->size);
	if (!out->file)
		die(out->path, 0, "%s", strerror(errno));
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

void output_close(struct output *out)
{
	fclose(out->file);
	if (is_unchanged(out))
		return;
	FILE *file = fopen(out->path, "w");
	if (!file || fwrite(out->text, 1, out->size, file) != out->size || fclose(file) != 0)
		die(out->path, 0, "%s", strerror(errno));
}

const char *version_condition(char *text, size_t size, struct range wanted, struct range live)
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

const char *field_null_word(char *text, size_t size, const struct shape *shape, const struct field *field)
{
	struct range live = field_live_range(shape, field);
	struct range nullable = range_intersect(field->nullable, live);
	if (range_is_empty(nullable))
		snprintf(text, size, "NOT_NULL");
	else if (!*version_condition(text, size, nullable, live))
		snprintf(text, size, "NULLABLE");
	return text;
}

static bool uses_flexible(const struct shape *shape)
{
	bool uses = shape_has_tags(shape);
	for (int i = 0; i < shape->field_count; i++) {
		const struct field *field = shape->fields[i];
		uses |= field->is_array || field->kind == KIND_STRING || field->kind == KIND_BYTES ||
			field->kind == KIND_RECORDS;
	}
	return uses;
}

void emit_flexible(FILE *out, const struct shape *shape)
{
	if (!uses_flexible(shape))
		return;
	char text[80];
	struct range flexible = range_intersect(shape->flexible, shape->versions);
	if (range_is_empty(flexible))
		snprintf(text, sizeof text, "false");
	else if (!*version_condition(text, sizeof text, flexible, shape->versions))
		snprintf(text, sizeof text, "true");
	fprintf(out, "\tconst bool flexible = %s;\n", text);
}

void emit_number(FILE *out, const struct field *field)
{
	long long value = strtoll(field->default_value, NULL, 0);
	if (value == INT_MIN)
		fprintf(out, "INT32_MIN");
	else if (value == LLONG_MAX)
		fprintf(out, "INT64_MAX");
	else
		fprintf(out, "%lld", value);
}

void emit_differs(FILE *out, const struct field *field)
{
	const char *name = field->name;
	if (field->is_array)
		fprintf(out, field_default_is_null(field) ? "m->%s.count >= 0" : "m->%s.count != 0", name);
	else if (field->kind == KIND_UUID)
		fprintf(out, "!uuid_is_zero(&m->%s)", name);
	else if (field_is_pointer(field) && field->tag >= 0)
		fprintf(out, "(!m->%s || differs_%s(m->%s))", name, field->shape->name, name);
	else if (field_is_pointer(field))
		fprintf(out, "m->%s != NULL", name);
	else if (field->kind == KIND_STRUCT)
		fprintf(out, "differs_%s(&m->%s)", field->shape->name, name);
	else if (field->kind == KIND_RECORDS)
		fprintf(out, field_default_is_null(field) ? "(m->%s.whole.data || m->%s.piece_count)" : "records_size(&m->%s) != 0",
			name, name);
	else if (field->kind != KIND_SCALAR)
		fprintf(out, field_default_is_null(field) ? "m->%s.data != NULL" : "m->%s.size != 0", name);
	else if (strcmp(field->type_name, "bool") == 0)
		fprintf(out, strcmp(field->default_value, "true") == 0 ? "!m->%s" : "m->%s", name);
	else {
		fprintf(out, "m->%s != ", name);
		emit_number(out, field);
	}
}

void emit_differs_functions(FILE *out, struct shape *shape)
{
	if (shape->is_compared)
		return;
	shape->is_compared = true;
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->shape && !shape->fields[i]->is_array)
			emit_differs_functions(out, shape->fields[i]->shape);
	fprintf(out, "static bool differs_%s(const struct %s *m)\n{\n\treturn ", shape->name, shape->c_name);
	for (int i = 0; i < shape->field_count; i++) {
		fprintf(out, "%s", i ? " || " : "");
		emit_differs(out, shape->fields[i]);
	}
	fprintf(out, ";\n}\n\n");
}
