/*
 * write_token.c
 *    goes_store_write_token: what a read on a standby has to see.
 */
#include <stdlib.h>
#include <string.h>

#include "calls/ask.h"
#include "data/oids.h"

static int
run_write_token(Call *call, const Ask *ask, goes_error **err)
{
	Parameters parameters = {0};
	PGresult  *result = NULL;
	char	 **out = ask->out;
	int		   status;

	add_text(&parameters, "store", TEXT_TYPE, call->store->table);
	status = run_request(call, REQUEST_WRITE_TOKEN, &parameters, &result, err);
	if (status == GOES_OK && PQntuples(result) != 1)
		status = fail(err, GOES_ERR_SERVER, "the server sent no token");
	else if (status == GOES_OK && (*out = strdup(PQgetvalue(result, 0, 0))) == NULL)
		status = fail_memory(err);
	PQclear(result);
	return status;
}

int
goes_store_write_token(goes_store *store, char **token, const goes_context *context,
					   goes_error **err)
{
	char *taken = NULL;
	Ask	  take = {.run = run_write_token, .out = &taken};
	int	  status;

	if (store == NULL || token == NULL)
		return fail(err, GOES_ERR_INVALID, "store and token must not be NULL");
	if (store->tx != NULL)
		return fail(err, GOES_ERR_STATE,
					"a token is taken after the commit: ask the store that the transaction was "
					"begun on");
	status = ask(store, &take, context, err);
	if (status == GOES_OK)
		*token = taken;
	return status;
}
