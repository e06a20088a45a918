/* The broker's loggers, as BROKER_LOGGER resources have them: one, "root", whose level says which lines come on stderr. It is not kept over a restart,
 * as in Kafka. Of the process, not of a broker: shared, atomic; any thread. */
#pragma once

#include "net/api/config_change.h"

#define ROOT_LOGGER "root"

/* "INFO". Static storage. */
const char *config_root_level(void);
/* In the control operation; the outcome is in target->refusal. */
void config_alter_loggers(struct config_alteration *alteration, struct config_target *target);
