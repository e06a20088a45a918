/* Bytes out are kept until the window takes them; bytes in until they are a frame. Calls wait in a ring, as answers come in order. */
#include "tests/sim_broker/peer.h"

#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "tests/requests/requests.h"

#define CALLS_MAX 16
#define APIS_MAX 128            /* a name in two files may have two addresses */
#define PATIENCE_NS (40ull * 1000 * 1000 * 1000)
#define PROMPT_NS (3ull * 1000 * 1000 * 1000)
#define FIRST_CALM_NS (1ull * 1000 * 1000 * 1000)
#define RETRY_NS (20ull * 1000 * 1000)
#define FRAME_MAX (8u << 20)
#define RECEIVE_SIZE 16384u

enum { KEY_PRODUCE = 0, KEY_FETCH = 1, KEY_OFFSET_COMMIT = 8 };

struct api {
	const char *name;
	const struct kmsg_message *request, *response;
};

struct call {
	const struct kmsg_message *answer;
	int version;
	int32_t correlation_id;
	uint64_t tag, due_ns;
	peer_done_fn *done;
};

struct bytes {
	uint8_t *data;
	size_t size, capacity;
};

struct peer {
	struct world *world;
	void *context;
	struct sim_link *link;
	uint64_t retry_ns, deaf_until_ns;
	bool is_closing, has_closed; /* no more calls on this link; the broker is told so */
	struct bytes out, in, taken; /* the last: frames whose answers are being looked at */
	struct call calls[CALLS_MAX];
	uint32_t first, count;
	int32_t correlation_id;
};

struct peer *peer_create(struct world *world, void *context)
{
	struct peer *peer = calloc(1, sizeof *peer);
	CHECK(peer);
	peer->world = world;
	peer->context = context;
	return peer;
}

static uint8_t *bytes_room(struct bytes *bytes, size_t size)
{
	if (bytes->size + size > bytes->capacity) {
		bytes->capacity = 2 * (bytes->size + size);
		bytes->data = realloc(bytes->data, bytes->capacity);
		CHECK(bytes->data);
	}
	return bytes->data + bytes->size;
}

static void bytes_drop(struct bytes *bytes, size_t size)
{
	memmove(bytes->data, bytes->data + size, bytes->size - size);
	bytes->size -= size;
}

uint32_t peer_waiting(const struct peer *peer)
{
	return peer->count;
}

static bool connect_now(struct peer *peer)
{
	if (!peer->link && world_now_ns(peer->world) >= peer->retry_ns) {
		peer->link = sim_link_open(peer->world->net, peer->world->port);
		peer->retry_ns = world_now_ns(peer->world) + RETRY_NS;
	}
	return peer->link != NULL;
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

/* Found by the name's address, which is a literal's: a search through all the names there are took a twentieth of a run. */
static const struct api *find_api(const char *name)
{
	static struct api found[APIS_MAX];
	static uint32_t count;
	for (uint32_t i = 0; i < count; i++)
		if (found[i].name == name)
			return &found[i];
	CHECK(count < APIS_MAX);
	found[count] = (struct api){name, request_message(name, "request"), request_message(name, "response")};
	return &found[count++];
}

static void encode(struct peer *peer, const struct kmsg_message *message, int version, const void *body)
{
	struct request_header header = {.api_key = (int16_t)message->key, .api_version = (int16_t)version, .correlation_id = peer->correlation_id,
					.client_id = slice_from("sim")};
	size_t size = request_frame_size(&header, message, body);
	request_frame_write(&header, message, body, bytes_room(&peer->out, size), size);
	peer->out.size += size;
}

bool peer_call(struct peer *peer, const char *name, int version, const void *message, uint64_t tag, peer_done_fn *done)
{
	if (peer->count == CALLS_MAX || peer->is_closing || !connect_now(peer))
		return false;
	const struct api *api = find_api(name);
	peer->correlation_id++;
	encode(peer, api->request, version, message);
	peer->calls[(peer->first + peer->count++) % CALLS_MAX] = (struct call){
		.answer = api->response, .version = version, .correlation_id = peer->correlation_id, .tag = tag, .done = done,
		.due_ns = world_now_ns(peer->world) + PATIENCE_NS};
	return true;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

static struct call pop(struct peer *peer)
{
	struct call call = peer->calls[peer->first];
	peer->first = (peer->first + 1) % CALLS_MAX;
	peer->count--;
	return call;
}

static void fail_all(struct peer *peer)
{
	peer->out.size = peer->in.size = 0;
	for (uint32_t left = peer->count; left; left--) {
		struct call call = pop(peer);
		meet(peer->world, MOMENT_LOST_ANSWER);
		call.done(peer->context, call.tag, NULL);
	}
}

void peer_break(struct peer *peer)
{
	if (peer->link && (peer->out.size || peer->in.size))
		meet(peer->world, MOMENT_RESET_IN_FRAME);
	if (peer->link)
		sim_link_reset(peer->link);
	peer->link = NULL;
	peer->is_closing = peer->has_closed = false;
	fail_all(peer);
}

void peer_half_close(struct peer *peer)
{
	peer->is_closing = peer->link != NULL;
}

void peer_be_deaf(struct peer *peer, uint64_t for_ns)
{
	peer->deaf_until_ns = world_now_ns(peer->world) + for_ns;
	meet(peer->world, MOMENT_SLOW_READER);
}

/* Where nothing is slow any more, and nobody else has to be waited for: a fetch waits for half a second at most, as it asks. */
static void judge_wait(const struct peer *peer, const struct call *call)
{
	struct world *world = peer->world;
	uint64_t sent_ns = call->due_ns - PATIENCE_NS, now_ns = world_now_ns(world);
	bool is_prompt = call->answer->key == KEY_PRODUCE || call->answer->key == KEY_FETCH || call->answer->key == KEY_OFFSET_COMMIT;
	if (world->is_calm && is_prompt && !world->has_failing_disk && sent_ns >= world->calm_ns + FIRST_CALM_NS && sent_ns >= peer->deaf_until_ns && now_ns - sent_ns > PROMPT_NS)
		world_condemn(world, "in the calm, %s is answered after %.1f s", call->answer->name, (double)(now_ns - sent_ns) / 1e9);
}

static void take_answer(struct peer *peer, struct slice frame)
{
	static uint64_t room[4096];
	struct arena arena;
	int32_t correlation_id;
	if (!peer->count) {
		world_condemn(peer->world, "an answer that nobody asked for");
		return;
	}
	struct call call = pop(peer);
	judge_wait(peer, &call);
	void *answer = calloc(1, call.answer->struct_size);
	struct reader reader = reader_over(frame);
	CHECK(answer);
	arena_init(&arena, room, sizeof room, 64 << 20);
	int err = response_header_decode(&reader, (int16_t)call.answer->key, call.version, &correlation_id);
	if (!err)
		err = call.answer->decode(&reader, &arena, call.version, answer);
	if (err || correlation_id != call.correlation_id || reader_left(&reader))
		world_condemn(peer->world, "an answer that is none: %s %d, correlation id %d for %d", call.answer->name, err, correlation_id, call.correlation_id);
	else
		call.done(peer->context, call.tag, answer);
	arena_fini(&arena);
	free(answer);
}

/* The first frame, out of `in`: a callback may break the connection. What lies behind it, most often nothing, is copied, and not the frame. */
static struct slice take_frame(struct peer *peer, uint32_t size)
{
	struct bytes all = peer->in;
	size_t rest = all.size - 4 - size;
	peer->in = peer->taken;
	peer->taken = all;
	peer->in.size = 0;
	if (rest)
		memcpy(bytes_room(&peer->in, rest), all.data + 4 + size, rest);
	peer->in.size = rest;
	return (struct slice){all.data + 4, size};
}

static void take_frames(struct peer *peer)
{
	while (peer->in.size >= 4) {
		uint32_t size = load_be32(peer->in.data);
		if (size > FRAME_MAX) {
			world_condemn(peer->world, "a frame of %u bytes", size);
			return;
		}
		if (peer->in.size < 4 + (size_t)size)
			return;
		take_answer(peer, take_frame(peer, size));
	}
}

static bool is_silent(const struct peer *peer)
{
	return peer->count && peer->calls[peer->first].due_ns <= world_now_ns(peer->world) && peer->deaf_until_ns + PATIENCE_NS <= world_now_ns(peer->world);
}

/* False: the connection is over. */
static bool receive(struct peer *peer)
{
	int64_t got;
	while ((got = sim_link_receive(peer->link, bytes_room(&peer->in, RECEIVE_SIZE), RECEIVE_SIZE)) > 0)
		peer->in.size += (size_t)got;
	take_frames(peer);
	if (got < 0)
		peer_break(peer);
	return got == 0;
}

void peer_step(struct peer *peer)
{
	if (!peer->link)
		return;
	if (peer->out.size)
		bytes_drop(&peer->out, sim_link_send(peer->link, peer->out.data, peer->out.size));
	if (peer->is_closing && !peer->out.size && !peer->has_closed) {
		peer->has_closed = true;
		meet(peer->world, MOMENT_HALF_CLOSED);
		sim_link_finish(peer->link);
	}
	if (world_now_ns(peer->world) < peer->deaf_until_ns)
		return;
	if (!sim_link_is_quiet(peer->link) && !receive(peer))
		return;
	if (peer->link && is_silent(peer)) {
		if (peer->world->is_calm)
			world_condemn(peer->world, "%s: no answer for %llu s", peer->calls[peer->first].answer->name, PATIENCE_NS / 1000000000);
		peer_break(peer);
	}
}
