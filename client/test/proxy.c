/*
 * proxy.c
 *    The proxy of proxy.h: one thread that polls all of its connections.
 *
 * A link is a client's connection and the one to the server that belongs to it. Each direction of a
 * link is a flow: what has come in is cut into messages (a byte for the type, except in the start-up
 * packet, and four for the length), and what may go on is put behind what has not gone out yet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netdb.h>
#include <unistd.h>

#include "proxy.h"
#include "internal.h"

#define MOST_LINKS 64
#define MOST_PLANS 3
#define CHUNK 65536
#define CANCEL_REQUEST 80877102

typedef struct Flow
{
	Buffer	in;
	Buffer	out;
	size_t	sent;		/* of out */
	int64_t held_until; /* of the monotonic clock; 0: not held */
	bool	has_ended;	/* nothing comes in any more */
} Flow;

typedef struct Link
{
	int	 ends[DIRECTIONS]; /* ends[d] is where direction d goes; -1: closed */
	Flow flows[DIRECTIONS];
	bool is_used;
	bool is_started; /* the start-up packet is through */
	bool is_ready;	 /* the server has said so once */
	bool is_cancel;	 /* a request to cancel, not a session */
} Link;

struct Proxy
{
	pthread_t		thread;
	pthread_mutex_t lock; /* for all below but the first three */
	int				listener;
	int				wake[2];
	char			url[1024];
	Link			links[MOST_LINKS];
	Plan			plans[MOST_PLANS];
	bool			is_done[MOST_PLANS];
	int				plan_count;
	int				struck;
	bool			has_struck_early;
	bool			is_refusing;
	bool			is_stopping;
	int				messages[DIRECTIONS];
	int				connections;
	int				late_cancels;
};

/*
 * close_end closes one side of a link at once, whatever is on its way.
 */
static void
close_end(Link *link, Direction direction)
{
	if (link->ends[direction] < 0)
		return;
	shutdown(link->ends[direction], SHUT_RDWR);
	close(link->ends[direction]);
	link->ends[direction] = -1;
}

static void
close_link(Link *link)
{
	for (int direction = 0; direction < DIRECTIONS; direction++)
	{
		close_end(link, direction);
		buffer_free(&link->flows[direction].in);
		buffer_free(&link->flows[direction].out);
	}
	*link = (Link){.ends = {-1, -1}};
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
		end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(end, (struct sockaddr *) &address, sizeof address) != 0)
		{
			close(end);
			end = -1;
		}
	}
	else if (getaddrinfo(host, port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found) == 0)
	{
		end = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(end, found->ai_addr, found->ai_addrlen) != 0)
		{
			close(end);
			end = -1;
		}
		freeaddrinfo(found);
	}
	PQconninfoFree(options);
	return end;
}

/*
 * accept_client makes a link for the next client, or turns it away.
 */
static void
accept_client(Proxy *proxy)
{
	Link *link = NULL;
	int	  client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	for (int i = 0; i < MOST_LINKS && link == NULL; i++)
	{
		if (!proxy->links[i].is_used)
			link = &proxy->links[i];
	}
	if (proxy->is_refusing || link == NULL)
	{
		close(client);
		return;
	}
	*link = (Link){.is_used = true};
	link->ends[TO_CLIENT] = client;
	link->ends[TO_SERVER] = connect_to_server();
	if (link->ends[TO_SERVER] < 0)
	{
		close_link(link);
		return;
	}
	(void) fcntl(link->ends[TO_SERVER], F_SETFL, O_NONBLOCK);
	(void) fcntl(link->ends[TO_CLIENT], F_SETFL, O_NONBLOCK);
	(void) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	proxy->connections++;
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

/*
 * message_length returns the length of the message that a flow's input begins with; 0 if too little
 * of it is there to know.
 */
static size_t
message_length(const Link *link, const Buffer *in, Direction direction)
{
	size_t type = direction == TO_CLIENT || link->is_started;

	/* behind the length of a start-up packet is a code that has to be known, too */
	if (in->length < (type == 0 ? 2 : 1) * sizeof(uint32_t) + type)
		return 0;
	return type + read_int32(in->data + type);
}

/*
 * is_counted tells whether a message has a number. The first bytes of a session and those of a request
 * to cancel look alike but for a code.
 */
static bool
is_counted(Link *link, const Buffer *in, Direction direction)
{
	if (direction == TO_SERVER && !link->is_started)
		link->is_cancel = read_int32(in->data + sizeof(uint32_t)) == CANCEL_REQUEST;
	if (link->is_cancel)
		return false;
	return direction == TO_CLIENT || !link->is_started || in->data[0] != 'X';
}

/*
 * forward moves the first bytes of a flow's input to its output.
 */
static void
forward(Flow *flow, size_t length)
{
	buffer_append(&flow->out, flow->in.data, length);
	memmove(flow->in.data, flow->in.data + length, flow->in.length - length);
	flow->in.length -= length;
}

/*
 * send_out sends what a flow has to send; false if its receiver is gone.
 */
static bool
send_out(Link *link, Direction direction)
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

/*
 * strike carries out a plan that cuts the connection.
 */
static void
strike(Proxy *proxy, Link *link, const Plan *plan)
{
	proxy->struck++;
	proxy->has_struck_early = !link->is_ready;
	proxy->is_refusing = plan->refuses;
	(void) send_out(link, plan->direction);
	close_end(link, TO_CLIENT);
	link->flows[TO_SERVER].in.length = link->flows[TO_CLIENT].in.length = 0;
	if (!plan->keeps_server)
		close_link(link);
	if (plan->then != NULL)
		plan->then(plan->argument);
}

/*
 * plan_for returns the plan for the message with the next number, or NULL.
 */
static const Plan *
plan_for(Proxy *proxy, Direction direction, bool **is_done)
{
	for (int i = 0; i < proxy->plan_count; i++)
	{
		const Plan *plan = &proxy->plans[i];

		*is_done = &proxy->is_done[i];
		if (!proxy->is_done[i] && plan->direction == direction &&
			plan->number == proxy->messages[direction] + 1)
			return plan;
	}
	return NULL;
}

/*
 * delay holds a flow if its next message is to be late; false if it is not, or has been.
 */
static bool
delay(Proxy *proxy, Flow *flow, const Plan *plan, bool *is_done)
{
	if (plan == NULL || plan->fate != DELAYED)
		return false;
	*is_done = true;
	proxy->struck++;
	flow->held_until = monotonic_now() + plan->delay_ms * NANOSECONDS_PER_MILLISECOND;
	return true;
}

/*
 * has_session tells whether some client is there whose statement could be cancelled.
 */
static bool
has_session(const Proxy *proxy)
{
	for (int i = 0; i < MOST_LINKS; i++)
	{
		if (proxy->links[i].is_ready)
			return true;
	}
	return false;
}

/*
 * pass_message forwards the first message of a flow's input if it is whole, and carries out the plan
 * for it; false if nothing happened.
 */
static bool
pass_message(Proxy *proxy, Link *link, Direction direction)
{
	Flow	   *flow = &link->flows[direction];
	size_t		length = message_length(link, &flow->in, direction);
	bool		has_number = length > 0 && is_counted(link, &flow->in, direction);
	bool	   *is_done = NULL;
	const Plan *plan = has_number ? plan_for(proxy, direction, &is_done) : NULL;
	bool		is_cutting = plan != NULL && plan->fate != DELAYED;

	if (length == 0 || delay(proxy, flow, plan, is_done))
		return false;
	if (is_cutting && (plan->fate == DROPPED || flow->in.length >= length / 2) &&
		plan->fate != DELIVERED)
	{
		*is_done = true;
		if (plan->fate == TORN)
			forward(flow, length / 2);
		strike(proxy, link, plan);
		return false;
	}
	if (flow->in.length < length)
		return false;
	proxy->messages[direction] += has_number;
	proxy->late_cancels += link->is_cancel && !has_session(proxy);
	link->is_started = true;
	if (direction == TO_CLIENT && flow->in.data[0] == 'Z')
		link->is_ready = true;
	forward(flow, length);
	if (is_cutting)
	{
		*is_done = true;
		strike(proxy, link, plan);
		return false;
	}
	return true;
}

/*
 * read_in reads what has come in. What a server says to a client that was cut off is thrown away.
 */
static void
read_in(Link *link, Direction direction)
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
 * serve moves a flow on. When its sender has ended and all is sent, the link ends.
 */
static void
serve(Proxy *proxy, Link *link, Direction direction, short events)
{
	Flow *flow = &link->flows[direction];

	if (flow->held_until != 0 && monotonic_now() >= flow->held_until)
		flow->held_until = 0;
	if (events & (POLLIN | POLLHUP | POLLERR))
		read_in(link, direction);
	while (flow->held_until == 0 && link->is_used && link->ends[direction] >= 0 &&
		   pass_message(proxy, link, direction))
		;
	if (!link->is_used)
		return;
	if (!send_out(link, direction) || (flow->has_ended && flow->out.length == 0))
		close_link(link);
}

/*
 * add_polled lists what to wait for: where a flow comes from, and where it goes if that is full. A flow
 * that is held or full is not read, but its end is noticed.
 */
static int
add_polled(const Link *link, struct pollfd *polled)
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

/*
 * next_timeout returns how long to wait at most, in milliseconds, for a flow that is held.
 */
static int
next_timeout(const Proxy *proxy)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < MOST_LINKS; i++)
	{
		for (int direction = 0; direction < DIRECTIONS; direction++)
		{
			int64_t until = proxy->links[i].flows[direction].held_until;

			if (proxy->links[i].is_used && until != 0 && until < next)
				next = until;
		}
	}
	if (next == INT64_MAX)
		return -1;
	next -= monotonic_now();
	return next < 0 ? 0 : (int) (next / NANOSECONDS_PER_MILLISECOND) + 1;
}

/*
 * serve_links serves every link after a poll. A held flow whose sender is gone ends its link.
 */
static void
serve_links(Proxy *proxy, const struct pollfd *polled)
{
	for (int i = 0; i < MOST_LINKS; i++)
	{
		Link *link = &proxy->links[i];

		for (int direction = 0; direction < DIRECTIONS && link->is_used; direction++)
		{
			const struct pollfd *source = &polled[i * DIRECTIONS + direction];

			if (source->fd != link->ends[!direction])
				continue; /* the link came after the poll */
			if (link->flows[direction].held_until != 0 && (source->revents & POLLRDHUP))
				close_link(link);
			else
				serve(proxy, link, direction, source->revents);
		}
	}
}

static void *
run(void *argument)
{
	Proxy		 *proxy = argument;
	struct pollfd polled[2 + MOST_LINKS * DIRECTIONS];
	char		  ignored[64];

	pthread_mutex_lock(&proxy->lock);
	while (!proxy->is_stopping)
	{
		int count = 2;
		int timeout = next_timeout(proxy);

		polled[0] = (struct pollfd){.fd = proxy->wake[0], .events = POLLIN};
		polled[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
		for (int i = 0; i < MOST_LINKS; i++)
			count += add_polled(&proxy->links[i], polled + count);
		pthread_mutex_unlock(&proxy->lock);
		(void) poll(polled, (nfds_t) count, timeout);
		pthread_mutex_lock(&proxy->lock);
		if (polled[0].revents != 0)
			(void) !read(proxy->wake[0], ignored, sizeof ignored);
		serve_links(proxy, polled + 2);
		if (polled[1].revents != 0)
			accept_client(proxy);
	}
	for (int i = 0; i < MOST_LINKS; i++)
		close_link(&proxy->links[i]);
	pthread_mutex_unlock(&proxy->lock);
	return NULL;
}

/*
 * listen_somewhere listens on a free port of the loopback interface, and writes the URL.
 */
static void
listen_somewhere(Proxy *proxy)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t		   length = sizeof address;
	PQconninfoOption  *options = PQconninfoParse(server_url(), NULL);
	size_t			   used;

	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(proxy->listener, MOST_LINKS), 0);
	assert_int_equal(getsockname(proxy->listener, (struct sockaddr *) &address, &length), 0);
	used = (size_t) snprintf(proxy->url, sizeof proxy->url,
							 "hostaddr=127.0.0.1 port=%d sslmode=disable gssencmode=disable "
							 "application_name=" PROXY_NAME,
							 ntohs(address.sin_port));
	for (PQconninfoOption *option = options; option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, "user") == 0 && option->val != NULL)
			snprintf(proxy->url + used, sizeof proxy->url - used, " user=%s", option->val);
	}
	PQconninfoFree(options);
}

Proxy *
proxy_start(void)
{
	Proxy	*proxy = calloc(1, sizeof *proxy);
	sigset_t all;
	sigset_t before;

	assert_non_null(proxy);
	for (int i = 0; i < MOST_LINKS; i++)
		close_link(&proxy->links[i]);
	pthread_mutex_init(&proxy->lock, NULL);
	listen_somewhere(proxy);
	assert_int_equal(pipe2(proxy->wake, O_CLOEXEC | O_NONBLOCK), 0);
	/* signals are for the thread that tests */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return proxy;
}

void
proxy_stop(Proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->is_stopping = true;
	(void) !write(proxy->wake[1], "", 1);
	pthread_mutex_unlock(&proxy->lock);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
	close(proxy->wake[0]);
	close(proxy->wake[1]);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy);
}

const char *
proxy_url(const Proxy *proxy)
{
	return proxy->url;
}

void
proxy_plan(Proxy *proxy, const Plan *plans, int count)
{
	assert_true(count <= MOST_PLANS);
	pthread_mutex_lock(&proxy->lock);
	for (int i = 0; i < count; i++)
	{
		proxy->plans[i] = plans[i];
		proxy->is_done[i] = false;
	}
	proxy->plan_count = count;
	proxy->struck = 0;
	proxy->has_struck_early = false;
	proxy->is_refusing = false;
	proxy->messages[TO_SERVER] = proxy->messages[TO_CLIENT] = 0;
	proxy->connections = 0;
	proxy->late_cancels = 0;
	(void) !write(proxy->wake[1], "", 1);
	pthread_mutex_unlock(&proxy->lock);
}

void
proxy_cut(Proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	for (int i = 0; i < MOST_LINKS; i++)
		close_link(&proxy->links[i]);
	(void) !write(proxy->wake[1], "", 1);
	pthread_mutex_unlock(&proxy->lock);
}

/*
 * read_number reads one of the proxy's numbers.
 */
static int
read_number(Proxy *proxy, const int *number)
{
	int value;

	pthread_mutex_lock(&proxy->lock);
	value = *number;
	pthread_mutex_unlock(&proxy->lock);
	return value;
}

int
proxy_messages(Proxy *proxy, Direction direction)
{
	return read_number(proxy, &proxy->messages[direction]);
}

int
proxy_connections(Proxy *proxy)
{
	return read_number(proxy, &proxy->connections);
}

int
proxy_late_cancels(Proxy *proxy)
{
	return read_number(proxy, &proxy->late_cancels);
}

int
proxy_struck(Proxy *proxy)
{
	return read_number(proxy, &proxy->struck);
}

bool
proxy_struck_early(Proxy *proxy)
{
	bool is_early;

	pthread_mutex_lock(&proxy->lock);
	is_early = proxy->has_struck_early;
	pthread_mutex_unlock(&proxy->lock);
	return is_early;
}
