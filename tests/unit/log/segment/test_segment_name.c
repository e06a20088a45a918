/* Names of segment files. */
#include <criterion/criterion.h>

#include "log/segment/segment_name.h"

/* Every kind of file, with small and large offsets, has a name that leads back. */
Test(segment_name, round_trip)
{
	static const int64_t offsets[] = {0, 1, 42, 999999999, INT32_MAX, INT64_MAX - 1, INT64_MAX};
	for (size_t i = 0; i < COUNT_OF(offsets); i++)
		for (enum segment_file file = 0; file < segment_file_count; file++) {
			char name[SEGMENT_NAME_SIZE];
			segment_name_format(name, offsets[i], file);
			int64_t offset = -1;
			enum segment_file found = segment_file_count;
			cr_assert(segment_name_parse(name, &offset, &found), "%s", name);
			cr_expect_eq(offset, offsets[i]);
			cr_expect_eq(found, file);
		}
}

/* The names are Kafka's. */
Test(segment_name, texts)
{
	static const struct {
		enum segment_file file;
		const char *name;
	} rows[] = {
		{SEGMENT_FILE_LOG, "00000000000000000042.log"},
		{SEGMENT_FILE_INDEX, "00000000000000000042.index"},
		{SEGMENT_FILE_TIME_INDEX, "00000000000000000042.timeindex"},
		{SEGMENT_FILE_TXN_INDEX, "00000000000000000042.txnindex"},
		{SEGMENT_FILE_SNAPSHOT, "00000000000000000042.snapshot"},
		{SEGMENT_FILE_SEAL, "00000000000000000042.seal"},
		{SEGMENT_FILE_APPEND_TIME, "00000000000000000042.appendtime"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char name[SEGMENT_NAME_SIZE];
		segment_name_format(name, 42, rows[i].file);
		cr_expect_str_eq(name, rows[i].name);
	}
}

/* Other names are none of ours, whatever they begin with. */
Test(segment_name, refused)
{
	static const char *const names[] = {
		"", ".", "..", "0.log", "0000000000000000004.log", "000000000000000000042.log", "00000000000000000042", "00000000000000000042.",
		"00000000000000000042.lo", "00000000000000000042.logs", "00000000000000000042.LOG", "00000000000000000042.log.deleted",
		"00000000000000000042.log.cleaned", "00000000000000000042.seal.tmp", "-0000000000000000042.log", "+0000000000000000042.log",
		" 0000000000000000042.log", "0000000000000000004x.log", "09223372036854775808.log", "99999999999999999999.log", "leader-epoch-checkpoint",
		"partition.metadata",
	};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		int64_t offset = -7;
		enum segment_file file = segment_file_count;
		cr_expect_not(segment_name_parse(names[i], &offset, &file), "%s", names[i]);
		cr_expect_eq(offset, -7);
	}
}
