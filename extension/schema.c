/*
 * schema.c
 *	  What the table of a store must look like, and what is wrong with one that does not.
 *
 * Columns and indexes are looked up in the relcache and never by SQL: in a REPEATABLE
 * READ transaction SQL does not see a table that was made since.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "kind.h"

/*
 * has_type tells whether a table's column serves as one of ours.
 */
static bool
has_type(Form_pg_attribute attribute, const RequiredColumn *column)
{
	return attribute->atttypid == column->type || attribute->atttypid == column->other_type;
}

/*
 * has_room tells whether a column of names takes the longest one: a shorter varchar
 * would cut spaces off its end in silence.
 */
static bool
has_room(Form_pg_attribute attribute)
{
	return attribute->atttypid != VARCHAROID || attribute->atttypmod < 0 ||
		   attribute->atttypmod >= MAX_NAME_LENGTH + (int) VARHDRSZ;
}

/*
 * is_computed tells whether PostgreSQL would refuse our values for a column.
 */
static bool
is_computed(Form_pg_attribute attribute)
{
	return attribute->attgenerated != '\0' || attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
}

/*
 * has_nulls tells whether a column may hold nulls that nobody could make sense of.
 */
static bool
has_nulls(Form_pg_attribute attribute, const RequiredColumn *column)
{
	return column->nulls == NULLS_FORBIDDEN && !attribute->attnotnull;
}

/*
 * takes_values tells whether a table's column can hold what is stored in it.
 */
static bool
takes_values(Form_pg_attribute attribute, const RequiredColumn *column)
{
	return has_type(attribute, column) && has_room(attribute) && !is_computed(attribute);
}

/*
 * columns_fit tells whether this is an ordinary table with the columns of a kind. Every
 * call asks, so it allocates nothing; what is wrong is schema_problems' to find out.
 */
bool
columns_fit(Relation relation, const StoreKind *kind)
{
	if (relation->rd_rel->relkind != RELKIND_RELATION)
		return false;
	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];
		Form_pg_attribute	  attribute = find_column(relation, column->name);

		if (attribute == NULL || !takes_values(attribute, column) || has_nulls(attribute, column))
			return false;
	}
	return true;
}

/*
 * not_null returns how the definition of a column ends.
 */
static const char *
not_null(const RequiredColumn *column)
{
	return column->nulls == NULLS_STORED ? "" : " NOT NULL";
}

/*
 * missing_columns names the columns that a table lacks, all in one problem.
 */
static List *
missing_columns(List *problems, Relation relation, const StoreKind *kind)
{
	StringInfoData text;
	StringInfoData remedy;
	const char	  *separator = "";

	initStringInfo(&text);
	initStringInfo(&remedy);
	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];

		if (find_column(relation, column->name) != NULL)
			continue;
		appendStringInfo(&text, "%s\"%s\"", separator, column->name);
		appendStringInfo(&remedy, "%sADD COLUMN %s %s%s", separator, quote_identifier(column->name),
						 column->definition, not_null(column));
		separator = ", ";
	}
	if (text.len == 0)
		return problems;
	return add_problem(problems, PROBLEM_TABLE, psprintf("missing columns: %s", text.data),
					   psprintf("ALTER TABLE %s %s;", qualified_name(relation), remedy.data), NULL);
}

/*
 * conversion returns an expression that turns a column's values into those of the
 * type it should have. Names are left as text, so that none is cut short in silence.
 * States were most likely kept as the text that their bytes are.
 */
static char *
conversion(const RequiredColumn *column, Oid type)
{
	const char *name = quote_identifier(column->name);

	if (column->type == INT8OID && (type == TIMESTAMPTZOID || type == TIMESTAMPOID))
		return psprintf(
			"(EXTRACT(epoch FROM %s) OPERATOR(pg_catalog.*) 1000000000::numeric)::bigint", name);
	if (column->type == VARCHAROID || column->type == TEXTOID)
		return psprintf("%s::pg_catalog.text", name);
	if (column->type == BYTEAOID)
		return psprintf("pg_catalog.convert_to(%s::pg_catalog.text, 'UTF8')", name);
	return psprintf("%s::pg_catalog.text::%s", name, column->definition);
}

/*
 * describe_unfit says what is wrong with a column.
 */
static char *
describe_unfit(Form_pg_attribute attribute, const RequiredColumn *column)
{
	if (!has_type(attribute, column))
		return psprintf("column \"%s\" should have type \"%s\" but has type \"%s\"", column->name,
						format_type_be(column->type), format_type_be(attribute->atttypid));
	if (!has_room(attribute))
		return psprintf("column \"%s\" should have type \"%s\" but has type \"%s\"", column->name,
						format_type_with_typemod(column->type, MAX_NAME_LENGTH + VARHDRSZ),
						format_type_with_typemod(attribute->atttypid, attribute->atttypmod));
	return psprintf("column \"%s\" must not be generated", column->name);
}

/*
 * mend_column returns the DDL that makes a column fit. What produces values of the old
 * type has to go first, since it cannot be converted.
 */
static char *
mend_column(const char *table, Form_pg_attribute attribute, const RequiredColumn *column)
{
	char *alter = psprintf("ALTER TABLE %s ALTER COLUMN %s", table, quote_identifier(column->name));
	bool  is_mistyped = !has_type(attribute, column) || !has_room(attribute);
	StringInfoData remedy;

	initStringInfo(&remedy);
	if (attribute->attgenerated != '\0')
		appendStringInfo(&remedy, "%s DROP EXPRESSION;\n", alter);
	else if (attribute->attidentity != '\0')
		appendStringInfo(&remedy, "%s DROP IDENTITY;\n", alter);
	else if (attribute->atthasdef && is_mistyped)
		appendStringInfo(&remedy, "%s DROP DEFAULT;\n", alter);
	if (is_mistyped)
		appendStringInfo(&remedy, "%s TYPE %s USING %s;", alter, column->definition,
						 conversion(column, attribute->atttypid));
	else
		remedy.data[remedy.len - 1] = '\0';
	return remedy.data;
}

/*
 * unfit_columns adds a problem for each column that cannot hold what is stored in it, or
 * could hold what cannot be read.
 */
static List *
unfit_columns(List *problems, Relation relation, const StoreKind *kind)
{
	char *table = qualified_name(relation);

	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];
		Form_pg_attribute	  attribute = find_column(relation, column->name);

		if (attribute == NULL)
			continue;
		if (!takes_values(attribute, column))
			problems = add_problem(problems, PROBLEM_TABLE, describe_unfit(attribute, column),
								   mend_column(table, attribute, column), NULL);
		if (has_nulls(attribute, column))
			problems = add_problem(problems, PROBLEM_TABLE,
								   psprintf("column \"%s\" must not allow nulls", column->name),
								   psprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;", table,
											quote_identifier(column->name)),
								   NULL);
	}
	return problems;
}

/*
 * other_kind names what a relation is, if it is no ordinary table.
 */
static List *
other_kind(Relation relation)
{
	const char *kind;

	switch (relation->rd_rel->relkind)
	{
		case RELKIND_PARTITIONED_TABLE:
			kind = "a partitioned table";
			break;
		case RELKIND_VIEW:
			kind = "a view";
			break;
		case RELKIND_MATVIEW:
			kind = "a materialized view";
			break;
		case RELKIND_FOREIGN_TABLE:
			kind = "a foreign table";
			break;
		default:
			kind = "not a table";
			break;
	}
	return add_problem(NIL, PROBLEM_KIND,
					   psprintf("it is %s, and only an ordinary table can be a store", kind), NULL,
					   NULL);
}

/*
 * schema_problems lists everything that is wrong with a table, or NIL. The remedies
 * are in an order in which they can be run.
 */
List *
schema_problems(Relation relation, const StoreKind *kind)
{
	List *problems = NIL;

	if (relation->rd_rel->relkind != RELKIND_RELATION)
		return other_kind(relation);
	problems = missing_columns(problems, relation, kind);
	problems = unfit_columns(problems, relation, kind);
	return index_problems(problems, relation, kind);
}

/*
 * create_table_command returns the DDL of a table with its key, but without its other
 * indexes.
 */
char *
create_table_command(const StoreKind *kind, const char *schema, const char *table)
{
	bool		   has_short_key = kind->key.column_count == 1;
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE TABLE %s (", quote_qualified_identifier(schema, table));
	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];
		bool is_key = has_short_key && strcmp(column->name, kind->key.columns[0]) == 0;

		appendStringInfo(&command, "%s%s %s%s%s", i > 0 ? ", " : "", quote_identifier(column->name),
						 column->definition, is_key ? " PRIMARY KEY" : "", not_null(column));
	}
	if (!has_short_key)
		appendStringInfo(&command, ", PRIMARY KEY (%s)", index_columns(&kind->key));
	appendStringInfoChar(&command, ')');
	return command.data;
}
