/*
 * pooler.h
 *    pgbouncer in front of the server, in each of its modes.
 */
#ifndef GOES_TEST_POOLER_H
#define GOES_TEST_POOLER_H

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "server_control.h"

/* The modes of pooling; each has a port of its own, and all have few sessions. */
typedef enum Mode
{
	SESSION,
	TRANSACTION,
	STATEMENT
} Mode;

#define MODES 3

static const char *const mode_names[MODES] = {"session", "transaction", "statement"};
static struct
{
	char  url[128];
	char  folder[64];
	pid_t process;
} poolers[MODES];

static inline bool
is_installed(void)
{
	return system("PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null") == 0;
}

/*
 * start_pooler starts a pgbouncer of a mode, and waits until it lets us in.
 */
static inline void
start_pooler(Mode mode)
{
	char   *host = url_part("host");
	char   *server_port = url_part("port");
	char   *user = url_part("user");
	char   *folder = poolers[mode].folder;
	char	settings[128];
	int		port = dead_port();
	int64_t begun = milliseconds();

	strcpy(folder, "/tmp/goes_pooler_XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(settings, sizeof settings, "%s/pgbouncer.ini", folder);
	run_command("cat >%s <<'END'\n"
				"[databases]\n* = host=%s port=%s user=%s\n"
				"[pgbouncer]\npool_mode = %s\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"
				"unix_socket_dir =\nauth_type = any\nlogfile = %s/log\ndefault_pool_size = 2\n"
				"END",
				settings, host, server_port, user, mode_names[mode], port, folder);
	poolers[mode].process = fork();
	if (poolers[mode].process == 0)
	{
		execlp("pgbouncer", "pgbouncer", "-q", settings, NULL);
		execl("/usr/sbin/pgbouncer", "pgbouncer", "-q", settings, NULL);
		_exit(127);
	}
	snprintf(poolers[mode].url, sizeof poolers[mode].url, "host=127.0.0.1 port=%d user=%s", port,
			 user);
	while (PQping(poolers[mode].url) == PQPING_NO_RESPONSE)
	{
		assert_true(is_within(begun, 10000));
		usleep(10 * 1000);
	}
	free(host);
	free(server_port);
	free(user);
}

static inline int
stop_poolers(void **state)
{
	for (Mode mode = SESSION; mode < MODES; mode++)
	{
		if (poolers[mode].process <= 0)
			continue;
		kill(poolers[mode].process, SIGKILL);
		waitpid(poolers[mode].process, NULL, 0);
		run_command("rm -rf %s", poolers[mode].folder);
	}
	return 0;
}

static inline void
skip_without_pooler(void)
{
	if (!is_installed())
		skip();
}

#endif
