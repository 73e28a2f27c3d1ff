/*
 * models.h
 *    A model for each test, which OF_A_MODEL(test) names, functions that change it, and what is there
 *    after them.
 */
#ifndef GOES_TEST_MODELS_H
#define GOES_TEST_MODELS_H

#include <stdatomic.h>

#include "events.h"
#include "one_store.h"

static goes_uuid order;
static char		 model[37]; /* each test's own */

static inline int
new_model(void **state)
{
	goes_uuid_v7(&order);
	goes_uuid_format(&order, model);
	return 0;
}

/*
 * expect_stored expects a model, or with NULL none.
 */
static inline void
expect_stored(const char *id, const char *expected)
{
	char	   *json = NULL;
	goes_error *error = NULL;
	int			status = goes_model_fetch(store, NULL, id, &json, NULL, &error);

	if (expected == NULL)
	{
		expect_error(status, &error, GOES_ERR_NOT_FOUND, "");
		return;
	}
	assert_ok(status);
	assert_string_equal(json, expected);
	goes_free(json);
}

static inline void
expect_model(const char *expected)
{
	expect_stored(model, expected);
}

/*
 * expect_events expects so many of the order's events.
 */
static inline void
expect_events(int expected)
{
	goes_query *query = goes_query_new();

	goes_query_aggregate(query, "order", &order);
	assert_int_equal(run_to_end(store, query), expected);
	goes_query_free(query);
}

static inline int
append_order(goes_store *used)
{
	goes_event event = event_of("order.placed", "{}");

	return goes_append(used, "order", &order, &event, 1, GOES_EXPECT_ANY, NULL, NULL);
}

/*
 * add_one adds 1 to a number, and counts in *user how often it saw the initial one.
 */
static inline int
add_one(goes_tx *tx, const char *json, char **new_json, void *user)
{
	if (user != NULL && strcmp(json, "0") == 0)
		atomic_fetch_add((atomic_int *) user, 1);
	return asprintf(new_json, "%d", atoi(json) + 1) < 0 ? GOES_ERR_NOMEM : GOES_OK;
}

static inline int
append_in_model(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return append_order(goes_tx_store(tx));
}

static inline void
use(goes_store *used, const char *initial, goes_model_fn function, void *user)
{
	goes_error *error = NULL;

	assert_ok(goes_model_use(used, NULL, model, initial, function, user, NULL, &error));
}

#define OF_A_MODEL(test) cmocka_unit_test_setup(test, new_model)

#endif
