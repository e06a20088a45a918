/* The other end of a socket. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

/* The address as 16 bytes (IPv4 mapped into IPv6); false if there is none any more. */
bool peer_address(int fd, uint8_t out[16]);

/* "127.0.0.1", or as Java writes IPv6: "0:0:0:0:0:0:0:1". At least PEER_TEXT_SIZE - 8 bytes. False: as above. */
bool peer_host(int fd, char *text, size_t size);

/* "127.0.0.1:4242", for log lines; "an unknown address" if there is none any more. */
#define PEER_TEXT_SIZE 64
void peer_describe(int fd, char out[PEER_TEXT_SIZE]);
