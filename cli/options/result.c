/*
 * result.c
 *    Rows of a statement, for people and for programs.
 */
#include <stdlib.h>
#include <string.h>

#include "options/options.h"

/* OIDs of PostgreSQL's types, which never change. */
enum
{
	TYPE_BOOLEAN = 16,
	TYPE_BIGINT = 20,
	TYPE_INTEGER = 23,
	TYPE_JSON = 114,
	TYPE_NUMERIC = 1700
};

#define MOST_COLUMNS 12

static bool
is_number(Oid type)
{
	return type == TYPE_BIGINT || type == TYPE_INTEGER || type == TYPE_NUMERIC;
}

static void
write_value(FILE *file, const PGresult *result, int row, int column)
{
	const char *value = PQgetvalue(result, row, column);
	Oid			type = PQftype(result, column);

	if (PQgetisnull(result, row, column))
		fputs("null", file);
	else if (type == TYPE_BOOLEAN)
		fputs(*value == 't' ? "true" : "false", file);
	else if (is_number(type) || type == TYPE_JSON)
		fputs(value, file);
	else
		json_write_string(file, value);
}

void
write_json_members(FILE *file, const PGresult *result, int row)
{
	for (int column = 0; column < PQnfields(result); column++)
	{
		fprintf(file, "%s\"%s\": ", column > 0 ? ", " : "", PQfname(result, column));
		write_value(file, result, row, column);
	}
}

static void
show_json(const PGresult *result, bool is_pretty)
{
	char  *text = NULL;
	size_t length;

	for (int row = 0; row < PQntuples(result); row++)
	{
		FILE *file = allocated(open_memstream(&text, &length));

		putc('{', file);
		write_json_members(file, result, row);
		putc('}', file);
		fclose(file);
		if (is_pretty)
			json_write_pretty(stdout, allocated(text), length, 0);
		else
			fputs(allocated(text), stdout);
		putchar('\n');
		free(text);
	}
}

static void
show_table(const PGresult *result)
{
	const char *headings[MOST_COLUMNS + 1] = {NULL};
	const char *cells[MOST_COLUMNS];
	char		marked[MOST_COLUMNS][80];
	Table	   *table;

	for (int i = 0; i < PQnfields(result); i++)
	{
		snprintf(marked[i], sizeof marked[i], "%s%s", is_number(PQftype(result, i)) ? ">" : "",
				 PQfname(result, i));
		headings[i] = marked[i];
	}
	table = table_new(headings);
	for (int row = 0; row < PQntuples(result); row++)
	{
		for (int i = 0; i < PQnfields(result); i++)
			cells[i] = PQgetvalue(result, row, i);
		table_row(table, cells);
	}
	table_end(table);
}

void
show_result(const PGresult *result, const Format *format)
{
	if (format->is_json)
		show_json(result, format->is_pretty);
	else
		show_table(result);
	require_written(stdout);
}
