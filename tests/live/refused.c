/* One small produce: "error milliseconds".
 *
 *   refused HOST:PORT TOPIC PARTITION
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: refused HOST:PORT TOPIC PARTITION\n");
		return 2;
	}
	struct peer p;
	peer_target(argv[1]);
	peer_open(&p);
	struct batch batch = batch_spec(1);
	int64_t began_ms = now_ms();
	struct produced produced = peer_produce(&p, argv[2], atoi(argv[3]), &batch);
	printf("%d %lld\n", produced.outcome == REPLY ? produced.error : -100, (long long)(now_ms() - began_ms));
	peer_close(&p);
	return 0;
}
