/*
 * version_leaf.c
 *	  The newest version of an aggregate, where one page of the index can tell.
 *
 * Starting an index scan takes longer than finding a single row with it. This goes down the
 * B-tree with PostgreSQL's own search, as amcheck does, and reads one entry. Anything less
 * simple is left to an index scan.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_am.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "version/lookup.h"

struct VersionLeaf
{
	Relation	 index;
	Snapshot	 snapshot;
	int			 name_key;
	BTScanInsert aggregate; /* what is looked for */
};

/*
 * version_leaf_begin prepares for looking up aggregates. It returns NULL if the index is not a
 * B-tree with the newest version last.
 */
VersionLeaf *
version_leaf_begin(Relation index, const VersionKey *key, Snapshot snapshot)
{
	VersionLeaf *leaf;

	if (index->rd_rel->relam != BTREE_AM_OID || key->newest_first != BackwardScanDirection)
		return NULL;
	leaf = palloc(sizeof(VersionLeaf));
	leaf->index = index;
	leaf->snapshot = snapshot;
	leaf->name_key = key->name_key;
	leaf->aggregate = _bt_mkscankey(index, NULL);
	/* _bt_mkscankey(index, NULL) assumes heapkeyspace: set what the index really has */
	_bt_metaversion(index, &leaf->aggregate->heapkeyspace, &leaf->aggregate->allequalimage);
	leaf->aggregate->keysz = VERSION_KEYS - 1;
	leaf->aggregate->nextkey = true; /* find the place behind the aggregate's entries */
	for (int i = 0; i < VERSION_KEYS - 1; i++)
		leaf->aggregate->scankeys[i].sk_flags &= ~SK_ISNULL;
	return leaf;
}

/*
 * place_behind returns the place of the first entry on a page that is behind those of the
 * aggregate.
 */
static OffsetNumber
place_behind(const VersionLeaf *leaf, Page page)
{
	OffsetNumber low = P_FIRSTDATAKEY(BTPageGetOpaque(page));
	OffsetNumber high = OffsetNumberNext(PageGetMaxOffsetNumber(page));

	while (low < high)
	{
		OffsetNumber middle = low + (high - low) / 2;

		if (_bt_compare(leaf->index, leaf->aggregate, page, middle) < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * newest_on_page looks for the newest version of the aggregate, ignoring the new rows, on the
 * page where the aggregate's entries end.
 */
static VersionEntry
newest_on_page(const VersionLeaf *leaf, Page page, const NewVersion *own, int own_count)
{
	BTPageOpaque opaque = BTPageGetOpaque(page);
	OffsetNumber first = P_FIRSTDATAKEY(opaque);

	for (OffsetNumber place = place_behind(leaf, page); place > first;)
	{
		IndexTuple entry;
		int32	   version;

		place = OffsetNumberPrev(place);
		entry = (IndexTuple) PageGetItem(page, PageGetItemId(page, place));
		if (_bt_compare(leaf->index, leaf->aggregate, page, place) != 0)
			return (VersionEntry){.is_known = true};
		if (BTreeTupleIsPosting(entry)) /* stands for several rows */
			return (VersionEntry){0};
		if (has_no_version(entry))
			continue;
		version = version_of_entry(entry, leaf->name_key);
		if (!has_version(own, own_count, version))
			return (VersionEntry){true, true, version, entry->t_tid};
	}
	return (VersionEntry){.is_known = P_LEFTMOST(opaque)};
}

/*
 * version_leaf_entry returns the newest version of an aggregate in the index, ignoring the new
 * rows, if one page has the answer.
 */
VersionEntry
version_leaf_entry(VersionLeaf *leaf, const Aggregate *aggregate, const NewVersion *own,
				   int own_count)
{
	Buffer		 buffer;
	VersionEntry entry;

	leaf->aggregate->scankeys[leaf->name_key].sk_argument = aggregate->name;
	leaf->aggregate->scankeys[1 - leaf->name_key].sk_argument = aggregate->id;
	pgstat_count_index_scan(leaf->index);
	_bt_freestack(search_btree(leaf->index, leaf->aggregate, &buffer));
	if (!BufferIsValid(buffer))
		return (VersionEntry){0};
	PredicateLockPage(leaf->index, BufferGetBlockNumber(buffer), leaf->snapshot);
	entry = newest_on_page(leaf, BufferGetPage(buffer), own, own_count);
	_bt_relbuf(leaf->index, buffer);
	return entry;
}

/*
 * version_leaf_end gives back what version_leaf_begin took.
 */
void
version_leaf_end(VersionLeaf *leaf)
{
	pfree(leaf->aggregate);
	pfree(leaf);
}
