/*
 * proxy.h
 *    A proxy between libgoes and the server, in a thread of the test program, which counts the
 *    messages that pass, and breaks or delays a connection at the one that a test chooses.
 *
 * Messages are counted from 1 in each direction, over all connections, from proxy_plan on. The
 * first one of a connection, its start-up packet, counts; Terminate, requests to cancel, and parameters
 * that are reported behind another one do not.
 */
#ifndef GOES_TEST_PROXY_H
#define GOES_TEST_PROXY_H

#include "server.h"

/* The application_name of sessions that come by way of a proxy. */
#define PROXY_NAME "goes_proxy"

typedef enum Direction
{
	TO_SERVER,
	TO_CLIENT,
	DIRECTIONS
} Direction;

/* What befalls a message. */
typedef enum Fate
{
	DROPPED,   /* the connection is cut before it */
	TORN,	   /* half of it arrives, then the connection is cut */
	DELIVERED, /* it arrives, then the connection is cut */
	FATES,
	DELAYED = FATES /* it arrives, and all that is behind it, delay_ms later */
} Fate;

typedef struct Plan
{
	Direction direction;
	int		  number; /* of the message; 0: nothing happens */
	Fate	  fate;
	bool	  keeps_server; /* the client's side is cut, the server's stays open */
	bool	  refuses;		/* later connections are refused */
	int		  delay_ms;
	/* done right after the cut, before any later connection is served */
	void (*then)(void *argument);
	void *argument;
} Plan;

typedef struct Proxy Proxy;

/* proxy_start makes a proxy before the server of GOES_TEST_URL. */
Proxy *proxy_start(void);
void   proxy_stop(Proxy *proxy);

/* proxy_url returns the keywords that lead to the proxy, which live as long as it does. */
const char *proxy_url(const Proxy *proxy);

/* proxy_plan counts anew from here, and has up to three plans carried out, each once. */
void proxy_plan(Proxy *proxy, const Plan *plans, int count);

/* proxy_cut cuts every connection, those too whose server's side was kept. */
void proxy_cut(Proxy *proxy);

/*
 * Of the time since proxy_plan: messages, connections, plans carried out so far, and requests to cancel
 * that came when no session was left.
 */
int proxy_messages(Proxy *proxy, Direction direction);
int proxy_connections(Proxy *proxy);
int proxy_struck(Proxy *proxy);
int proxy_late_cancels(Proxy *proxy);

/* Was the connection that a plan last struck not yet ready for its first statement? */
bool proxy_struck_early(Proxy *proxy);

#endif
