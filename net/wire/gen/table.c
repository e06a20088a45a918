/* The two tables over all messages: version ranges by API key for the broker, function pointers for tests and tools. */
#include "net/wire/gen/gen.h"

#include <string.h>

static void emit_apis_header(void)
{
	struct output o;
	output_open(&o, "kmsg_apis%s", ".h");
	fprintf(o.file, "/* Made by wire-gen: the version ranges this codec knows, by API key. Constant; any thread. What is served\n"
		 " * is another matter: the API table in net/api says that. */\n#pragma once\n\n"
		 "#include \"log/base/types.h\"\n\n"
		 "struct kmsg_api {\n\tint16_t key, min, max;\n\tint16_t flexible;   /* The first flexible version. */\n"
		 "\tconst char *name;\n};\n\n"
		 "extern const struct kmsg_api kmsg_apis[];\nextern const size_t kmsg_api_count;\n\n"
		 "/* NULL if the key is not known. */\nconst struct kmsg_api *kmsg_api_find(int16_t key);\n");
	output_close(&o);
}

static void emit_apis_source(struct schema **schemas, int schema_count)
{
	struct output o;
	output_open(&o, "kmsg_apis%s", ".c");
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
	output_close(&o);
}

static void emit_table_header(void)
{
	struct output o;
	output_open(&o, "kmsg_table%s", ".h");
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
	output_close(&o);
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

static void emit_table_source(struct schema **schemas, int schema_count)
{
	struct output o;
	output_open(&o, "kmsg_table%s", ".c");
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
	output_close(&o);
}

void emit_tables(struct schema **schemas, int count)
{
	emit_apis_header();
	emit_apis_source(schemas, count);
	emit_table_header();
	emit_table_source(schemas, count);
}
