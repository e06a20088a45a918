/* Plays a hostile case against a broker: a fresh connection, the bytes, and what comes of it. Owns nothing between calls; one thread; blocks, for a
 * bounded time. */
#pragma once

#include "tests/hostile/case.h"

#include <stdint.h>

#define ANSWER_TIMEOUT_MS 3000

struct target {
	char host[64], port[16];
};

/* "HOST:PORT"; false if it is none. */
bool target_parse(struct target *target, const char *address);

struct outcome {
	char text[96];          /* "closed", "answered", "error 3,42" (all codes that the answer names), "waits", "malformed: why" */
	uint16_t port;          /* of our end, by which the broker's log knows us */
};

void player_play(const struct target *target, const struct hostile_case *hostile, struct outcome *outcome);

/* Raw connections for peers that play by no rules; -1 if nobody listens. */
int player_connect(const struct target *target);
bool player_send(int fd, const void *bytes, size_t size);
/* True once the other side has closed or reset it, whatever it sends before. */
bool player_is_closed(int fd, int timeout_ms);
/* Resets it: no port is left waiting for a minute. */
void player_reset(int fd);
uint16_t player_port(int fd);
int64_t player_now_ms(void);
