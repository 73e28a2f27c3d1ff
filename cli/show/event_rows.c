/*
 * event_rows.c
 *    Events, one after the other: as a table, as lines of JSON, or as JSON with indentation.
 */
#include <stdlib.h>

#include "show/show.h"

struct EventRows
{
	Format	  format;
	EventKind kind;
	Table	 *table;
	int64_t	  count;
};

/* The columns of a table, by what the events are. */
static const char *const headings[][8] = {
	[EVENTS_OF_QUERY] = {"time", "name", "aggregate", "id", ">v", "data"},
	[EVENTS_OF_FEED] = {">position", "time", "name", "aggregate", "id", ">v", "data"},
	[EVENTS_OF_AGGREGATE] = {">v", "time", "name", "data"}};

EventRows *
event_rows_new(const Format *format, EventKind kind)
{
	EventRows *rows = allocated(calloc(1, sizeof *rows));

	rows->format = *format;
	rows->kind = kind;
	if (!format->is_json)
		rows->table = table_new(headings[kind]);
	return rows;
}

/*
 * add_row shows an event in a table, without its own id: the data are worth more of the line.
 */
static void
add_row(EventRows *rows, const goes_event *event, int64_t position)
{
	char		time[MOMENT_SIZE];
	char		id[37] = "";
	char		version[16] = "";
	char		number[24];
	const char *cells[] = {number, time,	event->name, event->aggregate_name,
						   id,	   version, event->data};
	const char *short_cells[] = {version, time, event->name, event->data};

	moment_write_short(event->time, time);
	snprintf(number, sizeof number, "%lld", (long long) position);
	if (!goes_uuid_is_nil(&event->aggregate_id))
	{
		goes_uuid_format(&event->aggregate_id, id);
		snprintf(version, sizeof version, "%d", event->aggregate_version);
	}
	if (rows->kind == EVENTS_OF_AGGREGATE)
		table_row(rows->table, short_cells);
	else
		table_row(rows->table, rows->kind == EVENTS_OF_FEED ? cells : cells + 1);
}

void
event_rows_add(EventRows *rows, const goes_event *event, int64_t position)
{
	rows->count++;
	if (rows->table != NULL)
		add_row(rows, event, position);
	else if (rows->format.is_pretty)
		event_to_pretty_json(stdout, event, position);
	else
		event_to_json(stdout, event, position);
	if (ferror(stdout))
		require_written(stdout);
}

void
event_rows_flush(EventRows *rows)
{
	if (rows->table != NULL)
		table_flush(rows->table);
	require_written(stdout);
}

int64_t
event_rows_end(EventRows *rows)
{
	int64_t count = rows->count;

	if (rows->table != NULL)
		table_end(rows->table);
	require_written(stdout);
	free(rows);
	return count;
}
