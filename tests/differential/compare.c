/* Objects by name, lists by position; lists of different lengths differ in their count, and further as far as both go. */
#include "tests/differential/compare.h"

#include <stdio.h>

static void compare_values(const json_t *kafka, const json_t *spate, const char *path, compare_found *found, void *context);

static void compare_objects(const json_t *kafka, const json_t *spate, const char *path, compare_found *found, void *context)
{
	char deeper[512];
	const char *name, *dot = *path ? "." : "";
	json_t *value;
	json_object_foreach((json_t *)kafka, name, value) {
		snprintf(deeper, sizeof deeper, "%s%s%s", path, dot, name);
		compare_values(value, json_object_get(spate, name), deeper, found, context);
	}
	json_object_foreach((json_t *)spate, name, value) {
		snprintf(deeper, sizeof deeper, "%s%s%s", path, dot, name);
		if (!json_object_get(kafka, name))
			compare_values(NULL, value, deeper, found, context);
	}
}

static void compare_lists(const json_t *kafka, const json_t *spate, const char *path, compare_found *found, void *context)
{
	char deeper[512];
	size_t counts[2] = {json_array_size(kafka), json_array_size(spate)};
	if (counts[0] != counts[1]) {
		json_t *values[2] = {json_integer((json_int_t)counts[0]), json_integer((json_int_t)counts[1])};
		snprintf(deeper, sizeof deeper, "%s[count]", path);
		found(context, deeper, values[0], values[1]);
		json_decref(values[0]);
		json_decref(values[1]);
	}
	for (size_t i = 0; i < counts[0] && i < counts[1]; i++)
		compare_values(json_array_get(kafka, i), json_array_get(spate, i), path, found, context);
}

static void compare_values(const json_t *kafka, const json_t *spate, const char *path, compare_found *found, void *context)
{
	if (json_is_object(kafka) && json_is_object(spate))
		compare_objects(kafka, spate, path, found, context);
	else if (json_is_array(kafka) && json_is_array(spate))
		compare_lists(kafka, spate, path, found, context);
	else if (!json_equal(kafka, spate))
		found(context, *path ? path : "outcome", kafka, spate);
}

void compare_answers(const json_t *kafka, const json_t *spate, compare_found *found, void *context)
{
	compare_values(kafka, spate, "", found, context);
}
