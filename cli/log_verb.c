/* `spate log inspect|verify`: follows in the next commits. */
#include "cli/command.h"

int log_run(int argc, char **argv)
{
	complain("this command is not there yet");
	return STATUS_FAILED;
}
