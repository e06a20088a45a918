/* Start, in order: the loop of this thread, the data directory and its lock, the socket, the catalog (which counts this
 * start), the shards (each recovers its part of the store in its own thread, all at once), and those who have connected meanwhile are accepted. Then server_run.
 * In a new directory of one shard nothing is made durable until then: catalog and journal have temporary names, and get their own, in this order, before the catalog's
 * first change, without which there is nothing to acknowledge, or 30 ms later. A crash before leaves what the next start writes over.
 * The end is the same backwards. What is likely to fail comes before the catalog: a start that counts and does not end cleanly is a crash for the next one.
 *
 * Failures before server_run undo what was done and leave a sentence. If the loop of any shard breaks, all stop. */
#include "net/server.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/io/dir_lock.h"
#include "log/io/sim.h"
#include "log/segment/foreign_file.h"
#include "log/verify/unowned.h"
#include "net/descriptors.h"
#include "net/metrics/endpoint.h"
#include "net/route/control.h"
#include "net/shard.h"

#define LOCK_WAIT_MS 2000
#define ADDRESS_WAIT_MS 1000
#define ADDRESS_RETRY_MS 10
#define SETTLE_DELAY_NS 30000000ull /* the first replies are not to wait for what nobody needs yet */
#define LONE_EVERY_TURNS 300    /* of a simulation with several shards */
#define LONE_TURNS_MAX 1000

struct server {
	struct server_options options;
	char dir[4096], listen_host[256], advertised_host[256];
	uint16_t port, advertised_port;
	enum io_backend backend;
	int fallback_reason;
	struct shard_loop loops[SERVER_SHARDS_MAX]; /* server_turn's */
	uint32_t ended_count;                /* of these */
	uint64_t turn_random;                /* which of them turns next */
	struct shard_loop *lone_loop;        /* the only one that does, for so many turns: the others' threads wait for a CPU */
	uint32_t lone_turns;
	struct dir_lock dir_lock;
	struct io_timer settle_timer;
	struct catalog *catalog;
	struct broker_facts facts;
	struct endpoint *endpoint;           /* NULL: none is configured */
	struct scrape_source metrics;        /* what it looks at */
	uint16_t metrics_port;
	bool is_new;                         /* the data directory, made by this start */
	bool is_name_unsynced;               /* its own */
	uint32_t conn_total;
	struct listener listener;
	struct stop_state stop;

	/* Shards 1 and up open in their threads and say so here. Shared: under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t opened_count, thread_count;
	bool may_run;
	int open_err, run_err;

	uint32_t shard_count;
	struct shard *peers[SERVER_SHARDS_MAX];
	pthread_t threads[SERVER_SHARDS_MAX];
	struct store_report reports[SERVER_SHARDS_MAX];
	struct shard shards[];
};

struct sentence {
	char *text;
	size_t size;
};

static int fail(struct sentence *why, int err, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(struct sentence *why, int err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why->text, why->size, format, arguments);
	va_end(arguments);
	return err;
}

/* ---- the loop and the directory ---------------------------------------------------------------------------------------------- */

static bool is_forbidden(int err)
{
	return err == -ENOSYS || err == -EPERM || err == -EACCES || err == -ENOMEM;
}

/* The directory that was locked is the one that is used from then on, whatever becomes of its name. */
static void anchor(struct server *server, uint32_t index)
{
	if (server->dir_lock.dir_fd >= 0)
		io_anchor(server->shards[index].io, server->dir, server->dir_lock.dir_fd);
}

static int open_shard_io(struct server *server, uint32_t index)
{
	const struct server_options *options = &server->options;
	struct io_options io_options = {.backend = server->backend, .disk = options->disk, .net = options->net, .seed = options->seed};
	int err = shard_open_io(&server->shards[index], &io_options);
	if (!err)
		anchor(server, index);
	return err;
}

static int open_io(struct server *server, struct sentence *why)
{
	server->backend = server->options.backend;
	int err = open_shard_io(server, 0);
	if (server->backend == IO_URING && is_forbidden(err) && server->options.is_backend_required)
		return fail(why, err, "spate.io = io_uring, but it is not to be had here (%s); set it to auto to go on without", err_text(err));
	if (server->backend == IO_URING && is_forbidden(err)) {
		server->fallback_reason = err;
		server->backend = IO_SYSCALLS;
		err = open_shard_io(server, 0);
	}
	return err ? fail(why, err, "the I/O loop cannot start: %s", err_text(err)) : 0;
}

/* Static: one start at a time. */
static const char *explain(const struct server *server, int err)
{
	static char text[2048];
	return io_explain(server->shards[0].io, err, text, sizeof text);
}

/* One directory of the path. -EEXIST: it is there. Its name in the one above it a power cut would take away with all that is in it. */
static int make_one_dir(struct server *server, const char *path, bool is_last)
{
	struct io *io = server->shards[0].io;
	int err = io_dir_make(io, path);
	server->is_name_unsynced = !err && is_last && server->shard_count == 1;
	return err || server->is_name_unsynced ? err : io_parent_sync(io, path);
}

static int make_dir(struct server *server, struct sentence *why)
{
	char path[sizeof server->dir];
	for (size_t i = 1; server->dir[i - 1]; i++) {
		if (server->dir[i] && server->dir[i] != '/')
			continue;
		memcpy(path, server->dir, i);
		path[i] = 0;
		int err = make_one_dir(server, path, !server->dir[i]);
		if (err && err != -EEXIST)
			return fail(why, err, "the data directory %s cannot be made: %s", server->dir, explain(server, err));
	}
	return 0;
}

static bool has_file(const struct server *server, const char *name)
{
	char path[sizeof server->dir + 32];
	snprintf(path, sizeof path, "%s/%s", server->dir, name);
	int fd = io_file_open(server->shards[0].io, path, IO_READ_ONLY);
	if (fd >= 0)
		io_close_fd(server->shards[0].io, fd);
	return fd >= 0;
}

/* A name completed too far: a new broker's files would lie between the segments of another one. */
static int refuse_partition_dir(struct server *server, struct sentence *why)
{
	if (!has_file(server, "partition.metadata") || has_file(server, "catalog.log"))
		return 0;
	return fail(why, -EINVAL, "%s is the directory of a partition: give the data directory that it is in", server->dir);
}

static int lock_dir(struct server *server, struct sentence *why)
{
	int err = foreign_file_lock_dir(&server->dir_lock, server->shards[0].io, server->dir, LOCK_WAIT_MS);
	if (err == ERR_LOCKED)
		return fail(why, err, "the data directory %s is in use by another broker: stop that one, or give this one another directory",
			    server->dir);
	if (err)
		return fail(why, err, "the data directory %s cannot be locked: %s", server->dir, explain(server, err));
	anchor(server, 0);
	return 0;
}

/* Its records are whole, and the repair keeps them: a loss is not accepted of what is not lost. */
static int refuse_unowned(struct server *server, const struct catalog_report *report, struct sentence *why)
{
	struct unowned unowned;
	int err = unowned_find(&unowned, server->shards[0].io, server->dir, server->options.config);
	if (err)
		return fail(why, err, "the directories in %s cannot be read: %s", server->dir, explain(server, err));
	if (!unowned.count && unowned.unfiled_topics)
		return fail(why, ERR_CORRUPT_LOG, "the catalog in %s cannot be opened: %s: the journal alone has records of %u topic%s that it does not name. The repair keeps them, as "
			    "recovered-<topic id>; to give them up, delete those then", server->dir, report->why, unowned.unfiled_topics, unowned.unfiled_topics == 1 ? "" : "s");
	if (!unowned.count)
		return 0;
	return fail(why, ERR_CORRUPT_LOG, "the catalog in %s cannot be opened: %s: %u partition director%s with records of topics that it does not name (%s). The repair keeps "
		    "them; to give them up, move them away first", server->dir, report->why, unowned.count, unowned.count == 1 ? "y is there" : "ies are there", unowned.names);
}

static int open_knowing(struct server *server, struct catalog_knowledge *known, struct catalog_report *report)
{
	return catalog_open_knowing(&server->catalog, server->shards[0].io, server->dir, server->options.config, known, report);
}

/* The files of a new directory get their names behind the first replies (shard_settle). With several shards each journal is another thread's. */
static bool may_put_off_files(const struct server *server)
{
	return server->shard_count == 1 && !has_file(server, "journal-0");
}

static int open_catalog(struct server *server, struct catalog_report *report, struct sentence *why)
{
	struct catalog_knowledge known = {.shard_count = server->shard_count, .may_put_off_meta = true, .may_put_off_file = may_put_off_files(server),
					  .is_dir_new = server->is_name_unsynced};
	struct ring_image *images[SERVER_SHARDS_MAX];
	int err = store_read_catalog_mark_keeping(server->shards[0].io, server->dir, server->shard_count, &known.mark, images);
	for (uint32_t i = 0; i < server->shard_count; i++)
		server->shards[i].journal_image = images[i];
	if (err)
		return fail(why, err, "the journals and checkpoints in %s cannot be read: %s", server->dir, explain(server, err));
	err = open_knowing(server, &known, report);
	known.is_loss_accepted = broker_config_bool(server->options.config, "spate.accept.loss");
	if (err && report->is_behind && known.is_loss_accepted) {
		err = refuse_unowned(server, report, why);
		if (err)
			return err;
		err = open_knowing(server, &known, report);
	}
	if (!err)
		err = catalog_check_shards(server->catalog, report);
	if (err)
		return fail(why, err, "the catalog in %s cannot be opened: %s", server->dir, *report->why ? report->why : err_text(err));
	server->facts = (struct broker_facts){
		.dir = server->dir,
		.cluster_id = catalog_cluster_id(server->catalog),
		.node_id = catalog_node_id(server->catalog),
		.incarnation = catalog_incarnation(server->catalog),
		.journal_incarnation = catalog_journal_incarnation(server->catalog),
		.directory_id = catalog_directory_id(server->catalog),
		.is_catalog_new = report->was_created,
		.config = server->options.config,
		.journal_bytes = server->options.journal_bytes ? server->options.journal_bytes : (uint64_t)broker_config_int(server->options.config, "spate.journal.bytes"),
	};
	return 0;
}

/* ---- shards ------------------------------------------------------------------------------------------------------------------ */

/* A simulated machine has no such limit. */
static struct descriptors descriptors_of(const struct server *server)
{
	return server->backend == IO_SIM ? descriptors_divide(UINT64_MAX, server->shard_count) : descriptors_of_process(server->shard_count);
}

static struct net_limits limits_of(const struct server *server)
{
	const struct broker_config *config = server->options.config;
	int64_t idle_ms = broker_config_int(config, "connections.max.idle.ms");
	uint64_t memory = (uint64_t)broker_config_int(config, "spate.frame.memory.bytes") / server->shard_count;
	struct descriptors files = descriptors_of(server);
	return (struct net_limits){
		.request_size_max = (uint32_t)broker_config_int(config, "socket.request.max.bytes"),
		.frame_memory_bytes = memory,
		.arena_bytes = memory,
		.held_bytes = shard_cache_bytes(config, server->shard_count) / 4,
		.conns_of_files_max = files.connections,
		.segment_files_max = files.segments_a_shard,
		.idle_max_ns = idle_ms > 0 ? (uint64_t)idle_ms * 1000000u : 0,
	};
}

static void init_shard(struct server *server, uint32_t index)
{
	struct shard *shard = &server->shards[index];
	server->peers[index] = shard;
	shard->index = index;
	shard->shard_count = server->shard_count;
	shard->peers = server->peers;
	shard->facts = &server->facts;
	shard->conn_total = &server->conn_total;
	shard->limits = limits_of(server);
}

static void pin(const struct server *server, uint32_t index)
{
	if (!server->options.is_pinned)
		return;
	cpu_set_t allowed, one;
	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return;
	uint32_t wanted = index % (uint32_t)CPU_COUNT(&allowed);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && wanted-- == 0) {
			CPU_SET(cpu, &one);
			break;
		}
	/* A shard that cannot be pinned runs all the same. */
	if (pthread_setaffinity_np(pthread_self(), sizeof one, &one) != 0)
		log_line(LOG_DEBUG, "shard %u is not pinned", index);
}

static int open_shard_store(struct server *server, uint32_t index)
{
	struct shard *shard = &server->shards[index];
	shard->catalog = server->catalog;
	shard->image = catalog_image_acquire(server->catalog);
	return shard_open_store(shard, &server->reports[index]);
}

struct thread_start {
	struct server *server;
	uint32_t index;
};

static void run_stopped_with(struct server *server, int err)
{
	if (!err)
		return;
	pthread_mutex_lock(&server->lock);
	server->run_err = err;
	pthread_mutex_unlock(&server->lock);
	server_stop(server);
}

static bool wait_for_start(struct server *server, int err)
{
	pthread_mutex_lock(&server->lock);
	server->opened_count++;
	if (err && !server->open_err)
		server->open_err = err;
	pthread_cond_broadcast(&server->changed);
	while (!server->may_run && !server->open_err)
		pthread_cond_wait(&server->changed, &server->lock);
	bool may_run = server->may_run;
	pthread_mutex_unlock(&server->lock);
	return may_run;
}

static void *run_thread(void *argument)
{
	struct thread_start start = *(struct thread_start *)argument;
	struct server *server = start.server;
	struct shard *shard = &server->shards[start.index];
	free(argument);
	pin(server, start.index);
	int err = open_shard_io(server, start.index);
	if (!err)
		err = open_shard_store(server, start.index);
	if (wait_for_start(server, err))
		run_stopped_with(server, shard_run(shard, NULL, &server->stop));
	return NULL;
}

static int start_threads(struct server *server, struct sentence *why)
{
	for (uint32_t i = 1; i < server->shard_count; i++) {
		struct thread_start *start = malloc(sizeof *start);
		if (!start)
			return fail(why, -ENOMEM, "there is no memory for shard %u", i);
		*start = (struct thread_start){server, i};
		int err = pthread_create(&server->threads[i], NULL, run_thread, start);
		if (err) {
			free(start);
			return fail(why, -err, "shard %u cannot have a thread: %s", i, err_text(-err));
		}
		server->thread_count++;
	}
	return 0;
}

static int wait_for_stores(struct server *server, int err, struct sentence *why)
{
	pthread_mutex_lock(&server->lock);
	while (server->opened_count < server->thread_count)
		pthread_cond_wait(&server->changed, &server->lock);
	if (!err)
		err = server->open_err;
	pthread_mutex_unlock(&server->lock);
	for (uint32_t i = 0; err && i < server->shard_count; i++)
		if (*server->reports[i].why)
			return fail(why, err, "%s", server->reports[i].why);
	return err ? fail(why, err, "the store in %s cannot be opened: %s", server->dir, err_text(err)) : 0;
}

/* In a simulation one thread is all there is: it opens them one by one, each time another one first. */
static int open_shards_in_turn(struct server *server, struct sentence *why)
{
	int err = 0;
	for (uint32_t i = 0; !err && i < server->shard_count; i++) {
		uint32_t index = (uint32_t)((i + server->options.seed) % server->shard_count);
		err = index ? open_shard_io(server, index) : 0;
		if (!err)
			err = open_shard_store(server, index);
	}
	return wait_for_stores(server, err, why);
}

static int open_shards(struct server *server, struct sentence *why)
{
	if (server->backend == IO_SIM)
		return open_shards_in_turn(server, why);
	int err = start_threads(server, why);
	if (err)
		return err;
	pin(server, 0);
	return wait_for_stores(server, open_shard_store(server, 0), why);
}

/* A catalog that was lost, or is of an earlier time, does not know all that were given out; a log that remembers one would take a new producer's batches for that
 * one's, already there. */
static void pass_producer_ids(struct server *server)
{
	for (uint32_t i = 0; i < server->shard_count; i++)
		catalog_pass_producer_ids(server->catalog, store_producer_id_max(server->shards[i].store));
}

static bool have_all_started(const struct server *server)
{
	for (uint32_t i = 0; i < server->shard_count; i++)
		if (!store_has_started(server->shards[i].store))
			return false;
	return true;
}

/* Before anybody is served. Does a full disk keep a store from its journal, no store takes anything for now; and for the note alone, on such a disk, the next start is waited
 * for. */
static int note_journals(struct server *server, struct sentence *why)
{
	if (server->shards[0].is_unsettled) /* shard_settle does it */
		return 0;
	if (!have_all_started(server)) {
		for (uint32_t i = 0; i < server->shard_count; i++)
			control_hold(&server->shards[i]);
		return 0;
	}
	int err = catalog_note_journals(server->catalog);
	return err && !err_is_full(err) ? fail(why, err, "the catalog in %s cannot be written: %s", server->dir, err_text(err)) : 0;
}

static void join_threads(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	if (!server->may_run && !server->open_err)
		server->open_err = ERR_CLOSED;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	for (uint32_t i = 1; i <= server->thread_count; i++)
		pthread_join(server->threads[i], NULL);
	server->thread_count = 0;
}

/* ---- the listener ------------------------------------------------------------------------------------------------------------- */

static bool is_wildcard(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || host[0] == 0;
}

static void choose_advertised(struct server *server)
{
	const char *asked = server->options.advertised_host;
	snprintf(server->advertised_host, sizeof server->advertised_host, "%s", asked ? asked : server->listen_host);
	if (!asked && is_wildcard(server->listen_host) &&
	    gethostname(server->advertised_host, sizeof server->advertised_host - 1) != 0)
		snprintf(server->advertised_host, sizeof server->advertised_host, "localhost");
	server->advertised_port = server->options.advertised_port ? server->options.advertised_port : server->port;
	server->facts.advertised_host = server->advertised_host;
	server->facts.advertised_port = server->advertised_port;
}

static int cannot_listen(const char *host, uint16_t port, int err, struct sentence *why)
{
	static const char elsewhere[] = "listen on 127.0.0.1 (for this machine alone), 0.0.0.0 (on all its addresses), or one of its own";
	if (err == -EADDRINUSE)
		return fail(why, err, "%s:%u is in use by another program: stop it, or listen on another port", host, port);
	if (err == -ENXIO)
		return fail(why, ERR_INVALID_CONFIG, "%s:%u cannot be listened on: '%s' is a name that nobody here knows; %s", host, port,
			    host, elsewhere);
	if (err == -EADDRNOTAVAIL)
		return fail(why, ERR_INVALID_CONFIG, "%s:%u cannot be listened on: this machine has no such address; %s (what clients are told is "
			    "advertised.listeners)", host, port, elsewhere);
	if (err == -EACCES)
		return fail(why, err, "%s:%u cannot be listened on: ports below 1024 are root's; listen on a higher one", host, port);
	return fail(why, err, "%s:%u cannot be listened on: %s", host, port, err_text(err));
}

/* The socket of a killed broker listens until its last I/O has ended, which is some milliseconds behind its lock. */
static bool may_try_again(int err, uint32_t *waited_ms)
{
	if (err != -EADDRINUSE || *waited_ms >= ADDRESS_WAIT_MS)
		return false;
	nanosleep(&(struct timespec){.tv_nsec = ADDRESS_RETRY_MS * 1000000}, NULL);
	*waited_ms += ADDRESS_RETRY_MS;
	return true;
}

/* Who comes while the log is recovered waits; he is answered when it is there to be asked for. */
static int open_listener(struct server *server, struct sentence *why)
{
	int err;
	uint32_t waited_ms = 0;
	do {
		listener_free(&server->listener);
		err = listener_open(&server->listener, &server->shards[0], server->listen_host, server->options.listen_port, &server->port);
	} while (may_try_again(err, &waited_ms));
	return err ? cannot_listen(server->listen_host, server->options.listen_port, err, why) : 0;
}

/* ---- metrics and health -------------------------------------------------------------------------------------------------------- */

/* Before the log is recovered, so that whoever asks meanwhile hears that it is; and before anything in the directory has changed. */
static int open_endpoint(struct server *server, struct sentence *why)
{
	const struct server_options *options = &server->options;
	if (!options->metrics_host)
		return 0;
	uint32_t waited_ms = 0;
	int fd;
	do
		fd = io_listen(server->shards[0].io, options->metrics_host, options->metrics_port, false, &server->metrics_port);
	while (may_try_again(fd, &waited_ms));
	if (fd < 0) {
		int err = cannot_listen(options->metrics_host, options->metrics_port, fd, why);
		size_t size = strlen(why->text);
		snprintf(why->text + size, why->size - size, " (spate.metrics.listener)");
		return err;
	}
	return endpoint_open(&server->endpoint, fd, &server->metrics, why->text, why->size);
}

/* The shards are open: from now on they can be asked, and answer as soon as they run. */
static int begin_metrics(struct server *server, struct sentence *why)
{
	server->metrics = (struct scrape_source){
		.version = server->options.version ? server->options.version : "",
		.peers = server->peers,
		.shard_count = server->shard_count,
		.catalog = server->catalog,
		.facts = &server->facts,
		.recoveries = server->reports,
		.was_created = server->is_new,
		.is_stopping = &server->stop.is_requested,
		.partitions_max = (uint32_t)broker_config_int(server->options.config, "spate.metrics.partitions.max"),
	};
	int err = server->endpoint ? endpoint_ready(server->endpoint) : 0;
	return err ? fail(why, err, "there is no memory for the metrics endpoint") : 0;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

/* The users' own: the broker's internal topics (__consumer_offsets) would only puzzle who counts theirs. */
static void count_topics(const struct catalog_image *image, struct server_report *report)
{
	report->topic_count = 0;
	report->partition_count = 0;
	for (uint32_t i = 0; i < image->topic_count; i++) {
		if (strncmp(image->topics[i]->name, "__", 2) == 0)
			continue;
		report->topic_count++;
		report->partition_count += image->topics[i]->partition_count;
	}
}

static void tell_files(const struct server *server, struct server_report *report)
{
	struct descriptors files = descriptors_of(server);
	report->files_limit = files.limit;
	report->files_wanted = descriptors_wanted(&files, report->partition_count, server->shard_count);
}

/* Who edits the file would wonder why it has no effect. */
static void warn_of_overridden(const struct broker_config *config)
{
	uint32_t count;
	const struct config_key *keys = config_broker_keys(&count);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = keys[i].name, *given = broker_config_value_from(config, name, CONFIG_SOURCE_BROKER);
		enum config_source source = broker_config_source(config, name);
		if (given && source < CONFIG_SOURCE_BROKER && strcmp(given, broker_config_value(config, name)) != 0)
			log_line(LOG_WARN, "%s is %s, as it was set while the broker ran; %s, which it was given at start, has no effect "
				 "('spate config set --delete %s%s' mends that)", name, broker_config_value(config, name), given, name,
				 source == CONFIG_SOURCE_DYNAMIC_DEFAULT ? " --all-brokers" : "");
	}
}

static void write_report(const struct server *server, struct server_report *report)
{
	snprintf(report->listen_host, sizeof report->listen_host, "%s", server->listen_host);
	snprintf(report->advertised_host, sizeof report->advertised_host, "%s", server->advertised_host);
	report->listen_port = server->port;
	report->advertised_port = server->advertised_port;
	report->metrics_port = server->metrics_port;
	report->backend = server->backend;
	report->fallback_reason = server->fallback_reason;
	report->shard_count = server->shard_count;
	report->cluster_id = server->facts.cluster_id;
	report->incarnation = server->facts.incarnation;
	count_topics(server->shards[0].image, report);
	tell_files(server, report);
	warn_of_overridden(server->shards[0].image->config);
	memcpy(report->stores, server->reports, sizeof server->reports);
}

static void settle(struct io_timer *timer)
{
	struct server *server = CONTAINER_OF(timer, struct server, settle_timer);
	if (shard_settle(&server->shards[0]) == 0)
		catalog_write_meta(server->catalog);
}

static void start_serving(struct server *server)
{
	struct io *io = server->shards[0].io;
	server->settle_timer.run = settle;
	io_timer_set(io, &server->settle_timer, io_now_ns(io) + SETTLE_DELAY_NS);
	listener_start(&server->listener);
}

static int open_all(struct server *server, struct server_report *report, struct sentence *why)
{
	int err = open_io(server, why);
	if (!err)
		err = make_dir(server, why);
	if (!err)
		err = refuse_partition_dir(server, why);
	if (!err)
		err = lock_dir(server, why);
	if (!err)
		err = open_listener(server, why);
	if (!err)
		err = open_endpoint(server, why);
	if (!err)
		err = open_catalog(server, &report->catalog, why);
	if (!err)
		err = open_shards(server, why);
	if (!err)
		err = note_journals(server, why);
	if (!err)
		pass_producer_ids(server);
	if (!err)
		choose_advertised(server);
	server->is_new = report->catalog.was_created;
	if (!err)
		err = begin_metrics(server, why);
	if (!err)
		start_serving(server);
	return err;
}

/* As many shards as were asked for, unless the data directory was made with another number: that one stays, because each shard's journal and
 * checkpoint know its own partitions alone. */
static int count_shards(const struct server_options *options, uint32_t *count, struct sentence *why)
{
	struct io_options io_options = {.backend = options->backend == IO_SIM ? IO_SIM : IO_SYSCALLS, .disk = options->disk};
	struct io *io;
	uint32_t asked = options->shard_count ? options->shard_count : 1, made_with = 0;
	char text[1024];
	int err = io_open(&io, &io_options);
	snprintf(text, sizeof text, "%s", err_text(err));
	if (!err) {
		err = catalog_shards_of(io, options->dir, &made_with);
		if (!err)
			err = store_shards_of(io, options->dir, count);
		io_explain(io, err, text, sizeof text);
		io_close(io);
	}
	if (err)
		return fail(why, err, "the data directory %s cannot be read: %s", options->dir, text);
	if (made_with && *count > made_with)
		log_line(LOG_WARN, "%s was made with %u shard%s: what is called journal-%u or checkpoint-%u and higher is nobody's, and not looked at", options->dir, made_with,
			 made_with == 1 ? "" : "s", made_with, made_with);
	if (made_with)
		*count = made_with;
	if (*count > SERVER_SHARDS_MAX)
		return fail(why, -EINVAL, "the data directory %s has %u journals; at most %d shards are possible", options->dir, *count, SERVER_SHARDS_MAX);
	if (*count && *count != asked)
		log_line(LOG_WARN, "%s was made with %u shards and keeps them, though %u were asked for", options->dir, *count, asked);
	if (*count == 0)
		*count = asked;
	return 0;
}

static struct server *make_server(const struct server_options *options, uint32_t count)
{
	struct server *server = calloc(1, sizeof *server + count * sizeof server->shards[0]);
	if (!server)
		return NULL;
	server->options = *options;
	server->shard_count = count;
	server->dir_lock = DIR_LOCK_NONE;
	server->listener.fd = -1;
	server->facts.config = options->config;
	snprintf(server->dir, sizeof server->dir, "%s", options->dir);
	snprintf(server->listen_host, sizeof server->listen_host, "%s", options->listen_host);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	for (uint32_t i = 0; i < count; i++)
		init_shard(server, i);
	return server;
}

int server_open(struct server **out, const struct server_options *options, struct server_report *report, char *why, size_t why_size)
{
	struct sentence sentence = {why, why_size};
	if (options->shard_count > SERVER_SHARDS_MAX)
		return fail(&sentence, -EINVAL, "%u shards are more than %d", options->shard_count, SERVER_SHARDS_MAX);
	uint32_t count;
	int err = count_shards(options, &count, &sentence);
	if (err)
		return err;
	struct server *server = make_server(options, count);
	if (!server)
		return fail(&sentence, -ENOMEM, "there is no memory to start");
	memset(report, 0, sizeof *report);
	err = open_all(server, report, &sentence);
	if (err) {
		server_close(server);
		return err;
	}
	write_report(server, report);
	*out = server;
	return 0;
}

/* What a run has come to. */
static int end_of_run(const struct server *server)
{
	if (server->run_err)
		return server->run_err;
	return server->stop.has_failed ? ERR_FAILED : 0;
}

/* Somebody may have renamed it to put a backup in its place, and will look there for what was acknowledged. */
static void tell_if_moved(const struct server *server)
{
	char at[4096];
	dir_lock_whereabouts(&server->dir_lock, server->dir, at, sizeof at);
	if (*at)
		log_line(LOG_WARN, "the data directory %s was renamed or removed while it was in use: what this broker wrote is in %s", server->dir, at);
}

int server_run(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->may_run = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	run_stopped_with(server, shard_run(&server->shards[0], &server->listener, &server->stop));
	join_threads(server);
	tell_if_moved(server);
	return end_of_run(server);
}

static void begin_loops(struct server *server)
{
	server->turn_random = server->options.seed;
	for (uint32_t i = 0; i < server->shard_count; i++)
		shard_loop_begin(&server->loops[i], &server->shards[i], i ? NULL : &server->listener, &server->stop);
}

static uint32_t count_busy(const struct server *server)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < server->shard_count; i++)
		count += server->loops[i].shard && !shard_loop_is_idle(&server->loops[i]);
	return count;
}

/* One of those that have something to do, if any have, else any that has not ended; now and then the same many times, until it has nothing more to do. */
static struct shard_loop *draw_loop(struct server *server)
{
	if (server->shard_count == 1)
		return server->loops;
	if (server->lone_turns && server->lone_turns-- && server->lone_loop->shard && !shard_loop_is_idle(server->lone_loop))
		return server->lone_loop;
	server->lone_turns = sim_random(&server->turn_random) % LONE_EVERY_TURNS ? 0 : (uint32_t)(sim_random(&server->turn_random) % LONE_TURNS_MAX);
	uint32_t busy = count_busy(server), left = (uint32_t)(sim_random(&server->turn_random) % (busy ? busy : server->shard_count - server->ended_count));
	struct shard_loop *loop = server->loops;
	while (!loop->shard || (busy && shard_loop_is_idle(loop)) || left--)
		loop++;
	server->lone_loop = loop;
	return loop;
}

int server_turn(struct server *server)
{
	if (!server->turn_random)
		begin_loops(server);
	struct shard_loop *loop = draw_loop(server);
	int result = shard_loop_turn(loop);
	if (result == 0) {
		loop->shard = NULL;
		server->ended_count++;
	}
	if (result > 0 || (result == 0 && server->ended_count < server->shard_count))
		return 1;
	run_stopped_with(server, result);
	return end_of_run(server);
}

void server_abandon(struct server *server)
{
	for (uint32_t i = 0; i < server->shard_count; i++) {
		io_close(server->shards[i].io);
		server->shards[i].io = NULL;
	}
}

void server_stop(struct server *server)
{
	__atomic_store_n(&server->stop.is_requested, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < server->shard_count; i++)
		if (server->shards[i].io)
			io_wake(server->shards[i].io);
}

/* Lets an accept in flight end, so that the socket can close; for a server that never ran. */
static void close_listener(struct server *server)
{
	struct io *io = server->shards[0].io;
	listener_stop(&server->listener);
	for (int i = 0; i < 100 && !listener_is_closed(&server->listener); i++)
		if (io_turn(io, false) < 0)
			return;
}

/* The catalog's files and the lock belong to the loop of shard 0, which therefore closes last. */
void server_close(struct server *server)
{
	struct shard *first = &server->shards[0];
	join_threads(server);
	endpoint_close(server->endpoint);
	close_listener(server);
	for (uint32_t i = server->shard_count; i-- > 0;)
		shard_close_store(&server->shards[i]);
	if (first->io)
		io_timer_cancel(first->io, &server->settle_timer);
	if (server->catalog)
		catalog_close(server->catalog);
	dir_lock_drop(&server->dir_lock, first->io);
	for (uint32_t i = server->shard_count; i-- > 0;)
		shard_close_io(&server->shards[i]);
	listener_free(&server->listener);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
