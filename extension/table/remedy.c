/*
 * remedy.c
 *	  The SQL that mends the columns of a table, as far as SQL can.
 *
 * A remedy is printed for a person to run as it stands, on a table that most likely has
 * rows. Where nobody but that person knows what becomes of them there is no remedy.
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
 * may_have_rows tells whether there is room for a row: what was removed counts, too.
 */
static bool
may_have_rows(Relation relation)
{
	return RelationGetNumberOfBlocks(relation) > 0;
}

/*
 * not_null returns how the definition of a column ends.
 */
const char *
not_null(const RequiredColumn *column)
{
	return column->nulls == NULLS_STORED ? "" : " NOT NULL";
}

/*
 * can_add_column tells whether a column can be added without a decision about the rows
 * that are there.
 */
bool
can_add_column(Relation relation, const RequiredColumn *column)
{
	return column->nulls == NULLS_STORED || column->filling != NULL || !may_have_rows(relation);
}

/*
 * add_columns_command returns the DDL that adds columns. The rows that are there get
 * their values by way of a default, which then goes.
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
 * has_own_cast tells whether somebody made a cast between two types. It may run anything, with
 * the rights of whoever runs the remedy.
 */
static bool
has_own_cast(Oid from, Oid to)
{
	Oid cast = GetSysCacheOid2(CASTSOURCETARGET, Anum_pg_cast_oid, ObjectIdGetDatum(from),
							   ObjectIdGetDatum(to));

	return cast >= FirstNormalObjectId;
}

/*
 * has_cast tells whether PostgreSQL can cast values of a type to another one by itself.
 */
static bool
has_cast(Oid from, Oid to)
{
	Oid function;

	return find_coercion_pathway(to, from, COERCION_EXPLICIT, &function) != COERCION_PATH_NONE &&
		   !has_own_cast(from, to);
}

/*
 * byte_conversion does what conversion does for a column of bytes: they are most likely
 * those of the text of a value, and for a UUID its own.
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
 * text_conversion does what conversion does for a column that is to have text or its bytes.
 * Names are left as text, so that none is cut short in silence.
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
 * cast_conversion does what conversion does with a cast, one that is an error where it
 * would lose something.
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
 * json_conversion does what conversion does for a column that is to have JSON. to_jsonb() goes
 * by casts to json, for elements and fields, too.
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
 * conversion returns an expression that turns a column's values into those of the type it
 * should have; NULL if they mean nothing there, or if somebody's own cast would have a say.
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
 * empty_conversion returns an expression for a column without values; NULL as above.
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
 * new_type returns how a column gets its type. One that is only short keeps its values,
 * its collation and its indexes as they are: that takes PostgreSQL an instant, however
 * large the table is.
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
 * mend_column_command returns the DDL that makes a column fit; NULL if that takes a
 * decision about its values. What produces values of the old type has to go first, since
 * it cannot be converted.
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
	/* of generated columns only stored ones have values that can stay */
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
