/* Produces into the topic_name, in a thread of its own; goes on through kill -9 of the broker. */
#include "tests/live/members/members.h"

#include <sys/socket.h>
#include <unistd.h>

_Atomic bool producer_stops;
int produce_ms = 2;
_Atomic int64_t produced[PARTITIONS_MAX];

static bool is_answered(struct peer *p, struct buf *request, struct reader *r)
{
	struct buf copy = *request;
	*request = (struct buf){ 0 };
	bool sent = peer_send(p, copy.data, copy.size);
	buf_free(&copy);
	return sent && peer_receive(p, 10000, -1, r) == REPLY;
}

static int try_dial(struct peer *p)
{
	*p = (struct peer){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (connect(p->fd, (struct sockaddr *)&target, sizeof(target)) == 0)
		return 0;
	close(p->fd);
	p->fd = -1;
	return -1;
}

static void note_produced(struct reader *r, int32_t p, int32_t count)
{
	char text[300];
	get_i32(r);
	get_string(r, text, sizeof(text));
	get_i32(r);
	get_i32(r);
	int error = get_i16(r);
	int64_t base = get_i64(r);
	if (error || r->bad)
		world_give_up(NULL, "Produce: error %d", error);
	if (produced[p] < base + count)
		produced[p] = base + count;
}

/* Batches of a few records, one partition after the other; what is not acked may be there or not. */
void *producer_main(void *unused)
{
	struct peer peer = { .fd = -1 };
	for (int32_t n = 0; !producer_stops && any_reads; n++) {
		struct buf request = { 0 }, records = { 0 };
		struct batch batch = batch_spec(1 + n % 5);
		struct reader r;
		put_batch(&records, &batch);
		put_produce_request(&request, n, topic_name, n % partition_count, &records);
		if ((peer.fd < 0 && try_dial(&peer) != 0) || !is_answered(&peer, &request, &r)) {
			if (peer.fd >= 0)
				peer_close(&peer);
			peer.fd = -1;
			usleep(RETRY_MS * 1000);
		} else {
			note_produced(&r, n % partition_count, batch.count);
		}
		buf_free(&request);
		buf_free(&records);
		usleep((useconds_t)produce_ms * 1000);
	}
	if (peer.fd >= 0)
		peer_close(&peer);
	return unused;
}
