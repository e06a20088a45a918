/* Optimal string alignment by dynamic programming over three rows: enough rows for a swap of neighbours to look two back. */
#include "log/base/edit_distance.h"

#include <ctype.h>

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

uint32_t edit_distance(const char *a, const char *b)
{
	size_t a_size = strlen(a), b_size = strlen(b);
	if (a_size > EDIT_SIZE_MAX || b_size > EDIT_SIZE_MAX)
		return UINT32_MAX;

	uint32_t rows[3][EDIT_SIZE_MAX + 1];
	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = (uint32_t)j;
	for (size_t i = 1; i <= a_size; i++) {
		uint32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
		row[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_size; j++) {
			bool is_same = same_letter(a[i - 1], b[j - 1]);
			row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + !is_same);
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_size % 3][b_size];
}

/* A third of the letters wrong is a slip; more is another word. One letter in a very short word is allowed. */
static uint32_t slip_max(const char *name)
{
	uint32_t third = (uint32_t)strlen(name) / 3;
	return third > 1 ? third : 1;
}

void edit_offer(struct edit_search *search, const char *candidate)
{
	uint32_t distance = edit_distance(search->name, candidate);
	if (distance > slip_max(search->name))
		return;
	if (search->nearest && distance >= search->distance)
		return;
	search->nearest = candidate;
	search->distance = distance;
}
