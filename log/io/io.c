/* The face of the seam: checks that a verb is used rightly, fills in the operation and hands it to the
 * backend, and drives a turn: submit and wait, read the clocks once, run the callbacks of what has ended,
 * then the due timers. A wake is a flag plus whatever makes the backend's wait end. */
#include "log/io/io.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "log/base/check.h"
#include "log/io/io_impl.h"
#include "log/io/io_transfer.h"

int io_open(struct io **out, const struct io_options *options)
{
	switch (options->backend) {
	case IO_URING:
		return io_uring__open(out, options);
	case IO_SYSCALLS:
		return io_syscalls__open(out, options);
	case IO_SIM:
		return io_sim__open(out, options);
	}
	UNREACHABLE();
}

int io__init(struct io *io, enum io_backend backend)
{
	io->backend = backend;
	list_init(&io->ready);
	atomic_init(&io->is_wake_pending, false);
	return io_timers_init(&io->timers);
}

void io__fini(struct io *io)
{
	io_timers_fini(&io->timers);
}

void io_close(struct io *io)
{
	if (!io)
		return;
	CHECK(!io->is_turning);
	io->impl->close(io);
}

enum io_backend io_backend(const struct io *io)
{
	return io->backend;
}

const char *io_backend_name(enum io_backend backend)
{
	static const char *const names[] = {"io_uring", "system calls", "simulation"};
	return names[backend];
}

/* ---- the loop ------------------------------------------------------------------------------------- */

void io__finish(struct io *io, struct io_op *op, int32_t result)
{
	CHECK(op->is_in_flight);
	op->is_in_flight = false;
	op->is_more = false;
	op->result = op->kind == OP_DATASYNC || op->kind == OP_SYNC ? io__sync_result(result) : result;
	io->callback_count++;
	op->done(op);
}

void io__finish_later(struct io *io, struct io_op *op, int32_t result)
{
	op->result = result;
	op->flags |= OP_IS_READY;
	list_push_back(&io->ready, &op->node);
}

void io__woken(struct io *io)
{
	if (!atomic_exchange(&io->is_wake_pending, false) || !io->wake)
		return;
	io->callback_count++;
	io->wake(io->wake_context);
}

/* The operations that a callback adds to the list wait for the next turn. */
static void run_ready(struct io *io)
{
	struct list batch;
	list_init(&batch);
	list_splice(&batch, &io->ready);
	struct list *node;
	while ((node = list_pop_front(&batch))) {
		struct io_op *op = LIST_ENTRY(node, struct io_op, node);
		io__finish(io, op, op->result);
	}
}

/* A timer that a callback sets to a time already past waits for the next turn when this one has had its
 * share. */
static void run_timers(struct io *io)
{
	struct io_timer *timer;
	for (uint32_t left = io->timers.count; left && (timer = io_timers_pop_due(&io->timers, io->now_ns)); left--) {
		io->callback_count++;
		timer->run(timer);
	}
}

static uint64_t choose_wait(struct io *io, bool may_wait)
{
	if (!may_wait || !list_is_empty(&io->ready))
		return 0;
	uint64_t next_ns = io_timers_next_ns(&io->timers);
	if (next_ns == UINT64_MAX)
		return IO_WAIT_FOREVER;
	/* Not io->now_ns: the callbacks of the last turn took time as well. */
	uint64_t now_ns = io_fresh_ns(io);
	return next_ns > now_ns ? next_ns - now_ns : 0;
}

void io_flush(struct io *io)
{
	if (io->impl->flush)
		io->impl->flush(io);
}

int io_turn(struct io *io, bool may_wait)
{
	CHECK(!io->is_turning);
	io->is_turning = true;
	uint64_t count_before = io->callback_count;
	int err = io->impl->wait(io, choose_wait(io, may_wait));
	io->impl->clock(io, &io->now_ns, &io->wall_ms);
	if (err == 0) {
		run_ready(io);
		io->impl->reap(io);
		run_timers(io);
	}
	io->is_turning = false;
	return err < 0 ? err : (int)(io->callback_count - count_before);
}

void io_wake(struct io *target)
{
	if (!atomic_exchange(&target->is_wake_pending, true) && target->impl->wake)
		target->impl->wake(target);
}

void io_on_wake(struct io *io, io_wake_fn *wake, void *context)
{
	io->wake = wake;
	io->wake_context = context;
}

void io_timer_set(struct io *io, struct io_timer *timer, uint64_t deadline_ns)
{
	io_timers_set(&io->timers, timer, deadline_ns);
}

void io_timer_cancel(struct io *io, struct io_timer *timer)
{
	io_timers_cancel(&io->timers, timer);
}

uint64_t io_now_ns(struct io *io)
{
	return io->now_ns;
}

uint64_t io_fresh_ns(struct io *io)
{
	uint64_t now_ns;
	int64_t wall_ms;
	io->impl->clock(io, &now_ns, &wall_ms);
	return now_ns;
}

int64_t io_wall_ms(struct io *io)
{
	return io->wall_ms;
}

void io_random(struct io *io, void *bytes, size_t size)
{
	io->impl->random(io, bytes, size);
}

/* ---- asynchronous verbs ------------------------------------------------------------------------------ */

static void start(struct io *io, struct io_op *op, enum io_kind kind, int fd, uint32_t flags)
{
	CHECKF(!op->is_in_flight && !list_is_linked(&op->node), "operation of kind %d is in flight", op->kind);
	CHECK(op->done);
	op->kind = (uint8_t)kind;
	op->fd = fd;
	op->flags = flags;
	op->buffer = NULL;
	op->is_in_flight = true;
	io->impl->start(io, op);
}

static void start_transfer(struct io *io, struct io_op *op, enum io_kind kind, int fd, const struct iovec *vector,
			   uint32_t count, uint64_t position, uint32_t flags)
{
	CHECKF(!op->is_in_flight, "operation of kind %d is in flight", op->kind);
	io_transfer_begin(op, vector, count);
	op->position = position;
	start(io, op, kind, fd, flags);
}

void io_write(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count,
	      uint64_t position, uint32_t flags)
{
	CHECK(!(flags & ~IO_DSYNC));
	start_transfer(io, op, OP_WRITE, fd, vector, count, position, flags);
}

void io_read(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count,
	     uint64_t position)
{
	start_transfer(io, op, OP_READ, fd, vector, count, position, 0);
}

void io_read_behind(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count,
		    uint64_t position)
{
	start_transfer(io, op, OP_READ, fd, vector, count, position, OP_IS_BEHIND);
}

void io_datasync(struct io *io, struct io_op *op, int fd)
{
	start(io, op, OP_DATASYNC, fd, 0);
}

void io_sync(struct io *io, struct io_op *op, int fd)
{
	start(io, op, OP_SYNC, fd, 0);
}

void io_zero(struct io *io, struct io_op *op, int fd, uint64_t size)
{
	CHECK(!op->is_in_flight && size > 0);
	op->moved_bytes = size;
	start(io, op, OP_ZERO, fd, 0);
}

void io_dir_sync_start(struct io *io, struct io_op *op, const char *path)
{
	CHECK(!op->is_in_flight);
	op->one.iov_base = (void *)path;
	start(io, op, OP_DIR_SYNC, -1, 0);
}

void io_accept(struct io *io, struct io_op *op, int fd)
{
	start(io, op, OP_ACCEPT, fd, 0);
}

void io_recv(struct io *io, struct io_op *op, int fd, void *data, size_t size, bool is_whole)
{
	CHECKF(!op->is_in_flight, "operation of kind %d is in flight", op->kind);
	op->one = (struct iovec){data, size};
	start_transfer(io, op, OP_RECV, fd, &op->one, 1, 0, is_whole ? OP_IS_WHOLE : 0);
}

void io_recv_now(struct io *io, struct io_op *op, int fd, void *data, size_t size)
{
	CHECKF(!op->is_in_flight, "operation of kind %d is in flight", op->kind);
	op->one = (struct iovec){data, size};
	start_transfer(io, op, OP_RECV, fd, &op->one, 1, 0, OP_IS_NOW);
}

void io_recv_pooled(struct io *io, struct io_op *op, int fd)
{
	start(io, op, OP_RECV_POOLED, fd, 0);
}

void io_buffer_return(struct io *io, uint16_t buffer_id)
{
	io->impl->buffer_return(io, buffer_id);
}

void io_send(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count)
{
	start_transfer(io, op, OP_SEND, fd, vector, count, 0, 0);
}

void io_cancel(struct io *io, struct io_op *op)
{
	if (!op->is_in_flight || (op->flags & (OP_IS_CANCELLED | OP_IS_READY)))
		return;
	op->flags |= OP_IS_CANCELLED;
	io->impl->cancel(io, op);
}

int64_t io_socket_acked(struct io *io, int fd)
{
	return io->impl->socket_acked(io, fd);
}

void io_shutdown(struct io *io, int fd)
{
	io->impl->shutdown(io, fd);
}

void io_close_fd(struct io *io, int fd)
{
	io->impl->close_fd(io, fd);
}

int io_listen(struct io *io, const char *host, uint16_t port, bool is_shared, uint16_t *port_out)
{
	return io->impl->listen(io, host, port, is_shared, port_out);
}

/* ---- cold calls ------------------------------------------------------------------------------------------ */

void io_on_no_descriptors(struct io *io, io_spare_fn *spare, void *context)
{
	io->spare = spare;
	io->spare_context = context;
}

bool io__can_open_again(struct io *io, int err)
{
	return (err == -EMFILE || err == -ENFILE) && io->spare && io->spare(io->spare_context);
}

int io_file_open(struct io *io, const char *path, uint32_t flags)
{
	int fd;
	do
		fd = io->cold->file_open(io, path, flags);
	while (io__can_open_again(io, fd));
	return flags & IO_CREATE ? io__note_missing(io, path, "made", fd) : io__note_refusal(io, path, "opened", fd);
}

int64_t io_file_size(struct io *io, int fd)
{
	return io->cold->file_size(io, fd);
}

int64_t io_file_changed_ns(struct io *io, int fd)
{
	return io->cold->file_changed_ns(io, fd);
}

int64_t io_file_next_data(struct io *io, int fd, uint64_t position)
{
	return io->cold->file_next_data(io, fd, position);
}

void io_file_will_read(struct io *io, int fd, uint64_t position, uint64_t size)
{
	if (io->cold->file_will_read)
		io->cold->file_will_read(fd, position, size);
}

void io_file_read_ahead(struct io *io, int fd, bool may)
{
	if (io->cold->file_read_ahead)
		io->cold->file_read_ahead(fd, may);
}

void io_file_forget(struct io *io, int fd, uint64_t position)
{
	if (io->cold->file_forget)
		io->cold->file_forget(fd, position);
}

void io_look_ahead(struct io *io, const struct io_look *items, uint32_t count)
{
	if (io->cold->look_ahead)
		io->cold->look_ahead(io, items, count);
}

int io_file_truncate(struct io *io, int fd, uint64_t size)
{
	return io->cold->file_truncate(io, fd, size);
}

int io_file_allocate(struct io *io, int fd, uint64_t position, uint64_t size, bool does_extend)
{
	return io->cold->file_allocate(io, fd, position, size, does_extend);
}

int64_t io_file_read(struct io *io, int fd, void *data, size_t size, uint64_t position)
{
	return io->cold->file_read(io, fd, data, size, position);
}

int64_t io_file_write(struct io *io, int fd, const void *data, size_t size, uint64_t position)
{
	return io->cold->file_write(io, fd, data, size, position);
}

int io_file_check_name(struct io *io, int fd, const char *path)
{
	return io__note_refusal(io, path, "used", io->cold->file_check_name(io, fd, path));
}

int io_file_check_alone(struct io *io, int fd, const char *path)
{
	return io->cold->file_check_alone(io, fd, path);
}

int io_file_sync(struct io *io, int fd)
{
	return io__sync_result(io->cold->file_sync(io, fd));
}

int io_dir_make(struct io *io, const char *path)
{
	return io__note_missing(io, path, "made", io->cold->dir_make(io, path));
}

int io_dir_sync(struct io *io, const char *path)
{
	int err;
	do
		err = io->cold->dir_sync(io, path);
	while (io__can_open_again(io, err));
	return io__note_missing(io, path, "synced", err);
}

int io_parent_of(const char *path, char *parent, size_t parent_size)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	const char *shortest = length ? path : slash ? "/" : ".";
	if (!length)
		length = 1;
	if (length >= parent_size)
		return -ENAMETOOLONG;
	memcpy(parent, shortest, length);
	parent[length] = '\0';
	return 0;
}

int io_parent_sync(struct io *io, const char *path)
{
	char parent[PATH_MAX];
	int err = io_parent_of(path, parent, sizeof parent);
	return err ? err : io_dir_sync(io, parent);
}

int io_dir_list(struct io *io, const char *path, io_dir_entry_fn *entry, void *context)
{
	return io__note_refusal(io, path, "listed", io->cold->dir_list(io, path, entry, context));
}

int io_rename(struct io *io, const char *from, const char *to)
{
	return io__note_missing(io, from, "renamed", io->cold->rename(io, from, to));
}

int io_rename_new(struct io *io, const char *from, const char *to)
{
	return io->cold->rename_new(io, from, to);
}

int io_unlink(struct io *io, const char *path)
{
	return io__note_refusal(io, path, "removed", io->cold->unlink(io, path));
}

/* A file that has no name lives as long as somebody has it open: whoever closes it last waits. */
static int hold(struct io *io, const char *path)
{
	return io->impl->close_behind ? io_posix__hold(io, path) : -1;
}

static void let_go_behind(struct io *io, int held)
{
	if (held >= 0)
		io->impl->close_behind(io, held);
}

int io_unlink_behind(struct io *io, const char *path)
{
	int held = hold(io, path), err = io_unlink(io, path);
	let_go_behind(io, held);
	return err;
}

int io_rename_behind(struct io *io, const char *from, const char *to)
{
	int held = hold(io, to), err = io_rename(io, from, to);
	let_go_behind(io, held);
	return err;
}

uint32_t io_behind_count(const struct io *io)
{
	return io->behind_count;
}

int io_dir_remove(struct io *io, const char *path)
{
	return io__note_refusal(io, path, "removed", io->cold->dir_remove(io, path));
}

int io_space(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
	return io->cold->space(io, path, free_bytes, total_bytes);
}

int io_lock(struct io *io, const char *path, uint32_t wait_ms)
{
	return io__note_refusal(io, path, "locked", io->cold->lock(io, path, wait_ms));
}

int io_dir_lock(struct io *io, const char *path, uint32_t wait_ms)
{
	if (!io->cold->dir_lock)
		return -EOPNOTSUPP;
	return io__note_refusal(io, path, "locked", io->cold->dir_lock(io, path, wait_ms));
}

void io_anchor(struct io *io, const char *dir, int fd)
{
	size_t length = strlen(dir);
	if (!io->cold->dir_lock)
		return;
	while (length > 1 && dir[length - 1] == '/')
		length--;
	io->anchor_path = dir;
	io->anchor_length = length;
	io->anchor_fd = fd;
}
