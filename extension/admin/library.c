/*
 * library.c
 *	  Do the SQL of a database and the library of the server fit each other?
 *
 * The files of a release are installed at one moment, and each database is updated at another. In
 * between the library is newer than the SQL, which works: it keeps the C functions of all older
 * versions, and none of them changes its arguments. A session that had loaded the library before
 * goes on with it, also when the SQL has become newer. What is new in that SQL then fails, as
 * PostgreSQL finds no such function in the library, and what was there before works.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "admin/admin.h"

#define LIBRARY_VERSION CppAsString2(GOES_STORE_VERSION)

PG_FUNCTION_INFO_V1(goes_library_version);

/*
 * read_version reads a version, "1.0", and tells whether it is one.
 */
static bool
read_version(const char *text, int *major, int *minor)
{
	int length = 0;

	return sscanf(text, "%9d.%9d%n", major, minor, &length) == 2 && text[length] == '\0';
}

/*
 * compare_library tells whether the library is older (-1) or newer (1) than a version; 0 also stands
 * for what is none.
 */
static int
compare_library(const char *version)
{
	int major, minor, own_major, own_minor;

	if (!read_version(version, &major, &minor) ||
		!read_version(LIBRARY_VERSION, &own_major, &own_minor))
		return 0;
	if (own_major != major)
		return own_major < major ? -1 : 1;
	return own_minor == minor ? 0 : own_minor < minor ? -1 : 1;
}

/*
 * extension_version returns the version of the SQL in this database: of the extension that the
 * running function belongs to. NULL if it belongs to none.
 */
static char *
extension_version(FunctionCallInfo fcinfo)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, fcinfo->flinfo->fn_oid);
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool  is_null;
		Datum value =
			heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(catalog), &is_null);

		version = is_null ? NULL : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return version;
}

/*
 * library_problems adds the problem that the SQL and the library are of different versions.
 */
List *
library_problems(FunctionCallInfo fcinfo, List *problems)
{
	char *version = extension_version(fcinfo);
	int	  order = version == NULL ? 0 : compare_library(version);

	if (order > 0)
		return add_problem(
			problems, PROBLEM_VERSION,
			psprintf("the extension goes_store is of version %s in this database, and its library "
					 "of version %s",
					 version, LIBRARY_VERSION),
			"ALTER EXTENSION goes_store UPDATE;", NULL);
	if (order < 0)
		return add_problem(
			problems, PROBLEM_VERSION,
			psprintf("the extension goes_store is of version %s in this database, and the library "
					 "that this session has loaded of version %s: install the package of version "
					 "%s on this server, or reconnect if it is installed",
					 version, LIBRARY_VERSION, version),
			NULL, NULL);
	return problems;
}

/*
 * require_library raises an error if the library is older than a version.
 */
static void
require_library(const char *version)
{
	int major, minor;

	if (!read_version(version, &major, &minor))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"at_least\" must be a version: %s", version),
						errhint("Versions look like this: %s.", LIBRARY_VERSION)));
	if (compare_library(version) >= 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the library of goes_store is of version %s, and version %s is needed",
						   LIBRARY_VERSION, version),
					errhint("Install the package of version %s on this server. If it is installed, "
							"reconnect: a session goes on with the library that it has loaded.",
							version)));
}

/*
 * goes_library_version returns the version of the library that the session has loaded. Scripts that
 * update the extension ask for at least their own.
 */
Datum
goes_library_version(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		require_library(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_TEXT_P(cstring_to_text(LIBRARY_VERSION));
}
