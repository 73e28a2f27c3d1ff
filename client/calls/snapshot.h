/*
 * snapshot.h
 *    Copying snapshots.
 */
#ifndef GOES_SNAPSHOT_H
#define GOES_SNAPSHOT_H

#include "data/data.h"

/* One allocation, freed by goes_snapshot_free; NULL without memory. */
goes_snapshot *snapshot_copy(const goes_snapshot *snapshot);

#endif
