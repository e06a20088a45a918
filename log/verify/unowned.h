/* Partition directories that hold records and belong to no topic of the catalog, and topics in the journals alone: what is lost with a catalog that forgot its last changes. Owner: the
 * calling thread. Lists and reads, changes nothing. What a deletion left (-delete) is nobody's, and does not count. */
#pragma once

#include "log/catalog/catalog.h"
#include "log/verify/directory.h"

struct unowned {
	uint32_t count;
	char names[400];   /* of the first ones, "a-0, a-1, b-0 ..." */
	uint32_t unfiled_topics; /* not known either, and with records in the journals alone (unowned_find) */
};

/* Has it a name of a partition's, and a byte in a segment? */
bool unowned_holds_records(const struct partition_dir *dir);
void unowned_add(struct unowned *unowned, const struct partition_dir *dir);

/* Of a stopped directory, by its catalog.log as it is; without one, all. -errno, or why the catalog cannot be read. */
MUST_USE int unowned_find(struct unowned *out, struct io *io, const char *path, const struct broker_config *broker);
