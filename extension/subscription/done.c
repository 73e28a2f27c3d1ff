/*
 * done.c
 *	  goes_done: what a worker says of the events that it was given.
 *
 * The call belongs in the transaction of the effects. It locks the partition and compares the
 * lease, so effects of a worker that lost it are undone with the error; and a position is taken
 * out of the batch once, so effects are stored once.
 *
 * The order within an aggregate is kept here and not by workers: of each aggregate they can name
 * only the next events, and none behind one that failed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "subscription/subscription.h"

PG_FUNCTION_INFO_V1(goes_done);

enum DoneArgument
{
	DONE_SUBSCRIPTION,
	DONE_PARTITION,
	DONE_EPOCH,
	DONE_DONE,
	DONE_FAILED,
	DONE_ERRORS,
	DONE_STORE
};

/* So much of an error's text is kept, in bytes. */
#define LONGEST_ERROR 2000

typedef enum Outcome
{
	OUTCOME_NONE, /* the event was not named */
	OUTCOME_DONE,
	OUTCOME_FAILED,
	OUTCOME_BEHIND, /* it stands behind one that failed */
	OUTCOME_GONE	/* its row was deleted */
} Outcome;

/* A batch, and what is said of its events. */
typedef struct Report
{
	Subscription *subscription;
	Partition	 *partition;
	TimestampTz	  now;
	Outcome		 *outcomes; /* one for each event of the batch */
	Datum		 *errors;	/* the same; 0: none */
	Member		 *members;	/* the same; NULL: nobody had to know */
	int			  done_count;
	int			  failed_count;
} Report;

/* An event of the batch, to sort by. */
typedef struct Place
{
	int64 aggregate;
	int	  place;
} Place;

/*
 * compare_places puts the events of an aggregate together, in their order.
 */
static int
compare_places(const void *left, const void *right)
{
	const Place *a = left;
	const Place *b = right;

	if (a->aggregate != b->aggregate)
		return a->aggregate < b->aggregate ? -1 : 1;
	return a->place - b->place;
}

/*
 * name_event notes what is said of the event at a position, and returns its place in the batch.
 */
static int
name_event(Report *report, int64 position, Outcome outcome)
{
	int place = batch_place(report->partition, position);

	if (place < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("position " INT64_FORMAT " was not claimed, or is done", position),
						errdetail("Of partition %d of subscription \"%s\" %d events are open.",
								  report->partition->number,
								  TextDatumGetCString(report->subscription->name),
								  report->partition->handed),
						errhint("Name positions that goes_claim returned with this epoch.")));
	if (report->outcomes[place] != OUTCOME_NONE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("position " INT64_FORMAT " is named twice", position),
						errhint("An event is either done or failed.")));
	report->outcomes[place] = outcome;
	return place;
}

/*
 * name_done notes the events that are done.
 */
static void
name_done(Report *report, ArrayType *list)
{
	int64 *positions;

	if (list == NULL)
		return;
	positions = list_values(list, &report->done_count);
	for (int i = 0; i < report->done_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) name_event(report, positions[i], OUTCOME_DONE);
	}
}

/*
 * shortened returns the beginning of a text.
 */
static Datum
shortened(Datum value)
{
	char *all = TextDatumGetCString(value);

	return PointerGetDatum(
		cstring_to_text_with_len(all, pg_mbcliplen(all, strlen(all), LONGEST_ERROR)));
}

/*
 * error_texts returns the texts of the argument errors, one for each event that failed.
 */
static Datum *
error_texts(FunctionCallInfo fcinfo, int failed_count)
{
	Datum *texts = palloc0(sizeof(Datum) * Max(failed_count, 1));
	bool  *nulls;
	int	   count;

	if (PG_ARGISNULL(DONE_ERRORS))
		return texts;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(DONE_ERRORS), TEXTOID, -1, false, TYPALIGN_INT, &texts,
					  &nulls, &count);
	if (count != failed_count)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"errors\" has %d elements, and argument \"failed\" %d",
							   count, failed_count),
						errhint("Give one text for each event that failed, in the same order; "
								"null where there is none.")));
	for (int i = 0; i < count; i++)
		texts[i] = nulls[i] ? (Datum) 0 : shortened(texts[i]);
	return texts;
}

/*
 * name_failed notes the events that failed, and why.
 */
static void
name_failed(Report *report, FunctionCallInfo fcinfo)
{
	ArrayType *list = array_argument(fcinfo, DONE_FAILED, "failed");
	int64	  *positions = NULL;
	Datum	  *texts;

	if (list != NULL)
		positions = list_values(list, &report->failed_count);
	texts = error_texts(fcinfo, report->failed_count);
	for (int i = 0; i < report->failed_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		report->errors[name_event(report, positions[i], OUTCOME_FAILED)] = texts[i];
	}
}

/*
 * reject_overtaking raises an error for an event that is named before an earlier one of its
 * aggregate is done.
 */
pg_noreturn static void
reject_overtaking(const Report *report, int place, int before)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("position " INT64_FORMAT " stands behind " INT64_FORMAT " of its aggregate",
				report->partition->batch[place], report->partition->batch[before]),
		 report->outcomes[before] == OUTCOME_FAILED
			 ? errdetail("That one failed, so this one has to wait for it.")
			 : errdetail("That one is not done yet."),
		 errhint("Handle the events of an aggregate in the order of their positions, and leave its "
				 "later ones alone when one fails: they come again.")));
}

/*
 * judge decides about an event, given the first one of its aggregate that is not done; -1: there is
 * none. It returns which one that is now.
 */
static int
judge(Report *report, int place, int first)
{
	Outcome outcome = report->outcomes[place];

	if (first < 0)
		return outcome == OUTCOME_DONE ? -1 : place;
	if (outcome == OUTCOME_DONE ||
		(outcome == OUTCOME_FAILED && report->outcomes[first] == OUTCOME_NONE))
		reject_overtaking(report, place, first);
	if (report->outcomes[first] == OUTCOME_FAILED)
		report->outcomes[place] = OUTCOME_BEHIND;
	return first;
}

/*
 * judge_all decides about the events of a batch, one aggregate after the other.
 */
static void
judge_all(Report *report, FunctionCallInfo fcinfo)
{
	Partition *partition = report->partition;
	Feed	  *feed = subscription_events(fcinfo, report->subscription);
	Place	  *places = palloc(sizeof(Place) * partition->batch_count);
	int		   count = 0;
	int		   first = -1;

	report->members = find_members(feed, partition->batch, partition->batch_count);
	for (int i = 0; i < partition->batch_count; i++)
	{
		if (report->members[i].is_there)
			places[count++] = (Place){report->members[i].aggregate, i};
		else if (report->outcomes[i] != OUTCOME_DONE)
			report->outcomes[i] = OUTCOME_GONE;
	}
	qsort(places, count, sizeof(Place), compare_places);
	for (int i = 0; i < count; i++)
	{
		if (i > 0 && places[i].aggregate != places[i - 1].aggregate)
			first = -1;
		first = judge(report, places[i].place, first);
	}
	feed_close(feed);
}

/*
 * let_done_go holds events back no more that are done, or gone.
 */
static void
let_done_go(const Report *report)
{
	const Partition *partition = report->partition;
	int64			*positions = palloc(sizeof(int64) * partition->batch_count);
	int				 count = 0;

	for (int i = 0; i < partition->batch_count; i++)
	{
		if (report->outcomes[i] == OUTCOME_DONE || report->outcomes[i] == OUTCOME_GONE)
			positions[count++] = partition->batch[i];
	}
	let_go(report->subscription, positions, count, report->now);
}

/*
 * earlier_attempts returns how often the events of a batch have failed so far.
 */
static int32 *
earlier_attempts(const Report *report)
{
	const Partition *partition = report->partition;
	int32			*attempts = palloc0(sizeof(int32) * partition->batch_count);
	HeldEvent		*held;
	int				 count;

	held = find_held(report->subscription, partition->batch, partition->batch_count, &count);
	for (int i = 0, next = 0; i < partition->batch_count && next < count; i++)
	{
		if (held[next].position == partition->batch[i])
			attempts[i] = held[next++].attempts;
	}
	return attempts;
}

/*
 * hold_back holds the events back that failed, and those behind them.
 */
static void
hold_back(const Report *report)
{
	const Partition *partition = report->partition;
	int32			*attempts = earlier_attempts(report);
	HeldEvent		*behind = palloc(sizeof(HeldEvent) * partition->batch_count);
	int				 count = 0;

	for (int i = 0; i < partition->batch_count; i++)
	{
		const Member *event = &report->members[i];

		if (report->outcomes[i] == OUTCOME_FAILED)
			fail_event(report->subscription, partition, event, attempts[i] + 1, report->errors[i],
					   report->now);
		if (report->outcomes[i] == OUTCOME_BEHIND)
			behind[count++] = (HeldEvent){.position = event->position,
										  .aggregate = event->aggregate,
										  .partition = partition->number};
	}
	hold_behind(report->subscription, behind, count);
}

/*
 * finish takes out of the batch what is decided, and writes the partition.
 */
static void
finish(const Report *report)
{
	Partition *partition = report->partition;
	bool	  *is_kept = palloc(sizeof(bool) * Max(partition->batch_count, 1));

	for (int i = 0; i < partition->batch_count; i++)
		is_kept[i] = report->outcomes[i] == OUTCOME_NONE;
	keep_in_batch(partition, is_kept);
	/* what is left of those that were handed out has been so once */
	partition->deliveries = partition->handed > 0 ? 1 : 0;
	save_partition(report->subscription, partition);
	if (!partition->is_leased)
		wake_worker(report->subscription);
}

/*
 * goes_done takes a worker's word for events that it was given.
 */
Datum
goes_done(PG_FUNCTION_ARGS)
{
	ArrayType *done = array_argument(fcinfo, DONE_DONE, "done");
	Report	   report = {.now = GetCurrentTimestamp()};

	PreventCommandIfReadOnly("goes_done()");
	report.subscription =
		subscription_open(fcinfo, DONE_SUBSCRIPTION, DONE_STORE, RowExclusiveLock);
	report.partition = lock_leased(report.subscription, fcinfo);
	report.outcomes = palloc0(sizeof(Outcome) * Max(report.partition->batch_count, 1));
	report.errors = palloc0(sizeof(Datum) * Max(report.partition->batch_count, 1));
	name_done(&report, done);
	name_failed(&report, fcinfo);
	if (report.done_count + report.failed_count > 0)
	{
		if (report.done_count < report.partition->handed)
			judge_all(&report, fcinfo);
		if (report.partition->has_held)
			let_done_go(&report);
		if (report.failed_count > 0)
			hold_back(&report);
		if (report.partition->has_held || report.failed_count > 0)
			look_later(report.subscription, report.partition, report.now);
		finish(&report);
	}
	subscription_close(report.subscription);
	PG_RETURN_VOID();
}
