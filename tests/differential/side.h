/* One of the two brokers, as a case sees it: its connections, what the case has saved of its answers, and its last answer. The two sides
 * get the same requests, but for ids that only a broker can give. One thread; every wait is bounded. */
#pragma once

#include "tests/differential/codec.h"
#include "tests/differential/link.h"

#define CONNECTIONS_MAX 64

struct connection {
	char name[32];
	struct link link;
	bool is_waiting;                         /* an answer has not been read */
	const struct kmsg_description *response;
	int version;
	int32_t correlation_id, probe_id;        /* probe_id: of the request behind one that has no answer; 0 if there is none */
};

struct side {
	const char *name;        /* "kafka", "spate" */
	char host[64], port[16];
	json_t *variables;       /* of the case */
	json_t *last;            /* the answer last read */
	struct connection connections[CONNECTIONS_MAX];
	int connection_count;
	int ranges[256][2];      /* by API key: first and last version served; first > last: not served */
};

/* "HOST:PORT"; asks for the versions served. False if nobody answers. */
bool side_open(struct side *side, const char *name, const char *address);
/* Forgets the case: variables, last answer; closes all connections but "main", and that as well if an answer is outstanding. */
void side_reset(struct side *side);
bool side_serves(const struct side *side, int key, int version);

/* A new reference: the request with $name and ${name} put in. NULL and *missing if there is no such variable. */
json_t *side_fill_in(const struct side *side, const json_t *request, const char **missing);

/* Sends a request; `cut` >= 0 leaves only so many thousandths of the body. False and *why if the JSON does not fit the message. */
bool side_send(struct side *side, const char *connection, const char *api, int version, const json_t *request, int cut, const char **why);
/* The answer, a new reference: the body, or a string: "closed", "silent", "no answer" (produce with acks=0), "malformed: ..." */
json_t *side_receive(struct side *side, const char *connection, int timeout_ms);
void side_disconnect(struct side *side, const char *connection);
