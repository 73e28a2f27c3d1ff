/*
 * page.c
 *    The events of a feed, page by page, in the order of their positions.
 *
 * As soon as a page is there the next one is asked for, so that the server works on it while the
 * program has the first. One page waits ready behind that of the program, so that neither of them
 * waits for the other because it was slower for once. A page ends with the cursor to go on after.
 * Each page costs a round trip and a statement, so pages are large; the server ends one before it
 * gets larger, however wide its events are.
 */
#include "follow/feed.h"
#include "data/oids.h"

#define PAGE_BYTES (1024 * 1024)
#define EVENTS_A_READ 32

/*
 * ask_page asks for the next page, and for the server to wait for it.
 */
static int
ask_page(goes_feed *feed, int64_t wait_ms, goes_error **err)
{
	Call		 call = line_call(&feed->line);
	QueryRequest request;
	NumberText	 numbers[4];
	char		 id[37];
	int status = request_make(&request, &call, REQUEST_FEED, feed->filter, call.store->table, err);

	goes_uuid_format(&feed->end.id, id);
	add_number(&request.parameters, "after", INT8_TYPE, feed->end.position, numbers[0]);
	add_text(&request.parameters, "after_id", UUID_TYPE, is_nil(&feed->end.id) ? NULL : id);
	add_number(&request.parameters, "max_events", INT8_TYPE, feed->most, numbers[1]);
	add_number(&request.parameters, "max_bytes", INT8_TYPE, PAGE_BYTES, numbers[2]);
	add_number(&request.parameters, "wait_ms", INT4_TYPE, wait_of_question(wait_ms), numbers[3]);
	if (status == GOES_OK)
		status = line_send(&feed->line, REQUEST_FEED, &request.parameters, err);
	feed->line.waits = wait_of_question(wait_ms) > 0;
	request_free(&request);
	return status;
}

/*
 * take_page takes the page that has come; false if none has.
 */
static int
take_page(goes_feed *feed, bool *is_taken, goes_error **err)
{
	PGresult *values = line_take(&feed->line);
	Page	  page;
	int		  status;

	*is_taken = values != NULL;
	if (values == NULL)
		return GOES_OK;
	status = decode_page(values, &page.events, &page.end, err);
	if (status != GOES_OK)
	{
		PQclear(values);
		return status;
	}
	feed->is_empty = page_is_over(&page.events) && page.end.position == feed->end.position;
	feed->end = page.end;
	*(feed->page.events.values == NULL ? &feed->page : &feed->ahead) = page;
	return GOES_OK;
}

/*
 * go_on takes the page that has come, and asks for the one behind it. There is room for it.
 */
static int
go_on(goes_feed *feed, int64_t wait_ms, bool *is_taken, goes_error **err)
{
	int status = line_step(&feed->line, err);

	if (status == GOES_OK)
		status = take_page(feed, is_taken, err);
	if (status == GOES_OK && line_is_free(&feed->line) && !feed->is_empty)
		status = ask_page(feed, wait_ms, err);
	return status;
}

/*
 * read_ahead takes in what has come meanwhile, so that the server need not wait for a slow program, with a
 * snapshot and a lock on the table. An error here can wait: whoever asks again meets it again.
 */
static void
read_ahead(goes_feed *feed, int64_t wait_ms)
{
	bool is_taken;

	if (line_take_in(&feed->line) && feed->ahead.events.values == NULL)
		(void) go_on(feed, wait_ms, &is_taken, NULL);
}

/*
 * turn_page goes on to the page that has come meanwhile, if there is one.
 */
static void
turn_page(goes_feed *feed)
{
	feed->delivered = feed->page.end;
	PQclear(feed->page.events.values);
	feed->page = feed->ahead;
	feed->ahead.events.values = NULL;
	feed->given = 0;
}

/*
 * next_at_hand gives out the next event that has come, if there is one. A page is forgotten behind
 * its last one.
 */
static int
next_at_hand(goes_feed *feed, int64_t wait_ms, goes_error **err)
{
	int status;

	while (feed->page.events.values != NULL && page_is_over(&feed->page.events))
		turn_page(feed);
	if (feed->page.events.values == NULL)
		return FOLLOW_WAITS;
	status = decode_next(&feed->page.events, &feed->event, &feed->delivered, err);
	if (status != GOES_OK)
		return status;
	if (++feed->given % EVENTS_A_READ == 0)
		read_ahead(feed, wait_ms);
	return GOES_EVENT;
}

int
feed_advance(goes_feed *feed, int64_t wait_ms, goes_error **err)
{
	int	 status = next_at_hand(feed, wait_ms, err);
	bool is_taken = true;

	while (status == FOLLOW_WAITS && is_taken)
	{
		status = go_on(feed, wait_ms, &is_taken, err);
		if (status == GOES_OK)
			status = next_at_hand(feed, wait_ms, err);
	}
	return status;
}

int
feed_begin(goes_feed *feed, const Deadline *deadline, goes_error **err)
{
	int	 status = ask_page(feed, 0, err);
	bool is_taken = false;

	while (status == GOES_OK && !is_taken)
	{
		status = line_wait(&feed->line, deadline, err);
		if (status == GOES_OK)
			status = line_step(&feed->line, err);
		if (status == GOES_OK && line_is_free(&feed->line))
			status = ask_page(feed, 0, err); /* the connection was lost meanwhile */
		if (status == GOES_OK)
			status = take_page(feed, &is_taken, err);
	}
	if (status == GOES_OK && !feed->is_empty)
		status = ask_page(feed, feed->wait_ms, err);
	feed->is_empty = false;
	return status;
}
