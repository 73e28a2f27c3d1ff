/*
 * query_parameters.c
 *    From a query to the parameters of its statement, in the order that statement.c gives them.
 */
#include <string.h>

#include "calls/query_parameters.h"
#include "data/oids.h"

/*
 * next_buffer returns the buffer for the next parameter.
 */
static Buffer *
next_buffer(QueryRequest *request)
{
	return &request->buffers[request->parameters.count];
}

static void
put_texts(QueryRequest *request, const List *list)
{
	Buffer *buffer = next_buffer(request);

	if (list->count > 0)
		encode_text_array(buffer, list->values, list->count);
	add_binary(&request->parameters, TEXT_ARRAY_TYPE, list->count > 0 ? buffer : NULL);
}

static void
put_uuids(QueryRequest *request, const List *list)
{
	Buffer *buffer = next_buffer(request);

	if (list->count > 0)
		encode_uuid_array(buffer, list->values, list->count);
	add_binary(&request->parameters, UUID_ARRAY_TYPE, list->count > 0 ? buffer : NULL);
}

static void
put_ranges(QueryRequest *request, const List *list, int width)
{
	Buffer *buffer = next_buffer(request);

	if (list->count > 0)
		encode_range_array(buffer, width == 8 ? INT8_RANGE_TYPE : INT4_RANGE_TYPE, width,
						   list->values, list->count);
	add_binary(&request->parameters, width == 8 ? INT8_RANGE_ARRAY_TYPE : INT4_RANGE_ARRAY_TYPE,
			   list->count > 0 ? buffer : NULL);
}

static void
put_int64(QueryRequest *request, bool is_set, int64_t value)
{
	Buffer *buffer = next_buffer(request);

	if (is_set)
		buffer_int64(buffer, value);
	add_binary(&request->parameters, INT8_TYPE, is_set ? buffer : NULL);
}

static void
put_int32(QueryRequest *request, const Bound *bound)
{
	Buffer *buffer = next_buffer(request);

	if (bound->is_set)
		buffer_int32(buffer, (int32_t) bound->value);
	add_binary(&request->parameters, INT4_TYPE, bound->is_set ? buffer : NULL);
}

/*
 * put_times writes the filters on time. What no event can satisfy is sent as bounds that are the
 * wrong way round.
 */
static void
put_times(QueryRequest *request, const goes_query *query)
{
	bool is_impossible = (query->time_min.is_set && query->time_min.is_impossible) ||
						 (query->time_max.is_set && query->time_max.is_impossible);
	Buffer *buffer = next_buffer(request);

	if (query->times.count > 0)
		encode_int64_array(buffer, query->times.values, query->times.count);
	add_binary(&request->parameters, INT8_ARRAY_TYPE, query->times.count > 0 ? buffer : NULL);
	put_int64(request, is_impossible || query->time_min.is_set,
			  is_impossible ? INT64_MAX : query->time_min.value);
	put_int64(request, is_impossible || query->time_max.is_set,
			  is_impossible ? INT64_MIN : query->time_max.value);
	put_ranges(request, &query->time_ranges, 8);
}

/*
 * put_versions writes the filters on the version.
 */
static void
put_versions(QueryRequest *request, const goes_query *query)
{
	Buffer *buffer = next_buffer(request);

	if (query->versions.count > 0)
		encode_int32_array(buffer, query->versions.values, query->versions.count);
	add_binary(&request->parameters, INT4_ARRAY_TYPE, query->versions.count > 0 ? buffer : NULL);
	put_int32(request, &query->version_min);
	put_int32(request, &query->version_max);
	put_ranges(request, &query->version_ranges, 4);
}

/*
 * put_references writes the filter on aggregates.
 */
static void
put_references(QueryRequest *request, const Call *call, const goes_query *query)
{
	const Session *session = &call->connection->session;
	Buffer		  *buffer = next_buffer(request);

	if (query->aggregates.count > 0)
		encode_reference_array(buffer, session->reference_type, query->aggregates.values,
							   query->aggregates.count);
	add_binary(&request->parameters, session->reference_array_type,
			   query->aggregates.count > 0 ? buffer : NULL);
}

/*
 * put_sorting writes the sort keys.
 */
static void
put_sorting(QueryRequest *request, const goes_query *query)
{
	static char *const texts[][2] = {
		[GOES_SORT_TIME] = {"time asc", "time desc"},
		[GOES_SORT_AGGREGATE_NAME] = {"aggregate_name asc", "aggregate_name desc"},
		[GOES_SORT_AGGREGATE_ID] = {"aggregate_id asc", "aggregate_id desc"},
		[GOES_SORT_AGGREGATE_VERSION] = {"aggregate_version asc", "aggregate_version desc"},
	};
	const SortKey *keys = query->sorts.values;
	Buffer		  *buffer = next_buffer(request);
	char		  *chosen[sizeof texts / sizeof *texts];
	bool		   is_used[sizeof texts / sizeof *texts] = {false};
	size_t		   count = 0;

	/* a key that was there before cannot change the order any more */
	for (size_t i = 0; i < query->sorts.count; i++)
	{
		if (!is_used[keys[i].sort])
			chosen[count++] = texts[keys[i].sort][keys[i].direction];
		is_used[keys[i].sort] = true;
	}
	if (count > 0)
		encode_text_array(buffer, chosen, count);
	add_binary(&request->parameters, TEXT_ARRAY_TYPE, count > 0 ? buffer : NULL);
}

/*
 * put_query writes the filters, and the order and the limit if they are wanted.
 */
static void
put_query(QueryRequest *request, const Call *call, const goes_query *query, bool has_sorting)
{
	put_texts(request, &query->names);
	put_uuids(request, &query->ids);
	put_times(request, query);
	put_texts(request, &query->aggregate_names);
	put_uuids(request, &query->aggregate_ids);
	put_versions(request, query);
	put_references(request, call, query);
	if (has_sorting)
	{
		put_sorting(request, query);
		put_int64(request, query->limit.is_set, query->limit.value);
	}
}

/*
 * check_size fails for values that could not be sent.
 */
static int
check_size(const QueryRequest *request, goes_error **err)
{
	size_t bytes = 0;

	for (int i = 0; i < request->parameters.count; i++)
	{
		bytes += request->buffers[i].length;
		if (request->buffers[i].failed)
			return fail_memory(err);
	}
	if (bytes > INT32_MAX / 2)
		return fail(err, GOES_ERR_INVALID, "the query's values have more than %d bytes",
					INT32_MAX / 2);
	return GOES_OK;
}

int
request_make(QueryRequest *request, const Call *call, const goes_query *query, bool has_sorting,
			 const char *table, goes_error **err)
{
	static const goes_query everything;

	*request = (QueryRequest){0};
	if (query == NULL)
		query = &everything;
	if (query->failed == GOES_ERR_NOMEM)
		return fail_memory(err);
	if (query->failed != GOES_OK)
		return fail(err, query->failed,
					"a step of the query was given a value that cannot be used: check what the "
					"steps return");
	put_query(request, call, query, has_sorting);
	add_text(&request->parameters, TEXT_TYPE, table);
	return check_size(request, err);
}

void
request_free(QueryRequest *request)
{
	for (int i = 0; i < MOST_PARAMETERS; i++)
		buffer_free(&request->buffers[i]);
}

bool
is_bounded(const goes_query *query)
{
	return query != NULL && ((query->limit.is_set && query->limit.value <= MOST_WHOLE) ||
							 (query->ids.count > 0 && query->ids.count <= MOST_WHOLE));
}

bool
is_history(const goes_query *query)
{
	const Reference *reference;

	if (query == NULL)
		return false;
	reference = query->aggregates.values;
	if (query->aggregates.count == 1)
		return !goes_uuid_is_nil(&reference->id);
	return query->aggregate_names.count == 1 && query->aggregate_ids.count == 1;
}
