/*
 * show.h
 *    What people get to see, and what programs do.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "base/base.h"

/* ---- screen.c */

/* How many columns a terminal has; 0: this is none, and nothing has to be cut. */
int screen_columns(FILE *file);

/* Tells whether colours are welcome: on a terminal, unless NO_COLOR is set. */
bool screen_has_colours(FILE *file);

/* How many columns a text takes. Characters that would move the cursor count as one. */
int text_columns(const char *text);

/* Writes a text in that many columns, cut or filled up; below 0: to the right; 0: as it is. */
void text_write(FILE *file, const char *text, int columns);

/* ---- table.c: rows with headings, as wide as the terminal */

typedef struct Table Table;

/* Headings end with NULL. One that begins with '>' has its column to the right. */
Table *table_new(const char *const *headings);

/* Adds a row, whose cells are copied. The first rows decide how wide the columns are. */
void table_row(Table *table, const char *const *cells);

/* Shows the rows that are held back; ends a table, and frees it. */
void table_flush(Table *table);
void table_end(Table *table);

/* ---- event_rows.c: events as a table or as JSON */

/* How to show things. */
typedef struct Format
{
	bool is_json;
	bool is_pretty;
} Format;

typedef struct EventRows EventRows;

/* What the events are, which says what is worth showing of them. */
typedef enum EventKind
{
	EVENTS_OF_QUERY,
	EVENTS_OF_FEED,
	EVENTS_OF_AGGREGATE
} EventKind;

EventRows *event_rows_new(const Format *format, EventKind kind);
void	   event_rows_add(EventRows *rows, const goes_event *event, int64_t position);
void	   event_rows_flush(EventRows *rows);
int64_t	   event_rows_end(EventRows *rows); /* how many there were */

/* ---- progress.c: a bar on a terminal, on standard error */

/* Begins to show how far something is. A total of 0 is not known. */
void progress_begin(int64_t total);

/* So many events are done, and `at` of the total. */
void progress_show(int64_t events, int64_t at);

/* Removes the bar. */
void progress_end(void);

/* How many seconds ago it began. */
double progress_seconds(void);

/* Writes a number with commas between its thousands, into one of a few buffers that take turns. */
const char *grouped(int64_t number);

#endif
