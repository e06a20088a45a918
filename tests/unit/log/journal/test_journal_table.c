/* The recovery tables: every combination of facts is decided by exactly one row, or is named impossible. */
#include <criterion/criterion.h>

#include "log/journal/journal_recover.h"

static bool is_impossible(const struct recovery_table *table, uint32_t facts)
{
	for (uint32_t i = 0; i < table->impossible_count; i++)
		if ((facts & table->impossible[i].mask) == table->impossible[i].value)
			return true;
	return false;
}

static uint32_t rows_that_hold(const struct recovery_table *table, uint32_t facts)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < table->row_count; i++)
		count += (facts & table->rows[i].mask) == table->rows[i].value;
	return count;
}

static void check_table(const struct recovery_table *table)
{
	uint32_t possible = 0;
	for (uint32_t facts = 0; facts < 1u << table->fact_count; facts++) {
		if (is_impossible(table, facts))
			continue;
		possible++;
		cr_expect_eq(rows_that_hold(table, facts), 1, "facts %02x: %u rows", facts, rows_that_hold(table, facts));
	}
	cr_expect_gt(possible, table->row_count);
}

/* A row that no possible combination reaches would be dead. */
static void check_rows_live(const struct recovery_table *table)
{
	for (uint32_t i = 0; i < table->row_count; i++) {
		bool is_reached = false;
		for (uint32_t facts = 0; facts < 1u << table->fact_count; facts++)
			is_reached |= !is_impossible(table, facts) && (facts & table->rows[i].mask) == table->rows[i].value;
		cr_expect(is_reached, "row %c is never reached", table->rows[i].label);
	}
}

/* What is seen of the file leads to one decision. */
Test(journal_table, file)
{
	check_table(&recovery_file_table);
	check_rows_live(&recovery_file_table);
}

/* What is seen where the next group must begin leads to one decision. */
Test(journal_table, group)
{
	check_table(&recovery_group_table);
	check_rows_live(&recovery_group_table);
}

/* What is known at the end leads to one decision. */
Test(journal_table, end)
{
	check_table(&recovery_end_table);
	check_rows_live(&recovery_end_table);
}

/* The rows that need no search behind the missing group say the same whatever it would find: recovery
 * counts on it. */
Test(journal_table, search_is_needed_only_where_it_decides)
{
	for (uint32_t facts = 0; facts < 1u << GROUP_FACT_COUNT; facts++) {
		if (is_impossible(&recovery_group_table, facts))
			continue;
		const struct recovery_row *row = recovery_decide(&recovery_group_table, facts & ~(FACT_LATER | FACT_VOUCHED));
		if (row->mask & (FACT_LATER | FACT_VOUCHED))
			continue;
		cr_expect_eq(recovery_decide(&recovery_group_table, facts), row, "facts %02x", facts);
	}
}

/* Every refusal has its error, and only refusals have one. */
Test(journal_table, errors)
{
	const struct recovery_table *tables[] = {&recovery_file_table, &recovery_group_table, &recovery_end_table};
	for (size_t t = 0; t < COUNT_OF(tables); t++)
		for (uint32_t i = 0; i < tables[t]->row_count; i++)
			cr_expect_eq(tables[t]->rows[i].decision == RECOVERY_REFUSE, tables[t]->rows[i].err < 0);
}
