/*
 * loop.c
 *    One epoll loop that follows a store and serves a timer, in one thread.
 *
 *        cc -o loop loop.c $(pkg-config --cflags --libs libgoes libpq)
 *        POSTGRES_EVENTSTORE=postgres://localhost ./loop
 *
 * The timer ticks every 10 ms. The program prints by how much the worst tick was late in a loop that
 * also follows the store, and beside it in the same loop without libgoes: following never keeps a
 * loop waiting. A child process stores events meanwhile, in both cases.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <goes.h>
#include <libpq-fe.h>

#define TICK_MS 10
#define TICKS 200
#define MOST_EVENTS 100 /* of one turn, so that the timer gets its turn, too */

typedef struct Loop
{
	int		   poller;
	int		   timer;
	goes_feed *feed; /* NULL: without libgoes */
	double	   due;	 /* the next tick, in seconds */
	double	   worst_ms;
	int		   ticks;
	int		   events;
} Loop;

/* Ends the program unless a call succeeded. */
static void
require(int status, goes_error **error)
{
	if (status >= GOES_OK)
		return;
	fprintf(stderr, "loop: %s: %s\n", goes_status_text(status), goes_error_message(*error));
	exit(1);
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Switches the store's feed on. */
static void
switch_feed_on(goes_store *store)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	require(goes_tx_begin(store, &tx, NULL, &error), &error);
	PQclear(PQexec(goes_tx_conn(tx), "SET LOCAL client_min_messages = warning"));
	PQclear(PQexec(goes_tx_conn(tx), "SELECT goes_alter_store(feed => true)"));
	require(goes_tx_commit(tx, NULL, &error), &error);
}

/* Makes a descriptor one of those that the loop waits for. */
static void
add(const Loop *loop, int descriptor, int events)
{
	struct epoll_event event = {.events = (uint32_t) events, .data.fd = descriptor};

	epoll_ctl(loop->poller, EPOLL_CTL_ADD, descriptor, &event);
}

/* Starts a timer that ticks from now on. */
static void
start_timer(Loop *loop)
{
	struct itimerspec every = {.it_interval.tv_nsec = TICK_MS * 1000000,
							   .it_value.tv_nsec = TICK_MS * 1000000};

	loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	timerfd_settime(loop->timer, 0, &every, NULL);
	loop->due = seconds() + TICK_MS / 1e3;
	add(loop, loop->timer, EPOLLIN);
}

/* Serves the timer if it has ticked. */
static void
serve_timer(Loop *loop)
{
	uint64_t ticks;
	double	 late_ms;

	if (read(loop->timer, &ticks, sizeof ticks) != sizeof ticks)
		return;
	late_ms = (seconds() - loop->due) * 1e3;
	if (late_ms > loop->worst_ms)
		loop->worst_ms = late_ms;
	loop->due += (double) ticks * TICK_MS / 1e3;
	loop->ticks += (int) ticks;
}

/* Handles the events that are there. */
static void
follow(Loop *loop)
{
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status = GOES_EVENT;

	for (int i = 0; i < MOST_EVENTS && status == GOES_EVENT; i++)
	{
		status = goes_feed_process(loop->feed, &event, &error);
		if (status == GOES_EVENT)
			loop->events++; /* event->name, event->data, … */
	}
	if (status == GOES_ERR_CONNECT) /* it goes on by itself */
		goes_error_free(error);
	else
		require(status, &error);
}

/* Runs a loop for so many ticks. */
static Loop
run(goes_feed *feed)
{
	Loop loop = {.poller = epoll_create1(0), .feed = feed};

	start_timer(&loop);
	if (feed != NULL)
		add(&loop, goes_feed_fd(feed), goes_feed_events(feed));
	while (loop.ticks < TICKS)
	{
		struct epoll_event ready;
		int64_t			   timeout = feed == NULL ? -1 : goes_feed_timeout_ms(feed);

		(void) epoll_wait(loop.poller, &ready, 1, (int) timeout);
		serve_timer(&loop);
		if (feed != NULL)
			follow(&loop);
	}
	close(loop.timer);
	close(loop.poller);
	return loop;
}

/* A process of its own: stores events until it is ended. */
static pid_t
start_writer(void)
{
	pid_t		child = fork();
	goes_store *store;

	if (child != 0)
		return child;
	if (goes_store_open(&store, NULL, NULL) != GOES_OK)
		_exit(1);
	for (;;)
	{
		goes_event event;

		goes_event_init(&event, "loop.turned", "{\"by\": \"a child\"}");
		if (goes_insert(store, &event, 1, NULL, NULL) != GOES_OK)
			_exit(1);
		usleep(1000);
	}
}

int
main(void)
{
	goes_store *store;
	goes_feed  *feed;
	goes_error *error = NULL;
	Loop		without;
	Loop		with;
	pid_t		writer;

	require(goes_store_open(&store, NULL, &error), &error);
	switch_feed_on(store);
	require(goes_feed_open(store, NULL, &feed, &error), &error);
	writer = start_writer();
	without = run(NULL);
	with = run(feed);
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	printf("%d ticks and %d events: the worst tick was %.1f ms late\n", with.ticks, with.events,
		   with.worst_ms);
	printf("%d ticks without libgoes: the worst tick was %.1f ms late\n", without.ticks,
		   without.worst_ms);
	goes_feed_close(feed);
	goes_store_close(store);
	return 0;
}
