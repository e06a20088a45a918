/* partition.metadata: two lines, read as strictly as they are written, but for the last newline. */
#include "log/segment/partition_metadata.h"

#include <stdio.h>

#include "log/base/uuid_text.h"

size_t partition_metadata_encode(const struct uuid *topic_id, char out[PARTITION_METADATA_SIZE_MAX])
{
	char text[UUID_TEXT_SIZE];
	uuid_text_format(text, topic_id);
	return (size_t)snprintf(out, PARTITION_METADATA_SIZE_MAX, "version: 0\ntopic_id: %s\n", text);
}

static bool take(struct slice *text, const char *expected)
{
	size_t size = strlen(expected);
	if (text->size < size || memcmp(text->data, expected, size) != 0)
		return false;
	text->data += size;
	text->size -= size;
	return true;
}

int partition_metadata_decode(struct uuid *topic_id, struct slice text)
{
	if (!take(&text, "version: "))
		return ERR_CORRUPT_LOG;
	if (!take(&text, "0\n"))
		return ERR_FORMAT;
	if (!take(&text, "topic_id: ") || text.size < UUID_TEXT_SIZE - 1)
		return ERR_CORRUPT_LOG;
	struct uuid id;
	if (!uuid_text_parse(&id, (struct slice){text.data, UUID_TEXT_SIZE - 1}) || uuid_is_zero(&id))
		return ERR_CORRUPT_LOG;
	text.data += UUID_TEXT_SIZE - 1;
	text.size -= UUID_TEXT_SIZE - 1;
	if (text.size > 0 && !(take(&text, "\n") && text.size == 0))
		return ERR_CORRUPT_LOG;
	*topic_id = id;
	return 0;
}
