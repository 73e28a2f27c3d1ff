/*
 * index.c
 *	  The indexes that the table of a store needs.
 *
 * They are matched by what they do, not by name: a second store in a schema has to
 * give its own other names, and an owner may have better ones.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "table/kind.h"

/*
 * index_columns lists the columns of an index for SQL.
 */
char *
index_columns(const RequiredIndex *index)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < index->column_count; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", quote_identifier(index->columns[i]));
	return list.data;
}

/*
 * leads_with tells whether the first key columns of an index are the given
 * ones, in any order unless that matters.
 */
static bool
leads_with(Relation relation, Form_pg_index found, const RequiredIndex *index)
{
	if (found->indnkeyatts < index->column_count)
		return false;
	for (int i = 0; i < index->column_count; i++)
	{
		Form_pg_attribute attribute = find_column(relation, index->columns[i]);
		bool			  is_key = false;

		for (int k = 0; attribute != NULL && k < index->column_count; k++)
			is_key |=
				found->indkey.values[k] == attribute->attnum && (k == i || !index->is_ordered);
		if (!is_key)
			return false;
	}
	return true;
}

/*
 * covers tells whether an index of the table has the columns that one of ours has. A unique
 * one must hold for every row, over just those columns; *is_strict tells whether it does so at
 * once, and for rows about different things.
 */
static bool
covers(Relation relation, Oid index_oid, const RequiredIndex *index, bool *is_strict)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	Form_pg_index found;
	bool		  covers;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	covers = found->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
			 leads_with(relation, found, index) &&
			 compares_as_columns(relation, tuple, index->column_count);
	if (index->is_unique)
		covers = covers && found->indisunique && found->indnkeyatts == index->column_count;
	*is_strict = !index->is_unique || (found->indimmediate && !found->indnullsnotdistinct);
	ReleaseSysCache(tuple);
	return covers;
}

/*
 * serves_as tells whether an index of the table does what ours is for.
 */
static bool
serves_as(Relation relation, Oid index_oid, const RequiredIndex *index)
{
	bool is_strict;

	return covers(relation, index_oid, index, &is_strict) && is_strict;
}

/*
 * has_index tells whether the table has an index that serves.
 */
static bool
has_index(Relation relation, const RequiredIndex *index)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		if (serves_as(relation, lfirst_oid(cell), index))
			return true;
	}
	return false;
}

/*
 * will_have_index tells the same of the table after the remedies of constraint_problems.
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
 * has_unique_versions tells whether two events of an aggregate cannot have the same
 * version.
 */
bool
has_unique_versions(Relation relation)
{
	return has_index(relation, &event_store.indexes[EVENT_INDEX_AGGREGATE]);
}

/*
 * is_version_index tells whether an index of the table has the versions of an aggregate
 * one after the other: its columns are the aggregate's two, in either order, and then the
 * version. It has to tell names apart as guards and goes do, byte by byte.
 */
static bool
is_version_index(Relation relation, Oid index_oid)
{
	HeapTuple	  tuple;
	Form_pg_index found;
	bool		  is_one;

	if (!serves_as(relation, index_oid, &event_store.indexes[EVENT_INDEX_AGGREGATE]))
		return false;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	is_one = found->indkey.values[MOST_INDEX_COLUMNS - 1] ==
				 find_column(relation, "aggregate_version")->attnum &&
			 is_exact_collation(find_column(relation, "aggregate_name")->attcollation);
	ReleaseSysCache(tuple);
	return is_one;
}

/*
 * version_index returns the unique index that has the versions of an aggregate one after
 * the other; an invalid OID: there is none.
 */
Oid
version_index(Relation relation)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		if (is_version_index(relation, lfirst_oid(cell)))
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

/*
 * version_index_problem says that there is no such index, and whether there can be one.
 */
List *
version_index_problem(List *problems, Relation relation)
{
	Form_pg_attribute name = find_column(relation, "aggregate_name");
	char			 *table = qualified_name(relation);

	if (!is_exact_collation(name->attcollation))
		return add_problem(problems, PROBLEM_TABLE,
						   pstrdup("column \"aggregate_name\" takes different names for equal"),
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
 * free_index_name returns goes' name for an index, or one with the table's name in
 * front where the schema has that name already.
 */
static char *
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
 * waiting adds the problem of an index that cannot be made before a person has decided
 * what becomes of its columns.
 */
static List *
waiting(List *problems, ProblemKind kind, const char *text)
{
	return add_problem(problems, kind, psprintf("%s, once its columns fit", text), NULL, NULL);
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
			problems = waiting(problems, PROBLEM_INDEX, text);
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
		return waiting(problems, PROBLEM_TABLE, psprintf("missing unique index on (%s)", keys));
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
 * merges_keys tells whether an index takes different keys for the same. A statement that
 * replaces the row with a key goes by every unique index over its columns, and would replace
 * another row.
 */
static bool
merges_keys(Relation relation, Oid index_oid, const RequiredIndex *key)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	RequiredIndex any_order = *key;
	Form_pg_index found;
	bool		  merges;

	any_order.is_ordered = false;
	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	merges = found->indisunique && found->indnkeyatts == key->column_count &&
			 leads_with(relation, found, &any_order) &&
			 !compares_as_columns(relation, tuple, key->column_count);
	ReleaseSysCache(tuple);
	return merges;
}

/*
 * merging_index returns an index that takes different keys for the same; an invalid OID:
 * there is none.
 */
static Oid
merging_index(Relation relation, const RequiredIndex *key)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		if (merges_keys(relation, lfirst_oid(cell), key))
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

/*
 * merging_problem adds a problem if there is one.
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
		psprintf("unique index \"%s\" takes different values for equal", get_rel_name(index)),
		psprintf("DROP INDEX %s;", name), NULL);
}

/*
 * has_key tells whether the table tells its rows apart as it should.
 */
bool
has_key(Relation relation, const StoreKind *kind)
{
	return has_index(relation, &kind->key) && !OidIsValid(merging_index(relation, &kind->key));
}

/*
 * index_problems adds a problem for each index that the table lacks. Those over a column
 * that takes a decision have no remedy.
 */
List *
index_problems(List *problems, Relation relation, const StoreKind *kind, List *undecided)
{
	problems = missing_key(problems, relation, kind, undecided);
	problems = merging_problem(problems, relation, &kind->key);
	return missing_indexes(problems, relation, kind, undecided);
}
