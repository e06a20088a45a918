/* kmsg_X_dump.c: the calls that print each message as JSON. */
#include "net/wire/gen/gen.h"

#include <string.h>

static void emit_dump_value(FILE *out, const struct field *field, const char *value, const char *tabs)
{
	if (field->shape)
		fprintf(out, "%sdump_%s(dump, version, %s%s);\n", tabs, field->shape->name,
			field_is_pointer(field) ? "" : "&", value);
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
	version_condition(text, sizeof text, field_live_range(shape, field), shape->versions);
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
	else if (field_is_pointer(field)) {
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
			emit_differs_functions(out, shape->fields[i]->shape);
	fprintf(out, "static void dump_%s(struct dump *dump, int version, const struct %s *m)\n{\n", shape->name,
		shape->c_name);
	fprintf(out, "\tdump_open_struct(dump);\n");
	for (int i = 0; i < shape->field_count; i++)
		emit_dump_field(out, shape, shape->fields[i]);
	fprintf(out, "\tdump_close_struct(dump);\n}\n\n");
	if (!shape->is_message)
		return;
	fprintf(out, "void %s_dump(struct dump *dump, int version, const struct %s *m)\n{\n", shape->c_name, shape->c_name);
	fprintf(out, "\tdump_%s(dump, version, m);\n}\n\n", shape->name);
}

void emit_dump_source(struct schema *schema)
{
	struct output o;
	output_open(&o, "kmsg_%s_dump.c", schema->name);
	for (int i = 0; i < schema->shape_count; i++)
		schema->shapes[i]->is_compared = false;
	fprintf(o.file, "/* Made by wire-gen from %s: messages as JSON, for people and tests. */\n", schema->path);
	fprintf(o.file, "#include \"kmsg_%s.h\"\n#include \"net/wire/dump.h\"\n\n", schema->name);
	shape_for_each(schema, o.file, emit_dump);
	output_close(&o);
}
