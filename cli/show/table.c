/*
 * table.c
 *    Rows with headings.
 *
 * The first rows are held back until it is known how wide the columns are. Then rows are shown as they
 * come, however many there are. On a terminal the last column is cut; anywhere else nothing is.
 */
#include <stdlib.h>
#include <string.h>

#include "show/show.h"

#define MOST_COLUMNS 12
#define ROWS_HELD 200
#define GAP 2
#define LEAST_LAST 10

struct Table
{
	int			count;
	const char *headings[MOST_COLUMNS];
	bool		is_right[MOST_COLUMNS];
	int			widths[MOST_COLUMNS];
	char	   *held[ROWS_HELD][MOST_COLUMNS];
	int			held_count;
	bool		is_begun;
};

Table *
table_new(const char *const *headings)
{
	Table *table = allocated(calloc(1, sizeof *table));

	for (; headings[table->count] != NULL; table->count++)
	{
		const char *heading = headings[table->count];

		table->is_right[table->count] = *heading == '>';
		table->headings[table->count] = heading + (*heading == '>');
		table->widths[table->count] = text_columns(table->headings[table->count]);
	}
	return table;
}

/*
 * fit_last leaves the last column what the others leave of the terminal.
 */
static void
fit_last(Table *table)
{
	int columns = screen_columns(stdout);
	int taken = 0;
	int last = table->count - 1;

	for (int i = 0; i < last; i++)
		taken += table->widths[i] + GAP;
	if (columns == 0)
		table->widths[last] = table->is_right[last] ? table->widths[last] : 0;
	else if (taken + table->widths[last] > columns)
		table->widths[last] = columns - taken < LEAST_LAST ? LEAST_LAST : columns - taken;
	else if (!table->is_right[last])
		table->widths[last] = columns - taken;
}

/*
 * show_cells writes a row. What is too wide for its column pushes the others to the right. The last
 * column has no blanks behind it.
 */
static void
show_cells(const Table *table, const char *const *cells)
{
	for (int i = 0; i < table->count; i++)
	{
		int	 width = table->widths[i];
		int	 length = text_columns(cells[i]);
		bool is_last = i == table->count - 1;

		if (is_last && !table->is_right[i])
			text_write(stdout, cells[i], width != 0 && length > width ? width : 0);
		else
			text_write(stdout, cells[i], length > width ? 0 : table->is_right[i] ? -width : width);
		fputs(is_last ? "\n" : "  ", stdout);
	}
}

static void
show_headings(Table *table)
{
	bool has_colours = screen_has_colours(stdout);

	fit_last(table);
	if (has_colours)
		fputs("\033[1m", stdout);
	show_cells(table, table->headings);
	if (has_colours)
	{
		/* behind the newline, where it takes no column */
		fputs("\033[0m", stdout);
	}
	table->is_begun = true;
}

void
table_flush(Table *table)
{
	if (table->held_count > 0 && !table->is_begun)
		show_headings(table);
	for (int row = 0; row < table->held_count; row++)
	{
		show_cells(table, (const char *const *) table->held[row]);
		for (int i = 0; i < table->count; i++)
			free(table->held[row][i]);
	}
	table->held_count = 0;
	require_written(stdout);
}

void
table_row(Table *table, const char *const *cells)
{
	if (table->is_begun)
	{
		show_cells(table, cells);
		if (ferror(stdout))
			require_written(stdout);
		return;
	}
	for (int i = 0; i < table->count; i++)
	{
		int length = text_columns(cells[i]);

		table->held[table->held_count][i] = allocated(strdup(cells[i]));
		if (length > table->widths[i])
			table->widths[i] = length;
	}
	if (++table->held_count == ROWS_HELD)
		table_flush(table);
}

void
table_end(Table *table)
{
	table_flush(table);
	free(table);
}
