/* A connection to a broker: frames out and in. Owned by a side (side.h). One thread; blocks, for a bounded time. */
#pragma once

#include "tests/differential/bytes_out.h"

struct link {
	int fd;                  /* -1: closed */
	struct bytes_out frame;  /* the last frame received, without its size */
};

enum received { RECEIVED, RECEIVED_CLOSE, RECEIVED_NOTHING };

/* False if nobody listens. */
bool link_open(struct link *link, const char *host, const char *port);
void link_close(struct link *link);
/* A whole frame, its size put before it. False if the other side is gone. */
bool link_send(struct link *link, struct slice frame);
enum received link_receive(struct link *link, int timeout_ms);
