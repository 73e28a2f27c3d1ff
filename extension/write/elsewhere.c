/*
 * elsewhere.c
 *	  Storing rows that are elsewhere, and which table an error is about then.
 *
 * The node that has the rows speaks of the table and its indexes under other names, which have the number
 * of the shard behind them; and over a connection Citus hands on no names but those in the message. Programs
 * go by the names: they tell whether an id or a version is taken. So an error gets those of the table.
 */
#include "postgres.h"

#include <ctype.h>

#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "errors.h"
#include "write/write.h"

/* how Citus begins the line that it adds to the context of an error of another node */
#define AT_NODE "while executing command on "

/* The names of a table, kept before a statement: after an error nothing can be looked up. */
typedef struct TableNames
{
	const char *schema;
	const char *table;
	List	   *indexes; /* char * */
} TableNames;

static TableNames
table_names(Relation table)
{
	TableNames names = {get_namespace_name(RelationGetNamespace(table)),
						RelationGetRelationName(table), NIL};
	List	  *indexes = RelationGetIndexList(table);
	ListCell  *cell;

	foreach (cell, indexes)
		names.indexes = lappend(names.indexes, get_rel_name(lfirst_oid(cell)));
	list_free(indexes);
	return names;
}

/*
 * is_name_byte tells whether a byte can be a part of a name that is not quoted; inside of quotation marks
 * others can.
 */
static bool
is_name_byte(char byte)
{
	return isalnum((unsigned char) byte) || byte == '_' || IS_HIGHBIT_SET(byte);
}

/*
 * shard_number returns where the number of a shard ends that follows a name; NULL if none does.
 */
static const char *
shard_number(const char *behind_name)
{
	const char *end = behind_name + 1;

	if (*behind_name != '_')
		return NULL;
	while (isdigit((unsigned char) *end))
		end++;
	return end == behind_name + 1 || is_name_byte(*end) ? NULL : end;
}

/*
 * without_number returns a text in which a name has no number of a shard behind it; NULL if it has none
 * anywhere.
 */
static char *
without_number(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *found = strstr(text, name); found != NULL; found = strstr(found + 1, name))
	{
		const char *end = shard_number(found + length);

		if (end != NULL && (found == text || found[-1] == '"'))
			return psprintf("%.*s%s", (int) (found + length - text), text, end);
	}
	return NULL;
}

/*
 * is_shard_of tells whether a name is that of something of the table, with the number of a shard.
 */
static bool
is_shard_of(const char *shard_name, const char *name)
{
	const char *behind = shard_name + strlen(name);
	const char *end;

	if (strncmp(shard_name, name, strlen(name)) != 0)
		return false;
	end = shard_number(behind);
	return end != NULL && *end == '\0';
}

/*
 * name_table has an error name the table, and an index of it if it is about a key that is taken.
 */
static void
name_table(ErrorData *error, const TableNames *names, const char *index)
{
	error->schema_name = pstrdup(names->schema);
	error->table_name = pstrdup(names->table);
	if (index != NULL)
		error->constraint_name = pstrdup(index);
}

/*
 * name_index has an error about a key of the table that is taken name the table and the index.
 */
static void
name_index(ErrorData *error, const TableNames *names)
{
	ListCell *cell;

	foreach (cell, names->indexes)
	{
		const char *index = lfirst(cell);
		char	   *message = without_number(error->message, index);

		if (message == NULL)
			continue;
		error->message = message;
		name_table(error, names, index);
		return;
	}
}

/*
 * is_of_table tells whether an error names the shard of the table.
 */
static bool
is_of_table(const ErrorData *error, const TableNames *names)
{
	return error->schema_name != NULL && error->table_name != NULL &&
		   strcmp(error->schema_name, names->schema) == 0 &&
		   is_shard_of(error->table_name, names->table);
}

/*
 * pass_node removes the line about the node from the context of an error that comes from the statement
 * itself, and not from a trigger on the rows, which has lines of its own before that one. It tells whether
 * it did.
 */
static bool
pass_node(ErrorData *error)
{
	const char *end;

	if (error->context == NULL || strncmp(error->context, AT_NODE, strlen(AT_NODE)) != 0)
		return false;
	end = strchr(error->context, '\n');
	error->context = end == NULL ? NULL : pstrdup(end + 1);
	return true;
}

/*
 * is_about_events tells whether programs go by the names and the context of such an error: a key is taken,
 * or the guard of the table has refused a version.
 */
static bool
is_about_events(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_UNIQUE_VIOLATION || sqlerrcode == ERRCODE_GOES_VERSION_CONFLICT;
}

/*
 * be_of_table has an error of the node that has the rows be one of the table.
 */
static void
be_of_table(ErrorData *error, const TableNames *names)
{
	bool is_of_statement;

	if (!is_about_events(error->sqlerrcode))
		return;
	is_of_statement = pass_node(error);
	if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		name_index(error, names);
	else if (is_of_table(error, names) || (is_of_statement && error->table_name == NULL))
		name_table(error, names, NULL);
}

/*
 * count_row counts a row that was stored.
 */
static bool
count_row(TupleTableSlot *row, void *count)
{
	++*(uint64 *) count;
	return true;
}

/*
 * store_elsewhere runs an INSERT on a table whose rows are elsewhere, and returns how many it stored:
 * if it returns rows, that is one for each.
 */
uint64
store_elsewhere(Store *store, const Statement *statement, int expected)
{
	TableNames	  names = table_names(store->relation);
	MemoryContext caller = CurrentMemoryContext;
	uint64		  stored = 0;

	PG_TRY();
	{
		if (expected == SPI_OK_INSERT_RETURNING)
			each_row(store, statement, expected, count_row, &stored);
		else
			stored = execute_statement(store, statement, expected, NULL);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		be_of_table(error, &names);
		ReThrowError(error);
	}
	PG_END_TRY();
	return stored;
}
