/* The io_uring backend; liburing is included here and nowhere else.
 *
 * Happy path: a verb fills a submission entry; the next turn submits all of them and waits with one system
 * call; each completion finds its operation by address and runs its callback, or starts the rest of a
 * transfer that came up short.
 *
 * Where there is no room in the submission ring even after submitting, the operation (or its cancel) waits
 * in the backlog for the next turn: a verb cannot fail. Receives take a buffer from a ring shared with the
 * kernel; one that finds none first waits for data without a buffer and, when there are data but still no
 * buffer, parks until one comes back. What the kernel has no worker for is done by a plain system call, for which everybody waits. Kernel floor 6.1 (SINGLE_ISSUER, DEFER_TASKRUN); an older one
 * answers -EINVAL at setup, reported as -ENOSYS. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/ioprio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/io/io_impl.h"
#include "log/io/io_transfer.h"

#define ENTRIES_MIN 16u
#define WORKERS_MAX 64u /* each sync holds one for as long as it takes, and by default there are four for each CPU: 10,000 new files waited in line */
#define BUFFERS_MAX 32768u
#define BUFFER_GROUP 0
#define CLOSE_WAIT_S 2

/* user_data of submissions that are no operation; a struct io_op's address is never this low. */
enum tag { TAG_WAKE = 1, TAG_CANCEL, TAG_PROVIDE, TAG_LEAVE, TAG_END };

/* The shared receive buffers. The kernel takes them from `ring`; those it has not taken number
 * `free_count`. */
struct pool {
	uint8_t *memory;
	uint32_t count, size_bytes;
	struct io_uring_buf_ring *ring; /* NULL if it could not be registered: buffers go by submission */
	size_t ring_bytes;
	uint16_t mask;
	uint32_t free_count;
	uint32_t retry_count; /* receives unparked and not yet answered: each may take a buffer */
	struct list parked;   /* receives that have data waiting and found no buffer */
};

/* A file that has no name any more and is held by this descriptor alone. */
struct leaving {
	struct list node;
	int fd;
	bool is_closing;
	uint64_t size_bytes; /* of what is left of it */
};

struct uring {
	struct io io;
	struct io_uring ring;
	struct pool pool;
	struct list backlog; /* operations to submit when there is room */
	struct list cancels; /* operations in the kernel whose cancel is to be submitted when there is room */
	struct list leaving; /* one at a time, the first */
	struct io_timer leave_timer;
	uint64_t leave_began_ns;
	bool is_leaving;     /* a step of it is in the kernel */
	int wake_fd;
	uint64_t wake_value;
	bool is_wake_armed;
};

static struct uring *uring_of(struct io *io)
{
	return (struct uring *)io;
}

/* ---- submission ------------------------------------------------------------------------------------------ */

/* Room for one submission, if need be by submitting what is there. NULL if the kernel takes none now. */
static struct io_uring_sqe *get_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	if (sqe)
		return sqe;
	if (io_uring_submit(&u->ring) < 0)
		return NULL;
	return io_uring_get_sqe(&u->ring);
}

static void prepare_file(struct io_uring_sqe *sqe, struct io_op *op)
{
	const struct iovec *pieces;
	uint32_t count = io_transfer_pieces(op, &pieces);
	bool is_write = op->kind == OP_WRITE;
	if (count == 1 && is_write)
		io_uring_prep_write(sqe, op->fd, pieces->iov_base, (unsigned)pieces->iov_len, op->position);
	else if (count == 1)
		io_uring_prep_read(sqe, op->fd, pieces->iov_base, (unsigned)pieces->iov_len, op->position);
	else if (is_write)
		io_uring_prep_writev(sqe, op->fd, pieces, count, op->position);
	else
		io_uring_prep_readv(sqe, op->fd, pieces, count, op->position);
	if (op->flags & IO_DSYNC)
		sqe->rw_flags = RWF_DSYNC;
	if (op->flags & OP_IS_BEHIND)
		sqe->ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0);
}

static void prepare_send(struct io_uring_sqe *sqe, struct io_op *op)
{
	const int flags = MSG_NOSIGNAL | MSG_WAITALL;
	const struct iovec *pieces;
	uint32_t count = io_transfer_pieces(op, &pieces);
	if (count == 1) {
		io_uring_prep_send(sqe, op->fd, pieces->iov_base, pieces->iov_len, flags);
		return;
	}
	op->message = (struct msghdr){.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
	io_uring_prep_sendmsg(sqe, op->fd, &op->message, flags);
}

static void prepare_recv(struct io_uring_sqe *sqe, struct io_op *op)
{
	const struct iovec *pieces;
	uint32_t count = io_transfer_pieces(op, &pieces);
	void *data = count ? pieces->iov_base : NULL;
	size_t size = count ? pieces->iov_len : 0;
	io_uring_prep_recv(sqe, op->fd, data, size, op->flags & OP_IS_WHOLE ? MSG_WAITALL : op->flags & OP_IS_NOW ? MSG_DONTWAIT : 0);
}

static void prepare_recv_pooled(struct uring *u, struct io_uring_sqe *sqe, struct io_op *op)
{
	io_uring_prep_recv(sqe, op->fd, NULL, u->pool.size_bytes, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
	if (op->flags & OP_IS_POLLED || op->is_socket_empty)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

static void prepare(struct uring *u, struct io_uring_sqe *sqe, struct io_op *op)
{
	switch ((enum io_kind)op->kind) {
	case OP_WRITE:
	case OP_READ:
		prepare_file(sqe, op);
		break;
	case OP_DATASYNC:
		io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC);
		break;
	case OP_DIR_SYNC:
	case OP_SYNC:
		io_uring_prep_fsync(sqe, op->fd, 0);
		break;
	case OP_ZERO:
		io_uring_prep_fallocate(sqe, op->fd, FALLOC_FL_ZERO_RANGE, 0, (off_t)op->moved_bytes);
		break;
	case OP_ACCEPT:
		io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
		break;
	case OP_RECV:
		prepare_recv(sqe, op);
		break;
	case OP_RECV_POOLED:
		prepare_recv_pooled(u, sqe, op);
		break;
	case OP_SEND:
		prepare_send(sqe, op);
		break;
	}
	io_uring_sqe_set_data(sqe, op);
}

static void submit(struct uring *u, struct io_op *op)
{
	struct io_uring_sqe *sqe = list_is_empty(&u->backlog) ? get_sqe(u) : NULL;
	if (sqe)
		prepare(u, sqe, op);
	else
		list_push_back(&u->backlog, &op->node);
}

static void start(struct io *io, struct io_op *op)
{
	struct uring *u = uring_of(io);
	if (op->kind == OP_RECV_POOLED) {
		CHECK(u->pool.count);
		op->flags |= u->pool.free_count ? 0 : OP_IS_POLLED;
	}
	if (op->kind == OP_ACCEPT) {
		/* The sockets it will make inherit this. */
		int one = 1;
		setsockopt(op->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (op->kind == OP_DIR_SYNC) {
		struct io_at at = io__at(io, op->one.iov_base);
		do
			op->fd = openat(at.fd, at.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		while (op->fd < 0 && io__can_open_again(io, -errno));
		if (op->fd < 0) {
			io__finish_later(io, op, -errno);
			return;
		}
	}
	submit(u, op);
}

static bool submit_cancel(struct uring *u, struct io_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(u);
	if (!sqe)
		return false;
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data64(sqe, TAG_CANCEL);
	return true;
}

static void cancel(struct io *io, struct io_op *op)
{
	struct uring *u = uring_of(io);
	if (list_is_linked(&op->node)) {
		/* In the backlog or parked: the kernel does not have it. */
		list_remove(&op->node);
		u->pool.retry_count -= op->flags & OP_IS_RETRY ? 1 : 0;
		io__finish_later(io, op, -ECANCELED);
		return;
	}
	if (!submit_cancel(u, op))
		list_push_back(&u->cancels, &op->node);
}

static void arm_wake(struct uring *u)
{
	struct io_uring_sqe *sqe = get_sqe(u);
	u->is_wake_armed = sqe;
	if (!sqe)
		return;
	io_uring_prep_read(sqe, u->wake_fd, &u->wake_value, sizeof(u->wake_value), 0);
	io_uring_sqe_set_data64(sqe, TAG_WAKE);
}

static void submit_backlog(struct uring *u)
{
	if (!u->is_wake_armed)
		arm_wake(u);
	while (!list_is_empty(&u->cancels)) {
		if (!submit_cancel(u, LIST_ENTRY(u->cancels.next, struct io_op, node)))
			return;
		list_remove(u->cancels.next);
	}
	while (!list_is_empty(&u->backlog)) {
		struct io_uring_sqe *sqe = get_sqe(u);
		if (!sqe)
			return;
		prepare(u, sqe, LIST_ENTRY(list_pop_front(&u->backlog), struct io_op, node));
	}
}

/* ---- the shared receive buffers -------------------------------------------------------------------------- */

static void offer_in_ring(struct pool *pool, uint16_t buffer_id)
{
	void *buffer = pool->memory + (size_t)buffer_id * pool->size_bytes;
	io_uring_buf_ring_add(pool->ring, buffer, pool->size_bytes, buffer_id, pool->mask, 0);
	io_uring_buf_ring_advance(pool->ring, 1);
}

/* Without a ring, a buffer is given by a submission. If there is no room for it, the loop is stuck for
 * good. */
static void offer_by_submission(struct uring *u, uint16_t buffer_id, uint32_t count)
{
	struct io_uring_sqe *sqe = get_sqe(u);
	CHECKF(sqe, "no room to provide a buffer");
	void *buffer = u->pool.memory + (size_t)buffer_id * u->pool.size_bytes;
	io_uring_prep_provide_buffers(sqe, buffer, (int)u->pool.size_bytes, (int)count, BUFFER_GROUP, buffer_id);
	io_uring_sqe_set_data64(sqe, TAG_PROVIDE);
}

/* Starts as many parked receives as there are free buffers for. Each has data waiting, so each is soon
 * answered. */
static void unpark(struct uring *u)
{
	struct pool *pool = &u->pool;
	while (!list_is_empty(&pool->parked) && pool->retry_count < pool->free_count) {
		struct io_op *op = LIST_ENTRY(list_pop_front(&pool->parked), struct io_op, node);
		op->flags = (op->flags & ~OP_IS_POLLED) | OP_IS_RETRY;
		pool->retry_count++;
		submit(u, op);
	}
}

static void buffer_return(struct io *io, uint16_t buffer_id)
{
	struct uring *u = uring_of(io);
	CHECKF(buffer_id < u->pool.count && u->pool.free_count < u->pool.count, "buffer %u", buffer_id);
	if (u->pool.ring)
		offer_in_ring(&u->pool, buffer_id);
	else
		offer_by_submission(u, buffer_id, 1);
	u->pool.free_count++;
	unpark(u);
}

/* The small table that the kernel and we share. Where locked memory is too scarce for it, buffers go by
 * submission. */
static void register_buffer_ring(struct uring *u, uint32_t entries)
{
	struct pool *pool = &u->pool;
	pool->ring_bytes = entries * sizeof(struct io_uring_buf);
	void *memory = mmap(NULL, pool->ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)memory,
		.ring_entries = entries,
		.bgid = BUFFER_GROUP,
	};
	if (io_uring_register_buf_ring(&u->ring, &reg, 0) < 0) {
		munmap(memory, pool->ring_bytes);
		return;
	}
	pool->ring = memory;
	io_uring_buf_ring_init(pool->ring);
	pool->mask = (uint16_t)io_uring_buf_ring_mask(entries);
}

static int open_pool(struct uring *u, uint32_t count, uint32_t size_bytes)
{
	struct pool *pool = &u->pool;
	list_init(&pool->parked);
	if (!count)
		return 0;
	if (count > BUFFERS_MAX || !size_bytes || size_bytes > INT32_MAX)
		return -EINVAL;
	/* Untouched buffers cost no memory. */
	void *memory = mmap(NULL, (size_t)count * size_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*pool = (struct pool){.memory = memory, .count = count, .size_bytes = size_bytes, .free_count = count};
	list_init(&pool->parked);
	uint32_t entries = 1;
	while (entries < count)
		entries *= 2;
	register_buffer_ring(u, entries);
	if (!pool->ring)
		offer_by_submission(u, 0, count);
	for (uint32_t id = 0; pool->ring && id < count; id++)
		offer_in_ring(pool, (uint16_t)id);
	return 0;
}

static void close_pool(struct pool *pool)
{
	if (pool->memory)
		munmap(pool->memory, (size_t)pool->count * pool->size_bytes);
	if (pool->ring)
		munmap(pool->ring, pool->ring_bytes);
}

/* ---- files that leave ------------------------------------------------------------------------------------- */

/* With the last descriptor of a file without a name its blocks are given back; on a file system that is mounted with discard that is a request of the disk for each
 * stretch of them, behind which all others wait: 30 ms for one of 30 MiB, on a disk that serves one after the other. So the file gets shorter by a
 * few megabytes at a time, with pauses, by workers of the kernel's. */
#define LEAVE_STEP (4ull << 20)
#define LEAVE_PAUSE_SHARE 2  /* of what a step took */
#define LEAVING_MANY 32u     /* files: then half a step's time, or they would become ever more */
#define OP_FTRUNCATE 55      /* since Linux 6.9; liburing 2.3 has no name for it */

/* Nobody else reads it: a lease for writing is granted to the only one who has it open. And it has no other name. */
static bool may_shorten(int fd)
{
	struct stat st;
	if (fstat(fd, &st) || st.st_nlink > 0 || fcntl(fd, F_SETLEASE, F_WRLCK))
		return false;
	return fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

static void leave_more(struct uring *u)
{
	if (u->is_leaving || u->leave_timer.heap_index || list_is_empty(&u->leaving))
		return;
	struct leaving *leaving = LIST_ENTRY(u->leaving.next, struct leaving, node);
	struct io_uring_sqe *sqe = get_sqe(u);
	if (!sqe) {
		io_timer_set(&u->io, &u->leave_timer, u->io.now_ns + 1000000);
		return;
	}
	if (leaving->size_bytes > LEAVE_STEP && may_shorten(leaving->fd)) {
		leaving->size_bytes -= LEAVE_STEP;
		io_uring_prep_rw(OP_FTRUNCATE, sqe, leaving->fd, NULL, 0, leaving->size_bytes);
	} else {
		io_uring_prep_close(sqe, leaving->fd);
		leaving->is_closing = true;
	}
	sqe->flags |= IOSQE_ASYNC;
	io_uring_sqe_set_data64(sqe, TAG_LEAVE);
	u->is_leaving = true;
	u->leave_began_ns = u->io.now_ns;
}

static void leave_due(struct io_timer *timer)
{
	leave_more(CONTAINER_OF(timer, struct uring, leave_timer));
}

static void set_leave_timer(struct uring *u, uint64_t pause_ns)
{
	if (list_is_empty(&u->leaving))
		return;
	u->leave_timer.run = leave_due;
	io_timer_set(&u->io, &u->leave_timer, u->io.now_ns + pause_ns);
}

/* An older kernel does not know the step: what is left goes at once. */
static void left(struct uring *u, int32_t result)
{
	struct leaving *leaving = LIST_ENTRY(u->leaving.next, struct leaving, node);
	uint64_t took_ns = u->io.now_ns - u->leave_began_ns;
	u->is_leaving = false;
	if (leaving->is_closing) {
		if (result == -ECANCELED) /* no worker for it: nobody has closed it */
			close(leaving->fd);
		list_remove(&leaving->node);
		free(leaving);
		u->io.behind_count--;
	} else if (result < 0) {
		leaving->size_bytes = 0;
	}
	set_leave_timer(u, u->io.behind_count > LEAVING_MANY ? took_ns / 2 : took_ns * LEAVE_PAUSE_SHARE);
}

/* The first step is not in this turn: whoever removes it may have it open himself until then. */
static void close_behind(struct io *io, int fd)
{
	struct uring *u = uring_of(io);
	struct leaving *leaving = malloc(sizeof *leaving);
	struct stat st;
	if (!leaving) {
		close(fd);
		return;
	}
	*leaving = (struct leaving){.fd = fd, .size_bytes = fstat(fd, &st) ? 0 : (uint64_t)st.st_size};
	list_push_back(&u->leaving, &leaving->node);
	io->behind_count++;
	if (!u->is_leaving && !u->leave_timer.heap_index)
		set_leave_timer(u, 1);
}

/* ---- completion ------------------------------------------------------------------------------------------ */

static void complete_pooled(struct uring *u, struct io_op *op, int32_t result, uint32_t cqe_flags)
{
	struct pool *pool = &u->pool;
	if (op->flags & OP_IS_RETRY) {
		op->flags &= ~OP_IS_RETRY;
		pool->retry_count--;
	}
	if (cqe_flags & IORING_CQE_F_BUFFER) {
		op->buffer_id = (uint16_t)(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
		pool->free_count--;
		if (result > 0)
			op->buffer = pool->memory + (size_t)op->buffer_id * pool->size_bytes;
		else
			buffer_return(&u->io, op->buffer_id);
	}
	if (result == -ENOBUFS && (op->flags & OP_IS_CANCELLED))
		result = -ECANCELED;
	if (result != -ENOBUFS) {
		io__finish(&u->io, op, result);
	} else if (op->flags & OP_IS_POLLED) {
		list_push_back(&pool->parked, &op->node);
	} else {
		op->flags |= OP_IS_POLLED;
		submit(u, op);
	}
	unpark(u);
}

/* The kernel may end the series with a connection, when it had no room for completions: only an error ends
 * ours. */
static void complete_accept(struct uring *u, struct io_op *op, int32_t result, uint32_t cqe_flags)
{
	bool has_ended = !(cqe_flags & IORING_CQE_F_MORE);
	bool is_error = result < 0 && result != -ECONNABORTED && result != -EINTR;
	if (has_ended && (is_error || (op->flags & OP_IS_CANCELLED))) {
		io__finish(&u->io, op, result);
		return;
	}
	if (has_ended)
		submit(u, op);
	if (result < 0)
		return;
	op->is_more = true;
	op->result = result;
	u->io.callback_count++;
	op->done(op);
}

/* The kernel has no worker and may make none (RLIMIT_NPROC, pids.max): so it answers for what nobody cancelled and it never began. */
static bool lacked_worker(const struct io_op *op, int32_t result)
{
	return result == -ECANCELED && !(op->flags & OP_IS_CANCELLED);
}

/* Everybody waits for the disk then, as where there is no io_uring. Sockets need no worker. */
static int32_t do_here(struct io_op *op)
{
	switch ((enum io_kind)op->kind) {
	case OP_DIR_SYNC:
	case OP_SYNC:
	case OP_DATASYNC:
	case OP_ZERO:
		return io_syscalls__settle(op);
	case OP_WRITE:
	case OP_READ:
		return (int32_t)io_syscalls__move(op);
	case OP_ACCEPT:
	case OP_RECV_POOLED:
	case OP_RECV:
	case OP_SEND:
		return -ECANCELED;
	}
	UNREACHABLE();
}

/* The next receive of a socket that was empty need not look before it waits: a peer with one small request outstanding sends no more before it is answered.
 * (Of a large frame the rest is on its way, and there most often when the turn ends.) */
static void note_emptiness(struct io_op *op, uint32_t cqe_flags)
{
	op->is_socket_empty = !(cqe_flags & IORING_CQE_F_SOCK_NONEMPTY);
}

static void complete_op(struct uring *u, struct io_op *op, int32_t result, uint32_t cqe_flags)
{
	CHECK(op->is_in_flight);
	note_emptiness(op, cqe_flags);
	if (lacked_worker(op, result))
		result = do_here(op);
	if (!(cqe_flags & IORING_CQE_F_MORE))
		list_remove(&op->node); /* a cancel that is not needed any more */
	switch ((enum io_kind)op->kind) {
	case OP_ACCEPT:
		complete_accept(u, op, result, cqe_flags);
		return;
	case OP_RECV_POOLED:
		complete_pooled(u, op, result, cqe_flags);
		return;
	case OP_DIR_SYNC:
		close(op->fd);
		io__finish(&u->io, op, io__sync_result(result));
		return;
	case OP_DATASYNC:
	case OP_SYNC:
	case OP_ZERO:
		io__finish(&u->io, op, result);
		return;
	case OP_WRITE:
	case OP_READ:
	case OP_RECV:
	case OP_SEND:
		if (io_transfer_step(op, result))
			io__finish(&u->io, op, op->result);
		else
			submit(u, op);
		return;
	}
	UNREACHABLE();
}

static void complete(struct uring *u, const struct io_uring_cqe *cqe)
{
	switch (cqe->user_data) {
	case TAG_WAKE:
		arm_wake(u);
		io__woken(&u->io);
		return;
	case TAG_CANCEL:
		return;
	case TAG_LEAVE:
		left(u, cqe->res);
		return;
	case TAG_PROVIDE:
		CHECKF(cqe->res >= 0, "buffers refused: %s", strerror(-cqe->res));
		return;
	}
	complete_op(u, (struct io_op *)(uintptr_t)cqe->user_data, cqe->res, cqe->flags);
}

static void reap(struct io *io)
{
	struct uring *u = uring_of(io);
	struct io_uring_cqe *cqe;
	/* The peek enters the kernel when it holds back completions (deferred work, overflow). Each is
	 * taken off before its callback runs, since that may submit. */
	for (uint32_t left = IO_TURN_BUDGET; left && io_uring_peek_cqe(&u->ring, &cqe) == 0; left--) {
		struct io_uring_cqe taken = *cqe;
		io_uring_cqe_seen(&u->ring, cqe);
		complete(u, &taken);
	}
}

/* ---- the wait -------------------------------------------------------------------------------------------- */

static int enter(struct uring *u, uint64_t wait_ns)
{
	if (wait_ns == 0 || io_uring_cq_ready(&u->ring))
		return io_uring_submit_and_get_events(&u->ring);
	if (wait_ns == IO_WAIT_FOREVER)
		return io_uring_submit_and_wait(&u->ring, 1);
	struct __kernel_timespec ts = {(int64_t)(wait_ns / 1000000000), (int64_t)(wait_ns % 1000000000)};
	struct io_uring_cqe *cqe;
	return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
}

static int wait_for_events(struct io *io, uint64_t wait_ns)
{
	struct uring *u = uring_of(io);
	submit_backlog(u);
	bool is_stuck = !list_is_empty(&u->backlog) || !list_is_empty(&u->cancels) || !u->is_wake_armed;
	int result = enter(u, is_stuck ? 0 : wait_ns);
	switch (result) {
	case -ETIME:  /* the timer is due */
	case -EINTR:  /* a signal */
	case -EAGAIN: /* no memory for a request now, or nothing there: what is queued stays queued */
	case -EBUSY:  /* completions must be taken first */
		return 0;
	default:
		return result < 0 ? result : 0;
	}
}

static void wake(struct io *io)
{
	io_posix__wake(uring_of(io)->wake_fd);
}

/* ---- open and close -------------------------------------------------------------------------------------- */

/* Ends what is in flight and waits for it, so that the kernel touches nobody's memory afterwards. */
static void cancel_all(struct uring *u)
{
	struct io_uring_sync_cancel_reg reg = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY,
		.timeout = {.tv_sec = CLOSE_WAIT_S},
	};
	io_uring_register_sync_cancel(&u->ring, &reg);
}

static void close_fd(struct io *io, int fd)
{
	close(fd);
}

static void close_leaving(struct uring *u)
{
	struct list *node;
	while ((node = list_pop_front(&u->leaving))) {
		struct leaving *leaving = LIST_ENTRY(node, struct leaving, node);
		if (!leaving->is_closing)
			close(leaving->fd);
		free(leaving);
	}
}

static void uring_close(struct io *io)
{
	struct uring *u = uring_of(io);
	io_uring_submit(&u->ring); /* a close of what leaves, which nobody else closes */
	cancel_all(u);
	close_leaving(u);
	io_uring_queue_exit(&u->ring);
	close_pool(&u->pool);
	close(u->wake_fd);
	io__fini(io);
	free(u);
}

/* A refusal (the completion ring is full) is no matter: the turn's end submits again. */
static void flush(struct io *io)
{
	io_uring_submit(&uring_of(io)->ring);
}

static const struct io_impl uring_impl = {
	.close = uring_close,
	.wait = wait_for_events,
	.flush = flush,
	.reap = reap,
	.start = start,
	.cancel = cancel,
	.buffer_return = buffer_return,
	.close_fd = close_fd,
	.close_behind = close_behind,
	.shutdown = io_posix__shutdown,
	.socket_acked = io_posix__socket_acked,
	.listen = io_posix__listen,
	.clock = io_posix__clock,
	.random = io_posix__random,
	.wake = wake,
};

static int open_ring_of(struct io_uring *ring, uint32_t entries)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
		.cq_entries = entries * 4,
	};
	int err = io_uring_queue_init_params(entries, ring, &params);
	return err == -EINVAL ? -ENOSYS : err;
}

/* The rings count as locked memory for an unprivileged user: take a smaller one rather than none. */
static int open_ring(struct io_uring *ring, uint32_t entries)
{
	int err;
	while ((err = open_ring_of(ring, entries)) == -ENOMEM && entries / 2 >= ENTRIES_MIN)
		entries /= 2;
	if (err < 0)
		return err;
	io_uring_ring_dontfork(ring);
	io_uring_register_ring_fd(ring); /* saves a lookup in each system call; harmless if refused */
	io_uring_register_iowq_max_workers(ring, (unsigned[]){WORKERS_MAX, 0}); /* likewise */
	return 0;
}

int io_uring__open(struct io **out, const struct io_options *options)
{
	struct uring *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	int err = open_ring(&u->ring, options->entries ? options->entries : IO_ENTRIES_DEFAULT);
	if (err < 0) {
		free(u);
		return err;
	}
	list_init(&u->backlog);
	list_init(&u->cancels);
	list_init(&u->leaving);
	u->io.impl = &uring_impl;
	u->io.cold = &io_posix_cold;
	u->wake_fd = eventfd(0, EFD_CLOEXEC);
	err = u->wake_fd < 0 ? -errno : io__init(&u->io, IO_URING);
	if (err == 0)
		err = open_pool(u, options->buffer_count, options->buffer_size_bytes);
	if (err < 0) {
		io_uring_queue_exit(&u->ring);
		close(u->wake_fd);
		io__fini(&u->io);
		free(u);
		return err;
	}
	io_posix__clock(&u->io, &u->io.now_ns, &u->io.wall_ms);
	*out = &u->io;
	return 0;
}
