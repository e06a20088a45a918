/* wire-gen: turns the schema text of Kafka's messages into C, at build time.
 *
 *	wire-gen OUTDIR net/wire/schema/produce.msg ...
 *
 * Each FILE.msg becomes kmsg_FILE.h, kmsg_FILE.c and kmsg_FILE_dump.c; all together become kmsg_apis.h/.c (the
 * version ranges by API key), kmsg_table.h/.c (every message behind one set of function pointers) and kmsg_fields.h/.c
 * (every message as a table of its fields), the last two for tests and tools. A file whose text would not change is
 * not written, so that nothing is rebuilt for it. Any mistake in a schema is told as FILE:LINE and ends the build.
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
 *	@TAG      a tagged field (KIP-482) with this number, in all its versions. A struct that may be null is null on the
 *	          wire if it says so, and holds its defaults if the tag is absent; so it is in Kafka.
 *	=DEFAULT  a number, true, null or empty. Absent: null if it may be null, else 0, false or empty.
 *
 * main.c has the grammar and the order of work, parse.c makes the model of gen.h, the others print it. */
#include "net/wire/gen/gen.h"

static void emit_source(struct schema *schema)
{
	struct output o;
	output_open(&o, "kmsg_%s.c", schema->name);
	fprintf(o.file, "/* Made by wire-gen from %s: decoding, then encoding. */\n", schema->path);
	fprintf(o.file, "#include \"kmsg_%s.h\"\n\n", schema->name);
	emit_reads(o.file, schema);
	emit_writes(o.file, schema);
	output_close(&o);
}

int main(int argc, char **argv)
{
	static struct schema *schemas[SCHEMAS_MAX];
	int count = argc - 2;
	if (count < 1 || count > SCHEMAS_MAX) {
		fprintf(stderr, "usage: wire-gen OUTDIR FILE.msg...\n");
		return 2;
	}
	output_set_dir(argv[1]);
	for (int i = 0; i < count; i++)
		schemas[i] = schema_parse(argv[i + 2]);
	for (int i = 0; i < count; i++) {
		emit_header(schemas[i]);
		emit_source(schemas[i]);
		emit_dump_source(schemas[i]);
	}
	emit_tables(schemas, count);
	emit_fields(schemas, count);
	return 0;
}
