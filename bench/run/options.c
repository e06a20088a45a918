/* Options of bench-run, by getopt_long. */
#include "bench/run/options.h"

#include "bench/report/run.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"bench-run: the broker beside its limit programs\n"
	"\n"
	"  --rounds N           rounds of each experiment (3)\n"
	"  --seconds S          measured time of each run (1), after --warmup S (0.3)\n"
	"  --only NAME[,NAME]   these experiments alone, or `all`\n"
	"  --json FILE          the results for programs (- for stdout, in place of the table)\n"
	"  --html FILE          one page of charts\n"
	"  --stalls MINUTES     the experiment `stalls` for so long (30)\n"
	"  --dir DIR            where data goes; it should be on the disk that matters (build)\n"
	"  --peer NAME:PORT[:PID[:flush]]   a broker that runs on this machine as one more contestant; up to four. flush: its\n"
	"                       topics are made with flush.messages=1\n"
	"  --tool NAME=COMMAND  prints MB/s, p50 and p99 (us) of 1 KiB records to another server; up to four\n"
	"  --spate FILE, --limits DIR   the binaries (./spate, build/release/limits)\n"
	"  --beside FILE        another build of Spate does all that Spate does, in the same rounds: rows A/B (loads alone)\n"
	"  --server-core N, --load-core N   -1: not pinned (the first two of this process)\n"
	"\n"
	"Experiments: ";

static bool add_peer(struct options *options, char *text)
{
	char *port = strchr(text, ':');
	if (!port || options->peers_count == PEERS_MAX)
		return false;
	*port++ = 0;
	char *pid = strchr(port, ':');
	long number = strtol(port, NULL, 10);
	options->peers[options->peers_count++] = (struct server_spec){ .kind = SERVER_PEER, .name = text, .port = (uint16_t)number,
								       .core = -1, .pid = pid ? atoi(pid + 1) : 0,
								       .flushes = pid && strstr(pid, ":flush") };
	return number > 0 && number <= UINT16_MAX;
}

static bool add_tool(struct options *options, char *text)
{
	char *command = strchr(text, '=');
	if (!command || options->tools_count == PEERS_MAX)
		return false;
	*command++ = 0;
	options->tools[options->tools_count].name = text;
	options->tools[options->tools_count++].command = command;
	return true;
}

static bool take_number(const char *text, double low, double high, double *out)
{
	char *end;
	*out = strtod(text, &end);
	return end != text && !*end && *out >= low && *out <= high;
}

static bool take_whole(const char *text, double low, double high, int *out)
{
	double number;
	if (!take_number(text, low, high, &number) || number != (int)number)
		return false;
	*out = (int)number;
	return true;
}

static bool take_rounds(struct options *options, const char *text)
{
	int rounds = 0;
	bool is_taken = take_whole(text, 1, ROUNDS_MAX, &rounds);
	options->rounds = (uint32_t)rounds;
	return is_taken;
}

/* What an option takes, for whoever gave it something else. */
static const char *describe(int option)
{
	switch (option) {
	case 'r':
		return "a whole number from 1 to 32";
	case 's':
		return "seconds from 0.01 to 3600";
	case 'w':
		return "seconds from 0 to 3600";
	case 'm':
		return "minutes from 0.01 to 1440";
	case 'P':
		return "NAME:PORT[:PID[:flush]] of a broker that runs on this machine, at most four times";
	case 't':
		return "NAME=COMMAND, at most four times";
	default:
		return "the number of a core, or -1 for none";
	}
}

static bool take_option(struct options *options, int option, char *value)
{
	switch (option) {
	case 'r':
		return take_rounds(options, value);
	case 's':
		return take_number(value, 0.01, 3600, &options->seconds);
	case 'w':
		return take_number(value, 0, 3600, &options->warmup_s);
	case 'm':
		return take_number(value, 0.01, 1440, &options->stalls_minutes);
	case 'o':
		options->only = value;
		return true;
	case 'j':
		options->json = value;
		return true;
	case 'p':
		options->page = value;
		return true;
	case 'd':
		options->directory = value;
		return true;
	case 'P':
		return add_peer(options, value);
	case 't':
		return add_tool(options, value);
	case 'b':
		options->spate = value;
		return true;
	case 'l':
		options->limits = value;
		return true;
	case 'B':
		options->beside = value;
		return true;
	case 'S':
		return take_whole(value, -1, CPU_SETSIZE - 1, &options->server_core);
	case 'L':
		return take_whole(value, -1, CPU_SETSIZE - 1, &options->load_core);
	default:
		return false;
	}
}

/* The first two that this process may have; with one alone nothing is pinned. */
static void choose_cores(struct options *options)
{
	cpu_set_t cores;
	int found[2], count = 0;
	options->server_core = options->load_core = -1;
	if (sched_getaffinity(0, sizeof cores, &cores))
		return;
	for (int core = 0; core < CPU_SETSIZE && count < 2; core++)
		if (CPU_ISSET(core, &cores))
			found[count++] = core;
	if (count < 2)
		return;
	options->server_core = found[0];
	options->load_core = found[1];
}

void options_parse(struct options *options, int argc, char **argv, const char *names)
{
	static const struct option table[] = {
		{ "rounds", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' }, { "warmup", 1, NULL, 'w' },      { "only", 1, NULL, 'o' },
		{ "json", 1, NULL, 'j' },   { "html", 1, NULL, 'p' },    { "stalls", 1, NULL, 'm' },      { "dir", 1, NULL, 'd' },
		{ "peer", 1, NULL, 'P' },   { "tool", 1, NULL, 't' },    { "spate", 1, NULL, 'b' },       { "limits", 1, NULL, 'l' },
		{ "server-core", 1, NULL, 'S' }, { "load-core", 1, NULL, 'L' }, { "beside", 1, NULL, 'B' },     { "help", 0, NULL, 'h' }, { 0 },
	};
	*options = (struct options){ .spate = "./spate", .limits = "build/release/limits", .directory = "build", .rounds = 3,
				     .seconds = 1, .warmup_s = 0.3, .stalls_minutes = 30 };
	choose_cores(options);
	int option, index = 0;
	while ((option = getopt_long(argc, argv, "", table, &index)) != -1) {
		if (option != 'h' && take_option(options, option, optarg))
			continue;
		if (option == 'h')
			printf("%s%s\n", usage, names);
		else if (option != '?')
			fprintf(stderr, "bench-run: --%s %s: it must be %s\n", table[index].name, optarg, describe(option));
		exit(option == 'h' ? 0 : 2);
	}
	if (optind == argc)
		return;
	fprintf(stderr, "bench-run: '%s' is no option; 'make bench BENCH=--help' has them all\n", argv[optind]);
	exit(2);
}
