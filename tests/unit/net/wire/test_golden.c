/* Every message in every version against the bytes Kafka's own code wrote (tests/golden/messages.txt): decoded
 * values, re-encoded bytes, sizes, and every truncation. */
#include "kmsg_apis.h"
#include "kmsg_table.h"
#include "net/wire/dump.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ARENA_LIMIT ((size_t)1 << 20)

struct golden_line {
	const struct kmsg_message *message;
	const char *name, *variant, *json;
	int version;
	struct slice bytes;
};

static uint8_t hex_digit(char c) { return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10); }

static struct slice parse_hex(const char *hex)
{
	size_t size = strlen(hex) / 2;
	uint8_t *bytes = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return (struct slice){bytes, size};
}

/* "message \t version \t variant \t hex \t json" */
static struct golden_line parse_line(char *text)
{
	struct golden_line line = {0};
	text[strcspn(text, "\n")] = 0;
	line.name = strsep(&text, "\t");
	line.version = atoi(strsep(&text, "\t"));
	line.variant = strsep(&text, "\t");
	line.bytes = parse_hex(strsep(&text, "\t"));
	line.json = text;
	line.message = kmsg_message_find(line.name);
	cr_assert(line.message, "no message %s", line.name);
	return line;
}

/* Calls `check` for each line of the file; returns how many there were. */
static int for_each_line(void (*check)(const struct golden_line *line, void *context), void *context)
{
	FILE *file = fopen("tests/golden/messages.txt", "r");
	cr_assert(file, "tests run at the top of the tree");
	char *text = NULL;
	size_t capacity = 0;
	int count = 0;
	while (getline(&text, &capacity, file) >= 0) {
		if (text[0] == '#')
			continue;
		struct golden_line line = parse_line(text);
		check(&line, context);
		free((void *)line.bytes.data);
		count++;
	}
	free(text);
	fclose(file);
	return count;
}

static void *decode(const struct golden_line *line, struct arena *arena, struct reader *reader)
{
	void *m = malloc(line->message->struct_size);
	*reader = reader_over(line->bytes);
	int err = line->message->decode(reader, arena, line->version, m);
	cr_assert_eq(err, 0, "%s v%d %s: %s", line->name, line->version, line->variant, reader->reason);
	return m;
}

static void check_values(const struct golden_line *line, void *context)
{
	struct arena arena;
	struct reader reader;
	arena_init(&arena, NULL, 0, ARENA_LIMIT);
	void *m = decode(line, &arena, &reader);
	cr_expect_eq(reader_left(&reader), 0, "%s v%d %s leaves bytes", line->name, line->version, line->variant);

	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct dump dump = dump_to(stream);
	line->message->dump(&dump, line->version, m);
	fclose(stream);
	cr_expect_str_eq(text, line->json, "%s v%d %s:\n%s\n%s", line->name, line->version, line->variant, text, line->json);
	free(text);
	free(m);
	arena_fini(&arena);
}

/* The values we read are the values Kafka wrote. */
Test(golden, decoded_values_are_kafkas)
{
	cr_assert_geq(for_each_line(check_values, NULL), 3);
}

static void check_bytes(const struct golden_line *line, void *context)
{
	struct arena arena;
	struct reader reader;
	arena_init(&arena, NULL, 0, ARENA_LIMIT);
	void *m = decode(line, &arena, &reader);
	cr_expect_eq(line->message->size(m, line->version), line->bytes.size, "%s v%d %s: size", line->name, line->version,
		     line->variant);

	uint8_t *bytes = malloc(line->bytes.size + 1);
	struct writer writer = writer_into(bytes, line->bytes.size);
	line->message->encode(&writer, line->version, m);
	cr_expect_eq(writer.error, 0);
	cr_expect_eq(writer.position, line->bytes.size);
	cr_expect_arr_eq(bytes, line->bytes.data, line->bytes.size, "%s v%d %s: bytes", line->name, line->version,
			 line->variant);
	if (line->bytes.size) {
		writer = writer_into(bytes, line->bytes.size - 1);
		line->message->encode(&writer, line->version, m);
		cr_expect_eq(writer.error, -ENOBUFS, "%s v%d %s fits one byte less", line->name, line->version, line->variant);
	}
	free(bytes);
	free(m);
	arena_fini(&arena);
}

/* What we write is byte for byte what Kafka writes, takes the size we foretell, and no byte less. */
Test(golden, encoded_bytes_are_kafkas)
{
	cr_assert_geq(for_each_line(check_bytes, NULL), 3);
}

static void check_truncations(const struct golden_line *line, void *context)
{
	struct arena arena;
	void *m = malloc(line->message->struct_size);
	arena_init(&arena, NULL, 0, ARENA_LIMIT);
	for (size_t size = 0; size < line->bytes.size; size++) {
		/* A block of its own, so that the sanitizer sees a read behind it. */
		uint8_t *bytes = malloc(size ? size : 1);
		memcpy(bytes, line->bytes.data, size);
		struct reader reader = reader_over((struct slice){bytes, size});
		cr_expect_lt(line->message->decode(&reader, &arena, line->version, m), 0, "%s v%d %s: %zu of %zu bytes",
			     line->name, line->version, line->variant, size, line->bytes.size);
		arena_reset(&arena);
		free(bytes);
	}
	free(m);
	arena_fini(&arena);
}

/* A message that breaks off anywhere is refused. */
Test(golden, truncated_messages_are_refused)
{
	cr_assert_geq(for_each_line(check_truncations, NULL), 3);
}

static void count_line(const struct golden_line *line, void *context)
{
	int (*seen)[64] = context;
	seen[line->message - kmsg_messages][line->version]++;
}

/* No message and no version is missing from the file. */
Test(golden, file_covers_every_message_and_version)
{
	int (*seen)[64] = calloc(kmsg_message_count, sizeof *seen);
	for_each_line(count_line, seen);
	for (size_t i = 0; i < kmsg_message_count; i++)
		for (int version = kmsg_messages[i].min; version <= kmsg_messages[i].max; version++)
			cr_expect_geq(seen[i][version], 2, "%s v%d", kmsg_messages[i].name, version);
	free(seen);
}

/* A version outside of the range is an error in either direction, not a guess. */
Test(golden, versions_out_of_range_are_refused)
{
	for (size_t i = 0; i < kmsg_message_count; i++) {
		const struct kmsg_message *message = &kmsg_messages[i];
		static const uint8_t zeros[64];
		struct arena arena;
		arena_init(&arena, NULL, 0, ARENA_LIMIT);
		void *m = malloc(message->struct_size);
		for (int version = message->min - 1; version <= message->max + 1; version += message->max - message->min + 2) {
			struct reader reader = reader_over((struct slice){zeros, sizeof zeros});
			cr_expect_eq(message->decode(&reader, &arena, version, m), -EBADMSG, "%s v%d", message->name, version);
			struct writer writer = writer_counting();
			message->init(m);
			message->encode(&writer, version, m);
			cr_expect_eq(writer.error, -EINVAL, "%s v%d", message->name, version);
		}
		free(m);
		arena_fini(&arena);
	}
}
