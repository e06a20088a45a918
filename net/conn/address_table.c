/* Open addressing over a short probe: an address lives within PROBES entries of its hash, or it is not counted. A free entry is one whose
 * counter is 0; its old address is of no meaning. */
#include "net/conn/address_table.h"

#include "net/conn/peer.h"
#include <xxhash.h>

#define PROBES 16u

static uint32_t count_of(const struct address_entry *entry)
{
	return __atomic_load_n(&entry->count, __ATOMIC_ACQUIRE);
}

/* The address's entry, else a free one that it now has, else NULL. */
static struct address_entry *find_entry(struct address_table *table, const uint8_t address[16])
{
	struct address_entry *unused = NULL;
	uint64_t hash = XXH3_64bits(address, 16);
	for (uint32_t i = 0; i < PROBES; i++) {
		struct address_entry *entry = &table->entries[(hash + i) % ADDRESS_TABLE_SIZE];
		if (count_of(entry) == 0)
			unused = unused ? unused : entry;
		else if (memcmp(entry->bytes, address, 16) == 0)
			return entry;
	}
	if (unused)
		memcpy(unused->bytes, address, 16);
	return unused;
}

bool address_table_enter(struct address_table *table, int fd, uint32_t max, uint32_t **counter)
{
	uint8_t address[16];
	*counter = NULL;
	if (!peer_address(fd, address))
		return true;
	struct address_entry *entry = find_entry(table, address);
	if (!entry)
		return true;
	if (count_of(entry) >= max)
		return false;
	__atomic_fetch_add(&entry->count, 1, __ATOMIC_ACQ_REL);
	*counter = &entry->count;
	return true;
}

void address_table_leave(uint32_t *counter)
{
	if (counter)
		__atomic_fetch_sub(counter, 1, __ATOMIC_ACQ_REL);
}
