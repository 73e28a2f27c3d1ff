/*
 * snapshot.c
 *    Copying snapshots.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

goes_snapshot *
snapshot_copy(const goes_snapshot *snapshot)
{
	size_t		   name_size = strlen(snapshot->aggregate_name) + 1;
	goes_snapshot *copy = malloc(sizeof *copy + name_size + snapshot->state_len);
	char		  *bytes;

	if (copy == NULL)
		return NULL;
	bytes = (char *) (copy + 1);
	*copy = *snapshot;
	copy->aggregate_name = memcpy(bytes, snapshot->aggregate_name, name_size);
	copy->state = bytes + name_size;
	if (snapshot->state_len > 0)
		memcpy(bytes + name_size, snapshot->state, snapshot->state_len);
	return copy;
}

void
goes_snapshot_free(goes_snapshot *snapshot)
{
	free(snapshot);
}
