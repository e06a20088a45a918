/* What was lost in doubt is found out before any client speaks to the broker again: each log must end where it did, or the start was refused. Damage may be named, as
 * far as something may have struck; nothing may end early or be gone without a word. */
#include "tests/sim_broker/doubt.h"

#include "kmsg_list_offsets.h"
#include "log/base/check.h"
#include "log/io/io.h"
#include "log/repair/repair.h"
#include "net/route/group_count.h"
#include "net/wire/kerr.h"
#include "tests/requests/requests.h"
#include "tests/sim_broker/damage.h"
#include "tests/sim_broker/last_group.h"
#include "tests/sim_broker/peer.h"

#define LATEST (-1)
#define SURVEY_TURNS_MAX 400000
#define STAND_TURNS 2000
#define TURN_NS_MAX 1000000

/* ---- lies ---------------------------------------------------------------------------------------------------------------- */

static void allow_all(struct world *world)
{
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		for (uint32_t p = 0; world->topics[t].state != TOPIC_ABSENT && p < world->topics[t].partition_count; p++) {
			uint32_t number = world->topics[t].parts[p].number;
			damage_allow(world, t, p, 0, history_certain_end(world->history, number) + IN_FLIGHT_MAX);
		}
	history_allow_resurrection(world->history);
}

void doubt_starts(struct world *world)
{
	world->is_in_doubt = true;
	world->damages_seen++;
}

void doubt_begin(struct world *world)
{
	doubt_starts(world);
	world->are_groups_struck = true;
	allow_all(world);
}

void doubt_look(struct world *world)
{
	const struct sim_damage *damages;
	uint32_t count = sim_disk_damages(world->disk, &damages);
	for (; world->lies_seen < count; world->lies_seen++) {
		const struct sim_damage *damage = &damages[world->lies_seen];
		if (damage->kind == SIM_ROT)
			continue;
		meet(world, damage->kind == SIM_MISDIRECTED ? MOMENT_MISDIRECTED : MOMENT_LOST_ON_DISK);
		world_tell(world, damage->position, "a write %s: %s, %lu bytes at %lu", damage->kind == SIM_MISDIRECTED ? "landed elsewhere" : "was lost", damage->path,
			   (unsigned long)damage->size, (unsigned long)damage->position);
		doubt_begin(world);
		last_group_note_lie(world);
	}
}

/* ---- the way out ----------------------------------------------------------------------------------------------------------- */

static int repair(struct world *world, char *why, size_t why_size)
{
	struct io_options io_options = {.backend = IO_SIM, .disk = world->disk, .seed = world->plan->seed};
	struct repair_options options = {.dir = "/data", .config = world->config, .is_loss_accepted = true,
					 .count_internal = group_count_partitions, .is_internal = group_count_is_groups};
	static struct repair_report report;
	struct io *io;
	int err = io_open(&io, &io_options);
	CHECK(err == 0);
	report = (struct repair_report){0};
	err = repair_directory(io, &options, &report);
	snprintf(why, why_size, "%s", report.why);
	io_close(io);
	return err;
}

/* A start, some turns, and a clean stop. */
static void survey_losses(struct world *world);

static bool stands(struct world *world, char *why, size_t why_size)
{
	int result = broker_try(world, why, why_size);
	for (int turns = 0; result == 0 && turns < STAND_TURNS; turns++) {
		sim_net_set_alarm(world->net, world_now_ns(world) + TURN_NS_MAX);
		if (broker_turn_once(world) <= 0)
			result = -1;
	}
	if (result == 0 && world->must_survey_losses)
		survey_losses(world);
	if (world->server)
		broker_end(world);
	return result == 0;
}

static bool start_accepting_loss(struct world *world, char *why, size_t why_size)
{
	char refusal[200];
	CHECK(broker_config_set(world->config, "spate.accept.loss", "true", refusal, sizeof refusal) == 0);
	bool is_up = stands(world, why, why_size);
	CHECK(broker_config_set(world->config, "spate.accept.loss", "false", refusal, sizeof refusal) == 0);
	return is_up;
}

void doubt_take_way_out(struct world *world, const char *refusal)
{
	char why[2048] = "";
	bool names_loss = strstr(refusal, "spate.accept.loss=true") != NULL, names_repair = strstr(refusal, "log repair") != NULL;
	meet(world, MOMENT_REFUSED_START);
	broker_forget_orders(world);
	snprintf(why, sizeof why, "%s", refusal);
	if (!names_loss && !names_repair)
		world_condemn(world, "a start is refused, and names no way out: %s", refusal);
	else if (!(names_loss && start_accepting_loss(world, why, sizeof why)) && !strstr(why, "log repair"))
		world_condemn(world, "the way out that a start names leads nowhere: %s; then: %s", refusal, why);
	else if (strstr(why, "log repair") && repair(world, why, sizeof why))
		world_condemn(world, "log repair --accept-loss, which a start names, fails: %s; then: %s", refusal, why);
	else if (!stands(world, why, sizeof why))
		world_condemn(world, "the broker does not start after the way out that it named: %s; then: %s", refusal, why);
	else
		meet(world, MOMENT_WAY_OUT);
	world->is_spent = true;
}

/* ---- the survey -------------------------------------------------------------------------------------------------------------- */

struct survey {
	struct world *world;
	uint32_t topic, partition;
	bool is_answered, is_certain, is_loss_accepted;
	int64_t end;
};

static void answered(void *context, uint64_t tag, const void *answer)
{
	struct survey *survey = context;
	const struct kmsg_list_offsets_response *out = answer;
	if (!out || out->topics.count != 1 || out->topics.items[0].partitions.count != 1)
		return;
	const struct kmsg_list_offsets_partition_result *result = &out->topics.items[0].partitions.items[0];
	const struct world_topic *topic = &survey->world->topics[survey->topic];
	if (result->error_code == KERR_NOT_LEADER_OR_FOLLOWER || result->error_code == KERR_LEADER_NOT_AVAILABLE)
		return;
	survey->is_answered = true;
	survey->end = result->offset;
	survey->is_certain = (survey->is_loss_accepted && result->error_code) || (!result->error_code && result->offset >= history_certain_end(survey->world->history, topic->parts[survey->partition].number));
	world_tell(survey->world, (uint64_t)result->offset, "the survey: %s-%u ends at %ld (error %d)", topic->name, survey->partition, (long)result->offset, result->error_code);
}

static void ask(struct survey *survey, struct peer *peer)
{
	struct list_offsets_ask ask;
	ask_list_offsets(&ask, survey->world->topics[survey->topic].name, survey->partition, LATEST);
	bool is_out = peer_waiting(peer) || peer_call(peer, "list_offsets", 7, &ask.in, 0, answered);
	if (is_out)
		peer_step(peer);
}

static bool is_whole(struct survey *survey, struct peer *peer)
{
	survey->is_answered = false;
	for (int turns = 0; !survey->is_answered && turns < SURVEY_TURNS_MAX; turns++) {
		sim_net_set_alarm(survey->world->net, world_now_ns(survey->world) + TURN_NS_MAX);
		if (broker_turn_once(survey->world) <= 0)
			return false;
		ask(survey, peer);
	}
	return survey->is_answered && survey->is_certain;
}

static void take_early_end(const struct survey *survey)
{
	struct world *world = survey->world;
	const struct world_topic *topic = &world->topics[survey->topic];
	bool is_excused = world->vouching[store_owner(&topic->id, survey->partition, world->plan->knobs.shards)].is_excused;
	if (!is_excused && !last_group_begins(world, &topic->id, survey->partition, survey->end)) {
		world_condemn(world, survey->is_loss_accepted ? "%s-%u: a loss was accepted, and it gives out offsets again" : "%s-%u ends early, or is gone, and no start said so",
			      topic->name, survey->partition);
		return;
	}
	meet(world, MOMENT_ENDED_EARLY);
	world_tell(world, 96, "the last group of its journal is lost, the run ends");
	world->is_spent = true;
}

static void survey_all(struct world *world, bool is_loss_accepted)
{
	struct survey survey = {.world = world, .is_loss_accepted = is_loss_accepted};
	struct peer *peer = peer_create(world, &survey);
	for (survey.topic = 0; survey.topic < TOPICS_MAX && !world->is_spent; survey.topic++)
		for (survey.partition = 0; world->topics[survey.topic].state == TOPIC_LIVE && survey.partition < world->topics[survey.topic].partition_count && !world->is_spent;
		     survey.partition++)
			if (!is_whole(&survey, peer))
				take_early_end(&survey);
	peer_break(peer);
}

void doubt_survey(struct world *world)
{
	survey_all(world, false);
}

/* What was lost may be gone, and topics with it; but an offset that was given out is never given out again. */
static void survey_losses(struct world *world)
{
	survey_all(world, true);
}
