/*
 * model.c
 *    Read models: JSON documents by id, and changing one under its row's lock.
 */
#include <stdlib.h>
#include <string.h>

#include "calls/ask.h"
#include "store/tx.h"
#include "data/oids.h"

/* A request about a model. */
typedef struct Model
{
	Request		request;
	const char *id;
	const char *json_argument; /* NULL: the request takes no JSON */
	const char *json;		   /* to be saved, or the initial value; NULL: none */
} Model;

/*
 * check_model fails for arguments that every call on a model refuses.
 */
static int
check_model(const goes_store *store, const char *table, const char *id, goes_error **err)
{
	if (store == NULL || id == NULL || *id == '\0')
		return fail(err, GOES_ERR_INVALID,
					"the store must not be NULL, and the id must not be empty");
	return table_check(table, err);
}

/*
 * check_json fails for JSON that cannot be sent.
 */
static int
check_json(const char *json, goes_error **err)
{
	if (json != NULL && strlen(json) > MOST_BYTES)
		return fail(err, GOES_ERR_INVALID, "the model has more than %d bytes", MOST_BYTES);
	return GOES_OK;
}

/*
 * read_json copies the JSON of an answer; NOT_FOUND if there is none.
 */
static int
read_json(const PGresult *result, char **out, goes_error **err)
{
	const char *json;
	int			status = decode_model(result, &json, err);

	if (status == GOES_OK && (*out = strdup(json)) == NULL)
		status = fail_memory(err);
	return status;
}

/*
 * run_on_model sends the request, and reads the model if one is asked for.
 */
static int
run_on_model(Call *call, const Ask *ask, goes_error **err)
{
	const Model *model = ask->in;
	Parameters	 parameters = {0};
	PGresult	*result = NULL;
	int			 status;

	add_text(&parameters, "id", TEXT_TYPE, model->id);
	if (model->json_argument != NULL)
		add_text(&parameters, model->json_argument, JSONB_TYPE, model->json);
	add_text(&parameters, "store", TEXT_TYPE, ask->table.name);
	status = run_request(call, model->request, &parameters, &result, err);
	if (status == GOES_OK && ask->out != NULL)
		status = read_json(result, ask->out, err);
	PQclear(result);
	return status;
}

int
goes_model_save(goes_store *store, const char *table, const char *id, const char *json,
				const goes_context *context, goes_error **err)
{
	Model model = {REQUEST_MODEL_SAVE, id, "model", json};
	Ask	  save = {.run = run_on_model,
				  .in = &model,
				  .table = {REQUEST_CREATE_MODELS, table},
				  .in_doubt = "the connection was lost while a model was saved, so it may be saved "
								"or not: fetch it to find out"};
	int	  status = check_model(store, table, id, err);

	if (status != GOES_OK)
		return status;
	if (json == NULL)
		return fail(err, GOES_ERR_INVALID, "json must not be NULL: JSON's null is \"null\"");
	status = check_json(json, err);
	return status == GOES_OK ? ask(store, &save, context, err) : status;
}

int
goes_model_fetch(goes_store *store, const char *table, const char *id, char **json,
				 const goes_context *context, goes_error **err)
{
	Model model = {.request = REQUEST_MODEL_FETCH, .id = id};
	char *found = NULL;
	Ask	  fetch = {.run = run_on_model,
				   .in = &model,
				   .out = &found,
				   .table = {REQUEST_CREATE_MODELS, table},
				   .is_read = true};
	int	  status = check_model(store, table, id, err);

	if (status != GOES_OK)
		return status;
	if (json == NULL)
		return fail(err, GOES_ERR_INVALID, "json must not be NULL");
	status = ask(store, &fetch, context, err);
	if (status == GOES_OK)
		*json = found;
	return status;
}

int
goes_model_delete(goes_store *store, const char *table, const char *id, const goes_context *context,
				  goes_error **err)
{
	Model model = {.request = REQUEST_MODEL_DELETE, .id = id};
	Ask delete = {.run = run_on_model,
				  .in = &model,
				  .table = {REQUEST_CREATE_MODELS, table},
				  .in_doubt = "the connection was lost while a model was deleted, so it may be "
							  "deleted or not: fetch it to find out"};
	int status = check_model(store, table, id, err);

	return status == GOES_OK ? ask(store, &delete, context, err) : status;
}

/*
 * change locks the model, calls the function and saves the changed model. *is_locked tells whether
 * it could lock the model.
 */
static int
change(goes_tx *tx, const char *table, const Model *model, goes_model_fn function, void *user,
	   const Deadline *deadline, bool *is_locked, goes_error **err)
{
	goes_store	*store = goes_tx_store(tx);
	goes_context remaining = context_until(deadline);
	char		*json = NULL;
	char		*new_json = NULL;
	Ask			 lock = {
				 .run = run_on_model, .in = model, .out = &json, .table = {REQUEST_CREATE_MODELS, table}};
	int status = ask(store, &lock, &remaining, err);

	*is_locked = status == GOES_OK;
	if (status != GOES_OK)
		return status;
	status = tx_call(tx, function, json, &new_json, user, err);
	if (status == GOES_OK)
		status = tx_check(tx, err); /* the function may have ignored a failed call */
	if (status == GOES_OK)
		status = deadline_check(deadline, err);
	remaining = context_until(deadline);
	if (status == GOES_OK && new_json != NULL)
		status = goes_model_save(store, table, model->id, new_json, &remaining, err);
	free(json);
	free(new_json);
	return status;
}

/*
 * use_in_transaction changes the model in the program's transaction. An error fails the
 * transaction, unless it is that the model is missing.
 */
static int
use_in_transaction(goes_tx *tx, const char *table, const Model *model, goes_model_fn function,
				   void *user, const Deadline *deadline, goes_error **err)
{
	goes_error *error = NULL;
	bool		is_locked;
	int			status = change(tx, table, model, function, user, deadline, &is_locked, &error);

	if (status != GOES_OK && is_locked)
		tx_fail(tx, error);
	return pass_error(err, error, status);
}

int
goes_model_use(goes_store *store, const char *table, const char *id, const char *initial_json,
			   goes_model_fn function, void *user, const goes_context *context, goes_error **err)
{
	Model		 model = {REQUEST_MODEL_LOCK, id, "initial", initial_json};
	Deadline	 deadline;
	goes_context remaining;
	goes_tx		*tx;
	bool		 is_locked;
	int			 status = check_model(store, table, id, err);

	if (status != GOES_OK)
		return status;
	if (function == NULL)
		return fail(err, GOES_ERR_INVALID, "the function must not be NULL");
	status = check_json(initial_json, err);
	if (status != GOES_OK)
		return status;
	deadline = context_deadline(store, context);
	if (store->tx != NULL)
		return use_in_transaction(store->tx, table, &model, function, user, &deadline, err);
	status = goes_tx_begin(store, &tx, context, err);
	if (status != GOES_OK)
		return status;
	status = change(tx, table, &model, function, user, &deadline, &is_locked, err);
	remaining = context_until(&deadline);
	if (status == GOES_OK)
		return goes_tx_commit(tx, &remaining, err);
	goes_tx_rollback(tx);
	return status;
}
