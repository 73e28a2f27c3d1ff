/*
 * standby.h
 *    A hot standby of the server, that every commit waits for.
 */
#ifndef GOES_TEST_STANDBY_H
#define GOES_TEST_STANDBY_H

#include "server_control.h"

#define STANDBY "\"$GOES_TEST_DATA.standby\""
#define START_STANDBY "pg_ctl -D " STANDBY " -l \"$GOES_TEST_DATA/standby.log\" -w start >/dev/null"
#define STOP_STANDBY "pg_ctl -D " STANDBY " -m immediate -w stop >/dev/null"
#define PROMOTE_STANDBY "pg_ctl -D " STANDBY " -w promote >/dev/null"

static int	standby_port;
static char standby_url[1024];
static char primary_first[2048];
static char standby_first[2048];

/*
 * name_servers makes the keywords that lead to the standby, and to both servers.
 */
static inline void
name_servers(void)
{
	char *host = url_part("host");
	char *port = url_part("port");
	char *user = url_part("user");

	snprintf(standby_url, sizeof standby_url, "host=%s port=%d user=%s", host, standby_port, user);
	snprintf(primary_first, sizeof primary_first, "host=%s,%s port=%s,%d user=%s", host, host, port,
			 standby_port, user);
	snprintf(standby_first, sizeof standby_first, "host=%s,%s port=%d,%s user=%s", host, host,
			 standby_port, port, user);
	free(host);
	free(port);
	free(user);
}

/*
 * wait_for_standby waits until commits wait for the standby.
 */
static inline void
wait_for_standby(void)
{
	int64_t start = milliseconds();
	bool	is_there = false;

	while (!is_there)
	{
		char *count = admin("postgres", "SELECT count(*) FROM pg_stat_replication WHERE "
										"sync_state = 'sync' AND state = 'streaming'");

		is_there = strcmp(count, "1") == 0;
		free(count);
		assert_true(is_within(start, 30000));
		usleep(10000);
	}
}

/*
 * make_standby_for makes a standby, and says until when commits wait for it: a synchronous_commit.
 */
static inline void
make_standby_for(const char *commit)
{
	admin_do("postgres", "ALTER SYSTEM SET wal_level = replica");
	admin_do("postgres", "ALTER SYSTEM SET max_wal_senders = 4");
	admin_do("postgres", "ALTER SYSTEM SET synchronous_commit = %s", commit);
	restart_server();
	standby_port = dead_port();
	name_servers();
	run_command("pg_basebackup -d \"$GOES_TEST_URL\" -D " STANDBY " -R -c fast --no-sync");
	run_command("echo port = %d >>" STANDBY "/postgresql.conf", standby_port);
	run_command(START_STANDBY);
	admin_do("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
	admin_do("postgres", "SELECT pg_reload_conf()");
	wait_for_standby();
}

static inline int
remove_standby(void **state)
{
	run_command(STOP_STANDBY);
	return 0;
}

#endif
