/* The encoding half of kmsg_X.c: one function write_STRUCT for each struct, X_encode and X_size for each message. */
#include "net/wire/gen/gen.h"

#include <string.h>

static void emit_write_value(FILE *out, const struct field *field, const char *null, const char *value)
{
	switch (field->kind) {
	case KIND_SCALAR:
		/* The name says what it is, in every message: what is told is counted. */
		fprintf(out, "writer_%s(writer, %s);\n", strcmp(field->name, "error_code") == 0 ? field->name : field->type_name, value);
		break;
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
	fprintf(out, "%sfor (int32_t i = 0, count = writer_array(writer, flexible, %s, m->%s.count); i < count; i++)\n",
		tabs, null, field->name);
	fprintf(out, "%s\t", tabs);
	emit_write_value(out, field, "NOT_NULL", value);
}

static void emit_write_field(FILE *out, const struct shape *shape, const struct field *field, const char *tabs)
{
	char null[80], value[NAME_SIZE + 20];
	field_null_word(null, sizeof null, shape, field);
	snprintf(value, sizeof value, "m->%s", field->name);
	if (field->is_array) {
		emit_write_array(out, field, null, tabs);
	} else if (field_is_pointer(field)) {
		fprintf(out, field->tag < 0 ? "%swriter_int8(writer, %s ? 1 : -1);\n%sif (%s)\n"
					    : "%swriter_varint(writer, %s ? 1 : 0);\n%sif (%s)\n", tabs, value, tabs, value);
		fprintf(out, "%s\twrite_%s(writer, version, %s);\n", tabs, field->shape->name, value);
	} else {
		fprintf(out, "%s", tabs);
		emit_write_value(out, field, null, value);
	}
}

static void emit_write_plain(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	version_condition(text, sizeof text, field_live_range(shape, field), shape->versions);
	bool braces = *text && field_takes_many_lines(field);
	if (*text)
		fprintf(out, "\tif (%s)%s\n", text, braces ? " {" : "");
	emit_write_field(out, shape, field, *text ? "\t\t" : "\t");
	if (braces)
		fprintf(out, "\t}\n");
}

/* A tagged value is written by a function of its own: once to count it, once for its bytes. */
static void emit_write_tag_function(FILE *out, const struct shape *shape, const struct field *field)
{
	if (field->shape && !field->is_array)
		emit_differs_functions(out, field->shape);
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
	struct range flexible = range_intersect(shape->flexible, shape->versions);
	version_condition(text, sizeof text, field_live_range(shape, field), flexible);
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
	for (int i = 0; i < shape->field_count; i++) {
		int at = count;
		if (shape->fields[i]->tag < 0)
			continue;
		for (; at > 0 && tagged[at - 1]->tag > shape->fields[i]->tag; at--)
			tagged[at] = tagged[at - 1];
		tagged[at] = shape->fields[i];
		count++;
	}
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
	if (shape_has_tags(shape))
		emit_write_tags(out, shape);
	fprintf(out, "}\n\n");
	if (shape->is_message)
		emit_encode(out, shape);
}

void emit_writes(FILE *out, struct schema *schema)
{
	shape_for_each(schema, out, emit_write);
}
