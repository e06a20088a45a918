/* One request at a time, while signals come: who measures may be interrupted, and still has to delete its topics. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/load/socket.h"
#include "log/base/bytes.h"

#define ANSWER "an answer in pieces"

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* Byte for byte, 5 ms apart, so that each wait of the other side meets signals. */
static void *answer_slowly(void *context)
{
	uint8_t request[4], answer[4 + sizeof ANSWER];
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	int fd = accept(*(int *)context, NULL, NULL);
	store_be32(answer, sizeof ANSWER);
	memcpy(answer + 4, ANSWER, sizeof ANSWER);
	bool is_asked = recv(fd, request, sizeof request, MSG_WAITALL) == sizeof request;
	for (size_t i = 0; is_asked && i < sizeof answer; i++) {
		usleep(5000);
		is_asked = send(fd, answer + i, 1, MSG_NOSIGNAL) == 1;
	}
	close(fd);
	return NULL;
}

static void nothing(int number)
{
	(void)number;
}

Test(bench_socket, a_signal_ends_no_request, .timeout = 20)
{
	struct sigaction action = {.sa_handler = nothing};
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	uint8_t answer[64];
	uint16_t port;
	pthread_t thread;
	int listener = listen_somewhere(&port);
	cr_assert_eq(pthread_create(&thread, NULL, answer_slowly, &listener), 0);
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	int fd = socket_connect("127.0.0.1", port, 10000000000ull);
	int size = fd < 0 ? fd : socket_ask(fd, (struct slice){(const uint8_t *)"ask?", 4}, answer, sizeof answer);
	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	cr_expect_eq(size, sizeof ANSWER, "%s", strerror(-size));
	cr_expect(size != sizeof ANSWER || memcmp(answer, ANSWER, sizeof ANSWER) == 0);
	close(fd);
	pthread_join(thread, NULL);
	close(listener);
}
