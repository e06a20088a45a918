/* The simulated network of IO_SIM: byte streams between a broker's io (which listens, accepts, receives and sends on them by the ordinary verbs) and
 * clients that the simulation drives by hand, with latency, stalls, windows that fill up, and connections that break. It outlives the io that
 * uses it, as a network outlives a process. Its clock is the disk's. Owner: the one thread of the simulation. Never touches a real socket; all that
 * is random comes from its seed.
 *
 * Memory that cannot be had ends the program: this is a machine for tests. */
#pragma once

#include "log/base/types.h"

struct sim_disk;
struct sim_net;
/* One connection, as its client has it. */
struct sim_link;

struct sim_net *sim_net_open(struct sim_disk *disk, uint64_t seed);
/* Every io on it has been closed, every link let go. */
void sim_net_close(struct sim_net *net);

/* The time of the simulation. */
uint64_t sim_net_now_ns(const struct sim_net *net);
/* A client wants to act at that time: the clock does not jump over it. One for the whole network; the next replaces it. */
void sim_net_set_alarm(struct sim_net *net, uint64_t at_ns);

/* How slow it is, from now on. */
struct sim_net_pace {
	uint64_t latency_ns_max;    /* of each piece on its way; they never overtake each other */
	uint32_t stall_per_mille;   /* of the pieces take up to `stall_ns` longer */
	uint64_t stall_ns;
	uint32_t window_bytes;      /* what may be on its way, or unread, in one direction */
	uint32_t piece_bytes_max;   /* what is sent at once comes in pieces of random sizes up to this */
};
void sim_net_set_pace(struct sim_net *net, const struct sim_net_pace *pace);

/* The broker's process is gone (its io has been closed, or never will be used again): its side of every connection is reset. */
void sim_net_lose_broker(struct sim_net *net);

/* ---- the client's side --------------------------------------------------------------------------------------- */

/* NULL: nothing listens there. */
struct sim_link *sim_link_open(struct sim_net *net, uint16_t port);
/* Takes what the window has room for and says how much; what is left is for later. 0 as well when the connection is over. */
size_t sim_link_send(struct sim_link *link, const void *data, size_t size);
/* Bytes that have arrived by now; 0: none; -1: none, and none will come any more. */
int64_t sim_link_receive(struct sim_link *link, void *data, size_t size);
/* Would it say 0? */
bool sim_link_is_quiet(const struct sim_link *link);
/* Sends no more: what was sent still arrives, and then the end of the stream. It may read on. */
void sim_link_finish(struct sim_link *link);
/* Lets go of it. What was sent still arrives, and then the end of the stream. */
void sim_link_close(struct sim_link *link);
/* Lets go of it, and what was under way is lost. */
void sim_link_reset(struct sim_link *link);

/* ---- the broker's side: what io_sim.c makes the verbs of ------------------------------------------------------- */

/* Descriptors from here on are sockets. */
#define SIM_SOCKET_BASE 2000000

/* A descriptor, or -EADDRINUSE. Port 0 picks one. */
MUST_USE int sim_net__listen(struct sim_net *net, uint16_t port, uint16_t *port_out);
/* -EAGAIN: not now. */
MUST_USE int sim_net__accept(struct sim_net *net, int fd);
MUST_USE int64_t sim_net__receive(struct sim_net *net, int fd, void *data, size_t size);
MUST_USE int64_t sim_net__send(struct sim_net *net, int fd, const void *data, size_t size);
/* How much of what was sent on it the client has taken. */
MUST_USE int64_t sim_net__acked(struct sim_net *net, int fd);
void sim_net__shutdown(struct sim_net *net, int fd);
void sim_net__close(struct sim_net *net, int fd);
/* Would the next receive, accept or send on it have an answer other than -EAGAIN? */
bool sim_net__is_readable(const struct sim_net *net, int fd);
bool sim_net__is_writable(const struct sim_net *net, int fd);
/* When something arrives next, on either side; UINT64_MAX: nothing is on its way. */
uint64_t sim_net__arrival_ns(struct sim_net *net);
/* The same, or the alarm that was set. */
uint64_t sim_net__next_ns(struct sim_net *net);
/* Grows with each change. While it is the same, nothing becomes readable or writable but by an arrival. */
uint64_t sim_net__version(const struct sim_net *net);
