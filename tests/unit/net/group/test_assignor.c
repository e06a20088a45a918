/* The assignors: tables of small cases, as Kafka's own tests have them; what must hold for any case; and that a large group takes no time. */
#include "net/group/assignor.h"
#include "net/wire/cursor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MEMBERS_MAX 1000
#define TOPICS_MAX 64

/* A problem in memory of its own, and the last answer in its topics. */
struct problem {
	struct assignor_problem problem;
	struct arena arena;
	struct assignor_member members[MEMBERS_MAX];
	struct assignor_topic topics[TOPICS_MAX];
	uint32_t subscriptions[MEMBERS_MAX][TOPICS_MAX];
	char ids[MEMBERS_MAX][16];
};

static struct problem *make_problem(uint32_t members, uint32_t topics)
{
	struct problem *p = calloc(1, sizeof *p);
	arena_init(&p->arena, NULL, 0, (size_t)1 << 28);
	p->problem = (struct assignor_problem){.members = p->members, .member_count = members, .topics = p->topics, .topic_count = topics, .arena = &p->arena};
	for (uint32_t i = 0; i < members; i++) {
		snprintf(p->ids[i], sizeof p->ids[i], "m%04u", i);
		p->members[i] = (struct assignor_member){.id = slice_from(p->ids[i]), .topics = p->subscriptions[i]};
	}
	for (uint32_t t = 0; t < topics; t++)
		p->topics[t].id.bytes[15] = (uint8_t)t;
	return p;
}

static void set_partitions(struct problem *p, uint32_t topic, uint32_t count)
{
	p->topics[topic].owners = realloc(p->topics[topic].owners, (count + 1) * sizeof(int32_t));
	for (uint32_t i = p->topics[topic].partition_count; i < count; i++)
		p->topics[topic].owners[i] = ASSIGNOR_NOBODY;
	p->topics[topic].partition_count = count;
}

static void subscribe(struct problem *p, uint32_t member, uint32_t topic)
{
	p->subscriptions[member][p->members[member].topic_count++] = topic;
}

static void free_problem(struct problem *p)
{
	for (uint32_t t = 0; t < p->problem.topic_count; t++)
		free(p->topics[t].owners);
	arena_fini(&p->arena);
	free(p);
}

/* "0: 001 1: 22-": each topic, and who has its partitions. */
static const char *owners_text(const struct problem *p)
{
	static char out[512];
	size_t size = 0;
	for (uint32_t t = 0; t < p->problem.topic_count; t++) {
		size += (size_t)snprintf(out + size, sizeof out - size, "%s%u:", t ? " " : "", t);
		for (uint32_t i = 0; i < p->topics[t].partition_count; i++)
			out[size++] = p->topics[t].owners[i] < 0 ? '-' : (char)('0' + p->topics[t].owners[i]);
		out[size] = '\0';
	}
	return out;
}

/* Topics as digits of partition counts, subscriptions as a word of topic digits for each member, the last answer as owners_text says it. */
struct table_case {
	const char *partitions;
	const char *subscriptions;     /* "01 01": two members, both of topics 0 and 1 */
	const char *last;              /* owners by topic, separated by a space; '-' nobody */
	const char *want;
};

static void load_case(struct problem *p, const struct table_case *c)
{
	for (uint32_t t = 0; c->partitions[t]; t++)
		set_partitions(p, t, (uint32_t)(c->partitions[t] - '0'));
	uint32_t member = 0;
	for (const char *at = c->subscriptions; *at; at++)
		if (*at == ' ')
			member++;
		else if (*at != '.')
			subscribe(p, member, (uint32_t)(*at - '0'));
	uint32_t topic = 0, partition = 0;
	for (const char *at = c->last; *at; at++)
		if (*at == ' ')
			topic++, partition = 0;
		else
			p->topics[topic].owners[partition++] = *at == '-' ? ASSIGNOR_NOBODY : *at - '0';
	p->problem.is_homogeneous = true;
	for (uint32_t i = 1; i < p->problem.member_count; i++)
		p->problem.is_homogeneous = p->problem.is_homogeneous && p->members[i].topic_count == p->members[0].topic_count &&
					    memcmp(p->subscriptions[i], p->subscriptions[0], p->members[0].topic_count * sizeof(uint32_t)) == 0;
}

static void run_table(assignor_fn *assign, const struct table_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t members = 1;
		for (const char *at = cases[i].subscriptions; *at; at++)
			members += *at == ' ';
		struct problem *p = make_problem(members, (uint32_t)strlen(cases[i].partitions));
		load_case(p, &cases[i]);
		cr_assert_eq(assign(&p->problem), 0);
		cr_expect_str_eq(owners_text(p), cases[i].want, "case %zu: %s", i, owners_text(p));
		free_problem(p);
	}
}

/* Balanced to one, sticky; then where subscriptions differ. */
Test(assignor, uniform)
{
	static const struct table_case cases[] = {
		{"6", "0", "", "0:000000"},
		{"6", "0 0", "", "0:000111"},
		{"5", "0 0", "", "0:00111"},                 /* the odd one goes to the last, as in Kafka */
		{"33", "01 01", "", "0:000 1:111"},
		{"1", "0 0 0", "", "0:2"},
		{"6", "0 0", "000000", "0:000111"},          /* a second member comes: three move */
		{"6", "0 0 0", "000111", "0:002112"},        /* a third: one of each moves */
		{"6", "0 0", "0011--", "0:001101"},          /* the third goes: nothing else moves */
		{"5", "0 0", "01111", "0:01110"},            /* who has more keeps the odd one */
		{"8", "0 0", "000111", "0:00011101"},        /* the topic has grown */
		{"22", "01 01", "00 00", "0:00 1:11"},
		{"24", "01 01", "00", "0:00 1:0111"},
		{"0", "0", "", "0:"},
		{"32", "0 1", "", "0:000 1:11"},             /* nothing in common */
		{"33", "01 1", "", "0:000 1:111"},
		{"36", "0 01", "", "0:000 1:111111"},
		{"44", "01 0", "", "0:1111 1:0000"},
		{"44", "01 0", "0000 0000", "0:1111 1:0000"},
		{"6", "0 .", "110000", "0:000000"},          /* it subscribes to nothing any more */
		{"333", "012 01 0", "", "0:222 1:111 2:000"},
	};
	run_table(assignor_uniform, cases, COUNT_OF(cases));
}

/* Consecutive, the first get one more; topics alike are cut alike; what was before does not matter. */
Test(assignor, range)
{
	static const struct table_case cases[] = {
		{"6", "0 0", "", "0:000111"},
		{"5", "0 0", "", "0:00011"},
		{"33", "01 01", "", "0:001 1:001"},
		{"7", "0 0 0", "", "0:0001122"},
		{"2", "0 0 0", "", "0:01"},
		{"6", "0 0", "111000", "0:000111"},
		{"33", "01 1", "", "0:000 1:001"},
		{"34", "0 01 1", "", "0:001 1:1122"},
	};
	run_table(assignor_range, cases, COUNT_OF(cases));
}

/* Static members stand before the others, by their instance ids. */
Test(assignor, range_static)
{
	struct problem *p = make_problem(3, 1);
	set_partitions(p, 0, 3);
	for (uint32_t i = 0; i < 3; i++)
		subscribe(p, i, 0);
	p->members[2].instance_id = slice_from("a");
	p->members[1].instance_id = slice_from("b");
	p->problem.is_homogeneous = true;
	cr_assert_eq(assignor_range(&p->problem), 0);
	cr_expect_str_eq(owners_text(p), "0:210");
	free_problem(p);
}

Test(assignor, names)
{
	cr_expect_eq(assignor_find(slice_from("uniform"))->assign, assignor_uniform);
	cr_expect_eq(assignor_find(slice_from("range"))->assign, assignor_range);
	cr_expect_null(assignor_find(slice_from("uniform2")));
	cr_expect_null(assignor_find(SLICE_EMPTY));
}

/* ---- any case ---------------------------------------------------------------------------------------------------------------------------- */

static bool subscribes(const struct problem *p, uint32_t member, uint32_t topic)
{
	for (uint32_t i = 0; i < p->members[member].topic_count; i++)
		if (p->subscriptions[member][i] == topic)
			return true;
	return false;
}

/* No member could give one of its partitions to another that subscribes to it and has two fewer. */
static void check_balance(const struct problem *p, unsigned seed)
{
	uint32_t loads[MEMBERS_MAX] = {0};
	for (uint32_t t = 0; t < p->problem.topic_count; t++)
		for (uint32_t i = 0; i < p->topics[t].partition_count; i++)
			loads[p->topics[t].owners[i]]++;
	for (uint32_t t = 0; t < p->problem.topic_count; t++)
		for (uint32_t i = 0; i < p->topics[t].partition_count; i++)
			for (uint32_t m = 0; m < p->problem.member_count; m++)
				cr_assert(!subscribes(p, m, t) || loads[p->topics[t].owners[i]] <= loads[m] + 1, "seed %u: topic %u", seed, t);
}

static void check_owners(const struct problem *p, unsigned seed)
{
	for (uint32_t t = 0; t < p->problem.topic_count; t++)
		for (uint32_t i = 0; i < p->topics[t].partition_count; i++) {
			int32_t owner = p->topics[t].owners[i];
			cr_assert(owner >= 0 && subscribes(p, (uint32_t)owner, t), "seed %u: topic %u partition %u", seed, t, i);
		}
}

/* At random, from any last answer: all that somebody subscribes to has an owner that does; uniform is balanced; and doing it again changes nothing. */
Test(assignor, any_case)
{
	for (unsigned seed = 1; seed <= 300; seed++) {
		srandom(seed);
		uint32_t members = 1 + (uint32_t)random() % 12, topics = 1 + (uint32_t)random() % 8;
		bool is_homogeneous = random() % 2, is_range = random() % 3 == 0;
		struct problem *p = make_problem(members, topics);
		for (uint32_t m = 0; m < members; m++)
			for (uint32_t t = 0; t < topics; t++)
				if (is_homogeneous || random() % 2)
					subscribe(p, m, t);
		for (uint32_t t = 0; t < topics; t++) {
			bool is_wanted = false;
			for (uint32_t m = 0; m < members; m++)
				is_wanted = is_wanted || subscribes(p, m, t);
			set_partitions(p, t, is_wanted ? (uint32_t)random() % 20 : 0);
			for (uint32_t i = 0; i < p->topics[t].partition_count; i++)
				p->topics[t].owners[i] = (int32_t)(random() % (members + 1)) - 1;
		}
		p->problem.is_homogeneous = is_homogeneous;
		assignor_fn *assign = is_range ? assignor_range : assignor_uniform;
		cr_assert_eq(assign(&p->problem), 0);
		check_owners(p, seed);
		if (!is_range)
			check_balance(p, seed);
		char first[512];
		snprintf(first, sizeof first, "%s", owners_text(p));
		cr_assert_eq(assign(&p->problem), 0);
		cr_assert_str_eq(owners_text(p), first, "seed %u: not sticky", seed);
		free_problem(p);
	}
}

/* A thousand members and ten thousand partitions, with equal and with different subscriptions. */
Test(assignor, takes_no_time)
{
	for (int is_homogeneous = 0; is_homogeneous < 2; is_homogeneous++) {
		struct problem *p = make_problem(1000, 50);
		struct timespec begin, end;
		for (uint32_t t = 0; t < 50; t++)
			set_partitions(p, t, 200);
		for (uint32_t m = 0; m < 1000; m++)
			for (uint32_t t = 0; t < 50; t++)
				if (is_homogeneous || (m + t) % 3)
					subscribe(p, m, t);
		p->problem.is_homogeneous = is_homogeneous;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		cr_assert_eq(assignor_uniform(&p->problem), 0);
		clock_gettime(CLOCK_MONOTONIC, &end);
		double ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
		cr_log_info("homogeneous %d: %.2f ms\n", is_homogeneous, ms);
		cr_expect_lt(ms, 500);
		check_owners(p, 0);
		free_problem(p);
	}
}
