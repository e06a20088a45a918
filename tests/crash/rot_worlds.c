/* Rot and misdirected writes in small worlds: a random workload leaves a data directory (tests/crash/lib/scene.h), and one fault at a time is done to a copy of
 * it (lib/rot.h). Then a store opens it, and everything is read. Each record that was acknowledged is served as it was, or refused as damaged; or the
 * store does not open, says why, and the way out that it names leads to a log that serves nothing wrong and gives no offset twice. Of some a further life
 * must say the same, and of some `log verify` must have named what was refused.
 *
 *   rot_worlds [--seed=N] [--time=SECONDS] [--jobs=N] [--scenes=N] [--each=N] [--deeper=N] [--scene=N [--only=KIND[:NUMBER]]] [--failures=N]
 *
 * --each: of each kind at most so many faults a scene, of flips eight times as many (0: all there are). --deeper: one trial in so many is verified, lives on, or
 * goes the way out. A scene and an only are what a failure prints. */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "log/base/err.h"
#include "log/verify/verify.h"
#include "tests/crash/lib/rot.h"
#include "tests/crash/lib/workers.h"

#define NAMED_MAX 64
#define HANG_S 20 /* of processor time, for one trial */

enum outcome { HARMLESS, NAMED, REFUSED, TORN, BOTH, WRONG, outcome_count };
static const char *const outcome_names[outcome_count] = {"harmless", "named", "refused", "torn", "both", "WRONG"};

enum sum { SUM_OUTCOMES, SUM_SCENES = SUM_OUTCOMES + rot_kind_count * outcome_count, SUM_SAME, SUM_VERIFIED, SUM_LIVED, SUM_WAYS_OUT, SUM_RECORDS, sum_count };
_Static_assert(sum_count <= WORKERS_SUMS_MAX, "each has its place");

struct options {
	uint64_t seed, scene;
	double time_s;
	uint32_t jobs, scenes, each, deeper, failures;
	const char *only;
};

struct named {
	char topic[16];
	int32_t partition;
	int64_t from, to;
};

/* One fault, and what came of it. */
struct trial {
	const struct rot_table *table;
	struct rot_fault fault;
	struct rot_changes changes;
	bool is_deep, has_verified, has_file_damage;
	uint32_t findings, named_count;
	struct named named[NAMED_MAX];
	struct model_damage damage;
	struct seen seen;
	char why[2400];
};

static struct trial trial;
static const struct options *options;
static volatile uint64_t trials, trials_at_tick;

/* ---- telling ----------------------------------------------------------------------------------------------------------------- */

static void tell_context(FILE *out)
{
	char what[1024];
	if (!trial.table)
		return;
	rot_describe(trial.table, &trial.changes, what, sizeof what);
	fprintf(out, "      in: %s\n      %s: %s\n      again: rot_worlds --scene=%lu --only=%s:%lu\n", trial.table->scene->story, rot_names[trial.fault.kind], what,
		(unsigned long)trial.table->scene->seed, rot_names[trial.fault.kind], (unsigned long)trial.fault.number);
}

static void tell_failure(void)
{
	printf("FAIL  %s\n", trial.why);
	tell_context(stdout);
	fflush(stdout);
}

static void tick(int number)
{
	if (trials == trials_at_tick)
		abort();
	trials_at_tick = trials;
}

static void watch_for_hangs(void)
{
	struct itimerval every = {{HANG_S, 0}, {HANG_S, 0}};
	signal(SIGPROF, tick);
	setitimer(ITIMER_PROF, &every, NULL);
}

static __attribute__((format(printf, 1, 2))) bool wrong(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(trial.why, sizeof trial.why, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- what verify says -------------------------------------------------------------------------------------------------------- */

static void note_finding(void *context, const struct finding *finding)
{
	if (options->only)
		printf("      verify: %s %s %s-%d [%ld, %ld): %s\n", finding_kind_name(finding->kind), finding->file, finding->topic ? finding->topic : "",
		       finding->partition, (long)finding->from, (long)finding->to, finding->what);
	if (finding->kind == FINDING_NOTE)
		return;
	trial.findings++;
	if (finding->kind != FINDING_DAMAGE)
		return;
	if (finding->from == NOWHERE || finding->partition == NOWHERE || trial.named_count == NAMED_MAX) {
		trial.has_file_damage = true;
		return;
	}
	struct named *named = &trial.named[trial.named_count++];
	*named = (struct named){.partition = finding->partition, .from = finding->from, .to = finding->to == NOWHERE ? INT64_MAX : finding->to};
	snprintf(named->topic, sizeof named->topic, "%s", finding->topic);
}

static bool verify(struct sim_disk *disk)
{
	struct io *io;
	static struct verify_report report;
	struct verify_options verifying = {.dir = "/", .found = note_finding};
	if (io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 5}))
		abort();
	int err = verify_directory(io, &verifying, &report);
	io_close(io);
	trial.has_verified = true;
	return !err || wrong("verify ends with %s", err_name(err));
}

static bool is_named(const char *topic, uint32_t partition, int64_t offset)
{
	for (uint32_t i = 0; i < trial.named_count; i++) {
		const struct named *named = &trial.named[i];
		if (strcmp(named->topic, topic) == 0 && named->partition == (int32_t)partition && offset >= named->from && offset < named->to)
			return true;
	}
	return trial.has_file_damage;
}

static bool all_is_named(const struct model *model, const struct model_damage *damage)
{
	for (uint32_t t = 0; t < MODEL_TOPICS_MAX; t++)
		for (uint32_t p = 0; p < MODEL_PARTITIONS_MAX; p++)
			for (int64_t offset = 0; offset < MODEL_RECORDS_MAX; offset++)
				if (damage->is_damaged[t][p][offset] && !is_named(model->topics[t].name, p, offset))
					return wrong("%s-%u: offset %ld is refused as damaged, and verify did not name it", model->topics[t].name, p, (long)offset);
	return true;
}

/* ---- judging ------------------------------------------------------------------------------------------------------------------ */

static bool judge(struct model *model, bool was_told, struct model_damage *damage, struct machine *machine)
{
	*damage = (struct model_damage){.is_told = was_told};
	model->damage = damage;
	return model_judge(model, machine, &trial.seen, trial.why, sizeof trial.why);
}

/* A record more, a clean stop, and a start that says the same. */
static bool live_on(struct machine *machine, const struct model *model)
{
	static struct model after;
	static struct model_damage damage_after;
	static char why[sizeof trial.why];
	struct sim_disk *disk = machine->disk;
	after = *model;
	model_settle(&after, &trial.seen);
	after.damage = NULL;
	if (!workload_live_on(machine, &after, why, sizeof why))
		return wrong("the life after it: %s", why);
	int err = machine_open(machine, disk, 7);
	if (err)
		return wrong("the second start: %s: %s", err_name(err), machine_why(machine));
	if (!judge(&after, trial.damage.is_told || trial.damage.count, &damage_after, machine)) {
		snprintf(why, sizeof why, "%s", trial.why);
		return wrong("in the second life: %s", why);
	}
	for (uint32_t t = 0; t < MODEL_TOPICS_MAX; t++)
		for (uint32_t p = 0; p < MODEL_PARTITIONS_MAX; p++)
			for (int64_t offset = 0; offset < MODEL_RECORDS_MAX; offset++)
				if (damage_after.is_damaged[t][p][offset] != trial.damage.is_damaged[t][p][offset])
					return wrong("%s-%u: offset %ld is %s in the second life alone", model->topics[t].name, p, (long)offset,
						     damage_after.is_damaged[t][p][offset] ? "damaged" : "served");
	return true;
}

static bool is_repair_told(const char *text)
{
	return strstr(text, "spate log repair") != NULL;
}

/* What may be served if what nobody vouches for is lost: NULL, the fault does not strike that. */
static struct model *allowed_by_fault(void)
{
	static struct model allowed;
	int past = rot_unvouched_past(trial.table, &trial.changes);
	if (past < 0)
		return NULL;
	scene_allow_past(trial.table->scene, past, &allowed);
	return &allowed;
}

static bool is_catalogs_alone(void)
{
	for (uint32_t i = 0; i < trial.changes.count; i++)
		if (strcmp(trial.table->scene->now.files[trial.changes.at[i].file].path, "/catalog.log") != 0)
			return false;
	return true;
}

/* The way out that a refusal names: afterwards it opens, nothing wrong is served, and no offset can be given twice. */
static bool go_way_out(struct machine *machine, struct model *model, bool is_repair)
{
	struct sim_disk *disk = machine->disk;
	static char why[1280];
	machine_close(machine);
	int err = is_repair ? machine_repair(disk, 8, why, sizeof why) : 0;
	if (err)
		return wrong("repair ends with %s: %s", err_name(err), why);
	err = machine_open_accepting(machine, disk, 9, !is_repair);
	if (err)
		return wrong("after %s it does not open: %s: %s", is_repair ? "repair" : "a loss was accepted", err_name(err), machine_why(machine));
	memset(&trial.damage, 0, sizeof trial.damage);
	trial.damage.is_given_up = true;
	trial.damage.is_catalogs_alone = is_repair && is_catalogs_alone();
	model->damage = &trial.damage;
	snprintf(why, sizeof why, "%s", is_repair ? "after repair: " : "");
	bool is_right = model_judge(model, machine, &trial.seen, why, sizeof why);
	return is_right || wrong("the way out (%s): %s", is_repair ? "repair" : "spate.accept.loss", why);
}

static bool judge_refusal(struct machine *machine, struct model *model, int err, uint64_t *sums)
{
	static char text[1100];
	snprintf(text, sizeof text, "%s", machine_why(machine));
	if (options->only)
		printf("      refused: %s: %s\n", err_name(err), text);
	if (!*text)
		return wrong("it does not open (%s) and says nothing", err_name(err));
	if (!is_repair_told(text) && !strstr(text, "spate.accept.loss=true"))
		return wrong("it does not open and says no way out: %s", text);
	if (trial.has_verified && !trial.findings)
		return wrong("it does not open, and verify found nothing: %s", text);
	if (!trial.is_deep)
		return true;
	sums[SUM_WAYS_OUT]++;
	struct model *allowed = allowed_by_fault();
	return go_way_out(machine, allowed ? allowed : model, is_repair_told(text));
}

/* What it says is right if nothing more is missing than what nobody can know. */
static enum outcome judge_opened(struct machine *machine, struct model *model, uint64_t *sums)
{
	bool is_right = judge(model, false, &trial.damage, machine), is_torn = false;
	struct model *allowed = is_right ? NULL : allowed_by_fault();
	if (allowed) {
		model = allowed;
		is_right = is_torn = judge(model, false, &trial.damage, machine);
	}
	sums[SUM_RECORDS] += trial.damage.count;
	if (!is_right)
		return WRONG;
	if (trial.has_verified && !is_torn && !all_is_named(model, &trial.damage))
		return WRONG;
	if (trial.is_deep) {
		sums[SUM_LIVED]++;
		if (!live_on(machine, model))
			return WRONG;
	}
	return is_torn ? TORN : trial.damage.count ? NAMED : HARMLESS;
}

static enum outcome try(struct model *model, uint64_t *sums)
{
	static struct machine machine;
	struct sim_disk *disk = sim_disk_copy(trial.table->scene->disk);
	trial.has_verified = trial.has_file_damage = false;
	trial.findings = trial.named_count = 0;
	rot_do(trial.table, &trial.changes, disk);
	bool is_good = true;
	if (trial.is_deep) {
		is_good = verify(disk);
		sums[SUM_VERIFIED]++;
	}
	int err = machine_open(&machine, disk, 3);
	enum outcome outcome = !is_good ? WRONG
			       : !err   ? judge_opened(&machine, model, sums)
			       : judge_refusal(&machine, model, err, sums) ? REFUSED : WRONG;
	if (machine.io)
		machine_close(&machine);
	sim_disk_close(disk);
	return outcome;
}

/* ---- the run ------------------------------------------------------------------------------------------------------------------- */

struct job {
	struct sim_disk *base;
	struct model model;
	double until_s;
};

static uint64_t count_wrong(const uint64_t *sums)
{
	uint64_t count = 0;
	for (int kind = 0; kind < rot_kind_count; kind++)
		count += sums[SUM_OUTCOMES + kind * outcome_count + WRONG];
	return count;
}

/* Not something lost, but something that was never so. */
static bool is_served_wrong(void)
{
	static const char *const words[] = {"other bytes", "never written", "fails its check", " is due", "never made", "never ends", "never answered"};
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strstr(trial.why, words[i]))
			return true;
	return false;
}

static void try_one(struct model *model, struct rot_fault fault, bool is_deep, uint64_t *sums)
{
	trial.fault = fault;
	trial.is_deep = is_deep;
	trials++;
	if (!rot_work_out(trial.table, fault, &trial.changes)) {
		sums[SUM_SAME]++;
		return;
	}
	enum outcome outcome = try(model, sums);
	if (outcome == WRONG && !is_served_wrong() && rot_is_of_two_witnesses(trial.table, fault, &trial.changes))
		outcome = BOTH;
	sums[SUM_OUTCOMES + fault.kind * outcome_count + outcome]++;
	if (outcome == WRONG)
		tell_failure();
	else if (options->only)
		printf("%s\n", outcome_names[outcome]);
}

/* So many of a kind, spread over all there are by a step that meets each once. */
static void try_kind(const struct job *job, struct model *model, enum rot_kind kind, uint64_t *sums)
{
	uint64_t count = trial.table->counts[kind], wanted = options->each * (kind == ROT_FLIP ? 8ull : kind == ROT_BYTE ? 2 : 1);
	uint64_t random = trial.table->scene->seed * rot_kind_count + kind, step = count % 1000003 ? 1000003 : 1, at = trial.table->scene->seed % (count ? count : 1);
	if (!options->each || wanted > count)
		wanted = count;
	for (uint64_t i = 0; i < wanted && count_wrong(sums) < options->failures; i++, at = (at + step) % count) {
		if (i % 64 == 0 && explore_clock_s() > job->until_s)
			return;
		try_one(model, (struct rot_fault){kind, at}, options->deeper && sim_random(&random) % options->deeper == 0, sums);
	}
}

static bool do_scene(const struct job *job, uint64_t seed, uint64_t *sums)
{
	static struct scene scene;
	static struct rot_table table;
	static struct model model;
	trial.table = NULL;
	if (!scene_make(&scene, job->base, &job->model, seed)) {
		scene_free(&scene);
		return false;
	}
	rot_table_make(&table, &scene);
	trial.table = &table;
	model = scene.model;
	char *number;
	if (options->only && (number = strchr(options->only, ':'))) {
		for (enum rot_kind kind = 0; kind < rot_kind_count; kind++)
			if (strncmp(options->only, rot_names[kind], (size_t)(number - options->only)) == 0 && !rot_names[kind][number - options->only])
				try_one(&model, (struct rot_fault){kind, strtoull(number + 1, NULL, 10)}, options->deeper, sums);
	} else {
		for (enum rot_kind kind = 0; kind < rot_kind_count; kind++)
			if (!options->only || strcmp(options->only, rot_names[kind]) == 0)
				try_kind(job, &model, kind, sums);
	}
	sums[SUM_SCENES]++;
	trial.table = NULL;
	rot_table_free(&table);
	scene_free(&scene);
	return true;
}

static bool work(void *context, uint64_t *sums)
{
	const struct job *job = context;
	bool is_good = true;
	watch_for_hangs();
	while (is_good && explore_clock_s() < job->until_s && count_wrong(sums) < options->failures) {
		uint64_t number = workers_next();
		if (number >= (options->scene ? 1 : options->scenes))
			break;
		is_good = do_scene(job, options->scene ? options->scene : options->seed * 1000000 + number, sums);
	}
	return is_good && !count_wrong(sums);
}

static int report(bool is_good, const uint64_t *sums, double took_s)
{
	uint64_t total = 0;
	printf("%-12s", "");
	for (int outcome = 0; outcome < outcome_count; outcome++)
		printf("%12s", outcome_names[outcome]);
	printf("\n");
	for (int kind = 0; kind < rot_kind_count; kind++) {
		printf("%-12s", rot_names[kind]);
		for (int outcome = 0; outcome < outcome_count; outcome++) {
			uint64_t count = sums[SUM_OUTCOMES + kind * outcome_count + outcome];
			total += count;
			printf("%12lu", (unsigned long)count);
		}
		printf("\n");
	}
	printf("%s  %lu faults in %lu scenes, in %.1f s: %.0f faults/s; %lu more changed nothing; %lu verified, %lu lived on, %lu went the way out of a refusal; "
	       "%lu records refused as damaged; %lu wrong; seed %lu\n", is_good ? "ok  " : "FAIL", (unsigned long)total, (unsigned long)sums[SUM_SCENES], took_s,
	       (double)total / took_s, (unsigned long)sums[SUM_SAME], (unsigned long)sums[SUM_VERIFIED], (unsigned long)sums[SUM_LIVED],
	       (unsigned long)sums[SUM_WAYS_OUT], (unsigned long)sums[SUM_RECORDS], (unsigned long)count_wrong(sums), (unsigned long)options->seed);
	return !is_good;
}

static int run(void)
{
	static struct job job;
	uint64_t sums[WORKERS_SUMS_MAX] = {0};
	double began_s = explore_clock_s();
	job.until_s = began_s + options->time_s;
	job.base = workload_base(&job.model);
	machine_on_abort(tell_context);
	bool is_good = workers_run(options->jobs, work, &job, sums);
	sim_disk_close(job.base);
	return report(is_good && !count_wrong(sums), sums, explore_clock_s() - began_s);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"time", 1, NULL, 't'}, {"only", 1, NULL, 'o'}, {"jobs", 1, NULL, 'j'}, {"scene", 1, NULL, 'n'},
					      {"scenes", 1, NULL, 'c'}, {"each", 1, NULL, 'e'}, {"deeper", 1, NULL, 'd'}, {"failures", 1, NULL, 'f'}, {NULL, 0, NULL, 0}};
	static struct options given = {.seed = 1, .time_s = 60, .jobs = 1, .scenes = UINT32_MAX, .each = 1000, .deeper = 16, .failures = 10};
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': given.seed = strtoull(optarg, NULL, 10); break;
		case 't': given.time_s = strtod(optarg, NULL); break;
		case 'o': given.only = optarg; break;
		case 'j': given.jobs = (uint32_t)atoi(optarg); break;
		case 'n': given.scene = strtoull(optarg, NULL, 10); break;
		case 'c': given.scenes = (uint32_t)atoi(optarg); break;
		case 'e': given.each = (uint32_t)atoi(optarg); break;
		case 'd': given.deeper = (uint32_t)atoi(optarg); break;
		case 'f': given.failures = (uint32_t)atoi(optarg); break;
		default: return 2;
		}
	options = &given;
	machine_init();
	machine_set_journal_size(MACHINE_JOURNAL_SIZE_REAL);
	return run();
}
