/* The decoding half of kmsg_X.c: one function read_STRUCT for each struct, and X_decode for each message. */
#include "net/wire/gen/gen.h"

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

/* Kafka marks null with a varint here, where it takes a byte for structs without a tag. */
static void emit_read_tagged_pointer(FILE *out, const struct field *field)
{
	fprintf(out, "\t\t\tif (reader_varint(reader) == 0)\n\t\t\t\tm->%s = NULL;\n", field->name);
	fprintf(out, "\t\t\telse if (m->%s)\n", field->name);
	fprintf(out, "\t\t\t\tread_%s(reader, arena, version, m->%s);\n", field->shape->name, field->name);
}

/* What an absent tag means. */
static void emit_absent_pointer(FILE *out, const struct field *field)
{
	fprintf(out, "\tm->%s = reader_struct(reader, arena, sizeof *m->%s);\n", field->name, field->name);
	fprintf(out, "\tif (m->%s)\n\t\t%s_init(m->%s);\n", field->name, field->shape->c_name, field->name);
}

static void emit_read_field(FILE *out, const struct shape *shape, const struct field *field, const char *tabs)
{
	char null[80];
	field_null_word(null, sizeof null, shape, field);
	if (field->is_array) {
		emit_read_array(out, field, null, tabs);
	} else if (field_is_pointer(field)) {
		emit_read_pointer(out, field, tabs);
	} else if (field->shape) {
		fprintf(out, "%sread_%s(reader, arena, version, &m->%s);\n", tabs, field->shape->name, field->name);
	} else {
		fprintf(out, "%sm->%s = ", tabs, field->name);
		emit_read_value(out, field, null);
		fprintf(out, ";\n");
	}
}

static void emit_read_plain(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	version_condition(text, sizeof text, field_live_range(shape, field), shape->versions);
	bool braces = *text && field_takes_many_lines(field);
	if (*text)
		fprintf(out, "\tif (%s)%s\n", text, braces ? " {" : "");
	emit_read_field(out, shape, field, *text ? "\t\t" : "\t");
	if (braces)
		fprintf(out, "\t}\n");
}

static void emit_read_tagged(FILE *out, const struct shape *shape, const struct field *field)
{
	char text[80];
	struct range flexible = range_intersect(shape->flexible, shape->versions);
	version_condition(text, sizeof text, field_live_range(shape, field), flexible);
	fprintf(out, "\t\tcase %d:\n", field->tag);
	if (*text) {
		fprintf(out, "\t\t\tif (!(%s)) {\n\t\t\t\treader_skip_tag(reader);\n\t\t\t\tbreak;\n\t\t\t}\n", text);
	}
	if (field_is_pointer(field))
		emit_read_tagged_pointer(out, field);
	else
		emit_read_field(out, shape, field, "\t\t\t");
	fprintf(out, "\t\t\tbreak;\n");
}

static void emit_read_tags(FILE *out, const struct shape *shape)
{
	fprintf(out, "\tif (!flexible)\n\t\treturn;\n");
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag >= 0 && field_is_pointer(shape->fields[i]))
			emit_absent_pointer(out, shape->fields[i]);
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
	fprintf(out, "static void read_%s(struct reader *reader, struct arena *arena, int version,\n"
		     "\t\tstruct %s *m)\n{\n",
		shape->name, shape->c_name);
	emit_flexible(out, shape);
	fprintf(out, "\t%s_init(m);\n", shape->c_name);
	for (int i = 0; i < shape->field_count; i++)
		if (shape->fields[i]->tag < 0)
			emit_read_plain(out, shape, shape->fields[i]);
	if (shape_has_tags(shape))
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

void emit_reads(FILE *out, struct schema *schema)
{
	shape_for_each(schema, out, emit_read);
}
