/*
 * plain_insert.c
 *	  Where a plain INSERT in an attempt may stand for one with ON CONFLICT.
 *
 * It must end in the same way, whatever is in the way. PostgreSQL refuses ON CONFLICT on a table with
 * a rule, or with a unique index that is checked late: a plain INSERT would store rows there, of which
 * only the commit says that they cannot be.
 */
#include "postgres.h"

#include "write/write.h"

typedef struct PlainTable
{
	KnownTable known; /* must be first */
	bool	   allows_on_conflict;
} PlainTable;

/*
 * learn fills in the field about a table.
 */
static void
learn(KnownTable *entry, Relation table, void *unused)
{
	((PlainTable *) entry)->allows_on_conflict =
		table->rd_rules == NULL && !has_deferrable_index(table);
}

/*
 * may_insert_plainly tells whether an attempt may store rows by a plain INSERT.
 */
bool
may_insert_plainly(const Store *store)
{
	static KnownTables known = {.name = "inserts of goes_store", .entry_size = sizeof(PlainTable)};

	return ((PlainTable *) known_table(&known, store->relation, learn, NULL))->allows_on_conflict;
}
