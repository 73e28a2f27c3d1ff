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
	char			 *settings;		  /* the value of "options", where libpq's own was replaced */
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

/* connect_error.c: libpq's message as an error; is_final counts if there is no SQLSTATE in it */
int fail_connection(PGconn *connection, bool is_final, goes_error **err);

/* ---- connect.c */

/* Lists of hosts, as libpq has them: "a,b". NULL: not given. */
typedef struct Hosts
{
	const char *names;
	const char *addresses;
	const char *ports;
} Hosts;

/* A connection that is being made, to one host after the other. */
typedef struct Connecting
{
	const Conninfo *conninfo;
	const char	   *database;		 /* NULL: the URL's own */
	Hosts			hosts;			 /* in place of the conninfo's */
	const char	   *attributes;		 /* target_session_attrs; NULL: as the conninfo says */
	bool			prefers_standby; /* and standbys are being tried */
	Deadline		whole;
	Deadline		deadline; /* of all hosts, once */
	Deadline		share;	  /* of the host whose turn it is */
	int				count;
	int				number;		 /* of that host */
	PGconn		   *pg;			 /* to that host; NULL: not begun */
	bool			for_reading; /* what its socket waits for; otherwise for writing */
} Connecting;

/* A step of connecting has to wait for the server: for the socket of `pg`, until `share` ends. */
#define CONNECT_WAITS 1

Hosts conninfo_hosts(const Conninfo *conninfo);
int	  connecting_start(Connecting *connecting, const Conninfo *conninfo, const char *database,
					   const Hosts *hosts, const Deadline *deadline, goes_error **err);
int	  connecting_step(Connecting *connecting, PGconn **out, goes_error **err); /* GOES_OK: done */
void  connecting_stop(Connecting *connecting);

/* a connection to a database, NULL for the URL's own; INVALID, CONNECT, TIMEOUT, … */
int	 connect_to(PGconn **out, const Conninfo *conninfo, const char *database,
				const Deadline *deadline, goes_error **err);
void ignore_notice(void *argument, const char *message); /* libpq would write it to stderr */

#endif
