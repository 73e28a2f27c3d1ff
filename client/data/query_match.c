/*
 * query_match.c
 *    Would a query return an event, once it is stored?
 *
 * What stands for "no aggregate" is stored as null, and a null matches no filter.
 */
#include <string.h>

#include "data/query.h"

/*
 * has_text tells whether a list has a text. An empty list does not filter: it has every text. NULL
 * stands for SQL null, which only an empty list has.
 */
static bool
has_text(const List *list, const char *text)
{
	char *const *texts = list->values;

	if (list->count == 0)
		return true;
	for (size_t i = 0; text != NULL && i < list->count; i++)
	{
		if (strcmp(texts[i], text) == 0)
			return true;
	}
	return false;
}

/*
 * has_uuid is has_text for UUIDs; NULL stands for SQL null.
 */
static bool
has_uuid(const List *list, const goes_uuid *id)
{
	const goes_uuid *ids = list->values;

	if (list->count == 0)
		return true;
	for (size_t i = 0; id != NULL && i < list->count; i++)
	{
		if (memcmp(&ids[i], id, sizeof *id) == 0)
			return true;
	}
	return false;
}

/*
 * has_range tells whether one of the ranges contains a number. An empty list does not filter.
 */
static bool
has_range(const List *list, int64_t number)
{
	const Range *ranges = list->values;

	if (list->count == 0)
		return true;
	for (size_t i = 0; i < list->count; i++)
	{
		if (ranges[i].first <= number && number <= ranges[i].last)
			return true;
	}
	return false;
}

/*
 * within tells whether a number is between bounds.
 */
static bool
within(const Bound *least, const Bound *greatest, int64_t number)
{
	if (least->is_set && (least->is_impossible || number < least->value))
		return false;
	return !greatest->is_set || (!greatest->is_impossible && number <= greatest->value);
}

/*
 * time_matches tests the filters on time.
 */
static bool
time_matches(const goes_query *query, int64_t time)
{
	const int64_t *times = query->times.values;
	bool		   is_listed = query->times.count == 0;

	for (size_t i = 0; i < query->times.count; i++)
		is_listed |= times[i] == time;
	return is_listed && within(&query->time_min, &query->time_max, time) &&
		   has_range(&query->time_ranges, time);
}

/*
 * version_matches tests the filters on the version; NULL stands for SQL null.
 */
static bool
version_matches(const goes_query *query, const int32_t *version)
{
	const int32_t *versions = query->versions.values;
	bool		   is_listed = query->versions.count == 0;

	if (version == NULL)
		return is_listed && !query->version_min.is_set && !query->version_max.is_set &&
			   query->version_ranges.count == 0;
	for (size_t i = 0; i < query->versions.count; i++)
		is_listed |= versions[i] == *version;
	return is_listed && within(&query->version_min, &query->version_max, *version) &&
		   has_range(&query->version_ranges, *version);
}

/*
 * aggregate_matches tests the references to aggregates; NULL stands for SQL null.
 */
static bool
aggregate_matches(const goes_query *query, const char *name, const goes_uuid *id)
{
	const Reference *references = query->aggregates.values;

	if (query->aggregates.count == 0)
		return true;
	for (size_t i = 0; name != NULL && i < query->aggregates.count; i++)
	{
		if (strcmp(references[i].name, name) != 0)
			continue;
		if (goes_uuid_is_nil(&references[i].id) ||
			(id != NULL && memcmp(&references[i].id, id, sizeof *id) == 0))
			return true;
	}
	return false;
}

bool
goes_query_test(const goes_query *query, const goes_event *event)
{
	const goes_uuid *aggregate_id;
	const char		*aggregate_name;
	const int32_t	*version;

	if (query == NULL || event == NULL || query->failed != GOES_OK)
		return false;
	aggregate_id = goes_uuid_is_nil(&event->aggregate_id) ? NULL : &event->aggregate_id;
	aggregate_name = event->aggregate_name != NULL && *event->aggregate_name != '\0'
						 ? event->aggregate_name
						 : NULL;
	version = aggregate_id == NULL && aggregate_name == NULL && event->aggregate_version == 0
				  ? NULL
				  : &event->aggregate_version;
	return has_text(&query->names, event->name) && has_uuid(&query->ids, &event->id) &&
		   time_matches(query, event->time) && has_text(&query->aggregate_names, aggregate_name) &&
		   has_uuid(&query->aggregate_ids, aggregate_id) && version_matches(query, version) &&
		   aggregate_matches(query, aggregate_name, aggregate_id);
}
