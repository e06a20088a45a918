/* Finding a sub-command by its name, and saying so when there is none. */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/completion.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "log/base/edit_distance.h"

void complain(const char *format, ...)
{
	fflush(stdout);
	progress_hide();
	char *line = NULL;
	va_list arguments;
	va_start(arguments, format);
	int size = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (size >= 0)
		out_make_printable(line);
	fprintf(stderr, "spate: %s\n", size >= 0 ? line : "out of memory");
	if (size >= 0)
		free(line);
	progress_show();
}

void command_print_table(const struct command *commands, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		printf("  %-11s %s\n", commands[i].name, commands[i].summary);
}

static int refuse_name(const struct command *commands, uint32_t count, const char *prefix, const char *name)
{
	struct edit_search search = {.name = name};
	for (uint32_t i = 0; i < count; i++)
		edit_offer(&search, commands[i].name);
	if (search.nearest)
		complain("unknown command '%s'; did you mean '%s %s'?", name, prefix, search.nearest);
	else
		complain("unknown command '%s'; '%s --help' lists them", name, prefix);
	return STATUS_USAGE;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int print_table(const struct command *commands, uint32_t count, const char *prefix)
{
	printf("%s COMMAND ...\n\n", prefix);
	command_print_table(commands, count);
	printf("\n'%s COMMAND --help' says more about each.\n", prefix);
	return STATUS_OK;
}

static int run_named(const struct command *commands, uint32_t count, const char *prefix, int argc, char **argv)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return completion_is_on() ? STATUS_OK : refuse_name(commands, count, prefix, argv[1]);
}

#define HELP_WORDS_MAX 8

/* "help group rewind" is "group rewind --help". */
static int help_about(const struct command *commands, uint32_t count, const char *prefix, int argc, char **argv)
{
	static char flag[] = "--help";
	char *words[HELP_WORDS_MAX + 2] = {argv[0]};
	int word_count = 1;
	for (int i = 2; i < argc && word_count <= HELP_WORDS_MAX; i++)
		words[word_count++] = argv[i];
	if (!completion_is_on())
		words[word_count++] = flag;
	return command_dispatch(commands, count, prefix, word_count, words);
}

int command_dispatch(const struct command *commands, uint32_t count, const char *prefix, int argc, char **argv)
{
	if (completion_is_on() && argc <= 2) {
		completion_offer_commands(commands, count, argc == 2 ? argv[1] : "");
		return STATUS_OK;
	}
	if (argc > 2 && strcmp(argv[1], "help") == 0)
		return help_about(commands, count, prefix, argc, argv);
	if (argc >= 2 && !asks_for_help(argv[1]))
		return run_named(commands, count, prefix, argc, argv);
	print_table(commands, count, prefix);
	return argc < 2 ? STATUS_USAGE : STATUS_OK;
}
