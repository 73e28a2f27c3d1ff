/*
 * import_batch.c
 *    Storing a batch of an import, once.
 *
 * An event that is stored already is no error if it is the same. Which those are is asked only when the
 * server has refused a batch, and from then on as long as whole batches are there.
 */
#include <stdlib.h>
#include <string.h>

#include "commands/import.h"
#include "options/options.h"

/*
 * compare_ids orders events by id, for qsort and bsearch.
 */
static int
compare_ids(const void *a, const void *b)
{
	const goes_event *const *first = a;
	const goes_event *const *second = b;

	return memcmp(&(*first)->id, &(*second)->id, sizeof(goes_uuid));
}

static bool
is_same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/*
 * has_same_data compares JSON as the server does, unless it is the same text.
 */
static bool
has_same_data(goes_store *store, const goes_event *event, const goes_event *stored)
{
	const char *values[2];
	PGresult   *result;
	char	   *data;
	bool		is_same;

	if (event->data == NULL)
		return strcmp(stored->data, "null") == 0;
	if (event->data_len == stored->data_len &&
		memcmp(event->data, stored->data, event->data_len) == 0)
		return true;
	data = allocated(strndup(event->data, event->data_len));
	values[0] = data;
	values[1] = stored->data;
	result =
		ask(goes_store_pool(store),
			"SELECT $1::pg_catalog.jsonb OPERATOR(pg_catalog.=) $2::pg_catalog.jsonb", 2, values);
	is_same = *PQgetvalue(result, 0, 0) == 't';
	PQclear(result);
	free(data);
	return is_same;
}

static bool
is_same_event(goes_store *store, const goes_event *event, const goes_event *stored)
{
	return is_same_text(event->name, stored->name) && event->time == stored->time &&
		   memcmp(&event->aggregate_id, &stored->aggregate_id, sizeof(goes_uuid)) == 0 &&
		   is_same_text(event->aggregate_name, stored->aggregate_name) &&
		   event->aggregate_version == stored->aggregate_version &&
		   has_same_data(store, event, stored);
}

/*
 * line_of returns the number of an event's line.
 */
static int64_t
line_of(const Batch *batch, const goes_event *event)
{
	return batch->lines[event - batch->events];
}

/*
 * sort_by_id returns the events in the order of their ids. The same id twice is an error.
 */
static goes_event **
sort_by_id(const Batch *batch)
{
	goes_event **sorted = allocated(malloc(batch->count * sizeof *sorted));

	for (size_t i = 0; i < batch->count; i++)
		sorted[i] = &batch->events[i];
	qsort(sorted, batch->count, sizeof *sorted, compare_ids);
	for (size_t i = 1; i < batch->count; i++)
	{
		if (compare_ids(&sorted[i - 1], &sorted[i]) == 0)
			fail(EXIT_CONFLICT, "lines %lld and %lld have the same id",
				 (long long) line_of(batch, sorted[i - 1]), (long long) line_of(batch, sorted[i]));
	}
	return sorted;
}

/*
 * find_stored runs a query for the ids of a batch.
 */
static goes_cursor *
find_stored(const Batch *batch)
{
	goes_query	*query = allocated(goes_query_new());
	goes_cursor *cursor;
	goes_error	*error = NULL;

	for (size_t i = 0; i < batch->count; i++)
		(void) goes_query_id(query, &batch->events[i].id);
	require(goes_query_run(batch->store, query, &cursor, call_context(), &error), &error);
	goes_query_free(query);
	return cursor;
}

/*
 * remove_stored takes out of a batch what is stored already, and leaves the rest in its order.
 */
static void
remove_stored(Batch *batch)
{
	goes_event		**sorted = sort_by_id(batch);
	bool			 *is_stored = allocated(calloc(batch->count, sizeof *is_stored));
	goes_cursor		 *cursor = find_stored(batch);
	const goes_event *stored;
	goes_error		 *error = NULL;
	size_t			  left = 0;
	int				  status;

	while ((status = goes_cursor_next(cursor, &stored, &error)) == GOES_EVENT)
	{
		goes_event **found = bsearch(&stored, sorted, batch->count, sizeof *sorted, compare_ids);

		if (found == NULL)
			continue;
		if (!is_same_event(batch->store, *found, stored))
			fail(EXIT_CONFLICT, "line %lld: another event with the same id is stored",
				 (long long) line_of(batch, *found));
		is_stored[*found - batch->events] = true;
	}
	require(status, &error);
	goes_cursor_close(cursor);
	for (size_t i = 0; i < batch->count; i++)
	{
		if (is_stored[i])
			continue;
		batch->events[left] = batch->events[i];
		batch->lines[left++] = batch->lines[i];
	}
	batch->skipped += (int64_t) (batch->count - left);
	batch->expects_stored = left == 0;
	batch->count = left;
	free(is_stored);
	free(sorted);
}

/*
 * fail_at_line ends the tool with the line that the server refused, as far as that is known.
 */
static void
fail_at_line(const Batch *batch, int status, goes_error *error)
{
	int64_t index = goes_error_event_index(error);
	bool	is_known = index >= 0 && (size_t) index < batch->count;

	if (is_interrupted() || status == GOES_ERR_CONNECT || status == GOES_ERR_PERMISSION)
		require(status, &error);
	fail(exit_code(status, error), "%s %lld%s: %s: %s", is_known ? "line" : "lines from",
		 (long long) batch->lines[is_known ? index : 0], is_known ? "" : " on",
		 goes_status_text(status), goes_error_message(error));
}

void
batch_store(Batch *batch, int64_t last_line)
{
	goes_error *error = NULL;
	int			status;

	if (batch->count > 0 && batch->expects_stored)
		remove_stored(batch);
	status = goes_insert(batch->store, batch->events, batch->count, call_context(), &error);
	if (status == GOES_ERR_DUPLICATE || status == GOES_ERR_CONFLICT)
	{
		size_t count = batch->count;

		remove_stored(batch);
		if (batch->count == count)
			fail_at_line(batch, status, error);
		goes_error_free(error);
		error = NULL;
		status = goes_insert(batch->store, batch->events, batch->count, call_context(), &error);
	}
	if (status != GOES_OK)
		fail_at_line(batch, status, error);
	batch->stored += (int64_t) batch->count;
	batch->lines_done = last_line;
	batch->count = 0;
}
