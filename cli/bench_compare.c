/* `spate bench compare`: two files that --json has written. */
#include <jansson.h>
#include <stdio.h>

#include "bench/report/compare.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cli/flags.h"

static json_t *load_result(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (root && json_is_object(root))
		return root;
	complain("%s is no result of 'spate bench --json': %s", path, root ? "it is no JSON object" : error.text);
	json_decref(root);
	return NULL;
}

static void print_counts(struct compare_counts counts, double threshold)
{
	printf("%u better, %u worse, %u within %g %%", counts.better, counts.worse, counts.same, threshold * 100);
	if (counts.missing)
		printf(", %u in one of them alone", counts.missing);
	printf("\n");
}

static struct compare_counts compare_and_print(const json_t *before, const json_t *after, double threshold, bool is_json)
{
	struct compare_counts counts;
	if (!is_json)
		return compare_print(stdout, before, after, threshold);
	json_t *result = compare_json(before, after, threshold, &counts);
	json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(result);
	printf("\n");
	return counts;
}

static int compare_results(const json_t *before, const json_t *after, double threshold, bool fails, bool is_json)
{
	struct compare_counts counts = compare_and_print(before, after, threshold, is_json);
	if (!counts.better && !counts.worse && !counts.same) {
		fflush(stdout);
		complain("the two have no result in common; both must be of one kind: of the same load, or of a whole suite");
		return STATUS_USAGE;
	}
	if (!is_json)
		print_counts(counts, threshold);
	return fails && counts.worse ? STATUS_FAILED : STATUS_OK;
}

int bench_compare(int argc, char **argv)
{
	int64_t percent = 5;
	bool fails = false, is_json = false;
	const struct flag table[] = {
		INT_FLAG("threshold", 't', &percent, "PERCENT", 0, 1000, "changes up to this are not told (5)"),
		BOOL_FLAG("fail", 'f', &fails, "exit with 1 if anything is worse"),
		BOOL_FLAG("json", 'J', &is_json, "print JSON"),
	};
	const struct flag_table flag_table = {
		.command = "spate bench compare",
		.arguments = "BEFORE AFTER",
		.about = "Holds two results against each other: of one run ('spate bench produce --json'), or of a whole suite ('make bench BENCH=\"--json FILE\"').\n"
			 "What both have under one name is compared, and each change is called better or worse. Ratios to limits are compared as ratios.",
		.examples = "  spate bench compare before.json after.json --threshold 10\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 2,
		.argument_max = 2,
	};
	struct arguments arguments;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	json_t *before = load_result(arguments.items[0]), *after = before ? load_result(arguments.items[1]) : NULL;
	status = after ? compare_results(before, after, (double)percent / 100, fails, is_json) : STATUS_USAGE;
	json_decref(before);
	json_decref(after);
	return status;
}
