/* The course of a client verb. Failure modes are those of its steps; each has complained. */
#include "cli/client_verb.h"

#include "cli/progress.h"

int client_verb_run(const struct client_verb *verb, int argc, char **argv)
{
	struct arguments arguments;
	struct kafka_client client = {0};
	int status;
	if (!flags_parse(verb->table, argc, argv, &arguments, &status))
		return status;
	status = verb->check ? verb->check(verb->context, &arguments) : STATUS_OK;
	if (status)
		return status;
	progress_begin("asking %s", verb->kafka->brokers);
	status = kafka_client_open(&client, verb->type, verb->kafka, verb->wishes);
	if (!status) {
		status = verb->run(&client, verb->context, &arguments);
		kafka_client_close(&client);
	}
	progress_end();
	return status;
}
