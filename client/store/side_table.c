/*
 * side_table.c
 *    The tables of snapshots and models, created on first use.
 *
 * Outside of a transaction the error of a request shows that its table is missing, so that nothing
 * has to be asked before. In a transaction that error would end the transaction, so the table is
 * created before its first use, unless the store has used it before. If somebody has dropped it
 * since, the transaction fails, and the next one creates it.
 */
#include <stdlib.h>
#include <string.h>

#include "store/side_table.h"
#include "store/tx.h"
#include "base/sqlstate.h"
#include "data/oids.h"

int
table_check(const char *name, goes_error **err)
{
	if (name != NULL && *name == '\0')
		return fail(err, GOES_ERR_INVALID, "the name of the table must not be empty");
	return GOES_OK;
}

/*
 * find_known finds a table among those that a store knows; NULL if it does not know the table.
 */
static KnownTable **
find_known(goes_store *store, const Table *table)
{
	const char *name = table->name == NULL ? "" : table->name;

	for (KnownTable **place = &store->tables; *place != NULL; place = &(*place)->next)
	{
		if ((*place)->create == (int) table->create && strcmp((*place)->name, name) == 0)
			return place;
	}
	return NULL;
}

/*
 * is_known tells whether a store has used a table before.
 */
static bool
is_known(goes_store *store, const Table *table)
{
	goes_store *outer = outer_store(store);
	bool		is_known;

	if (find_known(store, table) != NULL)
		return true;
	pthread_mutex_lock(&outer->lock);
	is_known = find_known(outer, table) != NULL;
	pthread_mutex_unlock(&outer->lock);
	return is_known;
}

/*
 * add_known adds a table. Without memory the table stays unknown, which does no harm.
 */
static void
add_known(goes_store *store, const Table *table)
{
	const char *name = table->name == NULL ? "" : table->name;
	size_t		size = strlen(name) + 1;
	KnownTable *known;

	if (find_known(store, table) != NULL)
		return;
	known = malloc(sizeof *known + size);
	if (known == NULL)
		return;
	known->create = table->create;
	known->next = store->tables;
	memcpy(known->name, name, size);
	store->tables = known;
}

/*
 * remove_known takes a table away from those that a store knows.
 */
static void
remove_known(goes_store *store, const Table *table)
{
	KnownTable **place = find_known(store, table);
	KnownTable	*known;

	if (place == NULL)
		return;
	known = *place;
	*place = known->next;
	free(known);
}

/*
 * forget makes the next transaction create a table that somebody has dropped.
 */
static void
forget(goes_store *store, const Table *table)
{
	goes_store *outer = outer_store(store);

	remove_known(store, table);
	pthread_mutex_lock(&outer->lock);
	remove_known(outer, table);
	pthread_mutex_unlock(&outer->lock);
}

void
table_learn(goes_store *outer, goes_store *inner)
{
	pthread_mutex_lock(&outer->lock);
	for (const KnownTable *known = inner->tables; known != NULL; known = known->next)
	{
		Table table = {(Request) known->create, *known->name == '\0' ? NULL : known->name};

		add_known(outer, &table);
	}
	pthread_mutex_unlock(&outer->lock);
}

/*
 * create creates the table unless it exists.
 */
static int
create(Call *call, const Table *table, goes_error **err)
{
	Parameters parameters = {0};
	PGresult  *result = NULL;
	int		   status;

	add_text(&parameters, "store", TEXT_TYPE, table->name);
	status = run_request(call, table->create, &parameters, &result, err);
	PQclear(result);
	return status;
}

int
table_require(Call *call, const Table *table, goes_error **err)
{
	int status;

	if (table->create == 0 || call->store->tx == NULL || call->store->no_create ||
		is_known(call->store, table))
		return GOES_OK;
	status = create(call, table, err);
	if (status == GOES_OK)
		add_known(call->store, table);
	return status;
}

bool
table_retry(Call *call, const Table *table, int *status, goes_error **error)
{
	goes_store *store = call->store;

	if (table->create == 0 || call->is_on_standby || store->no_create || call->has_created ||
		!has_own_sqlstate(*error, UNDEFINED_TABLE))
		return false;
	if (store->tx != NULL)
	{
		forget(store, table);
		return false;
	}
	call->has_created = true;
	goes_error_free(*error);
	*error = NULL;
	*status = create(call, table, error);
	if (*status != GOES_OK)
		return false;
	pthread_mutex_lock(&store->lock);
	add_known(store, table);
	pthread_mutex_unlock(&store->lock);
	return true;
}
