/* The verbs `spate config get` and `spate config set`. Owner: the main thread. */
#pragma once

int config_get_run(int argc, char **argv);
int config_set_run(int argc, char **argv);
