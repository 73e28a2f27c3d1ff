/*
 * conninfo.h
 *    Where a server is and how to connect to it.
 */
#ifndef GOES_CONNINFO_H
#define GOES_CONNINFO_H

#include "data/data.h"

typedef struct Conninfo
{
	PQconninfoOption *options;		  /* libpq's, with their values */
	int				  pool_max_conns; /* pgx's; 0: not given */
	char			 *search_path;	  /* pgx's, too, and one of the options; NULL: not given */
} Conninfo;

/* name.c: names that the server would cut; INVALID. Items of a list are identifiers of SQL. */
int name_check(const char *name, const char *what, goes_error **err);
int name_check_list(const char *list, const char *what, goes_error **err);
int name_check_options(const PQconninfoOption *options, goes_error **err);

/* conninfo.c */
int			conninfo_parse(Conninfo *conninfo, const char *url, goes_error **err);
const char *conninfo_value(const Conninfo *conninfo, const char *keyword); /* NULL: not given */
void		conninfo_free(Conninfo *conninfo);

/* conninfo_check.c: INVALID for values that libpq would refuse on connecting */
int conninfo_check(const Conninfo *conninfo, goes_error **err);

/* connect.c: a connection to a database, NULL for the URL's own; INVALID, CONNECT, TIMEOUT, … */
int	 connect_to(PGconn **out, const Conninfo *conninfo, const char *database,
				const Deadline *deadline, goes_error **err);
void ignore_notice(void *argument, const char *message); /* libpq would write it to stderr */

#endif
