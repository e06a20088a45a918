/* bench-run: the broker beside its limit programs, in turns, on the same cores with the same bytes. The load
 * generator runs in this process, pinned to a core of its own. It prints what it found as a table, and writes
 * it as JSON and as a page of charts if asked.
 *
 * SIGINT and SIGTERM end it after the run under way, and what was found until then is printed.
 * A run that fails is told on stderr and left out of the medians; the exit code is then 1. What cannot succeed is told before the first run: 2. */
#include "bench/run/preflight.h"
#include "bench/run/suite.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const struct experiment {
	const char *name;
	experiment_fn *run;
	bool is_usual; /* part of a run that names none */
	double longest; /* of its runs, as a multiple of --seconds; 0: as the usual ones */
} experiments[] = {
	{ "produce", run_produce, true, 0 },
	{ "commit", run_commit, true, 0 },
	{ "load", run_load, true, 5 },
	{ "partitions", run_partitions, true, 0 },
	{ "fetch", run_fetch, true, 0 },
	{ "cold", run_cold, true, 0 },
	{ "relay", run_relay, true, 0 },
	{ "fanout", run_fanout, true, 0 },
	{ "client", run_client, true, 0 },
	{ "start", run_start, true, 0 },
	{ "rest", run_rest, true, 0 },
	{ "restart", run_restart, true, 0 },
	{ "backlog", run_backlog, true, 0 },
	{ "connections", run_connections, true, 0 },
	{ "records", run_records, true, 0 },
	{ "segments", run_segments, false, 0 },
	{ "retained", run_retained, false, 0 },
	{ "tools", run_tools, false, 0 },
	{ "stalls", run_stalls, false, 20 },
};

static void list_names(char *out, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < COUNT_OF(experiments) && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s%s", i ? ", " : "", experiments[i].name,
					 experiments[i].is_usual ? "" : " (not by itself)");
}

/* Whether a name is one of a list with commas. */
static bool is_listed(const char *list, const char *name)
{
	size_t size = strlen(name);
	for (const char *at = list; (at = strstr(at, name)); at += size)
		if ((at == list || at[-1] == ',') && (at[size] == ',' || !at[size]))
			return true;
	return false;
}

/* A name that is none would be left out without a word. */
static void check_names(const char *only, const char *names)
{
	for (const char *at = only; at && *at; at += strcspn(at, ","), at += *at == ',') {
		int size = (int)strcspn(at, ",");
		bool is_known = strcmp(only, "all") == 0;
		for (size_t i = 0; i < COUNT_OF(experiments); i++)
			is_known |= (int)strlen(experiments[i].name) == size && strncmp(experiments[i].name, at, (size_t)size) == 0;
		if (is_known)
			continue;
		fprintf(stderr, "bench-run: --only: there is no experiment '%.*s'; there are %s\n", size, at, names);
		exit(2);
	}
}

static bool is_wanted(const struct options *options, const struct experiment *experiment)
{
	if (!options->only)
		return experiment->is_usual;
	return strcmp(options->only, "all") == 0 || is_listed(options->only, experiment->name);
}

static double longest_runs(const struct options *options)
{
	double longest = 2;
	for (size_t i = 0; i < COUNT_OF(experiments); i++)
		if (is_wanted(options, &experiments[i]) && experiments[i].longest > longest)
			longest = experiments[i].longest;
	return longest;
}

/* The first line that a command prints, behind what is there. */
static void append_line(char *out, size_t size, const char *command)
{
	size_t used = strlen(out);
	FILE *lines = popen(command, "re");
	if (lines && !fgets(out + used, (int)(size - used), lines))
		out[used] = 0;
	out[used + strcspn(out + used, "\n")] = 0;
	if (lines)
		pclose(lines);
}

/* What is measured: what the binary says, and the commit that it was built from, if it is the one of this directory. */
static void name_version(const struct options *options, char *out, size_t size)
{
	char command[600];
	snprintf(command, sizeof command, "'%s' --version 2>/dev/null", options->spate);
	append_line(out, size, command);
	if (strcmp(options->spate, "./spate") != 0 || strlen(out) + 2 >= size)
		return;
	strcat(out, " ");
	append_line(out, size, "git describe --always --dirty 2>/dev/null");
}

static void pin_load(int core)
{
	cpu_set_t cores;
	CPU_ZERO(&cores);
	if (core < 0)
		return;
	CPU_SET(core, &cores);
	sched_setaffinity(0, sizeof cores, &cores); /* tried before: preflight.c */
}

static FILE *open_output(const char *path)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (!out)
		fprintf(stderr, "bench: cannot write %s: %s\n", path, strerror(errno));
	return out;
}

static bool close_output(FILE *out, const char *path)
{
	if (out == stdout ? fflush(out) == 0 : fclose(out) == 0)
		return true;
	fprintf(stderr, "bench: cannot write %s: %s\n", path, strerror(errno));
	return false;
}

static bool write_results(const struct options *options, const struct report *report)
{
	bool is_good = true;
	if (!options->json || strcmp(options->json, "-") != 0)
		report_print_table(stdout, report);
	FILE *out = options->json ? open_output(options->json) : NULL;
	if (options->json)
		is_good = out && report_print_json(out, report) == 0 && close_output(out, options->json);
	FILE *page = options->page ? open_output(options->page) : NULL;
	if (page)
		report_print_page(page, report);
	return is_good && (!options->page || (page && close_output(page, options->page)));
}

int main(int argc, char **argv)
{
	char names[512];
	struct options options;
	list_names(names, sizeof names);
	options_parse(&options, argc, argv, names);
	check_names(options.only, names);
	if (!preflight(&options, longest_runs(&options)))
		return 2;
	struct suite suite = { .options = &options, .report = report_open() };
	bool is_good = suite.report;
	if (suite.report)
		name_version(&options, suite.report->version, sizeof suite.report->version);
	pin_load(options.load_core);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, contest_interrupt);
	signal(SIGTERM, contest_interrupt);
	for (size_t i = 0; suite.report && !contest_is_interrupted() && i < COUNT_OF(experiments); i++)
		if (is_wanted(&options, &experiments[i]))
			is_good &= experiments[i].run(&suite);
	servers_remove_data();
	is_good = suite.report && write_results(&options, suite.report) && is_good;
	report_close(suite.report);
	return is_good && !contest_is_interrupted() ? 0 : 1; /* what was left out was not met */
}
