/*
 * missing_index.c
 *	  The indexes that the table of a store lacks, and the SQL that makes them.
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "table/kind.h"

/*
 * version_index_problem adds the problem that no index serves guards. A name column with a
 * nondeterministic collation has to be mended before there can be one.
 */
List *
version_index_problem(List *problems, Relation relation)
{
	Form_pg_attribute name = find_column(relation, "aggregate_name");
	char			 *table = qualified_name(relation);

	if (!is_exact_collation(name->attcollation))
		return add_problem(problems, PROBLEM_TABLE,
						   pstrdup("column \"aggregate_name\" treats different names as equal"),
						   psprintf("ALTER TABLE %s ALTER COLUMN aggregate_name TYPE %s COLLATE "
									"pg_catalog.\"default\";",
									table,
									format_type_with_typemod(name->atttypid, name->atttypmod)),
						   NULL);
	return add_problem(problems, PROBLEM_INDEX,
					   pstrdup("no unique index has the versions of an aggregate in order"),
					   psprintf("CREATE UNIQUE INDEX ON %s "
								"(aggregate_id, aggregate_name, aggregate_version);",
								table),
					   NULL);
}

/*
 * will_have_index tells whether the table has an index that serves, if need be after the
 * remedies of constraint_problems.
 */
static bool
will_have_index(Relation relation, const RequiredIndex *index, const StoreKind *kind)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		Oid	 index_oid = lfirst_oid(cell);
		bool is_strict;

		if (covers(relation, index_oid, index, &is_strict) &&
			(is_strict || is_mended(relation, index_oid, kind)))
			return true;
	}
	return false;
}

/*
 * free_index_name returns goes' name for an index, or one that begins with the table's name if
 * goes' name is taken in the schema.
 */
char *
free_index_name(Relation relation, const RequiredIndex *index)
{
	Oid schema = RelationGetNamespace(relation);

	if (!OidIsValid(get_relname_relid(index->name, schema)))
		return pstrdup(index->name);
	return ChooseRelationName(RelationGetRelationName(relation), "goes", index->label, schema,
							  false);
}

/*
 * has_to_wait tells whether an index is over a column that no command mends.
 */
static bool
has_to_wait(const RequiredIndex *index, List *undecided)
{
	ListCell *cell;

	foreach (cell, undecided)
	{
		const RequiredColumn *column = lfirst(cell);

		for (int i = 0; i < index->column_count; i++)
		{
			if (strcmp(index->columns[i], column->name) == 0)
				return true;
		}
	}
	return false;
}

/*
 * add_deferred_problem reports an index that can be built only after its columns are mended,
 * which is for a person to decide.
 */
static List *
add_deferred_problem(List *problems, ProblemKind kind, const char *text)
{
	return add_problem(problems, kind, psprintf("%s, which can be made once its columns fit", text),
					   NULL, NULL);
}

/*
 * missing_indexes adds a problem for each index that the table lacks.
 */
static List *
missing_indexes(List *problems, Relation relation, const StoreKind *kind, List *undecided)
{
	for (int i = 0; i < kind->index_count; i++)
	{
		const RequiredIndex *index = &kind->indexes[i];
		const char			*unique = index->is_unique ? "UNIQUE " : "";
		char				*keys;
		char				*text;
		char				*name;

		if (will_have_index(relation, index, kind))
			continue;
		keys = index_columns(index);
		text = psprintf("missing %sindex on (%s)", index->is_unique ? "unique " : "", keys);
		if (has_to_wait(index, undecided))
		{
			problems = add_deferred_problem(problems, PROBLEM_INDEX, text);
			continue;
		}
		name = free_index_name(relation, index);
		problems = add_problem(problems, PROBLEM_INDEX, text,
							   psprintf("CREATE %sINDEX %s ON %s (%s);", unique,
										quote_identifier(name), qualified_name(relation), keys),
							   name);
		if (index->is_unique)
			((Problem *) llast(problems))->unique = index;
	}
	return problems;
}

/*
 * has_primary_key tells whether the table has one, whatever its columns, deferrable or not.
 */
static bool
has_primary_key(Relation relation)
{
	Oid constraint;

	(void) get_primary_key_attnos(RelationGetRelid(relation), true, &constraint);
	return OidIsValid(constraint);
}

/*
 * missing_key adds a problem if two rows could be about the same thing.
 */
static List *
missing_key(List *problems, Relation relation, const StoreKind *kind, List *undecided)
{
	const RequiredIndex *key = &kind->key;
	const char			*format = "ALTER TABLE %s ADD PRIMARY KEY (%s);";
	char				*keys = index_columns(key);
	char				*text;

	if (will_have_index(relation, key, kind))
		return problems;
	if (has_to_wait(key, undecided))
		return add_deferred_problem(problems, PROBLEM_TABLE,
									psprintf("missing unique index on (%s)", keys));
	if (has_primary_key(relation))
		format = "CREATE UNIQUE INDEX ON %s (%s);";
	if (key->column_count == 1)
		text = psprintf("column \"%s\" is not unique", key->columns[0]);
	else
		text = psprintf("missing unique index on (%s)", keys);
	problems = add_problem(problems, PROBLEM_TABLE, text,
						   psprintf(format, qualified_name(relation), keys), NULL);
	((Problem *) llast(problems))->unique = key;
	return problems;
}

/*
 * merging_problem adds a problem if a unique index treats different keys as equal.
 */
static List *
merging_problem(List *problems, Relation relation, const RequiredIndex *key)
{
	Oid	  index = merging_index(relation, key);
	char *name;

	if (!OidIsValid(index))
		return problems;
	name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(index)),
									  get_rel_name(index));
	return add_problem(
		problems, PROBLEM_TABLE,
		psprintf("unique index \"%s\" treats different values as equal", get_rel_name(index)),
		psprintf("DROP INDEX %s;", name), NULL);
}

/*
 * index_problems adds a problem for each index that the table lacks. There is no remedy for an
 * index over a column that a person has to decide about.
 */
List *
index_problems(List *problems, Relation relation, const StoreKind *kind, List *undecided)
{
	problems = missing_key(problems, relation, kind, undecided);
	problems = merging_problem(problems, relation, &kind->key);
	return missing_indexes(problems, relation, kind, undecided);
}
