/*
 * conflict.c
 *	  Raising VE001, a version conflict.
 *
 * Its DETAIL is for programs: one JSON object with what a writer needs to know to decide
 * again.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/rel.h"

#include "errors.h"
#include "version/version.h"

/*
 * details writes the JSON object.
 */
static char *
details(const Conflict *conflict)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"aggregate_name\": ");
	escape_json(&json, TextDatumGetCString(conflict->aggregate.name));
	appendStringInfo(&json, ", \"aggregate_id\": \"%s\", \"current_version\": %d",
					 DatumGetCString(DirectFunctionCall1(uuid_out, conflict->aggregate.id)),
					 conflict->current.number);
	if (conflict->event_index > 0)
		appendStringInfo(
			&json, ", \"event_version\": " INT64_FORMAT ", \"event_index\": " INT64_FORMAT "}",
			conflict->event_version, conflict->event_index);
	else
		appendStringInfoString(&json, ", \"event_version\": null, \"event_index\": null}");
	return json.data;
}

/*
 * report_conflict raises VE001. The formatted text says what does not fit; it ends a sentence
 * that begins with the aggregate and its version.
 */
void
report_conflict(const Conflict *conflict, const char *format, ...)
{
	char	reason[256];
	char   *version = "has no events";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	if (conflict->current.exists)
		version = psprintf("is at version %d", conflict->current.number);
	ereport(ERROR, (errcode(ERRCODE_GOES_VERSION_CONFLICT),
					errmsg("version conflict: aggregate %s %s%s",
						   describe_aggregate(&conflict->aggregate), version, reason),
					errdetail_internal("%s", details(conflict)),
					errhint("Load the aggregate again, decide anew, and try again."),
					errtable(conflict->table)));
}
