/* Happy path: one snprintf, and back by the last '-'. Failure modes: a name that partition_dir_name would have made otherwise ("orders-01", "+orders-0",
 * "journal-0") is no partition's. */
#include "log/partition/partition_dir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/check.h"

/* PREFIX-SHARD are files, and what repair keeps of a catalog is PREFIX-OPENING: log/README.md has the list. */
static const char *const own_files[] = {"journal", "checkpoint", "log-start", "reserve", "catalog.log.damaged"};

/* journal-SHARD.lost-OPENING: a journal that was kept aside. */
static bool is_lost_journal(const char *topic)
{
	size_t prefix = strlen("journal-");
	if (strncmp(topic, "journal-", prefix) != 0)
		return false;
	size_t digits = strspn(topic + prefix, "0123456789");
	return digits > 0 && strcmp(topic + prefix + digits, ".lost") == 0;
}

static bool is_own_file(const char *topic)
{
	for (size_t i = 0; i < sizeof own_files / sizeof *own_files; i++)
		if (strcmp(topic, own_files[i]) == 0)
			return true;
	return is_lost_journal(topic);
}

void partition_dir_name(char out[PARTITION_DIR_NAME_SIZE], const char *topic, uint32_t index)
{
	int size = snprintf(out, PARTITION_DIR_NAME_SIZE, "%s%s-%u", is_own_file(topic) ? "+" : "", topic, index);
	CHECK(size < PARTITION_DIR_NAME_SIZE);
}

static bool is_made_so(const char *name, struct slice topic, uint32_t index)
{
	char copy[PARTITION_DIR_NAME_SIZE], made[PARTITION_DIR_NAME_SIZE];
	memcpy(copy, topic.data, topic.size);
	copy[topic.size] = 0;
	partition_dir_name(made, copy, index);
	return strcmp(name, made) == 0;
}

bool partition_dir_parse(const char *name, struct slice *topic, uint32_t *index)
{
	const char *begin = name + (name[0] == '+'), *dash = strrchr(begin, '-');
	if (!dash || dash == begin || strlen(name) >= PARTITION_DIR_NAME_SIZE - 1)
		return false;
	unsigned long number = strtoul(dash + 1, NULL, 10);
	if (number > INT32_MAX)
		return false;
	*topic = (struct slice){(const uint8_t *)begin, (size_t)(dash - begin)};
	*index = (uint32_t)number;
	return is_made_so(name, *topic, *index);
}
