/* L0: receive, check the CRC-32C, answer. Nothing is kept.
 *
 * l0_recv [PORT] */
#include "bench/limits/limit_epoll.h"

int main(int argc, char **argv)
{
	limit_serve(limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0), NULL);
}
