/*
 * append_item.c
 *	  Reading the items of goes_append_each. Each is read as the arguments of goes_append are.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"

#include "write/append_each.h"

/* The items that are being read, some of them at a time. */
typedef struct Reading
{
	TupleDesc	 descriptor;
	const Datum *values;
	const bool	*nulls;
	Store		*store;
	AppendItem	*items;
	int			 first;
	int			 count;
} Reading;

/*
 * read_item reads an item, or raises an error.
 */
static void
read_item(const Reading *reading, int place)
{
	AppendItem *item = &reading->items[place];
	Datum		values[ITEM_COLUMNS];
	bool		nulls[ITEM_COLUMNS];
	LOCAL_FCINFO(call, ITEM_COLUMNS);

	if (reading->nulls[place])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("element %d of argument \"appends\" is null", place + 1),
						errhint("Leave it out of the array.")));
	row_values(reading->descriptor, &item_row, reading->values[place], values, nulls);
	for (int i = 0; i < ITEM_COLUMNS; i++)
		call->args[i] = (NullableDatum){values[i], nulls[i]};
	item->append = read_append(call, "goes_append_each()");
	item->append.store = reading->store;
	take_events(&item->append, DatumGetArrayTypeP(required_argument(call, ITEM_EVENTS, "events")));
	prepare_append(&item->append);
	item->lock = aggregate_lock(&item->append.aggregate);
}

/*
 * read_some reads some of the items, or raises the error of one of them.
 */
static bool
read_some(void *state)
{
	const Reading *reading = state;

	for (int i = 0; i < reading->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_item(reading, reading->first + i);
	}
	return true;
}

/*
 * read_parts reads items together, and if one of them cannot be read, one half after the other.
 */
static void
read_parts(Reading reading)
{
	int		   count = reading.count;
	ErrorData *error;

	if (count == 0 || attempt_item(read_some, &reading, &error))
		return;
	if (count == 1)
	{
		settle(&reading.items[reading.first], 0, error);
		return;
	}
	reading.count = count / 2;
	read_parts(reading);
	reading.first += reading.count;
	reading.count = count - reading.count;
	read_parts(reading);
}

AppendItems
read_items(ArrayType *array, Store *store)
{
	Oid			type = ARR_ELEMTYPE(array);
	Reading		reading = {.store = store};
	AppendItems all;

	reject_nested_array(array, "appends");
	deconstruct_array(array, type, -1, false, TYPALIGN_DOUBLE, (Datum **) &reading.values,
					  (bool **) &reading.nulls, &reading.count);
	reading.descriptor = row_descriptor(type, &item_row);
	reading.items = palloc0(sizeof(AppendItem) * reading.count);
	read_parts(reading);
	ReleaseTupleDesc(reading.descriptor);
	all = (AppendItems){palloc(sizeof(AppendItem *) * reading.count), reading.count};
	for (int i = 0; i < all.count; i++)
	{
		reading.items[i].number = i + 1;
		all.items[i] = &reading.items[i];
	}
	return all;
}
