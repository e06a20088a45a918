/* The loop: timers, wakes, sleep, and what happens where io_uring is forbidden. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/unit/log/io/io_fixture.h"

static enum io_backend all_backends[] = {IO_URING, IO_SYSCALLS, IO_SIM};
#define REAL_COUNT 2

#define PARAMETERS(name, count)                                                                            \
	ParameterizedTestParameters(loop, name)                                                            \
	{                                                                                                  \
		return cr_make_param_array(enum io_backend, all_backends, count);                          \
	}                                                                                                  \
	ParameterizedTest(enum io_backend *backend, loop, name, .timeout = 30)
#define EACH_TEST(name) PARAMETERS(name, COUNT_OF(all_backends))
#define REAL_TEST(name) PARAMETERS(name, REAL_COUNT)

#define TIMERS 200

static struct {
	struct io_timer timers[TIMERS];
	struct io *io;
	int order[TIMERS * 2];
	int count;
} timing;

static void note_timer(struct io_timer *timer)
{
	cr_assert_geq(io_now_ns(timing.io), timer->deadline_ns, "a timer ran early");
	cr_assert_eq(timer->heap_index, 0);
	timing.order[timing.count++] = (int)(timer - timing.timers);
}

/* Timers run in the order of their deadlines, whatever the order they were set, moved and cancelled in. */
EACH_TEST(timers_in_order)
{
	struct fixture f;
	fixture_open(&f, *backend);
	timing.io = f.io;
	uint64_t base = io_now_ns(f.io);
	uint32_t x = 12345;
	for (int i = 0; i < TIMERS; i++) {
		timing.timers[i].run = note_timer;
		x = x * 1664525u + 1013904223u;
		io_timer_set(f.io, &timing.timers[i], base + x % 20000000);
	}
	int cancelled = 0, expected = TIMERS;
	for (int i = 0; i < TIMERS; i += 3) {
		x = x * 1664525u + 1013904223u;
		io_timer_set(f.io, &timing.timers[i], base + x % 20000000);
		if (i % 2) {
			io_timer_cancel(f.io, &timing.timers[i]);
			io_timer_cancel(f.io, &timing.timers[i]);
			cancelled++;
		}
	}
	expected -= cancelled;
	turn_until(f.io, &timing.count, expected);
	cr_assert_eq(timing.count, expected);
	for (int i = 1; i < timing.count; i++)
		cr_assert_leq(timing.timers[timing.order[i - 1]].deadline_ns, timing.timers[timing.order[i]].deadline_ns);
	fixture_close(&f);
}

static int repeats;

static void repeat(struct io_timer *timer)
{
	repeats++;
	io_timer_set(timing.io, timer, 0);
}

/* A timer that sets itself to a time past runs once a turn: a turn ends. */
EACH_TEST(timer_set_in_its_callback)
{
	struct fixture f;
	fixture_open(&f, *backend);
	timing.io = f.io;
	struct io_timer timer = {.run = repeat};
	io_timer_set(f.io, &timer, 0);
	for (int i = 1; i <= 5; i++) {
		cr_assert_eq(io_turn(f.io, true), 1);
		cr_assert_eq(repeats, i);
	}
	io_timer_cancel(f.io, &timer);
	cr_assert_eq(io_turn(f.io, false), 0);
	fixture_close(&f);
}

/* One turn has one time; a timer wait takes as long as it says and not much longer. */
REAL_TEST(timer_waits)
{
	struct fixture f;
	fixture_open(&f, *backend);
	timing.io = f.io;
	uint64_t before = io_now_ns(f.io);
	timing.timers[0].run = note_timer;
	io_timer_set(f.io, &timing.timers[0], before + 30000000);
	int turns = 0;
	while (!timing.count) {
		cr_assert_geq(io_turn(f.io, true), 0);
		turns++;
	}
	uint64_t took = io_now_ns(f.io) - before;
	cr_assert_lt(took, 1000000000u);
	cr_assert_leq(turns, 3, "%d turns for one timer", turns);
	cr_assert_gt(io_wall_ms(f.io), 1600000000000);
	fixture_close(&f);
}

static int wakes;

static void count_wake(void *context)
{
	cr_assert_str_eq(context, "context");
	wakes++;
}

/* Wakes fold into one; none is lost after the function has run. */
EACH_TEST(wake_folds)
{
	struct fixture f;
	fixture_open(&f, *backend);
	io_on_wake(f.io, count_wake, "context");
	for (int round = 1; round <= 5; round++) {
		for (int i = 0; i < 10; i++)
			io_wake(f.io);
		turn_until(f.io, &wakes, round);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(io_turn(f.io, false), 0);
		cr_assert_eq(wakes, round);
	}
	fixture_close(&f);
}

struct waker {
	struct io *io;
	atomic_int sent, seen;
};

static void *wake_often(void *context)
{
	struct waker *waker = context;
	for (int i = 1; i <= 20000; i++) {
		atomic_store(&waker->sent, i);
		io_wake(waker->io);
		if (i % 1000 == 0)
			usleep(500);
	}
	return NULL;
}

static void see_wake(void *context)
{
	struct waker *waker = context;
	atomic_store(&waker->seen, atomic_load(&waker->sent));
	wakes++;
}

/* Whatever another thread publishes before its wake is seen by the wake function, the last of it as well. */
REAL_TEST(wake_from_another_thread)
{
	struct fixture f;
	fixture_open(&f, *backend);
	struct waker waker = {.io = f.io};
	io_on_wake(f.io, see_wake, &waker);
	pthread_t thread;
	pthread_create(&thread, NULL, wake_often, &waker);
	while (atomic_load(&waker.seen) < 20000)
		cr_assert_geq(io_turn(f.io, true), 0);
	pthread_join(thread, NULL);
	fixture_close(&f);
}

static struct io *signalled;

static void on_signal(int number)
{
	errno = 77;
	io_wake(signalled);
	if (errno != 77)
		abort();
}

/* A signal handler may wake the loop, which the signal itself does not break. */
REAL_TEST(wake_from_signal_handler)
{
	struct fixture f;
	fixture_open(&f, *backend);
	signalled = f.io;
	io_on_wake(f.io, count_wake, "context");
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGALRM, &action, NULL);
	struct itimerval once = {.it_value = {0, 20000}};
	setitimer(ITIMER_REAL, &once, NULL);
	turn_until(f.io, &wakes, 1);
	fixture_close(&f);
}

static void *wake_after_a_second(void *context)
{
	usleep(1000000);
	io_wake(context);
	return NULL;
}

/* An idle loop sleeps: in a second with a receive, an accept and a far timer pending, it does not run at
 * all. */
REAL_TEST(idle_sleeps)
{
	struct fixture f;
	fixture_open_with(&f, (struct io_options){.backend = *backend, .buffer_count = 4, .buffer_size_bytes = 4096});
	io_on_wake(f.io, count_wake, "context");
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	int listener = io_listen(f.io, "127.0.0.1", 0, false, NULL);
	struct probe receive = {0}, accept_probe = {0};
	io_recv_pooled(f.io, probe_op(&receive), pair[0]);
	io_accept(f.io, probe_op(&accept_probe), listener);
	struct io_timer timer = {.run = note_timer};
	io_timer_set(f.io, &timer, io_now_ns(f.io) + 3600000000000u);
	cr_assert_geq(io_turn(f.io, false), 0);
	pthread_t thread;
	pthread_create(&thread, NULL, wake_after_a_second, f.io);
	struct rusage before, after;
	getrusage(RUSAGE_THREAD, &before);
	int turns = 0;
	while (!wakes) {
		cr_assert_geq(io_turn(f.io, true), 0);
		turns++;
	}
	getrusage(RUSAGE_THREAD, &after);
	pthread_join(thread, NULL);
	cr_assert_leq(turns, 2, "%d turns", turns);
	cr_assert_leq(after.ru_nvcsw - before.ru_nvcsw, 3, "%ld sleeps", after.ru_nvcsw - before.ru_nvcsw);
	io_cancel(f.io, &receive.op);
	io_cancel(f.io, &accept_probe.op);
	finish(f.io, &receive);
	finish(f.io, &accept_probe);
	io_timer_cancel(f.io, &timer);
	fixture_close(&f);
}

/* Operations in flight at the close end without a callback, and the memory they had is left alone. */
REAL_TEST(close_with_operations_in_flight)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	static uint8_t data[8];
	struct probe p = {0};
	io_recv(f.io, probe_op(&p), pair[0], data, sizeof(data), false);
	cr_assert_geq(io_turn(f.io, false), 0);
	fixture_close(&f);
	cr_assert_eq(write(pair[1], "after", 5), 5);
	usleep(20000);
	cr_assert_eq(p.calls, 0);
	cr_assert_eq(data[0], 0);
}

static void install_filter(struct sock_filter *code, unsigned short count)
{
	struct sock_fprog program = {count, code};
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* A seccomp filter as containers have it: io_uring_setup is refused, all else is let through. */
static void forbid_io_uring(int error_number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error_number),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	install_filter(code, COUNT_OF(code));
}

#define REGISTER_PBUF_RING 22 /* of io_uring_register(2); liburing's header stays in log/io/io_uring.c */

/* Refuses the registration of a ring of buffers, as a kernel does that lacks memory for it. */
static void forbid_buffer_ring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REGISTER_PBUF_RING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	install_filter(code, COUNT_OF(code));
}

/* Where io_uring is forbidden, the open says which way, and plain system calls work. */
Test(loop, forbidden_io_uring, .timeout = 30)
{
	struct io_options options = {.backend = IO_URING};
	struct io *io;
	forbid_io_uring(EPERM);
	cr_assert_eq(io_open(&io, &options), -EPERM);
	struct fixture f;
	fixture_open(&f, IO_SYSCALLS);
	int fd = io_file_open(f.io, fixture_path(&f, "a"), IO_CREATE);
	struct probe p = {0};
	struct iovec piece = {"hello", 5};
	io_write(f.io, probe_op(&p), fd, &piece, 1, 0, IO_DSYNC);
	cr_assert_eq(finish(f.io, &p), 5);
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* A kernel without io_uring. */
Test(loop, missing_io_uring, .timeout = 30)
{
	struct io_options options = {.backend = IO_URING};
	struct io *io;
	forbid_io_uring(ENOSYS);
	cr_assert_eq(io_open(&io, &options), -ENOSYS);
}

#define SENDERS 8

/* Where the ring of buffers is refused, pooled receives work all the same: each buffer comes round many
 * times, none twice at once, and with fewer buffers than senders they take turns. */
Test(loop, no_buffer_ring, .timeout = 30)
{
	forbid_buffer_ring();
	struct fixture f;
	fixture_open_with(&f, (struct io_options){.backend = IO_URING, .buffer_count = 3, .buffer_size_bytes = 64});
	int pairs[SENDERS][2];
	struct probe probes[SENDERS] = {0};
	for (int i = 0; i < SENDERS; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		io_recv_pooled(f.io, probe_op(&probes[i]), pairs[i][0]);
	}
	int received = 0;
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < SENDERS; i++)
			cr_assert_eq(write(pairs[i][1], "0123456789" + i, 1), 1);
		for (int ended = 0; ended < SENDERS;) {
			cr_assert_geq(io_turn(f.io, true), 0);
			int held = 0;
			for (int i = 0; i < SENDERS; i++)
				held += probes[i].calls;
			cr_assert_leq(held, 3);
			for (int i = 0; i < SENDERS; i++) {
				if (!probes[i].calls)
					continue;
				cr_assert_eq(probes[i].result, 1);
				cr_assert_eq(probes[i].buffer[0], '0' + i);
				io_buffer_return(f.io, probes[i].buffer_id);
				io_recv_pooled(f.io, probe_op(&probes[i]), pairs[i][0]);
				ended++;
				received++;
			}
		}
	}
	cr_assert_eq(received, 200 * SENDERS);
	fixture_close(&f);
}

/* An unprivileged user with little locked memory gets a ring all the same, with working shared buffers;
 * one with next to none gets a plain -ENOMEM. The child's exit code tells the line that went wrong. */
static int receive_as_nobody(rlim_t locked_bytes)
{
	struct rlimit limit = {locked_bytes, locked_bytes};
	struct io_options options = {.backend = IO_URING, .buffer_count = 1024, .buffer_size_bytes = 16384};
	struct io *io;
	int pair[2];
	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		return 1;
	int err = io_open(&io, &options);
	if (err < 0)
		return err == -ENOMEM ? 100 : 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 3;
	for (int i = 0; i < 2000; i++) {
		struct probe p = {0};
		io_recv_pooled(io, probe_op(&p), pair[0]);
		if (write(pair[1], "hello", 5) != 5)
			return 4;
		for (int t = 0; t < 100 && !p.calls; t++)
			if (io_turn(io, true) < 0)
				return 5;
		if (p.result != 5 || memcmp(p.buffer, "hello", 5) != 0)
			return 6;
		io_buffer_return(io, p.buffer_id);
	}
	io_close(io);
	return 0;
}

Test(loop, little_locked_memory, .timeout = 60)
{
	static const struct {
		rlim_t locked_bytes;
		bool may_lack_memory;
	} cases[] = {{8 << 20, false}, {128 << 10, false}, {64 << 10, true}, {32 << 10, true}, {0, true}};
	if (geteuid() != 0)
		cr_skip_test("needs root to become somebody else");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(receive_as_nobody(cases[i].locked_bytes));
		int status;
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFEXITED(status));
		int code = WEXITSTATUS(status);
		cr_assert(code == 0 || (code == 100 && cases[i].may_lack_memory), "%llu bytes: %d",
			  (unsigned long long)cases[i].locked_bytes, code);
	}
}

static int run_out(struct io *io, struct probe *probe)
{
	for (int t = 0; t < 1000 && !probe->calls; t++)
		if (io_turn(io, true) < 0)
			return -EIO;
	return probe->calls ? probe->result : -EIO;
}

/* The kernel can make no worker for this user's ring: what needs one is done all the same, and a file that leaves is closed. */
static int file_as_nobody(struct io *io, const char *dir)
{
	struct rlimit limit = {0, 0};
	char path[256];
	static const char text[] = "acknowledged";
	char back[sizeof text] = "";
	struct iovec out = {(void *)text, sizeof text}, in = {back, sizeof back};
	if (setrlimit(RLIMIT_NPROC, &limit) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 1;
	snprintf(path, sizeof path, "%s/file", dir);
	int fd = io_file_open(io, path, IO_CREATE);
	struct probe p = {0};
	io_write(io, probe_op(&p), fd, &out, 1, 0, IO_DSYNC);
	if (run_out(io, &p) != sizeof text)
		return 2;
	io_datasync(io, probe_op(&p), fd);
	if (run_out(io, &p))
		return 3;
	io_dir_sync_start(io, probe_op(&p), dir);
	if (run_out(io, &p))
		return 4;
	io_read(io, probe_op(&p), fd, &in, 1, 0);
	if (run_out(io, &p) != sizeof text || memcmp(back, text, sizeof text) != 0)
		return 5;
	io_close_fd(io, fd);
	if (io_unlink_behind(io, path))
		return 6;
	for (int t = 0; t < 1000 && io_behind_count(io); t++)
		if (io_turn(io, true) < 0)
			return 7;
	int again = open("/", O_RDONLY | O_CLOEXEC);
	return again == fd ? 0 : 8; /* the lowest that is free: none was left open */
}

Test(loop, no_worker_to_be_had, .timeout = 60)
{
	struct fixture f;
	if (geteuid() != 0)
		cr_skip_test("needs root to become somebody else");
	fixture_open_with(&f, (struct io_options){.backend = IO_URING});
	io_close(f.io);
	cr_assert_eq(chmod(f.dir, 0777), 0);
	pid_t child = fork();
	if (child == 0) {
		struct io_options options = {.backend = IO_URING};
		_exit(io_open(&f.io, &options) ? 99 : file_as_nobody(f.io, f.dir));
	}
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 0, "it went wrong at %d", WEXITSTATUS(status));
	cr_assert_eq(rmdir(f.dir), 0);
}
