/* Changes of the catalog: they run on the control shard (0), which alone owns it. When the image has changed, every shard takes
 * the new one (store_set_image) before the operation returns, so that what it answers is true on all shards: a producer can
 * produce as soon as CreateTopics was answered.
 *
 * Owner: the request it belongs to, whose arena it lives in; while pending, the control shard. Operations run one after another in
 * the order they arrive, each when all shards have taken the image before; each may block its shard for a sync: they are rare. An operation
 * that has changed the catalog returns when the journal of shard 0 says so as well (store_note_catalog): rot in the record of an answered change is no torn tail then. */
#pragma once

#include "log/catalog/catalog.h"
#include "log/store/store.h"
#include "net/route/mailbox.h"

struct request;
struct shard;

struct control_op {
	struct message message;
	struct request *request;
	/* Runs on shard 0. May call every catalog_ verb, and read and write what the operation is embedded in. */
	void (*run)(struct control_op *op, struct catalog *catalog);
	uint32_t origin;
	/* Of one that has changed the catalog, on shard 0. */
	struct shard *control;
	struct store_catalog_note note;
	bool is_noted;
	uint32_t images_out;
};

/* Fill `run`. Always pending: join the request (request_join). */
void control_submit(struct request *request, struct control_op *op);

/* What this shard has from the configuration that may change while it runs: as the image has it. When the store is open, and with each image. */
void control_apply_config(struct shard *shard);

/* At a start, before any shard turns: some store could not start its journal, for want of room. No shard takes anything until all could, and the catalog has noted that. */
void control_hold(struct shard *shard);
/* Once a turn, behind the store's: a shard that is held and has started says so to shard 0. */
void control_tell_start(struct shard *shard);

/* For the shard: MESSAGE_CONTROL to MESSAGE_STARTED_RETURN. */
void control_receive(struct shard *shard, struct message *message);
