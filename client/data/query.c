/*
 * query.c
 *    Building a query, step by step.
 *
 * A step that fails leaves a mark that makes the run fail, so that a program may check once.
 */
#include <stdlib.h>
#include <string.h>

#include "data/query.h"

goes_query *
goes_query_new(void)
{
	return calloc(1, sizeof(goes_query));
}

/*
 * free_texts frees a list of texts.
 */
static void
free_texts(List *list)
{
	char **texts = list->values;

	for (size_t i = 0; i < list->count; i++)
		free(texts[i]);
	free(texts);
}

void
goes_query_free(goes_query *query)
{
	Reference *references;

	if (query == NULL)
		return;
	free_texts(&query->names);
	free_texts(&query->aggregate_names);
	references = query->aggregates.values;
	for (size_t i = 0; i < query->aggregates.count; i++)
		free(references[i].name);
	free(references);
	free(query->ids.values);
	free(query->times.values);
	free(query->time_ranges.values);
	free(query->aggregate_ids.values);
	free(query->versions.values);
	free(query->version_ranges.values);
	free(query->sorts.values);
	free(query);
}

/*
 * step_failed marks a query and returns the status of the step.
 */
static int
step_failed(goes_query *query, int status)
{
	if (query->failed == GOES_OK)
		query->failed = status;
	return status;
}

/*
 * list_add copies a value to the end of a list.
 */
static int
list_add(goes_query *query, List *list, const void *value, size_t size)
{
	if (list->count == list->room)
	{
		size_t room = list->room ? 2 * list->room : 8;
		void  *values = room > SIZE_MAX / size ? NULL : realloc(list->values, room * size);

		if (values == NULL)
			return step_failed(query, GOES_ERR_NOMEM);
		list->values = values;
		list->room = room;
	}
	memcpy((char *) list->values + list->count * size, value, size);
	list->count++;
	return GOES_OK;
}

/*
 * list_add_text copies a text to the end of a list.
 */
static int
list_add_text(goes_query *query, List *list, const char *text)
{
	char *copy;
	int	  status;

	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (text == NULL)
		return step_failed(query, GOES_ERR_INVALID);
	copy = strdup(text);
	if (copy == NULL)
		return step_failed(query, GOES_ERR_NOMEM);
	status = list_add(query, list, &copy, sizeof copy);
	if (status != GOES_OK)
		free(copy);
	return status;
}

/*
 * list_add_uuid copies a UUID to the end of a list.
 */
static int
list_add_uuid(goes_query *query, List *list, const goes_uuid *id)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (id == NULL)
		return step_failed(query, GOES_ERR_INVALID);
	return list_add(query, list, id, sizeof *id);
}

int
goes_query_name(goes_query *query, const char *name)
{
	return list_add_text(query, query ? &query->names : NULL, name);
}

int
goes_query_id(goes_query *query, const goes_uuid *id)
{
	return list_add_uuid(query, query ? &query->ids : NULL, id);
}

int
goes_query_time(goes_query *query, int64_t time)
{
	return query == NULL ? GOES_ERR_NOMEM : list_add(query, &query->times, &time, sizeof time);
}

int
goes_query_time_min(goes_query *query, int64_t time)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	query->time_min = (Bound){true, false, time};
	return GOES_OK;
}

int
goes_query_time_max(goes_query *query, int64_t time)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	query->time_max = (Bound){true, false, time};
	return GOES_OK;
}

int
goes_query_time_after(goes_query *query, int64_t time)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (time == INT64_MAX)
		query->time_min = (Bound){true, true, time};
	else
		query->time_min = (Bound){true, false, time + 1};
	return GOES_OK;
}

int
goes_query_time_before(goes_query *query, int64_t time)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (time == INT64_MIN)
		query->time_max = (Bound){true, true, time};
	else
		query->time_max = (Bound){true, false, time - 1};
	return GOES_OK;
}

int
goes_query_time_range(goes_query *query, int64_t first, int64_t last)
{
	Range range = {first, last};

	return query == NULL ? GOES_ERR_NOMEM
						 : list_add(query, &query->time_ranges, &range, sizeof range);
}

int
goes_query_aggregate_name(goes_query *query, const char *name)
{
	return list_add_text(query, query ? &query->aggregate_names : NULL, name);
}

int
goes_query_aggregate_id(goes_query *query, const goes_uuid *id)
{
	return list_add_uuid(query, query ? &query->aggregate_ids : NULL, id);
}

int
goes_query_aggregate(goes_query *query, const char *name, const goes_uuid *id)
{
	Reference reference = {0};
	int		  status;

	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (name == NULL)
		return step_failed(query, GOES_ERR_INVALID);
	if (id != NULL)
		reference.id = *id;
	reference.name = strdup(name);
	if (reference.name == NULL)
		return step_failed(query, GOES_ERR_NOMEM);
	status = list_add(query, &query->aggregates, &reference, sizeof reference);
	if (status != GOES_OK)
		free(reference.name);
	return status;
}

int
goes_query_version(goes_query *query, int32_t version)
{
	return query == NULL ? GOES_ERR_NOMEM
						 : list_add(query, &query->versions, &version, sizeof version);
}

int
goes_query_version_min(goes_query *query, int32_t version)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (!query->version_min.is_set || version < query->version_min.value)
		query->version_min = (Bound){true, false, version};
	return GOES_OK;
}

int
goes_query_version_max(goes_query *query, int32_t version)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (!query->version_max.is_set || version > query->version_max.value)
		query->version_max = (Bound){true, false, version};
	return GOES_OK;
}

int
goes_query_version_range(goes_query *query, int32_t first, int32_t last)
{
	Range range = {first, last};

	return query == NULL ? GOES_ERR_NOMEM
						 : list_add(query, &query->version_ranges, &range, sizeof range);
}

int
goes_query_sort(goes_query *query, goes_sort sort, goes_direction direction)
{
	SortKey key = {sort, direction};

	if (query == NULL)
		return GOES_ERR_NOMEM;
	if ((int) sort < GOES_SORT_TIME || (int) sort > GOES_SORT_AGGREGATE_VERSION ||
		(direction != GOES_ASC && direction != GOES_DESC))
		return step_failed(query, GOES_ERR_INVALID);
	return list_add(query, &query->sorts, &key, sizeof key);
}

int
goes_query_limit(goes_query *query, int64_t max_events)
{
	if (query == NULL)
		return GOES_ERR_NOMEM;
	if (max_events < 0)
		return step_failed(query, GOES_ERR_INVALID);
	query->limit = (Bound){true, false, max_events};
	return GOES_OK;
}

/*
 * list_add_all adds a list's values to the end of another.
 */
static void
list_add_all(goes_query *query, List *into, const List *from, size_t size)
{
	for (size_t i = 0; i < from->count; i++)
		(void) list_add(query, into, (const char *) from->values + i * size, size);
}

/*
 * list_add_texts adds copies of a list's texts to the end of another.
 */
static void
list_add_texts(goes_query *query, List *into, const List *from)
{
	char *const *texts = from->values;

	for (size_t i = 0; i < from->count; i++)
		(void) list_add_text(query, into, texts[i]);
}

int
goes_query_merge(goes_query *into, const goes_query *from)
{
	const Reference *references;

	if (into == NULL)
		return GOES_ERR_NOMEM;
	if (from == NULL)
		return step_failed(into, GOES_ERR_NOMEM);
	if (into == from)
		return into->failed;
	list_add_texts(into, &into->names, &from->names);
	list_add_all(into, &into->ids, &from->ids, sizeof(goes_uuid));
	list_add_all(into, &into->times, &from->times, sizeof(int64_t));
	list_add_all(into, &into->time_ranges, &from->time_ranges, sizeof(Range));
	list_add_texts(into, &into->aggregate_names, &from->aggregate_names);
	list_add_all(into, &into->aggregate_ids, &from->aggregate_ids, sizeof(goes_uuid));
	list_add_all(into, &into->versions, &from->versions, sizeof(int32_t));
	list_add_all(into, &into->version_ranges, &from->version_ranges, sizeof(Range));
	list_add_all(into, &into->sorts, &from->sorts, sizeof(SortKey));
	references = from->aggregates.values;
	for (size_t i = 0; i < from->aggregates.count; i++)
		(void) goes_query_aggregate(into, references[i].name, &references[i].id);
	if (from->version_min.is_set)
		(void) goes_query_version_min(into, (int32_t) from->version_min.value);
	if (from->version_max.is_set)
		(void) goes_query_version_max(into, (int32_t) from->version_max.value);
	if (from->time_min.is_set)
		into->time_min = from->time_min;
	if (from->time_max.is_set)
		into->time_max = from->time_max;
	if (from->limit.is_set)
		into->limit = from->limit;
	if (from->failed != GOES_OK)
		(void) step_failed(into, from->failed);
	return into->failed;
}
