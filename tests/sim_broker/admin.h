/* The administrator: makes, deletes, grows, trims and configures topics, one after another, each until it is certain; and tells the world's topics what is
 * so. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

enum order_kind { ORDER_MAKE, ORDER_DELETE, ORDER_GROW, ORDER_TRIM, ORDER_CONFIGURE, ORDER_CHECK_CONFIGS };

struct admin *admin_open(struct world *world);
/* `a` and `b` are any numbers. An order that does not fit the topic when its turn comes is passed over. */
void admin_order(struct admin *admin, enum order_kind kind, uint32_t topic, uint64_t a, uint64_t b);
void admin_step(struct admin *admin);
void admin_reset(struct admin *admin);
bool admin_is_done(const struct admin *admin);
void admin_describe(const struct admin *admin, char *out, size_t size);
