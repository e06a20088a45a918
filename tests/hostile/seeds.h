/* The good requests that the lies are told of (file `seeds`), for every API and version that the broker says it serves. One thread; a mistake in the
 * file ends the program. */
#pragma once

#include "tests/hostile/lies.h"
#include "tests/hostile/player.h"

typedef void (*good_request_fn)(void *context, const struct good_request *good);

/* Makes the topic `hostile` if it is not there, and waits until the broker serves groups: false if it does not come to that. */
bool seeds_prepare(const struct target *target, const char *directory);

/* Each API of ours in each version that the broker has as well. */
void seeds_each(good_request_fn take, void *context);
