/* The seam: disk, network, time, randomness and the loop of one thread. All of log/ and net/ reach the
 * world through it. Behind it stand io_uring (IO_URING), plain system calls for places where io_uring is
 * forbidden (IO_SYSCALLS: epoll for sockets, inline calls for files), and a seeded
 * simulation of the disk, the network and the clock (IO_SIM). Chosen at io_open, the same everywhere after.
 *
 * Owner: the thread that opened it. Only io_wake may be called from another thread (or a signal handler).
 * It never calls a callback from within a submit: callbacks run inside io_turn alone, so what was true
 * before a submit is true after it. It never allocates per operation: an operation is a struct io_op
 * embedded in its owner, which must stay put until its callback (a buffer belongs to the kernel until
 * then). */
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include "log/base/list.h"
#include "log/base/types.h"

struct io;
struct io_op;
struct io_timer;

typedef void io_done_fn(struct io_op *op);
typedef void io_timer_fn(struct io_timer *timer);
typedef void io_wake_fn(void *context);

enum io_backend { IO_URING, IO_SYSCALLS, IO_SIM };

/* One operation in flight. Zero it before its first use, set `done` and call one io_* verb; the rest is the
 * backend's until done(), inside which it may be started anew. */
struct io_op {
	io_done_fn *done;
	/* Valid inside done(): bytes moved, a descriptor, 0, or -errno. */
	int32_t result;
	/* Valid inside done() of io_recv_pooled: the bytes, and what to give to io_buffer_return. NULL,
	 * and nothing to give back, unless result is above 0. */
	uint8_t *buffer;
	uint16_t buffer_id;
	/* Inside done() of io_accept: false when the operation has ended and must be started anew. */
	bool is_more;
	/* The backend's own. */
	bool is_in_flight;
	bool is_socket_empty; /* as far as the last receive could tell */
	uint8_t kind;
	int fd;
	uint32_t flags;
	uint64_t position;
	struct iovec one;
	const struct iovec *vector;
	uint32_t vector_count;
	uint64_t moved_bytes;
	struct iovec resume; /* what is left of a piece that was moved in part; it goes before `vector` */
	struct msghdr message;
	uint64_t due_ns; /* IO_SIM: when it ends */
	struct list node;
};

struct io_options {
	enum io_backend backend;
	uint32_t entries;          /* operations submitted at once, 256 if 0; more may be in flight */
	uint32_t buffer_count;     /* shared receive buffers for io_recv_pooled; 0 = none */
	uint32_t buffer_size_bytes;
	uint64_t seed;             /* IO_SIM: the seed of faults and of io_random */
	struct sim_disk *disk;     /* IO_SIM: the disk to use (log/io/sim.h) */
	struct sim_net *net;       /* IO_SIM: the network (log/io/sim_net.h); NULL: sockets answer -ENOSYS */
};

/* Opens the loop of this thread. -ENOSYS (the kernel is too old or has none), -EPERM, -EACCES (forbidden)
 * or -ENOMEM (the limit of locked memory is too low even for a small ring) mean that io_uring is not to be
 * had here: the caller chooses IO_SYSCALLS and says so. */
MUST_USE int io_open(struct io **out, const struct io_options *options);
/* No operation may be in flight that the owner still waits for: what is in flight ends without done(). */
void io_close(struct io *io);
enum io_backend io_backend(const struct io *io);
/* "io_uring", "system calls" or "simulation". */
const char *io_backend_name(enum io_backend backend);

/* ---- the loop ------------------------------------------------------------------------------------- */

/* Submits what is queued; waits for the first completion, wake or timer (or does not wait, if `may_wait`
 * is false); runs the callbacks of all that is there, due timers included, within a bounded budget.
 * Returns the number of callbacks run (0 after a signal), or -errno if the loop itself is broken. Never
 * called from a callback. IO_SIM does not sleep: it moves its clock to the next event, and returns 0 at
 * once if there is none. */
MUST_USE int io_turn(struct io *io, bool may_wait);

/* Starts what is queued now, not at the end of the turn: for work that the rest of the turn should not keep waiting. Runs no callbacks. */
void io_flush(struct io *io);

/* Makes `target`'s io_turn return soon and call its wake function; any number of calls before that fold
 * into one. Any thread; async-signal-safe. */
void io_wake(struct io *target);
void io_on_wake(struct io *io, io_wake_fn *wake, void *context);

/* A timer embedded in its owner. Runs once, in io_turn, at or after its deadline. */
struct io_timer {
	io_timer_fn *run;
	uint64_t deadline_ns;
	uint32_t heap_index; /* the backend's own: 1-based place, 0 = not set */
};
/* Sets or moves the timer; `deadline_ns` is on io_now_ns's clock. */
void io_timer_set(struct io *io, struct io_timer *timer, uint64_t deadline_ns);
/* Harmless if it is not set. */
void io_timer_cancel(struct io *io, struct io_timer *timer);

/* ---- clocks and randomness ---------------------------------------------------------------------------- */

/* Monotonic; read once a turn, so that one turn has one time. Between turns it is that of the last one (or
 * of io_open): after long work outside the loop, take an io_turn(io, false) first. */
uint64_t io_now_ns(struct io *io);
uint64_t io_fresh_ns(struct io *io); /* the same clock, read now: for what something within a turn costs */
int64_t io_wall_ms(struct io *io);  /* Unix time in milliseconds; likewise once a turn */
void io_random(struct io *io, void *bytes, size_t size);

/* ---- files, asynchronous ------------------------------------------------------------------------------ */

#define IO_DSYNC 1u /* the write is on stable storage when it is done (RWF_DSYNC) */

/* Transfers are whole: a short one is continued; result is the total (at most INT32_MAX bytes, in any
 * number of pieces). A read ends short at end of file only. After an error any part may have been moved.
 * `vector` must stay valid until done. With IO_DIRECT files the caller aligns memory, position and size. */
void io_write(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count,
	      uint64_t position, uint32_t flags);
void io_read(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count,
	     uint64_t position);
/* The same, for what gives way to everything else at the disk, where the kernel sorts its queue (io_uring; mq-deadline, bfq). */
void io_read_behind(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count,
		    uint64_t position);
void io_datasync(struct io *io, struct io_op *op, int fd);
/* All of the file's metadata as well, its times among them. */
void io_sync(struct io *io, struct io_op *op, int fd);
/* [0, size) reads as zeros when it is done, its blocks are kept, and the file is at least so long. Not durable before a sync that begins behind it. After an error any
 * part may be so. -EOPNOTSUPP: this file system, or this system, cannot. */
void io_zero(struct io *io, struct io_op *op, int fd, uint64_t size);
/* What was made, renamed or removed in the directory before this is durable when it is done: io_dir_sync for many, none of which the loop waits
 * for. The path must stay until then. */
void io_dir_sync_start(struct io *io, struct io_op *op, const char *path);

/* ---- sockets, asynchronous ------------------------------------------------------------------------------ */

/* At most one receive and one send may be in flight on a socket. Sockets must be in blocking mode, as
 * accept makes them. */

/* A listening TCP socket with SO_REUSEADDR (and SO_REUSEPORT if `is_shared`). Port 0 picks a free one;
 * *port_out says which. Returns the descriptor or -errno (-EADDRINUSE ...). Host is a literal address or a
 * name that resolves. */
MUST_USE int io_listen(struct io *io, const char *host, uint16_t port, bool is_shared, uint16_t *port_out);
/* Multishot: done() runs for every connection with its descriptor (TCP_NODELAY set) as result. An error
 * ends it (is_more is false): after -EMFILE or -ENFILE start it anew when a descriptor was closed or a
 * while later, not at once. */
void io_accept(struct io *io, struct io_op *op, int fd);
/* Receives up to `size` bytes into the caller's memory: whatever has arrived (`is_whole` false), or all of
 * it, fewer only at the end of the stream. 0 = the peer closed. */
void io_recv(struct io *io, struct io_op *op, int fd, void *data, size_t size, bool is_whole);
/* Receives up to `size` bytes of what has arrived, or ends with -EAGAIN: the memory is used for as long as a turn takes, never for an idle
 * connection. */
void io_recv_now(struct io *io, struct io_op *op, int fd, void *data, size_t size);
/* Receives what has arrived into a shared buffer that is taken only when bytes are there, so that an idle
 * connection holds no memory. The receiver gives it back with io_buffer_return. Waits while no buffer is
 * free. */
void io_recv_pooled(struct io *io, struct io_op *op, int fd);
void io_buffer_return(struct io *io, uint16_t buffer_id);
/* Sends all of it (MSG_NOSIGNAL); result is the total or -errno. */
void io_send(struct io *io, struct io_op *op, int fd, const struct iovec *vector, uint32_t count);
/* Asks that an operation end early: done() still runs, with -ECANCELED or its result. Harmless if not in
 * flight. */
void io_cancel(struct io *io, struct io_op *op);
/* How many bytes of all that was ever sent on this socket the peer's system has acknowledged: whether somebody reads there. -errno; -EOPNOTSUPP. */
MUST_USE int64_t io_socket_acked(struct io *io, int fd);
/* shutdown(2) both ways, which ends the operations in flight; then io_close_fd when they have ended. */
void io_shutdown(struct io *io, int fd);
/* Closes any descriptor had from here: socket, file or lock. Nothing may be in flight on it. */
void io_close_fd(struct io *io, int fd);

/* ---- what was refused ------------------------------------------------------------------------------------- */

/* For whoever tells people of an error that came up from a cold call: the path that the system refused with it, what was wanted of it, why, and what can
 * be done. Without such a call, the last of its kind, err_text(err) and the advice. Returns `out`. */
const char *io_explain(const struct io *io, int err, char *out, size_t size);

/* ---- files, cold calls: synchronous, for start, roll, topic changes ---------------------------------------- */

#define IO_CREATE 1u    /* create if missing */
#define IO_EXCLUSIVE 2u /* with IO_CREATE: -EEXIST if it is there */
#define IO_DIRECT 4u    /* O_DIRECT where the file system allows it, else silently buffered */
#define IO_READ_ONLY 8u

/* Opened for reading and writing unless IO_READ_ONLY. Descriptor or -errno; ERR_NOT_A_FILE at once where a directory, a FIFO, a socket, a device or a link
 * to nowhere is. A link to a regular file is as good as that. */
MUST_USE int io_file_open(struct io *io, const char *path, uint32_t flags);
/* Whoever keeps descriptors here that he can do without: asked when the system has no more (-EMFILE, -ENFILE), for a file or a directory. He closes some and
 * says true, and the call tries again; false: the caller gets the error. NULL: nobody. */
typedef bool io_spare_fn(void *context);
void io_on_no_descriptors(struct io *io, io_spare_fn *spare, void *context);
MUST_USE int64_t io_file_size(struct io *io, int fd);
/* When the file's bytes were last changed, in ns: a number to be held against an earlier one of the same file. Ask it of files that are written no more: who asks
 * makes the kernel (6.13 and later) give the next write a new time, which a durable write then has to write as well. -errno. */
MUST_USE int64_t io_file_changed_ns(struct io *io, int fd);
/* Everything in [position, the result) is zeros, as the file system knows without reading: room that was reserved. The file's size if there is nothing
 * else; `position` itself where nothing is known. -errno. */
MUST_USE int64_t io_file_next_data(struct io *io, int fd, uint64_t position);
/* A hint: this stretch of a buffered descriptor will be read soon. The kernel may fetch it meanwhile, with as much in flight as the disk likes, where a read
 * alone would wait for one small read ahead after the other. */
void io_file_will_read(struct io *io, int fd, uint64_t position, uint64_t size);
/* The other way round: of a buffered descriptor nothing is read but what is asked for, until `may` again. What the kernel reads ahead of room that was reserved is
 * zeros in its memory, and io_file_next_data takes those for data. */
void io_file_read_ahead(struct io *io, int fd, bool may);
/* What is in the kernel's memory behind `position`, and on the disk as well, is let go: zeros that were read ahead before are a hole again. */
void io_file_forget(struct io *io, int fd, uint64_t position);

struct io_look {
	const char *path;
	uint64_t position;       /* of a file: the block there, besides its first one */
	uint64_t other_position; /* and the one there */
	uint32_t size_bytes;     /* of so much from `position` on the disk is asked as well; that may still be on its way. 0: no more than the block */
};

/* A hint as well: these directories will be listed, these files opened and looked into, one after the other. The kernel has fetched them when this returns, with
 * several in flight. Errors are for who opens them. */
void io_look_ahead(struct io *io, const struct io_look *items, uint32_t count);
MUST_USE int io_file_truncate(struct io *io, int fd, uint64_t size);
/* Reserves blocks for [position, position + size), growing the size of the file if `does_extend`.
 * -EOPNOTSUPP if it cannot. */
MUST_USE int io_file_allocate(struct io *io, int fd, uint64_t position, uint64_t size, bool does_extend);
/* Whole transfers, now. A read returns the bytes there were up to end of file. */
MUST_USE int64_t io_file_read(struct io *io, int fd, void *data, size_t size, uint64_t position);
MUST_USE int64_t io_file_write(struct io *io, int fd, const void *data, size_t size, uint64_t position);
MUST_USE int io_file_sync(struct io *io, int fd);
/* Does `path` still lead to the file that is open here? 0, ERR_GONE, -errno. What is written to a file that does not is found by nobody. */
MUST_USE int io_file_check_name(struct io *io, int fd, const char *path);
/* Is that file, open for writing, this descriptor's alone? `path` is its one name, no link to it, and nobody else has it open, here or elsewhere. 0; ERR_GONE: no, or
 * the system cannot tell; -errno. */
MUST_USE int io_file_check_alone(struct io *io, int fd, const char *path);

MUST_USE int io_dir_make(struct io *io, const char *path);            /* -EEXIST if it is there */
MUST_USE int io_dir_sync(struct io *io, const char *path);
/* The directory that holds `path`, by its text alone: makes a name that was made or renamed there durable. */
MUST_USE int io_parent_sync(struct io *io, const char *path);
/* That directory's name. -ENAMETOOLONG. */
MUST_USE int io_parent_of(const char *path, char *parent, size_t parent_size);
/* Nonzero ends the walk and is returned. */
typedef int io_dir_entry_fn(void *context, const char *name, bool is_directory); /* a link to a directory is one */
MUST_USE int io_dir_list(struct io *io, const char *path, io_dir_entry_fn *entry, void *context);
MUST_USE int io_rename(struct io *io, const char *from, const char *to);
/* The same, but what has the name `to` keeps it: -EEXIST. -EXDEV: on another file system; -EINVAL: this one cannot do that. */
MUST_USE int io_rename_new(struct io *io, const char *from, const char *to);
MUST_USE int io_unlink(struct io *io, const char *path);
/* The same two, but nobody waits for what the file's blocks cost to give back, where the kernel can be left with it (io_uring): on a file system that is mounted
 * with discard that is the disk's time, 20 ms for 64 MiB. Of a rename it is the file that had the name `to`. */
MUST_USE int io_unlink_behind(struct io *io, const char *path);
MUST_USE int io_rename_behind(struct io *io, const char *from, const char *to);
/* How many such files are still being given back. Each holds a descriptor: who removes many waits while there are so many. */
#define IO_BEHIND_MANY 64u
uint32_t io_behind_count(const struct io *io);
MUST_USE int io_dir_remove(struct io *io, const char *path);          /* an empty one; of a link to a directory the link itself */
/* Bytes free for us and in total on the file system of `path`. */
MUST_USE int io_space(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes);
/* Takes an exclusive lock held until the process ends or the descriptor closes: descriptor, or ERR_LOCKED.
 * Retries for `wait_ms`, as the lock of a killed process stays until its last I/O has ended. */
MUST_USE int io_lock(struct io *io, const char *path, uint32_t wait_ms);
/* The same of a directory itself, which nobody can remove from under its holder as he can a file in it: its descriptor, ERR_LOCKED, or -EOPNOTSUPP where a
 * directory cannot be locked (IO_SIM, some network file systems). */
MUST_USE int io_dir_lock(struct io *io, const char *path, uint32_t wait_ms);
/* From now on `dir` and all paths below it lead to the directory that `fd` is open on, wherever that is moved to, and never to another one that has got its
 * name since. The descriptor stays the caller's, who closes it after the last call, as the text of `dir` does, which is compared. IO_SIM: nothing happens. */
void io_anchor(struct io *io, const char *dir, int fd);
