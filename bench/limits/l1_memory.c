/* L1: L0, and each batch is appended to warm memory: a ring larger than the caches, copied past them.
 *
 * l1_memory [PORT] */
#include "bench/limits/limit_epoll.h"
#include "log/base/stream_copy.h"

#define RING_BYTES (256u << 20)

static uint8_t *ring; /* touched before anybody can connect */

static void append(const uint8_t *batch, size_t size)
{
	static size_t end;
	if (end + size > RING_BYTES)
		end = 0;
	stream_copy(ring + end, batch, size);
	end += size;
}

int main(int argc, char **argv)
{
	ring = limit_memory(RING_BYTES);
	limit_serve(limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0), append);
}
