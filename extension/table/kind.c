/*
 * kind.c
 *	  The kinds of store: events, snapshots, models.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "table/kind.h"

/* clang-format off */
/* Columns and indexes of events are goes' own. */
static const RequiredColumn event_columns[EVENT_COLUMNS] = {
	[EVENT_ID] = {"id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_PREVENTED, "pg_catalog.gen_random_uuid()",
		"identity of the event"},
	[EVENT_NAME] = {"name", VARCHAROID, TEXTOID, "varchar(255)", NULLS_PREVENTED, NULL,
		"what happened"},
	[EVENT_TIME] = {"time", INT8OID, INT8OID, "bigint", NULLS_PREVENTED, NULL,
		"when it happened: nanoseconds since 1970-01-01 UTC"},
	[EVENT_AGGREGATE_ID] = {"aggregate_id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_STORED, NULL,
		"id of the aggregate that it happened to; null: to none"},
	[EVENT_AGGREGATE_NAME] = {"aggregate_name", VARCHAROID, TEXTOID, "varchar(255)", NULLS_STORED, NULL,
		"kind of that aggregate"},
	[EVENT_AGGREGATE_VERSION] = {"aggregate_version", INT4OID, INT4OID, "integer", NULLS_STORED, NULL,
		"number among the aggregate's events, from 1: no two have the same"},
	[EVENT_DATA] = {"data", JSONBOID, JSONBOID, "pg_catalog.jsonb", NULLS_STORED, "'null'",
		"the facts"},
};

static const RequiredColumn snapshot_columns[] = {
	{"aggregate_id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_FORBIDDEN, NULL,
		"id of the aggregate"},
	{"aggregate_name", VARCHAROID, TEXTOID, "varchar(255)", NULLS_FORBIDDEN, NULL,
		"kind of the aggregate"},
	{"aggregate_version", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN, NULL,
		"version of the aggregate's event after which this was its state"},
	{"time", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN, NULL,
		"when it was taken: nanoseconds since 1970-01-01 UTC"},
	{"state", BYTEAOID, BYTEAOID, "pg_catalog.bytea", NULLS_FORBIDDEN, NULL,
		"state of the aggregate, as the application writes it"},
};

static const RequiredColumn model_columns[] = {
	{"id", TEXTOID, TEXTOID, "pg_catalog.text", NULLS_FORBIDDEN, NULL,
		"what the model is found by"},
	{"model", JSONBOID, JSONBOID, "pg_catalog.jsonb", NULLS_FORBIDDEN, NULL,
		"the model itself"},
};

/* clang-format on */

static const RequiredIndex event_indexes[] = {
	{"goes_name", "name", false, false, 1, {"name"}},
	{"goes_time", "time", false, false, 1, {"time"}},
	[EVENT_INDEX_AGGREGATE] = {"goes_aggregate",
							   "aggregate",
							   true,
							   false,
							   3,
							   {"aggregate_id", "aggregate_name", "aggregate_version"}},
};

char		*default_store = NULL;
static char *snapshot_table = "snapshots";
static char *model_table = "models";

const StoreKind event_store = {
	.noun = "event store",
	.contents = "events",
	.comment = "event store of goes_store: what happened, which is added to and never changed",
	.create_function = "goes_create_store",
	.default_name = &default_store,
	.row = &event_row,
	.columns = event_columns,
	.column_count = EVENT_COLUMNS,
	.key = {"", "", true, true, 1, {"id"}},
	.indexes = event_indexes,
	.index_count = lengthof(event_indexes),
	.has_no_arbiter = true,
};

/* In this order the key finds the newest snapshot of an aggregate at once. */
const StoreKind snapshot_store = {
	.noun = "snapshot store",
	.contents = "snapshots",
	.comment = "snapshot store of goes_store: states of aggregates, which can be made again from "
			   "their events",
	.create_function = "goes_create_snapshot_store",
	.default_name = &snapshot_table,
	.row = &snapshot_row,
	.columns = snapshot_columns,
	.column_count = lengthof(snapshot_columns),
	.key = {"", "", true, true, 3, {"aggregate_name", "aggregate_id", "aggregate_version"}},
};

const StoreKind model_store = {
	.noun = "model store",
	.contents = "models",
	.comment = "model store of goes_store: what events add up to for those who read",
	.create_function = "goes_create_model_store",
	.default_name = &model_table,
	.columns = model_columns,
	.column_count = lengthof(model_columns),
	.key = {"", "", true, true, 1, {"id"}},
};

/*
 * required_column returns what a kind of store needs of the column of that name, or NULL.
 */
const RequiredColumn *
required_column(const StoreKind *kind, const char *name)
{
	for (int i = 0; i < kind->column_count; i++)
	{
		if (strcmp(kind->columns[i].name, name) == 0)
			return &kind->columns[i];
	}
	return NULL;
}
