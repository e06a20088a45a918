/* The differential test: the same requests to a Kafka and to Spate, the answers compared field by field. README.md says how to run it (by
 * tests/differential/run) and how cases are written.
 *
 *	differential --kafka HOST:PORT --spate HOST:PORT [--api NAME] [--case PATTERN] [--version N] [--show] [--no-mutants] [--listed]
 *	             [--number N] [--whole] [--library FILE]... CASES...
 *	differential --table                  the expected differences, as README.md shows them
 *
 * Fresh names are numbered from N (1): brokers that have been played against before need another beginning. Of a library's files, only the
 * sequences are used. --whole says that CASES are all there are: what is listed but was not met is then told, unless options leave cases out.
 *
 * Exit status: 0 no difference that is not listed; 1 some; 2 a mistake in the files, or no broker. */
#include "tests/differential/player.h"

#include "log/base/check.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIRECTORY "tests/differential/"
#define LIBRARY_MAX 64

struct options {
	const char *kafka, *spate, *api, *name, *library[LIBRARY_MAX];
	int version, number, library_count;
	bool shows, mutates, prints_table, tells_listed, is_whole;
};

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: differential --kafka HOST:PORT --spate HOST:PORT [--api NAME] [--case PATTERN] [--version N] [--show] "
			"[--no-mutants] [--listed] [--number N] [--whole] [--library FILE]... CASES...\n       differential --table\n");
	exit(2);
}

static void parse_options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{"kafka", required_argument, NULL, 'k'}, {"spate", required_argument, NULL, 's'}, {"api", required_argument, NULL, 'a'},
		{"case", required_argument, NULL, 'c'},  {"version", required_argument, NULL, 'v'}, {"show", no_argument, NULL, 'w'},
		{"no-mutants", no_argument, NULL, 'n'},  {"table", no_argument, NULL, 't'},
		{"listed", no_argument, NULL, 'l'},	 {"whole", no_argument, NULL, 'e'},	    {"library", required_argument, NULL, 'y'},
		{"number", required_argument, NULL, 'm'}, {0},
	};
	*o = (struct options){.version = -1, .mutates = true};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;)
		switch (c) {
		case 'k': o->kafka = optarg; break;
		case 's': o->spate = optarg; break;
		case 'a': o->api = optarg; break;
		case 'c': o->name = optarg; break;
		case 'v': o->version = atoi(optarg); break;
		case 'w': o->shows = true; break;
		case 'n': o->mutates = false; break;
		case 'm': o->number = atoi(optarg); break;
		case 't': o->prints_table = true; break;
		case 'l': o->tells_listed = true; break;
		case 'e': o->is_whole = true; break;
		case 'y':
			if (o->library_count == LIBRARY_MAX)
				usage();
			o->library[o->library_count++] = optarg;
			break;
		default: usage();
		}
	o->is_whole = o->is_whole && !o->api && !o->name && o->version < 0 && o->mutates;
	if (!o->prints_table && (!o->kafka || !o->spate || optind == argc))
		usage();
}

static bool is_wanted(const struct options *o, const struct test_case *c)
{
	return (!o->api || strcmp(o->api, c->api) == 0) && (!o->name || fnmatch(o->name, c->sequence.name, 0) == 0);
}

/* What Kafka serves and our schema knows; a version that Spate does not serve is a difference of the ApiVersions answer, and not played. */
static void play_case(struct player *player, const struct options *o, const struct test_case *c)
{
	char name[96];
	snprintf(name, sizeof name, "%s_request", c->api);
	const struct kmsg_description *message = kmsg_description_find(name);
	if (!message) {
		printf("skip   %s: the schema has no %s\n", c->sequence.name, c->api);
		return;
	}
	for (int version = 0; version <= message->max; version++)
		if (version >= c->first && version <= c->last && (o->version < 0 || version == o->version) &&
		    side_serves(&player->sides[0], message->key, version) && side_serves(&player->sides[1], message->key, version)) {
			if (o->shows)
				printf("%s v%d\n", c->sequence.name, version);
			player_play(player, c, version);
		}
}

static void print_counts(const struct player *player)
{
	for (int key = 0; key < 256; key++)
		for (size_t i = 0; i < kmsg_description_count && player->counts[key]; i++)
			if (kmsg_descriptions[i].key == key && strstr(kmsg_descriptions[i].name, "_request"))
				printf("  %-40.*s %6d cases\n", (int)(strlen(kmsg_descriptions[i].name) - strlen("_request")),
				       kmsg_descriptions[i].name, player->counts[key]);
}

static void play_all(struct player *player, const struct options *o, const struct script *script)
{
	for (int i = 0; i < script->case_count; i++) {
		const struct test_case *c = &script->cases[i];
		int before = player->played;
		struct timespec begin, end;
		if (!is_wanted(o, c))
			continue;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		play_case(player, o, c);
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf("played %-50s %5d cases %7.1f s\n", c->sequence.name, player->played - before,
		       (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct options options;
	static struct script script;
	static struct side sides[2];
	static struct player player;
	parse_options(&options, argc, argv);
	findings_read_expected(DIRECTORY "expected");
	if (options.prints_table) {
		findings_print_expected(stdout);
		return 0;
	}
	canon_read_masks(DIRECTORY "masks");
	for (int i = 0; i < options.library_count; i++)
		script_read(&script, options.library[i]);
	script.case_count = 0;
	for (int i = optind; i < argc; i++)
		script_read(&script, argv[i]);
	if (!side_open(&sides[0], "kafka", options.kafka) || !side_open(&sides[1], "spate", options.spate)) {
		fprintf(stderr, "differential: no broker at %s or %s\n", options.kafka, options.spate);
		return 2;
	}
	player = (struct player){.script = &script, .sides = sides, .shows = options.shows, .mutates = options.mutates,
				 .number = options.number};
	play_all(&player, &options, &script);
	print_counts(&player);
	if (options.tells_listed)
		findings_report_met(stdout);
	int news = findings_report(stdout);
	int unmet = options.is_whole ? findings_report_unmet(stdout) : 0;
	printf("differential: %d cases, %d differences not listed, %d listed but not met, %d vanished when replayed\n", player.played, news, unmet,
	       player.vanished);
	return news > 0;
}
