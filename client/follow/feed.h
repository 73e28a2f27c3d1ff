/*
 * feed.h
 *    What a feed is, and its pages.
 */
#ifndef GOES_FEED_H
#define GOES_FEED_H

#include "follow/follow.h"

/* Events that came together, and the cursor behind them. */
typedef struct Page
{
	FeedPage events; /* without values: none have come */
	Place	 end;
} Page;

struct goes_feed
{
	Line			line;
	pthread_mutex_t lock; /* held by whoever uses it, so that another thread can close it */
	goes_query	   *filter;
	int64_t			most;	 /* events of a page */
	int64_t			wait_ms; /* below 0: not at all */
	Place			delivered;
	Place			end;	  /* of the page that came last */
	Page			page;	  /* whose events are given out */
	Page			ahead;	  /* the one behind it, if it has come already */
	int				given;	  /* how many events of the page */
	bool			is_empty; /* the last answer had no news */
	goes_event		event;
};

/*
 * page.c: does what can be done without waiting: GOES_EVENT, FOLLOW_WAITS, or an error. After an
 * answer without news (is_empty) it does not ask again: the caller may have waited long enough.
 */
int feed_advance(goes_feed *feed, int64_t wait_ms, goes_error **err);

/* Waits for the answer to the first question, which tells whether there is a feed. */
int feed_begin(goes_feed *feed, const Deadline *deadline, goes_error **err);

#endif
