/* Each operation tells the model what it asks for before it asks, and what it got when it is told. */
#include "tests/crash/lib/workload.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/batch/batch_builder.h"
#include "log/journal/journal.h"
#include "log/partition/partition_priv.h"
#include "log/store/store_priv.h"
#include "tests/crash/lib/allocations.h"

#define SMALL 30
#define MIDDLING 1500 /* so that a large one behind it lies in two blocks */
#define LARGE 2900
_Static_assert(LARGE + 200 < JOURNAL_ENTRY_MAX(MACHINE_JOURNAL_SIZE / 16), "one that fits no group waits while the disk is full");
#define IN_FLIGHT_MAX 40
#define TURNS_MAX 20000
#define MS 1000000ull

const char *const op_names[op_count] = {"append", "direct", "two", "roll", "trim", "create", "delete", "grow",
					"config", "retain", "checkpoint", "restart", "kill", "idempotent", "idempotent-large", "retry", "settings"};

/* One append or trim that is asked for. */
struct request {
	bool is_used, is_done;
	struct append_op append;
	struct trim_op trim;
	struct model_log *log;
	int64_t base_due, end;
	struct run *run;
};

struct run {
	struct machine *machine;
	struct model *model;
	struct request requests[IN_FLIGHT_MAX];
	uint64_t next_number;
	uint64_t seed;              /* of what is random in a life; another in each */
	int64_t timestamp_ms;       /* of records: what is in the first segment, so that nothing rolls by itself */
	uint64_t last_idempotent;   /* its number */
	uint32_t last_size;         /* and its size */
	uint32_t in_flight;
	bool is_killed;             /* what a process says that is gone is heard by nobody */
	bool may_fail;              /* faults are about: whatever is refused is no mistake, but nothing may be acknowledged falsely */
	bool must_hold;             /* of a kind that is pressure: durability must not break for it */
	bool is_disk_well;          /* memory alone is short: whoever has enough of it finds all */
	char why[400];
};

static bool fail(struct run *run, const char *what, int err)
{
	snprintf(run->why, sizeof run->why, "%s: %s", what, err_name(err));
	return false;
}

/* A refusal: no mistake if there are faults. */
static bool refused(struct run *run, const char *what, int err)
{
	return run->may_fail || fail(run, what, err);
}

static struct request *take_request(struct run *run)
{
	for (uint32_t i = 0; i < IN_FLIGHT_MAX; i++) {
		struct request *request = &run->requests[i];
		if (request->is_used)
			continue;
		*request = (struct request){.is_used = true, .run = run};
		run->in_flight++;
		return request;
	}
	abort();
}

static void end_request(struct request *request)
{
	request->is_used = false;
	request->run->in_flight--;
}

/* ---- appends ------------------------------------------------------------------------------------------------------------ */

static void appended(struct append_op *op)
{
	struct request *request = CONTAINER_OF(op, struct request, append);
	struct run *run = request->run;
	end_request(request);
	if (run->is_killed)
		return;
	if (op->err && op->err != ERR_CLOSED)
		refused(run, "an append failed", op->err);
	if (op->err)
		return;
	if (op->base_offset != request->base_due)
		snprintf(run->why, sizeof run->why, "an append got the offset %ld, not %ld", (long)op->base_offset, (long)request->base_due);
	if (request->log->end < request->end)
		request->log->end = request->end;
}

static uint32_t build(uint8_t *out, size_t capacity, uint64_t number, uint32_t size, int64_t timestamp_ms, int32_t sequence)
{
	uint8_t value[LARGE];
	allocations_pause();
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	if (sequence >= 0) {
		options.producer_id = MODEL_PRODUCER;
		options.producer_epoch = 0;
		options.base_sequence = sequence;
	}
	model_value(value, number, size);
	struct record record = {.timestamp_ms = timestamp_ms, .value = {value, size}};
	uint32_t built;
	if (batch_builder_open(&builder, NULL, &options, out, capacity) || batch_builder_append(&builder, &record) ||
	    batch_builder_finish(&builder, &built))
		abort();
	allocations_resume();
	return built;
}

static bool append_numbered(struct run *run, struct model_topic *topic, uint32_t index, uint64_t number, uint32_t size, int64_t timestamp_ms,
			    int32_t sequence)
{
	uint8_t bytes[LARGE + 512];
	struct model_log *log = &topic->logs[index];
	struct request *request = take_request(run);
	request->log = log;
	request->base_due = log->asked_end;
	request->append = (struct append_op){.done = appended, .records = bytes};
	request->append.records_size_bytes = build(bytes, sizeof bytes, number, size, timestamp_ms, sequence);
	model_stage(log, number, 1, size, sequence);
	request->end = log->asked_end;
	struct partition *partition = machine_partition(run->machine, &topic->id, index);
	int err = partition ? partition_append(partition, &request->append) : ERR_UNKNOWN_TOPIC;
	request->append.records = NULL;
	if (!err)
		return true;
	model_unstage(log, request->base_due);
	end_request(request);
	return refused(run, "an append is refused", err);
}

static bool append(struct run *run, struct model_topic *topic, uint32_t index, uint32_t size)
{
	return append_numbered(run, topic, index, run->next_number++, size, run->timestamp_ms, -1);
}

static int32_t last_sequence(const struct model_log *log)
{
	for (int64_t offset = log->asked_end - 1; offset >= 0; offset--)
		if (log->sequences[offset] >= 0)
			return log->sequences[offset];
	return -1;
}

static bool append_idempotent(struct run *run, uint32_t size)
{
	struct model_topic *t = &run->model->topics[0];
	run->last_idempotent = run->next_number++;
	run->last_size = size;
	return append_numbered(run, t, 0, run->last_idempotent, size, run->timestamp_ms, last_sequence(&t->logs[0]) + 1);
}

/* If its first try was lost with a kill, the retry is the first. */
static bool retry(struct run *run)
{
	struct model_topic *t = &run->model->topics[0];
	struct model_log *log = &t->logs[0];
	uint8_t bytes[LARGE + 512];
	int64_t offset = log->asked_end - 1;
	while (offset >= 0 && !(log->sequences[offset] >= 0 && log->numbers[offset] == run->last_idempotent))
		offset--;
	if (!run->last_idempotent)
		return true;
	if (offset < 0)
		return append_numbered(run, t, 0, run->last_idempotent, run->last_size, run->timestamp_ms, last_sequence(log) + 1);
	struct request *request = take_request(run);
	request->log = log;
	request->base_due = offset;
	request->end = offset + 1;
	request->append = (struct append_op){.done = appended, .records = bytes};
	request->append.records_size_bytes = build(bytes, sizeof bytes, run->last_idempotent, run->last_size, run->timestamp_ms, log->sequences[offset]);
	struct partition *partition = machine_partition(run->machine, &t->id, 0);
	int err = partition ? partition_append(partition, &request->append) : -ENOMEM;
	if (!err)
		return true;
	end_request(request);
	return refused(run, "a retry is refused", err);
}

/* ---- the log start --------------------------------------------------------------------------------------------------------- */

static void trimmed(struct trim_op *op)
{
	struct request *request = CONTAINER_OF(op, struct request, trim);
	end_request(request);
	if (request->run->is_killed)
		return;
	if (op->err && op->err != ERR_CLOSED)
		refused(request->run, "a trim failed", op->err);
	else if (!op->err && request->log->start < op->log_start_offset)
		request->log->start = op->log_start_offset;
}

static bool trim(struct run *run)
{
	struct model_topic *t = &run->model->topics[0];
	struct model_log *log = &t->logs[0];
	struct partition *partition = machine_partition(run->machine, &t->id, 0);
	if (!partition)
		return refused(run, "no partition", -ENOMEM);
	struct request *request = take_request(run);
	request->log = log;
	request->trim = (struct trim_op){.done = trimmed, .offset = (partition_log_start_offset(partition) + partition_high_watermark(partition) + 1) / 2};
	if (log->asked_start < request->trim.offset)
		log->asked_start = request->trim.offset;
	int err = partition_trim(partition, &request->trim);
	if (!err)
		return true;
	end_request(request);
	return refused(run, "a trim is refused", err);
}

static bool retain(struct run *run)
{
	struct model_topic *t = &run->model->topics[0];
	struct partition *partition = machine_partition(run->machine, &t->id, 0);
	if (!partition)
		return refused(run, "no partition", -ENOMEM);
	if (partition__retain_check(partition, io_wall_ms(run->machine->io)) && t->logs[0].asked_start < partition->retention.offset)
		t->logs[0].asked_start = partition->retention.offset;
	return true;
}

/* ---- topics ---------------------------------------------------------------------------------------------------------------- */

static bool set_limit(struct run *run, struct model_topic *topic, int32_t limit)
{
	char text[16];
	struct config_override overrides[] = {{"max.message.bytes", text}, {"retention.bytes", "1"}, {"retention.ms", "-1"}, {"segment.ms", "1"}};
	snprintf(text, sizeof text, "%d", limit);
	topic->asked_limit = limit;
	int err = catalog_set_overrides(run->machine->catalog, &topic->id, overrides, COUNT_OF(overrides));
	if (err)
		return refused(run, "a config is refused", err);
	topic->limit = limit;
	machine_take_image(run->machine);
	return true;
}

static const struct model_topic *find_name(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->topic_count; i++)
		if (model->topics[i].state == MODEL_THERE && strcmp(model->topics[i].name, name) == 0)
			return &model->topics[i];
	return NULL;
}

static bool create_named(struct run *run, const char *name)
{
	struct model *model = run->model;
	if (model->topic_count == MODEL_TOPICS_MAX)
		return true;
	struct model_topic *topic = &model->topics[model->topic_count++];
	*topic = (struct model_topic){.state = MODEL_ASKED, .partitions = 1, .asked_partitions = 1, .limit = 1048588, .asked_limit = 1048588};
	for (uint32_t p = 0; p < MODEL_PARTITIONS_MAX; p++)
		memset(topic->logs[p].sequences, -1, sizeof topic->logs[p].sequences);
	snprintf(topic->name, sizeof topic->name, "%s", name);
	struct topic_spec spec = {{(const uint8_t *)name, strlen(name)}, 1, 0, NULL};
	int one_err = 0, err = catalog_create_topics(run->machine->catalog, &spec, 1, &one_err);
	if (err || one_err)
		return refused(run, "a topic is refused", err ? err : one_err);
	machine_take_image(run->machine);
	topic->id = catalog_topic_by_name(run->machine->image, spec.name)->id;
	topic->has_id = true;
	topic->state = MODEL_THERE;
	return append(run, topic, 0, SMALL);
}

static bool create(struct run *run)
{
	static const char *const names[] = {"u", "v", "w"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (!find_name(run->model, names[i]))
			return create_named(run, names[i]);
	return true;
}

static bool delete(struct run *run)
{
	struct model_topic *topic = NULL;
	for (uint32_t i = 1; i < run->model->topic_count && !topic; i++)
		if (run->model->topics[i].state == MODEL_THERE)
			topic = &run->model->topics[i];
	if (!topic)
		return true;
	topic->state = MODEL_ASKED_AWAY;
	int one_err = 0, err = catalog_delete_topics(run->machine->catalog, &topic->id, 1, &one_err);
	if (err || one_err)
		return refused(run, "a deletion is refused", err ? err : one_err);
	topic->state = MODEL_ABSENT;
	machine_take_image(run->machine);
	return true;
}

static bool set_settings(struct run *run)
{
	char text[16];
	uint32_t wanted = ++run->model->asked_setting;
	struct slice group = {(const uint8_t *)"g", 1}, value = {(const uint8_t *)text, (size_t)snprintf(text, sizeof text, "%u", wanted)};
	struct setting_change changes[] = {{SETTING_GROUP, group, {(const uint8_t *)"a", 1}, &value}, {SETTING_GROUP, group, {(const uint8_t *)"b", 1}, &value}};
	int err = catalog_change_settings(run->machine->catalog, changes, COUNT_OF(changes));
	if (err)
		return refused(run, "a setting is refused", err);
	run->model->setting = wanted;
	machine_take_image(run->machine);
	return true;
}

static bool grow(struct run *run)
{
	struct model_topic *t = &run->model->topics[0];
	if (t->partitions == MODEL_PARTITIONS_MAX)
		return true;
	t->asked_partitions = t->partitions + 1;
	int err = catalog_grow_topic(run->machine->catalog, &t->id, t->asked_partitions);
	if (err)
		return refused(run, "growing is refused", err);
	t->partitions = t->asked_partitions;
	machine_take_image(run->machine);
	return append(run, t, t->partitions - 1, SMALL);
}

/* ---- time and restarts -------------------------------------------------------------------------------------------------------- */

static bool holds(struct run *run)
{
	return !run->must_hold || !store_has_failed(run->machine->store) || fail(run, "durability broke, and nothing but descriptors was short", ERR_FAILED);
}

static void turn_until_answered(struct run *run)
{
	for (int turns = 0; run->in_flight && turns < TURNS_MAX && !run->machine->is_broken; turns++)
		machine_turn(run->machine);
}

/* While there is no memory from then on, what is to be filed waits for it, and who waits for that. Once there is some, all is answered. */
static bool wait(struct run *run)
{
	turn_until_answered(run);
	if (run->in_flight && !run->machine->is_broken) {
		allocations_fail(0, false);
		turn_until_answered(run);
	}
	if (!holds(run))
		return false;
	return run->in_flight ? fail(run, "something is never answered", -ETIMEDOUT) : !*run->why;
}

static bool start_again(struct run *run)
{
	struct seen seen;
	struct sim_disk *disk = run->machine->disk;
	for (uint32_t i = 0; i < IN_FLIGHT_MAX; i++)
		run->requests[i].is_used = false;
	run->in_flight = 0;
	int err = machine_open(run->machine, disk, 100 + ++run->seed);
	if (err && run->may_fail) {
		machine_close(run->machine);
		sim_disk_fail(disk, 0, EIO);
		allocations_fail(0, false);
		err = machine_open(run->machine, disk, 100 + ++run->seed);
	}
	if (err)
		return fail(run, "it does not start again", err);
	run->model->is_lenient = run->may_fail;
	/* First as a reader who may find no memory; then to know what is there: a start that found no memory for all of it was to fail. */
	if (run->may_fail && !model_judge(run->model, run->machine, &seen, run->why, sizeof run->why))
		return false;
	allocations_pause();
	run->model->is_lenient &= !run->is_disk_well;
	bool is_right = model_judge(run->model, run->machine, &seen, run->why, sizeof run->why);
	allocations_resume();
	if (!is_right)
		return false;
	run->model->is_lenient = false;
	model_settle(run->model, &seen);
	return true;
}

static bool restart(struct run *run)
{
	if (!machine_stop(run->machine) && !run->may_fail)
		return fail(run, "no clean stop", ERR_FAILED);
	if (run->in_flight)
		return fail(run, "a clean stop left requests without an answer", ERR_FAILED);
	return start_again(run);
}

static void kill_now(struct run *run)
{
	store_turn(run->machine->store);
	io_flush(run->machine->io);
	sim_disk_kill(run->machine->disk);
	run->is_killed = true;
	machine_close(run->machine);
	run->is_killed = false;
}

static bool kill_and_start(struct run *run)
{
	kill_now(run);
	return start_again(run);
}

static bool roll(struct run *run)
{
	machine_idle(run->machine, 3 * MS);
	return append_numbered(run, &run->model->topics[0], 0, run->next_number++, SMALL, io_wall_ms(run->machine->io), -1);
}

static bool do_op(struct run *run, enum op op)
{
	struct model_topic *t = &run->model->topics[0];
	switch (op) {
	case OP_APPEND: return append(run, t, 0, SMALL);
	case OP_DIRECT: return append(run, t, 0, LARGE);
	case OP_TWO: return append(run, t, 0, SMALL) && append(run, t, 0, SMALL * 2);
	case OP_ROLL: return roll(run);
	case OP_TRIM: return trim(run);
	case OP_CREATE: return create(run);
	case OP_DELETE: return delete(run);
	case OP_GROW: return grow(run);
	case OP_CONFIG: return set_limit(run, t, t->limit + 1);
	case OP_RETAIN: return retain(run);
	case OP_CHECKPOINT: machine_idle(run->machine, 6000 * MS); return true;
	case OP_RESTART: return restart(run);
	case OP_KILL: return kill_and_start(run);
	case OP_IDEMPOTENT: return append_idempotent(run, SMALL);
	case OP_IDEMPOTENT_LARGE: return append_idempotent(run, LARGE);
	case OP_SETTINGS: return set_settings(run);
	case OP_RETRY: return retry(run);
	case op_count: break;
	}
	abort();
}

/* ---- whole runs --------------------------------------------------------------------------------------------------------------- */

/* The base's records have this time. */
#define FIRST_TIMESTAMP_MS 1700000001000

struct sim_disk *workload_base(struct model *model)
{
	struct run run;
	struct machine machine;
	struct sim_disk *disk = sim_disk_open(1);
	*model = (struct model){0};
	run = (struct run){.machine = &machine, .model = model, .next_number = 1, .timestamp_ms = FIRST_TIMESTAMP_MS};
	if (machine_open(&machine, disk, 1))
		abort();
	bool is_good = create_named(&run, "t") && set_limit(&run, &model->topics[0], 1048588) && create_named(&run, "u") &&
		       append(&run, &model->topics[0], 0, MIDDLING) && wait(&run);
	machine_idle(&machine, 6000 * MS);
	if (!is_good || !machine_stop(&machine)) {
		printf("FAIL  the base: %s\n", run.why);
		exit(1);
	}
	struct sim_disk *copy = sim_disk_copy(disk);
	sim_disk_close(disk);
	return copy;
}

static bool do_all(struct run *run, struct explorer *explorer, const struct workload *workload)
{
	for (uint32_t i = 0; i < workload->count; i++) {
		if (i + 1 == workload->count || workload->is_pipelined || workload->is_whole)
			explore_begin(explorer, run->machine, run->model);
		if (!do_op(run, workload->ops[i]) || (!workload->is_pipelined && !wait(run)))
			return false;
	}
	return wait(run);
}

/* Everything once, in an order that has each of them at work on what others left. The first kill leaves a producer that the journal alone knows. */
static const enum op standard[] = {
	OP_APPEND, OP_IDEMPOTENT, OP_KILL, OP_DIRECT, OP_TWO, OP_IDEMPOTENT, OP_RETRY, OP_ROLL, OP_CREATE, OP_CONFIG, OP_GROW, OP_TRIM, OP_CHECKPOINT, OP_DIRECT, OP_ROLL,
	OP_DELETE, OP_RETAIN, OP_CHECKPOINT, OP_APPEND, OP_RESTART, OP_IDEMPOTENT_LARGE, OP_SETTINGS, OP_KILL, OP_RETRY, OP_CREATE, OP_TWO, OP_DIRECT,
};

/* Another seed has them in another order. */
static void order_by_seed(enum op *ops, uint32_t count, uint64_t seed)
{
	uint64_t random = seed;
	memcpy(ops, standard, count * sizeof *ops);
	for (uint32_t i = count - 1; seed > 1 && i > 0; i--) {
		uint32_t other = (uint32_t)(sim_random(&random) % (i + 1));
		enum op op = ops[i];
		ops[i] = ops[other];
		ops[other] = op;
	}
}

/* After the faults: what is there is right, and there is room again. */
static bool judge_survivor(struct run *run)
{
	struct seen seen;
	run->model->is_lenient = true;
	bool is_right = model_judge(run->model, run->machine, &seen, run->why, sizeof run->why) && holds(run);
	run->model->is_lenient = false;
	if (!is_right || store_has_failed(run->machine->store))
		return is_right;
	machine_idle(run->machine, 3000 * MS);
	if (store_is_full(run->machine->store) && !store_has_failed(run->machine->store))
		return fail(run, "it stays full though there is room", -ENOSPC);
	if (store_is_short(run->machine->store))
		return fail(run, "it still waits though there are descriptors", -EMFILE);
	return holds(run);
}

/* Power cuts where it stands, in some ways; then a kill, a start, and a life. */
static bool judge_restart(struct run *run, struct explorer *explorer)
{
	struct sim_disk *disk = run->machine->disk;
	explore_begin(explorer, run->machine, run->model);
	explore_now(explorer);
	explore_end(explorer);
	machine_close(run->machine);
	run->may_fail = false;
	*explorer->trail[0] = 0;
	if (!start_again(run))
		return false;
	explore_begin(explorer, run->machine, run->model);
	bool is_good = workload_live_on(run->machine, run->model, run->why, sizeof run->why);
	sim_disk_on_io(disk, NULL, NULL);
	*explorer->trail[0] = 0;
	return is_good && start_again(run);
}

bool workload_run_faulty(struct explorer *explorer, const struct workload_fault *fault, struct sim_disk *base, const struct model *base_model)
{
	struct run run;
	struct model model;
	struct machine machine;
	struct sim_disk *disk = sim_disk_copy(base);
	model = *base_model;
	run = (struct run){.machine = &machine, .model = &model, .next_number = 100, .timestamp_ms = FIRST_TIMESTAMP_MS, .may_fail = true};
	explorer->depth = 0;
	*explorer->trail[0] = 0;
	if (machine_open(&machine, disk, 1000 + fault->seed))
		abort();
	run.must_hold = err_is_shortage(-fault->error_number);
	run.is_disk_well = fault->is_allocation;
	enum op ops[COUNT_OF(standard)];
	order_by_seed(ops, COUNT_OF(ops), fault->seed);
	sim_disk_set_pace(disk, &(struct sim_pace){.latency_percent = 100, .short_per_mille = fault->is_short ? 1000 : 0});
	if (fault->is_allocation)
		allocations_fail(fault->k, fault->is_sticky);
	else
		sim_disk_fail_kinds(disk, fault->kinds, fault->k, fault->error_number, fault->is_sticky);
	bool is_good = true;
	for (size_t i = 0; i < COUNT_OF(ops) && is_good; i++)
		is_good = do_op(&run, ops[i]) && (fault->is_at_once || wait(&run));
	is_good = is_good && wait(&run);
	if (is_good)
		machine_idle(&machine, 6000 * MS);
	bool has_struck = fault->is_allocation ? allocations_count() >= fault->k : sim_disk_fail_count(disk) > 0;
	allocations_fail(0, false);
	sim_disk_fail(disk, 0, EIO);
	sim_disk_set_pace(disk, &(struct sim_pace){.latency_percent = 100});
	is_good = is_good && judge_survivor(&run) && judge_restart(&run, explorer);
	if (!is_good)
		explore_fail(explorer, run.why);
	if (machine.io)
		machine_close(&machine);
	sim_disk_close(disk);
	return has_struck;
}

/* What follows by itself: the journal's superblock, then a cycle of write-behind. */
static bool rest(struct run *run)
{
	struct seen seen;
	machine_idle(run->machine, 200 * MS);
	machine_idle(run->machine, 6000 * MS);
	return !*run->why && model_judge(run->model, run->machine, &seen, run->why, sizeof run->why);
}

void workload_run(struct explorer *explorer, const struct workload *workload, struct sim_disk *base, const struct model *base_model)
{
	struct run run;
	struct model model;
	char story[128];
	struct machine machine;
	struct sim_disk *disk = sim_disk_copy(base);
	model = *base_model;
	run = (struct run){.machine = &machine, .model = &model, .next_number = 100, .timestamp_ms = FIRST_TIMESTAMP_MS};
	workload_name(workload, story, sizeof story);
	explorer->story = story;
	explorer->depth = 0;
	*explorer->trail[0] = 0;
	bool is_good = machine_open(&machine, disk, 2) == 0 && do_all(&run, explorer, workload) && rest(&run);
	*explorer->trail[0] = 0;
	if (!is_good)
		explore_fail(explorer, run.why);
	sim_disk_on_io(disk, NULL, NULL);
	if (machine.io)
		machine_close(&machine);
	sim_disk_close(disk);
}

static bool leave(struct run *run, const struct workload *workload, struct workload_end *end)
{
	struct machine *machine = run->machine;
	for (uint32_t i = 0; i < workload->count; i++) {
		end->before(end->context, machine->disk, run->model);
		if (!do_op(run, workload->ops[i]) || !wait(run))
			return false;
	}
	end->before(end->context, machine->disk, run->model);
	if (end->idle_ms)
		machine_idle(machine, end->idle_ms * MS);
	end->is_catalog_told = machine->store->catalog_sequence == catalog_sequence(machine->image);
	if (!end->is_stopped)
		kill_now(run);
	else if (!machine_stop(machine))
		return fail(run, "no clean stop", ERR_FAILED);
	return true;
}

struct sim_disk *workload_leave(const struct workload *workload, struct workload_end *end, struct sim_disk *base, struct model *model)
{
	struct run run;
	struct machine machine;
	struct sim_disk *disk = sim_disk_copy(base);
	run = (struct run){.machine = &machine, .model = model, .next_number = 100, .timestamp_ms = FIRST_TIMESTAMP_MS};
	if (machine_open(&machine, disk, 2) == 0 && leave(&run, workload, end))
		return disk;
	printf("FAIL  a workload itself: %s\n", run.why);
	if (machine.io)
		machine_close(&machine);
	sim_disk_close(disk);
	return NULL;
}

static struct model_topic *first_topic(struct model *model)
{
	for (uint32_t i = 0; i < model->topic_count; i++)
		if (model->topics[i].state == MODEL_THERE)
			return &model->topics[i];
	return NULL;
}

bool workload_live_on(struct machine *machine, struct model *model, char *why, size_t why_size)
{
	struct run run;
	run = (struct run){.machine = machine, .model = model, .next_number = 1000, .timestamp_ms = FIRST_TIMESTAMP_MS};
	struct model_topic *topic = first_topic(model);
	bool is_good = (!topic || append(&run, topic, 0, SMALL)) && wait(&run);
	if (is_good && !machine_stop(machine))
		is_good = fail(&run, "no clean stop after recovery", ERR_FAILED);
	snprintf(why, why_size, "%s", run.why);
	return is_good;
}

void workload_name(const struct workload *workload, char *out, size_t size)
{
	int used = snprintf(out, size, "%s", workload->is_pipelined ? "at once: " : "");
	for (uint32_t i = 0; i < workload->count; i++)
		used += snprintf(out + used, size - (size_t)used, "%s%s", i ? "," : "", op_names[workload->ops[i]]);
}
