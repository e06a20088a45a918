/* One meter an address, in a bounded table; the limits of all addresses in an array made when quotas change. A refused connection does not count.
 *
 * Failures: without memory nobody is refused; when too many sockets are held, the next is closed at once. */
#include "net/conn/address_rates.h"

#include <stdlib.h>

#include "net/conn/peer.h"
#include "net/route/quota_task.h"

#define METERS_MAX 10000u
#define HELD_MAX 1000u

struct held_socket {
	struct address_rates *rates;
	struct io_timer timer;
	struct list node;
	int fd;
};

struct address_rates {
	struct shard *shard;
	struct quota_window window;
	struct quota_meters *meters;
	struct quota_addresses *limits; /* of the quotas of `version`; NULL: none, or no memory */
	uint64_t version;
	struct list held;
	uint32_t held_count;
	bool is_stopping;
};

struct address_rates *address_rates_create(struct shard *shard)
{
	struct address_rates *rates = malloc(sizeof *rates);
	uint64_t seed;
	if (!rates)
		return NULL;
	io_random(shard->io, &seed, sizeof seed);
	*rates = (struct address_rates){.shard = shard, .window = quota_window_of(shard)};
	rates->meters = quota_meters_create(&rates->window, METERS_MAX, seed);
	list_init(&rates->held);
	if (rates->meters)
		return rates;
	free(rates);
	return NULL;
}

/* ---- sockets that wait for their end --------------------------------------------------------------------- */

static void close_held(struct held_socket *held)
{
	struct address_rates *rates = held->rates;
	io_timer_cancel(rates->shard->io, &held->timer);
	io_close_fd(rates->shard->io, held->fd);
	list_remove(&held->node);
	rates->held_count--;
	free(held);
}

static void time_is_over(struct io_timer *timer)
{
	close_held(CONTAINER_OF(timer, struct held_socket, timer));
}

static void hold(struct address_rates *rates, int fd, uint64_t wait_ms)
{
	struct io *io = rates->shard->io;
	struct held_socket *held = rates->held_count < HELD_MAX && !rates->is_stopping ? calloc(1, sizeof *held) : NULL;
	if (!held) {
		io_close_fd(io, fd);
		return;
	}
	*held = (struct held_socket){.rates = rates, .fd = fd, .timer.run = time_is_over};
	list_push_back(&rates->held, &held->node);
	rates->held_count++;
	io_timer_set(io, &held->timer, io_now_ns(io) + wait_ms * 1000000);
}

void address_rates_stop(struct address_rates *rates)
{
	rates->is_stopping = true;
	LIST_FOR_EACH_SAFE(node, &rates->held)
		close_held(LIST_ENTRY(node, struct held_socket, node));
}

void address_rates_destroy(struct address_rates *rates)
{
	if (!rates)
		return;
	quota_meters_destroy(rates->meters);
	quota_addresses_destroy(rates->limits);
	free(rates);
}

/* ---- judging --------------------------------------------------------------------------------------------- */

static void follow_quotas(struct address_rates *rates)
{
	const struct catalog_image *image = rates->shard->image;
	if (rates->limits && rates->version == image->settings_version)
		return;
	quota_addresses_destroy(rates->limits);
	rates->limits = quota_addresses_create(image);
	rates->version = image->settings_version;
}

bool address_rates_refuse(struct address_rates *rates, int fd)
{
	struct io *io = rates->shard->io;
	uint8_t address[QUOTA_ADDRESS_SIZE];
	bool is_refused;
	follow_quotas(rates);
	if (!rates->limits || !peer_address(fd, address))
		return false;
	double limit = quota_address_limit(rates->limits, address);
	if (limit <= 0)
		return false;
	struct slice name = {address, sizeof address};
	uint64_t wait_ms = quota_meters_ask(rates->meters, name, 1, limit, io_now_ns(io) / 1000000, &is_refused);
	if (is_refused)
		hold(rates, fd, wait_ms < rates->window.sample_ms ? wait_ms : rates->window.sample_ms);
	return is_refused;
}
