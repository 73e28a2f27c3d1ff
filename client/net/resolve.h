/*
 * resolve.h
 *    Hosts with their addresses, looked up ahead.
 */
#ifndef GOES_RESOLVE_H
#define GOES_RESOLVE_H

#include "net/conninfo.h"

typedef struct KnownHosts
{
	int	   count; /* 0: those of the conninfo are as good */
	Buffer names;
	Buffer addresses;
	Buffer ports;
} KnownHosts;

/* Looks up the hosts of a conninfo, of which `connected` is a connection. */
int hosts_look_up(KnownHosts *known, const Conninfo *conninfo, const PGconn *connected,
				  goes_error **err);

/* The lists to connect with, which live as long as `known` and `conninfo`. */
Hosts hosts_known(const KnownHosts *known, const Conninfo *conninfo);
void  hosts_free(KnownHosts *known);

#endif
