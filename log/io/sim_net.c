/* A link is two streams, one for each direction. A stream is a list of pieces, each with the time at which it arrives, and perhaps an end, which
 * arrives behind them. Whoever sends adds pieces, as far as the window has room; whoever receives takes from those that have arrived.
 *
 * A link goes when both sides have let go of it: the client by closing or resetting it, the broker by closing its descriptor (or by never
 * having accepted it). */
#include "log/io/sim_net.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/base/list.h"
#include "log/io/sim_disk.h"
#include "log/io/sim_image.h"

#define LATENCY_NS_MAX 200000u
#define WINDOW_BYTES (256u << 10)
#define PIECE_BYTES_MAX 16384u
#define FIRST_PORT 20000

struct piece {
	struct list node;
	uint64_t due_ns;
	size_t size, taken;
	uint8_t data[];
};

struct stream {
	struct list pieces;
	uint64_t size_bytes;     /* sent and not taken */
	uint64_t taken_bytes;
	uint64_t due_ns;         /* of the last piece: none overtakes it */
	bool is_ended;           /* nothing is sent any more; the end arrives at due_ns */
};

struct sim_link {
	struct list node;        /* in the net's `links` */
	struct sim_net *net;
	int listener;            /* on whose queue it waits, until it is accepted */
	uint64_t opened_ns;      /* when the listener hears of it */
	bool is_accepted, is_reset, has_client, has_broker;
	struct stream in, out;   /* to the broker, to the client */
};

struct socket {
	bool is_used, is_listener;
	uint16_t port;
	struct sim_link *link;
};

struct sim_net {
	const uint64_t *clock_ns; /* the disk's */
	uint64_t random;
	struct sim_net_pace pace;
	uint64_t alarm_ns;
	uint64_t version;         /* changes with everything but the clock and the alarm */
	uint64_t seen_version, arrival_ns; /* the next arrival, as it was found at that version */
	struct list links;
	struct socket *sockets;
	uint32_t socket_count;
};

uint64_t sim_net_now_ns(const struct sim_net *net)
{
	return *net->clock_ns;
}

static uint64_t draw(struct sim_net *net, uint64_t below)
{
	return below ? sim_random(&net->random) % below : 0;
}

static void change(struct sim_net *net)
{
	net->version++;
}

/* ---- the network -------------------------------------------------------------------------------------------------- */

struct sim_net *sim_net_open(struct sim_disk *disk, uint64_t seed)
{
	struct sim_net *net = sim__take_zeroed(1, sizeof *net);
	net->clock_ns = sim_disk__clock_ns(disk);
	net->random = seed;
	net->version = 1; /* nothing was found at 0 */
	net->pace = (struct sim_net_pace){.latency_ns_max = LATENCY_NS_MAX, .window_bytes = WINDOW_BYTES, .piece_bytes_max = PIECE_BYTES_MAX};
	list_init(&net->links);
	return net;
}

void sim_net_close(struct sim_net *net)
{
	CHECK(list_is_empty(&net->links));
	free(net->sockets);
	free(net);
}

void sim_net_set_pace(struct sim_net *net, const struct sim_net_pace *pace)
{
	CHECK(pace->window_bytes && pace->piece_bytes_max);
	net->pace = *pace;
	change(net);
}

void sim_net_set_alarm(struct sim_net *net, uint64_t at_ns)
{
	net->alarm_ns = at_ns;
}

/* ---- a stream --------------------------------------------------------------------------------------------------------- */

static uint64_t arrival(struct sim_net *net, struct stream *stream)
{
	const struct sim_net_pace *pace = &net->pace;
	uint64_t due_ns = sim_net_now_ns(net) + draw(net, pace->latency_ns_max + 1);
	if (draw(net, 1000) < pace->stall_per_mille)
		due_ns += draw(net, pace->stall_ns + 1);
	stream->due_ns = due_ns > stream->due_ns ? due_ns : stream->due_ns;
	return stream->due_ns;
}

static size_t room(const struct sim_net *net, const struct stream *stream)
{
	return stream->size_bytes < net->pace.window_bytes ? net->pace.window_bytes - stream->size_bytes : 0;
}

static size_t add(struct sim_net *net, struct stream *stream, const uint8_t *data, size_t size)
{
	size_t left = room(net, stream) < size ? room(net, stream) : size, added = 0;
	while (added < left) {
		size_t part = 1 + draw(net, net->pace.piece_bytes_max);
		part = part < left - added ? part : left - added;
		struct piece *piece = sim__grow(NULL, sizeof *piece + part);
		*piece = (struct piece){.due_ns = arrival(net, stream), .size = part};
		memcpy(piece->data, data + added, part);
		list_push_back(&stream->pieces, &piece->node);
		added += part;
	}
	stream->size_bytes += added;
	change(net);
	return added;
}

static struct piece *arrived(const struct sim_net *net, const struct stream *stream)
{
	if (list_is_empty(&stream->pieces))
		return NULL;
	struct piece *piece = LIST_ENTRY(stream->pieces.next, struct piece, node);
	return piece->due_ns <= sim_net_now_ns(net) ? piece : NULL;
}

static size_t take(struct sim_net *net, struct stream *stream, uint8_t *data, size_t size)
{
	size_t taken = 0;
	for (struct piece *piece; taken < size && (piece = arrived(net, stream));) {
		size_t part = piece->size - piece->taken < size - taken ? piece->size - piece->taken : size - taken;
		memcpy(data + taken, piece->data + piece->taken, part);
		piece->taken += part;
		taken += part;
		if (piece->taken < piece->size)
			break;
		list_remove(&piece->node);
		free(piece);
	}
	stream->size_bytes -= taken;
	stream->taken_bytes += taken;
	if (taken)
		change(net);
	return taken;
}

static bool is_over(const struct sim_net *net, const struct stream *stream)
{
	return stream->is_ended && list_is_empty(&stream->pieces) && stream->due_ns <= sim_net_now_ns(net);
}

static void end(struct sim_net *net, struct stream *stream)
{
	if (stream->is_ended)
		return;
	arrival(net, stream);
	stream->is_ended = true;
	change(net);
}

static void lose(struct sim_net *net, struct stream *stream)
{
	change(net);
	for (struct list *node; (node = list_pop_front(&stream->pieces));)
		free(LIST_ENTRY(node, struct piece, node));
	stream->size_bytes = 0;
	stream->is_ended = true;
}

/* When the next of it arrives, if that is still to come. */
static uint64_t next_of(const struct sim_net *net, const struct stream *stream)
{
	uint64_t now = sim_net_now_ns(net);
	LIST_FOR_EACH(node, &stream->pieces) {
		const struct piece *piece = LIST_ENTRY(node, struct piece, node);
		if (piece->due_ns > now)
			return piece->due_ns;
	}
	return stream->is_ended && stream->due_ns > now ? stream->due_ns : UINT64_MAX;
}

/* ---- a link ------------------------------------------------------------------------------------------------------------- */

static void free_if_over(struct sim_link *link)
{
	if (link->has_client || link->has_broker)
		return;
	lose(link->net, &link->in);
	lose(link->net, &link->out);
	list_remove(&link->node);
	free(link);
}

static void break_link(struct sim_link *link)
{
	link->is_reset = true;
	lose(link->net, &link->in);
	lose(link->net, &link->out);
}

static int find_listener(const struct sim_net *net, uint16_t port)
{
	for (uint32_t i = 0; i < net->socket_count; i++)
		if (net->sockets[i].is_used && net->sockets[i].is_listener && net->sockets[i].port == port)
			return (int)i;
	return -1;
}

struct sim_link *sim_link_open(struct sim_net *net, uint16_t port)
{
	int listener = find_listener(net, port);
	if (listener < 0)
		return NULL;
	struct sim_link *link = sim__take_zeroed(1, sizeof *link);
	link->net = net;
	link->listener = listener;
	link->has_client = link->has_broker = true;
	list_init(&link->in.pieces);
	list_init(&link->out.pieces);
	link->opened_ns = arrival(net, &link->in);
	list_push_back(&net->links, &link->node);
	change(net);
	return link;
}

size_t sim_link_send(struct sim_link *link, const void *data, size_t size)
{
	return link->is_reset || link->in.is_ended ? 0 : add(link->net, &link->in, data, size);
}

int64_t sim_link_receive(struct sim_link *link, void *data, size_t size)
{
	size_t taken = take(link->net, &link->out, data, size);
	if (taken)
		return (int64_t)taken;
	return link->is_reset || is_over(link->net, &link->out) ? -1 : 0;
}

bool sim_link_is_quiet(const struct sim_link *link)
{
	return !link->is_reset && !arrived(link->net, &link->out) && !is_over(link->net, &link->out);
}

void sim_link_finish(struct sim_link *link)
{
	end(link->net, &link->in);
}

void sim_link_close(struct sim_link *link)
{
	sim_link_finish(link);
	lose(link->net, &link->out);
	link->has_client = false;
	change(link->net);
	free_if_over(link);
}

void sim_link_reset(struct sim_link *link)
{
	break_link(link);
	link->has_client = false;
	change(link->net);
	free_if_over(link);
}

void sim_net_lose_broker(struct sim_net *net)
{
	change(net);
	for (uint32_t i = 0; i < net->socket_count; i++)
		net->sockets[i].is_used = false;
	LIST_FOR_EACH_SAFE(node, &net->links) {
		struct sim_link *link = LIST_ENTRY(node, struct sim_link, node);
		break_link(link);
		link->has_broker = false;
		free_if_over(link);
	}
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------------- */

static int add_socket(struct sim_net *net, const struct socket *socket)
{
	uint32_t i = 0;
	while (i < net->socket_count && net->sockets[i].is_used)
		i++;
	if (i == net->socket_count) {
		net->socket_count = net->socket_count ? 2 * net->socket_count : 16;
		net->sockets = sim__grow(net->sockets, net->socket_count * sizeof *net->sockets);
		memset(net->sockets + i, 0, (net->socket_count - i) * sizeof *net->sockets);
	}
	net->sockets[i] = *socket;
	return SIM_SOCKET_BASE + (int)i;
}

static struct socket *socket_of(const struct sim_net *net, int fd)
{
	uint32_t i = (uint32_t)(fd - SIM_SOCKET_BASE);
	return fd >= SIM_SOCKET_BASE && i < net->socket_count && net->sockets[i].is_used ? &net->sockets[i] : NULL;
}

int sim_net__listen(struct sim_net *net, uint16_t port, uint16_t *port_out)
{
	if (port && find_listener(net, port) >= 0)
		return -EADDRINUSE;
	for (port = port ? port : FIRST_PORT; find_listener(net, port) >= 0; port++)
		;
	*port_out = port;
	change(net);
	return add_socket(net, &(struct socket){.is_used = true, .is_listener = true, .port = port});
}

/* The one that has waited longest, of those that have arrived. */
static struct sim_link *first_waiting(const struct sim_net *net, int fd)
{
	LIST_FOR_EACH(node, &net->links) {
		struct sim_link *link = LIST_ENTRY(node, struct sim_link, node);
		if (!link->is_accepted && link->has_broker && link->listener == fd - SIM_SOCKET_BASE && link->opened_ns <= sim_net_now_ns(net))
			return link;
	}
	return NULL;
}

int sim_net__accept(struct sim_net *net, int fd)
{
	struct sim_link *link = first_waiting(net, fd);
	if (!link)
		return -EAGAIN;
	link->is_accepted = true;
	change(net);
	return add_socket(net, &(struct socket){.is_used = true, .link = link});
}

int64_t sim_net__receive(struct sim_net *net, int fd, void *data, size_t size)
{
	struct socket *socket = socket_of(net, fd);
	if (!socket || !socket->link)
		return -EBADF;
	size_t taken = take(net, &socket->link->in, data, size);
	if (taken)
		return (int64_t)taken;
	if (socket->link->is_reset)
		return -ECONNRESET;
	return is_over(net, &socket->link->in) ? 0 : -EAGAIN;
}

int64_t sim_net__send(struct sim_net *net, int fd, const void *data, size_t size)
{
	struct socket *socket = socket_of(net, fd);
	if (!socket || !socket->link)
		return -EBADF;
	struct sim_link *link = socket->link;
	if (link->is_reset || link->out.is_ended)
		return -EPIPE;
	size_t added = add(net, &link->out, data, size);
	return added || !size ? (int64_t)added : -EAGAIN;
}

int64_t sim_net__acked(struct sim_net *net, int fd)
{
	const struct socket *socket = socket_of(net, fd);
	return socket && socket->link ? (int64_t)socket->link->out.taken_bytes : -EBADF;
}

void sim_net__shutdown(struct sim_net *net, int fd)
{
	struct socket *socket = socket_of(net, fd);
	if (!socket || !socket->link)
		return;
	end(net, &socket->link->out);
	lose(net, &socket->link->in);
	socket->link->in.due_ns = sim_net_now_ns(net);
	change(net);
}

static void close_listener(struct sim_net *net, int fd)
{
	LIST_FOR_EACH_SAFE(node, &net->links) {
		struct sim_link *link = LIST_ENTRY(node, struct sim_link, node);
		if (link->is_accepted || link->listener != fd - SIM_SOCKET_BASE)
			continue;
		break_link(link);
		link->has_broker = false;
		free_if_over(link);
	}
}

void sim_net__close(struct sim_net *net, int fd)
{
	struct socket *socket = socket_of(net, fd);
	if (!socket)
		return;
	change(net);
	struct sim_link *link = socket->link;
	if (socket->is_listener)
		close_listener(net, fd);
	*socket = (struct socket){0};
	if (!link)
		return;
	/* As TCP does: what the client has sent and nobody has read makes it a reset. */
	if (link->in.size_bytes)
		break_link(link);
	else
		end(net, &link->out);
	lose(link->net, &link->in);
	link->has_broker = false;
	free_if_over(link);
}

bool sim_net__is_readable(const struct sim_net *net, int fd)
{
	const struct socket *socket = socket_of(net, fd);
	if (!socket)
		return true;
	if (socket->is_listener)
		return first_waiting(net, fd) != NULL;
	return socket->link->is_reset || arrived(net, &socket->link->in) || is_over(net, &socket->link->in);
}

bool sim_net__is_writable(const struct sim_net *net, int fd)
{
	const struct socket *socket = socket_of(net, fd);
	return !socket || !socket->link || socket->link->is_reset || socket->link->out.is_ended || room(net, &socket->link->out);
}

uint64_t sim_net__version(const struct sim_net *net)
{
	return net->version;
}

static uint64_t find_arrival(const struct sim_net *net)
{
	uint64_t next_ns = UINT64_MAX;
	LIST_FOR_EACH(node, &net->links) {
		const struct sim_link *link = LIST_ENTRY(node, struct sim_link, node);
		uint64_t in_ns = next_of(net, &link->in), out_ns = link->has_client ? next_of(net, &link->out) : UINT64_MAX;
		if (!link->is_accepted && link->opened_ns > sim_net_now_ns(net) && link->opened_ns < in_ns)
			in_ns = link->opened_ns;
		next_ns = in_ns < next_ns ? in_ns : next_ns;
		next_ns = out_ns < next_ns ? out_ns : next_ns;
	}
	return next_ns;
}

/* What was found before holds until it has come, if nothing has changed. */
uint64_t sim_net__arrival_ns(struct sim_net *net)
{
	if (net->seen_version != net->version || net->arrival_ns <= sim_net_now_ns(net)) {
		net->arrival_ns = find_arrival(net);
		net->seen_version = net->version;
	}
	return net->arrival_ns;
}

uint64_t sim_net__next_ns(struct sim_net *net)
{
	uint64_t arrival_ns = sim_net__arrival_ns(net);
	return net->alarm_ns > sim_net_now_ns(net) && net->alarm_ns < arrival_ns ? net->alarm_ns : arrival_ns;
}
