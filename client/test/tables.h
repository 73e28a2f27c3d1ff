/*
 * tables.h
 *    For the tests of the tables besides the events: a store without them for each test, which
 *    ON_A_NEW_STORE(test) opens, and every call that needs one.
 */
#ifndef GOES_TEST_TABLES_H
#define GOES_TEST_TABLES_H

#include "snapshots.h"

static goes_store *store;

static inline int
open_without_tables(void **state)
{
	goes_error *error = NULL;

	store = open_store("events");
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; "
							"DROP TABLE IF EXISTS snapshots, models, \"Odd Name\", shop.kept; "
							"CREATE SCHEMA IF NOT EXISTS shop");
	return new_order(state);
}

static inline int
close_again(void **state)
{
	goes_store_close(store);
	return 0;
}

static inline void
reopen_without_tables(void)
{
	(void) close_again(NULL);
	(void) open_without_tables(NULL);
}

static inline bool
has_table(const char *name)
{
	char *found = admin(TEST_DATABASE, "SELECT pg_catalog.to_regclass('%s')", name);
	bool  is_there = found != NULL;

	free(found);
	return is_there;
}

/* A call that needs a table, of snapshots or of models. */
typedef int (*Use)(goes_store *store, const char *table, goes_error **err);

static inline int
use_save(goes_store *used, const char *table, goes_error **err)
{
	goes_snapshot snapshot = snapshot_of("order", &order, 1, "x");

	return goes_snapshot_save(used, table, &snapshot, NULL, err);
}

static inline int
use_latest(goes_store *used, const char *table, goes_error **err)
{
	goes_snapshot *found = NULL;
	int			   status = goes_snapshot_latest(used, table, "order", &order, &found, NULL, err);

	goes_snapshot_free(found);
	return status;
}

static inline int
use_delete(goes_store *used, const char *table, goes_error **err)
{
	return goes_snapshot_delete(used, table, "order", &order, 9, NULL, err);
}

static inline int
use_query(goes_store *used, const char *table, goes_error **err)
{
	goes_snapshot_cursor *cursor = NULL;
	int					  status = goes_snapshot_query(used, table, NULL, &cursor, NULL, err);

	goes_snapshot_cursor_close(cursor);
	return status;
}

static inline int
use_model_save(goes_store *used, const char *table, goes_error **err)
{
	return goes_model_save(used, table, "total", "1", NULL, err);
}

static inline int
use_model_fetch(goes_store *used, const char *table, goes_error **err)
{
	char *json = NULL;
	int	  status = goes_model_fetch(used, table, "total", &json, NULL, err);

	goes_free(json);
	return status;
}

static inline int
use_model_delete(goes_store *used, const char *table, goes_error **err)
{
	return goes_model_delete(used, table, "nothing", NULL, err);
}

static inline int
use_model(goes_store *used, const char *table, goes_error **err)
{
	return goes_model_use(used, table, "total", "1", keep_model, NULL, NULL, err);
}

static const struct
{
	Use			use;
	const char *table;	/* the default */
	int			status; /* when the table is empty */
} uses[] = {
	{use_save, "snapshots", GOES_OK},	   {use_latest, "snapshots", GOES_ERR_NOT_FOUND},
	{use_delete, "snapshots", GOES_OK},	   {use_query, "snapshots", GOES_OK},
	{use_model_save, "models", GOES_OK},   {use_model_fetch, "models", GOES_ERR_NOT_FOUND},
	{use_model_delete, "models", GOES_OK}, {use_model, "models", GOES_OK},
};

#define USES (sizeof uses / sizeof *uses)

/*
 * expect_use makes a call and expects a status.
 */
static inline void
expect_use(size_t i, goes_store *used, const char *table, int expected)
{
	goes_error *error = NULL;
	int			status = uses[i].use(used, table, &error);

	if (status != expected)
		fail_msg("use %zu: %s: %s", i, goes_status_text(status), goes_error_message(error));
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
}

#define ON_A_NEW_STORE(test) cmocka_unit_test_setup_teardown(test, open_without_tables, close_again)

#endif
