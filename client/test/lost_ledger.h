/*
 * lost_ledger.h
 *    A ledger of appends that share batches while their connections break: each append's own outcome is
 *    true, and none is ever stored twice, or in part.
 */
#ifndef GOES_TEST_LOST_LEDGER_H
#define GOES_TEST_LOST_LEDGER_H

#include "appends.h"
#include "lost.h"

#define APPENDS 12
#define AGGREGATES 4

/* An append, and what was said of it. */
typedef struct Entry
{
	goes_uuid  aggregate;
	goes_event events[2];
	int32_t	   expected;
	bool	   is_refused; /* it expects what is not so */
	int		   outcomes;
	int		   status;
	int32_t	   version;
} Entry;

static Entry ledger[APPENDS];

/*
 * make_ledger makes appends to a few aggregates, some of which conflict.
 */
static inline void
make_ledger(void)
{
	goes_uuid aggregates[AGGREGATES];

	for (int i = 0; i < AGGREGATES; i++)
		aggregates[i] = new_id();
	for (int i = 0; i < APPENDS; i++)
	{
		Entry *entry = &ledger[i];
		int	   place = i / AGGREGATES;

		*entry = (Entry){.aggregate = aggregates[i % AGGREGATES],
						 .expected = place == 0 ? 0 : GOES_EXPECT_ANY,
						 .is_refused = i % 5 == 4,
						 .status = 1};
		if (entry->is_refused)
			entry->expected = 77;
		make_events(entry->events, 2);
	}
}

/*
 * check_entry checks that what was said of an append is true.
 */
static inline void
check_entry(const Entry *entry, const Plan *plan)
{
	size_t	stored = count_stored("events", entry->events, 2);
	char	id[37];
	int64_t version;

	goes_uuid_format(&entry->events[1].id, id);
	version = number_of("SELECT aggregate_version FROM events WHERE id = '%s'", id);
	if (entry->outcomes != 1 || stored == 1 || (entry->is_refused && stored != 0) ||
		(entry->status == GOES_OK && (stored != 2 || version != entry->version)) ||
		(entry->status == GOES_ERR_CONNECT && stored != 0) ||
		(entry->status == GOES_ERR_TIMEOUT && stored != 0) ||
		(entry->status == GOES_ERR_CONFLICT && stored != 0) ||
		(entry->status != GOES_OK && entry->status != GOES_ERR_CONNECT &&
		 entry->status != GOES_ERR_TIMEOUT && entry->status != GOES_ERR_CONFLICT &&
		 entry->status != GOES_ERR_IN_DOUBT))
		fail_msg(PLACE ": append %d, %d outcomes, \"%s\", %zu of 2 stored, version %d",
				 PLACE_OF(plan), (int) (entry - ledger), entry->outcomes,
				 goes_status_text(entry->status), stored, (int) version);
}

/*
 * check_ledger checks all, and that what is stored of an aggregate is in the order of the calls. Returns
 * how many have a status.
 */
static inline int
check_ledger(const Plan *plan, int counted)
{
	int count = 0;

	settle();
	for (int i = 0; i < APPENDS; i++)
	{
		check_entry(&ledger[i], plan);
		count += ledger[i].status == counted;
		for (int k = 0; k < i; k++)
		{
			if (ledger[i].status == GOES_OK && ledger[k].status == GOES_OK &&
				memcmp(&ledger[i].aggregate, &ledger[k].aggregate, sizeof(goes_uuid)) == 0 &&
				ledger[i].version <= ledger[k].version)
				fail_msg(PLACE ": %d and %d are not in their order", PLACE_OF(plan), k, i);
		}
	}
	return count;
}

#endif
