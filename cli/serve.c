/* `spate serve`: the broker.
 *
 * In order: configuration, limits of the process, then server_open (lock, catalog, recovery, shards, listener); then a few
 * lines say where it is; then it runs until SIGINT or SIGTERM, and stops cleanly. A second signal stops at once, which the next start
 * recovers from. Failure modes: each is one line (what, why, how to fix) and an exit status. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/out.h"
#include "net/server.h"

struct serve_flags {
	const char *config, *data, *listen, *metrics;
	struct flag_list set;
};

/* ---- configuration --------------------------------------------------------------------------------------------------- */

static int set_from_flag(struct broker_config *config, const char *text)
{
	char why[512], name[256];
	const char *equals = strchr(text, '=');
	if (!equals || (size_t)(equals - text) >= sizeof name) {
		complain("--set %s: write --set key=value", text);
		return STATUS_USAGE;
	}
	snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
	if (broker_config_set(config, name, equals + 1, why, sizeof why) == 0)
		return STATUS_OK;
	complain("--set: %s", why);
	return STATUS_USAGE;
}

static int set_from_file(struct broker_config *config, const char *path)
{
	char why[8192], *rest = why;
	if (broker_config_load(config, path, why, sizeof why) == 0)
		return STATUS_OK;
	for (const char *line; (line = strsep(&rest, "\n"));)
		complain("%s", line);
	return STATUS_USAGE;
}

/* Of two values of a key nobody can say which was meant. Over what the file says --set goes, that is its use. */
static bool is_set_twice(const struct flag_list *list, uint32_t index)
{
	const char *text = list->items[index];
	size_t size = strcspn(text, "=") + 1;
	for (uint32_t i = 0; i < index; i++)
		if (strncmp(list->items[i], text, size) == 0 && strcmp(list->items[i], text) != 0) {
			complain("--set %.*s is given twice, as %s and as %s; leave one out", (int)size - 1, text, list->items[i] + size, text + size);
			return true;
		}
	return false;
}

/* All mistakes are told, so that they can be mended at once. */
static int configure(struct broker_config *config, const struct serve_flags *flags)
{
	char why[1024];
	int status = flags->config ? set_from_file(config, flags->config) : STATUS_OK;
	for (uint32_t i = 0; i < flags->set.count; i++) {
		int one = is_set_twice(&flags->set, i) ? STATUS_USAGE : set_from_flag(config, flags->set.items[i]);
		status = status ? status : one;
	}
	if (flags->metrics && broker_config_set(config, "spate.metrics.listener", flags->metrics, why, sizeof why)) {
		complain("--metrics: %s", why);
		status = STATUS_USAGE;
	}
	if (!flags->data || broker_config_set(config, "log.dirs", flags->data, why, sizeof why) == 0)
		return status;
	complain("--data: %s", why);
	return STATUS_USAGE;
}

struct addresses {
	struct address listen, advertised, metrics;
	bool is_advertised, has_metrics;
};

/* What --listen says is the value of `listeners` too, for those who ask the broker. */
static bool tell_config(struct broker_config *config, const struct address *listen)
{
	char value[HOST_SIZE_MAX + 32], why[512];
	snprintf(value, sizeof value, strchr(listen->host, ':') ? "PLAINTEXT://[%s]:%u" : "PLAINTEXT://%s:%u", listen->host, listen->port);
	if (broker_config_set(config, "listeners", value, why, sizeof why) == 0)
		return true;
	complain("--listen: %s", why);
	return false;
}

/* HOST:PORT; a port alone is one of this machine's own address, as nobody is asked for a password there. */
static int find_metrics_address(struct addresses *out, const struct broker_config *config, const struct serve_flags *flags)
{
	const char *text = broker_config_value(config, "spate.metrics.listener");
	char why[512], own[32];
	out->has_metrics = text && *text;
	if (!out->has_metrics)
		return STATUS_OK;
	if (strlen(text) < 8 && strspn(text, "0123456789") == strlen(text)) {
		snprintf(own, sizeof own, "127.0.0.1:%s", text);
		text = own;
	}
	bool is_good = address_parse(&out->metrics, text, why, sizeof why);
	if (is_good && out->metrics.port && out->metrics.port == out->listen.port) {
		snprintf(why, sizeof why, "port %u is where Kafka's protocol is spoken; choose another", out->metrics.port);
		is_good = false;
	}
	if (is_good)
		return STATUS_OK;
	complain("%s: %s", flags->metrics ? "--metrics" : "spate.metrics.listener", why);
	return STATUS_USAGE;
}

static int find_addresses(struct addresses *out, struct broker_config *config, const struct serve_flags *flags)
{
	char why[512];
	const char *controllers = broker_config_value(config, "controller.listener.names");
	const char *advertised = broker_config_value(config, "advertised.listeners");
	bool is_good = flags->listen ? address_parse(&out->listen, flags->listen, why, sizeof why)
				     : address_from_listeners(&out->listen, broker_config_value(config, "listeners"), controllers, why, sizeof why);
	if (!is_good) {
		complain("%s: %s", flags->listen ? "--listen" : "listeners", why);
		return STATUS_USAGE;
	}
	if (flags->listen && !tell_config(config, &out->listen))
		return STATUS_USAGE;
	out->is_advertised = advertised && *advertised;
	if (out->is_advertised && !address_from_listeners(&out->advertised, advertised, controllers, why, sizeof why)) {
		complain("advertised.listeners: %s", why);
		return STATUS_USAGE;
	}
	return find_metrics_address(out, config, flags);
}

static uint32_t count_shards(const struct broker_config *config)
{
	int64_t shards = broker_config_int(config, "spate.shards");
	cpu_set_t allowed;
	/* Two shards that share one core would only take turns, so taskset and cgroup cpusets count. */
	if (shards == 0)
		shards = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
	return shards < 1 ? 1 : shards > SERVER_SHARDS_MAX ? SERVER_SHARDS_MAX : (uint32_t)shards;
}

static enum io_backend backend_of(const struct broker_config *config)
{
	return strcmp(broker_config_value(config, "spate.io"), "syscalls") == 0 ? IO_SYSCALLS : IO_URING;
}

/* As much as the system lets this process have; *limit is what that is. */
static void raise_limit(int resource, const char *of, struct rlimit *limit)
{
	if (getrlimit(resource, limit)) {
		limit->rlim_cur = RLIM_INFINITY;
	} else if (limit->rlim_cur < limit->rlim_max) {
		rlim_t before = limit->rlim_cur;
		limit->rlim_cur = limit->rlim_max;
		if (setrlimit(resource, limit)) {
			complain("cannot raise the limit of %s: %s; goes on with what there is", of, strerror(errno));
			limit->rlim_cur = before;
		}
	}
}

/* Connections and segments each take a descriptor. A segment that may not grow as large as its topic says could never be filed: no state to run in. */
static bool raise_limits(void)
{
	struct rlimit files, size;
	raise_limit(RLIMIT_NOFILE, "open files", &files);
	raise_limit(RLIMIT_FSIZE, "the size of files", &size);
	if (size.rlim_cur == RLIM_INFINITY || size.rlim_cur > INT32_MAX)
		return true;
	complain("files may have %llu bytes at most here (ulimit -f), a segment up to 2 GiB: set ulimit -f unlimited, or LimitFSIZE=infinity in the unit of systemd",
		 (unsigned long long)size.rlim_cur);
	return false;
}

/* ---- what it says --------------------------------------------------------------------------------------------------------- */

static void print_backend(const struct server_report *report, const struct broker_config *config)
{
	if (report->backend == IO_URING)
		return;
	if (report->fallback_reason)
		printf("  i/o       plain system calls, slower: io_uring is forbidden here (%s); allow it: sysctl -w kernel.io_uring_disabled=0, "
		       "or docker run --security-opt seccomp=unconfined\n", strerror(-report->fallback_reason));
	else
		printf("  i/o       plain system calls, as spate.io = %s asks\n", broker_config_value(config, "spate.io"));
}

static void print_recovery(const struct server_report *report)
{
	uint64_t entries = 0, torn = 0, damaged = 0, offline = 0;
	bool was_clean = true, is_journal_lost = false;
	for (uint32_t i = 0; i < report->shard_count; i++) {
		entries += report->stores[i].entries_replayed;
		torn += report->stores[i].torn_groups;
		damaged += report->stores[i].damaged_ranges;
		offline += report->stores[i].offline_partitions;
		was_clean &= report->stores[i].was_clean;
		is_journal_lost |= report->stores[i].is_journal_lost;
	}
	if (report->catalog.was_created)
		return;
	printf("  found     %u topic%s, %llu partition%s; ", report->topic_count, out_plural(report->topic_count),
	       (unsigned long long)report->partition_count, out_plural(report->partition_count));
	if (report->catalog.is_lost)
		printf("the catalog has lost acknowledged changes, topics perhaps\n");
	else if (was_clean)
		printf("stopped cleanly before\n");
	else if (is_journal_lost)
		printf("a journal was lost, and acknowledged records with it\n");
	else
		printf("recovered after a crash: %llu journal entr%s replayed, %llu unacknowledged write%s dropped\n",
		       (unsigned long long)entries, entries == 1 ? "y" : "ies", (unsigned long long)torn, out_plural(torn));
	if (report->catalog.torn_bytes && !report->catalog.is_lost)
		printf("            %llu byte%s of %s were cut off catalog.log\n", (unsigned long long)report->catalog.torn_bytes,
		       out_plural(report->catalog.torn_bytes), report->catalog.is_torn_zeros ? "zeros" : "an unfinished change");
	if (offline)
		printf("  OFFLINE   %llu partition%s cannot be read: named above; what is in the journal is kept until a start that can\n", (unsigned long long)offline, out_plural(offline));
	if (damaged)
		printf("  DAMAGE    %llu range%s of stored records %s checks and %s not served; 'spate log verify' names %s\n",
		       (unsigned long long)damaged, out_plural(damaged), damaged == 1 ? "fails its" : "fail their", damaged == 1 ? "is" : "are",
		       damaged == 1 ? "it" : "them");
}

static void print_files(const struct server_report *report)
{
	if (report->files_wanted)
		printf("  files     the limit of open files (ulimit -n) is %llu, low for %llu partitions: their files are closed and opened as it takes; ulimit -n %llu would do\n",
		       (unsigned long long)report->files_limit, (unsigned long long)report->partition_count, (unsigned long long)report->files_wanted);
}

/* What a person can type here: a wildcard is no address to connect to. */
static void address_to_try(const struct server_report *report, char *out, size_t size)
{
	const char *host = report->listen_host;
	bool is_wildcard = !*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
	if (is_wildcard)
		host = "127.0.0.1";
	snprintf(out, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, report->listen_port);
}

static void print_metrics(const struct server_report *report, const struct addresses *addresses)
{
	const char *host = *addresses->metrics.host ? addresses->metrics.host : "0.0.0.0";
	if (addresses->has_metrics)
		printf(strchr(host, ':') ? "  metrics   http://[%s]:%u/metrics\n" : "  metrics   http://%s:%u/metrics\n", host, report->metrics_port);
}

static void print_report(const struct server_report *report, const struct broker_config *config, const struct addresses *addresses)
{
	char address[300], flag[320] = "";
	address_to_try(report, address, sizeof address);
	if (strcmp(address, "127.0.0.1:9092") != 0)
		snprintf(flag, sizeof flag, " --broker %s", address);
	const char *dir = broker_config_value(config, "log.dirs");
	char *real = realpath(dir, NULL);
	printf(strchr(report->listen_host, ':') ? "spate %s listening on [%s]:%u\n" : "spate %s listening on %s:%u\n", SPATE_VERSION,
	       *report->listen_host ? report->listen_host : "0.0.0.0", report->listen_port);
	if (strcmp(report->advertised_host, report->listen_host) != 0 || report->advertised_port != report->listen_port)
		printf("  clients   are told to connect to %s:%u\n", report->advertised_host, report->advertised_port);
	printf("  data      %s (cluster %s)\n", real ? real : dir, report->cluster_id);
	printf("  acks      durable: a record is acknowledged once it is on stable storage\n");
	print_metrics(report, addresses);
	print_backend(report, config);
	print_recovery(report);
	print_files(report);
	/* As it was called, so that what is shown can be copied. */
	const char *self = program_invocation_name;
	printf("  try       %s topic create hello%s\n", self, flag);
	printf("            echo world | %s produce hello%s\n", self, flag);
	printf("            %s consume hello --exit-eof%s\n", self, flag);
	fflush(stdout);
	free(real);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------ */

static struct server *running;
static volatile sig_atomic_t signals_seen;

/* The first signal asks for a clean stop; the second does not wait for it. */
static void take_signal(int signal)
{
	if (signals_seen++)
		_exit(128 + signal);
	server_stop(running);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = take_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* A peer that goes, and a limit of the size of files (ulimit -f), are errors of the calls that meet them, with a message. */
static void ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static int run(struct server *server)
{
	int err = server_run(server);
	if (err) {
		complain("the broker did not stop cleanly (%s); the next start recovers", err_text(err));
		return STATUS_FAILED;
	}
	printf("stopped: all is on disk\n");
	return STATUS_OK;
}

static int serve(const struct broker_config *config, const struct addresses *addresses)
{
	static struct server_report report;
	char why[2048] = "";
	struct server *server;
	struct server_options options = {
		.dir = broker_config_value(config, "log.dirs"),
		.listen_host = addresses->listen.host,
		.listen_port = addresses->listen.port,
		.advertised_host = addresses->is_advertised && *addresses->advertised.host ? addresses->advertised.host : NULL,
		.advertised_port = addresses->is_advertised ? addresses->advertised.port : 0,
		.metrics_host = addresses->has_metrics ? addresses->metrics.host : NULL,
		.metrics_port = addresses->metrics.port,
		.version = SPATE_VERSION,
		.shard_count = count_shards(config),
		.backend = backend_of(config),
		.is_backend_required = strcmp(broker_config_value(config, "spate.io"), "io_uring") == 0,
		.config = config,
	};
	options.is_pinned = options.shard_count > 1;
	ignore_signals();
	int err = server_open(&server, &options, &report, why, sizeof why);
	if (err) {
		complain(err == ERR_CORRUPT_LOG ? "%s; 'spate log verify %s' names what is damaged" : "%s", *why ? why : err_text(err), options.dir);
		return err == ERR_INVALID_CONFIG ? STATUS_USAGE : STATUS_FAILED;
	}
	running = server;
	catch_signals(); /* before the first line is out: who waits for it may send one at once */
	print_report(&report, config, addresses);
	int status = run(server);
	server_close(server);
	return status;
}

int serve_run(int argc, char **argv)
{
	struct serve_flags flags = {0};
	const struct flag table[] = {
		TEXT_FLAG("config", 'c', &flags.config, "FILE", "configuration: key = value, by Kafka's names"),
		TEXT_FLAG("data", 'd', &flags.data, "DIR", "data directory (log.dirs; default ./data); made if missing"),
		TEXT_FLAG("listen", 'l', &flags.listen, "HOST:PORT", "where to listen (listeners; default 127.0.0.1:9092); port 0 takes a free one"),
		TEXT_FLAG("metrics", 0, &flags.metrics, "HOST:PORT", "metrics for Prometheus and health over HTTP (spate.metrics.listener; default none)"),
		LIST_FLAG("set", 's', &flags.set, "KEY=VALUE", "sets one key, over the file; may be given often"),
	};
	const struct flag_table flag_table = {
		.command = "spate serve",
		.arguments = "",
		.about = "Runs the broker until SIGINT (Ctrl-C) or SIGTERM, which stop it cleanly. Acknowledged records are on stable storage.\n"
			 "'spate config explain' lists the keys.",
		.examples = "  spate serve\n"
			    "  spate serve --data /var/lib/spate --listen 0.0.0.0:9092 --set advertised.listeners=PLAINTEXT://log.example:9092\n"
			    "  spate serve --metrics 127.0.0.1:9308\n"
			    "  spate serve --config server.properties --set log.retention.hours=24\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
	};
	struct arguments arguments;
	struct broker_config *config;
	struct addresses addresses = {0};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	if (broker_config_create(&config)) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	status = configure(config, &flags);
	status = status ? status : find_addresses(&addresses, config, &flags);
	if (!status)
		status = raise_limits() ? serve(config, &addresses) : STATUS_FAILED;
	broker_config_destroy(config);
	return status;
}
