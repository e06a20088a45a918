/* Where each log ends, told to the journal before it lets anything go. Checkpoint and copy say so too; but if both are lost, a file of an earlier time in a
 * segment's place, with all that lies beside it, looks like a log that never was longer. So each cycle of write-behind has the journal tell, in an entry of
 * the kind ENTRY_LOG_ENDS, little endian:
 *
 *   the time that retention went by, as in the checkpoint u64, then for each partition that ever held a record:
 *   topic id 16 | index u32 | log start offset i64 | durable offset i64
 *
 * And beside it one of the kind ENTRY_LOG_FILES, of the file that each log goes on in, as the log ends know nothing of whose a file is:
 *
 *   topic id 16 | index u32 | base offset i64 | CRC of its first batch u32 (0: not known) | a position u64 | checksum of the headers of all batches before it,
 *   which were filed by then u64 (struct mark; 0: not known)
 *
 * Happy path: the entry is durable before the cycle writes its checkpoint, and lies behind the last group that the cycle lets go: so the journal always has one.
 * What it tells stays true as a lower bound: what is durable leaves a log at its start alone.
 *
 * Failure modes: no memory, no room, more partitions than half of an entry takes, or a cycle before the journal has started: it is left out, and this cycle's trim
 * may take the one before. Nothing but a scan beside lost checkpoints would have asked for it. A cycle that lets nothing go, as on a full disk, leaves its entry to
 * those that try again: they add none, and let go what lies before that one. */
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/store/store_priv.h"

#define HEAD_SIZE 8
#define END_SIZE 36
#define FILE_SIZE 48

static uint32_t count_begun(const struct store *store)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &store->partitions)
		count += LIST_ENTRY(node, struct partition, store_node)->durable_offset > 0;
	return count;
}

static uint8_t *put_end(uint8_t *at, const struct partition *partition)
{
	memcpy(at, partition->topic_id.bytes, 16);
	store_le32(at + 16, partition->index);
	store_le64(at + 20, (uint64_t)partition->start_offset);
	store_le64(at + 28, (uint64_t)partition->durable_offset);
	return at + END_SIZE;
}

static size_t encode(const struct store *store, uint8_t *out)
{
	uint8_t *at = out + HEAD_SIZE;
	store_le64(out, (uint64_t)retention_clock_left(&store->retention_clock, io_wall_ms(store->home.io), io_now_ns(store->home.io)));
	LIST_FOR_EACH(node, &store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (partition->durable_offset > 0)
			at = put_end(at, partition);
	}
	return (size_t)(at - out);
}

/* Nothing of a batch that no group has: it may never have been. */
static bool has_file_to_tell(const struct partition *partition)
{
	return partition->active && partition->active->durable.position > 0 && partition->active->first_crc;
}

static uint8_t *put_file(uint8_t *at, const struct partition *partition)
{
	const struct segment *segment = partition->active;
	memcpy(at, partition->topic_id.bytes, 16);
	store_le32(at + 16, partition->index);
	store_le64(at + 20, (uint64_t)segment->base_offset);
	store_le32(at + 28, segment->first_crc);
	store_le64(at + 32, segment->vouched.position);
	store_le64(at + 40, segment->vouched.headers);
	return at + FILE_SIZE;
}

/* False: there is no room. Frees the bytes. */
static bool add_entry(struct store *store, enum entry_kind kind, uint8_t *bytes, size_t size)
{
	struct iovec payload = {bytes, size};
	struct journal_entry entry = {.kind = kind, .may_pass_span = true, .data_size_bytes = (uint32_t)size, .data_checksum = XXH3_64bits(bytes, size)};
	bool is_added = journal_add(store->journal, &entry, &payload, 1);
	free(bytes);
	return is_added;
}

/* Where there is no memory or room for it a scan has a witness less. */
static void add_log_files(struct store *store)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &store->partitions)
		count += has_file_to_tell(LIST_ENTRY(node, struct partition, store_node));
	size_t size = (size_t)count * FILE_SIZE;
	uint8_t *bytes = count && size <= JOURNAL_ENTRY_MAX(store->group_size_bytes_max) / 4 ? malloc(size) : NULL, *at = bytes;
	if (!bytes)
		return;
	LIST_FOR_EACH(node, &store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		at = has_file_to_tell(partition) ? put_file(at, partition) : at;
	}
	bool is_added = add_entry(store, ENTRY_LOG_FILES, bytes, size);
	(void)is_added;
}

bool store__add_log_ends(struct store *store)
{
	uint32_t count = count_begun(store);
	size_t size = HEAD_SIZE + (size_t)count * END_SIZE;
	if (!count || size > JOURNAL_ENTRY_MAX(store->group_size_bytes_max) / 2)
		return false;
	uint8_t *bytes = malloc(size);
	if (!bytes)
		return false;
	bool is_added = add_entry(store, ENTRY_LOG_ENDS, bytes, encode(store, bytes));
	if (is_added)
		add_log_files(store);
	return is_added;
}

int store__each_log_file(struct slice payload, log_file_fn *take, void *context)
{
	int err = 0;
	for (size_t at = 0; !err && at + FILE_SIZE <= payload.size; at += FILE_SIZE) {
		const uint8_t *bytes = payload.data + at;
		struct log_file file = {.index = load_le32(bytes + 16), .base_offset = (int64_t)load_le64(bytes + 20), .first_crc = load_le32(bytes + 28),
					.vouched = {.position = load_le64(bytes + 32), .headers = load_le64(bytes + 40)}};
		memcpy(file.topic_id.bytes, bytes, 16);
		err = take(context, &file);
	}
	return err;
}

int64_t store__told_retention_time(struct slice payload)
{
	return payload.size >= HEAD_SIZE ? (int64_t)load_le64(payload.data) : -1;
}

int store__each_log_end(struct slice payload, log_end_fn *take, void *context)
{
	int err = 0;
	for (size_t at = HEAD_SIZE; !err && at + END_SIZE <= payload.size; at += END_SIZE) {
		const uint8_t *bytes = payload.data + at;
		struct log_end end = {.index = load_le32(bytes + 16), .start_offset = (int64_t)load_le64(bytes + 20), .end_offset = (int64_t)load_le64(bytes + 28)};
		memcpy(end.topic_id.bytes, bytes, 16);
		bool is_possible = end.start_offset >= 0 && end.start_offset <= end.end_offset;
		err = is_possible ? take(context, &end) : 0;
	}
	return err;
}
