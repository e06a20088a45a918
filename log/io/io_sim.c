/* The simulation's backend: the disk of sim.h and a virtual clock, all of it decided by the seed.
 *
 * Happy path: a verb gives its operation a time to end, some random latency from now; a turn moves the
 * clock to the next event (an operation's end or a timer) and does the operation's work then, so that
 * operations overtake each other as they do on real disks. A sync covers the writes that had ended when it
 * was begun. Operations on sockets end in the first turn that finds the network ready for them.
 *
 * Failure modes: those ordered through sim.h. After a crash of the disk this io is dead and answers -EIO. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/base/err.h"
#include "log/io/io_impl.h"
#include "log/io/io_transfer.h"
#include "log/io/sim_disk.h"
#include "log/io/sim_image.h"
#include "log/io/sim_net.h"

/* Far from real descriptors, so that a close(2) by mistake hits nothing. */
#define FD_BASE 1000000
#define WALL_MS_AT_START 1700000000000ll
/* A turn takes some time even if it waits for nothing; else a loop that never waits would see no time
 * pass. */
#define TURN_NS 1000u
#define NS_PER_MS 1000000ull

struct open_file {
	struct sim_node *node; /* NULL: free */
	bool is_read_only, has_lock;
};

struct sim {
	struct io io;
	struct sim_user user;
	struct sim_disk *disk;
	uint64_t generation;
	uint64_t random;
	struct list pending; /* operations on files begun and not ended, in no order */
	struct open_file *files;
	uint32_t file_count;
	struct sim_net *net; /* or NULL */
	struct list waiting; /* operations on sockets, those that wait longest first */
	uint64_t quiet_version, quiet_until_ns; /* none of them is ready at this version of the network, before that time; 0: not known */
	uint8_t *buffers;    /* of pooled receives */
	uint32_t buffer_size_bytes, free_count;
	uint16_t *free_ids;
};

static struct sim *sim_of(struct io *io)
{
	return (struct sim *)io;
}

static bool is_dead(const struct sim *sim)
{
	return sim_disk__generation(sim->disk) != sim->generation;
}

static uint64_t draw(struct sim *sim, uint64_t low, uint64_t high)
{
	return low + sim_random(&sim->random) % (high - low + 1);
}

/* ---- descriptors ----------------------------------------------------------------------------------------- */

static int add_file(struct sim *sim, struct sim_node *node, bool is_read_only)
{
	uint32_t i = 0;
	while (i < sim->file_count && sim->files[i].node)
		i++;
	if (i == sim->file_count) {
		uint32_t count = sim->file_count ? sim->file_count * 2 : 16;
		sim->files = sim__grow(sim->files, count * sizeof(*sim->files));
		memset(sim->files + sim->file_count, 0, (count - sim->file_count) * sizeof(*sim->files));
		sim->file_count = count;
	}
	sim->files[i] = (struct open_file){.node = node, .is_read_only = is_read_only};
	return FD_BASE + (int)i;
}

static struct open_file *file_of(struct sim *sim, int fd)
{
	uint32_t i = (uint32_t)(fd - FD_BASE);
	return fd >= FD_BASE && i < sim->file_count && sim->files[i].node ? &sim->files[i] : NULL;
}

static void close_fd(struct io *io, int fd)
{
	struct sim *sim = sim_of(io);
	if (fd >= SIM_SOCKET_BASE && sim->net)
		sim_net__close(sim->net, fd);
	struct open_file *file = file_of(sim, fd);
	if (!file)
		return;
	if (!is_dead(sim)) {
		if (file->has_lock)
			sim_node__unlock(file->node);
		sim_disk__release(sim->disk, file->node);
	}
	*file = (struct open_file){0};
}

/* The file of an operation, or NULL and why not. */
static struct open_file *check_file(struct sim *sim, int fd, bool does_write, int *err)
{
	struct open_file *file = file_of(sim, fd);
	if (file && !(does_write && file->is_read_only))
		return file;
	*err = -EBADF;
	return NULL;
}

/* ---- operations ------------------------------------------------------------------------------------------ */

static uint64_t latency_of_kind(struct sim *sim, const struct io_op *op)
{
	switch ((enum io_kind)op->kind) {
	case OP_DATASYNC:
	case OP_DIR_SYNC:
	case OP_SYNC:
	case OP_ZERO:
		return draw(sim, 50000, 500000);
	case OP_WRITE:
		return op->flags & IO_DSYNC ? draw(sim, 50000, 400000) : draw(sim, 5000, 200000);
	default:
		return draw(sim, 5000, 100000);
	}
}

static bool happens(struct sim *sim, uint32_t per_mille)
{
	return per_mille && draw(sim, 1, 1000) <= per_mille;
}

static uint64_t latency_of(struct sim *sim, const struct io_op *op)
{
	const struct sim_pace *pace = sim_disk__pace(sim->disk);
	uint64_t latency_ns = latency_of_kind(sim, op) * pace->latency_percent / 100;
	return happens(sim, pace->stall_per_mille) ? latency_ns + draw(sim, 0, pace->stall_ns) : latency_ns;
}

static bool is_of_file(const struct io_op *op)
{
	return op->kind == OP_WRITE || op->kind == OP_READ || op->kind == OP_DATASYNC || op->kind == OP_DIR_SYNC || op->kind == OP_SYNC || op->kind == OP_ZERO;
}

static bool is_sync(const struct io_op *op)
{
	return op->kind == OP_DATASYNC || op->kind == OP_SYNC;
}

static void begin_part(struct sim *sim, struct io_op *op)
{
	op->due_ns = *sim_disk__clock_ns(sim->disk) + latency_of(sim, op);
	list_push_back(&sim->pending, &op->node);
}

static void start(struct io *io, struct io_op *op)
{
	struct sim *sim = sim_of(io);
	if (!is_of_file(op) && !sim->net) {
		io__finish_later(io, op, -ENOSYS);
		return;
	}
	if (!is_of_file(op)) {
		list_push_back(&sim->waiting, &op->node);
		sim->quiet_version = 0;
		return;
	}
	struct open_file *file = file_of(sim, op->fd);
	if (is_sync(op) && file && !is_dead(sim))
		op->position = sim_node__mark(file->node);
	if (op->kind == OP_DIR_SYNC && !is_dead(sim))
		op->position = sim_disk__dir_mark(sim->disk);
	if (op->kind != OP_ZERO)
		op->moved_bytes = 0;
	begin_part(sim, op);
}

static uint64_t total_of(const struct io_op *op)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < op->vector_count; i++)
		total += op->vector[i].iov_len;
	return total;
}

typedef int move_fn(struct sim *sim, struct sim_node *node, void *data, size_t size, uint64_t position, bool is_durable);

static int move_in(struct sim *sim, struct sim_node *node, void *data, size_t size, uint64_t position, bool is_durable)
{
	int err = sim_disk__write(sim->disk, node, data, size, position, is_durable);
	return err < 0 ? err : (int)size;
}

static int move_out(struct sim *sim, struct sim_node *node, void *data, size_t size, uint64_t position, bool is_durable)
{
	return (int)sim_node__read(node, data, size, position);
}

/* Moves the bytes [op->moved_bytes, end) of the transfer, piece by piece. Returns how far it came, or an error. */
static int64_t move(struct sim *sim, struct sim_node *node, const struct io_op *op, uint64_t end, bool is_durable, move_fn *move_piece)
{
	uint64_t at = 0, moved = op->moved_bytes;
	for (uint32_t i = 0; i < op->vector_count && moved < end; i++) {
		const struct iovec *piece = &op->vector[i];
		uint64_t piece_end = at + piece->iov_len < end ? at + piece->iov_len : end;
		if (moved < piece_end) {
			size_t size = (size_t)(piece_end - moved);
			int got = move_piece(sim, node, (uint8_t *)piece->iov_base + (moved - at), size, op->position + moved, is_durable);
			if (got < 0)
				return got;
			moved += (uint64_t)got;
			if ((size_t)got < size)
				break;
		}
		at += piece->iov_len;
	}
	return (int64_t)moved;
}

/* A random number of the pieces only, and nothing of it durable for sure. */
static void write_torn(struct sim *sim, struct sim_node *node, const struct io_op *op)
{
	uint64_t end = 0;
	for (uint64_t count = draw(sim, 0, op->vector_count), i = 0; i < count; i++)
		end += op->vector[i].iov_len;
	(void)move(sim, node, op, end, false, move_in);
}

static int do_failed(struct sim *sim, struct sim_node *node, const struct io_op *op, int err, bool does_happen)
{
	if (op->kind == OP_WRITE && (does_happen || err != -EIO))
		write_torn(sim, node, op);
	if (op->kind == OP_ZERO && (does_happen || err != -EIO))
		(void)sim_disk__zero(sim->disk, node, draw(sim, 0, op->moved_bytes));
	if (is_sync(op) && does_happen)
		sim_node__sync(node, op->position);
	else if (is_sync(op) && sim_disk__has_power(sim->disk))
		sim_node__sync_failed(node, op->position);
	return err;
}

static enum sim_kind kind_of(const struct io_op *op)
{
	return op->kind == OP_WRITE ? SIM_WRITE : op->kind == OP_READ ? SIM_READ : op->kind == OP_ZERO ? SIM_SIZE : SIM_SYNC;
}

/* A part of a transfer now, a whole number of sectors; or all that is left. True when that ended it. */
static bool transfer(struct sim *sim, struct sim_node *node, struct io_op *op, int *result)
{
	uint64_t total = total_of(op), end = total, sectors = (total - op->moved_bytes) / SIM_SECTOR;
	if (sectors > 1 && happens(sim, sim_disk__pace(sim->disk)->short_per_mille))
		end = op->moved_bytes + draw(sim, 1, sectors - 1) * SIM_SECTOR;
	int64_t moved = move(sim, node, op, end, op->flags & IO_DSYNC, op->kind == OP_WRITE ? move_in : move_out);
	*result = (int)moved;
	if (moved < 0 || (uint64_t)moved < end || end == total)
		return true;
	op->moved_bytes = (uint64_t)moved;
	return false;
}

static int sync_dir(struct sim *sim, const struct io_op *op)
{
	bool does_happen;
	if (is_dead(sim))
		return -EIO;
	int fault = sim_disk__count_io(sim->disk, SIM_DIR_SYNC, true, &does_happen);
	int result = does_happen ? sim_disk__sync_dir(sim->disk, op->one.iov_base, op->position) : 0;
	return fault < 0 ? fault : result;
}

/* True when the operation has ended with `*result`; false if a part of it remains to be done. */
static bool run_op(struct sim *sim, struct io_op *op, int *result)
{
	bool does_happen;
	if (op->kind == OP_DIR_SYNC) {
		*result = sync_dir(sim, op);
		return true;
	}
	*result = -EIO;
	struct open_file *file = is_dead(sim) ? NULL : check_file(sim, op->fd, op->kind == OP_WRITE || op->kind == OP_ZERO, result);
	if (!file)
		return true;
	int err = sim_disk__count_io(sim->disk, kind_of(op), true, &does_happen);
	if (err < 0) {
		*result = do_failed(sim, file->node, op, err, does_happen);
		return true;
	}
	if (!is_sync(op) && op->kind != OP_ZERO)
		return transfer(sim, file->node, op, result);
	*result = op->kind == OP_ZERO ? sim_disk__zero(sim->disk, file->node, op->moved_bytes) : 0;
	if (is_sync(op))
		sim_node__sync(file->node, op->position);
	return true;
}

/* What the disk was doing when the power failed is done in part. */
static void lose_power(struct sim_user *user)
{
	struct sim *sim = CONTAINER_OF(user, struct sim, user);
	if (is_dead(sim))
		return;
	LIST_FOR_EACH(node, &sim->pending) {
		struct io_op *op = LIST_ENTRY(node, struct io_op, node);
		struct open_file *file = file_of(sim, op->fd);
		if (op->kind == OP_DIR_SYNC && sim_disk__flip(sim->disk))
			(void)sim_disk__sync_dir(sim->disk, op->one.iov_base, op->position);
		else if (file && sim_disk__flip(sim->disk))
			do_failed(sim, file->node, op, -EIO, true);
	}
}

static void each_write(struct sim_user *user, sim_write_fn *note, void *context)
{
	struct sim *sim = CONTAINER_OF(user, struct sim, user);
	if (is_dead(sim))
		return;
	LIST_FOR_EACH(node, &sim->pending) {
		struct io_op *op = LIST_ENTRY(node, struct io_op, node);
		struct open_file *file = op->kind == OP_WRITE ? file_of(sim, op->fd) : NULL;
		if (file && !file->is_read_only)
			note(context, file->node, op->vector, op->vector_count, op->position);
	}
}

/* ---- sockets ------------------------------------------------------------------------------------------------ */

/* What the disk has begun it ends. */
static void cancel(struct io *io, struct io_op *op)
{
	if (is_of_file(op))
		return;
	list_remove(&op->node);
	io__finish_later(io, op, -ECANCELED);
}

static void buffer_return(struct io *io, uint16_t buffer_id)
{
	struct sim *sim = sim_of(io);
	sim->free_ids[sim->free_count++] = buffer_id;
	sim->quiet_version = 0;
}

static int listen_on(struct io *io, const char *host, uint16_t port, bool is_shared, uint16_t *port_out)
{
	struct sim *sim = sim_of(io);
	return sim->net ? sim_net__listen(sim->net, port, port_out) : -ENOSYS;
}

static void shut_down(struct io *io, int fd)
{
	if (sim_of(io)->net)
		sim_net__shutdown(sim_of(io)->net, fd);
}

static int64_t socket_acked(struct io *io, int fd)
{
	return sim_of(io)->net ? sim_net__acked(sim_of(io)->net, fd) : -EOPNOTSUPP;
}

static bool is_ready(const struct sim *sim, const struct io_op *op)
{
	if (op->flags & OP_IS_NOW)
		return true;
	switch ((enum io_kind)op->kind) {
	case OP_SEND: return sim_net__is_writable(sim->net, op->fd);
	case OP_RECV_POOLED: return sim->free_count && sim_net__is_readable(sim->net, op->fd);
	default: return sim_net__is_readable(sim->net, op->fd);
	}
}

/* One connection; the operation goes on. */
static bool accept_one(struct sim *sim, struct io_op *op)
{
	int fd = sim_net__accept(sim->net, op->fd);
	if (fd < 0)
		return false;
	op->is_more = true;
	op->result = fd;
	sim->io.callback_count++;
	op->done(op);
	return true;
}

static bool receive_pooled(struct sim *sim, struct io_op *op)
{
	if (!sim->free_count)
		return false;
	uint16_t id = sim->free_ids[sim->free_count - 1];
	uint8_t *buffer = sim->buffers + (size_t)id * sim->buffer_size_bytes;
	int64_t result = sim_net__receive(sim->net, op->fd, buffer, sim->buffer_size_bytes);
	if (result == -EAGAIN)
		return false;
	if (result > 0) {
		op->buffer = buffer;
		op->buffer_id = id;
		sim->free_count--;
	}
	op->result = (int32_t)result;
	return true;
}

/* As much as goes now. True when that ended it. */
static bool move_bytes(struct sim *sim, struct io_op *op)
{
	for (;;) {
		const struct iovec *pieces;
		uint32_t count = io_transfer_pieces(op, &pieces);
		struct iovec piece = count ? pieces[0] : (struct iovec){0};
		int64_t answer = op->kind == OP_SEND ? sim_net__send(sim->net, op->fd, piece.iov_base, piece.iov_len)
						     : sim_net__receive(sim->net, op->fd, piece.iov_base, piece.iov_len);
		if (answer == -EAGAIN && !(op->flags & OP_IS_NOW))
			return false;
		if (io_transfer_step(op, answer))
			return true;
	}
}

static bool run_socket_op(struct sim *sim, struct io_op *op)
{
	switch ((enum io_kind)op->kind) {
	case OP_RECV_POOLED: return receive_pooled(sim, op);
	case OP_RECV:
	case OP_SEND: return move_bytes(sim, op);
	default: UNREACHABLE();
	}
}

/* Asked several times a turn, and most often for nothing. */
static bool is_any_ready(struct sim *sim)
{
	if (!sim->net || (sim->quiet_version == sim_net__version(sim->net) && *sim_disk__clock_ns(sim->disk) < sim->quiet_until_ns))
		return false;
	LIST_FOR_EACH(node, &sim->waiting)
		if (is_ready(sim, LIST_ENTRY(node, struct io_op, node)))
			return true;
	sim->quiet_version = sim_net__version(sim->net);
	sim->quiet_until_ns = sim_net__arrival_ns(sim->net);
	return false;
}

/* Each operation is tried once. One that a callback cancels meanwhile leaves the list by that. */
static void reap_sockets(struct sim *sim)
{
	struct list batch;
	list_init(&batch);
	list_splice(&batch, &sim->waiting);
	for (struct list *node; (node = list_pop_front(&batch));) {
		struct io_op *op = LIST_ENTRY(node, struct io_op, node);
		bool is_accept = op->kind == OP_ACCEPT;
		bool has_ended = !is_accept && !is_dead(sim) && run_socket_op(sim, op);
		if (has_ended) {
			io__finish(&sim->io, op, op->result);
			continue;
		}
		list_push_back(&sim->waiting, &op->node);
		while (is_accept && !is_dead(sim) && list_is_linked(&op->node) && accept_one(sim, op))
			;
	}
}

/* ---- time ------------------------------------------------------------------------------------------------ */

static struct io_op *find_next(struct sim *sim)
{
	struct io_op *next = NULL;
	LIST_FOR_EACH(node, &sim->pending) {
		struct io_op *op = LIST_ENTRY(node, struct io_op, node);
		if (!next || op->due_ns < next->due_ns)
			next = op;
	}
	return next;
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

static uint64_t end_of_next(struct sim *sim)
{
	const struct io_op *op = find_next(sim);
	return op ? op->due_ns : UINT64_MAX;
}

/* What another io, another thread's, must not sleep over. Arrivals are the network's to tell. */
static uint64_t next_of_user(struct sim_user *user)
{
	struct sim *sim = CONTAINER_OF(user, struct sim, user);
	if (is_dead(sim))
		return UINT64_MAX;
	if (atomic_load(&sim->io.is_wake_pending) || !list_is_empty(&sim->io.ready) || is_any_ready(sim))
		return 0;
	return earlier(end_of_next(sim), io_timers_next_ns(&sim->io.timers));
}

bool io_sim_is_idle(struct io *io)
{
	struct sim *sim = sim_of(io);
	return next_of_user(&sim->user) > *sim_disk__clock_ns(sim->disk);
}

static uint64_t next_event_ns(struct sim *sim)
{
	uint64_t arrival_ns = sim->net ? sim_net__next_ns(sim->net) : UINT64_MAX;
	return earlier(earlier(end_of_next(sim), arrival_ns), sim_disk__next_of_others(sim->disk, &sim->user));
}

/* Nobody waits: the clock is moved to the next event. Forever is not waited at all. */
static int wait_for_events(struct io *io, uint64_t wait_ns)
{
	struct sim *sim = sim_of(io);
	uint64_t *clock_ns = sim_disk__clock_ns(sim->disk);
	uint64_t next_ns = next_event_ns(sim);
	if (atomic_load(&io->is_wake_pending) || is_any_ready(sim))
		wait_ns = 0;
	if (wait_ns && next_ns != UINT64_MAX) {
		uint64_t until_ns = next_ns > *clock_ns ? next_ns - *clock_ns : 0;
		wait_ns = until_ns < wait_ns ? until_ns : wait_ns;
	}
	*clock_ns += wait_ns == 0 || wait_ns == IO_WAIT_FOREVER ? TURN_NS : wait_ns;
	return 0;
}

static void reap(struct io *io)
{
	struct sim *sim = sim_of(io);
	io__woken(io);
	struct io_op *op;
	while ((op = find_next(sim)) && op->due_ns <= io->now_ns) {
		int result;
		bool has_ended = run_op(sim, op, &result);
		list_remove(&op->node);
		if (has_ended)
			io__finish(io, op, result);
		else
			begin_part(sim, op);
	}
	if (is_any_ready(sim))
		reap_sockets(sim);
}

static void clock_now(struct io *io, uint64_t *now_ns, int64_t *wall_ms)
{
	*now_ns = *sim_disk__clock_ns(sim_of(io)->disk);
	*wall_ms = WALL_MS_AT_START + (int64_t)(*now_ns / NS_PER_MS) + sim_disk__wall_offset_ms(sim_of(io)->disk);
}

static void random_bytes(struct io *io, void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)sim_random(&sim_of(io)->random);
}

/* ---- cold calls ------------------------------------------------------------------------------------------ */

/* Counts a cold call. Negative if it must not be done. Else it is done, and its answer is `*fault` if that
 * is negative: power may fail after the deed and before the answer. */
static int begin(struct sim *sim, enum sim_kind kind, int *fault)
{
	bool does_happen = false;
	*fault = is_dead(sim) ? -EIO : sim_disk__count_io(sim->disk, kind, false, &does_happen);
	return does_happen ? 0 : *fault;
}

static int answer(int fault, int result)
{
	return fault < 0 ? fault : result;
}

static int file_open(struct io *io, const char *path, uint32_t flags)
{
	struct sim *sim = sim_of(io);
	struct sim_node *node;
	int fault, fate = begin(sim, SIM_OPEN, &fault);
	if (fate < 0)
		return fate;
	int err = sim_disk__open_file(sim->disk, path, flags, &node);
	if (err < 0)
		return err;
	if (fault < 0) {
		sim_disk__release(sim->disk, node);
		return fault;
	}
	return add_file(sim, node, flags & IO_READ_ONLY);
}

static int64_t file_size(struct io *io, int fd)
{
	struct sim *sim = sim_of(io);
	struct open_file *file = is_dead(sim) ? NULL : file_of(sim, fd);
	return file ? (int64_t)sim_node__size(file->node) : is_dead(sim) ? -EIO : -EBADF;
}

static int64_t file_changed_ns(struct io *io, int fd)
{
	struct sim *sim = sim_of(io);
	struct open_file *file = is_dead(sim) ? NULL : file_of(sim, fd);
	return file ? (int64_t)sim_node__changed(file->node) : is_dead(sim) ? -EIO : -EBADF;
}

static int64_t file_next_data(struct io *io, int fd, uint64_t position)
{
	struct sim *sim = sim_of(io);
	struct open_file *file = is_dead(sim) ? NULL : file_of(sim, fd);
	return file ? (int64_t)sim_node__next_data(file->node, position) : is_dead(sim) ? -EIO : -EBADF;
}

static int truncate_open(struct sim *sim, int fd, uint64_t size)
{
	int err;
	struct open_file *file = check_file(sim, fd, true, &err);
	return file ? sim_disk__truncate(sim->disk, file->node, size) : err;
}

static int file_truncate(struct io *io, int fd, uint64_t size)
{
	int fault;
	if (begin(sim_of(io), SIM_SIZE, &fault) < 0)
		return fault;
	return answer(fault, truncate_open(sim_of(io), fd, size));
}

static int allocate_open(struct sim *sim, int fd, uint64_t end, bool does_extend)
{
	int err;
	struct open_file *file = check_file(sim, fd, true, &err);
	return file ? sim_disk__allocate(sim->disk, file->node, end, does_extend) : err;
}

static int file_allocate(struct io *io, int fd, uint64_t position, uint64_t size, bool does_extend)
{
	int fault;
	if (begin(sim_of(io), SIM_SIZE, &fault) < 0)
		return fault;
	return answer(fault, size == 0 ? -EINVAL /* as the kernel says */ : allocate_open(sim_of(io), fd, position + size, does_extend));
}

static int64_t file_read(struct io *io, int fd, void *data, size_t size, uint64_t position)
{
	struct sim *sim = sim_of(io);
	int fault, err;
	if (begin(sim, SIM_READ, &fault) < 0 || fault < 0)
		return fault;
	struct open_file *file = check_file(sim, fd, false, &err);
	return file ? (int64_t)sim_node__read(file->node, data, size, position) : err;
}

static int64_t file_write(struct io *io, int fd, const void *data, size_t size, uint64_t position)
{
	struct sim *sim = sim_of(io);
	int fault, err;
	if (begin(sim, SIM_WRITE, &fault) < 0)
		return fault;
	struct open_file *file = check_file(sim, fd, true, &err);
	if (!file)
		return err;
	err = sim_disk__write(sim->disk, file->node, data, size, position, false);
	return fault < 0 ? fault : err < 0 ? err : (int64_t)size;
}

static int file_sync(struct io *io, int fd)
{
	struct sim *sim = sim_of(io);
	int err, fault;
	int fate = begin(sim, SIM_SYNC, &fault);
	struct open_file *file = is_dead(sim) ? NULL : check_file(sim, fd, false, &err);
	if (!file)
		return is_dead(sim) ? -EIO : err;
	if (fate < 0 && sim_disk__has_power(sim->disk))
		sim_node__sync_failed(file->node, sim_node__mark(file->node));
	else if (fate >= 0)
		sim_node__sync(file->node, sim_node__mark(file->node));
	return fault;
}

static int file_check_name(struct io *io, int fd, const char *path)
{
	struct sim *sim = sim_of(io);
	struct open_file *file = is_dead(sim) ? NULL : file_of(sim, fd);
	return !file || sim_disk__leads_to(sim->disk, path, file->node) ? 0 : ERR_GONE;
}

static int file_check_alone(struct io *io, int fd, const char *path)
{
	struct sim *sim = sim_of(io);
	struct open_file *file = is_dead(sim) ? NULL : file_of(sim, fd);
	return file && sim_disk__leads_to(sim->disk, path, file->node) && sim_node__is_alone(file->node) ? 0 : ERR_GONE;
}

static int dir_make(struct io *io, const char *path)
{
	int fault;
	if (begin(sim_of(io), SIM_NAMES, &fault) < 0)
		return fault;
	return answer(fault, sim_disk__make_dir(sim_of(io)->disk, path));
}

static int dir_sync(struct io *io, const char *path)
{
	int fault;
	if (begin(sim_of(io), SIM_DIR_SYNC, &fault) < 0)
		return fault;
	return answer(fault, sim_disk__sync_dir(sim_of(io)->disk, path, UINT64_MAX));
}

static int dir_list(struct io *io, const char *path, io_dir_entry_fn *entry, void *context)
{
	int fault;
	if (begin(sim_of(io), SIM_LIST, &fault) < 0 || fault < 0)
		return fault;
	return sim_disk__list_dir(sim_of(io)->disk, path, entry, context);
}

static int rename_path(struct io *io, const char *from, const char *to)
{
	int fault;
	if (begin(sim_of(io), SIM_NAMES, &fault) < 0)
		return fault;
	return answer(fault, sim_disk__rename(sim_of(io)->disk, from, to));
}

static int rename_new(struct io *io, const char *from, const char *to)
{
	struct sim *sim = sim_of(io);
	int fault;
	if (begin(sim, SIM_NAMES, &fault) < 0)
		return fault;
	return answer(fault, sim_disk__is_there(sim->disk, to) ? -EEXIST : sim_disk__rename(sim->disk, from, to));
}

static int unlink_path(struct io *io, const char *path)
{
	int fault;
	if (begin(sim_of(io), SIM_NAMES, &fault) < 0)
		return fault;
	return answer(fault, sim_disk__unlink(sim_of(io)->disk, path));
}

static int dir_remove(struct io *io, const char *path)
{
	int fault;
	if (begin(sim_of(io), SIM_NAMES, &fault) < 0)
		return fault;
	return answer(fault, sim_disk__remove_dir(sim_of(io)->disk, path));
}

static int space(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
	if (is_dead(sim_of(io)))
		return -EIO;
	sim_disk__space(sim_of(io)->disk, free_bytes, total_bytes);
	return 0;
}

/* Whoever holds it runs in this thread and will not let go while we wait: no waiting. */
static int lock(struct io *io, const char *path, uint32_t wait_ms)
{
	int fd = file_open(io, path, IO_CREATE);
	if (fd < 0)
		return fd;
	struct open_file *file = file_of(sim_of(io), fd);
	file->has_lock = sim_node__lock(file->node);
	if (file->has_lock)
		return fd;
	close_fd(io, fd);
	return ERR_LOCKED;
}

static const struct io_cold sim_cold = {
	.file_open = file_open,
	.file_size = file_size,
	.file_changed_ns = file_changed_ns,
	.file_next_data = file_next_data,
	.file_truncate = file_truncate,
	.file_allocate = file_allocate,
	.file_read = file_read,
	.file_write = file_write,
	.file_sync = file_sync,
	.file_check_name = file_check_name,
	.file_check_alone = file_check_alone,
	.dir_make = dir_make,
	.dir_sync = dir_sync,
	.dir_list = dir_list,
	.rename = rename_path,
	.rename_new = rename_new,
	.unlink = unlink_path,
	.dir_remove = dir_remove,
	.space = space,
	.lock = lock,
};

/* ---- open and close -------------------------------------------------------------------------------------- */

static void sim_close(struct io *io)
{
	struct sim *sim = sim_of(io);
	for (uint32_t i = 0; i < sim->file_count; i++)
		close_fd(io, FD_BASE + (int)i);
	sim_disk__detach(&sim->user);
	io__fini(io);
	free(sim->buffers);
	free(sim->free_ids);
	free(sim->files);
	free(sim);
}

static const struct io_impl sim_impl = {
	.close = sim_close,
	.wait = wait_for_events,
	.reap = reap,
	.start = start,
	.cancel = cancel,
	.buffer_return = buffer_return,
	.close_fd = close_fd,
	.shutdown = shut_down,
	.socket_acked = socket_acked,
	.listen = listen_on,
	.clock = clock_now,
	.random = random_bytes,
};

static void make_buffers(struct sim *sim, const struct io_options *options)
{
	if (!options->buffer_count)
		return;
	sim->buffers = sim__grow(NULL, (size_t)options->buffer_count * options->buffer_size_bytes); /* received into before they are read */
	sim->free_ids = sim__take_zeroed(options->buffer_count, sizeof *sim->free_ids);
	sim->buffer_size_bytes = options->buffer_size_bytes;
	for (uint32_t i = 0; i < options->buffer_count; i++)
		sim->free_ids[sim->free_count++] = (uint16_t)i;
}

int io_sim__open(struct io **out, const struct io_options *options)
{
	if (!options->disk)
		return -EINVAL;
	struct sim *sim = calloc(1, sizeof(*sim));
	if (!sim)
		return -ENOMEM;
	int err = io__init(&sim->io, IO_SIM);
	if (err < 0) {
		free(sim);
		return err;
	}
	sim->io.impl = &sim_impl;
	sim->io.cold = &sim_cold;
	sim->disk = options->disk;
	sim->generation = sim_disk__generation(sim->disk);
	sim->random = options->seed;
	list_init(&sim->pending);
	list_init(&sim->waiting);
	sim->net = options->net;
	make_buffers(sim, options);
	sim->user.lose_power = lose_power;
	sim->user.each_write = each_write;
	sim->user.next_ns = next_of_user;
	sim_disk__attach(sim->disk, &sim->user);
	clock_now(&sim->io, &sim->io.now_ns, &sim->io.wall_ms);
	*out = &sim->io;
	return 0;
}
