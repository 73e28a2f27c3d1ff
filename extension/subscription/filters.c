/*
 * filters.c
 *	  The filters of a subscription: arguments of goes_subscribe, kept as a document of literals.
 *
 * A document of literals, and not columns with the arguments' own types: one of those is the
 * extension's, and a column of it would go when the extension goes. A filter that is missing lets
 * everything pass, so one that is not known is an error.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "read/filter.h"
#include "subscription/subscription.h"

/*
 * argument_type returns the type of a filter's argument.
 */
static Oid
argument_type(FunctionCallInfo fcinfo, const FilterRule *rule)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	Oid reference;

	if (OidIsValid(rule->type))
		return rule->type;
	reference = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum("goes_aggregate_ref"), ObjectIdGetDatum(schema));
	return get_array_type(reference);
}

/*
 * literal returns a value as its type writes it.
 */
static char *
literal(Oid type, Datum value)
{
	Oid	 output;
	bool is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

/*
 * value_of returns the value that a literal stands for.
 */
static Datum
value_of(Oid type, char *text)
{
	Oid input;
	Oid parameter;

	getTypeInputInfo(type, &input, &parameter);
	return OidInputFunctionCall(input, text, parameter, -1);
}

/*
 * keep_filters returns the document of the filters among a function's arguments, of which the
 * first is at some place.
 */
Datum
keep_filters(FunctionCallInfo fcinfo, int first)
{
	StringInfoData document;

	initStringInfo(&document);
	appendStringInfoChar(&document, '{');
	for (int i = 0; i < FILTER_ARGUMENTS; i++)
	{
		if (PG_ARGISNULL(first + i))
			continue;
		appendStringInfoString(&document, document.len > 1 ? ", " : "");
		escape_json(&document, filter_rules[i].name);
		appendStringInfoString(&document, ": ");
		escape_json(&document,
					literal(argument_type(fcinfo, &filter_rules[i]), PG_GETARG_DATUM(first + i)));
	}
	appendStringInfoChar(&document, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(document.data));
}

/*
 * kept_literal returns the literal of a filter, or NULL. Only an object has keys to look for.
 */
static char *
kept_literal(Jsonb *document, const char *name)
{
	JsonbValue	value;
	JsonbValue *found = NULL;

	if (JB_ROOT_IS_OBJECT(document))
		found = getKeyJsonValueFromContainer(&document->root, name, (int) strlen(name), &value);
	if (found == NULL || found->type != jbvString)
		return NULL;
	return pnstrdup(found->val.string.val, found->val.string.len);
}

/*
 * reject_unknown raises an error unless all filters of the document were understood.
 */
static void
reject_unknown(const Subscription *subscription, Jsonb *document, uint32 understood)
{
	if (JB_ROOT_IS_OBJECT(document) && JB_ROOT_COUNT(document) == understood)
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("subscription \"%s\" has a filter that is not known",
						   TextDatumGetCString(subscription->name)),
					errdetail("Column \"filters\" has %s.",
							  JsonbToCString(NULL, &document->root, VARSIZE(document))),
					errhint("Somebody has changed its row: unsubscribe, and subscribe again.")));
}

/*
 * kept_filters returns the filters of a subscription as the arguments of a call.
 */
FunctionCallInfo
kept_filters(FunctionCallInfo fcinfo, const Subscription *subscription)
{
	Jsonb			*document = DatumGetJsonbP(subscription->filters);
	FunctionCallInfo call = palloc0(SizeForFunctionCallInfo(FILTER_ARGUMENTS));
	uint32			 understood = 0;

	InitFunctionCallInfoData(*call, fcinfo->flinfo, FILTER_ARGUMENTS, InvalidOid, NULL, NULL);
	for (int i = 0; i < FILTER_ARGUMENTS; i++)
	{
		char *text = kept_literal(document, filter_rules[i].name);

		call->args[i].isnull = text == NULL;
		if (text == NULL)
			continue;
		call->args[i].value = value_of(argument_type(fcinfo, &filter_rules[i]), text);
		understood++;
	}
	reject_unknown(subscription, document, understood);
	return call;
}
