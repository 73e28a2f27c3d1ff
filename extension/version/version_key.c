/*
 * version_key.c
 *	  How the versions of a table are looked up, kept for the session.
 *
 * A guard needs this with every statement, an append with every call.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/itup.h"
#include "catalog/pg_index.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "version/lookup.h"

/*
 * set_key sets how a key of the index is compared with the value that is looked up. The memory
 * that this allocates lasts for the session.
 */
static void
set_key(VersionKey *key, Relation index, int place, StrategyNumber strategy)
{
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	Oid			  type = index->rd_opcintype[place];
	Oid			  comparison = get_opfamily_member(index->rd_opfamily[place], type, type, strategy);

	ScanKeyEntryInitialize(&key->keys[place], 0, place + 1, strategy, InvalidOid,
						   index->rd_indcollation[place], get_opcode(comparison), (Datum) 0);
	MemoryContextSwitchTo(caller);
}

/*
 * learn_index fills in the fields about the index.
 */
static void
learn_index(VersionKey *key)
{
	Relation index = index_open(key->index, AccessShareLock);

	key->name_key = index->rd_index->indkey.values[0] == key->name ? 0 : 1;
	key->is_whole = !index->rd_index->indcheckxmin;
	key->newest_first = (index->rd_indoption[VERSION_KEYS - 1] & INDOPTION_DESC) != 0
							? ForwardScanDirection
							: BackwardScanDirection;
	set_key(key, index, 0, BTEqualStrategyNumber);
	set_key(key, index, 1, BTEqualStrategyNumber);
	set_key(key, index, VERSION_KEYS - 1, BTGreaterEqualStrategyNumber);
	key->keys[VERSION_KEYS - 1].sk_argument = Int32GetDatum(PG_INT32_MIN); /* any but null */
	index_close(index, AccessShareLock);
}

/*
 * learn fills in the fields about a table.
 */
static void
learn(KnownTable *entry, Relation table, void *unused)
{
	VersionKey *key = (VersionKey *) entry;

	if (!columns_fit(table, &event_store))
		report_mismatch(table, schema_problems(table, &event_store), NULL);
	key->name = find_column(table, "aggregate_name")->attnum;
	key->id = find_column(table, "aggregate_id")->attnum;
	key->version = find_column(table, "aggregate_version")->attnum;
	key->index = version_index(table);
	if (OidIsValid(key->index))
		learn_index(key);
}

/*
 * version_key returns how the versions of a table are looked up. The answer is valid while the
 * caller holds its lock on the table, and until the next call. A table that is not an event
 * store is an error; if the index is missing, its field is InvalidOid.
 */
const VersionKey *
version_key(Relation table)
{
	static KnownTables known = {.name = "versions of goes_store", .entry_size = sizeof(VersionKey)};

	return (VersionKey *) known_table(&known, table, learn, NULL);
}

/*
 * has_no_version tells whether an index entry belongs to a row without a version. A null in the
 * entry does not prove that, since the index may include other columns.
 */
bool
has_no_version(IndexTuple entry)
{
	return IndexTupleHasNulls(entry) &&
		   att_isnull(VERSION_KEYS - 1, (bits8 *) entry + sizeof(IndexTupleData));
}

/*
 * version_of_entry reads the version from an index entry. It follows a UUID and a text, neither
 * of them null; only the length of the text varies.
 */
int32
version_of_entry(IndexTuple entry, int name_key)
{
	const char *keys = (const char *) entry + IndexInfoFindDataOffset(entry->t_info);
	const char *name = keys + (name_key == 0 ? 0 : UUID_LEN);

	return *(const int32 *) (keys + INTALIGN(UUID_LEN + VARSIZE_ANY(name)));
}
