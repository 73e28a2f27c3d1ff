/*
 * compat.h
 *	  What differs between the supported versions of PostgreSQL, and why.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef GOES_COMPAT_H
#define GOES_COMPAT_H

#include "catalog/pg_class.h"
#include "utils/acl.h"

/* 15 is the first with UNIQUE NULLS NOT DISTINCT, whose indexes we have to tell apart. */
#if PG_VERSION_NUM < 150000
#error "goes_store needs PostgreSQL 15 or later"
#endif

/* 16 replaced the ownership check of each kind of object by one for all (commit afbfc029). */
#if PG_VERSION_NUM >= 160000
#define table_is_owned_by(relation, role) object_ownercheck(RelationRelationId, (relation), (role))
#else
#define table_is_owned_by(relation, role) pg_class_ownercheck((relation), (role))
#endif

#endif
