/* Parsing addresses. Failure modes are sentences: no port, no number, out of range, a protocol that is not here. */
#include "cli/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool parse_port(const char *text, uint16_t *out)
{
	char *end;
	errno = 0;
	long port = strtol(text, &end, 10);
	if (errno || end == text || *end || text[0] == '+' || port < 0 || port > 65535)
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool copy_host(struct address *out, const char *host, size_t size)
{
	if (size > HOST_SIZE_MAX)
		return false;
	memcpy(out->host, host, size);
	out->host[size] = '\0';
	return true;
}

bool address_parse(struct address *out, const char *text, char *why, size_t why_size)
{
	const char *colon = strrchr(text, ':');
	bool is_bracketed = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
	const char *host = is_bracketed ? text + 1 : text;
	size_t host_size = colon ? (size_t)(colon - host) - is_bracketed : 0;
	if (!colon || (!is_bracketed && memchr(host, ':', host_size))) {
		snprintf(why, why_size, "'%.200s' is not an address; write HOST:PORT, as in 127.0.0.1:9092 or [::1]:9092", text);
		return false;
	}
	if (!parse_port(colon + 1, &out->port)) {
		snprintf(why, why_size, "'%.20s' in '%.200s' is not a port: it must be a number from 0 to 65535", colon + 1, text);
		return false;
	}
	if (!copy_host(out, host, host_size)) {
		snprintf(why, why_size, "the host in '%.200s...' is too long", text);
		return false;
	}
	return true;
}

bool address_parse_broker(struct address *out, const char *text, char *why, size_t why_size)
{
	char with_port[HOST_SIZE_MAX + 8];
	bool has_port = strchr(text, ':') != NULL;
	snprintf(with_port, sizeof with_port, "%s:9092", text);
	if (!address_parse(out, has_port || !*text ? text : with_port, why, why_size))
		return false;
	if (!*out->host)
		strcpy(out->host, "127.0.0.1");
	return true;
}

/* ---- listeners ---------------------------------------------------------------------------------------------------- */

static bool is_in_list(const char *list, const char *name, size_t size)
{
	while (list && *list) {
		size_t item = strcspn(list, ", ");
		if (item == size && strncasecmp(list, name, size) == 0)
			return true;
		list += item;
		list += strspn(list, ", ");
	}
	return false;
}

static const char *const encrypted[] = {"SSL", "SASL_SSL", "SASL_PLAINTEXT"};

static bool is_encrypted(const char *name, size_t size)
{
	for (size_t i = 0; i < COUNT_OF(encrypted); i++)
		if (is_in_list(encrypted[i], name, size))
			return true;
	return false;
}

bool address_from_listeners(struct address *out, const char *listeners, const char *controller_names, char *why, size_t why_size)
{
	bool is_found = false;
	for (const char *at = listeners; *at;) {
		char one[512];
		size_t size = strcspn(at, ",");
		snprintf(one, sizeof one, "%.*s", (int)size, at + strspn(at, " "));
		at += size;
		at += strspn(at, ", ");
		one[strcspn(one, " ,")] = '\0';
		const char *mark = strstr(one, "://");
		if (!mark) {
			snprintf(why, why_size, "'%.200s' is not a listener; write PLAINTEXT://HOST:PORT", one);
			return false;
		}
		size_t name_size = (size_t)(mark - one);
		if (is_encrypted(one, name_size)) {
			snprintf(why, why_size, "listener '%.200s': TLS and SASL are not supported yet; only PLAINTEXT is", one);
			return false;
		}
		if (is_in_list(controller_names, one, name_size))
			continue;
		if (is_found) {
			snprintf(why, why_size, "'%.200s' is a second listener; one is supported", one);
			return false;
		}
		if (!address_parse(out, mark + 3, why, why_size))
			return false;
		is_found = true;
	}
	if (!is_found)
		snprintf(why, why_size, "no listener is given; write PLAINTEXT://HOST:PORT");
	return is_found;
}
