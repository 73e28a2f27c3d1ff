/*
 * appending.h
 *    Appends that wait to be sent together, each with an outcome of its own.
 */
#ifndef GOES_APPENDING_H
#define GOES_APPENDING_H

#include "base/queue.h"
#include "calls/write.h"

/* What one call takes: more would not be faster, and would lock aggregates for longer. */
#define MOST_TOGETHER 1000
#define MOST_BYTES_TOGETHER ((size_t) 4 * 1024 * 1024)

typedef struct Appending
{
	Queued		queued; /* must be first */
	Write		write;
	VersionText expected_text;
	bool		can_redo; /* somebody waits for the outcome who can also make the append alone */

	/* the outcome */
	bool		is_open; /* there is none yet: it has to be made alone */
	int			status;
	goes_error *error;
	int32_t		last; /* version, of a success */
} Appending;

/*
 * appending.c: an append with all that belongs to it, in an allocation that begins with an Appending
 * and has so many bytes in front of the rest. NULL without memory.
 */
Appending *appending_copy(const Write *write, size_t size);
void	   appending_borrow(Appending *appending, const Write *write); /* no copy */

/* Forgets the outcome that an earlier try gave it, which is tried again. */
void appending_begin(Appending *appending);

/* append_each.c: finds the outcomes of what was taken together, in the time that is left for it. */
void append_each(goes_store *store, Queued *taken, const goes_context *context);

/* The same for a single append, which is made as goes_append() makes it. */
int append_alone(goes_store *store, Write *write, const goes_context *context, goes_error **err);

/* What was sent and is given up, by its time or its cancel, is in doubt. Replaces the error. */
int doubt_given_up(int status, bool was_sent, goes_error **error);

/* coalesce.c: appends together with what other threads append at the same time */
int append_coalesced(goes_store *store, Write *write, const goes_context *context,
					 goes_error **err);

#endif
