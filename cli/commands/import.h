/*
 * import.h
 *    Events of an import that are stored together.
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/base.h"

typedef struct Batch
{
	goes_store *store;
	goes_event *events;
	int64_t	   *lines; /* the number of each event's line */
	size_t		count;
	bool		expects_stored; /* the batch before was stored already, so this one may be */
	int64_t		stored;
	int64_t		skipped;
	int64_t		lines_done;
} Batch;

/* Stores the events of a batch but for those that are there, and empties it. It ends with that line. */
void batch_store(Batch *batch, int64_t last_line);

#endif
