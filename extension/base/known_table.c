/*
 * known_table.c
 *	  What a session keeps of tables.
 *
 * An entry is valid until the table or its indexes or triggers change; PostgreSQL announces such
 * a change no later than it grants a lock on the table.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "base/base.h"

#define FIRST_TABLES 16

/* Above this many entries, invalid ones are evicted. */
#define MANY_TABLES 64

static KnownTables *kinds = NULL; /* those that are in use */

/*
 * forget_table notes that a table has changed. InvalidOid stands for all tables.
 */
static void
forget_table(Datum unused, Oid table)
{
	for (KnownTables *known = kinds; known != NULL; known = known->next)
	{
		HASH_SEQ_STATUS status;
		KnownTable	   *entry;

		known->change_count++;
		if (OidIsValid(table))
		{
			entry = hash_search(known->entries, &table, HASH_FIND, NULL);
			if (entry != NULL)
				entry->is_valid = false;
			continue;
		}
		hash_seq_init(&status, known->entries);
		while ((entry = hash_seq_search(&status)) != NULL)
			entry->is_valid = false;
	}
}

/*
 * start makes an empty table of entries.
 */
static void
start(KnownTables *known)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = known->entry_size};

	known->entries = hash_create(known->name, FIRST_TABLES, &control, HASH_ELEM | HASH_BLOBS);
	if (kinds == NULL)
		CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
	known->next = kinds;
	kinds = known;
}

/*
 * drop_forgotten evicts invalid entries to make room for another table. They may belong to
 * dropped tables, and a session can create and drop thousands.
 */
static void
drop_forgotten(KnownTables *known)
{
	HASH_SEQ_STATUS status;
	KnownTable	   *entry;

	if (hash_get_num_entries(known->entries) < MANY_TABLES)
		return;
	hash_seq_init(&status, known->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (!entry->is_valid)
			hash_search(known->entries, &entry->table, HASH_REMOVE, NULL);
	}
}

/*
 * known_table returns what is known of an open table, and learns it if need be. The answer is
 * valid while the caller holds its lock on the table, and until the next call.
 */
KnownTable *
known_table(KnownTables *known, Relation table, LearnTable learn, void *argument)
{
	Oid			oid = RelationGetRelid(table);
	KnownTable *entry;
	uint64		changes;

	if (known->entries == NULL)
		start(known);
	entry = hash_search(known->entries, &oid, HASH_FIND, NULL);
	if (entry != NULL && entry->is_valid)
		return entry;
	drop_forgotten(known);
	entry = hash_search(known->entries, &oid, HASH_ENTER, NULL);
	entry->is_valid = false;
	changes = known->change_count;
	learn(entry, table, argument);
	entry->is_valid = changes == known->change_count; /* otherwise only this statement uses it */
	return entry;
}
