/*
 * unfilled.c
 *	  Columns that the owner of a table added and that nothing fills: they keep out every row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "table/kind.h"

/*
 * is_filled_by_trigger tells whether a trigger may set the columns of a new row.
 */
static bool
is_filled_by_trigger(Relation relation)
{
	int count = relation->trigdesc == NULL ? 0 : relation->trigdesc->numtriggers;

	for (int i = 0; i < count; i++)
	{
		const Trigger *trigger = &relation->trigdesc->triggers[i];

		if (TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								 TRIGGER_TYPE_INSERT) &&
			(trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
			 trigger->tgenabled == TRIGGER_FIRES_ALWAYS))
			return true;
	}
	return false;
}

/*
 * refuses_null tells whether a type is a NOT NULL domain, or a domain over one.
 */
static bool
refuses_null(Oid type)
{
	bool refuses = false;

	while (!refuses && OidIsValid(type))
	{
		HeapTuple	 tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type domain;

		if (!HeapTupleIsValid(tuple))
			return false;
		domain = (Form_pg_type) GETSTRUCT(tuple);
		refuses = domain->typnotnull;
		type = domain->typbasetype;
		ReleaseSysCache(tuple);
	}
	return refuses;
}

/*
 * lacks_value tells whether a row cannot be stored without giving this column a value.
 */
static bool
lacks_value(Form_pg_attribute attribute)
{
	return !attribute->attisdropped && !attribute->atthasdef && attribute->attidentity == '\0' &&
		   (attribute->attnotnull || refuses_null(attribute->atttypid)) &&
		   get_typdefault(attribute->atttypid) == NULL;
}

/*
 * is_in_identity tells whether a column is in the primary key or the replica identity, in
 * which PostgreSQL allows no nulls.
 */
static bool
is_in_identity(Relation relation, AttrNumber attribute)
{
	int member = attribute - FirstLowInvalidHeapAttributeNumber;
	Oid constraint;

	return bms_is_member(member,
						 get_primary_key_attnos(RelationGetRelid(relation), true, &constraint)) ||
		   bms_is_member(member,
						 RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY));
}

/*
 * add_column_problem adds the problem of a column that our rows have no value for. If NOT NULL
 * comes from elsewhere than the column, the owner has to choose a default.
 */
static List *
add_column_problem(List *problems, Relation relation, Form_pg_attribute attribute)
{
	const char *name = NameStr(attribute->attname);
	char	   *text = psprintf("column \"%s\" must not be null and has no default, so nothing can "
									  "be stored",
								name);

	if (refuses_null(attribute->atttypid) || attribute->attinhcount > 0 ||
		is_in_identity(relation, attribute->attnum))
		return add_problem(problems, PROBLEM_TABLE, psprintf("%s: give it a default", text), NULL,
						   NULL);
	return add_problem(problems, PROBLEM_TABLE, text,
					   psprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL;",
								qualified_name(relation), quote_identifier(name)),
					   NULL);
}

/*
 * unfilled_problems adds a problem for each column that nothing fills.
 */
List *
unfilled_problems(List *problems, Relation relation, const StoreKind *kind)
{
	TupleDesc descriptor = RelationGetDescr(relation);

	if (is_filled_by_trigger(relation))
		return problems;
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (required_column(kind, NameStr(attribute->attname)) == NULL && lacks_value(attribute))
			problems = add_column_problem(problems, relation, attribute);
	}
	return problems;
}
