#include "tests/sim_broker/last_group.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/journal/journal_format.h"

/* The group that a write belonged to may be the second from now: one is on its way, one is filled. */
#define GROUPS_UNDER_WAY 2

struct group_place {
	uint64_t seq, from, to;     /* 0: none; bytes of the file */
};

static bool find_seed(const uint8_t *file, uint64_t size, uint64_t *seed)
{
	struct superblock superblock;
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS && size >= JOURNAL_RING_POSITION; slot++) {
		if (superblock_decode(&superblock, file + slot * JOURNAL_BLOCK_SIZE) != SUPERBLOCK_VALID)
			continue;
		*seed = superblock.seed;
		return true;
	}
	return false;
}

/* The newest whole group; with `position` that one which holds it. */
static struct group_place find_group(const uint8_t *file, uint64_t size, const uint64_t *position)
{
	struct group_place place = {0};
	struct group_header header;
	uint64_t seed;
	if (!find_seed(file, size, &seed))
		return place;
	for (uint64_t at = JOURNAL_RING_POSITION; at + JOURNAL_BLOCK_SIZE <= size; at += JOURNAL_BLOCK_SIZE) {
		if (!group_header_decode(&header, seed, size - at, file + at) || group_check(&header, seed, file + at) != GROUP_WHOLE || header.seq <= place.seq)
			continue;
		if (!position || (at <= *position && *position < at + header.length))
			place = (struct group_place){header.seq, at, at + header.length};
	}
	return place;
}

static void keep_entries(struct vouching *vouching, const uint8_t *group, uint64_t size, uint64_t seed)
{
	struct group_header header;
	struct journal_entry entry;
	struct slice payload;
	size_t at = 0;
	vouching->entry_count = 0;
	if (!group_header_decode(&header, seed, size, group))
		return;
	struct slice body = {group + GROUP_HEADER_SIZE, header.body_size_bytes};
	while (at < body.size && vouching->entry_count < LAST_ENTRIES_MAX && group_entry_next(body, &at, &entry, &payload))
		vouching->entries[vouching->entry_count++] = (struct last_entry){entry.topic_id, entry.partition, entry.base_offset};
}

/* Also keeps what is in that group. */
static uint64_t newest_seq(struct world *world, uint32_t shard)
{
	char path[32];
	uint64_t size_max = 8u << 20;
	uint8_t *file = malloc(size_max);
	CHECK(file);
	snprintf(path, sizeof path, "/data/journal-%u", shard);
	int64_t size = sim_disk_peek(world->disk, path, file, size_max, 0);
	struct group_place place = size > 0 ? find_group(file, (uint64_t)size, NULL) : (struct group_place){0};
	uint64_t seed;
	if (place.seq && find_seed(file, (uint64_t)size, &seed))
		keep_entries(&world->vouching[shard], file + place.from, place.to - place.from, seed);
	free(file);
	return place.seq;
}

static void want(struct world *world, uint32_t shard, uint64_t seq)
{
	struct vouching *vouching = &world->vouching[shard];
	vouching->is_wanted = true;
	vouching->seq = seq > vouching->seq ? seq : vouching->seq;
}

void last_group_note_lie(struct world *world)
{
	for (uint32_t shard = 0; shard < world->plan->knobs.shards; shard++)
		want(world, shard, newest_seq(world, shard) + GROUPS_UNDER_WAY);
}

void last_group_note_rot(struct world *world, const char *path, const uint8_t *file, uint64_t size, uint64_t position)
{
	uint32_t shard = (uint32_t)strtoul(path + strlen("/data/journal-"), NULL, 10);
	struct group_place place = find_group(file, size, &position);
	if (place.seq)
		want(world, shard, place.seq);
}

void last_group_judge(struct world *world)
{
	for (uint32_t shard = 0; shard < world->plan->knobs.shards; shard++) {
		struct vouching *vouching = &world->vouching[shard];
		uint64_t newest = world->is_in_doubt ? newest_seq(world, shard) : 0;
		if (!vouching->is_wanted || newest > vouching->seq)
			continue;
		vouching->is_excused = true;
		world_tell(world, shard, "nothing vouches for the last group of journal-%u, which the disk may have lost", shard);
	}
	for (uint32_t shard = 0; shard < SHARDS_MAX; shard++)
		world->vouching[shard].is_wanted = false;
}

bool last_group_begins(const struct world *world, const struct uuid *topic, uint32_t partition, int64_t offset)
{
	const struct vouching *vouching = &world->vouching[store_owner(topic, partition, world->plan->knobs.shards)];
	for (uint32_t i = 0; i < vouching->entry_count; i++)
		if (uuid_equal(&vouching->entries[i].topic, topic) && vouching->entries[i].partition == partition && vouching->entries[i].offset == offset)
			return true;
	return false;
}
