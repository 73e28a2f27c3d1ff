/*
 * lost_insert.h
 *    Inserts that have to be right about what became of them, whatever happens to their connection.
 */
#ifndef GOES_TEST_LOST_INSERT_H
#define GOES_TEST_LOST_INSERT_H

#include "lost_write.h"

/*
 * write_at inserts while the plans are carried out, and checks that the result is true and that its
 * batch is whole. Returns the status.
 */
static inline int
write_at(goes_store *store, const Plan *plans, int count, size_t n, const goes_context *context)
{
	goes_event	events[BATCH];
	goes_error *error = NULL;
	int64_t		start;
	int			status;
	size_t		stored;

	fill_events(events, n);
	proxy_plan(proxy, plans, count);
	start = milliseconds();
	status = goes_insert(store, events, n, context, &error);
	expect_soon(plans, start, PATIENCE_MS + WITHIN_MS);
	stored = status == GOES_OK ? count_stored("events", events, n) : n;
	if (stored != n)
		fail_msg(PLACE ": success, but %zu of %zu are stored", PLACE_OF(plans), stored, n);
	settle();
	stored = count_stored("events", events, n);
	if ((stored != n && stored != 0) || (status == GOES_OK && stored == 0) ||
		(status == GOES_ERR_CONNECT && stored != 0) ||
		(status != GOES_OK && status != GOES_ERR_CONNECT && status != GOES_ERR_IN_DOUBT &&
		 status != GOES_ERR_TIMEOUT && status != GOES_ERR_CANCELLED))
		fail_msg(PLACE ": %zu of %zu are stored, but: %s (%s)", PLACE_OF(plans), stored, n,
				 goes_status_text(status), goes_error_message(error));
	goes_error_free(error);
	return status;
}

static inline void
write_before(goes_store *store)
{
	warm_up(store);
}

#endif
