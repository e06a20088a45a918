/* A play: fresh names, then each step on both sides. What differs is played again with fresh names, twice: only what differs each time
 * counts, so that a slow moment of one side is no finding. Steps that wait for a broker's own pace (a topic that appears) poll. */
#include "tests/differential/player.h"

#include "log/base/check.h"
#include "tests/differential/compare.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 4000
#define MUTANT_TIMEOUT_MS 1500 /* some of them Kafka never answers */
#define SETTLE_TIMEOUT_MS 10000
#define SETTLE_STEP_MS 10
#define FINDINGS_MAX 200
#define NESTING_MAX 8
#define PLAYS_MAX 3

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(int64_t ms) { usleep((useconds_t)(ms * 1000)); }

/* ---- findings of a play ---------------------------------------------------------------------------- */

struct place {
	struct player *player;
	const struct step *step;
	int version;
};

static void print_json(char *text, size_t room, const json_t *value)
{
	char *dumped = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	snprintf(text, room, "%s", dumped ? dumped : "absent");
	free(dumped);
}

static void note_difference(void *context, const char *path, const json_t *kafka, const json_t *spate)
{
	const struct place *place = context;
	struct player *p = place->player;
	if (p->found_count == FINDINGS_MAX)
		return;
	struct finding *f = &p->found[p->found_count++];
	*f = (struct finding){.version = place->version};
	snprintf(f->api, sizeof f->api, "%s", place->step->name);
	snprintf(f->field, sizeof f->field, "%s", path);
	print_json(f->kafka, sizeof f->kafka, kafka);
	print_json(f->spate, sizeof f->spate, spate);
	snprintf(f->where, sizeof f->where, "%s v%d %s (line %d)", p->test_case->sequence.name, p->version,
		 p->mutant ? p->mutant->label : "", place->step->line);
}

static void show(const struct player *p, const char *what, const char *side, const json_t *value)
{
	if (!p->shows)
		return;
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	printf("    %-6s %-8s %s\n", side, what, text);
	free(text);
}

/* ---- requests --------------------------------------------------------------------------------------- */

static const struct kmsg_description *description_of(const char *api, const char *which)
{
	char name[160];
	snprintf(name, sizeof name, "%s_%s", api, which);
	return kmsg_description_find(name);
}

/* The latest version that the schema and both sides know; Kafka's alone, if Spate does not serve the API. */
static int latest_version(const struct player *p, const struct kmsg_description *message)
{
	int latest = message->max;
	for (int i = 0; i < 2; i++) {
		const int *range = p->sides[i].ranges[message->key];
		if (range[0] <= range[1] && range[1] < latest)
			latest = range[1];
	}
	return latest;
}

static int step_version(const struct player *p, const struct step *step)
{
	const struct kmsg_description *message = description_of(step->name, "request");
	if (!message)
		script_die(step->file, step->line, "the schema has no API %s", step->name);
	if (*step->version)
		return atoi(step->version);
	return strcmp(step->name, p->test_case->api) == 0 ? p->version : latest_version(p, message);
}

static void send_both(struct player *p, const struct step *step, int version, const json_t *request, int cut)
{
	for (int i = 0; i < 2; i++) {
		const char *why = "", *missing = NULL;
		json_t *filled = side_fill_in(&p->sides[i], request, &missing);
		if (missing && p->shows)
			printf("    %s has no %s\n", p->sides[i].name, missing);
		show(p, step->name, p->sides[i].name, filled);
		/* A variable that is missing on one side comes from an answer that differed before: that was said then. */
		if (!side_send(&p->sides[i], step->connection, step->name, version, filled, cut, &why) && !missing)
			script_die(step->file, step->line, "%s", why);
		json_decref(filled);
	}
}

static void receive_both(struct player *p, const struct step *step, int timeout_ms, json_t *answers[2])
{
	for (int i = 0; i < 2; i++) {
		json_t *raw = side_receive(&p->sides[i], step->connection, timeout_ms);
		answers[i] = canon_answer(&p->canons[i], description_of(step->name, "response"), raw);
		show(p, "answer", p->sides[i].name, raw);
		json_decref(raw);
	}
}

/* Was the request taken on one side alone, as `expected` says? Then the two have different things to tell from now on. */
static bool has_parted(const struct player *p, int first)
{
	for (int i = first; i < p->found_count; i++)
		if (strcmp(p->found[i].field, "outcome") == 0 && findings_is_expected(&p->found[i]))
			return true;
	return false;
}

static void compare_both(struct player *p, const struct step *step, int version, json_t *answers[2])
{
	struct place place = {p, step, version};
	int before = p->found_count;
	if (!p->has_parted)
		compare_answers(answers[0], answers[1], note_difference, &place);
	p->has_parted = p->has_parted || has_parted(p, before);
	json_decref(answers[0]);
	json_decref(answers[1]);
}

static void play_request(struct player *p, const struct step *step, const json_t *request, int cut)
{
	json_t *answers[2];
	int version = step_version(p, step);
	send_both(p, step, version, request, cut);
	if (step->kind == STEP_SEND)
		return;
	receive_both(p, step, p->mutant && step->mutation ? MUTANT_TIMEOUT_MS : ANSWER_TIMEOUT_MS, answers);
	compare_both(p, step, version, answers);
}

static json_t *copy_numbers(const struct canon *canon) { return json_deep_copy(canon->numbers); }

/* Asks until the answers are the same, and compares the last ones. */
static void play_eventually(struct player *p, const struct step *step)
{
	int64_t until_ms = now_ms() + SETTLE_TIMEOUT_MS / 2;
	int version = step_version(p, step);
	json_t *before[2] = {copy_numbers(&p->canons[0]), copy_numbers(&p->canons[1])};
	for (;;) {
		json_t *answers[2];
		send_both(p, step, version, step->value, -1);
		receive_both(p, step, ANSWER_TIMEOUT_MS, answers);
		if (json_equal(answers[0], answers[1]) || now_ms() > until_ms) {
			compare_both(p, step, version, answers);
			break;
		}
		for (int i = 0; i < 2; i++) {
			json_decref(answers[i]);
			json_decref(p->canons[i].numbers);
			p->canons[i].numbers = json_deep_copy(before[i]);
		}
		sleep_ms(SETTLE_STEP_MS);
	}
	json_decref(before[0]);
	json_decref(before[1]);
}

/* ---- steps that are no requests --------------------------------------------------------------------- */

static void make_fresh(struct player *p, const char *name)
{
	char text[200];
	snprintf(text, sizeof text, "d%06d-%s", p->number, name);
	for (int i = 0; i < 2; i++)
		json_object_set_new(p->sides[i].variables, name, json_string(text));
}

static json_t *ask(struct side *side, const char *api, int version, json_t *request)
{
	const char *why = "";
	if (!side_send(side, "main", api, version, request, -1, &why))
		script_die("player", 0, "%s: %s", api, why);
	json_decref(request);
	return side_receive(side, "main", ANSWER_TIMEOUT_MS);
}

/* Is the topic there, each partition with a leader that answers? Saves its id. */
static bool topic_is_ready(struct side *side, const char *variable, const char *topic)
{
	char id_name[140];
	json_t *answer = ask(side, "metadata", 12, json_pack("{s[{ss}]sb}", "topics", "name", topic, "allow_auto_topic_creation", 0));
	json_t *found = json_array_get(json_object_get(answer, "topics"), 0), *partitions = json_object_get(found, "partitions"), *partition;
	bool ready = json_array_size(partitions) > 0;
	size_t i;
	snprintf(id_name, sizeof id_name, "%s.id", variable);
	json_object_set(side->variables, id_name, json_object_get(found, "topic_id"));
	json_array_foreach(partitions, i, partition) {
		json_t *offsets = ask(side, "list_offsets", 7, json_pack("{sis[{sss[{sisi}]}]}", "replica_id", -1, "topics", "name", topic, "partitions",
									"partition_index", (int)i, "timestamp", -1));
		json_t *first = json_array_get(json_object_get(json_array_get(json_object_get(offsets, "topics"), 0), "partitions"), 0);
		ready = ready && first && json_integer_value(json_object_get(first, "error_code")) == 0;
		json_decref(offsets);
	}
	json_decref(answer);
	return ready;
}

static json_t *topic_request(const char *topic, const json_t *settings)
{
	json_t *configs = json_array(), *value;
	const char *name;
	int partitions = 1;
	json_object_foreach((json_t *)settings, name, value) {
		if (strcmp(name, "partitions") == 0)
			partitions = atoi(json_string_value(value));
		else
			json_array_append_new(configs, json_pack("{ssss}", "name", name, "value", json_string_value(value)));
	}
	return json_pack("{sis[{sssisiso}]}", "timeout_ms", 10000, "topics", "name", topic, "num_partitions", partitions, "replication_factor", 1,
			 "configs", configs);
}

static void play_topic(struct player *p, const struct step *step)
{
	make_fresh(p, step->name);
	for (int i = 0; i < 2; i++) {
		struct side *side = &p->sides[i];
		const char *topic = json_string_value(json_object_get(side->variables, step->name));
		json_decref(ask(side, "create_topics", 5, topic_request(topic, step->value)));
	}
	for (int i = 0; i < 2; i++) {
		struct side *side = &p->sides[i];
		const char *topic = json_string_value(json_object_get(side->variables, step->name));
		int64_t until_ms = now_ms() + SETTLE_TIMEOUT_MS;
		while (!topic_is_ready(side, step->name, topic)) {
			if (now_ms() > until_ms)
				script_die(step->file, step->line, "%s does not make the topic", side->name);
			sleep_ms(2);
		}
		char id_name[140];
		snprintf(id_name, sizeof id_name, "%s.id", step->name);
		canon_know(&p->canons[i], json_object_get(side->variables, id_name));
	}
}

/* "members.0.member_id" in the last answer */
static void play_save(struct player *p, const struct step *step)
{
	for (int i = 0; i < 2; i++) {
		char path[200];
		json_t *value = p->sides[i].last;
		snprintf(path, sizeof path, "%s", step->path);
		for (char *rest = path, *word; value && (word = strsep(&rest, "."));)
			value = json_is_array(value) ? json_array_get(value, (size_t)atoi(word)) : json_object_get(value, word);
		if (value)
			json_object_set(p->sides[i].variables, step->name, value);
	}
}

static void play_set(struct player *p, const struct step *step)
{
	const char *missing = NULL;
	for (int i = 0; i < 2; i++)
		json_object_set_new(p->sides[i].variables, step->name, side_fill_in(&p->sides[i], step->value, &missing));
}

/* What waits on the connection is named by the step that sent it. */
static void play_await(struct player *p, const struct step *step)
{
	struct step sent = *step;
	int version = 0;
	for (int i = 0; i < p->sides[0].connection_count; i++) {
		const struct connection *c = &p->sides[0].connections[i];
		if (strcmp(c->name, step->connection) == 0 && c->response) {
			snprintf(sent.name, sizeof sent.name, "%.*s", (int)(strlen(c->response->name) - strlen("_response")), c->response->name);
			version = c->version;
		}
	}
	json_t *answers[2];
	receive_both(p, &sent, SETTLE_TIMEOUT_MS, answers);
	compare_both(p, &sent, version, answers);
}

/* ---- plays ------------------------------------------------------------------------------------------ */

static void play_steps(struct player *p, const struct sequence *sequence, int depth);

static void play_named(struct player *p, const struct step *step, const char *name, int depth)
{
	const struct sequence *inner = script_find(p->script, name);
	if (!inner || depth == NESTING_MAX)
		script_die(step->file, step->line, "no sequence %s", name);
	play_steps(p, inner, depth + 1);
}

static void play_each(struct player *p, const struct step *step, int depth)
{
	size_t i;
	json_t *value;
	json_array_foreach(step->value, i, value) {
		struct step set = *step;
		set.value = value;
		play_set(p, &set);
		play_named(p, step, step->path, depth);
	}
}

static void play_step(struct player *p, const struct step *step, int depth)
{
	switch (step->kind) {
	case STEP_REQUEST:
	case STEP_SEND:
		if (step->mutation != MUTATE_NOT && p->mutant)
			play_request(p, step, p->mutant->request, p->mutant->cut);
		else
			play_request(p, step, step->value, -1);
		break;
	case STEP_EVENTUALLY: play_eventually(p, step); break;
	case STEP_AWAIT: play_await(p, step); break;
	case STEP_TOPIC: play_topic(p, step); break;
	case STEP_FRESH: make_fresh(p, step->name); break;
	case STEP_SET: play_set(p, step); break;
	case STEP_SAVE: play_save(p, step); break;
	case STEP_SLEEP: sleep_ms(step->milliseconds); break;
	case STEP_CLOSE:
		side_disconnect(&p->sides[0], step->connection);
		side_disconnect(&p->sides[1], step->connection);
		break;
	case STEP_DO: play_named(p, step, step->name, depth); break;
	case STEP_EACH: play_each(p, step, depth); break;
	}
}

static void play_steps(struct player *p, const struct sequence *sequence, int depth)
{
	for (int i = 0; i < sequence->count; i++)
		play_step(p, &sequence->steps[i], depth);
}

static void begin(struct player *p)
{
	p->number++;
	p->found_count = 0;
	p->has_parted = false;
	for (int i = 0; i < 2; i++) {
		side_reset(&p->sides[i]);
		canon_reset(&p->canons[i]);
	}
	make_fresh(p, "case");
	const struct sequence *always = script_find(p->script, "every_case");
	if (always)
		play_steps(p, always, 0);
}

static void play_once(struct player *p)
{
	begin(p);
	play_steps(p, &p->test_case->sequence, 0);
}

static void count_play(struct player *p)
{
	const struct kmsg_description *message = description_of(p->test_case->api, "request");
	p->played++;
	p->counts[message->key]++;
}

static bool has_news(const struct player *p)
{
	for (int i = 0; i < p->found_count; i++)
		if (!findings_is_expected(&p->found[i]))
			return true;
	return false;
}

static bool found_field(const struct player *p, const struct finding *finding)
{
	for (int i = 0; i < p->found_count; i++)
		if (strcmp(p->found[i].field, finding->field) == 0 && strcmp(p->found[i].api, finding->api) == 0)
			return true;
	return false;
}

/* Keeps those of `found` that are expected or have been found again; returns how many. */
static int keep_again(struct player *p, struct finding *found, int count)
{
	int kept = 0;
	for (int i = 0; i < count; i++)
		if (findings_is_expected(&found[i]) || found_field(p, &found[i]))
			found[kept++] = found[i];
		else {
			findings_add_vanished(&found[i]);
			p->vanished++;
		}
	return kept;
}

/* `play` once, and up to PLAYS_MAX times as long as it differs in a way nobody expects. */
static void play_and_judge(struct player *p, void (*play)(struct player *p, const void *context), const void *context)
{
	struct finding *found = malloc(FINDINGS_MAX * sizeof *found);
	play(p, context);
	count_play(p);
	int count = p->found_count;
	memcpy(found, p->found, (size_t)count * sizeof *found);
	for (int plays = 1; plays < PLAYS_MAX && has_news(p); plays++) {
		play(p, context);
		count = keep_again(p, found, count);
	}
	for (int i = 0; i < count; i++)
		findings_add(&found[i]);
	free(found);
}

static void play_whole(struct player *p, const void *context) { play_once(p); }

/* One mutated request in the middle of a case that has been set up; nothing else of it is played again. */
static void play_alone(struct player *p, const void *context)
{
	const struct step *step = context;
	p->found_count = 0;
	p->has_parted = false;
	play_request(p, step, p->mutant->request, p->mutant->cut);
}

static const struct step *find_mutated(const struct sequence *sequence)
{
	for (int i = 0; i < sequence->count; i++)
		if (sequence->steps[i].mutation != MUTATE_NOT)
			return &sequence->steps[i];
	return NULL;
}

static void play_shared(struct player *p, const struct step *mutated, const struct mutants *mutants)
{
	const struct sequence *sequence = &p->test_case->sequence;
	begin(p);
	p->mutant = NULL;
	for (const struct step *step = sequence->steps; step < mutated; step++)
		play_step(p, step, 0);
	for (int i = 0; i < p->found_count; i++)
		findings_add(&p->found[i]);
	for (int i = 0; i < mutants->count; i++) {
		p->mutant = &mutants->items[i];
		play_and_judge(p, play_alone, mutated);
	}
	p->mutant = NULL;
}

static void play_mutants(struct player *p, const struct step *mutated)
{
	struct mutants mutants = mutate(description_of(mutated->name, "request"), step_version(p, mutated), mutated->value);
	if (mutated->mutation == MUTATE_SHARED)
		play_shared(p, mutated, &mutants);
	for (int i = 0; i < mutants.count && mutated->mutation == MUTATE_EACH; i++) {
		p->mutant = &mutants.items[i];
		play_and_judge(p, play_whole, NULL);
	}
	p->mutant = NULL;
	mutants_free(&mutants);
}

/* What the first case that is played needs of both sides; where they differ here, it shows again in the cases. */
static void prepare_sides(struct player *p)
{
	const struct sequence *first = script_find(p->script, "before_all");
	begin(p);
	if (first)
		play_steps(p, first, 0);
}

void player_play(struct player *p, const struct test_case *test_case, int version)
{
	if (!p->found)
		p->found = malloc(FINDINGS_MAX * sizeof *p->found);
	CHECK(p->found);
	p->test_case = test_case;
	p->version = version;
	p->mutant = NULL;
	if (!p->is_prepared)
		prepare_sides(p);
	p->is_prepared = true;
	const struct step *mutated = p->mutates ? find_mutated(&test_case->sequence) : NULL;
	if (mutated)
		play_mutants(p, mutated);
	else
		play_and_judge(p, play_whole, NULL);
}
