/*
 * constraint.c
 *	  Constraints of a table that keep out rows which the store must accept.
 *
 * A table's owner may add constraints: other unique indexes, CHECK, foreign keys, NOT NULL on
 * columns that rows may have a value for. Those are no faults, and their errors name them. A
 * fault makes every write fail, or accepts one event and none after it: here unique indexes and
 * exclusion constraints that do, and in unfilled.c columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_index.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "table/kind.h"

#define NULLS_NOT_DISTINCT " NULLS NOT DISTINCT"

/* What is wrong with a unique index or an exclusion constraint. */
typedef struct Fault
{
	bool is_deferrable; /* PostgreSQL refuses ON CONFLICT */
	bool merges_nulls;	/* unrelated rows count as equal because they have nulls */
} Fault;

/*
 * key_name returns the name of an index's key column; NULL if that is an expression.
 */
static const char *
key_name(Relation relation, Form_pg_index index, int number)
{
	AttrNumber attribute = index->indkey.values[number];

	if (attribute <= 0)
		return NULL;
	return NameStr(TupleDescAttr(RelationGetDescr(relation), attribute - 1)->attname);
}

/*
 * is_over_nulls tells whether all key columns of an index are null in some rows of a store.
 */
static bool
is_over_nulls(Relation relation, Form_pg_index index, const StoreKind *kind)
{
	for (int i = 0; i < index->indnkeyatts; i++)
	{
		const char			 *name = key_name(relation, index, i);
		const RequiredColumn *column = name == NULL ? NULL : required_column(kind, name);

		if (column == NULL || column->nulls != NULLS_STORED)
			return false;
	}
	return true;
}

/*
 * find_fault tells what is wrong with an index. ON CONFLICT without columns uses every unique
 * index and exclusion constraint; with columns it uses only the unique indexes over them.
 */
static Fault
find_fault(Relation relation, Oid index_oid, const StoreKind *kind)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	Form_pg_index index;
	Fault		  fault = {false, false};

	if (!HeapTupleIsValid(tuple))
		return fault;
	index = (Form_pg_index) GETSTRUCT(tuple);
	fault.is_deferrable =
		!index->indimmediate &&
		(kind->has_no_arbiter || (index->indisunique && is_over_key(relation, index, &kind->key)));
	fault.merges_nulls = index->indisunique && index->indnullsnotdistinct &&
						 heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
						 is_over_nulls(relation, index, kind);
	ReleaseSysCache(tuple);
	return fault;
}

/*
 * constraint_definition returns the definition of a constraint; NULL if PostgreSQL does not
 * show it, because it was created after the transaction's snapshot.
 */
static char *
constraint_definition(Oid constraint)
{
	FmgrInfo function;
	Datum	 definition;
	LOCAL_FCINFO(call, 1);

	fmgr_info(F_PG_GET_CONSTRAINTDEF_OID, &function);
	InitFunctionCallInfoData(*call, &function, 1, InvalidOid, NULL, NULL);
	call->args[0].value = ObjectIdGetDatum(constraint);
	call->args[0].isnull = false;
	definition = FunctionCallInvoke(call);
	return call->isnull ? NULL : TextDatumGetCString(definition);
}

/*
 * cut_end cuts a text off the end of another one.
 */
static void
cut_end(char *text, const char *end)
{
	size_t length = strlen(text);
	size_t cut = strlen(end);

	if (length >= cut && strcmp(text + length - cut, end) == 0)
		text[length - cut] = '\0';
}

/*
 * cut_out cuts a text out of the definition of an index, but not where it is part of a quoted
 * name.
 */
static void
cut_out(char *definition, const char *text)
{
	bool is_quoted = false;

	for (; *definition != '\0'; definition++)
	{
		if (*definition == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && strncmp(definition, text, strlen(text)) == 0)
		{
			char *rest = definition + strlen(text);

			memmove(definition, rest, strlen(rest) + 1);
			return;
		}
	}
}

/*
 * mend_constraint_command returns the DDL that creates a constraint again without its faults;
 * NULL if its definition cannot be seen.
 */
static char *
mend_constraint_command(Relation relation, Oid index, Oid constraint, Fault fault)
{
	const char *name = quote_identifier(get_rel_name(index));
	char	   *definition = constraint_definition(constraint);

	if (definition == NULL)
		return NULL;
	cut_end(definition, " INITIALLY DEFERRED");
	cut_end(definition, " DEFERRABLE");
	if (fault.merges_nulls)
		cut_out(definition, NULLS_NOT_DISTINCT);
	return psprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s;",
					qualified_name(relation), name, name, definition);
}

/*
 * mend_index_command returns the DDL that creates an index again without its fault. An index
 * without a constraint cannot be deferrable.
 */
static char *
mend_index_command(Relation relation, Oid index)
{
	char *schema = get_namespace_name(RelationGetNamespace(relation));
	char *definition = pg_get_indexdef_string(index);

	cut_out(definition, NULLS_NOT_DISTINCT);
	return psprintf("DROP INDEX %s;\n%s;", quote_qualified_identifier(schema, get_rel_name(index)),
					definition);
}

/*
 * mend_command returns the DDL that mends an index or its constraint; NULL if it is not this
 * table's to change.
 */
static char *
mend_command(Relation relation, Oid index, Fault fault)
{
	Oid constraint = get_index_constraint(index);

	if (get_rel_relispartition(index))
		return NULL;
	if (OidIsValid(constraint))
		return mend_constraint_command(relation, index, constraint, fault);
	return mend_index_command(relation, index);
}

/*
 * is_mended tells whether an index has a fault that constraint_problems has a remedy for.
 */
bool
is_mended(Relation relation, Oid index, const StoreKind *kind)
{
	Fault fault = find_fault(relation, index, kind);

	return (fault.is_deferrable || fault.merges_nulls) &&
		   mend_command(relation, index, fault) != NULL;
}

/*
 * add_index_problem adds the problem of an index, if it has one.
 */
static List *
add_index_problem(List *problems, Relation relation, Oid index, const StoreKind *kind)
{
	Fault		fault = find_fault(relation, index, kind);
	const char *name = get_rel_name(index);
	char	   *remedy;
	char	   *text;

	if (!fault.is_deferrable && !fault.merges_nulls)
		return problems;
	remedy = mend_command(relation, index, fault);
	text = fault.is_deferrable
			   ? psprintf("constraint \"%s\" is deferrable, and PostgreSQL refuses ON CONFLICT "
						  "with it",
						  name)
			   : psprintf("unique index \"%s\" has NULLS NOT DISTINCT, so only one event without "
						  "an aggregate can be stored",
						  name);
	if (remedy == NULL)
		text = psprintf("%s: mend it in the parent table", text);
	return add_problem(problems, PROBLEM_TABLE, text, remedy, NULL);
}

/*
 * constraint_problems adds a problem for each constraint that keeps out rows which the store must
 * accept. If a person has to decide about columns, the table is probably no store at all: then
 * nobody is told to loosen its other columns, and a later check reports them.
 */
List *
constraint_problems(List *problems, Relation relation, const StoreKind *kind, List *undecided)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
		problems = add_index_problem(problems, relation, lfirst_oid(cell), kind);
	return undecided == NIL ? unfilled_problems(problems, relation, kind) : problems;
}
