/*
 * subscription_writer.h
 *    A process that appends to aggregates which others append to as well, and now and then rolls back.
 */
#ifndef GOES_TEST_SUBSCRIPTION_WRITER_H
#define GOES_TEST_SUBSCRIPTION_WRITER_H

#include "subscription_run.h"

/*
 * write_lonely stores events without aggregate.
 */
static inline int
write_lonely(Session *session)
{
	int count = 1 + below(session, 3);

	must(session,
		 "INSERT INTO events (id, name, time) SELECT gen_random_uuid(), 'lonely', n "
		 "FROM generate_series(1, %d) AS n",
		 count);
	return count;
}

/*
 * append_some appends to an aggregate.
 */
static inline int
append_some(Session *session, int aggregate)
{
	int count = 1 + below(session, 6);

	must(session,
		 "SELECT goes_append('order', '" AGGREGATE_ID "', "
		 "ARRAY(SELECT goes_new_event('changed') FROM generate_series(1, %d)))",
		 aggregate, count);
	return count;
}

/*
 * write_transaction stores events in one transaction, now and then in a poisoned aggregate, too. It
 * goes from lower numbers to higher ones: so no two transactions wait for each other.
 */
static inline void
write_transaction(Session *session)
{
	int	 steps = 1 + below(session, 3);
	int	 aggregate = below(session, happens(session, 8) ? POISONED : AGGREGATES);
	int	 count = 0;
	bool is_stored = !happens(session, 5);

	must(session, "BEGIN");
	for (int i = 0; i < steps; i++)
	{
		count += happens(session, 10) ? write_lonely(session) : append_some(session, aggregate);
		aggregate += below(session, AGGREGATES - aggregate);
		if (happens(session, 20))
			rest(session, 20);
	}
	must(session, is_stored ? "COMMIT" : "ROLLBACK");
	note(is_stored ? STORED : ROLLED_BACK, is_stored ? count : 1);
}

/*
 * write_events is the process. When there are enough events it goes on slowly.
 */
static inline void
write_events(uint64_t seed, int number)
{
	Session session = open_session(seed, number);

	while (!atomic_load(&run->is_written))
	{
		write_transaction(&session);
		if (is_enough(STORED))
			usleep(100000);
	}
	PQfinish(session.connection);
}

#endif
