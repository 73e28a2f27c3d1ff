/*
 * exec.h
 *    Running statements on a connection.
 */
#ifndef GOES_EXEC_H
#define GOES_EXEC_H

#include "data/data.h"

/* A statement with its parameters. All parameters are binary or all are text. */
typedef struct Statement
{
	const char		  *name; /* of a prepared one; NULL: the text is sent */
	const char		  *text;
	int				   count;
	const Oid		  *types;
	const char *const *values;
	const int		  *lengths;
	const int		  *formats;
	bool			   is_text_result;
	bool			  *is_sent; /* set when it is sent whole; NULL: not wanted */
} Statement;

/*
 * exec_statement runs a statement to its end. After an error of the server *out is the result with
 * the error's fields, which the caller clears, too.
 */
int	 exec_statement(PGconn *connection, const Statement *statement, PGresult **out,
					const Deadline *deadline, goes_error **err);
int	 finish_statement(PGconn *connection, PGresult **out, const Deadline *deadline,
					  goes_error **err);
int	 exec_discard(PGconn *connection, const char *text, const Deadline *deadline, goes_error **err);
int	 send_statement(PGconn *connection, const Statement *statement, const Deadline *deadline,
					goes_error **err);
int	 flush_to_server(PGconn *connection, const Deadline *deadline, goes_error **err);
int	 next_result(PGconn *connection, PGresult **out, const Deadline *deadline, goes_error **err);
void abandon(PGconn *connection); /* asks the server to cancel what runs */
bool is_lost(const PGconn *connection);

/* server_error.c: makes an error of what the server said */
int fail_result(PGconn *connection, const PGresult *result, goes_error **err);
int fail_lost(PGconn *connection, goes_error **err); /* the error for a connection that is gone */

#endif
