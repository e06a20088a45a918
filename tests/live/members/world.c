/* The groups and members there are; chance, which SEED repeats; the end of the run at the first breach. */
#include "tests/live/members/members.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *topic_name;
uint8_t topic_id[16];
struct sockaddr_in target;
int32_t partition_count;
int group_count, member_count, life_ms, poll_fd;
int commit_ms = 300, fetch_wait_ms = 200;
struct group *groups;
struct member *members;
bool is_calm, any_reads;
long lives, joins, rejoins, leaves, crashes, drops, commits, fetched_records, reconnects;
int64_t longest_join_ms;

static uint64_t dice;

void world_seed(uint64_t seed) { dice = seed; }

void world_give_up(const struct member *m, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("FAIL  groups under churn: ");
	vprintf(format, arguments);
	if (m)
		printf(" (group %s, member %s, instance '%s', generation %d, number %ld)", m->group->id, m->id, m->instance, m->generation, (long)(m - members));
	printf("\n");
	fflush(stdout);
	_exit(1);
}

uint64_t world_roll(uint64_t sides)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (dice >> 33) % sides;
}

int64_t world_in_about(int64_t now, int64_t mean_ms)
{
	return now + mean_ms / 4 + (int64_t)world_roll((uint64_t)mean_ms * 3 / 2 + 1);
}

void world_make(const char *kinds)
{
	int64_t now = now_ms();
	groups = calloc((size_t)group_count, sizeof(*groups));
	members = calloc((size_t)group_count * (size_t)member_count, sizeof(*members));
	for (int i = 0; i < group_count; i++) {
		char kind = kinds[(size_t)i % strlen(kinds)];
		groups[i].is_static = strchr("st", kind) != NULL;
		groups[i].is_cooperative = kind == 'k';
		groups[i].reads = strchr("ckstnx", kind) != NULL;
		any_reads |= groups[i].reads;
		snprintf(groups[i].id, sizeof(groups[i].id), "%.40s-%c%d", topic_name, kind, i);
		for (int32_t p = 0; p < PARTITIONS_MAX; p++)
			groups[i].acked[p] = groups[i].tried[p] = -1;
		for (int k = 0; k < member_count; k++) {
			struct member *m = &members[i * member_count + k];
			m->group = &groups[i];
			m->is_consumer = strchr("ntN", kind) || (strchr("xX", kind) && k % 2);
			m->fd = -1;
			if (groups[i].is_static)
				snprintf(m->instance, sizeof(m->instance), "instance-%d", k);
			member_be_reborn(m, now);
		}
	}
}
