/*
 * remedy.c
 *	  The SQL that mends the columns of a table, as far as SQL can.
 *
 * A remedy is shown to a person who may run it as it is, on a table that probably has rows. If
 * only that person can know what should become of the rows, there is no remedy.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "table/kind.h"

/*
 * may_have_rows tells whether the table has pages. Their rows may all have been removed.
 */
static bool
may_have_rows(Relation relation)
{
	return RelationGetNumberOfBlocks(relation) > 0;
}

/*
 * not_null returns the end of a column's definition.
 */
const char *
not_null(const RequiredColumn *column)
{
	return column->nulls == NULLS_STORED ? "" : " NOT NULL";
}

/*
 * can_add_column tells whether a column can be added without deciding on a value for existing
 * rows.
 */
bool
can_add_column(Relation relation, const RequiredColumn *column)
{
	return column->nulls == NULLS_STORED || column->filling != NULL || !may_have_rows(relation);
}

/*
 * add_columns_command returns the DDL that adds columns. A default gives existing rows their
 * values, and is dropped afterwards.
 */
char *
add_columns_command(Relation relation, List *columns)
{
	bool		   has_rows = columns != NIL && may_have_rows(relation);
	StringInfoData add;
	StringInfoData drop;
	ListCell	  *cell;

	initStringInfo(&add);
	initStringInfo(&drop);
	foreach (cell, columns)
	{
		const RequiredColumn *column = lfirst(cell);
		const char			 *name = quote_identifier(column->name);

		appendStringInfo(&add, "%sADD COLUMN %s %s%s", add.len > 0 ? ", " : "", name,
						 column->definition, not_null(column));
		if (!has_rows || column->filling == NULL)
			continue;
		appendStringInfo(&add, " DEFAULT %s", column->filling);
		appendStringInfo(&drop, "%sALTER COLUMN %s DROP DEFAULT", drop.len > 0 ? ", " : "", name);
	}
	if (drop.len == 0)
		return psprintf("ALTER TABLE %s %s;", qualified_name(relation), add.data);
	return psprintf("ALTER TABLE %s %s;\nALTER TABLE %s %s;", qualified_name(relation), add.data,
					qualified_name(relation), drop.data);
}

/*
 * has_own_cast tells whether a user created a cast between two types. Such a cast could run any
 * code with the privileges of the person who runs the remedy.
 */
static bool
has_own_cast(Oid from, Oid to)
{
	Oid cast = GetSysCacheOid2(CASTSOURCETARGET, Anum_pg_cast_oid, ObjectIdGetDatum(from),
							   ObjectIdGetDatum(to));

	return cast >= FirstNormalObjectId;
}

/*
 * has_cast tells whether PostgreSQL itself can cast values of one type to another.
 */
static bool
has_cast(Oid from, Oid to)
{
	Oid function;

	return find_coercion_pathway(to, from, COERCION_EXPLICIT, &function) != COERCION_PATH_NONE &&
		   !has_own_cast(from, to);
}

/*
 * byte_conversion returns an expression that converts a bytea column, or NULL. The bytes are
 * most likely a value's text, or the 16 bytes of a UUID.
 */
static char *
byte_conversion(const RequiredColumn *column, const char *name)
{
	if (column->type == VARCHAROID || column->type == TEXTOID)
		return psprintf("pg_catalog.convert_from(%s, 'UTF8')", name);
	if (!has_cast(TEXTOID, column->type))
		return NULL;
	if (column->type == UUIDOID)
		return psprintf("pg_catalog.encode(%s, 'hex')::%s", name, column->definition);
	if (column->type == JSONBOID)
		return psprintf("pg_catalog.convert_from(%s, 'UTF8')::%s", name, column->definition);
	return NULL;
}

/*
 * text_conversion returns an expression that converts a column to text or to the text's bytes,
 * or NULL. It casts names to text and not to varchar(255), which would silently truncate them.
 */
static char *
text_conversion(const RequiredColumn *column, const char *name, Oid type)
{
	if (!has_cast(type, TEXTOID))
		return NULL;
	if (column->type == BYTEAOID)
		return psprintf("pg_catalog.convert_to(%s::pg_catalog.text, 'UTF8')", name);
	return psprintf("%s::pg_catalog.text", name);
}

/*
 * has_fractions tells whether a cast from a type to an integer would round.
 */
static bool
has_fractions(Oid type)
{
	return type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID || type == JSONBOID;
}

/*
 * cast_conversion returns an expression that converts a column by a cast, or NULL. The cast
 * raises an error for a value that it would change.
 */
static char *
cast_conversion(const RequiredColumn *column, const char *name, Oid type)
{
	bool is_by_text = has_cast(type, TEXTOID) && has_cast(TEXTOID, column->type);

	if (!has_cast(type, column->type))
		return NULL;
	/* character(n) would keep the spaces at its end */
	if (TypeCategory(type) == TYPCATEGORY_STRING)
		return is_by_text ? psprintf("%s::pg_catalog.text::%s", name, column->definition) : NULL;
	if (!has_fractions(type) || (column->type != INT8OID && column->type != INT4OID))
		return psprintf("%s::%s", name, column->definition);
	if (!has_cast(NUMERICOID, TEXTOID) || !has_cast(TEXTOID, column->type))
		return NULL;
	return psprintf("pg_catalog.trim_scale(%s::pg_catalog.numeric)::pg_catalog.text::%s", name,
					column->definition);
}

/*
 * json_conversion returns an expression that converts a column to jsonb, or NULL. A user's cast
 * to json rules out to_jsonb(), which would use it, even for the elements and fields of a value.
 */
static char *
json_conversion(const RequiredColumn *column, const char *name, Oid type)
{
	Oid element = get_base_element_type(type);

	if (has_own_cast(type, JSONBOID))
		return NULL;
	if (has_cast(type, JSONBOID))
		return cast_conversion(column, name, type);
	if (!OidIsValid(element))
		element = type;
	if (has_own_cast(element, JSONOID) ||
		(type_is_rowtype(element) && element >= FirstNormalObjectId))
		return NULL;
	return psprintf("pg_catalog.to_jsonb(%s)", name);
}

/*
 * conversion returns an expression that converts a column's values to the type it should have;
 * NULL if no conversion makes sense, or if it would use a cast that a user created.
 */
static char *
conversion(const RequiredColumn *column, Oid column_type)
{
	const char *name = quote_identifier(column->name);
	Oid			type = getBaseType(column_type);

	if (type == BYTEAOID)
		return byte_conversion(column, name);
	if (column->type == INT8OID &&
		(type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID))
		return psprintf(
			"(EXTRACT(epoch FROM %s) OPERATOR(pg_catalog.*) 1000000000::numeric)::bigint", name);
	if (column->type == VARCHAROID || column->type == TEXTOID || column->type == BYTEAOID)
		return text_conversion(column, name, type);
	if (column->type == JSONBOID)
		return json_conversion(column, name, type);
	return cast_conversion(column, name, type);
}

/*
 * empty_conversion returns an expression for a column without values, or NULL for the same
 * reasons.
 */
static char *
empty_conversion(const RequiredColumn *column, Oid column_type)
{
	if (!has_cast(getBaseType(column_type), TEXTOID) || !has_cast(TEXTOID, column->type))
		return NULL;
	return psprintf("%s::pg_catalog.text::%s", quote_identifier(column->name), column->definition);
}

/*
 * is_only_short tells whether a column has the right type with too little room.
 */
static bool
is_only_short(Form_pg_attribute attribute, const RequiredColumn *column)
{
	return attribute->atttypid == column->type;
}

/*
 * new_type returns what follows TYPE in ALTER COLUMN. A column that is only too short keeps its
 * values, collation and indexes, so PostgreSQL rewrites nothing, however large the table is.
 */
static char *
new_type(Form_pg_attribute attribute, const RequiredColumn *column, const char *values)
{
	if (!is_only_short(attribute, column))
		return psprintf("%s USING %s", column->definition, values);
	if (attribute->attcollation == DEFAULT_COLLATION_OID)
		return pstrdup(column->definition);
	return psprintf("%s COLLATE %s", column->definition,
					generate_collation_name(attribute->attcollation));
}

/*
 * mend_column_command returns the DDL that makes a column fit; NULL if a person has to decide
 * about its values. A default or an expression that produces values of the old type cannot be
 * converted and is dropped first.
 */
char *
mend_column_command(Relation relation, Form_pg_attribute attribute, const RequiredColumn *column,
					bool is_mistyped)
{
	const char *name = quote_identifier(column->name);
	char	   *alter = psprintf("ALTER TABLE %s ALTER COLUMN %s", qualified_name(relation), name);
	char	   *values = conversion(column, attribute->atttypid);
	StringInfoData remedy;

	/* without rows nothing is converted */
	if (values == NULL && !may_have_rows(relation))
		values = empty_conversion(column, attribute->atttypid);
	/* of generated columns, only stored ones have values to keep */
	if ((is_mistyped && values == NULL) ||
		(attribute->attgenerated != '\0' && attribute->attgenerated != ATTRIBUTE_GENERATED_STORED))
		return NULL;
	initStringInfo(&remedy);
	if (attribute->attgenerated != '\0')
		appendStringInfo(&remedy, "%s DROP EXPRESSION;\n", alter);
	else if (attribute->attidentity != '\0')
		appendStringInfo(&remedy, "%s DROP IDENTITY;\n", alter);
	else if (attribute->atthasdef && is_mistyped && !is_only_short(attribute, column))
		appendStringInfo(&remedy, "%s DROP DEFAULT;\n", alter);
	if (is_mistyped)
		appendStringInfo(&remedy, "%s TYPE %s;", alter, new_type(attribute, column, values));
	else
		remedy.data[remedy.len - 1] = '\0';
	return remedy.data;
}
