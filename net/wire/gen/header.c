/* kmsg_X.h: constants, structs, defaults and prototypes. */
#include "net/wire/gen/gen.h"

#include <stdlib.h>
#include <string.h>

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
	if (field_may_be_null(field))
		fprintf(out, range_covers(field->nullable, field_live_range(shape, field)) ? " May be null." : " May be null in v");
	if (field_may_be_null(field) && !range_covers(field->nullable, field_live_range(shape, field))) {
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
	fprintf(out, "%s%s;\n", field_is_pointer(field) ? "*" : "", field->name);
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
		return field_default_is_null(field);
	switch (field->kind) {
	case KIND_SCALAR:
		return field->default_value[0] && strcmp(field->default_value, "0") != 0;
	case KIND_STRING:
	case KIND_STRING16:
	case KIND_BYTES:
	case KIND_RECORDS:
		return !field_default_is_null(field);
	case KIND_STRUCT:
		return !field_is_pointer(field) && shape_has_initializer(field->shape);
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

void emit_header(struct schema *schema)
{
	struct output o;
	output_open(&o, "kmsg_%s.h", schema->name);
	fprintf(o.file, "/* Made by wire-gen from %s. %s\n", schema->path, schema->about);
	fprintf(o.file, " * X_init gives the defaults; X_decode reads all of X or leaves it at its defaults and returns the\n"
		 " * reader's error; X_encode writes X, its error is the writer's; X_size is what X_encode will write. */\n"
		 "#pragma once\n\n#include \"net/wire/cursor.h\"\n\n");
	emit_constants(o.file, schema);
	shape_for_each(schema, o.file, emit_struct);
	output_close(&o);
}
