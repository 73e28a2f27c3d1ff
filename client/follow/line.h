/*
 * line.h
 *    A connection for one who follows a store: it does what can be done without waiting, and is made
 *    again when it is lost.
 *
 * One request at a time: line_send() when line_is_free(), and then line_step() until line_take()
 * has the answer. A request whose connection was lost has no answer: the line is free again.
 */
#ifndef GOES_LINE_H
#define GOES_LINE_H

#include "calls/query_parameters.h"
#include "net/resolve.h"

typedef enum LineState
{
	LINE_DOWN,
	LINE_CONNECTING,
	LINE_LOOKING_UP, /* what a session has to know */
	LINE_SETTING_UP, /* how the server finds out that we are gone */
	LINE_FREE,
	LINE_ASKED,
	LINE_ANSWERED
} LineState;

/* A way to a server. */
typedef struct Route
{
	goes_pool *pool; /* whose target it has */
	KnownHosts known;
} Route;

typedef struct Line
{
	goes_store	*store;	  /* held */
	goes_cancel *closing; /* triggered by whoever closes it */
	bool		 stays;	  /* although it was triggered */
	int			 poller;  /* an epoll of the socket, so that programs have one that stays */
	int			 watched; /* the socket in it; -1: none */
	Route		 routes[2];
	int			 route_count;
	int			 route; /* taken now, or next */
	LineState	 state;
	Connecting	 connecting;
	Connection	*connection;
	Request		 request; /* the last one */
	bool		 waits;	  /* the server answers it when there is something to tell */
	PGresult	*answer;
	int64_t		 pause_until;	/* of the monotonic clock: nothing is tried before */
	int64_t		 pause_ms;		/* the next one */
	int64_t		 failing_since; /* 0: it works */
	bool		 is_lost;		/* the connection, and there is no other one yet */
} Line;

/*
 * Makes a line, connected. It holds the store. One that only reads goes where reads go, and to the
 * primary if that cannot be reached, until the connection is lost.
 */
int line_open(Line *line, goes_store *store, bool only_reads, const Deadline *deadline,
			  goes_error **err);

/*
 * Goes as far as it can without waiting. An error is one of the server's, or says that it has not
 * been reached for the store's connect_timeout_ms; the next step goes on all the same.
 */
int line_step(Line *line, goes_error **err);

/* Waits until there may be something for a step; TIMEOUT, CANCELLED. */
int line_wait(const Line *line, const Deadline *deadline, goes_error **err);

/* Has the server been left with a question that it answers when there is something to tell? */
bool line_is_left_waiting(const Line *line);

/* Can a request be sent? Not during the pause that follows an error. */
bool line_is_free(const Line *line);

/* What a request's parameters are made for; NULL when not connected. */
Call line_call(const Line *line);

int		  line_send(Line *line, Request request, const Parameters *parameters, goes_error **err);
PGresult *line_take(Line *line); /* the answer, to be cleared; NULL: none yet */

/* Takes in all that has come of an answer. Is it whole? If that fails, the next step says so. */
bool line_take_in(Line *line);

/* After how many milliseconds a step is due even if nothing comes; -1: never. */
int64_t line_due_ms(const Line *line);

/*
 * Gives errors that have SQLSTATEs of PostgreSQL's their status: SCHEMA for a store without a feed,
 * NOT_FOUND for a subscription that does not exist.
 */
int refine_following(goes_error **error);

/* Has line_wait() wait again although it is being closed: for its owner's last words. */
void line_stay(Line *line);

/* Has the server cancel what runs, and lets the connection go. */
void line_close(Line *line);

#endif
