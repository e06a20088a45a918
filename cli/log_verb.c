/* `spate log verify DIR`: every byte of a data directory checked without the broker (log/verify/verify.h).
 * `spate log inspect` is in log_inspect.c.
 *
 * Changes nothing. Failure modes: no such directory, one that cannot be read; whatever can be read and is
 * wrong is a finding, not a failure. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/log_inspect.h"
#include "cli/log_repair.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "log/io/io.h"
#include "log/verify/directory.h"
#include "log/verify/verify.h"

struct verifying {
	bool is_json, is_quiet;
	const char *dir;
	struct out_table *table;      /* JSON */
	uint64_t began_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static void show_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
	struct verifying *verifying = context;
	char done[32], total[32];
	progress_say("checking %s: %s of %s", verifying->dir, out_bytes(done_bytes, done), out_bytes(total_bytes, total));
}

/* ---- findings ------------------------------------------------------------------------------------------ */

static void print_offsets(const struct finding *finding)
{
	if (finding->from == NOWHERE)
		return;
	if (finding->to == NOWHERE)
		printf(", offsets %" PRId64 " and on", finding->from);
	else
		printf(", offsets %" PRId64 " to %" PRId64, finding->from,
		       finding->to > finding->from ? finding->to - 1 : finding->to);
}

/* "DAMAGE  orders-1, offsets 120 to 139: a batch fails its CRC-32C (orders-1/00000000000000000000.log,
 * bytes 4096 to 8191)" */
static void print_finding(const struct finding *finding)
{
	printf("%-8s", finding->kind == FINDING_DAMAGE ? "DAMAGE" : finding_kind_name(finding->kind));
	if (finding->topic && finding->partition >= 0)
		printf("%s-%d", finding->topic, finding->partition);
	else
		printf("%s", finding->topic ? finding->topic : finding->file);
	print_offsets(finding);
	printf(": %s", finding->what);
	if (finding->topic && *finding->file)
		printf(" (%s", finding->file);
	if (finding->position_to > finding->position_from)
		printf("%sbytes %" PRId64 " to %" PRId64, finding->topic ? ", " : " (",
		       finding->position_from, finding->position_to - 1);
	puts((finding->topic && *finding->file) || finding->position_to > finding->position_from ? ")" : "");
}

static void add_finding(struct out_table *table, const struct finding *finding)
{
	OUT_ROW(table, cell_text(finding_kind_name(finding->kind)), cell_text(finding->topic),
		cell_offset(finding->partition), cell_text(*finding->file ? finding->file : NULL),
		cell_offset(finding->from), cell_offset(finding->to), cell_offset(finding->position_from),
		cell_offset(finding->position_to), cell_text(finding->what));
}

static void take_finding(void *context, const struct finding *finding)
{
	struct verifying *verifying = context;
	if (verifying->is_quiet && finding->kind == FINDING_NOTE)
		return;
	if (verifying->is_json) {
		add_finding(verifying->table, finding);
		return;
	}
	progress_hide();
	print_finding(finding);
	fflush(stdout);
	progress_show();
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static bool is_clean(const struct verify_report *report)
{
	return report->counts.findings[FINDING_DAMAGE] + report->counts.findings[FINDING_DERIVED] == 0;
}

/* No damage to anything that is served, but not nothing either: a catalog that forgot a topic leaves such. */
static void print_unowned(const struct unowned *unowned, bool is_clean)
{
	if (unowned->count)
		printf("%s%u partition director%s records of no topic that the catalog knows, which nobody is served: %s", is_clean ? ", but " : "; ", unowned->count,
		       unowned->count == 1 ? "y holds" : "ies hold", unowned->names);
}

static void print_verdict(const struct verifying *verifying, const struct verify_report *report)
{
	uint64_t damages = report->counts.findings[FINDING_DAMAGE];
	uint64_t derived = report->counts.findings[FINDING_DERIVED];
	printf("%s: ", verifying->dir);
	if (is_clean(report))
		printf(report->is_in_use ? "no damage in what was checked" : "no damage");
	if (damages)
		printf("DAMAGED: %" PRIu64 " range%s", damages, out_plural(damages));
	if (derived)
		printf("%s%" PRIu64 " derived file%s not fit the log (no record is lost: stop the broker and delete "
		       "%s, to be made anew)",
		       damages ? "; " : "", derived, derived == 1 ? " does" : "s do", derived == 1 ? "it" : "them");
	print_unowned(&report->unowned, is_clean(report));
	puts("");
}

/* A running broker's journal and active segments change under the eyes of whoever reads them. */
static void print_not_checked(const struct verify_report *report)
{
	char bytes[32];
	if (!report->is_in_use)
		return;
	printf("NOT checked, because a running broker is writing there: journals (the newest records are there alone), checkpoints,\n"
	       "and %" PRIu64 " segment%s that %s not sealed (%s); "
	       "stop the broker to check every byte\n",
	       report->counts.open_segments, out_plural(report->counts.open_segments), report->counts.open_segments == 1 ? "is" : "are",
	       out_bytes(report->counts.open_bytes, bytes));
}

static void print_segments(const struct verify_report *report)
{
	const struct verify_counts *counts = &report->counts;
	char bytes[32];
	if (!counts->segments) {
		printf("checked no segment: %s", report->journal_records ? "all records are in the journal still"
				       : report->is_in_use ? "none is sealed" : "there is none");
		return;
	}
	printf("checked %u partition%s, %" PRIu64 " segment%s (%" PRIu64 " sealed), ", report->partitions, out_plural(report->partitions),
	       counts->segments, out_plural(counts->segments), counts->sealed_segments);
	printf("%" PRIu64 " batch%s, %" PRIu64 " record%s, %s", counts->batches, counts->batches == 1 ? "" : "es", counts->records,
	       out_plural(counts->records), out_bytes(counts->bytes, bytes));
}

/* "; journal: 5 entries with offsets of 10 records in 4 partitions". What is in the journal alone becomes segments at the next start. */
static void print_journals(const struct verify_report *report)
{
	if (!report->journals)
		return;
	printf("; %u journal%s: %" PRIu64 " entr%s", report->journals, out_plural(report->journals), report->journal_entries,
	       report->journal_entries == 1 ? "y" : "ies");
	if (report->journal_records)
		printf(" with %" PRIu64 " record%s of %u partition%s", report->journal_records, out_plural(report->journal_records),
		       report->journal_partitions, out_plural(report->journal_partitions));
	printf(", %s", report->was_clean ? "cleanly stopped" : "not cleanly stopped");
}

static void print_looked_at(const struct verifying *verifying, const struct verify_report *report)
{
	const struct verify_counts *counts = &report->counts;
	char tails[32];
	print_segments(report);
	print_journals(report);
	printf("; in %.1f s\n", (double)(now_ns() - verifying->began_ns) / 1e9);
	if (counts->tails)
		printf("%" PRIu64 " file%s with %s behind the durable point: room, or what was never acknowledged or is "
		       "still in the journal\n",
		       counts->tails, counts->tails == 1 ? " ends" : "s end", out_bytes(counts->tail_bytes, tails));
	if (!report->has_catalog)
		puts("no catalog could be read (Apache Kafka's directories have none): segments were checked alone");
}

static void add_report(struct out *out, const struct verifying *verifying, const struct verify_report *report)
{
	const struct verify_counts *counts = &report->counts;
	out_text(out, "directory", "", verifying->dir);
	out_bool(out, "is_clean", "", is_clean(report));
	out_bool(out, "is_in_use", "", report->is_in_use);
	out_bool(out, "has_catalog", "", report->has_catalog);
	out_int(out, "damages", "", (int64_t)counts->findings[FINDING_DAMAGE]);
	out_int(out, "derived", "", (int64_t)counts->findings[FINDING_DERIVED]);
	out_int(out, "notes", "", (int64_t)counts->findings[FINDING_NOTE]);
	out_int(out, "topics", "", report->topics);
	out_int(out, "partitions", "", report->partitions);
	out_int(out, "unknown_partitions", "", report->unknown_partitions);
	out_int(out, "unowned_partitions", "", report->unowned.count);
	out_int(out, "segments", "", (int64_t)counts->segments);
	out_int(out, "sealed_segments", "", (int64_t)counts->sealed_segments);
	out_int(out, "batches", "", (int64_t)counts->batches);
	out_int(out, "records", "", (int64_t)counts->records);
	out_int(out, "bytes", "", (int64_t)counts->bytes);
	out_int(out, "tails", "", (int64_t)counts->tails);
	out_int(out, "tail_bytes", "", (int64_t)counts->tail_bytes);
	out_int(out, "unchecked_segments", "", (int64_t)counts->open_segments);
	out_int(out, "unchecked_bytes", "", (int64_t)counts->open_bytes);
	out_int(out, "journals", "", report->journals);
	out_int(out, "journal_entries", "", (int64_t)report->journal_entries);
	out_int(out, "journal_records", "", (int64_t)report->journal_records);
	out_int(out, "journal_partitions", "", report->journal_partitions);
	out_bool(out, "was_cleanly_stopped", "", report->was_clean);
}

static void tell_report(struct out *out, const struct verifying *verifying,
			const struct verify_report *report)
{
	if (verifying->is_json) {
		add_report(out, verifying, report);
		return;
	}
	print_verdict(verifying, report);
	print_looked_at(verifying, report);
	print_not_checked(report);
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static int check_directory(const char *dir)
{
	struct stat info;
	if (stat(dir, &info)) {
		complain("%s: %s", dir, strerror(errno));
		return STATUS_USAGE;
	}
	if (S_ISDIR(info.st_mode))
		return STATUS_OK;
	complain("%s is not a directory; name the broker's data directory ('spate log inspect' looks into files)",
		 dir);
	return STATUS_USAGE;
}

int log_open_io(struct io **out)
{
	struct io_options options = {.backend = IO_SYSCALLS};
	int err = io_open(out, &options);
	if (!err)
		return STATUS_OK;
	complain("cannot begin: %s", err_text(err));
	return STATUS_FAILED;
}

int log_check_directory(struct io *io, const char *path)
{
	struct data_dir dir;
	char why[1536];
	int err = data_dir_read(&dir, io, path);
	if (err) {
		complain("%s: %s", path, io_explain(io, err, why, sizeof why));
		return STATUS_FAILED;
	}
	bool is_empty = !dir.has_meta && !dir.has_catalog && !dir.shard_count && !dir.partition_count;
	data_dir_free(&dir);
	if (is_empty)
		complain("%s is no data directory: there is neither a catalog nor a journal nor a segment in it", path);
	return is_empty ? STATUS_USAGE : STATUS_OK;
}

static int verify_with(struct io *io, struct verifying *verifying)
{
	static const char *const columns[] = {"kind=", "topic=", "partition=", "file=", "from_offset=",
					      "to_offset=", "from_position=", "to_position=", "what="};
	struct verify_options options = {.dir = verifying->dir, .found = take_finding,
					 .progress = show_progress, .context = verifying};
	struct verify_report report;
	char why[1536];
	struct out *out = out_open(verifying->is_json);
	if (verifying->is_json)
		verifying->table = out_table_begin(out, "findings", columns, COUNT_OF(columns));
	progress_begin("checking %s", verifying->dir);
	int err = verify_directory(io, &options, &report);
	progress_end();
	if (!err)
		tell_report(out, verifying, &report);
	if (verifying->is_json)
		out_table_end(verifying->table, NULL, NULL);
	out_close(out);
	if (err) {
		complain("%s could not be checked to its end: %s", verifying->dir, io_explain(io, err, why, sizeof why));
		return STATUS_FAILED;
	}
	return is_clean(&report) ? STATUS_OK : STATUS_DAMAGED;
}

static int verify(int argc, char **argv)
{
	struct verifying verifying = {.began_ns = now_ns()};
	const struct flag flags[] = {
		BOOL_FLAG("quiet", 'q', &verifying.is_quiet,
			  "leave out notes: what is worth knowing and not wrong"),
		BOOL_FLAG("json", 'J', &verifying.is_json,
			  "print JSON; offsets and positions are [from, to)"),
	};
	const struct flag_table table = {
		.command = "spate log verify",
		.arguments = "DIR",
		.about = "Checks every byte of a data directory without the broker: catalog, journals, checkpoints, and\n"
			 "each batch of each segment with its records, seals and indexes. Names every damaged range with\n"
			 "its offsets and goes on behind it. Changes nothing. While a broker runs, sealed segments alone\n"
			 "are checked, and what was not is said. A directory of Apache Kafka's, or of one partition, can be checked too.\n"
			 "Exit status: 0 no damage; 4 damage, or a derived file that does not fit the log; 1 not checked\n"
			 "to the end; 2 wrong usage.",
		.examples = "  spate log verify ./data\n"
			    "  spate log verify ./data --json | jq '.findings[] | select(.kind == \"damage\")'\n",
		.flags = flags,
		.flag_count = COUNT_OF(flags),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	int status;
	if (!flags_parse(&table, argc, argv, &arguments, &status))
		return status;
	verifying.dir = arguments.items[0];
	status = check_directory(verifying.dir);
	if (status)
		return status;
	struct io *io;
	status = log_open_io(&io);
	if (status)
		return status;
	status = log_check_directory(io, verifying.dir);
	status = status ? status : verify_with(io, &verifying);
	io_close(io);
	return status;
}

int log_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"inspect", "show what a data directory or one of its files holds", log_inspect_run},
		{"repair", "put a damaged data directory in order, as far as that can be", log_repair_run},
		{"verify", "check every byte of a data directory, and name what is damaged", verify},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate log", argc, argv);
}
