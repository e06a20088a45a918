/* Hostile record batches, each in a Produce request that is otherwise good: header fields and records that lie (under a CRC that is right), broken and
 * bombing compression in each codec, message sets of the formats of before. Owns nothing; one thread. */
#pragma once

#include "tests/hostile/case.h"

/* `version`: of the Produce requests; one that names topics (3 to 12). */
void batches_tell(int version, hostile_case_fn take, void *context);
