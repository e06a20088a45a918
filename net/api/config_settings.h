/* Changes of the configs that are kept as settings of the catalog: those of the broker and of all brokers, of groups, of subscriptions to client
 * metrics. Judged as Kafka judges them, and made as one change of the catalog.
 *
 * Runs inside the control operation of net/api/config_change.c, on shard 0. Owner: the request. */
#pragma once

#include "net/api/config_change.h"

/* The outcome is in target->refusal. */
void config_alter_broker(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog);
void config_alter_group(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog);
void config_alter_client_metrics(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog);
