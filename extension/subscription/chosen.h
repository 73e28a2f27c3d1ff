/*
 * chosen.h
 *	  Events that a person has chosen, and the partitions that they are in.
 */
#ifndef GOES_CHOSEN_H
#define GOES_CHOSEN_H

#include "subscription/subscription.h"

typedef struct Chosen
{
	Subscription *subscription;
	TimestampTz	  now;
	int64		 *positions; /* in order */
	int			  count;
	bool		 *is_chosen;  /* by number of the partition */
	Partition	**partitions; /* by number: those that are locked */
} Chosen;

#pragma GCC visibility push(hidden)

/* chosen.c */
extern Chosen start_choice(FunctionCallInfo fcinfo);
extern void	  choose_partitions(Chosen *chosen, const HeldEvent *held, int count);
extern void	  lock_chosen(Chosen *chosen);
extern void	  end_choice(Chosen *chosen);

#pragma GCC visibility pop

#endif
