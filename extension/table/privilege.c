/*
 * privilege.c
 *	  What a role may do with the columns of a table, as PostgreSQL's executor sees it.
 *
 * Calls check privileges before their statements: PostgreSQL would not say which GRANT is missing, and
 * what makes others wait would be refused too late.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "table/kind.h"

/*
 * may_use_columns tells whether the caller has a privilege for the table, or for each of some
 * columns.
 */
bool
may_use_columns(Relation table, AclMode privilege, const char *const *columns, int count)
{
	Oid oid = RelationGetRelid(table);
	Oid role = GetUserId();

	if (pg_class_aclcheck(oid, role, privilege) == ACLCHECK_OK)
		return true;
	for (int i = 0; i < count; i++)
	{
		AttrNumber column = find_column(table, columns[i])->attnum;

		if (pg_attribute_aclcheck(oid, column, role, privilege) != ACLCHECK_OK)
			return false;
	}
	return count > 0;
}

/*
 * granted_columns returns the columns that a grant should name, in parentheses; nothing for the whole
 * table. INSERT on the whole table would let a writer choose positions in a feed.
 */
static char *
granted_columns(AclMode privilege, const char *const *columns, int count)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; privilege == ACL_INSERT && i < count; i++)
		appendStringInfo(&list, "%s%s", i == 0 ? " (" : ", ", quote_identifier(columns[i]));
	if (list.len > 0)
		appendStringInfoChar(&list, ')');
	return list.data;
}

/* The privileges that calls check. */
static const struct
{
	AclMode		mode;
	const char *name;
} privilege_names[] = {{ACL_SELECT, "SELECT"},
					   {ACL_INSERT, "INSERT"},
					   {ACL_UPDATE, "UPDATE"},
					   {ACL_DELETE, "DELETE"}};

/*
 * report_denied raises PostgreSQL's own error for a caller who lacks privileges, and says what gives them.
 */
pg_noreturn static void
report_denied(Relation table, AclMode lacking, const char *columns)
{
	StringInfoData list;

	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(privilege_names); i++)
	{
		if (lacking & privilege_names[i].mode)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", privilege_names[i].name);
	}
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied for table %s", RelationGetRelationName(table)),
					errhint("Have its owner run GRANT %s%s ON %s TO %s.", list.data, columns,
							qualified_name(table),
							quote_identifier(GetUserNameFromId(GetUserId(), false))),
					errtable(table)));
}

/*
 * require_columns raises that error for a caller who lacks a privilege for the table, and for one of some
 * columns at least.
 */
void
require_columns(Relation table, AclMode privilege, const char *const *columns, int count)
{
	if (!may_use_columns(table, privilege, columns, count))
		report_denied(table, privilege, granted_columns(privilege, columns, count));
}

/*
 * has_privilege tells whether the caller has a privilege for a table, or for any of its columns.
 */
static bool
has_privilege(Oid table, AclMode privilege)
{
	Oid role = GetUserId();

	return pg_class_aclcheck(table, role, privilege) == ACLCHECK_OK ||
		   pg_attribute_aclcheck_all(table, role, privilege, ACLMASK_ANY) == ACLCHECK_OK;
}

/*
 * require_privileges raises it for a caller who lacks one of some privileges for every column of a store.
 * A caller who has it for some columns is left to the statement, which knows the columns that it needs.
 */
void
require_privileges(const Store *store, AclMode privileges)
{
	AclMode lacking = 0;

	for (size_t i = 0; i < lengthof(privilege_names); i++)
	{
		AclMode mode = privilege_names[i].mode;

		if ((privileges & mode) && !has_privilege(store->oid, mode))
			lacking |= mode;
	}
	if (lacking != 0)
		report_denied(store->relation, lacking, "");
}

/*
 * require_insert raises PostgreSQL's own error for a caller who may not store rows with all the
 * columns of the store's kind.
 */
void
require_insert(const Store *store)
{
	const char *columns[EVENT_COLUMNS];

	Assert(store->kind->column_count <= EVENT_COLUMNS);
	for (int i = 0; i < store->kind->column_count; i++)
		columns[i] = store->kind->columns[i].name;
	require_columns(store->relation, ACL_INSERT, columns, store->kind->column_count);
}

/*
 * can_read_directly tells whether the rows that an index leads to are those that a query would find:
 * the caller may read every row, no other module checks privileges, and no rows are in other tables.
 * If not, a query raises the proper error. A standby does not have the pages of an unlogged table.
 * While a table is rewritten, a function in another index's expression may be called and get here,
 * when this index still points to the old rows.
 */
bool
can_read_directly(const Store *store, Oid index)
{
	return !store->is_distributed &&
		   (RelationIsPermanent(store->relation) || !RecoveryInProgress()) &&
		   !ReindexIsProcessingIndex(index) && !has_heirs(store->relation) &&
		   ExecutorCheckPerms_hook == NULL &&
		   pg_class_aclcheck(store->oid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		   check_enable_rls(store->oid, InvalidOid, true) != RLS_ENABLED;
}

/*
 * reject_hidden_rows raises PostgreSQL's own error if row security hides rows from the caller and
 * the caller has set row_security = off, which forbids queries to leave rows out.
 */
void
reject_hidden_rows(Relation table)
{
	(void) check_enable_rls(RelationGetRelid(table), InvalidOid, false);
}
