/* What a start will read of partitions' directories and files, fetched by several threads before it is asked for: else it waits for one disk read after the other.
 *
 * Happy path: of each partition the directory, and of the file its log goes on in the first block, the one where it ends, and the one with the batch that was filed last.
 * Of a piece that nobody vouches for all of it, as the replay reads it and the filing behind it writes it again, and what says whose the directory is.
 *
 * Failures: none. These are hints; without memory for a name, what has it is waited for when its turn comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/segment/partition_metadata.h"
#include "log/store/recover_priv.h"

#define LOOK_AHEAD_MIN 8 /* partitions: fewer are looked at as soon as threads are there */
#define PIECES_MIN 2     /* of one there is nothing else to be read meanwhile */

struct looks {
	struct store *store;
	struct io_look *items;
	uint32_t count, capacity;
};

static void add(struct looks *looks, const struct partition *partition, const char *name, struct io_look look)
{
	char path[4096];
	if (looks->count == looks->capacity) {
		uint32_t capacity = looks->capacity ? 2 * looks->capacity : 64;
		struct io_look *items = realloc(looks->items, capacity * sizeof *items);
		if (!items)
			return;
		looks->items = items;
		looks->capacity = capacity;
	}
	snprintf(path, sizeof path, *name ? "%s/%s" : "%s", partition->dir, name);
	look.path = strdup(path);
	if (look.path)
		looks->items[looks->count++] = look;
}

static void add_log(struct looks *looks, const struct partition *partition, int64_t base_offset, struct io_look look)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, base_offset, SEGMENT_FILE_LOG);
	add(looks, partition, name, look);
}

static void look_at_all(struct looks *looks)
{
	io_look_ahead(looks->store->home.io, looks->items, looks->count);
	while (looks->count > 0)
		free((char *)looks->items[--looks->count].path);
	free(looks->items);
}

/* Many partitions are many cold directories and files. */
static void add_partitions(struct looks *looks, uint32_t known_count)
{
	uint32_t at = 0;
	if (looks->store->partition_count < LOOK_AHEAD_MIN)
		return;
	LIST_FOR_EACH(node, &looks->store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		const struct segment *active = partition->active;
		if (at++ >= known_count)
			add(looks, partition, "", (struct io_look){0});
		if (!active || !active->has_file)
			continue;
		bool knows_last = active->vouched.last_size_bytes && active->vouched.last_size_bytes <= active->vouched.position;
		add_log(looks, partition, active->base_offset,
			(struct io_look){.position = align_down(active->staged.position, 4096),
					 .other_position = knows_last ? align_down(active->vouched.position - active->vouched.last_size_bytes, 4096) : 0});
	}
}

static int add_piece(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct looks *looks = context;
	const struct partition *partition = store_look_at_partition(looks->store, &entry->topic_id, entry->partition);
	if (!entry_is_direct(entry) || !partition || entry->end_offset <= partition->next_offset)
		return 0;
	add_log(looks, partition, entry->segment_base_offset, (struct io_look){.position = entry->position, .size_bytes = entry->data_size_bytes});
	add(looks, partition, PARTITION_METADATA_NAME, (struct io_look){0});
	return 0;
}

static void add_pieces(struct looks *looks)
{
	uint32_t count = looks->count;
	int err = journal_show_unvouched(looks->store->journal, add_piece, looks);
	(void)err; /* the replay meets it again */
	while (looks->count > count && looks->count - count < 2 * PIECES_MIN)
		free((char *)looks->items[--looks->count].path);
}

uint32_t store__look_before_replay(struct store *store)
{
	struct looks looks = {.store = store};
	add_partitions(&looks, 0);
	add_pieces(&looks);
	look_at_all(&looks);
	return store->partition_count;
}

void store__look_at_new(struct store *store, uint32_t known_count)
{
	struct looks looks = {.store = store};
	add_partitions(&looks, known_count);
	look_at_all(&looks);
}
