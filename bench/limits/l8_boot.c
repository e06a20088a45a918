/* L8: a static binary that listens and answers ApiVersions: what starting a process, a socket and one round
 * trip take, and what such a process has resident. It answers with an empty list, for as long as it is asked.
 *
 * l8_boot PORT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int fd)
{
	/* size, correlation id; no error, an empty list, no throttling, no tags */
	uint8_t request[4096], answer[4 + 4 + 2 + 1 + 4 + 1] = { 0, 0, 0, 12, [10] = 1 };
	while (recv(fd, request, sizeof request, 0) >= 12) {
		memcpy(answer + 4, request + 8, 4);
		if (send(fd, answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
			return;
	}
}

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0")),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024))
		return 1;
	for (;;) {
		int connection = accept(fd, NULL, NULL);
		serve(connection);
		close(connection);
	}
}
