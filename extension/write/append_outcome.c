/*
 * append_outcome.c
 *	  What becomes of an item of goes_append_each: the last version, or an error that does no harm to
 *	  the others.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "errors.h"
#include "read/read.h"
#include "write/append_each.h"

/*
 * is_of_call tells whether an error belongs to the call or its transaction, whatever the item: what
 * is to be tried again as a whole, what is missing for all, what somebody else has stopped.
 */
static bool
is_of_call(int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case ERRCODE_CONNECTION_EXCEPTION: /* to the server that has the rows */
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_CONFIG_FILE_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return true;
	}
	return code == ERRCODE_GOES_SCHEMA_MISMATCH || code == ERRCODE_DATATYPE_MISMATCH;
}

bool
attempt_item(bool (*work)(void *state), void *state, ErrorData **error)
{
	bool is_kept = attempt(work, state, error);

	if (*error != NULL && is_of_call((*error)->sqlerrcode))
		ReThrowError(*error);
	return is_kept;
}

/*
 * settle notes the outcome of an item.
 */
void
settle(AppendItem *item, int32 last, ErrorData *error)
{
	item->is_settled = true;
	item->last = last;
	item->error = error;
}

/*
 * detail_of returns the detail of an error: JSON as it is, other texts as a string.
 */
static Datum
detail_of(const ErrorData *error)
{
	StringInfoData json;

	if (error->sqlerrcode == ERRCODE_GOES_VERSION_CONFLICT)
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(error->detail));
	initStringInfo(&json);
	escape_json(&json, error->detail);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * describe_error fills in what a row says of an error.
 */
static void
describe_error(const ErrorData *error, Datum *values, bool *nulls)
{
	values[OUTCOME_SQLSTATE] = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
	values[OUTCOME_MESSAGE] = CStringGetTextDatum(error->message);
	nulls[OUTCOME_SQLSTATE] = nulls[OUTCOME_MESSAGE] = false;
	nulls[OUTCOME_DETAIL] = error->detail == NULL;
	if (error->detail != NULL)
		values[OUTCOME_DETAIL] = detail_of(error);
}

/*
 * return_outcomes adds a row for each item to the result.
 */
void
return_outcomes(FunctionCallInfo fcinfo, const AppendItems *all)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; i < all->count; i++)
	{
		const AppendItem *item = all->items[i];
		Datum			  values[OUTCOME_COLUMNS];
		bool			  nulls[OUTCOME_COLUMNS];

		memset(nulls, true, sizeof(nulls));
		values[OUTCOME_ITEM] = Int32GetDatum(item->number);
		values[OUTCOME_AGGREGATE_VERSION] = Int32GetDatum(item->last);
		nulls[OUTCOME_ITEM] = false;
		nulls[OUTCOME_AGGREGATE_VERSION] = item->error != NULL;
		if (item->error != NULL)
			describe_error(item->error, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
