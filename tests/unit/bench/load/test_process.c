/* What a process costs and which one listens, seen on this very process. */
#include "bench/load/process_cost.h"
#include "bench/load/process_find.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int listen_somewhere(int family, uint16_t *port)
{
	struct sockaddr_in6 address6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in address4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr *address = family == AF_INET6 ? (struct sockaddr *)&address6 : (struct sockaddr *)&address4;
	socklen_t size = family == AF_INET6 ? sizeof address6 : sizeof address4;
	int fd = socket(family, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, address, size) || listen(fd, 1) || getsockname(fd, address, &size)) {
		close(fd);
		return -1;
	}
	*port = ntohs(family == AF_INET6 ? address6.sin6_port : address4.sin_port);
	return fd;
}

/* Found while it listens, by IPv4 and (where there is any) by IPv6, and not once it is closed. */
Test(process, finds_who_listens)
{
	static const int families[] = { AF_INET, AF_INET6 };
	for (size_t i = 0; i < COUNT_OF(families); i++) {
		uint16_t port = 0;
		int fd = listen_somewhere(families[i], &port);
		if (fd < 0 && families[i] == AF_INET6)
			continue;
		cr_assert_geq(fd, 0);
		cr_expect_eq(process_find_listener(port), getpid());
		close(fd);
		cr_expect_eq(process_find_listener(port), 0);
	}
}

/* A process that works for 50 ms of CPU and sleeps ten times is charged for both, to the kernel's resolution. */
Test(process, cost_grows_with_work)
{
	struct process_cost before = process_cost_now(getpid());
	struct timespec cpu;
	cr_assert_gt(before.rss_bytes, 100000);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	while (cpu.tv_sec == 0 && cpu.tv_nsec < 50000000);
	for (int i = 0; i < 10; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	struct process_cost after = process_cost_now(getpid());
	cr_expect_geq(after.cpu_ns, 30000000);
	cr_expect_geq(after.switches, before.switches + 10);
}

/* Nobody asked about, or nobody there: zero. */
Test(process, nobody_costs_nothing)
{
	struct process_cost none = process_cost_now(0), gone = process_cost_now(INT32_MAX);
	cr_expect(none.cpu_ns == 0 && none.rss_bytes == 0 && none.switches == 0);
	cr_expect(gone.cpu_ns == 0 && gone.rss_bytes == 0 && gone.switches == 0);
}
