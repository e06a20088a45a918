/* Names of segment files. A name is made and read by one table, so that both agree. */
#include "log/segment/segment_name.h"

#include "log/base/check.h"

#define DIGITS 20u

static const char *const endings[segment_file_count] = {
	[SEGMENT_FILE_LOG] = ".log",
	[SEGMENT_FILE_INDEX] = ".index",
	[SEGMENT_FILE_TIME_INDEX] = ".timeindex",
	[SEGMENT_FILE_TXN_INDEX] = ".txnindex",
	[SEGMENT_FILE_SNAPSHOT] = ".snapshot",
	[SEGMENT_FILE_SEAL] = ".seal",
	[SEGMENT_FILE_APPEND_TIME] = ".appendtime",
};

void segment_name_format(char out[SEGMENT_NAME_SIZE], int64_t base_offset, enum segment_file file)
{
	CHECK(base_offset >= 0 && file < segment_file_count);
	for (uint64_t at = DIGITS, rest = (uint64_t)base_offset; at-- > 0; rest /= 10)
		out[at] = (char)('0' + rest % 10);
	strcpy(out + DIGITS, endings[file]);
}

void segment_path_format(char *out, size_t size, const char *dir, int64_t base_offset, enum segment_file file)
{
	size_t length = strnlen(dir, size - 1 - SEGMENT_NAME_SIZE);
	memcpy(out, dir, length);
	out[length] = '/';
	segment_name_format(out + length + 1, base_offset, file);
}

/* Exactly 20 digits of a number that fits. */
static bool parse_offset(const char *name, int64_t *offset)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		unsigned digit = (unsigned)(name[i] - '0');
		if (value > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*offset = (int64_t)value;
	return true;
}

bool segment_name_parse(const char *name, int64_t *base_offset, enum segment_file *file)
{
	int64_t offset;
	if (!parse_offset(name, &offset))
		return false;
	for (enum segment_file i = 0; i < segment_file_count; i++) {
		if (strcmp(name + DIGITS, endings[i]) != 0)
			continue;
		*base_offset = offset;
		*file = i;
		return true;
	}
	return false;
}
