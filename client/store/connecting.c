/*
 * connecting.c
 *    goes_store_connect: connecting before the first call does.
 *
 * A standby that cannot be reached is no reason to fail, but one of another system is.
 */
#include "store/read.h"

/*
 * check_read_server tries the standby.
 */
static int
check_read_server(goes_store *store, const Deadline *deadline, goes_error **err)
{
	Call		call = {.store = store, .deadline = read_server_deadline(deadline)};
	goes_error *error = NULL;
	int			status;

	if (!reads_elsewhere(store) || read_server_is_paused(store))
		return GOES_OK;
	status = read_server_take(&call, &error);
	call_end(&call);
	if (status == GOES_OK || status == GOES_ERR_INVALID || status == GOES_ERR_NOMEM ||
		status == GOES_ERR_CANCELLED)
		return pass_error(err, error, status);
	read_server_failed(store, error);
	goes_error_free(error);
	return GOES_OK;
}

int
goes_store_connect(goes_store *store, const goes_context *context, goes_error **err)
{
	Deadline deadline;
	int		 status = call_check(store, err);

	if (status != GOES_OK || store->tx != NULL)
		return status;
	atomic_store(&store->is_used, true);
	deadline = context_deadline(store, context);
	status = require_connected(store, &deadline, err);
	return status == GOES_OK ? check_read_server(store, &deadline, err) : status;
}
