/* The texts of the situations to be met. */
#include "tests/sim/points.h"

const char *point_text(enum point point)
{
	static const char *const texts[] = {
#define X(name, text) text,
		POINTS(X)
#undef X
	};
	return texts[point];
}
