/* Values that are lists, as configs have them: items between commas, space around them counting for nothing. Owns nothing but what is put
 * into a request's arena. */
#pragma once

#include "net/api/api.h"

/* Takes the next item off a list; false when there is none. A text whose data is NULL has none, an empty text has one. */
bool config_item(struct slice *rest, struct slice *item);
/* The text as a list: one of nothing but space has no items. */
struct slice config_list(struct slice text);
bool config_list_has(struct slice list, struct slice wanted);
/* `base` without what is in it twice, and with the edits appended that are not there yet, or taken out that are. NULL: no memory. */
char *config_list_edit(struct request *request, struct slice base, struct slice edits, bool is_append);
