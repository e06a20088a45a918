/* libFuzzer: every request header and every decoder, in every version, over the input. What decodes is encoded again
 * and must take the size that was foretold.
 *
 * Good first inputs are the bytes of tests/golden/messages.txt, a file a line. */
#include "kmsg_table.h"
#include "log/base/check.h"
#include "net/wire/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct kmsg_message *message, int version, struct slice input)
{
	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	void *m = malloc(message->struct_size);
	struct reader reader = reader_over(input);
	if (message->decode(&reader, &arena, version, m) == 0) {
		size_t size = message->size(m, version);
		uint8_t *bytes = malloc(size + 1);
		struct writer writer = writer_into(bytes, size);
		message->encode(&writer, version, m);
		CHECK(writer.error == 0 && writer.position == size);
		free(bytes);
	}
	free(m);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_header header;
	struct reader reader = reader_over((struct slice){data, size});
	int ignored = request_header_decode(&reader, &header);
	(void)ignored;
	for (size_t i = 0; i < kmsg_message_count; i++)
		for (int version = kmsg_messages[i].min; version <= kmsg_messages[i].max; version++)
			decode(&kmsg_messages[i], version, (struct slice){data, size});
	return 0;
}
