/*
 * cursor_portal.c
 *    Reading inside a transaction: a portal, and plain FETCHes. Between two of them the connection is
 *    idle, so that other calls and cursors may use it.
 */
#include <stdio.h>

#include "calls/cursor.h"
#include "data/oids.h"

static int
portal_start(goes_cursor *cursor, const QueryRequest *request, goes_error **err)
{
	Parameters parameters = request->parameters;
	PGresult  *result = NULL;
	int		   status;

	snprintf(cursor->portal, sizeof cursor->portal, "goes_%u",
			 tx_next_cursor(cursor->call.store->tx));
	add_text(&parameters, "portal", REFCURSOR_TYPE, cursor->portal);
	status = run_request(&cursor->call, REQUEST_CURSOR, &parameters, &result, err);
	PQclear(result);
	cursor->asked = FIRST_ROWS;
	return status;
}

static int
portal_fetch(goes_cursor *cursor, goes_error **err)
{
	char	  text[64];
	Statement statement = {.text = text};
	PGresult *result = NULL;
	int		  status = tx_check(cursor->call.store->tx, err);

	if (status != GOES_OK || cursor->is_complete)
		return status;
	snprintf(text, sizeof text, "FETCH %d FROM %s", cursor->asked, cursor->portal);
	status = exec_statement(cursor->call.connection->pg, &statement, &result,
							&cursor->call.deadline, err);
	if (status != GOES_OK)
	{
		PQclear(result);
		return status;
	}
	cursor->is_complete = PQntuples(result) < cursor->asked;
	cursor->asked = rows_to_ask_for(PQntuples(result), PQresultMemorySize(result));
	cursor->batch = result;
	return GOES_OK;
}

static void
portal_stop(goes_cursor *cursor)
{
	char		text[64];
	Deadline	deadline = deadline_in(CLEAN_UP_MS, NULL);
	goes_error *error = NULL;

	snprintf(text, sizeof text, "CLOSE %s", cursor->portal);
	if (*cursor->portal != '\0' &&
		PQtransactionStatus(cursor->call.connection->pg) == PQTRANS_INTRANS &&
		exec_discard(cursor->call.connection->pg, text, &deadline, &error) != GOES_OK)
		tx_fail(cursor->call.store->tx, error);
	goes_error_free(error);
}

const Reading portal_reading = {portal_start, portal_fetch, portal_stop, false};
