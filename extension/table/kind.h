/*
 * kind.h
 *	  The kinds of store: what the table of each must be. For the rooms that create,
 *	  check and open tables.
 */
#ifndef GOES_KIND_H
#define GOES_KIND_H

#include "access/htup.h"
#include "catalog/pg_index.h"

#include "table/table.h"

#define MOST_INDEX_COLUMNS 3

/* The index of events that keeps versions apart, among those that they need. */
#define EVENT_INDEX_AGGREGATE 2

/* What becomes of nulls in a column. */
typedef enum Nulls
{
	NULLS_STORED,	 /* nulls have a meaning */
	NULLS_PREVENTED, /* tables that we create forbid them, others may allow them */
	NULLS_FORBIDDEN	 /* a table that allows them does not fit */
} Nulls;

typedef struct RequiredColumn
{
	const char *name;
	Oid			type;
	Oid			other_type; /* accepted as well */
	const char *definition; /* the type as SQL, independent of search_path */
	Nulls		nulls;
	const char *filling; /* the value that existing rows get; NULL: none */
	const char *comment;
} RequiredColumn;

typedef struct RequiredIndex
{
	const char *name;
	const char *label; /* the end of another name, if the name is taken */
	bool		is_unique;
	bool		is_ordered; /* its columns are needed in this order */
	int			column_count;
	const char *columns[MOST_INDEX_COLUMNS];
} RequiredIndex;

struct StoreKind
{
	const char			 *noun;
	const char			 *contents;		   /* what its rows are */
	const char			 *comment;		   /* on the table */
	const char			 *create_function; /* the SQL function that makes one */
	char				**default_name;	   /* of the table, for a call that names none */
	const char			 *suffix;		   /* a companion's name: that of the store, and this */
	const StoreKind		 *companion;	   /* the store's next table; NULL: there is none */
	const char			 *storage;		   /* parameters of the table */
	const RowType		 *row;			   /* that its rows are returned as */
	const RequiredColumn *columns;
	int					  column_count;
	const char			 *numbered; /* the column that has a sequence; NULL: none */
	RequiredIndex		  key; /* identifies a row; we do not add it to a table that lacks it */
	const RequiredIndex	 *indexes;
	int					  index_count;
	bool				  has_no_arbiter; /* rows are stored with ON CONFLICT without columns */
};

#pragma GCC visibility push(hidden)

/* kind.c: what a kind needs of the column of that name; NULL: nothing */
extern const RequiredColumn *required_column(const StoreKind *kind, const char *name);

/* index.c: what an index of a table is good for; the columns of one of ours, for SQL */
extern bool	 is_over_key(Relation relation, Form_pg_index found, const RequiredIndex *key);
extern bool	 covers(Relation relation, Oid index_oid, const RequiredIndex *index, bool *is_strict);
extern Oid	 merging_index(Relation relation, const RequiredIndex *key);
extern char *index_columns(const RequiredIndex *index);

/* missing_index.c: the indexes that a table lacks */
extern char *free_index_name(Relation relation, const RequiredIndex *index);
extern List *index_problems(List *problems, Relation relation, const StoreKind *kind,
							List *undecided);

/* constraint.c: constraints that keep out what a store has to take */
extern List *constraint_problems(List *problems, Relation relation, const StoreKind *kind,
								 List *undecided);
extern bool	 is_mended(Relation relation, Oid index, const StoreKind *kind);

/* unfilled.c: columns of the owner's that nothing fills */
extern List *unfilled_problems(List *problems, Relation relation, const StoreKind *kind);

/* duplicates.c: rows that prevent an index, to show or to raise */
extern void explain_duplicates(Relation relation, const StoreKind *kind, List *problems);
extern void report_duplicates(Relation relation, const StoreKind *kind, List *problems);

/* comparison.c: does an index compare as its columns do, the first ones of its keys? */
extern bool compares_as_columns(Relation relation, HeapTuple index, int count);
extern bool is_exact_collation(Oid collation);

/* remedy.c: the SQL that mends columns */
extern const char *not_null(const RequiredColumn *column);
extern char		  *identity_command(Relation relation, Form_pg_attribute attribute);
extern bool		   can_add_column(Relation relation, const RequiredColumn *column);
extern char		  *add_columns_command(Relation relation, List *columns);
extern char		  *mend_column_command(Relation relation, Form_pg_attribute attribute,
									   const RequiredColumn *column, bool is_mistyped);

#pragma GCC visibility pop

#endif
