/* Which names are those of shards' files: the ones that the broker gives, and no others. */
#include <criterion/criterion.h>

#include "log/store/store.h"

static const struct {
	const char *name;
	bool is_one;
	uint32_t shard;
} names[] = {
	{"journal-0", true, 0},    {"journal-12", true, 12},   {"journal-4294967294", true, 4294967294},
	{"journal-01", false, 0},  {"journal-+1", false, 0},   {"journal- 1", false, 0},
	{"journal-", false, 0},    {"journal-1x", false, 0},   {"journal-0.lost-3", false, 0},
	{"journal", false, 0},     {"checkpoint-1", false, 0}, {"journal-4294967295", false, 0},
	{"journal--1", false, 0},  {"journal-99999999999999999999999", false, 0},
};

Test(shard_files, names)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		uint32_t shard = 0;
		cr_expect_eq(store_is_shard_file(names[i].name, "journal-", &shard), names[i].is_one, "%s", names[i].name);
		cr_expect(!names[i].is_one || shard == names[i].shard, "%s", names[i].name);
	}
}
