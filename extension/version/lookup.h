/*
 * lookup.h
 *	  How versions are looked up, and the versions of new rows. Only files of this folder
 *	  include it.
 */
#ifndef GOES_LOOKUP_H
#define GOES_LOOKUP_H

#include "access/skey.h"
#include "storage/itemptr.h"

#include "version/version.h"

#pragma GCC visibility push(hidden)

/* version_check.c: new rows against the versions that are there */
extern void check_versions(TriggerData *trigger, VersionRule rule);

/* version_rows.c: the new rows of a statement */
typedef struct NewVersion
{
	text	 *aggregate_name; /* a neighbour's, if it is the same */
	pg_uuid_t aggregate_id;
	int32	  version;
	int64	  place; /* among the statement's rows, from 1 */
} NewVersion;

typedef struct NewVersions
{
	NewVersion *rows;
	int64		count;
	int64		room;
} NewVersions;

extern NewVersions new_versions(TriggerData *trigger);
extern int64	   end_of_aggregate(const NewVersions *new, int64 start);
extern Aggregate   aggregate_of(NewVersion *row);
extern bool		   has_version(const NewVersion *rows, int count, int32 version);

/* version_key.c: how the versions of a table are looked up */
enum
{
	VERSION_KEYS = 3 /* of the index: the aggregate's two, in either order, and its version */
};

typedef struct VersionKey
{
	KnownTable	  known; /* must be first */
	AttrNumber	  name;	 /* the columns of the table */
	AttrNumber	  id;
	AttrNumber	  version;
	Oid			  index;	/* InvalidOid: it is missing */
	int			  name_key; /* the place of the name among the first two keys */
	bool		  is_whole; /* usable by snapshots older than the index? (!indcheckxmin) */
	ScanDirection newest_first;
	ScanKeyData	  keys[VERSION_KEYS]; /* without the values */
} VersionKey;

extern const VersionKey *version_key(Relation table);
extern bool				 has_no_version(IndexTuple entry);
extern int32			 version_of_entry(IndexTuple entry, int name_key);

/* A version in the index. Its row may be gone, or not committed. */
typedef struct VersionEntry
{
	bool			is_known; /* if not, a scan has to find out */
	bool			exists;
	int32			number;
	ItemPointerData row;
} VersionEntry;

/* version_leaf.c: the newest version of an aggregate, where one page of the index can tell */
typedef struct VersionLeaf VersionLeaf;

extern VersionLeaf *version_leaf_begin(Relation index, const VersionKey *key, Snapshot snapshot);
extern VersionEntry version_leaf_entry(VersionLeaf *leaf, const Aggregate *aggregate,
									   const NewVersion *own, int own_count);
extern void			version_leaf_end(VersionLeaf *leaf);

/* version_scan.c: the newest version of an aggregate, whatever the role may read */
typedef struct VersionScan VersionScan;

extern VersionScan *version_scan_begin(Relation table, LOCKMODE lock, Snapshot snapshot);
extern VersionEntry version_scan_look_up(VersionScan *scan, const Aggregate *aggregate,
										 const NewVersion *own, int own_count);
extern Version		version_scan_newest(VersionScan *scan, const VersionEntry *entry,
										const Aggregate *aggregate, const NewVersion *own,
										int own_count);
extern void			version_scan_end(VersionScan *scan);

#pragma GCC visibility pop

#endif
