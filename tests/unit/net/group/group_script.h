/* A coordinator under a script: a line is an input, the lines below it that begin with "- " are all that must come out of it: records first, then
 * answers in their order. Names (a, b, ...) stand for members: the id a join is answered with becomes the name's. Time stands still but for "tick".
 *
 *	join NAME [v=5] [id=NAME|-|TEXT] [inst=I] [client=C] [type=consumer] [p=range:meta,rr:meta] [session=10000] [rebalance=60000]
 *	sync NAME gen=1 [v=5] [inst=I] [id=] [type=] [p=range] [assign=a:x,b:y]
 *	heartbeat NAME gen=1 [inst=I] [id=]
 *	leave NAME[,NAME] [v=5] [inst=I]
 *	commit NAME gen=1 [inst=I] [id=]     judged only: classic_check_commit
 *	describe [v=6] | list [states=a,b] [types=c] | delete | cancel NAME | reload | snapshot | tick MS
 *
 * The group is "g" unless group=... says otherwise. Every call must finish exactly once; run_script sees to it. */
#pragma once

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/group/classic.h"
#include "net/group/group_record.h"
#include "tests/unit/net/group/record_log.h"

#define CALLS_MAX 4096
#define NAMES_MAX 64

struct script_call {
	struct group_call call;
	struct arena arena;
	char verb[16], name[32];
	bool is_finished;
	union {
		struct kmsg_join_group_response join;
		struct kmsg_sync_group_response sync;
		struct kmsg_heartbeat_response heartbeat;
		struct kmsg_leave_group_response leave;
		struct kmsg_describe_groups_group describe;
		struct kmsg_delete_groups_result delete;
		struct {
			struct kmsg_list_groups_group *items;
			uint32_t count;
		} list;
	} out;
};

struct script_name {
	char name[32];
	char id[200];
};

struct script {
	struct coordinator_config config;
	struct coordinator *coordinator;
	struct group_clock clock;
	struct script_call *calls[CALLS_MAX];
	uint32_t call_count;
	struct script_name names[NAMES_MAX];
	uint32_t name_count;
	struct record_log log;
	char got[8192];              /* what has come out of the last input */
	size_t got_size;
	char notes[4096];
	bool keeps_notes;
	const char *title;
};

static const struct catalog_image script_image = {.by_id = (struct topic *[]){NULL}};

/* ---- names ------------------------------------------------------------------------------------------------------------------------------ */

static inline struct script_name *script_find_name(struct script *s, const char *name)
{
	for (uint32_t i = 0; i < s->name_count; i++)
		if (strcmp(s->names[i].name, name) == 0)
			return &s->names[i];
	return NULL;
}

static inline const char *script_name_of(struct script *s, struct slice id)
{
	for (uint32_t i = 0; i < s->name_count; i++)
		if (strlen(s->names[i].id) == id.size && memcmp(s->names[i].id, id.data, id.size) == 0)
			return s->names[i].name;
	return id.size ? "?" : "-";
}

static inline void script_learn(struct script *s, const char *name, struct slice id)
{
	if (id.size == 0 || strcmp(script_name_of(s, id), "?") != 0)
		return;
	struct script_name *known = script_find_name(s, name);
	if (!known) {
		cr_assert(s->name_count < NAMES_MAX);
		known = &s->names[s->name_count++];
		snprintf(known->name, sizeof known->name, "%s", name);
	}
	cr_assert(id.size < sizeof known->id);
	snprintf(known->id, sizeof known->id, "%.*s", (int)id.size, (const char *)id.data);
}

/* ---- what comes out ----------------------------------------------------------------------------------------------------------------------- */

static inline void script_print(struct script *s, const char *format, ...) PRINTF_LIKE(2, 3);
static inline void script_print(struct script *s, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	s->got_size += (size_t)vsnprintf(s->got + s->got_size, sizeof s->got - s->got_size, format, arguments);
	va_end(arguments);
	cr_assert(s->got_size < sizeof s->got);
}

#define SLICE_TEXT(slice) (int)(slice).size, (const char *)(slice).data

/* "record GROUP g3 range leader=a [a:meta=assignment ...]" */
static inline void script_print_record(struct script *s, struct slice key, struct slice value)
{
	struct group_message message;
	struct arena arena;
	arena_init(&arena, NULL, 0, 64 << 20);
	cr_assert_eq(group_record_decode(&message, key, value, &arena), 0);
	if (message.kind != GROUP_RECORD_group_metadata) {
		script_print(s, "record of kind %d%s\n", message.kind, message.is_tombstone ? ", tombstone" : "");
		arena_fini(&arena);
		return;
	}
	script_print(s, "record %.*s", SLICE_TEXT(message.key.group_metadata.group));
	if (message.is_tombstone) {
		script_print(s, " tombstone\n");
	} else {
		const struct kmsg_group_metadata_value *group = &message.value.group_metadata;
		script_print(s, " g%d %.*s leader=%s [", group->generation, SLICE_TEXT(group->protocol), script_name_of(s, group->leader));
		for (int32_t i = 0; i < group->members.count; i++)
			script_print(s, "%s%s:%.*s=%.*s", i ? " " : "", script_name_of(s, group->members.items[i].member_id),
				     SLICE_TEXT(group->members.items[i].subscription), SLICE_TEXT(group->members.items[i].assignment));
		script_print(s, "]\n");
	}
	arena_fini(&arena);
}

static inline void script_print_join(struct script *s, struct script_call *c)
{
	const struct kmsg_join_group_response *out = &c->out.join;
	script_print(s, "join %s %d", c->name, out->error_code);
	if (out->error_code) {
		script_print(s, " id=%s\n", script_name_of(s, out->member_id));
		return;
	}
	script_print(s, " g%d %.*s leader=%s", out->generation_id, SLICE_TEXT(out->protocol_name), script_name_of(s, out->leader));
	if (strcmp(script_name_of(s, out->member_id), c->name) != 0)
		script_print(s, " id=%s", script_name_of(s, out->member_id));
	if (out->skip_assignment)
		script_print(s, " skip");
	for (int32_t i = 0; i < out->members.count; i++)
		script_print(s, "%s%s:%.*s%s", i ? " " : " [", script_name_of(s, out->members.items[i].member_id),
			     SLICE_TEXT(out->members.items[i].metadata), i + 1 == out->members.count ? "]" : "");
	script_print(s, "\n");
}

static inline void script_print_describe(struct script *s, struct script_call *c)
{
	const struct kmsg_describe_groups_group *out = &c->out.describe;
	script_print(s, "describe %d %.*s %.*s %.*s", out->error_code, SLICE_TEXT(out->group_state), SLICE_TEXT(out->protocol_type),
		     SLICE_TEXT(out->protocol_data));
	if (out->error_message.data)
		script_print(s, " \"%.*s\"", SLICE_TEXT(out->error_message));
	for (int32_t i = 0; i < out->members.count; i++)
		script_print(s, "%s%s:%.*s=%.*s%s", i ? " " : " [", script_name_of(s, out->members.items[i].member_id),
			     SLICE_TEXT(out->members.items[i].member_metadata), SLICE_TEXT(out->members.items[i].member_assignment),
			     i + 1 == out->members.count ? "]" : "");
	script_print(s, "\n");
}

static inline void script_print_call(struct script *s, struct script_call *c)
{
	cr_assert_not(c->call.is_out_of_memory);
	if (strcmp(c->verb, "join") == 0) {
		script_print_join(s, c);
	} else if (strcmp(c->verb, "sync") == 0) {
		script_print(s, "sync %s %d", c->name, c->out.sync.error_code);
		if (!c->out.sync.error_code)
			script_print(s, " %.*s", SLICE_TEXT(c->out.sync.assignment));
		script_print(s, "\n");
	} else if (strcmp(c->verb, "heartbeat") == 0) {
		script_print(s, "heartbeat %s %d\n", c->name, c->out.heartbeat.error_code);
	} else if (strcmp(c->verb, "leave") == 0) {
		script_print(s, "leave %d", c->out.leave.error_code);
		for (int32_t i = 0; i < c->out.leave.members.count; i++)
			script_print(s, " %s:%d", script_name_of(s, c->out.leave.members.items[i].member_id), c->out.leave.members.items[i].error_code);
		script_print(s, "\n");
	} else if (strcmp(c->verb, "describe") == 0) {
		script_print_describe(s, c);
	} else if (strcmp(c->verb, "delete") == 0) {
		script_print(s, "delete %d\n", c->out.delete.error_code);
	} else if (strcmp(c->verb, "list") == 0) {
		script_print(s, "list");
		for (uint32_t i = 0; i < c->out.list.count; i++)
			script_print(s, " %.*s:%.*s:%.*s:%.*s", SLICE_TEXT(c->out.list.items[i].group_id), SLICE_TEXT(c->out.list.items[i].protocol_type),
				     SLICE_TEXT(c->out.list.items[i].group_state), SLICE_TEXT(c->out.list.items[i].group_type));
		script_print(s, "\n");
	}
}

/* Everything that has come out: records into the log, calls to their end. */
static inline void script_collect(struct script *s)
{
	struct group_outbox *outbox = coordinator_outbox(s->coordinator);
	uint32_t first = s->log.count;
	record_log_take(&s->log, outbox);
	for (struct group_note *note = outbox->notes; note && s->keeps_notes; note = note->next)
		snprintf(s->notes + strlen(s->notes), sizeof s->notes - strlen(s->notes), "%s\n", note->text);
	size_t before = s->got_size;
	LIST_FOR_EACH(node, &outbox->finished) {
		struct script_call *c = CONTAINER_OF(LIST_ENTRY(node, struct group_call, node), struct script_call, call);
		if (strcmp(c->verb, "join") == 0)
			script_learn(s, c->name, c->out.join.member_id);
	}
	for (struct list *node; (node = list_pop_front(&outbox->finished));) {
		struct script_call *c = CONTAINER_OF(LIST_ENTRY(node, struct group_call, node), struct script_call, call);
		cr_assert_not(c->is_finished, "%s: %s of %s finished twice", s->title, c->verb, c->name);
		c->is_finished = true;
		script_print_call(s, c);
	}
	/* Names are learned from answers: records are printed afterwards, and put before them. */
	char answers[sizeof s->got];
	size_t answers_size = s->got_size - before;
	memcpy(answers, s->got + before, answers_size);
	s->got_size = before;
	for (uint32_t i = first; i < s->log.count; i++)
		script_print_record(s, s->log.records[i].key, s->log.records[i].value);
	cr_assert(s->got_size + answers_size < sizeof s->got);
	memcpy(s->got + s->got_size, answers, answers_size);
	s->got_size += answers_size;
	s->got[s->got_size] = '\0';
	group_outbox_clear(outbox);
}

/* ---- what goes in --------------------------------------------------------------------------------------------------------------------------- */

struct script_line {
	char words[16][256];
	int count;
};

/* The value of NAME=VALUE, or `otherwise`. */
static inline const char *script_argument(const struct script_line *line, const char *name, const char *otherwise)
{
	for (int i = 1; i < line->count; i++)
		if (strncmp(line->words[i], name, strlen(name)) == 0 && line->words[i][strlen(name)] == '=')
			return line->words[i] + strlen(name) + 1;
	return otherwise;
}

static inline struct slice script_slice(struct arena *arena, const char *text)
{
	if (!text)
		return (struct slice){0};
	size_t size = strlen(text);
	uint8_t *copy = arena_alloc(arena, size + 1);
	memcpy(copy, text, size + 1);
	return (struct slice){copy, size};
}

static inline struct script_call *script_new_call(struct script *s, const struct script_line *line, int16_t version)
{
	struct script_call *c = calloc(1, sizeof *c);
	cr_assert(s->call_count < CALLS_MAX);
	s->calls[s->call_count++] = c;
	arena_init(&c->arena, NULL, 0, 64 << 20);
	c->call.arena = &c->arena;
	c->call.version = (int16_t)atoi(script_argument(line, "v", version == 9 ? "9" : version == 6 ? "6" : "5"));
	c->call.client_id = script_slice(&c->arena, script_argument(line, "client", "c"));
	c->call.client_host = slice_from("/127.0.0.1");
	snprintf(c->verb, sizeof c->verb, "%.15s", line->words[0]);
	snprintf(c->name, sizeof c->name, "%.31s", line->count > 1 ? line->words[1] : "");
	return c;
}

/* The id a name stands for; "-" is none, and what is no name is an id. */
static inline struct slice script_id(struct script *s, struct arena *arena, const char *name)
{
	if (strcmp(name, "-") == 0)
		return SLICE_EMPTY;
	struct script_name *known = script_find_name(s, name);
	return script_slice(arena, known ? known->id : name);
}

static inline struct slice script_member(struct script *s, struct script_call *c, const struct script_line *line)
{
	const char *given = script_argument(line, "id", NULL);
	if (!given && !script_find_name(s, c->name))
		return SLICE_EMPTY;
	return script_id(s, &c->arena, given ? given : c->name);
}

/* Takes "NAME:VALUE" off a list with commas. */
static inline bool script_next_pair(const char **rest, char name[64], char value[128])
{
	name[0] = value[0] = '\0';
	if (!**rest)
		return false;
	sscanf(*rest, "%63[^:,]:%127[^,]", name, value);
	const char *comma = strchr(*rest, ',');
	*rest = comma ? comma + 1 : "";
	return true;
}

static inline void script_join(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 5);
	struct kmsg_join_group_request in;
	struct kmsg_join_group_protocol protocols[16];
	kmsg_join_group_request_init(&in);
	in.group_id = script_slice(&c->arena, script_argument(line, "group", "g"));
	in.session_timeout_ms = atoi(script_argument(line, "session", "10000"));
	in.rebalance_timeout_ms = atoi(script_argument(line, "rebalance", "60000"));
	in.member_id = script_member(s, c, line);
	in.group_instance_id = script_slice(&c->arena, script_argument(line, "inst", NULL));
	in.protocol_type = script_slice(&c->arena, script_argument(line, "type", "consumer"));
	const char *rest = script_argument(line, "p", "range:m");
	char name[64], value[128];
	in.protocols.items = protocols;
	while (script_next_pair(&rest, name, value)) {
		struct kmsg_join_group_protocol *protocol = &protocols[in.protocols.count++];
		kmsg_join_group_protocol_init(protocol);
		protocol->name = script_slice(&c->arena, name);
		protocol->metadata = script_slice(&c->arena, value);
	}
	coordinator_join_group(s->coordinator, s->clock, &c->call, &in, &c->out.join);
}

static inline void script_sync(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 5);
	struct kmsg_sync_group_request in;
	struct kmsg_sync_group_assignment assignments[32];
	kmsg_sync_group_request_init(&in);
	in.group_id = script_slice(&c->arena, script_argument(line, "group", "g"));
	in.generation_id = atoi(script_argument(line, "gen", "1"));
	in.member_id = script_member(s, c, line);
	in.group_instance_id = script_slice(&c->arena, script_argument(line, "inst", NULL));
	in.protocol_type = script_slice(&c->arena, script_argument(line, "type", "consumer"));
	in.protocol_name = script_slice(&c->arena, script_argument(line, "p", "range"));
	if (strcmp(script_argument(line, "p", ""), "null") == 0)
		in.protocol_name = (struct slice){0};
	const char *rest = script_argument(line, "assign", "");
	char name[64], value[128];
	in.assignments.items = assignments;
	while (script_next_pair(&rest, name, value)) {
		struct kmsg_sync_group_assignment *assignment = &assignments[in.assignments.count++];
		kmsg_sync_group_assignment_init(assignment);
		assignment->member_id = script_id(s, &c->arena, name);
		assignment->assignment = script_slice(&c->arena, value);
	}
	coordinator_sync_group(s->coordinator, s->clock, &c->call, &in, &c->out.sync);
}

static inline void script_heartbeat(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 4);
	struct kmsg_heartbeat_request in;
	kmsg_heartbeat_request_init(&in);
	in.group_id = script_slice(&c->arena, script_argument(line, "group", "g"));
	in.generation_id = atoi(script_argument(line, "gen", "1"));
	in.member_id = script_member(s, c, line);
	in.group_instance_id = script_slice(&c->arena, script_argument(line, "inst", NULL));
	coordinator_heartbeat(s->coordinator, s->clock, &c->call, &in, &c->out.heartbeat);
}

static inline void script_leave(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 5);
	struct kmsg_leave_group_request in;
	struct kmsg_leave_group_member members[16];
	kmsg_leave_group_request_init(&in);
	in.group_id = script_slice(&c->arena, script_argument(line, "group", "g"));
	const char *rest = line->words[1];
	char name[64], value[128];
	in.members.items = members;
	while (script_next_pair(&rest, name, value)) {
		struct kmsg_leave_group_member *member = &members[in.members.count++];
		kmsg_leave_group_member_init(member);
		member->member_id = script_id(s, &c->arena, name);
		member->group_instance_id = script_slice(&c->arena, script_argument(line, "inst", NULL));
	}
	if (c->call.version < 3 && in.members.count)
		in.member_id = members[0].member_id;
	coordinator_leave_group(s->coordinator, s->clock, &c->call, &in, &c->out.leave);
}

static inline void script_describe(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 6);
	struct slice group = script_slice(&c->arena, script_argument(line, "group", "g"));
	coordinator_describe_group(s->coordinator, s->clock, &c->call, group, &c->out.describe);
}

static inline void script_delete(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 2);
	struct slice group = script_slice(&c->arena, script_argument(line, "group", "g"));
	coordinator_delete_group(s->coordinator, s->clock, &c->call, group, &c->out.delete);
}

static inline void script_list(struct script *s, const struct script_line *line)
{
	struct script_call *c = script_new_call(s, line, 5);
	struct kmsg_list_groups_request in;
	struct slice states[8], types[8];
	char name[64], value[128];
	kmsg_list_groups_request_init(&in);
	in.states_filter.items = states;
	in.types_filter.items = types;
	for (const char *rest = script_argument(line, "states", ""); script_next_pair(&rest, name, value);)
		states[in.states_filter.count++] = script_slice(&c->arena, name);
	for (const char *rest = script_argument(line, "types", ""); script_next_pair(&rest, name, value);)
		types[in.types_filter.count++] = script_slice(&c->arena, name);
	coordinator_list_groups(s->coordinator, s->clock, &c->call, &in, &c->out.list.items, &c->out.list.count);
}

static inline void script_commit(struct script *s, const struct script_line *line)
{
	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	struct group *group = group__find(s->coordinator, slice_from(script_argument(line, "group", "g")));
	const char *given = script_argument(line, "id", NULL);
	s->coordinator->clock = s->clock;
	script_print(s, "commit %s %d\n", line->words[1],
		     classic_check_commit(group, script_id(s, &arena, given ? given : line->words[1]), script_slice(&arena, script_argument(line, "inst", NULL)),
					  atoi(script_argument(line, "gen", "1"))));
	arena_fini(&arena);
}

static inline void script_tick(struct script *s, int ms)
{
	uint64_t end = s->clock.now_ns + (uint64_t)ms * 1000000;
	for (uint64_t due; (due = coordinator_deadline(s->coordinator)) <= end;) {
		if (due > s->clock.now_ns) {
			s->clock.wall_ms += (int64_t)((due - s->clock.now_ns) / 1000000);
			s->clock.now_ns = due;
		}
		coordinator_tick(s->coordinator, s->clock);
	}
	s->clock.wall_ms += (int64_t)((end - s->clock.now_ns) / 1000000);
	s->clock.now_ns = end;
}

static inline void script_cancel(struct script *s, const char *name)
{
	for (uint32_t i = 0; i < s->call_count; i++)
		if (!s->calls[i]->is_finished && strcmp(s->calls[i]->name, name) == 0)
			coordinator_cancel(s->coordinator, s->clock, &s->calls[i]->call);
}

static inline void script_open(struct script *s)
{
	cr_assert_eq(coordinator_open(&s->coordinator, &s->config, &script_image, 42 + s->log.count), 0);
	s->coordinator->clock = s->clock;
}

/* What a crash leaves: the records. */
static inline void script_reload(struct script *s)
{
	coordinator_fail_calls(s->coordinator, KERR_NOT_COORDINATOR);
	script_collect(s);
	coordinator_close(s->coordinator);
	script_open(s);
	record_log_load(&s->log, s->coordinator, s->clock);
}

/* The log before the snapshot goes. */
static inline void script_snapshot(struct script *s)
{
	record_log_trim(&s->log, s->log.count);
	coordinator_snapshot_begin(s->coordinator);
	while (coordinator_snapshot_next(s->coordinator))
		;
}

static inline void script_input(struct script *s, const struct script_line *line)
{
	const char *verb = line->words[0];
	if (strcmp(verb, "join") == 0)
		script_join(s, line);
	else if (strcmp(verb, "sync") == 0)
		script_sync(s, line);
	else if (strcmp(verb, "heartbeat") == 0)
		script_heartbeat(s, line);
	else if (strcmp(verb, "leave") == 0)
		script_leave(s, line);
	else if (strcmp(verb, "commit") == 0)
		script_commit(s, line);
	else if (strcmp(verb, "describe") == 0)
		script_describe(s, line);
	else if (strcmp(verb, "list") == 0)
		script_list(s, line);
	else if (strcmp(verb, "delete") == 0)
		script_delete(s, line);
	else if (strcmp(verb, "cancel") == 0)
		script_cancel(s, line->words[1]);
	else if (strcmp(verb, "reload") == 0)
		script_reload(s);
	else if (strcmp(verb, "snapshot") == 0)
		script_snapshot(s);
	else if (strcmp(verb, "tick") == 0)
		script_tick(s, atoi(line->words[1]));
	else
		cr_assert_fail("%s: no verb %s", s->title, verb);
	script_collect(s);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------------------ */

static inline void script_begin(struct script *s, const char *title)
{
	*s = (struct script){
		.title = title,
		.clock = {.now_ns = UINT64_C(1000000000), .wall_ms = 1700000000000},
		.config = {
			.session_timeout_ms_min = 6000,
			.session_timeout_ms_max = 1800000,
			.initial_rebalance_delay_ms = 3000,
			.group_size_max = INT32_MAX,
			.offset_metadata_size_max = 4096,
			.offsets_retention_ms = INT64_C(7) * 86400000,
			.offsets_retention_check_interval_ms = 600000,
			.memory_bytes_max = 64 << 20,
		},
	};
	script_open(s);
	coordinator_loaded(s->coordinator, s->clock);
}

static inline void script_end(struct script *s)
{
	coordinator_fail_calls(s->coordinator, KERR_NOT_COORDINATOR);
	script_collect(s);
	for (uint32_t i = 0; i < s->call_count; i++) {
		cr_assert(s->calls[i]->is_finished, "%s: %s of %s never finished", s->title, s->calls[i]->verb, s->calls[i]->name);
		arena_fini(&s->calls[i]->arena);
		free(s->calls[i]);
	}
	coordinator_close(s->coordinator);
	record_log_free(&s->log);
}

static inline const char *script_read_line(const char *at, char text[1024])
{
	size_t size = strcspn(at, "\n");
	cr_assert(size < 1024);
	memcpy(text, at, size);
	text[size] = '\0';
	return at[size] ? at + size + 1 : at + size;
}

static inline void script_run(struct script *s, const char *text)
{
	char input[1024];
	while (*text) {
		text = script_read_line(text, input);
		struct script_line line = {0};
		char *rest = NULL, copy[1024];
		snprintf(copy, sizeof copy, "%s", input);
		for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
			cr_assert(line.count < 16);
			snprintf(line.words[line.count++], sizeof line.words[0], "%.255s", word);
		}
		if (!line.count || line.words[0][0] == '#')
			continue;
		char wanted[8192] = "";
		while (strncmp(text, "- ", 2) == 0) {
			char expected[1024];
			text = script_read_line(text + 2, expected);
			strcat(strcat(wanted, expected), "\n");
		}
		s->got_size = 0;
		s->got[0] = '\0';
		script_input(s, &line);
		cr_assert_str_eq(s->got, wanted, "%s, at \"%s\"\ngot:\n%swanted:\n%s", s->title, input, s->got, wanted);
	}
}
