/* Patterns are those of a shell. The recorder sorts what it has seen by lie, API, place and version, and tells at each level what is most
 * common, then only what differs from it. */
#include "tests/hostile/expected.h"

#include "log/base/check.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading --------------------------------------------------------------------------------------- */

static char *trimmed(char *text)
{
	while (*text == ' ')
		text++;
	size_t size = strlen(text);
	while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\n'))
		text[--size] = 0;
	return strdup(text);
}

static void read_row(struct row *row, char *line, int columns, const char *path, int number)
{
	int found = 0;
	for (char *part; found < columns && (part = strsep(&line, "|")); found++)
		row->columns[found] = trimmed(part);
	CHECKF(found == columns && !line, "%s:%d: not %d columns", path, number, columns);
}

static struct row *read_rows(const char *directory, const char *name, int columns, size_t *count)
{
	char path[512], line[1024];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	FILE *file = fopen(path, "r");
	struct row *rows = NULL;
	*count = 0;
	for (int number = 1; file && fgets(line, sizeof line, file); number++) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		rows = realloc(rows, (*count + 1) * sizeof *rows);
		rows[*count] = (struct row){0};
		read_row(&rows[(*count)++], line, columns, path, number);
	}
	if (file)
		fclose(file);
	return rows;
}

void expected_read(struct expected *expected, const char *directory)
{
	expected->rows = read_rows(directory, "kafka", 5, &expected->count);
	expected->differs = read_rows(directory, "differs", 7, &expected->differ_count);
}

static bool fits(const struct row *row, const struct hostile_case *hostile)
{
	char version[16];
	snprintf(version, sizeof version, "%d", hostile->version);
	return fnmatch(row->columns[0], hostile->lie, 0) == 0 && fnmatch(row->columns[1], hostile->api, 0) == 0 &&
	       fnmatch(row->columns[2], version, 0) == 0 && fnmatch(row->columns[3], hostile->place, 0) == 0;
}

const char *expected_outcome(struct expected *expected, const struct hostile_case *hostile)
{
	for (size_t i = expected->count; i-- > 0;)
		if (fits(&expected->rows[i], hostile)) {
			expected->rows[i].met++;
			return expected->rows[i].columns[4];
		}
	return "unknown";
}

bool expected_differs(struct expected *expected, const struct hostile_case *hostile, const char *kafka, const char *seen)
{
	for (size_t i = 0; i < expected->differ_count; i++) {
		struct row *row = &expected->differs[i];
		if (fits(row, hostile) && fnmatch(row->columns[4], kafka, 0) == 0 && fnmatch(row->columns[5], seen, 0) == 0) {
			row->met++;
			return true;
		}
	}
	return false;
}

/* ---- recording ------------------------------------------------------------------------------------- */

enum { KEYS = 4 }; /* lie, api, place, version */

struct seen {
	char *keys[KEYS], *outcome;
};

struct recorder {
	struct seen *items;
	size_t count;
};

struct recorder *recorder_create(void) { return calloc(1, sizeof(struct recorder)); }

void recorder_add(struct recorder *recorder, const struct hostile_case *hostile, const char *outcome)
{
	char version[16];
	snprintf(version, sizeof version, "%d", hostile->version);
	recorder->items = realloc(recorder->items, (recorder->count + 1) * sizeof *recorder->items);
	recorder->items[recorder->count++] =
		(struct seen){{strdup(hostile->lie), strdup(hostile->api), strdup(hostile->place), strdup(version)}, strdup(outcome)};
}

static int compare_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	for (int i = 0; i < KEYS; i++) {
		int order = strcmp(x->keys[i], y->keys[i]);
		if (order)
			return order;
	}
	return strcmp(x->outcome, y->outcome);
}

static const char *most_common(const struct seen *items, size_t count)
{
	const char *best = items->outcome;
	size_t best_count = 0;
	for (size_t i = 0; i < count; i++) {
		size_t same = 0;
		for (size_t k = i; k < count; k++)
			same += strcmp(items[i].outcome, items[k].outcome) == 0;
		if (same > best_count) {
			best_count = same;
			best = items[i].outcome;
		}
		if (best_count > count - i)
			break;
	}
	return best;
}

static void write_level(FILE *out, const struct seen *items, size_t count, int level, const char *told)
{
	const char *common = most_common(items, count);
	if (strcmp(common, told) != 0)
		fprintf(out, "%s | %s | %s | %s | %s\n", level > 0 ? items->keys[0] : "*", level > 1 ? items->keys[1] : "*",
			level > 3 ? items->keys[3] : "*", level > 2 ? items->keys[2] : "*", common);
	for (size_t at = 0, end; level < KEYS && at < count; at = end) {
		for (end = at + 1; end < count && strcmp(items[at].keys[level], items[end].keys[level]) == 0;)
			end++;
		write_level(out, items + at, end - at, level + 1, common);
	}
}

bool recorder_write(struct recorder *recorder, const char *path)
{
	FILE *out = fopen(path, "w");
	if (!out || recorder->count == 0)
		return false;
	qsort(recorder->items, recorder->count, sizeof *recorder->items, compare_seen);
	fprintf(out, "# What Apache Kafka 4.3 does with the hostile requests of this directory, as it was seen: lie | api | version | place | outcome.\n"
		     "# The last row that fits counts. Made by `build/release/hostile --record`; see README.md.\n");
	write_level(out, recorder->items, recorder->count, 0, "");
	return fclose(out) == 0;
}
