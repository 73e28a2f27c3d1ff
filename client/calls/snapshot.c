/*
 * snapshot.c
 *    Snapshots of aggregates: saving one, finding one, removing one.
 */
#include <stdio.h>

#include "calls/ask.h"
#include "data/oids.h"

/* The snapshot that a call is about, and the request. */
typedef struct Key
{
	Request			 request; /* about it */
	const char		*aggregate_name;
	const goes_uuid *aggregate_id;
	char			 version[sizeof "-2147483648"];
	const char		*version_argument; /* NULL: the request takes no version */
} Key;

/*
 * make_key takes the arguments that name a snapshot.
 */
static int
make_key(Key *key, const char *aggregate_name, const goes_uuid *aggregate_id, int32_t version,
		 goes_error **err)
{
	if (aggregate_name == NULL || *aggregate_name == '\0' || goes_uuid_is_nil(aggregate_id))
		return fail(err, GOES_ERR_INVALID, "a snapshot needs its aggregate's name and id");
	key->aggregate_name = aggregate_name;
	key->aggregate_id = aggregate_id;
	snprintf(key->version, sizeof key->version, "%d", (int) version);
	return GOES_OK;
}

/*
 * add_key adds what names a snapshot.
 */
static void
add_key(Parameters *parameters, const Key *key)
{
	add_aggregate(parameters, key->aggregate_name, key->aggregate_id);
	if (key->version_argument != NULL)
		add_text(parameters, key->version_argument, INT4_TYPE, key->version);
}

static int
run_save(Call *call, const Ask *ask, goes_error **err)
{
	const goes_snapshot *snapshot = ask->in;
	Key					 key = {.version_argument = "aggregate_version"};
	Buffer				 state = {.data = snapshot->state_len > 0 ? (char *) snapshot->state : "",
								  .length = snapshot->state_len};
	char				 time[sizeof "-9223372036854775808"];
	Parameters			 parameters = {0};
	PGresult			*result = NULL;
	int					 status = make_key(&key, snapshot->aggregate_name, &snapshot->aggregate_id,
										   snapshot->aggregate_version, err);

	if (status != GOES_OK)
		return status;
	snprintf(time, sizeof time, "%lld", (long long) snapshot->time);
	add_key(&parameters, &key);
	add_binary(&parameters, "state", BYTEA_TYPE, &state);
	add_text(&parameters, "\"time\"", INT8_TYPE, snapshot->time == 0 ? NULL : time);
	add_text(&parameters, "store", TEXT_TYPE, ask->table.name);
	status = run_request(call, REQUEST_SNAPSHOT_SAVE, &parameters, &result, err);
	PQclear(result);
	return status;
}

int
goes_snapshot_save(goes_store *store, const char *table, const goes_snapshot *snapshot,
				   const goes_context *context, goes_error **err)
{
	Ask save = {.run = run_save,
				.in = snapshot,
				.table = {REQUEST_CREATE_SNAPSHOTS, table},
				.in_doubt = "the connection was lost while a snapshot was saved, so it may be "
							"saved or not: saving it again does no harm"};

	if (store == NULL || snapshot == NULL || (snapshot->state == NULL && snapshot->state_len > 0))
		return fail(err, GOES_ERR_INVALID, "store, snapshot and its state must not be NULL");
	if (snapshot->state_len > MOST_BYTES)
		return fail(err, GOES_ERR_INVALID, "the state has more than %d bytes", MOST_BYTES);
	if (table_check(table, err) != GOES_OK)
		return GOES_ERR_INVALID;
	return ask(store, &save, context, err);
}

/*
 * read_snapshot copies the snapshot of an answer; NOT_FOUND if there is none.
 */
static int
read_snapshot(const PGresult *result, goes_snapshot **out, goes_error **err)
{
	goes_snapshot found;
	int			  status;

	if (PQntuples(result) == 0)
		return fail(err, GOES_ERR_NOT_FOUND, "there is no such snapshot");
	status = decode_snapshot(result, 0, snapshot_columns, &found, err);
	if (status == GOES_OK && (*out = snapshot_copy(&found)) == NULL)
		status = fail_memory(err);
	return status;
}

/*
 * run_on_snapshot sends the request, and reads the snapshot if one is asked for.
 */
static int
run_on_snapshot(Call *call, const Ask *ask, goes_error **err)
{
	const Key *key = ask->in;
	Parameters parameters = {0};
	PGresult  *result = NULL;
	int		   status;

	add_key(&parameters, key);
	add_text(&parameters, "store", TEXT_TYPE, ask->table.name);
	status = run_request(call, key->request, &parameters, &result, err);
	if (status == GOES_OK && ask->out != NULL)
		status = read_snapshot(result, ask->out, err);
	PQclear(result);
	return status;
}

/*
 * get looks up one snapshot.
 */
static int
get(goes_store *store, const char *table, Key *key, const char *aggregate_name,
	const goes_uuid *aggregate_id, int32_t version, goes_snapshot **out,
	const goes_context *context, goes_error **err)
{
	goes_snapshot *found = NULL;
	Ask			   lookup = {.run = run_on_snapshot,
							 .in = key,
							 .out = &found,
							 .table = {REQUEST_CREATE_SNAPSHOTS, table},
							 .is_read = true};
	int			   status;

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	status = table_check(table, err);
	if (status == GOES_OK)
		status = make_key(key, aggregate_name, aggregate_id, version, err);
	if (status == GOES_OK)
		status = ask(store, &lookup, context, err);
	if (status == GOES_OK)
		*out = found;
	return status;
}

int
goes_snapshot_latest(goes_store *store, const char *table, const char *name, const goes_uuid *id,
					 goes_snapshot **out, const goes_context *context, goes_error **err)
{
	Key key = {.request = REQUEST_SNAPSHOT_LATEST};

	return get(store, table, &key, name, id, 0, out, context, err);
}

int
goes_snapshot_version(goes_store *store, const char *table, const char *name, const goes_uuid *id,
					  int32_t version, goes_snapshot **out, const goes_context *context,
					  goes_error **err)
{
	Key key = {.request = REQUEST_SNAPSHOT_VERSION, .version_argument = "version"};

	return get(store, table, &key, name, id, version, out, context, err);
}

int
goes_snapshot_limit(goes_store *store, const char *table, const char *name, const goes_uuid *id,
					int32_t version, goes_snapshot **out, const goes_context *context,
					goes_error **err)
{
	Key key = {.request = REQUEST_SNAPSHOT_LIMIT, .version_argument = "version"};

	return get(store, table, &key, name, id, version, out, context, err);
}

int
goes_snapshot_delete(goes_store *store, const char *table, const char *name, const goes_uuid *id,
					 int32_t version, const goes_context *context, goes_error **err)
{
	Key key = {.request = REQUEST_SNAPSHOT_DELETE, .version_argument = "aggregate_version"};
	Ask delete = {.run = run_on_snapshot,
				  .in = &key,
				  .table = {REQUEST_CREATE_SNAPSHOTS, table},
				  .in_doubt = "the connection was lost while a snapshot was deleted, so it may be "
							  "deleted or not: deleting it again does no harm"};
	int status;

	if (store == NULL)
		return fail(err, GOES_ERR_INVALID, "store must not be NULL");
	status = table_check(table, err);
	if (status == GOES_OK)
		status = make_key(&key, name, id, version, err);
	return status == GOES_OK ? ask(store, &delete, context, err) : status;
}
