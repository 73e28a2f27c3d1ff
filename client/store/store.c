/*
 * store.c
 *    Opening and closing a store. Opening does no I/O: the first call connects (setup.c).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

#define DEFAULT_CONNECT_TIMEOUT_MS 3000
/* a busy server takes its time to copy a template database */
#define DEFAULT_CREATION_TIMEOUT_MS 30000
#define DEFAULT_READ_WAIT_MS 100
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

/*
 * open_read_server makes the pool for reads, if they go elsewhere. Beside the program's own pool it
 * is the URL that names the database.
 */
static int
open_read_server(goes_store *store, const goes_store_options *options, goes_error **err)
{
	ReadServer		 *server = &store->read_server;
	goes_pool_options pool_options = {.size = sizeof pool_options,
									  .url = options->read_url,
									  .max_connections = options->max_connections};
	int				  status;

	if (options->read_url == NULL)
		return GOES_OK;
	if (*options->read_url == '\0')
		return fail(err, GOES_ERR_INVALID, "read_url must not be empty: NULL reads from url");
	server->wait_ms = options->read_wait_ms == 0 ? DEFAULT_READ_WAIT_MS : options->read_wait_ms;
	status = pool_make(&server->pool, &pool_options, store->is_own_pool ? store->database : NULL,
					   store->connect_timeout_ms, err);
	if (status == GOES_OK && store->no_prepared_statements)
		pool_is_behind_pooler(server->pool);
	return status;
}

/*
 * open_coalescing has the appends of a store share commits.
 */
static int
open_coalescing(goes_store *store, goes_error **err)
{
	Coalescing *coalescing = calloc(1, sizeof *coalescing);

	if (coalescing == NULL || lock_init(&coalescing->lock, &coalescing->unused) != GOES_OK)
	{
		free(coalescing);
		return fail_memory(err);
	}
	queue_init(&coalescing->waiting);
	store->coalescing = coalescing;
	return GOES_OK;
}

/*
 * close_coalescing undoes that. In a child process the lock may be held by a thread of its parent.
 */
static void
close_coalescing(goes_store *store)
{
	if (store->coalescing != NULL && store->owner == getpid())
	{
		pthread_cond_destroy(&store->coalescing->unused);
		pthread_mutex_destroy(&store->coalescing->lock);
	}
	free(store->coalescing);
}

int
goes_store_open(goes_store **out, const goes_store_options *options, goes_error **err)
{
	goes_store_options known = {.size = sizeof known};
	goes_store		  *store;
	int				   status;

	if (out == NULL || (options != NULL && options->size == 0))
		return fail(err, GOES_ERR_INVALID, "out must not be NULL, and options->size must not be 0");
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
	store->creation_timeout_ms =
		known.connect_timeout_ms == 0 ? DEFAULT_CREATION_TIMEOUT_MS : known.connect_timeout_ms;
	store->operation_timeout_ms = known.operation_timeout_ms;
	store->no_create = known.no_create;
	store->no_prepared_statements = known.no_prepared_statements;
	store->log = known.log;
	store->log_user = known.log_user;
	status = name_check(known.database, "database", err);
	if (status == GOES_OK)
		status = copy_name(&store->database, known.database, DEFAULT_DATABASE, "database", err);
	if (status == GOES_OK)
		status = copy_name(&store->table, known.table, DEFAULT_TABLE, "table", err);
	if (status == GOES_OK && known.coalesce_appends)
		status = open_coalescing(store, err);
	if (status == GOES_OK)
		status = open_pool(store, &known, err);
	if (status == GOES_OK)
		status = open_read_server(store, &known, err);
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
store_forget_tables(goes_store *store)
{
	while (store->tables != NULL)
	{
		KnownTable *next = store->tables->next;

		free(store->tables);
		store->tables = next;
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
	goes_pool_free(store->read_server.pool);
	for (int point = 0; point < HOOK_POINTS; point++)
		free_hooks(store->hooks[point]);
	if (store->owner == getpid())
	{
		pthread_cond_destroy(&store->changed);
		pthread_mutex_destroy(&store->lock);
	}
	close_coalescing(store);
	goes_error_free(store->failure);
	store_forget_tables(store);
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
 * check_owner fails in a child process, since the connections are the parent's.
 */
int
check_owner(const goes_store *store, goes_error **err)
{
	if (store->owner != getpid())
		return fail(err, GOES_ERR_STATE,
					"the store belongs to the parent process: open one after the fork");
	return GOES_OK;
}
