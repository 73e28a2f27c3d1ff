/*
 * argument.c
 *	  Reading the arguments of SQL functions.
 *
 * No function on a store is STRICT, because a null argument would then silently lose events.
 * Arguments that must not be null are checked here, and the error names the argument.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "base/base.h"

/*
 * return_type returns the function's return type. It comes from the catalog, because a fast-path
 * call or a call from C has no expression to take it from.
 */
Oid
return_type(FunctionCallInfo fcinfo)
{
	return get_func_rettype(fcinfo->flinfo->fn_oid);
}

/*
 * function_schema returns the name of the schema that the running function is in, and with it all
 * others of the extension. A call locks no function: the extension may be gone by now.
 */
char *
function_schema(FunctionCallInfo fcinfo)
{
	Oid	  schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	char *name = OidIsValid(schema) ? get_namespace_name(schema) : NULL;

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("the extension goes_store was dropped while it was being used")));
	return name;
}

/*
 * required_argument returns an argument that must not be null.
 */
Datum
required_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" must not be null", name)));
	return PG_GETARG_DATUM(number);
}

/*
 * is_name_too_long tells whether a name is too long for goes' columns. *length is its length,
 * exact only if the name is too long: the limit is in characters, so a name that has no more
 * bytes than that is not counted.
 */
bool
is_name_too_long(text *name, int *length)
{
	*length = VARSIZE_ANY_EXHDR(name);
	if (*length <= MAX_NAME_LENGTH)
		return false;
	*length = pg_mbstrlen_with_len(VARDATA_ANY(name), *length);
	return *length > MAX_NAME_LENGTH;
}

/*
 * reject_cut_name raises an error for a name that PostgreSQL would truncate.
 */
void
reject_cut_name(const char *name, const char *value)
{
	ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG),
					errmsg("the name in argument \"%s\" is too long: %s", name, value),
					errdetail(CUT_NAME_DETAIL, NAMEDATALEN - 1), errhint(CUT_NAME_HINT)));
}

/*
 * name_argument returns the name of an aggregate that something is stored for. The hint is for
 * callers that have none.
 */
Datum
name_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint)
{
	text *value = DatumGetTextPP(required_argument(fcinfo, number, name));
	int	  length;

	if (VARSIZE_ANY_EXHDR(value) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must not be empty", name), errhint("%s", hint)));
	if (is_name_too_long(value, &length))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" has %d characters", name, length),
						errhint("Names have %d characters at the most.", MAX_NAME_LENGTH)));
	return PointerGetDatum(value);
}

/*
 * id_argument returns the id of such an aggregate.
 */
Datum
id_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint)
{
	Datum id = required_argument(fcinfo, number, name);

	if (is_nil_uuid(DatumGetUUIDP(id)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be the nil UUID", name), errhint("%s", hint)));
	return id;
}

/*
 * array_argument returns a list of values, or NULL for a null or empty one.
 */
ArrayType *
array_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	ArrayType *array;

	if (PG_ARGISNULL(number))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(number);
	if (ARR_NDIM(array) == 0)
		return NULL;
	reject_nested_array(array, name);
	reject_null_elements(array, name);
	return array;
}

/*
 * reject_nested_array raises an error for an array of several dimensions.
 */
void
reject_nested_array(ArrayType *array, const char *name)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be a list, but is an array of %d dimensions",
							   name, ARR_NDIM(array)),
						errdetail("The first element of a list would be an array here."),
						errhint("Flatten it: ARRAY(SELECT unnest(...)).")));
}

/*
 * reject_null_elements raises an error that names the first null element.
 */
void
reject_null_elements(ArrayType *array, const char *name)
{
	bits8 *present = ARR_NULLBITMAP(array);
	int	   count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (present == NULL)
		return;
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if ((present[i / 8] & (1 << (i % 8))) == 0)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("element %d of argument \"%s\" is null", i + 1, name)));
	}
}

/*
 * require_between returns an argument's number, which has to be between two others.
 */
int64
require_between(const char *name, int64 value, int64 least, int64 most)
{
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be " INT64_FORMAT, name, value),
				 errhint("Use a number from " INT64_FORMAT " to " INT64_FORMAT ".", least, most)));
	return value;
}
