/*
 * index.c
 *	  Which indexes of a table serve as those that its store needs.
 *
 * Indexes are matched by what they do, not by name: the indexes of a second store in the same
 * schema need other names, and an owner may choose names as well.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "table/kind.h"

/*
 * index_columns lists the columns of an index for SQL.
 */
char *
index_columns(const RequiredIndex *index)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < index->column_count; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", quote_identifier(index->columns[i]));
	return list.data;
}

/*
 * leads_with tells whether an index begins with the given key columns, in that order if the order
 * matters.
 */
static bool
leads_with(Relation relation, Form_pg_index found, const RequiredIndex *index)
{
	if (found->indnkeyatts < index->column_count)
		return false;
	for (int i = 0; i < index->column_count; i++)
	{
		Form_pg_attribute attribute = find_column(relation, index->columns[i]);
		bool			  is_key = false;

		for (int k = 0; attribute != NULL && k < index->column_count; k++)
			is_key |=
				found->indkey.values[k] == attribute->attnum && (k == i || !index->is_ordered);
		if (!is_key)
			return false;
	}
	return true;
}

/*
 * is_over_key tells whether an index is over just the columns that tell the rows of a kind
 * apart, in any order.
 */
bool
is_over_key(Relation relation, Form_pg_index found, const RequiredIndex *key)
{
	RequiredIndex any_order = *key;

	any_order.is_ordered = false;
	return found->indnkeyatts == key->column_count && leads_with(relation, found, &any_order);
}

/*
 * covers tells whether an index of the table has the columns of one of ours. A unique index must
 * hold for every row and have no other key columns. *is_strict tells whether it is checked at
 * once and lets rows with nulls differ.
 */
bool
covers(Relation relation, Oid index_oid, const RequiredIndex *index, bool *is_strict)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	Form_pg_index found;
	bool		  has_columns;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	has_columns = found->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
				  leads_with(relation, found, index) &&
				  compares_as_columns(relation, tuple, index->column_count);
	if (index->is_unique)
		has_columns =
			has_columns && found->indisunique && found->indnkeyatts == index->column_count;
	*is_strict = !index->is_unique || (found->indimmediate && !found->indnullsnotdistinct);
	ReleaseSysCache(tuple);
	return has_columns;
}

/*
 * serves_as tells whether an index of the table can take the place of one of ours.
 */
static bool
serves_as(Relation relation, Oid index_oid, const RequiredIndex *index)
{
	bool is_strict;

	return covers(relation, index_oid, index, &is_strict) && is_strict;
}

/*
 * has_index tells whether the table has an index that serves.
 */
static bool
has_index(Relation relation, const RequiredIndex *index)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		if (serves_as(relation, lfirst_oid(cell), index))
			return true;
	}
	return false;
}

/*
 * has_unique_versions tells whether two events of an aggregate cannot have the same
 * version.
 */
bool
has_unique_versions(Relation relation)
{
	return has_index(relation, &event_store.indexes[EVENT_INDEX_AGGREGATE]);
}

/*
 * is_version_index tells whether an index of the table has the versions of an aggregate in order:
 * its columns are the aggregate's two, in either order, and then the version. It must compare
 * names byte by byte, as guards and goes do.
 */
static bool
is_version_index(Relation relation, Oid index_oid)
{
	HeapTuple	  tuple;
	Form_pg_index found;
	bool		  is_one;

	if (!serves_as(relation, index_oid, &event_store.indexes[EVENT_INDEX_AGGREGATE]))
		return false;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	is_one = found->indkey.values[MOST_INDEX_COLUMNS - 1] ==
				 find_column(relation, "aggregate_version")->attnum &&
			 is_exact_collation(find_column(relation, "aggregate_name")->attcollation);
	ReleaseSysCache(tuple);
	return is_one;
}

/*
 * version_index returns the unique index that has the versions of an aggregate in order, or an
 * invalid OID if there is none.
 */
Oid
version_index(Relation relation)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		if (is_version_index(relation, lfirst_oid(cell)))
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

/*
 * merges_keys tells whether an index treats different keys as equal. A statement that replaces
 * the row with a key uses every unique index over the key's columns, and would replace the wrong
 * row.
 */
static bool
merges_keys(Relation relation, Oid index_oid, const RequiredIndex *key)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	Form_pg_index found;
	bool		  merges;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	merges = found->indisunique && is_over_key(relation, found, key) &&
			 !compares_as_columns(relation, tuple, key->column_count);
	ReleaseSysCache(tuple);
	return merges;
}

/*
 * merging_index returns an index that treats different keys as equal, or an invalid OID if there
 * is none.
 */
Oid
merging_index(Relation relation, const RequiredIndex *key)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		if (merges_keys(relation, lfirst_oid(cell), key))
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

/*
 * has_key tells whether the table's unique indexes keep the keys of its kind unique, and only
 * those.
 */
bool
has_key(Relation relation, const StoreKind *kind)
{
	return has_index(relation, &kind->key) && !OidIsValid(merging_index(relation, &kind->key));
}

/*
 * has_deferrable_index tells whether a unique index or an exclusion constraint of the table may be
 * checked later than when a row is stored.
 */
bool
has_deferrable_index(Relation relation)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		bool is_late = HeapTupleIsValid(tuple) && !((Form_pg_index) GETSTRUCT(tuple))->indimmediate;

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (is_late)
			return true;
	}
	return false;
}
