/*
 * insert.c
 *    goes_insert.
 */
#include "write.h"

int
goes_insert(goes_store *store, const goes_event *events, size_t n, const goes_context *context,
			goes_error **err)
{
	Write write = {.request = REQUEST_INSERT, .events = events, .n = n};

	if (store == NULL || (events == NULL && n > 0))
		return fail(err, GOES_ERR_INVALID, "the store and the events must not be NULL");
	if (n == 0)
		return GOES_OK;
	return write_events(store, &write, context, err);
}
