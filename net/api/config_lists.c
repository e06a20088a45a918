/* Reads and edits lists. The work grows with the square of the items: who calls bounds the sizes. Failure mode: a full arena. */
#include "net/api/config_lists.h"

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static struct slice trim(struct slice text)
{
	while (text.size && is_space(text.data[0]))
		text = (struct slice){text.data + 1, text.size - 1};
	while (text.size && is_space(text.data[text.size - 1]))
		text.size--;
	return text;
}

bool config_item(struct slice *rest, struct slice *item)
{
	if (!rest->data)
		return false;
	const uint8_t *comma = rest->size ? memchr(rest->data, ',', rest->size) : NULL;
	size_t size = comma ? (size_t)(comma - rest->data) : rest->size;
	*item = trim((struct slice){rest->data, size});
	*rest = comma ? (struct slice){comma + 1, rest->size - size - 1} : (struct slice){0};
	return true;
}

struct slice config_list(struct slice text)
{
	return trim(text).size ? text : (struct slice){0};
}

bool config_list_has(struct slice list, struct slice wanted)
{
	struct slice item;
	while (config_item(&list, &item))
		if (slice_equal(item, wanted))
			return true;
	return false;
}

static void put_item(char *list, size_t *size, struct slice item)
{
	if (*size)
		list[(*size)++] = ',';
	memcpy(list + *size, item.data, item.size);
	*size += item.size;
	list[*size] = '\0';
}

char *config_list_edit(struct request *request, struct slice base, struct slice edits, bool is_append)
{
	char *list = request_alloc(request, base.size + edits.size + 2);
	size_t size = 0;
	if (!list)
		return NULL;
	list[0] = '\0';
	struct slice item;
	for (struct slice rest = config_list(base); config_item(&rest, &item);)
		if (is_append || !config_list_has(edits, item))
			put_item(list, &size, item);
	for (struct slice rest = is_append ? edits : (struct slice){0}; config_item(&rest, &item);)
		if (!config_list_has((struct slice){(const uint8_t *)list, size}, item))
			put_item(list, &size, item);
	return list;
}
