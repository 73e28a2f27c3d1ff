/*
 * lock.c
 *    A mutex with a condition that uses the monotonic clock.
 *
 * A waiting thread wakes up now and then to look whether it is cancelled: a signal handler must not
 * signal a condition.
 */
#include <time.h>

#include "base/base.h"

#define LOOK_AGAIN_MS 50

int
lock_init(pthread_mutex_t *lock, pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	bool			   is_made = false;

	if (pthread_condattr_init(&attributes) != 0)
		return GOES_ERR_NOMEM;
	if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
		pthread_mutex_init(lock, NULL) == 0)
	{
		is_made = pthread_cond_init(condition, &attributes) == 0;
		if (!is_made)
			pthread_mutex_destroy(lock);
	}
	pthread_condattr_destroy(&attributes);
	return is_made ? GOES_OK : GOES_ERR_NOMEM;
}

void
lock_wait(pthread_mutex_t *lock, pthread_cond_t *condition, const Deadline *deadline)
{
	int64_t			until = monotonic_now() + LOOK_AGAIN_MS * NANOSECONDS_PER_MILLISECOND;
	struct timespec at;

	if (until > deadline->at)
		until = deadline->at;
	at.tv_sec = until / NANOSECONDS_PER_SECOND;
	at.tv_nsec = until % NANOSECONDS_PER_SECOND;
	(void) pthread_cond_timedwait(condition, lock, &at);
}
