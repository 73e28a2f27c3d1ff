/*
 * query_parameters.c
 *    From a query to the parameters of its statement.
 */
#include <stddef.h>
#include <string.h>

#include "calls/query_parameters.h"
#include "data/oids.h"

/* How a field of a query is sent. */
typedef enum Kind
{
	TEXTS,
	UUIDS,
	INT64S,
	INT32S,
	INT64_RANGES,
	INT32_RANGES,
	REFERENCES,
	INT64_BOUND,
	INT32_BOUND
} Kind;

static const struct Filter
{
	const char *argument;
	size_t		field; /* its offset in a query */
	Kind		kind;
	bool		is_only_for_events; /* and not for snapshots */
} filters[] = {
	{"names", offsetof(goes_query, names), TEXTS, true},
	{"ids", offsetof(goes_query, ids), UUIDS, true},
	{"times", offsetof(goes_query, times), INT64S, false},
	{"time_min", offsetof(goes_query, time_min), INT64_BOUND, false},
	{"time_max", offsetof(goes_query, time_max), INT64_BOUND, false},
	{"time_ranges", offsetof(goes_query, time_ranges), INT64_RANGES, false},
	{"aggregate_names", offsetof(goes_query, aggregate_names), TEXTS, false},
	{"aggregate_ids", offsetof(goes_query, aggregate_ids), UUIDS, false},
	{"aggregate_versions", offsetof(goes_query, versions), INT32S, false},
	{"version_min", offsetof(goes_query, version_min), INT32_BOUND, false},
	{"version_max", offsetof(goes_query, version_max), INT32_BOUND, false},
	{"version_ranges", offsetof(goes_query, version_ranges), INT32_RANGES, false},
	{"aggregates", offsetof(goes_query, aggregates), REFERENCES, false},
};

#define FILTERS (sizeof filters / sizeof *filters)

_Static_assert(FILTERS + 9 <= MOST_PARAMETERS,
			   "goes_subscribe has the most arguments besides the filters");

/*
 * next_buffer returns the buffer for the next parameter.
 */
static Buffer *
next_buffer(QueryRequest *request)
{
	return &request->buffers[request->parameters.count];
}

/*
 * is_bound tells whether a kind of field is a Bound. Otherwise it is a List.
 */
static bool
is_bound(Kind kind)
{
	return kind == INT64_BOUND || kind == INT32_BOUND;
}

/*
 * type_of returns the type of a parameter.
 */
static Oid
type_of(Kind kind, const Session *session)
{
	static const Oid types[] = {[TEXTS] = TEXT_ARRAY_TYPE,
								[UUIDS] = UUID_ARRAY_TYPE,
								[INT64S] = INT8_ARRAY_TYPE,
								[INT32S] = INT4_ARRAY_TYPE,
								[INT64_RANGES] = INT8_RANGE_ARRAY_TYPE,
								[INT32_RANGES] = INT4_RANGE_ARRAY_TYPE,
								[INT64_BOUND] = INT8_TYPE,
								[INT32_BOUND] = INT4_TYPE};

	return kind == REFERENCES ? session->reference_array_type : types[kind];
}

/*
 * encode_bound encodes the value of a bound.
 */
static void
encode_bound(Buffer *buffer, Kind kind, const Bound *bound)
{
	if (kind == INT64_BOUND)
		buffer_int64(buffer, bound->value);
	else
		buffer_int32(buffer, (int32_t) bound->value);
}

/*
 * encode_list encodes the values of a list as an array.
 */
static void
encode_list(Buffer *buffer, Kind kind, const List *list, const Session *session)
{
	switch (kind)
	{
		case TEXTS:
			encode_text_array(buffer, list->values, list->count);
			break;
		case UUIDS:
			encode_uuid_array(buffer, list->values, list->count);
			break;
		case INT64S:
			encode_int64_array(buffer, list->values, list->count);
			break;
		case INT32S:
			encode_int32_array(buffer, list->values, list->count);
			break;
		case INT64_RANGES:
			encode_range_array(buffer, INT8_RANGE_TYPE, sizeof(int64_t), list->values, list->count);
			break;
		case INT32_RANGES:
			encode_range_array(buffer, INT4_RANGE_TYPE, sizeof(int32_t), list->values, list->count);
			break;
		case REFERENCES:
			encode_reference_array(buffer, session->reference_type, list->values, list->count);
			break;
		default:
			break;
	}
}

/*
 * put_filter writes one filter; NULL if the query does not have it.
 */
static void
put_filter(QueryRequest *request, const struct Filter *filter, const goes_query *query,
		   const Session *session)
{
	const void	*field = (const char *) query + filter->field;
	const Bound *bound = field;
	const List	*list = field;
	Buffer		*buffer = next_buffer(request);
	bool		 is_set = is_bound(filter->kind) ? bound->is_set : list->count > 0;

	if (is_set && is_bound(filter->kind))
		encode_bound(buffer, filter->kind, bound);
	else if (is_set)
		encode_list(buffer, filter->kind, list, session);
	add_binary(&request->parameters, filter->argument, type_of(filter->kind, session),
			   is_set ? buffer : NULL);
}

/*
 * put_filters writes the filters that a request has. A bound on time that nothing can satisfy is sent as
 * a minimum above the maximum.
 */
static void
put_filters(QueryRequest *request, const goes_query *query, bool for_events, const Session *session)
{
	goes_query sent = *query;

	if ((query->time_min.is_set && query->time_min.is_impossible) ||
		(query->time_max.is_set && query->time_max.is_impossible))
	{
		sent.time_min = (Bound){.is_set = true, .value = INT64_MAX};
		sent.time_max = (Bound){.is_set = true, .value = INT64_MIN};
	}
	for (size_t i = 0; i < FILTERS; i++)
	{
		if (for_events || !filters[i].is_only_for_events)
			put_filter(request, &filters[i], &sent, session);
	}
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

	/* a repeated key cannot change the order any more */
	for (size_t i = 0; i < query->sorts.count; i++)
	{
		if (!is_used[keys[i].sort])
			chosen[count++] = texts[keys[i].sort][keys[i].direction];
		is_used[keys[i].sort] = true;
	}
	if (count > 0)
		encode_text_array(buffer, chosen, count);
	add_binary(&request->parameters, "sort", TEXT_ARRAY_TYPE, count > 0 ? buffer : NULL);
}

/*
 * put_limit writes how many rows are wanted at most.
 */
static void
put_limit(QueryRequest *request, const char *argument, const Bound *limit)
{
	Buffer *buffer = next_buffer(request);

	if (limit->is_set)
		buffer_int64(buffer, limit->value);
	add_binary(&request->parameters, argument, INT8_TYPE, limit->is_set ? buffer : NULL);
}

/*
 * follows tells whether a request is about the feed, which has an order of its own and no end.
 */
static bool
follows(Request kind)
{
	return kind == REQUEST_FEED || kind == REQUEST_SUBSCRIBE;
}

/*
 * check_size fails for values that are too large to be sent.
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
request_make(QueryRequest *request, const Call *call, Request kind, const goes_query *query,
			 const char *table, goes_error **err)
{
	bool					for_events = kind != REQUEST_SNAPSHOT_QUERY;
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
	if (follows(kind) && (query->sorts.count > 0 || query->limit.is_set))
		return fail(err, GOES_ERR_INVALID,
					"the filter of a feed or a subscription must neither sort nor have a limit");
	put_filters(request, query, for_events, &call->connection->session);
	if (kind != REQUEST_COUNT && !follows(kind))
	{
		put_sorting(request, query);
		put_limit(request, for_events ? "max_events" : "max_snapshots", &query->limit);
	}
	add_text(&request->parameters, kind == REQUEST_SUBSCRIBE ? "events" : "store", TEXT_TYPE,
			 table);
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
