/*
 * check_feed.c
 *	  What goes_check_store finds wrong with the feed of a store.
 */
#include "postgres.h"

#include "access/relation.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "admin/admin.h"
#include "subscription/subscription.h"
#include "feed/feed.h"

/*
 * trigger_problems adds the problems of the trigger on TRUNCATE. The one that wakes readers may
 * be switched off.
 */
static List *
trigger_problems(FunctionCallInfo fcinfo, List *problems, Relation events, const FeedParts *parts)
{
	Oid		 function = trigger_function(fcinfo, truncate_trigger.name);
	Trigger *trigger = find_trigger(events, function);

	if (is_sound_feed_trigger(trigger, &truncate_trigger, parts->table))
		return problems;
	return add_feed_problem(
		fcinfo, problems, events,
		psprintf("trigger \"%s\" %s, so that a restart of the positions may go unnoticed",
				 trigger->tgname,
				 is_enabled_trigger(trigger) ? "is not as goes_alter_store makes it"
											 : "is disabled"));
}

/*
 * state_problems adds what is wrong with where the feed stands.
 */
static List *
state_problems(FunctionCallInfo fcinfo, List *problems, Relation events, const FeedParts *parts)
{
	int64	  stored = last_position(events, parts);
	pg_uuid_t id;
	bool	  is_noted;

	if (!read_feed_row(parts->table, &id, &is_noted))
		return feed_row_problem(fcinfo, problems, events, parts);
	if (is_feed_rewound(parts))
		problems = add_feed_problem(fcinfo, problems, events,
									pstrdup("the feed was rewound, and no reader can go on"));
	if (stored > last_drawn(parts->sequence))
		problems = add_foreign_problem(fcinfo, problems, events, parts->sequence);
	return problems;
}

/*
 * remains_problems lists that a feed was taken apart, by hand or by DROP EXTENSION … CASCADE.
 */
static List *
remains_problems(FunctionCallInfo fcinfo, Relation events)
{
	char *remains = feed_remains(fcinfo, events);

	return remains == NULL ? NIL : add_feed_problem(fcinfo, NIL, events, remains);
}

/*
 * subscription_problems lists what is wrong with the subscriptions to a feed. Without its row, the
 * feed has a problem of its own.
 */
static List *
subscription_problems(FunctionCallInfo fcinfo, Oid events, const FeedParts *parts)
{
	pg_uuid_t id;
	bool	  is_rewound;

	if (!OidIsValid(parts->table) || !read_feed_row(parts->table, &id, &is_rewound))
		return NIL;
	return follower_problems(fcinfo, events, &id);
}

/*
 * feed_problems lists what is wrong with the feed of a table; nothing if it is off.
 */
List *
feed_problems(FunctionCallInfo fcinfo, Oid oid)
{
	Relation  events = relation_open(oid, NoLock);
	FeedParts parts = feed_parts(fcinfo, events);
	List	 *problems;

	if (parts.is_on)
		problems = feed_part_problems(fcinfo, events, &parts);
	else
		problems = remains_problems(fcinfo, events);
	if (parts.is_on && problems == NIL)
	{
		problems = trigger_problems(fcinfo, problems, events, &parts);
		problems = state_problems(fcinfo, problems, events, &parts);
		problems = grant_problems(problems, events, parts.column);
	}
	if (parts.is_on)
		problems = list_concat(problems, subscription_problems(fcinfo, oid, &parts));
	relation_close(events, NoLock);
	return problems;
}
