/*
 * schema.c
 *	  What the table of a store must look like, and what is wrong with one that does not.
 *
 * Columns and indexes are looked up in the relcache and never by SQL: in a REPEATABLE
 * READ transaction SQL does not see a table that was created after its snapshot.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "table/kind.h"

/*
 * has_type tells whether a table's column serves as one of ours.
 */
static bool
has_type(Form_pg_attribute attribute, const RequiredColumn *column)
{
	return attribute->atttypid == column->type || attribute->atttypid == column->other_type;
}

/*
 * can_hold_names tells whether a column of names can hold the longest one. A shorter varchar
 * would silently cut trailing spaces off a longer name.
 */
static bool
can_hold_names(Form_pg_attribute attribute)
{
	return attribute->atttypid != VARCHAROID || attribute->atttypmod < 0 ||
		   attribute->atttypmod >= MAX_NAME_LENGTH + (int) VARHDRSZ;
}

/*
 * is_numbered tells whether a column of a kind of store has a sequence beside its values.
 */
static bool
is_numbered(const StoreKind *kind, const char *column)
{
	return kind->numbered != NULL && strcmp(kind->numbered, column) == 0;
}

/*
 * is_computed tells whether PostgreSQL would refuse our values for a column. One that has a sequence
 * anyway is another matter.
 */
static bool
is_computed(Form_pg_attribute attribute, const StoreKind *kind)
{
	return attribute->attgenerated != '\0' ||
		   (attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS &&
			!is_numbered(kind, NameStr(attribute->attname)));
}

/*
 * has_nulls tells whether a column may hold nulls that have no meaning.
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
takes_values(Form_pg_attribute attribute, const RequiredColumn *column, const StoreKind *kind)
{
	return has_type(attribute, column) && can_hold_names(attribute) &&
		   !is_computed(attribute, kind);
}

/*
 * find_usual returns a column, which is nearly always at its usual place.
 */
static Form_pg_attribute
find_usual(Relation relation, const StoreKind *kind, int place)
{
	TupleDesc		  descriptor = RelationGetDescr(relation);
	const char		 *name = kind->columns[place].name;
	Form_pg_attribute attribute;

	if (place >= descriptor->natts)
		return find_column(relation, name);
	attribute = TupleDescAttr(descriptor, place);
	/* the name of a dropped column is none that a store has */
	return strcmp(NameStr(attribute->attname), name) == 0 ? attribute : find_column(relation, name);
}

/*
 * lacks_sequence tells whether a table lacks the sequence beside a column's values.
 */
static bool
lacks_sequence(Relation relation, const StoreKind *kind)
{
	Form_pg_attribute attribute =
		kind->numbered == NULL ? NULL : find_column(relation, kind->numbered);

	return attribute != NULL && attribute->attidentity != ATTRIBUTE_IDENTITY_BY_DEFAULT;
}

/*
 * columns_fit tells whether this is an ordinary table with the columns of a kind. Every call
 * checks this, so it allocates nothing; schema_problems finds out what is wrong.
 */
bool
columns_fit(Relation relation, const StoreKind *kind)
{
	if (relation->rd_rel->relkind != RELKIND_RELATION)
		return false;
	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];
		Form_pg_attribute	  attribute = find_usual(relation, kind, i);

		if (attribute == NULL || !takes_values(attribute, column, kind) ||
			has_nulls(attribute, column))
			return false;
	}
	return !lacks_sequence(relation, kind);
}

/*
 * add_missing adds a problem for some columns that a table lacks.
 */
static List *
add_missing(List *problems, List *columns, const char *reason, char *remedy)
{
	StringInfoData text;
	ListCell	  *cell;

	if (columns == NIL)
		return problems;
	initStringInfo(&text);
	foreach (cell, columns)
	{
		const RequiredColumn *column = lfirst(cell);

		appendStringInfo(&text, "%s\"%s\"",
						 text.len > 0 ? ", " : "missing columns: ", column->name);
	}
	appendStringInfoString(&text, reason);
	return add_problem(problems, PROBLEM_TABLE, text.data, remedy, NULL);
}

/*
 * missing_columns names the columns that a table lacks: those that can be added, and those that
 * a person has to decide about.
 */
static List *
missing_columns(List *problems, Relation relation, const StoreKind *kind, List **undecided)
{
	List *to_add = NIL;
	List *to_decide = NIL;

	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];

		if (find_column(relation, column->name) != NULL)
			continue;
		if (can_add_column(relation, column))
			to_add = lappend(to_add, unconstify(RequiredColumn *, column));
		else
			to_decide = lappend(to_decide, unconstify(RequiredColumn *, column));
	}
	problems = add_missing(problems, to_add, "", add_columns_command(relation, to_add));
	*undecided = list_concat(*undecided, to_decide);
	return add_missing(problems, to_decide,
					   ", and only you know what to put there for existing rows", NULL);
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
	if (!can_hold_names(attribute))
		return psprintf("column \"%s\" should have type \"%s\" but has type \"%s\"", column->name,
						format_type_with_typemod(column->type, MAX_NAME_LENGTH + VARHDRSZ),
						format_type_with_typemod(attribute->atttypid, attribute->atttypmod));
	return psprintf("column \"%s\" must not be generated", column->name);
}

/*
 * unfit_column adds a problem for a column that cannot hold what is stored in it.
 */
static List *
unfit_column(List *problems, Relation relation, Form_pg_attribute attribute,
			 const RequiredColumn *column, List **undecided)
{
	bool  is_mistyped = !has_type(attribute, column) || !can_hold_names(attribute);
	char *text = describe_unfit(attribute, column);
	char *remedy = mend_column_command(relation, attribute, column, is_mistyped);

	if (remedy == NULL)
	{
		text =
			psprintf("%s, and its values cannot be kept: rename the column, and check again", text);
		*undecided = lappend(*undecided, unconstify(RequiredColumn *, column));
	}
	return add_problem(problems, PROBLEM_TABLE, text, remedy, NULL);
}

/*
 * unfit_columns adds a problem for each column that cannot hold what is stored in it, or could
 * hold nulls that cannot be read.
 */
static List *
unfit_columns(List *problems, Relation relation, const StoreKind *kind, List **undecided)
{
	for (int i = 0; i < kind->column_count; i++)
	{
		const RequiredColumn *column = &kind->columns[i];
		Form_pg_attribute	  attribute = find_column(relation, column->name);

		if (attribute == NULL)
			continue;
		if (!takes_values(attribute, column, kind))
			problems = unfit_column(problems, relation, attribute, column, undecided);
		if (has_nulls(attribute, column) && !list_member_ptr(*undecided, column))
			problems =
				add_problem(problems, PROBLEM_TABLE,
							psprintf("column \"%s\" must not allow nulls", column->name),
							psprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;",
									 qualified_name(relation), quote_identifier(column->name)),
							NULL);
	}
	return problems;
}

/*
 * missing_sequence adds the problem that a column has no sequence.
 */
static List *
missing_sequence(List *problems, Relation relation, const StoreKind *kind, List *undecided)
{
	if (!lacks_sequence(relation, kind) ||
		list_member_ptr(undecided, required_column(kind, kind->numbered)))
		return problems;
	return add_problem(
		problems, PROBLEM_TABLE,
		psprintf("column \"%s\" must be GENERATED BY DEFAULT AS IDENTITY", kind->numbered),
		identity_command(relation, find_column(relation, kind->numbered)), NULL);
}

/*
 * other_kind names what a relation is that is no ordinary table. Nobody may alter a catalog, so there is no
 * remedy for one.
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
		case RELKIND_RELATION:
			kind = "a system catalog";
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
 * schema_problems lists everything that is wrong with a table, or NIL. The remedies can be run in
 * the order of the list, whether the table has rows or not; a problem that rows keep from being
 * mended has no remedy.
 */
List *
schema_problems(Relation relation, const StoreKind *kind)
{
	List *problems = NIL;
	List *undecided = NIL; /* columns that no command mends */

	if (relation->rd_rel->relkind != RELKIND_RELATION || IsCatalogRelation(relation))
		return other_kind(relation);
	problems = missing_columns(problems, relation, kind, &undecided);
	problems = unfit_columns(problems, relation, kind, &undecided);
	problems = missing_sequence(problems, relation, kind, undecided);
	problems = constraint_problems(problems, relation, kind, undecided);
	return index_problems(problems, relation, kind, undecided);
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

		appendStringInfo(
			&command, "%s%s %s%s%s%s", i > 0 ? ", " : "", quote_identifier(column->name),
			column->definition, is_key ? " PRIMARY KEY" : "", not_null(column),
			is_numbered(kind, column->name) ? " GENERATED BY DEFAULT AS IDENTITY" : "");
	}
	if (!has_short_key)
		appendStringInfo(&command, ", PRIMARY KEY (%s)", index_columns(&kind->key));
	appendStringInfoChar(&command, ')');
	if (kind->storage != NULL)
		appendStringInfo(&command, " WITH (%s)", kind->storage);
	return command.data;
}

/*
 * comment_commands returns the DDL that says in the database what a table and its columns are.
 */
char *
comment_commands(const StoreKind *kind, const char *schema, const char *table)
{
	const char	  *name = quote_qualified_identifier(schema, table);
	StringInfoData commands;

	initStringInfo(&commands);
	appendStringInfo(&commands, "COMMENT ON TABLE %s IS %s", name,
					 quote_literal_cstr(kind->comment));
	for (int i = 0; i < kind->column_count; i++)
		appendStringInfo(&commands, "; COMMENT ON COLUMN %s.%s IS %s", name,
						 quote_identifier(kind->columns[i].name),
						 quote_literal_cstr(kind->columns[i].comment));
	return commands.data;
}
