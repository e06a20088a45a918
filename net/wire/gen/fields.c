/* kmsg_fields.h/.c: what each message is made of, as data: for tests that fill any request and read any response field by field. */
#include "net/wire/gen/gen.h"

#include <string.h>

static void emit_fields_header(void)
{
	struct output o;
	output_open(&o, "kmsg_fields%s", ".h");
	fprintf(o.file,
		"/* Made by wire-gen: every message as a table of its fields. For tests and tools that make up messages or take them apart\n"
		" * without knowing them; a handler includes the header of its own message. Constant; any thread. */\n"
		"#pragma once\n\n#include \"log/base/types.h\"\n\n"
		"enum kmsg_type {\n"
		"\tKMSG_TYPE_bool, KMSG_TYPE_int8, KMSG_TYPE_int16, KMSG_TYPE_uint16, KMSG_TYPE_int32, KMSG_TYPE_uint32, KMSG_TYPE_int64,\n"
		"\tKMSG_TYPE_float64, KMSG_TYPE_uuid, KMSG_TYPE_string, KMSG_TYPE_string16, KMSG_TYPE_bytes, KMSG_TYPE_records,\n"
		"\tKMSG_TYPE_struct,\n};\n\n"
		"/* Versions first to last; none if first > last. */\n"
		"struct kmsg_range {\n\tint first, last;\n};\n\n"
		"struct kmsg_field {\n\tconst char *name;\n\tenum kmsg_type type;\n\tbool is_array;\n"
		"\tint tag;                            /* -1: not tagged */\n"
		"\tstruct kmsg_range versions, nullable;\n"
		"\tconst char *default_value;          /* as in the schema: \"\", \"null\", \"empty\", \"true\" or a number */\n"
		"\tconst struct kmsg_struct *fields;   /* of a struct; NULL otherwise */\n};\n\n"
		"struct kmsg_struct {\n\tconst struct kmsg_field *fields;\n\tint count;\n};\n\n"
		"struct kmsg_description {\n\tconst char *name;       /* \"produce_request\" */\n\tint key;                /* -1 if it belongs to no API. */\n"
		"\tint min, max, flexible; /* flexible: the first such version */\n\tconst struct kmsg_struct *fields;\n};\n\n"
		"extern const struct kmsg_description kmsg_descriptions[];\nextern const size_t kmsg_description_count;\n\n"
		"/* By name; NULL if there is none. */\nconst struct kmsg_description *kmsg_description_find(const char *name);\n");
	output_close(&o);
}

static void emit_range(FILE *out, struct range range)
{
	if (range_is_empty(range))
		fprintf(out, "{1, 0}");
	else
		fprintf(out, "{%d, %d}", range.first, range.last);
}

static void emit_field_row(FILE *out, const struct shape *shape, const struct field *field)
{
	fprintf(out, "\t{\"%s\", KMSG_TYPE_%s, %s, %d, ", field->name, field->shape ? "struct" : field->type_name,
		field->is_array ? "true" : "false", field->tag);
	emit_range(out, field_live_range(shape, field));
	fprintf(out, ", ");
	emit_range(out, field->nullable);
	fprintf(out, ", \"%s\", ", field->default_value);
	if (field->shape)
		fprintf(out, "&struct_%s},\n", field->shape->c_name);
	else
		fprintf(out, "NULL},\n");
}

/* An empty struct gets a row nobody counts: C has no empty arrays. */
static void emit_shape_rows(FILE *out, struct shape *shape)
{
	fprintf(out, "static const struct kmsg_field fields_%s[] = {\n", shape->c_name);
	for (int i = 0; i < shape->field_count; i++)
		emit_field_row(out, shape, shape->fields[i]);
	if (shape->field_count == 0)
		fprintf(out, "\t{0},\n");
	fprintf(out, "};\nstatic const struct kmsg_struct struct_%s = {fields_%s, %d};\n\n", shape->c_name, shape->c_name,
		shape->field_count);
}

static void emit_description(FILE *out, const struct schema *schema, const struct shape *shape)
{
	int flexible = range_is_empty(shape->flexible) ? INT_MAX : shape->flexible.first;
	fprintf(out, "\t{\"%s\", %d, %d, %d, %d, &struct_%s},\n", shape->c_name + strlen("kmsg_"), schema->key, shape->versions.first,
		shape->versions.last, flexible, shape->c_name);
}

void emit_fields(struct schema **schemas, int schema_count)
{
	struct output o;
	emit_fields_header();
	output_open(&o, "kmsg_fields%s", ".c");
	fprintf(o.file, "/* Made by wire-gen. */\n#include \"kmsg_fields.h\"\n\n");
	for (int i = 0; i < schema_count; i++)
		shape_for_each(schemas[i], o.file, emit_shape_rows);
	fprintf(o.file, "const struct kmsg_description kmsg_descriptions[] = {\n");
	for (int i = 0; i < schema_count; i++)
		for (int k = 0; k < schemas[i]->shape_count; k++)
			if (schemas[i]->shapes[k]->is_message)
				emit_description(o.file, schemas[i], schemas[i]->shapes[k]);
	fprintf(o.file, "};\n\nconst size_t kmsg_description_count = COUNT_OF(kmsg_descriptions);\n\n"
		"const struct kmsg_description *kmsg_description_find(const char *name)\n{\n"
		"\tfor (size_t i = 0; i < COUNT_OF(kmsg_descriptions); i++)\n"
		"\t\tif (strcmp(kmsg_descriptions[i].name, name) == 0)\n\t\t\treturn &kmsg_descriptions[i];\n\treturn NULL;\n}\n");
	output_close(&o);
}
