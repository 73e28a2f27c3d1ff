/*
 * row.c
 *	  The rows that functions take and return: are they still what they were made as?
 *
 * The owner of the extension can alter its types, and values would then be misread. An attribute
 * that was added and dropped again does no harm: it follows ours, is null and is ignored.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "table/table.h"

#define MOST_ATTRIBUTES CLAIM_COLUMNS

/* Stands for an array of any row type: who reads the rows checks what they are. */
#define ARRAY_OF_ROWS RECORDARRAYOID

struct RowType
{
	const char *function; /* returns such rows, if they have no type of their own */
	int			count;
	struct
	{
		const char *name;
		Oid			type;
	} attributes[MOST_ATTRIBUTES];
};

const RowType event_row = {NULL,
						   EVENT_COLUMNS,
						   {[EVENT_ID] = {"id", UUIDOID},
							[EVENT_NAME] = {"name", TEXTOID},
							[EVENT_TIME] = {"time", INT8OID},
							[EVENT_AGGREGATE_ID] = {"aggregate_id", UUIDOID},
							[EVENT_AGGREGATE_NAME] = {"aggregate_name", TEXTOID},
							[EVENT_AGGREGATE_VERSION] = {"aggregate_version", INT4OID},
							[EVENT_DATA] = {"data", JSONBOID}}};

const RowType reference_row = {NULL, 2, {{"name", TEXTOID}, {"id", UUIDOID}}};

const RowType item_row = {NULL,
						  ITEM_COLUMNS,
						  {[ITEM_AGGREGATE_NAME] = {"aggregate_name", TEXTOID},
						   [ITEM_AGGREGATE_ID] = {"aggregate_id", UUIDOID},
						   [ITEM_EVENTS] = {"events", ARRAY_OF_ROWS},
						   [ITEM_EXPECTED_VERSION] = {"expected_version", INT4OID}}};

const RowType outcome_row = {"goes_append_each",
							 OUTCOME_COLUMNS,
							 {[OUTCOME_ITEM] = {"item", INT4OID},
							  [OUTCOME_AGGREGATE_VERSION] = {"aggregate_version", INT4OID},
							  [OUTCOME_SQLSTATE] = {"sqlstate", TEXTOID},
							  [OUTCOME_MESSAGE] = {"message", TEXTOID},
							  [OUTCOME_DETAIL] = {"detail", JSONBOID}}};

const RowType snapshot_row = {NULL,
							  5,
							  {{"aggregate_id", UUIDOID},
							   {"aggregate_name", TEXTOID},
							   {"aggregate_version", INT4OID},
							   {"time", INT8OID},
							   {"state", BYTEAOID}}};

const RowType load_row = {"goes_load",
						  6,
						  {{"aggregate_version", INT4OID},
						   {"time", INT8OID},
						   {"state", BYTEAOID},
						   {"id", UUIDOID},
						   {"name", TEXTOID},
						   {"data", JSONBOID}}};

const RowType feed_row = {"goes_feed",
						  FEED_COLUMNS,
						  {[FEED_POSITION] = {"position", INT8OID},
						   [FEED_ID] = {"id", UUIDOID},
						   [FEED_NAME] = {"name", TEXTOID},
						   [FEED_TIME] = {"time", INT8OID},
						   [FEED_AGGREGATE_ID] = {"aggregate_id", UUIDOID},
						   [FEED_AGGREGATE_NAME] = {"aggregate_name", TEXTOID},
						   [FEED_AGGREGATE_VERSION] = {"aggregate_version", INT4OID},
						   [FEED_DATA] = {"data", JSONBOID}}};

const RowType writer_row = {"goes_feed_writers",
							5,
							{{"pid", INT4OID},
							 {"gid", TEXTOID},
							 {"low", INT8OID},
							 {"since", TIMESTAMPTZOID},
							 {"state", TEXTOID}}};

const RowType claim_row = {"goes_claim",
						   CLAIM_COLUMNS,
						   {[CLAIM_PARTITION] = {"partition", INT4OID},
							[CLAIM_EPOCH] = {"epoch", INT8OID},
							[CLAIM_POSITION] = {"position", INT8OID},
							[CLAIM_ATTEMPTS] = {"attempts", INT4OID},
							[CLAIM_EVENT] = {"id", UUIDOID},
							{"name", TEXTOID},
							{"time", INT8OID},
							{"aggregate_id", UUIDOID},
							{"aggregate_name", TEXTOID},
							{"aggregate_version", INT4OID},
							{"data", JSONBOID}}};

const RowType lag_row = {"goes_subscription_lag",
						 9,
						 {{"subscription", TEXTOID},
						  {"partition", INT4OID},
						  {"position", INT8OID},
						  {"behind", INT8OID},
						  {"worker", TEXTOID},
						  {"lease_until", TIMESTAMPTZOID},
						  {"retrying", INT8OID},
						  {"parked", INT8OID},
						  {"waiting", INT8OID}}};

const RowType parked_row = {"goes_parked",
							10,
							{{"partition", INT4OID},
							 {"position", INT8OID},
							 {"attempts", INT4OID},
							 {"failed_at", TIMESTAMPTZOID},
							 {"error", TEXTOID},
							 {"waiting", INT8OID},
							 {"id", UUIDOID},
							 {"name", TEXTOID},
							 {"aggregate_name", TEXTOID},
							 {"aggregate_id", UUIDOID}}};

const RowType problem_row = {"goes_check_store", 2, {{"problem", TEXTOID}, {"remedy", TEXTOID}}};

/*
 * attribute_at returns an attribute of a row, or NULL if there is none any more.
 */
static Form_pg_attribute
attribute_at(TupleDesc descriptor, int place)
{
	if (place >= descriptor->natts || TupleDescAttr(descriptor, place)->attisdropped)
		return NULL;
	return TupleDescAttr(descriptor, place);
}

/*
 * has_type tells whether an attribute has the type that it was made with.
 */
static bool
has_type(Form_pg_attribute attribute, Oid type)
{
	if (type == ARRAY_OF_ROWS)
		return type_is_rowtype(get_element_type(attribute->atttypid));
	return attribute->atttypid == type;
}

/*
 * is_as_made tells whether the attribute at a place is the one that belongs there.
 */
static bool
is_as_made(TupleDesc descriptor, const RowType *row, int place)
{
	Form_pg_attribute attribute = attribute_at(descriptor, place);

	if (place >= row->count)
		return attribute == NULL;
	return attribute != NULL && has_type(attribute, row->attributes[place].type) &&
		   strcmp(NameStr(attribute->attname), row->attributes[place].name) == 0;
}

/*
 * describe_change says what is wrong with the attribute at a place. *action is what undoes the
 * change in ALTER TYPE; NULL if nothing does.
 */
static char *
describe_change(TupleDesc descriptor, const RowType *row, int place, char **action)
{
	Form_pg_attribute attribute = attribute_at(descriptor, place);
	const char		 *name = place < row->count ? row->attributes[place].name : NULL;
	const char		 *found;
	Oid				  type;

	*action = NULL;
	if (attribute == NULL)
		return psprintf("Its attribute \"%s\" is missing.", name);
	found = quote_identifier(NameStr(attribute->attname));
	if (name == NULL)
	{
		*action = psprintf("DROP ATTRIBUTE %s", found);
		return psprintf("Its attribute \"%s\" is one too many.", NameStr(attribute->attname));
	}
	type = row->attributes[place].type;
	if (!has_type(attribute, type))
	{
		if (type != ARRAY_OF_ROWS)
			*action = psprintf("ALTER ATTRIBUTE %s TYPE %s", found, format_type_be(type));
		return psprintf("Its attribute \"%s\" has type %s in place of %s.",
						NameStr(attribute->attname), format_type_be(attribute->atttypid),
						format_type_be(type));
	}
	*action = psprintf("RENAME ATTRIBUTE %s TO %s", found, quote_identifier(name));
	return psprintf("Its attribute \"%s\" has the name \"%s\".", name, NameStr(attribute->attname));
}

/*
 * report_change raises the error for an attribute that was altered.
 */
pg_noreturn static void
report_change(TupleDesc descriptor, const RowType *row, int place)
{
	char *action;
	char *detail = describe_change(descriptor, row, place, &action);
	char *type = format_type_be(descriptor->tdtypeid);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 row->function == NULL
				 ? errmsg("type %s was altered", type)
				 : errmsg("the row that function %s() returns was altered", row->function),
			 errdetail_internal("%s", detail),
			 row->function == NULL && action != NULL
				 ? errhint("Run ALTER TYPE %s %s.", type, action)
				 : errhint("Drop the extension goes_store and create it again; tables and events "
						   "stay.")));
}

/*
 * require_row raises an error unless a row has the attributes that it was made with.
 */
void
require_row(TupleDesc descriptor, const RowType *row)
{
	for (int place = 0; place < Max(descriptor->natts, row->count); place++)
	{
		if (!is_as_made(descriptor, row, place))
			report_change(descriptor, row, place);
	}
}

/*
 * row_descriptor looks up the attributes of a type, which ReleaseTupleDesc gives back.
 */
TupleDesc
row_descriptor(Oid type, const RowType *row)
{
	TupleDesc descriptor = lookup_rowtype_tupdesc(type, -1);

	require_row(descriptor, row);
	return descriptor;
}

/*
 * row_values takes a value of such a type apart.
 */
void
row_values(TupleDesc descriptor, const RowType *row, Datum value, Datum *values, bool *nulls)
{
	HeapTupleData tuple = {0};
	Datum		  all_values[MaxTupleAttributeNumber];
	bool		  all_nulls[MaxTupleAttributeNumber];

	tuple.t_data = DatumGetHeapTupleHeader(value);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	heap_deform_tuple(&tuple, descriptor, all_values, all_nulls);
	memcpy(values, all_values, sizeof(Datum) * row->count);
	memcpy(nulls, all_nulls, sizeof(bool) * row->count);
}

/*
 * row_datum makes a value of such a type.
 */
Datum
row_datum(TupleDesc descriptor, const RowType *row, const Datum *values, const bool *nulls)
{
	Datum all_values[MaxTupleAttributeNumber];
	bool  all_nulls[MaxTupleAttributeNumber];

	memcpy(all_values, values, sizeof(Datum) * row->count);
	memcpy(all_nulls, nulls, sizeof(bool) * row->count);
	memset(all_nulls + row->count, true, descriptor->natts - row->count);
	return HeapTupleGetDatum(heap_form_tuple(descriptor, all_values, all_nulls));
}
