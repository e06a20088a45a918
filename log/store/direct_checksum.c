/* Happy path: begin, a header after the other, end. The only failure is memory. */
#include "log/store/direct_checksum.h"

#include <errno.h>
#include <xxhash.h>

int direct_checksum_begin(struct direct_checksum *checksum, uint8_t entry_kind)
{
	*checksum = (struct direct_checksum){0};
	if (entry_kind != ENTRY_DIRECT_TOLD)
		return 0;
	checksum->state = XXH3_createState();
	if (!checksum->state)
		return -ENOMEM;
	XXH3_64bits_reset(checksum->state);
	return 0;
}

void direct_checksum_add(struct direct_checksum *checksum, const uint8_t *header)
{
	if (checksum->state)
		XXH3_64bits_update(checksum->state, header, BATCH_HEADER_SIZE);
	else
		checksum->value = XXH3_64bits_withSeed(header, BATCH_HEADER_SIZE, checksum->value);
}

uint64_t direct_checksum_end(struct direct_checksum *checksum)
{
	if (!checksum->state)
		return checksum->value;
	checksum->value = XXH3_64bits_digest(checksum->state);
	XXH3_freeState(checksum->state);
	checksum->state = NULL;
	return checksum->value;
}
