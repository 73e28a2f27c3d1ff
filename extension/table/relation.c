/*
 * relation.c
 *	  Looking at a table through the relcache.
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

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
