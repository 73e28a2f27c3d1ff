/*
 * schema.c
 *	  What an events table must look like, and what is wrong with one that does not.
 *
 * Columns and indexes are goes' own. They are looked up in the relcache and never by
 * SQL: in a REPEATABLE READ transaction SQL does not see a table that was made since.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "goes_store.h"

typedef struct RequiredColumn
{
	const char *name;
	Oid			type;
	Oid			other_type; /* serves as well */
	const char *definition; /* a type that search_path has no say in */
} RequiredColumn;

/* clang-format off */
static const RequiredColumn columns[EVENT_COLUMNS] = {
	[EVENT_ID] = {"id", UUIDOID, UUIDOID, "pg_catalog.uuid"},
	[EVENT_NAME] = {"name", VARCHAROID, TEXTOID, "varchar(255)"},
	[EVENT_TIME] = {"time", INT8OID, INT8OID, "bigint"},
	[EVENT_AGGREGATE_ID] = {"aggregate_id", UUIDOID, UUIDOID, "pg_catalog.uuid"},
	[EVENT_AGGREGATE_NAME] = {"aggregate_name", VARCHAROID, TEXTOID, "varchar(255)"},
	[EVENT_AGGREGATE_VERSION] = {"aggregate_version", INT4OID, INT4OID, "integer"},
	[EVENT_DATA] = {"data", JSONBOID, JSONBOID, "pg_catalog.jsonb"},
};

/* clang-format on */

/*
 * has_type tells whether a table's column serves as one of ours.
 */
static bool
has_type(Form_pg_attribute attribute, const RequiredColumn *column)
{
	return attribute->atttypid == column->type || attribute->atttypid == column->other_type;
}

/*
 * columns_fit tells whether this is an ordinary table with the seven columns. Every
 * call asks, so it allocates nothing; what is wrong is schema_problems' to find out.
 */
bool
columns_fit(Relation relation)
{
	if (relation->rd_rel->relkind != RELKIND_RELATION)
		return false;
	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		Form_pg_attribute attribute = find_column(relation, columns[i].name);

		if (attribute == NULL || !has_type(attribute, &columns[i]))
			return false;
	}
	return true;
}

/*
 * missing_columns names the columns that a table lacks, all in one problem.
 */
static List *
missing_columns(List *problems, Relation relation)
{
	StringInfoData text;
	StringInfoData remedy;
	const char	  *separator = "";

	initStringInfo(&text);
	initStringInfo(&remedy);
	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		const RequiredColumn *column = &columns[i];

		if (find_column(relation, column->name) != NULL)
			continue;
		appendStringInfo(&text, "%s\"%s\"", separator, column->name);
		appendStringInfo(&remedy, "%sADD COLUMN %s %s%s", separator, quote_identifier(column->name),
						 column->definition, i <= EVENT_TIME ? " NOT NULL" : "");
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
 */
static char *
conversion(const RequiredColumn *column, Oid type)
{
	const char *name = quote_identifier(column->name);

	if (column->type == INT8OID && (type == TIMESTAMPTZOID || type == TIMESTAMPOID))
		return psprintf("(EXTRACT(epoch FROM %s) * 1000000000)::bigint", name);
	if (column->type == VARCHAROID)
		return psprintf("%s::text", name);
	return psprintf("%s::text::%s", name, column->definition);
}

/*
 * mistyped_columns adds a problem for each column of another type. A default or an
 * identity of the old type has to go first, since it cannot be converted.
 */
static List *
mistyped_columns(List *problems, Relation relation)
{
	char *table = qualified_name(relation);

	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		const RequiredColumn *column = &columns[i];
		Form_pg_attribute	  attribute = find_column(relation, column->name);
		const char			 *name = quote_identifier(column->name);
		StringInfoData		  remedy;

		if (attribute == NULL || has_type(attribute, column))
			continue;
		initStringInfo(&remedy);
		if (attribute->attidentity != '\0')
			appendStringInfo(&remedy, "ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY;\n", table,
							 name);
		if (attribute->atthasdef)
			appendStringInfo(&remedy, "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT;\n", table,
							 name);
		appendStringInfo(&remedy, "ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s;", table, name,
						 column->definition, conversion(column, attribute->atttypid));
		problems = add_problem(problems, PROBLEM_TABLE,
							   psprintf("column \"%s\" should have type \"%s\" but has type \"%s\"",
										column->name, format_type_be(column->type),
										format_type_be(attribute->atttypid)),
							   remedy.data, NULL);
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
					   psprintf("it is %s, and only an ordinary table can be a store", kind),
					   pstrdup("Choose another name for the store."), NULL);
}

/*
 * schema_problems lists everything that is wrong with a table, or NIL. The remedies
 * are in an order in which they can be run.
 */
List *
schema_problems(Relation relation)
{
	List *problems = NIL;

	if (relation->rd_rel->relkind != RELKIND_RELATION)
		return other_kind(relation);
	problems = missing_columns(problems, relation);
	problems = mistyped_columns(problems, relation);
	return index_problems(problems, relation);
}

/*
 * create_table_command returns the DDL of an events table without its indexes.
 */
char *
create_table_command(const char *schema, const char *table)
{
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE TABLE %s (", quote_qualified_identifier(schema, table));
	for (int i = 0; i < EVENT_COLUMNS; i++)
		appendStringInfo(&command, "%s%s %s%s%s", i > 0 ? ", " : "",
						 quote_identifier(columns[i].name), columns[i].definition,
						 i == EVENT_ID ? " PRIMARY KEY" : "", i <= EVENT_TIME ? " NOT NULL" : "");
	appendStringInfoChar(&command, ')');
	return command.data;
}
