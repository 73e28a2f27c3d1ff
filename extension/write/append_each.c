/*
 * append_each.c
 *	  goes_append_each: many appends in one transaction, each with an outcome of its own.
 *
 * What can be stored is stored together, by the statement of goes_insert_batch. If something is in
 * the way, one half is stored after the other, down to the items of one aggregate; these are appended
 * one by one, which finds out what it is. Aggregates are locked and stored in the order of their
 * locks' numbers, so that two calls never wait for each other, even where a call may take no more
 * locks.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"

#include "read/read.h"
#include "write/append_each.h"

PG_FUNCTION_INFO_V1(goes_append_each);

/* The items of one aggregate, in the order of the call. */
typedef struct ItemGroup
{
	AppendItem **items;
	int			 count;
	int			 planned; /* so many of them, from the first on, can be stored with other groups' */
	int			 first_event; /* of theirs, among all that can be stored together */
} ItemGroup;

/* All groups, in the order of their locks' numbers, or some that follow each other. */
typedef struct ItemGroups
{
	Store	  *store;
	ItemGroup *groups; /* behind the last one is another one, where its events end */
	int		   count;
	Datum	  *events; /* of all groups that can be stored together */
	Oid		   event_type;
	ArrayType *array; /* the events of these groups */
} ItemGroups;

/*
 * compare_aggregates orders aggregates with the same lock.
 */
static int
compare_aggregates(const Aggregate *left, const Aggregate *right)
{
	text *left_name = DatumGetTextPP(left->name);
	text *right_name = DatumGetTextPP(right->name);
	int	  length = VARSIZE_ANY_EXHDR(left_name);
	int	  right_length = VARSIZE_ANY_EXHDR(right_name);
	int	  order = memcmp(DatumGetUUIDP(left->id), DatumGetUUIDP(right->id), UUID_LEN);

	if (order != 0)
		return order;
	if (length != right_length)
		return length - right_length;
	return memcmp(VARDATA_ANY(left_name), VARDATA_ANY(right_name), length);
}

/*
 * compare_items orders items by the numbers of their locks, those of one aggregate as in the call.
 */
static int
compare_items(const void *left_place, const void *right_place)
{
	const AppendItem *left = *(AppendItem *const *) left_place;
	const AppendItem *right = *(AppendItem *const *) right_place;
	int				  order;

	if (left->lock != right->lock)
		return left->lock < right->lock ? -1 : 1;
	order = compare_aggregates(&left->append.aggregate, &right->append.aggregate);
	return order != 0 ? order : left->number - right->number;
}

/*
 * order_items returns the items whose outcome is open, in the order in which they are stored.
 */
static AppendItems
order_items(const AppendItems *all)
{
	AppendItems open = {palloc(sizeof(AppendItem *) * all->count), 0};

	for (int i = 0; i < all->count; i++)
	{
		if (!all->items[i]->is_settled)
			open.items[open.count++] = all->items[i];
	}
	qsort(open.items, open.count, sizeof(AppendItem *), compare_items);
	return open;
}

/*
 * lock_items waits until no other append is writing to the same aggregates, as far as the
 * transaction may take more locks.
 */
static void
lock_items(Store *store, const AppendItems *open)
{
	for (int i = 0; i < open->count; i++)
	{
		const AppendItem *item = open->items[i];

		CHECK_FOR_INTERRUPTS();
		if (item->append.count > 0 && may_lock_aggregates(LOCK_CLASS_APPEND, 1))
			lock_in_store(store->oid, item->lock, LOCK_CLASS_APPEND, ExclusiveLock);
	}
}

/*
 * group_items makes a group of the items of each aggregate.
 */
static ItemGroups
group_items(Store *store, const AppendItems *open)
{
	ItemGroups all = {.store = store, .groups = palloc0(sizeof(ItemGroup) * (open->count + 1))};

	for (int i = 0; i < open->count; i++)
	{
		AppendItem *item = open->items[i];
		bool		is_another =
			i == 0 || open->items[i - 1]->lock != item->lock ||
			compare_aggregates(&open->items[i - 1]->append.aggregate, &item->append.aggregate) != 0;

		if (is_another)
			all.groups[all.count++].items = &open->items[i];
		all.groups[all.count - 1].count++;
	}
	return all;
}

/*
 * plan_group gives the items of a group their places behind the current version, up to the first
 * that does not expect it.
 */
static void
plan_group(ItemGroup *group, Version current)
{
	for (; group->planned < group->count; group->planned++)
	{
		AppendItem *item = group->items[group->planned];

		if (!is_expected(&item->append, &current) || !versions_fit(&item->append, current.number))
			break;
		item->base = current.number;
		if (item->append.count > 0)
			current = (Version){true, current.number + item->append.count};
	}
}

/*
 * plan looks up the newest versions and finds out which items can be stored together.
 */
static void
plan(ItemGroups *all)
{
	Aggregate *aggregates = palloc(sizeof(Aggregate) * all->count);
	Version	  *newest;

	for (int i = 0; i < all->count; i++)
		aggregates[i] = all->groups[i].items[0]->append.aggregate;
	newest = newest_versions(all->store, aggregates, all->count);
	for (int i = 0; i < all->count; i++)
		plan_group(&all->groups[i], newest[i]);
}

/*
 * place_events makes the events of an item as they are to be stored, and returns their number.
 */
static int
place_events(const AppendItem *item, TupleDesc descriptor, Datum *events)
{
	for (int i = 0; i < item->append.count; i++)
	{
		Datum values[EVENT_COLUMNS];
		bool  nulls[EVENT_COLUMNS];

		row_values(descriptor, &event_row, item->append.elements[i], values, nulls);
		values[EVENT_AGGREGATE_ID] = item->append.aggregate.id;
		values[EVENT_AGGREGATE_NAME] = item->append.aggregate.name;
		values[EVENT_AGGREGATE_VERSION] = Int32GetDatum(item->base + i + 1);
		nulls[EVENT_AGGREGATE_ID] = nulls[EVENT_AGGREGATE_NAME] = false;
		nulls[EVENT_AGGREGATE_VERSION] = false;
		events[i] = row_datum(descriptor, &event_row, values, nulls);
	}
	return item->append.count;
}

/*
 * count_events returns how many events can be stored together.
 */
static int
count_events(const ItemGroups *all)
{
	int count = 0;

	for (int i = 0; i < all->count; i++)
	{
		for (int k = 0; k < all->groups[i].planned; k++)
			count += all->groups[i].items[k]->append.count;
	}
	return count;
}

/*
 * place_groups makes the events of all groups that can be stored together.
 */
static void
place_groups(ItemGroups *all)
{
	TupleDesc descriptor;
	int		  count = 0;

	all->events = palloc(sizeof(Datum) * count_events(all));
	all->event_type = ARR_ELEMTYPE(all->groups[0].items[0]->append.events);
	descriptor = row_descriptor(all->event_type, &event_row);
	for (int i = 0; i < all->count; i++)
	{
		all->groups[i].first_event = count;
		for (int k = 0; k < all->groups[i].planned; k++)
			count += place_events(all->groups[i].items[k], descriptor, &all->events[count]);
	}
	all->groups[all->count].first_event = count;
	ReleaseTupleDesc(descriptor);
}

/*
 * store_together stores what is planned of some groups, or returns false.
 */
static bool
store_together(void *state)
{
	ItemGroups *some = state;
	int			first = some->groups[0].first_event;
	int			count = some->groups[some->count].first_event - first;

	if (count == 0)
		return true;
	some->array = event_array(some->event_type, &some->events[first], count);
	return insert_array(some->store, some->array) == (uint64) count;
}

/*
 * append_item appends an item alone.
 */
static bool
append_item(void *state)
{
	AppendItem *item = state;

	item->last = append_events(&item->append);
	return true;
}

/*
 * settle_alone finds the outcomes of those items of a group that have none, one after the other.
 */
static void
settle_alone(ItemGroup *group)
{
	for (int i = 0; i < group->count; i++)
	{
		AppendItem *item = group->items[i];
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (item->is_settled)
			continue;
		(void) attempt_item(append_item, item, &error);
		settle(item, item->last, error);
	}
}

/*
 * settle_stored notes the outcomes of what was planned of some groups and is stored.
 */
static void
settle_stored(const ItemGroups *some)
{
	for (int i = 0; i < some->count; i++)
	{
		for (int k = 0; k < some->groups[i].planned; k++)
		{
			AppendItem *item = some->groups[i].items[k];

			settle(item, item->base + item->append.count, NULL);
		}
	}
}

/*
 * store_parts stores what is planned of some groups together, and if something is in the way, one
 * half after the other.
 */
static void
store_parts(ItemGroups some)
{
	int		   count = some.count;
	ErrorData *error;
	bool	   is_stored;

	CHECK_FOR_INTERRUPTS();
	is_stored = attempt_item(store_together, &some, &error);
	if (some.array != NULL)
		pfree(some.array);
	some.array = NULL;
	if (is_stored)
		settle_stored(&some);
	else if (count == 1)
		settle_alone(&some.groups[0]);
	else
	{
		some.count = count / 2;
		store_parts(some);
		some.groups += some.count;
		some.count = count - some.count;
		store_parts(some);
	}
}

/*
 * append_groups finds the outcomes of all items of the groups.
 */
static void
append_groups(ItemGroups *all)
{
	if (all->count == 0)
		return;
	if (may_insert_plainly(all->store))
	{
		plan(all);
		place_groups(all);
		store_parts(*all);
	}
	for (int i = 0; i < all->count; i++)
		settle_alone(&all->groups[i]);
}

/*
 * goes_append_each makes many appends and returns the outcome of each.
 */
Datum
goes_append_each(PG_FUNCTION_ARGS)
{
	ArrayType  *array = DatumGetArrayTypeP(required_argument(fcinfo, 0, "appends"));
	Store	   *store;
	AppendItems all;
	AppendItems open;
	ItemGroups	groups;

	start_result(fcinfo, &outcome_row);
	PreventCommandIfReadOnly("goes_append_each()");
	store = store_open(fcinfo, 1, RowExclusiveLock);
	require_append(store, "goes_append_each()", true);
	all = read_items(array, store);
	open = order_items(&all);
	lock_items(store, &open);
	groups = group_items(store, &open);
	append_groups(&groups);
	return_outcomes(fcinfo, &all);
	store_close(store);
	return (Datum) 0;
}
