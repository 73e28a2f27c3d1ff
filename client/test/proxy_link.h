/*
 * proxy_link.h
 *    A link of a proxy: a client's connection and the one to the server that belongs to it.
 *
 * Each direction of a link is a flow: what has come in is cut into messages (a byte for the type, except
 * in the start-up packet, and four for the length), and what may go on is put behind what has not gone
 * out yet.
 */
#ifndef GOES_TEST_PROXY_LINK_H
#define GOES_TEST_PROXY_LINK_H

#include <poll.h>

#include "data/data.h"
#include "proxy.h"

typedef struct Flow
{
	Buffer	in;
	Buffer	out;
	size_t	sent;		/* of out */
	int64_t held_until; /* of the monotonic clock; 0: not held */
	bool	has_ended;	/* nothing comes in any more */
} Flow;

typedef struct Link
{
	int	 ends[DIRECTIONS]; /* ends[d] is where direction d goes; -1: closed */
	Flow flows[DIRECTIONS];
	bool is_used;
	bool is_started;   /* the start-up packet is through */
	bool is_ready;	   /* the server has said so once */
	bool is_reporting; /* the last message to the client was a parameter's value */
	bool is_cancel;	   /* a request to cancel, not a session */
} Link;

/* link_open connects a client to the server of GOES_TEST_URL; false, and all is closed, if it cannot. */
bool link_open(Link *link, int client);
void link_close(Link *link);

/* link_close_end closes one side at once, whatever is on its way. */
void link_close_end(Link *link, Direction direction);

/*
 * link_poll lists what to wait for, and returns how much that is: where a flow comes from, and where it
 * goes if that is full. A flow that is held or full is not read, but its end is noticed.
 */
int link_poll(const Link *link, struct pollfd *polled);

/* link_read reads what has come in. What a server says to a client that was cut off is thrown away. */
void link_read(Link *link, Direction direction);

/* link_send sends what a flow has to send; false if its receiver is gone. */
bool link_send(Link *link, Direction direction);

/*
 * link_message_length returns the length of the message that a flow's input begins with; 0 if too
 * little of it is there to know.
 */
size_t link_message_length(const Link *link, Direction direction);

/*
 * link_is_counted tells whether that message has a number. The first bytes of a session and those of a
 * request to cancel look alike but for a code. Of the parameters that a session reports in a row the
 * first one has a number: libpq reads all of them alike.
 */
bool link_is_counted(Link *link, Direction direction);

/* flow_forward moves the first bytes of a flow's input to its output. */
void flow_forward(Flow *flow, size_t length);

#endif
