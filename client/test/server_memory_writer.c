/*
 * server_memory_writer.c
 *    Every allocation of a writer, and of appends that share commits, fails in turn.
 */
#include "memory_server.h"

#define APPENDS 4

/*
 * write_through has a writer append, and returns the first status that is a failure.
 */
static int
write_through(goes_writer *writer)
{
	const goes_outcome *outcome;
	int					status = GOES_OK;
	int					accepted = 0;
	int					outcomes = 0;

	for (int i = 0; i < APPENDS; i++)
	{
		goes_event event = make_event();
		goes_uuid  id = event.aggregate_id;
		int returned = goes_writer_append(writer, "order", &id, &event, 1, 0, NULL, NULL, NULL);

		accepted += returned == GOES_OK;
		status = worse(status, returned);
	}
	for (; goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME; outcomes++)
		status = worse(status, outcome->status);
	assert_int_equal(outcomes, accepted);
	return status;
}

static int
use_a_writer(void *unused)
{
	goes_store	*store = NULL;
	goes_writer *writer = NULL;
	int			 status = try_open(&store);

	if (status == GOES_OK)
		status = goes_writer_open(&writer, store, NULL, NULL);
	if (status == GOES_OK)
		status = write_through(writer);
	goes_writer_close(writer, NULL, NULL);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_a_writer(void **state)
{
	assert_true(every_allocation_fails(use_a_writer, NULL, GOES_OK, MAY_RECOVER) > 20);
}

/* ---- Threads */

static void *
append_one(void *store)
{
	goes_event event = make_event();
	goes_uuid  id = event.aggregate_id;
	int		   status = goes_append(store, "order", &id, &event, 1, 0, NULL, NULL);

	return (void *) (intptr_t) status;
}

static int
share_commits(void *unused)
{
	goes_store_options options = options_of(NULL);
	goes_store		  *store = NULL;
	pthread_t		   threads[APPENDS];
	void			  *returned;
	int				   status;

	options.coalesce_appends = true;
	status = goes_store_open(&store, &options, NULL);
	if (status != GOES_OK)
		return status;
	for (int i = 0; i < APPENDS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, append_one, store), 0);
	for (int i = 0; i < APPENDS; i++)
	{
		pthread_join(threads[i], &returned);
		status = worse(status, (int) (intptr_t) returned);
	}
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_shared_commits(void **state)
{
	assert_true(every_allocation_fails(share_commits, NULL, GOES_OK, MAY_RECOVER) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out_in_a_writer),
		cmocka_unit_test(memory_runs_out_in_shared_commits),
	};

	return RUN_GROUP(tests, make_first_database, NULL);
}
