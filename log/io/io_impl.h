/* Private to log/io/: what the three backends share. A backend's own struct starts with struct io, and io.c
 * reaches the backend through two tables: `impl` for the loop and the asynchronous verbs, `cold` for the
 * synchronous file calls (which both real backends take from io_posix.c). */
#pragma once

#include <errno.h>
#include <stdatomic.h>

#include "log/io/io.h"
#include "log/io/io_timers.h"

#define IO_WAIT_FOREVER UINT64_MAX
/* Callbacks of one kind in one turn, so that a turn is bounded. */
#define IO_TURN_BUDGET 1024
#define IO_ENTRIES_DEFAULT 256

enum io_kind { OP_WRITE = 1, OP_READ, OP_DATASYNC, OP_ACCEPT, OP_RECV, OP_RECV_POOLED, OP_SEND, OP_DIR_SYNC, OP_SYNC, OP_ZERO };

/* struct io_op's flags above those of io.h. */
#define OP_IS_WHOLE (1u << 31)     /* a receive that wants all its bytes */
#define OP_IS_CANCELLED (1u << 30) /* io_cancel was called: no continuation */
#define OP_IS_READY (1u << 29)     /* on the ready list: it has its result */
#define OP_IS_RETRY (1u << 28)     /* a pooled receive started anew because a buffer came back */
#define OP_IS_POLLED (1u << 27)    /* a pooled receive that looks for data before it looks for a buffer */
#define OP_IS_BEHIND (1u << 26)    /* a read that gives way at the disk */
#define OP_IS_NOW (1u << 25)       /* a receive that ends with -EAGAIN where it would wait */

/* io_look.c */
void io__look_ahead(struct io *io, const struct io_look *items, uint32_t count);

struct io_impl {
	void (*close)(struct io *io);
	/* Submits what is queued and waits up to `wait_ns` (0: not at all). 0 or -errno. */
	int (*wait)(struct io *io, uint64_t wait_ns);
	/* Submits what is queued; NULL where operations begin at once. */
	void (*flush)(struct io *io);
	/* Runs callbacks of operations that have ended. */
	void (*reap)(struct io *io);
	/* Begins an operation that io.c has filled in. */
	void (*start)(struct io *io, struct io_op *op);
	/* The operation is in flight and not on the ready list. */
	void (*cancel)(struct io *io, struct io_op *op);
	void (*buffer_return)(struct io *io, uint16_t buffer_id);
	void (*close_fd)(struct io *io, int fd);
	/* The same of a file that may have no name any more, and the loop does not wait for it; counts it in behind_count meanwhile. NULL where it would. */
	void (*close_behind)(struct io *io, int fd);
	void (*shutdown)(struct io *io, int fd);
	int64_t (*socket_acked)(struct io *io, int fd);
	int (*listen)(struct io *io, const char *host, uint16_t port, bool is_shared, uint16_t *port_out);
	/* The clocks and randomness. */
	void (*clock)(struct io *io, uint64_t *now_ns, int64_t *wall_ms);
	void (*random)(struct io *io, void *bytes, size_t size);
	/* Makes a wait end; NULL where there is one thread only. */
	void (*wake)(struct io *io);
};

struct io_cold {
	int (*file_open)(struct io *io, const char *path, uint32_t flags);
	int64_t (*file_size)(struct io *io, int fd);
	int64_t (*file_changed_ns)(struct io *io, int fd);
	int64_t (*file_next_data)(struct io *io, int fd, uint64_t position);
	void (*look_ahead)(struct io *io, const struct io_look *items, uint32_t count); /* NULL likewise */
	void (*file_will_read)(int fd, uint64_t position, uint64_t size); /* NULL where it would change nothing */
	void (*file_read_ahead)(int fd, bool may);                        /* NULL likewise */
	void (*file_forget)(int fd, uint64_t position);                   /* NULL likewise */
	int (*file_truncate)(struct io *io, int fd, uint64_t size);
	int (*file_allocate)(struct io *io, int fd, uint64_t position, uint64_t size, bool does_extend);
	int64_t (*file_read)(struct io *io, int fd, void *data, size_t size, uint64_t position);
	int64_t (*file_write)(struct io *io, int fd, const void *data, size_t size, uint64_t position);
	int (*file_sync)(struct io *io, int fd);
	int (*file_check_name)(struct io *io, int fd, const char *path);
	int (*file_check_alone)(struct io *io, int fd, const char *path);
	int (*dir_make)(struct io *io, const char *path);
	int (*dir_sync)(struct io *io, const char *path);
	int (*dir_list)(struct io *io, const char *path, io_dir_entry_fn *entry, void *context);
	int (*rename)(struct io *io, const char *from, const char *to);
	int (*rename_new)(struct io *io, const char *from, const char *to);
	int (*unlink)(struct io *io, const char *path);
	int (*dir_remove)(struct io *io, const char *path);
	int (*space)(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes);
	int (*lock)(struct io *io, const char *path, uint32_t wait_ms);
	int (*dir_lock)(struct io *io, const char *path, uint32_t wait_ms); /* NULL where directories stay where they are */
};

#define IO_REFUSED_PATH_SIZE 1024

struct io {
	const struct io_impl *impl;
	const struct io_cold *cold;
	enum io_backend backend;
	struct list ready; /* operations that have ended, result set, callback still to run */
	struct io_timers timers;
	uint64_t now_ns;
	int64_t wall_ms;
	uint64_t callback_count;
	uint32_t behind_count; /* io_behind_count */
	bool is_turning;
	/* Set by io_wake in any thread, taken by io__woken; while it is set, further wakes need do
	 * nothing. */
	atomic_bool is_wake_pending;
	io_wake_fn *wake;
	void *wake_context;
	/* Of the last cold call that was refused, for io_explain. */
	int refused_err;
	const char *refused_verb;
	char refused_path[IO_REFUSED_PATH_SIZE];
	io_spare_fn *spare;
	void *spare_context;
	/* io_anchor: paths at or below it lead through the descriptor. */
	const char *anchor_path; /* the caller's */
	size_t anchor_length; /* 0: none */
	int anchor_fd;
};

int io_uring__open(struct io **out, const struct io_options *options);
int io_syscalls__open(struct io **out, const struct io_options *options);
int io_sim__open(struct io **out, const struct io_options *options);

/* One system call on what is left of a transfer (io_transfer.h): bytes or -errno. A file's waits for the disk. */
int64_t io_syscalls__move(struct io_op *op);
/* The one system call of a sync, or of zeroing, for which its caller waits: 0 or -errno. */
int io_syscalls__settle(const struct io_op *op);

/* Initialises the shared part; the backend sets `impl` and `cold`. */
int io__init(struct io *io, enum io_backend backend);
void io__fini(struct io *io);

/* A cold call that names a path has ended so: an error is kept for io_explain. Returns the result. */
int io__note_refusal(struct io *io, const char *path, const char *verb, int result);
/* The same of a call that needs what it names, or the directory around it: that it is missing is a refusal too. */
int io__note_missing(struct io *io, const char *path, const char *verb, int result);

/* Where a path leads: for the ...at() calls of the system. */
struct io_at {
	int fd;           /* AT_FDCWD, or the anchor */
	const char *path; /* never empty */
};
struct io_at io__at(const struct io *io, const char *path);

/* Ends an operation: runs its callback. Only from within io_turn. */
void io__finish(struct io *io, struct io_op *op, int32_t result);
/* Ends it in the next turn (or later in this one's ready phase). The operation is on no list. */
void io__finish_later(struct io *io, struct io_op *op, int32_t result);
/* An open has ended with this: is it worth another try, as somebody has closed what he can do without? */
bool io__can_open_again(struct io *io, int err);
/* What a sync says: no memory for one, or no right to it, is an error like any other, as nobody knows how far it had come, and the kernel tells it once. So
 * whoever calls it need not ask what ran short. */
static inline int io__sync_result(int result)
{
	return result == -ENOMEM || result == -EACCES || result == -EPERM ? -EIO : result;
}
/* Runs the wake function if a wake is pending. */
void io__woken(struct io *io);

/* ---- io_posix.c: what both real backends do by plain system calls ---------------------------------------- */

extern const struct io_cold io_posix_cold;
int io_posix__listen(struct io *io, const char *host, uint16_t port, bool is_shared, uint16_t *port_out);
void io_posix__clock(struct io *io, uint64_t *now_ns, int64_t *wall_ms);
void io_posix__random(struct io *io, void *bytes, size_t size);
void io_posix__shutdown(struct io *io, int fd);
int64_t io_posix__socket_acked(struct io *io, int fd);
/* A descriptor that keeps the file there, and can shorten it. -1: there is none. */
int io_posix__hold(struct io *io, const char *path);
/* An eventfd's write that folds; async-signal-safe. */
void io_posix__wake(int wake_fd);
