/* The list of assignors. */
#include "net/group/assignor.h"

static const struct assignor assignors[] = {
	{"uniform", assignor_uniform},
	{"range", assignor_range},
};

const struct assignor *assignor_find(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(assignors); i++)
		if (name.size == strlen(assignors[i].name) && memcmp(name.data, assignors[i].name, name.size) == 0)
			return &assignors[i];
	return NULL;
}
