/* What is said of a broker one of whose shards hangs: /livez and /readyz are answered by a thread of their own, which asks each shard's loop. */
#include "tests/unit/net/server_fixture.h"

#include <signal.h>
#include <time.h>

static struct broker broker;
static volatile sig_atomic_t is_released;

/* In the middle of whatever the loop does. */
static void hang(int number)
{
	while (!is_released)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* The status and the body's first line. */
static void get(const char *path, char *out, size_t size)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(broker.report.metrics_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char text[2048];
	size_t used = 0;
	int fd = socket(AF_INET, SOCK_STREAM, 0), length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	cr_assert_eq(send(fd, text, (size_t)length, 0), length);
	for (ssize_t got; used < sizeof text - 1 && (got = recv(fd, text + used, sizeof text - 1 - used, 0)) > 0;)
		used += (size_t)got;
	close(fd);
	text[used] = 0;
	const char *body = strstr(text, "\r\n\r\n");
	cr_assert(body && used > 12, "%s: %s", path, text);
	snprintf(out, size, "%.3s %s", text + 9, body + 4);
	out[strcspn(out, "\n")] = 0;
}

/* A shard that hangs is 503, after two seconds; when it goes on all is 200 again. */
Test(health, a_shard_that_hangs, .timeout = 30)
{
	char answer[512];
	broker = (struct broker){0};
	broker_configure(&broker, 2, NULL);
	broker.options.metrics_host = "127.0.0.1";
	cr_assert_eq(broker_try_start(&broker, answer, sizeof answer), 0, "%s", answer);
	get("/readyz", answer, sizeof answer);
	cr_assert_str_eq(answer, "200 ready");
	signal(SIGUSR1, hang);
	pthread_kill(broker.thread, SIGUSR1);
	get("/readyz", answer, sizeof answer);
	cr_expect_str_eq(answer, "503 a shard of the broker has not answered for two seconds");
	is_released = 1;
	get("/livez", answer, sizeof answer);
	cr_expect_str_eq(answer, "200 alive");
	get("/readyz", answer, sizeof answer);
	cr_expect_str_eq(answer, "200 ready");
	broker_end(&broker);
}
