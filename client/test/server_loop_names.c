/*
 * server_loop_names.c
 *    Names of hosts are looked up when a feed is opened, and never again: looking up may take any
 *    time, and would keep an event loop.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>

#include "lost.h"
#include "follows.h"

#define TABLE "named"

static atomic_int look_ups;

/*
 * getaddrinfo stands before libc's, for libpq and libgoes, too, and counts the names that are asked for.
 */
__attribute__((visibility("default"))) int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
			struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name != NULL && (hints == NULL || (hints->ai_flags & AI_NUMERICHOST) == 0))
		look_ups++;
	return real(name, service, hints, found);
}

/*
 * open_named opens a store whose hosts have names.
 */
static goes_store *
open_named(const char *hosts)
{
	goes_store_options options = options_of(TABLE);
	const char		  *address = strstr(proxy_url(proxy), "hostaddr=127.0.0.1 ");
	char			   url[1024];

	assert_non_null(address);
	snprintf(url, sizeof url, "host=%s %s", hosts, address + strlen("hostaddr=127.0.0.1 "));
	options.url = url;
	return open_with(&options);
}

static void
expect_event_in_loop(goes_feed *feed)
{
	const goes_event *event;
	goes_error		 *error = NULL;
	int64_t			  begun = milliseconds();
	int				  status;

	while ((status = goes_feed_process(feed, &event, &error)) != GOES_EVENT)
	{
		struct pollfd polled = {.fd = goes_feed_fd(feed), .events = (short) goes_feed_events(feed)};

		if (status < 0 && status != GOES_ERR_CONNECT)
			fail_msg("%s", goes_error_message(error));
		goes_error_free(error);
		error = NULL;
		assert_true(is_within(begun, 10000));
		(void) poll(&polled, 1, (int) goes_feed_timeout_ms(feed));
	}
}

static void
test_names_are_looked_up_once(void **state)
{
	static const char *const hosts[] = {"localhost", "localhost,localhost"};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
	{
		goes_store *store = open_named(hosts[i]);
		goes_feed  *feed;
		int			before;

		leave_in_peace();
		with_feed(store, TABLE);
		feed = open_feed(store, NULL);
		before = look_ups;
		assert_true(before > 2); /* libpq's are counted, too */
		for (int turn = 0; turn < 3; turn++)
		{
			proxy_cut(proxy);
			admin_do(TEST_DATABASE, "INSERT INTO " TABLE " (id, name, \"time\") "
									"VALUES (goes_uuid_v7(), 'late', 1)");
			expect_event_in_loop(feed);
		}
		assert_int_equal(look_ups, before);
		assert_true(proxy_connections(proxy) >= 3);
		goes_feed_close(feed);
		goes_store_close(store);
		admin_do(TEST_DATABASE, "TRUNCATE " TABLE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_looked_up_once),
	};

	return RUN_LOST_TESTS(tests);
}
