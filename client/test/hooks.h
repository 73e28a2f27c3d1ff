/*
 * hooks.h
 *    Hooks that say what they saw, and a store without hooks for each test.
 */
#ifndef GOES_TEST_HOOKS_H
#define GOES_TEST_HOOKS_H

#include "own_store.h"

/* What hooks are told to do, and what they saw. */
static struct
{
	char	  calls[64]; /* a letter for each that ran */
	size_t	  n;		 /* the events that the last one got */
	goes_uuid first;
	int32_t	  version;	 /* of the first event */
	bool	  was_there; /* the first event, for the transaction */
	int		  returned;
} seen;

/*
 * A hook notes its letter, which is its `user`, and what it was given.
 */
static inline int
note(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	strcat(seen.calls, user);
	seen.n = n;
	seen.first = events[0].id;
	seen.version = events[0].aggregate_version;
	seen.was_there = is_there(goes_tx_store(tx), &events[0]);
	return seen.returned;
}

static inline void
add_hook(goes_hook_point point, goes_hook hook, const char *letter)
{
	assert_int_equal(goes_store_add_hook(store, point, hook, (void *) letter), GOES_OK);
}

/*
 * open_for_hooks opens the test's store on an empty table, without a call: hooks are added before the
 * first one.
 */
static inline void
open_for_hooks(const char *table)
{
	goes_store *first = open_store(table);
	goes_error *error = NULL;

	memset(&seen, 0, sizeof seen);
	assert_ok(goes_store_connect(first, NULL, &error));
	goes_store_close(first);
	admin_do(TEST_DATABASE, "TRUNCATE %s", table);
	store = open_with_one_connection(table);
}

static inline void
insert_into(goes_store *into)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	assert_ok(goes_insert(into, &event, 1, NULL, &error));
}

#endif
