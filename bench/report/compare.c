/* Both trees are walked by the names of the first; a number is printed when it is in both and has changed enough. */
#include "bench/report/compare.h"

#include <math.h>
#include <string.h>

#define PATH_MAX_BYTES 160 /* longer names are cut */

struct comparison {
	FILE *out;                     /* NULL: into the two lists instead */
	json_t *not_alike, *changes;
	double threshold;
	struct compare_counts counts;
};

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);
	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

enum compare_sense compare_sense_of(const char *field)
{
	static const char *const less[] = { "Latency", "Cpu", "Rss", "Switches", "ErrorRate", "damaged", "disconnects", "unanswered", "neverSent" };
	for (size_t i = 0; i < COUNT_OF(less); i++)
		if (strstr(field, less[i]))
			return COMPARE_LESS;
	if (strcmp(field, "requestRate") != 0 && (ends_with(field, "Rate") || ends_with(field, "PerSecond")))
		return COMPARE_MORE;
	return COMPARE_NEUTRAL;
}

static void tell(struct comparison *comparison, const char *path, double before, double after, enum compare_sense sense)
{
	double change = before != 0 ? after / before - 1 : after == 0 ? 0 : INFINITY;
	if (fabs(change) <= comparison->threshold) {
		comparison->counts.same++;
		return;
	}
	bool is_better = (change > 0) == (sense == COMPARE_MORE);
	comparison->counts.better += is_better;
	comparison->counts.worse += !is_better;
	if (!comparison->out) {
		json_t *ratio = before != 0 ? json_real(change) : json_null();
		json_array_append_new(comparison->changes, json_pack("{s:s, s:f, s:f, s:o, s:b}", "name", path, "before", before, "after", after, "change", ratio, "is_better", is_better));
		return;
	}
	fprintf(comparison->out, "%-84s %12.6g %12.6g %+8.1f %%  %s\n", path, before, after, change * 100, is_better ? "better" : "WORSE");
}

/* Lists of a suite: the element of the same name. */
static json_t *find_named(const json_t *list, const json_t *like)
{
	const char *name = json_string_value(json_object_get(like, "name")), *about = json_string_value(json_object_get(like, "about"));
	json_t *element;
	size_t index;
	json_array_foreach(list, index, element) {
		const char *its_name = json_string_value(json_object_get(element, "name")), *its_about = json_string_value(json_object_get(element, "about"));
		if (name && its_name && strcmp(name, its_name) == 0 && (!about || (its_about && strcmp(about, its_about) == 0)))
			return element;
	}
	return NULL;
}

/* A row of the judged table has one result, and says itself which way is better. */
static void compare_goal(struct comparison *comparison, const char *path, const json_t *before, const json_t *after)
{
	const char *sense = json_string_value(json_object_get(before, "goalSense"));
	const char *field = json_object_get(before, "ratio") && json_object_get(after, "ratio") ? "ratio" : "value";
	const json_t *left = json_object_get(before, field), *right = json_object_get(after, field);
	char name[PATH_MAX_BYTES + 16];
	snprintf(name, sizeof name, "%s%s", path, strcmp(field, "ratio") == 0 ? " (ratio)" : "");
	if (!sense)
		return;
	if (json_is_number(left) && json_is_number(right))
		tell(comparison, name, json_number_value(left), json_number_value(right), strcmp(sense, "at least") == 0 ? COMPARE_MORE : COMPARE_LESS);
	else
		comparison->counts.missing++; /* a round that failed is null */
}

static void compare_fields(struct comparison *comparison, const char *path, const json_t *before, const json_t *after)
{
	const char *field;
	json_t *value;
	json_object_foreach((json_t *)before, field, value) {
		const json_t *other = json_object_get(after, field);
		enum compare_sense sense = compare_sense_of(field);
		char name[PATH_MAX_BYTES];
		if (!json_is_number(value) || sense == COMPARE_NEUTRAL)
			continue;
		snprintf(name, sizeof name, "%s%s%s", path, *path ? ": " : "", field);
		if (json_is_number(other))
			tell(comparison, name, json_number_value(value), json_number_value(other), sense);
		else
			comparison->counts.missing++;
	}
}

/* What only the second list has. */
static void count_new(struct comparison *comparison, const json_t *before, const json_t *after)
{
	json_t *element;
	size_t index;
	json_array_foreach(after, index, element)
		comparison->counts.missing += !find_named(before, element);
}

static void compare_lists(struct comparison *comparison, const json_t *before, const json_t *after, bool is_goals)
{
	json_t *element;
	size_t index;
	json_array_foreach(before, index, element) {
		const json_t *other = find_named(after, element);
		const char *name = json_string_value(json_object_get(element, "name")), *about = json_string_value(json_object_get(element, "about"));
		char path[PATH_MAX_BYTES];
		snprintf(path, sizeof path, "%s%s%s", name ? name : "", about ? ": " : "", about ? about : "");
		if (!other)
			comparison->counts.missing++;
		else if (is_goals)
			compare_goal(comparison, path, element, other);
		else
			compare_fields(comparison, path, element, other);
	}
	count_new(comparison, before, after);
}

static void print_value(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		fputs(json_string_value(value), out);
	else
		fprintf(out, "%g", json_number_value(value));
}

/* A change may come of what was asked for, or of the machine. */
static void tell_other_load(struct comparison *comparison, const json_t *before, const json_t *after)
{
	static const char *const fields[] = { "machine", "version", "workload", "partitionsPerTopic", "connections", "inFlight", "batchBytes", "messageSize", "fetchBytes",
					      "acks", "requestRate", "consumers" };
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		const json_t *left = json_object_get(before, fields[i]), *right = json_object_get(after, fields[i]);
		if (!left || !right || json_equal(left, right))
			continue;
		if (!comparison->out) {
			json_array_append_new(comparison->not_alike, json_pack("{s:s, s:O, s:O}", "name", fields[i], "before", left, "after", right));
			continue;
		}
		fprintf(comparison->out, "not alike: %s ", fields[i]);
		print_value(comparison->out, left);
		fprintf(comparison->out, " and ");
		print_value(comparison->out, right);
		fputc('\n', comparison->out);
	}
}

static void compare(struct comparison *comparison, const json_t *before, const json_t *after)
{
	tell_other_load(comparison, before, after);
	compare_fields(comparison, "", before, after);
	compare_lists(comparison, json_object_get(before, "goals"), json_object_get(after, "goals"), true);
	compare_lists(comparison, json_object_get(before, "runs"), json_object_get(after, "runs"), false);
}

struct compare_counts compare_print(FILE *out, const json_t *before, const json_t *after, double threshold)
{
	struct comparison comparison = { .out = out, .threshold = threshold };
	compare(&comparison, before, after);
	return comparison.counts;
}

json_t *compare_json(const json_t *before, const json_t *after, double threshold, struct compare_counts *counts)
{
	struct comparison comparison = { .not_alike = json_array(), .changes = json_array(), .threshold = threshold };
	compare(&comparison, before, after);
	*counts = comparison.counts;
	return json_pack("{s:o, s:o, s:i, s:i, s:i, s:i}", "not_alike", comparison.not_alike, "changes", comparison.changes, "better", (int)counts->better, "worse",
			 (int)counts->worse, "same", (int)counts->same, "missing", (int)counts->missing);
}
