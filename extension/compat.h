/*
 * compat.h
 *	  What differs between the supported versions of PostgreSQL, and why.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef GOES_COMPAT_H
#define GOES_COMPAT_H

#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"

/* 15 is the first with UNIQUE NULLS NOT DISTINCT, whose indexes we have to tell apart. */
#if PG_VERSION_NUM < 150000
#error "goes_store needs PostgreSQL 15 or later"
#endif

/* 16 replaced the ownership and privilege checks of each kind of object by one for all. */
#if PG_VERSION_NUM >= 160000
#define table_is_owned_by(relation, role) object_ownercheck(RelationRelationId, (relation), (role))
#define may_create_in(schema, role) \
	(object_aclcheck(NamespaceRelationId, (schema), (role), ACL_CREATE) == ACLCHECK_OK)
#else
#define table_is_owned_by(relation, role) pg_class_ownercheck((relation), (role))
#define may_create_in(schema, role) \
	(pg_namespace_aclcheck((schema), (role), ACL_CREATE) == ACLCHECK_OK)
#endif

/* 17 can also flush the message, which the commit does anyway. */
#if PG_VERSION_NUM >= 170000
#define write_wal_message(prefix) LogLogicalMessage((prefix), "", 0, true, false)
#else
#define write_wal_message(prefix) LogLogicalMessage((prefix), "", 0, true)
#endif

/* 16 wants to know the table if an index may grow, 17 has no snapshot that is too old. */
#if PG_VERSION_NUM >= 170000
#define search_btree(index, key, leaf) _bt_search((index), NULL, (key), (leaf), BT_READ)
#elif PG_VERSION_NUM >= 160000
#define search_btree(index, key, leaf) _bt_search((index), NULL, (key), (leaf), BT_READ, NULL)
#else
#define search_btree(index, key, leaf) _bt_search((index), (key), (leaf), BT_READ, NULL)
#endif

/* 18 can count what an index scan does. */
#if PG_VERSION_NUM >= 180000
#define begin_index_scan(table, index, snapshot, keys) \
	index_beginscan((table), (index), (snapshot), NULL, (keys), 0)
#else
#define begin_index_scan(table, index, snapshot, keys) \
	index_beginscan((table), (index), (snapshot), (keys), 0)
#endif

/* 18 tells deferrable keys apart. */
#if PG_VERSION_NUM >= 180000
#define primary_key(table) RelationGetPrimaryKeyIndex((table), false)
#else
#define primary_key(table) RelationGetPrimaryKeyIndex(table)
#endif

/* 17 would also look for statistics of an array that is no constant. */
#if PG_VERSION_NUM >= 170000
#define array_length_estimate(array) estimate_array_length(NULL, (array))
#else
#define array_length_estimate(array) ((double) estimate_array_length(array))
#endif

/* 16 speaks of locators in place of nodes. */
#if PG_VERSION_NUM >= 160000
#define rd_first_file rd_firstRelfilelocatorSubid
#define table_file(table) ((table)->rd_locator)
#else
#define rd_first_file rd_firstRelfilenodeSubid
#define table_file(table) ((table)->rd_node)
#endif

/* 17 asks with the open table. */
#if PG_VERSION_NUM >= 170000
#define get_identity_sequence(table, column) getIdentitySequence((table), (column), true)
#else
#define get_identity_sequence(table, column) \
	getIdentitySequence(RelationGetRelid(table), (column), true)
#endif

/* 17 finds the process of a transaction by another number, and can ask for stronger locks too. */
#if PG_VERSION_NUM >= 170000
#include "storage/procarray.h"
#define transaction_process(transaction) ProcNumberGetProc((transaction).procNumber)
#define transaction_slot(transaction) ((transaction).procNumber)
#define holds_lock(tag, mode) LockHeldByMe((tag), (mode), false)
#else
#include "storage/sinvaladt.h"
#define transaction_process(transaction) BackendIdGetProc((transaction).backendId)
#define transaction_slot(transaction) ((transaction).backendId)
#define holds_lock(tag, mode) LockHeldByMe((tag), (mode))
#endif

/* 18 shows the name and the version of a library, in pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define LIBRARY_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "goes_store", .version = CppAsString2(GOES_STORE_VERSION))
#else
#define LIBRARY_MAGIC PG_MODULE_MAGIC
#endif

/* 18 puts the mark in front of a function and not behind it. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

#endif
