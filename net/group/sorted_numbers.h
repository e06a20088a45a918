/* Arrays of ascending numbers, as topics and members are known by in a consumer group. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

static inline bool sorted_numbers_have(const uint32_t *numbers, uint32_t count, uint32_t number)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (numbers[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && numbers[low] == number;
}
