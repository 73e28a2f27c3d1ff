/*
 * kind_subscription.c
 *	  The tables of subscriptions: a row for each of them, for each of their partitions, and for
 *	  each event that is held.
 *
 * They have no type of the extension in them, so that dropping it cannot take a column away.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "table/kind.h"

/* clang-format off */
static const RequiredColumn subscription_columns[] = {
	{"name", TEXTOID, VARCHAROID, "pg_catalog.text", NULLS_FORBIDDEN, NULL,
		"name of the subscription"},
	{"events", REGCLASSOID, REGCLASSOID, "pg_catalog.regclass", NULLS_FORBIDDEN, NULL,
		"the event store that it follows"},
	{"feed", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_FORBIDDEN, NULL,
		"id of that store's feed, which changes when positions begin anew"},
	{"partitions", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"how many partitions it has; fixed"},
	{"start", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN, NULL,
		"the position behind which it began; -1: where the feed was settled then"},
	{"filters", JSONBOID, JSONBOID, "pg_catalog.jsonb", NULLS_FORBIDDEN, NULL,
		"the filters of goes_subscribe that were given, each value as a literal"},
	{"max_attempts", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"an event that has failed so often is parked"},
	{"backoff_ms", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"milliseconds from a first failure to the next attempt; twice as many after each further one"},
	{"backoff_max_ms", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"milliseconds at the most"},
};

static const RequiredColumn partition_columns[] = {
	{"subscription", TEXTOID, VARCHAROID, "pg_catalog.text", NULLS_FORBIDDEN, NULL,
		"name of the subscription"},
	{"partition", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"number of the partition, from 0"},
	{"position", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN, NULL,
		"checkpoint: its events up to here are done, in batch, or held"},
	{"position_id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_STORED, NULL,
		"id of the newest event at or below position, then"},
	{"epoch", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN, NULL,
		"number of the newest lease; its sequence has the highest of subscriptions that were removed"},
	{"worker", TEXTOID, VARCHAROID, "pg_catalog.text", NULLS_STORED, NULL,
		"who has the lease; null: nobody"},
	{"lease_until", TIMESTAMPTZOID, TIMESTAMPTZOID, "pg_catalog.timestamptz", NULLS_STORED, NULL,
		"when others may take the partition over"},
	{"batch", INT8ARRAYOID, INT8ARRAYOID, "pg_catalog.int8[]", NULLS_FORBIDDEN, NULL,
		"positions that were claimed and are not done, ascending"},
	{"handed", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"how many of them, from the first, the worker was given"},
	{"alone", BOOLOID, BOOLOID, "boolean", NULLS_FORBIDDEN, NULL,
		"the batch is handed out one event at a time, since workers died of it"},
	{"deliveries", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"how often the first of the batch was handed out since something was done"},
	{"look_at", TIMESTAMPTZOID, TIMESTAMPTZOID, "pg_catalog.timestamptz", NULLS_STORED, NULL,
		"when the held events have to be looked at; null: none is held"},
	{"served", TIMESTAMPTZOID, TIMESTAMPTZOID, "pg_catalog.timestamptz", NULLS_FORBIDDEN, NULL,
		"when it was claimed last; the one that waited longest comes first"},
};

static const RequiredColumn retry_columns[] = {
	{"subscription", TEXTOID, VARCHAROID, "pg_catalog.text", NULLS_FORBIDDEN, NULL,
		"name of the subscription"},
	{"partition", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"number of the partition"},
	{"position", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN, NULL,
		"position of the event"},
	{"aggregate", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN, NULL,
		"hash of its aggregate, whose events keep their order"},
	{"attempts", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"how often it has failed"},
	{"retry_at", TIMESTAMPTZOID, TIMESTAMPTZOID, "pg_catalog.timestamptz", NULLS_STORED, NULL,
		"when it is delivered again; infinity: it is parked; null: it waits behind an earlier event of its aggregate"},
	{"failed_at", TIMESTAMPTZOID, TIMESTAMPTZOID, "pg_catalog.timestamptz", NULLS_STORED, NULL,
		"when it failed last"},
	{"error", TEXTOID, VARCHAROID, "pg_catalog.text", NULLS_STORED, NULL,
		"what the worker said about that"},
};

/* clang-format on */

static const RequiredIndex retry_indexes[] = {
	{"goes_retries_aggregate",
	 "aggregate",
	 false,
	 true,
	 3,
	 {"subscription", "aggregate", "position"}},
	{"goes_retries_due", "due", false, true, 3, {"subscription", "partition", "retry_at"}},
};

static char *subscription_table = "subscriptions";

const StoreKind retry_store = {
	.noun = "table of retries",
	.contents = "held events",
	.comment = "events of subscriptions that failed, and those of their aggregates that wait "
			   "behind them",
	.create_function = "goes_create_subscription_store",
	.suffix = "_retries",
	.columns = retry_columns,
	.column_count = lengthof(retry_columns),
	.key = {"", "", true, true, 2, {"subscription", "position"}},
	.indexes = retry_indexes,
	.index_count = lengthof(retry_indexes),
};

/* Rows that are changed all the time find room on their page. */
const StoreKind partition_store = {
	.noun = "table of partitions",
	.contents = "checkpoints",
	.comment = "partitions of subscriptions: how far each has got, and who works on it",
	.create_function = "goes_create_subscription_store",
	.suffix = "_partitions",
	.storage = "fillfactor = 50",
	.companion = &retry_store,
	.columns = partition_columns,
	.column_count = lengthof(partition_columns),
	.numbered = "epoch",
	.key = {"", "", true, true, 2, {"subscription", "partition"}},
};

const StoreKind subscription_store = {
	.noun = "subscription store",
	.contents = "subscriptions",
	.comment = "subscription store of goes_store: who follows which events, with its tables of "
			   "partitions and of retries",
	.create_function = "goes_create_subscription_store",
	.default_name = &subscription_table,
	.companion = &partition_store,
	.columns = subscription_columns,
	.column_count = lengthof(subscription_columns),
	.key = {"", "", true, true, 1, {"name"}},
};
