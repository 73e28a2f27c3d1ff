/*
 * relation.c
 *	  Looking at a table through the relcache.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "table/table.h"

/*
 * find_column returns the column of that name, or NULL.
 */
Form_pg_attribute
find_column(Relation relation, const char *name)
{
	TupleDesc descriptor = RelationGetDescr(relation);

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return attribute;
	}
	return NULL;
}

/*
 * qualified_name returns a table's name, quoted for SQL.
 */
char *
qualified_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
}

/*
 * relation_name returns the name of a relation, which is locked, quoted for SQL.
 */
char *
relation_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/*
 * table_owner returns the owner of a table.
 */
Oid
table_owner(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid		  owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", table);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * has_parent tells whether a table's rows can be written through a parent table. Such statements
 * do not fire the triggers of this table.
 */
bool
has_parent(Relation relation)
{
	return has_superclass(RelationGetRelid(relation));
}

/*
 * has_heirs tells whether other tables inherit from this one. Queries of this table find their
 * rows, but they have their own triggers and indexes.
 */
bool
has_heirs(Relation relation)
{
	return relation->rd_rel->relhassubclass &&
		   find_inheritance_children(RelationGetRelid(relation), NoLock) != NIL;
}

/*
 * reject_relatives raises an error for a table that inherits or is inherited from. What a guard
 * or a feed needs of all rows that are written, it has of the rows of one table only.
 */
void
reject_relatives(Relation table, const char *what)
{
	if (has_parent(table))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" cannot have a %s, since it has a parent table",
						RelationGetRelationName(table), what),
				 errdetail("Rows that are written through the parent do not fire the triggers of "
						   "this table."),
				 errhint("Detach it first: ALTER TABLE … DETACH PARTITION, or NO INHERIT."),
				 errtable(table)));
	if (has_heirs(table))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" cannot have a %s, since others inherit from it",
						RelationGetRelationName(table), what),
				 errdetail("Rows that are written to those do not fire the triggers of this table, "
						   "and are not in its index."),
				 errhint("Detach them first: ALTER TABLE … NO INHERIT."), errtable(table)));
}
