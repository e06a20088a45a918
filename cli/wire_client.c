/* Blocking requests over one socket: write the frame, read the frame. Failure modes: nobody listens, silence (ten seconds), an answer that cannot
 * be decoded, a broker that closes because it does not know the version: each is an errno, and the caller shows "-". */
#include "cli/wire_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/address.h"
#include "kmsg_consumer_group_describe.h"
#include "kmsg_describe_log_dirs.h"
#include "kmsg_list_groups.h"
#include "kmsg_metadata.h"
#include "net/wire/header.h"
#include "net/wire/kerr.h"

/* To connect; an answer may take twice as long. */
#define PATIENCE_MS 5000
#define ANSWER_SIZE_MAX (64u << 20)
#define METADATA_VERSION 12
#define LOG_DIRS_VERSION 2
#define LOG_DIRS_VERSION_OF_DISKS 4
#define LIST_GROUPS_VERSION 4
#define CONSUMER_GROUP_DESCRIBE_VERSION 0

struct wire_client {
	int fd;
	int32_t correlation_id;
	uint8_t *answer;
	struct arena arena;
};

/* ---- connecting ------------------------------------------------------------------------------------------------------ */

static int finish_connect(int fd, int patience_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t size = sizeof err;
	int ready = poll(&wait, 1, patience_ms);
	if (ready == 0)
		return -ETIMEDOUT;
	if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size))
		return -errno;
	return -err;
}

static int connect_one(const struct addrinfo *info, int patience_ms)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int err = connect(fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno == EINPROGRESS ? finish_connect(fd, patience_ms) : -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Blocking from here on, but for so long at most. */
static void set_patience(int fd, int patience_ms)
{
	struct timeval patience = {.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
	int one = 1;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int connect_to(const struct address *address, int patience_ms, char *why, size_t why_size)
{
	char port[8];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	snprintf(port, sizeof port, "%u", address->port);
	const char *host = address->host;
	int gai = getaddrinfo(host, port, &hints, &list);
	if (gai) {
		snprintf(why, why_size, "cannot find host '%s': %s", host, gai_strerror(gai));
		return -EHOSTUNREACH;
	}
	int fd = -EHOSTUNREACH;
	for (struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
		fd = connect_one(info, patience_ms);
	freeaddrinfo(list);
	if (fd < 0)
		snprintf(why, why_size, "no broker answers at %s:%s: %s; is it running ('spate serve'), and is --broker right?", host, port, strerror(-fd));
	else
		set_patience(fd, 2 * patience_ms);
	return fd;
}

/* The first broker of the list that answers. */
static int connect_any(const char *brokers, int patience_ms, char *why, size_t why_size)
{
	int fd = -EINVAL;
	for (const char *at = brokers; fd < 0 && *at;) {
		char one[512];
		struct address address;
		size_t size = strcspn(at, ",");
		snprintf(one, sizeof one, "%.*s", (int)size, at);
		at += size + (at[size] == ',');
		if (!address_parse_broker(&address, one, why, why_size))
			return -EINVAL;
		fd = connect_to(&address, patience_ms, why, why_size);
	}
	return fd;
}

int wire_client_open(struct wire_client **out, const char *brokers, char *why, size_t why_size)
{
	return wire_client_open_within(out, brokers, PATIENCE_MS, why, why_size);
}

int wire_client_open_within(struct wire_client **out, const char *brokers, int patience_ms, char *why, size_t why_size)
{
	snprintf(why, why_size, "no broker is named");
	int fd = connect_any(brokers, patience_ms, why, why_size);
	if (fd < 0)
		return fd;
	struct wire_client *client = calloc(1, sizeof *client);
	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	arena_init(&client->arena, NULL, 0, 4 * (size_t)ANSWER_SIZE_MAX);
	*out = client;
	return 0;
}

void wire_client_close(struct wire_client *client)
{
	if (!client)
		return;
	close(client->fd);
	arena_fini(&client->arena);
	free(client->answer);
	free(client);
}

/* ---- one request ------------------------------------------------------------------------------------------------------- */

static int send_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		data += sent;
		size -= (size_t)sent;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *data, size_t size)
{
	while (size) {
		ssize_t got = recv(fd, data, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ECONNRESET;
		data += got;
		size -= (size_t)got;
	}
	return 0;
}

static int receive_frame(struct wire_client *client, struct slice *out)
{
	uint8_t head[4];
	int err = receive_all(client->fd, head, sizeof head);
	if (err)
		return err;
	uint32_t size = load_be32(head);
	if (size > ANSWER_SIZE_MAX)
		return -EMSGSIZE;
	free(client->answer);
	client->answer = malloc(size ? size : 1);
	if (!client->answer)
		return -ENOMEM;
	*out = (struct slice){client->answer, size};
	return receive_all(client->fd, client->answer, size);
}

typedef void encode_fn(struct writer *writer, const void *message);

static void encode_frame(struct writer *writer, struct wire_client *client, int16_t key, int16_t version, encode_fn *encode, const void *message)
{
	struct request_header header = {.api_key = key, .api_version = version, .correlation_id = client->correlation_id, .client_id = slice_from("spate")};
	writer_uint32(writer, 0);
	request_header_encode(writer, &header);
	encode(writer, message);
}

static int send_request(struct wire_client *client, int16_t key, int16_t version, encode_fn *encode, const void *message)
{
	struct writer count = writer_counting();
	client->correlation_id++;
	encode_frame(&count, client, key, version, encode, message);
	uint8_t *frame = malloc(count.position);
	if (!frame)
		return -ENOMEM;
	struct writer writer = writer_into(frame, count.position);
	encode_frame(&writer, client, key, version, encode, message);
	store_be32(frame, (uint32_t)(count.position - 4));
	int err = writer.error ? writer.error : send_all(client->fd, frame, count.position);
	free(frame);
	return err;
}

/* Leaves the reader at the body of the answer. */
static int call(struct wire_client *client, int16_t key, int16_t version, encode_fn *encode, const void *message, struct reader *reader)
{
	struct slice frame;
	int32_t correlation_id;
	int err = send_request(client, key, version, encode, message);
	err = err ? err : receive_frame(client, &frame);
	if (err)
		return err;
	*reader = reader_over(frame);
	err = response_header_decode(reader, key, version, &correlation_id);
	return err ? err : correlation_id == client->correlation_id ? 0 : -EBADMSG;
}

/* ---- what a topic is ---------------------------------------------------------------------------------------------------- */

static void encode_metadata(struct writer *writer, const void *message)
{
	kmsg_metadata_request_encode(writer, METADATA_VERSION, message);
}

static int ask_metadata(struct wire_client *client, const char *name, struct wire_topic *out)
{
	struct kmsg_metadata_request request;
	struct kmsg_metadata_topic topic;
	struct kmsg_metadata_response response;
	struct reader reader;
	kmsg_metadata_request_init(&request);
	kmsg_metadata_topic_init(&topic);
	topic.name = slice_from(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	int err = call(client, KMSG_METADATA_KEY, METADATA_VERSION, encode_metadata, &request, &reader);
	err = err ? err : kmsg_metadata_response_decode(&reader, &client->arena, METADATA_VERSION, &response);
	if (err)
		return err;
	if (response.topics.count != 1 || response.topics.items[0].error_code)
		return -ENOENT;
	out->id = response.topics.items[0].topic_id;
	out->partition_count = response.topics.items[0].partitions.count < 0 ? 0 : (uint32_t)response.topics.items[0].partitions.count;
	return 0;
}

static void encode_log_dirs(struct writer *writer, const void *message)
{
	kmsg_describe_log_dirs_request_encode(writer, LOG_DIRS_VERSION, message);
}

static void take_sizes(struct wire_topic *out, const char *name, const struct kmsg_describe_log_dirs_result *dir)
{
	for (int32_t i = 0; i < dir->topics.count; i++) {
		const struct kmsg_describe_log_dirs_topic_result *topic = &dir->topics.items[i];
		if (!slice_equal(topic->name, slice_from(name)))
			continue;
		for (int32_t j = 0; j < topic->partitions.count; j++) {
			const struct kmsg_describe_log_dirs_partition *partition = &topic->partitions.items[j];
			if (partition->partition_index >= 0 && (uint32_t)partition->partition_index < out->partition_count && !partition->is_future_key)
				out->sizes_bytes[partition->partition_index] = partition->partition_size;
		}
	}
}

static int ask_sizes(struct wire_client *client, const char *name, struct wire_topic *out)
{
	struct kmsg_describe_log_dirs_request request;
	struct kmsg_describe_log_dirs_topic topic;
	struct kmsg_describe_log_dirs_response response;
	struct reader reader;
	kmsg_describe_log_dirs_request_init(&request);
	kmsg_describe_log_dirs_topic_init(&topic);
	int32_t *indexes = arena_alloc(&client->arena, (size_t)out->partition_count * sizeof *indexes);
	if (!indexes)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->partition_count; i++)
		indexes[i] = (int32_t)i;
	topic.topic = slice_from(name);
	topic.partitions.items = indexes;
	topic.partitions.count = (int32_t)out->partition_count;
	request.topics.items = &topic;
	request.topics.count = 1;
	int err = call(client, KMSG_DESCRIBE_LOG_DIRS_KEY, LOG_DIRS_VERSION, encode_log_dirs, &request, &reader);
	err = err ? err : kmsg_describe_log_dirs_response_decode(&reader, &client->arena, LOG_DIRS_VERSION, &response);
	for (int32_t i = 0; !err && i < response.results.count; i++)
		take_sizes(out, name, &response.results.items[i]);
	return err;
}

int wire_client_topic(struct wire_client *client, const char *name, struct wire_topic *out)
{
	*out = (struct wire_topic){0};
	arena_reset(&client->arena);
	int err = ask_metadata(client, name, out);
	if (err)
		return err;
	out->sizes_bytes = malloc((out->partition_count ? out->partition_count : 1) * sizeof *out->sizes_bytes);
	if (!out->sizes_bytes)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->partition_count; i++)
		out->sizes_bytes[i] = -1;
	/* Sizes are told by the brokers that hold the partitions; what this one does not tell stays unknown. */
	return ask_sizes(client, name, out) == -ENOMEM ? -ENOMEM : 0;
}

/* ---- the disk --------------------------------------------------------------------------------------------------------------- */

static void encode_no_log_dirs(struct writer *writer, const void *message)
{
	kmsg_describe_log_dirs_request_encode(writer, LOG_DIRS_VERSION_OF_DISKS, message);
}

static const char *copy_path(struct wire_client *client, struct slice path)
{
	char *copy = arena_alloc(&client->arena, path.size + 1);
	if (!copy)
		return NULL;
	memcpy(copy, path.data, path.size);
	copy[path.size] = '\0';
	return copy;
}

/* Of no topic: the directories alone. */
int wire_client_disk(struct wire_client *client, struct wire_disk *out)
{
	struct kmsg_describe_log_dirs_request request;
	struct kmsg_describe_log_dirs_response response;
	struct reader reader;
	arena_reset(&client->arena);
	kmsg_describe_log_dirs_request_init(&request);
	request.topics.count = 0;
	int err = call(client, KMSG_DESCRIBE_LOG_DIRS_KEY, LOG_DIRS_VERSION_OF_DISKS, encode_no_log_dirs, &request, &reader);
	err = err ? err : kmsg_describe_log_dirs_response_decode(&reader, &client->arena, LOG_DIRS_VERSION_OF_DISKS, &response);
	if (err || response.results.count < 1 || response.results.items[0].total_bytes < 0)
		return err ? err : -EOPNOTSUPP;
	const struct kmsg_describe_log_dirs_result *dir = &response.results.items[0];
	*out = (struct wire_disk){copy_path(client, dir->log_dir), dir->total_bytes, dir->usable_bytes};
	return out->path ? 0 : -ENOMEM;
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */

int wire_client_topic_names(struct wire_client *client, wire_name_fn *name, void *context)
{
	struct kmsg_metadata_request request;
	struct kmsg_metadata_response response;
	struct reader reader;
	kmsg_metadata_request_init(&request);
	arena_reset(&client->arena);
	int err = call(client, KMSG_METADATA_KEY, METADATA_VERSION, encode_metadata, &request, &reader);
	err = err ? err : kmsg_metadata_response_decode(&reader, &client->arena, METADATA_VERSION, &response);
	for (int32_t i = 0; !err && i < response.topics.count; i++)
		name(context, response.topics.items[i].name);
	return err;
}

static void encode_list_groups(struct writer *writer, const void *message)
{
	kmsg_list_groups_request_encode(writer, LIST_GROUPS_VERSION, message);
}

int wire_client_group_names(struct wire_client *client, wire_name_fn *name, void *context)
{
	struct kmsg_list_groups_request request;
	struct kmsg_list_groups_response response;
	struct reader reader;
	kmsg_list_groups_request_init(&request);
	arena_reset(&client->arena);
	int err = call(client, KMSG_LIST_GROUPS_KEY, LIST_GROUPS_VERSION, encode_list_groups, &request, &reader);
	err = err ? err : kmsg_list_groups_response_decode(&reader, &client->arena, LIST_GROUPS_VERSION, &response);
	for (int32_t i = 0; !err && i < response.groups.count; i++)
		name(context, response.groups.items[i].group_id);
	return err;
}

/* ---- a group ------------------------------------------------------------------------------------------------------------ */

static void encode_group_describe(struct writer *writer, const void *message)
{
	kmsg_consumer_group_describe_request_encode(writer, CONSUMER_GROUP_DESCRIBE_VERSION, message);
}

static int take_assignment(struct wire_client *client, const struct kmsg_consumer_group_describe_assignment *assignment, struct wire_group_member *out)
{
	size_t count = 0;
	for (int32_t i = 0; i < assignment->topic_partitions.count; i++)
		count += (size_t)assignment->topic_partitions.items[i].partitions.count;
	out->partitions = arena_alloc(&client->arena, (count + 1) * sizeof *out->partitions);
	if (!out->partitions)
		return -ENOMEM;
	for (int32_t i = 0; i < assignment->topic_partitions.count; i++) {
		const struct kmsg_consumer_group_describe_topic_partitions *topic = &assignment->topic_partitions.items[i];
		for (int32_t j = 0; j < topic->partitions.count; j++)
			out->partitions[out->partition_count++] = (struct wire_group_partition){topic->topic_name, topic->partitions.items[j]};
	}
	return 0;
}

static int take_group(struct wire_client *client, const struct kmsg_consumer_group_describe_group *group, struct wire_group *out)
{
	int err = 0;
	*out = (struct wire_group){.state = group->group_state, .assignor = group->assignor_name};
	out->members = arena_alloc(&client->arena, ((size_t)group->members.count + 1) * sizeof *out->members);
	if (!out->members)
		return -ENOMEM;
	for (int32_t i = 0; !err && i < group->members.count; i++) {
		const struct kmsg_consumer_group_describe_member *member = &group->members.items[i];
		struct wire_group_member *one = &out->members[out->member_count++];
		*one = (struct wire_group_member){
			.id = member->member_id, .client_id = member->client_id, .host = member->client_host, .instance_id = member->instance_id};
		err = take_assignment(client, &member->assignment, one);
	}
	return err;
}

int wire_client_group(struct wire_client *client, const char *name, struct wire_group *out)
{
	struct kmsg_consumer_group_describe_request request;
	struct kmsg_consumer_group_describe_response response;
	struct reader reader;
	struct slice group_id = slice_from(name);
	kmsg_consumer_group_describe_request_init(&request);
	request.group_ids.items = &group_id;
	request.group_ids.count = 1;
	arena_reset(&client->arena);
	int err = call(client, KMSG_CONSUMER_GROUP_DESCRIBE_KEY, CONSUMER_GROUP_DESCRIBE_VERSION, encode_group_describe, &request, &reader);
	err = err ? err : kmsg_consumer_group_describe_response_decode(&reader, &client->arena, CONSUMER_GROUP_DESCRIBE_VERSION, &response);
	if (err)
		return err;
	if (response.groups.count != 1 || response.groups.items[0].error_code)
		return -ENOENT;
	return take_group(client, &response.groups.items[0], out);
}
