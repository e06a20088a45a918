/* The table of what is served. */
#include "net/api/api.h"

#include "kmsg_apis.h"
#include <criterion/criterion.h>

/* Rows are in order, each once, and advertise nothing that the codec does not know. */
Test(api_table, rows_agree_with_the_codec)
{
	for (uint32_t i = 0; i < api_row_count; i++) {
		const struct api_row *row = &api_rows[i];
		const struct kmsg_api *known = kmsg_api_find(row->key);
		cr_assert_not_null(known, "%s", row->name);
		cr_assert(i == 0 || row->key > api_rows[i - 1].key, "%s is out of order", row->name);
		cr_assert_leq(row->min, row->served_min, "%s", row->name);
		cr_assert_geq(row->served_min, known->min, "%s is served from %d, known from %d", row->name, row->served_min, known->min);
		cr_assert_leq(row->max, known->max, "%s", row->name);
		cr_assert_not_null(row->handle, "%s", row->name);
		cr_assert_eq(api_find(row->key), row);
	}
}

/* What is not in the table is not found. */
Test(api_table, unknown_keys)
{
	static const int16_t keys[] = {-1, 4, 95, 1000, INT16_MAX, INT16_MIN};
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		cr_assert_null(api_find(keys[i]), "%d", keys[i]);
}
