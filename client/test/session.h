/*
 * session.h
 *    Connections of runs in which many meet by chance, and their random numbers.
 */
#ifndef GOES_TEST_SESSION_H
#define GOES_TEST_SESSION_H

#include "server.h"

/* A connection, and the random numbers of who uses it. */
typedef struct Session
{
	PGconn	*connection;
	uint64_t random;
} Session;

/*
 * random_bits returns a session's next random number (splitmix64).
 */
static inline uint64_t
random_bits(Session *session)
{
	uint64_t number = session->random += 0x9e3779b97f4a7c15;

	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
	number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
	return number ^ (number >> 31);
}

/*
 * below draws a number from 0 up to one below a limit.
 */
static inline int
below(Session *session, int limit)
{
	return (int) (random_bits(session) % (uint64_t) limit);
}

/*
 * happens tells whether something that happens so often, in percent, happens now.
 */
static inline bool
happens(Session *session, int percent)
{
	return below(session, 100) < percent;
}

/*
 * rest sleeps, mostly a little and at most so long.
 */
static inline void
rest(Session *session, int most_ms)
{
	int share = below(session, 1000);

	usleep((useconds_t) ((int64_t) most_ms * share * share / 1000));
}

/*
 * open_session connects a thread or a process.
 */
static inline Session
open_session(uint64_t seed, int number)
{
	return (Session){admin_connection(TEST_DATABASE), seed * 1000003 + (uint64_t) number};
}

/*
 * number_from returns a number from the environment.
 */
static inline int64_t
number_from(const char *name, int64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoll(text, NULL, 10);
}

#endif
