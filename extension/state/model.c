/*
 * model.c
 *	  Read models: JSON documents that are saved, fetched and changed under a lock.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "write/write.h"

PG_FUNCTION_INFO_V1(goes_model_save);
PG_FUNCTION_INFO_V1(goes_model_fetch);
PG_FUNCTION_INFO_V1(goes_model_lock);
PG_FUNCTION_INFO_V1(goes_model_delete);

/*
 * How often a model may vanish between our finding it and our locking it. With 20 sessions that
 * do nothing but create and remove the same model, 5 were too few.
 */
#define MOST_ATTEMPTS 20

/* The columns of a model. */
enum ModelField
{
	MODEL_ID,
	MODEL,
	MODEL_FIELDS
};

static const char save_text[] = "INSERT INTO %s (id, model) VALUES ($1, $2) ON CONFLICT (id) DO "
								"UPDATE SET model = EXCLUDED.model";

static const char create_text[] = "INSERT INTO %s (id, model) VALUES ($1, $2) RETURNING model";

static const char create_missing_text[] =
	"INSERT INTO %s (id, model) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING model";

static const char fetch_text[] = "SELECT model FROM %s WHERE id OPERATOR(pg_catalog.=) $1";

static const char lock_text[] =
	"SELECT model FROM %s WHERE id OPERATOR(pg_catalog.=) $1 FOR UPDATE";

static const char delete_text[] = "DELETE FROM %s WHERE id OPERATOR(pg_catalog.=) $1";

/*
 * id_of_model returns the argument id of a model that is to be stored.
 */
static Datum
id_of_model(FunctionCallInfo fcinfo)
{
	Datum id = required_argument(fcinfo, MODEL_ID, "id");

	if (VARSIZE_ANY_EXHDR(DatumGetTextPP(id)) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"id\" must not be empty"),
						errhint("Give the model a name of your choice.")));
	return id;
}

/*
 * goes_model_save stores a model, in place of the one with its id if there is one.
 */
Datum
goes_model_save(PG_FUNCTION_ARGS)
{
	Parameter fields[MODEL_FIELDS] = {{TEXTOID, id_of_model(fcinfo)}, {JSONBOID, (Datum) 0}};
	Statement statement = kept_statement(save_text, fields, MODEL_FIELDS);
	Store	 *store;

	if (PG_ARGISNULL(MODEL))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"model\" must not be null"),
						errhint("JSON null is 'null'::jsonb; goes_model_delete removes a model.")));
	fields[MODEL].value = PG_GETARG_DATUM(MODEL);
	store = store_open_kind(fcinfo, MODEL_FIELDS, &model_store, RowExclusiveLock);
	save_row(store, &statement);
	store_close(store);
	PG_RETURN_VOID();
}

/*
 * goes_model_fetch returns a model, null if there is none.
 */
Datum
goes_model_fetch(PG_FUNCTION_ARGS)
{
	Parameter id = {TEXTOID, required_argument(fcinfo, MODEL_ID, "id")};
	Statement statement = kept_statement(fetch_text, &id, 1);
	Store	 *store = store_open_kind(fcinfo, 1, &model_store, AccessShareLock);
	Datum	  model;
	bool	  is_null;
	bool	  is_found;

	require_privileges(store, ACL_SELECT);
	is_found = fetch_row(store, &statement, SPI_OK_SELECT, &model, &is_null);
	store_close(store);
	if (!is_found)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(PG_DETOAST_DATUM(model));
}

/*
 * try_lock locks the model with an id in its latest state; false if there is none.
 */
static bool
try_lock(Store *store, Parameter *fields, Datum *model)
{
	Statement statement = kept_statement(lock_text, fields, 1);
	bool	  is_null;

	statement.is_fresh = true;
	return fetch_row(store, &statement, SPI_OK_SELECT, model, &is_null);
}

/*
 * try_create runs a statement that stores a new model; false if it did not.
 */
static bool
try_create(Store *store, const char *text, Parameter *fields, Datum *model)
{
	Statement statement = kept_statement(text, fields, MODEL_FIELDS);
	bool	  is_null;

	require_privileges(store, ACL_INSERT);
	return fetch_row(store, &statement, SPI_OK_INSERT_RETURNING, model, &is_null);
}

/*
 * lock_or_create locks a model and creates it first if need be. If a rival is creating it,
 * PostgreSQL waits, and then the rival's model is locked. If it can neither be locked nor created,
 * again and again, then something hides it or keeps it out, and a plain INSERT reports what.
 */
static Datum
lock_or_create(Store *store, Parameter *fields)
{
	Datum model;

	for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++)
	{
		if (try_lock(store, fields, &model) ||
			try_create(store, create_missing_text, fields, &model))
			return model;
	}
	if (!try_create(store, create_text, fields, &model))
		reject_lost_row(store);
	return model;
}

/*
 * goes_model_lock locks a model until the transaction ends and returns it. A missing one is
 * created if an initial model is given; otherwise the answer is null.
 */
Datum
goes_model_lock(PG_FUNCTION_ARGS)
{
	Parameter fields[MODEL_FIELDS] = {{TEXTOID, id_of_model(fcinfo)},
									  {JSONBOID, PG_GETARG_DATUM(MODEL)}};
	bool	  may_create = !PG_ARGISNULL(MODEL);
	Store	 *store = store_open_kind(fcinfo, MODEL_FIELDS, &model_store,
									  may_create ? RowExclusiveLock : RowShareLock);
	Datum	  model;
	bool	  is_found = true;

	store_require_key(store);
	require_privileges(store, ACL_SELECT | ACL_UPDATE);
	if (may_create)
		model = lock_or_create(store, fields);
	else
		is_found = try_lock(store, fields, &model);
	store_close(store);
	if (!is_found)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(PG_DETOAST_DATUM(model));
}

/*
 * goes_model_delete removes a model and tells whether there was one.
 */
Datum
goes_model_delete(PG_FUNCTION_ARGS)
{
	Parameter id = {TEXTOID, required_argument(fcinfo, MODEL_ID, "id")};
	Statement statement = kept_statement(delete_text, &id, 1);
	Store	 *store = store_open_kind(fcinfo, 1, &model_store, RowExclusiveLock);
	uint64	  deleted;

	require_privileges(store, ACL_SELECT | ACL_DELETE);
	deleted = execute_statement(store, &statement, SPI_OK_DELETE, NULL);
	store_close(store);
	PG_RETURN_BOOL(deleted > 0);
}
