/* bench-run: the broker beside its limit programs, in turns, on the same cores with the same bytes. Each
 * round of a workload starts each contestant anew with an empty directory, and the order turns from round
 * to round. The load generator runs in this process, pinned to a core of its own.
 *
 * A run that fails is told on stderr and left out of the medians; the exit code is then 1. */
#include "bench/load/process_cost.h"
#include "bench/run/compare.h"
#include "bench/run/server.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *spate, *limits, *directory, *only;
	uint32_t rounds;
	double seconds, warmup_s;
	int server_core, load_core;
	bool is_json;
	struct server_spec peer; /* name NULL: none */
};

static const char usage[] =
	"bench-run: the broker beside its limit programs\n"
	"\n"
	"  --rounds N           rounds of each workload (3)\n"
	"  --seconds S          measured time of each run (3), after --warmup S (1)\n"
	"  --only NAME[,NAME]   of P1, P2 and rest\n"
	"  --json               machine-readable\n"
	"  --dir DIR            where data goes; it should be on the disk that matters (build)\n"
	"  --peer NAME:PORT[:PID]   a broker that runs on this machine as one more contestant\n"
	"  --spate FILE, --limits DIR   the binaries (./spate, build/release/limits)\n"
	"  --server-core N, --load-core N   -1: not pinned (0 and 1)\n";

static bool parse_peer(struct options *options, char *text)
{
	char *port = strchr(text, ':');
	if (!port)
		return false;
	*port++ = 0;
	char *pid = strchr(port, ':');
	long number = strtol(port, NULL, 10);
	options->peer = (struct server_spec){ .kind = SERVER_PEER, .name = text, .port = (uint16_t)number,
					      .pid = pid ? atoi(pid + 1) : 0 };
	return number > 0 && number <= UINT16_MAX;
}

static bool parse_option(struct options *options, int option, char *value)
{
	switch (option) {
	case 'r':
		options->rounds = (uint32_t)atoi(value);
		return options->rounds && options->rounds <= ROUNDS_MAX;
	case 's':
		options->seconds = atof(value);
		return options->seconds > 0;
	case 'w':
		options->warmup_s = atof(value);
		return options->warmup_s >= 0;
	case 'o':
		options->only = value;
		return true;
	case 'j':
		options->is_json = true;
		return true;
	case 'd':
		options->directory = value;
		return true;
	case 'p':
		return parse_peer(options, value);
	case 'b':
		options->spate = value;
		return true;
	case 'l':
		options->limits = value;
		return true;
	case 'S':
		options->server_core = atoi(value);
		return true;
	case 'L':
		options->load_core = atoi(value);
		return true;
	default:
		return false;
	}
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "rounds", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' },     { "warmup", 1, NULL, 'w' },    { "only", 1, NULL, 'o' },
		{ "json", 0, NULL, 'j' },   { "dir", 1, NULL, 'd' },         { "peer", 1, NULL, 'p' },      { "spate", 1, NULL, 'b' },
		{ "limits", 1, NULL, 'l' }, { "server-core", 1, NULL, 'S' }, { "load-core", 1, NULL, 'L' }, { "help", 0, NULL, 'h' },
		{ 0 },
	};
	*options = (struct options){ .spate = "./spate", .limits = "build/release/limits", .directory = "build", .rounds = 3,
				     .seconds = 3, .warmup_s = 1, .server_core = 0, .load_core = 1 };
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		options->server_core = options->load_core = -1;
	int option;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option != 'h' && parse_option(options, option, optarg))
			continue;
		fputs(usage, option == 'h' ? stdout : stderr);
		exit(option == 'h' ? 0 : 2);
	}
}

static bool is_wanted(const struct options *options, const char *name)
{
	return !options->only || strstr(options->only, name);
}

static void pin_load(int core)
{
	cpu_set_t cores;
	CPU_ZERO(&cores);
	if (core < 0)
		return;
	CPU_SET(core, &cores);
	if (sched_setaffinity(0, sizeof cores, &cores))
		fprintf(stderr, "bench: cannot pin the load generator to core %d\n", core);
}

/* ---- workloads --------------------------------------------------------------------------------------- */

static struct load_config config_for(const struct options *options, const struct workload *workload, const struct server *server)
{
	struct load_config config;
	load_config_init(&config);
	config.port = server->port;
	config.connections = workload->connections;
	config.in_flight = workload->in_flight;
	config.batch_bytes = workload->batch_bytes;
	config.record_bytes = workload->record_bytes;
	config.partitions = workload->partitions;
	config.warmup_ns = (uint64_t)(options->warmup_s * 1e9);
	config.duration_ns = (uint64_t)(options->seconds * 1e9);
	config.server_pid = server->pid;
	config.create_topic = server->spec->kind != SERVER_LIMIT;
	config.delete_topic = server->spec->kind == SERVER_PEER;
	return config;
}

static bool measure(const struct options *options, const struct workload *workload, const struct server_spec *spec,
		    struct contestant *contestant)
{
	static struct load_result result;
	struct server server;
	if (server_start(&server, spec))
		return false;
	struct load_config config = config_for(options, workload, &server);
	int err = load_produce(&config, &result);
	server_stop(&server);
	if (err) {
		fprintf(stderr, "bench: %s %s: %s\n", workload->name, spec->name, result.failure);
		return false;
	}
	contestant->runs[contestant->count++] = run_of(&result);
	return true;
}

/* Ratios pair the n-th run of both sides, so a round in which any run failed is left out whole. */
static bool run_round(const struct options *options, struct comparison *comparison, const struct server_spec *specs, uint32_t round)
{
	bool is_good = true;
	uint32_t count_before = comparison->contestants[0].count;
	for (uint32_t i = 0; i < comparison->count; i++) {
		uint32_t number = (i + round) % comparison->count;
		is_good &= measure(options, comparison->workload, &specs[number], &comparison->contestants[number]);
	}
	for (uint32_t i = 0; !is_good && i < comparison->count; i++)
		comparison->contestants[i].count = count_before;
	return is_good;
}

static bool compare(const struct options *options, const struct workload *workload, struct comparison *comparison)
{
	char limit_path[512];
	snprintf(limit_path, sizeof limit_path, "%s/%s", options->limits, workload->limit);
	struct server_spec specs[CONTESTANTS_MAX] = {
		{ SERVER_LIMIT, workload->limit, limit_path, options->directory, options->server_core, 0, 0 },
		{ SERVER_SPATE, "spate", options->spate, options->directory, options->server_core, 0, 0 },
		options->peer,
	};
	*comparison = (struct comparison){ .workload = workload, .count = options->peer.name ? 3 : 2 };
	for (uint32_t i = 0; i < comparison->count; i++)
		comparison->contestants[i].name = specs[i].name;
	bool is_good = true;
	for (uint32_t round = 0; round < options->rounds; round++) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%s: round %u of %u ", workload->name, round + 1, options->rounds);
		is_good &= run_round(options, comparison, specs, round);
	}
	if (isatty(STDERR_FILENO))
		fputs("\r                        \r", stderr);
	return is_good;
}

/* ---- at rest ------------------------------------------------------------------------------------------ */

/* A broker may have work to do right after its start; then it should have none. */
static void watch_at_rest(const struct server *server, double seconds, struct rest *rest)
{
	nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	struct process_cost before = process_cost_now(server->pid);
	nanosleep(&(struct timespec){ (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) }, NULL);
	struct process_cost after = process_cost_now(server->pid);
	rest->rss_mib = (double)after.rss_bytes / 1048576;
	rest->switches_per_s = (double)(after.switches - before.switches) / seconds;
	rest->is_measured = true;
}

static bool measure_rest(const struct options *options, struct rest *rest)
{
	struct server_spec spec = { SERVER_SPATE, "spate", options->spate, options->directory, options->server_core, 0, 0 };
	for (uint32_t round = 0; round < options->rounds; round++) {
		struct server server;
		if (server_start(&server, &spec))
			return false;
		rest->start_ms[rest->count++] = (double)server.start_ns / 1e6;
		if (round + 1 == options->rounds)
			watch_at_rest(&server, options->seconds, rest);
		server_stop(&server);
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct comparison comparisons[16];
	static struct rest rest;
	struct options options;
	uint32_t count = 0;
	bool is_good = true;
	parse_options(&options, argc, argv);
	pin_load(options.load_core);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < workload_count; i++)
		if (is_wanted(&options, workloads[i].name))
			is_good &= compare(&options, &workloads[i], &comparisons[count++]);
	if (is_wanted(&options, "rest"))
		is_good &= measure_rest(&options, &rest);
	if (options.is_json)
		comparison_print_json(stdout, comparisons, count, &rest);
	else
		comparison_print_table(stdout, comparisons, count, &rest);
	return is_good ? 0 : 1;
}
