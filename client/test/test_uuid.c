/*
 * test_uuid.c
 *    UUIDs, the clock and the version.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define IDS_OF_A_THREAD 20000
#define THREADS 4
#define NANOSECONDS INT64_C(1000000000)

/* The time, in nanoseconds, at which the clock is stopped; 0: it runs. */
static _Atomic int64_t clock_stands_at;

/*
 * clock_gettime takes the place of the C library's, so that a test can stop the clock.
 */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t stands_at = atomic_load(&clock_stands_at);

	if (stands_at == 0)
		return (int) syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){stands_at / NANOSECONDS, stands_at % NANOSECONDS};
	return 0;
}

static void
the_library_is_as_new_as_its_header(void **state)
{
	assert_int_equal(goes_version(), GOES_VERSION);
}

static void
a_fresh_id_has_version_7_and_the_usual_variant(void **state)
{
	for (int i = 0; i < 1000; i++)
	{
		goes_uuid id;

		goes_uuid_v7(&id);
		assert_int_equal(id.bytes[6] >> 4, 7);
		assert_int_equal(id.bytes[8] >> 6, 2);
	}
}

static int64_t
milliseconds_of(const goes_uuid *id)
{
	int64_t milliseconds = 0;

	for (int i = 0; i < 6; i++)
		milliseconds = milliseconds << 8 | id->bytes[i];
	return milliseconds;
}

static void
a_fresh_id_starts_with_the_time_in_milliseconds(void **state)
{
	int64_t	  before = goes_now() / 1000000;
	goes_uuid id;

	goes_uuid_v7(&id);
	assert_in_range(milliseconds_of(&id), before, goes_now() / 1000000 + 1);
}

/* The random half of two ids differs, so that two processes do not make the same ones. */
static void
a_fresh_id_ends_with_random_bits(void **state)
{
	goes_uuid one;
	goes_uuid other;

	goes_uuid_v7(&one);
	goes_uuid_v7(&other);
	assert_memory_not_equal(one.bytes + 8, other.bytes + 8, 8);
}

static void
ids_increase(void **state)
{
	goes_uuid before;
	goes_uuid id;

	goes_uuid_v7(&before);
	for (int i = 0; i < 100000; i++)
	{
		goes_uuid_v7(&id);
		assert_true(memcmp(&before, &id, sizeof id) < 0);
		before = id;
	}
}

/* A coarse clock, one that is set back, and more ids than its steps leave room for. */
static void
ids_increase_even_if_the_clock_does_not(void **state)
{
	int64_t	  now = goes_now();
	goes_uuid before;
	goes_uuid id;

	goes_uuid_v7(&before);
	for (int i = 0; i < 30000; i++)
	{
		atomic_store(&clock_stands_at, i < 20000 ? now : now - 3600 * NANOSECONDS);
		goes_uuid_v7(&id);
		atomic_store(&clock_stands_at, 0);
		/* The time alone: the random half does not help. */
		assert_true(memcmp(&before, &id, 8) < 0);
		before = id;
	}
}

/* Threads that take turns: each id is made after the one in `newest`, by whichever thread. */
typedef struct Turns
{
	pthread_mutex_t lock;
	goes_uuid		newest;
	bool			decreased;
} Turns;

static void *
make_ids_in_turns(void *shared)
{
	Turns *turns = shared;

	for (int i = 0; i < IDS_OF_A_THREAD; i++)
	{
		goes_uuid id;

		pthread_mutex_lock(&turns->lock);
		goes_uuid_v7(&id);
		if (memcmp(&turns->newest, &id, sizeof id) >= 0)
			turns->decreased = true;
		turns->newest = id;
		pthread_mutex_unlock(&turns->lock);
	}
	return NULL;
}

static void
ids_increase_whichever_thread_makes_them(void **state)
{
	Turns	  turns = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_ids_in_turns, &turns), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(turns.decreased);
}

static void *
make_ids_at_once(void *ids)
{
	for (int i = 0; i < IDS_OF_A_THREAD; i++)
		goes_uuid_v7((goes_uuid *) ids + i);
	return NULL;
}

static int
compare_time_parts(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

/*
 * The part without random bits does not repeat either: otherwise two threads' ids might be out of
 * order.
 */
static void
threads_at_once_never_make_the_same_time_part(void **state)
{
	goes_uuid *ids = calloc(THREADS * IDS_OF_A_THREAD, sizeof *ids);
	pthread_t  threads[THREADS];

	assert_non_null(ids);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make_ids_at_once, ids + i * IDS_OF_A_THREAD), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	qsort(ids, THREADS * IDS_OF_A_THREAD, sizeof *ids, compare_time_parts);
	for (int i = 1; i < THREADS * IDS_OF_A_THREAD; i++)
		assert_true(compare_time_parts(&ids[i - 1], &ids[i]) < 0);
	free(ids);
}

static const goes_uuid sample = {{0x01, 0x98, 0xab, 0xcd, 0xef, 0x00, 0x7a, 0xbc, 0x8d, 0xef, 0x01,
								  0x23, 0x45, 0x67, 0x89, 0xff}};

static void
an_id_is_read_in_either_case(void **state)
{
	goes_uuid lower = uuid_of("0198abcd-ef00-7abc-8def-0123456789ff");
	goes_uuid upper = uuid_of("0198ABCD-EF00-7ABC-8DEF-0123456789FF");

	assert_memory_equal(&lower, &sample, sizeof sample);
	assert_memory_equal(&upper, &sample, sizeof sample);
}

static void
an_id_is_written_in_lower_case_with_a_zero_byte(void **state)
{
	char text[38];

	memset(text, 'x', sizeof text);
	goes_uuid_format(&sample, text);
	assert_memory_equal(text, "0198abcd-ef00-7abc-8def-0123456789ff\0x", sizeof text);
}

static void
what_is_written_is_read_again(void **state)
{
	for (int i = 0; i < 1000; i++)
	{
		goes_uuid id;
		goes_uuid again;
		char	  text[37];

		goes_uuid_v7(&id);
		goes_uuid_format(&id, text);
		again = uuid_of(text);
		assert_memory_equal(&id, &again, sizeof id);
	}
}

static void
any_other_text_is_invalid_and_leaves_the_id_alone(void **state)
{
	static const char *const texts[] = {"",
										"0",
										"0198abcd-ef00-7abc-8def-0123456789f",
										"0198abcd-ef00-7abc-8def-0123456789ff0",
										"0198abcd-ef00-7abc-8def-0123456789ff ",
										" 0198abcd-ef00-7abc-8def-0123456789f",
										"0198abcdef007abc8def0123456789ff",
										"{198abcd-ef00-7abc-8def-0123456789f}",
										"0198abcd-ef00-7abc-8def-0123456789fg",
										"0198abcd-ef00-7abc-8def+0123456789ff",
										"0198abcd-ef007-abc-8def-0123456789ff",
										"urn:uuid:0198abcd-ef00-7abc-8def-0123"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
	{
		goes_uuid id = sample;

		if (goes_uuid_parse(texts[i], &id) != GOES_ERR_INVALID)
			fail_msg("\"%s\" was read", texts[i]);
		assert_memory_equal(&id, &sample, sizeof id);
	}
}

static void
no_text_and_no_place_are_invalid(void **state)
{
	goes_uuid id = sample;

	assert_int_equal(goes_uuid_parse(NULL, &id), GOES_ERR_INVALID);
	assert_memory_equal(&id, &sample, sizeof id);
	assert_int_equal(goes_uuid_parse("0198abcd-ef00-7abc-8def-0123456789ff", NULL),
					 GOES_ERR_INVALID);
}

static void
only_all_zeros_and_nothing_are_nil(void **state)
{
	goes_uuid id = {{0}};

	assert_true(goes_uuid_is_nil(NULL));
	assert_true(goes_uuid_is_nil(&id));
	for (int i = 0; i < 128; i++)
	{
		memset(&id, 0, sizeof id);
		id.bytes[i / 8] = (unsigned char) (1 << i % 8);
		assert_false(goes_uuid_is_nil(&id));
	}
}

static void
now_is_nanoseconds_since_1970(void **state)
{
	int64_t before = (int64_t) time(NULL) * NANOSECONDS;
	int64_t now = goes_now();

	/* time() may be behind by a tick of the kernel. */
	assert_in_range(now, before, ((int64_t) time(NULL) + 2) * NANOSECONDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_is_as_new_as_its_header),
		cmocka_unit_test(a_fresh_id_has_version_7_and_the_usual_variant),
		cmocka_unit_test(a_fresh_id_starts_with_the_time_in_milliseconds),
		cmocka_unit_test(a_fresh_id_ends_with_random_bits),
		cmocka_unit_test(ids_increase),
		cmocka_unit_test(ids_increase_even_if_the_clock_does_not),
		cmocka_unit_test(ids_increase_whichever_thread_makes_them),
		cmocka_unit_test(threads_at_once_never_make_the_same_time_part),
		cmocka_unit_test(an_id_is_read_in_either_case),
		cmocka_unit_test(an_id_is_written_in_lower_case_with_a_zero_byte),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(any_other_text_is_invalid_and_leaves_the_id_alone),
		cmocka_unit_test(no_text_and_no_place_are_invalid),
		cmocka_unit_test(only_all_zeros_and_nothing_are_nil),
		cmocka_unit_test(now_is_nanoseconds_since_1970),
	};

	return RUN_TESTS(tests);
}
