/*
 * proxy_link.c
 *    The links of a proxy: their sockets, and the messages that go through them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy_link.h"

#define CHUNK 65536
#define CANCEL_REQUEST 80877102

void
link_close_end(Link *link, Direction direction)
{
	if (link->ends[direction] < 0)
		return;
	shutdown(link->ends[direction], SHUT_RDWR);
	close(link->ends[direction]);
	link->ends[direction] = -1;
}

void
link_close(Link *link)
{
	for (int direction = 0; direction < DIRECTIONS; direction++)
	{
		link_close_end(link, direction);
		buffer_free(&link->flows[direction].in);
		buffer_free(&link->flows[direction].out);
	}
	*link = (Link){.ends = {-1, -1}};
}

/*
 * connect_to_address connects to an address; -1 if it cannot.
 */
static int
connect_to_address(const struct sockaddr *address, socklen_t length)
{
	int end = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(end, address, length) == 0)
		return end;
	close(end);
	return -1;
}

/*
 * connect_to_server connects to the server of GOES_TEST_URL; -1 if it cannot.
 */
static int
connect_to_server(void)
{
	PQconninfoOption *options = PQconninfoParse(server_url(), NULL);
	const char		 *host = NULL;
	const char		 *port = "5432";
	struct addrinfo	 *found = NULL;
	int				  end = -1;

	for (PQconninfoOption *option = options; option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, "host") == 0)
			host = option->val;
		else if (strcmp(option->keyword, "port") == 0 && option->val != NULL)
			port = option->val;
	}
	if (*host == '/')
	{
		struct sockaddr_un address = {.sun_family = AF_UNIX};

		snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.%s", host, port);
		end = connect_to_address((struct sockaddr *) &address, sizeof address);
	}
	else if (getaddrinfo(host, port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found) == 0)
	{
		end = connect_to_address(found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	PQconninfoFree(options);
	return end;
}

bool
link_open(Link *link, int client)
{
	*link = (Link){.is_used = true};
	link->ends[TO_CLIENT] = client;
	link->ends[TO_SERVER] = connect_to_server();
	if (link->ends[TO_SERVER] < 0)
	{
		link_close(link);
		return false;
	}
	(void) fcntl(link->ends[TO_SERVER], F_SETFL, O_NONBLOCK);
	(void) fcntl(link->ends[TO_CLIENT], F_SETFL, O_NONBLOCK);
	(void) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return true;
}

void
link_read(Link *link, Direction direction)
{
	static char bytes[CHUNK];
	Flow	   *flow = &link->flows[direction];
	int			from = link->ends[direction == TO_SERVER ? TO_CLIENT : TO_SERVER];
	ssize_t		length = recv(from, bytes, sizeof bytes, 0);

	if (length > 0 && link->ends[direction] >= 0)
		buffer_append(&flow->in, bytes, (size_t) length);
	else if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		flow->has_ended = true;
}

/*
 * read_int32 reads a number as it is on the wire.
 */
static uint32_t
read_int32(const char *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof number);
	return ntohl(number);
}

size_t
link_message_length(const Link *link, Direction direction)
{
	const Buffer *in = &link->flows[direction].in;
	size_t		  type = direction == TO_CLIENT || link->is_started;

	/* behind the length of a start-up packet is a code that has to be known, too */
	if (in->length < (type == 0 ? 2 : 1) * sizeof(uint32_t) + type)
		return 0;
	return type + read_int32(in->data + type);
}

bool
link_is_counted(Link *link, Direction direction)
{
	const Buffer *in = &link->flows[direction].in;

	if (direction == TO_SERVER && !link->is_started)
		link->is_cancel = read_int32(in->data + sizeof(uint32_t)) == CANCEL_REQUEST;
	if (link->is_cancel)
		return false;
	if (direction == TO_CLIENT)
		return in->data[0] != 'S' || !link->is_reporting;
	return !link->is_started || in->data[0] != 'X';
}

void
flow_forward(Flow *flow, size_t length)
{
	buffer_append(&flow->out, flow->in.data, length);
	memmove(flow->in.data, flow->in.data + length, flow->in.length - length);
	flow->in.length -= length;
}

int
link_poll(const Link *link, struct pollfd *polled)
{
	for (int direction = 0; direction < DIRECTIONS; direction++)
	{
		const Flow *flow = &link->flows[direction];
		const Flow *back = &link->flows[!direction];
		short		events = POLLRDHUP;

		if (flow->held_until == 0 && flow->out.length == 0)
			events |= POLLIN;
		if (back->out.length > 0)
			events |= POLLOUT;
		polled[direction] = (struct pollfd){.fd = link->ends[!direction], .events = events};
	}
	return DIRECTIONS;
}

bool
link_send(Link *link, Direction direction)
{
	Flow *flow = &link->flows[direction];

	while (flow->sent < flow->out.length && link->ends[direction] >= 0)
	{
		ssize_t sent = send(link->ends[direction], flow->out.data + flow->sent,
							flow->out.length - flow->sent, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		flow->sent += (size_t) sent;
	}
	flow->out.length = flow->sent = 0;
	return true;
}
