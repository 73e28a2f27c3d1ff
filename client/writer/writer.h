/*
 * writer.h
 *    What a writer is: appends that wait, threads that make them, and outcomes that nobody has taken.
 */
#ifndef GOES_WRITER_H
#define GOES_WRITER_H

#include "calls/appending.h"

#define MOST_THREADS 16

/* An append that was accepted. */
typedef struct Accepted
{
	Appending appending; /* must be first */
	Deadline  deadline;	 /* for sending it */
	void	 *tag;
} Accepted;

/* A thread, which has a connection as long as it makes appends. */
typedef struct WriterThread
{
	goes_writer *writer;
	pthread_t	 id;
	int			 number; /* from 1 */
} WriterThread;

struct goes_writer
{
	goes_store	*store; /* held */
	int			 most;	/* appends without an outcome */
	bool		 no_wait;
	int64_t		 timeout_ms;
	goes_cancel *closing;  /* gives up what was sent */
	int			 readable; /* an eventfd: are there outcomes? */

	pthread_mutex_t lock;	 /* for all below */
	pthread_cond_t	settled; /* outcomes have come, and there is room */
	pthread_cond_t	work;	 /* there is something to be made, or it is closed */
	bool			is_closed;
	Queue			waiting;
	int				busy;	 /* threads that make appends now */
	int64_t			pending; /* appends without an outcome */
	Queued		   *outcomes;
	Queued		  **outcomes_end;
	Accepted	   *given; /* the outcome that the program has */
	goes_outcome	outcome;
	WriterThread	threads[MOST_THREADS];
	int				thread_count;
};

/* writer_thread.c: starts and ends the threads of a writer. Ended, everything has an outcome. */
int	 writer_start(goes_writer *writer, int threads, goes_error **err);
void writer_stop(goes_writer *writer);

void accepted_free(Accepted *accepted);

#endif
