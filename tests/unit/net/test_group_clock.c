/* A wall clock that the store doubts, coordinators doubt: what is committed is not let go because of it. A broker on a simulated machine. */
#include "tests/unit/net/sim_groups.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static int64_t committed(struct sim_client *client)
{
	sim_send_fetch_offset(client);
	return sim_receive_offset(client, 60000 * MS_AS_NS);
}

/* A month ahead at once, where offsets are kept for a week: for a day nobody believes it. Then it is the time, and what is as old as that goes. */
Test(group_clock, a_jump_ahead_lets_no_offset_go)
{
	struct machine machine;
	struct sim_client client;
	make_machine(&machine, 1);
	machine_set(&machine, "offsets.topic.num.partitions", "1");
	cr_assert_eq(machine_start(&machine, "/data"), 0, "%s", machine.why);
	sim_client_open(&client, &machine);
	sim_create_topic(&client, "t");
	sim_find_coordinator(&client);
	sim_send_commit(&client, 5);
	cr_assert_eq(sim_receive_commit(&client, 30000 * MS_AS_NS), 0);
	machine_wait(&machine, 600 * 1000 * MS_AS_NS);
	sim_disk_shift_wall_clock(machine.disk, 30 * DAY_MS);
	machine_wait(&machine, 3600 * 1000 * MS_AS_NS);
	sim_client_close(&client);
	sim_client_open(&client, &machine);
	cr_expect_eq(committed(&client), 5);
	machine_wait(&machine, (uint64_t)DAY_MS * MS_AS_NS);
	sim_client_close(&client);
	sim_client_open(&client, &machine);
	cr_expect_eq(committed(&client), -2, "a day later it is the time");
	machine_crash(&machine);
	sim_client_close(&client);
	free_machine(&machine);
}
