/* For the repair's tests: one call on the world's directory, and the steps that it told of. */
#pragma once

#include "log/repair/repair.h"
#include "tests/unit/log/verify/directory.h"

struct steps {
	uint32_t count;
	enum repair_action actions[FOUND_MAX];
	int64_t from[FOUND_MAX], to[FOUND_MAX];
	char topics[FOUND_MAX][64];
};

static inline void keep_step(void *context, const struct repair_step *step)
{
	struct steps *steps = context;
	cr_assert_lt(steps->count, FOUND_MAX);
	steps->actions[steps->count] = step->action;
	steps->from[steps->count] = step->finding->from;
	snprintf(steps->topics[steps->count], sizeof steps->topics[0], "%s", step->finding->topic ? step->finding->topic : "");
	steps->to[steps->count++] = step->finding->to;
}

static inline void repair_as(struct world *world, const struct repair_options *how, struct steps *steps, struct repair_report *report)
{
	struct io *io = rot_open(world);
	struct repair_options options = *how;
	options.dir = "/";
	options.config = world->config;
	options.told = keep_step;
	options.context = steps;
	*steps = (struct steps){0};
	int err = repair_directory(io, &options, report);
	cr_assert_eq(err, 0, "%s", report->why);
	io_close(io);
}

static inline void repair(struct world *world, bool is_dry_run, struct steps *steps, struct repair_report *report)
{
	repair_as(world, &(struct repair_options){.is_dry_run = is_dry_run}, steps, report);
}
