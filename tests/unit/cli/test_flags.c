/* Flags by a table: every way to write them, and every way to get them wrong. */
#include "cli/flags.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

#include "cli/command.h"

struct values {
	bool is_json;
	const char *broker;
	int64_t count;
	struct flag_list set;
	struct arguments arguments;
	int status;
};

/* Splits the words at spaces and parses them. */
static bool parse(struct values *values, const char *line)
{
	static char copy[256];
	char *argv[32] = {"verb"}, *rest = copy;
	int argc = 1;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word; (word = strsep(&rest, " "));)
		if (*word)
			argv[argc++] = word;
	*values = (struct values){.count = 7};
	const struct flag flags[] = {
		BOOL_FLAG("json", 'J', &values->is_json, "as JSON"),
		TEXT_FLAG("broker", 'b', &values->broker, "HOST:PORT", "where"),
		INT_FLAG("count", 'c', &values->count, "N", 1, 100, "how many"),
		LIST_FLAG("set", 's', &values->set, "KEY=VALUE", "what"),
	};
	const struct flag_table table = {
		.command = "spate verb", .arguments = "TOPIC [FILE]", .about = "Does it.", .examples = "  spate verb x\n",
		.flags = flags, .flag_count = COUNT_OF(flags), .argument_min = 1, .argument_max = 2,
	};
	return flags_parse(&table, argc, argv, &values->arguments, &values->status);
}

/* Flags and arguments in any order, values attached or behind. */
Test(flags, good)
{
	struct values values;
	cr_assert(parse(&values, "--json --broker a:1 topic -c 5 --set=a=b -sc=d file"));
	cr_assert(values.is_json);
	cr_assert_str_eq(values.broker, "a:1");
	cr_assert_eq(values.count, 5);
	cr_assert_eq(values.set.count, 2);
	cr_assert_str_eq(values.set.items[0], "a=b");
	cr_assert_str_eq(values.set.items[1], "c=d");
	cr_assert_eq(values.arguments.count, 2);
	cr_assert_str_eq(values.arguments.items[0], "topic");
	cr_assert_str_eq(values.arguments.items[1], "file");

	cr_assert(parse(&values, "--broker -10 -- --json"));
	cr_assert_str_eq(values.broker, "-10");
	cr_assert_not(values.is_json);
	cr_assert_str_eq(values.arguments.items[0], "--json");
	cr_assert_eq(values.count, 7);

	cr_assert(parse(&values, "-"));
	cr_assert_str_eq(values.arguments.items[0], "-");
}

static const struct {
	const char *line, *said;
} mistakes[] = {
	{"t --jsn", "unknown flag --jsn; did you mean --json?"},
	{"t --borker=x", "unknown flag --borker=x; did you mean --broker?"},
	{"t --zzzzzz", "'spate verb --help' lists them"},
	{"t -x", "unknown flag -x"},
	{"t --broker", "--broker needs a value: --broker HOST:PORT"},
	{"t --json=1", "--json takes no value"},
	{"t -c 0", "--count 0: it must be a whole number from 1 to 100"},
	{"t -c 101", "from 1 to 100"},
	{"t -c x", "from 1 to 100"},
	{"t -c 99999999999999999999", "from 1 to 100"},
	{"", "an argument is missing; it is: spate verb TOPIC [FILE]"},
	{"a b c", "'c' is one argument too many"},
};

/* Each mistake is one line, and a usage error. */
Test(flags, mistakes)
{
	for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
		struct values values;
		char said[512] = "";
		FILE *old = stderr;
		stderr = fmemopen(said, sizeof said, "w");
		bool goes_on = parse(&values, mistakes[i].line);
		fclose(stderr);
		stderr = old;
		cr_assert_not(goes_on, "'%s'", mistakes[i].line);
		cr_assert_eq(values.status, STATUS_USAGE, "'%s'", mistakes[i].line);
		cr_assert_not_null(strstr(said, mistakes[i].said), "'%s': %s", mistakes[i].line, said);
		cr_assert_eq(strchr(said, '\n'), said + strlen(said) - 1, "'%s' takes one line: %s", mistakes[i].line, said);
	}
}

/* Help is no mistake, and names every flag. */
Test(flags, help, .init = cr_redirect_stdout)
{
	struct values values;
	cr_assert_not(parse(&values, "--help"));
	cr_assert_eq(values.status, STATUS_OK);
}

/* A flag that takes one value is not given two; the same twice does no harm, and lists are lists. */
Test(flags, twice, .init = cr_redirect_stderr)
{
	struct values values;
	cr_expect_not(parse(&values, "topic --broker a:1 -b b:2"));
	cr_expect_eq(values.status, STATUS_USAGE);
	cr_expect_not(parse(&values, "topic -c 5 --count=6"));
	cr_expect(parse(&values, "topic --broker a:1 -b a:1 --set a=1 --set b=2 --json --json"));
	fflush(stderr);
	cr_assert_stderr_eq_str("spate: --broker is given twice, as a:1 and as b:2; leave one out\n"
				"spate: --count is given twice, as 5 and as 6; leave one out\n");
}
