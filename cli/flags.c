/* Reading flags by a table. Failure modes: an unknown flag (the nearest is told), a missing or superfluous value, a number that is none,
 * too few or too many arguments: each is one line on stderr and STATUS_USAGE. */
#include "cli/flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/completion.h"
#include "log/base/check.h"
#include "log/base/edit_distance.h"

/* ---- help ------------------------------------------------------------------------------------------------------ */

static void print_flag(const struct flag *flag)
{
	char left[64];
	char letter[8] = "    ";
	if (flag->letter)
		snprintf(letter, sizeof letter, "-%c, ", flag->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, flag->name, flag->value_name ? " " : "", flag->value_name ? flag->value_name : "");
	printf("  %-30s %s\n", left, flag->help);
}

static void print_help(const struct flag_table *table)
{
	printf("%s%s%s [flags]\n\n%s\n\n", table->command, *table->arguments ? " " : "", table->arguments, table->about);
	for (uint32_t i = 0; i < table->flag_count; i++)
		print_flag(&table->flags[i]);
	printf("  %-30s %s\n", "-h, --help", "this text");
	if (table->examples)
		printf("\nExamples:\n%s", table->examples);
}

/* ---- one flag ----------------------------------------------------------------------------------------------------- */

#define FLAGS_MAX 64

struct parse {
	const struct flag_table *table;
	int argc, at; /* argv[at] is next */
	char **argv;
	const char *given[FLAGS_MAX]; /* the value of each flag that has been there */
	int status;
};

static bool refuse(struct parse *parse)
{
	parse->status = STATUS_USAGE;
	return false;
}

static bool refuse_unknown(struct parse *parse, const char *word)
{
	char name[64];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
	struct edit_search search = {.name = name};
	for (uint32_t i = 0; i < parse->table->flag_count && word[1] == '-'; i++)
		edit_offer(&search, parse->table->flags[i].name);
	if (search.nearest)
		complain("unknown flag %s; did you mean --%s?", word, search.nearest);
	else
		complain("unknown flag %s; '%s --help' lists them", word, parse->table->command);
	return refuse(parse);
}

static bool take_int(struct parse *parse, const struct flag *flag, const char *value)
{
	char *end;
	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (errno || end == value || *end || number < flag->min || number > flag->max) {
		complain("--%s %s: it must be a whole number from %lld to %lld", flag->name, value, (long long)flag->min, (long long)flag->max);
		return refuse(parse);
	}
	*(int64_t *)flag->out = number;
	return true;
}

static bool take_item(struct parse *parse, const struct flag *flag, const char *value)
{
	struct flag_list *list = flag->out;
	if (list->count == FLAG_LIST_MAX) {
		complain("--%s is given more than %d times", flag->name, FLAG_LIST_MAX);
		return refuse(parse);
	}
	list->items[list->count++] = value;
	return true;
}

/* Which of two would hold is not to be guessed; twice the same is no question. */
static bool is_contradicted(struct parse *parse, const struct flag *flag, const char *value)
{
	size_t index = (size_t)(flag - parse->table->flags);
	const char *before = parse->given[index];
	parse->given[index] = value;
	if (!before || strcmp(before, value) == 0)
		return false;
	complain("--%s is given twice, as %s and as %s; leave one out", flag->name, before, value);
	return !refuse(parse);
}

static bool take_value(struct parse *parse, const struct flag *flag, const char *value)
{
	if ((flag->kind == FLAG_TEXT || flag->kind == FLAG_INT) && is_contradicted(parse, flag, value))
		return false;
	switch (flag->kind) {
	case FLAG_TEXT: *(const char **)flag->out = value; return true;
	case FLAG_INT: return take_int(parse, flag, value);
	case FLAG_LIST: return take_item(parse, flag, value);
	case FLAG_BOOL: break;
	}
	*(bool *)flag->out = true;
	return true;
}

/* `attached` is what stood behind "=" or behind the letter, or NULL. */
static bool take_flag(struct parse *parse, const struct flag *flag, const char *attached)
{
	if (flag->kind == FLAG_BOOL) {
		if (!attached)
			return take_value(parse, flag, NULL);
		complain("--%s takes no value", flag->name);
		return refuse(parse);
	}
	if (attached)
		return take_value(parse, flag, attached);
	if (parse->at == parse->argc) {
		complain("--%s needs a value: --%s %s", flag->name, flag->name, flag->value_name);
		return refuse(parse);
	}
	return take_value(parse, flag, parse->argv[parse->at++]);
}

static bool take_long(struct parse *parse, const char *word)
{
	const char *name = word + 2;
	size_t size = strcspn(name, "=");
	for (uint32_t i = 0; i < parse->table->flag_count; i++) {
		const struct flag *flag = &parse->table->flags[i];
		if (strlen(flag->name) == size && memcmp(flag->name, name, size) == 0)
			return take_flag(parse, flag, name[size] ? name + size + 1 : NULL);
	}
	return refuse_unknown(parse, word);
}

static bool take_letter(struct parse *parse, const char *word)
{
	for (uint32_t i = 0; i < parse->table->flag_count; i++)
		if (parse->table->flags[i].letter == word[1])
			return take_flag(parse, &parse->table->flags[i], word[2] ? word + 2 : NULL);
	return refuse_unknown(parse, word);
}

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

static bool take_argument(struct parse *parse, struct arguments *arguments, const char *word)
{
	if (arguments->count >= parse->table->argument_max || arguments->count == COUNT_OF(arguments->items)) {
		complain("'%s' is one argument too many; it is: %s%s%s", word, parse->table->command, *parse->table->arguments ? " " : "",
			 parse->table->arguments);
		return refuse(parse);
	}
	if (!*word) {
		complain("an argument is empty; it is: %s %s", parse->table->command, parse->table->arguments);
		return refuse(parse);
	}
	arguments->items[arguments->count++] = word;
	return true;
}

static bool take_word(struct parse *parse, struct arguments *arguments, bool *are_flags_over)
{
	const char *word = parse->argv[parse->at++];
	if (*are_flags_over || word[0] != '-' || !word[1])
		return take_argument(parse, arguments, word);
	if (strcmp(word, "--") == 0)
		return *are_flags_over = true;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_help(parse->table);
		parse->status = STATUS_OK;
		return false;
	}
	return word[1] == '-' ? take_long(parse, word) : take_letter(parse, word);
}

bool flags_parse(const struct flag_table *table, int argc, char **argv, struct arguments *arguments, int *status)
{
	CHECK(table->flag_count <= FLAGS_MAX);
	struct parse parse = {.table = table, .argc = argc, .at = 1, .argv = argv};
	bool are_flags_over = false, goes_on = true;
	if (completion_is_on()) {
		completion_offer_flags(table, argc, argv);
		*status = STATUS_OK;
		return false;
	}
	*arguments = (struct arguments){0};
	while (goes_on && parse.at < argc)
		goes_on = take_word(&parse, arguments, &are_flags_over);
	if (goes_on && arguments->count < table->argument_min) {
		complain("an argument is missing; it is: %s %s", table->command, table->arguments);
		goes_on = refuse(&parse);
	}
	*status = parse.status;
	return goes_on;
}
