/* Happy path: libmicrohttpd's thread waits in poll, without a timer while nobody is connected; a request is answered from within its callback, which
 * asks the shards and waits for them.
 *
 * Failures: the library is not there: a sentence, and no broker, as who configures an endpoint wants one. A peer that sends rubbish, too long a head, or
 * nothing is the library's to end; with all connections taken, further ones wait in the socket's queue. */
#include "net/metrics/endpoint.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log_line.h"

#define THREAD_STACK_BYTES (256u << 10)

#define HTTP_FUNCTIONS(X)              \
	X(MHD_start_daemon)            \
	X(MHD_stop_daemon)             \
	X(MHD_create_response_from_buffer) \
	X(MHD_add_response_header)     \
	X(MHD_queue_response)          \
	X(MHD_destroy_response)        \
	X(MHD_lookup_connection_value)

static struct {
#define X(name) __typeof__(&name) name;
	HTTP_FUNCTIONS(X)
#undef X
} http;

struct endpoint {
	const struct scrape_source *source;
	struct MHD_Daemon *daemon;
	int listen_fd;
	struct scraper *scraper;
	bool is_ready;                 /* atomic */
};

/* ---- answers -------------------------------------------------------------------------------------------------------------------- */

/* `body` is malloc'ed and the library's from here on, or constant. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, char *body, size_t size,
			      enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = http.MHD_create_response_from_buffer(size, body, mode);
	if (!response) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(body);
		return MHD_NO;
	}
	http.MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		http.MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result = http.MHD_queue_response(connection, status, response);
	http.MHD_destroy_response(response);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *sentence)
{
	return answer(connection, status, "text/plain; charset=utf-8", (char *)sentence, strlen(sentence), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result say_why_not(struct MHD_Connection *connection, enum scrape_result result)
{
	switch (result) {
	case SCRAPE_LATE:
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "a shard of the broker has not answered for two seconds\n");
	case SCRAPE_STOPPING:
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the broker is stopping\n");
	default:
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "there is no memory for it; a lower spate.metrics.partitions.max needs less\n");
	}
}

static bool wants_open_metrics(struct MHD_Connection *connection)
{
	const char *accept = http.MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	return accept && strstr(accept, "application/openmetrics-text");
}

static enum MHD_Result tell_metrics(struct endpoint *endpoint, struct MHD_Connection *connection)
{
	struct exposition exposition;
	size_t size;
	exposition_init(&exposition, wants_open_metrics(connection));
	enum scrape_result result = scraper_gather(endpoint->scraper, &exposition);
	char *text = result ? NULL : exposition_take(&exposition, &size);
	const char *type = exposition_content_type(&exposition);
	exposition_fini(&exposition);
	return text ? answer(connection, MHD_HTTP_OK, type, text, size, MHD_RESPMEM_MUST_FREE) : say_why_not(connection, result);
}

static enum MHD_Result tell_alive(struct endpoint *endpoint, struct MHD_Connection *connection)
{
	struct health health;
	enum scrape_result result = scraper_look(endpoint->scraper, &health);
	return result == SCRAPE_LATE ? say_why_not(connection, result) : say(connection, MHD_HTTP_OK, "alive\n");
}

static enum MHD_Result tell_ready(struct endpoint *endpoint, struct MHD_Connection *connection)
{
	struct health health;
	enum scrape_result result = scraper_look(endpoint->scraper, &health);
	if (result)
		return say_why_not(connection, result);
	if (health.has_failed)
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "durability is broken: produce is refused until a restart, fetch is served\n");
	return say(connection, MHD_HTTP_OK, health.is_full ? "ready, but the disk is full: produce is refused, fetch is served\n" : "ready\n");
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------- */

static enum MHD_Result tell_of_start(struct MHD_Connection *connection, const char *path)
{
	bool is_alive = strcmp(path, "/livez") == 0;
	return say(connection, is_alive ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "starting: the log is being recovered\n");
}

static enum MHD_Result route(struct endpoint *endpoint, struct MHD_Connection *connection, const char *path)
{
	static const struct {
		const char *path;
		enum MHD_Result (*tell)(struct endpoint *endpoint, struct MHD_Connection *connection);
	} routes[] = {{"/metrics", tell_metrics}, {"/livez", tell_alive}, {"/readyz", tell_ready}};
	if (strcmp(path, "/") == 0)
		return say(connection, MHD_HTTP_OK, "/metrics  for Prometheus\n/livez    200: the broker runs\n/readyz   200: it can acknowledge records\n");
	for (size_t i = 0; i < COUNT_OF(routes); i++)
		if (strcmp(path, routes[i].path) == 0)
			return __atomic_load_n(&endpoint->is_ready, __ATOMIC_ACQUIRE) ? routes[i].tell(endpoint, connection)
										     : tell_of_start(connection, path);
	return say(connection, MHD_HTTP_NOT_FOUND, "not found: there are /metrics, /livez and /readyz\n");
}

/* Called with the head, then, for what has no body, once more: only then may the connection be kept. */
static enum MHD_Result take_request(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
				    const char *body, size_t *body_size, void **seen)
{
	static char head_seen;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
	if (!*seen) {
		*seen = &head_seen;
		return MHD_YES;
	}
	if (*body_size) /* a GET with a body: refused, its connection ends */
		return MHD_NO;
	return route(context, connection, path);
}

/* What the library has to say of its peers is theirs to cause: not for the broker's log, unless somebody debugs. */
static void take_note(void *context, const char *format, va_list arguments)
{
	char text[256];
	vsnprintf(text, sizeof text, format, arguments);
	text[strcspn(text, "\r\n")] = 0;
	log_line(LOG_DEBUG, "metrics endpoint: %s", text);
}

/* ---- its life ------------------------------------------------------------------------------------------------------------------- */

static int load(char *why, size_t why_size)
{
	void *handle = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		snprintf(why, why_size, "spate.metrics.listener needs libmicrohttpd, and it is not here (%s); install it: apt-get install libmicrohttpd12",
			 dlerror());
		return -ENOENT;
	}
#define X(name)                                                                                                                        \
	http.name = (__typeof__(http.name))dlsym(handle, #name);                                                                        \
	if (!http.name) {                                                                                                               \
		snprintf(why, why_size, "spate.metrics.listener: the libmicrohttpd that is here has no " #name "; install version 0.9.75 or later"); \
		return -ENOENT;                                                                                                         \
	}
	HTTP_FUNCTIONS(X)
#undef X
	return 0;
}

static struct MHD_Daemon *start_daemon(struct endpoint *endpoint)
{
	/* poll, not epoll: with epoll 0.9.75 accepts nobody for a while once the limit of connections was reached, though they have gone. */
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	return http.MHD_start_daemon(flags, 0, NULL, NULL, take_request, endpoint,
				     MHD_OPTION_EXTERNAL_LOGGER, take_note, NULL, /* first, so that it hears of the others */
				     MHD_OPTION_LISTEN_SOCKET, endpoint->listen_fd,
				     MHD_OPTION_CONNECTION_LIMIT, ENDPOINT_CONNECTIONS_MAX,
				     MHD_OPTION_CONNECTION_TIMEOUT, ENDPOINT_IDLE_S,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)ENDPOINT_CONNECTION_BYTES,
				     MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES,
				     MHD_OPTION_END);
}

static int start(struct endpoint *endpoint, char *why, size_t why_size)
{
	int err = load(why, why_size);
	if (err)
		return err;
	/* The broker's own sockets block, as io_uring wants them; the library's may not. */
	if (fcntl(endpoint->listen_fd, F_SETFL, fcntl(endpoint->listen_fd, F_GETFL) | O_NONBLOCK) == 0)
		endpoint->daemon = start_daemon(endpoint);
	if (endpoint->daemon)
		return 0;
	snprintf(why, why_size, "the metrics endpoint cannot start: %s", strerror(errno));
	return errno ? -errno : -EIO;
}

int endpoint_open(struct endpoint **out, int listen_fd, const struct scrape_source *source, char *why, size_t why_size)
{
	struct endpoint *endpoint = calloc(1, sizeof *endpoint);
	if (!endpoint) {
		snprintf(why, why_size, "there is no memory for the metrics endpoint");
		close(listen_fd);
		return -ENOMEM;
	}
	endpoint->source = source;
	endpoint->listen_fd = listen_fd;
	int err = start(endpoint, why, why_size);
	if (err) {
		endpoint_close(endpoint);
		return err;
	}
	*out = endpoint;
	return 0;
}

int endpoint_ready(struct endpoint *endpoint)
{
	int err = scraper_open(&endpoint->scraper, endpoint->source);
	if (!err)
		__atomic_store_n(&endpoint->is_ready, true, __ATOMIC_RELEASE);
	return err;
}

void endpoint_close(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	if (endpoint->daemon)
		http.MHD_stop_daemon(endpoint->daemon); /* closes the socket */
	else
		close(endpoint->listen_fd);
	scraper_close(endpoint->scraper);
	free(endpoint);
}
