/* The backend of plain system calls, for places where io_uring is forbidden or missing (containers'
 * seccomp profiles, old kernels). Everything may be slower here, nothing may differ.
 *
 * Happy path: a verb queues its operation; the next turn attempts it at once. File operations are done
 * inline, so a durable write holds the loop for its duration. A socket that is not ready parks its
 * operation in the descriptor's watch until epoll reports an edge, and is then attempted again. What has
 * ended goes to the ready list, whose callbacks the turn runs; only accepts run their callbacks straight
 * from the reaping, as one operation there has many.
 *
 * Descriptors are registered with epoll once, edge-triggered: an operation parks only after an attempt has
 * found nothing, so the next edge concerns it. Failure modes are those of the system calls, passed on as
 * -errno. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/io/io_impl.h"
#include "log/io/io_transfer.h"

#define EVENTS_MAX 256
#define BUFFERS_MAX 32768u
#define ACCEPTS_PER_TURN 64

/* What waits for a descriptor to become ready. */
struct watch {
	struct io_op *in, *out;
	bool is_registered;
};

struct syscalls {
	struct io io;
	int epoll_fd, wake_fd;
	bool was_woken;
	bool has_no_pwait2;
	struct watch *watches; /* by descriptor */
	uint32_t watch_count;
	struct list attempts;  /* to be tried in the next turn */
	struct list accepting; /* accepts whose listener may have connections */
	struct list starved;   /* pooled receives that found no free buffer */
	uint8_t *memory;       /* the shared receive buffers */
	uint32_t buffer_count, buffer_size_bytes;
	uint16_t *free_ids; /* a stack, so that the buffer used last, still in the cache, is used next */
	uint32_t free_count;
};

static struct syscalls *syscalls_of(struct io *io)
{
	return (struct syscalls *)io;
}

/* ---- parking --------------------------------------------------------------------------------------------- */

static struct watch *watch_of(struct syscalls *s, int fd)
{
	if ((uint32_t)fd < s->watch_count)
		return &s->watches[fd];
	uint32_t count = s->watch_count ? s->watch_count : 64;
	while (count <= (uint32_t)fd)
		count *= 2;
	struct watch *watches = realloc(s->watches, count * sizeof(*watches));
	if (!watches)
		return NULL;
	memset(watches + s->watch_count, 0, (count - s->watch_count) * sizeof(*watches));
	s->watches = watches;
	s->watch_count = count;
	return &s->watches[fd];
}

static int register_watch(struct syscalls *s, struct watch *watch, int fd)
{
	if (watch->is_registered)
		return 0;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	watch->is_registered = true;
	return 0;
}

static void park(struct syscalls *s, struct io_op *op)
{
	struct watch *watch = watch_of(s, op->fd);
	int err = watch ? register_watch(s, watch, op->fd) : -ENOMEM;
	if (err < 0) {
		io__finish_later(&s->io, op, err);
		return;
	}
	struct io_op **place = op->kind == OP_SEND ? &watch->out : &watch->in;
	CHECKF(!*place, "two operations of one direction on descriptor %d", op->fd);
	*place = op;
}

static void unpark(struct syscalls *s, struct io_op **place)
{
	if (*place)
		list_push_back(&s->attempts, &(*place)->node);
	*place = NULL;
}

/* ---- attempts -------------------------------------------------------------------------------------------- */

/* Some places with system calls but no io_uring do not know RWF_DSYNC either. */
static int64_t write_synced(const struct io_op *op, const struct iovec *pieces, int count)
{
	ssize_t n = pwritev2(op->fd, pieces, count, (off_t)op->position, RWF_DSYNC);
	if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
		return n;
	n = pwritev(op->fd, pieces, count, (off_t)op->position);
	return n > 0 && fdatasync(op->fd) < 0 ? -1 : n;
}

int64_t io_syscalls__move(struct io_op *op)
{
	const struct iovec *pieces;
	int count = (int)io_transfer_pieces(op, &pieces);
	struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};
	int64_t n = -1;
	switch ((enum io_kind)op->kind) {
	case OP_WRITE:
		n = op->flags & IO_DSYNC ? write_synced(op, pieces, count)
					 : pwritev(op->fd, pieces, count, (off_t)op->position);
		break;
	case OP_READ:
		n = preadv(op->fd, pieces, count, (off_t)op->position);
		break;
	case OP_RECV:
		n = recvmsg(op->fd, &message, MSG_DONTWAIT);
		break;
	case OP_SEND:
		n = sendmsg(op->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case OP_DATASYNC:
	case OP_DIR_SYNC:
	case OP_SYNC:
	case OP_ZERO:
	case OP_ACCEPT:
	case OP_RECV_POOLED:
		UNREACHABLE();
	}
	return n < 0 ? -errno : n;
}

int io_syscalls__settle(const struct io_op *op)
{
	int result = op->kind == OP_DATASYNC ? fdatasync(op->fd)
		     : op->kind == OP_ZERO   ? fallocate(op->fd, FALLOC_FL_ZERO_RANGE, 0, (off_t)op->moved_bytes)
					     : fsync(op->fd);
	return result < 0 ? -errno : 0;
}

static void attempt_transfer(struct syscalls *s, struct io_op *op)
{
	int64_t answer;
	do {
		answer = io_syscalls__move(op);
		if (answer == -EAGAIN && (op->kind == OP_RECV || op->kind == OP_SEND) && !(op->flags & OP_IS_NOW)) {
			park(s, op);
			return;
		}
	} while (!io_transfer_step(op, answer));
	io__finish_later(&s->io, op, op->result);
}

static void attempt_pooled(struct syscalls *s, struct io_op *op)
{
	if (!s->free_count) {
		list_push_back(&s->starved, &op->node);
		return;
	}
	uint16_t id = s->free_ids[s->free_count - 1];
	uint8_t *buffer = s->memory + (size_t)id * s->buffer_size_bytes;
	ssize_t n;
	do
		n = recv(op->fd, buffer, s->buffer_size_bytes, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		park(s, op);
		return;
	}
	if (n > 0) {
		s->free_count--;
		op->buffer = buffer;
		op->buffer_id = id;
	}
	io__finish_later(&s->io, op, n < 0 ? -errno : (int32_t)n);
}

static void attempt(struct syscalls *s, struct io_op *op)
{
	switch ((enum io_kind)op->kind) {
	case OP_ACCEPT:
		list_push_back(&s->accepting, &op->node);
		return;
	case OP_RECV_POOLED:
		attempt_pooled(s, op);
		return;
	case OP_DATASYNC:
	case OP_SYNC:
	case OP_ZERO:
		io__finish_later(&s->io, op, io_syscalls__settle(op));
		return;
	case OP_DIR_SYNC:
		io__finish_later(&s->io, op, io_dir_sync(&s->io, op->one.iov_base));
		return;
	case OP_WRITE:
	case OP_READ:
	case OP_RECV:
	case OP_SEND:
		attempt_transfer(s, op);
		return;
	}
	UNREACHABLE();
}

/* Each attempt ends its operation or moves it elsewhere, so this ends. */
static void run_attempts(struct syscalls *s)
{
	struct list *node;
	while ((node = list_pop_front(&s->attempts)))
		attempt(s, LIST_ENTRY(node, struct io_op, node));
	while (s->free_count && (node = list_pop_front(&s->starved)))
		attempt(s, LIST_ENTRY(node, struct io_op, node));
}

/* ---- accepts --------------------------------------------------------------------------------------------- */

static bool is_passing_error(int error)
{
	return error == EINTR || error == ECONNABORTED;
}

/* Runs the callback for each connection that is there. A callback may cancel the operation: it is then on
 * the ready list. */
static void reap_accept(struct syscalls *s, struct io_op *op)
{
	for (int left = ACCEPTS_PER_TURN; left; left--) {
		int fd = accept4(op->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && is_passing_error(errno))
			continue;
		if (fd < 0 && errno == EAGAIN) {
			park(s, op);
			return;
		}
		if (fd < 0) {
			io__finish(&s->io, op, -errno);
			return;
		}
		op->result = fd;
		op->is_more = true;
		s->io.callback_count++;
		op->done(op);
		if (op->flags & OP_IS_READY)
			return;
	}
	list_push_back(&s->accepting, &op->node);
}

static void reap(struct io *io)
{
	struct syscalls *s = syscalls_of(io);
	if (s->was_woken) {
		s->was_woken = false;
		io__woken(io);
	}
	struct list batch;
	list_init(&batch);
	list_splice(&batch, &s->accepting);
	struct list *node;
	while ((node = list_pop_front(&batch)))
		reap_accept(s, LIST_ENTRY(node, struct io_op, node));
}

/* ---- the wait -------------------------------------------------------------------------------------------- */

static int wait_in_ms(struct syscalls *s, struct epoll_event *events, uint64_t wait_ns)
{
	uint64_t ms = wait_ns / 1000000 + (wait_ns % 1000000 != 0);
	int timeout_ms = ms > INT32_MAX ? INT32_MAX : (int)ms;
	return epoll_wait(s->epoll_fd, events, EVENTS_MAX, wait_ns == IO_WAIT_FOREVER ? -1 : timeout_ms);
}

/* The number of events, or -errno; the call that takes nanoseconds where there is one. */
static int wait_in_ns(struct syscalls *s, struct epoll_event *events, uint64_t wait_ns)
{
	int count = -1;
	if (!s->has_no_pwait2) {
		struct timespec ts = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
		count = epoll_pwait2(s->epoll_fd, events, EVENTS_MAX, wait_ns == IO_WAIT_FOREVER ? NULL : &ts, NULL);
		s->has_no_pwait2 = count < 0 && (errno == ENOSYS || errno == EPERM);
	}
	if (s->has_no_pwait2)
		count = wait_in_ms(s, events, wait_ns);
	return count < 0 ? -errno : count;
}

static void take_event(struct syscalls *s, const struct epoll_event *event)
{
	if (event->data.fd == s->wake_fd) {
		uint64_t value;
		ssize_t n = read(s->wake_fd, &value, sizeof(value));
		s->was_woken = n == sizeof(value);
		return;
	}
	struct watch *watch = &s->watches[event->data.fd];
	if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		unpark(s, &watch->in);
	if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		unpark(s, &watch->out);
}

static int wait_for_events(struct io *io, uint64_t wait_ns)
{
	struct syscalls *s = syscalls_of(io);
	run_attempts(s);
	bool has_work = !list_is_empty(&io->ready) || !list_is_empty(&s->accepting);
	struct epoll_event events[EVENTS_MAX];
	int count = wait_in_ns(s, events, has_work ? 0 : wait_ns);
	if (count < 0)
		return count == -EINTR ? 0 : count;
	for (int i = 0; i < count; i++)
		take_event(s, &events[i]);
	run_attempts(s);
	return 0;
}

static void wake(struct io *io)
{
	io_posix__wake(syscalls_of(io)->wake_fd);
}

/* ---- verbs ----------------------------------------------------------------------------------------------- */

static void start(struct io *io, struct io_op *op)
{
	struct syscalls *s = syscalls_of(io);
	CHECK(op->kind != OP_RECV_POOLED || s->buffer_count);
	if (op->kind == OP_ACCEPT) {
		/* The sockets it will make inherit the option, and not the mode. */
		int one = 1;
		setsockopt(op->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		fcntl(op->fd, F_SETFL, fcntl(op->fd, F_GETFL) | O_NONBLOCK);
	}
	list_push_back(&s->attempts, &op->node);
}

static void cancel(struct io *io, struct io_op *op)
{
	struct syscalls *s = syscalls_of(io);
	list_remove(&op->node);
	if (op->fd >= 0 && (uint32_t)op->fd < s->watch_count) {
		struct watch *watch = &s->watches[op->fd];
		watch->in = watch->in == op ? NULL : watch->in;
		watch->out = watch->out == op ? NULL : watch->out;
	}
	io__finish_later(io, op, -ECANCELED);
}

static void buffer_return(struct io *io, uint16_t buffer_id)
{
	struct syscalls *s = syscalls_of(io);
	CHECKF(buffer_id < s->buffer_count && s->free_count < s->buffer_count, "buffer %u", buffer_id);
	s->free_ids[s->free_count++] = buffer_id;
}

static void close_fd(struct io *io, int fd)
{
	struct syscalls *s = syscalls_of(io);
	if (fd >= 0 && (uint32_t)fd < s->watch_count) {
		CHECKF(!s->watches[fd].in && !s->watches[fd].out, "descriptor %d has operations in flight", fd);
		s->watches[fd].is_registered = false;
	}
	close(fd);
}

/* ---- open and close -------------------------------------------------------------------------------------- */

static void syscalls_close(struct io *io)
{
	struct syscalls *s = syscalls_of(io);
	if (s->memory)
		munmap(s->memory, (size_t)s->buffer_count * s->buffer_size_bytes);
	free(s->free_ids);
	free(s->watches);
	close(s->wake_fd);
	close(s->epoll_fd);
	io__fini(io);
	free(s);
}

static const struct io_impl syscalls_impl = {
	.close = syscalls_close,
	.wait = wait_for_events,
	.reap = reap,
	.start = start,
	.cancel = cancel,
	.buffer_return = buffer_return,
	.close_fd = close_fd,
	.shutdown = io_posix__shutdown,
	.socket_acked = io_posix__socket_acked,
	.listen = io_posix__listen,
	.clock = io_posix__clock,
	.random = io_posix__random,
	.wake = wake,
};

static int open_pool(struct syscalls *s, uint32_t count, uint32_t size_bytes)
{
	if (!count)
		return 0;
	if (count > BUFFERS_MAX || !size_bytes || size_bytes > INT32_MAX)
		return -EINVAL;
	s->free_ids = calloc(count, sizeof(*s->free_ids));
	if (!s->free_ids)
		return -ENOMEM;
	/* Untouched buffers cost no memory. */
	void *memory = mmap(NULL, (size_t)count * size_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	s->memory = memory;
	s->buffer_count = count;
	s->buffer_size_bytes = size_bytes;
	while (count)
		s->free_ids[s->free_count++] = (uint16_t)--count;
	return 0;
}

static int open_loop(struct syscalls *s)
{
	if (s->epoll_fd < 0 || s->wake_fd < 0)
		return -EMFILE;
	struct epoll_event event = {.events = EPOLLIN, .data.fd = s->wake_fd};
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &event) < 0)
		return -errno;
	return io__init(&s->io, IO_SYSCALLS);
}

int io_syscalls__open(struct io **out, const struct io_options *options)
{
	struct syscalls *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->io.impl = &syscalls_impl;
	s->io.cold = &io_posix_cold;
	list_init(&s->attempts);
	list_init(&s->accepting);
	list_init(&s->starved);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = open_loop(s);
	if (err == 0)
		err = open_pool(s, options->buffer_count, options->buffer_size_bytes);
	if (err < 0) {
		syscalls_close(&s->io);
		return err;
	}
	io_posix__clock(&s->io, &s->io.now_ns, &s->io.wall_ms);
	*out = &s->io;
	return 0;
}
