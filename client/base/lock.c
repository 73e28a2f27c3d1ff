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
condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	bool			   is_made;

	if (pthread_condattr_init(&attributes) != 0)
		return GOES_ERR_NOMEM;
	is_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
			  pthread_cond_init(condition, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	return is_made ? GOES_OK : GOES_ERR_NOMEM;
}

int
lock_init(pthread_mutex_t *lock, pthread_cond_t *condition)
{
	int status;

	if (pthread_mutex_init(lock, NULL) != 0)
		return GOES_ERR_NOMEM;
	status = condition_init(condition);
	if (status != GOES_OK)
		pthread_mutex_destroy(lock);
	return status;
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
