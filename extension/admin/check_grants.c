/*
 * check_grants.c
 *	  Who could choose the positions of events, or move an event in the feed?
 *
 * Whoever may INSERT into all columns can write OVERRIDING SYSTEM VALUE, and whoever may UPDATE
 * all of them can have a new position drawn for an old event. Readers then get an event twice, or
 * not at all. Grants on the other columns take nothing else away.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "admin/admin.h"
#include "feed/feed.h"

/*
 * grantee_name returns who has a grant, for SQL.
 */
static const char *
grantee_name(const AclItem *grant)
{
	if (grant->ai_grantee == ACL_ID_PUBLIC)
		return "PUBLIC";
	return quote_identifier(GetUserNameFromId(grant->ai_grantee, false));
}

/*
 * other_columns lists the columns of a table but that of positions.
 */
static char *
other_columns(Relation events)
{
	TupleDesc	   descriptor = RelationGetDescr(events);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < descriptor->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(descriptor, i)->attname);

		if (TupleDescAttr(descriptor, i)->attisdropped || strcmp(name, POSITION_COLUMN) == 0)
			continue;
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", quote_identifier(name));
	}
	return list.data;
}

/*
 * remedy returns the SQL that leaves a role a privilege for all other columns. If it could grant
 * the privilege to others, those lose it as well and have a remedy of their own.
 */
static char *
remedy(Relation events, const AclItem *grant, const char *privilege, AclMode mode, bool is_whole)
{
	const char *table = qualified_name(events);
	const char *role = grantee_name(grant);

	if (!is_whole)
		return psprintf("REVOKE %s (\"position\") ON %s FROM %s CASCADE;", privilege, table, role);
	return psprintf("REVOKE %s ON %s FROM %s CASCADE;\nGRANT %s (%s) ON %s TO %s%s;", privilege,
					table, role, privilege, other_columns(events), table, role,
					(ACLITEM_GET_GOPTIONS(*grant) & mode) != 0 ? " WITH GRANT OPTION" : "");
}

/*
 * grant_problem adds the problem of one privilege of a grant.
 */
static List *
grant_problem(List *problems, Relation events, const AclItem *grant, AclMode mode, bool is_whole)
{
	const char *privilege = mode == ACL_INSERT ? "INSERT" : "UPDATE";
	const char *harm = mode == ACL_INSERT ? "choose positions" : "move events in the feed";

	if ((ACLITEM_GET_PRIVS(*grant) & mode) == 0 || grant->ai_grantee == events->rd_rel->relowner)
		return problems;
	return add_problem(problems, PROBLEM_FEED,
					   psprintf("role %s may %s, since it has %s on %s", grantee_name(grant), harm,
								privilege, is_whole ? "the whole table" : "column \"position\""),
					   remedy(events, grant, privilege, mode, is_whole), NULL);
}

/*
 * list_problems adds the problems of a list of grants.
 */
static List *
list_problems(List *problems, Relation events, Datum list, bool is_whole)
{
	Acl		*grants = DatumGetAclPCopy(list);
	AclItem *items = ACL_DAT(grants);

	for (int i = 0; i < ACL_NUM(grants); i++)
	{
		problems = grant_problem(problems, events, &items[i], ACL_INSERT, is_whole);
		problems = grant_problem(problems, events, &items[i], ACL_UPDATE, is_whole);
	}
	return problems;
}

/*
 * grant_problems adds a problem for each role that could spoil the feed. The owner always could.
 */
List *
grant_problems(List *problems, Relation events, AttrNumber column)
{
	Oid		  oid = RelationGetRelid(events);
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	Datum	  list;
	bool	  is_null;

	if (!HeapTupleIsValid(tuple))
		return problems;
	list = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
	if (!is_null)
		problems = list_problems(problems, events, list, true);
	ReleaseSysCache(tuple);
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(oid), Int16GetDatum(column));
	if (!HeapTupleIsValid(tuple))
		return problems;
	list = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attacl, &is_null);
	if (!is_null)
		problems = list_problems(problems, events, list, false);
	ReleaseSysCache(tuple);
	return problems;
}
