/*
 * filter_sort.c
 *	  The order and the number of a query's rows.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "read/filter.h"

/* The sort key that the index over aggregates is ordered by. */
#define SORT_VERSION 3

static const struct
{
	const char *key;
	const char *column;
} sort_keys[] = {
	{"time", "\"time\""},
	{"aggregate_name", "aggregate_name"},
	{"aggregate_id", "aggregate_id"},
	[SORT_VERSION] = {"aggregate_version", "aggregate_version"},
};

/*
 * skip_word returns where a text goes on after a word, if it starts with it.
 */
static const char *
skip_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (pg_strncasecmp(text, word, length) != 0)
		return NULL;
	if (text[length] != '\0' && !isspace((unsigned char) text[length]))
		return NULL;
	text += length;
	while (isspace((unsigned char) *text))
		text++;
	return text;
}

/*
 * read_direction reads "", "asc" or "desc"; NULL if it is none of them.
 */
static const char *
read_direction(const char *text)
{
	const char *end;

	if (*text == '\0')
		return "ASC";
	end = skip_word(text, "asc");
	if (end != NULL && *end == '\0')
		return "ASC";
	end = skip_word(text, "desc");
	if (end != NULL && *end == '\0')
		return "DESC";
	return NULL;
}

/*
 * read_sort_key returns the number of a sort key and its direction, or raises an
 * error.
 */
static int
read_sort_key(const char *text, int element, const char **direction)
{
	for (int i = 0; i < (int) lengthof(sort_keys); i++)
	{
		const char *rest = skip_word(text, sort_keys[i].key);

		if (rest == NULL)
			continue;
		*direction = read_direction(rest);
		if (*direction != NULL)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("element %d of argument \"sort\" is not a sort key: \"%s\"", element, text),
			 errhint("Use time, aggregate_name, aggregate_id or aggregate_version, followed by "
					 "nothing, asc or desc.")));
}

/*
 * add_sorting writes the ORDER BY clause. Rows that are equal in all sort keys are ordered by the
 * table's key. A sort key that is repeated cannot change the order, and is left out.
 */
void
add_sorting(Filter *filter)
{
	ArrayType  *keys = filter_array(filter, QUERY_SORT, "sort");
	bool		is_used[lengthof(sort_keys)] = {false};
	const char *separator = " ORDER BY ";
	Datum	   *elements;
	int			count;

	if (keys == NULL)
		return;
	deconstruct_array(keys, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		const char *direction;
		int			key = read_sort_key(TextDatumGetCString(elements[i]), i + 1, &direction);

		CHECK_FOR_INTERRUPTS();
		if (is_used[key])
			continue;
		is_used[key] = true;
		filter->is_varying |= key != SORT_VERSION;
		appendStringInfo(&filter->text, "%s%s %s", separator, sort_keys[key].column, direction);
		separator = ", ";
	}
	appendStringInfo(&filter->text, ", %s", filter->subject->key);
}

/*
 * reject_negative_limit raises an error for a limit that no result can have.
 */
void
reject_negative_limit(const char *name, int64 limit)
{
	if (limit < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must not be negative: " INT64_FORMAT, name, limit),
						errhint("Null means no limit.")));
}

/*
 * add_limit writes the LIMIT clause.
 */
void
add_limit(Filter *filter)
{
	NullableDatum *limit = filter_argument(filter, QUERY_MAX_EVENTS);

	if (limit->isnull)
		return;
	/* with a limit and no sorting the planner may choose another index, depending on the values */
	filter->is_varying |= filter_argument(filter, QUERY_SORT)->isnull;
	reject_negative_limit(filter->subject->limit_name, DatumGetInt64(limit->value));
	appendStringInfo(&filter->text, " LIMIT $%d", add_parameter(filter, INT8OID, limit->value));
}
