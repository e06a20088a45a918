/* `spate log inspect DIR|FILE`: what a data directory holds, without the broker: topics, partitions,
 * segments; the batches and records of a segment; or what is in one of the other files.
 *
 * Changes nothing, and takes no lock: beside a running broker it shows what was on disk at that moment.
 * This file has the verb; a directory is in log_inspect_dir.c. Failure modes: no such file or directory, a file of an unknown kind. */
#include "cli/log_inspect_dir.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/offsets.h"

static int inspect_file(struct inspect *inspect)
{
	char dir[4096];
	const char *slash = strrchr(inspect->path, '/');
	const char *name = slash ? slash + 1 : inspect->path;
	int64_t base_offset;
	enum segment_file file;
	int status;
	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - inspect->path) : 1,
		 slash ? inspect->path : ".");
	if (segment_name_parse(name, &base_offset, &file) && file == SEGMENT_FILE_LOG)
		return log_inspect_log(inspect->io, *dir ? dir : "/", name, "-", -1, base_offset,
				       &inspect->range, inspect->with_records, inspect->is_json);
	if (log_inspect_file(inspect->io, inspect->path, inspect->is_json, &status))
		return status;
	complain("%s: it is none of the files that can be inspected: .log, .index, .timeindex, .seal, "
		 ".snapshot, .appendtime, journal-N, checkpoint-N, catalog.log",
		 inspect->path);
	return STATUS_USAGE;
}

static bool take_range(struct inspect *inspect)
{
	struct offset_range range;
	char why[256];
	inspect->range = (struct inspect_range){0, INT64_MAX};
	if (!inspect->offsets)
		return true;
	if (!offsets_parse(&range, inspect->offsets, 0, why, sizeof why)) {
		complain("--offset %s: %s", inspect->offsets, why);
		return false;
	}
	bool is_plain = (range.from.kind == OFFSET_NUMBER || range.from.kind == OFFSET_START) &&
			(!range.has_to || range.to.kind == OFFSET_NUMBER || range.to.kind == OFFSET_END);
	if (!is_plain) {
		complain("--offset %s: here it is numbers: N or A:B (B is the first that is not shown)",
			 inspect->offsets);
		return false;
	}
	if (range.from.kind == OFFSET_NUMBER)
		inspect->range.from = range.from.value;
	if (range.has_to && range.to.kind == OFFSET_NUMBER)
		inspect->range.to = range.to.value;
	return true;
}

static int run(struct inspect *inspect)
{
	struct stat info;
	if (stat(inspect->path, &info)) {
		complain("%s: %s", inspect->path, strerror(errno));
		return STATUS_USAGE;
	}
	if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
		complain("%s: it is no regular file, but a FIFO, a socket or a device", inspect->path);
		return STATUS_USAGE;
	}
	int status = log_open_io(&inspect->io);
	if (status)
		return status;
	status = S_ISDIR(info.st_mode) ? log_inspect_directory(inspect) : inspect_file(inspect);
	io_close(inspect->io);
	return status;
}

int log_inspect_run(int argc, char **argv)
{
	struct inspect inspect = {.partition = -1};
	const struct flag flags[] = {
		TEXT_FLAG("topic", 't', &inspect.topic, "TOPIC", "this topic alone: its segments"),
		INT_FLAG("partition", 'p', &inspect.partition, "N", 0, INT32_MAX,
			 "this partition of it alone"),
		BOOL_FLAG("batches", 'b', &inspect.with_batches,
			  "each batch: position, offsets, codec, producer, CRC"),
		BOOL_FLAG("records", 'r', &inspect.with_records, "each batch and its records"),
		TEXT_FLAG("offset", 'o', &inspect.offsets, "A:B",
			  "batches that hold these offsets alone; B is the first that is not shown"),
		BOOL_FLAG("json", 'J', &inspect.is_json,
			  "print JSON; batches and records as one object a line"),
	};
	const struct flag_table table = {
		.command = "spate log inspect",
		.arguments = "DIR|FILE",
		.about = "Shows what is in a data directory, without the broker: topics and partitions; with --topic\n"
			 "its segments; with --batches, --records or --offset what is in them. Or what is in one file:\n"
			 "a .log, .index, .timeindex, .seal, .snapshot, .appendtime, journal-N, checkpoint-N or catalog.log.\n"
			 "Changes nothing.\n"
			 "What was appended in the last seconds is in the journal alone.\n"
			 "For damage see 'spate log verify'.",
		.examples = "  spate log inspect ./data\n"
			    "  spate log inspect ./data --topic orders\n"
			    "  spate log inspect ./data --topic orders --partition 0 --offset 100:110 --records\n"
			    "  spate log inspect ./data/orders-0/00000000000000000000.log --json | jq .codec\n"
			    "  spate log inspect ./data/journal-0\n"
			    "  spate log inspect ./data/catalog.log\n",
		.flags = flags,
		.flag_count = COUNT_OF(flags),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	int status;
	if (!flags_parse(&table, argc, argv, &arguments, &status))
		return status;
	inspect.path = arguments.items[0];
	if (inspect.partition >= 0 && !inspect.topic) {
		complain("--partition needs --topic");
		return STATUS_USAGE;
	}
	return take_range(&inspect) ? run(&inspect) : STATUS_USAGE;
}
