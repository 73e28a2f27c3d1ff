/*
 * feed.c
 *    Following a store: opening, waiting for events, closing.
 */
#include <poll.h>
#include <stdlib.h>

#include "follow/feed.h"
#include "store/tally.h"

#define DEFAULT_PAGE 4000

void
goes_feed_options_init(goes_feed_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
}

/*
 * check_feed fails if this process must not use the feed.
 */
static int
check_feed(const goes_feed *feed, const void *out, goes_error **err)
{
	if (feed == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "feed and out must not be NULL");
	return check_owner(feed->line.store, err);
}

/*
 * wait_for_event waits for the next event, or until there was no news for wait_ms.
 */
static int
wait_for_event(goes_feed *feed, const Deadline *deadline, goes_error **err)
{
	Deadline news = deadline_in(feed->wait_ms, NULL);
	int		 status;

	for (;;)
	{
		status = feed_advance(feed, feed->wait_ms < 0 ? 0 : deadline_left_ms(&news), err);
		if (status != FOLLOW_WAITS)
			return status;
		if (feed->is_empty)
		{
			feed->is_empty = false;
			if (feed->wait_ms < 0 || deadline_passed(&news))
				return GOES_END;
			continue;
		}
		if (feed->wait_ms < 0 && line_is_left_waiting(&feed->line))
			return GOES_END; /* by goes_feed_process() */
		status = line_wait(&feed->line, deadline, err);
		if (status != GOES_OK)
			return status;
	}
}

int
goes_feed_next(goes_feed *feed, const goes_event **out, const goes_context *context,
			   goes_error **err)
{
	Deadline deadline;
	int		 status = check_feed(feed, out, err);

	if (status != GOES_OK)
		return status;
	deadline = context_deadline(feed->line.store, context);
	if (is_cancelled(deadline.cancel))
		return deadline_check(&deadline, err);
	pthread_mutex_lock(&feed->lock);
	status = wait_for_event(feed, &deadline, err);
	if (status == GOES_EVENT)
		*out = &feed->event;
	count_error(feed->line.store, status);
	pthread_mutex_unlock(&feed->lock);
	return status;
}

int64_t
goes_feed_position(const goes_feed *feed, goes_uuid *id)
{
	if (id != NULL)
		memset(id, 0, sizeof *id);
	if (feed == NULL)
		return 0;
	if (id != NULL)
		*id = feed->delivered.id;
	return feed->delivered.position;
}

/*
 * free_feed frees a feed that nobody uses.
 */
static void
free_feed(goes_feed *feed)
{
	PQclear(feed->page.events.values);
	PQclear(feed->ahead.events.values);
	goes_query_free(feed->filter);
	free(feed);
}

/*
 * start_feed connects and asks for the first page.
 */
static int
start_feed(goes_feed *feed, goes_store *store, goes_error **err)
{
	Deadline deadline = context_deadline(store, NULL);
	int		 status = goes_store_connect(store, NULL, err);

	if (status == GOES_OK)
		status = line_open(&feed->line, store, true, &deadline, err);
	if (status != GOES_OK)
		return status;
	status = feed_begin(feed, &deadline, err);
	if (status == GOES_OK && pthread_mutex_init(&feed->lock, NULL) != 0)
		status = fail_memory(err);
	if (status != GOES_OK)
		line_close(&feed->line);
	return status;
}

int
goes_feed_open(goes_store *store, const goes_feed_options *options, goes_feed **out,
			   goes_error **err)
{
	goes_feed_options known = {.size = sizeof known};
	goes_feed		 *feed;
	int				  status;

	if (store == NULL || out == NULL || (options != NULL && options->size == 0))
		return fail(err, GOES_ERR_INVALID,
					"store and out must not be NULL, and options->size must not be 0");
	if (options != NULL)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	if (known.page < 0 || known.after < 0)
		return fail(err, GOES_ERR_INVALID, "page and after must not be below 0");
	if (store->tx != NULL)
		return fail(err, GOES_ERR_STATE, "a feed cannot be followed inside a transaction");
	feed = calloc(1, sizeof *feed);
	if (feed == NULL)
		return fail_memory(err);
	feed->most = known.page == 0 ? DEFAULT_PAGE : known.page;
	feed->wait_ms = known.wait_ms == 0 ? DEFAULT_WAIT_MS : known.wait_ms;
	feed->delivered = feed->end = (Place){known.after, known.after_id};
	feed->filter = goes_query_new();
	if (known.filter != NULL)
		(void) goes_query_merge(feed->filter, known.filter); /* what fails shows when it is used */
	status = feed->filter == NULL ? fail_memory(err) : GOES_OK;
	if (status == GOES_OK)
		status = start_feed(feed, store, err);
	if (status == GOES_OK)
		*out = feed;
	else
		free_feed(feed);
	return status;
}

void
goes_feed_close(goes_feed *feed)
{
	if (feed == NULL)
		return;
	if (check_owner(feed->line.store, NULL) == GOES_OK)
	{
		goes_cancel_trigger(feed->line.closing);
		pthread_mutex_lock(&feed->lock);
		pthread_mutex_unlock(&feed->lock);
		pthread_mutex_destroy(&feed->lock);
	}
	line_close(&feed->line);
	free_feed(feed);
}

/*
 * advance_feed does what can be done now. The program comes back when there is more.
 */
static int
advance_feed(goes_feed *feed, goes_error **err)
{
	int	 status;
	bool is_empty;

	do
	{
		status = feed_advance(feed, LONGEST_WAIT_MS, err);
		is_empty = feed->is_empty;
		feed->is_empty = false;
	} while (status == FOLLOW_WAITS && is_empty);
	return status == FOLLOW_WAITS ? GOES_END : status;
}

int
goes_feed_process(goes_feed *feed, const goes_event **out, goes_error **err)
{
	int status = check_feed(feed, out, err);

	if (status != GOES_OK)
		return status;
	pthread_mutex_lock(&feed->lock);
	status = advance_feed(feed, err);
	if (status == GOES_EVENT)
		*out = &feed->event;
	count_error(feed->line.store, status);
	pthread_mutex_unlock(&feed->lock);
	return status;
}

int
goes_feed_fd(const goes_feed *feed)
{
	return feed == NULL ? -1 : feed->line.poller;
}

int
goes_feed_events(const goes_feed *feed)
{
	return feed == NULL ? 0 : POLLIN;
}

int64_t
goes_feed_timeout_ms(const goes_feed *feed)
{
	if (feed == NULL)
		return -1;
	return feed->page.events.values != NULL ? 0 : line_due_ms(&feed->line);
}
