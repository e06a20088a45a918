/* The broker on a simulated machine, a turn at a time. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "log/io/sim.h"
#include "log/io/sim_net.h"
#include "net/server.h"

struct machine {
	struct sim_disk *disk;
	struct sim_net *net;
	struct broker_config *config;
	struct server *server;
	struct server_report report;
	char why[512];
	uint64_t starts;           /* each draws other random numbers */
};

static void make_machine(struct machine *machine, uint64_t seed)
{
	*machine = (struct machine){.disk = sim_disk_open(seed)};
	machine->net = sim_net_open(machine->disk, seed);
	cr_assert_eq(broker_config_create(&machine->config), 0);
	cr_assert_eq(broker_config_set(machine->config, "spate.journal.bytes", "8388608", machine->why, sizeof machine->why), 0);
}

static int start(struct machine *machine, const char *dir)
{
	struct server_options options = {.dir = dir, .listen_host = "127.0.0.1", .backend = IO_SIM, .config = machine->config, .disk = machine->disk, .net = machine->net,
					 .seed = ++machine->starts};
	return server_open(&machine->server, &options, &machine->report, machine->why, sizeof machine->why);
}

static void crash(struct machine *machine)
{
	sim_disk_crash(machine->disk);
	server_abandon(machine->server);
	sim_net_lose_broker(machine->net);
}

static void free_machine(struct machine *machine)
{
	sim_net_close(machine->net);
	sim_disk_close(machine->disk);
	broker_config_destroy(machine->config);
}

/* A power cut right after the first start takes nothing away that was durable: not even the directories on the way to the data. (Found by the simulator of
 * the whole broker: they were made, and their names never synced, so that all of it could be gone.) */
Test(server_sim, a_new_data_directory_survives_a_power_cut)
{
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct machine machine;
		make_machine(&machine, seed);
		cr_assert_eq(start(&machine, "/var/lib/spate"), 0, "%s", machine.why);
		char cluster_id[64];
		snprintf(cluster_id, sizeof cluster_id, "%s", machine.report.cluster_id);
		crash(&machine);
		cr_assert_eq(start(&machine, "/var/lib/spate"), 0, "%s", machine.why);
		cr_assert_str_eq(machine.report.cluster_id, cluster_id, "seed %d", (int)seed);
		crash(&machine);
		free_machine(&machine);
	}
}

/* A clean stop, driven by hand, ends; the next start finds it clean. */
Test(server_sim, a_clean_stop_by_hand)
{
	struct machine machine;
	int result = 1;
	make_machine(&machine, 1);
	cr_assert_eq(start(&machine, "/data"), 0, "%s", machine.why);
	for (int turns = 0; turns < 10; turns++)
		cr_assert_eq(server_turn(machine.server), 1);
	server_stop(machine.server);
	for (int turns = 0; result > 0 && turns < 10000; turns++)
		result = server_turn(machine.server);
	cr_assert_eq(result, 0);
	server_close(machine.server);
	cr_assert_eq(start(&machine, "/data"), 0, "%s", machine.why);
	cr_assert(machine.report.stores[0].was_clean);
	crash(&machine);
	free_machine(&machine);
}
