/*
 * lost_write.h
 *    What holds for every write whose connection breaks, be it an insert or an append.
 */
#ifndef GOES_TEST_LOST_WRITE_H
#define GOES_TEST_LOST_WRITE_H

#include "lost.h"

#define BATCH 100 /* the most that write_at is asked for */

/*
 * The program's own: write_at writes n events while the plans are carried out, checks that the status
 * is true, and returns it; write_before leaves the store a connection that has written before.
 */
static inline int  write_at(goes_store *store, const Plan *plans, int count, size_t n,
							const goes_context *context);
static inline void write_before(goes_store *store);

/*
 * A connection that breaks anywhere costs nothing but a second try. Only one that breaks before the
 * server let us in is reported: that is what a server that is down looks like.
 */
static inline void
test_a_cut_at_any_message_is_made_good(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;

	write_before(store);
	settle();
	do
	{
		int status = write_at(store, &plan, 1, 1, NULL);

		if (status != GOES_OK && !proxy_struck_early(proxy))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
	} while (next_message(&plan));
	goes_store_close(store);
}

static inline void
test_a_cut_within_a_batch_is_made_good(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;

	do
	{
		write_before(store);
		if (write_at(store, &plan, 1, BATCH, NULL) != GOES_OK)
			fail_msg(PLACE ": not made good", PLACE_OF(&plan));
	} while (next_place(&plan));
	goes_store_close(store);
}

/*
 * The client is cut off while the server goes on, and may still commit: the second try waits for it.
 * If it does not end (it got the events, but not the word to commit), the outcome is in doubt.
 */
static inline void
test_a_server_that_goes_on_is_waited_for(void **state)
{
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			in_doubt = 0;

	plan.keeps_server = true;
	do
	{
		int status;

		write_before(store);
		status = write_at(store, &plan, 1, BATCH, NULL);
		in_doubt += status == GOES_ERR_IN_DOUBT;
		if (status != GOES_OK && (status != GOES_ERR_IN_DOUBT || plan.direction != TO_SERVER))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
	} while (next_message(&plan));
	assert_true(in_doubt > 0);
	goes_store_close(store);
}

#endif
