/*
 * store.c
 *    Opening and closing a store, and what every call on one begins with.
 *
 * Opening does no I/O. The first call connects, and calls of other threads wait for its attempt; a
 * failed attempt leaves the store as it was, so that the next call tries again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table.h"

#define DEFAULT_CONNECT_TIMEOUT_MS 3000
#define DEFAULT_DATABASE "goes"
#define DEFAULT_TABLE "events"

void
goes_store_options_init(goes_store_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
}

/*
 * copy_name copies the name of a database or a table, which must not be empty.
 */
static int
copy_name(char **out, const char *name, const char *or_else, const char *what, goes_error **err)
{
	if (name != NULL && *name == '\0')
		return fail(err, GOES_ERR_INVALID, "the name of the %s must not be empty", what);
	*out = strdup(name != NULL ? name : or_else);
	return *out == NULL ? fail_memory(err) : GOES_OK;
}

/*
 * open_pool gives a store the program's pool, or one of its own.
 */
static int
open_pool(goes_store *store, const goes_store_options *options, goes_error **err)
{
	goes_pool_options pool_options = {.size = sizeof pool_options,
									  .url = options->url,
									  .max_connections = options->max_connections};
	int				  status = GOES_OK;

	store->pool = options->pool;
	store->is_own_pool = options->pool == NULL;
	if (store->is_own_pool)
		status =
			pool_make(&store->pool, &pool_options, store->database, store->connect_timeout_ms, err);
	if (status == GOES_OK && store->no_prepared_statements)
		pool_is_behind_pooler(store->pool);
	return status;
}

int
goes_store_open(goes_store **out, const goes_store_options *options, goes_error **err)
{
	goes_store_options known = {.size = sizeof known};
	goes_store		  *store;
	int				   status;

	if (out == NULL || (options != NULL && options->size == 0))
		return fail(err, GOES_ERR_INVALID, "out must not be NULL, nor options->size 0");
	if (options != NULL)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	store = calloc(1, sizeof *store);
	if (store == NULL || lock_init(&store->lock, &store->changed) != GOES_OK)
	{
		free(store);
		return fail_memory(err);
	}
	atomic_init(&store->references, 1);
	store->owner = getpid();
	store->connect_timeout_ms =
		known.connect_timeout_ms == 0 ? DEFAULT_CONNECT_TIMEOUT_MS : known.connect_timeout_ms;
	store->operation_timeout_ms = known.operation_timeout_ms;
	store->no_create = known.no_create;
	store->no_prepared_statements = known.no_prepared_statements;
	status = name_check(known.database, "database", err);
	if (status == GOES_OK)
		status = copy_name(&store->database, known.database, DEFAULT_DATABASE, "database", err);
	if (status == GOES_OK)
		status = copy_name(&store->table, known.table, DEFAULT_TABLE, "table", err);
	if (status == GOES_OK)
		status = open_pool(store, &known, err);
	if (status == GOES_OK)
		*out = store;
	else
		store_release(store);
	return status;
}

/*
 * free_hooks frees a list of hooks.
 */
static void
free_hooks(Hook *hook)
{
	while (hook != NULL)
	{
		Hook *next = hook->next;

		free(hook);
		hook = next;
	}
}

void
store_hold(goes_store *store)
{
	atomic_fetch_add(&store->references, 1);
}

void
store_release(goes_store *store)
{
	if (atomic_fetch_sub(&store->references, 1) > 1)
		return;
	if (store->is_own_pool)
		goes_pool_free(store->pool);
	for (int point = 0; point < HOOK_POINTS; point++)
		free_hooks(store->hooks[point]);
	if (store->owner == getpid())
	{
		pthread_cond_destroy(&store->changed);
		pthread_mutex_destroy(&store->lock);
	}
	goes_error_free(store->failure);
	table_free_known(store);
	free(store->database);
	free(store->table);
	free(store);
}

void
goes_store_close(goes_store *store)
{
	if (store != NULL && store->tx == NULL)
		store_release(store);
}

goes_pool *
goes_store_pool(goes_store *store)
{
	bool is_connected;

	if (store == NULL || store->owner != getpid())
		return NULL;
	if (store->tx != NULL)
		return store->pool;
	pthread_mutex_lock(&store->lock);
	is_connected = store->state == STORE_CONNECTED;
	pthread_mutex_unlock(&store->lock);
	return is_connected ? store->pool : NULL;
}

int
goes_store_add_hook(goes_store *store, goes_hook_point point, goes_hook hook, void *user)
{
	Hook **place;

	if (store == NULL || hook == NULL || (int) point < 0 || (int) point >= HOOK_POINTS)
		return GOES_ERR_INVALID;
	if (store->tx != NULL || atomic_load(&store->is_used))
		return GOES_ERR_STATE;
	for (place = &store->hooks[point]; *place != NULL; place = &(*place)->next)
		;
	*place = calloc(1, sizeof **place);
	if (*place == NULL)
		return GOES_ERR_NOMEM;
	(*place)->function = hook;
	(*place)->user = user;
	return GOES_OK;
}

/*
 * copy_failure gives out why the last attempt to connect failed; the lock is held.
 */
static int
copy_failure(const goes_store *store, goes_error **err)
{
	return copy_error(err, store->failure);
}

/*
 * wait_for_attempt waits while another thread connects, and fails as it did; the lock is held.
 */
static int
wait_for_attempt(goes_store *store, const Deadline *deadline, goes_error **err)
{
	unsigned failures = store->failures;

	while (store->state == STORE_CONNECTING && store->failures == failures)
	{
		int status = deadline_check(deadline, err);

		if (status != GOES_OK)
			return status;
		lock_wait(&store->lock, &store->changed, deadline);
	}
	return store->failures == failures ? GOES_OK : copy_failure(store, err);
}

/*
 * end_attempt tells the threads that wait for an attempt to connect how it ended.
 */
static void
end_attempt(goes_store *store, int status, const goes_error *error, bool is_for_all)
{
	pthread_mutex_lock(&store->lock);
	store->state = status == GOES_OK ? STORE_CONNECTED : STORE_NEW;
	if (status != GOES_OK && is_for_all)
	{
		goes_error_free(store->failure);
		store->failure = NULL;
		(void) fail_detailed(&store->failure, status, error_details(error), "%s",
							 goes_error_message(error));
		store->failures++;
	}
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
}

/*
 * setup_deadline bounds the set-up by the call's deadline and the store's connect_timeout_ms.
 */
static Deadline
setup_deadline(const goes_store *store, const Deadline *deadline)
{
	Deadline bounded = deadline_in(store->connect_timeout_ms, deadline->cancel);

	if (deadline->at < bounded.at)
		bounded.at = deadline->at;
	return bounded;
}

/*
 * require_connected connects a store that is not yet connected. Failing for want of the caller's own
 * time is its own affair: those who wait then try themselves.
 */
static int
require_connected(goes_store *store, const Deadline *deadline, goes_error **err)
{
	goes_error *error = NULL;
	Deadline	bounded;
	int			status;

	pthread_mutex_lock(&store->lock);
	status = wait_for_attempt(store, deadline, err);
	if (status != GOES_OK || store->state == STORE_CONNECTED)
	{
		pthread_mutex_unlock(&store->lock);
		return status;
	}
	store->state = STORE_CONNECTING;
	pthread_mutex_unlock(&store->lock);

	bounded = setup_deadline(store, deadline);
	status = set_up(store, &bounded, &error);
	end_attempt(store, status, error,
				status != GOES_ERR_CANCELLED &&
					(status != GOES_ERR_TIMEOUT || bounded.at < deadline->at));
	return pass_error(err, error, status);
}

/*
 * context_deadline returns when a call has to be over.
 */
Deadline
context_deadline(const goes_store *store, const goes_context *context)
{
	int64_t timeout_ms = context == NULL ? 0 : context->timeout_ms;

	if (timeout_ms == 0)
		timeout_ms = store->operation_timeout_ms;
	return deadline_in(timeout_ms, context == NULL ? NULL : context->cancel);
}

/*
 * context_until returns a context for what is left of a call. A time of 0 would mean the store's
 * default.
 */
goes_context
context_until(const Deadline *deadline)
{
	int64_t left = deadline_left_ms(deadline);

	return (goes_context){.size = sizeof(goes_context),
						  .timeout_ms = left == 0 ? 1 : left,
						  .cancel = deadline->cancel};
}

/*
 * check_owner fails in a child process, where the connections are the parent's.
 */
int
check_owner(const goes_store *store, goes_error **err)
{
	if (store->owner != getpid())
		return fail(err, GOES_ERR_STATE,
					"the store belongs to the parent process: open one after the fork");
	return GOES_OK;
}

/*
 * check_usable fails if the store cannot be used by this thread, here and now.
 */
static int
check_usable(const goes_store *store, goes_error **err)
{
	if (store == NULL)
		return fail(err, GOES_ERR_INVALID, "the store must not be NULL");
	if (check_owner(store, err) != GOES_OK)
		return GOES_ERR_STATE;
	if (hook_store() == store)
		return fail_in_hook(err);
	return store->tx == NULL ? GOES_OK : tx_check(store->tx, err);
}

int
goes_store_connect(goes_store *store, const goes_context *context, goes_error **err)
{
	Deadline deadline;
	int		 status = check_usable(store, err);

	if (status != GOES_OK || store->tx != NULL)
		return status;
	atomic_store(&store->is_used, true);
	deadline = context_deadline(store, context);
	return require_connected(store, &deadline, err);
}

/*
 * take_connection takes a connection that knows what it has to, and another one if that is lost when
 * it is asked.
 */
static int
take_connection(Call *call, goes_error **err)
{
	goes_pool  *pool = call->store->pool;
	goes_error *error = NULL;
	int			status = pool_take(pool, &call->connection, &call->deadline, &error);

	if (status == GOES_OK)
		status = session_look_up(call, &error);
	if (status != GOES_OK && call->connection != NULL && is_lost(call->connection->pg))
	{
		goes_error_free(error);
		error = NULL;
		call_end(call);
		status = pool_take(pool, &call->connection, &call->deadline, &error);
		if (status == GOES_OK)
			status = session_look_up(call, &error);
	}
	return pass_error(err, error, status);
}

int
call_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err)
{
	int status = check_usable(store, err);

	if (status != GOES_OK)
		return status;
	*call = (Call){.store = store, .deadline = context_deadline(store, context)};
	if (store->tx != NULL)
	{
		call->connection = tx_connection(store->tx);
		status = session_look_up(call, err);
	}
	else
	{
		atomic_store(&store->is_used, true);
		status = require_connected(store, &call->deadline, err);
		if (status == GOES_OK)
			status = take_connection(call, err);
	}
	/* what is late or cancelled already must not reach the server */
	if (status == GOES_OK)
		status = deadline_check(&call->deadline, err);
	if (status != GOES_OK)
		call_end(call);
	return status;
}

void
call_end(Call *call)
{
	if (call->store->tx == NULL)
		pool_give(call->store->pool, call->connection);
	call->connection = NULL;
}
