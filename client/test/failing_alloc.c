/*
 * failing_alloc.c
 *    Allocations that fail when told to, and the book of those that are not freed yet.
 *
 * The Makefile puts these functions in the place of malloc and the others in the library of a test of
 * memory; `make symbols` checks that no allocation takes another way.
 *
 * The library may be freeing what an application's function allocated (goes_free): what is not in the
 * book is freed like anything else. Threads may allocate at once.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* More than that at once would be a leak, too. */
#define MOST_BLOCKS 65536
#define MOST_ALLOCATIONS 100000
#define NEVER (-1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void			  *blocks[MOST_BLOCKS];
static long			   block_count;
static long			   until_failure = NEVER; /* how many allocations succeed before one fails */
static bool			   fails_for_good;
static bool			   has_failed;

void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *memory, size_t size);
char *failing_strdup(const char *text);
char *failing_strndup(const char *text, size_t length);
void  failing_free(void *memory);

/*
 * must_fail counts an allocation and tells whether it is one that fails.
 */
static bool
must_fail(void)
{
	bool fails;

	pthread_mutex_lock(&lock);
	fails = until_failure == 0;
	if (until_failure > 0)
		until_failure--;
	else if (fails && !fails_for_good)
		until_failure = NEVER;
	has_failed |= fails;
	pthread_mutex_unlock(&lock);
	return fails;
}

/*
 * enter notes a block and returns it.
 */
static void *
enter(void *memory)
{
	if (memory == NULL)
		return NULL;
	pthread_mutex_lock(&lock);
	if (block_count == MOST_BLOCKS)
		abort();
	blocks[block_count++] = memory;
	pthread_mutex_unlock(&lock);
	return memory;
}

/*
 * strike_out forgets a block. The youngest are freed most often, so it looks from the end.
 */
static void
strike_out(const void *memory)
{
	pthread_mutex_lock(&lock);
	for (long i = block_count - 1; i >= 0; i--)
	{
		if (blocks[i] == memory)
		{
			blocks[i] = blocks[--block_count];
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

void *
failing_malloc(size_t size)
{
	return must_fail() ? NULL : enter(malloc(size));
}

void *
failing_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : enter(calloc(count, size));
}

void *
failing_realloc(void *memory, size_t size)
{
	void *moved;

	if (must_fail())
		return NULL;
	/* Before it is gone: another thread may be given the same address. */
	strike_out(memory);
	moved = realloc(memory, size);
	return enter(moved);
}

char *
failing_strdup(const char *text)
{
	return must_fail() ? NULL : enter(strdup(text));
}

char *
failing_strndup(const char *text, size_t length)
{
	return must_fail() ? NULL : enter(strndup(text, length));
}

void
failing_free(void *memory)
{
	strike_out(memory);
	free(memory);
}

void
fail_allocation(long nth, bool and_all_later_ones)
{
	pthread_mutex_lock(&lock);
	until_failure = nth;
	fails_for_good = and_all_later_ones;
	has_failed = false;
	pthread_mutex_unlock(&lock);
}

bool
stop_failing(void)
{
	bool failed;

	pthread_mutex_lock(&lock);
	until_failure = NEVER;
	failed = has_failed;
	pthread_mutex_unlock(&lock);
	return failed;
}

long
live_blocks(void)
{
	long count;

	pthread_mutex_lock(&lock);
	count = block_count;
	pthread_mutex_unlock(&lock);
	return count;
}

/*
 * check_run judges one run of a scenario.
 */
static void
check_run(int status, int expected, Answer answer, bool failed, long leaked, long nth)
{
	if (leaked != 0)
		fail_msg("with allocation %ld failing, %ld blocks are not freed", nth, leaked);
	if (failed && status == GOES_ERR_NOMEM)
		return;
	if (failed && answer != MAY_RECOVER)
		fail_msg("with allocation %ld failing, the status is %d (%s)", nth, status,
				 goes_status_text(status));
	if (status != expected)
		fail_msg("the status is %d (%s), not %d", status, goes_status_text(status), expected);
}

long
every_allocation_fails(Scenario scenario, void *input, int expected, Answer answer)
{
	long failures = 0;

	for (int for_good = 0; for_good <= 1; for_good++)
	{
		for (long nth = 0;; nth++)
		{
			long before = live_blocks();
			int	 status;
			bool failed;

			fail_allocation(nth, for_good);
			status = scenario(input);
			failed = stop_failing();
			check_run(status, expected, answer, failed, live_blocks() - before, nth);
			if (!failed)
				break;
			failures++;
			if (nth == MOST_ALLOCATIONS)
				fail_msg("the scenario allocates for ever");
		}
	}
	return failures;
}
