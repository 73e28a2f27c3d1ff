/*
 * connection.h
 *    A connection, and what is known of it.
 */
#ifndef GOES_CONNECTION_H
#define GOES_CONNECTION_H

#include "net/conninfo.h"

#define MOST_REQUESTS 64
#define SYSTEM_SIZE sizeof("18446744073709551615")

/* What a connection knows of its database: looked up when it is first needed. */
typedef struct Session
{
	bool  is_known;
	char *schema; /* of the extension, quoted */
	Oid	  event_type;
	Oid	  event_array_type;
	Oid	  reference_type;
	Oid	  reference_array_type;
	Oid	  append_type; /* 0: the extension is older than goes_append_each */
	Oid	  append_array_type;
	char  system[SYSTEM_SIZE];		  /* the server's identifier; "": not asked for */
	bool  is_prepared[MOST_REQUESTS]; /* by kind of request */
	char  statements[37];			  /* a UUID, part of their names; made with the first */
	bool  keeps_no_statements;		  /* they were lost once: send texts instead */
} Session;

typedef struct Connection
{
	PGconn			  *pg;
	Session			   session;
	PQnoticeReceiver   notice_receiver; /* libpq's own */
	char			  *settings;		/* that the server reported when it was made */
	bool			   is_lent;			/* the program had it and may have left things behind */
	bool			   is_reset_sent;	/* the answers are still to be read */
	int64_t			   made_at;
	int64_t			   idle_since;
	struct Connection *next;
} Connection;

/* Where connections lead to, and how they are made. */
typedef struct Target
{
	Conninfo conninfo;
	char	*database;	 /* NULL: the URL's own */
	int64_t	 timeout_ms; /* of making one, or making it as new; 0 and below: none */
	int (*on_connect)(struct pg_conn *, void *);
	void *user;
} Target;

void	 target_free(Target *target);									  /* what is in it */
Deadline target_deadline(const Target *target, const Deadline *deadline); /* the earlier end */

int	 connection_make(Connection **out, const Target *target, const Deadline *deadline,
					 goes_error **err);
int	 connection_adopt(Connection **out, PGconn *pg, const Target *target, goes_error **err);
void connection_close(Connection *connection); /* does not wait until it has sent everything */

/*
 * Is an idle connection still alive? If its socket is readable, the server has closed it or is
 * about to: it sends the reason first.
 */
bool  connection_is_alive(const Connection *connection);
bool  connection_is_reusable(const Connection *connection); /* fit for its next user? */
bool  connection_is_utf8(const Connection *connection);
int	  connection_greet(Connection *connection, const Target *target,
					   goes_error **err);	 /* on_connect */
char *connection_settings(const PGconn *pg); /* that the server reports; to be freed */
void  session_forget(Session *session);

/*
 * reset.c: a connection that the program had becomes as new. reset_start sends the statements and
 * does not wait; false: the connection cannot be used any more. reset_finish waits for the server
 * and calls on_connect.
 */
bool reset_start(Connection *connection);
int	 reset_finish(Connection *connection, const Target *target, const Deadline *deadline);

#endif
