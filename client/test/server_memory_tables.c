/*
 * server_memory_tables.c
 *    Every allocation fails in turn: in the calls on snapshots and models, and while their tables are
 *    made.
 */
#include "memory_server.h"

/*
 * read_snapshots reads a query's snapshots to the end.
 */
static int
read_snapshots(goes_store *store)
{
	goes_snapshot_cursor *cursor;
	const goes_snapshot	 *snapshot;
	int					  status = goes_snapshot_query(store, NULL, NULL, &cursor, NULL, NULL);

	if (status != GOES_OK)
		return status;
	while ((status = goes_snapshot_cursor_next(cursor, &snapshot, NULL)) == GOES_EVENT)
		;
	goes_snapshot_cursor_close(cursor);
	return status;
}

/*
 * load_all loads an aggregate to the end.
 */
static int
load_all(goes_store *store, const goes_snapshot *saved)
{
	goes_snapshot	 *snapshot;
	goes_cursor		 *cursor;
	const goes_event *event;
	int status = goes_load(store, NULL, saved->aggregate_name, &saved->aggregate_id, &snapshot,
						   &cursor, NULL, NULL);

	if (status != GOES_OK)
		return status;
	assert_non_null(snapshot);
	while ((status = goes_cursor_next(cursor, &event, NULL)) == GOES_EVENT)
		;
	goes_cursor_close(cursor);
	goes_snapshot_free(snapshot);
	return status;
}

/*
 * use_snapshots makes every call on snapshots.
 */
static int
use_snapshots(goes_store *store)
{
	goes_snapshot  snapshot = {.aggregate_name = "order", .state = "state", .state_len = 5};
	goes_snapshot *found = NULL;
	int			   status;

	goes_uuid_v7(&snapshot.aggregate_id);
	status = goes_snapshot_save(store, NULL, &snapshot, NULL, NULL);
	if (status == GOES_OK)
		status = goes_snapshot_limit(store, NULL, "order", &snapshot.aggregate_id, 3, &found, NULL,
									 NULL);
	goes_snapshot_free(found);
	if (status == GOES_OK)
		status = read_snapshots(store);
	if (status == GOES_OK)
		status = load_all(store, &snapshot);
	if (status == GOES_OK)
		status = goes_snapshot_delete(store, NULL, "order", &snapshot.aggregate_id, 0, NULL, NULL);
	return status;
}

/*
 * remove_tables lets the next use make them.
 */
static void
remove_tables(void)
{
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; "
							"DROP TABLE IF EXISTS snapshots, models");
}

static int
use_snapshots_anew(void *unused)
{
	goes_store *store;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	remove_tables();
	status = use_snapshots(store);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_with_snapshots(void **state)
{
	assert_true(every_allocation_fails(use_snapshots_anew, NULL, GOES_OK, MAY_RECOVER) > 20);
}

static int
change_together(goes_tx *tx, const char *json, char **new_json, void *user)
{
	goes_event event = make_event();

	*new_json = strdup("\"changed\"");
	assert_non_null(*new_json);
	return goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
}

static int
use_models_anew(void *unused)
{
	goes_store *store;
	goes_tx	   *tx;
	char	   *json = NULL;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	remove_tables();
	status = goes_model_use(store, NULL, "changed", "1", change_together, NULL, NULL, NULL);
	if (status == GOES_OK)
		status = goes_model_fetch(store, NULL, "changed", &json, NULL, NULL);
	goes_free(json);
	if (status == GOES_OK)
		status = goes_tx_begin(store, &tx, NULL, NULL);
	if (status == GOES_OK)
	{
		status = use_snapshots(goes_tx_store(tx));
		if (status == GOES_OK)
			status = goes_tx_commit(tx, NULL, NULL);
		else
			goes_tx_rollback(tx);
	}
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_with_models(void **state)
{
	assert_true(every_allocation_fails(use_models_anew, NULL, GOES_OK, MAY_RECOVER) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out_with_snapshots),
		cmocka_unit_test(memory_runs_out_with_models),
	};

	return RUN_GROUP(tests, make_first_database, NULL);
}
