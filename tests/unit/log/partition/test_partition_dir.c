/* log/partition/partition_dir.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "log/catalog/catalog.h"
#include "log/partition/partition_dir.h"

static const struct {
	const char *topic;
	uint32_t index;
	const char *name;
} dirs[] = {
	{"orders", 0, "orders-0"},
	{"orders-eu", 12, "orders-eu-12"},
	{"a.b_c-1", 2147483647, "a.b_c-1-2147483647"},
	{"-", 3, "--3"},
	{"__consumer_offsets", 49, "__consumer_offsets-49"},
	{"journal", 0, "+journal-0"},
	{"checkpoint", 7, "+checkpoint-7"},
	{"log-start", 1, "+log-start-1"},
	{"reserve", 0, "+reserve-0"},
	{"catalog.log.damaged", 5, "+catalog.log.damaged-5"},
	{"journal-0.lost", 3, "+journal-0.lost-3"},
	{"journal-11.lost", 0, "+journal-11.lost-0"},
	{"journal-0", 0, "journal-0-0"},
	{"journal-.lost", 0, "journal-.lost-0"},
	{"journal-0.lost-1", 0, "journal-0.lost-1-0"},
	{"journal-0x.lost", 0, "journal-0x.lost-0"},
	{"catalog.log", 0, "catalog.log-0"},
	{"log", 0, "log-0"},
	{"Journal", 0, "Journal-0"},
};

/* Topic and index make a name, and the name tells them; no topic's is one of the broker's own files (log/README.md). */
Test(partition_dir, there_and_back)
{
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		char name[PARTITION_DIR_NAME_SIZE];
		struct slice topic;
		uint32_t index;
		partition_dir_name(name, dirs[i].topic, dirs[i].index);
		cr_expect_str_eq(name, dirs[i].name);
		cr_assert(partition_dir_parse(name, &topic, &index), "%s", name);
		cr_expect_eq(index, dirs[i].index);
		cr_expect(topic.size == strlen(dirs[i].topic) && !memcmp(topic.data, dirs[i].topic, topic.size), "%s", name);
	}
}

/* The longest name there may be. */
Test(partition_dir, the_longest)
{
	char topic[TOPIC_NAME_SIZE_MAX + 1], name[PARTITION_DIR_NAME_SIZE];
	struct slice found;
	uint32_t index;
	memset(topic, 't', TOPIC_NAME_SIZE_MAX);
	topic[TOPIC_NAME_SIZE_MAX] = 0;
	partition_dir_name(name, topic, INT32_MAX);
	cr_assert(partition_dir_parse(name, &found, &index));
	cr_expect_eq(found.size, TOPIC_NAME_SIZE_MAX);
	cr_expect_eq(index, INT32_MAX);
}

static const char *const others[] = {
	"", "-", "-0", "+", "+-0", "orders", "orders-", "orders-x", "orders-1x", "orders-01", "orders-+1", "orders- 1", "orders-2147483648", "orders-99999999999999999999",
	"+orders-0", "++journal-0", "journal-0", "checkpoint-3", "log-start-0", "reserve-12", "catalog.log.damaged-2", "journal-0.lost-7", "orders-0.foreign", "orders-0.f00-delete",
};

/* What this broker would not have named so is no partition's. */
Test(partition_dir, others)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct slice topic;
		uint32_t index;
		cr_expect_not(partition_dir_parse(others[i], &topic, &index), "%s", others[i]);
	}
	char name[2 * PARTITION_DIR_NAME_SIZE];
	memset(name, 't', sizeof name);
	memcpy(name + sizeof name - 3, "-1", 3);
	struct slice topic;
	uint32_t index;
	cr_expect_not(partition_dir_parse(name, &topic, &index), "a name that is too long");
}
