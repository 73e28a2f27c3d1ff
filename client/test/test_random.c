/*
 * test_random.c
 *    The random half of UUIDs: never the same twice, in whatever process and thread, and whether or not
 *    the kernel gives what it is asked for.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define IDS 100 /* more than are at hand at a time */
#define IDS_OF_A_THREAD 20000
#define THREADS 4
#define RANDOM_HALF 8

/* What getrandom and madvise do, and how often the former was asked. */
static atomic_bool kernel_has_none;
static atomic_bool kernel_gives_less;
static atomic_bool kernel_is_slow;
static atomic_bool kernel_cannot_empty_pages;
static atomic_int  times_asked;

/*
 * getrandom takes the place of the C library's.
 */
ssize_t
getrandom(void *bytes, size_t length, unsigned flags)
{
	ssize_t given;

	atomic_fetch_add(&times_asked, 1);
	if (atomic_load(&kernel_has_none))
	{
		errno = ENOSYS;
		return -1;
	}
	if (atomic_load(&kernel_gives_less))
		length /= 2;
	given = syscall(SYS_getrandom, bytes, length, flags);
	if (atomic_load(&kernel_is_slow))
		usleep(1);
	return given;
}

/*
 * madvise takes the place of the C library's.
 */
int
madvise(void *start, size_t length, int advice)
{
	if (atomic_load(&kernel_cannot_empty_pages))
	{
		errno = EINVAL;
		return -1;
	}
	return (int) syscall(SYS_madvise, start, length, advice);
}

static void
make_ids(goes_uuid *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		goes_uuid_v7(&ids[i]);
}

/*
 * shared_ids returns room for ids that a child process can fill, too.
 */
static goes_uuid *
shared_ids(size_t n)
{
	void *room = mmap(NULL, n * sizeof(goes_uuid), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(room != MAP_FAILED);
	return room;
}

static int
compare_random_halves(const void *a, const void *b)
{
	return memcmp((const char *) a + 16 - RANDOM_HALF, (const char *) b + 16 - RANDOM_HALF,
				  RANDOM_HALF);
}

/*
 * repetitions sorts ids and counts those whose random half another one has.
 */
static int
repetitions(goes_uuid *ids, size_t n)
{
	int count = 0;

	qsort(ids, n, sizeof *ids, compare_random_halves);
	for (size_t i = 1; i < n; i++)
		count += compare_random_halves(&ids[i - 1], &ids[i]) == 0;
	return count;
}

static void
assert_versions_and_variants(const goes_uuid *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		assert_int_equal(ids[i].bytes[6] >> 4, 7);
		assert_int_equal(ids[i].bytes[8] >> 6, 2);
	}
}

static pid_t
clone_like_fork(void)
{
	return (pid_t) syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/*
 * fork_twice makes a child of a child that made no ids; the one between waits for it.
 */
static pid_t
fork_twice(void)
{
	pid_t child = fork();
	pid_t grandchild;

	if (child != 0)
		return child;
	grandchild = fork();
	if (grandchild == 0)
		return 0;
	_exit(grandchild > 0 && waitpid(grandchild, NULL, 0) == grandchild ? 0 : 1);
}

/*
 * assert_child_ends_well waits for a child.
 */
static void
assert_child_ends_well(pid_t child)
{
	int status;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
a_child_never_repeats_its_parents_bits(void **state)
{
	static pid_t (*const ways[])(void) = {fork, clone_like_fork, fork_twice};
	goes_uuid *ids = shared_ids(3 * IDS);

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
	{
		pid_t child;

		make_ids(ids, IDS);
		child = ways[i]();
		if (child == 0)
		{
			make_ids(ids + IDS, IDS);
			_exit(0);
		}
		make_ids(ids + 2 * IDS, IDS);
		assert_child_ends_well(child);
		assert_int_equal(repetitions(ids, 3 * IDS), 0);
	}
	munmap(ids, 3 * IDS * sizeof *ids);
}

static void
a_child_that_shares_the_memory_repeats_nothing_either(void **state)
{
	goes_uuid *ids = shared_ids(2 * IDS);
	pid_t	   child = vfork();

	if (child == 0)
	{
		make_ids(ids, IDS);
		_exit(0);
	}
	make_ids(ids + IDS, IDS);
	assert_child_ends_well(child);
	assert_int_equal(repetitions(ids, 2 * IDS), 0);
	munmap(ids, 2 * IDS * sizeof *ids);
}

/*
 * use_pages_that_stay makes ids, and a child that makes some, where no page can be emptied. It returns
 * what became of that as an exit status.
 */
static int
use_pages_that_stay(goes_uuid *ids)
{
	pid_t child;
	int	  status;

	atomic_store(&kernel_cannot_empty_pages, true);
	make_ids(ids, IDS);
	child = fork();
	if (child == 0)
	{
		make_ids(ids + IDS, IDS);
		_exit(0);
	}
	make_ids(ids + 2 * IDS, IDS);
	return waitpid(child, &status, 0) == child && repetitions(ids, 3 * IDS) == 0 ? 0 : 1;
}

/* In a child, and as the first test: whether the page can be emptied is found out with the first id. */
static void
without_pages_that_are_emptied_nothing_is_repeated(void **state)
{
	goes_uuid *ids = shared_ids(3 * IDS);
	pid_t	   child = fork();

	if (child == 0)
		_exit(use_pages_that_stay(ids));
	assert_child_ends_well(child);
	munmap(ids, 3 * IDS * sizeof *ids);
}

static void
the_kernel_is_asked_for_many_at_a_time(void **state)
{
	goes_uuid ids[10 * IDS];

	atomic_store(&times_asked, 0);
	make_ids(ids, 10 * IDS);
	assert_in_range(atomic_load(&times_asked), 1, IDS);
}

static void
a_kernel_that_gives_nothing_is_done_without(void **state)
{
	atomic_bool *const troubles[] = {&kernel_has_none, &kernel_gives_less};

	for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++)
	{
		goes_uuid ids[3 * IDS];

		make_ids(ids, IDS);
		atomic_store(troubles[i], true);
		make_ids(ids + IDS, IDS);
		atomic_store(troubles[i], false);
		make_ids(ids + 2 * IDS, IDS);
		assert_versions_and_variants(ids, 3 * IDS);
		assert_int_equal(repetitions(ids, 3 * IDS), 0);
	}
}

static void *
make_random_at_once(void *ids)
{
	make_ids(ids, IDS_OF_A_THREAD);
	return NULL;
}

static void
threads_at_once_never_get_the_same_bits(void **state)
{
	goes_uuid *ids = calloc(THREADS * IDS_OF_A_THREAD, sizeof *ids);
	pthread_t  threads[THREADS];

	assert_non_null(ids);
	atomic_store(&kernel_is_slow, true);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make_random_at_once, ids + i * IDS_OF_A_THREAD), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&kernel_is_slow, false);
	assert_int_equal(repetitions(ids, THREADS * IDS_OF_A_THREAD), 0);
	free(ids);
}

/* Each bit is set in about half of the ids. */
static void
no_bit_stands_still(void **state)
{
	static goes_uuid ids[IDS_OF_A_THREAD];

	make_ids(ids, IDS_OF_A_THREAD);
	for (int bit = 8 * (16 - RANDOM_HALF) + 2; bit < 128; bit++)
	{
		int set = 0;

		for (int i = 0; i < IDS_OF_A_THREAD; i++)
			set += ids[i].bytes[bit / 8] >> (7 - bit % 8) & 1;
		assert_in_range(set, IDS_OF_A_THREAD * 45 / 100, IDS_OF_A_THREAD * 55 / 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_pages_that_are_emptied_nothing_is_repeated),
		cmocka_unit_test(a_child_never_repeats_its_parents_bits),
		cmocka_unit_test(a_child_that_shares_the_memory_repeats_nothing_either),
		cmocka_unit_test(the_kernel_is_asked_for_many_at_a_time),
		cmocka_unit_test(a_kernel_that_gives_nothing_is_done_without),
		cmocka_unit_test(threads_at_once_never_get_the_same_bits),
		cmocka_unit_test(no_bit_stands_still),
	};

	return RUN_TESTS(tests);
}
