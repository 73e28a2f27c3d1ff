/*
 * resolve.c
 *    Hosts with their addresses, looked up ahead: a connection that is lost later is made again
 *    without asking for a name, which could take any time.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/resolve.h"

/*
 * is_path tells whether a host is a directory with a socket, or an abstract one.
 */
static bool
is_path(const char *host)
{
	return *host == '/' || *host == '@' || *host == '\0';
}

/*
 * add_host adds a host with one of its addresses to the lists.
 */
static void
add_host(KnownHosts *known, const char *host, const char *address, const char *port)
{
	const char *comma = known->count++ > 0 ? "," : "";

	buffer_format(&known->names, "%s%s", comma, host);
	buffer_format(&known->addresses, "%s%s", comma, address);
	buffer_format(&known->ports, "%s%s", comma, port);
}

/*
 * look_up_host adds a host once for each of its addresses; one that nobody knows is left out.
 */
static void
look_up_host(KnownHosts *known, const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo		 *found = NULL;

	if (is_path(host))
	{
		add_host(known, host, "", port);
		return;
	}
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return;
	for (const struct addrinfo *address = found; address != NULL; address = address->ai_next)
	{
		char text[NI_MAXHOST];

		if (getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, NULL, 0,
						NI_NUMERICHOST) == 0)
			add_host(known, host, text, port);
	}
	freeaddrinfo(found);
}

/*
 * next_item takes the first item off a list, to be freed; the last one stays for those that follow,
 * as libpq has it with a single port. NULL: out of memory.
 */
static char *
next_item(const char **list)
{
	size_t length = *list == NULL ? 0 : strcspn(*list, ",");
	char  *item = strndup(*list == NULL ? "" : *list, length);

	if (*list != NULL && (*list)[length] == ',')
		*list += length + 1;
	return item;
}

/*
 * check_known fails if there was no memory for the lists.
 */
static int
check_known(KnownHosts *known, goes_error **err)
{
	if (buffer_string(&known->names) == NULL || buffer_string(&known->addresses) == NULL ||
		buffer_string(&known->ports) == NULL)
		return fail_memory(err);
	return GOES_OK;
}

/*
 * look_up_all looks up every host of a list.
 */
static int
look_up_all(KnownHosts *known, const char *hosts, const char *ports, goes_error **err)
{
	bool is_last = false;

	while (!is_last)
	{
		char *host;
		char *port;

		is_last = strchr(hosts, ',') == NULL;
		host = next_item(&hosts);
		port = next_item(&ports);
		if (host != NULL && port != NULL)
			look_up_host(known, host, port);
		else
			known->names.failed = true;
		free(host);
		free(port);
	}
	return check_known(known, err);
}

int
hosts_look_up(KnownHosts *known, const Conninfo *conninfo, const PGconn *connected,
			  goes_error **err)
{
	Hosts		given = conninfo_hosts(conninfo);
	const char *host = PQhost(connected);
	const char *address = PQhostaddr(connected);

	if (given.addresses != NULL)
		return GOES_OK;
	if (given.names != NULL)
		return look_up_all(known, given.names, given.ports, err);
	/* it came from the environment or a service file */
	if (host == NULL || *host == '\0' || is_path(host) || address == NULL || *address == '\0')
		return GOES_OK;
	add_host(known, host, address, PQport(connected));
	return check_known(known, err);
}

Hosts
hosts_known(const KnownHosts *known, const Conninfo *conninfo)
{
	if (known->count == 0)
		return conninfo_hosts(conninfo);
	return (Hosts){known->names.data, known->addresses.data, known->ports.data};
}

void
hosts_free(KnownHosts *known)
{
	buffer_free(&known->names);
	buffer_free(&known->addresses);
	buffer_free(&known->ports);
}
