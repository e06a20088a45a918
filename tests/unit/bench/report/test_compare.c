/* Comparing two results: matched by name, judged by the direction that is better. */
#include "bench/report/compare.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Rates are better when they grow, latencies, CPU and errors when they shrink, and what was asked for is no result. */
Test(compare, senses)
{
	static const struct {
		const char *field;
		enum compare_sense sense;
	} rows[] = { { "publishRate", COMPARE_MORE },	      { "megabytesPerSecond", COMPARE_MORE },
		     { "publishErrorRate", COMPARE_LESS },     { "aggregatedPublishLatency99pct", COMPARE_LESS },
		     { "brokerCpuSecondsPerGB", COMPARE_LESS }, { "brokerSwitchesPerSecond", COMPARE_LESS },
		     { "requestRate", COMPARE_NEUTRAL },       { "connections", COMPARE_NEUTRAL } };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(compare_sense_of(rows[i].field), rows[i].sense, "%s", rows[i].field);
}

static struct compare_counts compare(const char *before, const char *after, char **text)
{
	json_t *a = json_loads(before, 0, NULL), *b = json_loads(after, 0, NULL);
	size_t size;
	FILE *out = open_memstream(text, &size);
	cr_assert(a && b);
	struct compare_counts counts = compare_print(out, a, b, 0.05);
	fclose(out);
	json_decref(a);
	json_decref(b);
	return counts;
}

/* One run against another: what changed by less than the threshold is not told. */
Test(compare, single_runs)
{
	char *text;
	struct compare_counts counts = compare("{\"publishRate\": 100, \"aggregatedPublishLatencyMax\": 10, \"consumeRate\": 5, \"connections\": 4}",
					       "{\"publishRate\": 104, \"aggregatedPublishLatencyMax\": 12, \"connections\": 8}", &text);
	cr_expect_eq(counts.same, 1);
	cr_expect_eq(counts.worse, 1);
	cr_expect_eq(counts.better, 0);
	cr_expect_eq(counts.missing, 1);
	cr_expect(strstr(text, "aggregatedPublishLatencyMax"));
	cr_expect(strstr(text, "+20.0 %  WORSE"));
	cr_expect_not(strstr(text, "publishRate"));
	cr_expect(strstr(text, "not alike: connections 4 and 8\n"));
	free(text);
}

/* Results of two loads are compared all the same, and it is told that they are two. */
Test(compare, other_loads)
{
	char *text;
	struct compare_counts counts = compare("{\"workload\": \"produce\", \"batchBytes\": 1, \"megabytesPerSecond\": 1}",
					       "{\"workload\": \"fetch\", \"batchBytes\": 1, \"megabytesPerSecond\": 1}", &text);
	cr_expect_eq(counts.same, 1);
	cr_expect_str_eq(text, "not alike: workload produce and fetch\n");
	free(text);
}

/* Suites: rows of one name are told apart by what they are about, and each says itself which way is better. */
Test(compare, suites)
{
	char *text;
	struct compare_counts counts =
		compare("{\"goals\": [{\"name\": \"P2\", \"about\": \"p50\", \"goalSense\": \"at most\", \"ratio\": 1.5},"
			"{\"name\": \"P2\", \"about\": \"p99\", \"goalSense\": \"at most\", \"ratio\": 2},"
			"{\"name\": \"P9\", \"about\": \"x\", \"goalSense\": \"at most\", \"value\": 4}],"
			"\"runs\": [{\"name\": \"produce spate\", \"publishRate\": 1}]}",
			"{\"goals\": [{\"name\": \"P2\", \"about\": \"p99\", \"goalSense\": \"at most\", \"ratio\": 1},"
			"{\"name\": \"P2\", \"about\": \"p50\", \"goalSense\": \"at most\", \"ratio\": 1.5}],"
			"\"runs\": [{\"name\": \"produce spate\", \"publishRate\": 0.5}]}",
			&text);
	cr_expect_eq(counts.same, 1);
	cr_expect_eq(counts.better, 1);
	cr_expect_eq(counts.worse, 1);
	cr_expect_eq(counts.missing, 1);
	cr_expect(strstr(text, "P2: p99 (ratio)"));
	cr_expect(strstr(text, "-50.0 %  better"));
	cr_expect(strstr(text, "produce spate: publishRate"));
	free(text);
}

/* A row that was not read is null, and a row of the second alone is missing as well; neither is a change. */
Test(compare, rows_that_one_lacks)
{
	char *text;
	struct compare_counts counts =
		compare("{\"goals\": [{\"name\": \"P1\", \"about\": \"x\", \"goalSense\": \"at least\", \"ratio\": null}]}",
			"{\"goals\": [{\"name\": \"P1\", \"about\": \"x\", \"goalSense\": \"at least\", \"ratio\": 0.7}],"
			"\"runs\": [{\"name\": \"cold spate\", \"publishRate\": 1}]}",
			&text);
	cr_expect_eq(counts.missing, 2);
	cr_expect_eq(counts.same + counts.better + counts.worse, 0);
	cr_expect_str_eq(text, "");
	free(text);
}
