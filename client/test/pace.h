/*
 * pace.h
 *    Limits for a machine that is busy, or slow.
 *
 * A limit that is ample on an idle machine is passed on one that other programs share, before what is
 * tested has begun. So tests give their limits in milliseconds of an idle machine, and paced_ms makes
 * them as much longer as this one is slower.
 */
#ifndef GOES_TEST_PACE_H
#define GOES_TEST_PACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What an idle machine takes for the two pieces of work, generously. */
#define COMPUTING_NS INT64_C(40000000)
#define SWITCHING_NS INT64_C(4000000)
#define COMPUTING_STEPS 15000000
#define SWITCHES 100
#define MOST_PACE 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_PACE 2
#else
#define SANITIZER_PACE 1
#endif

static inline int64_t
pace_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* compute takes a while of a processor, longer than a scheduler leaves it to one program. */
static inline void
compute(void)
{
	uint64_t		  state = 1;
	volatile uint64_t result;

	for (int i = 0; i < COMPUTING_STEPS; i++)
		state = state * 6364136223846793005u + 1442695040888963407u;
	result = state;
	(void) result;
}

/* echo sends back what it reads from one of two pipes, {to read, to write}, until its end. */
static inline void *
echo(void *pipes)
{
	const int *ends = pipes;
	char	   byte;

	while (read(ends[0], &byte, 1) == 1)
		(void) !write(ends[1], &byte, 1);
	return NULL;
}

/* switch_threads has two threads wait for each other in turn. */
static inline void
switch_threads(void)
{
	int		  there[2];
	int		  back[2];
	int		  ends[2];
	char	  byte = 0;
	pthread_t thread;

	if (pipe(there) != 0 || pipe(back) != 0)
		abort();
	ends[0] = there[0];
	ends[1] = back[1];
	if (pthread_create(&thread, NULL, echo, ends) != 0)
		abort();
	for (int i = 0; i < SWITCHES; i++)
		(void) !(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
	close(there[1]);
	pthread_join(thread, NULL);
	close(there[0]);
	close(back[0]);
	close(back[1]);
}

/* slowness measures by how much longer than an idle machine this one takes, in percent. */
static inline int64_t
slowness(void (*work)(void), int64_t idle_ns)
{
	int64_t begun = pace_now();

	work();
	return (pace_now() - begun) * 100 / idle_ns;
}

/* pace measures how busy the machine is: to how many percent a limit has to grow, 100 at least. */
static inline int64_t
pace(void)
{
	int64_t computing = slowness(compute, COMPUTING_NS);
	int64_t switching = slowness(switch_threads, SWITCHING_NS);
	int64_t percent = computing > switching ? computing : switching;

	return (percent > 100 ? percent : 100) * SANITIZER_PACE;
}

/*
 * paced_ms returns a limit for this machine, at least as long as the one given. How busy it is, is
 * measured once, when the program first asks: so ask before what is timed, from the main thread.
 */
static inline int64_t
paced_ms(int64_t ms)
{
	static int64_t percent;

	if (percent == 0)
	{
		percent = pace();
		if (percent > MOST_PACE * SANITIZER_PACE * 100)
			percent = MOST_PACE * SANITIZER_PACE * 100;
	}
	return ms * percent / 100;
}

/* The milliseconds of a clock that only goes forward. */
static inline int64_t
milliseconds(void)
{
	return pace_now() / 1000000;
}

/*
 * is_short tells whether so many milliseconds are no more than a limit on this machine. What is too long
 * may be so because the machine has become busier: then it is measured again, and counts twice, as
 * what is timed often waits for several processes in turn.
 */
static inline bool
is_short(int64_t taken_ms, int64_t limit_ms)
{
	return taken_ms <= paced_ms(limit_ms) || taken_ms <= limit_ms * 2 * pace() / 100;
}

/* is_within tells that of the time since then. */
static inline bool
is_within(int64_t begun, int64_t limit_ms)
{
	return is_short(milliseconds() - begun, limit_ms);
}

#endif
