/*
 * server_control.h
 *    For tests that do more to the server than use it: stop it, start it, change who may log in; and
 *    for addresses where no server answers.
 */
#ifndef GOES_TEST_SERVER_CONTROL_H
#define GOES_TEST_SERVER_CONTROL_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

/* What no message may contain. */
#define SECRET "s3cret"

/*
 * run_command runs a shell command, which has to succeed.
 */
static inline void
run_command(const char *format, ...)
{
	char	text[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (system(text) != 0)
		fail_msg("this command failed: %s", text);
}

static inline void
stop_server(void)
{
	run_command("pg_ctl -D \"$GOES_TEST_DATA\" -m immediate -w stop >/dev/null");
}

static inline void
start_server(void)
{
	run_command(
		"pg_ctl -D \"$GOES_TEST_DATA\" -l \"$GOES_TEST_DATA/test.log\" -w start >/dev/null");
}

static inline void
restart_server(void)
{
	run_command("pg_ctl -D \"$GOES_TEST_DATA\" -l \"$GOES_TEST_DATA/test.log\" -m fast -w restart "
				">/dev/null");
}

/*
 * allow_login puts a line in front of those that say who may log in, and how.
 */
static inline void
allow_login(const char *line)
{
	run_command("cd \"$GOES_TEST_DATA\" && { echo '%s'; cat pg_hba.conf; } >pg_hba.new && "
				"mv pg_hba.new pg_hba.conf && pg_ctl -D . reload >/dev/null",
				line);
}

/*
 * url_part returns a keyword's value from GOES_TEST_URL, to be freed.
 */
static inline char *
url_part(const char *keyword)
{
	PQconninfoOption *options = PQconninfoParse(server_url(), NULL);
	char			 *value = NULL;

	for (PQconninfoOption *option = options; option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, keyword) == 0 && option->val != NULL)
			value = strdup(option->val);
	}
	PQconninfoFree(options);
	assert_non_null(value);
	return value;
}

/*
 * uri_of returns the server's URI, to be freed: the directory of its socket stands for the host.
 * `rest` follows the port.
 */
static inline char *
uri_of(const char *user, const char *rest)
{
	char  *host = url_part("host");
	char  *port = url_part("port");
	char   encoded[1024] = "";
	size_t length = 0;
	char  *uri;

	for (const char *byte = host; *byte != '\0'; byte++)
		length += (size_t) snprintf(encoded + length, sizeof encoded - length,
									*byte == '/' ? "%%2F" : "%c", *byte);
	assert_true(asprintf(&uri, "postgres://%s@%s:%s%s", user, encoded, port, rest) > 0);
	free(host);
	free(port);
	return uri;
}

/*
 * local_socket binds a TCP socket to a free port of this machine.
 */
static inline int
local_socket(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t		   length = sizeof address;
	int				   made = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(made >= 0);
	assert_int_equal(bind(made, (struct sockaddr *) &address, length), 0);
	assert_int_equal(getsockname(made, (struct sockaddr *) &address, &length), 0);
	*port = ntohs(address.sin_port);
	return made;
}

/*
 * listen_silently accepts connections and never says a word. The socket is to be closed.
 */
static inline int
listen_silently(int *port)
{
	int made = local_socket(port);

	assert_int_equal(listen(made, 100), 0);
	return made;
}

/*
 * dead_port returns a port on which nobody listens.
 */
static inline int
dead_port(void)
{
	int port;

	close(local_socket(&port));
	return port;
}

/*
 * make_options returns options for a store with this URL, and TEST_DATABASE.
 */
static inline goes_store_options
make_options(const char *url)
{
	goes_store_options options = options_of(NULL);

	options.url = url;
	return options;
}

/*
 * try_options opens a store, connects and closes it again; the status is that of the first call that
 * fails.
 */
static inline int
try_options(const goes_store_options *options, goes_error **error)
{
	goes_store *store = NULL;
	int			status = goes_store_open(&store, options, error);

	if (status == GOES_OK)
		status = goes_store_connect(store, NULL, error);
	goes_store_close(store);
	return status;
}

static inline int
try_url(const char *url, goes_error **error)
{
	goes_store_options options = make_options(url);

	return try_options(&options, error);
}

/*
 * insert_one stores an event and returns what goes_insert returned.
 */
static inline int
insert_one(goes_store *store, const char *name, goes_uuid *id, goes_error **error)
{
	goes_event event;

	goes_event_init(&event, name, "{}");
	if (id != NULL)
		*id = event.id;
	return goes_insert(store, &event, 1, NULL, error);
}

#endif
