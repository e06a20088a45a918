/* A control operation travels: origin -> shard 0, where it runs; then, if the catalog has changed, the new image goes to every shard and
 * comes back from each, and shard 0's journal notes how far the catalog has come; then the operation goes home. Shard 0 takes the image first, so nothing it answers is
 * older.
 *
 * Operations that come while an image is out wait: shards differ by one change at most. A shard that still has to hear of a topic's deletion would else take the directory of
 * the next topic of that name, which another shard has made, for the deleted one's.
 *
 * A spread is allocated, one for each change of the catalog, which is rare; without memory for it the broker ends: its shards
 * would disagree on a change that is already durable, and a restart makes them agree. */
#include "net/route/control.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/store/store.h"
#include "net/api/api.h"
#include "net/log_line.h"
#include "net/route/group_host.h"
#include "net/route/quota_task.h"

struct image_message {
	struct message message;
	const struct catalog_image *image;
	struct spread *spread;
	uint32_t shard;
};

/* One image on its way through all shards. Owner: shard 0, but for the messages that are out. */
struct spread {
	struct control_op *op;
	struct image_message messages[];
};

void control_apply_config(struct shard *shard)
{
	const struct broker_config *config = shard->image->config;
	int64_t conns_max = broker_config_int(config, "max.connections");
	shard->limits.conns_max = conns_max < shard->limits.conns_of_files_max ? (uint32_t)conns_max : shard->limits.conns_of_files_max;
	store_set_producer_expiration(shard->store, broker_config_int(config, "producer.id.expiration.ms"));
}

static void take_image(struct shard *shard, const struct catalog_image *image)
{
	const struct catalog_image *old = shard->image;
	store_set_image(shard->store, image);
	shard->image = image;
	if (image->settings_version != old->settings_version)
		control_apply_config(shard);
	group_host_set_image(shard->groups);
	quota_take_image(shard);
	catalog_image_release(old);
}

static void go_home(struct shard *control, struct control_op *op)
{
	op->message.kind = MESSAGE_CONTROL_RETURN;
	shard_post(control, control->peers[op->origin], &op->message);
}

/* When all shards have taken the image and the journal has noted the change: whichever comes last. */
static void go_home_if_done(struct control_op *op)
{
	if (op->is_noted && op->images_out == 0)
		go_home(op->control, op);
}

static void noted(struct store_catalog_note *note)
{
	struct control_op *op = CONTAINER_OF(note, struct control_op, note);
	op->is_noted = true;
	go_home_if_done(op);
}

static void spread_image(struct shard *control, struct control_op *op)
{
	uint32_t others = control->shard_count - 1;
	struct spread *spread = malloc(sizeof *spread + others * sizeof *spread->messages);
	CHECKF(spread, "no memory to tell the shards of a change that is durable");
	spread->op = op;
	op->images_out = others;
	control->is_spreading = true;
	for (uint32_t i = 0; i < others; i++) {
		struct image_message *out = &spread->messages[i];
		*out = (struct image_message){.message.kind = MESSAGE_IMAGE, .spread = spread, .shard = i + 1};
		out->image = catalog_image_acquire(control->catalog);
	}
	for (uint32_t i = 0; i < others; i++)
		shard_post(control, control->peers[i + 1], &spread->messages[i].message);
}

static void hold(struct shard *control, struct message *message)
{
	message->next = NULL;
	if (control->held_changes)
		control->held_changes_last->next = message;
	else
		control->held_changes = message;
	control->held_changes_last = message;
}

/* Producer ids that were reserved are a change as well, though no image tells of them: given out twice they would have one producer's batches taken for another's. */
static void run_op(struct shard *control, struct control_op *op)
{
	uint64_t sequence = catalog_sequence(control->image);
	op->run(op, control->catalog);
	bool has_image = catalog_version(control->catalog) != control->image->version;
	if (has_image)
		take_image(control, catalog_image_acquire(control->catalog));
	if (!has_image && catalog_sequence(control->image) == sequence) {
		go_home(control, op);
		return;
	}
	op->control = control;
	op->note.done = noted;
	op->is_noted = false;
	op->images_out = 0;
	if (has_image && control->shard_count > 1)
		spread_image(control, op);
	store_note_catalog(control->store, &op->note);
}

static void run_held(struct shard *control)
{
	while (control->held_changes && !control->is_spreading) {
		struct message *message = control->held_changes;
		control->held_changes = message->next;
		run_op(control, CONTAINER_OF(message, struct control_op, message));
	}
}

static void image_returned(struct shard *control, struct image_message *message)
{
	struct spread *spread = message->spread;
	struct control_op *op = spread->op;
	if (--op->images_out > 0)
		return;
	free(spread);
	go_home_if_done(op);
	control->is_spreading = false;
	run_held(control);
}

static void receive_image(struct shard *shard, struct image_message *message)
{
	take_image(shard, message->image);
	message->message.kind = MESSAGE_IMAGE_RETURN;
	shard_post(shard, shard->peers[0], &message->message);
}

/* ---- a late start ------------------------------------------------------------------------------------------------------ */

void control_hold(struct shard *shard)
{
	shard->is_held = true;
	store_hold(shard->store, true);
}

void control_tell_start(struct shard *shard)
{
	if (!shard->is_held || shard->has_told_start || !store_has_started(shard->store))
		return;
	shard->has_told_start = true;
	shard->started.kind = MESSAGE_STARTED;
	shard_post(shard, shard->peers[0], &shard->started);
}

/* Where the disk has no room for the note, it waits for the next start, as at one that was not late. */
static void note_started(struct shard *control)
{
	if (++control->started_count < control->shard_count)
		return;
	int err = catalog_note_journals(control->catalog);
	if (err && !err_is_full(err)) {
		log_line(LOG_ERROR, "the catalog cannot be written: %s: produce is refused until a restart", err_text(err));
		return;
	}
	for (uint32_t i = 0; i < control->shard_count; i++) {
		struct message *message = &control->peers[i]->started;
		message->kind = MESSAGE_STARTED_RETURN;
		shard_post(control, control->peers[i], message);
	}
}

static void release(struct shard *shard)
{
	shard->is_held = false;
	store_hold(shard->store, false);
}

/* ---- for the shard ----------------------------------------------------------------------------------------------------- */

void control_submit(struct request *request, struct control_op *op)
{
	struct shard *origin = request->shard;
	op->request = request;
	op->origin = origin->index;
	op->message.kind = MESSAGE_CONTROL;
	request->pending++;
	shard_post(origin, origin->peers[0], &op->message);
}

void control_receive(struct shard *shard, struct message *message)
{
	switch ((enum message_kind)message->kind) {
	case MESSAGE_CONTROL:
		hold(shard, message);
		run_held(shard);
		return;
	case MESSAGE_CONTROL_RETURN:
		request_returned(CONTAINER_OF(message, struct control_op, message)->request);
		return;
	case MESSAGE_IMAGE:
		receive_image(shard, CONTAINER_OF(message, struct image_message, message));
		return;
	case MESSAGE_IMAGE_RETURN:
		image_returned(shard, CONTAINER_OF(message, struct image_message, message));
		return;
	case MESSAGE_STARTED:
		note_started(shard);
		return;
	case MESSAGE_STARTED_RETURN:
		release(shard);
		return;
	default:
		UNREACHABLE();
	}
}
