/*
 * statistics.h
 *    What a store has counted.
 */
#ifndef GOES_TEST_STATISTICS_H
#define GOES_TEST_STATISTICS_H

#include "server.h"

static inline goes_store_statistics
counted(goes_store *store)
{
	goes_store_statistics counted = {.size = sizeof counted};

	assert_int_equal(goes_store_stats(store, &counted), GOES_OK);
	return counted;
}

#endif
