/* Making the plan. Failure modes: a topic or a partition that is not there, a partition that no broker answers for. */
#include "cli/rewind_plan.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/partition_choice.h"

/* ---- which partitions --------------------------------------------------------------------------------------------------------- */

static int reserve(struct rewind_plan *plan, uint32_t more)
{
	if (plan->count + more <= plan->capacity)
		return STATUS_OK;
	uint32_t capacity = 2 * (plan->count + more);
	struct rewind_step *steps = realloc(plan->steps, capacity * sizeof *steps);
	if (!steps)
		return STATUS_FAILED;
	plan->steps = steps;
	plan->capacity = capacity;
	return STATUS_OK;
}

/* There is room for it. */
static struct rewind_step *add_step(struct rewind_plan *plan, const char *topic, int32_t partition)
{
	const rd_kafka_topic_partition_t *commit = kafka()->rd_kafka_topic_partition_list_find(plan->committed, topic, partition);
	struct rewind_step *step = &plan->steps[plan->count++];
	*step = (struct rewind_step){.topic = topic, .partition = partition, .before = -1, .after = -1, .asked = -1};
	if (commit && commit->offset >= 0) {
		step->before = commit->offset;
		step->metadata = (struct slice){commit->metadata, commit->metadata_size};
	}
	return step;
}

struct rewind_step *rewind_plan_add(struct rewind_plan *plan, const char *topic, int32_t partition)
{
	return reserve(plan, 1) == STATUS_OK ? add_step(plan, topic, partition) : NULL;
}

static int add_partitions(struct rewind_plan *plan, const struct rd_kafka_metadata_topic *topic, const struct flag_list *chosen)
{
	struct partition_choice choice;
	int status = partition_choice_make(&choice, topic, chosen);
	status = status ? status : reserve(plan, choice.count);
	for (uint32_t i = 0; !status && i < choice.count; i++)
		add_step(plan, topic->topic, choice.ids[i]);
	partition_choice_free(&choice);
	return status;
}

/* Cuts "0,1,2" in place. */
static int split_partitions(struct flag_list *out, const char *flag, char *list)
{
	*out = (struct flag_list){0};
	for (char *rest = NULL, *one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		if (out->count == FLAG_LIST_MAX) {
			complain("--topic %s: it names more than %d partitions; leave them out to mean all", flag, FLAG_LIST_MAX);
			return STATUS_USAGE;
		}
		out->items[out->count++] = one;
	}
	if (out->count)
		return STATUS_OK;
	complain("--topic %s: write TOPIC, or TOPIC:0,1,2", flag);
	return STATUS_USAGE;
}

/* TOPIC or TOPIC:0,1,2. */
static int add_from_flag(struct rewind_plan *plan, const char *flag)
{
	struct flag_list chosen = {0};
	char *text = strdup(flag), *colon = text ? strchr(text, ':') : NULL;
	int status = text ? STATUS_OK : STATUS_FAILED;
	if (colon) {
		*colon = '\0';
		status = split_partitions(&chosen, flag, colon + 1);
	}
	if (!status && !*text) {
		complain("--topic '%s': write TOPIC, or TOPIC:0,1,2", flag);
		status = STATUS_USAGE;
	}
	const struct rd_kafka_metadata_topic *topic = status ? NULL : kafka_client_topic(plan->client, text);
	if (!status && !topic) {
		kafka_complain_topic(plan->client, text);
		status = STATUS_FAILED;
	}
	status = status ? status : add_partitions(plan, topic, &chosen);
	free(text);
	return status;
}

/* All partitions of the topics that it has committed for, as a consumer that begins anew reads them all. */
static int add_committed(struct rewind_plan *plan)
{
	const struct flag_list all = {0};
	const char *last = "";
	int status = STATUS_OK;
	for (int i = 0; !status && i < plan->committed->cnt; i++) {
		const char *name = plan->committed->elems[i].topic;
		const struct rd_kafka_metadata_topic *topic = kafka_client_topic(plan->client, name);
		if (strcmp(name, last) == 0)
			continue;
		last = name;
		if (topic)
			status = add_partitions(plan, topic, &all);
		else
			complain("topic '%s' is gone; what the group committed for it is left alone", name);
	}
	return status;
}

static int compare_steps(const void *a, const void *b)
{
	const struct rewind_step *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);
	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void sort_steps(struct rewind_plan *plan)
{
	uint32_t kept = 0;
	if (plan->count)
		qsort(plan->steps, plan->count, sizeof *plan->steps, compare_steps);
	for (uint32_t i = 0; i < plan->count; i++)
		if (!kept || compare_steps(&plan->steps[kept - 1], &plan->steps[i]) != 0)
			plan->steps[kept++] = plan->steps[i];
	plan->count = kept;
}

int rewind_plan_choose(struct rewind_plan *plan, const struct flag_list *topics)
{
	int status = topics->count ? STATUS_OK : add_committed(plan);
	for (uint32_t i = 0; !status && i < topics->count; i++)
		status = add_from_flag(plan, topics->items[i]);
	sort_steps(plan);
	if (status || plan->count)
		return status;
	complain("group '%s' has committed nothing; name what to commit with --topic", plan->group);
	return STATUS_FAILED;
}

/* ---- where to ----------------------------------------------------------------------------------------------------------------- */

static int refuse_unreadable(const struct rewind_plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		if (!plan->offsets[i].err)
			continue;
		complain("cannot ask where %s-%" PRId32 " begins and ends: %s", plan->steps[i].topic, plan->steps[i].partition,
			 kafka()->rd_kafka_err2str(plan->offsets[i].err));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* From the group's own commit; a partition without one stays so. */
static void ask_shifted(struct rewind_step *step, int64_t shift)
{
	if (step->before >= 0 && __builtin_add_overflow(step->before, shift, &step->asked))
		step->asked = INT64_MAX; /* a commit from nowhere, and on from there */
}

static int ask_steps(struct rewind_plan *plan, const struct rewind_aim *aim, uint32_t from, uint32_t to, int64_t *targets)
{
	int status = STATUS_OK;
	if (aim->kind == AIM_POINT)
		status = partition_offsets_asked(plan->client, plan->steps[from].topic, &aim->point, &plan->offsets[from], to - from, targets);
	for (uint32_t i = from; !status && i < to; i++) {
		if (aim->kind == AIM_SHIFT)
			ask_shifted(&plan->steps[i], aim->shift);
		else if (aim->kind == AIM_POINT)
			plan->steps[i].asked = targets[i - from];
	}
	return status;
}

static int aim_topic(struct rewind_plan *plan, const struct rewind_aim *aim, uint32_t from, uint32_t to, int64_t *targets)
{
	for (uint32_t i = from; i < to; i++)
		plan->offsets[i].partition = plan->steps[i].partition;
	int status = partition_offsets_ask(plan->client, plan->steps[from].topic, &plan->offsets[from], to - from);
	status = status ? status : refuse_unreadable(plan);
	status = status ? status : ask_steps(plan, aim, from, to, targets);
	/* No commit stays none. */
	for (uint32_t i = from; !status && i < to; i++) {
		bool is_none = aim->kind == AIM_ASKED ? plan->steps[i].asked < 0 : aim->kind == AIM_SHIFT && plan->steps[i].before < 0;
		plan->steps[i].after = is_none ? -1 : partition_offsets_nearest(&plan->offsets[i], plan->steps[i].asked);
	}
	return status;
}

int rewind_plan_aim(struct rewind_plan *plan, const struct rewind_aim *aim)
{
	int64_t *targets = calloc(plan->count + 1, sizeof *targets);
	plan->offsets = calloc(plan->count + 1, sizeof *plan->offsets);
	int status = targets && plan->offsets ? STATUS_OK : STATUS_FAILED;
	for (uint32_t i = 0; !status && i < plan->count;) {
		uint32_t end = i;
		while (end < plan->count && strcmp(plan->steps[end].topic, plan->steps[i].topic) == 0)
			end++;
		status = aim_topic(plan, aim, i, end, targets);
		i = end;
	}
	free(targets);
	return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

bool rewind_plan_is_cut(const struct rewind_plan *plan, uint32_t step)
{
	return plan->steps[step].after >= 0 && plan->steps[step].after != plan->steps[step].asked;
}

bool rewind_plan_has_moves(const struct rewind_plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->steps[i].before != plan->steps[i].after)
			return true;
	return false;
}

void rewind_plan_free(struct rewind_plan *plan)
{
	free(plan->steps);
	free(plan->offsets);
	*plan = (struct rewind_plan){0};
}
