/*
 * server_model_lock.c
 *    goes_model_use: one caller at a time changes a model, and the others wait until their
 *    deadline.
 */
#include <pthread.h>
#include <unistd.h>

#define CONNECTIONS 4

#include "models.h"

#define THREADS 20
#define ROUNDS 100

/* A thread that uses the model again and again. */
typedef struct User
{
	pthread_t	thread;
	int			rounds;
	atomic_int *firsts;
	int			status;
} User;

static void *
use_again(void *argument)
{
	User *user = argument;

	user->status = GOES_OK;
	for (int i = 0; i < user->rounds && user->status == GOES_OK; i++)
		user->status = goes_model_use(store, NULL, model, "0", add_one, user->firsts, NULL, NULL);
	return NULL;
}

/*
 * use_at_once lets threads use the model, and returns how many calls saw the initial value.
 */
static int
use_at_once(int rounds)
{
	User	   users[THREADS];
	atomic_int firsts = 0;

	for (int i = 0; i < THREADS; i++)
	{
		users[i] = (User){.rounds = rounds, .firsts = &firsts};
		assert_int_equal(pthread_create(&users[i].thread, NULL, use_again, &users[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(users[i].thread, NULL);
		assert_int_equal(users[i].status, GOES_OK);
	}
	return firsts;
}

static void
test_no_increment_is_lost(void **state)
{
	assert_int_equal(use_at_once(ROUNDS), 1);
	expect_model("2000");
}

static void
test_one_of_many_creates_a_missing_model(void **state)
{
	for (int round = 0; round < 20; round++)
	{
		(void) new_model(state);
		assert_int_equal(use_at_once(1), 1);
		expect_model("20");
	}
}

static int
take_long(goes_tx *tx, const char *json, char **new_json, void *user)
{
	if (user != NULL)
		goes_cancel_trigger(user);
	else
		usleep((useconds_t) paced_ms(150) * 1000);
	*new_json = strdup("1");
	return GOES_OK;
}

static void
test_a_function_that_takes_too_long(void **state)
{
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_error	*error = NULL;

	expect_error(goes_model_use(store, NULL, model, "0", take_long, NULL, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "");
	expect_model(NULL);
	context.cancel = goes_cancel_new();
	expect_error(
		goes_model_use(store, NULL, model, "0", take_long, context.cancel, &context, &error),
		&error, GOES_ERR_CANCELLED, "");
	expect_model(NULL);
	goes_cancel_free(context.cancel);
}

static void
test_waiting_for_a_lock_meets_the_deadline(void **state)
{
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(150)};
	goes_error	*error = NULL;
	goes_tx		*tx;
	int64_t		 begun;

	use(store, "0", add_one, NULL);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	use(goes_tx_store(tx), "0", append_in_model, NULL); /* locked until the transaction ends */
	begun = milliseconds();
	expect_error(goes_model_use(store, NULL, model, "0", add_one, NULL, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "");
	assert_true(milliseconds() - begun >= 140);
	assert_true(is_within(begun, 1150));
	expect_model("1"); /* reading does not wait */
	assert_ok(goes_tx_commit(tx, NULL, &error));
	use(store, "0", add_one, NULL);
	expect_model("2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OF_A_MODEL(test_no_increment_is_lost),
		OF_A_MODEL(test_one_of_many_creates_a_missing_model),
		OF_A_MODEL(test_a_function_that_takes_too_long),
		OF_A_MODEL(test_waiting_for_a_lock_meets_the_deadline),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
