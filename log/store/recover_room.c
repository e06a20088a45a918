/* Offsets that are left out behind a loss that was accepted, so that none that was acknowledged is given out again. Behind the replay:
 *
 *   @Q  nothing later tells of the partition, and groups that nothing tells of are lost, which is accepted -> fence 2^32 offsets for each of them
 *   @T  nothing tells how far the log went, and its directory or last segment is another's, whose loss is accepted -> fence 2^32 offsets behind where that begins
 *   @S  the journal is lost, or another's, or of an earlier time, which is accepted, and the checkpoint does not say that it had nothing of its own
 *                                                            -> in every partition, fence as many offsets as it can have held
 *
 * Happy path: nothing is lost, and nothing is left out.
 *
 * Failure modes: -ENOMEM; else those of a new segment. */
#include <stdio.h>

#include "log/store/recover_priv.h"

/* More than a group, or a journal, can hold: it is a thousand offsets for each byte of the largest. */
#define ROOM_PER_BYTE 1024
#define ROOM_PER_LOST_GROUP STORE_ROOM_OFFSETS

/* A log without records has none to fence: it begins further on. */
static int go_on_at(struct replay *replay, struct partition *partition, int64_t end_offset)
{
	if (partition->start_offset == partition->next_offset) {
		partition->start_offset = end_offset;
		partition->home->has_moved_start = true;
	}
	return store__leave_gap(replay, partition, end_offset);
}

/* @Q, @S */
static int leave_room_in(struct replay *replay, const struct topic *topic, uint32_t index, int64_t room)
{
	struct partition *partition;
	int err = store__find_partition(replay->store, &topic->id, index, &partition);
	if (err || !partition || (partition->is_told && !is_journal_gone(replay)))
		return err;
	return go_on_at(replay, partition, partition->next_offset + room);
}

static int leave_room_everywhere(struct replay *replay, int64_t room)
{
	const struct catalog_image *image = replay->store->image;
	int err = 0;
	for (uint32_t i = 0; i < image->topic_count && !err; i++)
		for (uint32_t index = 0; index < image->topics[i]->partition_count && !err; index++)
			err = leave_room_in(replay, image->topics[i], index, room);
	return err;
}

/* @S */
static int leave_room_of_journal(struct replay *replay)
{
	const struct store *store = replay->store;
	int64_t room = (int64_t)store__journal_size_max(store) * ROOM_PER_BYTE;
	room = room < ROOM_PER_LOST_GROUP ? ROOM_PER_LOST_GROUP : room;
	fprintf(stderr, "spate: error: %s: what journal-%u had alone is not known: all its partitions go on %lld offsets further, so that none that was acknowledged "
			"is given out again\n", store->dir, store->options.shard, (long long)room);
	return leave_room_everywhere(replay, room);
}

/* @Q */
static int leave_room_of_untold(struct replay *replay)
{
	const struct store *store = replay->store;
	const struct journal_report *found = &store->journal_found;
	int64_t room = (int64_t)(found->untold_to - found->untold_from + 1) * ROOM_PER_LOST_GROUP;
	fprintf(stderr, "spate: error: %s/journal-%u: acknowledged groups %lu to %lu are lost, and spate.accept.loss is true: partitions that nothing later tells of "
			"go on %ld offsets further\n", store->dir, store->options.shard, (unsigned long)found->untold_from, (unsigned long)found->untold_to,
		(long)room);
	return leave_room_everywhere(replay, room);
}

/* @T. What stood in the place of what is given up: none of its offsets is given out again. */
static int leave_room_of_given_up(struct replay *replay)
{
	int err = 0;
	LIST_FOR_EACH(node, &replay->store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		int64_t base = partition->given_up_base, end_offset = base >= 0 && base < INT64_MAX / 2 ? base + STORE_ROOM_OFFSETS : 0;
		if (err || partition->is_told || partition->witness.to > base || partition->next_offset >= end_offset)
			continue;
		fprintf(stderr, "spate: error: %s: what is another's in there is given up, as spate.accept.loss is true, and how much stood in its place is not known: the "
				"log goes on at offset %lld, so that none that was acknowledged is given out again\n", partition->dir, (long long)end_offset);
		err = go_on_at(replay, partition, end_offset);
		replay->has_given_up |= !err;
	}
	return err;
}

int store__leave_room(struct replay *replay, bool has_unknown_past)
{
	int err = 0;
	if (has_unknown_past)
		err = leave_room_of_journal(replay);
	else if (replay->untold_to)
		err = leave_room_of_untold(replay);
	return !err && replay->store->options.is_loss_accepted ? leave_room_of_given_up(replay) : err;
}
