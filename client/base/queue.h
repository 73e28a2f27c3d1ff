/*
 * queue.h
 *    What waits to be done, in its order. What belongs together has the same lane, and two never work
 *    on a lane at the same time, so that its order holds.
 *
 * The caller has a lock for all of it.
 */
#ifndef GOES_QUEUE_H
#define GOES_QUEUE_H

#include "base/base.h"

/* Things that have nothing to do with each other may share a lane: one waits for the other then. */
#define LANES 4096

/* The head of something that can wait. */
typedef struct Queued
{
	struct Queued *next; /* in the queue, or among those taken together */
	unsigned	   lane;
	size_t		   bytes;
} Queued;

typedef struct Queue
{
	Queued		 *first;
	Queued		**end;
	unsigned char taker[LANES]; /* the number of who works on a lane; 0: nobody */
} Queue;

/* How much is taken together. */
typedef struct Portion
{
	size_t count;
	size_t bytes; /* the first may have more */
} Portion;

void	 queue_init(Queue *queue);
unsigned queue_lane(const char *name, const goes_uuid *id);
void	 queue_put(Queue *queue, Queued *queued);
void	 queue_remove(Queue *queue, Queued *queued); /* that waits in it */

/* Is there something in a lane that nobody works on? */
bool queue_has_work(const Queue *queue);

/* Takes what can be worked on, in its order; NULL: nothing. The taker has all its lanes from here on. */
Queued *queue_take(Queue *queue, int taker, Portion most);

/* Gives the lanes of what was taken back. */
void queue_release(Queue *queue, const Queued *taken);

#endif
