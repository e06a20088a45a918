#include "tests/power/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/base/check.h"
#include "tests/power/client.h"

#define START_MS 20000
#define STOP_MS 30000
#define SETTINGS_MAX 40

static void become(const struct broker *broker, const char *const *settings)
{
	const char *words[SETTINGS_MAX] = {broker->binary, "serve", "--data", broker->data, "--listen", "127.0.0.1:0"};
	uint32_t count = 6;
	for (; *settings && count + 2 < SETTINGS_MAX; settings++) {
		words[count++] = "--set";
		words[count++] = *settings;
	}
	int log = open(broker->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0); /* Ctrl-C is for the driver */
	dup2(log, 1);
	dup2(log, 2);
	execv(broker->binary, (char *const *)words);
	_exit(127);
}

bool broker_said(const struct broker *broker, const char *what, char *line, size_t size)
{
	char text[1000];
	FILE *log = fopen(broker->log, "r");
	bool is_there = false;
	while (log && !is_there && fgets(text, sizeof text, log))
		is_there = strstr(text, what);
	if (log)
		fclose(log);
	if (is_there && size)
		snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
	return is_there;
}

bool broker_is_gone(struct broker *broker, int *status)
{
	int how;
	if (!broker->pid)
		return true;
	if (waitpid(broker->pid, &how, WNOHANG) != broker->pid)
		return false;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	broker->pid = 0;
	broker->port = 0;
	return true;
}

void broker_spawn(struct broker *broker, const char *const *settings)
{
	unlink(broker->log);
	broker->port = 0;
	broker->pid = fork();
	CHECK(broker->pid >= 0);
	if (broker->pid == 0)
		become(broker, settings);
}

bool broker_start(struct broker *broker, const char *const *settings)
{
	char line[300];
	int status;
	unsigned port;
	broker_spawn(broker, settings);
	for (uint64_t until = clock_ms() + START_MS; clock_ms() < until; nap_ms(1)) {
		if (broker_is_gone(broker, &status))
			return false;
		if (broker_said(broker, " listening on 127.0.0.1:", line, sizeof line) && sscanf(strstr(line, "127.0.0.1:") + 10, "%u", &port) == 1) {
			broker->port = (uint16_t)port;
			return true;
		}
	}
	broker_kill(broker);
	return false;
}

void broker_kill(struct broker *broker)
{
	if (!broker->pid)
		return;
	broker->port = 0;
	kill(broker->pid, SIGKILL);
	waitpid(broker->pid, NULL, 0);
	broker->pid = 0;
}

int broker_stop(struct broker *broker)
{
	int status = -1;
	if (!broker->pid)
		return -1;
	broker->port = 0;
	kill(broker->pid, SIGTERM);
	for (uint64_t until = clock_ms() + STOP_MS; clock_ms() < until; nap_ms(1))
		if (broker_is_gone(broker, &status))
			return status;
	broker_kill(broker);
	return -1;
}
