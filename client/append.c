/*
 * append.c
 *    goes_append.
 *
 * The hooks and the server get a copy of the events, so that the program's own change on success only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "write.h"

/*
 * check_arguments fails for what the server would refuse.
 */
static int
check_arguments(const char *aggregate_name, const goes_uuid *aggregate_id, int32_t expected_version,
				goes_error **err)
{
	if (aggregate_name == NULL || *aggregate_name == '\0' || goes_uuid_is_nil(aggregate_id))
		return fail(err, GOES_ERR_INVALID,
					"an append needs the aggregate's name and id: events without an aggregate go "
					"through goes_insert()");
	if (expected_version < GOES_EXPECT_ANY)
		return fail(err, GOES_ERR_INVALID,
					"the expected version %d is none: it is GOES_EXPECT_ANY, GOES_EXPECT_EXISTS, 0 "
					"or a version",
					(int) expected_version);
	return GOES_OK;
}

/*
 * copy_events copies events, and puts the aggregate into those that name none.
 */
static goes_event *
copy_events(const goes_event *events, size_t n, const char *aggregate_name,
			const goes_uuid *aggregate_id)
{
	goes_event *copy = calloc(n > 0 ? n : 1, sizeof *copy);

	for (size_t i = 0; copy != NULL && i < n; i++)
	{
		copy[i] = events[i];
		if (copy[i].aggregate_name == NULL || *copy[i].aggregate_name == '\0')
			copy[i].aggregate_name = aggregate_name;
		if (goes_uuid_is_nil(&copy[i].aggregate_id))
			copy[i].aggregate_id = *aggregate_id;
	}
	return copy;
}

int
goes_append(goes_store *store, const char *aggregate_name, const goes_uuid *aggregate_id,
			goes_event *events, size_t n, int32_t expected_version, const goes_context *context,
			goes_error **err)
{
	char  expected[sizeof "-2147483648"];
	Write write = {.request = REQUEST_APPEND,
				   .n = n,
				   .aggregate_name = aggregate_name,
				   .aggregate_id = aggregate_id};
	int	  status;

	if (store == NULL || (events == NULL && n > 0))
		return fail(err, GOES_ERR_INVALID, "the store and the events must not be NULL");
	status = check_arguments(aggregate_name, aggregate_id, expected_version, err);
	if (status != GOES_OK)
		return status;
	snprintf(expected, sizeof expected, "%d", (int) expected_version);
	write.expected = expected_version == GOES_EXPECT_ANY ? NULL : expected;
	write.to_number = copy_events(events, n, aggregate_name, aggregate_id);
	if (write.to_number == NULL)
		return fail_memory(err);
	write.events = write.to_number;
	status = write_events(store, &write, context, err);
	if (status == GOES_OK && n > 0)
		memcpy(events, write.to_number, n * sizeof *events);
	free(write.to_number);
	return status;
}
