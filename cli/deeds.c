/* People read each line as it happens, a document is printed at the end. */
#include "cli/deeds.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/out.h"
#include "cli/progress.h"

void deeds_open(struct deeds *deeds, bool is_json, const char *name)
{
	static const char *const columns[] = {"name=", "result=", "error="};
	*deeds = (struct deeds){.out = is_json ? out_open(true) : NULL};
	if (is_json)
		deeds->table = out_table_begin(deeds->out, name, columns, COUNT_OF(columns));
}

void deeds_add(struct deeds *deeds, const char *result, const char *said, const char *what)
{
	if (deeds->out) {
		OUT_ROW(deeds->table, cell_text(what), cell_text(result), cell_text(NULL));
		return;
	}
	progress_end();
	printf("%s %s\n", said ? said : result, what);
}

void deeds_add_failure(struct deeds *deeds, const char *kind, const char *what, const char *why)
{
	deeds->status = STATUS_FAILED;
	complain("%s '%s': %s", kind, what, why);
	if (deeds->out)
		OUT_ROW(deeds->table, cell_text(what), cell_text("failed"), cell_text(why));
}

int deeds_close(struct deeds *deeds)
{
	if (deeds->out) {
		out_table_end(deeds->table, NULL, NULL);
		out_close(deeds->out);
	}
	return deeds->status;
}
