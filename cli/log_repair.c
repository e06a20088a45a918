/* `spate log repair DIR`: what is damaged, what is done about it, and what is left. With --dry-run nothing is done.
 *
 * Failure modes: a directory in use, none at all, or one that needs --accept-loss: nothing is done, and the reason is said. */
#include "cli/log_repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/log_inspect.h"
#include "cli/out.h"
#include "log/repair/repair.h"
#include "net/route/group_count.h"

struct repairing {
	bool is_json, is_dry_run, is_loss_accepted;
	const char *dir;
	struct out_table *table; /* JSON */
};

/* ---- steps -------------------------------------------------------------------------------------------------------- */

static void print_place(const struct finding *finding)
{
	if (finding->topic && finding->partition >= 0)
		printf("%s-%d", finding->topic, finding->partition);
	else
		printf("%s", finding->topic ? finding->topic : finding->file);
	if (finding->from != NOWHERE && finding->to > finding->from)
		printf(", offsets %" PRId64 " to %" PRId64, finding->from, finding->to - 1);
	else if (finding->from != NOWHERE)
		printf(", offsets %" PRId64 " and on", finding->from);
	if (finding->topic && *finding->file)
		printf(" (%s)", finding->file);
}

static void print_step(const struct repairing *repairing, const struct repair_step *step)
{
	const char *verb = step->action == REPAIR_NOTHING ? "leave" : repair_action_name(step->action);
	printf("%s%-10s ", step->is_refused ? "NOT DONE: " : repairing->is_dry_run ? "would " : "", verb);
	print_place(step->finding);
	printf("\n    why: %s\n    how: %s\n", step->finding->what, step->how);
	if (step->is_refused)
		puts("    it gives up acknowledged data: say --accept-loss if there is no copy to put back");
}

static void take_step(void *context, const struct repair_step *step)
{
	struct repairing *repairing = context;
	const struct finding *finding = step->finding;
	if (!repairing->is_json) {
		print_step(repairing, step);
		return;
	}
	OUT_ROW(repairing->table, cell_text(repair_action_name(step->action)), cell_bool(step->is_refused), cell_text(finding->topic),
		finding->partition == NOWHERE ? cell_int_if(false, 0) : cell_int(finding->partition), cell_text(*finding->file ? finding->file : NULL),
		cell_int_if(finding->from != NOWHERE, finding->from), cell_int_if(finding->to != NOWHERE, finding->to), cell_text(finding->what),
		cell_text(step->how));
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static uint32_t count_steps(const struct repair_report *report)
{
	uint32_t count = 0;
	for (int action = 0; action < REPAIR_NOTHING; action++)
		count += report->steps[action];
	return count;
}

static void print_end(const struct repairing *repairing, const struct repair_report *report, int err)
{
	uint32_t count = count_steps(report);
	printf("%s: ", repairing->dir);
	if (err)
		puts("not repaired");
	else if (report->refused)
		printf("nothing was done: %u step%s would give up acknowledged data, and that was not asked for\n", report->refused,
		       out_plural(report->refused));
	else if (!count)
		puts("nothing to repair");
	else if (repairing->is_dry_run)
		printf("%u step%s, none of them done\n", count, out_plural(count));
	else
		printf("%u step%s done\n", count, out_plural(count));
	if (!err && report->was_opened)
		printf("left: %" PRIu64 " damaged range%s%s, %" PRIu64 " derived file%s ('spate log verify' names them)\n", report->damages_left,
		       out_plural(report->damages_left), report->unfenced	    ? ", NOT all fenced: see above"
				       : report->damages_left ? ", fenced: their offsets are refused, all else is served"
							      : "",
		       report->derived_left, out_plural(report->derived_left));
}

static void add_end(struct out *out, const struct repairing *repairing, const struct repair_report *report, int err)
{
	out_text(out, "directory", "", repairing->dir);
	out_bool(out, "is_dry_run", "", repairing->is_dry_run);
	out_bool(out, "is_done", "", !err && !report->refused && !repairing->is_dry_run);
	out_int(out, "steps_to_do", "", count_steps(report));
	out_int(out, "refused", "", report->refused);
	out_int(out, "topics_recovered", "", report->steps[REPAIR_RECOVER]);
	out_int(out, "damages_left", "", (int64_t)report->damages_left);
	out_int(out, "derived_left", "", (int64_t)report->derived_left);
}

static int status_of(const struct repairing *repairing, const struct repair_report *report, int err)
{
	if (err || report->refused)
		return STATUS_FAILED;
	bool is_left = report->damages_left + report->derived_left > 0;
	return is_left ? STATUS_DAMAGED : STATUS_OK;
}

/* ---- the verb ----------------------------------------------------------------------------------------------------- */

static int repair_with(struct io *io, struct repairing *repairing, const struct broker_config *config, const char *const *topics, uint32_t topic_count)
{
	static const char *const columns[] = {"action=", "is_refused=", "topic=", "partition=", "file=", "from_offset=", "to_offset=", "why=", "how="};
	struct repair_options options = {
		.dir = repairing->dir,
		.config = config,
		.is_dry_run = repairing->is_dry_run,
		.is_loss_accepted = repairing->is_loss_accepted,
		.quarantined = topics,
		.quarantined_count = topic_count,
		.told = take_step,
		.context = repairing,
		.count_internal = group_count_partitions,
		.is_internal = group_count_is_groups,
	};
	struct repair_report report;
	struct out *out = out_open(repairing->is_json);
	if (repairing->is_json)
		repairing->table = out_table_begin(out, "steps", columns, COUNT_OF(columns));
	int err = repair_directory(io, &options, &report);
	if (repairing->is_json) {
		add_end(out, repairing, &report, err);
		out_table_end(repairing->table, NULL, NULL);
	} else {
		print_end(repairing, &report, err);
	}
	out_close(out);
	if (err)
		complain("%s", report.why);
	return status_of(repairing, &report, err);
}

static int begin(struct repairing *repairing, const char *const *topics, uint32_t topic_count)
{
	struct io_options options = {.backend = IO_SYSCALLS};
	struct broker_config *config;
	struct io *io;
	int err = io_open(&io, &options);
	if (!err && (err = broker_config_create(&config)))
		io_close(io);
	if (err) {
		complain("cannot begin: %s", err_text(err));
		return STATUS_FAILED;
	}
	int status = log_check_directory(io, repairing->dir);
	if (!status)
		status = repair_with(io, repairing, config, topics, topic_count);
	broker_config_destroy(config);
	io_close(io);
	return status;
}

static int check_directory(const char *dir)
{
	struct stat info;
	bool is_there = stat(dir, &info) == 0;
	if (is_there && S_ISDIR(info.st_mode))
		return STATUS_OK;
	complain("%s: %s", dir, is_there ? "it is not a directory: name the broker's data directory" : strerror(errno));
	return STATUS_USAGE;
}

int log_repair_run(int argc, char **argv)
{
	struct repairing repairing = {0};
	const char *topic = NULL;
	const struct flag flags[] = {
		BOOL_FLAG("dry-run", 'n', &repairing.is_dry_run, "only say what would be done, and why"),
		BOOL_FLAG("accept-loss", 0, &repairing.is_loss_accepted,
			  "go on without acknowledged data that cannot be had again: a lost journal, a catalog with a hole"),
		TEXT_FLAG("quarantine", 0, &topic, "TOPIC", "move a topic's directories to quarantine/ and delete the topic"),
		BOOL_FLAG("json", 'J', &repairing.is_json, "print JSON; offsets are [from, to)"),
	};
	const struct flag_table table = {
		.command = "spate log repair",
		.arguments = "DIR",
		.about = "Puts a damaged data directory in order, as far as that can be; the broker must be stopped. Derived\n"
			 "files are made anew, damaged ranges fenced (their offsets are refused, all else is served),\n"
			 "fences before files that are whole again taken away, torn tails cut. What would give up\n"
			 "acknowledged data is refused without --accept-loss. What is cut off or replaced is kept beside it.\n"
			 "Topics whose names are lost with the catalog come back as recovered-<topic id>.\n"
			 "Says each step with its reason, and at the end what is left.\n"
			 "Exit status: 0 nothing is wrong any more; 4 done (or a dry run), and damage is left; 1 not done; 2\n"
			 "wrong usage.",
		.examples = "  spate log repair ./data --dry-run\n"
			    "  spate log repair ./data --accept-loss\n"
			    "  spate log repair ./data --quarantine orders\n",
		.flags = flags,
		.flag_count = COUNT_OF(flags),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	int status;
	if (!flags_parse(&table, argc, argv, &arguments, &status))
		return status;
	repairing.dir = arguments.items[0];
	status = check_directory(repairing.dir);
	return status ? status : begin(&repairing, &topic, topic ? 1 : 0);
}
