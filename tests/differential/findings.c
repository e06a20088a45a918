/* Lines of `expected`: API VERSIONS FIELD [kafka=VALUE] [spate=VALUE] [case=PATTERN] | reason. API, FIELD and the values are patterns of fnmatch. */
#include "tests/differential/findings.h"

#include "log/base/check.h"
#include "tests/differential/script.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED_MAX 512

/* Findings that are the same but for their version and case. */
struct group {
	struct finding first;
	int count;
	bool version_seen[128];
};

struct table {
	struct group *groups;
	int count;
};

struct expected {
	char api[64], versions[32], field[200], kafka[300], spate[300], where[200], reason[600];
	int first, last, line;
	struct table met;
};

static struct expected expected[EXPECTED_MAX];
static int expected_count;
static struct table news, vanished;

/* ---- what is expected ----------------------------------------------------------------------------- */

/* The value behind "name=" up to the next " word=" or the end. */
static void take_value(const char *text, const char *name, char *value, size_t room)
{
	static const char *const names[] = {" kafka=", " spate=", " case="};
	const char *at = strstr(text, name);
	snprintf(value, room, "*");
	if (!at)
		return;
	at += strlen(name);
	const char *end = at + strlen(at);
	for (int i = 0; i < 3; i++) {
		const char *other = strstr(at, names[i]);
		if (other && other < end)
			end = other;
	}
	while (end > at && end[-1] == ' ')
		end--;
	snprintf(value, room, "%.*s", (int)(end - at), at);
}

static void parse_expected(const char *path, int number, char *line)
{
	CHECK(expected_count < EXPECTED_MAX);
	struct expected *e = &expected[expected_count++];
	char *reason = strstr(line, " | ");
	if (!reason)
		script_die(path, number, "a reason is missing");
	*reason = 0;
	snprintf(e->reason, sizeof e->reason, "%s", reason + 3);
	e->line = number;
	if (sscanf(line, "%63s %31s %199s", e->api, e->versions, e->field) != 3)
		script_die(path, number, "expected: API VERSIONS FIELD [kafka=VALUE] [spate=VALUE] [case=PATTERN] | reason");
	e->last = 999;
	int numbers = sscanf(e->versions, "%d-%d", &e->first, &e->last);
	if (numbers == 1)
		e->last = strchr(e->versions, '+') ? 999 : e->first;
	take_value(line, " kafka=", e->kafka, sizeof e->kafka);
	take_value(line, " spate=", e->spate, sizeof e->spate);
	take_value(line, " case=", e->where, sizeof e->where);
}

void findings_read_expected(const char *path)
{
	char line[2000];
	int number = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		script_die(path, 0, "cannot be read");
	while (fgets(line, sizeof line, file)) {
		number++;
		line[strcspn(line, "\n")] = 0;
		if (*line && *line != '#')
			parse_expected(path, number, line);
	}
	fclose(file);
}

/* '[' is a character of paths ("topics[count]"), so patterns take it as it is; `*` and `?` work. */
static bool matches(const char *pattern, const char *text)
{
	char plain[700];
	size_t n = 0;
	for (; *pattern && n + 3 < sizeof plain; pattern++) {
		if (*pattern == '[' || *pattern == '\\')
			plain[n++] = '\\';
		plain[n++] = *pattern;
	}
	plain[n] = 0;
	return fnmatch(plain, text, 0) == 0;
}

static struct expected *find_expected(const struct finding *f)
{
	for (int i = 0; i < expected_count; i++) {
		struct expected *e = &expected[i];
		if (matches(e->api, f->api) && f->version >= e->first && f->version <= e->last && matches(e->field, f->field) &&
		    matches(e->kafka, f->kafka) && matches(e->spate, f->spate) && matches(e->where, f->where))
			return e;
	}
	return NULL;
}

bool findings_is_expected(const struct finding *finding) { return find_expected(finding) != NULL; }

/* ---- what was found --------------------------------------------------------------------------------- */

static struct group *find_group(struct table *table, const struct finding *f)
{
	for (int i = 0; i < table->count; i++) {
		struct finding *g = &table->groups[i].first;
		if (strcmp(g->api, f->api) == 0 && strcmp(g->field, f->field) == 0 && strcmp(g->kafka, f->kafka) == 0 &&
		    strcmp(g->spate, f->spate) == 0)
			return &table->groups[i];
	}
	table->groups = realloc(table->groups, (size_t)(table->count + 1) * sizeof *table->groups);
	CHECK(table->groups);
	table->groups[table->count] = (struct group){.first = *f};
	return &table->groups[table->count++];
}

static void add_to(struct table *table, const struct finding *finding)
{
	struct group *group = find_group(table, finding);
	group->count++;
	if (finding->version >= 0 && finding->version < 128)
		group->version_seen[finding->version] = true;
}

void findings_add(const struct finding *finding)
{
	struct expected *e = find_expected(finding);
	add_to(e ? &e->met : &news, finding);
}

void findings_add_vanished(const struct finding *finding) { add_to(&vanished, finding); }

/* "0-3,5" */
static void print_versions(FILE *out, const struct group *g)
{
	const char *comma = "";
	for (int i = 0; i < 128; i++) {
		int last = i;
		if (!g->version_seen[i])
			continue;
		while (last + 1 < 128 && g->version_seen[last + 1])
			last++;
		fprintf(out, last > i ? "%s%d-%d" : "%s%d", comma, i, last);
		comma = ",";
		i = last;
	}
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int order = strcmp(x->first.api, y->first.api);
	return order ? order : strcmp(x->first.field, y->first.field);
}

static void print_table(FILE *out, const char *what, struct table *table)
{
	if (table->count)
		qsort(table->groups, (size_t)table->count, sizeof *table->groups, compare_groups);
	for (int i = 0; i < table->count; i++) {
		const struct finding *f = &table->groups[i].first;
		fprintf(out, "%s  %s ", what, f->api);
		print_versions(out, &table->groups[i]);
		fprintf(out, "  %s  (%d times)\n         kafka  %s\n         spate  %s\n         first  %s\n", f->field,
			table->groups[i].count, f->kafka, f->spate, f->where);
	}
}

int findings_report(FILE *out)
{
	print_table(out, "VANISHED", &vanished);
	print_table(out, "DIFFERS", &news);
	int met = 0;
	for (int i = 0; i < expected_count; i++)
		met += expected[i].met.count > 0;
	fprintf(out, "%d differences that are not listed, %d listed ones met\n", news.count, met);
	return news.count;
}

void findings_report_met(FILE *out)
{
	for (int i = 0; i < expected_count; i++) {
		const struct expected *e = &expected[i];
		fprintf(out, "LISTED  expected:%d  %s %s %s | %s\n", e->line, e->api, e->versions, e->field, e->reason);
		print_table(out, "    MET", &expected[i].met);
	}
}

int findings_report_unmet(FILE *out)
{
	int unmet = 0;
	for (int i = 0; i < expected_count; i++)
		if (!expected[i].met.count) {
			unmet++;
			fprintf(out, "LISTED, BUT NOT MET  expected:%d  %s %s %s\n", expected[i].line, expected[i].api, expected[i].versions,
				expected[i].field);
		}
	return unmet;
}

/* A value as README.md shows it: a bar would end its column. */
static void print_cell(FILE *out, const char *text)
{
	if (strcmp(text, "*") == 0)
		fprintf(out, " |");
	else {
		fprintf(out, " `");
		for (; *text; text++)
			fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
		fprintf(out, "` |");
	}
}

void findings_print_expected(FILE *out)
{
	fprintf(out, "| API | versions | field | Kafka | Spate | cases | why |\n|--|--|--|--|--|--|--|\n");
	for (int i = 0; i < expected_count; i++) {
		const struct expected *e = &expected[i];
		fprintf(out, "| %s | %s |", e->api, e->versions);
		print_cell(out, e->field);
		print_cell(out, e->kafka);
		print_cell(out, e->spate);
		print_cell(out, e->where);
		fprintf(out, " %s |\n", e->reason);
	}
}
