/*
 * own_writer.h
 *    A test that has a store and a writer of its own, and a table that writers wait for.
 */
#ifndef GOES_TEST_OWN_WRITER_H
#define GOES_TEST_OWN_WRITER_H

#include "appends.h"
#include "own_store.h"

static goes_writer *writer;
static PGconn	   *locker; /* NULL: the table is free */

/* reach_table connects the store, which makes its table. */
static inline void
reach_table(void)
{
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
}

static inline void
unlock_table(void)
{
	PQfinish(locker);
	locker = NULL;
}

/* finish ends a test, also one that has failed in its middle. */
static inline int
finish(void **state)
{
	unlock_table();
	goes_writer_close(writer, NULL, NULL);
	writer = NULL;
	return end(state);
}

#define OWN_WRITER(test) cmocka_unit_test_setup_teardown(test, begin, finish)

static inline int
begin(void **state)
{
	(void) paced_ms(0); /* measured before there are other threads */
	store = open_store("events");
	reach_table();
	return 0;
}

/* open_writer opens the test's writer. */
static inline void
open_writer(const goes_writer_options *options)
{
	goes_error *error = NULL;

	assert_ok(goes_writer_open(&writer, store, options, &error));
}

/* write_one has an event of this name appended. */
static inline void
write_one(const goes_uuid *id, const char *name, int32_t expected, void *tag)
{
	goes_error *error = NULL;
	goes_event	event = event_of(name, "{\"total\": 30}");

	assert_ok(goes_writer_append(writer, "order", id, &event, 1, expected, tag, NULL, &error));
}

/* next_outcome takes an outcome, which has to come. */
static inline const goes_outcome *
next_outcome(void)
{
	goes_error		   *error = NULL;
	const goes_outcome *outcome = NULL;

	assert_ok(goes_writer_next(writer, &outcome, NULL, &error));
	assert_non_null(outcome);
	return outcome;
}

/* expect_nothing expects that there is no further outcome. */
static inline void
expect_nothing(void)
{
	const goes_outcome *outcome = NULL;

	assert_int_equal(goes_writer_next(writer, &outcome, NULL, NULL), GOES_END);
	assert_null(outcome);
}

/* close_writer closes it when there is nothing left to be told. */
static inline void
close_writer(void)
{
	expect_nothing();
	goes_writer_close(writer, NULL, NULL);
	writer = NULL;
}

/* ---- A table that writers wait for */

static inline void
lock_table(void)
{
	locker = admin_connection(TEST_DATABASE);
	PQclear(PQexec(locker, "BEGIN; LOCK TABLE events IN SHARE MODE"));
}

/* await_sent waits until so many sessions wait for the table. */
static inline void
await_sent(int count)
{
	while (number_of("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
					 "'events'::regclass") < count)
		usleep(1000);
}

/* occupy has all of a writer's connections wait for the table, each with an append. */
static inline void
occupy(int connections, void *tag)
{
	for (int i = 0; i < connections; i++)
	{
		goes_uuid id = new_id();

		write_one(&id, "order.occupied", 0, tag);
		await_sent(i + 1);
	}
}

#endif
