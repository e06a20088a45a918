/* An index against its batches where sectors of it are zeros: what a power cut left of a file that is not synced. */
#include "log/verify/index_check.h"

#include <criterion/criterion.h>

#define ENTRIES 200u
#define BATCH_SIZE 100u

/* Batches of one record, one entry for each; returns the size. */
static size_t make_index(enum index_form form, uint8_t *out)
{
	size_t size = form == INDEX_FORM_OFFSET ? 8 : 12;
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (form == INDEX_FORM_OFFSET) {
			store_be32(out + i * size, i + 1);
			store_be32(out + i * size + 4, (i + 1) * BATCH_SIZE);
		} else {
			store_be64(out + i * size, 1001 + i);
			store_be32(out + i * size + 8, i + 1);
		}
	}
	return ENTRIES * size;
}

static struct index_check run(enum index_form form, const uint8_t *bytes, size_t size)
{
	struct index_check check;
	index_check_begin(&check, form, 0, (struct slice){bytes, size}, true);
	for (uint32_t i = 0; i <= ENTRIES; i++) {
		struct batch batch = {.base_offset = i, .size_bytes = BATCH_SIZE, .max_timestamp_ms = 1000 + i};
		index_check_batch(&check, &batch, (uint64_t)i * BATCH_SIZE);
	}
	index_check_end(&check, true);
	return check;
}

/* Any one sector of zeros is a hole, and nothing around it is accused; zeros that are no sector are wrong, but for those at the end. */
Test(index_check, sectors_of_zeros)
{
	static const enum index_form forms[] = {INDEX_FORM_OFFSET, INDEX_FORM_TIME};
	for (int i = 0; i < 2; i++) {
		uint8_t sound[ENTRIES * 12], bytes[ENTRIES * 12];
		size_t size = make_index(forms[i], sound);
		struct index_check check = run(forms[i], sound, size);
		cr_assert(check.bad_from == check.bad_to && !check.has_holes);
		for (size_t at = 0; at < size; at += 512) {
			memcpy(bytes, sound, size);
			memset(bytes + at, 0, size - at < 512 ? size - at : 512);
			check = run(forms[i], bytes, size);
			cr_assert_eq(check.bad_from, check.bad_to, "form %d, zeros at %zu: %s", i, at, check.fault);
			cr_assert(check.has_holes || check.count < ENTRIES);
			if (at + 24 + 48 >= size)
				continue;
			memcpy(bytes, sound, size);
			memset(bytes + at + 24, 0, 48);
			check = run(forms[i], bytes, size);
			cr_assert_lt(check.bad_from, check.bad_to, "form %d, a few zeros at %zu", i, at + 24);
		}
	}
}
