/*
 * event_json.c
 *	  Events from JSON: an array of objects, or the object of a single event.
 *
 * Every error names the element and the key: our own errors in the message, those of the types'
 * input functions in CONTEXT.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "event/event.h"

/* A value and where it is. */
typedef struct Field
{
	int				  element; /* from 1 */
	const char		 *key;
	const JsonbValue *value;
} Field;

typedef Datum (*Conversion)(Field *field);

PG_FUNCTION_INFO_V1(goes_events_from_json);

/*
 * describe_field adds the place to an error.
 */
static void
describe_field(void *argument)
{
	Field *field = argument;

	errcontext("element %d of argument \"events\", key \"%s\"", field->element, field->key);
}

/*
 * convert calls a function of PostgreSQL that may raise an error.
 */
static Datum
convert(Field *field, PGFunction function, Datum value)
{
	ErrorContextCallback callback = {error_context_stack, describe_field, field};
	Datum				 result;

	error_context_stack = &callback;
	result = DirectFunctionCall1(function, value);
	error_context_stack = callback.previous;
	return result;
}

/*
 * json_type_name names a value's type as jsonb_typeof does.
 */
static const char *
json_type_name(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "string";
		case jbvNumeric:
			return "number";
		case jbvBool:
			return "boolean";
		case jbvBinary:
			return JsonContainerIsObject(value->val.binary.data) ? "object" : "array";
		default:
			return "value of an unknown type";
	}
}

/*
 * reject_value raises the error for a value that cannot be used. The hint may be NULL.
 */
static void
reject_value(const Field *field, const char *wanted, const char *found, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("element %d of argument \"events\": \"%s\" must be %s, not %s",
						   field->element, field->key, wanted, found),
					hint == NULL ? 0 : errhint("%s", hint)));
}

/*
 * require_type raises an error for a value of another type.
 */
static void
require_type(const Field *field, enum jbvType type, const char *wanted)
{
	if (field->value->type != type)
		reject_value(field, wanted, psprintf("a JSON %s", json_type_name(field->value)), NULL);
}

/*
 * string_value returns a JSON string's text.
 */
static char *
string_value(const Field *field, const char *wanted)
{
	require_type(field, jbvString, wanted);
	return pnstrdup(field->value->val.string.val, field->value->val.string.len);
}

/*
 * whole_number returns a JSON number that has no fraction. The hint for one that has may be NULL.
 */
static Datum
whole_number(const Field *field, const char *wanted, const char *hint)
{
	Datum number;

	require_type(field, jbvNumeric, wanted);
	number = NumericGetDatum(field->value->val.numeric);
	if (!DatumGetBool(DirectFunctionCall2(
			numeric_eq, number, DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0)))))
		reject_value(field, wanted, DatumGetCString(DirectFunctionCall1(numeric_out, number)),
					 hint);
	return number;
}

static Datum
to_uuid(Field *field)
{
	return convert(field, uuid_in, CStringGetDatum(string_value(field, "a UUID as a string")));
}

static Datum
to_text(Field *field)
{
	return CStringGetTextDatum(string_value(field, "a string"));
}

static Datum
to_version(Field *field)
{
	return convert(field, numeric_int4, whole_number(field, "a whole number", NULL));
}

/*
 * iso_time returns the time that a string in the form of ISO 8601 says.
 */
static Datum
iso_time(const Field *field, const char *text, const char *wanted)
{
	int64 nanoseconds;
	bool  is_in_range;

	if (!read_iso_time(text, &nanoseconds, &is_in_range))
		reject_value(field, wanted, psprintf("\"%s\"", text),
					 "A time in ISO 8601 has a date, a time of day and Z or an offset, such as "
					 "\"2026-11-28T20:00:00.123456789Z\" or \"2026-11-28T21:00+01:00\".");
	if (!is_in_range)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("element %d of argument \"events\": \"%s\" is out of range: \"%s\"",
							   field->element, field->key, text),
						errdetail(TIME_RANGE_DETAIL)));
	return Int64GetDatum(nanoseconds);
}

/*
 * to_time takes a string of digits, too: JavaScript's numbers lose nanoseconds.
 */
static Datum
to_time(Field *field)
{
	static const char wanted[] =
		"a whole number of nanoseconds, a string of its digits or a time in ISO 8601";
	char *text;
	char *digits;

	if (field->value->type != jbvString)
		return convert(field, numeric_int8,
					   whole_number(field, wanted, "Seconds times 1,000,000,000 are nanoseconds."));
	text = string_value(field, wanted);
	digits = text + (*text == '-');
	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return iso_time(field, text, wanted);
	return convert(field, int8in, CStringGetDatum(text));
}

static Datum
to_data(Field *field)
{
	return JsonbPGetDatum(JsonbValueToJsonb(unconstify(JsonbValue *, field->value)));
}

static const struct
{
	const char *name;
	Conversion	convert;
} keys[EVENT_COLUMNS] = {
	[EVENT_ID] = {"id", to_uuid},
	[EVENT_NAME] = {"name", to_text},
	[EVENT_TIME] = {"time", to_time},
	[EVENT_AGGREGATE_ID] = {"aggregate_id", to_uuid},
	[EVENT_AGGREGATE_NAME] = {"aggregate_name", to_text},
	[EVENT_AGGREGATE_VERSION] = {"aggregate_version", to_version},
	[EVENT_DATA] = {"data", to_data},
};

/*
 * find_key returns the column of a key, or raises an error.
 */
static int
find_key(int element, const JsonbValue *key)
{
	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		if (strlen(keys[i].name) == (size_t) key->val.string.len &&
			memcmp(keys[i].name, key->val.string.val, key->val.string.len) == 0)
			return i;
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("element %d of argument \"events\" has an unknown key \"%.*s\"", element,
						   key->val.string.len, key->val.string.val),
					errhint("An event's keys are id, name, time, aggregate_id, aggregate_name, "
							"aggregate_version and data; put what is yours into data.")));
}

/*
 * event_from_object makes an event of one JSON object. A JSON null counts as absent.
 */
static Datum
event_from_object(Oid event_type, JsonbContainer *object, int element)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue		   value;
	int				   column = 0;
	Datum			   values[EVENT_COLUMNS] = {0};
	bool			   nulls[EVENT_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	(void) JsonbIteratorNext(&iterator, &value, true);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_END_OBJECT)
	{
		Field field = {element, keys[column].name, &value};

		if (token == WJB_KEY)
			column = find_key(element, &value);
		else if (value.type != jbvNull)
		{
			values[column] = keys[column].convert(&field);
			nulls[column] = false;
		}
	}
	if (nulls[EVENT_NAME])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("element %d of argument \"events\" has no name", element),
						errhint("Give the object a key \"name\" that says what happened.")));
	complete_event(values, nulls);
	return event_datum(event_type, values, nulls);
}

/*
 * events_from_array makes the events of a JSON array.
 */
static ArrayType *
events_from_array(Oid event_type, JsonbContainer *array)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbValue	   value;
	Datum		  *events = palloc(sizeof(Datum) * (JsonContainerSize(array) + 1));
	int			   count = 0;

	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		CHECK_FOR_INTERRUPTS();
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of argument \"events\" must be an object, not a JSON %s",
							count + 1, json_type_name(&value))));
		events[count] = event_from_object(event_type, value.val.binary.data, count + 1);
		count++;
	}
	return event_array(event_type, events, count);
}

/*
 * reject_scalar raises the error for JSON that is no array and no object. A string is mostly JSON that the
 * program has encoded, and the driver once more.
 */
static void
reject_scalar(Jsonb *json)
{
	const char *hint = "An event is an object with a name: {\"name\": \"...\"}.";
	JsonbValue	value;

	(void) JsonbExtractScalar(&json->root, &value);
	if (value.type == jbvString)
		hint = "It is a JSON string, as when a driver makes JSON of text that is JSON: send either "
			   "that text as it is, or the values.";
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("argument \"events\" must be a JSON array of objects, or one object"),
					errhint("%s", hint)));
}

/*
 * events_from_json makes events of an argument: of an array of objects, or of a single object.
 */
ArrayType *
events_from_json(FunctionCallInfo fcinfo, int number, Oid event_type)
{
	Jsonb *json = DatumGetJsonbP(required_argument(fcinfo, number, "events"));
	Datum  event;

	if (JB_ROOT_IS_OBJECT(json))
	{
		event = event_from_object(event_type, &json->root, 1);
		return event_array(event_type, &event, 1);
	}
	if (JB_ROOT_IS_SCALAR(json))
		reject_scalar(json);
	return events_from_array(event_type, &json->root);
}

/*
 * goes_events_from_json makes events of JSON.
 */
Datum
goes_events_from_json(PG_FUNCTION_ARGS)
{
	Oid event_type = get_element_type(return_type(fcinfo));

	PG_RETURN_ARRAYTYPE_P(events_from_json(fcinfo, 0, event_type));
}
