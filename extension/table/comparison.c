/*
 * comparison.c
 *	  Does an index compare values as its columns do?
 *
 * An operator class or a collation can treat other values as equal than a query does, or order
 * them differently. Such an index keeps the wrong rows apart and does not find the newest.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "table/kind.h"

/*
 * index_oids returns what pg_index has about each key of an index.
 */
static oidvector *
index_oids(HeapTuple index, AttrNumber attribute)
{
	bool is_null;

	return (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, index, attribute, &is_null));
}

/*
 * is_exact_collation tells whether a collation treats only identical texts as equal.
 */
bool
is_exact_collation(Oid collation)
{
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

/*
 * is_name tells whether a column is looked up by whole values only, and never by a range.
 */
static bool
is_name(Form_pg_attribute column)
{
	return column->atttypid == VARCHAROID || column->atttypid == TEXTOID;
}

/*
 * compares_as_type tells whether an operator class compares as the column's type does. An index
 * may use the class of another type, or one of a user's own, with another equality or order.
 * Names need no order, only the same equality.
 */
static bool
compares_as_type(Form_pg_attribute column, Oid operator_class)
{
	TypeCacheEntry *type =
		lookup_type_cache(column->atttypid, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
	Oid family;
	Oid input;

	if (!get_opclass_opfamily_and_input_type(operator_class, &family, &input))
		return false;
	if (family == type->btree_opf)
		return input == type->btree_opintype;
	if (!is_name(column))
		return false;
	return (family == type->hash_opf && input == type->hash_opintype) ||
		   (family == TEXT_PATTERN_BTREE_FAM_OID && input == TEXTOID);
}

/*
 * collates_as_column tells whether a collation treats the same texts as equal as queries of the
 * column do.
 */
static bool
collates_as_column(Form_pg_attribute column, Oid collation)
{
	return collation == column->attcollation ||
		   (is_exact_collation(collation) && is_exact_collation(column->attcollation));
}

/*
 * compares_as_columns tells whether the first keys of an index, all of them columns, treat the
 * same values as equal as queries of the table do.
 */
bool
compares_as_columns(Relation relation, HeapTuple index, int count)
{
	Form_pg_index found = (Form_pg_index) GETSTRUCT(index);
	oidvector	 *classes = index_oids(index, Anum_pg_index_indclass);
	oidvector	 *collations = index_oids(index, Anum_pg_index_indcollation);

	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute column =
			TupleDescAttr(RelationGetDescr(relation), found->indkey.values[i] - 1);

		if (!compares_as_type(column, classes->values[i]) ||
			!collates_as_column(column, collations->values[i]))
			return false;
	}
	return true;
}
