/*
 * proxy.c
 *    The proxy of proxy.h: one thread that polls all of its links, and carries out the plans.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy_link.h"

#define MOST_LINKS 64
#define MOST_PLANS 3

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
	int				struck_early; /* a boolean */
	bool			is_refusing;
	bool			is_stopping;
	int				messages[DIRECTIONS];
	int				connections;
	int				late_cancels;
};

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
	if (link_open(link, client))
		proxy->connections++;
}

/*
 * strike carries out a plan that cuts the connection.
 */
static void
strike(Proxy *proxy, Link *link, const Plan *plan)
{
	proxy->struck++;
	proxy->struck_early = !link->is_ready;
	proxy->is_refusing = plan->refuses;
	(void) link_send(link, plan->direction);
	link_close_end(link, TO_CLIENT);
	link->flows[TO_SERVER].in.length = link->flows[TO_CLIENT].in.length = 0;
	if (!plan->keeps_server)
		link_close(link);
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
	size_t		length = link_message_length(link, direction);
	bool		has_number = length > 0 && link_is_counted(link, direction);
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
			flow_forward(flow, length / 2);
		strike(proxy, link, plan);
		return false;
	}
	if (flow->in.length < length)
		return false;
	proxy->messages[direction] += has_number;
	proxy->late_cancels += link->is_cancel && !has_session(proxy);
	link->is_started = true;
	if (direction == TO_CLIENT)
	{
		link->is_ready |= flow->in.data[0] == 'Z';
		link->is_reporting = flow->in.data[0] == 'S';
	}
	flow_forward(flow, length);
	if (is_cutting)
	{
		*is_done = true;
		strike(proxy, link, plan);
		return false;
	}
	return true;
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
		link_read(link, direction);
	while (flow->held_until == 0 && link->is_used && link->ends[direction] >= 0 &&
		   pass_message(proxy, link, direction))
		;
	if (!link->is_used)
		return;
	if (!link_send(link, direction) || (flow->has_ended && flow->out.length == 0))
		link_close(link);
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
				link_close(link);
			else
				serve(proxy, link, direction, source->revents);
		}
	}
}

static void *
run_proxy(void *argument)
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
			count += link_poll(&proxy->links[i], polled + count);
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
		link_close(&proxy->links[i]);
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
		link_close(&proxy->links[i]);
	pthread_mutex_init(&proxy->lock, NULL);
	listen_somewhere(proxy);
	assert_int_equal(pipe2(proxy->wake, O_CLOEXEC | O_NONBLOCK), 0);
	/* signals are for the thread that tests */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	assert_int_equal(pthread_create(&proxy->thread, NULL, run_proxy, proxy), 0);
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
	proxy->struck_early = false;
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
		link_close(&proxy->links[i]);
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
	return read_number(proxy, &proxy->struck_early);
}
