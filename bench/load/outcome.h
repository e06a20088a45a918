/* The begin and the end of a result, which produce and fetch share. Owns nothing; any thread. */
#pragma once

#include "bench/load/load.h"

/* Clears the result and names the workload. -EINVAL with `failure` set if the configuration is at fault. */
int load_result_begin(struct load_result *result, const struct load_config *config, const char *verb) MUST_USE;

/* Deletes the topic if that was asked for. Returns `err`, or if that is 0 what came of it; the first failure
 * is the one that is told. */
int load_result_clean_up(struct load_result *result, const struct load_config *config, int err) MUST_USE;

/* What the call returns: `err`, or -EIO with `failure` set if requests failed though the run went to its end. */
int load_result_end(struct load_result *result, int err) MUST_USE;
