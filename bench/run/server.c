/* Starting, waiting, stopping. A limit program prints its port when it listens. A broker is given a free
 * port, and is there when it answers ApiVersions; connections are refused, or wait, until then. */
#include "bench/run/server.h"

#include "bench/load/frame.h"
#include "bench/load/socket.h"
#include "kmsg_api_versions.h"

#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_NS 30000000000ull
#define STOP_TIMEOUT_NS 30000000000ull
#define API_VERSIONS_VERSION 3

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void sleep_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static bool has_ended(const struct server *server)
{
	siginfo_t info = { 0 };
	return waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

/* ---- files ------------------------------------------------------------------------------------------ */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	if (path[0])
		nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static char **kept;
static size_t kept_count;

/* Gives the room back, and no name. */
static int empty_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	return type == FTW_F && truncate(path, 0) ? -1 : 0;
}

/* ext4 without a journal gives no inode out again in the minutes after it was freed, and looks for one that it may with each file that is made: after a run of 10,000
 * partitions a new file cost the next broker 0.3 ms of CPU, in one of 1,000 nine tenths of all that it did. */
static void put_aside(const char *path)
{
	char **grown = path[0] ? realloc(kept, (kept_count + 1) * sizeof *kept) : NULL;
	kept = grown ? grown : kept;
	char *copy = grown ? strdup(path) : NULL;
	if (copy)
		kept[kept_count++] = copy;
	if (!copy || nftw(path, empty_entry, 16, FTW_PHYS))
		remove_tree(path);
}

void servers_remove_data(void)
{
	while (kept_count) {
		remove_tree(kept[--kept_count]);
		free(kept[kept_count]);
	}
	free(kept);
	kept = NULL;
}

static int make_data_directory(struct server *server)
{
	snprintf(server->data_directory, sizeof server->data_directory, "%s/spate-bench-XXXXXX", server->spec->directory);
	if (mkdtemp(server->data_directory))
		return 0;
	fprintf(stderr, "bench: cannot make a directory in %s: %s\n", server->spec->directory, strerror(errno));
	server->data_directory[0] = 0;
	return -errno;
}

/* What a broker said on its way out; it is the only witness. */
static void show_log(const struct server *server)
{
	char path[600], line[512];
	snprintf(path, sizeof path, "%s/bench.log", server->data_directory);
	FILE *log = fopen(path, "r");
	while (log && fgets(line, sizeof line, log))
		fprintf(stderr, "bench: %s: %s", server->spec->name, line);
	if (log)
		fclose(log);
}

/* ---- processes -------------------------------------------------------------------------------------- */

/* In the child: pins it, sends its output to `out_fd`, and becomes the program. */
_Noreturn static void become(const struct server_spec *spec, int out_fd, char *const arguments[])
{
	cpu_set_t cores;
	CPU_ZERO(&cores);
	/* Not pinned means all cores, not the one that the load generator is pinned to. */
	for (int core = 0; core < CPU_SETSIZE; core++)
		if (spec->core < 0 || spec->core == core)
			CPU_SET(core, &cores);
	sched_setaffinity(0, sizeof cores, &cores);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0); /* Ctrl-C at the terminal is for the suite, which ends behind the run under way */
	dup2(out_fd, STDOUT_FILENO);
	if (spec->kind != SERVER_LIMIT)
		dup2(out_fd, STDERR_FILENO);
	execv(spec->program, arguments);
	fprintf(stderr, "bench: cannot run %s: %s\n", spec->program, strerror(errno));
	_exit(127);
}

static int start_process(struct server *server, int out_fd, char *const arguments[])
{
	server->pid = vfork();
	if (server->pid == 0)
		become(server->spec, out_fd, arguments);
	if (server->pid > 0)
		return 0;
	int err = -errno;
	fprintf(stderr, "bench: cannot fork: %s\n", strerror(-err));
	return err;
}

/* ---- limit programs ---------------------------------------------------------------------------------- */

static int start_limit(struct server *server)
{
	int ends[2];
	char *arguments[] = { (char *)server->spec->program, "0", (char *)server->spec->directory, NULL };
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	int err = start_process(server, ends[1], arguments);
	close(ends[1]);
	FILE *out = fdopen(ends[0], "r");
	unsigned port = 0;
	if (!err && (fscanf(out, "%u", &port) != 1 || !port || port > UINT16_MAX)) {
		fprintf(stderr, "bench: %s did not say its port\n", server->spec->name);
		err = -EPROTO;
	}
	fclose(out);
	server->port = (uint16_t)port;
	return err;
}

/* ---- brokers ----------------------------------------------------------------------------------------- */

static bool is_free(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return is_bound;
}

/* Not one of those that the kernel gives to whoever connects: who tries to connect to such a port before the broker
 * listens there may be given that very port, and talks to himself. */
static uint16_t find_free_port(void)
{
	uint64_t random = now_ns() ^ (uint64_t)getpid() << 20;
	for (int i = 0; i < 1000; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint16_t port = (uint16_t)(18000 + (random >> 33) % 12000);
		if (is_free(port))
			return port;
	}
	return 0;
}

/* The header of this answer is never flexible. */
int server_ask_versions(int fd)
{
	uint8_t request[128], answer[4096], memory[16384];
	struct kmsg_api_versions_request body = { slice_from("spate-bench"), slice_from("1") };
	struct kmsg_api_versions_response response;
	struct writer writer = writer_into(request, sizeof request);
	frame_begin(&writer, KMSG_API_VERSIONS_KEY, API_VERSIONS_VERSION, true);
	kmsg_api_versions_request_encode(&writer, API_VERSIONS_VERSION, &body);
	int err = frame_end(&writer);
	int size = err ? err : socket_ask(fd, (struct slice){ request, writer.position }, answer, sizeof answer);
	if (size < 0)
		return size;
	struct arena arena;
	arena_init(&arena, memory, sizeof memory, sizeof memory);
	struct reader reader = frame_body((struct slice){ answer, (size_t)size }, false);
	err = kmsg_api_versions_response_decode(&reader, &arena, API_VERSIONS_VERSION, &response);
	return err ? err : response.error_code ? -EPROTO : 0;
}

static int ask_api_versions(uint16_t port)
{
	int fd = socket_connect("127.0.0.1", port, START_TIMEOUT_NS);
	if (fd < 0)
		return fd;
	int err = server_ask_versions(fd);
	close(fd);
	return err;
}

static int wait_for_answer(struct server *server, uint64_t begin_ns)
{
	int err = -ECONNREFUSED;
	/* A broker may reset who comes while it looks whether its port is free. */
	while ((err == -ECONNREFUSED || err == -ECONNRESET) && now_ns() < begin_ns + START_TIMEOUT_NS && !has_ended(server)) {
		err = ask_api_versions(server->port);
		if (err)
			sleep_us(100);
	}
	server->start_ns = now_ns() - begin_ns;
	if (err) {
		fprintf(stderr, "bench: %s does not answer ApiVersions: %s\n", server->spec->name,
			has_ended(server) ? "it has ended" : strerror(-err));
		show_log(server);
	}
	return err;
}

static int launch_broker(struct server *server)
{
	char listen_at[32], port[8], log_path[600], data[600];
	snprintf(listen_at, sizeof listen_at, "127.0.0.1:%u", server->port);
	snprintf(port, sizeof port, "%u", server->port);
	snprintf(log_path, sizeof log_path, "%s/bench.log", server->data_directory);
	snprintf(data, sizeof data, "%s/data", server->data_directory);
	char retention[64];
	snprintf(retention, sizeof retention, "log.retention.check.interval.ms=%u", server->spec->retention_check_ms);
	char *broker[] = { (char *)server->spec->program, "serve", "--data", data, "--listen", listen_at,
			   server->spec->retention_check_ms ? "--set" : NULL, retention, NULL };
	char *boot[] = { (char *)server->spec->program, port, NULL };
	int log_fd = open(log_path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	uint64_t begin_ns = now_ns();
	int err = start_process(server, log_fd, server->spec->kind == SERVER_BOOT ? boot : broker);
	close(log_fd);
	return err ? err : wait_for_answer(server, begin_ns);
}

static int start_broker(struct server *server)
{
	server->port = find_free_port();
	int err = server->port ? make_data_directory(server) : -EADDRNOTAVAIL;
	return err ? err : launch_broker(server);
}

/* ---- both --------------------------------------------------------------------------------------------- */

int server_start(struct server *server, const struct server_spec *spec)
{
	*server = (struct server){ .spec = spec, .pid = spec->pid, .port = spec->port };
	int err = spec->kind == SERVER_LIMIT ? start_limit(server) : spec->kind == SERVER_PEER ? 0 : start_broker(server);
	if (err)
		server_stop(server);
	return err;
}

void server_halt(struct server *server, int signal)
{
	if (server->spec->kind == SERVER_PEER || server->pid <= 0)
		return;
	uint64_t begin_ns = now_ns();
	kill(server->pid, signal);
	while (!has_ended(server) && now_ns() < begin_ns + STOP_TIMEOUT_NS)
		sleep_us(2000);
	if (!has_ended(server)) {
		fprintf(stderr, "bench: %s does not end, and is killed\n", server->spec->name);
		kill(server->pid, SIGKILL);
	}
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

int server_resume(struct server *server)
{
	return launch_broker(server);
}

static int forget_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	fdatasync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return 0;
}

void server_forget_files(const struct server *server)
{
	if (server->data_directory[0])
		nftw(server->data_directory, forget_file, 16, FTW_PHYS);
}

void server_stop(struct server *server)
{
	server_halt(server, SIGTERM);
	put_aside(server->data_directory);
	server->data_directory[0] = 0;
}
