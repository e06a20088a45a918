/* Happy path: written once, before anything behind the hole is; read whenever the file is held against what it should be.
 *
 * Failure modes: one that has rotted says nothing, as zeros do. */
#include "log/segment/hole_mark.h"

#include <xxhash.h>

static const char magic[8] = {'S', 'P', 'A', 'T', 'E', 'H', 'O', 'L'};
#define FORMAT_VERSION 1u
#define CHECKSUM_AT (HOLE_MARK_SIZE - 8)

void hole_mark_encode(const struct append_time_owner *owner, uint8_t *out)
{
	memset(out, 0, HOLE_MARK_SIZE);
	memcpy(out, magic, sizeof magic);
	store_le32(out + 12, owner->partition);
	memcpy(out + 16, owner->topic_id.bytes, sizeof owner->topic_id.bytes);
	store_le64(out + 32, (uint64_t)owner->base_offset);
	store_le32(out + 40, FORMAT_VERSION);
	store_le64(out + CHECKSUM_AT, XXH3_64bits(out, CHECKSUM_AT));
}

bool hole_mark_decode(struct append_time_owner *owner, struct slice bytes)
{
	if (bytes.size < HOLE_MARK_SIZE || memcmp(bytes.data, magic, sizeof magic) != 0 || load_le32(bytes.data + 40) != FORMAT_VERSION ||
	    load_le64(bytes.data + CHECKSUM_AT) != XXH3_64bits(bytes.data, CHECKSUM_AT))
		return false;
	*owner = (struct append_time_owner){.partition = load_le32(bytes.data + 12), .base_offset = (int64_t)load_le64(bytes.data + 32)};
	memcpy(owner->topic_id.bytes, bytes.data + 16, sizeof owner->topic_id.bytes);
	return true;
}

bool hole_mark_read(struct io *io, int fd, struct append_time_owner *found)
{
	uint8_t bytes[HOLE_MARK_SIZE];
	return io_file_read(io, fd, bytes, sizeof bytes, 0) == sizeof bytes && hole_mark_decode(found, (struct slice){bytes, sizeof bytes});
}

bool hole_mark_is_anothers(struct io *io, int fd, const struct append_time_owner *owner)
{
	struct append_time_owner found;
	if (!hole_mark_read(io, fd, &found))
		return false;
	return found.partition != owner->partition || found.base_offset != owner->base_offset || !uuid_equal(&found.topic_id, &owner->topic_id);
}
