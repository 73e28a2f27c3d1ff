/*
 * kind.c
 *	  The kinds of store: events, snapshots, models.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "kind.h"

/* clang-format off */
/* Columns and indexes of events are goes' own. */
static const RequiredColumn event_columns[EVENT_COLUMNS] = {
	[EVENT_ID] = {"id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_PREVENTED},
	[EVENT_NAME] = {"name", VARCHAROID, TEXTOID, "varchar(255)", NULLS_PREVENTED},
	[EVENT_TIME] = {"time", INT8OID, INT8OID, "bigint", NULLS_PREVENTED},
	[EVENT_AGGREGATE_ID] = {"aggregate_id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_STORED},
	[EVENT_AGGREGATE_NAME] = {"aggregate_name", VARCHAROID, TEXTOID, "varchar(255)", NULLS_STORED},
	[EVENT_AGGREGATE_VERSION] = {"aggregate_version", INT4OID, INT4OID, "integer", NULLS_STORED},
	[EVENT_DATA] = {"data", JSONBOID, JSONBOID, "pg_catalog.jsonb", NULLS_STORED},
};

static const RequiredColumn snapshot_columns[] = {
	{"aggregate_id", UUIDOID, UUIDOID, "pg_catalog.uuid", NULLS_FORBIDDEN},
	{"aggregate_name", VARCHAROID, TEXTOID, "varchar(255)", NULLS_FORBIDDEN},
	{"aggregate_version", INT4OID, INT4OID, "integer", NULLS_FORBIDDEN},
	{"time", INT8OID, INT8OID, "bigint", NULLS_FORBIDDEN},
	{"state", BYTEAOID, BYTEAOID, "pg_catalog.bytea", NULLS_FORBIDDEN},
};

static const RequiredColumn model_columns[] = {
	{"id", TEXTOID, TEXTOID, "pg_catalog.text", NULLS_FORBIDDEN},
	{"model", JSONBOID, JSONBOID, "pg_catalog.jsonb", NULLS_FORBIDDEN},
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

static char *snapshot_table = "snapshots";
static char *model_table = "models";

const StoreKind event_store = {
	.noun = "event store",
	.contents = "events",
	.create_function = "goes_create_store",
	.default_name = &default_table,
	.columns = event_columns,
	.column_count = EVENT_COLUMNS,
	.key = {"", "", true, true, 1, {"id"}},
	.indexes = event_indexes,
	.index_count = lengthof(event_indexes),
};

/* In this order the key finds the newest snapshot of an aggregate at once. */
const StoreKind snapshot_store = {
	.noun = "snapshot store",
	.contents = "snapshots",
	.create_function = "goes_create_snapshot_store",
	.default_name = &snapshot_table,
	.columns = snapshot_columns,
	.column_count = lengthof(snapshot_columns),
	.key = {"", "", true, true, 3, {"aggregate_name", "aggregate_id", "aggregate_version"}},
};

const StoreKind model_store = {
	.noun = "model store",
	.contents = "models",
	.create_function = "goes_create_model_store",
	.default_name = &model_table,
	.columns = model_columns,
	.column_count = lengthof(model_columns),
	.key = {"", "", true, true, 1, {"id"}},
};
