/*
 * event.c
 *	  What an event must be, and how one is made.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "event/event.h"

PG_FUNCTION_INFO_V1(goes_new_event);

/*
 * json_null returns JSON null, which stands for absent data.
 */
static Datum
json_null(void)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum("null"));
}

/*
 * reject_null raises an error for a field of an event that must not be null.
 */
static void
reject_null(int element, bool is_null, const char *field, const char *hint)
{
	if (!is_null)
		return;
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("element %d of argument \"events\" has a null %s", element, field),
					errhint("%s", hint)));
}

/*
 * reject_long_name raises an error for a name that is too long for goes' columns.
 */
static void
reject_long_name(int element, Datum value, const char *field)
{
	int length;

	if (is_name_too_long(DatumGetTextPP(value), &length))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of element %d of argument \"events\" has %d characters", field,
							   element, length),
						errhint("Names have %d characters at the most.", MAX_NAME_LENGTH)));
}

/*
 * zero_to_null replaces zero values as goes does. A nil aggregate id and an empty aggregate name
 * become null; version 0 becomes null only if both of them are. Absent data becomes JSON null,
 * because goes cannot read an SQL null there. It returns whether it changed anything.
 */
static bool
zero_to_null(Datum *values, bool *nulls)
{
	bool had_id = !nulls[EVENT_AGGREGATE_ID];
	bool had_name = !nulls[EVENT_AGGREGATE_NAME];
	bool had_version = !nulls[EVENT_AGGREGATE_VERSION];
	bool had_data = !nulls[EVENT_DATA];

	nulls[EVENT_AGGREGATE_ID] = !had_id || is_nil_uuid(DatumGetUUIDP(values[EVENT_AGGREGATE_ID]));
	nulls[EVENT_AGGREGATE_NAME] =
		!had_name || VARSIZE_ANY_EXHDR(DatumGetTextPP(values[EVENT_AGGREGATE_NAME])) == 0;
	nulls[EVENT_AGGREGATE_VERSION] =
		!had_version || (nulls[EVENT_AGGREGATE_ID] && nulls[EVENT_AGGREGATE_NAME] &&
						 DatumGetInt32(values[EVENT_AGGREGATE_VERSION]) == 0);
	if (!had_data)
		values[EVENT_DATA] = json_null();
	nulls[EVENT_DATA] = false;
	return !had_data || had_id == nulls[EVENT_AGGREGATE_ID] ||
		   had_name == nulls[EVENT_AGGREGATE_NAME] || had_version == nulls[EVENT_AGGREGATE_VERSION];
}

/*
 * validate_event raises an error that names the element unless the event can be stored. Zero
 * values must have been replaced already.
 */
static void
validate_event(int element, const Datum *values, const bool *nulls)
{
	reject_null(element, nulls[EVENT_ID], "id", "goes_new_event() gives it a fresh one.");
	reject_null(element, nulls[EVENT_NAME], "name", "Give it a name that says what happened.");
	reject_null(element, nulls[EVENT_TIME], "time", "goes_new_event() gives it the current time.");
	if (VARSIZE_ANY_EXHDR(DatumGetTextPP(values[EVENT_NAME])) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("element %d of argument \"events\" has an empty name", element),
						errhint("Give it a name that says what happened.")));
	reject_long_name(element, values[EVENT_NAME], "name");
	if (!nulls[EVENT_AGGREGATE_NAME])
		reject_long_name(element, values[EVENT_AGGREGATE_NAME], "aggregate_name");
}

/*
 * require_version raises an error for an event of an aggregate without a version.
 */
static void
require_version(int element, const Datum *values, const bool *nulls, void *state)
{
	if (!nulls[EVENT_AGGREGATE_ID] || !nulls[EVENT_AGGREGATE_NAME])
		reject_null(element, nulls[EVENT_AGGREGATE_VERSION], "aggregate_version",
					"An event of an aggregate needs a version; that of the first event is 1.");
}

/*
 * prepare_element checks one event of a batch and returns it as it is to be stored.
 */
static Datum
prepare_element(TupleDesc descriptor, int element, Datum event, bool *is_changed, EventCheck check,
				void *state)
{
	Datum values[EVENT_COLUMNS];
	bool  nulls[EVENT_COLUMNS];

	row_values(descriptor, &event_row, event, values, nulls);
	*is_changed = zero_to_null(values, nulls);
	validate_event(element, values, nulls);
	check(element, values, nulls, state);
	return *is_changed ? row_datum(descriptor, &event_row, values, nulls) : event;
}

/*
 * event_array makes an array of events.
 */
ArrayType *
event_array(Oid event_type, Datum *events, int count)
{
	return construct_array(events, count, event_type, -1, false, TYPALIGN_DOUBLE);
}

/*
 * prepare_events raises an error unless every event can be stored and passes the check. It
 * replaces zero values by null and returns how many events there are; *out has each of them.
 */
int
prepare_events(ArrayType **events, Datum **out, EventCheck check, void *state)
{
	Oid		  event_type = ARR_ELEMTYPE(*events);
	TupleDesc descriptor;
	Datum	 *elements;
	bool	 *is_null;
	bool	  is_changed = false;
	int		  count;

	reject_nested_array(*events, "events");
	deconstruct_array(*events, event_type, -1, false, TYPALIGN_DOUBLE, &elements, &is_null, &count);
	descriptor = row_descriptor(event_type, &event_row);
	for (int i = 0; i < count; i++)
	{
		bool is_element_changed;

		CHECK_FOR_INTERRUPTS();
		if (is_null[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("element %d of argument \"events\" is null", i + 1),
							errhint("Leave it out of the array.")));
		elements[i] =
			prepare_element(descriptor, i + 1, elements[i], &is_element_changed, check, state);
		is_changed |= is_element_changed;
	}
	ReleaseTupleDesc(descriptor);
	if (is_changed)
		*events = event_array(event_type, elements, count);
	*out = elements;
	return count;
}

/*
 * prepare_batch prepares events that already have their versions.
 */
int
prepare_batch(ArrayType **events)
{
	Datum *elements;

	return prepare_events(events, &elements, require_version, NULL);
}

/*
 * complete_event fills in what an event may leave out: a fresh id, the current time,
 * JSON null as data.
 */
void
complete_event(Datum *values, bool *nulls)
{
	if (nulls[EVENT_ID])
		values[EVENT_ID] = UUIDPGetDatum(new_uuid_v7());
	if (nulls[EVENT_TIME])
		values[EVENT_TIME] = Int64GetDatum(nanoseconds_now());
	if (nulls[EVENT_DATA])
		values[EVENT_DATA] = json_null();
	nulls[EVENT_ID] = nulls[EVENT_TIME] = nulls[EVENT_DATA] = false;
}

/*
 * event_datum makes a goes_event of its fields.
 */
Datum
event_datum(Oid event_type, Datum *values, bool *nulls)
{
	TupleDesc descriptor = row_descriptor(event_type, &event_row);
	Datum	  event = row_datum(descriptor, &event_row, values, nulls);

	ReleaseTupleDesc(descriptor);
	return event;
}

/*
 * event_type_beside returns the type goes_event that stands in the schema of the function that is
 * called, as the extension's types and functions do.
 */
Oid
event_type_beside(FunctionCallInfo fcinfo)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("goes_event"),
							   ObjectIdGetDatum(schema));

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("schema \"%s\" has no type goes_event", get_namespace_name(schema)),
				 errdetail("The function was moved there, or the type was moved or renamed."),
				 errhint("Drop the extension goes_store and create it again; tables and "
						 "events stay.")));
	return type;
}

/*
 * goes_new_event makes an event and fills in what is null. Its arguments are in the order of how
 * often they are given, not in that of the columns.
 */
Datum
goes_new_event(PG_FUNCTION_ARGS)
{
	static const int column_of_argument[EVENT_COLUMNS] = {
		EVENT_NAME, EVENT_DATA, EVENT_AGGREGATE_NAME, EVENT_AGGREGATE_ID, EVENT_AGGREGATE_VERSION,
		EVENT_ID,	EVENT_TIME};
	Datum values[EVENT_COLUMNS];
	bool  nulls[EVENT_COLUMNS];

	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		values[column_of_argument[i]] = PG_GETARG_DATUM(i);
		nulls[column_of_argument[i]] = PG_ARGISNULL(i);
	}
	complete_event(values, nulls);
	PG_RETURN_DATUM(event_datum(return_type(fcinfo), values, nulls));
}
