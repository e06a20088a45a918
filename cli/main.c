/* spate: the one binary. A table of sub-commands, and the help that lists them. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/standard_files.h"

static int print_help(int argc, char **argv);

static const struct command commands[] = {
	{"serve", "run the broker", serve_run},
	{"topic", "create, list, describe, alter, trim and delete topics", topic_run},
	{"group", "list, describe, rewind and delete consumer groups", group_run},
	{"cluster", "show the brokers, and how much they hold", cluster_run},
	{"produce", "write lines to a topic", produce_run},
	{"consume", "read a topic", consume_run},
	{"log", "look into a data directory, or check it, without the broker", log_run},
	{"config", "explain, read and change the configuration", config_run},
	{"bench", "measure a broker over the wire", bench_run},
	{"completion", "complete command lines in bash", completion_run},
	{"help", "say more about a command: 'spate help group rewind'", print_help},
};

static int print_help(int argc, char **argv)
{
	printf("spate %s: a durable, partitioned event log that speaks the Kafka protocol\n\n  spate COMMAND ...\n\n", SPATE_VERSION);
	command_print_table(commands, COUNT_OF(commands));
	printf("\n"
	       "'spate COMMAND --help' says more about each. Commands that talk to a broker take --broker HOST:PORT\n"
	       "(default $SPATE_BROKER, or 127.0.0.1:9092); those that print something to read take --json.\n"
	       "\n"
	       "Examples:\n"
	       "  spate serve --data ./data                        run a broker on 127.0.0.1:9092\n"
	       "  spate topic create orders --partitions 3\n"
	       "  seq 10 | spate produce orders                    ten records\n"
	       "  spate consume orders --exit-eof                  all of them, then stop\n"
	       "  spate consume orders --offset @-1h -f '%%o %%k %%s\\n'\n"
	       "  spate consume orders --group billing             as a member of a group\n"
	       "  spate group describe billing                     members, lag in records and in time\n"
	       "  spate log verify ./data                          check every byte on disk\n"
	       "  spate config explain retention.ms\n"
	       "\n"
	       "Exit status: 0 done; 1 tried and failed, or not all of it; 2 wrong flag, name, address or configuration: nothing was tried;\n"
	       "3 no broker answered; 4 'log verify' found damage.\n");
	return STATUS_OK;
}

static int run(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0)
		return printf("spate %s\n", SPATE_VERSION) < 0;
	bool is_help = strcmp(word, "help") == 0 && argc == 2;
	if (argc < 2 || is_help || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return print_help(argc, argv);
	if (strcmp(word, "__complete") == 0) {
		completion_begin();
		argc--;
		argv++;
	}
	return command_dispatch(commands, COUNT_OF(commands), "spate", argc, argv);
}

/* Nobody need read what a broker says. */
static bool is_to_be_read(int argc, char **argv)
{
	return argc < 2 || strcmp(argv[1], "serve") != 0;
}

int main(int argc, char **argv)
{
	standard_files_secure();
	int status = run(argc, argv);
	return is_to_be_read(argc, argv) ? standard_files_finish(status) : status;
}
