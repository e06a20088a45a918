/* Happy path: the pools count what they free beyond what they keep, and say what they keep beyond what a calm shard needs; when either is much a
 * timer is set, and what it runs is malloc_trim, which takes milliseconds: so it waits for a calm moment, and under a steady load it never comes. */
#include "net/conn/give_back.h"

#include <malloc.h>

#include "net/conn/frame_pool.h"
#include "net/conn/request_pool.h"
#include "net/route/shard_state.h"

#define BURST_BYTES (4u << 20)
#define EXCESS_BYTES (1u << 20)
#define CALM_BYTES (1u << 20)
#define WAIT_NS (2ull * 1000 * 1000 * 1000)

static uint64_t freed_bytes(const struct shard *shard)
{
	return frame_pool_freed_bytes(shard->frames) + request_pool_freed_bytes(shard->requests);
}

static void wait_for_calm(struct shard *shard)
{
	io_timer_set(shard->io, &shard->give_back.timer, io_now_ns(shard->io) + WAIT_NS);
}

static void run(struct io_timer *timer)
{
	struct shard *shard = CONTAINER_OF(timer, struct shard, give_back.timer);
	if (frame_pool_used_bytes(shard->frames) > CALM_BYTES) {
		wait_for_calm(shard);
		return;
	}
	request_pool_trim(shard->requests);
	shard->give_back.freed_bytes = freed_bytes(shard);
	malloc_trim(0);
}

void give_back_turn(struct shard *shard)
{
	bool is_due = freed_bytes(shard) - shard->give_back.freed_bytes >= BURST_BYTES || request_pool_excess_bytes(shard->requests) >= EXCESS_BYTES;
	if (!is_due || shard->give_back.timer.heap_index != 0)
		return;
	shard->give_back.timer.run = run;
	wait_for_calm(shard);
}
